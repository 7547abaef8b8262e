/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alerts.c - the alerts: a row for each instance for which one is raised, and one for each that is
   not raised at all. */
#include "console/alerts.h"

#include <string.h>

#include "console/tui/tui_private.h"

enum {
    COLUMN_ALERT,
    COLUMN_STATE,
    COLUMN_NAME,
    COLUMN_FIGURE,
    COLUMN_SINCE,
    COLUMN_WHEN,
    COLUMN_RAN,
    COLUMN_N
};

static const TableColumn columns[COLUMN_N] = {
    [COLUMN_ALERT] = {.id = "alert", .title = "ALERT", .min = 5, .align = TEXT_RIGHT},
    [COLUMN_STATE] = {.id = "state", .title = "STATE", .min = 6},
    [COLUMN_NAME] = {.id = "name", .title = "NAME", .min = 12, .max = 30},
    [COLUMN_FIGURE] =
        {.id = "figure", .title = "NOW", .min = 7, .priority = 2, .align = TEXT_RIGHT},
    [COLUMN_SINCE] =
        {.id = "since", .title = "SINCE", .min = 7, .priority = 1, .align = TEXT_RIGHT},
    [COLUMN_WHEN] = {.id = "when", .title = "WHEN", .min = 16, .max = 70, .priority = 3},
    [COLUMN_RAN] =
        {.id = "ran", .title = "RAN", .min = 4, .max = 8, .priority = 4, .align = TEXT_RIGHT},
};

typedef struct {
    const Alert *alert;
    ModelInstance *instance; /* NULL: raised for none */
    char *key;
} AlertRow;

typedef struct {
    Page page;
    Table *table;
    GArray *rows; /* of AlertRow, raised ones first; valid until the next turn of the loop */
    guint raised;
} AlertsView;

static void row_clear(gpointer data)
{
    g_free(((AlertRow *)data)->key);
}

static void add_row(AlertsView *self, const Alert *alert, ModelInstance *instance)
{
    AlertRow row = {alert, instance,
                    g_strdup_printf("%u %s", alert->number, instance != NULL ? instance->key : "")};

    g_array_append_val(self->rows, row);
}

static int widest_name(const GArray *rows)
{
    int widest = 1;

    for (guint i = 0; i < rows->len; i++) {
        const AlertRow *row = &g_array_index(rows, AlertRow, i);

        if (row->instance != NULL)
            widest = MAX(widest, text_width(row->instance->info->name));
    }
    return widest;
}

static void rebuild(AlertsView *self)
{
    App *app = self->page.tui->app;
    GPtrArray *all = model_instances(app->model);
    const Alert *alert;
    guint32 quiet = 0;

    g_array_set_size(self->rows, 0);
    for (guint i = 0; (alert = alerts_nth(app->alerts, i)) != NULL; i++) {
        guint before = self->rows->len;

        for (guint n = 0; n < all->len; n++)
            if (alert_is_raised(alert, all->pdata[n]))
                add_row(self, alert, all->pdata[n]);
        if (self->rows->len == before)
            quiet |= 1u << i;
    }
    self->raised = self->rows->len;
    for (guint i = 0; (alert = alerts_nth(app->alerts, i)) != NULL; i++)
        if ((quiet >> i) & 1u)
            add_row(self, alert, NULL);
    table_set_wanted_width(self->table, COLUMN_NAME, widest_name(self->rows));
    table_rows_changed(self->table);
    table_lost(self->table);
}

static guint table_count(gpointer data)
{
    return ((AlertsView *)data)->rows->len;
}

static const AlertRow *row_at(gpointer data, guint row)
{
    return &g_array_index(((AlertsView *)data)->rows, AlertRow, row);
}

static const char *table_key(gpointer data, guint row)
{
    return row_at(data, row)->key;
}

/* Since when it holds, as far as figures tell. */
static char *since_text(const AlertRow *row)
{
    gint64 since_ns = row->instance != NULL && row->instance->alert_since_ns != NULL
                          ? row->instance->alert_since_ns[row->alert->number - 1]
                          : 0;

    return since_ns > 0 ? age_text((gemel_boottime_ns() - since_ns) / 1000) : g_strdup("-");
}

