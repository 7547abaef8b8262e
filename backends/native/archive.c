/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive half of rootfs.h. libarchive reads; placing the entries is ours, because its own
   writer works by path names and cannot keep another process from swapping a directory. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/native/rootfs.h"
#include "backends/native/tree.h"

#define BLOCK_SIZE (128 * 1024)

typedef struct {
    int root_fd;
    const char *archive_path;
    struct archive *reader;
    struct archive_entry *entry;
    char *name;      /* of the entry, cleaned: relative, no "." components */
    GPtrArray *dirs; /* DirTimes*: set last, because filling a directory changes them */
    const GemelActArgs *args;
    NativeUnpackRules *rules; /* never NULL */
} Unpack;

typedef struct {
    char *name;
    struct timespec times[2];
} DirTimes;

static void dir_times_free(DirTimes *dir)
{
    g_free(dir->name);
    g_free(dir);
}

static gboolean entry_error(const Unpack *u, GemelErrorKind kind, const char *why, GError **error)
{
    const char *name = archive_entry_pathname(u->entry);

    return gemel_error_set(error, kind, "archive %s: entry '%s': %s", u->archive_path,
                           name != NULL ? name : "?", why);
}

static gboolean entry_errno(const Unpack *u, int err, GError **error)
{
    /* The two ways in which openat2 says that a path leads outside or over a link. */
    if (err == EXDEV)
        return entry_error(u, GEMEL_ERROR_INVALID, "it leads out of the root file system", error);
    if (err == ELOOP)
        return entry_error(u, GEMEL_ERROR_INVALID, "it goes through a symbolic link", error);
    if (err == ENOTDIR)
        return entry_error(u, GEMEL_ERROR_INVALID, "a part of its name is not a directory", error);
    return entry_error(u, gemel_error_kind_from_errno(err), g_strerror(err), error);
}

/* Relative, without "." components and doubled slashes; NULL with error set when it is absolute or
   climbs. "" is the root itself. */
