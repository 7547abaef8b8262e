/* SPDX-License-Identifier: GPL-3.0-or-later */
/* why.c - the tab that says what holds an instance up: causes by evidence, with the way out. */
#include "console/why.h"
#include "console/tui/instances.h"
#include "widgets/meter.h"

#define BAR 10

/* A paragraph within the width; returns the line after. */
static int draw_text(const Canvas *c, int y, int x, Role role, const char *text)
{
    while (*text != '\0') {
        const char *end = text_break(text, MAX(1, c->width - x - 1));
        g_autofree char *part = g_strndup(text, (gsize)(end - text));

        canvas_text(c, y++, x, role, part);
        text = *end == ' ' ? end + 1 : end;
    }
    return y;
}

static int draw_finding(const WhyFinding *finding, int y, const Canvas *c)
{
    const WhyInfo *info = &why_table[finding->cause];
    Role role = theme_load_role(finding->score >= 0.5 ? 1 : finding->score >= 0.1 ? 0.75 : 0.3);

    meter_bar(c, y, 1, BAR, &(MeterPart){finding->score, role}, 1);
    canvas_printf(c, y, BAR + 2, ROLE_TEXT, "%3.0f %%", finding->score * 100);
    canvas_text(c, y++, BAR + 9, ROLE_STRONG, info->title);
    y = draw_text(c, y, BAR + 9, ROLE_TEXT, finding->sentence);
    if (finding->remedy != NULL) {
        g_autofree char *line = g_strconcat(":", finding->remedy, NULL);
        int x = canvas_text(c, y, BAR + 9, ROLE_LABEL, "try") + 1;

        canvas_text(c, y++, x, ROLE_KEY, line);
    }
    return y;
}

int why_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    WhyFacts facts;
    int y = -scroll;

    model_want_cpus(tui->app->model); /* known from the next sample on */
    why_gather(tui->app->model, instance, WHY_SPAN_NS, &facts);
    g_autoptr(GArray) findings = why_rank(&facts);

    for (guint i = 0; i < findings->len; i++)
        y = draw_finding(&g_array_index(findings, WhyFinding, i), y, c);
    if (findings->len > 0)
        return y + scroll;
    if (instance->sample_ns == 0)
        y = draw_text(c, y, 1, ROLE_DIM, "There are no figures of it yet.");
    else
        y = draw_text(c, y, 1, ROLE_DIM,
                      "Nothing holds it up: no throttling, steal, pressure, reclaim, swap or kills "
                      "are measured. E shows who eats the host.");
    return y + scroll;
}
