/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libvirt backend against a real libvirtd and QEMU on private ground. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/libvirt/ground.h"
#include "tests/unit/libvirt/guest.h"

static const GroundGuest plain_guest = {NULL};
static const GroundGuest deaf_guest = {.format = "none"};

typedef struct {
    GemelBackend *backend;
    GemelConn *conn;
} World;

static void world_open(World *world, const void *data)
{
    world->backend = test_backend("qemu:///system");
    world->conn = test_conn(world->backend);
}

/* Kills and forgets every guest, so that tests do not meet. */
static void world_close(World *world, const void *data)
{
    const GemelActArgs force = {.force = TRUE};
    g_autoptr(GPtrArray) list = gemel_libvirt_ops.list(world->conn, NULL);

    for (guint i = 0; list != NULL && i < list->len; i++)
        gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, ((GemelInstance *)list->pdata[i])->id,
                                                &force, NULL);
    gemel_libvirt_ops.conn_close(world->conn);
    gemel_libvirt_ops.free(world->backend);
}

static char *make(World *world, const char *word, const GroundGuest *guest)
{
    g_autofree char *xml = ground_guest_xml(word, guest);

    return test_create(world->conn, xml);
}

static char *make_running(World *world, const char *word, const GroundGuest *guest)
{
    char *id = make(world, word, guest);

    test_act(world->conn, GEMEL_ACT_START, id);
    return id;
}

static guint64 metric(World *world, const char *id, GemelMetric which)
{
    g_autoptr(GemelSample) sample = test_sample(world->conn, id);

    return sample != NULL && gemel_sample_has(sample, which) ? sample->value[which] : 0;
}

/* Its boot sector has been read: from now on it hears its power button. */
static void wait_booted(World *world, const char *id)
{
    ground_until(metric(world, id, GEMEL_METRIC_IO_RD_OPS) > 0, 20000);
    g_usleep(200 * 1000); /* a few instructions, no way to see them */
}

/* ---- list, inspect -------------------------------------------------------------------------- */

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
    g_usleep(20 * 1000);
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

/* ---- acts ----------------------------------------------------------------------------------- */

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
    g_autofree char *again = NULL, *kept = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(of_running); i++) {
        g_autofree char *message =
            test_act_fails(world->conn, of_running[i], id, NULL, GEMEL_ERROR_CONFLICT);

        g_assert_nonnull(strstr(message, ground_name("wrong")));
    }
    test_act(world->conn, GEMEL_ACT_START, id);
    again = test_act_fails(world->conn, GEMEL_ACT_START, id, NULL, GEMEL_ERROR_CONFLICT);
    g_assert_nonnull(strstr(again, "is already running"));
    kept = test_act_fails(world->conn, GEMEL_ACT_DELETE, id, NULL, GEMEL_ERROR_CONFLICT);
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
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 5 * G_USEC_PER_SEC);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void *cancel_soon(void *data)
{
    g_usleep(300 * 1000);
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

/* ---- create, delete, limit ------------------------------------------------------------------ */

static void test_definition_of_a_known_name_exists(World *world, const void *data)
{
    g_autofree char *xml = ground_guest_xml("twice", &plain_guest);
    const GemelCreateSpec spec = {.definition = xml};
    g_autoptr(GError) error = NULL;

    g_free(test_create(world->conn, xml));
    g_assert_null(gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error));
    test_check_error(error, GEMEL_ERROR_EXISTS);
}

static void test_bad_definitions_are_invalid(World *world, const void *data)
{
    static const char *const bad[] = {NULL,
                                      "",
                                      "nonsense",
                                      "<domain",
                                      "<pool/>",
                                      "<domain type='qemu'/>",
                                      "<domain type='qemu'><name>x</name></domain>"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const GemelCreateSpec spec = {.definition = bad[i]};
        g_autoptr(GError) error = NULL;

        g_assert_null(gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error));
        test_check_error(error, GEMEL_ERROR_INVALID);
    }
}

