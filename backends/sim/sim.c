/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sim.c - the simulator's table, its life and its list.
 */
#include "backends/sim/sim.h"

#include "backends/registry.h"

static void sim_free(GemelBackend *backend)
{
    SimWorld *world = (SimWorld *)backend;

    g_hash_table_unref(world->by_id);
    g_hash_table_unref(world->by_name);
    g_ptr_array_unref(world->instances);
    g_ptr_array_unref(world->listeners);
    pthread_mutex_destroy(&world->mutex);
    sim_options_clear(&world->options);
    gemel_backend_done(&world->base);
    g_free(world);
}

static GemelBackend *sim_create(const char *name, const char *uri, GError **error)
{
    SimOptions options;
    SimWorld *world;
    SimInstance *hung;

    if (!sim_options_parse(&options, uri, error))
        return NULL;
    world = g_new0(SimWorld, 1);
    world->options = options;
    world->ops = gemel_sim_ops;
    if (!options.events)
        world->ops.watch = NULL;
    for (GemelGroup group = 0; group < GEMEL_GROUP_N; group++)
        if (((options.groups >> group) & 1u) != 0)
            world->ops.groups[group] = &sim_group_ops[group];
    gemel_backend_init(&world->base, &world->ops, name, uri != NULL ? uri : "sim:");
    /* room for all of them at once: 16 CPUs and 64 GiB for the dozen */
    world->base.host_cpus = options.host_cpus > 0 ? options.host_cpus : MAX(16, options.count);
    world->base.host_memory_bytes = (guint64)MAX(16, options.count) * SIM_HOST_BYTES_PER_CPU;
    pthread_mutex_init(&world->mutex, NULL);
    world->created_ns = gemel_boottime_ns();
    world->created_unix = g_get_real_time() / G_USEC_PER_SEC;
    world->instances = g_ptr_array_new_with_free_func((GDestroyNotify)sim_instance_free);
    world->listeners = g_ptr_array_new();
    world->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    world->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (SimShape shape = 0; shape < SIM_SHAPE_N; shape++)
        sim_noise_init(&world->noise[shape], shape, options.seed, options.still);
    sim_cast_make(world); /* leaves next_due_ns at 0: the first sim_lock plans the whims */
    if (options.hang_instance == NULL)
        return &world->base;
    hung = g_hash_table_lookup(world->by_name, options.hang_instance);
    if (hung == NULL) {
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                        "sim: hang-instance=\"%s\" is not the name of one of its %u instances",
                        options.hang_instance, world->instances->len);
        sim_free(&world->base);
        return NULL;
    }
    hung->is_hung = TRUE;
    return &world->base;
}

static GemelConn *sim_conn_open(GemelBackend *backend, GError **error)
{
    SimConn *conn = g_new0(SimConn, 1);

    conn->base.backend = backend;
    if (sim_is_down((SimWorld *)backend)) {
        gemel_error_set(error, GEMEL_ERROR_UNREACHABLE,
                        "%s refuses connections (down= in its URI); it may come back by itself",
                        backend->name);
        g_free(conn);
        return NULL;
    }
    conn->opened_ns = gemel_boottime_ns();
    if (!sim_enter(&conn->base, SIM_OP_OPEN, error)) {
        g_free(conn);
        return NULL;
    }
    return &conn->base;
}

static void sim_conn_close(GemelConn *conn)
{
    g_free(conn);
}

/* CLOCK_BOOTTIME of its start; with time= the uptime stands still instead. */
static gint64 started_ns(const SimWorld *world, const SimInstance *instance)
{
    gint64 origin_ns = world->created_ns;
    gint64 started;

    if (instance->state != GEMEL_STATE_RUNNING && instance->state != GEMEL_STATE_PAUSED &&
        instance->state != GEMEL_STATE_STOPPING)
        return 0;
    if (world->options.has_time)
        origin_ns = gemel_boottime_ns() - (gint64)(world->options.time_s * 1e9);
    started = origin_ns + (gint64)(instance->started_s * 1e9);
    return started != 0 ? started : 1;
}

static GemelInstance *describe(const SimWorld *world, const SimInstance *instance)
{
    GemelInstance *out =
        gemel_instance_new(world->base.name, instance->kind, instance->id, instance->name);

    out->state_reason = g_strdup(instance->reason);
    out->vcpus = instance->vcpus;
    out->cpu_limit = instance->cpu_limit;
    out->memory_limit_bytes = instance->memory_bytes;
    out->image = g_strdup(instance->image);
    out->autostart = instance->autostart;
    out->started_boottime_ns = started_ns(world, instance);
    if (instance->labels != NULL) {
        GHashTableIter iter;
        gpointer key, value;

        out->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_iter_init(&iter, instance->labels);
        while (g_hash_table_iter_next(&iter, &key, &value))
            g_hash_table_insert(out->labels, g_strdup(key), g_strdup(value));
    }
    sim_fill_acts(world, instance, out);
    return out;
}

GPtrArray *sim_list(GemelConn *conn, GError **error)
{
    SimWorld *world = sim_world(conn);
    GPtrArray *list;

    if (!sim_enter(conn, SIM_OP_LIST, error))
        return NULL;
    sim_lock(world);
    list = g_ptr_array_new_full(world->instances->len, (GDestroyNotify)gemel_instance_free);
    for (guint i = 0; i < world->instances->len; i++)
        g_ptr_array_add(list, describe(world, g_ptr_array_index(world->instances, i)));
    sim_unlock(world);
    return list;
}

const GemelBackendOps gemel_sim_ops = {
    .type = "sim",
    .summary = "a simulated host: guests and containers with moving figures, nothing real",

    .create = sim_create,
    .free = sim_free,
    .conn_open = sim_conn_open,
    .conn_close = sim_conn_close,
    .conn_alive = sim_conn_alive,
    .watch = sim_watch,
    .list = sim_list,
    .sample = sim_sample,
    .processes = sim_processes,
    .log_tail = sim_log_tail,
    .doctor = sim_doctor,
    .host = sim_host,
    .isolation = sim_isolation,
    .inspect = sim_inspect,
    .plan = sim_plan,
    .create_instance = sim_create_instance,
    .act =
        {
            [GEMEL_ACT_START] = sim_start,
            [GEMEL_ACT_STOP] = sim_stop,
            [GEMEL_ACT_KILL] = sim_kill,
            [GEMEL_ACT_RESTART] = sim_restart,
            [GEMEL_ACT_RESET] = sim_reset,
            [GEMEL_ACT_PAUSE] = sim_pause,
            [GEMEL_ACT_RESUME] = sim_resume,
            [GEMEL_ACT_DELETE] = sim_delete,
            [GEMEL_ACT_LIMIT] = sim_limit,
            [GEMEL_ACT_SAVE] = sim_save,
            [GEMEL_ACT_RESTORE] = sim_restore,
            [GEMEL_ACT_AUTOSTART] = sim_autostart,
            [GEMEL_ACT_PROTECT] = sim_protect,
            [GEMEL_ACT_RENAME] = sim_rename,
            [GEMEL_ACT_CLONE] = sim_clone,
        },
    .snapshots = &sim_snapshot_ops,
    .streams = &sim_stream_ops,
    .definition = &sim_definition_ops,
};
