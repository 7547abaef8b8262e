/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/tree.h"

#define LOCK_WAIT_MS 10000
#define ID_LENGTH    64

void (*native_kill_point_hook)(const char *point);

void native_kill_point(const char *point)
{
    if (native_kill_point_hook != NULL)
        native_kill_point_hook(point);
}

/* ---- where ---------------------------------------------------------------------------------- */

/* A directory from the environment, else below the XDG directory, else below `fallback`. */
static char *rootless_dir(const char *xdg_variable, const char *fallback)
{
    const char *base = g_getenv(xdg_variable);

    return g_path_is_absolute(base != NULL ? base : "")
               ? g_build_filename(base, "gemel", NULL)
               : g_build_filename(g_get_home_dir(), fallback, "gemel", NULL);
}

/* The group all containers' groups hang below: a plain relative path. */
static gboolean cgroup_parent_is_valid(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (guint i = 0; parts[i] != NULL; i++)
        if (!native_name_is_valid(parts[i]))
            return FALSE;
    return parts[0] != NULL;
}

gboolean native_store_init(NativeStore *store, const char *uri, GError **error)
{
    const char *root = g_getenv("GEMEL_ROOT"), *run = g_getenv("GEMEL_RUN");
    const char *parent = g_getenv("GEMEL_CGROUP_PARENT"), *runtime = g_getenv("GEMEL_RUNTIME");

    memset(store, 0, sizeof *store);
    if (uri != NULL && *uri != '\0' && !g_str_equal(uri, "native") &&
        !g_str_has_prefix(uri, "native:"))
        return gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            "\"%s\" is not a store of containers; say native or native:DIRECTORY", uri);
    if (uri != NULL && g_str_has_prefix(uri, "native:") && uri[strlen("native:")] != '\0')
        root = uri + strlen("native:");
    store->privileged = geteuid() == 0;
    if (root != NULL && *root != '\0')
        store->root = g_canonicalize_filename(root, NULL);
    else
        store->root = store->privileged ? g_strdup("/var/lib/gemel")
                                        : rootless_dir("XDG_DATA_HOME", ".local/share");
    if (run != NULL && *run != '\0')
        store->run = g_canonicalize_filename(run, NULL);
    else
        store->run =
            store->privileged ? g_strdup("/run/gemel") : rootless_dir("XDG_RUNTIME_DIR", ".cache");
    store->cgroup_parent = g_strdup(parent != NULL && *parent != '\0' ? parent : "gemel");
    store->runtime = runtime != NULL && *runtime != '\0' ? g_strdup(runtime) : NULL;
    while (*store->cgroup_parent == '/')
        memmove(store->cgroup_parent, store->cgroup_parent + 1, strlen(store->cgroup_parent));
    if (!cgroup_parent_is_valid(store->cgroup_parent)) {
        native_store_done(store);
        return gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            "GEMEL_CGROUP_PARENT=%s: not a cgroup path such as gemel or lab/gemel", parent);
    }
    return TRUE;
}

void native_store_done(NativeStore *store)
{
    g_clear_pointer(&store->root, g_free);
    g_clear_pointer(&store->run, g_free);
    g_clear_pointer(&store->cgroup_parent, g_free);
    g_clear_pointer(&store->runtime, g_free);
}

gboolean native_store_deny(const NativeStore *store, GError **error)
{
    return gemel_error_set(error, GEMEL_ERROR_DENIED,
                           "containers in %s: only root can make and run them; run gemel as root "
                           "(sudo gemel), or as the owner of a store given by GEMEL_ROOT",
                           store->root);
}

gboolean native_store_open(const NativeStore *store, gboolean *ret_read_only, GError **error)
{
    static const char *const root_dirs[] = {"", "containers", "tmp"};
    static const char *const run_dirs[] = {"", "state", "exits", "containers", "runtime"};
    g_autofree char *containers = g_build_filename(store->root, "containers", NULL);

    *ret_read_only = FALSE;
    if (!store->privileged) {
        if (access(containers, R_OK | X_OK) != 0)
            return native_store_deny(store, error);
        *ret_read_only = TRUE;
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(root_dirs); i++) {
        g_autofree char *path = g_build_filename(store->root, root_dirs[i], NULL);

        if (!native_dir_make(path, 0700, error))
            return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(run_dirs); i++) {
        g_autofree char *path = g_build_filename(store->run, run_dirs[i], NULL);

        if (!native_dir_make(path, 0700, error))
            return FALSE;
    }
    return TRUE;
}

char *native_store_container_path(const NativeStore *store, const char *id, const char *file)
{
    return g_build_filename(store->root, "containers", id, file, NULL);
}

char *native_store_run_path(const NativeStore *store, const char *id, const char *file)
{
    return g_build_filename(store->run, "containers", id, file, NULL);
}

