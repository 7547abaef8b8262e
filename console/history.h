/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * history.h - figures of the past in rings of a fixed size.
 *
 * All instances of a backend are read by one bulk call, so they share one time axis: each call is a
 * *position*, counted from 1, and the axis knows when it was. A ring then needs no times of its
 * own: a position that an instance was not part of (it was stopped, it hung) is a gap, NAN, and
 * what is older than the ring is long is overwritten.
 *
 * Bounds. A ring allocates by chunks of HISTORY_CHUNK positions as it fills and never more than
 * `capacity` positions. With the console's five headline figures, per instance:
 *   ten minutes at 1 s     600 positions x 5 x 4 bytes =  12 kB  (6,000 positions, 120 kB, at 100
 * ms) a day at one minute  1,440 positions x 5 x 2 bytes =  14 kB and 600 x 4 bytes for each metric
 * of an instance whose detail was opened (100 kB in all).
 *
 * Compact rings keep the upper half of a float (as bfloat16 does): 8 bits of precision, the range
 * of a float.
 *
 * UI thread only.
 */
#pragma once

#include <glib.h>

#define HISTORY_CHUNK        60
#define HISTORY_SPAN_MS      600000 /* ten minutes */
#define HISTORY_CAPACITY_MIN 60
#define HISTORY_DAY_MINUTES  1440

/* When each position of a backend's samples was. */
typedef struct {
    guint capacity; /* positions that the rings on this axis keep; 0 before the first */
    gint64 newest;  /* 0 = none yet */
    gint64 *time_ns;
} HistoryAxis;

/* How many positions ten minutes have at this refresh. */
guint history_capacity(gint64 refresh_ms);
/* From now on positions are kept for this many; those that are there stay as far as they fit. */
void history_axis_resize(HistoryAxis *axis, guint capacity);
/* A new position; returns it. */
gint64 history_axis_step(HistoryAxis *axis, gint64 time_ns);
/* 0 when it is not known (any more). */
gint64 history_axis_time_ns(const HistoryAxis *axis, gint64 position);
void history_axis_clear(HistoryAxis *axis);

typedef struct {
    gint64 first, newest; /* positions; newest 0 = empty */
    guint16 capacity, series;
    gboolean compact;
    void **chunk; /* of capacity / HISTORY_CHUNK, rounded up; each NULL until it is used */
} History;

void history_init(History *history, guint series, gboolean compact);
/* Frees what it holds; it may be used again. */
void history_clear(History *history);
/* Adds one value for each series at `position`, which must be newer than all before (else nothing
   happens); positions left out become gaps. A capacity other than before (at most G_MAXUINT16)
   keeps the newest that fit. */
void history_push(History *history, guint capacity, gint64 position, const float *values);
/* NAN where there is none. */
float history_at(const History *history, guint series, gint64 position);
/* The same, counted back from its newest: 0 is the newest. */
float history_back(const History *history, guint series, guint back);
/* Positions from its first to its newest, gaps included; never more than its capacity. */
guint history_positions(const History *history);
/* Bytes that it holds. */
gsize history_bytes(const History *history);

/* The mean of each minute, for a ring whose positions are minutes. */
typedef struct {
    gint64 minute; /* CLOCK_BOOTTIME in minutes, 0 = none */
    float sum[8];
    guint16 count[8]; /* series, at most 8 */
} HistoryMinute;

/* Takes values read at `time_ns` into the mean of their minute; when another minute begins, the one
   before goes into `day`. */
void history_minute_add(HistoryMinute *minute, History *day, gint64 time_ns, const float *values);
