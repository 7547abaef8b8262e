/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.c - snapshot trees, kept in memory.
 *
 * They stand in order of creation and a removed one hands its children to its parent, so parents
 * always come before their children.
 */
#include "backends/sim/sim.h"

#include <string.h>
#include <sys/stat.h>

#define MS G_GINT64_CONSTANT(1000000)

static GemelSnapshot *find(const SimInstance *instance, const char *name)
{
    for (guint i = 0; name != NULL && i < instance->snapshots->len; i++) {
        GemelSnapshot *snapshot = g_ptr_array_index(instance->snapshots, i);

        if (g_str_equal(snapshot->name, name))
            return snapshot;
    }
    return NULL;
}

static GemelSnapshot *current(const SimInstance *instance)
{
    for (guint i = 0; i < instance->snapshots->len; i++) {
        GemelSnapshot *snapshot = g_ptr_array_index(instance->snapshots, i);

        if (snapshot->is_current)
            return snapshot;
    }
    return NULL;
}

static GemelSnapshot *copy(const GemelSnapshot *from)
{
    GemelSnapshot *to = g_memdup2(from, sizeof *from);

    to->name = g_strdup(from->name);
    to->parent = g_strdup(from->parent);
    to->description = g_strdup(from->description);
    to->kind = g_strdup(from->kind);
    return to;
}

static GPtrArray *snapshot_list(GemelConn *conn, const char *id, GError **error)
{
    SimWorld *world = sim_world(conn);
    const SimInstance *instance;
    GPtrArray *list = NULL;

    if (!sim_enter(conn, SIM_OP_SNAPSHOT_LIST, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL) {
        list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
        for (guint i = 0; i < instance->snapshots->len; i++)
            g_ptr_array_add(list, copy(g_ptr_array_index(instance->snapshots, i)));
    }
    sim_unlock(world);
    return list;
}

/* Letters, digits and ._- and not too many: a name that also serves as a file's. */
static gboolean name_is_fit(const char *name)
{
    if (name == NULL || *name == '\0' || *name == '.' || *name == '-' || strlen(name) > 128)
        return FALSE;
    for (; *name != '\0'; name++)
        if (!g_ascii_isalnum(*name) && strchr("._-", *name) == NULL)
            return FALSE;
    return TRUE;
}

/* Takes the mutex, finds an instance on which `act` can be done, and tells how long it will take;
   unlocked and NULL if there is none. `exists` says whether the snapshot should be there. */
static SimInstance *begin(GemelConn *conn, const char *id, const char *name, GemelAct act,
                          gboolean exists, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    gboolean ok;

    sim_lock(world);
    if (id != NULL)
        sim_hang_with(world, id);
    instance = sim_find(world, id, error);
    ok = instance != NULL;
    if (ok && exists && find(instance, name) == NULL)
        ok = gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s has no snapshot \"%.128s\"",
                             instance->name, name != NULL ? name : "");
    if (ok && !exists && !name_is_fit(name))
        ok = gemel_error_set(error, GEMEL_ERROR_INVALID,
                             "%s: \"%.128s\" cannot name a snapshot; use letters, digits and ._-",
                             instance->name, name != NULL ? name : "");
    if (ok && !exists && find(instance, name) != NULL)
        ok = gemel_error_set(error, GEMEL_ERROR_EXISTS,
                             "%s already has a snapshot \"%s\"; choose another name",
                             instance->name, name);
    if (ok && !sim_check_act(world, instance, act, error))
        ok = FALSE;
    if (!ok) {
        sim_unlock(world);
        return NULL;
    }
    return instance;
}

/* The time an act on snapshots takes, waited for without the mutex: then it is all checked again,
   for the world has gone on. */
static SimInstance *begin_and_work(GemelConn *conn, const char *id, const char *name, GemelAct act,
                                   gboolean exists, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, name, act, exists, error);
    g_autofree char *title = NULL;
    gint64 needs_ns;

    if (instance == NULL)
        return NULL;
    title = g_strdup(instance->name);
    needs_ns = (instance->kind == GEMEL_KIND_VM ? 300 : 40) * MS;
    sim_unlock(world);
    needs_ns = (gint64)((double)needs_ns * world->options.pace);
    if (!sim_work(world, title, gemel_act_name(act), needs_ns, args, error))
        return NULL;
    return begin(conn, id, name, act, exists, error);
}

