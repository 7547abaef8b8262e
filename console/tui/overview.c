/* SPDX-License-Identifier: GPL-3.0-or-later */
/* overview.c - the first tab: what it is, how it does, and the last minutes as graphs. */
#include <math.h>
#include <string.h>

#include "console/alerts.h"
#include "console/tui/instances.h"
#include "widgets/graph.h"

#define PANEL_WIDTH_MIN  29
#define PANEL_HEIGHT_MIN 4
#define PANEL_HEIGHT_MAX 24
#define LABELLED_HEIGHT  8 /* from here on a panel says when its times are */
#define VALUES_MAX       512

typedef struct {
    const char *title;
    ModelHistory history;
    char *now;        /* the figure in words */
    char *pressure;   /* the pressure in words, or NULL: there is no such pressure */
    GemelMetric some; /* its history */
    double top;       /* full scale; 0: by the values */
    double shown_top; /* what the scale says, where that is another figure; 0: top */
    gboolean by_load, binary, percent;
} Panel;

/* ---- the line of facts ---------------------------------------------------------------------- */

static int add_fact(const Canvas *c, int y, int x, const char *label, const char *value)
{
    if (value == NULL || x + text_width(label) + text_width(value) + 3 > c->width)
        return x;
    if (*label != '\0')
        x = canvas_text(c, y, x, ROLE_LABEL, label) + 1;
    return canvas_text(c, y, x, ROLE_TEXT, value) + 3;
}

static void draw_facts(const ModelInstance *instance, gint64 span_s, int y, const Canvas *c)
{
    const GemelInstance *info = instance->info;
    gint64 seconds;
    int x = canvas_text(c, y, 1, state_role(info->state), gemel_state_name(info->state));
    g_autofree char *cpus =
        info->kind == GEMEL_KIND_VM
            ? (info->vcpus > 0 ? g_strdup_printf("%u", info->vcpus) : NULL)
            : (info->cpu_limit > 0 ? g_strdup_printf("%.3g", info->cpu_limit) : NULL);
    g_autofree char *memory =
        info->memory_limit_bytes > 0 ? format_bytes(info->memory_limit_bytes) : NULL;
    g_autofree char *id = g_strndup(info->id, 12);

    if (model_uptime_s(instance, &seconds)) {
        g_autofree char *uptime = format_uptime(seconds);

        x = canvas_printf(c, y, x, ROLE_TEXT, " for %s", uptime);
    }
    x += 3;
    x = add_fact(c, y, x, "on", instance->backend->name);
    x = add_fact(c, y, x, info->kind == GEMEL_KIND_VM ? "vCPUs" : "CPUs", cpus);
    x = add_fact(c, y, x, "memory", memory);
    if (info->autostart)
        x = add_fact(c, y, x, "", "autostart");
    if (info->is_protected)
        x = add_fact(c, y, x, "", "protected");
    x = add_fact(c, y, x, "id", id);
    x = add_fact(c, y, x, "image", info->image);
    g_autofree char *span = g_strdup_printf("last %s", span_s == 60    ? "minute"
                                                       : span_s == 600 ? "10 minutes"
                                                                       : "day");
    if (x + text_width(span) < c->width)
        canvas_text(c, y, c->width - 1 - text_width(span), ROLE_DIM, span);
}