static void test_delete_leaves_the_disk_and_says_so(World *world, const void *data)
{
    g_autofree char *id = make(world, "gone", &plain_guest);
    g_autofree char *disk = g_strdup_printf("%s/%s.qcow2", ground_dir(), ground_name("gone"));
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.note = test_note, .data = notes};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_libvirt_ops.snapshots->create(world->conn, id, "s1", NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, id, &args, &error));
    g_assert_no_error(error);
    g_assert_null(test_find(world->conn, id));
    g_assert_nonnull(strstr(notes->str, disk));
    g_assert_nonnull(strstr(notes->str, "1 snapshot"));
    g_assert_true(g_file_test(disk, G_FILE_TEST_EXISTS));
}

static void test_forced_delete_ends_a_running_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "away", &plain_guest);
    const GemelActArgs args = {.force = TRUE};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, id, &args, &error));
    g_assert_no_error(error);
    g_assert_null(test_find(world->conn, id));
    g_assert_cmpint(ground_qemu_pid("away"), ==, 0);
}

static void limit(World *world, const char *id, GemelLimits limits)
{
    const GemelActArgs args = {.limits = limits};
    g_autoptr(GError) error = NULL;
    gboolean done = gemel_libvirt_ops.act[GEMEL_ACT_LIMIT](world->conn, id, &args, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

static void test_cpu_limit_holds_now_and_later(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "halved", &plain_guest);
    g_autoptr(GemelInstance) live = NULL, off = NULL, lifted = NULL;

    limit(world, id, (GemelLimits){.cpus = 0.5, .memory_bytes = -1, .pids = -1});
    live = test_find(world->conn, id);
    g_assert_cmpfloat_with_epsilon(live->cpu_limit, 0.5, 0.001);
    g_assert_cmpuint(metric(world, id, GEMEL_METRIC_CPU_LIMIT), ==, 500);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    off = test_find(world->conn, id);
    g_assert_cmpfloat_with_epsilon(off->cpu_limit, 0.5, 0.001);
    limit(world, id, (GemelLimits){.cpus = 0, .memory_bytes = -1, .pids = -1});
    lifted = test_find(world->conn, id);
    g_assert_cmpfloat(lifted->cpu_limit, ==, 0);
}

static void test_cpu_limit_throttles(World *world, const void *data)
{
    /* Busy from the first instruction on: the firmware looks for something to boot. */
    g_autofree char *id = make(world, "slow", &plain_guest);

    limit(world, id, (GemelLimits){.cpus = 0.05, .memory_bytes = -1, .pids = -1});
    test_act(world->conn, GEMEL_ACT_START, id);
    ground_until(metric(world, id, GEMEL_METRIC_CPU_NR_THROTTLED) > 0, 10000);
    g_assert_cmpuint(metric(world, id, GEMEL_METRIC_CPU_THROTTLED), >, 0);
}

static void test_memory_limit_of_a_stopped_guest(World *world, const void *data)
{
    g_autofree char *id = make(world, "small", &plain_guest);
    g_autoptr(GemelInstance) smaller = NULL, larger = NULL, full = NULL;

    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 16 << 20, .pids = -1});
    smaller = test_find(world->conn, id);
    g_assert_cmpuint(smaller->memory_limit_bytes, ==, 16u << 20);
    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 64 << 20, .pids = -1});
    larger = test_find(world->conn, id);
    g_assert_cmpuint(larger->memory_limit_bytes, ==, 64u << 20);
    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 0, .pids = -1});
    full = test_find(world->conn, id);
    g_assert_cmpuint(full->memory_limit_bytes, ==, 64u << 20);
}

static void test_impossible_limits_say_why(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "nolimit", &plain_guest);
    const GemelActArgs pids = {.limits = {.cpus = -1, .memory_bytes = -1, .pids = 5}};
    const GemelActArgs tiny = {.limits = {.cpus = 0.001, .memory_bytes = -1, .pids = -1}};
    const GemelActArgs huge = {.limits = {.cpus = -1, .memory_bytes = (gint64)1 << 40, .pids = -1}};

    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &pids, GEMEL_ERROR_UNSUPPORTED));
    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &tiny, GEMEL_ERROR_INVALID));
    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &huge, GEMEL_ERROR_CONFLICT));
}

/* ---- samples -------------------------------------------------------------------------------- */

