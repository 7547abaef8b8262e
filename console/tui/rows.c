/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c - filter, order and groups of the list. */
#include "console/tui/rows.h"

#include <math.h>
#include <string.h>

#include "widgets/text.h"

struct RowGroup {
    char *key, *title;
    guint64 rank; /* order among the groups, before the title */
    Row *first;   /* its instances, in order */
    guint n, taken;
    gboolean collapsed;
    guint64 totalled; /* bit per column whose total is known */
    gboolean has[LIST_N];
    double total[LIST_N];
};
G_STATIC_ASSERT(LIST_N <= 64);

struct Rows {
    Model *model;
    GArray *all;           /* of Row: what is let through, in order, group after group */
    GArray *spare;         /* room for as many, kept: fresh memory costs more than the sorting */
    GArray *shown;         /* of Row: with headings and without what is collapsed */
    GPtrArray *groups;     /* of RowGroup*, in order */
    GHashTable *by_value;  /* value -> RowGroup* */
    RowGroup *valueless;   /* of those that have no such label */
    GHashTable *collapsed; /* keys of headings */
    GStringChunk *texts;   /* that had to be made to sort by */
    guint total;
    int widest;
    Filter *filter;
    char *filter_text;
    int kind;
    ColumnId sort;
    gboolean inverted;
    GroupBy by;
    char *label;
    gboolean late; /* figures came since it was put in order */
};

/* ---- order ---------------------------------------------------------------------------------- */

/* A number whose order as an integer is that of the double. */
static guint64 order_of(double value)
{
    guint64 bits;

    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | G_GUINT64_CONSTANT(1) << 63;
}

/* The first eight bytes: most pairs of names need no more, and no look at other memory. */
static guint64 begin_of(const char *text)
{
    guint64 begin = 0;

    for (int i = 0; i < 8; i++) {
        begin = begin << 8 | (guchar)*text;
        text += *text != '\0';
    }
    return begin;
}

/* What has no figure or no text comes last, whichever way round. */
static void measure(Rows *rows)
{
    const Column *column = &column_table[rows->sort];
    g_autoptr(GString) room = g_string_new(NULL);
    gboolean down = column->rises == rows->inverted;

    g_string_chunk_clear(rows->texts);
    for (guint i = 0; i < rows->all->len; i++) {
        Row *row = &g_array_index(rows->all, Row, i);
        double value;

        row->text = NULL;
        row->order = G_MAXUINT64;
        if (column->figure != NULL) {
            if (column->figure(row->instance, &value))
                row->order = MIN(down ? ~order_of(value) : order_of(value), G_MAXUINT64 - 1);
            continue;
        }
        const char *text = column->text(row->instance, room);

        if (text == NULL)
            continue;
        row->text = text == room->str ? g_string_chunk_insert(rows->texts, text) : text;
        row->order = begin_of(text);
        if (down)
            row->order = ~row->order;
        row->order = MIN(row->order, G_MAXUINT64 - 1);
    }
}

/* Whether `b` belongs before `a`. */
static inline gboolean is_before(const Row *b, const Row *a, gboolean down)
{
    if (b->order != a->order)
        return b->order < a->order;
    int order = b->text != NULL && a->text != NULL ? strcmp(b->text, a->text) : 0;

    if (order == 0)
        return b->place < a->place;
    return down ? order > 0 : order < 0;
}

/* Merges the neighbours from[a,m) and from[m,b) into `to`. */
static void merge(const Row *from, guint a, guint m, guint b, Row *to, gboolean down)
{
    guint i = a, j = m, k = a;

    while (i < m && j < b)
        to[k++] = is_before(&from[j], &from[i], down) ? from[j++] : from[i++];
    memcpy(to + k, from + i, (m - i) * sizeof *to);
    memcpy(to + k + (m - i), from + j, (b - j) * sizeof *to);
}

/* What was put together in the spare room is what there is. */
static void swap_spare(Rows *rows)
{
    GArray *all = rows->all;

    rows->all = rows->spare;
    rows->spare = all;
}

/* A merge sort that begins with the runs there are: rows come in the model's order or in their
   last one, so there are few. */
static void sort(Rows *rows, gboolean down)
{
    guint n = rows->all->len;
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(guint));
    Row *from = (Row *)(gpointer)rows->all->data, *to;

    for (guint i = 1; i <= n; i++)
        if (i == n || is_before(&from[i], &from[i - 1], down))
            g_array_append_val(ends, i);
    if (ends->len <= 1)
        return;
    g_array_set_size(rows->spare, n);
    to = (Row *)(gpointer)rows->spare->data;
    while (ends->len > 1) {
        guint begin = 0, out = 0;

        for (guint i = 0; i < ends->len; i += 2) {
            guint middle = g_array_index(ends, guint, i);
            guint end = i + 1 < ends->len ? g_array_index(ends, guint, i + 1) : middle;

            merge(from, begin, middle, end, to, down);
            g_array_index(ends, guint, out++) = end;
            begin = end;
        }
        g_array_set_size(ends, out);
        Row *swap = from;

        from = to;
        to = swap;
    }
    if (from == (Row *)(gpointer)rows->spare->data)
        swap_spare(rows);
}

