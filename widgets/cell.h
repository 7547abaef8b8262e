/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cells with colours of somebody else's choice: what a program inside an instance drew, as near as
 * this terminal comes to it. Everything of our own is drawn in roles (theme.h).
 *
 * Colours are indexes into xterm's palette of 256, or CELL_DEFAULT. With 16 or 8 colours the
 * nearest is taken, without colours (mono, NO_COLOR) only attributes are left; where they then tell
 * nothing (text on a coloured bar), the text is still there. UI thread only.
 */
#pragma once

#include "widgets/canvas.h"

#define CELL_DEFAULT   (-1)
#define CELL_CHARS_MAX 5 /* a base and its combining characters */

enum { CELL_BOLD = 1, CELL_UNDERLINE = 2, CELL_REVERSE = 4, CELL_BLINK = 8 };

typedef struct {
    gunichar chars[CELL_CHARS_MAX]; /* 0 ends it; empty: a blank */
    guint8 width;                   /* 1 or 2; 0: the right half of the cell before */
    guint8 attrs;                   /* CELL_* */
    gint16 fg, bg;
} Cell;

/* Draws `n` cells from column `x` of row `y` on; what falls outside is cut off. With a role (for
 * selections and matches) their own colours do not count. */
void cell_draw(const Canvas *c, int y, int x, const Cell *cells, guint n);
void cell_draw_as(const Canvas *c, int y, int x, const Cell *cells, guint n, Role role);

/* The index nearest to a colour. */
gint16 cell_colour_of(guint8 red, guint8 green, guint8 blue);

/* What an index becomes with so many colours: CELL_DEFAULT, 0..7 or 0..15. */
gint16 cell_colour_at(gint16 colour, ThemeDepth depth);
