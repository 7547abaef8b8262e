/* SPDX-License-Identifier: GPL-3.0-or-later */
/* instances.c - the main view: its columns, cursor and panes. */
#include "console/tui/instances.h"

#include <string.h>

#include "config/options.h"

/* A list of fewer rows leaves the room to the detail pane. */
#define LIST_MIN   4
#define DETAIL_MIN 6

typedef struct {
    Page page;
    Rows *rows;
    Table *table;
    GArray *choice;       /* of ColumnChoice */
    TableColumn *columns; /* the same as the table takes them */
    Detail *detail;
    ColumnId sort;
    gboolean inverted, follow;
    char *filter_error;
    int kind; /* -1: both */
    gboolean in_detail;
    gboolean zoomed;         /* the pane that has the keys has all of the screen */
    int list_y, list_height; /* of the last draw, for the mouse */
    char *lost_name, *lost_key;
} Instances;

static ColumnId column_at(const Instances *list, guint i)
{
    return g_array_index(list->choice, ColumnChoice, i).id;
}

/* The place of a column in the list, -1 when it is not shown. */
static int place_of(const Instances *list, ColumnId id)
{
    for (guint i = 0; i < list->choice->len; i++)
        if (column_at(list, i) == id)
            return (int)i;
    return -1;
}

/* Tells the table that rows have come, gone or moved. */
static void rows_moved(Instances *list)
{
    table_set_wanted_width(list->table, place_of(list, LIST_NAME), rows_widest(list->rows) + 1);
    table_rows_changed(list->table);
}

