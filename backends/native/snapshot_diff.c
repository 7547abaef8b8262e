/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot_diff.c - what changed between two lists of layers.
 *
 * Both are walked side by side as views (view.h). Where the same layers make a directory in both,
 * nothing below it can differ, and it is not read: the time this takes goes with what changed, not
 * with the size of the image. Files of equal size are compared byte by byte, since times can be set
 * back.
 *
 * No lock is held: layers of snapshots never change, and whether they were still the snapshots' own
 * is asked at the end. The writable layer of a container that runs is read as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/diff.h"
#include "backends/native/native.h"
#include "backends/native/snapshot.h"
#include "backends/native/tree.h"
#include "backends/native/view.h"

#define CHUNK        (128 * 1024)
#define XATTR_MAX    (64 * 1024)
#define REPORT_EVERY 256

typedef struct {
    GemelDiff *diff;
    GString *path; /* of the directory in hand, without a slash at its end */
    const GemelActArgs *args;
    guint64 seen;
    char *ours, *theirs; /* CHUNK each */
} Walk;

/* A file in one of the two. */
typedef struct {
    struct stat info;
    int dir_fd;
    guint layer;
} Side;

static gboolean walk_failed(const Walk *walk, int err, GError **error)
{
    return gemel_error_set_errno(error, err, "comparing %s",
                                 walk->path->len > 0 ? walk->path->str : "/");
}

static gboolean walk_cancelled(const Walk *walk, GError **error)
{
    if (!gemel_act_cancelled(walk->args))
        return FALSE;
    gemel_error_set(error, GEMEL_ERROR_FAILED, "comparing %s: cancelled", walk->path->str);
    return TRUE;
}

/* ---- two files ------------------------------------------------------------------------------ */

static int open_regular(const Side *side, const char *name)
{
    int fd = openat(side->dir_fd, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC);
    struct stat info;

    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Whether two regular files of the same size differ; one that cannot be read does. */
static gboolean contents_differ(const Walk *walk, const Side *from, const Side *to,
                                const char *name)
{
    int ours = open_regular(from, name), theirs = open_regular(to, name);
    gboolean differ = ours < 0 || theirs < 0;
    off_t at = 0;

    while (!differ && !gemel_act_cancelled(walk->args)) {
        ssize_t a = pread(ours, walk->ours, CHUNK, at);
        ssize_t b = pread(theirs, walk->theirs, CHUNK, at);

        differ = a != b || a < 0 || memcmp(walk->ours, walk->theirs, (size_t)a) != 0;
        if (a <= 0)
            break;
        at += a;
    }
    if (ours >= 0)
        close(ours);
    if (theirs >= 0)
        close(theirs);
    return differ;
}

static gboolean targets_differ(const Side *from, const Side *to, const char *name)
{
    char ours[PATH_MAX], theirs[PATH_MAX];
    ssize_t a = readlinkat(from->dir_fd, name, ours, sizeof ours);
    ssize_t b = readlinkat(to->dir_fd, name, theirs, sizeof theirs);

    return a != b || a < 0 || memcmp(ours, theirs, (size_t)a) != 0;
}

/* The attributes of a file that are its own, "NAME=VALUE" with any bytes, as a set; NULL = none. */
static GHashTable *attributes_of(const Side *side, const char *name)
{
    char path[NAME_MAX + 40];
    g_autofree char *list = NULL, *value = NULL;
    ssize_t length;
    GHashTable *set;

    g_snprintf(path, sizeof path, "/proc/self/fd/%d/%s", side->dir_fd, name);
    if (llistxattr(path, NULL, 0) <= 0)
        return NULL;
    list = g_malloc0(XATTR_MAX);
    value = g_malloc(XATTR_MAX);
    set = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    length = llistxattr(path, list, XATTR_MAX - 1);
    for (const char *at = list; length > 0 && at < list + length; at += strlen(at) + 1) {
        ssize_t size;
        GString *pair;

        if (native_tree_is_overlay_attribute(at) || native_tree_is_host_attribute(at))
            continue;
        size = lgetxattr(path, at, value, XATTR_MAX);
        pair = g_string_new(at);
        g_string_append_c(pair, '=');
        g_string_append_len(pair, value, MAX(0, size));
        g_hash_table_add(set, g_string_free_to_bytes(pair));
    }
    if (g_hash_table_size(set) > 0)
        return set;
    g_hash_table_unref(set);
    return NULL;
}

static gboolean attributes_differ(const Side *from, const Side *to, const char *name)
{
    g_autoptr(GHashTable) ours = attributes_of(from, name), theirs = attributes_of(to, name);
    GHashTableIter iter;
    gpointer key;

    if (ours == NULL || theirs == NULL)
        return ours != theirs;
    if (g_hash_table_size(ours) != g_hash_table_size(theirs))
        return TRUE;
    g_hash_table_iter_init(&iter, ours);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!g_hash_table_contains(theirs, key))
            return TRUE;
    return FALSE;
}

