/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/graph.h"

#include <math.h>

/* How many values one cell shows side by side. */
static int values_per_cell(void)
{
    return glyphs_graph() == GLYPHS_BRAILLE ? 2 : 1;
}

/* Values for a width. */
guint graph_capacity(int width)
{
    return (guint)(MAX(width, 0) * values_per_cell());
}

/* Height of a value in steps of 1/`steps`; something that is not zero shows at least one step. */
static int steps_of(float value, double top, int steps)
{
    if (isnan(value) || value <= 0 || top <= 0)
        return 0;
    int n = (int)lround(value / top * steps);
    return CLAMP(n, 1, steps);
}

/* The dots of a braille column filled from the bottom (0..4), of glyph_dots(). */
static guint8 filled_dots(int left, int right)
{
    return (guint8)(((1 << left) - 1) | ((1 << right) - 1) << 4);
}

/* The value shown in slot `slot` of `slots`, NAN left of the oldest. */
static float value_at(const float *values, guint n, int slot, int slots)
{
    int i = (int)n - slots + slot;
    return i >= 0 && i < (int)n ? values[i] : NAN;
}

/* One column of a block or ASCII graph; a zero shows the ground. */
static void draw_block_column(const Canvas *c, int x, float value, double top, Role role)
{
    int steps = steps_of(value, top, c->height * 8);
    if (steps == 0 && !isnan(value))
        canvas_glyph(c, c->height - 1, x, ROLE_TRACK,
                     glyphs_graph() == GLYPHS_ASCII ? '_' : glyph_level(1));
    for (int row = 0; row < c->height; row++) {
        int level = CLAMP(steps - (c->height - 1 - row) * 8, 0, 8);
        if (level > 0)
            canvas_glyph(c, row, x, role, glyph_level(level));
    }
}

/* One column of a braille graph: two values. */
static void draw_braille_column(const Canvas *c, int x, float left, float right, double top,
                                Role role)
{
    int l = steps_of(left, top, c->height * 4), r = steps_of(right, top, c->height * 4);
    if (l + r == 0 && !(isnan(left) && isnan(right)))
        canvas_glyph(c, c->height - 1, x, ROLE_TRACK,
                     glyph_dots(filled_dots(!isnan(left), !isnan(right))));
    for (int row = 0; row < c->height; row++) {
        int below = (c->height - 1 - row) * 4;
        int dl = CLAMP(l - below, 0, 4), dr = CLAMP(r - below, 0, 4);
        if (dl + dr > 0)
            canvas_glyph(c, row, x, role, glyph_dots(filled_dots(dl, dr)));
    }
}

/* The greater of two values, of which either may be a gap. */
static double greater(float a, float b)
{
    return isnan(a) ? (isnan(b) ? 0 : b) : isnan(b) ? a : MAX(a, b);
}

/* Draws the graph, a column at a time. */
void graph_draw(const Canvas *c, const float *values, guint n, double top, gboolean by_load)
{
    int per_cell = values_per_cell(), slots = c->width * per_cell;
    for (int x = 0; x < c->width; x++) {
        float a = value_at(values, n, x * per_cell, slots);
        float b = per_cell == 2 ? value_at(values, n, x * 2 + 1, slots) : a;
        double load = top > 0 ? greater(a, b) / top : 0;
        Role role = by_load ? theme_load_role(load) : ROLE_LOW;
        if (per_cell == 2)
            draw_braille_column(c, x, a, b, top, role);
        else
            draw_block_column(c, x, a, top, role);
    }
}

/* Draws one row. */
void graph_sparkline(const Canvas *c, int y, int x, int width, const float *values, guint n,
                     double top, Role role)
{
    for (int i = 0; i < width; i++) {
        float value = value_at(values, n, i, width);
        if (isnan(value))
            continue;
        int level = MAX(steps_of(value, top, 8), 1);
        canvas_glyph(c, y, x + i, role, glyph_level(level));
    }
}

/* A scale that does not change with every value. */
double graph_scale(const float *values, guint n, double least, gboolean binary)
{
    static const double steps[] = {2, 2.5, 2}; /* 1, 2, 5, 10 */
    double greatest = 0, scale = 1;
    for (guint i = 0; i < n; i++)
        if (isfinite(values[i]))
            greatest = MAX(greatest, (double)values[i]);
    greatest = MAX(greatest, least);
    while (scale < greatest / 1e6)
        scale *= binary ? 1024 : 1000;
    for (guint i = 0; scale < greatest && i < 100; i++)
        scale *= binary ? 2 : steps[i % G_N_ELEMENTS(steps)];
    return scale;
}

