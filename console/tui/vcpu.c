/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vcpu.c - a guest from below: its vCPUs with steal and exits, its balloon, the host stalling for
   it. */
#include <stdlib.h>

#include "console/tui/instances.h"
#include "widgets/meter.h"

/* The i-th vCPU row. */
static const ModelRow *vcpu_row(const ModelInstance *instance, guint i)
{
    for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++) {
        const ModelRow *row = &g_array_index(instance->rows, ModelRow, r);

        if (row->group == GEMEL_ROWS_VCPU && i-- == 0)
            return row;
    }
    return NULL;
}

static gboolean row_rate(const ModelRow *row, GemelRowMetric metric, double *ret)
{
    if (((row->rate_valid >> metric) & 1u) == 0)
        return FALSE;
    *ret = (double)row->rate[metric];
    return TRUE;
}

static void get_load(gpointer data, guint i, MeterLoad *load)
{
    const ModelRow *row = vcpu_row(data, i);
    double rate, halts = 0;

    load->load = -1;
    if (row == NULL)
        return;
    if (row_rate(row, GEMEL_ROW_VCPU_TIME, &rate))
        load->load = CLAMP(rate / 1e9, 0, 1);
    if (row_rate(row, GEMEL_ROW_VCPU_DELAY, &rate))
        load->steal = CLAMP(rate / 1e9, 0, 1);
    if (row_rate(row, GEMEL_ROW_VCPU_EXITS, &rate)) {
        g_autofree char *exits = format_rate(rate);
        gboolean with_halts = row_rate(row, GEMEL_ROW_VCPU_HALT_EXITS, &halts);
        g_autofree char *halted = with_halts ? format_rate(halts) : NULL;

        if (with_halts)
            g_snprintf(load->note, sizeof load->note, "exits %s/s halts %s/s", exits, halted);
        else
            g_snprintf(load->note, sizeof load->note, "exits %s/s", exits);
    }
}

static guint count_vcpus(const ModelInstance *instance)
{
    guint n = 0;

    for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++)
        n += g_array_index(instance->rows, ModelRow, r).group == GEMEL_ROWS_VCPU;
    return n;
}

/* label value   label value … */
static int pair(const Canvas *c, int y, int x, const char *label, const char *value)
{
    x = canvas_text(c, y, x, ROLE_LABEL, label);
    return canvas_text(c, y, x + 1, g_str_equal(value, "-") ? ROLE_DIM : ROLE_TEXT, value) + 3;
}

static int metric_pair(const ModelInstance *instance, const Canvas *c, int y, int x,
                       const char *label, GemelMetric metric)
{
    g_autofree char *text = metric_text(instance, metric);

    return pair(c, y, x, label, text);
}

static int draw_rest(const ModelInstance *instance, int y, const Canvas *c)
{
    int x = metric_pair(instance, c, y, 1, "steal", GEMEL_METRIC_CPU_STEAL);

    x = metric_pair(instance, c, y, x, "throttled", GEMEL_METRIC_CPU_THROTTLED);
    x = metric_pair(instance, c, y, x, "user", GEMEL_METRIC_CPU_USER);
    x = metric_pair(instance, c, y, x, "system", GEMEL_METRIC_CPU_SYSTEM);
    metric_pair(instance, c, y++, x, "threads", GEMEL_METRIC_PIDS_CURRENT);

    x = metric_pair(instance, c, y, 1, "balloon", GEMEL_METRIC_BALLOON_CURRENT);
    x = metric_pair(instance, c, y, x - 2, "of", GEMEL_METRIC_BALLOON_MAXIMUM);
    x = metric_pair(instance, c, y, x, "guest sees", GEMEL_METRIC_BALLOON_AVAILABLE);
    x = metric_pair(instance, c, y, x, "unused", GEMEL_METRIC_BALLOON_UNUSED);
    x = metric_pair(instance, c, y, x, "QEMU", GEMEL_METRIC_MEM_RSS);
    metric_pair(instance, c, y++, x, "age", GEMEL_METRIC_BALLOON_AGE);

    x = canvas_text(c, y, 1, ROLE_LABEL, "host pressure") + 2;
    x = metric_pair(instance, c, y, x, "cpu", GEMEL_METRIC_PSI_CPU_SOME);
    x = metric_pair(instance, c, y, x, "memory", GEMEL_METRIC_PSI_MEM_SOME);
    x = metric_pair(instance, c, y, x, "io", GEMEL_METRIC_PSI_IO_SOME);
    canvas_text(c, y++, x, ROLE_DIM, "the host stalls for it");
    return y;
}

int vcpu_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    enum { REST = 3 };
    guint n = count_vcpus(instance);
    int y = -scroll;

    if (n == 0) {
        canvas_text(c, y++, 1, ROLE_DIM,
                    instance->info->state == GEMEL_STATE_RUNNING ? "No figures of its vCPUs yet."
                                                                 : "It does not run.");
        return y + scroll;
    }
    /* the grid takes the lines it needs, and leaves room for what comes below where it can */
    int room = MAX(c->height - REST, MIN(c->height, 4));
    Canvas grid = canvas_sub(c, 0, 1, MIN(room, (int)n), c->width - 2);

    if (scroll == 0)
        y = meter_grid(&grid, "vcpu", n, get_load, (gpointer)instance);
    else
        y = MIN(room, (int)n) - scroll;
    y = draw_rest(instance, y, c);
    return y + scroll;
}
