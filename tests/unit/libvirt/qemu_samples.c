/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples, and a QEMU that hangs, on a real QEMU. */
#include <signal.h>
#include <string.h>

#include "tests/unit/libvirt/qemu.h"

/* ---- samples --------------------------------------------------------------------------------- */

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
    g_assert_cmpuint(sample->value[GEMEL_METRIC_HOST_MEM_USAGE], >, 1u << 20);
    g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_HOST_MEM_OOM_KILLS));
    g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_HOST_IO_RD_BYTES));
    row = row_of(sample, GEMEL_ROWS_VCPU, "0");
    g_assert_true(row->valid >> GEMEL_ROW_VCPU_THROTTLED & 1);
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

    id = gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error);
    if (id == NULL || !gemel_libvirt_ops.act[GEMEL_ACT_START](world->conn, id, NULL, &error)) {
        g_autofree char *why = g_strdup_printf("no guest under KVM: %s", error->message);

        g_test_skip(why);
        return;
    }
    for (int i = 0; i < 200; i++) {
        g_autoptr(GemelSample) sample = test_sample(world->conn, id);
        const GemelRow *row = row_of(sample, GEMEL_ROWS_VCPU, "0");

        if (row != NULL && (row->valid >> GEMEL_ROW_VCPU_EXITS & 1) &&
            row->value[GEMEL_ROW_VCPU_EXITS] > 0)
            return;
        g_usleep(20000);
    }
    g_test_fail_printf("no vCPU exits were counted");
}

/* ---- a QEMU that hangs ----------------------------------------------------------------------- */

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
    gint64 begun, worst = 0; /* what waits for it waits for ever */

    /* A warm cache, as in the program. */
    gemel_sample_free(test_sample(world->conn, one));
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);

    begun = g_get_monotonic_time();
    g_assert_cmpint(test_state(world->conn, ice), ==, GEMEL_STATE_RUNNING);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 10 * G_USEC_PER_SEC);

    /* The first call that asks it hangs, and takes its job. */
    thread = g_thread_new("stuck", sample_once, &stuck);
    ground_until(g_atomic_int_get(&stuck.has_begun), 5000);
    g_usleep(500000);
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
    g_assert_cmpint(worst, <, 10 * G_USEC_PER_SEC);

    begun = g_get_monotonic_time();
    g_assert_cmpint(test_state(world->conn, ice), ==, GEMEL_STATE_RUNNING);
    gemel_inspect_free(gemel_libvirt_ops.inspect(world->conn, ice, NULL));
    g_ptr_array_unref(gemel_libvirt_ops.snapshots->list(world->conn, ice, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 10 * G_USEC_PER_SEC);

    kill(pid, SIGCONT);
    g_thread_join(thread);
    {
        g_autoptr(GemelSample) sample = test_sample(world->conn, ice);

        g_assert_null(sample->quarantine);
    }
}

/* With its job held by a sample that waits for ever, it can still be ended. */
static void test_hanging_qemu_can_be_killed(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "iceberg", &plain_guest);
    Stuck stuck = {.backend = world->backend};
    GThread *thread;

    g_assert_cmpint(kill(ground_qemu_pid("iceberg"), SIGSTOP), ==, 0);
    thread = g_thread_new("stuck", sample_once, &stuck);
    ground_until(g_atomic_int_get(&stuck.has_begun), 5000);
    g_usleep(300000);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    g_thread_join(thread);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_STOPPED);
}

void add_samples_tests(void)
{
    ADD("sample/has devices and host figures", test_sample_has_devices_and_host_figures);
    ADD("sample/stopped guests have none", test_stopped_guests_have_no_sample);
    ADD("sample/a paused guest has one", test_paused_guest_has_a_sample);
    ADD("sample/no balloon and no disk is no quarantine",
        test_guest_without_balloon_or_disk_is_no_quarantine);
    ADD("sample/KVM counts exits", test_kvm_counts_exits);
    ADD("sample/a hanging QEMU holds up nobody else", test_hanging_qemu_holds_up_nobody_else);
    ADD("sample/a hanging QEMU can be killed", test_hanging_qemu_can_be_killed);
}
