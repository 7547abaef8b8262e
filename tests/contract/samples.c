/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples: whose, when, and that counters only grow. */
#include "tests/contract/contract.h"

#include <string.h>

static GPtrArray *take(Stage *stage)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *samples = stage->ops->sample(stage->conn, &error);

    g_assert_no_error(error);
    g_assert_nonnull(samples);
    return samples;
}

static const GemelSample *find(GPtrArray *samples, const char *id)
{
    for (guint i = 0; i < samples->len; i++) {
        const GemelSample *sample = g_ptr_array_index(samples, i);

        if (g_str_equal(sample->id, id))
            return sample;
    }
    return NULL;
}

static void check_row(const GemelRow *row)
{
    g_assert_cmpint(row->group, <, GEMEL_ROWS_N);
    g_assert_cmpstr(row->name, !=, "");
    g_assert_nonnull(memchr(row->name, '\0', sizeof row->name));
    for (guint m = 0; m < 32; m++) {
        if (!(row->valid & (1u << m)))
            continue;
        g_assert_cmpuint(m, <, GEMEL_ROW_N);
        g_assert_cmpint(gemel_row_metrics[m].group, ==, row->group);
    }
}

static void test_sound(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GPtrArray) samples = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    samples = take(stage);
    for (guint i = 0; i < samples->len; i++) {
        const GemelSample *sample = g_ptr_array_index(samples, i);

        g_assert_true(g_hash_table_add(seen, sample->id));
        g_assert_cmpint(sample->time_ns, <=, gemel_boottime_ns());
        g_assert_cmpint(sample->time_ns, >, gemel_boottime_ns() - 10000000000);
        g_assert_cmpuint(sample->valid >> GEMEL_METRIC_N, ==, 0);
        if (sample->quarantine != NULL)
            check_one_line(sample->quarantine);
        for (guint r = 0; r < sample->rows->len; r++)
            check_row(&g_array_index(sample->rows, GemelRow, r));
    }
    g_assert_true(g_hash_table_contains(seen, id));
}

/* Each in the sample is listed as running or paused; a running one is there, a stopped one not. */
static void test_only_those_on(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *stopped = stage_make(stage);
    const char *running = stage_make_running(stage);
    g_autoptr(GPtrArray) samples = NULL;

    samples = take(stage);
    g_assert_null(find(samples, stopped));
    g_assert_nonnull(find(samples, running));
    for (guint i = 0; i < samples->len; i++) {
        const GemelSample *sample = g_ptr_array_index(samples, i);
        GemelState state = stage_state(stage->conn, sample->id);

        g_assert_true(state == GEMEL_STATE_RUNNING || state == GEMEL_STATE_PAUSED);
    }
}

static void check_counters(const GemelSample *a, const GemelSample *b)
{
    for (guint m = 0; m < GEMEL_METRIC_N; m++) {
        guint64 bit = G_GUINT64_CONSTANT(1) << m;

        if (gemel_metrics[m].kind == GEMEL_METRIC_COUNTER && (a->valid & b->valid & bit) &&
            b->value[m] < a->value[m])
            g_error("%s went from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                    gemel_metrics[m].name, a->value[m], b->value[m]);
    }
}

static void test_counters_grow(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GPtrArray) before = NULL;

    before = take(stage);
    for (guint i = 0; i < 10; i++) {
        GPtrArray *after;

        g_usleep(20000);
        after = take(stage);
        g_assert_cmpint(find(after, id)->time_ns, >, find(before, id)->time_ns);
        for (guint n = 0; n < after->len; n++) {
            const GemelSample *b = g_ptr_array_index(after, n);
            const GemelSample *a = find(before, b->id);

            if (a != NULL)
                check_counters(a, b);
        }
        g_ptr_array_unref(before);
        before = after;
    }
}

/* Whatever has CPU figures at all uses some CPU in the course of a few seconds. */
static void test_cpu_moves(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < deadline) {
        g_autoptr(GPtrArray) samples = take(stage);
        const GemelSample *sample = find(samples, id);

        if (!gemel_sample_has(sample, GEMEL_METRIC_CPU_USAGE)) {
            g_assert_true(stage->contract->has_no_figures);
            return;
        }
        if (sample->value[GEMEL_METRIC_CPU_USAGE] > 0)
            return;
        g_usleep(50000);
    }
    g_error("no CPU time after half a minute");
}

