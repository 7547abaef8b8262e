/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of input, drawn: a sign, the text with the cursor in view, and the possible completions
 * above it in columns with a hint each. What the text is, somebody else decides (readline does).
 */
#pragma once

#include "widgets/canvas.h"

typedef struct {
    const char *text;
    const char *hint; /* may be NULL */
} PromptMatch;

/* Draws on row 0 of `c` and puts the terminal's cursor there. `cursor` is a byte offset. `note`,
 * may be NULL, stands at the right edge where there is room. */
void promptline_draw(const Canvas *c, const char *sign, const char *text, guint cursor,
                     const char *note);

/* Rows the list of matches wants in a space of this size. */
int promptline_matches_height(const PromptMatch *matches, guint n, int max_height, int width);

/* Draws the matches on all of `c` and returns how many; the last line says how many are left out.
 * `is_rest`: others were shown before. */
guint promptline_draw_matches(const Canvas *c, const PromptMatch *matches, guint n,
                              gboolean is_rest);
