/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/native/tree.h"

#define CHUNK        (1024 * 1024)
#define XATTR_MAX    (64 * 1024)
#define REPORT_EVERY 256

typedef struct {
    NativePack *pack;
    struct archive *writer;
    GString *name;     /* of the entry in hand */
    GHashTable *links; /* "dev:inode" -> name of the first */
    dev_t mount;       /* on which the walk began */
    char *buffer;      /* CHUNK */
} Walk;

static gboolean walk_failed(const Walk *walk, int err, GError **error)
{
    walk->pack->failed_reading = TRUE;
    return gemel_error_set_errno(error, err, "archiving %s", walk->name->str);
}

/* What libarchive says; the errno is that of the write. */
static gboolean write_failed(const Walk *walk, GError **error)
{
    const char *why = archive_error_string(walk->writer);
    int err = archive_errno(walk->writer);

    if (err > 0 && err < 4096)
        return gemel_error_set_errno(error, err, "archiving %s", walk->name->str);
    return gemel_error_set(error, GEMEL_ERROR_FAILED, "archiving %s: %s", walk->name->str,
                           why != NULL ? why : "it could not be written");
}

static gboolean walk_goes_on(const Walk *walk, GError **error)
{
    return !gemel_act_cancelled(walk->pack->args) ||
           gemel_error_set(error, GEMEL_ERROR_FAILED, "archiving %s: cancelled", walk->name->str);
}

/* ---- one entry ------------------------------------------------------------------------------ */

static void add_attributes(struct archive_entry *entry, int dir_fd, const char *name)
{
    char path[NAME_MAX + 40];
    g_autofree char *list = NULL, *value = NULL;
    ssize_t length;

    g_snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir_fd, name);
    if (llistxattr(path, NULL, 0) <= 0)
        return;
    list = g_malloc0(XATTR_MAX);
    value = g_malloc(XATTR_MAX);
    length = llistxattr(path, list, XATTR_MAX - 1);
    for (const char *at = list; length > 0 && at < list + length; at += strlen(at) + 1) {
        ssize_t size;

        if (native_tree_is_overlay_attribute(at) || native_tree_is_host_attribute(at))
            continue;
        size = lgetxattr(path, at, value, XATTR_MAX);
        if (size >= 0)
            archive_entry_xattr_add_entry(entry, at, value, (size_t)size);
    }
}

/* Where a file has data, so that holes take no room. */
static void add_holes(struct archive_entry *entry, int fd, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(fd, at, SEEK_DATA), hole;

        if (data < 0 || data >= size)
            break;
        hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0 || hole > size)
            hole = size;
        if (data == 0 && hole == size)
            return; /* no hole at all */
        archive_entry_sparse_add_entry(entry, data, hole - data);
        at = hole;
    }
    if (archive_entry_sparse_count(entry) == 0 && size > 0)
        archive_entry_sparse_add_entry(entry, size, 0); /* nothing but a hole */
}

