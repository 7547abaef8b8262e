/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/meter.h"

#include <math.h>

/* Cells of the narrowest bar in a grid of bars: label, bar of 6, percent. */
#define BAR_MIN  6
#define LINE_MIN 44

/* Draws the parts one after the other, rounding their borders rather than their lengths. */
void meter_bar(const Canvas *c, int y, int x, int width, const MeterPart *parts, guint n)
{
    double sum = 0;
    int at = 0;
    for (guint i = 0; i < n; i++) {
        double share = isfinite(parts[i].share) ? CLAMP(parts[i].share, 0, 1) : 0;
        sum = MIN(sum + share, 1);
        int end = (int)lround(sum * width);
        if (share > (i == 0 ? 0 : 0.02) && end == at && at < width)
            end++; /* something is never nothing */
        for (; at < end; at++)
            canvas_glyph(c, y, x + at, parts[i].role,
                         glyph_char(i == 0 ? GLYPH_FULL : GLYPH_OTHER));
    }
    for (; at < width; at++)
        canvas_glyph(c, y, x + at, ROLE_TRACK, glyph_char(GLYPH_EMPTY));
}

/* Digits of the greatest index. */
static int digits(guint n)
{
    int d = 1;
    for (guint last = n > 0 ? n - 1 : 0; last >= 10; last /= 10)
        d++;
    return d;
}

/* Label and bar and percent of one load in `width` cells; returns the column after. */
static int draw_bar(const Canvas *c, int y, int x, int width, const char *label, int index_width,
                    guint i, const MeterLoad *load)
{
    int at = canvas_printf(c, y, x, ROLE_LABEL, "%s%-*u ", label, index_width, i);
    int bar = width - (at - x) - 5;
    if (load->load < 0) {
        canvas_text(c, y, at + bar + 3, ROLE_DIM, "-");
        return x + width;
    }
    MeterPart parts[] = {{load->load, theme_load_role(load->load)}, {load->steal, ROLE_STEAL}};
    meter_bar(c, y, at, bar, parts, G_N_ELEMENTS(parts));
    return canvas_printf(c, y, at + bar, theme_load_role(load->load), " %3.0f%%", load->load * 100);
}

/* A line each. */
static int draw_lines(const Canvas *c, const char *label, guint n,
                      void (*get)(gpointer, guint, MeterLoad *), gpointer data)
{
    int bar = CLAMP(c->width - 40, 20, 46); /* the rest is for steal and note */
    for (guint i = 0; i < n; i++) {
        MeterLoad load = {0};
        get(data, i, &load);
        int x = draw_bar(c, (int)i, 0, bar, label, digits(n), i, &load);
        if (load.load < 0)
            continue;
        x = canvas_printf(c, (int)i, x + 2, load.steal >= 0.01 ? ROLE_STEAL : ROLE_DIM,
                          "steal %4.1f%%", load.steal * 100);
        canvas_text(c, (int)i, x + 2, ROLE_DIM, load.note);
    }
    return (int)n;
}

/* Several bars a line. */
static int draw_bars(const Canvas *c, const char *label, guint n, int columns,
                     void (*get)(gpointer, guint, MeterLoad *), gpointer data)
{
    int rows = ((int)n + columns - 1) / columns, width = (c->width - (columns - 1) * 2) / columns;
    for (guint i = 0; i < n; i++) {
        MeterLoad load = {0};
        get(data, i, &load);
        /* downwards first: the eye follows numbers down a column */
        draw_bar(c, (int)i % rows, (int)i / rows * (width + 2), width, label, digits(n), i, &load);
    }
    return rows;
}

/* One sign each: height is load. */
static int draw_dense(const Canvas *c, const char *label, guint n,
                      void (*get)(gpointer, guint, MeterLoad *), gpointer data)
{
    int head = text_width(label) + digits(n) + 1, per_line = 16;
    /* with a space after each eighth; as many sixteens as the width holds */
    while (head + (per_line + 16) + (per_line + 16) / 8 <= c->width && per_line < (int)n)
        per_line += 16;
    int rows = ((int)n + per_line - 1) / per_line;
    int show = MIN(rows, rows > c->height ? c->height - 1 : c->height);
    for (int row = 0; row < show; row++) {
        canvas_printf(c, row, 0, ROLE_LABEL, "%s%-*d", label, digits(n), row * per_line);
        for (int i = 0; i < per_line && row * per_line + i < (int)n; i++) {
            MeterLoad load = {0};
            get(data, (guint)(row * per_line + i), &load);
            int x = head + i + i / 8,
                level = load.load < 0 ? 0 : CLAMP((int)lround(load.load * 8), 1, 8);
            if (load.load < 0)
                canvas_text(c, row, x, ROLE_DIM, "-");
            else
                canvas_glyph(c, row, x,
                             load.steal >= 0.05 ? ROLE_STEAL : theme_load_role(load.load),
                             glyph_bar_level(level));
        }
    }
    if (show < rows)
        canvas_printf(c, show, 0, ROLE_DIM, "and %d more", (int)n - show * per_line);
    return MIN(rows, c->height);
}

/* Chooses the most telling form that fits. */
int meter_grid(const Canvas *c, const char *label, guint n,
               void (*get)(gpointer data, guint i, MeterLoad *ret), gpointer data)
{
    if (n == 0 || c->height <= 0)
        return 0;
    if ((int)n <= c->height && c->width >= LINE_MIN)
        return draw_lines(c, label, n, get, data);
    int cell = text_width(label) + digits(n) + 1 + BAR_MIN + 5;
    for (int columns = 1; columns * (cell + 2) - 2 <= c->width; columns++)
        if (((int)n + columns - 1) / columns <= c->height)
            return draw_bars(c, label, n, columns, get, data);
    return draw_dense(c, label, n, get, data);
}
