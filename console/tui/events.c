/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.c - what backends told: newest first, as a page and (for one instance) as a tab. */
#include <stdlib.h>
#include <string.h>

#include "console/tui/instances.h"

enum { COLUMN_TIME, COLUMN_TYPE, COLUMN_NAME, COLUMN_BACKEND, COLUMN_DETAIL, COLUMN_N };

static const TableColumn columns[COLUMN_N] = {
    [COLUMN_TIME] = {.id = "time", .title = "TIME", .min = 12},
    [COLUMN_TYPE] = {.id = "type", .title = "EVENT", .min = 12, .priority = 1},
    [COLUMN_NAME] = {.id = "name", .title = "NAME", .min = 12, .max = 40, .priority = 1},
    [COLUMN_BACKEND] = {.id = "backend", .title = "BACKEND", .min = 7, .max = 9, .priority = 3},
    [COLUMN_DETAIL] = {.id = "detail", .title = "WHY", .min = 14, .max = 60, .priority = 2},
};

static char *time_text(const ModelEvent *event)
{
    g_autoptr(GDateTime) time =
        g_date_time_new_from_unix_local(event->time_unix_usec / G_USEC_PER_SEC);
    g_autofree char *seconds = time != NULL ? g_date_time_format(time, "%H:%M:%S") : g_strdup("-");

    return g_strdup_printf("%s.%03d", seconds, (int)(event->time_unix_usec / 1000 % 1000));
}

/* "running" for a change of state, else the kind of event. */
static const char *type_text(const ModelEvent *event, Role *ret_role)
{
    *ret_role = ROLE_TEXT;
    if (event->type == GEMEL_EVENT_STATE) {
        *ret_role = state_role(event->state);
        return gemel_state_name(event->state);
    }
    if (event->type == GEMEL_EVENT_BACKEND_DOWN || event->type == GEMEL_EVENT_ALERT)
        *ret_role = ROLE_ERROR;
    if (event->type == GEMEL_EVENT_BACKEND_UP || event->type == GEMEL_EVENT_ALERT_OVER)
        *ret_role = ROLE_OK;
    return gemel_event_type_name(event->type);
}

static void draw_cell(const ModelEvent *event, guint column, const Canvas *cell)
{
    g_autofree char *time = column == COLUMN_TIME ? time_text(event) : NULL;
    Role role = ROLE_TEXT;
    const char *text = "";

    switch (column) {
    case COLUMN_TIME:
        text = time;
        role = ROLE_DIM;
        break;
    case COLUMN_TYPE:
        text = type_text(event, &role);
        break;
    case COLUMN_NAME:
        text = event->name != NULL ? event->name : event->id != NULL ? event->id : "";
        role = ROLE_STRONG;
        break;
    case COLUMN_BACKEND:
        text = event->backend;
        role = ROLE_DIM;
        break;
    default:
        text = event->detail != NULL ? event->detail : "";
        break;
    }
    canvas_field(cell, 0, 0, cell->width, TEXT_LEFT, role, text);
}

void event_draw(const ModelEvent *event, gboolean with_name, const Canvas *line)
{
    g_autofree char *time = time_text(event);
    Role role;
    const char *type = type_text(event, &role);
    int x = canvas_text(line, 0, 1, ROLE_DIM, time) + 2;

    x = canvas_field(line, 0, x, 14, TEXT_LEFT, role, type) + 1;
    if (with_name)
        x = canvas_field(line, 0, x, 24, TEXT_LEFT, ROLE_STRONG,
                         event->name != NULL ? event->name : "") +
            1;
    if (event->detail != NULL)
        canvas_field(line, 0, x, line->width - x, TEXT_LEFT, ROLE_TEXT, event->detail);
}

int happened_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    int y = -scroll;

    for (GList *link = model_events(tui->app->model)->tail; link != NULL; link = link->prev) {
        const ModelEvent *event = link->data;

        if (event->id == NULL || strcmp(event->id, instance->info->id) != 0 ||
            strcmp(event->backend, instance->backend->name) != 0)
            continue;
        Canvas line = canvas_sub(c, y, 0, 1, c->width);

        if (y >= 0 && y < c->height)
            event_draw(event, FALSE, &line);
        y++;
    }
    if (y + scroll == 0)
        canvas_text(c, y++, 1, ROLE_DIM,
                    "Nothing has happened to it since the console was opened.");
    return y + scroll;
}

