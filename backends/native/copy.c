/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy.c - cp: between a container's files and this host.
 *
 * The container is hostile and may run: it can exchange a directory for a link while its path is
 * walked (CVE-2018-15664), and what a helper inside its root would load is its own
 * (CVE-2019-14271). So no program of it is run, nothing is done in its namespaces, and a path of it
 * is resolved once, by openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS below a descriptor of
 * its root; from there on all goes by descriptors that follow no link. The root is that of its
 * first process, known by start time; of a stopped container it is a mount that nobody else sees.
 *
 * Both ends speak tar to each other through a pipe: what reads (pack.h) knows nothing of where it
 * goes, what writes (rootfs.h) trusts nothing of what comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/copy.h"
#include "backends/native/bundle.h"
#include "backends/native/native.h"
#include "backends/native/pack.h"
#include "backends/native/process.h"
#include "backends/native/rootfs.h"

/* ---- the container's root ------------------------------------------------------------------- */

typedef struct {
    const char *dir;     /* the container's */
    const char *options; /* of the overlay, relative to it */
    gboolean read_only;
    int fd, err;
} Mount;

/* A thread of its own gets a mount namespace of its own (unshare(2): CLONE_NEWNS implies CLONE_FS),
   and with it its own working directory. The descriptor keeps the mount alive when both are gone.
 */
static gpointer mount_thread(gpointer data)
{
    Mount *mnt = data;

    mnt->fd = -1;
    if (unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        chdir(mnt->dir) == 0 &&
        mount("overlay", "rootfs", "overlay", mnt->read_only ? MS_RDONLY : 0, mnt->options) == 0)
        mnt->fd = open("rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    mnt->err = errno;
    return NULL;
}

static int root_of_stopped(const NativeHold *hold, gboolean into, GError **error)
{
    g_autofree char *dir = native_store_container_path(hold->store, hold->container->id, NULL);
    g_autofree char *options = native_bundle_mount_options(hold->container);
    Mount mnt = {.dir = dir, .options = options, .read_only = !into, .fd = -1};
    GThread *thread = g_thread_try_new("mount", mount_thread, &mnt, error);

    if (thread == NULL)
        return -1;
    g_thread_join(thread);
    if (mnt.fd < 0)
        gemel_error_set_errno(error, mnt.err, "container %s: mounting its files",
                              hold->container->name);
    return mnt.fd;
}

/* The pid may be somebody else's by the time its root is opened: it is asked again afterwards. */
static int root_of_running(const NativeHold *hold, GError **error)
{
    int pidfd = native_process_open(hold->run.pid, hold->run.pid_start), fd = -1;
    g_autofree char *path = g_strdup_printf("/proc/%d/root", (int)hold->run.pid);

    if (pidfd >= 0)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && native_pidfd_wait(pidfd, 0)) {
        close(fd);
        fd = -1;
        errno = ESRCH;
    }
    if (fd < 0)
        gemel_error_set_errno(error, pidfd < 0 ? ESRCH : errno, "container %s: opening its root",
                              hold->container->name);
    if (pidfd >= 0)
        close(pidfd);
    return fd;
}

/* Keeps the lock for a stopped one: it must not start meanwhile. */
static int root_open(NativeHold *hold, gboolean into, GError **error)
{
    int fd;

    if (hold->status.state == GEMEL_STATE_STOPPED)
        return root_of_stopped(hold, into, error);
    if (hold->status.state != GEMEL_STATE_RUNNING && hold->status.state != GEMEL_STATE_PAUSED) {
        native_hold_conflict(hold, "is changing its state; try again", error);
        return -1;
    }
    fd = root_of_running(hold, error);
    native_lock_release(&hold->lock);
    return fd;
}

/* ---- places --------------------------------------------------------------------------------- */

/* One end: a name in a directory, or with a NULL name the directory itself. */
typedef struct {
    int dir_fd;
    char *name;
    gboolean contents; /* a source: only what is in the directory */
    gboolean is_dir;
    gboolean exists;
    mode_t mode; /* of a source with a name */
} Place;

