/* SPDX-License-Identifier: GPL-3.0-or-later */
/* instances.c - the main view: rows, order, filter and panes. */
#include "console/tui/instances.h"

#include <string.h>

#include "config/options.h"

/* A list of fewer rows leaves the room to the detail pane. */
#define LIST_MIN   4
#define DETAIL_MIN 6

typedef struct {
    Page page;
    GArray *rows; /* of Row: what the filter lets through, in order */
    GStringChunk *keys;
    guint total;
    Table *table;
    Detail *detail;
    SortKey sort;
    gboolean inverted, follow;
    Filter *filter;
    char *filter_text;
    char *filter_error;
    int kind; /* -1: both */
    gboolean in_detail, zoomed;
    int list_y, list_height; /* of the last draw, for the mouse */
    char *lost_name, *lost_key;
} Instances;

static const char *const sort_names[SORT_N] = {
    [SORT_NAME] = "name",         [SORT_KIND] = "kind",   [SORT_STATE] = "state",
    [SORT_BACKEND] = "backend",   [SORT_CPU] = "cpu",     [SORT_MEMORY] = "memory",
    [SORT_PRESSURE] = "pressure", [SORT_BLOCK] = "block", [SORT_NET] = "net",
    [SORT_UPTIME] = "uptime",
};

const char *sort_name(SortKey key)
{
    return sort_names[key];
}

/* ---- order ---------------------------------------------------------------------------------- */

/* The figure to sort by; -1 where there is none, which puts it last. */
static double sort_number(SortKey sort, const ModelInstance *instance)
{
    double a, b, three[3];
    guint64 used, limit;
    gint64 seconds;

    switch (sort) {
    case SORT_CPU:
        return model_cpu_percent(instance, MODEL_CPU_OF_CORE, &a) ? a : -1;
    case SORT_MEMORY:
        return model_memory(instance, &used, &limit) ? (double)used : -1;
    case SORT_PRESSURE:
        return model_pressure(instance, three) ? MAX(MAX(three[0], three[1]), three[2]) : -1;
    case SORT_BLOCK:
        return model_block_rates(instance, &a, &b) ? a + b : -1;
    case SORT_NET:
        return model_net_rates(instance, &a, &b) ? a + b : -1;
    case SORT_UPTIME:
        /* the youngest first: what has just been started is what one looks for */
        return model_uptime_s(instance, &seconds) ? 1e12 - (double)seconds : -1;
    case SORT_STATE:
        return GEMEL_STATE_N - (instance->info->state == GEMEL_STATE_UNKNOWN
                                    ? GEMEL_STATE_N
                                    : instance->info->state);
    case SORT_KIND:
        return GEMEL_KIND_N - instance->info->kind;
    default:
        return 0;
    }
}

/* Figures from the greatest down, then names; the id settles it, so that equals never swap. */
static int compare_rows(gconstpointer a, gconstpointer b, gpointer data)
{
    const Row *one = a, *two = b;
    const Instances *list = data;
    int order = one->number > two->number ? -1 : one->number < two->number;

    if (list->inverted && one->number >= 0 && two->number >= 0)
        order = -order;
    if (order != 0)
        return order;
    if (list->sort == SORT_BACKEND)
        order = strcmp(one->instance->backend->name, two->instance->backend->name);
    if (order == 0)
        order = g_strcmp0(one->instance->info->name, two->instance->info->name);
    if (order == 0)
        order = strcmp(one->key, two->key);
    return list->inverted && (list->sort == SORT_NAME || list->sort == SORT_BACKEND) ? -order
                                                                                     : order;
}

static void sort_rows(Instances *list)
{
    for (guint i = 0; i < list->rows->len; i++) {
        Row *row = &g_array_index(list->rows, Row, i);

        row->number = sort_number(list->sort, row->instance);
    }
    g_array_sort_with_data(list->rows, compare_rows, list);
}