char *native_store_state_path(const NativeStore *store, const char *id)
{
    return g_strdup_printf("%s/state/%s.json", store->run, id);
}

char *native_store_exit_path(const NativeStore *store, const char *id)
{
    return g_build_filename(store->run, "exits", id, NULL);
}

gboolean native_id_is_valid(const char *id)
{
    return id != NULL && strlen(id) == ID_LENGTH && strspn(id, "0123456789abcdef") == ID_LENGTH;
}

gboolean native_name_is_valid(const char *name)
{
    if (name == NULL || !g_ascii_isalnum(*name) || strlen(name) > 63)
        return FALSE;
    for (; *name != '\0'; name++)
        if (!g_ascii_isalnum(*name) && strchr("_.-", *name) == NULL)
            return FALSE;
    return TRUE;
}

char *native_id_new(GError **error)
{
    unsigned char bytes[ID_LENGTH / 2];
    char *id;

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        gemel_error_set_errno(error, errno, "random id");
        return NULL;
    }
    id = g_malloc(ID_LENGTH + 1);
    for (guint i = 0; i < sizeof bytes; i++)
        g_snprintf(id + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return id;
}

GPtrArray *native_store_list_ids(const NativeStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->root, "containers", NULL);
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    DIR *dir = opendir(path);

    if (dir == NULL && errno == ENOENT)
        return g_steal_pointer(&ids);
    if (dir == NULL) {
        gemel_error_set_errno(error, errno, "containers in %s", path);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (native_id_is_valid(entry->d_name))
            g_ptr_array_add(ids, g_strdup(entry->d_name));
    closedir(dir);
    return g_steal_pointer(&ids);
}

/* ---- files ---------------------------------------------------------------------------------- */

gboolean native_dir_make(const char *path, mode_t mode, GError **error)
{
    struct stat info;

    if (g_mkdir_with_parents(path, (int)mode) != 0)
        return gemel_error_set_errno(error, errno, "directory %s", path);
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: not a directory", path);
    return TRUE;
}

gboolean native_dir_sync(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        gemel_error_set_errno(error, errno, "directory %s", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static gboolean write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, text, length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FALSE;
        text += put;
        length -= (size_t)put;
    }
    return TRUE;
}

gboolean native_file_write(const char *path, const char *text, mode_t mode, NativeWrite durability,
                           GError **error)
{
    /* One name per file is enough: writers of a file hold the container's lock. */
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    int fd;

    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return gemel_error_set_errno(error, errno, "writing %s", path);
    if (!write_all(fd, text, strlen(text)) ||
        (durability == NATIVE_WRITE_DURABLE && fsync(fd) != 0)) {
        gemel_error_set_errno(error, errno, "writing %s", path);
        close(fd);
        unlink(temporary);
        return FALSE;
    }
    close(fd);
    native_kill_point("before rename");
    if (rename(temporary, path) != 0) {
        gemel_error_set_errno(error, errno, "writing %s", path);
        unlink(temporary);
        return FALSE;
    }
    native_kill_point("after rename");
    return durability == NATIVE_WRITE_VOLATILE || native_dir_sync(dir, error);
}

char *native_file_read(const char *path, gsize max, GError **error)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    g_autofree char *text = NULL;
    struct stat info;
    gsize length = 0;

    if (fd < 0) {
        gemel_error_set_errno(error, errno, "reading %s", path);
        return NULL;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || (guint64)info.st_size > max) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "reading %s: not a regular file of at most "
                        "%" G_GSIZE_FORMAT " bytes",
                        path, max);
        close(fd);
        return NULL;
    }
    text = g_malloc0((gsize)info.st_size + 1);
    while (length < (gsize)info.st_size) {
        ssize_t got = read(fd, text + length, (gsize)info.st_size - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (gsize)got;
    }
    text[length] = '\0';
    close(fd);
    return g_steal_pointer(&text);
}

/* ---- locks ---------------------------------------------------------------------------------- */

/*
 * Opens and locks the file. flock(2) belongs to the open file description, so it also holds
 * between threads that each opened the file, and a kill lets go of it. There is no flock with a
 * time limit: tries are repeated, with pauses that grow to 20 ms.
 */
static NativeLock lock_file(const char *path, gboolean make, int wait_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)wait_ms * 1000;
    gulong pause_us = 200;
    int fd = open(path, O_RDWR | (make ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC, 0600);
    char holder[32] = {0};

    if (fd < 0) {
        gemel_error_set_errno(error, errno, "lock %s", path);
        return -1;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            gemel_error_set_errno(error, errno, "lock %s", path);
            close(fd);
            return -1;
        }
        if (g_get_monotonic_time() >= deadline_us) {
            if (pread(fd, holder, sizeof holder - 1, 0) < 0)
                holder[0] = '\0';
            g_strchomp(holder);
            gemel_error_set(error, GEMEL_ERROR_BUSY,
                            "process %s is changing it; try again when it is done",
                            *holder != '\0' ? holder : "of another program");
            close(fd);
            return -1;
        }
        g_usleep(pause_us);
        pause_us = MIN(pause_us * 2, 20000);
    }
    g_snprintf(holder, sizeof holder, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, strlen(holder), 0) < 0)
        errno = 0; /* only the text of a message depends on it */
    return fd;
}

