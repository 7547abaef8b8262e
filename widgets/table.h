/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table of items: columns that come and go with the room there is, a cursor, marks.
 *
 * The cursor and the marks hold on to *items*, by a key the owner gives each row, never to row
 * numbers: after a sort or a refresh the same item is under the cursor, on the same line of the
 * screen where that is possible. When the item itself is gone, the cursor goes to the one that took
 * its place, and table_lost() says so once, so that the owner can tell the operator.
 *
 * Only the rows that show are asked for, so a table of ten thousand costs what one of forty does.
 * UI thread only.
 */
#pragma once

#include "widgets/canvas.h"

typedef struct {
    const char *id;    /* for sorting and for the owner's settings */
    const char *title; /* the heading */
    int min;           /* cells it needs; with less room it is dropped */
    int max;           /* cells it takes when there is room; 0: min */
    int priority;      /* 0 is never dropped; the greatest goes first */
    TextAlign align;
} TableColumn;

/* What the owner answers. `data` is table_new()'s. */
typedef struct {
    guint (*count)(gpointer data);
    /* A key that is the same as long as the item lives; valid until the next change of rows. */
    const char *(*key)(gpointer data, guint row);
    void (*draw)(gpointer data, guint row, guint column, const Canvas *cell);
    /* May be NULL. A text that stands in place of the cells from column *ret_column on (why there
     * are no figures), or NULL. g_free()d by the table. */
    char *(*note)(gpointer data, guint row, guint *ret_column);
    /* May be NULL. Over how many columns the first cell of the row goes (a heading among the rows);
     * the cells it covers are not drawn. */
    guint (*span)(gpointer data, guint row);
    /* May be NULL: every row can be marked. */
    gboolean (*markable)(gpointer data, guint row);
} TableSource;

typedef struct Table Table;

typedef enum {
    TABLE_UP,
    TABLE_DOWN,
    TABLE_PAGE_UP,
    TABLE_PAGE_DOWN,
    TABLE_HALF_UP,
    TABLE_HALF_DOWN,
    TABLE_FIRST,
    TABLE_LAST,
    TABLE_LEFT, /* columns */
    TABLE_RIGHT,
} TableMove;

/* `columns` and `source` stay the owner's and must outlive the table, or the columns until
 * table_set_columns(). The first column stays where it is when the others scroll. */
Table *table_new(const TableColumn *columns, guint n_columns, const TableSource *source,
                 gpointer data);
void table_free(Table *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)
void table_set_columns(Table *t, const TableColumn *columns, guint n_columns);

/* Tells that rows came, went or moved. */
void table_rows_changed(Table *t);

/* Draws heading and rows. */
void table_draw(Table *t, const Canvas *c);

void table_move(Table *t, TableMove move);

/* The row or key under the cursor: -1 / NULL in an empty table. The key is the table's. */
int table_cursor(const Table *t);
const char *table_cursor_key(const Table *t);
gboolean table_select_key(Table *t, const char *key);

/* Selects the row drawn at line `y` of the canvas of the last draw. FALSE when there is none. */
gboolean table_select_line(Table *t, int y);

/* TRUE once after the item under the cursor has gone. */
gboolean table_lost(Table *t);

/* TRUE (the default): the cursor goes with its item. FALSE: it stays on its row number. */
void table_set_follow(Table *t, gboolean follow);

/* Wide: no column is dropped. In either mode left and right scroll as long as there are columns
 * that do not show; the heading says with an arrow on which side they are. */
void table_set_wide(Table *t, gboolean wide);
gboolean table_is_wide(const Table *t);
/* Whether columns were scrolled off to the left; whether there are more to the right. */
gboolean table_is_scrolled(const Table *t);
gboolean table_has_more(const Table *t);

/* Whether the cursor's row stands out (FALSE while another pane has the keys). */
void table_set_focus(Table *t, gboolean focus);

/* Marks the heading; `column` -1: none. */
void table_set_sorted(Table *t, int column, gboolean descending);

/* The width a column wants, from the longest name; it gets room before the others. Bounded by its
 * min and max. `column` -1: none. */
void table_set_wanted_width(Table *t, int column, int width);

/* Marks. */
void table_mark_toggle(Table *t);           /* the cursor's item, and one row down */
void table_mark_range(Table *t);            /* from the item marked last to the cursor */
void table_mark_all(Table *t, gboolean on); /* everything in the table / everything */
gboolean table_is_marked(const Table *t, const char *key);
guint table_n_marked(const Table *t);

/* The keys of the marked items, sorted; free with g_strfreev(). Marks of items that are gone stay
 * until table_forget_marks() or table_mark_all(FALSE). */
char **table_marked(const Table *t);
void table_mark_key(Table *t, const char *key, gboolean on);

/* Drops the marks for which `keep` says FALSE. */
void table_forget_marks(Table *t, gboolean (*keep)(const char *key, gpointer data), gpointer data);