/* `size` bytes of the file; the writer fills up what is missing and drops what lies in holes. */
static gboolean write_contents(Walk *walk, int fd, off_t size, GError **error)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);
        gboolean is_hole = data > at || (data < 0 && errno == ENXIO);
        size_t length =
            (size_t)MIN((off_t)CHUNK, (is_hole && data > 0 ? MIN(data, size) : size) - at);
        ssize_t got = (ssize_t)length;

        if (is_hole)
            memset(walk->buffer, 0, length);
        else
            got = pread(fd, walk->buffer, length, at);
        if (got < 0)
            return walk_failed(walk, errno, error);
        if (got == 0)
            break; /* it was cut meanwhile */
        if (archive_write_data(walk->writer, walk->buffer, (size_t)got) < 0)
            return write_failed(walk, error);
        at += got;
        if (!walk_goes_on(walk, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean write_header(Walk *walk, struct archive_entry *entry, GError **error)
{
    /* A warning is of names that the C locale cannot spell, which are written all the same. */
    return archive_write_header(walk->writer, entry) >= ARCHIVE_WARN || write_failed(walk, error);
}

/* Only what is a regular file is opened at all: to open a device can do something, a FIFO waits.
   -1 with errno, ESTALE when the name is something else by now. */
static int open_regular(int dir_fd, const char *name)
{
    int path_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1, err;
    char path[40];
    struct stat info;

    if (path_fd < 0)
        return -1;
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", path_fd);
    if (fstat(path_fd, &info) == 0 && !S_ISREG(info.st_mode))
        errno = ESTALE;
    else
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    err = errno;
    close(path_fd);
    errno = err;
    return fd;
}

static gboolean write_regular(Walk *walk, struct archive_entry *entry, int dir_fd, const char *name,
                              GError **error)
{
    int fd = open_regular(dir_fd, name);
    struct stat info, after;
    gboolean ok;

    if (fd < 0 && errno == ESTALE)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "archiving %s: it changed meanwhile",
                               walk->name->str);
    if (fd < 0)
        return errno == ENOENT || walk_failed(walk, errno, error);
    if (fstat(fd, &info) != 0) {
        ok = walk_failed(walk, errno, error);
        close(fd);
        return ok;
    }
    archive_entry_set_size(entry, info.st_size);
    add_holes(entry, fd, info.st_size);
    ok = write_header(walk, entry, error) && write_contents(walk, fd, info.st_size, error);
    if (ok && fstat(fd, &after) == 0 && after.st_size < info.st_size)
        walk->pack->cut++;
    close(fd);
    return ok;
}

/* A later name of a file that is in the archive already. */
static gboolean is_known_link(Walk *walk, struct archive_entry *entry, const struct stat *info)
{
    g_autofree char *key = NULL;
    const char *first;

    if (info->st_nlink < 2)
        return FALSE;
    key = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)info->st_dev,
                          (guint64)info->st_ino);
    first = g_hash_table_lookup(walk->links, key);
    if (first == NULL) {
        g_hash_table_insert(walk->links, g_steal_pointer(&key), g_strdup(walk->name->str));
        return FALSE;
    }
    archive_entry_set_hardlink(entry, first);
    archive_entry_set_size(entry, 0);
    return TRUE;
}

static struct archive_entry *entry_of(const Walk *walk, const struct stat *info)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, walk->name->str);
    archive_entry_set_mode(entry, info->st_mode);
    archive_entry_set_uid(entry, info->st_uid);
    archive_entry_set_gid(entry, info->st_gid);
    archive_entry_set_mtime(entry, info->st_mtim.tv_sec, info->st_mtim.tv_nsec);
    if (S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(info->st_rdev));
        archive_entry_set_rdevminor(entry, minor(info->st_rdev));
    }
    return entry;
}

static gboolean write_entry(Walk *walk, int dir_fd, const char *name, const struct stat *info,
                            GError **error)
{
    struct archive_entry *entry = entry_of(walk, info);
    char target[PATH_MAX];
    ssize_t length;
    gboolean ok;

    if (!S_ISDIR(info->st_mode) && is_known_link(walk, entry, info)) {
        ok = write_header(walk, entry, error);
        archive_entry_free(entry);
        return ok;
    }
    add_attributes(entry, dir_fd, name);
    if (S_ISREG(info->st_mode)) {
        ok = write_regular(walk, entry, dir_fd, name, error);
    } else if (S_ISLNK(info->st_mode)) {
        length = readlinkat(dir_fd, name, target, sizeof target - 1);
        target[MAX(length, 0)] = '\0';
        archive_entry_set_symlink(entry, target);
        ok = length < 0 ? walk_failed(walk, errno, error) : write_header(walk, entry, error);
    } else {
        ok = write_header(walk, entry, error);
    }
    archive_entry_free(entry);
    return ok;
}

static gboolean is_left_out(const Walk *walk, const struct stat *info)
{
    return S_ISSOCK(info->st_mode) ||
           (walk->pack->no_devices &&
            (S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode) || S_ISFIFO(info->st_mode)));
}

/* ---- the walk ------------------------------------------------------------------------------- */

static gboolean walk_dir(Walk *walk, const NativeView *view, guint depth, GError **error);