static const GemelRow *row_of(const GemelSample *sample, GemelRowGroup group, const char *name)
{
    for (guint i = 0; i < sample->rows->len; i++) {
        const GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        if (row->group == group && g_str_equal(row->name, name))
            return row;
    }
    return NULL;
}

static void test_sample_has_devices_and_host_figures(World *world, const void *data)
{
    const GroundGuest networked = {
        .extra = "<interface type='ethernet'><target dev='tapgemel0'/><model type='virtio'/>"
                 "</interface>"};
    g_autofree char *id = make_running(world, "busy", &networked);
    g_autoptr(GemelSample) sample = NULL;
    const GemelRow *row;

    wait_booted(world, id);
    sample = test_sample(world->conn, id);
    g_assert_null(sample->quarantine);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_USAGE], >, 0);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_LIMIT], ==, 2000);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_MEM_LIMIT], ==, 32u << 20);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_MEM_RSS], >, 1u << 20);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_PIDS_CURRENT], >, 2);
    row = row_of(sample, GEMEL_ROWS_VCPU, "0");
    g_assert_nonnull(row);
    g_assert_true(row->valid >> GEMEL_ROW_VCPU_TIME & 1);
    g_assert_nonnull(row_of(sample, GEMEL_ROWS_VCPU, "1"));
    row = row_of(sample, GEMEL_ROWS_DISK, "vda");
    g_assert_nonnull(row);
    g_assert_cmpuint(row->value[GEMEL_ROW_DISK_RD_BYTES], >=, 512);
    g_assert_nonnull(row_of(sample, GEMEL_ROWS_NIC, "tapgemel0"));
    g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_NET_RX_BYTES));
    g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_CPU_NR_THROTTLED));
    if (g_file_test("/sys/fs/cgroup/unified/cgroup.procs", G_FILE_TEST_EXISTS) ||
        g_file_test("/sys/fs/cgroup/cgroup.procs", G_FILE_TEST_EXISTS))
        g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_PSI_CPU_TOTAL));
}

static void test_stopped_guests_have_no_sample(World *world, const void *data)
{
    g_autofree char *id = make(world, "idle", &plain_guest);

    g_assert_null(test_sample(world->conn, id));
}

static void test_paused_guest_has_a_sample(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "still", &plain_guest);
    g_autoptr(GemelSample) sample = NULL;

    test_act(world->conn, GEMEL_ACT_PAUSE, id);
    sample = test_sample(world->conn, id);
    g_assert_nonnull(sample);
    g_assert_null(sample->quarantine);
}

static void test_guest_without_balloon_or_disk_is_no_quarantine(World *world, const void *data)
{
    const GroundGuest bare = {.format = "none"};
    g_autofree char *xml = ground_guest_xml("bare", &bare), *id = NULL;
    g_auto(GStrv) parts = g_strsplit(xml, "<memballoon model='virtio'/>", 2);
    g_autofree char *without = g_strjoinv("<memballoon model='none'/>", parts);
    g_autoptr(GemelSample) sample = NULL;

    id = test_create(world->conn, without);
    test_act(world->conn, GEMEL_ACT_START, id);
    sample = test_sample(world->conn, id);
    g_assert_nonnull(sample);
    g_assert_cmpstr(sample->quarantine, ==, NULL);
}

/* KVM's own counters; where a guest cannot run under it there is nothing to see. */
static void test_kvm_counts_exits(World *world, const void *data)
{
    const GroundGuest kvm = {.type = "kvm"};
    g_autofree char *xml = ground_guest_xml("kvm", &kvm), *id = NULL;
    const GemelCreateSpec spec = {.definition = xml};
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelSample) sample = NULL;

    id = gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error);
    if (id == NULL || !gemel_libvirt_ops.act[GEMEL_ACT_START](world->conn, id, NULL, &error)) {
        g_autofree char *why = g_strdup_printf("no guest under KVM: %s", error->message);

        g_test_skip(why);
        return;
    }
    for (int i = 0; i < 200; i++) {
        const GemelRow *row;

        g_clear_pointer(&sample, gemel_sample_free);
        sample = test_sample(world->conn, id);
        row = row_of(sample, GEMEL_ROWS_VCPU, "0");
        if (row != NULL && (row->valid >> GEMEL_ROW_VCPU_EXITS & 1) &&
            row->value[GEMEL_ROW_VCPU_EXITS] > 0)
            return;
        g_usleep(20 * 1000);
    }
    g_test_fail_printf("no vCPU exits were counted");
}

