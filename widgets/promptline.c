/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/promptline.h"

#include <string.h>

#include "widgets/screen.h"

#define HINT_MAX 40

/* Draws the line. */
void promptline_draw(const Canvas *c, const char *sign, const char *text, guint cursor,
                     const char *note)
{
    g_autofree char *before = g_strndup(text, MIN(cursor, strlen(text)));
    int x = canvas_text(c, 0, 0, ROLE_PROMPT, sign), room = MAX(c->width - x, 1);
    int at = text_width(before), full = text_width(text);
    /* the cursor stays in view, with a little of what follows */
    int skip = at >= room ? at - room + 1 + MIN(8, full - at) : 0;
    skip = MIN(skip, at);
    canvas_text_from(c, 0, x, skip, ROLE_TEXT, text);
    if (skip > 0)
        canvas_text(c, 0, x, ROLE_DIM, glyph_text(GLYPH_CUT_LEFT));
    if (note != NULL && x + full + 3 + text_width(note) < c->width)
        canvas_text(c, 0, c->width - text_width(note) - 1, ROLE_HINT, note);
    screen_set_cursor(c, 0, x + at - skip);
}

/* Widths of the columns of a match; the hint may be cut. */
static void measure(const PromptMatch *matches, guint n, int height, int width, int *text,
                    int *hint, int *columns)
{
    *text = *hint = 0;
    for (guint i = 0; i < n; i++) {
        *text = MAX(*text, text_width(matches[i].text));
        *hint = MAX(*hint, matches[i].hint != NULL ? text_width(matches[i].hint) : 0);
    }
    *text = MIN(*text, MAX(width - 2, 1));
    int wanted = *hint;
    /* one below the other there is room for long hints */
    if (*hint > HINT_MAX && (int)n <= height) {
        *hint = MAX(0, MIN(*hint, width - *text - 2));
        *columns = 1;
        return;
    }
    *hint = MIN(*hint, HINT_MAX);
    if (*text + 2 + *hint > width)
        *hint = MAX(0, width - *text - 2);
    int cell = *text + (*hint > 0 ? 2 + *hint : 0) + 3;
    *columns = MAX(1, (width + 3) / cell);
    if (*columns == 1)
        *hint = MAX(0, MIN(wanted, width - *text - 2));
}

/* Rows that many matches take. */
int promptline_matches_height(const PromptMatch *matches, guint n, int max_height, int width)
{
    int text, hint, columns;
    if (n == 0)
        return 0;
    measure(matches, n, max_height, width - 2, &text, &hint, &columns);
    return MIN(((int)n + columns - 1) / columns, max_height);
}

/* Draws the list, downwards first. */
guint promptline_draw_matches(const Canvas *c, const PromptMatch *matches, guint n,
                              gboolean is_rest)
{
    int text, hint, columns;
    Canvas on = canvas_on(c, ROLE_POPUP);
    canvas_clear(&on);
    measure(matches, n, c->height, c->width - 2, &text, &hint, &columns);
    int rows = ((int)n + columns - 1) / columns, show = rows > c->height ? c->height - 1 : rows;
    guint shown = 0;
    for (guint i = 0; i < n && show > 0; i++) {
        int row = (int)i % show, column = (int)i / show;
        if (column >= columns)
            break;
        int x = 1 + column * (text + (hint > 0 ? 2 + hint : 0) + 3);
        Canvas cell = canvas_sub(&on, row, x, 1, text + 2 + hint);
        canvas_field(&cell, 0, 0, text, TEXT_LEFT, ROLE_TEXT, matches[i].text);
        if (hint > 0 && matches[i].hint != NULL)
            canvas_field(&cell, 0, text + 2, hint, TEXT_LEFT, ROLE_HINT, matches[i].hint);
        shown++;
    }
    if (shown < n)
        canvas_printf(&on, c->height - 1, 1, ROLE_HINT, "and %u more; Tab shows them", n - shown);
    else if (is_rest && rows < c->height)
        canvas_text(&on, c->height - 1, 1, ROLE_HINT, "Tab begins anew");
    return shown;
}