static void table_cell(gpointer data, guint i, guint column, const Canvas *cell)
{
    const AlertRow *row = row_at(data, i);
    const Alert *alert = row->alert;
    g_autofree char *text = NULL;
    Role role = row->instance != NULL ? ROLE_TEXT : ROLE_DIM;

    switch (column) {
    case COLUMN_ALERT:
        text = g_strdup_printf("%u", alert->number);
        break;
    case COLUMN_STATE:
        text = g_strdup(row->instance != NULL ? "raised" : "quiet");
        role = row->instance != NULL ? ROLE_ERROR : ROLE_OK;
        break;
    case COLUMN_NAME:
        text = g_strdup(row->instance != NULL ? row->instance->info->name : "-");
        role = row->instance != NULL ? ROLE_STRONG : ROLE_DIM;
        break;
    case COLUMN_FIGURE:
        text = row->instance != NULL ? alert_figure(alert, row->instance) : g_strdup("-");
        break;
    case COLUMN_SINCE:
        text = since_text(row);
        break;
    case COLUMN_WHEN:
        text = g_strdup(alert->text);
        break;
    default:
        text = alert->command != NULL ? g_strdup_printf("%" G_GUINT64_FORMAT "x%s", alert->runs,
                                                        alert->child != NULL ? " now" : "")
                                      : g_strdup("-");
        break;
    }
    canvas_field(cell, 0, 0, cell->width, columns[column].align, role, text);
}

static const TableSource source = {.count = table_count, .key = table_key, .draw = table_cell};

static void changed(Page *page, ModelChange what)
{
    if ((what & (MODEL_INSTANCES | MODEL_FIGURES | MODEL_EVENTS)) != 0)
        rebuild((AlertsView *)page);
}

static void draw(Page *page, const Canvas *c)
{
    AlertsView *self = (AlertsView *)page;

    rebuild(self); /* commands make and remove them, too */
    table_draw(self->table, c);
    if (self->rows->len > 0)
        return;
    canvas_text(c, 1, 3, ROLE_STRONG, "There are no alerts.");
    canvas_text(c, 3, 3, ROLE_KEY, ":alert all memory above 90% for 30s");
    canvas_text(c, 4, 3, ROLE_DIM, "makes one; put it into gemelrc to have it always.");
}

static void alerts_view_free(Page *page)
{
    AlertsView *self = (AlertsView *)page;

    table_free(self->table);
    g_array_unref(self->rows);
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((AlertsView *)page)->table, (TableMove)step);
}

static const AlertRow *selected(AlertsView *self)
{
    rebuild(self);
    int row = table_cursor(self->table);

    return row >= 0 ? row_at(self, (guint)row) : NULL;
}

static void enter(Page *page)
{
    const AlertRow *row = selected((AlertsView *)page);

    if (row == NULL || row->instance == NULL)
        face_say(page->tui, OUTPUT_NOTE, "It is raised for no instance.");
    else
        pages_show_instance(page->tui, row->instance->key);
}

static const char *target(Page *page)
{
    const AlertRow *row = selected((AlertsView *)page);

    return row != NULL && row->instance != NULL ? row->instance->key : NULL;
}

static void remove_now(Tui *tui, gboolean yes)
{
    g_autofree char *line = g_steal_pointer(&tui->dialog_line);

    if (yes && line != NULL)
        face_run_asked(tui, line);
}

/* Asks, since what is forgotten has to be typed again. */
static gboolean remove_alert(Page *page, GError **error)
{
    const AlertRow *row = selected((AlertsView *)page);

    if (row == NULL)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "view remove: there are no alerts");
    g_autofree char *text =
        g_strdup_printf("Forget alert %u: %s?", row->alert->number, row->alert->text);
    guint number = row->alert->number;

    face_ask(page->tui, "Remove the alert?", "remove it", text, remove_now);
    g_free(page->tui->dialog_line);
    page->tui->dialog_line = g_strdup_printf("alert remove %u", number);
    return TRUE;
}

static Table *table_of(Page *page)
{
    return ((AlertsView *)page)->table;
}

static void wide(Page *page)
{
    table_set_wide(table_of(page), !table_is_wide(table_of(page)));
}

static char *summary(Page *page)
{
    const AlertsView *self = (const AlertsView *)page;

    return g_strdup_printf("%u raised", self->raised);
}

static const PageOps ops = {
    .name = "alerts",
    .where = AT_ALERTS,
    .draw = draw,
    .changed = changed,
    .free = alerts_view_free,
    .move = move,
    .enter = enter,
    .target = target,
    .table = table_of,
    .wide = wide,
    .summary = summary,
    .remove = remove_alert,
};

Page *alerts_view_new(Tui *tui)
{
    AlertsView *self = g_new0(AlertsView, 1);

    self->page = (Page){&ops, tui};
    self->rows = g_array_new(FALSE, FALSE, sizeof(AlertRow));
    g_array_set_clear_func(self->rows, row_clear);
    self->table = table_new(columns, COLUMN_N, &source, self);
    rebuild(self);
    return &self->page;
}
