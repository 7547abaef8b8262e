/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics.c - the tab of all figures with a graph of the chosen ones, and how a figure is written
   in its unit. */
#include <string.h>

#include "console/tui/instances.h"
#include "widgets/graph.h"

#define LABEL          25 /* the longest name */
#define VALUE          9
#define PLOT_WIDTH_MIN 34
#define VALUES_MAX     512

G_STATIC_ASSERT(GEMEL_METRIC_N <= 64);

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

/* ---- the list ------------------------------------------------------------------------------- */

/* Which letter of the plot a metric has: its place among the marked ones, the cursor's last. -1:
   it is not in the plot. */
static int place_of(const Tui *tui, int metric)
{
    int place = 0;

    if (((tui->metric_marks >> metric) & 1u) == 0 && metric != tui->metric_cursor)
        return -1;
    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        gboolean marked = (tui->metric_marks >> i) & 1u;

        if (marked && i == metric)
            return place;
        place += marked;
    }
    return place;
}

/* Metrics that the plot shows. */
static int count_plotted(const Tui *tui)
{
    int n = 0;

    for (int i = 0; i < GEMEL_METRIC_N; i++)
        n += place_of(tui, i) >= 0;
    return n;
}

static void draw_metric(Tui *tui, const ModelInstance *instance, GemelMetric metric,
                        const Canvas *line)
{
    const GemelMetricInfo *info = &gemel_metrics[metric];
    g_autofree char *text = metric_text(instance, metric);
    gboolean none = strcmp(text, "-") == 0;
    int place = place_of(tui, metric);
    Role role = none                                        ? ROLE_DIM
                : model_is_stale(tui->app->model, instance) ? ROLE_STALE
                                                            : ROLE_TEXT;

    canvas_clear(line);
    if (tui->metric_cursor == (int)metric)
        canvas_text(line, 0, 0, ROLE_STRONG, glyph_text(GLYPH_POINTER));
    if (((tui->metric_marks >> metric) & 1u) != 0)
        canvas_text(line, 0, 1, ROLE_MARK, "*");
    if (place >= 0 && count_plotted(tui) > 1)
        canvas_printf(line, 0, 2, graph_role((guint)place), "%c", graph_letter((guint)place));
    canvas_field(line, 0, 4, LABEL, TEXT_LEFT, none ? ROLE_OFF : ROLE_LABEL, info->name);
    canvas_field(line, 0, 4 + LABEL, VALUE, TEXT_RIGHT, role, text);
}

/* In the order of the schema: figures of a kind stay together. */
static void draw_list(Tui *tui, const ModelInstance *instance, const Canvas *c)
{
    int top = CLAMP(tui->metric_top, MAX(0, tui->metric_cursor - c->height + 1),
                    MAX(0, tui->metric_cursor));

    tui->metric_top = CLAMP(top, 0, MAX(0, GEMEL_METRIC_N - c->height));
    for (int row = 0; row < c->height && tui->metric_top + row < GEMEL_METRIC_N; row++) {
        int metric = tui->metric_top + row;
        Canvas line = canvas_sub(c, row, 0, 1, c->width);

        if (metric == tui->metric_cursor)
            line.base = ROLE_SELECTED;
        draw_metric(tui, instance, (GemelMetric)metric, &line);
    }
}

/* ---- the plot ------------------------------------------------------------------------------- */

typedef struct {
    GemelMetric metric;
    float values[VALUES_MAX];
    char *now, *top_now;
    double top;
    gboolean limited; /* the top is what it can be at most */
} Plotted;

static gboolean is_rate(GemelMetric metric)
{
    return gemel_metrics[metric].kind == GEMEL_METRIC_COUNTER;
}

static char *in_unit(GemelMetric metric, double value)
{
    const char *unit = gemel_metrics[metric].unit;

    return is_rate(metric) ? rate_figure(unit, value) : figure_text(unit, value);
}

/* As short as the y axis needs it: "200%", "1.5K/s", "0.5". */
static char *on_axis(GemelMetric metric, double value)
{
    const char *unit = gemel_metrics[metric].unit;
    gboolean share = is_rate(metric) && (strcmp(unit, "ns") == 0 || strcmp(unit, "us") == 0);

    if (share)
        return g_strdup_printf("%.4g%%", value / (strcmp(unit, "ns") == 0 ? 1e7 : 1e4));
    if (strcmp(unit, "c%") == 0)
        return g_strdup_printf("%.3g%%", value / 100);
    if (strcmp(unit, "mcpu") == 0)
        return g_strdup_printf("%.3g", value / 1000);
    if (*unit == '\0' && is_rate(metric))
        return g_strdup_printf("%.3g/s", value);
    return in_unit(metric, value);
}