/* What figures have moved comes to rest before anybody looks at a row. */
static void settle(Instances *list)
{
    if (rows_settle(list->rows))
        rows_moved(list);
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

static const Row *row_at(gpointer data, guint i)
{
    return rows_at(((Instances *)data)->rows, i);
}

static guint table_count(gpointer data)
{
    return rows_n(((Instances *)data)->rows);
}

static const char *table_key(gpointer data, guint row)
{
    return row_at(data, row)->key;
}

static void table_cell(gpointer data, guint i, guint place, const Canvas *cell)
{
    Instances *list = data;
    const Row *row = row_at(data, i);
    ColumnId id = column_at(list, place);

    if (row->instance != NULL) {
        int indent = row->group != NULL && place == 0 ? 2 : 0;
        Canvas inner = canvas_sub(cell, 0, indent, 1, cell->width - indent);

        column_draw(list->page.tui, row->instance, id, &inner);
    } else if (place == 0) {
        group_draw_title(row->group, cell);
    } else {
        group_draw_total(list->page.tui, row->group, id, cell);
    }
}

/* Why there are no figures, in their place. */
static char *table_note(gpointer data, guint i, guint *ret_place)
{
    Instances *list = data;
    const Row *row = row_at(data, i);
    guint place = 1;

    while (place < list->choice->len && column_table[column_at(list, place)].unit == UNIT_NONE)
        place++;
    if (place < list->choice->len && column_at(list, place) == LIST_CPUS)
        place++;
    *ret_place = place;
    return row->instance != NULL ? column_note(row->instance) : NULL;
}

/* A heading goes over all columns in which it has no total. */
static guint table_span(gpointer data, guint i)
{
    Instances *list = data;
    guint place = 1;

    if (row_at(data, i)->instance != NULL)
        return 1;
    while (place < list->choice->len && column_table[column_at(list, place)].total == TOTAL_NONE)
        place++;
    return place;
}

static gboolean table_markable(gpointer data, guint row)
{
    return row_at(data, row)->instance != NULL;
}

static const TableSource source = {.count = table_count,
                                   .key = table_key,
                                   .draw = table_cell,
                                   .note = table_note,
                                   .span = table_span,
                                   .markable = table_markable};

/* ---- the page ------------------------------------------------------------------------------- */

static gboolean mark_holds(const char *key, gpointer data)
{
    return tui_instance(data, key) != NULL;
}

static void changed(Page *page, ModelChange what)
{
    Instances *list = (Instances *)page;

    if ((what & MODEL_INSTANCES) != 0) {
        rows_collect(list->rows);
        rows_moved(list);
        table_forget_marks(list->table, mark_holds, page->tui);
        watch_cursor(list);
    } else if ((what & MODEL_FIGURES) != 0) {
        rows_figures_changed(list->rows);
    }
}

/* The instance under the cursor; a heading is none. */
static const char *target(Page *page)
{
    const char *key = table_cursor_key(((Instances *)page)->table);

    return key != NULL && *key != '=' ? key : NULL;
}

/* How many lines the list gets of `height`: all of them while there is nothing to go into. */
static int list_height(const Instances *list, int height)
{
    int wanted = (int)rows_n(list->rows) + 1;

    if (list->zoomed)
        return list->in_detail ? 0 : height;
    if (height < LIST_MIN + DETAIL_MIN || rows_n(list->rows) == 0)
        return height;
    return CLAMP(wanted, LIST_MIN, MAX(LIST_MIN, height / 2));
}

/* The pane under the list. */
static void draw_detail(Instances *list, const Canvas *c)
{
    const char *key = table_cursor_key(list->table);
    RowGroup *group = key != NULL && *key == '=' ? rows_group_of(list->rows, key) : NULL;

    if (group != NULL)
        group_draw_detail(group, c);
    else
        detail_draw(list->detail, target(&list->page), list->in_detail, c);
}

static void draw(Page *page, const Canvas *c)
{
    Instances *list = (Instances *)page;

    settle(list);
    int rows = list_height(list, c->height);
    Canvas top = canvas_sub(c, 0, 0, rows, c->width);
    Canvas bottom = canvas_sub(c, rows, 0, c->height - rows, c->width);

    list->list_y = top.y;
    list->list_height = rows;
    table_set_focus(list->table, !list->in_detail);
    table_set_sorted(list->table, place_of(list, list->sort),
                     column_table[list->sort].rises == list->inverted);
    if (rows > 0)
        table_draw(list->table, &top);
    if (rows > 0 && rows_n_shown(list->rows) == 0)
        empty_draw(page->tui, list->rows, list->kind, &top);
    if (bottom.height > 0)
        draw_detail(list, &bottom);
}

static void list_free(Page *page)
{
    Instances *list = (Instances *)page;

    table_free(list->table);
    detail_free(list->detail);
    rows_free(list->rows);
    g_array_unref(list->choice);
    g_free(list->columns);
    g_free(list->filter_error);
    g_free(list->lost_name);
    g_free(list->lost_key);
    g_free(list);
}

/* Collapses or expands a group, the cursor going to its heading. */
static void fold(Instances *list, RowGroup *group, gboolean collapsed)
{
    g_autofree char *key = g_strdup(group_key(group));

    rows_collapse(list->rows, group, collapsed);
    table_select_key(list->table, key);
    rows_moved(list);
    table_lost(list->table); /* the user did it */
}

/* In a tree left collapses, or goes to the heading, and right expands, as far as there is nothing
   to scroll back. */
static gboolean fold_by_move(Instances *list, Move step)
{
    const char *key = table_cursor_key(list->table);
    RowGroup *group = rows_group_of(list->rows, key);

    if (group == NULL || (step != MOVE_LEFT && step != MOVE_RIGHT) ||
        table_is_scrolled(list->table))
        return FALSE;
    if (*key != '=')
        return step == MOVE_LEFT && table_select_key(list->table, group_key(group));
    if (group_is_collapsed(group) == (step == MOVE_LEFT))
        return FALSE;
    fold(list, group, step == MOVE_LEFT);
    return TRUE;
}

/* Left and right look for columns: where there are none, who meant to open or leave is told how. */
static void say_if_at_edge(Instances *list, Move step)
{
    if (step == MOVE_RIGHT && !table_has_more(list->table))
        face_say_briefly(list->page.tui, "There are no more columns to the right; Enter opens.");
    else if (step == MOVE_LEFT && !table_is_scrolled(list->table))
        face_say_briefly(list->page.tui, "There are no more columns to the left; Esc goes back.");
}

static void move(Page *page, Move step)
{
    Instances *list = (Instances *)page;

    if (list->in_detail) {
        detail_move(list->detail, step);
        return;
    }
    settle(list);
    if (!fold_by_move(list, step)) {
        say_if_at_edge(list, step);
        table_move(list->table, (TableMove)step);
    }
    watch_cursor(list);
}

static void enter(Page *page)
{
    Instances *list = (Instances *)page;
    RowGroup *group;

    settle(list);
    if (table_cursor_key(list->table) == NULL)
        return;
    if (target(page) != NULL)
        list->in_detail = list->zoomed = TRUE;
    else if ((group = rows_group_of(list->rows, table_cursor_key(list->table))) != NULL)
        fold(list, group, !group_is_collapsed(group));
}

/* Detail, then filter, then kind. */
static gboolean back(Page *page)
{
    Instances *list = (Instances *)page;

    if (list->in_detail || list->zoomed) {
        list->in_detail = list->zoomed = FALSE;
        return TRUE;
    }
    if (rows_filter(list->rows) != NULL || list->filter_error != NULL)
        instances_filter(page, "", NULL);
    else if (list->kind >= 0)
        instances_kind(page, -1);
    else if (table_n_marked(list->table) > 0)
        table_mark_all(list->table, FALSE);
    return TRUE;
}

static Table *table_of(Page *page)
{
    settle((Instances *)page);
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
                                                           : rows_filter(list->rows);
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
    guint shown = rows_n_shown(list->rows), total = rows_n_total(list->rows);
    const char *filter = rows_filter(list->rows);

    if (shown == total)
        g_string_append_printf(out, "%u", total);
    else
        g_string_append_printf(out, "%u of %u", shown, total);
    if (marked > 0)
        g_string_append_printf(out, " (%u marked)", marked);
    if (list->kind >= 0)
        g_string_append(out, list->kind == GEMEL_KIND_VM ? " vms" : " containers");
    if (list->filter_error != NULL)
        g_string_append_printf(out, " /%s", list->filter_error);
    else if (filter != NULL)
        g_string_append_printf(out, " /%s", filter);
    g_string_append_printf(out, "  by %s%s%s", column_table[list->sort].id,
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
    Instances *list = (Instances *)page;

    return !list->in_detail                 ? AT_INSTANCES
           : detail_has_marks(list->detail) ? AT_DETAIL | AT_METRICS
                                            : AT_DETAIL;
}

static const char ops_name[] = "instances";

/* "instances", and whose detail has the keys. */
static char *crumb(Page *page)
{
    Instances *list = (Instances *)page;
    const char *key = target(page);
    const ModelInstance *instance = key != NULL ? tui_instance(page->tui, key) : NULL;

    return list->in_detail && instance != NULL
               ? g_strconcat(ops_name, " ", TUI_CRUMB, " ", instance->info->name, NULL)
               : g_strdup(ops_name);
}

static const PageOps ops = {
    .name = ops_name,
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
    .crumb = crumb,
};

/* The chosen columns as the table takes them. A width that was asked for is kept to. */
static TableColumn *table_columns(const GArray *choice)
{
    TableColumn *columns = g_new0(TableColumn, choice->len);

    for (guint i = 0; i < choice->len; i++) {
        const ColumnChoice *one = &g_array_index(choice, ColumnChoice, i);
        const Column *from = &column_table[one->id];

        columns[i] = (TableColumn){.id = from->id,
                                   .title = from->title,
                                   .min = one->width > 0 ? one->width : from->min,
                                   .max = one->width > 0 ? one->width : from->max,
                                   .priority = i == 0 ? 0 : MAX(from->priority, 1),
                                   .align = from->right ? TEXT_RIGHT : TEXT_LEFT};
    }
    return columns;
}

Page *instances_new(Tui *tui)
{
    Instances *list = g_new0(Instances, 1);

    list->page = (Page){&ops, tui};
    list->rows = rows_new(tui->app->model);
    list->choice = columns_parse("default", NULL, NULL);
    list->columns = table_columns(list->choice);
    list->table = table_new(list->columns, list->choice->len, &source, list);
    list->detail = detail_new(tui);
    list->kind = -1;
    list->follow = TRUE;
    rows_moved(list);
    return &list->page;
}

/* ---- verbs ---------------------------------------------------------------------------------- */

static void reorder(Instances *list, ColumnId sort, gboolean inverted)
{
    list->sort = sort;
    list->inverted = inverted;
    rows_set_sort(list->rows, sort, inverted);
    rows_moved(list);
}

gboolean instances_sort(Page *page, const char *name, GError **error)
{
    ColumnId id = column_find(name);

    if (id == LIST_N)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "view sort: there is no column '%s'; `columns` lists them", name);
    reorder((Instances *)page, id, FALSE);
    return TRUE;
}

void instances_invert(Page *page)
{
    Instances *list = (Instances *)page;

    reorder(list, list->sort, !list->inverted);
}

gboolean instances_filter(Page *page, const char *text, GError **error)
{
    Instances *list = (Instances *)page;

    if (!rows_set_filter(list->rows, text, error))
        return FALSE;
    g_clear_pointer(&list->filter_error, g_free);
    rows_moved(list);
    table_lost(list->table); /* the user did it */
    watch_cursor(list);
    return TRUE;
}

void instances_kind(Page *page, int kind)
{
    Instances *list = (Instances *)page;

    list->kind = kind;
    list->in_detail = list->zoomed = FALSE;
    rows_set_kind(list->rows, kind);
    rows_moved(list);
    table_lost(list->table);
    watch_cursor(list);
}

void instances_set_columns(Page *page, const char *text)
{
    Instances *list = (Instances *)page;
    GArray *choice = columns_parse(text, NULL, NULL);

    if (choice == NULL)
        return;
    TableColumn *columns = table_columns(choice);

    table_set_columns(list->table, columns, choice->len);
    g_array_unref(list->choice);
    g_free(list->columns);
    list->choice = choice;
    list->columns = columns;
    rows_moved(list);
}

ColumnId instances_column(Page *page, guint i)
{
    const Instances *list = (const Instances *)page;

    return i < list->choice->len ? column_at(list, i) : LIST_N;
}

gboolean instances_group(Page *page, const char *text, GError **error)
{
    Instances *list = (Instances *)page;
    GroupBy by = (rows_group(list->rows) + 1) % GROUP_LABEL;
    const char *label = NULL;

    if (*text != '\0' && !group_parse(text, &by, &label, error))
        return FALSE;
    rows_set_group(list->rows, by, label);
    rows_moved(list);
    table_lost(list->table);
    watch_cursor(list);
    return TRUE;
}

gboolean instances_collapse(Page *page, const char *which, GError **error)
{
    Instances *list = (Instances *)page;
    gboolean all = strcmp(which, "all") == 0;
    RowGroup *group;

    if (rows_group(list->rows) == GROUP_NONE)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "view collapse: the list has no groups; `view group state` makes "
                               "some");
    if (*which != '\0' && !all && strcmp(which, "none") != 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "view collapse: '%s' is not all or none",
                               which);
    settle(list);
    group = rows_group_of(list->rows, table_cursor_key(list->table));
    if (group == NULL)
        return TRUE;
    fold(list, group, *which != '\0' ? all : !group_is_collapsed(group));
    if (*which != '\0') {
        rows_collapse_all(list->rows, all);
        rows_moved(list);
    }
    return TRUE;
}

