/* SPDX-License-Identifier: GPL-3.0-or-later */
/* facts.c - lines of facts with their meaning: the isolation tab, and the hosts view. */
#include <string.h>

#include "console/tui/instances.h"

#define LABEL       13
#define MEANING_MIN 24

static Role grade_role(FactGrade grade)
{
    return grade == FACT_OPEN ? ROLE_WARN : grade == FACT_UNKNOWN ? ROLE_DIM : ROLE_TEXT;
}

/* A paragraph from column x to `end`; returns the line after. */
static int draw_text(const Canvas *c, int y, int x, int end, Role role, const char *text)
{
    while (*text != '\0') {
        const char *stop = text_break(text, MAX(1, end - x));
        g_autofree char *part = g_strndup(text, (gsize)(stop - text));

        canvas_text(c, y++, x, role, part);
        text = *stop == ' ' ? stop + 1 : stop;
    }
    return y;
}

/* What, how it is, and beside it (below it where there is no room) what that means. A fact that
   stands open is marked without colour, too. */
static int draw_fact(const FactLine *line, int y, const Canvas *c)
{
    int x = 2 + LABEL + 1, beside = x + MAX(26, (c->width - x) * 2 / 5);
    gboolean has_meaning = line->meaning != NULL && *line->meaning != '\0';
    gboolean fits = text_width(line->value) < beside - x - 1 && c->width - beside >= MEANING_MIN;
    int after;

    canvas_text(c, y, 0, ROLE_WARN, line->grade == FACT_OPEN ? "!" : " ");
    canvas_field(c, y, 2, LABEL, TEXT_LEFT, ROLE_LABEL, line->what);
    after = draw_text(c, y, x, c->width - 1, grade_role(line->grade), line->value);
    if (!has_meaning)
        return MAX(after, y + 1);
    if (strcmp(line->value, "-") == 0) /* the reason stands in its place */
        return draw_text(c, y, x + 2, c->width - 1, ROLE_DIM, line->meaning);
    if (fits)
        return MAX(after, draw_text(c, y, beside, c->width - 1, ROLE_DIM, line->meaning));
    return draw_text(c, after, x + 2, c->width - 1, ROLE_DIM, line->meaning);
}

int facts_draw(const GPtrArray *lines, int y, const Canvas *c)
{
    const char *section = NULL;

    for (guint i = 0; i < lines->len; i++) {
        const FactLine *line = g_ptr_array_index(lines, i);

        if (section == NULL || strcmp(section, line->section) != 0)
            canvas_text(c, y++, 1, ROLE_TITLE, line->section);
        section = line->section;
        y = draw_fact(line, y, c);
    }
    return y;
}

#define MAX_AGE_MS 5000

int isolation_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    g_autofree char *key = instance_key_of(instance);
    const Fetched *fetched = fetch_isolation(tui->fetch, key, MAX_AGE_MS);
    g_autoptr(GPtrArray) lines = NULL;

    if (fetched->isolation == NULL) {
        canvas_text(c, -scroll, 1, fetched->error != NULL ? ROLE_WARN : ROLE_DIM,
                    fetched->error != NULL ? fetched->error : "reading what holds it in ...");
        return 1;
    }
    lines = isolation_lines(fetched->isolation);
    return facts_draw(lines, -scroll, c) + scroll;
}
