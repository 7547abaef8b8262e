/* SPDX-License-Identifier: GPL-3.0-or-later */
/* columns.c - how the cells of the main list are drawn. */
#include <math.h>

#include "console/tui/instances.h"
#include "widgets/graph.h"
#include "widgets/meter.h"

/* Not available: never a zero. */
static void draw_none(const Canvas *cell, int width, TextAlign align)
{
    canvas_field(cell, 0, 0, width, align, ROLE_DIM, "-");
}

/* Old figures are dim whatever they say. */
static Role figure_role(Tui *tui, const ModelInstance *instance, Role role)
{
    return model_is_stale(tui->app->model, instance) ? ROLE_STALE : role;
}

static void draw_name(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    const char *name = instance->info->name;
    int x = instance->alerts != 0 ? canvas_text(cell, 0, 0, ROLE_ERROR, "! ") : 0;

    canvas_field(cell, 0, x, cell->width - x, TEXT_LEFT,
                 instance->info->state == GEMEL_STATE_RUNNING ? ROLE_STRONG : ROLE_TEXT,
                 name != NULL && *name != '\0' ? name : instance->info->id);
}

static void draw_kind(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    gboolean vm = instance->info->kind == GEMEL_KIND_VM;

    canvas_text(cell, 0, 0, vm ? ROLE_VM : ROLE_CONTAINER, vm ? "vm" : "ct");
}

/* What we are doing to it comes before what it is. */
static void draw_state(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    const char *state = gemel_state_name(instance->info->state);

    if (instance->doing != NULL)
        canvas_field(cell, 0, 0, cell->width, TEXT_LEFT, ROLE_CHANGING, instance->doing);
    else
        canvas_field(cell, 0, 0, cell->width, TEXT_LEFT, state_role(instance->info->state), state);
}

/* vCPUs of a guest, the limit of a container. */
static void draw_cpus(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    const GemelInstance *info = instance->info;
    g_autofree char *text = NULL;

    if (info->kind == GEMEL_KIND_VM && info->vcpus > 0)
        text = g_strdup_printf("%u", info->vcpus);
    else if (info->cpu_limit > 0)
        text = g_strdup_printf("%.3g", info->cpu_limit);
    if (text == NULL)
        draw_none(cell, cell->width, TEXT_RIGHT);
    else
        canvas_field(cell, 0, 0, cell->width, TEXT_RIGHT, ROLE_TEXT, text);
}

static void draw_cpu(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    enum { NUMBER = 5 };
    int width = MIN(cell->width - NUMBER - 1, 16);
    float values[32];
    double percent, top = cpu_top(instance);

    if (!model_cpu_percent(instance, tui->cpu_mode, &percent)) {
        draw_none(cell, NUMBER, TEXT_RIGHT);
    } else {
        g_autofree char *text = format_percent(percent);
        double load = instance->rate[GEMEL_METRIC_CPU_USAGE] / 1e7 / top;
        Role role = load >= 0.60 ? theme_load_role(load) : ROLE_TEXT;

        canvas_field(cell, 0, 0, NUMBER, TEXT_RIGHT, figure_role(tui, instance, role), text);
    }
    guint n = history_copy(&instance->history, MODEL_HISTORY_CPU, values, (guint)MAX(width, 0));

    if (n > 0)
        graph_sparkline(cell, 0, NUMBER + 1, width, values, n, top,
                        figure_role(tui, instance, ROLE_LOW));
}

/* used/limit, and a bar where there is room. */
static void draw_memory(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    guint64 used, limit = instance->info->memory_limit_bytes;
    gboolean there = model_memory(instance, &used, &limit);
    g_autofree char *of = limit > 0 ? format_bytes(limit) : NULL;
    g_autofree char *mine = there ? format_bytes(used) : NULL;
    double share = there && limit > 0 ? (double)used / (double)limit : 0;
    Role role = figure_role(tui, instance, share >= 0.85 ? ROLE_HIGH : ROLE_TEXT);

    canvas_field(cell, 0, 0, 4, TEXT_RIGHT, there ? role : ROLE_DIM, there ? mine : "-");
    if (of != NULL) {
        canvas_text(cell, 0, 4, ROLE_DIM, "/");
        canvas_field(cell, 0, 5, 4, TEXT_LEFT, ROLE_DIM, of);
    }
    if (cell->width >= 14 && there && limit > 0)
        meter_bar(cell, 0, 10, MIN(cell->width - 10, 6),
                  &(MeterPart){share, figure_role(tui, instance, theme_load_role(share))}, 1);
}

/* some avg10 of cpu, memory and io. */
static void draw_pressure(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    double some[3];
    int width = cell->width >= 14 ? 4 : 3;

    if (!model_pressure(instance, some)) {
        draw_none(cell, width, TEXT_RIGHT);
        return;
    }
    for (int i = 0; i < 3; i++) {
        g_autofree char *text = some[i] < 0 ? g_strdup("-") : format_percent(some[i]);
        Role role = some[i] >= 40   ? ROLE_HIGH
                    : some[i] >= 10 ? ROLE_MIDDLE
                    : some[i] > 0   ? ROLE_TEXT
                                    : ROLE_DIM;

        canvas_field(cell, 0, i * (width + 1), width, TEXT_RIGHT, figure_role(tui, instance, role),
                     text);
    }
}

