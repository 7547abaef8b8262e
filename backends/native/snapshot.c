/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Snapshots of a container's files: lists of layers (container.h).
 *
 * Stopped: the writable layer is frozen in place and a fresh one put on top; that takes the same
 * time whatever its size, but for syncfs, which writes what the system had not written yet.
 * Running: the container stands still while its writable layer is copied beside it. Memory, tmpfs
 * and volumes are never part of it.
 *
 * Nothing here changes a layer that exists. New layers are made first, container.json then names
 * them in one atomic write, and what nothing names any more is swept last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/native.h"
#include "backends/native/snapshot.h"
#include "backends/native/tree.h"

#define LOWER_MAX        90 /* overlay takes 500, but long lists are slow and option strings short */
#define SIZE_ENTRIES_MAX 20000
#define MS(ns)           ((double)(ns) / 1e6)

static int layer_open(const char *dir, guint number, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/l/%u/fs", dir, number);

    return native_tree_open(AT_FDCWD, path, error);
}

static GArray *layers_copy(const GArray *layers)
{
    GArray *copy = g_array_new(FALSE, TRUE, sizeof(guint));

    g_array_append_vals(copy, layers->data, layers->len);
    return copy;
}

static guint layers_top(const GArray *layers)
{
    return g_array_index(layers, guint, layers->len - 1);
}

/* Asks the kernel to write everything below `dir`; what that took, in ns. */
static gboolean make_durable(const char *dir, gint64 *ret_ns, GError **error)
{
    gint64 begin = gemel_boottime_ns();
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && syncfs(fd) == 0;

    if (!ok)
        gemel_error_set_errno(error, errno, "writing %s to disk", dir);
    if (fd >= 0)
        close(fd);
    *ret_ns = gemel_boottime_ns() - begin;
    return ok;
}

/* ---- list ----------------------------------------------------------------------------------- */

/* What the snapshot's own layer takes; 0 when it shares all with its parent. */
static gint64 own_size(const NativeContainer *c, const char *dir, const NativeSnapshot *snapshot)
{
    const NativeSnapshot *parent =
        snapshot->parent != NULL ? native_container_find_snapshot(c, snapshot->parent) : NULL;
    guint top = layers_top(snapshot->layers);
    gint64 size;
    int fd;

    if (snapshot->layers->len == 1 || (parent != NULL && layers_top(parent->layers) == top))
        return 0;
    fd = layer_open(dir, top, NULL);
    if (fd < 0)
        return -1;
    size = native_tree_size(fd, SIZE_ENTRIES_MAX);
    close(fd);
    return size;
}

static GPtrArray *snapshot_list(GemelConn *conn, const char *id, GError **error)
{
    const NativeStore *store = ((NativeConn *)conn)->store;
    g_autoptr(NativeContainer) c = native_container_load(store, id, error);
    g_autofree char *dir = NULL;
    GPtrArray *list;

    if (c == NULL)
        return NULL;
    dir = native_store_container_path(store, id, NULL);
    list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    for (guint i = 0; i < c->snapshots->len; i++) {
        const NativeSnapshot *from = g_ptr_array_index(c->snapshots, i);
        GemelSnapshot *to = g_new0(GemelSnapshot, 1);

        to->name = g_strdup(from->name);
        to->parent = g_strdup(from->parent);
        to->description = g_strdup(from->description);
        to->created_unix = from->created_unix;
        to->state = from->was_running ? GEMEL_STATE_RUNNING : GEMEL_STATE_STOPPED;
        to->kind = g_strdup(from->copied ? "copy" : "layer");
        to->is_current = g_strcmp0(from->name, c->current) == 0;
        to->size_bytes = own_size(c, dir, from);
        g_ptr_array_add(list, to);
    }
    return list;
}

/* ---- joining layers ------------------------------------------------------------------------- */

/* Makes a layer that is `top` over `bottom`; gives its number. */
static gboolean join(NativeContainer *c, const char *dir, guint bottom, guint top, guint *ret,
                     GError **error)
{
    guint number = c->next_layer++;
    int bottom_fd = -1, top_fd = -1, to_fd = -1;
    gboolean ok;

    ok = native_layer_make(dir, number, (gint)top, error) &&
         (bottom_fd = layer_open(dir, bottom, error)) >= 0 &&
         (top_fd = layer_open(dir, top, error)) >= 0 &&
         (to_fd = layer_open(dir, number, error)) >= 0 &&
         native_tree_merge(bottom_fd, top_fd, to_fd, error);
    for (int *fd = (int[]){bottom_fd, top_fd, to_fd, -2}; *fd != -2; fd++)
        if (*fd >= 0)
            close(*fd);
    *ret = number;
    native_kill_point("joined");
    return ok;
}

/* Joins all but the lowest layer of the present state into one, in pairs, so that each file is
   linked as often as the logarithm of the number of layers says. Snapshots keep their own lists. */