/* ---- a QEMU that hangs ---------------------------------------------------------------------- */

typedef struct {
    GemelBackend *backend;
    gint has_begun, has_ended;
} Stuck;

static void *sample_once(void *data)
{
    Stuck *stuck = data;
    GemelConn *conn = test_conn(stuck->backend);
    GPtrArray *samples;

    g_atomic_int_set(&stuck->has_begun, 1);
    samples = gemel_libvirt_ops.sample(conn, NULL);
    if (samples != NULL)
        g_ptr_array_unref(samples);
    gemel_libvirt_ops.conn_close(conn);
    g_atomic_int_set(&stuck->has_ended, 1);
    return NULL;
}

static void test_hanging_qemu_holds_up_nobody_else(World *world, const void *data)
{
    g_autofree char *one = make_running(world, "one", &plain_guest);
    g_autofree char *ice = make_running(world, "ice", &plain_guest);
    g_autofree char *two = make_running(world, "two", &plain_guest);
    Stuck stuck = {.backend = world->backend};
    pid_t pid = ground_qemu_pid("ice");
    GThread *thread;
    gint64 begun, worst = 0;

    /* A warm cache, as in the program. */
    gemel_sample_free(test_sample(world->conn, one));
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);

    begun = g_get_monotonic_time();
    g_assert_cmpint(test_state(world->conn, ice), ==, GEMEL_STATE_RUNNING);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_USEC_PER_SEC);

    /* The first call that asks it hangs, and takes its job. */
    thread = g_thread_new("stuck", sample_once, &stuck);
    ground_until(g_atomic_int_get(&stuck.has_begun), 5000);
    g_usleep(500 * 1000);
    g_assert_false(g_atomic_int_get(&stuck.has_ended));

    for (int i = 0; i < 5; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) samples = NULL;
        guint n_good = 0, n_bad = 0;

        begun = g_get_monotonic_time();
        samples = gemel_libvirt_ops.sample(world->conn, &error);
        worst = MAX(worst, g_get_monotonic_time() - begun);
        g_assert_no_error(error);
        g_assert_cmpuint(samples->len, ==, 3);
        for (guint j = 0; j < samples->len; j++) {
            const GemelSample *sample = samples->pdata[j];

            if (sample->quarantine == NULL) {
                g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_IO_RD_OPS));
                n_good++;
            } else {
                g_assert_cmpstr(sample->id, !=, two);
                g_assert_cmpstr(sample->id, ==, ice);
                g_assert_nonnull(strstr(sample->quarantine, "is stopped"));
                n_bad++;
            }
        }
        g_assert_cmpuint(n_good, ==, 2);
        g_assert_cmpuint(n_bad, ==, 1);
    }
    g_test_message("slowest sample beside a hanging QEMU: %d ms", (int)(worst / 1000));
    g_assert_cmpint(worst, <, G_USEC_PER_SEC);

    begun = g_get_monotonic_time();
    g_assert_cmpint(test_state(world->conn, ice), ==, GEMEL_STATE_RUNNING);
    gemel_inspect_free(gemel_libvirt_ops.inspect(world->conn, ice, NULL));
    g_ptr_array_unref(gemel_libvirt_ops.snapshots->list(world->conn, ice, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_USEC_PER_SEC);

    kill(pid, SIGCONT);
    g_thread_join(thread);
    {
        g_autoptr(GemelSample) sample = test_sample(world->conn, ice);

        g_assert_null(sample->quarantine);
    }
}

/* ---- snapshots ------------------------------------------------------------------------------ */

static gboolean take(World *world, const char *id, const char *name, const char *text,
                     GError **error)
{
    return gemel_libvirt_ops.snapshots->create(world->conn, id, name, text, NULL, error);
}

static const GemelSnapshot *snapshot_of(GPtrArray *list, const char *name, guint *ret_index)
{
    for (guint i = 0; i < list->len; i++) {
        const GemelSnapshot *snapshot = list->pdata[i];

        if (g_str_equal(snapshot->name, name)) {
            if (ret_index != NULL)
                *ret_index = i;
            return snapshot;
        }
    }
    return NULL;
}

