/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists, inspection and plain acts, on a real QEMU. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/libvirt/qemu.h"

/* ---- list, inspect --------------------------------------------------------------------------- */

static void test_new_guest_is_listed(World *world, const void *data)
{
    g_autofree char *id = make(world, "new", &plain_guest);
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);

    g_assert_nonnull(instance);
    g_assert_cmpstr(instance->name, ==, ground_name("new"));
    g_assert_cmpstr(instance->backend, ==, "lv");
    g_assert_cmpint(instance->kind, ==, GEMEL_KIND_VM);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_STOPPED);
    g_assert_cmpuint(instance->vcpus, ==, 2);
    g_assert_cmpuint(instance->memory_limit_bytes, ==, 32u << 20);
    g_assert_cmpfloat(instance->cpu_limit, ==, 0);
    g_assert_cmpint(instance->started_boottime_ns, ==, 0);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_START));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_CONSOLE));
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_CONSOLE], ==, "is not running");
}

static void test_start_time_is_qemus(World *world, const void *data)
{
    gint64 before = gemel_boottime_ns();
    g_autofree char *id = make_running(world, "age", &plain_guest);
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);

    /* /proc counts in hundredths of a second. */
    g_assert_cmpint(instance->started_boottime_ns, >=, before - 10000000);
    g_assert_cmpint(instance->started_boottime_ns, <=, gemel_boottime_ns());
}

static void test_restart_of_qemu_is_noticed(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "again", &plain_guest);
    g_autoptr(GemelInstance) first = test_find(world->conn, id), second = NULL;

    test_act(world->conn, GEMEL_ACT_KILL, id);
    g_usleep(20000);
    test_act(world->conn, GEMEL_ACT_START, id);
    second = test_find(world->conn, id);
    g_assert_cmpint(second->started_boottime_ns, >, first->started_boottime_ns);
}

static void test_guest_without_console_says_so(World *world, const void *data)
{
    const GroundGuest mute = {.no_console = TRUE};
    g_autofree char *id = make_running(world, "mute", &mute);
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);

    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_CONSOLE));
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_CONSOLE], ==, "has no console device");
}

static const char *text_of(const GemelInspect *inspect, const char *key)
{
    return json_string_value(json_object_get(inspect->essentials, key));
}

static void virsh(const char *verb, const char *word)
{
    g_autofree char *line =
        g_strdup_printf("virsh -q -c qemu:///system %s %s", verb, ground_name(word));
    int status = -1;

    g_assert_true(g_spawn_command_line_sync(line, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

/* Its memory is on disk: it can be started and forgotten, but its disks must not change. */
static void test_saved_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "saved", &plain_guest);
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GError) error = NULL;

    virsh("managedsave", "saved");
    instance = test_find(world->conn, id);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_SAVED);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_START));
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
    g_assert_false(gemel_libvirt_ops.snapshots->create(world->conn, id, "s1", NULL, NULL, &error));
    test_check_error(error, GEMEL_ERROR_CONFLICT);
    test_act(world->conn, GEMEL_ACT_START, id);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    virsh("managedsave", "saved");
    test_act(world->conn, GEMEL_ACT_DELETE, id);
    g_assert_null(test_find(world->conn, id));
}

static void test_death_of_qemu_is_a_crash(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "crash", &plain_guest);
    g_autoptr(GemelInstance) instance = NULL;

    g_assert_cmpint(kill(ground_qemu_pid("crash"), SIGKILL), ==, 0);
    ground_until(test_state(world->conn, id) != GEMEL_STATE_RUNNING, 10000);
    instance = test_find(world->conn, id);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_CRASHED);
    g_assert_cmpstr(instance->state_reason, ==, "its QEMU crashed");
    test_act(world->conn, GEMEL_ACT_START, id);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_autostart_is_shown(World *world, const void *data)
{
    g_autofree char *id = make(world, "auto", &plain_guest);
    g_autoptr(GemelInstance) instance = NULL;

    virsh("autostart", "auto");
    instance = test_find(world->conn, id);
    g_assert_true(instance->autostart);
    virsh("autostart --disable", "auto");
}

