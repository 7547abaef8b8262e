/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * History as a picture: filled graphs of several rows and one-row sparklines. Newest value last, at
 * the right edge; NAN is a gap and stays blank. Braille gives two values and four steps a cell,
 * blocks one value and eight steps, ASCII one value and eight signs.
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