static gboolean snapshot_create(GemelConn *conn, const char *id, const char *name,
                                const char *description, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    GemelSnapshot *parent, *snapshot;
    gboolean is_on, is_guest;

    if (!sim_enter(conn, SIM_OP_SNAPSHOT_CREATE, error))
        return FALSE;
    instance = begin_and_work(conn, id, name, GEMEL_ACT_SNAPSHOT_CREATE, FALSE, args, error);
    if (instance == NULL)
        return FALSE;
    is_guest = instance->kind == GEMEL_KIND_VM;
    is_on = instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_PAUSED;
    parent = current(instance);
    snapshot = g_new0(GemelSnapshot, 1);
    snapshot->name = g_strdup(name);
    snapshot->parent = parent != NULL ? g_strdup(parent->name) : NULL;
    snapshot->description = g_strdup(description);
    snapshot->created_unix = g_get_real_time() / G_USEC_PER_SEC;
    if (world->options.has_time)
        snapshot->created_unix = (gint64)world->options.time_s + instance->snapshots->len * 60;
    snapshot->state = instance->state;
    snapshot->with_memory = is_guest && is_on;
    snapshot->kind = g_strdup(is_guest ? "internal" : is_on ? "copy" : "layer");
    snapshot->size_bytes = (gint64)(1048576 * (1 + instance->hash % 40));
    if (snapshot->with_memory)
        snapshot->size_bytes += (gint64)(instance->memory_bytes / 3);
    snapshot->is_current = TRUE;
    if (parent != NULL)
        parent->is_current = FALSE;
    g_ptr_array_add(instance->snapshots, snapshot);
    sim_notify(world, GEMEL_EVENT_CHANGED, instance, "snapshot taken");
    sim_unlock(world);
    if (!is_guest && is_on)
        gemel_act_note(args, "froze it for 12 ms; volumes and tmpfs are not part of it");
    return TRUE;
}

static gboolean snapshot_revert(GemelConn *conn, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    GemelSnapshot *snapshot, *before;
    GemelState state;

    if (!sim_enter(conn, SIM_OP_SNAPSHOT_REVERT, error))
        return FALSE;
    instance = begin_and_work(conn, id, name, GEMEL_ACT_SNAPSHOT_REVERT, TRUE, args, error);
    if (instance == NULL)
        return FALSE;
    snapshot = find(instance, name);
    before = current(instance);
    if (before != NULL)
        before->is_current = FALSE;
    snapshot->is_current = TRUE;
    /* A guest returns to the state it was in; a container is started anew if it ran. */
    state = instance->kind == GEMEL_KIND_VM ? snapshot->state : instance->state;
    if (state != instance->state)
        sim_enter_state(world, instance, state, NULL, "snapshot reverted");
    if (state == GEMEL_STATE_RUNNING && instance->kind == GEMEL_KIND_CONTAINER) {
        sim_instance_boot(world, instance);
        sim_instance_retime(instance, sim_now_s(world));
    }
    sim_notify(world, GEMEL_EVENT_CHANGED, instance, "snapshot reverted");
    sim_unlock(world);
    return TRUE;
}

static gboolean snapshot_remove(GemelConn *conn, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    GemelSnapshot *snapshot, *parent;

    if (!sim_enter(conn, SIM_OP_SNAPSHOT_DELETE, error))
        return FALSE;
    instance = begin_and_work(conn, id, name, GEMEL_ACT_SNAPSHOT_DELETE, TRUE, args, error);
    if (instance == NULL)
        return FALSE;
    snapshot = find(instance, name);
    parent = find(instance, snapshot->parent);
    if (snapshot->is_current && parent != NULL)
        parent->is_current = TRUE;
    for (guint i = 0; i < instance->snapshots->len; i++) {
        GemelSnapshot *child = g_ptr_array_index(instance->snapshots, i);

        if (g_strcmp0(child->parent, snapshot->name) != 0)
            continue;
        g_free(child->parent);
        child->parent = g_strdup(snapshot->parent);
    }
    g_ptr_array_remove(instance->snapshots, snapshot); /* keeps the order; frees it */
    sim_notify(world, GEMEL_EVENT_CHANGED, instance, "snapshot deleted");
    sim_unlock(world);
    return TRUE;
}

