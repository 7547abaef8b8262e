/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events, and a daemon that ends, hangs or refuses, on a real QEMU. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/libvirt/qemu.h"

static void test_watch_tells_what_others_do(World *world, const void *data)
{
    GemelBackend *elsewhere = test_backend("qemu:///system");
    TestWatch *watch = test_watch_start(elsewhere);
    g_autofree char *id = NULL;

    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_UP, NULL), 10000);
    id = make(world, "seen", &plain_guest);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_ADDED, id), 5000);
    test_act(world->conn, GEMEL_ACT_START, id);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_STATE, id), 5000);
    limit(world, id, (GemelLimits){.cpus = 0.5, .memory_bytes = -1, .pids = -1});
    ground_until(test_watch_saw(watch, GEMEL_EVENT_CHANGED, id), 5000);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_STATE, id), 5000);
    test_act(world->conn, GEMEL_ACT_DELETE, id);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_REMOVED, id), 5000);
    test_watch_stop(watch);
    gemel_libvirt_ops.free(elsewhere);
}

/* A guest that is undefined while it runs stays until it stops; no event says that it went. */
static void test_transient_guest_goes_when_it_stops(World *world, const void *data)
{
    TestWatch *watch = test_watch_start(world->backend);
    g_autofree char *id = make_running(world, "mayfly", &plain_guest);
    g_autofree char *argv =
        g_strdup_printf("virsh -q -c qemu:///system undefine %s", ground_name("mayfly"));
    g_autoptr(GemelInstance) instance = NULL;

    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_UP, NULL), 10000);
    g_assert_true(g_spawn_command_line_sync(argv, NULL, NULL, NULL, NULL));
    ground_until(test_watch_saw(watch, GEMEL_EVENT_CHANGED, id), 5000);
    instance = test_find(world->conn, id);
    g_assert_nonnull(instance);
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_DELETE));
    test_act(world->conn, GEMEL_ACT_KILL, id);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_REMOVED, id), 5000);
    g_assert_null(test_find(world->conn, id));
    test_watch_stop(watch);
}

static void test_renamed_guest_keeps_its_id(World *world, const void *data)
{
    g_autofree char *id = make(world, "old", &plain_guest);
    g_autofree char *argv = g_strdup_printf("virsh -q -c qemu:///system domrename %s %s",
                                            ground_name("old"), ground_name("young"));
    g_autoptr(GemelInstance) instance = NULL;

    gemel_instance_free(test_find(world->conn, id));
    g_assert_true(g_spawn_command_line_sync(argv, NULL, NULL, NULL, NULL));
    instance = test_find(world->conn, id);
    g_assert_cmpstr(instance->name, ==, ground_name("young"));
}

/* Through the daemon's socket named in the URI, and to a driver other than QEMU behind it. */
static void test_other_ways_to_the_daemon(World *world, const void *data)
{
    static const char *const uris[] = {"qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
                                       "test+unix:///default"};

    for (gsize i = 0; i < G_N_ELEMENTS(uris); i++) {
        GemelBackend *backend = test_backend(uris[i]);
        GemelConn *conn = test_conn(backend);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = gemel_libvirt_ops.list(conn, &error);

        g_assert_no_error(error);
        g_assert_nonnull(list);
        g_assert_true(gemel_libvirt_ops.conn_alive(conn));
        gemel_libvirt_ops.conn_close(conn);
        gemel_libvirt_ops.free(backend);
    }
}

/* The pid file is not where it is looked for: found by its uuid all the same. */
static void test_qemu_is_found_without_its_pid_file(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "hidden", &plain_guest);
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.pid", ground_name("hidden"));
    g_autoptr(GemelInstance) instance = NULL;

    g_assert_cmpint(unlink(path), ==, 0);
    instance = test_find(world->conn, id);
    g_assert_cmpint(instance->started_boottime_ns, >, 0);
}