static gboolean flatten(NativeContainer *c, const char *dir, GError **error)
{
    g_autoptr(GArray) now = layers_copy(c->lower);

    g_array_remove_index(now, 0);
    while (now->len > 1) {
        GArray *next = g_array_new(FALSE, TRUE, sizeof(guint));

        for (guint i = 0; i < now->len; i += 2) {
            guint number = g_array_index(now, guint, i);

            if (i + 1 < now->len &&
                !join(c, dir, number, g_array_index(now, guint, i + 1), &number, error)) {
                g_array_unref(next);
                return FALSE;
            }
            g_array_append_val(next, number);
        }
        g_array_unref(now);
        now = next;
    }
    g_array_set_size(c->lower, 1);
    g_array_append_vals(c->lower, now->data, now->len);
    return TRUE;
}

/* Where `number` stands in a list, or -1. */
static gint layer_index(const GArray *layers, guint number)
{
    for (guint i = 0; i < layers->len; i++)
        if (g_array_index(layers, guint, i) == number)
            return (gint)i;
    return -1;
}

/* Whether the two stand one on the other wherever one of them stands: nobody then needs to tell
   them apart. */
static gboolean are_inseparable(GPtrArray *lists, guint bottom, guint top)
{
    for (guint i = 0; i < lists->len; i++) {
        const GArray *list = g_ptr_array_index(lists, i);
        gint at_bottom = layer_index(list, bottom), at_top = layer_index(list, top);

        if (at_bottom < 0 && at_top < 0)
            continue;
        if (at_bottom < 0 || at_top != at_bottom + 1)
            return FALSE;
    }
    return TRUE;
}

static void replace_pair(GPtrArray *lists, guint bottom, guint top, guint joined)
{
    for (guint i = 0; i < lists->len; i++) {
        GArray *list = g_ptr_array_index(lists, i);
        gint at = layer_index(list, bottom);

        if (at >= 0 && layer_index(list, top) == at + 1) {
            g_array_index(list, guint, (guint)at) = joined;
            g_array_remove_index(list, (guint)at + 1);
        }
    }
}

/*
 * After a snapshot is gone: joins the layers that only it kept apart. The present state, writable
 * layer included, counts as a list. The lowest layer is left alone: it is large and never changes.
 */
static gboolean compact(NativeContainer *c, const char *dir, GError **error)
{
    g_autoptr(GPtrArray) lists = g_ptr_array_new();
    g_autoptr(GArray) present = layers_copy(c->lower);

    g_array_append_val(present, c->upper);
    g_ptr_array_add(lists, present);
    for (guint i = 0; i < c->snapshots->len; i++)
        g_ptr_array_add(lists, ((NativeSnapshot *)g_ptr_array_index(c->snapshots, i))->layers);
    for (guint l = 0; l < lists->len; l++) {
        GArray *list = g_ptr_array_index(lists, l);

        for (guint i = 1; i + 1 < list->len;) {
            guint bottom = g_array_index(list, guint, i);
            guint top = g_array_index(list, guint, i + 1), joined;

            if (!are_inseparable(lists, bottom, top)) {
                i++;
                continue;
            }
            if (!join(c, dir, bottom, top, &joined, error))
                return FALSE;
            replace_pair(lists, bottom, top, joined);
        }
    }
    c->upper = layers_top(present);
    g_array_set_size(present, present->len - 1);
    g_array_set_size(c->lower, 0);
    g_array_append_vals(c->lower, present->data, present->len);
    return TRUE;
}

/* ---- create --------------------------------------------------------------------------------- */

/* Whether the writable layer says nothing that the ones below do not. */
static gboolean upper_is_plain(const NativeContainer *c, const char *dir)
{
    int upper = layer_open(dir, c->upper, NULL), top = layer_open(dir, layers_top(c->lower), NULL);
    struct stat a, b;
    gboolean plain = upper >= 0 && top >= 0 && fstat(upper, &a) == 0 && fstat(top, &b) == 0 &&
                     a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
    DIR *entries = plain ? fdopendir(upper) : NULL;

    if (entries != NULL) {
        for (struct dirent *entry; plain && (entry = readdir(entries)) != NULL;)
            plain = g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, "..");
        closedir(entries);
    } else if (upper >= 0) {
        close(upper);
    }
    if (top >= 0)
        close(top);
    return plain;
}

/* The stopped case. */
static gboolean freeze_upper(NativeContainer *c, const char *dir, NativeSnapshot *snapshot,
                             GError **error)
{
    guint number;

    if (!upper_is_plain(c, dir)) {
        number = c->next_layer++;
        if (!native_layer_make(dir, number, (gint)c->upper, error))
            return FALSE;
        native_kill_point("fresh upper");
        g_array_append_val(c->lower, c->upper);
        c->upper = number;
    }
    snapshot->layers = layers_copy(c->lower);
    return c->lower->len <= LOWER_MAX || flatten(c, dir, error);
}

