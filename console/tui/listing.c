/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listing.c - what backends have beside instances: images, storage, networks. A view of a group is
   made from what its backends list, so that a new group needs no view of its own. */
#include <stdlib.h>
#include <string.h>

#include "console/tui/tui_private.h"

/* An answer is asked for anew after so long. */
#define FRESH_USEC  (5 * G_USEC_PER_SEC)
#define COLUMNS_MAX 12

typedef struct Listing Listing;

/* What one backend has. */
typedef struct {
    Listing *listing;
    char *backend;
    GemelJob *job; /* under way, or NULL */
    gint64 taken_usec;
    json_t *things; /* the last answer, or NULL */
    char *error;
} Source;

typedef struct {
    json_t *thing; /* its source's */
    const char *backend;
    char *key;
} Thing;

struct Listing {
    Page page;
    GemelGroup group;
    GPtrArray *sources; /* of Source* */
    GArray *things;     /* of Thing */
    Table *table;
    char *names[COLUMNS_MAX]; /* keys of the objects, in order; the first is "name" */
    char *titles[COLUMNS_MAX];
    TableColumn columns[COLUMNS_MAX];
    guint n_columns;
};

static void rebuild(Listing *self);

/* ---- reading -------------------------------------------------------------------------------- */

static void source_free(gpointer data)
{
    Source *source = data;

    if (source->job != NULL)
        gemel_job_disown(source->job, source);
    g_clear_pointer(&source->job, gemel_job_unref);
    g_clear_pointer(&source->things, json_decref);
    g_free(source->backend);
    g_free(source->error);
    g_free(source);
}

static void thing_clear(gpointer data)
{
    g_free(((Thing *)data)->key);
}

static gpointer run_list(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->groups[GPOINTER_TO_UINT(arg)]->list(conn, error);
}

static void result_free(gpointer result)
{
    json_decref(result);
}

static void listed(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Source *source = data;

    g_clear_pointer(&source->error, g_free);
    source->taken_usec = g_get_monotonic_time();
    if (result != NULL) {
        g_clear_pointer(&source->things, json_decref);
        source->things = json_incref(result);
    } else {
        source->error = g_strdup(error != NULL ? error->message : "no answer");
    }
    rebuild(source->listing);
    tui_changed(source->listing->page.tui);
}

static Source *source_of(Listing *self, const char *backend)
{
    for (guint i = 0; i < self->sources->len; i++)
        if (strcmp(((Source *)self->sources->pdata[i])->backend, backend) == 0)
            return self->sources->pdata[i];
    Source *source = g_new0(Source, 1);

    source->listing = self;
    source->backend = g_strdup(backend);
    g_ptr_array_add(self->sources, source);
    return source;
}

/* Whether it is time to ask; an answer may still be under way. */
static gboolean is_old(const Source *source)
{
    if (source->job == NULL)
        return TRUE;
    return source->taken_usec > 0 && g_get_monotonic_time() - source->taken_usec > FRESH_USEC;
}

/* What a host had goes with it. */
static void forget_disconnected(Listing *self)
{
    GPtrArray *backends = model_backends(self->page.tui->app->model);
    guint before = self->sources->len;

    for (guint i = self->sources->len; i-- > 0;) {
        const Source *source = self->sources->pdata[i];
        gboolean there = FALSE;

        for (guint b = 0; b < backends->len; b++)
            there = there ||
                    strcmp(((const ModelBackend *)backends->pdata[b])->name, source->backend) == 0;
        if (!there)
            g_ptr_array_remove_index(self->sources, i);
    }
    if (self->sources->len != before)
        rebuild(self);
}

/* Asks those whose answer is old. */
static void request(Listing *self)
{
    GPtrArray *backends = model_backends(self->page.tui->app->model);

    forget_disconnected(self);

    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];

        if (backend->open == NULL || !gemel_backend_has_group(backend->open->backend, self->group))
            continue;
        Source *source = source_of(self, backend->name);

        if (!is_old(source))
            continue;
        if (source->job != NULL)
            gemel_job_disown(source->job, source);
        g_clear_pointer(&source->job, gemel_job_unref);
        source->taken_usec = 0;
        source->job = gemel_lanes_submit(backend->open->lanes, GEMEL_LANE_READ,
                                         &(GemelJobSpec){.kind = gemel_group_name(self->group),
                                                         .run = run_list,
                                                         .arg = GUINT_TO_POINTER(self->group),
                                                         .result_free = result_free,
                                                         .hard_ms = 10000},
                                         listed, source);
    }
}

/* ---- rows and columns ----------------------------------------------------------------------- */

/* "size_bytes" is SIZE. */
static char *title_of(const char *name)
{
    g_autofree char *plain = g_strdup(name);

    if (g_str_has_suffix(plain, "_bytes") || g_str_has_suffix(plain, "_unix"))
        *strrchr(plain, '_') = '\0';
    return g_ascii_strup(g_strdelimit(plain, "_", ' '), -1);
}

static void add_column(Listing *self, const char *name, json_t *value)
{
    guint i = self->n_columns;
    gboolean number = json_is_number(value) && !g_str_has_suffix(name, "_unix");

    for (guint n = 0; n < self->n_columns; n++)
        if (strcmp(self->names[n], name) == 0)
            return;
    if (i == COLUMNS_MAX)
        return;
    self->n_columns++;
    self->names[i] = g_strdup(name);
    self->titles[i] = title_of(name);
    self->columns[i] = (TableColumn){.id = self->names[i],
                                     .title = self->titles[i],
                                     .min = i == 0 ? 12 : MAX(7, text_width(self->titles[i])),
                                     .max = i == 0   ? 40
                                            : number ? 0
                                                     : 24,
                                     .priority = (int)i,
                                     .align = number ? TEXT_RIGHT : TEXT_LEFT};
}

