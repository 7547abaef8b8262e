/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_CHUNK   (1024 * 1024)
#define REPORT_EVERY 256 /* files between two reports of progress */
#define XATTR_MAX    (64 * 1024)

/* ---- copying -------------------------------------------------------------------------------- */

typedef struct {
    NativeTreeKind kind;
    gboolean link_files; /* join: regular files are linked, not copied */
    gboolean has_linked; /* whether the last of them was: it has its attributes already */
    dev_t source_dev;
    struct stat avoid; /* st_ino 0 = nothing to avoid */
    int to_root_fd;
    GHashTable *links; /* "dev:inode" -> path of the first copy below to_root_fd */
    GString *path;     /* of the entry in hand, for messages and links */
    NativeTreeStats *stats;
    const GemelActArgs *args;
    char *buffer;
} Copy;

static gboolean copy_failed(const Copy *copy, int err, GError **error)
{
    return gemel_error_set_errno(error, err, "copying %s", copy->path->str);
}

gboolean native_tree_is_overlay_attribute(const char *name)
{
    return g_str_has_prefix(name, "trusted.overlay.") || g_str_has_prefix(name, "user.overlay.");
}

gboolean native_tree_is_host_attribute(const char *name)
{
    return g_str_equal(name, "security.selinux") || g_str_equal(name, "security.ima") ||
           g_str_equal(name, "security.evm");
}

/* Whether an attribute goes with the file. */
static gboolean attribute_is_copied(const Copy *copy, const char *name)
{
    if (native_tree_is_overlay_attribute(name))
        return copy->kind == NATIVE_TREE_LAYER;
    return !native_tree_is_host_attribute(name);
}

/*
 * Extended attributes from one file to another by path: the l* calls work on any kind of file, and
 * /proc/self/fd/N/name names an entry of an open directory. The last component is not followed.
 */
static gboolean copy_attributes(Copy *copy, int from_fd, int to_fd, const char *name,
                                GError **error)
{
    char from[NAME_MAX + 40], to[NAME_MAX + 40], *list = NULL, *value = NULL;
    gboolean ok = TRUE;
    ssize_t length;

    g_snprintf(from, sizeof from, "/proc/self/fd/%d/%s", from_fd, name);
    g_snprintf(to, sizeof to, "/proc/self/fd/%d/%s", to_fd, name);
    length = llistxattr(from, NULL, 0);
    if (length == 0 || (length < 0 && (errno == ENOTSUP || errno == ENODATA)))
        return TRUE;
    list = g_malloc0(XATTR_MAX);
    value = g_malloc(XATTR_MAX);
    length = llistxattr(from, list, XATTR_MAX - 1);
    for (const char *at = list; ok && length > 0 && at < list + length; at += strlen(at) + 1) {
        ssize_t size;

        if (!attribute_is_copied(copy, at)) {
            copy->stats->skipped += native_tree_is_overlay_attribute(at) ? 1 : 0;
            continue;
        }
        size = lgetxattr(from, at, value, XATTR_MAX);
        if (size < 0 && errno == ENODATA)
            continue;
        if (size < 0 || lsetxattr(to, at, value, (size_t)size, 0) != 0)
            ok = gemel_error_set_errno(error, errno, "copying attribute %s of %s", at,
                                       copy->path->str);
    }
    if (length < 0)
        ok = copy_failed(copy, errno, error);
    g_free(list);
    g_free(value);
    return ok;
}

/* Owner, mode, attributes and times, in the order in which none undoes another: chown clears
   set-user-ID bits and file capabilities, everything changes times. */