/* What the instance can have at most, 0: nothing says. */
static double limit_of(const ModelInstance *instance, GemelMetric metric)
{
    guint64 used, limit;

    switch (metric) {
    case GEMEL_METRIC_CPU_USAGE:
        return cpu_top(instance) * 1e7;
    case GEMEL_METRIC_MEM_USAGE:
        return model_memory(instance, &used, &limit) ? (double)limit : 0;
    case GEMEL_METRIC_PIDS_CURRENT:
        return has_value(instance, GEMEL_METRIC_PIDS_LIMIT)
                   ? (double)instance->value[GEMEL_METRIC_PIDS_LIMIT]
                   : 0;
    default:
        return 0;
    }
}

/* Full scale: the limit, else a round figure above all values. */
static void choose_top(const ModelInstance *instance, Plotted *plotted, guint n)
{
    const char *unit = gemel_metrics[plotted->metric].unit;
    gboolean bytes = strcmp(unit, "B") == 0;
    double least = bytes                     ? 1024
                   : strcmp(unit, "ns") == 0 ? 1e7 /* a percent of a CPU */
                   : strcmp(unit, "us") == 0 ? 1e4
                   : strcmp(unit, "c%") == 0 ? 100
                                             : 1;

    plotted->top = limit_of(instance, plotted->metric);
    plotted->limited = plotted->top > 0;
    if (!plotted->limited)
        plotted->top = graph_scale(plotted->values, n, least, bytes);
    if (strcmp(unit, "c%") == 0)
        plotted->top = MIN(plotted->top, 10000);
}

/* With one unit for all they share a scale, and the axis has figures. */
static gboolean share_scale(Plotted *plotted, guint n)
{
    double top = 0;

    for (guint i = 0; i < n; i++) {
        if (strcmp(gemel_metrics[plotted[i].metric].unit, gemel_metrics[plotted[0].metric].unit) !=
                0 ||
            is_rate(plotted[i].metric) != is_rate(plotted[0].metric))
            return FALSE;
        top = MAX(top, plotted[i].top);
    }
    for (guint i = 0; i < n; i++)
        plotted[i].top = top;
    return TRUE;
}

