/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit_file.c - the file of the audit log: appending a line, reading the end of it. */
#include "console/audit_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX (16 << 20)

/* ---- appending ------------------------------------------------------------------------------ */

/* An open file to append to, made with its directory when it is not there; -1 with errno. */
static int open_log(const char *path)
{
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0600);
    struct stat seen;

    if (fd < 0 && errno == ENOENT) {
        g_autofree char *dir = g_path_get_dirname(path);

        if (g_mkdir_with_parents(dir, 0700) != 0)
            return -1;
        fd = open(path, flags, 0600);
    }
    /* A pipe or a device would swallow it, and what others may write proves nothing. */
    if (fd >= 0 && (fstat(fd, &seen) != 0 || !S_ISREG(seen.st_mode) ||
                    (seen.st_uid != geteuid() && geteuid() != 0))) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    if (fd >= 0 && (seen.st_mode & 077) != 0)
        fchmod(fd, 0600);
    return fd;
}

/* A line of another process that is being written looks cut short. Whoever holds the lock for long
   is not waited for: a line is one write in any case. */
static gboolean lock_a_while(int fd)
{
    for (guint tries = 0; tries < 200; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return TRUE;
        g_usleep(1000);
    }
    return FALSE;
}

/* Whether the file ends in the middle of a line, which a full disk cut short. */
static gboolean ends_cut(int fd)
{
    struct stat seen;
    char last;

    return fstat(fd, &seen) == 0 && seen.st_size > 0 &&
           pread(fd, &last, 1, seen.st_size - 1) == 1 && last != '\n';
}

int audit_append_line(const char *path, const char *line, gboolean sync)
{
    int fd = open_log(path), problem = 0;
    g_autofree char *after_cut = NULL;
    size_t length;
    ssize_t n;

    if (fd < 0)
        return errno;
    if (lock_a_while(fd) && ends_cut(fd))
        line = after_cut = g_strconcat("\n", line, NULL);
    length = strlen(line);
    do
        n = write(fd, line, length);
    while (n < 0 && errno == EINTR);
    problem = n < 0 ? errno : (size_t)n < length ? ENOSPC : 0;
    flock(fd, LOCK_UN); /* others need not wait for the disk */
    if (problem == 0 && sync && fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS)
        problem = errno;
    if (close(fd) != 0 && problem == 0)
        problem = errno;
    return problem;
}

/* ---- reading -------------------------------------------------------------------------------- */

char *audit_path(void)
{
    const char *given = g_getenv("GEMEL_AUDIT_LOG");

    if (given != NULL && *given != '\0')
        return g_strdup(given);
    if (geteuid() == 0)
        return g_strdup("/var/log/gemel/audit.jsonl");
    return g_build_filename(g_get_user_state_dir(), "gemel", "audit.jsonl", NULL);
}

/* The end of a file, at most READ_MAX bytes, from the beginning of a line; NULL with errno where
   there is no plain file. */
static char *read_tail(int fd)
{
    struct stat seen;

    if (fstat(fd, &seen) != 0)
        return NULL;
    if (!S_ISREG(seen.st_mode)) {
        errno = EINVAL;
        return NULL;
    }
    off_t size = seen.st_size, from = size > READ_MAX ? size - READ_MAX : 0;
    char *bytes = g_malloc((gsize)(size - from) + 1);
    gsize n = 0;
    ssize_t got;

    while (n < (gsize)(size - from) &&
           (got = pread(fd, bytes + n, (gsize)(size - from) - n, from + (off_t)n)) > 0)
        n += (gsize)got;
    bytes[n] = '\0';
    /* a crash may leave NULs; what was written behind them counts all the same */
    for (gsize i = 0; i < n; i++)
        if (bytes[i] == '\0')
            bytes[i] = '\n';
    if (from > 0) {
        char *line = memchr(bytes, '\n', n);

        if (line != NULL)
            memmove(bytes, line + 1, strlen(line + 1) + 1);
    }
    return bytes;
}

json_t *audit_read(const char *path, guint last, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    json_t *entries;
    g_autofree char *text = NULL;

    if (fd < 0 && errno == ENOENT)
        return json_array();
    if (fd < 0) {
        gemel_error_set_errno(error, errno, "audit: %s", path);
        return NULL;
    }
    text = read_tail(fd);
    if (text == NULL)
        gemel_error_set_errno(error, errno, "audit: %s is no plain file", path);
    close(fd);
    if (text == NULL)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint n = g_strv_length(lines);

    for (guint i = n; i-- > 0 && (last == 0 || found->len < last);) {
        json_t *entry = json_loads(lines[i], JSON_REJECT_DUPLICATES, NULL);

        if (json_is_object(entry))
            g_ptr_array_add(found, entry);
        else
            json_decref(entry);
    }
    entries = json_array();
    for (guint i = found->len; i-- > 0;)
        json_array_append_new(entries, found->pdata[i]);
    return entries;
}
