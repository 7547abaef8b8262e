/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rectangle of the screen to draw on. Passed by value or const pointer; owns nothing.
 *
 * Coordinates count from the rectangle's own corner. Whatever would fall outside is cut off, so a
 * widget need not know how large the screen is. All text is made safe (text_safe_char) while it is
 * drawn. Valid until the next resize. UI thread only.
 */
#pragma once

#include "widgets/text.h"
#include "widgets/theme.h"

typedef struct {
    int y, x; /* the corner, on the screen */
    int height, width;
    Role base; /* what it is drawn on */
} Canvas;

/* A part of `c`, cut to lie within it. */
Canvas canvas_sub(const Canvas *c, int y, int x, int height, int width);

/* The same place on another base. */
Canvas canvas_on(const Canvas *c, Role base);

/* Fills with spaces in the base's look. */
void canvas_clear(const Canvas *c);

/* Draw text; return the column after it (which may lie outside). */
int canvas_text(const Canvas *c, int y, int x, Role role, const char *text);
int canvas_printf(const Canvas *c, int y, int x, Role role, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/* Draws `text` without its first `skip` cells: horizontal scrolling. */
int canvas_text_from(const Canvas *c, int y, int x, int skip, Role role, const char *text);

/* Draws a field of exactly `width` cells. */
int canvas_field(const Canvas *c, int y, int x, int width, TextAlign align, Role role,
                 const char *text);

int canvas_glyph(const Canvas *c, int y, int x, Role role, gunichar glyph);
void canvas_repeat(const Canvas *c, int y, int x, int n, Role role, gunichar glyph);

/* Lines: box-drawing characters, or - | + in ASCII. */
void canvas_hline(const Canvas *c, int y, int x, int n, Role role);
void canvas_vline(const Canvas *c, int y, int x, int n, Role role);
void canvas_box(const Canvas *c, Role role, const char *title);

/* The inside of a box. */
Canvas canvas_inside(const Canvas *c);

/* A pop-up of this inner size in the middle of `c`, cleared and boxed; returns its inside. */
Canvas canvas_popup(const Canvas *c, int height, int width, const char *title);
