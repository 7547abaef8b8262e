/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines that left a terminal's screen at the top, packed, the oldest dropped first.
 *
 * Bounded twice: by the number of lines, and by SCROLLBACK_BYTES_MAX for all of them. A line takes
 * its text as UTF-8, 8 bytes per run of cells that look alike, and 24 bytes: 10,000 lines of 80
 * plain characters are 1.1 MB, the bound is reached by coloured lines of a thousand.
 *
 * Lines are numbered for good, from 0: a number means the same line as long as it is there.
 */
#pragma once

#include "widgets/cell.h"

#define SCROLLBACK_BYTES_MAX (8 * 1024 * 1024)

typedef struct Scrollback Scrollback;

Scrollback *scrollback_new(guint lines_max);
void scrollback_free(Scrollback *s);

void scrollback_push(Scrollback *s, const Cell *cells, guint n);
void scrollback_clear(Scrollback *s); /* the numbers go on */

/* The lines there are: first <= i < end. */
guint64 scrollback_first(const Scrollback *s);
guint64 scrollback_end(const Scrollback *s);

/* Unpacks a line into at most `n` cells, the rest of which are blank. */
void scrollback_cells(const Scrollback *s, guint64 line, Cell *ret_cells, guint n);

/* Its text, without blanks at its end; valid until the next push. */
const char *scrollback_text(const Scrollback *s, guint64 line);

gsize scrollback_bytes(const Scrollback *s);
