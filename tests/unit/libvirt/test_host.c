/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes and control groups over small trees that look like /proc and /sys/fs/cgroup. */
#include <glib/gstdio.h>
#include <string.h>

#include "backends/libvirt/host.h"

#define UUID "7b694492-26a0-4933-93aa-9b90ff346364"

typedef struct {
    char *root;
} Tree;

static void tree_make(Tree *tree, const void *data)
{
    g_autoptr(GError) error = NULL;

    tree->root = g_dir_make_tmp("gemel-host-XXXXXX", &error);
    g_assert_no_error(error);
}

static void remove_below(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            remove_below(child);
        g_remove(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_remove(path);
}

static void tree_remove(Tree *tree, const void *data)
{
    remove_below(tree->root);
    g_free(tree->root);
}

static void put(Tree *tree, const char *path, const char *text, gssize length)
{
    g_autofree char *full = g_strconcat(tree->root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_file_set_contents(full, text, length, &error);
    g_assert_no_error(error);
}

#define V1_MOUNTS                                                                                  \
    "30 20 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"                         \
    "31 20 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define V2_MOUNT "29 20 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define PURE_V2  "29 20 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static const char psi[] = "some avg10=1.25 avg60=0.50 avg300=0.10 total=123456\n"
                          "full avg10=0.07 avg60=0.00 avg300=0.00 total=999\n";

static void check_dir(Tree *tree, const char *dir, const char *expected)
{
    g_autofree char *full = expected != NULL ? g_strconcat(tree->root, expected, NULL) : NULL;

    g_assert_cmpstr(dir, ==, full);
}

static void test_v1(Tree *tree, const void *data)
{
    LvCgroup group;

    put(tree, "/proc/self/mountinfo", V1_MOUNTS, -1);
    put(tree, "/proc/42/cgroup",
        "4:memory:/machine/qemu-1-web.libvirt-qemu\n"
        "1:cpu:/machine/qemu-1-web.libvirt-qemu/emulator\n",
        -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.cpu_dir, "/sys/fs/cgroup/cpu/machine/qemu-1-web.libvirt-qemu");
    check_dir(tree, group.pressure_dir, NULL);
    g_assert_cmpstr(group.shown, ==, "/machine/qemu-1-web.libvirt-qemu");
    lv_cgroup_clear(&group);
}

static void test_v1_joined_controllers(Tree *tree, const void *data)
{
    LvCgroup group;

    put(tree, "/proc/self/mountinfo",
        "30 20 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n", -1);
    put(tree, "/proc/42/cgroup",
        "1:cpu,cpuacct:/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/emulator\n", -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.cpu_dir,
              "/sys/fs/cgroup/cpu,cpuacct/machine.slice/machine-qemu\\x2d1\\x2dweb.scope");
    lv_cgroup_clear(&group);
}

static void test_hybrid(Tree *tree, const void *data)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 1);
    LvCgroup group;

    put(tree, "/proc/self/mountinfo", V1_MOUNTS V2_MOUNT, -1);
    put(tree, "/proc/42/cgroup",
        "1:cpu:/machine/qemu-1-web.libvirt-qemu/emulator\n"
        "0::/machine/qemu-1-web.libvirt-qemu/emulator\n",
        -1);
    put(tree, "/sys/fs/cgroup/unified/machine/qemu-1-web.libvirt-qemu/cpu.pressure", psi, -1);
    put(tree, "/sys/fs/cgroup/cpu/machine/qemu-1-web.libvirt-qemu/vcpu0/cpu.stat",
        "nr_periods 9\nnr_throttled 4\nthrottled_time 700\n", -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.cpu_dir, "/sys/fs/cgroup/cpu/machine/qemu-1-web.libvirt-qemu");
    check_dir(tree, group.pressure_dir, "/sys/fs/cgroup/unified/machine/qemu-1-web.libvirt-qemu");
    lv_cgroup_sample(&group, sample);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_CPU_SOME], ==, 125);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_CPU_FULL], ==, 7);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_CPU_TOTAL], ==, 123456);
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_PSI_MEM_SOME));
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_NR_THROTTLED], ==, 4);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_THROTTLED], ==, 700);
    lv_cgroup_clear(&group);
}

