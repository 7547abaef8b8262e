/* SPDX-License-Identifier: GPL-3.0-or-later */
/* consoles_page.c - the consoles and shells that are open, those with something new first to see.
 */
#include "console/tui/consoles.h"

enum {
    COLUMN_NUMBER,
    COLUMN_NEWS,
    COLUMN_WHAT,
    COLUMN_STATE,
    COLUMN_QUIET,
    COLUMN_OUTPUT,
    COLUMN_N
};

static const TableColumn columns[COLUMN_N] = {
    [COLUMN_NUMBER] = {.id = "number", .title = "NO", .min = 3},
    [COLUMN_NEWS] = {.id = "news", .title = "NEWS", .min = 5},
    [COLUMN_WHAT] = {.id = "what", .title = "WHAT", .min = 20, .max = 40},
    [COLUMN_STATE] = {.id = "state", .title = "STATE", .min = 12, .max = 40},
    [COLUMN_QUIET] =
        {.id = "quiet", .title = "QUIET FOR", .min = 9, .priority = 1, .align = TEXT_RIGHT},
    [COLUMN_OUTPUT] =
        {.id = "output", .title = "PRINTED", .min = 8, .priority = 2, .align = TEXT_RIGHT},
};

typedef struct {
    Page page;
    Table *table;
    char key[16];
} Consoles;

static guint rows_count(gpointer data)
{
    const Tui *tui = ((Consoles *)data)->page.tui;

    return tui->consoles != NULL ? tui->consoles->len : 0;
}

static const char *rows_key(gpointer data, guint row)
{
    Consoles *self = data;

    g_snprintf(self->key, sizeof self->key, "%u", consoles_nth(self->page.tui, row)->number);
    return self->key;
}

static void rows_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    Consoles *self = data;
    const Console *console = consoles_nth(self->page.tui, row);
    gint64 since = console->output_usec > 0 ? console->output_usec : console->started_usec;
    gboolean ended = console->state == CONSOLE_ENDED;
    g_autofree char *text = NULL;
    Role role = ROLE_TEXT;

    switch (column) {
    case COLUMN_NUMBER:
        text = g_strdup_printf("%u", console->number);
        role = ROLE_DIM;
        break;
    case COLUMN_NEWS:
        text = g_strdup(console->rang ? "bell" : console->unseen ? "new" : "");
        role = ROLE_MARK;
        break;
    case COLUMN_WHAT:
        text = g_strdup(console->what);
        role = ROLE_STRONG;
        break;
    case COLUMN_STATE:
        text = consoles_state_text(console);
        role = !ended ? ROLE_OK : console->status == 0 ? ROLE_STOPPED : ROLE_WARN;
        break;
    case COLUMN_QUIET:
        text = age_text(g_get_monotonic_time() - since);
        break;
    default:
        text = format_bytes(console->bytes);
        break;
    }
    canvas_field(cell, 0, 0, cell->width, columns[column].align, role, text);
}

static const TableSource source = {.count = rows_count, .key = rows_key, .draw = rows_draw};

static void draw(Page *page, const Canvas *c)
{
    Consoles *self = (Consoles *)page;

    table_rows_changed(self->table);
    table_draw(self->table, c);
    if (rows_count(self) == 0)
        canvas_text(c, 1, 3, ROLE_DIM,
                    "Nothing is open; in the list c opens a console, s a shell.");
}

static Console *selected(Page *page)
{
    int row = table_cursor(((Consoles *)page)->table);

    return row >= 0 ? consoles_nth(page->tui, (guint)row) : NULL;
}

static void consoles_page_free(Page *page)
{
    Consoles *self = (Consoles *)page;

    table_free(self->table);
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((Consoles *)page)->table, (TableMove)step);
}

static void enter(Page *page)
{
    Console *console = selected(page);

    if (console != NULL)
        console_page_show(page->tui, console);
}

static const char *target(Page *page)
{
    Console *console = selected(page);

    return console != NULL ? console->key : NULL;
}

static Table *table_of(Page *page)
{
    return ((Consoles *)page)->table;
}

static char *summary(Page *page)
{
    return g_strdup_printf("%u open", rows_count(page));
}

static const PageOps ops = {
    .name = "consoles",
    .where = AT_CONSOLES,
    .draw = draw,
    .free = consoles_page_free,
    .move = move,
    .enter = enter,
    .target = target,
    .table = table_of,
    .summary = summary,
};

/* `view console close` here is for the one selected. */
gboolean consoles_view_close(Tui *tui)
{
    Page *page = tui_page(tui);
    Console *console = page->ops == &ops ? selected(page) : NULL;

    if (console != NULL)
        console_close(console);
    return console != NULL;
}

Page *consoles_view_new(Tui *tui)
{
    Consoles *self = g_new0(Consoles, 1);

    self->page = (Page){&ops, tui};
    self->table = table_new(columns, COLUMN_N, &source, self);
    table_rows_changed(self->table);
    return &self->page;
}
