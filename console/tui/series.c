/* SPDX-License-Identifier: GPL-3.0-or-later */
/* series.c - histories as values at equal distances in time, for graphs. */
#include <math.h>
#include <string.h>

#include "console/tui/instances.h"

#define NS_PER_S  G_GINT64_CONSTANT(1000000000)
#define MINUTE_NS (60 * NS_PER_S)
#define SLOTS_MAX 1024
/* Two samples further apart than so many intervals leave a gap. */
#define GAP_INTERVALS 3

/* One value of a history and the time it stands for. */
typedef struct {
    gint64 from_ns, to_ns;
    float value;
} Piece;

/* Weighted sums of what falls into each slot. */
typedef struct {
    guint n;
    gint64 slot_ns, first; /* number of the first slot, counted from time 0 */
    double sum[SLOTS_MAX], weight[SLOTS_MAX];
} Slots;

static void slots_add(Slots *slots, const Piece *piece)
{
    if (isnan(piece->value) || piece->to_ns <= piece->from_ns)
        return;
    gint64 one = piece->from_ns / slots->slot_ns, last = (piece->to_ns - 1) / slots->slot_ns;

    for (gint64 slot = MAX(one, slots->first); slot <= last && slot < slots->first + slots->n;
         slot++) {
        gint64 from = MAX(piece->from_ns, slot * slots->slot_ns);
        gint64 to = MIN(piece->to_ns, (slot + 1) * slots->slot_ns);

        slots->sum[slot - slots->first] += (double)piece->value * (double)(to - from);
        slots->weight[slot - slots->first] += (double)(to - from);
    }
}

/* Slots begin at multiples of their length, so that a graph moves by whole slots and what it shows
   of a moment stays as it is. */
static void slots_begin(Slots *slots, gint64 newest_ns, gint64 span_ns, guint n)
{
    memset(slots, 0, sizeof *slots);
    slots->n = MIN(n, SLOTS_MAX);
    slots->slot_ns = MAX(1, span_ns / MAX(1, slots->n));
    slots->first = (newest_ns - 1) / slots->slot_ns - (slots->n - 1);
}

static void slots_end(const Slots *slots, float *values)
{
    for (guint i = 0; i < slots->n; i++)
        values[i] = slots->weight[i] > 0 ? (float)(slots->sum[i] / slots->weight[i]) : NAN;
}

/* A ring at refresh resolution: a sample stands for the time since the one before. */
static void read_ring(const ModelInstance *instance, const History *ring, guint series,
                      gint64 span_ns, float *values, guint n)
{
    const HistoryAxis *axis = &instance->backend->axis;
    gint64 interval = model_interval_ms(instance->backend) * 1000000;
    gint64 reach = GAP_INTERVALS * interval + NS_PER_S;
    gint64 newest_ns = history_axis_time_ns(axis, axis->newest);
    Slots slots;

    slots_begin(&slots, MAX(newest_ns, 1), span_ns, n);
    for (gint64 position = ring->newest; position >= MAX(ring->first, 1); position--) {
        gint64 time_ns = history_axis_time_ns(axis, position);
        gint64 before_ns = history_axis_time_ns(axis, position - 1);

        if (time_ns == 0 || time_ns <= slots.first * slots.slot_ns)
            break;
        if (before_ns == 0)
            before_ns = time_ns - interval;
        slots_add(&slots, &(Piece){MAX(before_ns, time_ns - reach), time_ns,
                                   history_at(ring, series, position)});
    }
    slots_end(&slots, values);
}

/* The ring of minutes: a position is a minute, counted from 1. */
static void read_day(const ModelInstance *instance, guint series, gint64 span_ns, float *values,
                     guint n)
{
    const History *day = &instance->day;
    gint64 now_ns = history_axis_time_ns(&instance->backend->axis, instance->backend->axis.newest);
    Slots slots;

    slots_begin(&slots, MAX(MAX(now_ns, day->newest * MINUTE_NS), 1), span_ns, n);
    for (gint64 minute = day->newest; minute >= MAX(day->first, 1); minute--)
        slots_add(&slots, &(Piece){(minute - 1) * MINUTE_NS, minute * MINUTE_NS,
                                   history_at(day, series, minute)});
    slots_end(&slots, values);
}

static void read_nothing(float *values, guint n)
{
    for (guint i = 0; i < n; i++)
        values[i] = NAN;
}

void series_headline(const ModelInstance *instance, ModelHistory which, gint64 span_s,
                     float *values, guint n)
{
    if (instance->history.series == 0)
        read_nothing(values, n);
    else if (span_s * 1000 > HISTORY_SPAN_MS)
        read_day(instance, which, span_s * NS_PER_S, values, n);
    else
        read_ring(instance, &instance->history, which, span_s * NS_PER_S, values, n);
}

/* The headline figure that a metric is, and what one unit of it is in the metric's unit. */
static gboolean is_headline(GemelMetric metric, ModelHistory *ret, float *ret_unit)
{
    if (metric != GEMEL_METRIC_CPU_USAGE && metric != GEMEL_METRIC_MEM_USAGE)
        return FALSE;
    *ret = metric == GEMEL_METRIC_CPU_USAGE ? MODEL_HISTORY_CPU : MODEL_HISTORY_MEMORY;
    *ret_unit = metric == GEMEL_METRIC_CPU_USAGE ? 1e7f : 1;
    return TRUE;
}

gboolean series_metric(const ModelInstance *instance, GemelMetric metric, gint64 span_s,
                       float *values, guint n)
{
    ModelHistory headline;
    float unit;

    if (is_headline(metric, &headline, &unit)) {
        series_headline(instance, headline, span_s, values, n);
        for (guint i = 0; i < n; i++)
            values[i] *= unit;
        return TRUE;
    }
    if (instance->opened == NULL || span_s * 1000 > HISTORY_SPAN_MS)
        read_nothing(values, n);
    else
        read_ring(instance, instance->opened, metric, span_s * NS_PER_S, values, n);
    return span_s * 1000 <= HISTORY_SPAN_MS;
}