static void test_snapshot_of_a_running_guest_has_its_memory(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "shot", &plain_guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;
    const GemelSnapshot *snapshot;

    g_assert_true(take(world, id, "s1", "before <the> \"upgrade\" & more", &error));
    g_assert_no_error(error);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 1);
    snapshot = list->pdata[0];
    g_assert_cmpstr(snapshot->name, ==, "s1");
    g_assert_cmpstr(snapshot->parent, ==, NULL);
    g_assert_cmpstr(snapshot->description, ==, "before <the> \"upgrade\" & more");
    g_assert_cmpstr(snapshot->kind, ==, "internal");
    g_assert_cmpint(snapshot->state, ==, GEMEL_STATE_RUNNING);
    g_assert_true(snapshot->with_memory);
    g_assert_true(snapshot->is_current);
    g_assert_cmpint(snapshot->size_bytes, ==, -1);
    g_assert_cmpint(ABS(snapshot->created_unix - g_get_real_time() / G_USEC_PER_SEC), <, 60);
}

static void test_snapshots_form_a_tree(World *world, const void *data)
{
    g_autofree char *id = make(world, "tree", &plain_guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL, pruned = NULL;
    guint root, child, other;

    g_assert_true(take(world, id, "root", NULL, &error));
    g_assert_true(take(world, id, "child", NULL, &error));
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "root", NULL, &error));
    /* Sorts before its parent, and has the same second. */
    g_assert_true(take(world, id, "a-other", NULL, &error));
    g_assert_no_error(error);
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_cmpuint(list->len, ==, 3);
    g_assert_false(snapshot_of(list, "root", &root)->with_memory);
    g_assert_cmpstr(snapshot_of(list, "child", &child)->parent, ==, "root");
    g_assert_cmpstr(snapshot_of(list, "a-other", &other)->parent, ==, "root");
    g_assert_true(snapshot_of(list, "a-other", NULL)->is_current);
    g_assert_false(snapshot_of(list, "child", NULL)->is_current);
    g_assert_cmpuint(root, <, child);
    g_assert_cmpuint(root, <, other);

    g_assert_true(gemel_libvirt_ops.snapshots->remove(world->conn, id, "root", NULL, &error));
    g_assert_no_error(error);
    pruned = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_cmpuint(pruned->len, ==, 2);
    g_assert_cmpstr(snapshot_of(pruned, "child", NULL)->parent, ==, NULL);
}

static void test_revert_brings_the_running_state_back(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "back", &plain_guest);
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.note = test_note, .data = notes};
    g_autoptr(GError) error = NULL;

    g_assert_true(take(world, id, "s1", NULL, &error));
    g_assert_no_error(error);
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s1", &args, &error));
    g_assert_no_error(error);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    g_assert_nonnull(strstr(notes->str, "restarted the QEMU"));
    test_act(world->conn, GEMEL_ACT_KILL, id);
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s1", NULL, &error));
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_raw_disks_cannot_hold_a_snapshot(World *world, const void *data)
{
    const GroundGuest raw = {.format = "raw"};
    g_autofree char *id = make_running(world, "raw", &raw);
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;

    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
    g_assert_false(take(world, id, "s1", NULL, &error));
    test_check_error(error, GEMEL_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "vda"));
    g_assert_nonnull(strstr(error->message, "qemu-img convert"));
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, NULL);
    g_assert_cmpuint(list->len, ==, 0);
}