/* Collects the rows anew. */
static void rebuild(Instances *list)
{
    GPtrArray *all = model_instances(list->page.tui->app->model);
    int widest = 0;

    g_array_set_size(list->rows, 0);
    g_string_chunk_clear(list->keys);
    list->total = all->len;
    for (guint i = 0; i < all->len; i++) {
        ModelInstance *instance = all->pdata[i];

        if ((list->kind >= 0 && (int)instance->info->kind != list->kind) ||
            (list->filter != NULL && !filter_matches(list->filter, instance)))
            continue;
        g_autofree char *key = instance_key_of(instance);
        Row row = {instance, g_string_chunk_insert(list->keys, key), 0};

        g_array_append_val(list->rows, row);
        if (instance->info->name != NULL)
            widest = MAX(widest, text_width(instance->info->name));
    }
    table_set_first_width(list->table, MAX(widest + 1, 1));
    sort_rows(list);
    table_rows_changed(list->table);
}

/* Says so when the instance under the cursor has gone. One that is still there was hidden by the
   user's own filter or key: that is no news. */
static void watch_cursor(Instances *list)
{
    Tui *tui = list->page.tui;
    const char *key = table_cursor_key(list->table);
    const ModelInstance *now = key != NULL ? tui_instance(tui, key) : NULL;

    /* what has just been said about it says more */
    if (table_lost(list->table) && list->lost_name != NULL && now != NULL &&
        tui_instance(tui, list->lost_key) == NULL &&
        g_get_monotonic_time() - tui->message_usec > (gint64)2 * G_USEC_PER_SEC)
        face_say(tui, OUTPUT_NOTE, "%s is no longer in the list; the cursor is on %s now.",
                 list->lost_name, now->info->name);
    g_free(list->lost_name);
    g_free(list->lost_key);
    list->lost_name = now != NULL ? g_strdup(now->info->name) : NULL;
    list->lost_key = now != NULL ? g_strdup(key) : NULL;
}

/* ---- the table's questions ------------------------------------------------------------------ */

static guint rows_count(gpointer data)
{
    return ((Instances *)data)->rows->len;
}

static const Row *row_at(gpointer data, guint i)
{
    return &g_array_index(((Instances *)data)->rows, Row, i);
}

static const char *rows_key(gpointer data, guint row)
{
    return row_at(data, row)->key;
}

static void rows_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    column_draw(((Instances *)data)->page.tui, row_at(data, row)->instance, column, cell);
}

static char *rows_note(gpointer data, guint row, guint *ret_column)
{
    return column_note(row_at(data, row)->instance, ret_column);
}

static const TableSource source = {rows_count, rows_key, rows_draw, rows_note};

/* ---- the page ------------------------------------------------------------------------------- */

static gboolean is_figure_filter(const Instances *list)
{
    return list->filter_text != NULL && strpbrk(list->filter_text, "<>") != NULL;
}

static gboolean is_figure_sort(const Instances *list)
{
    return list->sort != SORT_NAME && list->sort != SORT_KIND && list->sort != SORT_BACKEND &&
           list->sort != SORT_STATE;
}

static gboolean mark_holds(const char *key, gpointer data)
{
    return tui_instance(data, key) != NULL;
}

static void changed(Page *page, ModelChange what)
{
    Instances *list = (Instances *)page;

    if ((what & MODEL_INSTANCES) != 0 || ((what & MODEL_FIGURES) != 0 && is_figure_filter(list))) {
        rebuild(list);
        table_forget_marks(list->table, mark_holds, page->tui);
        watch_cursor(list);
    } else if ((what & MODEL_FIGURES) != 0 && is_figure_sort(list)) {
        sort_rows(list);
        table_rows_changed(list->table);
    }
}

/* Neither answered nor failed so far. */
static gboolean is_awaited(const ModelBackend *backend)
{
    return !backend->listed && backend->state != MODEL_BACKEND_DOWN &&
           backend->health != GEMEL_LANES_UNRESPONSIVE;
}

/* Why the list is empty, and what to do about it. */
static void draw_empty(Instances *list, const Canvas *c)
{
    GPtrArray *backends = model_backends(list->page.tui->app->model);
    gboolean waiting = FALSE;

    for (guint i = 0; i < backends->len; i++)
        waiting = waiting || is_awaited(backends->pdata[i]);
    const char *text = list->total > 0 ? "Nothing matches; Esc shows all again."
                       : backends->len == 0
                           ? "No backend is connected; try :connect sim or :help connect."
                       : waiting ? "Waiting for the first list ..."
                                 : "No instances yet: `:lab up` makes a guest and a container to "
                                   "try things on.";

    canvas_text(c, 1, 3, ROLE_DIM, text);
}