void instances_mark(Page *page)
{
    Instances *list = (Instances *)page;
    gboolean all = TRUE;

    settle(list);
    RowGroup *group =
        target(page) == NULL ? rows_group_of(list->rows, table_cursor_key(list->table)) : NULL;

    for (guint i = 0; group != NULL && i < group_size(group); i++)
        all = all && table_is_marked(list->table, group_nth(group, i)->key);
    for (guint i = 0; group != NULL && i < group_size(group); i++)
        table_mark_key(list->table, group_nth(group, i)->key, !all);
    table_mark_toggle(list->table);
}

void instances_tab(Page *page, int step)
{
    detail_step_tab(((Instances *)page)->detail, step);
}

gboolean instances_tab_named(Page *page, const char *name)
{
    return detail_show_tab(((Instances *)page)->detail, name);
}

gboolean instances_mark_in_detail(Page *page, const char *which, GError **error)
{
    Instances *list = (Instances *)page;

    return list->in_detail && detail_has_marks(list->detail) &&
           detail_mark(list->detail, which, error);
}

void instances_pane(Page *page)
{
    Instances *list = (Instances *)page;

    list->in_detail = !list->in_detail && target(page) != NULL;
    if (!list->in_detail)
        list->zoomed = FALSE;
}

void instances_zoom(Page *page)
{
    Instances *list = (Instances *)page;

    list->zoomed = !list->zoomed;
}

gboolean instances_select(Page *page, const char *key)
{
    Instances *list = (Instances *)page;

    settle(list);
    RowGroup *group = rows_group_of(list->rows, key);

    if (group != NULL && group_is_collapsed(group))
        fold(list, group, FALSE);
    list->in_detail = list->zoomed = FALSE;
    return table_select_key(list->table, key);
}

gboolean instances_is_zoomed(Page *page)
{
    return ((Instances *)page)->zoomed;
}

const char *instances_back_label(Page *page)
{
    const Instances *list = (const Instances *)page;

    if (list->in_detail || list->zoomed)
        return list->in_detail ? "back" : "unzoom";
    if (rows_filter(list->rows) != NULL || list->filter_error != NULL || list->kind >= 0)
        return "show all";
    return table_n_marked(list->table) > 0 ? "unmark" : NULL;
}

gboolean instances_follow(Page *page)
{
    Instances *list = (Instances *)page;

    list->follow = !list->follow;
    table_set_follow(list->table, list->follow);
    return list->follow;
}
