/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a process's isolation: from trees of files like /proc, and from this process. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/isolation.h"

/* ---- a tree --------------------------------------------------------------------------------- */

#define STAT "42 (a b) c) S 1 42 42 0 -1 0 0 0 0 0 1 2 0 0 20 0 3 0 7777 0 0\n"

static void put(const char *root, const char *path, const char *text)
{
    g_autofree char *full = g_strconcat(root, path, NULL), *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void put_link(const char *root, const char *path, const char *target)
{
    g_autofree char *full = g_strconcat(root, path, NULL), *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_cmpint(symlink(target, full), ==, 0);
}

static void remove_below(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_below(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_remove(path);
}

/* A host with the process 42, in a container of its own but for net and user. */
static char *tree_new(void)
{
    static const char *const own[] = {"mnt", "pid", "uts", "ipc", "cgroup"};
    static const char *const shared[] = {"net", "user"};
    char *root = g_dir_make_tmp("gemel-isolation-XXXXXX", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(own) + G_N_ELEMENTS(shared); i++) {
        gboolean is_own = i < G_N_ELEMENTS(own);
        const char *name = is_own ? own[i] : shared[i - G_N_ELEMENTS(own)];
        g_autofree char *host = g_strdup_printf("%s:[%u]", name, 4026531000u + i);
        g_autofree char *mine = g_strdup_printf("%s:[%u]", name, 4026532000u + i);
        g_autofree char *one = g_strconcat("/proc/1/ns/", name, NULL);
        g_autofree char *it = g_strconcat("/proc/42/ns/", name, NULL);

        put_link(root, one, host);
        put_link(root, it, is_own ? mine : host);
    }
    put(root, "/proc/sys/kernel/cap_last_cap", "40\n");
    put(root, "/proc/42/stat", STAT);
    put(root, "/proc/42/status",
        "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\n"
        "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
        "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
        "Seccomp_filters:\t3\n");
    put(root, "/proc/42/cgroup", "0::/a/b:c\n");
    put(root, "/proc/42/mountinfo",
        "20 1 0:30 / / ro,relatime - overlay overlay "
        "ro,lowerdir=l/1/fs:l/0\\,x/fs,upperdir=l/2/fs,workdir=l/2/work,index=off\n"
        "21 20 0:31 / /proc rw,nosuid - proc proc rw\n"
        "22 20 0:32 / /a\\040b ro,nodev - tmpfs tm\\040p rw\n"
        "not a line\n");
    put(root, "/proc/42/attr/current", "docker-default (enforce)\n");
    put(root, "/proc/42/uid_map", "         0     100000      65536\n     65536  5 1\n");
    put(root, "/proc/42/gid_map", "0 0 4294967295\n");
    put(root, "/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put(root, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    put(root, "/sys/fs/cgroup/a/b:c/cpu.max", "max 100000\n");
    put(root, "/sys/fs/cgroup/a/memory.max", "1048576\n");
    put(root, "/sys/fs/cgroup/a/b:c/memory.max", "4194304\n");
    put(root, "/sys/fs/cgroup/a/b:c/pids.max", "max\n");
    put(root, "/sys/fs/cgroup/a/b:c/cpuset.cpus.effective", "0-1\n");
    return root;
}

static void tree_free(char *root)
{
    remove_below(root);
    g_free(root);
}

static const GemelIsolationLimit *limit_of(const GemelIsolation *isolation, const char *name)
{
    for (guint i = 0; i < isolation->limits->len; i++) {
        const GemelIsolationLimit *limit =
            &g_array_index(isolation->limits, GemelIsolationLimit, i);

        if (strcmp(limit->name, name) == 0)
            return limit;
    }
    return NULL;
}

static void test_tree(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    char *root = tree_new();

    g_assert_true(gemel_isolation_read_process(isolation, root, 42, 7777));
    g_assert_cmpint(isolation->pid, ==, 42);
    g_assert_cmpuint(isolation->start_ticks, ==, 7777);
    g_assert_true(gemel_isolation_owns(isolation, GEMEL_NS_MNT));
    g_assert_true(gemel_isolation_shares(isolation, GEMEL_NS_NET));
    g_assert_false(gemel_isolation_shares(isolation, GEMEL_NS_TIME)); /* there is none */
    g_assert_false(gemel_isolation_owns(isolation, GEMEL_NS_TIME));
    g_assert_cmpint(isolation->uid, ==, 1000);
    g_assert_cmphex(isolation->caps[GEMEL_CAPS_BOUNDING], ==, 0xa80425fb);
    g_assert_cmpint(isolation->no_new_privs, ==, 1);
    g_assert_cmpint(isolation->seccomp_mode, ==, 2);
    g_assert_cmpint(isolation->seccomp_filters, ==, 3);
    g_assert_cmpstr(isolation->lsm_label, ==, "docker-default (enforce)");
    g_assert_cmpuint(isolation->uid_map->len, ==, 2);
    g_assert_cmpuint(g_array_index(isolation->uid_map, GemelIdRange, 0).outside, ==, 100000);
    for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
        g_assert_cmpstr(isolation->why[part], ==, NULL);
    tree_free(root);
}

static void test_mounts(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    char *root = tree_new();

    gemel_isolation_read_process(isolation, root, 42, 0);
    g_assert_cmpstr(isolation->root_type, ==, "overlay");
    g_assert_true(isolation->root_readonly);
    g_assert_cmpuint(isolation->lower->len, ==, 2);
    g_assert_cmpstr(isolation->lower->pdata[0], ==, "l/1/fs");
    g_assert_cmpstr(isolation->upper, ==, "l/2/fs");
    g_assert_cmpstr(isolation->work, ==, "l/2/work");
    g_assert_cmpuint(isolation->mounts->len, ==, 3);
    g_assert_cmpstr(g_array_index(isolation->mounts, GemelIsolationMount, 2).target, ==, "/a b");
    g_assert_cmpstr(g_array_index(isolation->mounts, GemelIsolationMount, 2).source, ==, "tm p");
    tree_free(root);
}

static void test_many_mounts(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    g_autoptr(GString) text = g_string_new("1 0 0:1 / / rw - ext4 /dev/sda rw\n");

    for (guint i = 0; i < 3 * GEMEL_ISOLATION_MOUNTS_MAX; i++)
        g_string_append_printf(text, "2 1 0:2 / /m%u rw - tmpfs tmpfs rw\n", i);
    gemel_isolation_parse_mountinfo(isolation, text->str);
    g_assert_cmpuint(isolation->mounts->len, ==, GEMEL_ISOLATION_MOUNTS_MAX);
    g_assert_cmpuint(isolation->mounts_total, ==, 3 * GEMEL_ISOLATION_MOUNTS_MAX + 1);
}

/* What holds is the tightest from the group up to the root. */
static void test_limits_v2(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    char *root = tree_new();

    gemel_isolation_read_process(isolation, root, 42, 0);
    g_assert_cmpstr(((GemelIsolationCgroup *)isolation->cgroups->pdata[0])->path, ==, "/a/b:c");
    g_assert_cmpfloat(limit_of(isolation, "cpu")->value, ==, 1.5);
    g_assert_cmpfloat(limit_of(isolation, "memory")->value, ==, 1048576);
    g_assert_cmpfloat(limit_of(isolation, "pids")->value, <, 0);
    g_assert_cmpstr(limit_of(isolation, "cpuset")->text, ==, "0-1");
    g_assert_null(limit_of(isolation, "swap")); /* no such file */
    tree_free(root);
}

static void test_limits_v1(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    char *root = tree_new();

    put(root, "/proc/42/cgroup", "3:memory:/x/y\n2:cpu,cpuacct:/x/y\n1:name=systemd:/x\n0::/\n");
    put(root, "/proc/self/mountinfo",
        "30 1 0:26 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "31 1 0:27 /x /c/memory rw - cgroup cgroup rw,memory\n"
        "32 1 0:28 / /c/unified rw - cgroup2 cgroup2 rw\n");
    put(root, "/c/cpu/x/y/cpu.cfs_quota_us", "50000\n");
    put(root, "/c/cpu/x/y/cpu.cfs_period_us", "100000\n");
    put(root, "/c/memory/y/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    gemel_isolation_read_process(isolation, root, 42, 0);
    g_assert_cmpuint(isolation->cgroups->len, ==, 4);
    g_assert_cmpfloat(limit_of(isolation, "cpu")->value, ==, 0.5);
    g_assert_nonnull(limit_of(isolation, "memory"));
    g_assert_cmpfloat(limit_of(isolation, "memory")->value, <, 0);
    tree_free(root);
}

static void test_old_kernel(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    gemel_isolation_parse_status(isolation, "Name:\tx\nCapEff:\tzz\n");
    g_assert_cmpint(isolation->seccomp_mode, ==, -1);
    g_assert_cmpint(isolation->no_new_privs, ==, -1);
    g_assert_nonnull(isolation->why[GEMEL_ISOLATION_SECCOMP]);
    g_assert_nonnull(isolation->why[GEMEL_ISOLATION_CAPABILITIES]);
}

/* ---- processes that are not there ----------------------------------------------------------- */

static void check_all_parts_say_why(const GemelIsolation *isolation)
{
    for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
        if (part != GEMEL_ISOLATION_PROFILE && part != GEMEL_ISOLATION_GUEST)
            g_assert_nonnull(isolation->why[part]);
}

/* Another process has the number by now. */
static void test_pid_reuse(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    char *root = tree_new();

    g_assert_false(gemel_isolation_read_process(isolation, root, 42, 7776));
    g_assert_cmpint(isolation->pid, ==, 0);
    check_all_parts_say_why(isolation);
    tree_free(root);
}

static void test_gone(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    g_assert_false(gemel_isolation_read_process(isolation, "", 0, 1));
    check_all_parts_say_why(isolation);
}

/* It went away between two files. */
static void test_half_gone(void)
{
    static const char *const files[] = {"status", "cgroup", "mountinfo", "uid_map"};

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
        char *root = tree_new();
        g_autofree char *path = g_strdup_printf("%s/proc/42/%s", root, files[i]);
        gboolean any = FALSE;

        g_remove(path);
        g_assert_true(gemel_isolation_read_process(isolation, root, 42, 7777));
        for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
            any = any || g_strcmp0(isolation->why[part], "its process ended meanwhile") == 0;
        g_assert_true(any);
        tree_free(root);
    }
}

/* ---- this host ------------------------------------------------------------------------------ */

static void test_own_process(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    g_assert_true(gemel_isolation_read_process(isolation, "", getpid(), 0));
    g_assert_cmpuint(isolation->start_ticks, >, 0);
    g_assert_cmpuint(isolation->ns_inode[GEMEL_NS_MNT], >, 0);
    g_assert_cmpint(isolation->uid, ==, getuid());
    g_assert_cmpuint(isolation->mounts->len, >, 0);
    g_assert_cmpstr(isolation->root_type, !=, NULL);
}

/* A user is told that he may not, of what he may not see, and the rest is there. */
static void test_not_permitted(void)
{
    int status;
    pid_t child;

    if (geteuid() != 0) {
        g_test_skip("root alone can become another user");
        return;
    }
    child = fork();
    if (child == 0) {
        g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

        if (setgid(65534) != 0 || setuid(65534) != 0 ||
            !gemel_isolation_read_process(isolation, "", 1, 0))
            _exit(10);
        if (isolation->why[GEMEL_ISOLATION_NAMESPACES] == NULL ||
            strstr(isolation->why[GEMEL_ISOLATION_NAMESPACES], "not permitted") == NULL)
            _exit(11);
        _exit(isolation->why[GEMEL_ISOLATION_CAPABILITIES] == NULL ? 0 : 12);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

/* ---- the profile ---------------------------------------------------------------------------- */

static gboolean denies(const GemelIsolation *isolation, const char *name)
{
    for (guint i = 0; i < isolation->profile_denied->len; i++)
        if (strcmp(isolation->profile_denied->pdata[i], name) == 0)
            return TRUE;
    return FALSE;
}

static void test_profile(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    gemel_isolation_read_profile(
        isolation,
        "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
        "{\"names\": [\"read\", \"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\"},"
        "{\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0}]},"
        "{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_KILL\"}]}}}");
    g_assert_cmpstr(isolation->profile_default, ==, "errno");
    g_assert_cmpuint(isolation->profile_allowed, ==, 3);
    g_assert_false(denies(isolation, "ptrace"));
    g_assert_true(denies(isolation, "bpf"));
    g_assert_true(denies(isolation, "mount"));
    g_assert_null(isolation->why[GEMEL_ISOLATION_PROFILE]);
}

static void test_profile_that_allows(void)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    gemel_isolation_read_profile(
        isolation,
        "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": ["
        "{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ERRNO\"},"
        "{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0}]}]}}}");
    g_assert_true(denies(isolation, "bpf"));
    g_assert_false(denies(isolation, "mount")); /* not always */
    g_assert_false(denies(isolation, "ptrace"));
}

static void test_no_profile(void)
{
    static const char *const configs[] = {NULL,
                                          "",
                                          "[",
                                          "[]",
                                          "{}",
                                          "{\"linux\": 7}",
                                          "{\"linux\": {\"seccomp\": {\"defaultAction\": 3}}}"};

    for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
        g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

        gemel_isolation_read_profile(isolation, configs[i]);
        g_assert_null(isolation->profile_default);
        g_assert_nonnull(isolation->why[GEMEL_ISOLATION_PROFILE]);
    }
}

static void test_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    guint n = 0;

    for (; gemel_capability_name(n) != NULL; n++) {
        g_assert_true(g_str_has_prefix(gemel_capability_name(n), "CAP_"));
        g_assert_true(g_hash_table_add(seen, (gpointer)gemel_capability_name(n)));
    }
    g_assert_cmpuint(n, ==, 41);
    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        g_assert_nonnull(gemel_namespace_name(ns));
        g_assert_cmpint(gemel_namespace_flag(ns), !=, 0);
    }
    for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
        g_assert_nonnull(gemel_isolation_part_name(part));
    for (guint set = 0; set < GEMEL_CAPS_N; set++)
        g_assert_nonnull(gemel_cap_set_name(set));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/isolation/reads-all-of-a-process", test_tree);
    g_test_add_func("/isolation/reads-mounts-and-layers", test_mounts);
    g_test_add_func("/isolation/lists-so-many-mounts-and-counts-all", test_many_mounts);
    g_test_add_func("/isolation/takes-the-tightest-limit-of-v2", test_limits_v2);
    g_test_add_func("/isolation/reads-the-limits-of-v1", test_limits_v1);
    g_test_add_func("/isolation/says-what-an-old-kernel-does-not-tell", test_old_kernel);
    g_test_add_func("/isolation/does-not-take-another-with-the-same-pid", test_pid_reuse);
    g_test_add_func("/isolation/says-that-a-process-is-gone", test_gone);
    g_test_add_func("/isolation/says-that-it-went-meanwhile", test_half_gone);
    g_test_add_func("/isolation/reads-this-process", test_own_process);
    g_test_add_func("/isolation/says-what-is-not-permitted", test_not_permitted);
    g_test_add_func("/isolation/reads-a-profile", test_profile);
    g_test_add_func("/isolation/reads-a-profile-that-allows-by-default", test_profile_that_allows);
    g_test_add_func("/isolation/says-that-there-is-no-profile", test_no_profile);
    g_test_add_func("/isolation/has-names-for-everything", test_names);
    return g_test_run();
}