static void test_inspect_tells_the_essentials(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "essence", &plain_guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelInspect) inspect = gemel_libvirt_ops.inspect(world->conn, id, &error);
    const json_t *disk, *pid;

    g_assert_no_error(error);
    g_assert_cmpstr(inspect->definition_format, ==, "xml");
    g_assert_nonnull(strstr(inspect->definition, "<domain"));
    g_assert_cmpstr(text_of(inspect, "name"), ==, ground_name("essence"));
    g_assert_cmpstr(text_of(inspect, "id"), ==, id);
    g_assert_cmpstr(text_of(inspect, "type"), ==, "qemu");
    g_assert_cmpstr(text_of(inspect, "arch"), ==, "x86_64");
    g_assert_cmpstr(text_of(inspect, "state"), ==, "running");
    g_assert_true(json_is_true(json_object_get(inspect->essentials, "persistent")));
    g_assert_true(json_is_false(json_object_get(inspect->essentials, "autostart")));
    disk = json_array_get(json_object_get(inspect->essentials, "disks"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(disk, "target")), ==, "vda");
    g_assert_cmpstr(json_string_value(json_object_get(disk, "format")), ==, "qcow2");
    pid = json_object_get(inspect->essentials, "pid");
    g_assert_cmpint(json_integer_value(pid), ==, ground_qemu_pid("essence"));
}

/* ---- acts ------------------------------------------------------------------------------------ */

static void test_life_of_a_guest(World *world, const void *data)
{
    g_autofree char *id = make(world, "life", &plain_guest);
    static const struct {
        GemelAct act;
        GemelState state;
    } steps[] = {
        {GEMEL_ACT_START, GEMEL_STATE_RUNNING},  {GEMEL_ACT_PAUSE, GEMEL_STATE_PAUSED},
        {GEMEL_ACT_RESUME, GEMEL_STATE_RUNNING}, {GEMEL_ACT_RESET, GEMEL_STATE_RUNNING},
        {GEMEL_ACT_KILL, GEMEL_STATE_STOPPED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        test_act(world->conn, steps[i].act, id);
        g_assert_cmpint(test_state(world->conn, id), ==, steps[i].state);
    }
}

static void test_failures_tell_libvirts_reason(World *world, const void *data)
{
    g_autofree char *id = make(world, "diskless", &plain_guest), *message = NULL;
    g_autofree char *disk = g_strdup_printf("%s/%s.qcow2", ground_dir(), ground_name("diskless"));

    g_assert_cmpint(unlink(disk), ==, 0);
    message = test_act_fails(world->conn, GEMEL_ACT_START, id, NULL, GEMEL_ERROR_FAILED);
    g_assert_nonnull(strstr(message, ground_name("diskless")));
    g_assert_nonnull(strstr(message, "No such file"));
}

static void test_acts_in_the_wrong_state_conflict(World *world, const void *data)
{
    static const GemelAct of_running[] = {GEMEL_ACT_STOP,  GEMEL_ACT_KILL,  GEMEL_ACT_RESTART,
                                          GEMEL_ACT_RESET, GEMEL_ACT_PAUSE, GEMEL_ACT_RESUME};
    g_autofree char *id = make(world, "wrong", &plain_guest);
    g_autofree char *again = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(of_running); i++) {
        g_autofree char *message =
            test_act_fails(world->conn, of_running[i], id, NULL, GEMEL_ERROR_CONFLICT);

        g_assert_nonnull(strstr(message, ground_name("wrong")));
    }
    test_act(world->conn, GEMEL_ACT_START, id);
    again = test_act_fails(world->conn, GEMEL_ACT_START, id, NULL, GEMEL_ERROR_CONFLICT);
    g_assert_nonnull(strstr(again, "is already running"));
    g_free(test_act_fails(world->conn, GEMEL_ACT_DELETE, id, NULL, GEMEL_ERROR_CONFLICT));
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_unknown_ids_are_not_found(World *world, const void *data)
{
    static const char *const ids[] = {"", "nonsense", "00000000-0000-0000-0000-000000000001"};

    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        for (GemelAct act = 0; act < GEMEL_ACT_PLAIN_N; act++)
            g_free(test_act_fails(world->conn, act, ids[i], NULL, GEMEL_ERROR_NOT_FOUND));
    }
}

