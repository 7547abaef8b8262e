/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures from files: trees of v1, hybrid and v2 hosts made in a temporary directory, with a
   process of our own standing for the container's init. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/figures_text.h"
#include "backends/native/parse.h"
#include "backends/native/process.h"
#include "backends/native/stats.h"
#include "backends/native/tree.h"

#define ID    "00000000000000000000000000000000000000000000000000000000000000aa"
#define GROUP "gemel/" ID

static const char v2_mounts[] =
    "22 1 0:20 / /proc rw - proc proc rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

static const char v1_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    "35 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
    "36 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "37 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";

static const char hybrid_mount[] =
    "38 31 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n";

typedef struct {
    char *dir;
    NativeStore store;
    NativeCgroups cgroups;
    NativeStats *stats;
    pid_t pid;
} Host;

static void write_file(const Host *h, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(h->dir, "sys/fs/cgroup", path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void write_run(Host *h)
{
    GError *error = NULL;
    NativeRun run = {.phase = NATIVE_RUN_STARTED,
                     .pid = h->pid,
                     .pid_start = native_process_start_ticks(h->pid),
                     .cgroup = g_strdup(GROUP)};

    native_run_save(&h->store, ID, &run, &error);
    g_assert_no_error(error);
    native_run_done(&run);
}

static pid_t sleeping_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void host_open(Host *h, const char *mounts, guint keep_max)
{
    g_autofree char *state = NULL;

    memset(h, 0, sizeof *h);
    h->dir = g_dir_make_tmp("gemel-stats-XXXXXX", NULL);
    h->store.root = g_build_filename(h->dir, "root", NULL);
    h->store.run = g_build_filename(h->dir, "run", NULL);
    state = g_build_filename(h->store.run, "state", NULL);
    g_assert_cmpint(g_mkdir_with_parents(state, 0755), ==, 0);
    native_cgroups_parse(mounts, h->dir, &h->cgroups);
    h->pid = sleeping_child();
    write_run(h);
    h->stats = native_stats_new(&h->store, &h->cgroups, keep_max);
}

static void end_child(Host *h)
{
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        waitpid(h->pid, NULL, 0);
    }
    h->pid = 0;
}

static void host_close(Host *h)
{
    end_child(h);
    native_stats_free(h->stats);
    native_cgroups_done(&h->cgroups);
    g_free(h->store.root);
    g_free(h->store.run);
    g_assert_true(native_tree_remove(AT_FDCWD, h->dir, NULL));
    g_free(h->dir);
}

static GemelSample *sample(Host *h)
{
    g_autoptr(GPtrArray) samples = native_stats_sample(h->stats);

    g_assert_cmpuint(samples->len, <=, 1);
    return samples->len == 1 ? g_ptr_array_steal_index(samples, 0) : NULL;
}

#define has(sample, metric, wanted)                                                                \
    do {                                                                                           \
        g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_##metric));                            \
        g_assert_cmpuint((sample)->value[GEMEL_METRIC_##metric], ==, wanted);                      \
    } while (0)
#define lacks(sample, metric) g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_##metric))

/* ---- hierarchies ---------------------------------------------------------------------------- */

static void test_finds_v2(void)
{
    NativeCgroups cgroups;

    native_cgroups_parse(v2_mounts, "", &cgroups);
    g_assert_cmpint(cgroups.mode, ==, NATIVE_CGROUPS_V2);
    g_assert_cmpstr(cgroups.v2, ==, "/sys/fs/cgroup");
    g_assert_null(cgroups.v1[NATIVE_CGROUP_CPU]);
    native_cgroups_done(&cgroups);
}

static void test_finds_v1(void)
{
    NativeCgroups cgroups;

    native_cgroups_parse(v1_mounts, "", &cgroups);
    g_assert_cmpint(cgroups.mode, ==, NATIVE_CGROUPS_V1);
    g_assert_null(cgroups.v2);
    g_assert_cmpstr(cgroups.v1[NATIVE_CGROUP_CPU], ==, "/sys/fs/cgroup/cpu,cpuacct");
    g_assert_cmpstr(cgroups.v1[NATIVE_CGROUP_CPUACCT], ==, "/sys/fs/cgroup/cpu,cpuacct");
    g_assert_cmpstr(cgroups.v1[NATIVE_CGROUP_SYSTEMD], ==, "/sys/fs/cgroup/systemd");
    g_assert_cmpuint(cgroups.mounts->len, ==, 6);
    native_cgroups_done(&cgroups);
}

static void test_finds_hybrid(void)
{
    g_autofree char *mounts = g_strconcat(v1_mounts, hybrid_mount, NULL);
    NativeCgroups cgroups;

    native_cgroups_parse(mounts, "", &cgroups);
    g_assert_cmpint(cgroups.mode, ==, NATIVE_CGROUPS_HYBRID);
    g_assert_cmpstr(cgroups.v2, ==, "/sys/fs/cgroup/uni fied");
    native_cgroups_done(&cgroups);
}

static void test_finds_nothing_in_noise(void)
{
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "cgroup2",
                                        " - ",
                                        "1 2 3 - cgroup2",
                                        "1 2 3 4 5 6 - cgroup x",
                                        "\\ \\0 \\04 \\040 \\999 - a b c"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        NativeCgroups cgroups;

        native_cgroups_parse(texts[i], "", &cgroups);
        g_assert_cmpint(cgroups.mode, ==, NATIVE_CGROUPS_NONE);
        native_cgroups_done(&cgroups);
    }
}

/* A systemd hierarchy alone makes no v1 host: that is how systemd's "unified" mode began. */
static void test_a_named_hierarchy_is_not_v1(void)
{
    NativeCgroups cgroups;

    native_cgroups_parse("30 22 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                         "37 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
                         "rw,name=systemd\n",
                         "", &cgroups);
    g_assert_cmpint(cgroups.mode, ==, NATIVE_CGROUPS_V2);
    native_cgroups_done(&cgroups);
}

/* ---- samples -------------------------------------------------------------------------------- */

static void fill_v2(const Host *h)
{
    write_file(h, GROUP "/cpu.stat",
               "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnice_usec 5\nnr_periods 9\n"
               "nr_throttled 4\nthrottled_usec 70\n");
    write_file(h, GROUP "/cpu.max", "50000 100000\n");
    write_file(h, GROUP "/memory.current", "1048576\n");
    write_file(h, GROUP "/memory.max", "max\n");
    write_file(h, GROUP "/memory.swap.current", "4096\n");
    write_file(h, GROUP "/memory.stat",
               "anon 111\nfile 222\nkernel 3\nanon_thp 9\nfile_mapped 8\n");
    write_file(h, GROUP "/memory.events", "low 0\nhigh 5\nmax 0\noom 2\noom_kill 1\n");
    write_file(h, GROUP "/io.stat",
               "999:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n"
               "999:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n999:32 \n");
    write_file(h, GROUP "/pids.current", "7\n");
    write_file(h, GROUP "/pids.max", "100\n");
    write_file(h, GROUP "/cpu.pressure",
               "some avg10=1.25 avg60=0.00 avg300=0.00 total=12345\n"
               "full avg10=0.50 avg60=0.00 avg300=0.00 total=6\n");
    write_file(h, GROUP "/memory.pressure", "some avg10=100.00 avg60=0.00 avg300=0.00 total=1\n");
}

static void test_reads_v2(void)
{
    Host h;
    g_autoptr(GemelSample) s = NULL;
    const GemelRow *row = NULL;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    s = sample(&h);
    g_assert_nonnull(s);
    g_assert_cmpstr(s->id, ==, ID);
    has(s, CPU_USAGE, 3000000);
    has(s, CPU_USER, 2000000);
    has(s, CPU_SYSTEM, 1000000);
    has(s, CPU_THROTTLED, 70000);
    has(s, CPU_NR_THROTTLED, 4);
    has(s, CPU_LIMIT, 500);
    has(s, MEM_USAGE, 1048576);
    lacks(s, MEM_LIMIT);
    has(s, MEM_SWAP, 4096);
    has(s, MEM_ANON, 111);
    has(s, MEM_FILE, 222);
    has(s, MEM_HIGH_EVENTS, 5);
    has(s, MEM_OOM_EVENTS, 2);
    has(s, MEM_OOM_KILLS, 1);
    has(s, IO_RD_BYTES, 101);
    has(s, IO_WR_BYTES, 202);
    has(s, IO_RD_OPS, 6);
    has(s, IO_WR_OPS, 8);
    has(s, PIDS_CURRENT, 7);
    has(s, PIDS_LIMIT, 100);
    has(s, PSI_CPU_SOME, 125);
    has(s, PSI_CPU_FULL, 50);
    has(s, PSI_CPU_TOTAL, 12345);
    has(s, PSI_MEM_SOME, 10000);
    lacks(s, PSI_MEM_FULL);
    lacks(s, PSI_IO_SOME);
    lacks(s, BALLOON_CURRENT);
    for (guint i = 0; i < s->rows->len; i++)
        if (g_array_index(s->rows, GemelRow, i).group == GEMEL_ROWS_DISK && row == NULL)
            row = &g_array_index(s->rows, GemelRow, i);
    g_assert_nonnull(row);
    g_assert_cmpstr(row->name, ==, "999:0");
    g_assert_cmpuint(row->value[GEMEL_ROW_DISK_WR_BYTES], ==, 200);
    host_close(&h);
}

static void fill_v1(const Host *h)
{
    write_file(h, "cpu,cpuacct/" GROUP "/cpuacct.usage", "3000\n");
    write_file(h, "cpu,cpuacct/" GROUP "/cpuacct.usage_user", "2000\n");
    write_file(h, "cpu,cpuacct/" GROUP "/cpuacct.usage_sys", "1000\n");
    write_file(h, "cpu,cpuacct/" GROUP "/cpu.stat",
               "nr_periods 1\nnr_throttled 4\nthrottled_time 70\n");
    write_file(h, "cpu,cpuacct/" GROUP "/cpu.cfs_period_us", "100000\n");
    write_file(h, "cpu,cpuacct/" GROUP "/cpu.cfs_quota_us", "150000\n");
    write_file(h, "memory/" GROUP "/memory.usage_in_bytes", "1048576\n");
    write_file(h, "memory/" GROUP "/memory.limit_in_bytes", "9223372036854771712\n");
    write_file(h, "memory/" GROUP "/memory.stat",
               "cache 1\nrss 2\nswap 3\ntotal_cache 222\ntotal_rss 111\ntotal_rss_huge 5\n"
               "total_swap 4096\n");
    write_file(h, "memory/" GROUP "/memory.failcnt", "2\n");
    write_file(h, "memory/" GROUP "/memory.oom_control",
               "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    write_file(h, "blkio/" GROUP "/blkio.throttle.io_service_bytes",
               "999:0 Read 100\n999:0 Write 200\n999:0 Sync 5\n999:0 Total 300\nTotal 300\n");
    write_file(h, "blkio/" GROUP "/blkio.throttle.io_serviced", "Total 0\n");
    write_file(h, "pids/" GROUP "/pids.current", "7\n");
    write_file(h, "pids/" GROUP "/pids.max", "max\n");
}

static void check_v1(const GemelSample *s)
{
    has(s, CPU_USAGE, 3000);
    has(s, CPU_USER, 2000);
    has(s, CPU_SYSTEM, 1000);
    has(s, CPU_THROTTLED, 70);
    has(s, CPU_NR_THROTTLED, 4);
    has(s, CPU_LIMIT, 1500);
    has(s, MEM_USAGE, 1048576);
    lacks(s, MEM_LIMIT);
    has(s, MEM_ANON, 111);
    has(s, MEM_FILE, 222);
    has(s, MEM_SWAP, 4096);
    has(s, MEM_OOM_EVENTS, 2);
    has(s, MEM_OOM_KILLS, 1);
    has(s, IO_RD_BYTES, 100);
    has(s, IO_WR_BYTES, 200);
    has(s, IO_RD_OPS, 0);
    has(s, PIDS_CURRENT, 7);
    lacks(s, PIDS_LIMIT);
}

static void test_reads_v1(void)
{
    Host h;
    g_autoptr(GemelSample) s = NULL;

    host_open(&h, v1_mounts, 1000);
    fill_v1(&h);
    s = sample(&h);
    check_v1(s);
    lacks(s, PSI_CPU_SOME);
    host_close(&h);
}

static void test_reads_hybrid(void)
{
    g_autofree char *mounts = g_strconcat(v1_mounts, hybrid_mount, NULL);
    Host h;
    g_autoptr(GemelSample) s = NULL;

    host_open(&h, mounts, 1000);
    fill_v1(&h);
    /* What the v2 side says of CPU time must not be taken for the limits' side. */
    write_file(&h, "uni fied/" GROUP "/cpu.stat", "usage_usec 999999\n");
    write_file(&h, "uni fied/" GROUP "/io.pressure",
               "some avg10=0.07 avg60=0.00 avg300=0.00 total=5\n"
               "full avg10=0.03 avg60=0.00 avg300=0.00 total=4\n");
    s = sample(&h);
    check_v1(s);
    has(s, PSI_IO_SOME, 7);
    has(s, PSI_IO_FULL, 3);
    has(s, PSI_IO_TOTAL, 5);
    host_close(&h);
}

static void test_sees_new_values(void)
{
    Host h;
    g_autoptr(GemelSample) before = NULL, after = NULL;
    g_autofree char *path = NULL;
    FILE *file;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    before = sample(&h);
    has(before, PIDS_CURRENT, 7);
    path = g_build_filename(h.dir, "sys/fs/cgroup", GROUP, "pids.current", NULL);
    file = fopen(path, "w");
    fputs("8\n", file);
    fclose(file);
    after = sample(&h);
    has(after, PIDS_CURRENT, 8);
    g_assert_cmpint(after->time_ns, >, before->time_ns);
    host_close(&h);
}

static void test_drops_what_ended(void)
{
    Host h;
    g_autoptr(GemelSample) before = NULL, after = NULL;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    before = sample(&h);
    g_assert_nonnull(before);
    g_assert_cmpuint(native_stats_kept(h.stats), >, 10);
    end_child(&h);
    after = sample(&h);
    g_assert_null(after);
    g_assert_cmpuint(native_stats_kept(h.stats), ==, 0);
    host_close(&h);
}

static void test_follows_a_restart(void)
{
    Host h;
    g_autoptr(GemelSample) before = NULL, after = NULL;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    before = sample(&h);
    g_assert_nonnull(before);
    end_child(&h);
    h.pid = sleeping_child();
    write_run(&h);
    after = sample(&h);
    g_assert_nonnull(after);
    host_close(&h);
}

static void test_is_not_fooled_by_a_used_pid(void)
{
    Host h;
    g_autoptr(GemelSample) s = NULL;
    NativeRun run;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    run = (NativeRun){.phase = NATIVE_RUN_STARTED,
                      .pid = h.pid,
                      .pid_start = native_process_start_ticks(h.pid) - 1,
                      .cgroup = g_strdup(GROUP)};
    native_run_save(&h.store, ID, &run, NULL);
    native_run_done(&run);
    s = sample(&h);
    g_assert_null(s);
    host_close(&h);
}

/* What somebody writes to a limit file is seen at the next sample, though it is not read at each.
 */
static void test_sees_a_new_limit(void)
{
    Host h;
    g_autoptr(GemelSample) before = NULL, after = NULL, none = NULL;
    g_autofree char *path = NULL;
    FILE *file;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    before = sample(&h);
    has(before, CPU_LIMIT, 500);
    path = g_build_filename(h.dir, "sys/fs/cgroup", GROUP, "cpu.max", NULL);
    file = fopen(path, "w");
    fputs("25000 100000\n", file);
    fclose(file);
    after = sample(&h);
    has(after, CPU_LIMIT, 250);
    has(after, PIDS_LIMIT, 100);
    file = fopen(path, "w");
    fputs("max 100000\n", file);
    fclose(file);
    none = sample(&h);
    lacks(none, CPU_LIMIT);
    host_close(&h);
}

static guint count_descriptors(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

/* The thread's descriptors are its own, and gone with it. */
static void test_reads_in_a_thread(void)
{
    Host h;
    g_autoptr(GemelSample) before = NULL, after = NULL, gone = NULL;
    guint mine;

    host_open(&h, v2_mounts, 0);
    fill_v2(&h);
    before = sample(&h);
    g_assert_cmpuint(native_stats_kept(h.stats), >, 10);
    mine = count_descriptors();
    native_stats_use_thread(h.stats);
    after = sample(&h);
    has(after, PIDS_CURRENT, 7);
    has(after, CPU_LIMIT, 500);
    g_assert_cmpuint(native_stats_kept(h.stats), >, 10);
    g_assert_cmpuint(count_descriptors(), <=, mine - native_stats_kept(h.stats));
    end_child(&h);
    gone = sample(&h);
    g_assert_null(gone);
    host_close(&h);
}

/* ---- what need not be read each time ----------------------------------------------------------
 */

/* In place: a kept descriptor sees it. */
static void rewrite_file(const Host *h, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(h->dir, "sys/fs/cgroup", path, NULL);
    FILE *file = fopen(full, "w");

    g_assert_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void test_averages_wait_for_the_kernels_period(void)
{
    Host h;
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC, begun;
    guint64 shown;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    native_stats_set_headline_only(h.stats, TRUE);
    begun = g_get_monotonic_time();
    gemel_sample_free(sample(&h));
    rewrite_file(&h, GROUP "/cpu.pressure", "some avg10=2.50 avg60=0.00 avg300=0.00 total=99999\n");
    {
        g_autoptr(GemelSample) soon = sample(&h);

        if (g_get_monotonic_time() - begun < G_USEC_PER_SEC) { /* half the period: in it, surely */
            has(soon, PSI_CPU_SOME, 125);
            has(soon, PSI_CPU_FULL, 50);
            has(soon, PSI_MEM_SOME, 10000);
            lacks(soon, PSI_CPU_TOTAL); /* an old one would make a rate of 0 */
        }
    }
    do {
        g_autoptr(GemelSample) later = sample(&h);

        shown = later->value[GEMEL_METRIC_PSI_CPU_SOME];
        g_usleep(20000);
    } while (shown == 125 && g_get_monotonic_time() < deadline);
    g_assert_cmpuint(shown, ==, 250);
    rewrite_file(&h, GROUP "/cpu.pressure",
                 "some avg10=3.00 avg60=0.00 avg300=0.00 total=100000\n");
    native_stats_set_headline_only(h.stats, FALSE);
    {
        g_autoptr(GemelSample) whole = sample(&h);

        has(whole, PSI_CPU_SOME, 300);
        has(whole, PSI_CPU_TOTAL, 100000);
    }
    host_close(&h);
}

/* Descriptors of this process whose path ends so. */
static guint count_open(const char *suffix)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *link = g_build_filename("/proc/self/fd", name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);

        n += target != NULL && g_str_has_suffix(target, suffix);
    }
    return n;
}

/* A child in a network namespace of its own, where only lo is; 0 where there is no right to it. */
static pid_t lone_child(void)
{
    int ready[2];
    char byte = 'n';
    pid_t pid;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0) {
        byte = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1 || byte == 'n')
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1 || byte != 'y') {
        waitpid(pid, NULL, 0);
        pid = 0;
    }
    close(ready[0]);
    return pid;
}

