/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vcpu.c - a guest from below: its vCPUs with steal and exits, its balloon, the host stalling for
   it. */
#include <stdlib.h>

#include "console/tui/instances.h"
#include "widgets/meter.h"

/* Of more vCPUs than so many, or than there are lines, a summary and a picture come first. */
#define LISTED_MAX  16
#define GRID_ROWS   6
#define NAMED_MAX   12 /* of the busiest */
#define CELL_WIDTH  62 /* of one vCPU in the table */
#define PINNED_REST 22 /* lines from which on the balloon and the rest stay in view */

/* One vCPU; shares of a CPU's time, -1 where there is no figure. */
typedef struct {
    guint index;
    double load, steal, wait, exits, halts;
} Vcpu;

static double row_rate(const ModelRow *row, GemelRowMetric metric)
{
    return ((row->rate_valid >> metric) & 1u) != 0 ? (double)row->rate[metric] : -1;
}

static double row_share(const ModelRow *row, GemelRowMetric metric)
{
    double rate = row_rate(row, metric);

    return rate < 0 ? -1 : CLAMP(rate / 1e9, 0, 1);
}

/* All vCPUs, in their order. */
static GArray *collect(const ModelInstance *instance)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(Vcpu));

    for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++) {
        const ModelRow *row = &g_array_index(instance->rows, ModelRow, r);
        Vcpu vcpu = {.index = all->len,
                     .load = row_share(row, GEMEL_ROW_VCPU_TIME),
                     .steal = row_share(row, GEMEL_ROW_VCPU_DELAY),
                     .wait = row_share(row, GEMEL_ROW_VCPU_WAIT),
                     .exits = row_rate(row, GEMEL_ROW_VCPU_EXITS),
                     .halts = row_rate(row, GEMEL_ROW_VCPU_HALT_EXITS)};

        if (row->group == GEMEL_ROWS_VCPU)
            g_array_append_val(all, vcpu);
    }
    return all;
}

/* "wait 0.4% exits 12K/s halts 3K/s" */
static void write_note(const Vcpu *vcpu, char *note, gsize size)
{
    g_autofree char *exits = vcpu->exits >= 0 ? format_rate(vcpu->exits) : NULL;
    g_autofree char *halts = vcpu->halts >= 0 ? format_rate(vcpu->halts) : NULL;
    gsize used = 0;

    note[0] = '\0';
    if (vcpu->wait >= 0)
        used = (gsize)g_snprintf(note, size, "wait %4.1f%%  ", vcpu->wait * 100);
    if (exits != NULL && used < size)
        used += (gsize)g_snprintf(note + used, size - used, "exits %s/s ", exits);
    if (halts != NULL && used < size)
        g_snprintf(note + used, size - used, "halts %s/s", halts);
}

static void get_load(gpointer data, guint i, MeterLoad *load)
{
    const Vcpu *vcpu = &g_array_index((GArray *)data, Vcpu, i);

    load->load = vcpu->load;
    load->steal = MAX(vcpu->steal, 0);
    write_note(vcpu, load->note, sizeof load->note);
}

/* ---- many of them --------------------------------------------------------------------------- */

static int by_load(gconstpointer a, gconstpointer b)
{
    const Vcpu *one = a, *two = b;

    return one->load < two->load   ? 1
           : one->load > two->load ? -1
                                   : (int)one->index - (int)two->index;
}

static int by_steal(gconstpointer a, gconstpointer b)
{
    const Vcpu *one = a, *two = b;

    return one->steal < two->steal   ? 1
           : one->steal > two->steal ? -1
                                     : (int)one->index - (int)two->index;
}

