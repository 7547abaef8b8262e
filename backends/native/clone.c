/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clone.c - a stopped container's definition and files under a new name.
 *
 * A clone stands on layers of its own: every container's l/ belongs to it alone, and deleting,
 * joining and sweeping look no further. So each layer of the present state is copied, under its
 * number; layers that only snapshots name are not. FICLONE shares the blocks where the file system
 * can; --linked hard-links the regular files of the read-only layers instead: nobody writes these
 * (overlay copies up first, and joins make new layers), so the one container's deletion or
 * snapshots never touch the other, and a file goes with its last name.
 *
 * It is made in tmp/ and appears by one rename, as any new container (create.c): whatever is killed
 * leaves a directory in tmp/ that the next command or `doctor` takes away. The original's lock is
 * held meanwhile, so it cannot be started, changed or deleted under the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backends/native/native.h"
#include "backends/native/tree.h"

gboolean native_clone_name_check(const NativeStore *store, const NativeContainer *from,
                                 const char *name, GError **error)
{
    if (name == NULL || !native_name_is_valid(name))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: \"%.80s\" is no name; give 1 to 63 letters, digits, "
                               "'_', '.' or '-', beginning with a letter or digit",
                               from->name, name != NULL ? name : "");
    return native_name_check(store, name, error);
}

/* The copy's container.json: all that the original is, less what is of it alone. */
static NativeContainer *model_of(const NativeContainer *from, const char *name, GError **error)
{
    g_autofree char *id = native_id_new(error);
    g_autofree char *text = id != NULL ? native_container_format(from) : NULL;
    NativeContainer *to = text != NULL ? native_container_parse(text, id, error) : NULL;

    if (to == NULL)
        return NULL;
    if (g_strcmp0(to->hostname, to->name) == 0) {
        g_free(to->hostname);
        to->hostname = g_strdup(name);
    }
    g_free(to->name);
    to->name = g_strdup(name);
    to->created_unix = g_get_real_time() / G_USEC_PER_SEC;
    to->autostart = FALSE;
    to->is_protected = FALSE;
    g_ptr_array_set_size(to->snapshots, 0);
    g_clear_pointer(&to->current, g_free);
    return to;
}

static gboolean copy_layer(const char *from_dir, const char *to_dir, guint number, gboolean linked,
                           NativeTreeStats *stats, const GemelActArgs *args, GError **error)
{
    g_autofree char *layer = g_strdup_printf("l/%u/fs", number);
    g_autofree char *from_path = g_build_filename(from_dir, layer, NULL);
    g_autofree char *to_path = g_build_filename(to_dir, layer, NULL);
    int from = -1, to = -1;
    gboolean ok;

    ok = native_layer_make(to_dir, number, -1, error) &&
         (from = native_tree_open(AT_FDCWD, from_path, error)) >= 0 &&
         (to = native_tree_open(AT_FDCWD, to_path, error)) >= 0 &&
         (linked ? native_tree_link(from, to, stats, args, error)
                 : native_tree_copy(from, to, NATIVE_TREE_LAYER, -1, stats, args, error));
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    native_kill_point("layer cloned");
    return ok;
}

/* The staged directory's contents, and all of it on disk. */
static gboolean fill(const NativeHold *hold, const NativeContainer *to, const char *staged,
                     NativeTreeStats *stats, const GemelActArgs *args, GError **error)
{
    g_autofree char *from_dir = native_store_container_path(hold->store, hold->container->id, NULL);
    g_autofree char *rootfs = g_build_filename(staged, "rootfs", NULL);
    gboolean linked = args != NULL && args->linked, ok;
    int fd;

    if (!native_dir_make(rootfs, 0755, error))
        return FALSE;
    for (guint i = 0; i < to->lower->len; i++)
        if (!copy_layer(from_dir, staged, g_array_index(to->lower, guint, i), linked, stats, args,
                        error))
            return FALSE;
    if (!copy_layer(from_dir, staged, to->upper, FALSE, stats, args, error) ||
        !native_container_save(to, staged, error))
        return FALSE;
    gemel_act_progress(args, -1, "writing to disk");
    fd = open(staged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && syncfs(fd) == 0;
    if (!ok)
        gemel_error_set_errno(error, errno, "container %s: writing to disk", to->name);
    if (fd >= 0)
        close(fd);
    if (ok && gemel_act_cancelled(args))
        ok = gemel_error_set(error, GEMEL_ERROR_FAILED, "cloning %s: cancelled",
                             hold->container->name);
    return ok;
}

/* "protection, autostart and 2 snapshots were not taken along"; what there is of it. */
static void say_what_stays(const NativeContainer *from, const GemelActArgs *args)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    guint n = from->snapshots->len;

    if (from->is_protected)
        g_ptr_array_add(left, g_strdup("protection"));
    if (from->autostart)
        g_ptr_array_add(left, g_strdup("autostart"));
    if (n > 0)
        g_ptr_array_add(left, g_strdup_printf("%u snapshot%s", n, n == 1 ? "" : "s"));
    if (left->len == 0)
        return;
    g_ptr_array_add(left, NULL);
    g_autofree char *text = g_strjoinv(", ", (char **)left->pdata);

    gemel_act_note(args, "not taken along: %s", text);
}

/* Names are given under their lock: asked for before the copy, and again after it. */
static gboolean stage_and_publish(const NativeHold *hold, const NativeContainer *to,
                                  const GemelActArgs *args, GError **error)
{
    const NativeStore *store = hold->store;
    g_autofree char *staged = NULL;
    NativeLock names, lock = -1;
    NativeTreeStats stats = {0};
    gboolean ok;

    names = native_lock_names(store, error);
    if (names < 0)
        return FALSE;
    native_store_sweep(store);
    ok = native_clone_name_check(store, hold->container, to->name, error) &&
         (staged = native_store_stage(store, to->id, &lock, error)) != NULL;
    native_lock_release(&names);
    ok = ok && fill(hold, to, staged, &stats, args, error) &&
         (names = native_lock_names(store, error)) >= 0 &&
         native_clone_name_check(store, hold->container, to->name, error) &&
         native_store_publish(store, staged, to->id, error);
    native_lock_release(&names);
    if (!ok && staged != NULL)
        native_store_unstage(staged);
    native_lock_release(&lock);
    return ok;
}

gboolean native_clone(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    const NativeConn *native = (NativeConn *)conn;
    const char *name = args != NULL ? args->name : NULL;
    g_auto(NativeHold) hold = {.lock = -1};
    g_autoptr(NativeContainer) to = NULL;

    if (native->read_only)
        return native_store_deny(native->store, error);
    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    if (hold.status.state != GEMEL_STATE_STOPPED)
        return native_hold_conflict(&hold, "is running; stop it first", error);
    if (!native_clone_name_check(hold.store, hold.container, name, error) ||
        (to = model_of(hold.container, name, error)) == NULL ||
        !stage_and_publish(&hold, to, args, error))
        return FALSE;
    say_what_stays(hold.container, args);
    return TRUE;
}