/* How many lines the list gets of `height`. */
static int list_height(const Instances *list, int height)
{
    int wanted = (int)list->rows->len + 1;

    if (list->zoomed)
        return 0;
    if (height < LIST_MIN + DETAIL_MIN)
        return height;
    return CLAMP(wanted, LIST_MIN, MAX(LIST_MIN, height / 2));
}

static void draw(Page *page, const Canvas *c)
{
    Instances *list = (Instances *)page;
    int rows = list_height(list, c->height);
    Canvas top = canvas_sub(c, 0, 0, rows, c->width);
    Canvas bottom = canvas_sub(c, rows, 0, c->height - rows, c->width);

    list->list_y = top.y;
    list->list_height = rows;
    table_set_focus(list->table, !list->in_detail);
    table_set_sorted(list->table, column_of_sort(list->sort),
                     (list->sort == SORT_NAME || list->sort == SORT_BACKEND) == list->inverted);
    if (rows > 0)
        table_draw(list->table, &top);
    if (rows > 0 && list->rows->len == 0)
        draw_empty(list, &top);
    if (bottom.height > 0)
        detail_draw(list->detail, table_cursor_key(list->table), list->in_detail, &bottom);
}

static void list_free(Page *page)
{
    Instances *list = (Instances *)page;

    table_free(list->table);
    detail_free(list->detail);
    g_array_unref(list->rows);
    g_string_chunk_free(list->keys);
    filter_free(list->filter);
    g_free(list->filter_text);
    g_free(list->filter_error);
    g_free(list->lost_name);
    g_free(list->lost_key);
    g_free(list);
}

static void move(Page *page, Move step)
{
    Instances *list = (Instances *)page;

    if (list->in_detail) {
        detail_move(list->detail, step);
        return;
    }
    table_move(list->table, (TableMove)step);
    watch_cursor(list);
}

static void enter(Page *page)
{
    Instances *list = (Instances *)page;

    if (table_cursor_key(list->table) == NULL)
        return;
    list->in_detail = list->zoomed = TRUE;
}

/* Detail, then filter, then kind. */
static gboolean back(Page *page)
{
    Instances *list = (Instances *)page;

    if (list->in_detail || list->zoomed) {
        list->in_detail = list->zoomed = FALSE;
        return TRUE;
    }
    if (list->filter != NULL || list->filter_error != NULL)
        instances_filter(page, "", NULL);
    else if (list->kind >= 0)
        instances_kind(page, -1);
    else if (table_n_marked(list->table) > 0)
        table_mark_all(list->table, FALSE);
    return TRUE;
}

static const char *target(Page *page)
{
    return table_cursor_key(((Instances *)page)->table);
}

static Table *table_of(Page *page)
{
    return ((Instances *)page)->table;
}

/* While it is typed a filter may not make sense yet: then the last good one stays, and the header
   says what is wrong. */
static void search(Page *page, const char *text)
{
    Instances *list = (Instances *)page;
    g_autoptr(GError) error = NULL;

    /* in the definition it searches the text */
    if (list->in_detail && detail_search(list->detail, text))
        return;
    g_clear_pointer(&list->filter_error, g_free);
    if (!instances_filter(page, text, &error))
        list->filter_error = g_strdup(error->message);
}

static const char *searched(Page *page)
{
    Instances *list = (Instances *)page;

    return list->in_detail && detail_is_text(list->detail) ? detail_searched(list->detail)
                                                           : list->filter_text;
}

static void wide(Page *page)
{
    Instances *list = (Instances *)page;

    table_set_wide(list->table, !table_is_wide(list->table));
}

static gboolean click(Page *page, int y, int x)
{
    Instances *list = (Instances *)page;

    if (y < list->list_y || y >= list->list_y + list->list_height) {
        list->in_detail = y >= list->list_y + list->list_height;
        return TRUE;
    }
    list->in_detail = FALSE;
    return table_select_line(list->table, y - list->list_y);
}