/* Its name, and what the things tell, as they come. */
static void choose_columns(Listing *self)
{
    guint before = self->n_columns;
    const char *key;
    json_t *value;

    add_column(self, "name", NULL);
    for (guint i = 0; i < self->things->len; i++)
        json_object_foreach (g_array_index(self->things, Thing, i).thing, key, value)
            add_column(self, key, value);
    if (self->n_columns != before)
        table_set_columns(self->table, self->columns, self->n_columns);
}

static void rebuild(Listing *self)
{
    g_array_set_size(self->things, 0);
    for (guint i = 0; i < self->sources->len; i++) {
        const Source *source = self->sources->pdata[i];
        json_t *thing;
        size_t n;

        json_array_foreach (source->things, n, thing) {
            const char *name = json_string_value(json_object_get(thing, "name"));
            Thing row = {thing, source->backend,
                         g_strconcat(source->backend, "/", name != NULL ? name : "", NULL)};

            g_array_append_val(self->things, row);
        }
    }
    choose_columns(self);
    table_rows_changed(self->table);
}

/* As people read it. */
static char *value_text(const char *name, json_t *value)
{
    if (json_is_integer(value) && g_str_has_suffix(name, "_bytes"))
        return format_bytes((guint64)json_integer_value(value));
    if (json_is_integer(value) && g_str_has_suffix(name, "_unix")) {
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(json_integer_value(value));

        return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("-");
    }
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return g_strdup("-");
}

static guint table_count(gpointer data)
{
    return ((Listing *)data)->things->len;
}

static const Thing *thing_at(gpointer data, guint row)
{
    return &g_array_index(((Listing *)data)->things, Thing, row);
}

static const char *table_key(gpointer data, guint row)
{
    return thing_at(data, row)->key;
}

static void table_cell(gpointer data, guint row, guint column, const Canvas *cell)
{
    Listing *self = data;
    const char *name = self->names[column];
    g_autofree char *text = value_text(name, json_object_get(thing_at(data, row)->thing, name));

    canvas_field(cell, 0, 0, cell->width, self->columns[column].align,
                 column == 0 ? ROLE_STRONG : ROLE_TEXT, text);
}

static const TableSource source = {.count = table_count, .key = table_key, .draw = table_cell};

/* ---- the page ------------------------------------------------------------------------------- */

/* What is wrong, or that nothing is there. */
static void draw_notes(const Listing *self, int y, const Canvas *c)
{
    gboolean waiting = FALSE;

    for (guint i = 0; i < self->sources->len; i++) {
        const Source *one = self->sources->pdata[i];

        waiting = waiting || one->taken_usec == 0;
        if (one->error != NULL)
            canvas_printf(c, y++, 3, ROLE_ERROR, "%s: %s", one->backend, one->error);
    }
    if (self->things->len == 0 && waiting)
        canvas_text(c, y, 3, ROLE_DIM, "reading ...");
    else if (self->things->len == 0)
        canvas_printf(c, y, 3, ROLE_DIM, "Nothing is listed under %s.",
                      gemel_group_name(self->group));
}

static void draw(Page *page, const Canvas *c)
{
    Listing *self = (Listing *)page;

    request(self);
    table_draw(self->table, c);
    draw_notes(self, MIN((int)self->things->len + 2, c->height - 1), c);
}

static void listing_free(Page *page)
{
    Listing *self = (Listing *)page;

    g_ptr_array_unref(self->sources);
    g_array_unref(self->things);
    table_free(self->table);
    for (guint i = 0; i < self->n_columns; i++) {
        g_free(self->names[i]);
        g_free(self->titles[i]);
    }
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((Listing *)page)->table, (TableMove)step);
}

/* All that is known of it. */
static void enter(Page *page)
{
    Listing *self = (Listing *)page;
    int row = table_cursor(self->table);

    if (row < 0)
        return;
    const Thing *thing = thing_at(self, (guint)row);
    char *text = json_dumps(thing->thing, JSON_INDENT(2));

    tui_push(page->tui, output_new(page->tui, thing->key, text != NULL ? text : ""));
    free(text);
}

static Table *table_of(Page *page)
{
    return ((Listing *)page)->table;
}

static void wide(Page *page)
{
    table_set_wide(table_of(page), !table_is_wide(table_of(page)));
}

static char *summary(Page *page)
{
    return g_strdup_printf("%u", ((Listing *)page)->things->len);
}

#define LISTING_OPS(page_name)                                                                     \
    {                                                                                              \
        .name = (page_name), .where = AT_LISTING, .draw = draw, .free = listing_free,              \
        .move = move, .enter = enter, .table = table_of, .wide = wide, .summary = summary          \
    }

static const PageOps ops[GEMEL_GROUP_N] = {
    [GEMEL_GROUP_IMAGES] = LISTING_OPS("images"),
    [GEMEL_GROUP_STORAGE] = LISTING_OPS("storage"),
    [GEMEL_GROUP_NETWORKS] = LISTING_OPS("networks"),
};

Page *listing_new(Tui *tui, GemelGroup group)
{
    Listing *self = g_new0(Listing, 1);

    self->page = (Page){&ops[group], tui};
    self->group = group;
    self->sources = g_ptr_array_new_with_free_func(source_free);
    self->things = g_array_new(FALSE, FALSE, sizeof(Thing));
    g_array_set_clear_func(self->things, thing_clear);
    self->table = table_new(self->columns, 0, &source, self);
    choose_columns(self);
    return &self->page;
}
