/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics.c - the tab of all figures, and how a figure is written in its unit. */
#include <string.h>

#include "console/tui/instances.h"

#define LABEL    25 /* the longest name */
#define CELL_MIN 38

char *figure_text(const char *unit, double value)
{
    if (strcmp(unit, "B") == 0)
        return format_bytes((guint64)MAX(value, 0));
    if (strcmp(unit, "ns") == 0)
        return g_strdup_printf("%.1f s", value / 1e9);
    if (strcmp(unit, "us") == 0)
        return g_strdup_printf("%.1f s", value / 1e6);
    if (strcmp(unit, "ms") == 0)
        return g_strdup_printf("%.1f s", value / 1e3);
    if (strcmp(unit, "mcpu") == 0)
        return g_strdup_printf("%.3g CPUs", value / 1000);
    if (strcmp(unit, "c%") == 0)
        return g_strdup_printf("%.1f %%", value / 100);
    return g_strdup_printf("%.0f", value);
}

/* A rate: times per time are a share, bytes and counts per second. */
static char *rate_figure(const char *unit, double rate)
{
    if (strcmp(unit, "ns") == 0)
        return g_strdup_printf("%.1f %%", rate / 1e7);
    if (strcmp(unit, "us") == 0)
        return g_strdup_printf("%.1f %%", rate / 1e4);
    g_autofree char *text =
        strcmp(unit, "B") == 0 ? format_rate(rate) : g_strdup_printf("%.1f", rate);

    return g_strconcat(text, "/s", NULL);
}

char *metric_text(const ModelInstance *instance, GemelMetric metric)
{
    const GemelMetricInfo *info = &gemel_metrics[metric];

    if (info->kind == GEMEL_METRIC_COUNTER)
        return has_rate(instance, metric) ? rate_figure(info->unit, instance->rate[metric])
                                          : g_strdup("-");
    return has_value(instance, metric) ? figure_text(info->unit, (double)instance->value[metric])
                                       : g_strdup("-");
}

static void draw_metric(Tui *tui, const ModelInstance *instance, GemelMetric metric,
                        const Canvas *cell)
{
    const GemelMetricInfo *info = &gemel_metrics[metric];
    g_autofree char *text = metric_text(instance, metric);
    gboolean none = strcmp(text, "-") == 0;
    Role role = none                                        ? ROLE_DIM
                : model_is_stale(tui->app->model, instance) ? ROLE_STALE
                                                            : ROLE_TEXT;

    canvas_field(cell, 0, 0, LABEL, TEXT_LEFT, none ? ROLE_OFF : ROLE_LABEL, info->name);
    canvas_field(cell, 0, LABEL, 9, TEXT_RIGHT, role, text);
    if (info->kind == GEMEL_METRIC_COUNTER && has_value(instance, metric) &&
        cell->width > LABEL + 20) {
        g_autofree char *total = figure_text(info->unit, (double)instance->value[metric]);

        canvas_printf(cell, 0, LABEL + 11, ROLE_DIM, "of %s", total);
    }
}

/* Columns downwards, in the order of the schema: figures of a kind stay together. */
int metrics_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    int columns = MAX(1, (c->width - 2) / CELL_MIN);
    int rows = (GEMEL_METRIC_N + columns - 1) / columns, width = (c->width - 2) / columns;

    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        int y = i % rows - scroll;

        if (y < 0 || y >= c->height)
            continue;
        Canvas cell = canvas_sub(c, y, 1 + i / rows * width, 1, width - 2);

        draw_metric(tui, instance, (GemelMetric)i, &cell);
    }
    return rows;
}