/* ip(8) in the child's namespace. */
static gboolean run_ip(const Host *h, const char *words)
{
    g_autofree char *line = g_strdup_printf("nsenter -t %d -n ip %s", (int)h->pid, words);
    gint status = -1;

    return g_spawn_command_line_sync(line, NULL, NULL, &status, NULL) && status == 0;
}

/* Whether a sample has figures of the network, and of how many interfaces. */
static gboolean sample_nics(Host *h, guint *ret_nics)
{
    g_autoptr(GemelSample) s = sample(h);

    *ret_nics = 0;
    for (guint i = 0; i < s->rows->len; i++)
        *ret_nics += g_array_index(s->rows, GemelRow, i).group == GEMEL_ROWS_NIC;
    return gemel_sample_has(s, GEMEL_METRIC_NET_RX_BYTES);
}

static void test_an_interface_that_comes_late_is_seen(void)
{
    Host h;
    guint nics;

    host_open(&h, v2_mounts, 1000);
    fill_v2(&h);
    end_child(&h);
    h.pid = lone_child();
    if (h.pid == 0) {
        g_test_skip("no right to a network namespace");
        host_close(&h);
        return;
    }
    write_run(&h);
    for (int i = 0; i < 6; i++) {
        g_assert_true(sample_nics(&h, &nics));
        g_assert_cmpuint(nics, ==, 0);
    }
    g_assert_cmpuint(count_open("/net/dev"), ==, 0); /* it is told of links, and does not look */
    g_assert_true(sample_nics(&h, &nics));
    if (run_ip(&h, "link add gemel0 type veth peer name gemel1")) {
        g_assert_true(sample_nics(&h, &nics));
        g_assert_cmpuint(nics, ==, 2);
        g_assert_true(run_ip(&h, "link del gemel0"));
        for (int i = 0; i < 6; i++)
            g_assert_true(sample_nics(&h, &nics));
        g_assert_cmpuint(nics, ==, 0);
        g_assert_cmpuint(count_open("/net/dev"), ==, 0);
    } else {
        g_test_skip("no veth pairs here");
    }
    host_close(&h);
}