/* In what the two differ, GemelDiffers bits. A directory's time only says that something in it came
   or went. */
static guint compare(const Walk *walk, const Side *from, const Side *to, const char *name)
{
    const struct stat *a = &from->info, *b = &to->info;
    guint differs = 0;

    if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
        return 1u << GEMEL_DIFFERS_KIND;
    if (S_ISREG(a->st_mode) && (a->st_size != b->st_size || contents_differ(walk, from, to, name)))
        differs |= 1u << GEMEL_DIFFERS_CONTENTS;
    if (S_ISLNK(a->st_mode) && targets_differ(from, to, name))
        differs |= 1u << GEMEL_DIFFERS_CONTENTS;
    if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
        differs |= 1u << GEMEL_DIFFERS_CONTENTS;
    if (a->st_mode != b->st_mode)
        differs |= 1u << GEMEL_DIFFERS_MODE;
    if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
        differs |= 1u << GEMEL_DIFFERS_OWNER;
    if (!S_ISDIR(a->st_mode) &&
        (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec))
        differs |= 1u << GEMEL_DIFFERS_TIME;
    if (attributes_differ(from, to, name))
        differs |= 1u << GEMEL_DIFFERS_ATTRIBUTES;
    return differs;
}

/* ---- two directories ------------------------------------------------------------------------ */

static void tell(Walk *walk, GemelChangeType type, const struct stat *info, guint differs)
{
    GemelChange *change = gemel_diff_add(walk->diff, type, walk->path->str, info->st_mode);

    if (change == NULL)
        return;
    change->differs = differs;
    if (S_ISREG(info->st_mode))
        change->size_bytes = info->st_size;
}

static gboolean walk_dir(Walk *walk, const NativeView *from, const NativeView *to, guint depth,
                         GError **error);

static gboolean layers_equal(const NativeView *a, const NativeView *b)
{
    return a->layers->len == b->layers->len &&
           memcmp(a->layers->data, b->layers->data, a->layers->len * sizeof(guint)) == 0;
}

/* A directory of the later one; `from` is the earlier one's parent, or NULL where the name was no
   directory before. */
static gboolean walk_subdir(Walk *walk, const NativeView *from, const NativeView *to,
                            const char *name, guint depth, GError **error)
{
    g_autoptr(NativeView) later = native_view_enter(to, name);
    g_autoptr(NativeView) earlier =
        later != NULL && from != NULL ? native_view_enter(from, name) : NULL;

    if (later == NULL && errno == ENOENT)
        return TRUE; /* gone meanwhile */
    if (later == NULL || (from != NULL && earlier == NULL))
        return walk_failed(walk, errno, error);
    if (earlier != NULL && layers_equal(earlier, later))
        return TRUE;
    return walk_dir(walk, earlier, later, depth + 1, error);
}

static gboolean walk_entry(Walk *walk, const NativeView *from, const NativeView *to,
                           const char *name, guint depth, GError **error)
{
    Side a, b;
    gboolean was = from != NULL && native_view_lookup(from, name, &a.info, &a.dir_fd, &a.layer);
    gboolean is = native_view_lookup(to, name, &b.info, &b.dir_fd, &b.layer);
    guint64 before = walk->diff->total;
    gboolean both_dirs;
    guint differs;

    if (++walk->seen % REPORT_EVERY == 0)
        gemel_act_progress(walk->args, -1, walk->path->str);
    if (walk_cancelled(walk, error))
        return FALSE;
    if (!was && !is)
        return TRUE;
    if (!was || !is) {
        tell(walk, was ? GEMEL_CHANGE_DELETED : GEMEL_CHANGE_ADDED, was ? &a.info : &b.info, 0);
        return was || !S_ISDIR(b.info.st_mode) || walk_subdir(walk, NULL, to, name, depth, error);
    }
    if (a.layer == b.layer && !S_ISDIR(b.info.st_mode))
        return TRUE;
    both_dirs = S_ISDIR(a.info.st_mode) && S_ISDIR(b.info.st_mode);
    differs = a.layer == b.layer ? 0 : compare(walk, &a, &b, name);
    if (S_ISDIR(b.info.st_mode) &&
        !walk_subdir(walk, both_dirs ? from : NULL, to, name, depth, error))
        return FALSE;
    if (differs != 0 || walk->diff->total > before)
        tell(walk, GEMEL_CHANGE_CHANGED, &b.info, differs);
    return !walk_cancelled(walk, error);
}

