/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of CPUs, and those that the threads of a process have. */
#include "backends/cpus.h"

#include <unistd.h>

static void test_lists_meet(void)
{
    static const struct {
        const char *one, *two;
        gboolean meet;
    } cases[] = {
        {"0", "0", TRUE},          {"0", "1", FALSE},      {"0-3", "3", TRUE},
        {"0-3", "4-7", FALSE},     {"0-1,8", "2-8", TRUE}, {"0,2,4", "1,3,5", FALSE},
        {"0-1\n", "1\n", TRUE},    {NULL, "1", TRUE},      {"0", NULL, TRUE},
        {"", "1", TRUE},           {"0-", "1", TRUE},      {"3-1", "5", TRUE},
        {"0-99999999", "1", TRUE}, {"x", "y", TRUE},       {"8191", "8191", TRUE},
        {"0,", "1", TRUE},         {"0", "8191", FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(gemel_cpus_meet(cases[i].one, cases[i].two), ==, cases[i].meet);
        g_assert_cmpint(gemel_cpus_meet(cases[i].two, cases[i].one), ==, cases[i].meet);
    }
}

static void test_lists_are_counted(void)
{
    g_assert_cmpuint(gemel_cpus_count("0-3,8"), ==, 5);
    g_assert_cmpuint(gemel_cpus_count("7\n"), ==, 1);
    g_assert_cmpuint(gemel_cpus_count("0-3,2-4"), ==, 5);
    g_assert_cmpuint(gemel_cpus_count(NULL), ==, 0);
    g_assert_cmpuint(gemel_cpus_count("8192"), ==, 0);
    g_assert_cmpuint(gemel_cpus_count("many"), ==, 0);
}

/* A thread's status file in a tree of the test's. */
static void add_thread(const char *proc, gint tid, const char *comm, const char *list)
{
    g_autofree char *dir = g_strdup_printf("%s/40/task/%d", proc, tid);
    g_autofree char *path = g_build_filename(dir, "status", NULL);
    g_autofree char *text =
        g_strdup_printf("Name:\t%s\nPid:\t%d\nCpus_allowed:\tf\nCpus_allowed_list:\t%s\n"
                        "Mems_allowed_list:\t0\n",
                        comm, tid, list);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_a_guests_are_those_of_its_vcpus(void)
{
    g_autofree char *proc = g_dir_make_tmp("gemel-cpus-XXXXXX", NULL);
    g_autofree char *line = g_strdup_printf("rm -r %s", proc);

    add_thread(proc, 40, "qemu-system-x86", "0-7");
    add_thread(proc, 41, "worker", "5");
    {
        g_autofree char *all = gemel_cpus_of_process(proc, 40);

        g_assert_cmpstr(all, ==, "0-7");
    }
    add_thread(proc, 42, "CPU 0/KVM", "2");
    add_thread(proc, 43, "CPU 1/KVM", "3,6");
    {
        g_autofree char *vcpus = gemel_cpus_of_process(proc, 40);

        g_assert_cmpstr(vcpus, ==, "2-3,6");
    }
    g_assert_null(gemel_cpus_of_process(proc, 99));
    g_assert_true(g_spawn_command_line_sync(line, NULL, NULL, NULL, NULL));
}

static void test_a_process_has_as_many_as_the_kernel_says(void)
{
    g_autofree char *own = gemel_cpus_of_process("/proc", getpid());
    g_autofree char *status = NULL;
    g_autofree char *line = g_strdup_printf("\nCpus_allowed_list:\t%s\n", own);

    g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    g_assert_nonnull(g_strstr_len(status, -1, line));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpus/lists meet", test_lists_meet);
    g_test_add_func("/cpus/lists are counted", test_lists_are_counted);
    g_test_add_func("/cpus/a guest's are those of its vCPUs", test_a_guests_are_those_of_its_vcpus);
    g_test_add_func("/cpus/a process has as many as the kernel says",
                    test_a_process_has_as_many_as_the_kernel_says);
    return g_test_run();
}