static void test_budget_fits_the_limit(void)
{
    struct rlimit limit;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpuint(native_stats_default_budget(FALSE), <=, limit.rlim_max / 2);
    g_assert_cmpuint(native_stats_default_budget(FALSE), <, limit.rlim_cur);
    g_assert_cmpuint(native_stats_default_budget(TRUE), <, limit.rlim_cur);
    g_assert_cmpuint(native_stats_default_budget(TRUE), >=, native_stats_default_budget(FALSE));
}

/* Too small a limit for the half that may be kept: the thread comes by itself, and with it room. */
static void test_a_small_limit_brings_the_thread(void)
{
    struct rlimit before, small;
    Host h;
    guint kept;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    host_open(&h, v2_mounts, 0);
    native_stats_free(h.stats);
    fill_v2(&h);
    small = before;
    small.rlim_cur = 16;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &small), ==, 0);
    h.stats = native_stats_new(&h.store, &h.cgroups, 0);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GemelSample) s = sample(&h);

        has(s, PIDS_CURRENT, 7);
        has(s, PSI_CPU_TOTAL, 12345);
    }
    kept = native_stats_kept(h.stats);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    g_assert_cmpuint(kept, <=, 12);
    host_close(&h);
}

static void test_keeps_no_more_than_its_budget(void)
{
    Host h;
    g_autoptr(GemelSample) first = NULL, second = NULL;

    host_open(&h, v2_mounts, 4);
    fill_v2(&h);
    first = sample(&h);
    second = sample(&h);
    has(first, PSI_CPU_TOTAL, 12345);
    has(second, PSI_CPU_TOTAL, 12345);
    has(second, PIDS_CURRENT, 7);
    g_assert_cmpuint(native_stats_kept(h.stats), <=, 4);
    host_close(&h);
}

