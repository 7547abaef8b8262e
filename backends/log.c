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

gboolean gemel_log_read_file(GemelLog *log, const char *path, gsize max_bytes)
{
    /* a FIFO in its place must not hold the lane up */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    gboolean done;
    int kept;

    if (fd < 0)
        return FALSE;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        errno = EINVAL;
        return FALSE;
    }
    off_t from = status.st_size > (off_t)max_bytes ? status.st_size - (off_t)max_bytes : 0;

    done = read_from(fd, from, max_bytes, log->text);
    kept = errno;
    close(fd);
    errno = kept;
    if (!done)
        return FALSE;
    log->is_whole = from == 0;
    const char *line = from > 0 ? memchr(log->text->str, '\n', log->text->len) : NULL;

    if (line != NULL)
        g_string_erase(log->text, 0, line + 1 - log->text->str);
    return TRUE;
}
