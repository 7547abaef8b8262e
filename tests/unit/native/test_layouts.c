/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A container's sample on the layouts of tests/fixtures/cgroup, and that the schema names the files
   it comes from. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/native/parse.h"
#include "backends/native/process.h"
#include "backends/native/stats.h"
#include "tests/unit/fixture_tree.h"

#define ID "00000000000000000000000000000000000000000000000000000000000000aa"

static const char *const layouts[] = {"v2", "v2-systemd", "v1", "hybrid"};

typedef struct {
    char *root;
    NativeStore store;
    NativeCgroups cgroups;
    char *group;
    pid_t pid;
} Host;

static void host_open(Host *h, const char *layout)
{
    g_autofree char *mountinfo = NULL, *state = NULL;
    NativeRun run;

    memset(h, 0, sizeof *h);
    h->root = fixture_tree_unpack(layout);
    mountinfo = fixture_tree_text(h->root, "/proc/self/mountinfo");
    native_cgroups_parse(mountinfo, h->root, &h->cgroups);
    h->group = g_strchomp(fixture_tree_text(h->root, "/container"));
    h->store.root = g_build_filename(h->root, "store", NULL);
    h->store.run = g_build_filename(h->root, "run", NULL);
    state = g_build_filename(h->store.run, "state", NULL);
    g_assert_cmpint(g_mkdir_with_parents(state, 0755), ==, 0);
    h->pid = fork();
    if (h->pid == 0)
        for (;;)
            pause();
    /* With the host's network there are no figures of it, whatever this machine does. */
    run = (NativeRun){.phase = NATIVE_RUN_STARTED,
                      .pid = h->pid,
                      .pid_start = native_process_start_ticks(h->pid),
                      .cgroup = h->group,
                      .host_network = TRUE};
    g_assert_true(native_run_save(&h->store, ID, &run, NULL));
}

static void host_close(Host *h)
{
    kill(h->pid, SIGKILL);
    waitpid(h->pid, NULL, 0);
    native_cgroups_done(&h->cgroups);
    g_free(h->store.root);
    g_free(h->store.run);
    g_free(h->group);
    fixture_tree_remove(h->root);
}

static void test_container(gconstpointer layout)
{
    Host h;
    NativeStats *stats;
    g_autoptr(GPtrArray) samples = NULL, again = NULL;

    host_open(&h, layout);
    stats = native_stats_new(&h.store, &h.cgroups, 1000);
    samples = native_stats_sample(stats);
    g_assert_cmpuint(samples->len, ==, 1);
    fixture_check_sample(g_ptr_array_index(samples, 0), layout, "container");
    again = native_stats_sample(stats); /* from kept descriptors */
    fixture_check_sample(g_ptr_array_index(again, 0), layout, "container");
    native_stats_free(stats);
    host_close(&h);
}

static void test_headline_figures_alone(gconstpointer layout)
{
    static const GemelMetric headline[] = {
        GEMEL_METRIC_CPU_USAGE,    GEMEL_METRIC_MEM_USAGE,    GEMEL_METRIC_MEM_LIMIT,
        GEMEL_METRIC_CPU_LIMIT,    GEMEL_METRIC_IO_RD_BYTES,  GEMEL_METRIC_IO_WR_BYTES,
        GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_MEM_SOME, GEMEL_METRIC_PSI_IO_SOME,
    };
    Host h;
    NativeStats *stats;
    g_autoptr(GPtrArray) all = NULL, some = NULL;
    const GemelSample *whole, *brief;

    host_open(&h, layout);
    stats = native_stats_new(&h.store, &h.cgroups, 1000);
    native_stats_set_headline_only(stats, TRUE);
    some = native_stats_sample(stats);
    native_stats_set_headline_only(stats, FALSE);
    all = native_stats_sample(stats);
    brief = g_ptr_array_index(some, 0);
    whole = g_ptr_array_index(all, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(headline); i++) {
        g_assert_cmpint(gemel_sample_has(brief, headline[i]), ==,
                        gemel_sample_has(whole, headline[i]));
        g_assert_cmpuint(brief->value[headline[i]], ==, whole->value[headline[i]]);
    }
    g_assert_cmpuint(brief->valid & ~whole->valid, ==, 0);
    g_assert_false(gemel_sample_has(brief, GEMEL_METRIC_MEM_ANON));
    g_assert_true(gemel_sample_has(whole, GEMEL_METRIC_MEM_ANON));
    fixture_check_sample(whole, layout, "container");
    native_stats_free(stats);
    host_close(&h);
}