/* Two rates side by side. */
static void draw_rates(Tui *tui, const ModelInstance *instance, const Canvas *cell, gboolean there,
                       double a, double b)
{
    int width = (cell->width - 1) / 2;

    if (!there) {
        draw_none(cell, width, TEXT_RIGHT);
        return;
    }
    g_autofree char *first = format_rate(a), *second = format_rate(b);

    canvas_field(cell, 0, 0, width, TEXT_RIGHT,
                 figure_role(tui, instance, a > 0 ? ROLE_TEXT : ROLE_DIM), first);
    canvas_field(cell, 0, width + 1, width, TEXT_RIGHT,
                 figure_role(tui, instance, b > 0 ? ROLE_TEXT : ROLE_DIM), second);
}

static void draw_block(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    double rd = 0, wr = 0;
    gboolean there = model_block_rates(instance, &rd, &wr);

    draw_rates(tui, instance, cell, there, rd, wr);
}

static void draw_net(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    double rx = 0, tx = 0;
    gboolean there = model_net_rates(instance, &rx, &tx);

    draw_rates(tui, instance, cell, there, rx, tx);
}

static void draw_uptime(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    gint64 seconds;

    if (!model_uptime_s(instance, &seconds)) {
        draw_none(cell, cell->width, TEXT_RIGHT);
        return;
    }
    g_autofree char *text = format_uptime(seconds);

    canvas_field(cell, 0, 0, cell->width, TEXT_RIGHT, ROLE_TEXT, text);
}

/* A text or a figure that has no way of its own. */
static void draw_plain(Tui *tui, const ModelInstance *instance, ColumnId id, const Canvas *cell)
{
    const Column *column = &column_table[id];
    TextAlign align = column->right ? TEXT_RIGHT : TEXT_LEFT;
    double value;

    if (column->text != NULL) {
        g_autoptr(GString) room = g_string_new(NULL);
        const char *text = column->text(instance, room);

        canvas_field(cell, 0, 0, cell->width, align, ROLE_DIM, text != NULL ? text : "-");
        return;
    }
    if (!column->figure(instance, &value)) {
        draw_none(cell, cell->width, align);
        return;
    }
    g_autofree char *text = column_format(column->unit, value);

    canvas_field(cell, 0, 0, cell->width, align,
                 figure_role(tui, instance, value > 0 ? ROLE_TEXT : ROLE_DIM), text);
}

static void draw_alerts(Tui *tui, const ModelInstance *instance, const Canvas *cell)
{
    g_autofree char *text = g_strdup_printf("! %d", __builtin_popcount(instance->alerts));

    if (instance->alerts == 0)
        draw_none(cell, cell->width, TEXT_RIGHT);
    else
        canvas_field(cell, 0, 0, cell->width, TEXT_RIGHT, ROLE_ERROR, text);
}

void column_draw(Tui *tui, const ModelInstance *instance, ColumnId id, const Canvas *cell)
{
    static void (*const draw[LIST_N])(Tui *, const ModelInstance *, const Canvas *) = {
        [LIST_NAME] = draw_name,         [LIST_KIND] = draw_kind,     [LIST_STATE] = draw_state,
        [LIST_CPUS] = draw_cpus,         [LIST_CPU] = draw_cpu,       [LIST_MEMORY] = draw_memory,
        [LIST_PRESSURE] = draw_pressure, [LIST_BLOCK] = draw_block,   [LIST_NET] = draw_net,
        [LIST_UPTIME] = draw_uptime,     [LIST_ALERTS] = draw_alerts,
    };

    if (draw[id] != NULL)
        draw[id](tui, instance, cell);
    else
        draw_plain(tui, instance, id, cell);
}

char *column_note(const ModelInstance *instance)
{
    if (instance->quarantine == NULL)
        return NULL;
    g_autofree char *age = age_text((gemel_boottime_ns() - instance->quarantine_ns) / 1000);

    return g_strdup_printf("! %s (%s)", instance->quarantine, age);
}

/* ---- figures that several views draw -------------------------------------------------------- */

gboolean has_value(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->valid >> metric) & 1u;
}

gboolean has_rate(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->rate_valid >> metric) & 1u;
}

guint history_copy(const History *history, guint series, float *values, guint max)
{
    guint n = MIN(history_positions(history), max);

    for (guint i = 0; i < n; i++)
        values[n - 1 - i] = history_back(history, series, i);
    return n;
}

double cpu_top(const ModelInstance *instance)
{
    if (instance->info->kind == GEMEL_KIND_VM && instance->info->vcpus > 0)
        return instance->info->vcpus * 100.0;
    if (instance->info->cpu_limit > 0)
        return instance->info->cpu_limit * 100.0;
    return model_host_cpus(instance->backend) * 100.0;
}
