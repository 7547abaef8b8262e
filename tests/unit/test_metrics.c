/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "backends/backend.h"

static const char *const units[] = {"ns", "us", "ms", "B", "mcpu", "c%", ""};

static gboolean unit_is_known(const char *unit)
{
    for (guint i = 0; i < G_N_ELEMENTS(units); i++)
        if (g_strcmp0(unit, units[i]) == 0)
            return TRUE;
    return FALSE;
}

/* "cpu.usage": lower case, digits, underscores; dots between words. */
static void check_name(const char *name)
{
    g_assert_cmpstr(name, !=, NULL);
    g_assert_true(g_ascii_islower(name[0]));
    for (const char *c = name; *c != '\0'; c++)
        g_assert_true(g_ascii_islower(*c) || g_ascii_isdigit(*c) || *c == '_' || *c == '.');
}

/* Says where from; "-" is for nowhere, and nothing else is empty. */
static gboolean is_sourced(const char *source)
{
    g_assert_cmpstr(source, !=, NULL);
    g_assert_cmpstr(source, !=, "");
    return !g_str_equal(source, "-");
}

static void test_metrics(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint m = 0; m < GEMEL_METRIC_N; m++) {
        const GemelMetricInfo *info = &gemel_metrics[m];

        check_name(info->name);
        g_assert_true(g_hash_table_add(seen, (gpointer)info->name));
        g_assert_true(unit_is_known(info->unit));
        g_assert_true(is_sourced(info->v2) || is_sourced(info->v1) || is_sourced(info->guest));
        g_assert_nonnull(info->note);
    }
}

static void test_rows(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint m = 0; m < GEMEL_ROW_N; m++) {
        const GemelRowMetricInfo *info = &gemel_row_metrics[m];

        check_name(info->name);
        g_assert_cmpint(info->group, <, GEMEL_ROWS_N);
        g_assert_true(g_hash_table_add(
            seen, g_strdup_printf("%s.%s", gemel_row_group_names[info->group], info->name)));
        g_assert_true(unit_is_known(info->unit));
        g_assert_true(is_sourced(info->container) || is_sourced(info->guest));
        g_assert_nonnull(info->note);
    }
    for (GemelRowGroup group = 0; group < GEMEL_ROWS_N; group++)
        check_name(gemel_row_group_names[group]);
}

static void test_processes(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint m = 0; m < GEMEL_PROCESS_N; m++) {
        const GemelProcessMetricInfo *info = &gemel_process_metrics[m];

        check_name(info->name);
        g_assert_true(g_hash_table_add(seen, (gpointer)info->name));
        g_assert_true(unit_is_known(info->unit));
        g_assert_true(is_sourced(info->container) || is_sourced(info->guest));
        g_assert_nonnull(info->note);
    }
}

/* A time or a share that is read as it is must not be taken for one that grows. */
static void test_gauges(void)
{
    for (guint m = 0; m < GEMEL_METRIC_N; m++) {
        const GemelMetricInfo *info = &gemel_metrics[m];

        if (g_str_equal(info->unit, "c%") || g_str_equal(info->unit, "mcpu") ||
            g_str_has_suffix(info->name, ".limit") || g_str_has_suffix(info->name, ".current"))
            g_assert_cmpint(info->kind, ==, GEMEL_METRIC_GAUGE);
        if (g_str_equal(info->unit, "ns") || g_str_equal(info->unit, "us"))
            g_assert_cmpint(info->kind, ==, GEMEL_METRIC_COUNTER);
    }
}

static void test_valid_bits(void)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("id", 1);

    for (GemelMetric m = 0; m < GEMEL_METRIC_N; m++) {
        g_assert_false(gemel_sample_has(sample, m));
        gemel_sample_set(sample, m, m + 1000);
        g_assert_true(gemel_sample_has(sample, m));
        g_assert_cmpuint(sample->value[m], ==, m + 1000);
        if (m + 1 < GEMEL_METRIC_N)
            g_assert_false(gemel_sample_has(sample, m + 1));
    }
}

static void test_row_names(void)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("id", 1);

    gemel_sample_add_row(sample, GEMEL_ROWS_NIC, NULL);
    gemel_sample_add_row(sample, GEMEL_ROWS_NIC, "");
    gemel_sample_add_row(sample, GEMEL_ROWS_DISK,
                         "a-name-that-is-longer-than-the-room-for-it-in-a-row");
    g_assert_cmpuint(sample->rows->len, ==, 3);
    g_assert_cmpstr(g_array_index(sample->rows, GemelRow, 0).name, ==, "?");
    g_assert_cmpstr(g_array_index(sample->rows, GemelRow, 1).name, ==, "?");
    g_assert_cmpuint(strlen(g_array_index(sample->rows, GemelRow, 2).name), ==, 31);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpuint(g_array_index(sample->rows, GemelRow, i).valid, ==, 0);
}

/* ---- docs/metrics.md --------------------------------------------------------------------------
 */