/* ---- the page ------------------------------------------------------------------------------- */

typedef struct {
    Page page;
    Table *table;
    GPtrArray *rows; /* of ModelEvent*, newest first; valid until the model changes */
    char *key_text;  /* the key given last */
} Events;

static int widest_name(GPtrArray *events)
{
    int widest = 1;

    for (guint i = 0; i < events->len; i++) {
        const char *name = ((const ModelEvent *)events->pdata[i])->name;

        widest = MAX(widest, name != NULL ? text_width(name) : 1);
    }
    return widest;
}

static void rebuild(Events *self)
{
    g_ptr_array_set_size(self->rows, 0);
    for (GList *link = model_events(self->page.tui->app->model)->tail; link != NULL;
         link = link->prev)
        g_ptr_array_add(self->rows, link->data);
    /* names take what they need, reasons the rest */
    table_set_wanted_width(self->table, COLUMN_NAME, widest_name(self->rows));
    table_rows_changed(self->table);
    table_lost(self->table); /* the oldest drop out: no news */
}

static guint rows_count(gpointer data)
{
    return ((Events *)data)->rows->len;
}

static const char *rows_key(gpointer data, guint row)
{
    Events *self = data;
    const ModelEvent *event = self->rows->pdata[row];

    g_free(self->key_text);
    self->key_text = g_strdup_printf("%" G_GUINT64_FORMAT, event->serial);
    return self->key_text;
}

static void rows_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    draw_cell(((Events *)data)->rows->pdata[row], column, cell);
}

static const TableSource source = {.count = rows_count, .key = rows_key, .draw = rows_draw};

static void changed(Page *page, ModelChange what)
{
    if ((what & MODEL_EVENTS) != 0)
        rebuild((Events *)page);
}

static void draw(Page *page, const Canvas *c)
{
    Events *self = (Events *)page;

    table_draw(self->table, c);
    if (self->rows->len == 0)
        canvas_text(c, 1, 3, ROLE_DIM, "Nothing has happened since the console was opened.");
}

static void events_free(Page *page)
{
    Events *self = (Events *)page;

    table_free(self->table);
    g_ptr_array_unref(self->rows);
    g_free(self->key_text);
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((Events *)page)->table, (TableMove)step);
}

/* The event's instance, if it is still there: Enter goes to it. */
static void enter(Page *page)
{
    Events *self = (Events *)page;
    Tui *tui = page->tui;
    int row = table_cursor(self->table);
    const ModelEvent *event = row >= 0 ? self->rows->pdata[row] : NULL;
    g_autofree char *key = event != NULL && event->id != NULL
                               ? g_strconcat(event->backend, "/", event->id, NULL)
                               : NULL;

    if (event == NULL || event->id == NULL)
        face_say(tui, OUTPUT_NOTE, "It is about no instance.");
    else
        pages_show_instance(tui, key);
}

static Table *table_of(Page *page)
{
    return ((Events *)page)->table;
}

static void wide(Page *page)
{
    table_set_wide(table_of(page), !table_is_wide(table_of(page)));
}

static char *summary(Page *page)
{
    return g_strdup_printf("%u, newest first", ((Events *)page)->rows->len);
}

static const PageOps ops = {
    .name = "events",
    .where = AT_EVENTS,
    .draw = draw,
    .changed = changed,
    .free = events_free,
    .move = move,
    .enter = enter,
    .table = table_of,
    .wide = wide,
    .summary = summary,
};

Page *events_new(Tui *tui)
{
    Events *self = g_new0(Events, 1);

    self->page = (Page){&ops, tui};
    self->rows = g_ptr_array_new();
    self->table = table_new(columns, COLUMN_N, &source, self);
    rebuild(self);
    return &self->page;
}
