/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/history.h"

#include <math.h>
#include <string.h>

#define NS_PER_MINUTE G_GINT64_CONSTANT(60000000000)

/* ---- the axis ------------------------------------------------------------------------------- */

guint history_capacity(gint64 refresh_ms)
{
    gint64 positions = HISTORY_SPAN_MS / MAX(refresh_ms, 1);

    return (guint)CLAMP(positions, HISTORY_CAPACITY_MIN, HISTORY_SPAN_MS / 100);
}

void history_axis_resize(HistoryAxis *axis, guint capacity)
{
    gint64 *time_ns;

    if (axis->capacity == capacity)
        return;
    time_ns = g_new0(gint64, capacity);
    for (guint i = 0; i < MIN(capacity, axis->capacity); i++) {
        gint64 position = axis->newest - i;

        if (position > 0)
            time_ns[position % capacity] = axis->time_ns[position % axis->capacity];
    }
    g_free(axis->time_ns);
    axis->time_ns = time_ns;
    axis->capacity = capacity;
}

gint64 history_axis_step(HistoryAxis *axis, gint64 time_ns)
{
    axis->newest++;
    axis->time_ns[axis->newest % axis->capacity] = time_ns;
    return axis->newest;
}

gint64 history_axis_time_ns(const HistoryAxis *axis, gint64 position)
{
    if (position <= 0 || position > axis->newest || axis->newest - position >= axis->capacity)
        return 0;
    return axis->time_ns[position % axis->capacity];
}

void history_axis_clear(HistoryAxis *axis)
{
    g_free(axis->time_ns);
    *axis = (HistoryAxis){0};
}

/* ---- values --------------------------------------------------------------------------------- */

/* The upper half of a float, rounded; a NAN stays one. */
static guint16 to_compact(float value)
{
    guint32 bits;

    if (isnan(value))
        return 0x7fc0;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7f800000) != 0x7f800000) /* infinity must not become a NAN */
        bits += 0x7fff + ((bits >> 16) & 1);
    return (guint16)(bits >> 16);
}

static float from_compact(guint16 compact)
{
    guint32 bits = (guint32)compact << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static guint n_chunks(const History *history)
{
    return (history->capacity + HISTORY_CHUNK - 1u) / HISTORY_CHUNK;
}

static gsize value_size(const History *history)
{
    return history->compact ? sizeof(guint16) : sizeof(float);
}

static gsize chunk_bytes(const History *history)
{
    return (gsize)HISTORY_CHUNK * history->series * value_size(history);
}

/* Where a position is kept. */
static guint slot_of(const History *history, gint64 position)
{
    return (guint)(position % history->capacity);
}

static void store(History *history, gint64 position, const float *values)
{
    guint slot = slot_of(history, position);
    void **chunk = &history->chunk[slot / HISTORY_CHUNK];
    gsize at = (gsize)(slot % HISTORY_CHUNK) * history->series;

    if (*chunk == NULL) {
        *chunk = g_malloc(chunk_bytes(history));
        /* all bits set is a NAN in either form */
        memset(*chunk, 0xff, chunk_bytes(history));
    }
    for (guint i = 0; i < history->series; i++) {
        float value = values != NULL ? values[i] : NAN;

        if (history->compact)
            ((guint16 *)*chunk)[at + i] = to_compact(value);
        else
            ((float *)*chunk)[at + i] = value;
    }
}

/* A gap costs no chunk that is not there. */
static void store_gap(History *history, gint64 position)
{
    if (history->chunk[slot_of(history, position) / HISTORY_CHUNK] != NULL)
        store(history, position, NULL);
}

/* ---- rings ---------------------------------------------------------------------------------- */

void history_init(History *history, guint series, gboolean compact)
{
    *history = (History){.series = (guint16)series, .compact = compact};
}

void history_clear(History *history)
{
    for (guint i = 0; history->chunk != NULL && i < n_chunks(history); i++)
        g_free(history->chunk[i]);
    g_clear_pointer(&history->chunk, g_free);
    history->first = history->newest = 0;
    history->capacity = 0;
}

/* Another capacity: the newest that fit are laid out anew. */
static void resize(History *history, guint capacity)
{
    History old = *history;
    g_autofree float *values = g_new(float, old.series);
    gint64 position;

    history->capacity = (guint16)MIN(capacity, G_MAXUINT16);
    history->chunk = g_new0(void *, n_chunks(history));
    if (old.newest == 0)
        return;
    history->first = position = MAX(old.first, old.newest - history->capacity + 1);
    for (; position <= old.newest; position++) {
        for (guint i = 0; i < old.series; i++)
            values[i] = history_at(&old, i, position);
        store(history, position, values);
    }
    history_clear(&old);
}

void history_push(History *history, guint capacity, gint64 position, const float *values)
{
    if (capacity == 0 || position <= history->newest)
        return;
    if (history->capacity != MIN(capacity, G_MAXUINT16))
        resize(history, capacity);
    if (history->newest == 0) {
        history->first = position;
    } else {
        gint64 gap = MAX(history->newest + 1, position - history->capacity);

        for (; gap < position; gap++)
            store_gap(history, gap);
    }
    store(history, position, values);
    history->newest = position;
    history->first = MAX(history->first, position - history->capacity + 1);
}

float history_at(const History *history, guint series, gint64 position)
{
    const void *chunk;
    gsize at;

    if (history->newest == 0 || series >= history->series || position < history->first ||
        position > history->newest)
        return NAN;
    chunk = history->chunk[slot_of(history, position) / HISTORY_CHUNK];
    if (chunk == NULL)
        return NAN;
    at = (gsize)(slot_of(history, position) % HISTORY_CHUNK) * history->series + series;
    return history->compact ? from_compact(((const guint16 *)chunk)[at])
                            : ((const float *)chunk)[at];
}

float history_back(const History *history, guint series, guint back)
{
    return history_at(history, series, history->newest - back);
}

guint history_positions(const History *history)
{
    return history->newest > 0 ? (guint)(history->newest - history->first + 1) : 0;
}

gsize history_bytes(const History *history)
{
    gsize bytes = 0;

    for (guint i = 0; history->chunk != NULL && i < n_chunks(history); i++)
        bytes += sizeof(void *) + (history->chunk[i] != NULL ? chunk_bytes(history) : 0);
    return bytes;
}

/* ---- minutes -------------------------------------------------------------------------------- */

void history_minute_add(HistoryMinute *minute, History *day, gint64 time_ns, const float *values)
{
    gint64 now = time_ns / NS_PER_MINUTE + 1; /* positions count from 1 */
    guint series = MIN(day->series, G_N_ELEMENTS(minute->sum));

    if (minute->minute != now) {
        float mean[G_N_ELEMENTS(minute->sum)];

        for (guint i = 0; i < series; i++)
            mean[i] = minute->count[i] > 0 ? minute->sum[i] / (float)minute->count[i] : NAN;
        if (minute->minute > 0 && minute->minute < now)
            history_push(day, HISTORY_DAY_MINUTES, minute->minute, mean);
        *minute = (HistoryMinute){.minute = now};
    }
    for (guint i = 0; i < series; i++) {
        if (isnan(values[i]))
            continue;
        minute->sum[i] += values[i];
        minute->count[i]++;
    }
}
