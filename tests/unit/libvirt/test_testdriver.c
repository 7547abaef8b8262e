/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libvirt backend on test:///default, libvirt's own simulator: no daemon, no QEMU. */
#include <string.h>

#include "tests/unit/libvirt/guest.h"

#define GUEST_XML(name)                                                                            \
    "<domain type='test'><name>" name "</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"        \
    "<os><type>hvm</type></os></domain>"

typedef struct {
    GemelBackend *backend;
    GemelConn *conn;
} World;

/* All connections to test:///default share one world, which goes with the last of them. */
static void world_open(World *world, const void *data)
{
    world->backend = test_backend("test:///default");
    world->conn = test_conn(world->backend);
}

static void world_close(World *world, const void *data)
{
    gemel_libvirt_ops.conn_close(world->conn);
    gemel_libvirt_ops.free(world->backend);
}

static void test_default_guest_is_listed(World *world, const void *data)
{
    g_autoptr(GemelInstance) instance = test_find(world->conn, "test");

    g_assert_nonnull(instance);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_RUNNING);
    g_assert_cmpuint(instance->vcpus, ==, 2);
    g_assert_cmpuint(instance->memory_limit_bytes, ==, G_GUINT64_CONSTANT(2) << 30);
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_CONSOLE));
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_EXEC));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
}

static void test_life_of_a_guest(World *world, const void *data)
{
    g_autofree char *id = test_create(world->conn, GUEST_XML("life"));
    static const struct {
        GemelAct act;
        GemelState state;
    } steps[] = {
        {GEMEL_ACT_START, GEMEL_STATE_RUNNING},  {GEMEL_ACT_PAUSE, GEMEL_STATE_PAUSED},
        {GEMEL_ACT_RESUME, GEMEL_STATE_RUNNING}, {GEMEL_ACT_STOP, GEMEL_STATE_STOPPED},
        {GEMEL_ACT_START, GEMEL_STATE_RUNNING},  {GEMEL_ACT_KILL, GEMEL_STATE_STOPPED},
    };

    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_STOPPED);
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        test_act(world->conn, steps[i].act, id);
        g_assert_cmpint(test_state(world->conn, id), ==, steps[i].state);
    }
    test_act(world->conn, GEMEL_ACT_DELETE, id);
    g_assert_null(test_find(world->conn, id));
}

/* What an instance says can be done can be done, and what it says cannot be done conflicts. */
static void test_valid_acts_are_true(World *world, const void *data)
{
    static const GemelAct acts[] = {GEMEL_ACT_START,   GEMEL_ACT_STOP,   GEMEL_ACT_KILL,
                                    GEMEL_ACT_PAUSE,   GEMEL_ACT_RESUME, GEMEL_ACT_DELETE,
                                    GEMEL_ACT_RESTART, GEMEL_ACT_RESET};
    static const GemelAct ways[][2] = {{GEMEL_ACT_PLAIN_N},
                                       {GEMEL_ACT_START, GEMEL_ACT_PLAIN_N},
                                       {GEMEL_ACT_START, GEMEL_ACT_PAUSE}};

    for (gsize way = 0; way < G_N_ELEMENTS(ways); way++) {
        for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
            g_autofree char *id = test_create(world->conn, GUEST_XML("valid"));
            const GemelActArgs force = {.force = TRUE};
            g_autoptr(GemelInstance) instance = NULL;
            g_autoptr(GError) error = NULL;
            gboolean done;

            for (gsize step = 0; step < 2 && ways[way][step] != GEMEL_ACT_PLAIN_N; step++)
                test_act(world->conn, ways[way][step], id);
            instance = test_find(world->conn, id);
            done = gemel_libvirt_ops.act[acts[i]](world->conn, id, NULL, &error);
            g_test_message("%s of a %s guest: %s", gemel_act_name(acts[i]),
                           gemel_state_name(instance->state), done ? "done" : error->message);
            if (gemel_instance_can(instance, acts[i]))
                g_assert_true(done);
            else
                test_check_error(error, GEMEL_ERROR_CONFLICT);
            if (!done || acts[i] != GEMEL_ACT_DELETE)
                gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, id, &force, NULL);
        }
    }
}

static void test_unknown_ids_are_not_found(World *world, const void *data)
{
    static const char *const ids[] = {"", "test", "00000000-0000-0000-0000-000000000001"};
    const GemelStreamArgs stream = {.kind = GEMEL_STREAM_CONSOLE};

    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GError) error = NULL;

        for (GemelAct act = 0; act < GEMEL_ACT_PLAIN_N; act++)
            g_free(test_act_fails(world->conn, act, ids[i], NULL, GEMEL_ERROR_NOT_FOUND));
        g_assert_null(gemel_libvirt_ops.inspect(world->conn, ids[i], &error));
        test_check_error(error, GEMEL_ERROR_NOT_FOUND);
        g_clear_error(&error);
        g_assert_null(gemel_libvirt_ops.snapshots->list(world->conn, ids[i], &error));
        test_check_error(error, GEMEL_ERROR_NOT_FOUND);
        g_clear_error(&error);
        g_assert_null(gemel_libvirt_ops.streams->open(world->conn, ids[i], &stream, &error));
        test_check_error(error, GEMEL_ERROR_NOT_FOUND);
    }
}

