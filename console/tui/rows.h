/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rows.h - which instances the list shows, in which order, and in which groups.
 *
 * Kept between draws, since ten thousand instances have to be gone through in less time than a key
 * press may take. rows_collect() when instances came, went or changed (it drops every pointer of
 * before); rows_figures_changed() when figures did: what follows from that is put off until
 * rows_settle(), as samples may come many times between two draws. Equal rows have the model's
 * order: backend, name, id. UI thread only.
 */
#pragma once

#include "console/columns.h"
#include "console/tui/filter.h"

typedef struct RowGroup RowGroup;

typedef struct {
    ModelInstance *instance; /* NULL: the heading of a group */
    const char *key;         /* "backend/id"; of a heading it begins with '=' */
    RowGroup *group;         /* NULL: the list is flat */
    guint64 order;           /* the figure it is sorted by, or how its text begins */
    const char *text;        /* what it is sorted by, or NULL */
    guint place;             /* in the model's order, which settles what is equal */
} Row;

typedef struct Rows Rows;

Rows *rows_new(Model *model);
void rows_free(Rows *rows);

void rows_collect(Rows *rows);
void rows_figures_changed(Rows *rows);
/* TRUE: rows have moved. */
gboolean rows_settle(Rows *rows);

/* What is there now, headings included. The row holds until the next call that changes rows. */
guint rows_n(const Rows *rows);
const Row *rows_at(const Rows *rows, guint i);
/* Instances let through; those there are; cells that the longest name or heading takes. */
guint rows_n_shown(const Rows *rows);
guint rows_n_total(const Rows *rows);
int rows_widest(const Rows *rows);

/* NULL with INVALID for a filter that makes no sense: nothing changes then. "" shows all. */
gboolean rows_set_filter(Rows *rows, const char *text, GError **error);
const char *rows_filter(const Rows *rows); /* NULL: none */
void rows_set_kind(Rows *rows, int kind);  /* GemelKind, -1: all */
void rows_set_sort(Rows *rows, ColumnId column, gboolean inverted);

/* ---- groups --------------------------------------------------------------------------------- */

/* `label` only for GROUP_LABEL. */
void rows_set_group(Rows *rows, GroupBy by, const char *label);
GroupBy rows_group(const Rows *rows);
const char *rows_group_label(const Rows *rows);

/* Of the group with this heading's key, or that this instance is in; NULL: there is none. */
RowGroup *rows_group_of(const Rows *rows, const char *key);
const char *group_key(const RowGroup *group);
const char *group_title(const RowGroup *group); /* "running", "env=prod", "no env" */
guint group_size(const RowGroup *group);        /* instances let through */
gboolean group_is_collapsed(const RowGroup *group);
ModelInstance *group_nth(const RowGroup *group, guint i);
/* Sum or greatest of its instances' figures; FALSE: none has one, or it is no figure to add. */
gboolean group_total(RowGroup *group, ColumnId column, double *ret);

void rows_collapse(Rows *rows, const RowGroup *group, gboolean collapsed);
void rows_collapse_all(Rows *rows, gboolean collapsed);
