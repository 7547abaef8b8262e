/* SPDX-License-Identifier: GPL-3.0-or-later */
/* empty.c - what an empty list says: why nothing is there, and what to do about it. */
#include "console/tui/instances.h"

#include <string.h>

/* Neither answered nor failed so far. */
static gboolean is_awaited(const ModelBackend *backend)
{
    return !backend->listed && backend->state != MODEL_BACKEND_DOWN &&
           backend->health != GEMEL_LANES_UNRESPONSIVE;
}

/* Why nothing is shown though there is something. */
static void draw_hidden(const Rows *rows, int kind, const Canvas *c)
{
    const char *filter = rows_filter(rows);

    if (filter != NULL) {
        canvas_printf(c, 1, 3, ROLE_DIM, "None of the %u instances matches %s; Esc shows all.",
                      rows_n_total(rows), filter);
        if (strpbrk(filter, "=<>~") == NULL)
            canvas_text(
                c, 2, 3, ROLE_DIM,
                "A word is looked for in name, backend and image; state=running asks for more.");
    } else
        canvas_printf(c, 1, 3, ROLE_DIM, "There are no %s; 1 shows all %u instances.",
                      kind == GEMEL_KIND_VM ? "guests" : "containers", rows_n_total(rows));
}

/* Why the list is empty, and what to do about it. */
static void draw_nothing(Tui *tui, const Canvas *c)
{
    static const struct {
        const char *line, *what;
    } ways[] = {{":lab up", "makes a guest and a container to try things on"},
                {":create NAME --rootfs DIR", "makes a container; :help create tells more"},
                {":connect qemu:///system", "shows the guests of a libvirt"},
                {":connect sim", "shows made-up ones, to look around"},
                {"?", "tells all keys and commands"}};
    GPtrArray *backends = model_backends(tui->app->model);
    gboolean waiting = FALSE;
    int wide = c->width >= 60 ? 28 : 0;

    for (guint i = 0; i < backends->len; i++)
        waiting = waiting || is_awaited(backends->pdata[i]);
    canvas_text(c, 1, 3, ROLE_STRONG,
                waiting             ? "Waiting for the first list ..."
                : backends->len > 0 ? "There are no instances yet."
                                    : "No backend is connected.");
    for (guint i = 0; !waiting && i < G_N_ELEMENTS(ways); i++) {
        int y = 3 + (int)i * (wide > 0 ? 1 : 2);

        canvas_text(c, y, 3, ROLE_KEY, ways[i].line);
        canvas_text(c, wide > 0 ? y : y + 1, wide > 0 ? 3 + wide : 5, ROLE_DIM, ways[i].what);
    }
}

void empty_draw(Tui *tui, const Rows *rows, int kind, const Canvas *c)
{
    if (rows_n_total(rows) > 0)
        draw_hidden(rows, kind, c);
    else
        draw_nothing(tui, c);
}