/* "128 vCPUs   use min 0 % mean 23 % max 98 %   steal mean 0.3 %   exits 1.2M/s" */
static void draw_sums(const GArray *all, int y, const Canvas *c)
{
    double least = 1, most = 0, sum = 0, steal = 0, wait = 0, exits = 0, halts = 0;
    guint known = 0;

    for (guint i = 0; i < all->len; i++) {
        const Vcpu *vcpu = &g_array_index(all, Vcpu, i);

        steal += MAX(vcpu->steal, 0);
        wait += MAX(vcpu->wait, 0);
        exits += MAX(vcpu->exits, 0);
        halts += MAX(vcpu->halts, 0);
        if (vcpu->load < 0)
            continue;
        least = MIN(least, vcpu->load);
        most = MAX(most, vcpu->load);
        sum += vcpu->load;
        known++;
    }
    int x = canvas_printf(c, y, 1, ROLE_TITLE, "%u vCPUs", all->len);

    if (known == 0) {
        canvas_text(c, y, x + 2, ROLE_DIM, "no rates yet");
        return;
    }
    g_autofree char *out = format_rate(exits), *halted = format_rate(halts);

    x = canvas_printf(c, y, x + 2, ROLE_TEXT, "min %.0f%% mean %.0f%% max %.0f%%", least * 100,
                      sum / known * 100, most * 100);
    x = canvas_printf(c, y, x + 2, steal / all->len >= 0.01 ? ROLE_STEAL : ROLE_TEXT,
                      "steal %.1f%%", steal / all->len * 100);
    x = canvas_printf(c, y, x + 1, ROLE_TEXT, "wait %.1f%%", wait / all->len * 100);
    x = canvas_printf(c, y, x + 2, ROLE_TEXT, "exits %s/s", out);
    if (x + 13 <= c->width)
        canvas_printf(c, y, x + 2, ROLE_TEXT, "halts %s/s", halted);
}

/* "busiest  17 98%  3 91% …": as many as fit. */
static void draw_first(const GArray *all, GCompareFunc order, gboolean steal, int y,
                       const Canvas *c)
{
    g_autoptr(GArray) sorted = g_array_copy((GArray *)all);
    int x = canvas_text(c, y, 1, ROLE_LABEL, steal ? "most steal" : "busiest") + 2;

    g_array_sort(sorted, order);
    x = MAX(x, 13);
    for (guint i = 0; i < MIN(sorted->len, NAMED_MAX) && x + 9 <= c->width; i++) {
        const Vcpu *vcpu = &g_array_index(sorted, Vcpu, i);
        double share = steal ? vcpu->steal : vcpu->load;

        if (share < 0)
            break;
        x = canvas_printf(c, y, x, ROLE_DIM, "%u ", vcpu->index);
        x = canvas_printf(c, y, x, steal ? ROLE_STEAL : theme_load_role(share),
                          steal ? "%.1f%%" : "%.0f%%", share * 100) +
            2;
    }
}

/* Cells of the table's fields: number, percent, then these. */
static const struct {
    const char *title;
    int width;
} fields[] = {{"steal", 7}, {"wait", 7}, {"exits/s", 9}, {"halts/s", 9}};
#define NUMBER  5
#define PERCENT 5

/* Cells that the bar gets of a column of the table. */
static int bar_width(const Canvas *cell)
{
    int width = cell->width - NUMBER - PERCENT;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        width -= fields[i].width;
    return CLAMP(width, 4, 40);
}

static void draw_headings(int y, const Canvas *cell)
{
    int x = canvas_field(cell, y, 0, NUMBER, TEXT_LEFT, ROLE_COLUMN, "vcpu");

    x = canvas_field(cell, y, x, bar_width(cell) + PERCENT, TEXT_RIGHT, ROLE_COLUMN, "use");
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        x = canvas_field(cell, y, x, fields[i].width, TEXT_RIGHT, ROLE_COLUMN, fields[i].title);
}

