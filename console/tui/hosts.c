/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hosts.c - the view of hosts: what each that is connected can do, and what that means here. */
#include <string.h>

#include "console/host_facts.h"
#include "console/tui/instances.h"

#define MAX_AGE_MS 5000

typedef struct {
    Page page;
    int scroll, lines, height;
} HostsPage;

/* One answer stands for all backends of this host. */
static void add_host(GPtrArray *lines, App *app, const AppBackend *backend, Fetch *fetch,
                     gboolean *had_local)
{
    const char *name = backend->backend->name;
    const Fetched *fetched = fetch_host(fetch, name, MAX_AGE_MS);
    g_autoptr(GString) title = g_string_new(NULL);

    if (fetched->host == NULL) {
        fact_add(lines, g_intern_string(name), FACT_UNKNOWN, "",
                 fetched->error != NULL ? fetched->error : "asking what its host can do ...", "-");
        return;
    }
    if (fetched->host->is_local && *had_local)
        return;
    g_string_append(title, fetched->host->is_local       ? "this host"
                           : fetched->host->name != NULL ? fetched->host->name
                                                         : name);
    if (!fetched->host->is_local)
        g_string_append_printf(title, " (%s)", name);
    *had_local = *had_local || fetched->host->is_local;
    host_add_lines(lines, title->str, fetched->host);
}

static void draw(Page *page, const Canvas *c)
{
    HostsPage *self = (HostsPage *)page;
    App *app = page->tui->app;
    g_autoptr(GPtrArray) lines = fact_lines_new();
    gboolean had_local = FALSE;
    Canvas body = canvas_sub(c, 1, 0, c->height - 1, c->width);

    for (guint i = 0; i < app->backends->len; i++)
        add_host(lines, app, app->backends->pdata[i], page->tui->fetch, &had_local);
    if (lines->len == 0)
        fact_add(lines, "hosts", FACT_UNKNOWN, "", "nothing is connected; `:connect` does", "-");
    self->height = body.height;
    self->lines = facts_draw(lines, -self->scroll, &body) + self->scroll;
    if (self->scroll > MAX(0, self->lines - body.height)) {
        self->scroll = MAX(0, self->lines - body.height);
        canvas_clear(&body);
        facts_draw(lines, -self->scroll, &body);
    }
    canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
    canvas_text(c, 0, 1, ROLE_TITLE, " hosts ");
    g_autofree char *place =
        g_strdup_printf(" %d-%d of %d ", self->scroll + 1,
                        MIN(self->lines, self->scroll + self->height), self->lines);

    canvas_text(c, 0, c->width - text_width(place) - 2, ROLE_DIM, place);
}

static void move(Page *page, Move step)
{
    HostsPage *self = (HostsPage *)page;
    int whole = MAX(1, self->height - 1);
    const int by[] = {[MOVE_UP] = -1,
                      [MOVE_DOWN] = 1,
                      [MOVE_PAGE_UP] = -whole,
                      [MOVE_PAGE_DOWN] = whole,
                      [MOVE_HALF_UP] = -whole / 2,
                      [MOVE_HALF_DOWN] = whole / 2,
                      [MOVE_FIRST] = -1000000,
                      [MOVE_LAST] = 1000000,
                      [MOVE_LEFT] = 0,
                      [MOVE_RIGHT] = 0};

    self->scroll = CLAMP(self->scroll + by[step], 0, MAX(0, self->lines - self->height));
}

static void hosts_free(Page *page)
{
    g_free(page);
}

Page *hosts_new(Tui *tui)
{
    static const PageOps ops = {
        .name = "hosts", .where = AT_HOSTS, .draw = draw, .free = hosts_free, .move = move};
    HostsPage *self = g_new0(HostsPage, 1);

    self->page = (Page){.ops = &ops, .tui = tui};
    return &self->page;
}
