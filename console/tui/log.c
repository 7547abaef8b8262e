/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c - the tab of what an instance wrote last: the end of its log, followed. */
#include <string.h>

#include "console/tui/instances.h"

#define MAX_AGE_MS 1000

/* The newest is at the bottom and shows at first: scrolling goes back in time. */
int log_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    g_autofree char *key = instance_key_of(instance);
    const Fetched *fetched = fetch_log(tui->fetch, key, MAX_AGE_MS);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    int n;

    if (fetched->log == NULL || fetched->log->text->len == 0) {
        canvas_text(c, 0, 1, fetched->error != NULL ? ROLE_WARN : ROLE_DIM,
                    fetched->error != NULL ? fetched->error
                    : fetched->log != NULL ? "It wrote nothing yet."
                                           : "reading its log ...");
        return 1;
    }
    text = text_sanitise(fetched->log->text->str, (gssize)fetched->log->text->len, TEXT_OUTPUT);
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    n = (int)g_strv_length(lines);
    canvas_printf(c, 0, 1, ROLE_DIM, "%s, followed%s; scrolling goes back", fetched->log->source,
                  fetched->log->is_whole ? "" : ", the last of it");
    for (int i = n - 1; i >= 0; i--) {
        int at = 1 + MIN(n, c->height - 1) - (n - i) + scroll;

        if (at >= 1 && at < c->height)
            canvas_field(c, at, 1, c->width - 2, TEXT_LEFT, ROLE_TEXT, lines[i]);
    }
    return n + 1;
}