/* What a note says of this kind; parts about the other one begin with its name. */
static char *note_for(const GemelMetricInfo *info, gboolean vm)
{
    g_auto(GStrv) parts = g_strsplit(info->note, "; ", -1);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; parts[i] != NULL; i++) {
        const char *part = parts[i];

        if (g_str_has_prefix(part, vm ? "containers: " : "guest: "))
            continue;
        if (g_str_has_prefix(part, vm ? "guest: " : "containers: "))
            part = strchr(part, ' ') + 1;
        g_string_append_printf(out, "%s%s", out->len > 0 ? "; " : "", part);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Where the figure comes from, or why there is none, in the last rows; returns what is left. */
static Canvas draw_note(Tui *tui, const ModelInstance *instance, const Canvas *c)
{
    const GemelMetricInfo *info = &gemel_metrics[tui->metric_cursor];
    gboolean vm = instance->info->kind == GEMEL_KIND_VM;
    gboolean there = has_value(instance, (GemelMetric)tui->metric_cursor);
    const char *source = vm ? info->guest : info->v2;
    g_autofree char *note = note_for(info, vm);
    g_autofree char *text =
        strcmp(source, "-") == 0
            ? g_strdup_printf("A %s has no such figure.", vm ? "guest" : "container")
        : there ? g_strdup(note)
                : g_strdup_printf("Not there now; it is read from %s. %s", source, note);
    int rows = c->height >= 10 ? 2 : c->height >= 8 ? 1 : 0;
    const char *at = text;

    for (int row = 0; row < rows; row++) {
        const char *end = row + 1 < rows ? text_break(at, c->width) : at + strlen(at);
        g_autofree char *part = g_strndup(at, (gsize)(end - at));

        canvas_field(c, c->height - rows + row, 0, c->width, TEXT_LEFT, ROLE_DIM, part);
        at = *end == ' ' ? end + 1 : end;
    }
    return canvas_sub(c, 0, 0, c->height - rows, c->width);
}

static void draw_plot(Tui *tui, const ModelInstance *instance, const Canvas *whole)
{
    Canvas c = draw_note(tui, instance, whole);
    guint n = MIN(graph_plot_capacity(c.width), VALUES_MAX), n_plotted = 0;
    g_autofree Plotted *plotted = g_new0(Plotted, GRAPH_SERIES_MAX);
    GraphSeries series[GRAPH_SERIES_MAX];

    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        int place = place_of(tui, i);

        if (place < 0 || place >= GRAPH_SERIES_MAX)
            continue;
        Plotted *one = &plotted[place];

        one->metric = (GemelMetric)i;
        series_metric(instance, one->metric, tui->span_s, one->values, n);
        choose_top(instance, one, n);
        n_plotted = MAX(n_plotted, (guint)place + 1);
    }
    gboolean shared = share_scale(plotted, n_plotted);
    g_autofree char *full = shared ? on_axis(plotted[0].metric, plotted[0].top) : NULL;
    g_autofree char *half = shared ? on_axis(plotted[0].metric, plotted[0].top / 2) : NULL;

    for (guint i = 0; i < n_plotted; i++) {
        plotted[i].now = metric_text(instance, plotted[i].metric);
        plotted[i].top_now = shared ? NULL : in_unit(plotted[i].metric, plotted[i].top);
        series[i] = (GraphSeries){.name = gemel_metrics[plotted[i].metric].name,
                                  .now = plotted[i].now,
                                  .top_now = plotted[i].top_now,
                                  .values = plotted[i].values,
                                  .top = plotted[i].top};
    }
    graph_plot(&c, &(GraphPlot){.series = series,
                                .n_series = n_plotted,
                                .span_s = tui->span_s,
                                .by_load = n_plotted == 1 && plotted[0].limited,
                                .full = full,
                                .half = half});
    for (guint i = 0; i < n_plotted; i++) {
        g_free(plotted[i].now);
        g_free(plotted[i].top_now);
    }
}

/* ---- the tab -------------------------------------------------------------------------------- */

/* List and plot side by side, or one over the other. */
int metrics_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    const int list_width = 4 + LABEL + VALUE;
    gboolean beside = c->width >= list_width + PLOT_WIDTH_MIN + 4;
    int plot_height = beside ? c->height : c->height >= 12 ? c->height / 2 : 0;
    Canvas list = canvas_sub(c, 0, 0, beside ? c->height : c->height - plot_height,
                             MIN(list_width, c->width));
    Canvas plot = beside ? canvas_sub(c, 0, list_width + 2, c->height, c->width - list_width - 3)
                         : canvas_sub(c, c->height - plot_height, 1, plot_height, c->width - 2);

    tui->metric_page = MAX(1, list.height - 1);
    draw_list(tui, instance, &list);
    if (plot.height > 0)
        draw_plot(tui, instance, &plot);
    return c->height;
}

void metrics_move(Tui *tui, Move step)
{
    const int page = tui->metric_page;
    const int by[] = {[MOVE_UP] = -1,
                      [MOVE_DOWN] = 1,
                      [MOVE_PAGE_UP] = -page,
                      [MOVE_PAGE_DOWN] = page,
                      [MOVE_HALF_UP] = -page / 2,
                      [MOVE_HALF_DOWN] = page / 2,
                      [MOVE_FIRST] = -GEMEL_METRIC_N,
                      [MOVE_LAST] = GEMEL_METRIC_N};

    tui->metric_cursor = CLAMP(tui->metric_cursor + by[step], 0, GEMEL_METRIC_N - 1);
}

gboolean metrics_mark(Tui *tui, const char *which, GError **error)
{
    guint64 bit = G_GUINT64_CONSTANT(1) << tui->metric_cursor;

    if (strcmp(which, "none") == 0) {
        tui->metric_marks = 0;
        return TRUE;
    }
    if (*which != '\0')
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "view mark %s: metrics are marked one by one, with Space", which);
    if ((tui->metric_marks & bit) == 0 &&
        __builtin_popcountll(tui->metric_marks) >= GRAPH_SERIES_MAX)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "view mark: a graph shows %d metrics at most; U unmarks all",
                               GRAPH_SERIES_MAX);
    tui->metric_marks ^= bit;
    return TRUE;
}