static void test_snapshot_errors_name_the_snapshot(World *world, const void *data)
{
    g_autofree char *id = make(world, "errors", &plain_guest);
    static const char *const bad_names[] = {"", ".hidden", "a/b", "a\nb"};
    g_autoptr(GError) error = NULL;

    g_assert_true(take(world, id, "s1", NULL, &error));
    g_assert_false(take(world, id, "s1", NULL, &error));
    test_check_error(error, GEMEL_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_false(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s9", NULL, &error));
    test_check_error(error, GEMEL_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "s9"));
    g_clear_error(&error);
    g_assert_false(gemel_libvirt_ops.snapshots->remove(world->conn, id, "s9", NULL, &error));
    test_check_error(error, GEMEL_ERROR_NOT_FOUND);
    for (gsize i = 0; i < G_N_ELEMENTS(bad_names); i++) {
        g_clear_error(&error);
        g_assert_false(take(world, id, bad_names[i], NULL, &error));
        test_check_error(error, GEMEL_ERROR_INVALID);
    }
}

/* ---- console -------------------------------------------------------------------------------- */

typedef struct {
    GemelConn *conn;
    GemelStream *stream;
    GThread *thread;
    int fd;
    int status;
    GError *error;
    gint has_ended;
} Terminal;

static void *pump(void *data)
{
    Terminal *terminal = data;

    terminal->status = gemel_libvirt_ops.streams->pump(terminal->stream, &terminal->error);
    g_atomic_int_set(&terminal->has_ended, 1);
    return NULL;
}

static void terminal_open(Terminal *terminal, GemelBackend *backend, const char *id)
{
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE, .rows = 24, .cols = 80};

    *terminal = (Terminal){.conn = test_conn(backend)};
    terminal->stream = gemel_libvirt_ops.streams->open(terminal->conn, id, &args, &terminal->error);
    g_assert_no_error(terminal->error);
    terminal->fd = terminal->stream->fd;
    g_assert_cmpint(terminal->stream->err_fd, ==, -1);
    terminal->thread = g_thread_new("console", pump, terminal);
}

/* Waits for the pump to end and frees all but the error. */
static void terminal_join(Terminal *terminal)
{
    ground_until(g_atomic_int_get(&terminal->has_ended), 15000);
    g_thread_join(terminal->thread);
    gemel_libvirt_ops.streams->free(terminal->stream);
    gemel_libvirt_ops.conn_close(terminal->conn);
}

/* Whether the console has shown `text` since it was opened; reads what is there. */
static gboolean has_shown(Terminal *terminal, GString *seen, const char *text)
{
    char buffer[4096];
    gssize n;

    fcntl(terminal->fd, F_SETFL, O_NONBLOCK);
    while ((n = read(terminal->fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(seen, buffer, n);
    return strstr(seen->str, text) != NULL;
}

static void type_at(Terminal *terminal, const char *text)
{
    g_assert_cmpint(write(terminal->fd, text, strlen(text)), ==, (gssize)strlen(text));
}

static void test_console_talks_to_the_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "talk", &plain_guest);
    g_autoptr(GString) seen = g_string_new(NULL);
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    ground_until(has_shown(&terminal, seen, "gemel test guest"), 20000);
    type_at(&terminal, "hello guest");
    ground_until(has_shown(&terminal, seen, "hello guest"), 10000);
    close(terminal.fd);
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
    g_assert_cmpint(terminal.status, ==, 0);
}

static void test_console_reads_on_after_end_of_input(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "half", &plain_guest);
    g_autoptr(GString) seen = g_string_new(NULL);
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    shutdown(terminal.fd, SHUT_WR);
    ground_until(has_shown(&terminal, seen, "gemel test guest"), 20000);
    g_assert_false(g_atomic_int_get(&terminal.has_ended));
    close(terminal.fd);
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
}

static void test_console_ends_with_the_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "ending", &plain_guest);
    char byte;
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    ground_until(g_atomic_int_get(&terminal.has_ended), 10000);
    while (read(terminal.fd, &byte, 1) > 0)
        continue;
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
    g_assert_cmpint(terminal.status, ==, 0);
    close(terminal.fd);
}

static void test_second_console_is_told_who_has_it(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "shared", &plain_guest);
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    g_autoptr(GError) error = NULL;
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &args, &error));
    test_check_error(error, GEMEL_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "--force"));
    close(terminal.fd);
    terminal_join(&terminal);
    /* Given back: it can be had again. */
    terminal_open(&terminal, world->backend, id);
    close(terminal.fd);
    terminal_join(&terminal);
}

static void test_console_of_a_stopped_guest_conflicts(World *world, const void *data)
{
    g_autofree char *id = make(world, "silent", &plain_guest);
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    const GemelStreamArgs exec = {.kind = GEMEL_STREAM_EXEC};
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &args, &error));
    test_check_error(error, GEMEL_ERROR_CONFLICT);
    g_clear_error(&error);
    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &exec, &error));
    test_check_error(error, GEMEL_ERROR_UNSUPPORTED);
}

