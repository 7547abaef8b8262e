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

/* The braille cell with `left` and `right` dots from the bottom (0..4). */
static gunichar braille(int left, int right)
{
    static const guint8 left_dots[] = {0, 0x40, 0x44, 0x46, 0x47};
    static const guint8 right_dots[] = {0, 0x80, 0xa0, 0xb0, 0xb8};
    return 0x2800 + left_dots[left] + right_dots[right];
}

/* The value shown in slot `slot` of `slots`, NAN left of the oldest. */
static float value_at(const float *values, guint n, int slot, int slots)
{
    int i = (int)n - slots + slot;
    return i >= 0 && i < (int)n ? values[i] : NAN;
}

/* One column of a block or ASCII graph. */
static void draw_block_column(const Canvas *c, int x, float value, double top, Role role)
{
    int steps = steps_of(value, top, c->height * 8);
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
    for (int row = 0; row < c->height; row++) {
        int below = (c->height - 1 - row) * 4;
        int dl = CLAMP(l - below, 0, 4), dr = CLAMP(r - below, 0, 4);
        if (dl + dr > 0)
            canvas_glyph(c, row, x, role, braille(dl, dr));
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
