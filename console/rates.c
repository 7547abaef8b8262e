/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rates.c - from raw counters to rates and history: the one place that does it.
 *
 * A rate exists only between two consecutive samples of the same instance, in which the counter is
 * valid both times and did not go back. Time is the backend's CLOCK_BOOTTIME stamp, so a late
 * sample does not distort the rate.
 */
#include "console/model_private.h"

#include <math.h>
#include <string.h>

/* Two samples closer than this make no rate: the division would only amplify jitter. */
#define MIN_INTERVAL_NS 20000000

static void ring_push(ModelRing *ring, float value)
{
    if (ring->value == NULL)
        ring->value = g_new(float, MODEL_HISTORY_LENGTH);
    ring->value[ring->next] = value;
    ring->next = (ring->next + 1) % MODEL_HISTORY_LENGTH;
    ring->used = MIN(ring->used + 1, MODEL_HISTORY_LENGTH);
}

float model_ring_at(const ModelRing *ring, guint i)
{
    if (i >= ring->used)
        return NAN;
    return ring->value[(ring->next + MODEL_HISTORY_LENGTH - 1 - i) % MODEL_HISTORY_LENGTH];
}

void model_instance_free(ModelInstance *instance)
{
    gemel_instance_free(instance->info);
    g_clear_pointer(&instance->rows, g_array_unref);
    g_free(instance->quarantine);
    for (int i = 0; i < MODEL_HISTORY_N; i++)
        g_free(instance->history[i].value);
    g_free(instance);
}

/* Units per second, or FALSE: counter gone back or no time between. */
static gboolean rate_between(guint64 before, guint64 now, gint64 interval_ns, double *ret)
{
    if (now < before || interval_ns < MIN_INTERVAL_NS)
        return FALSE;
    *ret = (double)(now - before) * 1e9 / (double)interval_ns;
    return TRUE;
}

static const ModelRow *find_row(const GArray *rows, const GemelRow *like)
{
    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        const ModelRow *row = &g_array_index(rows, ModelRow, i);

        if (row->group == like->group && g_str_equal(row->name, like->name))
            return row;
    }
    return NULL;
}

static void row_take(ModelRow *row, const GemelRow *from, const ModelRow *before,
                     gint64 interval_ns)
{
    row->group = from->group;
    g_strlcpy(row->name, from->name, sizeof row->name);
    row->valid = from->valid;
    memcpy(row->value, from->value, sizeof row->value);
    for (int i = 0; before != NULL && i < GEMEL_ROW_N; i++) {
        guint32 bit = 1u << i;

        if (gemel_row_metrics[i].kind == GEMEL_METRIC_COUNTER && (from->valid & bit) &&
            (before->valid & bit) &&
            rate_between(before->value[i], from->value[i], interval_ns, &row->rate[i]))
            row->rate_valid |= bit;
    }
}

static void take_rows(ModelInstance *instance, const GemelSample *sample, gint64 interval_ns)
{
    GArray *rows = g_array_sized_new(FALSE, TRUE, sizeof(ModelRow), sample->rows->len);

    g_array_set_size(rows, sample->rows->len);
    for (guint i = 0; i < rows->len; i++) {
        const GemelRow *from = &g_array_index(sample->rows, GemelRow, i);

        row_take(&g_array_index(rows, ModelRow, i), from,
                 interval_ns > 0 ? find_row(instance->rows, from) : NULL, interval_ns);
    }
    g_clear_pointer(&instance->rows, g_array_unref);
    instance->rows = rows;
}

static void push_history(ModelInstance *instance)
{
    double cpu, pressure[3], a, b;
    guint64 used, limit;

    ring_push(&instance->history[MODEL_HISTORY_CPU],
              model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu) ? (float)cpu : NAN);
    ring_push(&instance->history[MODEL_HISTORY_MEMORY],
              model_memory(instance, &used, &limit) ? (float)used : NAN);
    ring_push(&instance->history[MODEL_HISTORY_PRESSURE],
              model_pressure(instance, pressure)
                  ? (float)MAX(pressure[0], MAX(pressure[1], pressure[2]))
                  : NAN);
    ring_push(&instance->history[MODEL_HISTORY_BLOCK],
              model_block_rates(instance, &a, &b) ? (float)(a + b) : NAN);
    ring_push(&instance->history[MODEL_HISTORY_NET],
              model_net_rates(instance, &a, &b) ? (float)(a + b) : NAN);
}

void model_instance_take_sample(ModelInstance *instance, const GemelSample *sample)
{
    gint64 interval_ns = instance->sample_ns > 0 ? sample->time_ns - instance->sample_ns : 0;

    if (sample->quarantine != NULL) {
        if (instance->quarantine == NULL)
            instance->quarantine_ns = sample->time_ns;
        g_free(instance->quarantine);
        instance->quarantine = g_strdup(sample->quarantine);
        return; /* the figures stay, and grow stale */
    }
    g_clear_pointer(&instance->quarantine, g_free);
    if (instance->sample_ns > 0 && interval_ns < MIN_INTERVAL_NS)
        return; /* twice the same reading, or an older one that came late */
    instance->rate_valid = 0;
    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        guint64 bit = G_GUINT64_CONSTANT(1) << i;

        if (gemel_metrics[i].kind == GEMEL_METRIC_COUNTER && (sample->valid & bit) &&
            (instance->valid & bit) && interval_ns > 0 &&
            rate_between(instance->value[i], sample->value[i], interval_ns, &instance->rate[i]))
            instance->rate_valid |= bit;
    }
    take_rows(instance, sample, interval_ns);
    instance->valid = sample->valid;
    memcpy(instance->value, sample->value, sizeof instance->value);
    instance->sample_ns = sample->time_ns;
    push_history(instance);
}

void model_instance_clear_figures(ModelInstance *instance)
{
    instance->sample_ns = 0;
    instance->valid = instance->rate_valid = 0;
    g_clear_pointer(&instance->rows, g_array_unref);
    g_clear_pointer(&instance->quarantine, g_free);
    for (int i = 0; i < MODEL_HISTORY_N; i++)
        if (instance->history[i].used > 0)
            ring_push(&instance->history[i], NAN);
}