/* ---- plots ---------------------------------------------------------------------------------- */

#define GUTTER     7  /* cells of the y axis with its labels */
#define MARK_EVERY 14 /* cells from a letter to the next of the same line */
#define AXIS_MIN   5  /* rows of plot below which the axis line goes */

/* The letter of a series. */
char graph_letter(guint i)
{
    return (char)('a' + MIN(i, GRAPH_SERIES_MAX - 1));
}

/* The role of a series: colours that differ for all eyes, after the letters. */
Role graph_role(guint i)
{
    static const Role roles[GRAPH_SERIES_MAX] = {ROLE_LOW, ROLE_PRESSURE,    ROLE_SAVED,
                                                 ROLE_OK,  ROLE_SYNTAX_NAME, ROLE_MIDDLE};
    return roles[MIN(i, GRAPH_SERIES_MAX - 1)];
}

/* Values of each series. */
guint graph_plot_capacity(int width)
{
    return graph_capacity(width - GUTTER);
}

/* How a span is divided, and its parts in words. */
static const struct {
    gint64 span_s;
    const char *labels[6]; /* from the oldest on; `now` is last */
} divisions[] = {
    {60, {"-60s", "-45s", "-30s", "-15s", "now"}},
    {600, {"-10m", "-8m", "-6m", "-4m", "-2m", "now"}},
    {86400, {"-24h", "-18h", "-12h", "-6h", "now"}},
};

/* Calls `tick` for each label of a span that there is room for. */
static void each_tick(const Canvas *c, int y, gint64 span_s,
                      void (*tick)(const Canvas *c, int y, int x, const char *label))
{
    for (guint d = 0; d < G_N_ELEMENTS(divisions); d++) {
        guint n = 0, step = 1;
        if (divisions[d].span_s != span_s)
            continue;
        while (n < G_N_ELEMENTS(divisions[d].labels) && divisions[d].labels[n] != NULL)
            n++;
        if (c->width / (int)(n - 1) < 8) /* the ends alone */
            step = n - 1;
        for (guint i = 0; i < n; i += step)
            tick(c, y, (int)i * (c->width - 1) / (int)(n - 1), divisions[d].labels[i]);
    }
}

static void draw_tick(const Canvas *c, int y, int x, const char *label)
{
    canvas_glyph(c, y, x, ROLE_BORDER, glyph_char(GLYPH_TICK));
}

/* A label, centred on its tick as far as the edges let it. */
static void draw_tick_label(const Canvas *c, int y, int x, const char *label)
{
    int width = text_width(label);
    canvas_text(c, y, CLAMP(x - width / 2, 0, MAX(0, c->width - width)), ROLE_DIM, label);
}

/* When is what. */
void graph_time_labels(const Canvas *c, int y, gint64 span_s)
{
    each_tick(c, y, span_s, draw_tick_label);
}

/* The row of a value, from the top, in a plot of `height` rows with `steps` steps each; -1: none.
 */
static int level_of(float value, double top, int height, int steps)
{
    if (isnan(value) || top <= 0)
        return -1;
    return CLAMP((int)lround((double)value / top * (height * steps - 1)), 0, height * steps - 1);
}

/* One line in braille: its dots, joined upwards and downwards. */
static void draw_dots(const Canvas *c, const GraphSeries *series, guint n, guint8 *dots, Role role)
{
    int before = -1;
    for (int slot = 0; slot < c->width * 2; slot++) {
        int at =
            level_of(value_at(series->values, n, slot, c->width * 2), series->top, c->height, 4);
        int from = before < 0 || at < 0 || at == before ? at
                   : at > before                        ? before + 1
                                                        : before - 1;
        if (at >= 0)
            for (int level = MIN(from, at); level <= MAX(from, at); level++) {
                int row = c->height - 1 - level / 4;
                guint8 *cell = &dots[row * c->width + slot / 2];
                *cell |= (guint8)(1 << (level % 4 + (slot % 2) * 4));
                canvas_glyph(c, row, slot / 2, role, glyph_dots(*cell));
            }
        before = at;
    }
}

