/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * instances.h - the main view: both kinds in one table, and under it the detail of the selected
 * one.
 *
 * instances.c is the page (panes, cursor, keys), rows.c which rows there are, columns.c draws the
 * cells, detail.c the pane with its tabs.
 */
#pragma once

#include "console/isolation.h"
#include "console/tui/rows.h"
#include "console/tui/tui_private.h"
#include "widgets/textview.h"

typedef struct Detail Detail;

/* ---- columns.c ------------------------------------------------------------------------------ */

void column_draw(Tui *tui, const ModelInstance *instance, ColumnId id, const Canvas *cell);
/* What stands in place of the figures of a row; NULL: nothing. g_free() */
char *column_note(const ModelInstance *instance);

/* ---- group.c -------------------------------------------------------------------------------- */

void group_draw_title(const RowGroup *group, const Canvas *cell);
/* In place of an instance's detail. */
void group_draw_detail(RowGroup *group, const Canvas *c);
void group_draw_total(Tui *tui, RowGroup *group, ColumnId id, const Canvas *cell);

/* ---- empty.c -------------------------------------------------------------------------------- */

/* In place of the rows where there are none; `kind` is the one shown, -1 for both. */
void empty_draw(Tui *tui, const Rows *rows, int kind, const Canvas *c);

/* ---- detail.c ------------------------------------------------------------------------------- */

Detail *detail_new(Tui *tui);
void detail_free(Detail *detail);
/* key NULL: nothing is selected. */
void detail_draw(Detail *detail, const char *key, gboolean focus, const Canvas *c);
void detail_move(Detail *detail, Move move);
/* TRUE: the tab that shows has marks of its own, detail_mark() sets them. */
gboolean detail_has_marks(const Detail *detail);
gboolean detail_mark(Detail *detail, const char *which, GError **error);
void detail_step_tab(Detail *detail, int step);
gboolean detail_show_tab(Detail *detail, const char *name);
/* Searches the definition when that is what shows; FALSE otherwise. */
gboolean detail_search(Detail *detail, const char *text);
gboolean detail_is_text(const Detail *detail);
const char *detail_searched(const Detail *detail);
gboolean detail_search_next(Detail *detail, gboolean backwards);

/* ---- the tabs -------------------------------------------------------------------------------- */

/* Each draws what it can about `instance` on `c` from its line `scroll` on and returns the lines it
   would need in all. */
typedef int (*TabDraw)(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);

int overview_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int why_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int metrics_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
/* The cursor of that tab, and its marks: "" this one, "none" no more. */
void metrics_move(Tui *tui, Move move);
gboolean metrics_mark(Tui *tui, const char *which, GError **error);
int vcpu_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int cgroup_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int disks_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int networks_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int log_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int isolation_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int processes_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int tree_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);
int happened_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c);

/* ---- facts.c -------------------------------------------------------------------------------- */

/* Lines of facts (FactLine*) from line y on, by sections; returns the line after the last. */
int facts_draw(const GPtrArray *lines, int y, const Canvas *c);

/* ---- snapshots.c ---------------------------------------------------------------------------- */

/* The line drawing before a snapshot's name that shows it as a tree. g_free() it. */
char *tree_prefix(GPtrArray *snapshots, guint i);
/* In tree order: parents before their children, children together. Free with g_ptr_array_unref().
 */
GPtrArray *tree_order(GPtrArray *snapshots);

/* ---- events.c ------------------------------------------------------------------------------- */

/* Draws one event: when, what, who, why. `with_name`: whose. */
void event_draw(const ModelEvent *event, gboolean with_name, const Canvas *line);

/* ---- shared by them ------------------------------------------------------------------------- */

gboolean has_value(const ModelInstance *instance, GemelMetric metric);
gboolean has_rate(const ModelInstance *instance, GemelMetric metric);
/* A figure in its unit: "412M", "1.2 %", "0.5 CPUs". g_free() */
char *figure_text(const char *unit, double value);
/* The value of a gauge or the rate of a counter, "-" where there is none. g_free() */
char *metric_text(const ModelInstance *instance, GemelMetric metric);
/* The newest of a history into `values`, oldest first; returns how many. */
guint history_copy(const History *history, guint series, float *values, guint max);
/* ---- series.c ------------------------------------------------------------------------------- */

/* The last `span_s` seconds as `n` values at equal distances in time, oldest first, NAN where there
   is no figure; of more than ten minutes the means of minutes. */
void series_headline(const ModelInstance *instance, ModelHistory which, gint64 span_s,
                     float *values, guint n);
/* Likewise of any metric: values of a gauge, rates of a counter. FALSE: of this one no such span is
   kept; all values are NAN. */
gboolean series_metric(const ModelInstance *instance, GemelMetric metric, gint64 span_s,
                       float *values, guint n);

/* Full scale of the CPU history: all the instance can use, in percent of one CPU. */
double cpu_top(const ModelInstance *instance);