static void test_daemon_restart_is_survived(World *world, const void *data)
{
    TestWatch *watch = test_watch_start(world->backend);
    g_autofree char *id = make_running(world, "stays", &plain_guest);
    g_autoptr(GError) error = NULL;
    Terminal terminal;

    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_UP, NULL), 10000);
    terminal_open(&terminal, world->backend, id);
    ground_stop_daemon(SIGKILL);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_DOWN, NULL), 10000);
    ground_until(!gemel_libvirt_ops.conn_alive(world->conn), 5000);
    terminal_join(&terminal);
    test_check_error(terminal.error, GEMEL_ERROR_UNREACHABLE);
    g_assert_cmpint(terminal.status, ==, -1);
    g_clear_error(&terminal.error);
    close(terminal.fd);

    g_assert_null(gemel_libvirt_ops.list(world->conn, &error));
    test_check_error(error, GEMEL_ERROR_UNREACHABLE);
    g_clear_error(&error);
    g_assert_null(gemel_libvirt_ops.sample(world->conn, &error));
    test_check_error(error, GEMEL_ERROR_UNREACHABLE);
    g_clear_error(&error);
    g_assert_null(gemel_libvirt_ops.conn_open(world->backend, &error));
    test_check_error(error, GEMEL_ERROR_UNREACHABLE);
    g_assert_nonnull(strstr(error->message, "systemctl start libvirtd"));
    gemel_libvirt_ops.conn_close(world->conn);

    ground_start_daemon();
    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_UP, NULL), 15000);
    world->conn = test_conn(world->backend);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_STATE, id), 5000);
    test_watch_stop(watch);
}

static void test_daemon_that_hangs_is_given_up(World *world, const void *data)
{
    GemelBackend *elsewhere = test_backend("qemu:///system");
    TestWatch *watch = test_watch_start(elsewhere);
    g_autoptr(GError) error = NULL;
    gint64 begun;

    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_UP, NULL), 10000);
    kill(ground_daemon_pid(), SIGSTOP);
    begun = g_get_monotonic_time();
    g_assert_null(gemel_libvirt_ops.list(world->conn, &error));
    test_check_error(error, GEMEL_ERROR_UNREACHABLE);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_GINT64_CONSTANT(15000000));
    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_DOWN, NULL), 10000);
    /* While it waits in virConnectOpen for the daemon, it still ends when told to. */
    g_usleep(500000);
    begun = g_get_monotonic_time();
    test_watch_stop(watch);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_GINT64_CONSTANT(10000000));
    gemel_libvirt_ops.free(elsewhere);

    kill(ground_daemon_pid(), SIGCONT);
    gemel_libvirt_ops.conn_close(world->conn);
    world->conn = test_conn(world->backend);
}

/* Before libvirt is in use: as another user, who may not open the socket. */
static void test_stranger_is_denied(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        g_autoptr(GError) error = NULL;
        GemelBackend *backend = gemel_libvirt_ops.create("lv", "qemu:///system", NULL);

        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(3);
        if (gemel_libvirt_ops.conn_open(backend, &error) != NULL)
            _exit(4);
        if (!g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_DENIED) ||
            strstr(error->message, "join the group libvirt or use sudo") == NULL) {
            fprintf(stderr, "# %s\n", error->message);
            _exit(5);
        }
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

void add_daemon_tests(void)
{
    g_test_add_func("/libvirt/qemu/connect/a stranger is denied and told how to mend it",
                    test_stranger_is_denied);
    ADD("list/a renamed guest keeps its id", test_renamed_guest_keeps_its_id);
    ADD("watch/tells what others do", test_watch_tells_what_others_do);
    ADD("watch/a transient guest goes when it stops", test_transient_guest_goes_when_it_stops);
    ADD("daemon/other ways to it", test_other_ways_to_the_daemon);
    ADD("daemon/QEMU is found without its pid file", test_qemu_is_found_without_its_pid_file);
    ADD("daemon/a restart is survived", test_daemon_restart_is_survived);
    ADD("daemon/one that hangs is given up", test_daemon_that_hangs_is_given_up);
}
