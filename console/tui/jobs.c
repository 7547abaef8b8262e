/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs.c - what is under way and what was done, newest first; a slow job names what it waits for.
 */
#include <string.h>

#include "console/tui/tui_private.h"

enum { COLUMN_ID, COLUMN_STATE, COLUMN_TITLE, COLUMN_AGE, COLUMN_BACKEND, COLUMN_WHAT, COLUMN_N };

static const TableColumn columns[COLUMN_N] = {
    [COLUMN_ID] = {.id = "id", .title = "JOB", .min = 5},
    [COLUMN_STATE] = {.id = "state", .title = "STATE", .min = 9},
    [COLUMN_TITLE] = {.id = "title", .title = "WHAT", .min = 24, .max = 48, .priority = 1},
    [COLUMN_AGE] = {.id = "age", .title = "TOOK", .min = 8, .priority = 1, .align = TEXT_RIGHT},
    [COLUMN_BACKEND] = {.id = "backend", .title = "BACKEND", .min = 8, .max = 12, .priority = 3},
    [COLUMN_WHAT] =
        {.id = "detail", .title = "PROGRESS, RESULT", .min = 27, .max = 80, .priority = 2},
};

static const Role state_roles[GEMEL_JOB_STATE_N] = {
    [GEMEL_JOB_QUEUED] = ROLE_DIM,        [GEMEL_JOB_RUNNING] = ROLE_CHANGING,
    [GEMEL_JOB_SLOW] = ROLE_WARN,         [GEMEL_JOB_LOST] = ROLE_ERROR,
    [GEMEL_JOB_DONE] = ROLE_OK,           [GEMEL_JOB_FAILED] = ROLE_ERROR,
    [GEMEL_JOB_CANCELLED] = ROLE_STOPPED,
};

typedef struct {
    Page page;
    Table *table;
    GPtrArray *views; /* of GemelJobView*, newest first */
    char *key_text;
} Jobs;

static void view_free(gpointer view)
{
    gemel_job_view_free(view);
}

static void rebuild(Jobs *self)
{
    GPtrArray *jobs = model_jobs(self->page.tui->app->model);

    g_ptr_array_set_size(self->views, 0);
    for (guint i = jobs->len; i-- > 0;)
        g_ptr_array_add(self->views, gemel_job_view(jobs->pdata[i]));
    table_rows_changed(self->table);
    table_lost(self->table);
}

static guint rows_count(gpointer data)
{
    return ((Jobs *)data)->views->len;
}

/* Ids are per backend. */
static const char *rows_key(gpointer data, guint row)
{
    Jobs *self = data;
    const GemelJobView *view = self->views->pdata[row];

    g_free(self->key_text);
    self->key_text = g_strdup_printf("%s/%" G_GUINT64_FORMAT, view->backend, view->id);
    return self->key_text;
}

/* From its start (or since it waits) to its end (or now). */
static char *took_text(const GemelJobView *view)
{
    gint64 from = view->started_usec > 0 ? view->started_usec : view->queued_usec;
    gint64 to = view->ended_usec > 0 ? view->ended_usec : g_get_monotonic_time();
    gint64 usec = MAX(0, to - from);

    if (usec < (gint64)10 * G_USEC_PER_SEC)
        return g_strdup_printf("%.*f s", usec < G_USEC_PER_SEC ? 3 : 1,
                               (double)usec / G_USEC_PER_SEC);
    return age_text(usec);
}

/* What it is at now, NULL where that is but the act, which stands beside it. */
static const char *step_text(const GemelJobView *view)
{
    return view->what == NULL || g_str_equal(view->what, view->kind) ? NULL : view->what;
}

/* The most telling thing there is to say: the error, what it waits for, how far it is, what came of
   it; of what went well without a word, when that was. */
static char *what_text(const GemelJobView *view, Role *ret_role)
{
    gboolean open = view->ended_usec == 0;

    *ret_role = ROLE_TEXT;
    if (view->error != NULL) {
        *ret_role = ROLE_ERROR;
        return g_strdup(view->error);
    }
    if (open && view->waits_for != NULL) {
        *ret_role =
            view->state == GEMEL_JOB_SLOW || view->state == GEMEL_JOB_LOST ? ROLE_WARN : ROLE_DIM;
        const char *at = step_text(view);

        return at != NULL ? g_strdup_printf("%s; waits for %s", at, view->waits_for)
                          : g_strdup_printf("waits for %s", view->waits_for);
    }
    const char *step = open ? step_text(view) : NULL;

    if (open && view->fraction >= 0)
        return g_strdup_printf("%.0f %%%s%s", view->fraction * 100, step != NULL ? ", " : "",
                               step != NULL ? step : "");
    if (view->notes != NULL) {
        g_autofree char *notes = g_strchomp(g_strdup(view->notes));
        g_auto(GStrv) lines = g_strsplit(notes, "\n", -1);

        return g_strjoinv("; ", lines);
    }
    if (open)
        return g_strdup(step != NULL ? step : "");
    g_autofree char *age = age_text(g_get_monotonic_time() - view->ended_usec);

    *ret_role = ROLE_DIM;
    return g_strdup_printf("%s ago", age);
}