static void test_quotas(Tree *tree, const void *data)
{
    g_autofree char *v1 = g_strconcat(tree->root, "/v1", NULL);
    g_autofree char *v2 = g_strconcat(tree->root, "/v2/libvirt", NULL);
    g_autofree char *none = g_strconcat(tree->root, "/none", NULL);
    LvCgroup group = {.cpu_dir = none};
    double cpus = -1;

    g_assert_false(lv_cgroup_cpu_limit(&group, 2, &cpus));
    group.cpu_dir = v1;
    put(tree, "/v1/cpu.cfs_quota_us", "-1\n", -1);
    put(tree, "/v1/cpu.cfs_period_us", "100000\n", -1);
    g_assert_true(lv_cgroup_cpu_limit(&group, 2, &cpus));
    g_assert_cmpfloat(cpus, ==, 0);
    put(tree, "/v1/vcpu0/cpu.cfs_quota_us", "50000\n", -1);
    put(tree, "/v1/vcpu0/cpu.cfs_period_us", "100000\n", -1);
    g_assert_true(lv_cgroup_cpu_limit(&group, 3, &cpus)); /* each of three may have half */
    g_assert_cmpfloat(cpus, ==, 1.5);
    put(tree, "/v1/cpu.cfs_quota_us", "120000\n", -1);
    g_assert_true(lv_cgroup_cpu_limit(&group, 3, &cpus));
    g_assert_cmpfloat(cpus, ==, 1.2);
    group.cpu_dir = v2;
    put(tree, "/v2/cpu.max", "25000 100000\n", -1);
    put(tree, "/v2/libvirt/cpu.max", "max 100000\n", -1);
    g_assert_true(lv_cgroup_cpu_limit(&group, 1, &cpus));
    g_assert_cmpfloat(cpus, ==, 0.25);
}

static void test_v2(Tree *tree, const void *data)
{
    static const char scope[] = "/sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb.scope";
    static const struct {
        const char *child, *stat;
    } stats[] = {
        {"libvirt", "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 10\n"},
        {"libvirt/emulator", "usage_usec 1\nnr_throttled 2\nthrottled_usec 20\n"},
        {"libvirt/vcpu0", "usage_usec 1\nnr_throttled 4\nthrottled_usec 40\n"},
        {"libvirt/vcpu1", "usage_usec 1\nnr_throttled 8\nthrottled_usec 80\n"},
        {"libvirt/iothread1", "usage_usec 1\nnr_throttled 16\nthrottled_usec 160\n"},
        {"libvirt/elsewhere", "usage_usec 1\nnr_throttled 32\nthrottled_usec 320\n"},
    };
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 1);
    g_autofree char *pressure = g_strconcat(scope, "/memory.pressure", NULL);
    g_autofree char *cpu = g_strconcat(scope, "/libvirt", NULL);
    LvCgroup group;

    put(tree, "/proc/self/mountinfo", PURE_V2, -1);
    put(tree, "/proc/42/cgroup",
        "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n", -1);
    put(tree, pressure, psi, -1);
    for (gsize i = 0; i < G_N_ELEMENTS(stats); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s/cpu.stat", scope, stats[i].child);

        put(tree, path, stats[i].stat, -1);
    }
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.pressure_dir, scope);
    check_dir(tree, group.cpu_dir, cpu);
    g_assert_cmpstr(group.shown, ==, "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope");
    lv_cgroup_sample(&group, sample);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_MEM_SOME], ==, 125);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_NR_THROTTLED], ==, 31);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_THROTTLED], ==, 310000);
    lv_cgroup_clear(&group);
}

#define DOMAIN "/machine/qemu-1-web.libvirt-qemu"