static void test_stop_presses_the_power_button(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "polite", &plain_guest);

    wait_booted(world, id);
    test_act(world->conn, GEMEL_ACT_STOP, id);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_STOPPED);
}

static void test_stop_of_a_deaf_guest_times_out(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "deaf", &deaf_guest);
    const GemelActArgs args = {.timeout_ms = 400};
    g_autofree char *message =
        test_act_fails(world->conn, GEMEL_ACT_STOP, id, &args, GEMEL_ERROR_TIMEOUT);

    g_assert_nonnull(strstr(message, "--force"));
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_forced_stop_ends_a_deaf_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "forced", &deaf_guest);
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.timeout_ms = 400, .force = TRUE, .note = test_note, .data = notes};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_STOP](world->conn, id, &args, &error));
    g_assert_no_error(error);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_STOPPED);
    g_assert_nonnull(strstr(notes->str, "was ended"));
}

static void test_stop_without_waiting_returns_at_once(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "nowait", &deaf_guest);
    const GemelActArgs args = {.no_wait = TRUE};
    gint64 begun = g_get_monotonic_time();

    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_STOP](world->conn, id, &args, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_GINT64_CONSTANT(9000000));
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void *cancel_soon(void *data)
{
    g_usleep(300000);
    g_atomic_int_set((gint *)data, 1);
    return NULL;
}

static void test_cancel_ends_the_wait(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "cancel", &deaf_guest);
    gint cancel = 0;
    const GemelActArgs args = {.cancel = &cancel};
    GThread *thread = g_thread_new("cancel", cancel_soon, &cancel);
    g_autofree char *message =
        test_act_fails(world->conn, GEMEL_ACT_STOP, id, &args, GEMEL_ERROR_FAILED);

    g_thread_join(thread);
    g_assert_nonnull(strstr(message, "no longer waiting"));
}

static void test_restart_boots_the_guest_anew(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "reboot", &plain_guest);
    pid_t pid;
    guint64 reads;

    wait_booted(world, id);
    pid = ground_qemu_pid("reboot");
    reads = metric(world, id, GEMEL_METRIC_IO_RD_OPS);
    test_act(world->conn, GEMEL_ACT_RESTART, id);
    ground_until(metric(world, id, GEMEL_METRIC_IO_RD_OPS) > reads, 20000);
    g_assert_cmpint(ground_qemu_pid("reboot"), ==, pid);
}

void add_acts_tests(void)
{
    ADD("list/a new guest is listed", test_new_guest_is_listed);
    ADD("list/the start time is that of QEMU", test_start_time_is_qemus);
    ADD("list/a restart of QEMU is noticed", test_restart_of_qemu_is_noticed);
    ADD("list/a guest without a console says so", test_guest_without_console_says_so);
    ADD("list/a saved guest", test_saved_guest);
    ADD("list/the death of QEMU is a crash", test_death_of_qemu_is_a_crash);
    ADD("list/autostart is shown", test_autostart_is_shown);
    ADD("inspect/tells the essentials", test_inspect_tells_the_essentials);
    ADD("act/start pause resume reset kill", test_life_of_a_guest);
    ADD("act/the wrong state is a conflict", test_acts_in_the_wrong_state_conflict);
    ADD("act/failures tell libvirt's reason", test_failures_tell_libvirts_reason);
    ADD("act/unknown ids are not found", test_unknown_ids_are_not_found);
    ADD("act/stop presses the power button", test_stop_presses_the_power_button);
    ADD("act/stop of a deaf guest times out and leaves it", test_stop_of_a_deaf_guest_times_out);
    ADD("act/forced stop ends a deaf guest", test_forced_stop_ends_a_deaf_guest);
    ADD("act/stop without waiting returns at once", test_stop_without_waiting_returns_at_once);
    ADD("act/cancel ends the wait", test_cancel_ends_the_wait);
    ADD("act/restart boots the guest anew", test_restart_boots_the_guest_anew);
}