/* What containers of this cast do to their files; which of it depends on who and when. */
static const struct {
    GemelChangeType type;
    const char *path; /* its directory is one that changes with it */
    guint mode;
    guint differs;
    gint64 size_bytes;
} made_up[] = {
    {GEMEL_CHANGE_CHANGED, "/etc/hosts", S_IFREG | 0644, 1u << GEMEL_DIFFERS_CONTENTS, 214},
    {GEMEL_CHANGE_CHANGED, "/etc/passwd", S_IFREG | 0644, 1u << GEMEL_DIFFERS_CONTENTS, 1290},
    {GEMEL_CHANGE_ADDED, "/etc/app.conf", S_IFREG | 0640, 0, 3318},
    {GEMEL_CHANGE_DELETED, "/etc/motd", S_IFREG | 0644, 0, 286},
    {GEMEL_CHANGE_ADDED, "/root/.ash_history", S_IFREG | 0600, 0, 812},
    {GEMEL_CHANGE_ADDED, "/tmp/build.lock", S_IFREG | 0644, 0, 0},
    {GEMEL_CHANGE_CHANGED, "/usr/bin/app", S_IFREG | 0755,
     1u << GEMEL_DIFFERS_CONTENTS | 1u << GEMEL_DIFFERS_TIME, 4718592},
    {GEMEL_CHANGE_CHANGED, "/usr/bin/ping", S_IFREG | 0755, 1u << GEMEL_DIFFERS_MODE, 76672},
    {GEMEL_CHANGE_ADDED, "/usr/local/lib", S_IFLNK | 0777, 0, -1},
    {GEMEL_CHANGE_DELETED, "/var/cache/apk", S_IFDIR | 0755, 0, -1},
    {GEMEL_CHANGE_ADDED, "/var/cache/index", S_IFREG | 0644, 0, 262144},
};

/* A change, and that of the directories it is in. */
static void diff_add(GemelDiff *diff, GHashTable *dirs, guint at)
{
    g_autofree char *dir = g_path_get_dirname(made_up[at].path);
    GemelChange *change =
        gemel_diff_add(diff, made_up[at].type, made_up[at].path, made_up[at].mode);

    change->differs = made_up[at].differs;
    change->size_bytes = made_up[at].size_bytes;
    while (!g_str_equal(dir, "/")) {
        char *above = g_path_get_dirname(dir);

        if (g_hash_table_add(dirs, g_strdup(dir)))
            gemel_diff_add(diff, GEMEL_CHANGE_CHANGED, dir, S_IFDIR | 0755);
        g_free(dir);
        dir = above;
    }
}

/* The same answer to the same question: about a third of what is made up. */
static GemelDiff *make_up(const SimInstance *instance, const char *from, const char *to)
{
    g_autoptr(GHashTable) dirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GemelDiff *diff = gemel_diff_new(from, to);
    guint64 seed = sim_hash(instance->hash, (guint64)g_str_hash(from != NULL ? from : "") << 32 |
                                                g_str_hash(to != NULL ? to : ""));

    if (from != NULL && g_strcmp0(from, to) == 0)
        return diff;
    for (guint i = 0; i < G_N_ELEMENTS(made_up); i++)
        if (sim_hash(seed, i) % 3 == 0 || i == seed % G_N_ELEMENTS(made_up))
            diff_add(diff, dirs, i);
    gemel_diff_sort(diff);
    return diff;
}

static GemelDiff *snapshot_diff(GemelConn *conn, const char *id, const char *from, const char *to,
                                const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    const SimInstance *instance;
    GemelDiff *diff = NULL;
    const char *missing;

    if (!sim_enter(conn, SIM_OP_SNAPSHOT_DIFF, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL) {
        const GemelSnapshot *now = current(instance);

        missing = from != NULL && find(instance, from) == NULL ? from
                  : to != NULL && find(instance, to) == NULL   ? to
                                                               : NULL;
        if (instance->kind == GEMEL_KIND_VM)
            gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, GEMEL_DIFF_OF_GUEST, instance->name);
        else if (missing != NULL)
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s has no snapshot \"%.128s\"",
                            instance->name, missing);
        else
            diff = make_up(instance, from != NULL ? from : now != NULL ? now->name : NULL, to);
    }
    sim_unlock(world);
    return diff;
}

const GemelSnapshotOps sim_snapshot_ops = {
    .list = snapshot_list,
    .create = snapshot_create,
    .revert = snapshot_revert,
    .remove = snapshot_remove,
    .diff = snapshot_diff,
};
