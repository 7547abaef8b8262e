/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/tabs.h"

/* Cells the names first..last take, each with a space on both sides. */
static int names_width(const char *const *names, guint first, guint last)
{
    int width = 0;
    for (guint i = first; i <= last; i++)
        width += text_width(names[i]) + 2;
    return width;
}

/* Draws the line. */
void tabs_draw(const Canvas *c, const char *title, const char *const *names, guint n, guint active,
               const char *right)
{
    int room = right != NULL ? text_width(right) + 2 : 0;
    int x = 1, end = c->width - 2 - room, all = n > 0 ? names_width(names, 0, n - 1) : 0;
    guint first = 0, last = n > 0 ? n - 1 : 0;
    /* all tabs matter more than the whole of a long title */
    int title_max = MAX(6, MIN(MAX(8, c->width / 3), end - all - 3));
    g_autofree char *cut = text_cut_middle(title, title_max);
    int gap = text_width(cut) + 5 + all <= end ? 2 : 0;

    canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
    if (room > 0) {
        canvas_text(c, 0, c->width - room - 1, ROLE_TEXT, " ");
        canvas_text(c, 0, c->width - room, ROLE_KEY, right);
        canvas_text(c, 0, c->width - 2, ROLE_TEXT, " ");
    }
    x = canvas_text(c, 0, x, ROLE_TEXT, " ");
    x = canvas_text(c, 0, x, ROLE_TITLE, cut);
    x = canvas_text(c, 0, x, ROLE_TEXT, " ") + gap;
    if (n == 0)
        return;
    /* the brackets of the active tab take the spaces beside it; without colours they tell it */
    while (first < active && x + names_width(names, first, active) > end)
        first++;
    while (last > active && x + names_width(names, first, last) > end)
        last--;
    if (first > 0)
        canvas_text(c, 0, MAX(x - 1, 0), ROLE_KEY, "<");
    for (guint i = first; i <= last; i++) {
        gboolean on = i == active;
        Role role = on ? ROLE_TAB_ACTIVE : ROLE_TAB;
        x = canvas_text(c, 0, x, role, on ? "[" : " ");
        x = canvas_text(c, 0, x, role, names[i]);
        x = canvas_text(c, 0, x, role, on ? "]" : " ");
    }
    if (last + 1 < n)
        canvas_text(c, 0, x, ROLE_KEY, ">");
}
