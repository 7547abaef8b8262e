/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compare.h - the figures of `compare`: rows, their spread, what a payload printed, the table.
 *
 * Nothing here talks to an instance: console/compare_steps.h measures, console/compare_host.h looks
 * from the host. A figure that could not be had carries a reason and is `-`, never 0. What a guest
 * or container printed is taken apart by compare_take_line only: known keys, whole numbers in
 * bounds, codes of a fixed list. No state but the table, which is its owner's; UI thread only.
 */
#pragma once

#include "console/output.h"

typedef enum { COMPARE_HOST, COMPARE_CONTAINER, COMPARE_GUEST, COMPARE_SIDE_N } CompareSide;

typedef enum {
    COMPARE_START,
    COMPARE_SHELL,
    COMPARE_MEMORY,
    COMPARE_FOOTPRINT,
    COMPARE_CPU,
    COMPARE_SYSCALL,
    COMPARE_FORK,
    COMPARE_DISK,
    COMPARE_NET,
    COMPARE_ROW_N
} CompareRow;

typedef enum { COMPARE_NS, COMPARE_BYTES } CompareUnit;

typedef struct {
    const char *name;  /* in JSON */
    const char *title; /* in the table */
    CompareUnit unit;
    const char *key;      /* of a payload's line, or NULL: measured from outside */
    const char *measured; /* what was measured, one sentence */
    const char *no_host;  /* why the host has no figure, or NULL: it has one */
} CompareRowInfo;

extern const CompareRowInfo compare_rows[COMPARE_ROW_N];

#define COMPARE_VALUES_MAX 100 /* rounds */

typedef struct {
    guint n;
    double values[COMPARE_VALUES_MAX];
    char *reason; /* why there is none; NULL while it is not known */
} CompareCell;

typedef struct {
    CompareCell cells[COMPARE_ROW_N][COMPARE_SIDE_N];
    char kernel[COMPARE_SIDE_N][72];     /* release, "" = not known */
    gint64 inside_bytes[COMPARE_SIDE_N]; /* memory of the processes inside, of this round; -1 */
    json_t *apart[COMPARE_SIDE_N];       /* object: what separates it from the host; or NULL */
} CompareTable;

CompareTable *compare_table_new(void);
void compare_table_free(CompareTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompareTable, compare_table_free)

/* A measured value; what is not finite, not positive or past the room is dropped. */
void compare_add(CompareTable *table, CompareRow row, CompareSide side, double value);
/* The first reason stays; it is not shown where there are values. */
void compare_reason(CompareTable *table, CompareRow row, CompareSide side, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* The same for every row that the payload gives, or for all. */
void compare_reason_payload(CompareTable *table, CompareSide side, const char *reason);
void compare_reason_all(CompareTable *table, CompareSide side, const char *reason);

/* FALSE: no values. Median of an even number: the mean of the two in the middle. */
gboolean compare_spread(const CompareCell *cell, double *ret_median, double *ret_min,
                        double *ret_max);

/* One line that a payload, or whatever claims to be one, printed. FALSE: it is none of its lines.
 */
gboolean compare_take_line(CompareTable *table, CompareSide side, const char *line);

/* "57 ms (51-60)", "343 ns", "-". */
char *compare_cell_text(const CompareCell *cell, CompareUnit unit);
/* "a kernel of its own (6.1.0), ..." or "-". */
char *compare_apart_text(const json_t *apart);

/* The names of the two instances, for headings. */
void compare_print(CompareTable *table, Output *out, const char *container, const char *guest);
/* "rows" and "apart" of docs/schemas/compare.json. */
json_t *compare_rows_to_json(const CompareTable *table);
json_t *compare_apart_to_json(const CompareTable *table);