/* The letters of a line: at every cell, or in braille here and there and at its newest value. */
static void draw_letters(const Canvas *c, const GraphSeries *series, guint n, guint i)
{
    gboolean braille = glyphs_graph() == GLYPHS_BRAILLE;
    int per_cell = values_per_cell();
    for (int x = 0; x < c->width; x++) {
        float value = value_at(series->values, n, x * per_cell + per_cell - 1, c->width * per_cell);
        int level = level_of(value, series->top, c->height, 1);
        if (level < 0 || (braille && x != c->width - 1 - (int)i &&
                          (x + (int)i * (MARK_EVERY / 3)) % MARK_EVERY != MARK_EVERY / 2))
            continue;
        if (braille) /* the very row of its dots */
            level = level_of(value, series->top, c->height, 4) / 4;
        canvas_glyph(c, c->height - 1 - level, x, graph_role(i), (gunichar)graph_letter(i));
    }
}

/* Several lines: dots first, letters over all of them. */
static void draw_lines(const Canvas *c, const GraphPlot *plot, guint n)
{
    g_autofree guint8 *dots = g_new0(guint8, MAX(1, c->height * c->width));
    if (glyphs_graph() == GLYPHS_BRAILLE)
        for (guint i = 0; i < plot->n_series; i++)
            draw_dots(c, &plot->series[i], n, dots, graph_role(i));
    for (guint i = 0; i < plot->n_series; i++)
        draw_letters(c, &plot->series[i], n, i);
}

/* A line of the legend for each series; returns the rows. */
static int draw_legend(const Canvas *c, const GraphPlot *plot)
{
    int rows = MIN((int)plot->n_series, MAX(1, c->height / 3));
    for (int i = 0; i < rows; i++) {
        const GraphSeries *series = &plot->series[i];
        int x = 0;
        if (plot->n_series > 1)
            x = canvas_printf(c, i, 0, graph_role((guint)i), "%c ", graph_letter((guint)i));
        x = canvas_printf(c, i, x, ROLE_TITLE, "%s ", series->name);
        x = canvas_text(c, i, x, ROLE_TEXT, series->now);
        if (series->top_now != NULL && x + text_width(series->top_now) + 6 <= c->width)
            canvas_printf(c, i, x, ROLE_DIM, " of %s", series->top_now);
    }
    return rows;
}

/* Labels and line of the y axis, `body` being the plot's area beside it. */
static void draw_y_axis(const Canvas *c, const Canvas *body, int y, const GraphPlot *plot)
{
    const char *full = plot->full != NULL ? plot->full : "100%";
    const char *half = plot->half != NULL ? plot->half : "50%";
    canvas_field(c, y, 0, GUTTER - 1, TEXT_RIGHT, ROLE_DIM, full);
    if (body->height >= 5)
        canvas_field(c, y + body->height / 2, 0, GUTTER - 1, TEXT_RIGHT, ROLE_DIM, half);
    canvas_vline(c, y, GUTTER - 1, body->height, ROLE_BORDER);
}

/* Everything. */
void graph_plot(const Canvas *c, const GraphPlot *plot)
{
    guint n = graph_plot_capacity(c->width);
    int legend = draw_legend(c, plot), left = c->height - legend;
    gboolean axis = left >= AXIS_MIN + 2;
    Canvas body = canvas_sub(c, legend, GUTTER, left - (axis ? 2 : 1), c->width - GUTTER);
    if (body.height < 1 || body.width < 4)
        return;
    draw_y_axis(c, &body, legend, plot);
    if (plot->n_series == 1)
        graph_draw(&body, plot->series[0].values, n, plot->series[0].top, plot->by_load);
    else
        draw_lines(&body, plot, n);
    Canvas below = canvas_sub(c, legend + body.height, GUTTER, axis ? 2 : 1, body.width);
    if (axis) {
        canvas_glyph(c, legend + body.height, GUTTER - 1, ROLE_BORDER,
                     glyph_char(GLYPH_BOTTOM_LEFT));
        canvas_hline(&below, 0, 0, below.width, ROLE_BORDER);
        each_tick(&below, 0, plot->span_s, draw_tick);
    }
    graph_time_labels(&below, below.height - 1, plot->span_s);
}