NativeLock native_lock_container(const NativeStore *store, const char *id, GError **error)
{
    g_autofree char *path = NULL;
    struct stat held, named;
    NativeLock lock;

    if (!native_id_is_valid(id)) {
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no such container", id);
        return -1;
    }
    path = native_store_container_path(store, id, "lock");
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        g_autofree char *dir = native_store_container_path(store, id, NULL);

        if (access(dir, F_OK) != 0) {
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no such container", id);
            return -1;
        }
    }
    lock = lock_file(path, TRUE, LOCK_WAIT_MS, error);
    if (lock < 0)
        return -1;
    /* It may have been removed while we waited: the lock must be that of the file that is there. */
    if (stat(path, &named) != 0 || fstat(lock, &held) != 0 || held.st_ino != named.st_ino ||
        held.st_dev != named.st_dev) {
        close(lock);
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no such container", id);
        return -1;
    }
    return lock;
}

NativeLock native_lock_spawn(const NativeStore *store, const char *id, GError **error)
{
    g_autofree char *path = native_store_run_path(store, id, "spawn.lock");

    return lock_file(path, TRUE, 0, error);
}

NativeLock native_lock_names(const NativeStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->root, "lock", NULL);

    return lock_file(path, TRUE, LOCK_WAIT_MS, error);
}

gboolean native_lock_is_held(const NativeStore *store, const char *id)
{
    g_autofree char *path = native_store_container_path(store, id, "lock");
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    gboolean held;

    if (fd < 0)
        return FALSE;
    held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

void native_lock_release(NativeLock *lock)
{
    if (*lock >= 0)
        close(*lock);
    *lock = -1;
}

/* ---- making and removing -------------------------------------------------------------------- */

char *native_store_stage(const NativeStore *store, const char *id, NativeLock *ret_lock,
                         GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/tmp/%s", store->root, id);
    g_autofree char *lock_path = g_build_filename(path, "lock", NULL);

    if (mkdir(path, 0700) != 0) {
        gemel_error_set_errno(error, errno, "directory %s", path);
        return NULL;
    }
    *ret_lock = lock_file(lock_path, TRUE, 0, error);
    if (*ret_lock < 0) {
        native_store_unstage(path);
        return NULL;
    }
    native_kill_point("staged");
    return g_steal_pointer(&path);
}

gboolean native_store_publish(const NativeStore *store, const char *staged, const char *id,
                              GError **error)
{
    g_autofree char *final = native_store_container_path(store, id, NULL);
    g_autofree char *parent = g_build_filename(store->root, "containers", NULL);

    native_kill_point("before publish");
    if (rename(staged, final) != 0)
        return gemel_error_set_errno(error, errno, "container %s", final);
    native_kill_point("published");
    return native_dir_sync(parent, error);
}

void native_store_unstage(const char *staged)
{
    g_autofree char *dir = g_path_get_dirname(staged);
    g_autofree char *name = g_path_get_basename(staged);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        native_tree_remove(fd, name, NULL);
        close(fd);
    }
}

gboolean native_store_discard(const NativeStore *store, const char *id, GError **error)
{
    g_autofree char *final = native_store_container_path(store, id, NULL);
    g_autofree char *parent = g_build_filename(store->root, "containers", NULL);
    g_autofree char *trash = g_strdup_printf("%s/tmp/%s", store->root, id);

    native_kill_point("before discard");
    if (rename(final, trash) != 0)
        return gemel_error_set_errno(error, errno, "removing %s", final);
    native_kill_point("discarded");
    native_dir_sync(parent, NULL);
    native_store_unstage(trash);
    return TRUE;
}

guint native_store_sweep(const NativeStore *store)
{
    g_autofree char *path = g_build_filename(store->root, "tmp", NULL);
    DIR *dir = opendir(path);
    guint swept = 0;

    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        g_autofree char *lock_path = NULL;
        NativeLock lock;

        if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
            continue;
        /* Whoever still works on it holds its lock; a kill let go of it. */
        lock_path = g_build_filename(path, entry->d_name, "lock", NULL);
        lock = lock_file(lock_path, FALSE, 0, NULL);
        if (lock < 0 && errno != ENOENT && access(lock_path, F_OK) == 0)
            continue;
        if (native_tree_remove(dirfd(dir), entry->d_name, NULL))
            swept++;
        native_lock_release(&lock);
    }
    closedir(dir);
    return swept;
}