static gboolean walk_one(Walk *walk, const NativeView *view, const char *name, guint depth,
                         GError **error)
{
    g_autoptr(NativeView) inner = NULL;
    struct stat info;
    int dir_fd;

    if (!native_view_lookup(view, name, &info, &dir_fd, NULL))
        return TRUE; /* gone meanwhile */
    if (is_left_out(walk, &info)) {
        walk->pack->skipped++;
        return TRUE;
    }
    if (++walk->pack->files % REPORT_EVERY == 0)
        gemel_act_progress(walk->pack->args, -1, walk->name->str);
    if (!walk_goes_on(walk, error) || !write_entry(walk, dir_fd, name, &info, error))
        return FALSE;
    if (!S_ISDIR(info.st_mode))
        return TRUE;
    if (walk->pack->one_mount && info.st_dev != walk->mount) {
        walk->pack->skipped++;
        return TRUE;
    }
    inner = native_view_enter(view, name);
    if (inner == NULL)
        return errno == ENOENT || walk_failed(walk, errno, error);
    return walk_dir(walk, inner, depth + 1, error);
}

static gboolean walk_dir(Walk *walk, const NativeView *view, guint depth, GError **error)
{
    g_autoptr(GPtrArray) names = native_view_names(view);
    gsize length = walk->name->len;

    if (names == NULL)
        return walk_failed(walk, errno, error);
    if (depth > NATIVE_TREE_DEPTH_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "archiving %.60s...: directories nested more than %d deep",
                               walk->name->str, NATIVE_TREE_DEPTH_MAX);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        gboolean ok;

        g_string_append_printf(walk->name, "%s%s", length > 0 ? "/" : "", name);
        ok = walk_one(walk, view, name, depth, error);
        g_string_truncate(walk->name, length);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean walk_begin(Walk *walk, NativePack *pack, const NativeView *view, const char *name,
                           int fd, GError **error)
{
    struct stat info;

    *walk = (Walk){.pack = pack, .name = g_string_new(name), .writer = archive_write_new()};
    walk->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    walk->buffer = g_malloc(CHUNK);
    archive_write_set_format_pax(walk->writer);
    archive_write_set_options(walk->writer, "hdrcharset=BINARY");
    archive_write_set_bytes_in_last_block(walk->writer, 1);
    if (fstat(g_array_index(view->fds, int, 0), &info) != 0)
        return walk_failed(walk, errno, error);
    walk->mount = info.st_dev;
    return archive_write_open_fd(walk->writer, fd) == ARCHIVE_OK || write_failed(walk, error);
}

static gboolean walk_end(Walk *walk, gboolean ok, GError **error)
{
    if (ok && archive_write_close(walk->writer) != ARCHIVE_OK)
        ok = write_failed(walk, error);
    if (!ok)
        archive_write_fail(walk->writer); /* no end of archive after half of one */
    archive_write_free(walk->writer);
    g_hash_table_unref(walk->links);
    g_string_free(walk->name, TRUE);
    g_free(walk->buffer);
    return ok;
}

gboolean native_pack_dir(NativePack *pack, const NativeView *view, const char *prefix, int fd,
                         GError **error)
{
    int top = g_array_index(view->fds, int, 0);
    struct stat info;
    Walk walk;
    gboolean ok = walk_begin(&walk, pack, view, prefix != NULL ? prefix : ".", fd, error);

    if (ok && fstat(top, &info) != 0)
        ok = walk_failed(&walk, errno, error);
    ok = ok && write_entry(&walk, top, ".", &info, error);
    if (prefix == NULL)
        g_string_truncate(walk.name, 0);
    ok = ok && walk_dir(&walk, view, 0, error);
    return walk_end(&walk, ok, error);
}

gboolean native_pack_file(NativePack *pack, const NativeView *view, const char *name,
                          const char *as, int fd, GError **error)
{
    Walk walk;
    gboolean ok = walk_begin(&walk, pack, view, as, fd, error);

    ok = ok && walk_one(&walk, view, name, 0, error);
    return walk_end(&walk, ok, error);
}
