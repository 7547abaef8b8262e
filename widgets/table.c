/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/table.h"

#include <string.h>

/* What the frozen left edge takes: cursor sign, mark sign, a space. */
#define GUTTER 3
#define GAP    1

struct Table {
    const TableColumn *columns;
    guint n_columns;
    const TableSource *source;
    gpointer data;
    int *width; /* of each column at the last draw, 0: dropped */

    char *key;     /* of the item under the cursor, NULL: empty table */
    int cursor;    /* its row */
    int top;       /* first row that shows */
    int shown;     /* rows that fitted at the last draw */
    int scroll;    /* columns scrolled off */
    gboolean more; /* at the last draw there were columns that did not show, to the right */
    gboolean follow, wide, focus, lost;
    int sorted;
    gboolean descending;
    int wanted, wanted_width; /* a column, -1 for none, and its width */

    GHashTable *marks; /* keys */
    char *anchor;      /* the item marked last */
};

/* A table without a cursor yet; the first change of rows gives it one. */
Table *table_new(const TableColumn *columns, guint n_columns, const TableSource *source,
                 gpointer data)
{
    Table *t = g_new0(Table, 1);
    t->columns = columns;
    t->n_columns = n_columns;
    t->source = source;
    t->data = data;
    t->width = g_new0(int, n_columns);
    t->follow = t->focus = TRUE;
    t->sorted = -1;
    t->wanted = t->wanted_width = 0;
    t->shown = 1;
    t->marks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return t;
}

/* Frees a table; NULL is fine. */
void table_free(Table *t)
{
    if (t == NULL)
        return;
    g_hash_table_unref(t->marks);
    g_free(t->anchor);
    g_free(t->key);
    g_free(t->width);
    g_free(t);
}

/* Other columns from now on. */
void table_set_columns(Table *t, const TableColumn *columns, guint n_columns)
{
    g_free(t->width);
    t->columns = columns;
    t->n_columns = n_columns;
    t->width = g_new0(int, n_columns);
    t->scroll = 0;
    t->sorted = -1;
    t->wanted = t->wanted_width = 0;
}

/* Puts the cursor on a row that exists. */
static void set_cursor(Table *t, int row)
{
    int n = (int)t->source->count(t->data);
    t->cursor = CLAMP(row, 0, MAX(n - 1, 0));
    const char *key = n > 0 ? t->source->key(t->data, (guint)t->cursor) : NULL;
    if (g_strcmp0(key, t->key) != 0) {
        g_free(t->key);
        t->key = g_strdup(key);
    }
}

/* The row of a key, -1 when it is not there; looks near the old place first. */
static int find_key(const Table *t, const char *key, int near)
{
    int n = (int)t->source->count(t->data);
    for (int d = 0; d < n; d++) {
        int below = near + d, above = near - d;
        if (below < n && below >= 0 && strcmp(t->source->key(t->data, (guint)below), key) == 0)
            return below;
        if (d > 0 && above >= 0 && above < n &&
            strcmp(t->source->key(t->data, (guint)above), key) == 0)
            return above;
        if (below >= n && above < 0)
            break;
    }
    return -1;
}

/* Finds the cursor's item again. */
void table_rows_changed(Table *t)
{
    int line = t->cursor - t->top;
    if (t->key == NULL || !t->follow) {
        set_cursor(t, t->cursor);
        return;
    }
    int row = find_key(t, t->key, t->cursor);
    if (row >= 0) {
        t->cursor = row;
        t->top = MAX(0, row - line); /* the same line of the screen */
        return;
    }
    t->lost = TRUE;
    set_cursor(t, t->cursor);
}

/* Whether the cursor's item has gone since the last question. */
gboolean table_lost(Table *t)
{
    gboolean lost = t->lost;
    t->lost = FALSE;
    return lost;
}

/* Room a column takes when there is enough. */
static int column_max(const Table *t, guint i)
{
    const TableColumn *c = &t->columns[i];
    int max = MAX(c->max, c->min);
    return (int)i == t->wanted && t->wanted_width > 0 ? CLAMP(t->wanted_width, c->min, max) : max;
}