/* One vCPU of the table. */
static void draw_cell(const Vcpu *vcpu, int y, const Canvas *cell)
{
    int bar = bar_width(cell);
    int x = MAX(NUMBER, canvas_printf(cell, y, 0, ROLE_LABEL, "%u", vcpu->index));
    char *texts[G_N_ELEMENTS(fields)] = {
        vcpu->steal >= 0 ? g_strdup_printf("%.1f%%", vcpu->steal * 100) : NULL,
        vcpu->wait >= 0 ? g_strdup_printf("%.1f%%", vcpu->wait * 100) : NULL,
        vcpu->exits >= 0 ? format_rate(vcpu->exits) : NULL,
        vcpu->halts >= 0 ? format_rate(vcpu->halts) : NULL};

    if (vcpu->load >= 0) {
        meter_bar(
            cell, y, x, bar,
            (MeterPart[]){{vcpu->load, theme_load_role(vcpu->load)}, {vcpu->steal, ROLE_STEAL}}, 2);
        canvas_printf(cell, y, x + bar, theme_load_role(vcpu->load), "%4.0f%%", vcpu->load * 100);
    } else {
        canvas_field(cell, y, x, bar + PERCENT, TEXT_RIGHT, ROLE_DIM, "-");
    }
    x += bar + PERCENT;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        x = canvas_field(cell, y, x, fields[i].width, TEXT_RIGHT,
                         i == 0 && vcpu->steal >= 0.01 ? ROLE_STEAL : ROLE_TEXT,
                         texts[i] != NULL ? texts[i] : "-");
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        g_free(texts[i]);
}

/* label value   label value ... */
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

enum { REST = 3 };

/* steal and throttling, balloon, pressure: REST lines. */
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

/* A line each, and the rest below. */
static int draw_few(const ModelInstance *instance, GArray *all, int scroll, const Canvas *c)
{
    Canvas grid = canvas_sub(c, 0, 1, MIN(c->height, (int)all->len), c->width - 2);
    int y = (int)all->len - scroll;

    if (scroll == 0)
        meter_grid(&grid, "vcpu", all->len, get_load, all);
    return draw_rest(instance, y, c) + scroll;
}

/* What stays in view: sums, the busiest, a picture of all; the table of all scrolls under it. */
static int draw_many(const ModelInstance *instance, GArray *all, int scroll, const Canvas *c)
{
    int columns = MAX(1, c->width / CELL_WIDTH), y = 0;
    int rows = ((int)all->len + columns - 1) / columns;
    gboolean pinned = c->height >= PINNED_REST;

    draw_sums(all, y++, c);
    draw_first(all, by_load, FALSE, y++, c);
    draw_first(all, by_steal, TRUE, y++, c);
    Canvas grid = canvas_sub(c, y, 1, CLAMP(c->height - y, 0, GRID_ROWS), c->width - 2);

    y += meter_grid(&grid, "vcpu", all->len, get_load, all);
    if (pinned)
        y = draw_rest(instance, y, c) + 1;
    Canvas table = canvas_sub(c, y, 1, c->height - y, c->width - 2);

    for (int column = 0; column < columns; column++) {
        int width = (table.width + 3) / columns;
        Canvas cell = canvas_sub(&table, 0, column * width, table.height, width - 3);

        draw_headings(0, &cell);
        for (int row = 1; row < table.height && row - 1 + scroll < rows; row++) {
            int at = column * rows + row - 1 + scroll;

            if (at < (int)all->len)
                draw_cell(&g_array_index(all, Vcpu, (guint)at), row, &cell);
        }
    }
    if (!pinned)
        draw_rest(instance, rows + 1 - scroll, &table);
    return y + 1 + rows + (pinned ? 0 : REST);
}

int vcpu_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    g_autoptr(GArray) all = collect(instance);

    if (all->len == 0) {
        canvas_text(c, -scroll, 1, ROLE_DIM,
                    instance->info->state == GEMEL_STATE_RUNNING ? "No figures of its vCPUs yet."
                                                                 : "It does not run.");
        return 1;
    }
    return all->len <= LISTED_MAX && (int)all->len + REST <= c->height
               ? draw_few(instance, all, scroll, c)
               : draw_many(instance, all, scroll, c);
}