/* ---- groups --------------------------------------------------------------------------------- */

static void group_free(gpointer data)
{
    RowGroup *group = data;

    g_free(group->key);
    g_free(group->title);
    g_free(group);
}

/* The value by which an instance is grouped, NULL where it has none, and the group's rank. */
static const char *value_of(const Rows *rows, const ModelInstance *instance, guint64 *ret_rank)
{
    const GemelInstance *info = instance->info;
    const char *value = NULL;

    *ret_rank = 0;
    switch (rows->by) {
    case GROUP_HOST:
        return instance->backend->name;
    case GROUP_KIND:
        *ret_rank = info->kind;
        return gemel_kind_name(info->kind);
    case GROUP_STATE:
        *ret_rank = info->state == GEMEL_STATE_UNKNOWN ? GEMEL_STATE_N : info->state;
        return gemel_state_name(info->state);
    default:
        if (info->labels != NULL)
            value = g_hash_table_lookup(info->labels, rows->label);
        *ret_rank = value == NULL;
        return value;
    }
}

static RowGroup *group_new(Rows *rows, const char *value, guint64 rank)
{
    RowGroup *group = g_new0(RowGroup, 1);

    group->rank = rank;
    group->title = rows->by != GROUP_LABEL ? g_strdup(value)
                   : value != NULL         ? g_strdup_printf("%s=%s", rows->label, value)
                                           : g_strdup_printf("no %s", rows->label);
    group->key = g_strconcat("=", group->title, NULL);
    group->collapsed = g_hash_table_contains(rows->collapsed, group->key);
    g_ptr_array_add(rows->groups, group);
    return group;
}

static RowGroup *group_for(Rows *rows, const ModelInstance *instance)
{
    guint64 rank;
    const char *value = value_of(rows, instance, &rank);
    RowGroup *group = value != NULL ? g_hash_table_lookup(rows->by_value, value) : rows->valueless;

    if (group != NULL)
        return group;
    group = group_new(rows, value, rank);
    if (value != NULL)
        g_hash_table_insert(rows->by_value, g_strdup(value), group);
    else
        rows->valueless = group;
    return group;
}

static int compare_groups(gconstpointer a, gconstpointer b)
{
    const RowGroup *one = *(RowGroup *const *)a, *two = *(RowGroup *const *)b;

    if (one->rank != two->rank)
        return one->rank < two->rank ? -1 : 1;
    return strcmp(one->title, two->title);
}

/* Finds the group of each row; on a flat list there is none. */
static void assign_groups(Rows *rows)
{
    g_hash_table_remove_all(rows->by_value);
    rows->valueless = NULL;
    g_ptr_array_set_size(rows->groups, 0);
    for (guint i = 0; i < rows->all->len; i++) {
        Row *row = &g_array_index(rows->all, Row, i);

        row->group = rows->by != GROUP_NONE ? group_for(rows, row->instance) : NULL;
        if (row->group != NULL)
            row->group->n++;
    }
    g_ptr_array_sort(rows->groups, compare_groups);
}

/* Puts the rows of a group together, in the order they have. */
static void distribute(Rows *rows)
{
    guint n = rows->all->len, at = 0;
    const GArray *from = rows->all;

    g_array_set_size(rows->spare, n);
    swap_spare(rows);
    for (guint i = 0; i < rows->groups->len; i++) {
        RowGroup *group = rows->groups->pdata[i];

        group->first = &g_array_index(rows->all, Row, at);
        group->taken = 0;
        group->totalled = 0;
        at += group->n;
    }
    for (guint i = 0; i < n; i++) {
        const Row *row = &g_array_index(from, Row, i);

        row->group->first[row->group->taken++] = *row;
    }
}

/* What is to be seen of the groups. */
static void show(Rows *rows)
{
    g_array_set_size(rows->shown, 0);
    for (guint i = 0; i < rows->groups->len; i++) {
        RowGroup *group = rows->groups->pdata[i];
        Row heading = {.key = group->key, .group = group};

        g_array_append_val(rows->shown, heading);
        if (!group->collapsed)
            g_array_append_vals(rows->shown, group->first, group->n);
    }
}

/* ---- all together --------------------------------------------------------------------------- */