/* Chooses the columns for `room` cells: drops by priority, then lets the names and after them the
 * others grow. */
static void lay_out(Table *t, int room)
{
    int total = GUTTER - GAP;
    for (guint i = 0; i < t->n_columns; i++) {
        t->width[i] = t->columns[i].min;
        total += t->width[i] + GAP;
    }
    t->more = FALSE;
    while (!t->wide && t->scroll == 0 && total > room) {
        int worst = -1;
        for (guint i = 1; i < t->n_columns; i++)
            if (t->width[i] > 0 && t->columns[i].priority > 0 &&
                (worst < 0 || t->columns[i].priority > t->columns[worst].priority))
                worst = (int)i;
        if (worst < 0)
            break;
        total -= t->width[worst] + GAP;
        t->width[worst] = 0;
        t->more = TRUE;
    }
    /* names first */
    if (t->wanted >= 0 && t->width[t->wanted] > 0) {
        int *width = &t->width[t->wanted];
        int grow = CLAMP(column_max(t, (guint)t->wanted) - *width, 0, MAX(room - total, 0));

        *width += grow;
        total += grow;
    }
    /* spare cells go round, one each, so that wide columns grow together */
    for (gboolean grew = TRUE; grew && total < room;) {
        grew = FALSE;
        for (guint i = 0; i < t->n_columns && total < room; i++) {
            if (t->width[i] == 0 || t->width[i] >= column_max(t, i))
                continue;
            t->width[i]++;
            total++;
            grew = TRUE;
        }
    }
}

/* The heading of one column. */
static void draw_title(const Table *t, const Canvas *cell, guint i)
{
    gboolean sorted = (int)i == t->sorted;
    const char *arrow = glyph_text(t->descending ? GLYPH_DOWN : GLYPH_UP);
    g_autofree char *title = sorted ? g_strconcat(t->columns[i].title, arrow, NULL) : NULL;

    canvas_field(cell, 0, 0, cell->width, t->columns[i].align, sorted ? ROLE_SORTED : ROLE_COLUMN,
                 sorted ? title : t->columns[i].title);
}

/* Says before the heading on which sides there are more columns. */
static void draw_more(const Table *t, const Canvas *heading)
{
    if (t->scroll > 0)
        canvas_text(heading, 0, 0, ROLE_STRONG, glyph_text(GLYPH_CUT_LEFT));
    if (t->more)
        canvas_text(heading, 0, 1, ROLE_STRONG, glyph_text(GLYPH_CUT_RIGHT));
}

/* Cells of the first `span` columns, as far as they show. */
static int span_width(const Table *t, guint span)
{
    int width = 0, hidden = t->scroll;

    for (guint i = 0; i < MIN(span, t->n_columns); i++) {
        if (t->width[i] == 0 || (i > 0 && hidden-- > 0))
            continue;
        width += t->width[i] + (width > 0 ? GAP : 0);
    }
    return width;
}

/* Calls the heading or the cells of one line. row -1: the heading. */
static void draw_line(Table *t, const Canvas *line, int row)
{
    int x = GUTTER, hidden = t->scroll;
    guint span = row >= 0 && t->source->span != NULL ? t->source->span(t->data, (guint)row) : 1;
    guint note_from = t->n_columns;
    g_autofree char *note = row >= 0 && t->source->note != NULL
                                ? t->source->note(t->data, (guint)row, &note_from)
                                : NULL;
    for (guint i = 0; i < t->n_columns; i++) {
        if (t->width[i] == 0)
            continue;
        if (i > 0 && hidden > 0) {
            hidden--;
            continue;
        }
        t->more = t->more || x + t->width[i] > line->width;
        if (x >= line->width)
            return;
        if (note != NULL && i >= note_from) {
            canvas_field(line, 0, x, line->width - x, TEXT_LEFT, ROLE_WARN, note);
            return;
        }
        if (i > 0 && i < span) {
            x += t->width[i] + GAP;
            continue;
        }
        int width = i == 0 && span > 1 ? span_width(t, span) : t->width[i];
        Canvas cell = canvas_sub(line, 0, x, 1, width);

        if (row >= 0)
            t->source->draw(t->data, (guint)row, i, &cell);
        else
            draw_title(t, &cell, i);
        x += t->width[i] + GAP;
    }
}