static void test_paused_stands(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;
    g_autoptr(GPtrArray) before = NULL;
    g_autoptr(GPtrArray) after = NULL;
    const GemelSample *a, *b;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_PAUSE);
    before = take(stage);
    g_usleep(500000);
    after = take(stage);
    a = find(before, id);
    b = find(after, id);
    g_assert_nonnull(a);
    g_assert_nonnull(b);
    check_counters(a, b);
    if (gemel_sample_has(a, GEMEL_METRIC_CPU_USAGE) && gemel_sample_has(b, GEMEL_METRIC_CPU_USAGE))
        /* a QEMU serves its monitor even when its guest is paused */
        g_assert_cmpuint(b->value[GEMEL_METRIC_CPU_USAGE] - a->value[GEMEL_METRIC_CPU_USAGE], <,
                         200000000);
}

static void check_process(const GemelProcess *process)
{
    g_assert_cmpint(process->pid, >, 0);
    g_assert_cmpint(process->inner_pid, >=, 0);
    g_assert_cmpint(process->uid, >=, -1);
    g_assert_cmpstr(process->comm, !=, "");
    g_assert_nonnull(memchr(process->comm, '\0', sizeof process->comm));
    g_assert_nonnull(strchr("RSDTtZIXx?", process->state));
    g_assert_cmpuint(process->valid >> GEMEL_PROCESS_N, ==, 0);
}

/* The processes of a running instance, or NULL where the source says that it has none to show. */
static GemelProcesses *take_processes(Stage *stage, const char *id)
{
    g_autoptr(GError) error = NULL;
    GemelProcesses *processes = stage->ops->processes(stage->conn, id, &error);

    if (processes == NULL)
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
    return processes;
}

/* Sound, in order, and each pid once. */
static void test_processes(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelProcesses) processes = take_processes(stage, id);

    if (processes == NULL)
        return;
    g_assert_cmpuint(processes->rows->len, >, 0);
    g_assert_cmpuint(processes->total, ==, processes->rows->len);
    g_assert_cmpint(processes->time_ns, <=, gemel_boottime_ns());
    for (guint i = 0; i < processes->rows->len; i++) {
        const GemelProcess *process = &g_array_index(processes->rows, GemelProcess, i);

        check_process(process);
        g_assert_true(process->valid >> GEMEL_PROCESS_CPU_TIME & 1u);
        if (i > 0)
            g_assert_cmpint(process->pid, >, (process - 1)->pid);
    }
}

static void test_processes_grow(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelProcesses) before = take_processes(stage, id);
    g_autoptr(GemelProcesses) after = NULL;

    if (before == NULL)
        return;
    g_usleep(50000);
    after = take_processes(stage, id);
    g_assert_cmpint(after->time_ns, >, before->time_ns);
    for (guint i = 0, k = 0; i < after->rows->len; i++) {
        const GemelProcess *b = &g_array_index(after->rows, GemelProcess, i), *a;

        while (k < before->rows->len && g_array_index(before->rows, GemelProcess, k).pid < b->pid)
            k++;
        a = k < before->rows->len ? &g_array_index(before->rows, GemelProcess, k) : NULL;
        if (a == NULL || a->pid != b->pid || a->start_ticks != b->start_ticks)
            continue;
        for (guint m = 0; m < GEMEL_PROCESS_N; m++)
            if (gemel_process_metrics[m].kind == GEMEL_METRIC_COUNTER &&
                (a->valid & b->valid & 1u << m))
                g_assert_cmpuint(b->value[m], >=, a->value[m]);
    }
}

static void test_no_processes_when_stopped(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GemelProcesses) processes = take_processes(stage, stage_make(stage));

    if (processes != NULL)
        g_assert_cmpuint(processes->rows->len, ==, 0);
}

const ContractTest contract_sample_tests[] = {
    {"is-sound", test_sound, NEEDS_CREATE},
    {"has-those-running-or-paused-and-no-others", test_only_those_on, NEEDS_CREATE},
    {"counters-only-grow-and-time-moves", test_counters_grow, NEEDS_CREATE},
    {"something-running-uses-cpu", test_cpu_moves, NEEDS_CREATE},
    {"something-paused-uses-none", test_paused_stands, NEEDS_CREATE, ACT(PAUSE)},
    {"processes-are-sound-and-in-order", test_processes, NEEDS_CREATE | NEEDS_PROCESSES},
    {"counters-of-processes-only-grow", test_processes_grow, NEEDS_CREATE | NEEDS_PROCESSES},
    {"nothing-runs-in-a-stopped-one", test_no_processes_when_stopped,
     NEEDS_CREATE | NEEDS_PROCESSES},
    {NULL},
};