/* Lines that say why something is not as usual; returns the line after. */
static int draw_reasons(Tui *tui, const ModelInstance *instance, int y, const Canvas *c)
{
    if (instance->info->state_reason != NULL) {
        canvas_printf(c, y, 1, ROLE_WARN, "%s", instance->info->state_reason);
        y++;
    }
    const Alert *alert;

    for (guint i = 0; (alert = alerts_nth(tui->app->alerts, i)) != NULL; i++) {
        if (!alert_is_raised(alert, instance))
            continue;
        g_autofree char *figure = alert_figure(alert, instance);

        canvas_printf(c, y++, 1, ROLE_ERROR, "! %s is %s (alert %u: %s)", alert->metric, figure,
                      alert->number, alert->text);
    }
    if (instance->quarantine != NULL) {
        g_autofree char *age = age_text((gemel_boottime_ns() - instance->quarantine_ns) / 1000);

        canvas_printf(c, y, 1, ROLE_WARN, "! in quarantine for %s: %s. The others go on.", age,
                      instance->quarantine);
        y++;
    } else if (model_is_stale(tui->app->model, instance)) {
        g_autofree char *age = age_text(model_age_ns(instance) / 1000);

        canvas_printf(c, y, 1, ROLE_STALE, "These figures are %s old.", age);
        y++;
    }
    return y;
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* The figure of the list, and what 100 % of it would be. *ret_top: the graph's full scale, which is
   all the instance can have, in the same unit. */
static char *cpu_now(Tui *tui, const ModelInstance *instance, double *ret_top)
{
    double percent;
    const GemelInstance *info = instance->info;
    gboolean vm = info->kind == GEMEL_KIND_VM;
    g_autofree char *whole = vm && info->vcpus > 0 ? g_strdup_printf("%u vCPU%s", info->vcpus,
                                                                     info->vcpus == 1 ? "" : "s")
                             : info->cpu_limit > 0 ? g_strdup_printf("%.3g CPUs", info->cpu_limit)
                                                   : NULL;

    *ret_top = tui->cpu_mode == MODEL_CPU_OF_CORE ? cpu_top(instance)
               : tui->cpu_mode == MODEL_CPU_OF_LIMIT
                   ? 100
                   : cpu_top(instance) / model_host_cpus(instance->backend);
    if (!model_cpu_percent(instance, tui->cpu_mode, &percent))
        return g_strdup("-");
    g_autofree char *text = format_percent(percent);

    if (tui->cpu_mode == MODEL_CPU_OF_HOST)
        return g_strdup_printf("%s %% of the host", text);
    if (tui->cpu_mode == MODEL_CPU_OF_LIMIT)
        return whole == NULL ? g_strdup_printf("%s %% of the host, no limit", text)
               : vm          ? g_strdup_printf("%s %% of its %s", text, whole)
                             : g_strdup_printf("%s %% of its limit of %s", text, whole);
    if (vm || whole == NULL)
        return g_strdup_printf("%s %% of a core (%s)", text, whole != NULL ? whole : "no limit");
    return g_strdup_printf("%s %% of a core (limit %.3g)", text, info->cpu_limit);
}

static char *memory_now(const ModelInstance *instance, double *ret_top)
{
    guint64 used, limit;

    *ret_top = 0;
    if (!model_memory(instance, &used, &limit))
        return g_strdup("-");
    g_autofree char *mine = format_bytes(used), *of = format_bytes(limit);

    *ret_top = (double)limit;
    return limit > 0 ? g_strdup_printf("%s of %s", mine, of)
                     : g_strdup_printf("%s, no limit", mine);
}

/* "pressure 12 % full 4.1 %" of one resource. */
static char *pressure_now(const ModelInstance *instance, GemelMetric some, GemelMetric full)
{
    const char *whose = instance->info->kind == GEMEL_KIND_VM ? "host pressure" : "pressure";

    if (!has_value(instance, some))
        return g_strdup_printf("%s -", whose);
    g_autofree char *of_some = format_percent((double)instance->value[some] / 100);
    g_autofree char *of_full = has_value(instance, full)
                                   ? format_percent((double)instance->value[full] / 100)
                                   : g_strdup("-");

    return g_strdup_printf("%s %s %% full %s", whose, of_some, of_full);
}

static char *rates_now(gboolean there, double a, double b, const char *first, const char *second)
{
    if (!there)
        return g_strdup("-");
    g_autofree char *one = format_rate(a), *two = format_rate(b);

    return g_strdup_printf("%s %s/s %s %s/s", first, one, second, two);
}

/* Fills `panels`: use, and beside it the pressure on the same resource. */
static guint make_panels(Tui *tui, const ModelInstance *instance, Panel *panels)
{
    double a = 0, b = 0, memory_top, cpu_shown_top;
    char *cpu = cpu_now(tui, instance, &cpu_shown_top);
    char *memory = memory_now(instance, &memory_top);
    gboolean there = model_block_rates(instance, &a, &b);
    char *block = rates_now(there, a, b, "read", "write");

    there = model_net_rates(instance, &a, &b);
    char *net = rates_now(there, a, b, "rx", "tx");
    const Panel made[] = {
        {.title = "cpu",
         .history = MODEL_HISTORY_CPU,
         .now = cpu,
         .top = cpu_top(instance),
         .shown_top = cpu_shown_top,
         .by_load = TRUE,
         .percent = TRUE,
         .pressure = pressure_now(instance, GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_CPU_FULL),
         .some = GEMEL_METRIC_PSI_CPU_SOME},
        {.title = "memory",
         .history = MODEL_HISTORY_MEMORY,
         .now = memory,
         .top = memory_top,
         .by_load = TRUE,
         .binary = TRUE,
         .pressure = pressure_now(instance, GEMEL_METRIC_PSI_MEM_SOME, GEMEL_METRIC_PSI_MEM_FULL),
         .some = GEMEL_METRIC_PSI_MEM_SOME},
        {.title = "io",
         .history = MODEL_HISTORY_BLOCK,
         .now = block,
         .binary = TRUE,
         .pressure = pressure_now(instance, GEMEL_METRIC_PSI_IO_SOME, GEMEL_METRIC_PSI_IO_FULL),
         .some = GEMEL_METRIC_PSI_IO_SOME},
        {.title = "net", .history = MODEL_HISTORY_NET, .now = net, .binary = TRUE},
    };

    memcpy(panels, made, sizeof made);
    return G_N_ELEMENTS(made);
}

/* Title, figure, scale. */
static void draw_heading(Tui *tui, const ModelInstance *instance, const Panel *panel, double top,
                         const Canvas *c)
{
    double shown = panel->shown_top > 0 ? panel->shown_top : top;
    g_autofree char *number = panel->percent ? format_percent(shown) : format_bytes((guint64)top);
    g_autofree char *scale = panel->percent ? g_strconcat(number, "%", NULL) : g_strdup(number);
    int x = canvas_text(c, 0, 0, ROLE_TITLE, panel->title) + 1;
    int room = c->width - x - text_width(scale) - 1;
    const char *aside = strstr(panel->now, " (");
    g_autofree char *now = g_strdup(panel->now);

    if (text_width(now) > room && aside != NULL)
        now[aside - panel->now] = '\0';

    /* the figure matters more than the scale */
    if (text_width(now) > room && text_width(now) <= c->width - x)
        room = c->width - x;
    canvas_field(c, 0, x, room, TEXT_LEFT,
                 model_is_stale(tui->app->model, instance) ? ROLE_STALE : ROLE_TEXT, now);
    if (room < c->width - x)
        canvas_text(c, 0, c->width - text_width(scale), ROLE_DIM, scale);
}

/* How much was stalled for want of it, on the same time axis as the graph above: with room in a row
   of its own, else as far as the words leave some. */
static void draw_pressure(Tui *tui, const ModelInstance *instance, const Panel *panel, int y,
                          gboolean own_row, const Canvas *c)
{
    float values[VALUES_MAX];
    int x = canvas_text(c, y, 0, ROLE_PRESSURE, panel->pressure) + 1;
    guint n = MIN((guint)c->width, VALUES_MAX);

    series_metric(instance, panel->some, tui->span_s, values, n);
    if (own_row)
        graph_sparkline(c, y + 1, 0, c->width, values, n, 10000, ROLE_PRESSURE);
    else if (x < c->width)
        graph_sparkline(c, y, x, c->width - x, values, n, 10000, ROLE_PRESSURE);
}

static void draw_panel(Tui *tui, const ModelInstance *instance, const Panel *panel, const Canvas *c)
{
    float values[VALUES_MAX];
    gboolean labels = c->height >= LABELLED_HEIGHT;
    int rows = c->height - 1 - (panel->pressure != NULL ? 1 + labels : 0) - labels;
    Canvas graph = canvas_sub(c, 1, 0, rows, c->width);
    guint n = MIN(graph_capacity(graph.width), VALUES_MAX);

    series_headline(instance, panel->history, tui->span_s, values, n);
    double top = panel->top > 0 ? panel->top : graph_scale(values, n, 1024, panel->binary);

    draw_heading(tui, instance, panel, top, c);
    graph_draw(&graph, values, n, top, panel->by_load);
    if (labels)
        graph_time_labels(c, c->height - 1, tui->span_s);
    if (panel->pressure != NULL)
        draw_pressure(tui, instance, panel, 1 + rows, labels, c);
}

/* Columns of panels in this width. */
static int panel_columns(int width)
{
    return width - 2 >= 4 * PANEL_WIDTH_MIN ? 4 : width - 2 >= 2 * PANEL_WIDTH_MIN ? 2 : 1;
}

/* As many panels as there is room for, in equal columns. */
static int draw_panels(Tui *tui, const ModelInstance *instance, int y, const Canvas *c)
{
    Panel panels[8];
    guint n = make_panels(tui, instance, panels);
    int columns = panel_columns(c->width);
    int rows = ((int)n + columns - 1) / columns, room = c->height - y;

    while (rows > 1 && room / rows < PANEL_HEIGHT_MIN)
        rows--;
    int height = CLAMP(room / MAX(rows, 1), PANEL_HEIGHT_MIN, PANEL_HEIGHT_MAX);
    int width = (c->width - 2 - (columns - 1) * 3) / columns;

    for (guint i = 0; i < n; i++) {
        int row = (int)i / columns, column = (int)i % columns;

        if (row < rows) {
            Canvas panel = canvas_sub(c, y + row * height, 1 + column * (width + 3), height, width);

            draw_panel(tui, instance, &panels[i], &panel);
        }
        g_free(panels[i].now);
        g_free(panels[i].pressure);
    }
    return y + rows * height;
}

/* What there is to say of one that does not run. */
static int draw_idle(const ModelInstance *instance, int y, const Canvas *c)
{
    GHashTableIter iter;
    gpointer name, value;

    canvas_text(c, y++, 1, ROLE_DIM,
                gemel_instance_can(instance->info, GEMEL_ACT_START)
                    ? "It does not run, so there are no figures; p s starts it."
                    : "It does not run, so there are no figures.");
    if (instance->info->labels == NULL)
        return y;
    g_hash_table_iter_init(&iter, instance->info->labels);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        int x = canvas_printf(c, y, 1, ROLE_LABEL, "%s", (const char *)name);

        canvas_printf(c, y++, x + 1, ROLE_TEXT, "%s", (const char *)value);
    }
    return y;
}