#define HAS(sample, id, wanted)                                                                    \
    do {                                                                                           \
        g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_##id));                                \
        g_assert_cmpuint((sample)->value[GEMEL_METRIC_##id], ==, wanted);                          \
    } while (0)

/* What the host charges the guest with in v1, and nothing of it taken for the guest's own. */
static void test_v1_memory_and_io(Tree *tree, const void *data)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 1);
    LvCgroup group;

    put(tree, "/proc/self/mountinfo",
        V1_MOUNTS "32 20 0:28 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n", -1);
    put(tree, "/proc/42/cgroup",
        "5:blkio:" DOMAIN "\n4:memory:" DOMAIN "\n1:cpu:" DOMAIN "/emulator\n", -1);
    put(tree, "/sys/fs/cgroup/memory" DOMAIN "/memory.usage_in_bytes", "1000\n", -1);
    put(tree, "/sys/fs/cgroup/memory" DOMAIN "/memory.limit_in_bytes", "9223372036854771712\n", -1);
    put(tree, "/sys/fs/cgroup/memory" DOMAIN "/memory.stat", "swap 1\ntotal_swap 77\n", -1);
    put(tree, "/sys/fs/cgroup/memory" DOMAIN "/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", -1);
    put(tree, "/sys/fs/cgroup/blkio" DOMAIN "/blkio.throttle.io_service_bytes",
        "254:0 Read 10\n254:0 Write 20\n254:16 Read 1\n254:16 Total 1\nTotal 31\n", -1);
    put(tree, "/sys/fs/cgroup/blkio" DOMAIN "/blkio.throttle.io_serviced_recursive",
        "254:0 Read 3\n254:0 Write 4\nTotal 7\n", -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    lv_cgroup_sample(&group, sample);
    HAS(sample, HOST_MEM_USAGE, 1000);
    HAS(sample, HOST_MEM_SWAP, 77);
    HAS(sample, HOST_MEM_OOM_KILLS, 2);
    HAS(sample, HOST_IO_RD_BYTES, 11);
    HAS(sample, HOST_IO_WR_BYTES, 20);
    HAS(sample, HOST_IO_RD_OPS, 3);
    HAS(sample, HOST_IO_WR_OPS, 4);
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_HOST_MEM_LIMIT));
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_MEM_USAGE));
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_IO_RD_BYTES));
    g_assert_cmpuint(sample->rows->len, ==, 0);
    lv_cgroup_clear(&group);
}

/* A memory group of another name holds more than this guest. */
static void test_v1_shared_memory_group_is_not_used(Tree *tree, const void *data)
{
    LvCgroup group;

    put(tree, "/proc/self/mountinfo", V1_MOUNTS, -1);
    put(tree, "/proc/42/cgroup", "4:memory:/machine\n1:cpu:" DOMAIN "/emulator\n", -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.memory_dir, NULL);
    lv_cgroup_clear(&group);
}

static void test_v2_memory_and_io(Tree *tree, const void *data)
{
#define SCOPE "/sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb.scope"
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 1);
    LvCgroup group, copy;
    GemelRow *row;

    put(tree, "/proc/self/mountinfo", PURE_V2, -1);
    put(tree, "/proc/42/cgroup",
        "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n", -1);
    put(tree, SCOPE "/memory.current", "1000\n", -1);
    put(tree, SCOPE "/memory.max", "2000\n", -1);
    put(tree, SCOPE "/memory.swap.current", "77\n", -1);
    put(tree, SCOPE "/memory.stat", "anon 5\n", -1);
    put(tree, SCOPE "/memory.events", "low 0\nhigh 3\nmax 0\noom 1\noom_kill 2\n", -1);
    put(tree, SCOPE "/io.stat", "254:0 rbytes=10 wbytes=20 rios=3 wios=4 dbytes=0 dios=0\n", -1);
    put(tree, SCOPE "/pids.max", "512\n", -1);
    put(tree, SCOPE "/libvirt/vcpu1/cpu.stat",
        "usage_usec 1\nnr_periods 10\nnr_throttled 8\nthrottled_usec 80\n", -1);
    gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "0");
    gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "1");
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    lv_cgroup_copy(&group, &copy);
    lv_cgroup_clear(&group);
    lv_cgroup_sample(&copy, sample);
    HAS(sample, HOST_MEM_USAGE, 1000);
    HAS(sample, HOST_MEM_LIMIT, 2000);
    HAS(sample, HOST_MEM_SWAP, 77);
    HAS(sample, HOST_MEM_HIGH_EVENTS, 3);
    HAS(sample, HOST_MEM_OOM_KILLS, 2);
    HAS(sample, HOST_IO_WR_OPS, 4);
    HAS(sample, PIDS_LIMIT, 512);
    HAS(sample, CPU_PERIODS, 10);
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_MEM_ANON));
    row = &g_array_index(sample->rows, GemelRow, 0);
    g_assert_false(row->valid >> GEMEL_ROW_VCPU_THROTTLED & 1u);
    row = &g_array_index(sample->rows, GemelRow, 1);
    g_assert_cmpuint(row->value[GEMEL_ROW_VCPU_THROTTLED], ==, 80000);
    lv_cgroup_clear(&copy);
}