/* ---- schema and files in step --------------------------------------------------------------- */

/* Whether the source's text names the file. */
static gboolean names_file(const char *source, const NativeSampleFile *file)
{
    return strstr(source, file->name) != NULL ||
           (file->fallback != NULL && strstr(source, file->fallback) != NULL);
}

static const char *source_of(const GemelMetricInfo *info, NativeFrom from)
{
    return from == NATIVE_FROM_V1 ? info->v1 : info->v2;
}

/* What a file's parser sets, told by its own text from a layout. */
static guint64 figures_of(const char *text, const NativeSampleFile *file)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);

    if (g_str_equal(file->name, "cpu.cfs_quota_us")) /* makes a figure with the period only */
        sample->value[GEMEL_METRIC_CPU_LIMIT] = 100000;
    file->parse(text, sample);
    return sample->valid;
}

static const char net_dev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
    "  eth0: 1 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n";

/* What a file gives, over all layouts that have it. */
static guint64 figures_on_layouts(const NativeSampleFile *file)
{
    guint64 figures = file->from == NATIVE_FROM_PROC ? figures_of(net_dev, file) : 0;

    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *path = NULL, *text = NULL;
        const char *mount;
        Host h;

        host_open(&h, layouts[i]);
        mount = file->from == NATIVE_FROM_V1 ? h.cgroups.v1[file->controller] : h.cgroups.v2;
        if (file->from == NATIVE_FROM_V2 && h.cgroups.mode != NATIVE_CGROUPS_V2)
            mount = NULL;
        path = mount != NULL ? g_build_filename(mount, h.group, file->name, NULL) : NULL;
        if (path != NULL && g_file_get_contents(path, &text, NULL, NULL))
            figures |= figures_of(text, file);
        host_close(&h);
    }
    return figures;
}

/* Each figure that a file gives is said to come from it, and each that is said to come from a file
   of a container comes from one. */
static void test_sources_are_the_files(void)
{
    guint64 from_v2 = 0, from_v1 = 0;

    for (guint i = 0; i < native_sample_files_n; i++) {
        const NativeSampleFile *file = &native_sample_files[i];
        guint64 figures;

        if (g_str_equal(file->name, "cpu.cfs_period_us"))
            continue; /* half a figure */
        figures = figures_on_layouts(file);
        if (figures == 0)
            g_error("no layout has a %s with a figure in it", file->name);
        for (guint m = 0; m < GEMEL_METRIC_N; m++) {
            if (!(figures >> m & 1u))
                continue;
            if (!names_file(source_of(&gemel_metrics[m], file->from), file))
                g_error("%s comes from %s, which its source does not name", gemel_metrics[m].name,
                        file->name);
        }
        from_v2 |= file->from == NATIVE_FROM_V1 ? 0 : figures;
        from_v1 |= file->from == NATIVE_FROM_V2 ? 0 : figures;
    }
    for (guint m = 0; m < GEMEL_METRIC_N; m++) {
        if (g_str_equal(gemel_metrics[m].v2, "-") == (from_v2 >> m & 1u) ||
            g_str_equal(gemel_metrics[m].v1, "-") == (from_v1 >> m & 1u))
            g_error("%s: its source is named and never read, or the reverse",
                    gemel_metrics[m].name);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *path = g_strdup_printf("/native/layouts/a-container-on-%s", layouts[i]);

        g_test_add_data_func(path, layouts[i], test_container);
        g_autofree char *headline = g_strconcat(path, "-headline-figures-alone", NULL);
        g_test_add_data_func(headline, layouts[i], test_headline_figures_alone);
    }
    g_test_add_func("/native/layouts/sources-in-the-schema-are-the-files-read",
                    test_sources_are_the_files);
    return g_test_run();
}
