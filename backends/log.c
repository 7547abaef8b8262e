/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c - the end of a file of lines. */
#include "backends/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

GemelLog *gemel_log_new(const char *source)
{
    GemelLog *log = g_new0(GemelLog, 1);

    log->source = g_strdup(source);
    log->text = g_string_new(NULL);
    log->is_whole = TRUE;
    return log;
}

void gemel_log_free(GemelLog *log)
{
    if (log == NULL)
        return;
    g_free(log->source);
    g_string_free(log->text, TRUE);
    g_free(log);
}

/* Reads from `from` to the end, at most `max`; the file may grow meanwhile. */
static gboolean read_from(int fd, off_t from, gsize max, GString *text)
{
    char chunk[8192];

    while (text->len < max) {
        ssize_t n = pread(fd, chunk, MIN(sizeof chunk, max - text->len), from + (off_t)text->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        if (n == 0)
            break;
        g_string_append_len(text, chunk, n);
    }
    return TRUE;
}

/* A regular file, or -1 with errno; a FIFO in its place does not hold the lane up. */
static int open_regular(const char *path, struct stat *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, status) != 0 || !S_ISREG(status->st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static gboolean is_file_of(const struct stat *status, const GemelLogMark *mark)
{
    return status->st_dev == mark->device && status->st_ino == mark->inode;
}

/* What is left of the file of the mark under the names that virtlogd and logrotate give to what
   they put aside; -1 when there is nothing. */
static int open_put_aside(const char *path, const GemelLogMark *after, struct stat *status)
{
    for (int i = 0; i < 2; i++) {
        g_autofree char *aside = g_strdup_printf("%s.%d", path, i);
        int fd = open_regular(aside, status);

        if (fd >= 0 && is_file_of(status, after) && (guint64)status->st_size > after->offset)
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

gboolean gemel_log_read_file(GemelLog *log, const char *path, const GemelLogArgs *args)
{
    const GemelLogMark *after = args->after.inode != 0 ? &args->after : NULL;
    struct stat status;
    int fd = open_regular(path, &status), kept;
    off_t from = 0;
    gboolean done;

    if (after != NULL && (fd < 0 || !is_file_of(&status, after))) {
        struct stat old;
        int aside = open_put_aside(path, after, &old);

        log->is_anew = aside < 0;
        if (aside >= 0) {
            if (fd >= 0)
                close(fd);
            fd = aside;
            status = old;
        }
    }
    if (fd < 0)
        return FALSE;
    if (after != NULL && is_file_of(&status, after)) {
        log->is_anew = (guint64)status.st_size < after->offset;
        from = log->is_anew ? 0 : (off_t)after->offset;
    } else if (after == NULL && status.st_size > (off_t)args->max_bytes) {
        from = status.st_size - (off_t)args->max_bytes;
    }
    done = read_from(fd, from, args->max_bytes, log->text);
    kept = errno;
    close(fd);
    errno = kept;
    if (!done)
        return FALSE;
    log->end = (GemelLogMark){status.st_dev, status.st_ino, (guint64)from + log->text->len};
    log->is_whole = after != NULL || from == 0;
    const char *line = log->is_whole ? NULL : memchr(log->text->str, '\n', log->text->len);

    if (line != NULL)
        g_string_erase(log->text, 0, line + 1 - log->text->str);
    return TRUE;
}