/* Groups that hold other things too: a QEMU of a session daemon, or one without a cgroup driver. */
static void test_shared_groups_are_not_used(Tree *tree, const void *data)
{
    LvCgroup group;

    put(tree, "/proc/self/mountinfo", PURE_V2, -1);
    put(tree, "/proc/42/cgroup", "0::/user.slice/user-0.slice/session-1.scope\n", -1);
    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
    put(tree, "/proc/42/cgroup", "0::/\n", -1);
    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
    put(tree, "/proc/42/cgroup", "0::/emulator\n", -1);
    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
}

/* The hierarchy is mounted from a directory of it on (a container), or the group is outside. */
static void test_mounts_of_a_part(Tree *tree, const void *data)
{
    LvCgroup group;

    put(tree, "/proc/self/mountinfo",
        "30 20 0:26 /lab /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", -1);
    put(tree, "/proc/42/cgroup", "1:cpu:/lab/machine/qemu-1-a:b/emulator\n", -1);
    g_assert_true(lv_cgroup_find(tree->root, 42, &group));
    check_dir(tree, group.cpu_dir, "/sys/fs/cgroup/cpu/machine/qemu-1-a:b");
    lv_cgroup_clear(&group);
    put(tree, "/proc/42/cgroup", "1:cpu:/laboratory/qemu-1-a/emulator\n", -1);
    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
    put(tree, "/proc/42/cgroup", "1:cpu:/../machine/qemu-1-a/emulator\n", -1);
    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
}

static void test_missing_files(Tree *tree, const void *data)
{
    LvCgroup group;
    LvProcess process;

    g_assert_false(lv_cgroup_find(tree->root, 42, &group));
    g_assert_false(lv_process_read(tree->root, 42, &process));
    g_assert_false(lv_process_read(tree->root, 0, &process));
    put(tree, "/proc/43/stat", "", 0);
    g_assert_false(lv_process_read(tree->root, 43, &process));
    put(tree, "/proc/44/stat", "44 (cut", -1);
    g_assert_false(lv_process_read(tree->root, 44, &process));
}

/* A process can call itself anything, parentheses and newlines included. */
static void test_process_names_do_not_confuse(Tree *tree, const void *data)
{
    LvProcess process;

    put(tree, "/proc/42/stat",
        "42 (a) R 1 (\n) T 1 11386 11386 0 -1 138412416 5544 0 0 0 6 318 0 0 20 0 6 0 265944 "
        "596824064 "
        "10481 18446744073709551615\n",
        -1);
    g_assert_true(lv_process_read(tree->root, 42, &process));
    g_assert_cmpint(process.pid, ==, 42);
    g_assert_true(process.state == 'T');
    g_assert_cmpuint(process.threads, ==, 6);
    g_assert_cmpuint(process.start_ticks, ==, 265944);
}

static void put_cmdline(Tree *tree, int pid, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid);
    GString *text = g_string_new("/usr/bin/qemu-system-x86_64");

    g_string_append_c(text, '\0');
    g_string_append_printf(text, "-name%cguest=web%c-uuid%c%s%c-display%cnone%c", 0, 0, 0, uuid, 0,
                           0, 0);
    put(tree, path, text->str, (gssize)text->len);
    g_string_free(text, TRUE);
}