static char *clean_name(const Unpack *u, const char *name, GError **error)
{
    g_auto(GStrv) parts = NULL;
    g_autoptr(GString) clean = g_string_new(NULL);

    if (name == NULL) {
        entry_error(u, GEMEL_ERROR_INVALID, "its name cannot be read", error);
        return NULL;
    }
    if (*name == '/') {
        entry_error(u, GEMEL_ERROR_INVALID, "its name is absolute", error);
        return NULL;
    }
    parts = g_strsplit(name, "/", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        if (g_str_equal(parts[i], "..")) {
            entry_error(u, GEMEL_ERROR_INVALID, "its name climbs out with '..'", error);
            return NULL;
        }
        if (*parts[i] != '\0' && !g_str_equal(parts[i], "."))
            g_string_append_printf(clean, "%s%s", clean->len > 0 ? "/" : "", parts[i]);
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

/* Opens a directory below the root without going over any link; -1 with errno. */
static int open_beneath(int root_fd, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root_fd, *path != '\0' ? path : ".", &how, sizeof how);
}

/* The directory that is to hold `name`, made with its parents where an archive leaves them out.
   Gives the last component. -1 with errno. */
static int open_parent(const Unpack *u, char *name, char **ret_last)
{
    char *slash = strrchr(name, '/');
    int fd;

    *ret_last = slash != NULL ? slash + 1 : name;
    if (slash == NULL)
        return open_beneath(u->root_fd, "");
    *slash = '\0';
    fd = open_beneath(u->root_fd, name);
    if (fd < 0 && errno == ENOENT) {
        char *last;
        int above = open_parent(u, name, &last);

        if (above >= 0) {
            if (mkdirat(above, last, 0755) == 0 || errno == EEXIST)
                fd = openat(above, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            close(above);
        }
    }
    *slash = '/';
    return fd;
}

static gboolean write_block(int fd, const char *data, size_t length, gint64 offset)
{
    while (length > 0) {
        ssize_t put = pwrite(fd, data, length, offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FALSE;
        data += put;
        offset += put;
        length -= (size_t)put;
    }
    return TRUE;
}

/* Contents, block by block; what a sparse archive leaves out stays a hole. */
static gboolean unpack_contents(Unpack *u, int fd, GError **error)
{
    for (;;) {
        const void *data;
        size_t length;
        la_int64_t offset;
        int result = archive_read_data_block(u->reader, &data, &length, &offset);

        if (result == ARCHIVE_EOF)
            break;
        if (result < ARCHIVE_WARN)
            return entry_error(u, GEMEL_ERROR_FAILED, archive_error_string(u->reader), error);
        if (!write_block(fd, data, length, offset))
            return entry_errno(u, errno, error);
        if (gemel_act_cancelled(u->args))
            return entry_error(u, GEMEL_ERROR_FAILED, "cancelled", error);
    }
    if (archive_entry_size_is_set(u->entry) && ftruncate(fd, archive_entry_size(u->entry)) != 0)
        return entry_errno(u, errno, error);
    return TRUE;
}

/* Gives a file without a name its own, in the place of what has it; no call does both at once. */
static gboolean name_file(Unpack *u, int fd, int dir_fd, const char *last, GError **error)
{
    char path[40];

    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if ((unlinkat(dir_fd, last, 0) != 0 && errno != ENOENT) ||
        linkat(AT_FDCWD, path, dir_fd, last, AT_SYMLINK_FOLLOW) != 0)
        return entry_errno(u, errno, error);
    return TRUE;
}

/* Of half a file nothing is left, whatever ends this: it has no name until it is whole. Where the
   file system knows no such files only SIGKILL leaves a half. */
static gboolean unpack_file(Unpack *u, int dir_fd, const char *last, GError **error)
{
    int fd =
        u->rules->whole_files ? openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600) : -1;
    gboolean nameless = fd >= 0, ok;

    if (!nameless && u->rules->whole_files && unlinkat(dir_fd, last, 0) != 0 && errno != ENOENT)
        return entry_errno(u, errno, error);
    if (!nameless)
        fd = openat(dir_fd, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return entry_errno(u, errno, error);
    ok = unpack_contents(u, fd, error) && (!nameless || name_file(u, fd, dir_fd, last, error));
    close(fd);
    if (!ok && !nameless)
        unlinkat(dir_fd, last, 0);
    return ok;
}

static gboolean unpack_hard_link(Unpack *u, int dir_fd, const char *last, GError **error)
{
    g_autofree char *target = clean_name(u, archive_entry_hardlink(u->entry), error);
    struct stat info;
    char *target_last;
    int target_dir;
    gboolean ok = TRUE;

    if (target == NULL)
        return FALSE;
    target_dir = open_parent(u, target, &target_last);
    if (target_dir < 0)
        return entry_errno(u, errno, error);
    if (fstatat(target_dir, target_last, &info, AT_SYMLINK_NOFOLLOW) != 0)
        ok = entry_error(u, GEMEL_ERROR_INVALID, "the file it is a hard link to is not there",
                         error);
    else if (S_ISDIR(info.st_mode) || linkat(target_dir, target_last, dir_fd, last, 0) != 0)
        ok = entry_errno(u, S_ISDIR(info.st_mode) ? EISDIR : errno, error);
    close(target_dir);
    return ok;
}

/* What an archive brings may replace what it brought before, but a directory only by itself. */
static gboolean make_room(Unpack *u, int dir_fd, const char *last, mode_t type, gboolean *ret_keep,
                          GError **error)
{
    struct stat info;

    *ret_keep = FALSE;
    if (fstatat(dir_fd, last, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE;
    if (S_ISDIR(info.st_mode)) {
        *ret_keep = S_ISDIR(type);
        return *ret_keep ||
               entry_error(u, GEMEL_ERROR_INVALID, "it would replace a directory", error);
    }
    if (S_ISREG(type) && u->rules->whole_files && archive_entry_hardlink(u->entry) == NULL)
        return TRUE; /* unpack_file does */
    if (unlinkat(dir_fd, last, 0) != 0)
        return entry_errno(u, errno, error);
    return TRUE;
}

static gboolean unpack_attributes(Unpack *u, int dir_fd, const char *last, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir_fd, last);
    const char *name;
    const void *value;
    size_t size;

    archive_entry_xattr_reset(u->entry);
    while (archive_entry_xattr_next(u->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name == NULL || native_tree_is_overlay_attribute(name) ||
            native_tree_is_host_attribute(name))
            continue;
        if (u->rules->is_owned && g_str_equal(name, "security.capability"))
            continue;
        if (lsetxattr(path, name, value, size, 0) != 0 && errno != ENOTSUP)
            return entry_errno(u, errno, error);
    }
    return TRUE;
}

static void entry_times(struct archive_entry *entry, struct timespec times[2])
{
    times[1] = (struct timespec){.tv_sec = archive_entry_mtime(entry),
                                 .tv_nsec = archive_entry_mtime_nsec(entry)};
    times[0] = times[1];
}

/* Owner, mode, attributes, times; see native_tree_copy for the order. */
static gboolean unpack_metadata(Unpack *u, int dir_fd, const char *last, mode_t type,
                                GError **error)
{
    gint64 uid = archive_entry_uid(u->entry), gid = archive_entry_gid(u->entry);
    mode_t mode = archive_entry_perm(u->entry) & 07777;
    struct timespec times[2];

    if (u->rules->is_owned) {
        uid = u->rules->uid;
        gid = u->rules->gid;
        mode &= S_ISDIR(type) ? 07777 : 01777;
    }
    if (uid < 0 || uid >= G_MAXUINT32 || gid < 0 || gid >= G_MAXUINT32)
        return entry_error(u, GEMEL_ERROR_INVALID, "its owner is out of range", error);
    if (fchownat(dir_fd, last, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) != 0)
        return entry_errno(u, errno, error);
    /* Who else is at it may have put a link in its place. */
    if (!S_ISLNK(type) && fchmodat(dir_fd, last, mode, AT_SYMLINK_NOFOLLOW) != 0)
        return entry_errno(u, errno, error);
    if (!unpack_attributes(u, dir_fd, last, error))
        return FALSE;
    entry_times(u->entry, times);
    if (S_ISDIR(type)) {
        DirTimes *dir = g_new0(DirTimes, 1);

        dir->name = g_strdup(u->name);
        memcpy(dir->times, times, sizeof times);
        g_ptr_array_add(u->dirs, dir);
    } else if (utimensat(dir_fd, last, times, AT_SYMLINK_NOFOLLOW) != 0) {
        return entry_errno(u, errno, error);
    }
    return TRUE;
}

static gboolean make_node(Unpack *u, int dir_fd, const char *last, mode_t type, GError **error)
{
    dev_t device = makedev(archive_entry_rdevmajor(u->entry), archive_entry_rdevminor(u->entry));

    /* A character device 0:0 would be a whiteout to the overlay above. */
    if (S_ISCHR(type) && device == makedev(0, 0))
        return entry_error(u, GEMEL_ERROR_INVALID, "a character device 0:0 is an overlay whiteout",
                           error);
    if (mknodat(dir_fd, last, type | 0600, device) != 0)
        return entry_errno(u, errno, error);
    return TRUE;
}

static gboolean unpack_in_dir(Unpack *u, int dir_fd, const char *last, GError **error)
{
    mode_t type = archive_entry_filetype(u->entry);
    gboolean keep, ok = TRUE;

    if (archive_entry_hardlink(u->entry) != NULL)
        type = S_IFREG;
    if (u->rules->no_devices && (S_ISCHR(type) || S_ISBLK(type) || S_ISFIFO(type))) {
        u->rules->skipped++;
        return TRUE;
    }
    if (!make_room(u, dir_fd, last, type, &keep, error))
        return FALSE;
    if (archive_entry_hardlink(u->entry) != NULL)
        return unpack_hard_link(u, dir_fd, last, error);
    switch (type) {
    case S_IFDIR:
        if (!keep && mkdirat(dir_fd, last, 0700) != 0)
            ok = entry_errno(u, errno, error);
        break;
    case S_IFREG:
        ok = unpack_file(u, dir_fd, last, error);
        break;
    case S_IFLNK:
        if (archive_entry_symlink(u->entry) == NULL ||
            symlinkat(archive_entry_symlink(u->entry), dir_fd, last) != 0)
            ok = entry_error(u, GEMEL_ERROR_INVALID, "its link target cannot be used", error);
        break;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        ok = make_node(u, dir_fd, last, type, error);
        break;
    default:
        ok = entry_error(u, GEMEL_ERROR_INVALID, "neither file, directory, link nor device", error);
    }
    return ok && unpack_metadata(u, dir_fd, last, type, error);
}

static gboolean unpack_entry(Unpack *u, GError **error)
{
    char *last;
    int dir_fd;
    gboolean ok;

    g_free(u->name);
    u->name = clean_name(u, archive_entry_pathname(u->entry), error);
    if (u->name == NULL)
        return FALSE;
    if (*u->name == '\0' && u->rules->keep_top)
        return TRUE;
    if (*u->name == '\0') /* "./": the root itself */
        return archive_entry_filetype(u->entry) == S_IFDIR
                   ? unpack_metadata(u, u->root_fd, ".", S_IFDIR, error)
                   : entry_error(u, GEMEL_ERROR_INVALID, "it would replace the root", error);
    dir_fd = open_parent(u, u->name, &last);
    if (dir_fd < 0)
        return entry_errno(u, errno, error);
    ok = unpack_in_dir(u, dir_fd, last, error);
    close(dir_fd);
    return ok;
}

/* Directories get their times when nothing changes below them any more, the deepest first. */
static void set_dir_times(Unpack *u)
{
    for (guint i = u->dirs->len; i > 0; i--) {
        DirTimes *dir = g_ptr_array_index(u->dirs, i - 1);
        int fd = open_beneath(u->root_fd, dir->name);

        if (fd >= 0) {
            futimens(fd, dir->times);
            close(fd);
        }
    }
}

/* Compressions by name: libarchive's "all" would also run programs found in PATH. */
static struct archive *reader_new(void)
{
    struct archive *reader = archive_read_new();

    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_filter_lzma(reader);
    archive_read_support_filter_zstd(reader);
    archive_read_support_filter_lz4(reader);
    archive_read_support_format_tar(reader);
    return reader;
}

static gboolean unpack_all(Unpack *u, gint64 size, GError **error)
{
    guint64 count = 0;
    int result;

    while ((result = archive_read_next_header(u->reader, &u->entry)) != ARCHIVE_EOF) {
        if (result < ARCHIVE_WARN)
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "archive %s: not a readable tar archive: %s", u->archive_path,
                                   archive_error_string(u->reader));
        if (!unpack_entry(u, error))
            return FALSE;
        if (gemel_act_cancelled(u->args))
            return entry_error(u, GEMEL_ERROR_FAILED, "cancelled", error);
        if (++count % 64 == 0 && size > 0)
            gemel_act_progress(u->args, (double)archive_filter_bytes(u->reader, -1) / (double)size,
                               u->name);
    }
    if (count == 0 && !u->rules->may_be_empty)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "archive %s: it is empty",
                               u->archive_path);
    set_dir_times(u);
    return TRUE;
}

/* From what the reader was opened on; `size` 0 = not known. */
static gboolean unpack_opened(Unpack *u, int opened, gint64 size, GError **error)
{
    if (opened != ARCHIVE_OK)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "archive %s: not a readable tar archive: %s", u->archive_path,
                               archive_error_string(u->reader));
    return unpack_all(u, size, error);
}

static void unpack_init(Unpack *u, const char *what, int to_fd, NativeUnpackRules *rules,
                        const GemelActArgs *args)
{
    *u = (Unpack){.root_fd = to_fd, .archive_path = what, .args = args, .rules = rules};
    u->reader = reader_new();
    u->dirs = g_ptr_array_new_with_free_func((GDestroyNotify)dir_times_free);
}

static void unpack_done(Unpack *u)
{
    archive_read_free(u->reader);
    g_ptr_array_unref(u->dirs);
    g_free(u->name);
}

gboolean native_archive_unpack_stream(int fd, const char *what, int to_fd, NativeUnpackRules *rules,
                                      const GemelActArgs *args, GError **error)
{
    Unpack u;
    gboolean ok;

    unpack_init(&u, what, to_fd, rules, args);
    archive_read_support_format_empty(u.reader);
    ok = unpack_opened(&u, archive_read_open_fd(u.reader, fd, BLOCK_SIZE), 0, error);
    unpack_done(&u);
    return ok;
}

gboolean native_archive_unpack(const char *path, int to_fd, const GemelActArgs *args,
                               GError **error)
{
    NativeUnpackRules rules = {.is_owned = FALSE};
    struct stat info = {0};
    Unpack u;
    gboolean ok;

    unpack_init(&u, path, to_fd, &rules, args);
    if (stat(path, &info) != 0)
        ok = gemel_error_set_errno(error, errno, "archive %s", path);
    else
        ok = unpack_opened(&u, archive_read_open_filename(u.reader, path, BLOCK_SIZE), info.st_size,
                           error);
    unpack_done(&u);
    return ok;
}
