/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/footer.h"

#include <string.h>

/* Cells of one entry with its distance to the next. */
static int key_width(const FooterKey *k)
{
    return text_width(k->key) + 1 + text_width(k->label) + 2;
}

/* Draws what fits, most important first chosen, in the order given. */
void footer_draw(const Canvas *c, const FooterKey *keys, guint n)
{
    g_autofree gboolean *dropped = g_new0(gboolean, n + 1);
    int total = 1, x = 1;
    for (guint i = 0; i < n; i++)
        total += key_width(&keys[i]);
    while (total - 2 > c->width) {
        int worst = -1;
        for (guint i = 0; i < n; i++)
            if (!dropped[i] && (worst < 0 || keys[i].priority >= keys[worst].priority))
                worst = (int)i;
        if (worst < 0)
            break;
        dropped[worst] = TRUE;
        total -= key_width(&keys[worst]);
    }
    for (guint i = 0; i < n; i++) {
        if (dropped[i])
            continue;
        x = canvas_text(c, 0, x, ROLE_KEY, keys[i].key);
        x = canvas_text(c, 0, x + 1, ROLE_DIM, keys[i].label) + 2;
    }
}

/* Whether there is anything to draw. */
static gboolean is_there(const BarSegment *s)
{
    return s->text != NULL && *s->text != '\0';
}

/* Draws the segments that fit. */
void bar_draw(const Canvas *c, const BarSegment *segments, guint n)
{
    g_autofree gboolean *dropped = g_new0(gboolean, n + 1);
    int total = 0, left = 1, right = c->width - 1;
    canvas_clear(c);
    for (guint i = 0; i < n; i++)
        total += is_there(&segments[i]) ? text_width(segments[i].text) + 2 : 0;
    while (total > c->width) {
        int worst = -1;
        for (guint i = 0; i < n; i++)
            if (!dropped[i] && is_there(&segments[i]) && segments[i].priority > 0 &&
                (worst < 0 || segments[i].priority > segments[worst].priority))
                worst = (int)i;
        if (worst < 0)
            break;
        dropped[worst] = TRUE;
        total -= text_width(segments[worst].text) + 2;
    }
    for (guint i = n; i-- > 0;) {
        if (dropped[i] || !is_there(&segments[i]) || !segments[i].right)
            continue;
        right -= text_width(segments[i].text);
        canvas_text(c, 0, MAX(right, 0), segments[i].role, segments[i].text);
        right -= 2;
    }
    for (guint i = 0; i < n; i++) {
        if (dropped[i] || !is_there(&segments[i]) || segments[i].right)
            continue;
        int width = MIN(text_width(segments[i].text), MAX(right - left, 0));
        left = canvas_field(c, 0, left, width, TEXT_LEFT, segments[i].role, segments[i].text) + 2;
    }
}