/* With room to spare the tab below comes along: vCPUs of a guest, cgroup figures of a container. */
static int draw_below(Tui *tui, const ModelInstance *instance, int y, const Canvas *c)
{
    gboolean vm = instance->info->kind == GEMEL_KIND_VM;
    int columns = panel_columns(c->width);
    int graphs = (4 + columns - 1) / columns * (PANEL_HEIGHT_MIN + 2);
    Canvas part = canvas_sub(c, y, 0, c->height - y - graphs, c->width);

    if (y < 0 || part.height < 7)
        return y;
    part.height = MIN(part.height, vm ? 4 + (int)MIN(instance->info->vcpus, 16) : 6);
    int lines = vm ? vcpu_draw(tui, instance, 0, &part) : cgroup_draw(tui, instance, 0, &part);

    return y + MIN(lines, part.height) + 1;
}

int overview_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    GemelState state = instance->info->state;
    int y = -scroll;

    draw_facts(instance, tui->span_s, y++, c);
    y = draw_reasons(tui, instance, y, c);
    if (instance->sample_ns == 0 && state != GEMEL_STATE_RUNNING && state != GEMEL_STATE_PAUSED)
        y = draw_idle(instance, y, c);
    else if (c->height - y >= PANEL_HEIGHT_MIN)
        y = draw_panels(tui, instance, draw_below(tui, instance, y, c), c);
    return y + scroll;
}