/* Order, groups and what shows; the instances are those there are. */
static void arrange(Rows *rows)
{
    rows->late = FALSE;
    measure(rows);
    sort(rows, column_table[rows->sort].rises == rows->inverted);
    if (rows->by == GROUP_NONE)
        return;
    distribute(rows);
    show(rows);
}

static gboolean lets_through(const Rows *rows, const ModelInstance *instance)
{
    return (rows->kind < 0 || (int)instance->info->kind == rows->kind) &&
           (rows->filter == NULL || filter_matches(rows->filter, instance));
}

/* A name of n bytes takes at most n cells, so that most need not be measured. */
static void widen(Rows *rows, const ModelInstance *instance)
{
    const char *name = instance->info->name;

    if (name != NULL && (int)strlen(name) > rows->widest)
        rows->widest = MAX(rows->widest, text_width(name));
}

/* What is looked at soon is asked of the memory now: waiting for it is most of what going through
   ten thousand instances takes. */
static inline void look_ahead(ModelInstance *(*nth)(gconstpointer array, guint i),
                              gconstpointer array, guint i, guint n)
{
    if (i + 24 >= n)
        return;
    __builtin_prefetch(nth(array, i + 24));
    const GemelInstance *info = nth(array, i + 16)->info;

    __builtin_prefetch(info);
    info = nth(array, i + 8)->info;
    __builtin_prefetch(info->name);
    __builtin_prefetch(info->image);
}

static inline ModelInstance *nth_instance(gconstpointer array, guint i)
{
    return ((const GPtrArray *)array)->pdata[i];
}

static inline ModelInstance *nth_row(gconstpointer array, guint i)
{
    return g_array_index((const GArray *)array, Row, i).instance;
}

void rows_collect(Rows *rows)
{
    GPtrArray *instances = model_instances(rows->model);

    g_array_set_size(rows->all, 0);
    rows->total = instances->len;
    rows->widest = 0;
    for (guint i = 0; i < instances->len; i++) {
        ModelInstance *instance = instances->pdata[i];

        look_ahead(nth_instance, instances, i, instances->len);
        if (!lets_through(rows, instance))
            continue;
        Row row = {.instance = instance, .key = instance->key, .place = i};

        g_array_append_val(rows->all, row);
        widen(rows, instance);
    }
    assign_groups(rows);
    arrange(rows);
}

/* A filter that only lets through less than the one before has to look at the rows alone. */
static void narrow(Rows *rows)
{
    guint kept = 0;

    rows->widest = 0;
    for (guint i = 0; i < rows->all->len; i++) {
        Row *row = &g_array_index(rows->all, Row, i);

        look_ahead(nth_row, rows->all, i, rows->all->len);
        if (!lets_through(rows, row->instance))
            continue;
        widen(rows, row->instance);
        g_array_index(rows->all, Row, kept++) = *row;
    }
    g_array_set_size(rows->all, kept);
    assign_groups(rows);
    arrange(rows);
}

static gboolean sorts_by_figure(const Rows *rows)
{
    return column_table[rows->sort].unit != UNIT_NONE;
}

void rows_figures_changed(Rows *rows)
{
    for (guint i = 0; i < rows->groups->len; i++)
        ((RowGroup *)rows->groups->pdata[i])->totalled = 0;
    rows->late = rows->late || sorts_by_figure(rows) ||
                 (rows->filter != NULL && filter_has_figures(rows->filter));
}

gboolean rows_settle(Rows *rows)
{
    if (!rows->late)
        return FALSE;
    if (rows->filter != NULL && filter_has_figures(rows->filter))
        rows_collect(rows);
    else
        arrange(rows);
    return TRUE;
}

/* ---- what is there -------------------------------------------------------------------------- */

static const GArray *visible(const Rows *rows)
{
    return rows->by == GROUP_NONE ? rows->all : rows->shown;
}

guint rows_n(const Rows *rows)
{
    return visible(rows)->len;
}

const Row *rows_at(const Rows *rows, guint i)
{
    return &g_array_index(visible(rows), Row, i);
}

guint rows_n_shown(const Rows *rows)
{
    return rows->all->len;
}

guint rows_n_total(const Rows *rows)
{
    return rows->total;
}

/* Below a heading names are indented by two; a heading has a sign before it and a number after. */
int rows_widest(const Rows *rows)
{
    int widest = rows->groups->len > 0 ? rows->widest + 2 : rows->widest;

    for (guint i = 0; i < rows->groups->len; i++) {
        const RowGroup *group = rows->groups->pdata[i];

        widest = MAX(widest, text_width(group->title) + 4 + (int)log10(MAX(group->n, 1)) + 1);
    }
    return widest;
}

/* ---- settings ------------------------------------------------------------------------------- */