static const char head[] =
    "# Metrics\n\n"
    "<!-- Made from backends/metrics.h by docs/make-metrics; a test keeps the two in step. -->\n\n"
    "What a sample can hold, where each figure is read, and what to know of it. Counters only "
    "grow, "
    "as the kernel or libvirt\n"
    "counts them; the console shows their rate between two samples. What a host does not have is "
    "absent (`-` on the screen),\n"
    "never 0. `-` in a table: there is no such figure.\n\n"
    "*cgroup v2* is a host with the unified hierarchy; *cgroup v1* one with a hierarchy per "
    "controller, and also a hybrid host,\n"
    "which has its limits and figures in v1 and pressure in the v2 hierarchy beside them (\"v2:\" "
    "below). Limits are read when\n"
    "somebody writes to them, where inotify can tell; else they are at most 5 s old. Of a *guest*, "
    "names are libvirt's\n"
    "(virConnectGetAllDomainStats); after \"host:\" stands a file of the host's kernel about its "
    "QEMU, for guests of this host.\n"
    "What begins with `host.`, pressure and throttling say what *the host does to the guest*; the "
    "rest is the guest's own.\n\n"
    "Units: ns, us, ms times; B bytes; mcpu thousandths of a CPU; c% hundredths of a per cent; "
    "none "
    "a plain number.\n";

static void append_cell(GString *out, const char *text)
{
    g_string_append(out, " ");
    for (; *text != '\0'; text++) {
        if (strchr("*_<|", *text) != NULL)
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    g_string_append(out, " |");
}

/* "| `name` | unit | counter | ..."; the rest, ended by NULL, are cells as they are. */
static void append_row(GString *out, const char *name, const char *unit, GemelMetricKind kind,
                       const char *const *cells)
{
    g_string_append_printf(out, "| `%s` | %s | %s |", name, unit,
                           kind == GEMEL_METRIC_COUNTER ? "counter" : "gauge");
    for (; *cells != NULL; cells++)
        append_cell(out, *cells);
    g_string_append_c(out, '\n');
}

static void append_heading(GString *out, const char *title, const char *const *columns)
{
    g_string_append_printf(out, "\n## %s\n\n| metric | unit | kind |", title);
    for (guint i = 0; columns[i] != NULL; i++)
        g_string_append_printf(out, " %s |", columns[i]);
    g_string_append(out, "\n|---|---|---|");
    for (guint i = 0; columns[i] != NULL; i++)
        g_string_append(out, "---|");
    g_string_append_c(out, '\n');
}

static char *make_documentation(void)
{
    static const char *const of_metrics[] = {"container, cgroup v2", "container, cgroup v1",
                                             "guest", "to know", NULL};
    static const char *const of_rows[] = {"container", "guest", "to know", NULL};
    static const char *const of_processes[] = {"container: a process",
                                               "guest: a thread of its QEMU", "to know", NULL};
    static const char *const titles[GEMEL_ROWS_N] = {"Of a vCPU", "Of a disk",
                                                     "Of a network interface"};
    GString *out = g_string_new(head);

    append_heading(out, "Of an instance", of_metrics);
    for (guint m = 0; m < GEMEL_METRIC_N; m++) {
        const GemelMetricInfo *info = &gemel_metrics[m];

        append_row(out, info->name, info->unit, info->kind,
                   (const char *const[]){info->v2, info->v1, info->guest, info->note, NULL});
    }
    for (GemelRowGroup group = 0; group < GEMEL_ROWS_N; group++) {
        append_heading(out, titles[group], of_rows);
        for (guint m = 0; m < GEMEL_ROW_N; m++) {
            const GemelRowMetricInfo *info = &gemel_row_metrics[m];

            if (info->group == group)
                append_row(out, info->name, info->unit, info->kind,
                           (const char *const[]){info->container, info->guest, info->note, NULL});
        }
    }
    append_heading(out, "Of a process of one instance", of_processes);
    for (guint m = 0; m < GEMEL_PROCESS_N; m++) {
        const GemelProcessMetricInfo *info = &gemel_process_metrics[m];

        append_row(out, info->name, info->unit, info->kind,
                   (const char *const[]){info->container, info->guest, info->note, NULL});
    }
    return g_string_free(out, FALSE);
}

static void test_documentation(void)
{
    g_autofree char *made = make_documentation(), *there = NULL;
    g_autoptr(GError) error = NULL;

    if (g_getenv("GEMEL_METRICS_UPDATE") != NULL) {
        g_assert_true(g_file_set_contents(METRICS_MD, made, -1, NULL));
        return;
    }
    g_file_get_contents(METRICS_MD, &there, NULL, &error);
    g_assert_no_error(error);
    if (!g_str_equal(made, there))
        g_test_fail_printf("docs/metrics.md is not what the schema says; run docs/make-metrics");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/each-has-name-unit-and-source", test_metrics);
    g_test_add_func("/metrics/each-of-a-row-has-name-unit-and-source", test_rows);
    g_test_add_func("/metrics/each-of-a-process-has-name-unit-and-source", test_processes);
    g_test_add_func("/metrics/units-fit-the-kind", test_gauges);
    g_test_add_func("/metrics/setting-one-makes-only-that-one-valid", test_valid_bits);
    g_test_add_func("/metrics/rows-are-named-and-begin-empty", test_row_names);
    g_test_add_func("/metrics/docs-are-in-step-with-the-schema", test_documentation);
    return g_test_run();
}
