/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * History as a picture: filled graphs of several rows, one-row sparklines, and plots with axes, of
 * one metric or several. Newest value last, at the right edge; NAN is a gap and stays blank, while
 * a zero shows the ground line. Braille gives two values and four steps a cell, blocks one value
 * and eight steps, ASCII one value and eight signs.
 */
#pragma once

#include "widgets/canvas.h"

/* Values that fit into `width` cells: the owner need not fetch more. */
guint graph_capacity(int width);

/* Draws `values` on all of `c`, scaled so that `top` is full height. Coloured by load when `top` is
 * a real limit (`by_load`), else in ROLE_LOW. */
void graph_draw(const Canvas *c, const float *values, guint n, double top, gboolean by_load);

/* One row of `width` cells; blocks or ASCII (braille has too few steps in one row to read). */
void graph_sparkline(const Canvas *c, int y, int x, int width, const float *values, guint n,
                     double top, Role role);

/* A round figure at or above the greatest of the values and `least`: the scale for graphs without a
 * limit (1, 2 or 5 times a power of ten; `binary`: powers of two). */
double graph_scale(const float *values, guint n, double least, gboolean binary);

/* Labels of the last `span_s` seconds under a graph of `c`'s width, in its row `y`: "-10m", "now".
 */
void graph_time_labels(const Canvas *c, int y, gint64 span_s);

/* ---- plots ---------------------------------------------------------------------------------- */

#define GRAPH_SERIES_MAX 6

/* One line of a plot. Lines are told apart by their letter, which stands in the legend and on the
 * line, not by colour. A plot of one series is filled and needs no letter. */
typedef struct {
    const char *name;
    const char *now;     /* the newest figure in words */
    const char *top_now; /* what full scale is for it, in words */
    const float *values; /* graph_plot_capacity() of them */
    double top;          /* its full scale: each series has its own */
} GraphSeries;

typedef struct {
    const GraphSeries *series;
    guint n_series; /* at most GRAPH_SERIES_MAX */
    gint64 span_s;
    gboolean by_load; /* for a single one */
    /* what stands at the y axis: full, half, none; NULL: the series' scales differ, percent of each
     * one's own */
    const char *full, *half;
} GraphPlot;

/* Values of each series that a plot of this width shows. */
guint graph_plot_capacity(int width);

/* Legend, axes with units and times, lines or area, on all of `c`. With little room the axis goes
 * first, then the legend's details. */
void graph_plot(const Canvas *c, const GraphPlot *plot);

/* The letter of the i-th series and the role it is drawn in, for lists beside a plot. */
char graph_letter(guint i);
Role graph_role(guint i);