/* ---- events and the daemon ------------------------------------------------------------------ */

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
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);

    g_clear_pointer(&instance, gemel_instance_free);
    g_assert_true(g_spawn_command_line_sync(argv, NULL, NULL, NULL, NULL));
    instance = test_find(world->conn, id);
    g_assert_cmpstr(instance->name, ==, ground_name("young"));
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
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 15 * G_USEC_PER_SEC);
    ground_until(test_watch_saw(watch, GEMEL_EVENT_BACKEND_DOWN, NULL), 10000);
    /* While it waits in virConnectOpen for the daemon, it still ends when told to. */
    g_usleep(500 * 1000);
    begun = g_get_monotonic_time();
    test_watch_stop(watch);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 2 * G_USEC_PER_SEC);
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

#define ADD(path, function)                                                                        \
    g_test_add("/libvirt/qemu/" path, World, NULL, world_open, function, world_close)

static int inside(int argc, char **argv)
{
    ground_start_daemon();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/libvirt/qemu/connect/a stranger is denied and told how to mend it",
                    test_stranger_is_denied);
    ADD("list/a new guest is listed", test_new_guest_is_listed);
    ADD("list/the start time is that of QEMU", test_start_time_is_qemus);
    ADD("list/a restart of QEMU is noticed", test_restart_of_qemu_is_noticed);
    ADD("list/a guest without a console says so", test_guest_without_console_says_so);
    ADD("list/a renamed guest keeps its id", test_renamed_guest_keeps_its_id);
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
    ADD("create/a known name exists", test_definition_of_a_known_name_exists);
    ADD("create/bad definitions are invalid", test_bad_definitions_are_invalid);
    ADD("delete/the disk stays and is named", test_delete_leaves_the_disk_and_says_so);
    ADD("delete/force ends a running guest", test_forced_delete_ends_a_running_guest);
    ADD("limit/cpu holds now and later", test_cpu_limit_holds_now_and_later);
    ADD("limit/cpu throttles", test_cpu_limit_throttles);
    ADD("limit/memory of a stopped guest", test_memory_limit_of_a_stopped_guest);
    ADD("limit/the impossible says why", test_impossible_limits_say_why);
    ADD("sample/has devices and host figures", test_sample_has_devices_and_host_figures);
    ADD("sample/stopped guests have none", test_stopped_guests_have_no_sample);
    ADD("sample/a paused guest has one", test_paused_guest_has_a_sample);
    ADD("sample/no balloon and no disk is no quarantine",
        test_guest_without_balloon_or_disk_is_no_quarantine);
    ADD("sample/KVM counts exits", test_kvm_counts_exits);
    ADD("sample/a hanging QEMU holds up nobody else", test_hanging_qemu_holds_up_nobody_else);
    ADD("snapshot/of a running guest has its memory",
        test_snapshot_of_a_running_guest_has_its_memory);
    ADD("snapshot/they form a tree", test_snapshots_form_a_tree);
    ADD("snapshot/revert brings the running state back", test_revert_brings_the_running_state_back);
    ADD("snapshot/raw disks cannot hold one", test_raw_disks_cannot_hold_a_snapshot);
    ADD("snapshot/errors name the snapshot", test_snapshot_errors_name_the_snapshot);
    ADD("console/talks to the guest", test_console_talks_to_the_guest);
    ADD("console/reads on after the end of input", test_console_reads_on_after_end_of_input);
    ADD("console/ends with the guest", test_console_ends_with_the_guest);
    ADD("console/a second one is told who has it", test_second_console_is_told_who_has_it);
    ADD("console/of a stopped guest is a conflict", test_console_of_a_stopped_guest_conflicts);
    ADD("watch/tells what others do", test_watch_tells_what_others_do);
    ADD("watch/a transient guest goes when it stops", test_transient_guest_goes_when_it_stops);
    ADD("daemon/a restart is survived", test_daemon_restart_is_survived);
    ADD("daemon/one that hangs is given up", test_daemon_that_hangs_is_given_up);
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
