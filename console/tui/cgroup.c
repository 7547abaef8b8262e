/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cgroup.c - a container from below: what its cgroup allows and how often it met the limits. */
#include <string.h>

#include "console/tui/instances.h"
#include "widgets/meter.h"

#define LABEL 11
#define BAR   14

/* The label of a line; returns the column after. */
static int head(const Canvas *c, int y, const char *label)
{
    return canvas_field(c, y, 1, LABEL, TEXT_LEFT, ROLE_LABEL, label) + 1;
}

static int word(const Canvas *c, int y, int x, const char *label, const char *value)
{
    if (*label != '\0')
        x = canvas_text(c, y, x, ROLE_DIM, label) + 1;
    return canvas_text(c, y, x, strcmp(value, "-") == 0 ? ROLE_DIM : ROLE_TEXT, value) + 3;
}

static int metric_word(const ModelInstance *instance, const Canvas *c, int y, int x,
                       const char *label, GemelMetric metric)
{
    g_autofree char *text = metric_text(instance, metric);

    return word(c, y, x, label, text);
}

/* A counter since the start: one that is not zero stands out. */
static int count_word(const ModelInstance *instance, const Canvas *c, int y, int x,
                      const char *label, GemelMetric metric)
{
    x = canvas_text(c, y, x, ROLE_DIM, label) + 1;
    if (!has_value(instance, metric))
        return canvas_text(c, y, x, ROLE_DIM, "-") + 3;
    guint64 n = instance->value[metric];

    return canvas_printf(c, y, x, n > 0 ? ROLE_WARN : ROLE_TEXT, "%" G_GUINT64_FORMAT, n) + 3;
}

static void draw_cpu(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = head(c, y, "cpu");
    double of_limit, of_core;
    gboolean there = model_cpu_percent(instance, MODEL_CPU_OF_CORE, &of_core);
    g_autofree char *used = there ? g_strdup_printf("%.2f", of_core / 100) : g_strdup("-");
    g_autofree char *limit = instance->info->cpu_limit > 0
                                 ? g_strdup_printf("%.3g CPUs", instance->info->cpu_limit)
                                 : g_strdup("no limit");

    if (model_cpu_percent(instance, MODEL_CPU_OF_LIMIT, &of_limit)) {
        double load = of_limit / 100;

        meter_bar(c, y, x, BAR, &(MeterPart){load, theme_load_role(load)}, 1);
        x += BAR + 1;
    }
    x = word(c, y, x, "", used);
    x = word(c, y, x - 2, instance->info->cpu_limit > 0 ? "of" : "CPUs,", limit);
    x = metric_word(instance, c, y, x, "user", GEMEL_METRIC_CPU_USER);
    metric_word(instance, c, y, x, "system", GEMEL_METRIC_CPU_SYSTEM);
}

static void draw_throttled(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = head(c, y, "throttled");

    x = metric_word(instance, c, y, x, "", GEMEL_METRIC_CPU_THROTTLED);
    x = metric_word(instance, c, y, x - 2, "of the time, times", GEMEL_METRIC_CPU_NR_THROTTLED);
    count_word(instance, c, y, x, "in all", GEMEL_METRIC_CPU_NR_THROTTLED);
}

static void draw_memory(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = head(c, y, "memory");
    guint64 used = 0, limit = 0;
    gboolean there = model_memory(instance, &used, &limit);
    g_autofree char *of = limit > 0 ? format_bytes(limit) : g_strdup("no limit");

    if (there && limit > 0) {
        double whole = (double)limit, share = (double)used / whole;
        double file = has_value(instance, GEMEL_METRIC_MEM_FILE)
                          ? (double)instance->value[GEMEL_METRIC_MEM_FILE] / whole
                          : 0;
        const MeterPart parts[] = {{MAX(share - file, 0), theme_load_role(share)},
                                   {file, ROLE_SAVED}};

        meter_bar(c, y, x, BAR, parts, G_N_ELEMENTS(parts));
        x += BAR + 1;
    }
    x = metric_word(instance, c, y, x, "", GEMEL_METRIC_MEM_USAGE);
    x = word(c, y, x - 2, "of", of);
    x = metric_word(instance, c, y, x, "anon", GEMEL_METRIC_MEM_ANON);
    x = metric_word(instance, c, y, x, "file", GEMEL_METRIC_MEM_FILE);
    metric_word(instance, c, y, x, "swap", GEMEL_METRIC_MEM_SWAP);
}

static void draw_events(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = head(c, y, "events");

    x = count_word(instance, c, y, x, "high", GEMEL_METRIC_MEM_HIGH_EVENTS);
    x = count_word(instance, c, y, x, "limit met", GEMEL_METRIC_MEM_OOM_EVENTS);
    count_word(instance, c, y, x, "oom kills", GEMEL_METRIC_MEM_OOM_KILLS);
}

static void draw_pids(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = head(c, y, "pids");

    if (has_value(instance, GEMEL_METRIC_PIDS_CURRENT) &&
        has_value(instance, GEMEL_METRIC_PIDS_LIMIT) &&
        instance->value[GEMEL_METRIC_PIDS_LIMIT] > 0) {
        double share = (double)instance->value[GEMEL_METRIC_PIDS_CURRENT] /
                       (double)instance->value[GEMEL_METRIC_PIDS_LIMIT];

        meter_bar(c, y, x, BAR, &(MeterPart){share, theme_load_role(share)}, 1);
        x += BAR + 1;
    }
    x = metric_word(instance, c, y, x, "", GEMEL_METRIC_PIDS_CURRENT);
    if (has_value(instance, GEMEL_METRIC_PIDS_LIMIT))
        metric_word(instance, c, y, x - 2, "of", GEMEL_METRIC_PIDS_LIMIT);
    else
        word(c, y, x - 2, "of", "no limit");
}

static char *pressure_text(const ModelInstance *instance, GemelMetric metric)
{
    return has_value(instance, metric) ? format_percent((double)instance->value[metric] / 100)
                                       : g_strdup("-");
}

/* some / full over the last 10 s. */
static void draw_pressure(const ModelInstance *instance, int y, const Canvas *c)
{
    static const struct {
        const char *name;
        GemelMetric some, full;
    } kinds[] = {
        {"cpu", GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_CPU_FULL},
        {"memory", GEMEL_METRIC_PSI_MEM_SOME, GEMEL_METRIC_PSI_MEM_FULL},
        {"io", GEMEL_METRIC_PSI_IO_SOME, GEMEL_METRIC_PSI_IO_FULL},
    };
    int x = head(c, y, "pressure");

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *some = pressure_text(instance, kinds[i].some);
        g_autofree char *full = pressure_text(instance, kinds[i].full);
        g_autofree char *both = g_strdup_printf("%s / %s", some, full);

        x = word(c, y, x, kinds[i].name, both);
    }
    canvas_text(c, y, x, ROLE_DIM, "% some/full, 10 s");
}

int cgroup_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    int y = -scroll;

    if (instance->sample_ns == 0) {
        canvas_text(c, y++, 1, ROLE_DIM, "It does not run: there is no cgroup to read.");
        return y + scroll;
    }
    draw_cpu(instance, y++, c);
    draw_throttled(instance, y++, c);
    draw_memory(instance, y++, c);
    draw_events(instance, y++, c);
    draw_pids(instance, y++, c);
    draw_pressure(instance, y++, c);
    return y + scroll;
}