/* What was asked for, cut in the middle where the end would take the instance's name along. */
static char *title_text(Jobs *self, const GemelJobView *view, int width)
{
    const char *title = view->title != NULL ? view->title : view->kind;
    const ModelInstance *instance =
        view->instance_id != NULL
            ? model_instance(self->page.tui->app->model, view->backend, view->instance_id)
            : NULL;
    const char *name = instance != NULL ? strstr(title, instance->info->name) : NULL;

    if (name == NULL)
        return text_cut_middle(title, width);
    g_autofree char *until = g_strndup(title, (gsize)(name - title) + strlen(instance->info->name));

    return text_width(until) < width ? g_strdup(title) : text_cut_middle(title, width);
}

static void rows_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    Jobs *self = data;
    const GemelJobView *view = self->views->pdata[row];
    g_autofree char *text = NULL;
    Role role = ROLE_TEXT;

    switch (column) {
    case COLUMN_ID:
        text = g_strdup_printf("%" G_GUINT64_FORMAT, view->id);
        role = ROLE_DIM;
        break;
    case COLUMN_STATE:
        text = g_strdup(gemel_job_state_name(view->state));
        role = state_roles[view->state];
        break;
    case COLUMN_TITLE:
        text = title_text(self, view, cell->width);
        role = ROLE_STRONG;
        break;
    case COLUMN_AGE:
        text = took_text(view);
        break;
    case COLUMN_BACKEND:
        text = g_strdup(view->backend);
        role = ROLE_DIM;
        break;
    default:
        text = what_text(view, &role);
        break;
    }
    canvas_field(cell, 0, 0, cell->width, columns[column].align, role, text);
}

static const TableSource source = {.count = rows_count, .key = rows_key, .draw = rows_draw};

static void changed(Page *page, ModelChange what)
{
    if ((what & MODEL_JOBS) != 0)
        rebuild((Jobs *)page);
}

static void draw(Page *page, const Canvas *c)
{
    Jobs *self = (Jobs *)page;

    rebuild(self); /* what it waits for changes with time alone */
    table_draw(self->table, c);
    if (self->views->len == 0)
        canvas_text(c, 1, 3, ROLE_DIM, "Nothing is under way, and nothing was done yet.");
}

static void jobs_free(Page *page)
{
    Jobs *self = (Jobs *)page;

    table_free(self->table);
    g_ptr_array_unref(self->views);
    g_free(self->key_text);
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((Jobs *)page)->table, (TableMove)step);
}

/* Everything about one job. */
static void enter(Page *page)
{
    Jobs *self = (Jobs *)page;
    int row = table_cursor(self->table);

    if (row < 0)
        return;
    const GemelJobView *view = self->views->pdata[row];
    g_autofree char *took = took_text(view);
    g_autofree char *text = g_strdup_printf(
        "what:      %s\nstate:     %s\nbackend:   %s\ninstance:  %s\ntook:      %s\n"
        "waits for: %s\nprogress:  %s\n\nnotes:\n%s\n\nerror:\n%s\n",
        view->title != NULL ? view->title : view->kind, gemel_job_state_name(view->state),
        view->backend, view->instance_id != NULL ? view->instance_id : "-", took,
        view->ended_usec == 0 && view->waits_for != NULL ? view->waits_for : "-",
        view->what != NULL ? view->what : "-", view->notes != NULL ? view->notes : "-",
        view->error != NULL ? view->error : "-");
    g_autofree char *title = g_strdup_printf("job %" G_GUINT64_FORMAT, view->id);

    Page *told = output_new(page->tui, title, text);

    told->ops->wide(told); /* wrapped: errors are long */
    tui_push(page->tui, told);
}

static Table *table_of(Page *page)
{
    return ((Jobs *)page)->table;
}

static void wide(Page *page)
{
    Table *table = table_of(page);

    table_set_wide(table, !table_is_wide(table));
}

static char *summary(Page *page)
{
    return g_strdup_printf("%u, newest first", ((Jobs *)page)->views->len);
}

static const PageOps ops = {
    .name = "jobs",
    .where = AT_JOBS,
    .draw = draw,
    .changed = changed,
    .free = jobs_free,
    .move = move,
    .enter = enter,
    .table = table_of,
    .wide = wide,
    .summary = summary,
};

Page *jobs_new(Tui *tui)
{
    Jobs *self = g_new0(Jobs, 1);

    self->page = (Page){&ops, tui};
    self->views = g_ptr_array_new_with_free_func(view_free);
    self->table = table_new(columns, COLUMN_N, &source, self);
    rebuild(self);
    return &self->page;
}