/* A container more than there is room for descriptors is sampled, and its end is seen. */
static void test_past_the_budget_nobody_is_left_out(void)
{
    static const char *const ids[] = {
        "00000000000000000000000000000000000000000000000000000000000000ab",
        "00000000000000000000000000000000000000000000000000000000000000ac"};
    pid_t pids[G_N_ELEMENTS(ids)];
    Host h;

    host_open(&h, v2_mounts, 1);
    fill_v2(&h);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        NativeRun run = {.phase = NATIVE_RUN_STARTED, .cgroup = g_strdup(GROUP)};

        run.pid = pids[i] = sleeping_child();
        run.pid_start = native_process_start_ticks(run.pid);
        g_assert_true(native_run_save(&h.store, ids[i], &run, NULL));
        native_run_done(&run);
    }
    for (guint left = 3; left > 0; left--) {
        g_autoptr(GPtrArray) samples = native_stats_sample(h.stats);

        g_assert_cmpuint(samples->len, ==, left);
        for (guint i = 0; i < samples->len; i++)
            has((GemelSample *)samples->pdata[i], PIDS_CURRENT, 7);
        g_assert_cmpuint(native_stats_kept(h.stats), <=, 1);
        if (left > 1) {
            kill(pids[left - 2], SIGKILL);
            waitpid(pids[left - 2], NULL, 0);
        }
    }
    host_close(&h);
}