static void test_samples_without_figures(World *world, const void *data)
{
    g_autoptr(GemelInstance) instance = test_find(world->conn, "test");
    g_autoptr(GemelSample) sample = test_sample(world->conn, instance->id);

    g_assert_nonnull(sample);
    g_assert_cmpstr(sample->quarantine, ==, NULL);
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_CPU_USAGE));
}

static void test_snapshots(World *world, const void *data)
{
    g_autofree char *id = test_create(world->conn, GUEST_XML("snap"));
    const GemelSnapshotOps *ops = gemel_libvirt_ops.snapshots;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;

    g_assert_true(ops->create(world->conn, id, "b", "first", NULL, &error));
    g_assert_no_error(error);
    g_assert_true(ops->create(world->conn, id, "a", NULL, NULL, &error));
    list = ops->list(world->conn, id, &error);
    g_assert_cmpuint(list->len, ==, 2);
    g_assert_cmpstr(((GemelSnapshot *)list->pdata[0])->name, ==, "b");
    g_assert_cmpstr(((GemelSnapshot *)list->pdata[1])->parent, ==, "b");
    g_assert_true(ops->revert(world->conn, id, "b", NULL, &error));
    g_assert_true(ops->remove(world->conn, id, "b", NULL, &error));
    g_assert_no_error(error);
    test_act(world->conn, GEMEL_ACT_DELETE, id);
}

static void test_limits_without_a_quota_are_unsupported(World *world, const void *data)
{
    g_autofree char *id = test_create(world->conn, GUEST_XML("limits"));
    const GemelActArgs cpus = {.limits = {.cpus = 0.5, .memory_bytes = -1, .pids = -1}};

    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &cpus, GEMEL_ERROR_UNSUPPORTED));
    test_act(world->conn, GEMEL_ACT_DELETE, id);
}

static void test_names_must_agree(World *world, const void *data)
{
    const GemelCreateSpec spec = {.name = "one", .definition = GUEST_XML("two")};
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error));
    test_check_error(error, GEMEL_ERROR_INVALID);
    g_assert_null(test_find(world->conn, "two"));
}

static gboolean comes(TestWatch *watch, GemelEventType type, const char *id)
{
    gint64 until = g_get_monotonic_time() + G_GINT64_CONSTANT(30000000);

    while (g_get_monotonic_time() < until) {
        if (test_watch_saw(watch, type, id))
            return TRUE;
        g_usleep(5000);
    }
    return FALSE;
}

static void test_events(World *world, const void *data)
{
    TestWatch *watch = test_watch_start(world->backend);
    g_autofree char *id = NULL;

    g_assert_true(comes(watch, GEMEL_EVENT_BACKEND_UP, NULL));
    id = test_create(world->conn, GUEST_XML("seen"));
    g_assert_true(comes(watch, GEMEL_EVENT_ADDED, id));
    test_act(world->conn, GEMEL_ACT_START, id);
    g_assert_true(comes(watch, GEMEL_EVENT_STATE, id));
    test_act(world->conn, GEMEL_ACT_KILL, id);
    g_assert_true(comes(watch, GEMEL_EVENT_STATE, id));
    test_act(world->conn, GEMEL_ACT_DELETE, id);
    g_assert_true(comes(watch, GEMEL_EVENT_REMOVED, id));
    test_watch_stop(watch);
}

static void test_unknown_drivers_are_no_connection(World *world, const void *data)
{
    GemelBackend *backend = test_backend("nonsense:///x");
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_libvirt_ops.conn_open(backend, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "nonsense:///x"));
    g_assert_null(strchr(error->message, '\n'));
    gemel_libvirt_ops.free(backend);
}

#define ADD(path, function)                                                                        \
    g_test_add("/libvirt/test driver/" path, World, NULL, world_open, function, world_close)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the default guest is listed", test_default_guest_is_listed);
    ADD("life of a guest", test_life_of_a_guest);
    ADD("valid acts are true", test_valid_acts_are_true);
    ADD("unknown ids are not found", test_unknown_ids_are_not_found);
    ADD("samples without figures", test_samples_without_figures);
    ADD("snapshots", test_snapshots);
    ADD("limits without a quota are unsupported", test_limits_without_a_quota_are_unsupported);
    ADD("names must agree", test_names_must_agree);
    ADD("events", test_events);
    ADD("unknown drivers are no connection", test_unknown_drivers_are_no_connection);
    return g_test_run();
}