/* The running case: nothing of the container moves while its layer is copied. What is recorded
   before the freeze lets the next command thaw it if we are killed. */
static gboolean copy_upper(NativeHold *hold, const char *dir, NativeSnapshot *snapshot,
                           NativeTreeStats *stats, const GemelActArgs *args, GError **error)
{
    NativeContainer *c = hold->container;
    gboolean freeze = hold->status.state == GEMEL_STATE_RUNNING, ok;
    guint number = c->next_layer++;
    gint64 begin;
    int from = -1, to = -1;

    if (!native_layer_make(dir, number, (gint)c->upper, error) ||
        (from = layer_open(dir, c->upper, error)) < 0 ||
        (to = layer_open(dir, number, error)) < 0) {
        if (from >= 0)
            close(from);
        return FALSE;
    }
    hold->run.snapshot_freeze = freeze;
    ok = !freeze || native_run_save(hold->store, c->id, &hold->run, error);
    native_kill_point("freeze recorded");
    begin = gemel_boottime_ns();
    ok = ok && (!freeze ||
                native_cgroup_set_frozen(native_cgroups_host(), hold->run.cgroup, TRUE, error));
    native_kill_point("frozen");
    ok = ok && native_tree_copy(from, to, NATIVE_TREE_LAYER, -1, stats, args, error);
    close(from);
    close(to);
    if (freeze) {
        GError *problem = NULL;

        if (!native_cgroup_set_frozen(native_cgroups_host(), hold->run.cgroup, FALSE, &problem)) {
            gemel_act_note(args, "still frozen: %s; resume it", problem->message);
            g_error_free(problem);
        }
        snapshot->freeze_ns = gemel_boottime_ns() - begin;
        hold->run.snapshot_freeze = FALSE;
        native_run_save(hold->store, c->id, &hold->run, NULL);
    }
    native_kill_point("thawed");
    snapshot->copied = TRUE;
    snapshot->layers = layers_copy(c->lower);
    g_array_append_val(snapshot->layers, number);
    return ok;
}

static gboolean check_new(const NativeHold *hold, const char *name, const char *description,
                          GError **error)
{
    if (!native_name_is_valid(name))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "snapshot name '%.70s': give 1 to 63 letters, digits, '_', '.' or "
                               "'-', beginning with a letter or digit",
                               name);
    if (description != NULL && !g_utf8_validate(description, -1, NULL))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "snapshot %s: description: not UTF-8",
                               name);
    if (native_container_find_snapshot(hold->container, name) != NULL)
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "container %s: there is a snapshot %s already; choose another name",
                               hold->container->name, name);
    if (hold->status.state != GEMEL_STATE_STOPPED && hold->status.state != GEMEL_STATE_RUNNING &&
        hold->status.state != GEMEL_STATE_PAUSED)
        return native_hold_conflict(hold, "is changing its state; try again", error);
    return TRUE;
}

static void say_what_was_done(const NativeSnapshot *snapshot, const NativeTreeStats *stats,
                              gint64 durable_ns, const GemelActArgs *args)
{
    if (!snapshot->copied)
        gemel_act_note(args,
                       "froze the layer in place; on disk after %.1f ms; volumes and tmpfs "
                       "are not part of it",
                       MS(durable_ns));
    else
        gemel_act_note(args,
                       "stood still %.1f ms while %" G_GUINT64_FORMAT " files were copied (%.1f "
                       "MiB); on disk after %.1f ms; volumes and tmpfs are not part of it",
                       MS(snapshot->freeze_ns), stats->files, (double)stats->bytes / 1024 / 1024,
                       MS(durable_ns));
}

static gboolean snapshot_create(GemelConn *conn, const char *id, const char *name,
                                const char *description, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};
    g_autofree char *dir = NULL;
    NativeTreeStats stats = {0};
    NativeSnapshot *snapshot;
    gint64 durable_ns = 0;
    gboolean ok;

    if (!native_hold((NativeConn *)conn, id, &hold, error) ||
        !check_new(&hold, name, description, error))
        return FALSE;
    dir = native_store_container_path(hold.store, id, NULL);
    native_layers_sweep(hold.store, hold.container);
    snapshot = g_new0(NativeSnapshot, 1);
    snapshot->name = g_strdup(name);
    snapshot->description = g_strdup(description);
    snapshot->parent = g_strdup(hold.container->current);
    snapshot->created_unix = g_get_real_time() / G_USEC_PER_SEC;
    snapshot->was_running = hold.status.state != GEMEL_STATE_STOPPED;
    ok = snapshot->was_running ? copy_upper(&hold, dir, snapshot, &stats, args, error)
                               : freeze_upper(hold.container, dir, snapshot, error);
    ok = ok && make_durable(dir, &durable_ns, error);
    if (!ok) {
        native_snapshot_free(snapshot);
        /* The layers made here are in no list on disk. */
        native_container_free(hold.container);
        hold.container = native_container_load(hold.store, id, NULL);
        if (hold.container != NULL)
            native_layers_sweep(hold.store, hold.container);
        return FALSE;
    }
    g_ptr_array_add(hold.container->snapshots, snapshot);
    g_free(hold.container->current);
    hold.container->current = g_strdup(name);
    if (!native_container_save(hold.container, dir, error))
        return FALSE;
    native_kill_point("snapshot recorded");
    say_what_was_done(snapshot, &stats, durable_ns, args);
    return TRUE;
}