static void test_a_removed_group_is_said(void)
{
    Host h;
    g_autoptr(GemelSample) s = NULL;

    host_open(&h, "", 1000); /* no hierarchy at all; the network is still there */
    s = sample(&h);
    g_assert_nonnull(s);
    lacks(s, CPU_USAGE);
    lacks(s, MEM_USAGE);
    host_close(&h);
}

/* ---- hostile text --------------------------------------------------------------------------- */

static void test_parsers_survive_noise(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        " ",
        "max",
        "-1\n",
        "18446744073709551616\n",
        "99999999999999999999999999",
        "usage_usec\nusage_usec \nusage_usec x\n",
        "999:0 rbytes=",
        "999:0 rbytes= wbytes=x rios",
        ":::\n",
        "some avg10=\nsome avg10=.\nfull avg10=9999999999999999999999.1 total=",
        "Inter-| x\n face |y\n eth0:\n",
        "a\nb\n:1 2 3\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        "a\nb\nan-interface-name-longer-than-any-the-kernel: 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7\n"};

    for (guint i = 0; i < native_sample_files_n; i++)
        for (guint t = 0; t < G_N_ELEMENTS(texts); t++) {
            g_autoptr(GemelSample) s = gemel_sample_new("x", 0);

            native_sample_files[i].parse(texts[t], s);
            for (guint r = 0; r < s->rows->len; r++)
                g_assert_cmpuint(strlen(g_array_index(s->rows, GemelRow, r).name), >, 0);
            if (t == 5 || t == 6) /* out of range is not available, not a wrong number */
                lacks(s, MEM_USAGE);
        }
}