static void test_pid_file_is_verified(Tree *tree, const void *data)
{
    put_cmdline(tree, 42, UUID);
    put(tree, "/run/libvirt/qemu/web.pid", "42\n", -1);
    g_assert_cmpint(lv_process_from_pidfile(tree->root, "/run/libvirt/qemu", "web", UUID), ==, 42);
    /* Somebody else has the pid now. */
    put_cmdline(tree, 42, "00000000-26a0-4933-93aa-9b90ff346364");
    g_assert_cmpint(lv_process_from_pidfile(tree->root, "/run/libvirt/qemu", "web", UUID), ==, 0);
    g_assert_cmpint(lv_process_from_pidfile(tree->root, "/run/libvirt/qemu", "../web", UUID), ==,
                    0);
    g_assert_cmpint(lv_process_from_pidfile(tree->root, NULL, "web", UUID), ==, 0);
    put(tree, "/run/libvirt/qemu/web.pid", "-1", -1);
    g_assert_cmpint(lv_process_from_pidfile(tree->root, "/run/libvirt/qemu", "web", UUID), ==, 0);
}

static void test_scan_finds_by_uuid(Tree *tree, const void *data)
{
    g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    put_cmdline(tree, 42, UUID);
    put_cmdline(tree, 43, "11111111-26a0-4933-93aa-9b90ff346364");
    put_cmdline(tree, 44, "22222222-26a0-4933-93aa-9b90ff346364");
    put_cmdline(tree, 45, "22222222-26a0-4933-93aa-9b90ff346364");
    put_cmdline(tree, 46, "short");
    put(tree, "/proc/self/cmdline", "x", -1);
    put(tree, "/proc/47/cmdline", "-uuid", 6);
    g_hash_table_insert(wanted, g_strdup(UUID), NULL);
    g_hash_table_insert(wanted, g_strdup("22222222-26a0-4933-93aa-9b90ff346364"), NULL);
    g_hash_table_insert(wanted, g_strdup("33333333-26a0-4933-93aa-9b90ff346364"), NULL);
    lv_process_scan(tree->root, wanted);
    g_assert_cmpint(GPOINTER_TO_INT(g_hash_table_lookup(wanted, UUID)), ==, 42);
    /* Two claim it: neither is believed. */
    g_assert_cmpint(
        GPOINTER_TO_INT(g_hash_table_lookup(wanted, "22222222-26a0-4933-93aa-9b90ff346364")), <=,
        0);
    g_assert_cmpint(
        GPOINTER_TO_INT(g_hash_table_lookup(wanted, "33333333-26a0-4933-93aa-9b90ff346364")), ==,
        0);
    g_assert_cmpuint(g_hash_table_size(wanted), ==, 3);
}

static void test_start_time_in_nanoseconds(void)
{
    g_assert_cmpint(lv_process_started_boottime_ns(0), ==, 0);
    g_assert_cmpint(lv_process_started_boottime_ns(150), ==, 1500000000);
    /* Ten years of uptime do not overflow. */
    g_assert_cmpint(lv_process_started_boottime_ns(G_GUINT64_CONSTANT(31536000000)), ==,
                    G_GINT64_CONSTANT(315360000000000000));
}

#define ADD(path, function)                                                                        \
    g_test_add("/libvirt/host/" path, Tree, NULL, tree_make, function, tree_remove)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("v1 groups", test_v1);
    ADD("v1 groups of joined controllers", test_v1_joined_controllers);
    ADD("hybrid: quota in v1, pressure in v2", test_hybrid);
    ADD("quotas of the domain and of its vCPUs", test_quotas);
    ADD("v2 groups: throttling is summed over the threads' groups", test_v2);
    ADD("v1 groups: memory and io", test_v1_memory_and_io);
    ADD("v1 groups: a shared one for memory is not used", test_v1_shared_memory_group_is_not_used);
    ADD("v2 groups: memory and io, throttling by vCPU", test_v2_memory_and_io);
    ADD("groups that hold other things are not used", test_shared_groups_are_not_used);
    ADD("a hierarchy mounted in part", test_mounts_of_a_part);
    ADD("missing files", test_missing_files);
    ADD("names of processes do not confuse", test_process_names_do_not_confuse);
    ADD("a pid file is verified", test_pid_file_is_verified);
    ADD("a scan finds by uuid", test_scan_finds_by_uuid);
    g_test_add_func("/libvirt/host/start times are nanoseconds", test_start_time_in_nanoseconds);
    return g_test_run();
}
