/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One-line bars: the keys that work here and now, and a header of segments. Both leave out what
 * matters least where the line is short.
 */
#pragma once

#include "widgets/canvas.h"

typedef struct {
    const char *key, *label;
    int priority; /* 0 stays longest */
} FooterKey;

/* Draws on row 0 of `c`, in the order given. */
void footer_draw(const Canvas *c, const FooterKey *keys, guint n);

typedef struct {
    const char *text; /* NULL or "": not there */
    Role role;
    int priority;   /* 0 is cut rather than left out */
    gboolean right; /* from the right edge, the last one outermost */
} BarSegment;

/* Draws on row 0 of `c`, on its base, two cells between segments. */
void bar_draw(const Canvas *c, const BarSegment *segments, guint n);