/* ---- revert and remove ---------------------------------------------------------------------- */

static NativeSnapshot *find_or_fail(const NativeHold *hold, const char *name, GError **error)
{
    NativeSnapshot *snapshot = native_container_find_snapshot(hold->container, name);

    if (snapshot == NULL)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "container %s: no snapshot %s",
                        hold->container->name, name);
    return snapshot;
}

static gboolean revert_held(NativeHold *hold, const NativeSnapshot *snapshot, GError **error)
{
    NativeContainer *c = hold->container;
    g_autofree char *dir = native_store_container_path(hold->store, c->id, NULL);
    guint number = c->next_layer++;

    if (!native_layer_make(dir, number, (gint)layers_top(snapshot->layers), error))
        return FALSE;
    native_kill_point("fresh upper");
    g_array_unref(c->lower);
    c->lower = layers_copy(snapshot->layers);
    c->upper = number;
    g_free(c->current);
    c->current = g_strdup(snapshot->name);
    if (c->lower->len > LOWER_MAX && !flatten(c, dir, error))
        return FALSE;
    if (!native_container_save(c, dir, error))
        return FALSE;
    native_kill_point("reverted");
    native_layers_sweep(hold->store, c);
    return TRUE;
}

static gboolean snapshot_revert(GemelConn *conn, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};
    const NativeSnapshot *snapshot;
    gboolean was_running;

    if (!native_hold((NativeConn *)conn, id, &hold, error) ||
        (snapshot = find_or_fail(&hold, name, error)) == NULL ||
        !native_hold_allows(&hold, GEMEL_ACT_SNAPSHOT_REVERT, args, error))
        return FALSE;
    was_running = hold.status.state != GEMEL_STATE_STOPPED;
    if (was_running && !(args != NULL && args->force))
        return native_hold_conflict(
            &hold, "is running; stop it first, or --force to end it, revert and start it again",
            error);
    if (was_running && !native_kill_held(&hold, error))
        return FALSE;
    if (!revert_held(&hold, snapshot, error))
        return FALSE;
    gemel_act_note(args, "volumes and tmpfs were not part of it");
    return !was_running || native_start_held(&hold, args, error);
}

static void forget(NativeContainer *c, NativeSnapshot *snapshot)
{
    for (guint i = 0; i < c->snapshots->len; i++) {
        NativeSnapshot *child = g_ptr_array_index(c->snapshots, i);

        if (g_strcmp0(child->parent, snapshot->name) == 0) {
            g_free(child->parent);
            child->parent = g_strdup(snapshot->parent);
        }
    }
    if (g_strcmp0(c->current, snapshot->name) == 0) {
        g_free(c->current);
        c->current = g_strdup(snapshot->parent);
    }
    g_ptr_array_remove(c->snapshots, snapshot);
}

static gboolean snapshot_remove(GemelConn *conn, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};
    g_autofree char *dir = NULL;
    NativeSnapshot *snapshot;

    if (!native_hold((NativeConn *)conn, id, &hold, error) ||
        (snapshot = find_or_fail(&hold, name, error)) == NULL ||
        !native_hold_allows(&hold, GEMEL_ACT_SNAPSHOT_DELETE, args, error))
        return FALSE;
    dir = native_store_container_path(hold.store, id, NULL);
    native_layers_sweep(hold.store, hold.container);
    forget(hold.container, snapshot);
    /* While it runs its layers are mounted and stay as they are; the next removal or snapshot of
       the stopped container joins them. */
    if (hold.status.state == GEMEL_STATE_STOPPED && !compact(hold.container, dir, error))
        return FALSE;
    if (!native_container_save(hold.container, dir, error))
        return FALSE;
    native_kill_point("snapshot forgotten");
    native_layers_sweep(hold.store, hold.container);
    return TRUE;
}

const GemelSnapshotOps native_snapshot_ops = {
    .list = snapshot_list,
    .create = snapshot_create,
    .revert = snapshot_revert,
    .remove = snapshot_remove,
    .diff = native_snapshot_diff,
    .export = native_snapshot_export,
};