static void test_network_leaves_out_lo(void)
{
    g_autoptr(GemelSample) s = gemel_sample_new("x", 0);

    gemel_text_net_dev(
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
        "    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0\n"
        "  eth0:100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n"
        "  eth1: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n",
        s);
    has(s, NET_RX_BYTES, 101);
    has(s, NET_TX_BYTES, 501);
    has(s, NET_RX_PACKETS, 3);
    has(s, NET_TX_PACKETS, 7);
    has(s, NET_ERRORS, 12);
    has(s, NET_DROPS, 14);
    g_assert_cmpuint(s->rows->len, ==, 2);
    g_assert_cmpstr(g_array_index(s->rows, GemelRow, 0).name, ==, "eth0");
}

static void test_table_is_sound(void)
{
    for (guint i = 0; i < native_sample_files_n; i++) {
        g_assert_nonnull(native_sample_files[i].name);
        g_assert_nonnull(native_sample_files[i].parse);
        if (i > 0) /* limits last */
            g_assert_cmpint(native_sample_files[i].is_limit, >=,
                            native_sample_files[i - 1].is_limit);
        if (native_sample_files[i].from == NATIVE_FROM_V1)
            g_assert_cmpuint(native_sample_files[i].controller, <, NATIVE_CGROUP_N);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/cgroup/finds-v2", test_finds_v2);
    g_test_add_func("/native/cgroup/finds-v1", test_finds_v1);
    g_test_add_func("/native/cgroup/finds-hybrid", test_finds_hybrid);
    g_test_add_func("/native/cgroup/finds-nothing-in-noise", test_finds_nothing_in_noise);
    g_test_add_func("/native/cgroup/a-named-hierarchy-is-not-v1", test_a_named_hierarchy_is_not_v1);
    g_test_add_func("/native/stats/reads-v2", test_reads_v2);
    g_test_add_func("/native/stats/reads-v1", test_reads_v1);
    g_test_add_func("/native/stats/reads-hybrid", test_reads_hybrid);
    g_test_add_func("/native/stats/sees-new-values", test_sees_new_values);
    g_test_add_func("/native/stats/drops-what-ended", test_drops_what_ended);
    g_test_add_func("/native/stats/follows-a-restart", test_follows_a_restart);
    g_test_add_func("/native/stats/is-not-fooled-by-a-used-pid", test_is_not_fooled_by_a_used_pid);
    g_test_add_func("/native/stats/sees-a-new-limit", test_sees_a_new_limit);
    g_test_add_func("/native/stats/reads-in-a-thread-with-descriptors-of-its-own",
                    test_reads_in_a_thread);
    g_test_add_func("/native/stats/averages-wait-for-the-kernels-period",
                    test_averages_wait_for_the_kernels_period);
    g_test_add_func("/native/stats/an-interface-that-comes-late-is-seen",
                    test_an_interface_that_comes_late_is_seen);
    g_test_add_func("/native/stats/budget-fits-the-limit", test_budget_fits_the_limit);
    g_test_add_func("/native/stats/a-small-limit-brings-the-thread",
                    test_a_small_limit_brings_the_thread);
    g_test_add_func("/native/stats/keeps-no-more-than-its-budget",
                    test_keeps_no_more_than_its_budget);
    g_test_add_func("/native/stats/past the budget nobody is left out",
                    test_past_the_budget_nobody_is_left_out);
    g_test_add_func("/native/stats/works-without-any-hierarchy", test_a_removed_group_is_said);
    g_test_add_func("/native/stats/parsers-survive-noise", test_parsers_survive_noise);
    g_test_add_func("/native/stats/network-leaves-out-lo", test_network_leaves_out_lo);
    g_test_add_func("/native/stats/table-is-sound", test_table_is_sound);
    return g_test_run();
}