/* Whether a row is an item that can be marked. */
static gboolean is_markable(const Table *t, int row)
{
    return t->source->markable == NULL || t->source->markable(t->data, (guint)row);
}

/* Keeps the cursor in view and the view in the table, and a heading with what is below it. */
static void scroll_into_view(Table *t, int n)
{
    t->top = CLAMP(t->top, 0, MAX(0, n - t->shown));
    if (t->cursor < t->top)
        t->top = t->cursor;
    if (t->cursor >= t->top + t->shown)
        t->top = t->cursor - t->shown + 1;
    if (t->top > 0 && t->top == t->cursor && t->shown > 1 && !is_markable(t, t->top - 1))
        t->top--;
}

/* Draws the table. */
void table_draw(Table *t, const Canvas *c)
{
    int n = (int)t->source->count(t->data);
    lay_out(t, c->width);
    t->shown = MAX(1, c->height - 1);
    scroll_into_view(t, n);
    Canvas heading = canvas_sub(c, 0, 0, 1, c->width);
    draw_line(t, &heading, -1);
    draw_more(t, &heading);
    for (int i = 0; i < t->shown && t->top + i < n; i++) {
        int row = t->top + i;
        const char *key = t->source->key(t->data, (guint)row);
        gboolean here = row == t->cursor;
        Canvas line = canvas_sub(c, 1 + i, 0, 1, c->width);
        if (here && t->focus)
            line.base = ROLE_SELECTED;
        canvas_clear(&line);
        if (here)
            canvas_text(&line, 0, 0, ROLE_STRONG, glyph_text(GLYPH_POINTER));
        if (table_is_marked(t, key))
            canvas_text(&line, 0, 1, ROLE_MARK, "*");
        draw_line(t, &line, row);
    }
}

/* Moves the cursor, or the columns. */
void table_move(Table *t, TableMove move)
{
    int n = (int)t->source->count(t->data), page = MAX(1, t->shown - 1),
        half = MAX(1, t->shown / 2);
    switch (move) {
    case TABLE_UP:
        set_cursor(t, t->cursor - 1);
        break;
    case TABLE_DOWN:
        set_cursor(t, t->cursor + 1);
        break;
    case TABLE_PAGE_UP:
        set_cursor(t, t->cursor - page);
        break;
    case TABLE_PAGE_DOWN:
        set_cursor(t, t->cursor + page);
        break;
    case TABLE_HALF_UP:
        set_cursor(t, t->cursor - half);
        break;
    case TABLE_HALF_DOWN:
        set_cursor(t, t->cursor + half);
        break;
    case TABLE_FIRST:
        set_cursor(t, 0);
        break;
    case TABLE_LAST:
        set_cursor(t, n - 1);
        break;
    case TABLE_LEFT:
        t->scroll = MAX(0, t->scroll - 1);
        break;
    case TABLE_RIGHT:
        if (t->more)
            t->scroll = MIN(t->scroll + 1, MAX(0, (int)t->n_columns - 2));
        break;
    }
}

/* The cursor's row. */
int table_cursor(const Table *t)
{
    return t->key != NULL ? t->cursor : -1;
}

/* The cursor's item. */
const char *table_cursor_key(const Table *t)
{
    return t->key;
}

/* Puts the cursor on an item. */
gboolean table_select_key(Table *t, const char *key)
{
    int row = find_key(t, key, t->cursor);
    if (row < 0)
        return FALSE;
    set_cursor(t, row);
    return TRUE;
}

