/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/native/tree.h"

#define PASSWD_MAX (1024 * 1024)

int native_open_in_root(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (guint64)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/* ---- import --------------------------------------------------------------------------------- */

static gboolean import_directory(const NativeStore *store, const char *source, int from_fd,
                                 int to_fd, const GemelActArgs *args, GError **error)
{
    int store_fd = open(store->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    NativeTreeStats stats = {0};
    GError *problem = NULL;
    gboolean ok =
        native_tree_copy(from_fd, to_fd, NATIVE_TREE_IMPORT, store_fd, &stats, args, &problem);

    if (store_fd >= 0)
        close(store_fd);
    if (!ok) {
        gemel_error_set(error, (GemelErrorKind)problem->code, "root file system %s: %s", source,
                        problem->message);
        g_error_free(problem);
        return FALSE;
    }
    if (stats.skipped > 0)
        gemel_act_note(args, "%" G_GUINT64_FORMAT " mount points or overlay marks of %s left out",
                       stats.skipped, source);
    return TRUE;
}

gboolean native_rootfs_import(const NativeStore *store, const char *source, const char *to,
                              const GemelActArgs *args, GError **error)
{
    int from_fd = open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), to_fd;
    struct stat info;
    gboolean ok;

    if (from_fd < 0 || fstat(from_fd, &info) != 0) {
        gemel_error_set_errno(error, errno, "root file system %s", source);
        if (from_fd >= 0)
            close(from_fd);
        return FALSE;
    }
    to_fd = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        ok = gemel_error_set_errno(error, errno, "directory %s", to);
    else if (S_ISDIR(info.st_mode))
        ok = import_directory(store, source, from_fd, to_fd, args, error);
    else if (S_ISREG(info.st_mode))
        ok = native_archive_unpack(source, to_fd, args, error);
    else
        ok = gemel_error_set(error, GEMEL_ERROR_INVALID,
                             "root file system %s: neither a directory nor a tar archive", source);
    close(from_fd);
    if (to_fd >= 0)
        close(to_fd);
    return ok;
}

/* ---- users ---------------------------------------------------------------------------------- */

static gboolean parse_id(const char *text, guint *ret)
{
    guint64 value;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &value, NULL))
        return FALSE;
    *ret = (guint)value;
    return TRUE;
}

/* A small regular file of the container's, whatever it made of it; NULL when it is none. */
static char *read_in_root(int root_fd, const char *path)
{
    int fd = native_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    char *text = NULL;
    struct stat info;
    ssize_t got;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= PASSWD_MAX) {
        text = g_malloc0((gsize)info.st_size + 1);
        got = pread(fd, text, (size_t)info.st_size, 0);
        text[got > 0 ? got : 0] = '\0';
    }
    close(fd);
    return text;
}

/* The line of a passwd-like file whose field `key` (0..2) is `value`; split at the colons, at least
   three fields. */
static char **find_record(const char *text, guint key, const char *value)
{
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        char **fields = g_strsplit(lines[i], ":", -1);

        if (g_strv_length(fields) >= 3 && g_str_equal(fields[key], value))
            return fields;
        g_strfreev(fields);
    }
    return NULL;
}

gboolean native_user_resolve(int root_fd, const char *user, guint *ret_uid, guint *ret_gid,
                             GError **error)
{
    g_auto(GStrv) parts = g_strsplit(user != NULL && *user != '\0' ? user : "0:0", ":", 2);
    g_autofree char *passwd = read_in_root(root_fd, "/etc/passwd");
    g_auto(GStrv) record = NULL;

    *ret_gid = 0;
    record = find_record(passwd, parse_id(parts[0], ret_uid) ? 2 : 0, parts[0]);
    if (record != NULL && g_strv_length(record) >= 4) {
        if (!parse_id(record[2], ret_uid) || !parse_id(record[3], ret_gid))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "user %s: the container's /etc/passwd gives no numbers",
                                   parts[0]);
    } else if (!parse_id(parts[0], ret_uid)) {
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "user %s: not in the container's /etc/passwd; give a number",
                               parts[0]);
    }
    if (parts[1] == NULL || parse_id(parts[1], ret_gid))
        return TRUE;
    {
        g_autofree char *group = read_in_root(root_fd, "/etc/group");
        g_auto(GStrv) line = find_record(group, 0, parts[1]);

        if (line == NULL || !parse_id(line[2], ret_gid))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "group %s: not in the container's /etc/group; give a number",
                                   parts[1]);
    }
    return TRUE;
}
