/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * columns.h - the catalogue of columns that the list of instances can have, and the lines by which
 * a user chooses them: `columns name state cpu memory:12`.
 *
 * One const table. Each column is a text or a figure of an instance, which is what it is sorted by;
 * the console draws some of them in a way of their own (console/tui/columns.c), all others by their
 * unit. The choice is the option `columns`, the order the option `sort`, the grouping the option
 * `group`; columns_check_option() judges all three. UI thread only.
 */
#pragma once

#include "console/model.h"

typedef enum {
    LIST_NAME,
    LIST_KIND,
    LIST_STATE,
    LIST_CPUS,
    LIST_CPU,
    LIST_MEMORY,
    LIST_PRESSURE,
    LIST_BLOCK,
    LIST_NET,
    LIST_UPTIME,
    LIST_BACKEND,
    LIST_ALERTS,
    LIST_REASON,
    LIST_IMAGE,
    LIST_LABELS,
    LIST_ID,
    LIST_FLAGS,
    LIST_AGE,
    LIST_VCPUS,
    LIST_CPU_LIMIT,
    LIST_USER,
    LIST_SYSTEM,
    LIST_THROTTLED,
    LIST_STEAL,
    LIST_MEMORY_PERCENT,
    LIST_MEMORY_LIMIT,
    LIST_ANON,
    LIST_CACHE,
    LIST_SWAP,
    LIST_HOST_MEMORY,
    LIST_FAULTS,
    LIST_OOM,
    LIST_PIDS,
    LIST_PIDS_LIMIT,
    LIST_PSI_CPU,
    LIST_PSI_MEMORY,
    LIST_PSI_IO,
    LIST_PSI_CPU_FULL,
    LIST_PSI_MEMORY_FULL,
    LIST_PSI_IO_FULL,
    LIST_READ,
    LIST_WRITE,
    LIST_IOPS,
    LIST_RX,
    LIST_TX,
    LIST_PACKETS,
    LIST_NET_BAD,
    LIST_N
} ColumnId;

/* What a figure is, which decides how it is written. */
typedef enum {
    UNIT_NONE, /* no figure, or one that only orders */
    UNIT_PERCENT,
    UNIT_BYTES,
    UNIT_BYTES_RATE, /* a second */
    UNIT_COUNT,
    UNIT_RATE, /* a second */
    UNIT_SECONDS,
    UNIT_N
} ColumnUnit;

/* What a group's row shows of its instances. */
typedef enum { TOTAL_NONE, TOTAL_SUM, TOTAL_MAX } ColumnTotal;

typedef struct {
    const char *id;    /* as the user types it */
    const char *title; /* the heading */
    const char *help;  /* one line, no full stop */
    guint8 min, max;   /* cells it needs; takes when there is room (0: min) */
    guint8 priority;   /* 0 is never dropped for want of room; the greatest goes first */
    gboolean right;    /* aligned to the right */
    ColumnUnit unit;
    ColumnTotal total;
    gboolean rises; /* sorted from the smallest up: names, and times */
    char key;       /* in the sort menu, 0: there by name only */
    /* Exactly one of the two. The text is NULL where there is none; `room` may hold it. */
    const char *(*text)(const ModelInstance *instance, GString *room);
    gboolean (*figure)(const ModelInstance *instance, double *ret); /* FALSE: not known */
} Column;

extern const Column column_table[LIST_N];

/* LIST_N: there is none of this name. */
ColumnId column_find(const char *id);
/* "%", "B", "B/s", "", "1/s", "s" */
const char *column_unit_name(ColumnUnit unit);
/* The figure as people read it, at most five characters; g_free() it. */
char *column_format(ColumnUnit unit, double value);

/* ---- the user's choice ---------------------------------------------------------------------- */

typedef struct {
    ColumnId id;
    int width; /* 0: the column's own */
} ColumnChoice;

/*
 * Words of a choice, in order: "cpu", "memory:12", "default" (the standard ones). The first word
 * decides whether the list begins anew: "+swap" adds to `now` (which may be NULL), "-net" takes
 * away. NULL with INVALID when a word makes no sense. Free with g_array_unref().
 */
GArray *columns_parse(const char *text, const char *now, GError **error);
/* The choice as a line that columns_parse() takes; "default" for the standard one. */
char *columns_text(const GArray *choice);

/* For options_set_check(): the options `columns`, `sort` and `group`; TRUE for all others. */
gboolean columns_check_option(const char *name, const char *value, GError **error);

/* ---- grouping ------------------------------------------------------------------------------- */

typedef enum { GROUP_NONE, GROUP_HOST, GROUP_KIND, GROUP_STATE, GROUP_LABEL, GROUP_N } GroupBy;

const char *group_name(GroupBy by); /* "none" "host" "kind" "state" "label" */
/* "none", "host", "kind", "state", "label:KEY"; *ret_label points into `text` or is NULL. */
gboolean group_parse(const char *text, GroupBy *ret_by, const char **ret_label, GError **error);
