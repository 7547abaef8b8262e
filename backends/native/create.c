/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making a container: staged whole under tmp/, then moved to its place; and its layers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/native.h"
#include "backends/native/rootfs.h"
#include "backends/native/tree.h"

/* ---- layers --------------------------------------------------------------------------------- */

gboolean native_layer_make(const char *dir, guint number, gint like, GError **error)
{
    g_autofree char *layer = g_strdup_printf("%s/l/%u", dir, number);
    g_autofree char *fs = g_build_filename(layer, "fs", NULL);
    g_autofree char *work = g_build_filename(layer, "work", NULL);
    g_autofree char *model = g_strdup_printf("%s/l/%d/fs", dir, like);
    struct stat info = {.st_mode = 0755};

    if (like >= 0 && stat(model, &info) != 0)
        return gemel_error_set_errno(error, errno, "layer %s", model);
    if (!native_dir_make(layer, 0700, error) || !native_dir_make(fs, 0755, error) ||
        !native_dir_make(work, 0700, error))
        return FALSE;
    /* The root directory of an overlay looks like its upper's. */
    if (chown(fs, info.st_uid, info.st_gid) != 0 || chmod(fs, info.st_mode & 07777) != 0)
        return gemel_error_set_errno(error, errno, "layer %s", fs);
    return TRUE;
}

gboolean native_layer_is_used(const NativeContainer *c, guint number)
{
    if (number == c->upper)
        return TRUE;
    for (guint i = 0; i < c->lower->len; i++)
        if (g_array_index(c->lower, guint, i) == number)
            return TRUE;
    for (guint s = 0; s < c->snapshots->len; s++) {
        const NativeSnapshot *snapshot = g_ptr_array_index(c->snapshots, s);

        for (guint i = 0; i < snapshot->layers->len; i++)
            if (g_array_index(snapshot->layers, guint, i) == number)
                return TRUE;
    }
    return FALSE;
}

void native_layers_sweep(const NativeStore *store, const NativeContainer *container)
{
    g_autofree char *path = native_store_container_path(store, container->id, "l");
    DIR *dir = opendir(path);

    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        guint64 number;

        if (g_ascii_string_to_unsigned(entry->d_name, 10, 0, G_MAXINT, &number, NULL) &&
            !native_layer_is_used(container, (guint)number))
            native_tree_remove(dirfd(dir), entry->d_name, NULL);
    }
    closedir(dir);
}

/* ---- create --------------------------------------------------------------------------------- */

gboolean native_name_check(const NativeStore *store, const char *name, GError **error)
{
    g_autoptr(GPtrArray) ids = native_store_list_ids(store, error);

    if (ids == NULL)
        return FALSE;
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(NativeContainer) other =
            native_container_load(store, g_ptr_array_index(ids, i), NULL);

        if (other != NULL && g_str_equal(other->name, name))
            return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                                   "container %s: the name is taken; choose another, or delete "
                                   "that one first",
                                   name);
    }
    return TRUE;
}

static gboolean resolve_user(NativeContainer *c, const char *base, GError **error)
{
    int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok;

    if (fd < 0)
        return gemel_error_set_errno(error, errno, "layer %s", base);
    ok = native_user_resolve(fd, c->user, &c->uid, &c->gid, error);
    close(fd);
    return ok;
}

/* The staged directory's contents, and all of it on disk. */
static gboolean fill(const NativeStore *store, NativeContainer *c, const char *staged,
                     const GemelActArgs *args, GError **error)
{
    g_autofree char *base = g_build_filename(staged, "l", "0", "fs", NULL);
    g_autofree char *rootfs = g_build_filename(staged, "rootfs", NULL);
    guint zero = 0;
    int fd;
    gboolean ok;

    if (!native_dir_make(rootfs, 0755, error) || !native_layer_make(staged, 0, -1, error) ||
        !native_rootfs_import(store, c->origin, base, args, error) ||
        !native_layer_make(staged, 1, 0, error) || !resolve_user(c, base, error))
        return FALSE;
    native_kill_point("imported");
    g_array_append_val(c->lower, zero);
    c->upper = 1;
    c->next_layer = 2;
    if (!native_container_save(c, staged, error))
        return FALSE;
    gemel_act_progress(args, -1, "writing to disk");
    fd = open(staged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && syncfs(fd) == 0;
    if (!ok)
        gemel_error_set_errno(error, errno, "container %s: writing to disk", c->name);
    if (fd >= 0)
        close(fd);
    return ok;
}

char *native_create_instance(GemelConn *conn, const GemelCreateSpec *spec, const GemelActArgs *args,
                             GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    const NativeStore *store = native->store;
    g_autoptr(NativeContainer) c = NULL;
    g_autofree char *staged = NULL;
    NativeLock names, lock = -1;
    gboolean ok;

    if (native->read_only) {
        native_store_deny(store, error);
        return NULL;
    }
    c = native_container_from_spec(spec, error);
    if (c == NULL || (c->id = native_id_new(error)) == NULL)
        return NULL;
    names = native_lock_names(store, error);
    if (names < 0)
        return NULL;
    native_store_sweep(store);
    ok = native_name_check(store, c->name, error) &&
         (staged = native_store_stage(store, c->id, &lock, error)) != NULL;
    native_lock_release(&names);
    /* The copy can be long: others make theirs meanwhile, and the name is asked for again. */
    ok = ok && fill(store, c, staged, args, error) &&
         (names = native_lock_names(store, error)) >= 0 &&
         native_name_check(store, c->name, error) &&
         native_store_publish(store, staged, c->id, error);
    native_lock_release(&names);
    if (!ok && staged != NULL)
        native_store_unstage(staged);
    native_lock_release(&lock);
    return ok ? g_strdup(c->id) : NULL;
}