/* Puts the cursor where the mouse is. */
gboolean table_select_line(Table *t, int y)
{
    int row = t->top + y - 1;
    if (y < 1 || y > t->shown || row >= (int)t->source->count(t->data))
        return FALSE;
    set_cursor(t, row);
    return TRUE;
}

/* Whether the cursor goes with its item. */
void table_set_follow(Table *t, gboolean follow)
{
    t->follow = follow;
}

/* All columns, or those that fit. */
void table_set_wide(Table *t, gboolean wide)
{
    t->wide = wide;
    t->scroll = 0;
}

/* Whether all columns are there. */
gboolean table_is_wide(const Table *t)
{
    return t->wide;
}

/* Whether there are columns to the left that do not show. */
gboolean table_is_scrolled(const Table *t)
{
    return t->scroll > 0;
}

/* And to the right. */
gboolean table_has_more(const Table *t)
{
    return t->more;
}

/* Whether the cursor stands out. */
void table_set_focus(Table *t, gboolean focus)
{
    t->focus = focus;
}

/* Which heading carries the arrow. */
void table_set_sorted(Table *t, int column, gboolean descending)
{
    t->sorted = column;
    t->descending = descending;
}

/* The room names want. */
void table_set_wanted_width(Table *t, int column, int width)
{
    t->wanted = column < (int)t->n_columns ? column : -1;
    t->wanted_width = width;
}

/* Marks or unmarks the cursor's item. */
void table_mark_toggle(Table *t)
{
    if (t->key == NULL)
        return;
    if (!is_markable(t, t->cursor)) {
        table_move(t, TABLE_DOWN);
        return;
    }
    if (!g_hash_table_remove(t->marks, t->key))
        g_hash_table_add(t->marks, g_strdup(t->key));
    g_free(t->anchor);
    t->anchor = g_strdup(t->key);
    table_move(t, TABLE_DOWN);
}

/* Marks everything between the last mark and the cursor. */
void table_mark_range(Table *t)
{
    int from = t->anchor != NULL ? find_key(t, t->anchor, t->cursor) : -1;
    if (t->key == NULL)
        return;
    if (from < 0)
        from = t->cursor;
    for (int row = MIN(from, t->cursor); row <= MAX(from, t->cursor); row++)
        if (is_markable(t, row))
            g_hash_table_add(t->marks, g_strdup(t->source->key(t->data, (guint)row)));
    g_free(t->anchor);
    t->anchor = g_strdup(t->key);
}

/* Marks all rows, or unmarks everything. */
void table_mark_all(Table *t, gboolean on)
{
    guint n = t->source->count(t->data);
    if (!on)
        g_hash_table_remove_all(t->marks);
    for (guint row = 0; on && row < n; row++)
        if (is_markable(t, (int)row))
            g_hash_table_add(t->marks, g_strdup(t->source->key(t->data, row)));
}

/* Marks or unmarks an item, whether or not it has a row now. */
void table_mark_key(Table *t, const char *key, gboolean on)
{
    if (on)
        g_hash_table_add(t->marks, g_strdup(key));
    else
        g_hash_table_remove(t->marks, key);
}

/* Whether an item is marked. */
gboolean table_is_marked(const Table *t, const char *key)
{
    return g_hash_table_contains(t->marks, key);
}

/* How many are marked. */
guint table_n_marked(const Table *t)
{
    return g_hash_table_size(t->marks);
}

/* Orders two strings in an array of pointers. */
static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All marked keys. */
char **table_marked(const Table *t)
{
    GPtrArray *keys = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, t->marks);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(keys, g_strdup(key));
    g_ptr_array_sort(keys, compare_strings);
    g_ptr_array_add(keys, NULL);
    return (char **)g_ptr_array_free(keys, FALSE);
}

/* Drops marks of items that are gone. */
void table_forget_marks(Table *t, gboolean (*keep)(const char *key, gpointer data), gpointer data)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, t->marks);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!keep(key, data))
            g_hash_table_iter_remove(&iter);
}