gboolean rows_set_filter(Rows *rows, const char *text, GError **error)
{
    g_autofree char *wanted = g_strstrip(g_strdup(text));
    Filter *filter = NULL;

    if (*wanted != '\0' && (filter = filter_new(wanted, error)) == NULL)
        return FALSE;
    gboolean narrows = filter != NULL && !rows->late &&
                       (rows->filter == NULL || filter_narrows(rows->filter, filter));

    filter_free(rows->filter);
    g_free(rows->filter_text);
    rows->filter = filter;
    rows->filter_text = filter != NULL ? g_steal_pointer(&wanted) : NULL;
    if (narrows)
        narrow(rows);
    else
        rows_collect(rows);
    return TRUE;
}

const char *rows_filter(const Rows *rows)
{
    return rows->filter_text;
}

void rows_set_kind(Rows *rows, int kind)
{
    rows->kind = kind;
    rows_collect(rows);
}

void rows_set_sort(Rows *rows, ColumnId column, gboolean inverted)
{
    rows->sort = column;
    rows->inverted = inverted;
    rows_collect(rows); /* equal rows have the model's order again */
}

void rows_set_group(Rows *rows, GroupBy by, const char *label)
{
    g_autofree char *copy = g_strdup(label);

    g_free(rows->label);
    rows->by = by;
    rows->label = g_steal_pointer(&copy);
    g_hash_table_remove_all(rows->collapsed);
    rows_collect(rows);
}

GroupBy rows_group(const Rows *rows)
{
    return rows->by;
}

const char *rows_group_label(const Rows *rows)
{
    return rows->label;
}

Rows *rows_new(Model *model)
{
    Rows *rows = g_new0(Rows, 1);

    rows->model = model;
    rows->all = g_array_new(FALSE, FALSE, sizeof(Row));
    rows->spare = g_array_new(FALSE, FALSE, sizeof(Row));
    rows->shown = g_array_new(FALSE, FALSE, sizeof(Row));
    rows->groups = g_ptr_array_new_with_free_func(group_free);
    rows->by_value = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rows->collapsed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rows->texts = g_string_chunk_new(4096);
    rows->kind = -1;
    rows_collect(rows);
    return rows;
}

void rows_free(Rows *rows)
{
    if (rows == NULL)
        return;
    filter_free(rows->filter);
    g_free(rows->filter_text);
    g_free(rows->label);
    g_string_chunk_free(rows->texts);
    g_hash_table_unref(rows->collapsed);
    g_hash_table_unref(rows->by_value);
    g_ptr_array_unref(rows->groups);
    g_array_unref(rows->shown);
    g_array_unref(rows->spare);
    g_array_unref(rows->all);
    g_free(rows);
}

/* ---- about groups --------------------------------------------------------------------------- */

RowGroup *rows_group_of(const Rows *rows, const char *key)
{
    if (key == NULL || rows->by == GROUP_NONE)
        return NULL;
    const GArray *array = *key == '=' ? rows->shown : rows->all;

    for (guint i = 0; i < array->len; i++) {
        const Row *row = &g_array_index(array, Row, i);

        if (strcmp(row->key, key) == 0)
            return row->group;
    }
    return NULL;
}

const char *group_key(const RowGroup *group)
{
    return group->key;
}

const char *group_title(const RowGroup *group)
{
    return group->title;
}

guint group_size(const RowGroup *group)
{
    return group->n;
}

gboolean group_is_collapsed(const RowGroup *group)
{
    return group->collapsed;
}

ModelInstance *group_nth(const RowGroup *group, guint i)
{
    return group->first[i].instance;
}

/* Made once for each round of figures: a group may have thousands. */
gboolean group_total(RowGroup *group, ColumnId id, double *ret)
{
    const Column *column = &column_table[id];
    gboolean any = FALSE;
    double sum = 0, one;

    if (column->total == TOTAL_NONE)
        return FALSE;
    if (((group->totalled >> id) & 1u) == 0) {
        for (guint i = 0; i < group->n; i++) {
            if (!column->figure(group->first[i].instance, &one))
                continue;
            sum = column->total == TOTAL_SUM ? sum + one : any ? MAX(sum, one) : one;
            any = TRUE;
        }
        group->totalled |= G_GUINT64_CONSTANT(1) << id;
        group->has[id] = any;
        group->total[id] = sum;
    }
    *ret = group->total[id];
    return group->has[id];
}

void rows_collapse(Rows *rows, const RowGroup *group, gboolean collapsed)
{
    ((RowGroup *)group)->collapsed = collapsed;
    if (collapsed)
        g_hash_table_add(rows->collapsed, g_strdup(group->key));
    else
        g_hash_table_remove(rows->collapsed, group->key);
    show(rows);
}

void rows_collapse_all(Rows *rows, gboolean collapsed)
{
    for (guint i = 0; i < rows->groups->len; i++)
        rows_collapse(rows, rows->groups->pdata[i], collapsed);
}