static gboolean copy_metadata(Copy *copy, int from_fd, int to_fd, const char *name,
                              const struct stat *info, GError **error)
{
    struct timespec times[2] = {info->st_atim, info->st_mtim};

    if (fchownat(to_fd, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return copy_failed(copy, errno, error);
    if (!S_ISLNK(info->st_mode) && fchmodat(to_fd, name, info->st_mode & 07777, 0) != 0)
        return copy_failed(copy, errno, error);
    if (!copy_attributes(copy, from_fd, to_fd, name, error))
        return FALSE;
    if (utimensat(to_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return copy_failed(copy, errno, error);
    return TRUE;
}

/* One run of data, from where to where. */
static gboolean copy_range(Copy *copy, int from, int to, off_t start, off_t end, GError **error)
{
    while (start < end) {
        ssize_t got = pread(from, copy->buffer, (size_t)MIN(end - start, COPY_CHUNK), start);
        ssize_t put = 0;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return copy_failed(copy, errno, error);
        if (got == 0)
            break; /* became shorter */
        while (put < got) {
            ssize_t n = pwrite(to, copy->buffer + put, (size_t)(got - put), start + put);

            if (n < 0 && errno != EINTR)
                return copy_failed(copy, errno, error);
            put += MAX(n, 0);
        }
        start += got;
        copy->stats->bytes += (guint64)got;
        if (gemel_act_cancelled(copy->args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED, "copying %s: cancelled",
                                   copy->path->str);
    }
    return TRUE;
}

/* Contents: shared where the file system can, else the runs of data with the holes left open. */
static gboolean copy_contents(Copy *copy, int from, int to, off_t size, GError **error)
{
    off_t at = 0;

    if (size == 0)
        return TRUE;
    if (ioctl(to, FICLONE, from) == 0) {
        copy->stats->cloned++;
        return TRUE;
    }
    if (ftruncate(to, size) != 0)
        return copy_failed(copy, errno, error);
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            break; /* nothing but a hole to the end */
        if (data < 0)
            data = at;
        hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            hole = size;
        if (!copy_range(copy, from, to, data, MIN(hole, size), error))
            return FALSE;
        at = MAX(hole, at + 1);
    }
    return TRUE;
}

static gboolean copy_regular(Copy *copy, int from_fd, int to_fd, const char *name,
                             const struct stat *info, GError **error)
{
    int from, to;
    struct stat opened;
    gboolean ok;

    /* Past the file system's number of links (65,000 on ext4) there is nothing but a copy. */
    copy->has_linked = copy->link_files && linkat(from_fd, name, to_fd, name, 0) == 0;
    if (copy->has_linked)
        return TRUE;
    if (copy->link_files && errno != EMLINK)
        return copy_failed(copy, errno, error);
    from = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0)
        return copy_failed(copy, errno, error);
    to = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) {
        int err = errno;

        close(from);
        return copy_failed(copy, err, error);
    }
    if (fstat(from, &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_ino != info->st_ino)
        ok = gemel_error_set(error, GEMEL_ERROR_CONFLICT, "copying %s: it changed meanwhile",
                             copy->path->str);
    else
        ok = copy_contents(copy, from, to, info->st_size, error);
    close(from);
    close(to);
    return ok;
}

/* A second name of a file that was copied already becomes a link to that copy. TRUE = done. */
static gboolean copy_known_link(Copy *copy, int to_fd, const char *name, const struct stat *info,
                                gboolean *ret_done, GError **error)
{
    g_autofree char *key = NULL;
    const char *first;

    *ret_done = FALSE;
    if (info->st_nlink < 2 || copy->link_files)
        return TRUE;
    key = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)info->st_dev,
                          (guint64)info->st_ino);
    first = g_hash_table_lookup(copy->links, key);
    if (first == NULL) {
        g_hash_table_insert(copy->links, g_steal_pointer(&key), g_strdup(copy->path->str));
        return TRUE;
    }
    if (linkat(copy->to_root_fd, first, to_fd, name, 0) != 0)
        return copy_failed(copy, errno, error);
    *ret_done = TRUE;
    return TRUE;
}

static gboolean copy_symlink(Copy *copy, int from_fd, int to_fd, const char *name, GError **error)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from_fd, name, target, sizeof target - 1);

    if (length < 0)
        return copy_failed(copy, errno, error);
    target[length] = '\0';
    if (symlinkat(target, to_fd, name) != 0)
        return copy_failed(copy, errno, error);
    return TRUE;
}