static char *summary(Page *page)
{
    Instances *list = (Instances *)page;
    g_autoptr(GString) out = g_string_new(NULL);
    guint marked = table_n_marked(list->table);

    if (list->rows->len == list->total)
        g_string_append_printf(out, "%u", list->total);
    else
        g_string_append_printf(out, "%u of %u", list->rows->len, list->total);
    if (marked > 0)
        g_string_append_printf(out, " (%u marked)", marked);
    if (list->kind >= 0)
        g_string_append(out, list->kind == GEMEL_KIND_VM ? " vms" : " containers");
    if (list->filter_error != NULL)
        g_string_append_printf(out, " /%s", list->filter_error);
    else if (list->filter_text != NULL)
        g_string_append_printf(out, " /%s", list->filter_text);
    g_string_append_printf(out, "  by %s%s%s", sort_names[list->sort],
                           list->inverted ? " inverted" : "", list->follow ? "" : "  row fixed");
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gboolean search_next(Page *page, gboolean backwards)
{
    Instances *list = (Instances *)page;

    return list->in_detail && detail_search_next(list->detail, backwards);
}

static Where focus(Page *page)
{
    return ((Instances *)page)->in_detail ? AT_DETAIL : AT_INSTANCES;
}

static const PageOps ops = {
    .name = "instances",
    .where = AT_INSTANCES,
    .draw = draw,
    .changed = changed,
    .free = list_free,
    .move = move,
    .enter = enter,
    .back = back,
    .target = target,
    .table = table_of,
    .search = search,
    .search_next = search_next,
    .searched = searched,
    .wide = wide,
    .click = click,
    .summary = summary,
    .focus = focus,
};

Page *instances_new(Tui *tui)
{
    Instances *list = g_new0(Instances, 1);

    list->page = (Page){&ops, tui};
    list->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    list->keys = g_string_chunk_new(4096);
    list->table = table_new(instance_columns, n_instance_columns, &source, list);
    list->detail = detail_new(tui);
    list->kind = -1;
    list->follow = TRUE;
    rebuild(list);
    return &list->page;
}

/* ---- verbs ---------------------------------------------------------------------------------- */

/* The same key again turns the order round. */
gboolean instances_sort(Page *page, const char *name, GError **error)
{
    Instances *list = (Instances *)page;

    for (SortKey sort = 0; sort < SORT_N; sort++) {
        if (strcmp(sort_names[sort], name) != 0)
            continue;
        list->sort = sort;
        list->inverted = FALSE;
        sort_rows(list);
        table_rows_changed(list->table);
        return TRUE;
    }
    return gemel_error_set(
        error, GEMEL_ERROR_INVALID,
        "view sort: there is no column '%s'; there are name kind state backend cpu "
        "memory pressure block net uptime",
        name);
}

void instances_invert(Page *page)
{
    Instances *list = (Instances *)page;

    list->inverted = !list->inverted;
    sort_rows(list);
    table_rows_changed(list->table);
}

gboolean instances_filter(Page *page, const char *text, GError **error)
{
    Instances *list = (Instances *)page;
    g_autofree char *wanted = g_strstrip(g_strdup(text));
    Filter *filter = NULL;

    if (*wanted != '\0' && (filter = filter_new(wanted, error)) == NULL)
        return FALSE;
    filter_free(list->filter);
    g_free(list->filter_text);
    list->filter = filter;
    list->filter_text = filter != NULL ? g_steal_pointer(&wanted) : NULL;
    g_clear_pointer(&list->filter_error, g_free);
    rebuild(list);
    table_lost(list->table); /* the user did it */
    watch_cursor(list);
    return TRUE;
}

void instances_kind(Page *page, int kind)
{
    Instances *list = (Instances *)page;

    list->kind = kind;
    list->in_detail = list->zoomed = FALSE;
    rebuild(list);
    table_lost(list->table);
    watch_cursor(list);
}

void instances_tab(Page *page, int step)
{
    detail_step_tab(((Instances *)page)->detail, step);
}

gboolean instances_tab_named(Page *page, const char *name)
{
    return detail_show_tab(((Instances *)page)->detail, name);
}

void instances_pane(Page *page)
{
    Instances *list = (Instances *)page;

    list->in_detail = !list->in_detail;
    if (!list->in_detail)
        list->zoomed = FALSE;
}

void instances_zoom(Page *page)
{
    Instances *list = (Instances *)page;

    list->zoomed = !list->zoomed;
    list->in_detail = list->zoomed;
}

gboolean instances_follow(Page *page)
{
    Instances *list = (Instances *)page;

    list->follow = !list->follow;
    table_set_follow(list->table, list->follow);
    return list->follow;
}