static void place_done(Place *place)
{
    if (place->dir_fd >= 0)
        close(place->dir_fd);
    g_free(place->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_done)

/* Below a container's root, or with -1 a path of the host's as it stands. */
static int place_open(int root_fd, const char *path, int flags)
{
    return root_fd >= 0 ? native_open_in_root(root_fd, *path != '\0' ? path : "/", flags)
                        : open(*path != '\0' ? path : ".", flags | O_CLOEXEC);
}

/* The last part and what stands before it; NULL for a path that has no name of its own. */
static char *split(const char *path, char **ret_parent)
{
    g_autofree char *plain = g_strdup(path);
    gsize length = strlen(plain);
    char *slash, *name;

    while (length > 1 && plain[length - 1] == '/')
        plain[--length] = '\0';
    slash = strrchr(plain, '/');
    name = slash != NULL ? slash + 1 : plain;
    if (*name == '\0' || g_str_equal(name, ".") || g_str_equal(name, ".."))
        return NULL;
    *ret_parent = slash == NULL    ? g_strdup("")
                  : slash == plain ? g_strdup("/")
                                   : g_strndup(plain, (gsize)(slash - plain));
    return g_strdup(name);
}

static gboolean path_failed(int err, const char *path, GError **error)
{
    return gemel_error_set_errno(error, err, "cp: %s", path);
}

/* The last part of a source is not followed, but for a slash after it. */
static gboolean source_find(Place *place, int root_fd, const char *path, GError **error)
{
    g_autofree char *parent = NULL;
    struct stat info;

    *place = (Place){.dir_fd = -1, .name = split(path, &parent), .exists = TRUE};
    if (place->name == NULL || g_str_has_suffix(path, "/")) {
        place->contents = place->name == NULL;
        place->is_dir = TRUE;
        place->dir_fd = place_open(root_fd, path, O_RDONLY | O_DIRECTORY);
        return place->dir_fd >= 0 || path_failed(errno, path, error);
    }
    place->dir_fd = place_open(root_fd, parent, O_RDONLY | O_DIRECTORY);
    if (place->dir_fd < 0 || fstatat(place->dir_fd, place->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return path_failed(errno, path, error);
    place->mode = info.st_mode;
    if (S_ISDIR(info.st_mode)) {
        int fd =
            openat(place->dir_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            return path_failed(errno, path, error);
        close(place->dir_fd);
        place->dir_fd = fd;
        place->is_dir = TRUE;
    }
    return TRUE;
}

/* A directory that is there is meant as that; else a name in one. A link that leads to no directory
   is a name, and is replaced. */
static gboolean target_find(Place *place, int root_fd, const char *path, GError **error)
{
    g_autofree char *parent = NULL;
    struct stat info;

    *place = (Place){.dir_fd = place_open(root_fd, path, O_RDONLY | O_DIRECTORY)};
    if (place->dir_fd >= 0) {
        place->is_dir = place->exists = TRUE;
        return TRUE;
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return path_failed(errno, path, error);
    place->name = split(path, &parent);
    if (place->name == NULL)
        return path_failed(ENOENT, path, error);
    place->dir_fd = place_open(root_fd, parent, O_RDONLY | O_DIRECTORY);
    if (place->dir_fd < 0)
        return path_failed(errno, path, error);
    place->exists = fstatat(place->dir_fd, place->name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    return TRUE;
}

/* Under which name the source arrives below the target's directory; NULL: its contents alone. */
static gboolean arrival(const Place *from, const Place *to, const char *path, const char **ret_as,
                        GError **error)
{
    if (!from->is_dir && !S_ISREG(from->mode) && !S_ISLNK(from->mode))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cp: %s: a device, FIFO or socket, not a file to copy", from->name);
    if (from->is_dir && to->exists && !to->is_dir)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cp: %s is no directory: a directory cannot take its place", path);
    if (!from->is_dir && !to->exists && g_str_has_suffix(path, "/"))
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "cp: there is no directory %s", path);
    *ret_as = !to->is_dir ? to->name : from->contents ? NULL : from->name;
    return TRUE;
}

/* ---- both ends ------------------------------------------------------------------------------ */

typedef struct {
    const Place *from;
    const char *as;
    NativePack pack;
    int fd;
    GError *error;
} Pack;

/* A view of one directory, which need not be a layer's. */
static gpointer pack_run(gpointer data)
{
    Pack *pack = data;
    g_autoptr(NativeView) view = native_view_of(pack->from->dir_fd);

    if (view == NULL)
        gemel_error_set_errno(&pack->error, errno, "cp");
    else if (pack->from->is_dir)
        native_pack_dir(&pack->pack, view, pack->as, pack->fd, &pack->error);
    else
        native_pack_file(&pack->pack, view, pack->from->name, pack->as, pack->fd, &pack->error);
    return NULL;
}

static gpointer pack_thread(gpointer data)
{
    Pack *pack = data;

    pack_run(pack);
    close(pack->fd);
    return NULL;
}

static void say_left_out(const NativePack *pack, const GemelActArgs *args)
{
    if (pack->skipped > 0)
        gemel_act_note(args,
                       "%" G_GUINT64_FORMAT " devices, FIFOs, sockets or mounted directories left "
                       "out",
                       pack->skipped);
    if (pack->cut > 0)
        gemel_act_note(
            args, "%" G_GUINT64_FORMAT " files shrank while they were read: zeros fill them up",
            pack->cut);
}

static NativeUnpackRules rules_of(const GemelCopy *copy)
{
    return (NativeUnpackRules){.is_owned = !copy->keep_owner,
                               .uid = copy->into ? 0 : geteuid(),
                               .gid = copy->into ? 0 : getegid(),
                               .no_devices = TRUE,
                               .keep_top = TRUE,
                               .whole_files = TRUE,
                               .may_be_empty = TRUE};
}

static gboolean transfer(const GemelCopy *copy, const Place *from, const Place *to, const char *as,
                         const GemelActArgs *args, GError **error)
{
    NativeUnpackRules rules = rules_of(copy);
    Pack pack = {
        .from = from, .as = as, .pack = {.no_devices = TRUE, .one_mount = TRUE, .args = args}};
    GError *problem = NULL;
    GThread *thread;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return gemel_error_set_errno(error, errno, "cp");
    pack.fd = ends[1];
    thread = g_thread_try_new("pack", pack_thread, &pack, error);
    if (thread == NULL) {
        close(ends[0]);
        close(ends[1]);
        return FALSE;
    }
    native_archive_unpack_stream(ends[0], "cp", to->dir_fd, &rules, args, &problem);
    close(ends[0]); /* a writer that goes on gets EPIPE */
    g_thread_join(thread);
    /* What the reading end says is the reason; EPIPE only says that the other end gave up. */
    if (pack.error != NULL && (problem == NULL || pack.pack.failed_reading)) {
        g_clear_error(&problem);
        problem = g_steal_pointer(&pack.error);
    }
    g_clear_error(&pack.error);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    say_left_out(&pack.pack, args);
    return TRUE;
}

static gboolean copy_archive(const GemelCopy *copy, int root_fd, const GemelActArgs *args,
                             GError **error)
{
    g_auto(Place) inside = {.dir_fd = -1};

    if (copy->into) {
        NativeUnpackRules rules = rules_of(copy);

        if (!target_find(&inside, root_fd, copy->inside, error))
            return FALSE;
        if (!inside.is_dir)
            return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                                   "cp: %s is no directory to unpack in", copy->inside);
        return native_archive_unpack_stream(copy->fd, "standard input", inside.dir_fd, &rules, args,
                                            error);
    }
    if (!source_find(&inside, root_fd, copy->inside, error))
        return FALSE;
    {
        Pack pack = {.from = &inside,
                     .as = inside.contents ? NULL : inside.name,
                     .pack = {.one_mount = TRUE, .args = args},
                     .fd = copy->fd};

        pack_run(&pack);
        if (pack.error != NULL) {
            g_propagate_error(error, pack.error);
            return FALSE;
        }
        say_left_out(&pack.pack, args);
    }
    return TRUE;
}

gboolean native_copy(GemelConn *conn, const char *id, const GemelCopy *copy,
                     const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};
    g_auto(Place) from = {.dir_fd = -1}, to = {.dir_fd = -1};
    const char *as = NULL;
    gboolean ok;
    int root_fd;

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    root_fd = root_open(&hold, copy->into, error);
    if (root_fd < 0)
        return FALSE;
    if (copy->local == NULL)
        ok = copy_archive(copy, root_fd, args, error);
    else
        ok = source_find(&from, copy->into ? -1 : root_fd, copy->into ? copy->local : copy->inside,
                         error) &&
             target_find(&to, copy->into ? root_fd : -1, copy->into ? copy->inside : copy->local,
                         error) &&
             arrival(&from, &to, copy->into ? copy->inside : copy->local, &as, error) &&
             transfer(copy, &from, &to, as, args, error);
    close(root_fd);
    return ok;
}