/* What differs in a directory; `from` NULL: all of it is new. */
static gboolean walk_dir(Walk *walk, const NativeView *from, const NativeView *to, guint depth,
                         GError **error)
{
    g_autoptr(GPtrArray) names = native_view_names(to);
    g_autoptr(GPtrArray) earlier = from != NULL ? native_view_names(from) : NULL;
    gsize length = walk->path->len;
    struct stat info;

    if (names == NULL || (from != NULL && earlier == NULL))
        return walk_failed(walk, errno, error);
    if (depth > NATIVE_TREE_DEPTH_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "comparing %.60s...: directories nested more than %d deep",
                               walk->path->str, NATIVE_TREE_DEPTH_MAX);
    for (guint i = 0; earlier != NULL && i < earlier->len; i++)
        if (!native_view_lookup(to, g_ptr_array_index(earlier, i), &info, NULL, NULL))
            g_ptr_array_add(names, g_strdup(g_ptr_array_index(earlier, i)));
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        gboolean ok;

        g_string_append_printf(walk->path, "/%s", name);
        ok = walk_entry(walk, from, to, name, depth, error);
        g_string_truncate(walk->path, length);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

/* ---- two moments ---------------------------------------------------------------------------- */

/* The root directory itself; it is told of only for its own sake. */
static gboolean compare_tops(Walk *walk, const NativeView *from, const NativeView *to,
                             GError **error)
{
    Side a = {.dir_fd = g_array_index(from->fds, int, 0)};
    Side b = {.dir_fd = g_array_index(to->fds, int, 0)};
    guint differs;

    if (fstat(a.dir_fd, &a.info) != 0 || fstat(b.dir_fd, &b.info) != 0)
        return walk_failed(walk, errno, error);
    differs = compare(walk, &a, &b, ".");
    if (differs != 0) {
        g_string_assign(walk->path, "/");
        tell(walk, GEMEL_CHANGE_CHANGED, &b.info, differs);
        g_string_truncate(walk->path, 0);
    }
    return TRUE;
}

static gboolean compare_views(GemelDiff *diff, const NativeView *from, const NativeView *to,
                              const GemelActArgs *args, GError **error)
{
    Walk walk = {.diff = diff, .path = g_string_new(NULL), .args = args};
    gboolean ok;

    walk.ours = g_malloc(CHUNK);
    walk.theirs = g_malloc(CHUNK);
    ok = compare_tops(&walk, from, to, error) && walk_dir(&walk, from, to, 0, error);
    g_free(walk.ours);
    g_free(walk.theirs);
    g_string_free(walk.path, TRUE);
    return ok;
}

GemelDiff *native_snapshot_diff(GemelConn *conn, const char *id, const char *from, const char *to,
                                const GemelActArgs *args, GError **error)
{
    const NativeStore *store = ((NativeConn *)conn)->store;
    g_auto(NativeMoment) earlier = {0}, later = {0};
    g_autoptr(GemelDiff) diff = NULL;

    if (!native_moment_open(&earlier, store, id,
                            from != NULL ? NATIVE_MOMENT_SNAPSHOT : NATIVE_MOMENT_CURRENT, from,
                            error) ||
        !native_moment_open(&later, store, id,
                            to != NULL ? NATIVE_MOMENT_SNAPSHOT : NATIVE_MOMENT_NOW, to, error))
        return NULL;
    diff = gemel_diff_new(earlier.name, later.name);
    if (!layers_equal(earlier.view, later.view) &&
        !compare_views(diff, earlier.view, later.view, args, error))
        return NULL;
    if (!native_moment_holds(&earlier, store, error) || !native_moment_holds(&later, store, error))
        return NULL;
    gemel_diff_sort(diff);
    return g_steal_pointer(&diff);
}
