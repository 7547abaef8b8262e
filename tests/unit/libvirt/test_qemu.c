/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libvirt backend against a real libvirtd and QEMU on private ground. */
#include "tests/unit/libvirt/qemu.h"

const GroundGuest plain_guest = {NULL};
const GroundGuest deaf_guest = {.format = "none"};

void world_open(World *world, const void *data)
{
    world->backend = test_backend("qemu:///system");
    world->conn = test_conn(world->backend);
}

/* Kills and forgets every guest, so that tests do not meet. */
void world_close(World *world, const void *data)
{
    const GemelActArgs force = {.force = TRUE};
    g_autoptr(GPtrArray) list = gemel_libvirt_ops.list(world->conn, NULL);

    for (guint i = 0; list != NULL && i < list->len; i++)
        gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, ((GemelInstance *)list->pdata[i])->id,
                                                &force, NULL);
    gemel_libvirt_ops.conn_close(world->conn);
    gemel_libvirt_ops.free(world->backend);
}

char *make(World *world, const char *word, const GroundGuest *guest)
{
    g_autofree char *xml = ground_guest_xml(word, guest);

    return test_create(world->conn, xml);
}

char *make_running(World *world, const char *word, const GroundGuest *guest)
{
    char *id = make(world, word, guest);

    test_act(world->conn, GEMEL_ACT_START, id);
    return id;
}

guint64 metric(World *world, const char *id, GemelMetric which)
{
    g_autoptr(GemelSample) sample = test_sample(world->conn, id);

    return sample != NULL && gemel_sample_has(sample, which) ? sample->value[which] : 0;
}

/* Its boot sector has been read: from now on it hears its power button. */
void wait_booted(World *world, const char *id)
{
    ground_until(metric(world, id, GEMEL_METRIC_IO_RD_OPS) > 0, 20000);
    g_usleep(200000); /* a few instructions, no way to see them */
}

void limit(World *world, const char *id, GemelLimits limits)
{
    const GemelActArgs args = {.limits = limits};
    g_autoptr(GError) error = NULL;
    gboolean done = gemel_libvirt_ops.act[GEMEL_ACT_LIMIT](world->conn, id, &args, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

static void *pump(void *data)
{
    Terminal *terminal = data;

    terminal->status = gemel_libvirt_ops.streams->pump(terminal->stream, &terminal->error);
    g_atomic_int_set(&terminal->has_ended, 1);
    return NULL;
}

void terminal_open(Terminal *terminal, GemelBackend *backend, const char *id)
{
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE, .rows = 24, .cols = 80};

    *terminal = (Terminal){.conn = test_conn(backend)};
    terminal->stream = gemel_libvirt_ops.streams->open(terminal->conn, id, &args, &terminal->error);
    g_assert_no_error(terminal->error);
    terminal->fd = terminal->stream->fd;
    g_assert_cmpint(terminal->stream->err_fd, ==, -1);
    terminal->thread = g_thread_new("console", pump, terminal);
}

void terminal_join(Terminal *terminal)
{
    ground_until(g_atomic_int_get(&terminal->has_ended), 15000);
    g_thread_join(terminal->thread);
    gemel_libvirt_ops.streams->free(terminal->stream);
    gemel_libvirt_ops.conn_close(terminal->conn);
}

static int inside(int argc, char **argv)
{
    ground_start_daemon();
    g_test_init(&argc, &argv, NULL);
    add_daemon_tests();
    add_acts_tests();
    add_define_tests();
    add_samples_tests();
    add_snapshots_tests();
    add_consoles_tests();
    return g_test_run();
}

int main(int argc, char **argv)
{
    g_autofree char *obstacle = ground_obstacle();

    if (obstacle != NULL) {
        g_print("1..0 # SKIP %s\n", obstacle);
        return 0;
    }
    /* This process has nothing left to run down, and may start no thread to do it. */
    _exit(ground_run(argc, argv, inside));
}
