/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>
#include <string.h>

#include "cgroup.h"
#include "exec_cgroup.h"
#include "mountinfo.h"

static const char hybrid[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:32 / /second/place rw,relatime - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
static const char pure[] =
    "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static struct cgroup scan(const char *text)
{
    struct cgroup cg;
    char *copy = g_strdup(text);
    cgroup_scan(copy, &cg);
    g_free(copy);
    return cg;
}

static void a_hybrid_host_is_told_with_its_controllers(void)
{
    struct cgroup cg = scan(hybrid);
    g_assert_cmpint(cg.mode, ==, CGROUP_HYBRID);
    g_assert_cmpuint(cg.n_v1, ==, 3);
    g_assert_cmpstr(cg.v1[0].controllers, ==, "cpu,cpuacct");
    g_assert_cmpstr(cg.v1[1].mount, ==, "/sys/fs/cgroup/memory");
    g_assert_cmpstr(cg.v1[2].controllers, ==, "name=systemd");
    cgroup_set_path(&cg, "a//b/");
    g_assert_cmpstr(cg.path, ==, "/a/b");
    g_assert_cmpstr(cg.v1[0].dir, ==, "/sys/fs/cgroup/cpu,cpuacct/a/b");
    g_assert_cmpstr(cg.v2_dir, ==, "/sys/fs/cgroup/unified/a/b");
}

static void a_v2_host_has_no_other_hierarchy(void)
{
    struct cgroup cg = scan(pure);
    g_assert_cmpint(cg.mode, ==, CGROUP_V2);
    g_assert_cmpuint(cg.n_v1, ==, 0);
    cgroup_set_path(&cg, "/x");
    g_assert_cmpstr(cg.v2_dir, ==, "/sys/fs/cgroup/x");
}

static void a_host_without_cgroups_is_told(void)
{
    g_assert_cmpint(scan("").mode, ==, CGROUP_NONE);
    g_assert_cmpint(scan("22 27 0:21 / /proc rw - proc proc rw\n").mode, ==, CGROUP_NONE);
}

static void a_controller_is_found_among_co_mounted_ones(void)
{
    struct cgroup cg = scan(hybrid);
    cg.v1[0].fd = 77;
    g_assert_cmpint(cgroup_v1_fd(&cg, "cpuacct"), ==, 77);
    g_assert_cmpint(cgroup_v1_fd(&cg, "cpu"), ==, 77);
    g_assert_cmpint(cgroup_v1_fd(&cg, "cpuset"), ==, -1);
    g_assert_cmpint(cgroup_v1_fd(&cg, "mem"), ==, -1);
}

static void mountinfo_undoes_escapes_and_skips_optional_fields(void)
{
    char text[] =
        "1 2 0:3 /r\\040t /a\\011b\\134c rw shared:1 master:2 - ext4 /dev/x\\040y rw,o\nbroken\n\n"
        "5 6 0:7 / /last rw - tmpfs none rw";
    char *at = text;
    struct mountinfo mi;
    g_assert_true(mountinfo_next(&at, &mi));
    g_assert_cmpstr(mi.root, ==, "/r t");
    g_assert_cmpstr(mi.point, ==, "/a\tb\\c");
    g_assert_cmpstr(mi.type, ==, "ext4");
    g_assert_cmpstr(mi.source, ==, "/dev/x y");
    g_assert_cmpstr(mi.options, ==, "rw,o");
    g_assert_true(mountinfo_next(&at, &mi));
    g_assert_cmpstr(mi.point, ==, "/last");
    g_assert_cmpint(mi.parent, ==, 6);
    g_assert_false(mountinfo_next(&at, &mi));
}

static void mountinfo_survives_every_cut_of_a_line(void)
{
    for (size_t cut = 0; cut < strlen(hybrid); cut++) {
        char *text = g_strndup(hybrid, cut), *at = text;
        struct mountinfo mi;
        while (mountinfo_next(&at, &mi))
            g_assert_true(mi.point && mi.type && mi.options);
        g_free(text);
    }
}

/* Directories stand for hierarchies. */
static void a_group_of_exec_is_below_the_containers_and_there(void)
{
    char *top = g_dir_make_tmp("gemel-cgroup-XXXXXX", NULL);
    char *pids = g_build_filename(top, "pids", NULL), *memory = g_build_filename(top, "mem", NULL);
    char *work = g_build_filename(pids, "c/work", NULL);
    struct err err;
    struct cgroup cg = {.mode = CGROUP_V1, .n_v1 = 2, .v2_fd = -1};
    cg.v1[0] = (struct cgroup_v1){.controllers = "pids", .mount = pids, .fd = -1};
    cg.v1[1] = (struct cgroup_v1){.controllers = "cpu,memory", .mount = memory, .fd = -1};
    g_assert_cmpint(g_mkdir_with_parents(work, 0700), ==, 0);
    static const char *const bad[] = {
        "work", "../x", "pids:../x", "pids:", "/", "memory:work", "x:work", "pids:none"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cgroup_set_path(&cg, "/c");
        g_assert_cmpint(exec_cgroup(&cg, bad[i], &err), ==, -1);
        g_assert_nonnull(strstr(err.text, "--cgroup"));
    }
    cgroup_set_path(&cg, "/c");
    char *own = g_strdup(cg.v1[1].dir);
    g_assert_cmpint(exec_cgroup(&cg, "pids,net_cls:work", &err), ==, 0);
    g_assert_cmpstr(cg.v1[0].dir, ==, work);
    g_assert_cmpstr(cg.v1[1].dir, ==, own);
    g_assert_cmpint(rmdir(work), ==, 0);
    g_free(own);
    char *parent = g_path_get_dirname(work);
    g_assert_cmpint(rmdir(parent), ==, 0);
    g_assert_cmpint(rmdir(pids), ==, 0);
    g_assert_cmpint(rmdir(top), ==, 0);
    g_free(parent);
    g_free(work);
    g_free(memory);
    g_free(pids);
    g_free(top);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/cgroup/" #f, f)
    ADD(a_hybrid_host_is_told_with_its_controllers);
    ADD(a_v2_host_has_no_other_hierarchy);
    ADD(a_host_without_cgroups_is_told);
    ADD(a_controller_is_found_among_co_mounted_ones);
    ADD(mountinfo_undoes_escapes_and_skips_optional_fields);
    ADD(mountinfo_survives_every_cut_of_a_line);
    ADD(a_group_of_exec_is_below_the_containers_and_there);
    int rc = g_test_run();
    mem_release();
    return rc;
}