static gboolean is_whiteout(const struct stat *info)
{
    return S_ISCHR(info->st_mode) && info->st_rdev == makedev(0, 0);
}

static gboolean copy_dir(Copy *copy, int from_fd, int to_fd, guint depth, GError **error);

static gboolean copy_subdir(Copy *copy, int from_fd, int to_fd, const char *name,
                            const struct stat *info, guint depth, GError **error)
{
    gboolean foreign = copy->kind == NATIVE_TREE_IMPORT && info->st_dev != copy->source_dev;
    int from, to;
    gboolean ok;

    if (mkdirat(to_fd, name, 0700) != 0)
        return copy_failed(copy, errno, error);
    if (foreign) {
        copy->stats->skipped++;
        return TRUE;
    }
    from = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || to < 0)
        ok = copy_failed(copy, errno, error);
    else
        ok = copy_dir(copy, from, to, depth + 1, error);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return ok;
}

/* One entry with all that is below it. */
static gboolean copy_entry(Copy *copy, int from_fd, int to_fd, const char *name, guint depth,
                           GError **error)
{
    struct stat info;
    gboolean done = FALSE, ok;

    if (fstatat(from_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? TRUE : copy_failed(copy, errno, error);
    if (copy->avoid.st_ino != 0 && info.st_ino == copy->avoid.st_ino &&
        info.st_dev == copy->avoid.st_dev)
        return TRUE;
    if (copy->kind == NATIVE_TREE_IMPORT && is_whiteout(&info)) {
        copy->stats->skipped++;
        return TRUE;
    }
    if (!S_ISDIR(info.st_mode) && !copy_known_link(copy, to_fd, name, &info, &done, error))
        return FALSE;
    if (done)
        return TRUE;
    if (S_ISDIR(info.st_mode))
        ok = copy_subdir(copy, from_fd, to_fd, name, &info, depth, error);
    else if (S_ISREG(info.st_mode))
        ok = copy_regular(copy, from_fd, to_fd, name, &info, error);
    else if (S_ISLNK(info.st_mode))
        ok = copy_symlink(copy, from_fd, to_fd, name, error);
    else
        ok = mknodat(to_fd, name, info.st_mode & (S_IFMT | 0600), info.st_rdev) == 0 ||
             copy_failed(copy, errno, error);
    if (++copy->stats->files % REPORT_EVERY == 0) {
        gemel_act_progress(copy->args, -1, copy->path->str);
        if (gemel_act_cancelled(copy->args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED, "copying %s: cancelled",
                                   copy->path->str);
    }
    if (!ok || (copy->has_linked && S_ISREG(info.st_mode)))
        return ok;
    return copy_metadata(copy, from_fd, to_fd, name, &info, error);
}

static gboolean copy_dir(Copy *copy, int from_fd, int to_fd, guint depth, GError **error)
{
    g_autoptr(GPtrArray) names = native_tree_entries(from_fd);
    gsize length = copy->path->len;

    if (names == NULL)
        return copy_failed(copy, errno, error);
    if (depth > NATIVE_TREE_DEPTH_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "copying %.60s...: directories nested more than %d deep",
                               copy->path->str, NATIVE_TREE_DEPTH_MAX);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        gboolean ok;

        g_string_append_printf(copy->path, "%s%s", length > 0 ? "/" : "", name);
        ok = copy_entry(copy, from_fd, to_fd, name, depth, error);
        g_string_truncate(copy->path, length);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static void copy_init(Copy *copy, int to_fd, NativeTreeKind kind, NativeTreeStats *stats,
                      const GemelActArgs *args)
{
    *copy = (Copy){.kind = kind, .to_root_fd = to_fd, .stats = stats, .args = args};
    copy->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    copy->path = g_string_new(NULL);
    copy->buffer = g_malloc(COPY_CHUNK);
}

static void copy_done(Copy *copy)
{
    g_hash_table_unref(copy->links);
    g_string_free(copy->path, TRUE);
    g_free(copy->buffer);
}

/* Attributes of the top directories themselves, which no parent's loop gives them. */
static gboolean copy_top(Copy *copy, int from_fd, int to_fd, GError **error)
{
    struct stat info;

    if (fstat(from_fd, &info) != 0)
        return copy_failed(copy, errno, error);
    return copy_metadata(copy, from_fd, to_fd, ".", &info, error);
}

gboolean native_tree_copy(int from_fd, int to_fd, NativeTreeKind kind, int avoid_fd,
                          NativeTreeStats *stats, const GemelActArgs *args, GError **error)
{
    NativeTreeStats own = {0};
    struct stat info;
    Copy copy;
    gboolean ok;

    if (fstat(from_fd, &info) != 0)
        return gemel_error_set_errno(error, errno, "copying");
    copy_init(&copy, to_fd, kind, stats != NULL ? stats : &own, args);
    copy.source_dev = info.st_dev;
    if (avoid_fd >= 0 && fstat(avoid_fd, &copy.avoid) != 0)
        copy.avoid.st_ino = 0;
    ok = copy_dir(&copy, from_fd, to_fd, 0, error) && copy_top(&copy, from_fd, to_fd, error);
    copy_done(&copy);
    return ok;
}

gboolean native_tree_link(int from_fd, int to_fd, NativeTreeStats *stats, const GemelActArgs *args,
                          GError **error)
{
    NativeTreeStats own = {0};
    Copy copy;
    gboolean ok;

    copy_init(&copy, to_fd, NATIVE_TREE_LAYER, stats != NULL ? stats : &own, args);
    copy.link_files = TRUE;
    ok = copy_dir(&copy, from_fd, to_fd, 0, error) && copy_top(&copy, from_fd, to_fd, error);
    copy_done(&copy);
    return ok;
}

/* ---- joining layers ------------------------------------------------------------------------- */

static gboolean is_opaque(int dir_fd)
{
    char value[2];

    return fgetxattr(dir_fd, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

typedef struct {
    Copy copy;
    gboolean hidden; /* by an opaque directory above: nothing further down shows */
} Merge;

static gboolean merge_dir(Merge *merge, int bottom_fd, int top_fd, int to_fd, gboolean hidden,
                          guint depth, GError **error);

/* An entry of which only one layer knows. */
static gboolean merge_single(Merge *merge, int from_fd, int to_fd, const char *name, guint depth,
                             GError **error)
{
    return copy_entry(&merge->copy, from_fd, to_fd, name, depth, error);
}

/* The entry is a directory in both layers, and the upper one is not opaque. */
static gboolean merge_both(Merge *merge, int bottom_fd, int top_fd, int to_fd, const char *name,
                           const struct stat *top_info, guint depth, GError **error)
{
    int bottom = -1, top = -1, to = -1;
    gboolean ok, opaque = FALSE;

    if (mkdirat(to_fd, name, 0700) != 0)
        return copy_failed(&merge->copy, errno, error);
    bottom = openat(bottom_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    top = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (bottom < 0 || top < 0 || to < 0) {
        ok = copy_failed(&merge->copy, errno, error);
    } else {
        opaque = is_opaque(bottom);
        ok = merge_dir(merge, bottom, top, to, opaque, depth + 1, error);
    }
    ok = ok && copy_metadata(&merge->copy, top_fd, to_fd, name, top_info, error);
    if (ok && opaque && !merge->hidden && fsetxattr(to, "trusted.overlay.opaque", "y", 1, 0) != 0)
        ok = copy_failed(&merge->copy, errno, error);
    for (int *fd = (int[]){bottom, top, to, -2}; *fd != -2; fd++)
        if (*fd >= 0)
            close(*fd);
    return ok;
}

/* A directory of the top layer over something else of the bottom one: it hides all below, which
   the joined layer has to say with an opaque mark. */
static gboolean merge_hiding_dir(Merge *merge, int top_fd, int to_fd, const char *name, guint depth,
                                 GError **error)
{
    int to;
    gboolean ok = TRUE;

    if (!merge_single(merge, top_fd, to_fd, name, depth, error))
        return FALSE;
    if (merge->hidden)
        return TRUE;
    to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0 || fsetxattr(to, "trusted.overlay.opaque", "y", 1, 0) != 0)
        ok = copy_failed(&merge->copy, errno, error);
    if (to >= 0)
        close(to);
    return ok;
}

static gboolean merge_entry(Merge *merge, int bottom_fd, int top_fd, int to_fd, const char *name,
                            guint depth, GError **error)
{
    struct stat bottom, top;
    gboolean in_bottom = fstatat(bottom_fd, name, &bottom, AT_SYMLINK_NOFOLLOW) == 0;
    gboolean in_top = fstatat(top_fd, name, &top, AT_SYMLINK_NOFOLLOW) == 0;
    gboolean opaque = FALSE;

    if (in_top && is_whiteout(&top))
        return merge->hidden ? TRUE : merge_single(merge, top_fd, to_fd, name, depth, error);
    if (!in_top)
        return merge->hidden && is_whiteout(&bottom)
                   ? TRUE
                   : merge_single(merge, bottom_fd, to_fd, name, depth, error);
    if (!in_bottom || !S_ISDIR(top.st_mode))
        return merge_single(merge, top_fd, to_fd, name, depth, error);
    if (!S_ISDIR(bottom.st_mode))
        return merge_hiding_dir(merge, top_fd, to_fd, name, depth, error);
    {
        int fd = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            return copy_failed(&merge->copy, errno, error);
        opaque = is_opaque(fd);
        close(fd);
    }
    if (opaque)
        return merge_hiding_dir(merge, top_fd, to_fd, name, depth, error);
    return merge_both(merge, bottom_fd, top_fd, to_fd, name, &top, depth, error);
}

static gboolean merge_dir(Merge *merge, int bottom_fd, int top_fd, int to_fd, gboolean hidden,
                          guint depth, GError **error)
{
    g_autoptr(GPtrArray) names = native_tree_entries(bottom_fd);
    g_autoptr(GPtrArray) top_names = native_tree_entries(top_fd);
    gsize length = merge->copy.path->len;
    gboolean was_hidden = merge->hidden, ok = TRUE;

    if (names == NULL || top_names == NULL)
        return copy_failed(&merge->copy, errno, error);
    if (depth > NATIVE_TREE_DEPTH_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "joining layers: directories nested more than %d deep",
                               NATIVE_TREE_DEPTH_MAX);
    for (guint i = 0; i < top_names->len; i++) {
        const char *name = g_ptr_array_index(top_names, i);

        if (faccessat(bottom_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            g_ptr_array_add(names, g_strdup(name));
    }
    /* Below an opaque directory nothing further down shows: its whiteouts have no more use. */
    merge->hidden = merge->hidden || hidden;
    for (guint i = 0; ok && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        g_string_append_printf(merge->copy.path, "%s%s", length > 0 ? "/" : "", name);
        ok = merge_entry(merge, bottom_fd, top_fd, to_fd, name, depth, error);
        g_string_truncate(merge->copy.path, length);
    }
    merge->hidden = was_hidden;
    return ok;
}

gboolean native_tree_merge(int bottom_fd, int top_fd, int to_fd, GError **error)
{
    NativeTreeStats stats = {0};
    Merge merge = {.hidden = FALSE};
    gboolean ok;

    copy_init(&merge.copy, to_fd, NATIVE_TREE_LAYER, &stats, NULL);
    merge.copy.link_files = TRUE;
    ok = merge_dir(&merge, bottom_fd, top_fd, to_fd, is_opaque(bottom_fd), 0, error) &&
         copy_top(&merge.copy, top_fd, to_fd, error);
    copy_done(&merge.copy);
    return ok;
}
