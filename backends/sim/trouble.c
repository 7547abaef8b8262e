/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trouble.c - trouble=KIND:NAME: an instance that has a trouble all the time, so that everything
 * the console says about causes can be seen and tested. What it adds to the figures is constant.
 */
#include "backends/sim/sim.h"

#include <math.h>
#include <string.h>

static const char *const names[SIM_TROUBLE_N] = {
    [SIM_TROUBLE_THROTTLED] = "throttled",
    [SIM_TROUBLE_STEAL] = "steal",
    [SIM_TROUBLE_IO] = "io",
    [SIM_TROUBLE_RECLAIM] = "reclaim",
    [SIM_TROUBLE_BALLOON] = "balloon",
    [SIM_TROUBLE_SWAP] = "swap",
    [SIM_TROUBLE_OOM] = "oom",
    [SIM_TROUBLE_WAITS] = "waits",
    [SIM_TROUBLE_HOG] = "hog",
    [SIM_TROUBLE_PIDS] = "pids",
};

/* "io:db+hog:batch"; NULL, or what would be right. */
const char *sim_trouble_read(SimOptions *options, const char *value)
{
    static const char *const right =
        "KIND:NAME, several joined by +; kinds: throttled steal io reclaim balloon swap oom waits "
        "hog pids";
    g_auto(GStrv) items = g_strsplit(value, "+", -1);

    for (guint i = 0; items[0] == NULL || items[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(items[i] != NULL ? items[i] : "", ":", 2);
        SimTrouble kind = 0;

        while (kind < SIM_TROUBLE_N && g_strcmp0(parts[0], names[kind]) != 0)
            kind++;
        if (kind == SIM_TROUBLE_N || parts[1] == NULL || *parts[1] == '\0')
            return right;
        if (options->troubles == NULL)
            options->troubles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        guint32 bits = GPOINTER_TO_UINT(g_hash_table_lookup(options->troubles, parts[1]));

        g_hash_table_insert(options->troubles, g_strdup(parts[1]),
                            GUINT_TO_POINTER(bits | 1u << kind));
    }
    return NULL;
}

static guint64 get(const GemelSample *out, GemelMetric metric)
{
    return gemel_sample_has(out, metric) ? out->value[metric] : 0;
}

static void add(GemelSample *out, GemelMetric metric, double value)
{
    gemel_sample_set(out, metric, get(out, metric) + (guint64)MAX(value, 0));
}

/* some and full of one kind: averages and totals. */
static void add_pressure(GemelSample *out, GemelMetric some, GemelMetric full, GemelMetric total,
                         double share, double run_s)
{
    gemel_sample_set(out, some, (guint64)MIN(get(out, some) + share * 10000, 10000));
    gemel_sample_set(out, full, (guint64)MIN(get(out, full) + share * 7000, 10000));
    add(out, total, share * run_s * 1e6);
}

static void add_memory_trouble(const SimInstance *instance, guint32 bits, double run_s,
                               GemelSample *out)
{
    double limit = instance->memory_bytes > 0 ? (double)instance->memory_bytes : 256.0 * 1048576;

    if (bits & (1u << SIM_TROUBLE_RECLAIM | 1u << SIM_TROUBLE_OOM)) {
        gemel_sample_set(out, GEMEL_METRIC_MEM_LIMIT, (guint64)limit);
        gemel_sample_set(out, GEMEL_METRIC_MEM_USAGE, (guint64)(limit * 0.995));
        add(out, GEMEL_METRIC_MEM_OOM_EVENTS, run_s * 12);
    }
    if (bits & 1u << SIM_TROUBLE_RECLAIM) {
        add(out, GEMEL_METRIC_MEM_HIGH_EVENTS, run_s * 40);
        add_pressure(out, GEMEL_METRIC_PSI_MEM_SOME, GEMEL_METRIC_PSI_MEM_FULL,
                     GEMEL_METRIC_PSI_MEM_TOTAL, 0.35, run_s);
    }
    if (bits & 1u << SIM_TROUBLE_OOM)
        add(out, GEMEL_METRIC_MEM_OOM_KILLS, run_s * 10);
    if (bits & 1u << SIM_TROUBLE_SWAP)
        gemel_sample_set(out, GEMEL_METRIC_MEM_SWAP, (guint64)(limit * 0.6));
    if (bits & 1u << SIM_TROUBLE_BALLOON) {
        gemel_sample_set(out, GEMEL_METRIC_BALLOON_MAXIMUM, (guint64)limit);
        gemel_sample_set(out, GEMEL_METRIC_BALLOON_CURRENT, (guint64)(limit * 0.5));
        gemel_sample_set(out, GEMEL_METRIC_BALLOON_AVAILABLE, (guint64)(limit * 0.48));
        gemel_sample_set(out, GEMEL_METRIC_BALLOON_UNUSED, (guint64)(limit * 0.01));
    }
}

void sim_trouble_add(const SimWorld *world, const SimInstance *instance, double run_s,
                     GemelSample *out)
{
    guint32 bits =
        world->options.troubles != NULL
            ? GPOINTER_TO_UINT(g_hash_table_lookup(world->options.troubles, instance->name))
            : 0;

    if (bits == 0)
        return;
    if (bits & 1u << SIM_TROUBLE_THROTTLED) {
        add(out, GEMEL_METRIC_CPU_THROTTLED, run_s * 0.6e9);
        add(out, GEMEL_METRIC_CPU_NR_THROTTLED, run_s * 9);
        if (!gemel_sample_has(out, GEMEL_METRIC_CPU_LIMIT))
            gemel_sample_set(out, GEMEL_METRIC_CPU_LIMIT, 500);
    }
    if (bits & 1u << SIM_TROUBLE_STEAL)
        add(out, GEMEL_METRIC_CPU_STEAL, run_s * 2e9);
    if (bits & 1u << SIM_TROUBLE_IO) {
        add_pressure(out, GEMEL_METRIC_PSI_IO_SOME, GEMEL_METRIC_PSI_IO_FULL,
                     GEMEL_METRIC_PSI_IO_TOTAL, 0.6, run_s);
        add(out, GEMEL_METRIC_PSI_IO_FULL_TOTAL, run_s * 0.45e6);
    }
    if (bits & 1u << SIM_TROUBLE_WAITS)
        add_pressure(out, GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_CPU_FULL,
                     GEMEL_METRIC_PSI_CPU_TOTAL, 0.5, run_s);
    if (bits & 1u << SIM_TROUBLE_HOG)
        add(out, GEMEL_METRIC_CPU_USAGE, run_s * 1.8e9);
    if (bits & 1u << SIM_TROUBLE_PIDS) {
        gemel_sample_set(out, GEMEL_METRIC_PIDS_LIMIT, 100);
        gemel_sample_set(out, GEMEL_METRIC_PIDS_CURRENT, 100);
    }
    add_memory_trouble(instance, bits, run_s, out);
}
