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

static void model_close_detail(ModelInstance *instance)
{
    if (instance->opened != NULL)
        history_clear(instance->opened);
    g_clear_pointer(&instance->opened, g_free);
}

void model_instance_free(ModelInstance *instance)
{
    gemel_instance_free(instance->info);
    g_clear_pointer(&instance->rows, g_array_unref);
    g_free(instance->quarantine);
    g_free(instance->cpus);
    history_clear(&instance->history);
    history_clear(&instance->day);
    model_close_detail(instance);
    g_free(instance->alert_since_ns);
    g_free(instance->key);
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
        double rate;

        if (gemel_row_metrics[i].kind == GEMEL_METRIC_COUNTER && (from->valid & bit) &&
            (before->valid & bit) &&
            rate_between(before->value[i], from->value[i], interval_ns, &rate)) {
            row->rate[i] = (float)rate;
            row->rate_valid |= bit;
        }
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

static void push_history(ModelInstance *instance, gint64 position, guint capacity)
{
    double cpu, pressure[3], a, b;
    guint64 used, limit;
    float values[MODEL_HISTORY_N] = {NAN, NAN, NAN, NAN, NAN};

    G_STATIC_ASSERT(MODEL_HISTORY_N == 5);
    if (model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu))
        values[MODEL_HISTORY_CPU] = (float)cpu;
    if (model_memory(instance, &used, &limit))
        values[MODEL_HISTORY_MEMORY] = (float)used;
    if (model_pressure(instance, pressure))
        values[MODEL_HISTORY_PRESSURE] = (float)MAX(pressure[0], MAX(pressure[1], pressure[2]));
    if (model_block_rates(instance, &a, &b))
        values[MODEL_HISTORY_BLOCK] = (float)(a + b);
    if (model_net_rates(instance, &a, &b))
        values[MODEL_HISTORY_NET] = (float)(a + b);
    if (instance->history.series == 0) {
        history_init(&instance->history, MODEL_HISTORY_N, FALSE);
        history_init(&instance->day, MODEL_HISTORY_N, TRUE);
    }
    history_push(&instance->history, capacity, position, values);
    history_minute_add(&instance->minute, &instance->day, instance->sample_ns, values);
}

static void push_opened(ModelInstance *instance, gint64 position, guint capacity)
{
    float values[GEMEL_METRIC_N];

    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        gboolean is_rate = gemel_metrics[i].kind == GEMEL_METRIC_COUNTER;
        guint64 valid = is_rate ? instance->rate_valid : instance->valid;

        values[i] = ((valid >> i) & 1u) == 0 ? NAN
                    : is_rate                ? (float)instance->rate[i]
                                             : (float)instance->value[i];
    }
    history_push(instance->opened, capacity, position, values);
}

void model_instance_take_sample(ModelInstance *instance, const GemelSample *sample, gint64 position,
                                guint capacity)
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
    g_free(instance->cpus);
    instance->cpus = g_strdup(sample->cpus);
    instance->valid = sample->valid;
    memcpy(instance->value, sample->value, sizeof instance->value);
    instance->sample_ns = sample->time_ns;
    push_history(instance, position, capacity);
    if (instance->opened != NULL)
        push_opened(instance, position, capacity);
}

void model_instance_clear_figures(ModelInstance *instance)
{
    instance->sample_ns = 0;
    instance->valid = instance->rate_valid = 0;
    instance->alerts = 0;
    g_clear_pointer(&instance->alert_since_ns, g_free);
    g_clear_pointer(&instance->rows, g_array_unref);
    g_clear_pointer(&instance->quarantine, g_free);
    g_clear_pointer(&instance->cpus, g_free);
}

/* ---- instances whose detail is open --------------------------------------------------------- */

/* The one that was not looked at for longest gives way. */
static void limit_opened(Model *model)
{
    GHashTableIter iter;
    gpointer value;
    ModelInstance *oldest = NULL;
    guint n = 0;

    g_hash_table_iter_init(&iter, model->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ModelInstance *instance = value;

        if (instance->opened == NULL)
            continue;
        n++;
        if (oldest == NULL || instance->opened_usec < oldest->opened_usec)
            oldest = instance;
    }
    if (n > MODEL_OPENED_MAX)
        model_close_detail(oldest);
}

void model_open_detail(ModelInstance *instance)
{
    instance->opened_usec = g_get_monotonic_time();
    if (instance->opened != NULL)
        return;
    instance->opened = g_new(History, 1);
    history_init(instance->opened, GEMEL_METRIC_N, FALSE);
    limit_opened(instance->backend->model);
}

gboolean model_metric_mean(const ModelInstance *instance, GemelMetric metric, gint64 span_ns,
                           double *ret)
{
    gboolean is_rate = gemel_metrics[metric].kind == GEMEL_METRIC_COUNTER;
    const History *opened = instance->opened;
    double sum = 0;
    guint n = 0;

    for (guint i = 0; opened != NULL && i < history_positions(opened); i++) {
        gint64 time_ns = history_axis_time_ns(&instance->backend->axis, opened->newest - i);
        float value = history_back(opened, metric, i);

        if (time_ns == 0 || instance->sample_ns - time_ns > span_ns)
            break;
        if (isnan(value))
            continue;
        sum += (double)value;
        n++;
    }
    if (n == 0) {
        if ((((is_rate ? instance->rate_valid : instance->valid) >> metric) & 1u) == 0)
            return FALSE;
        sum = is_rate ? instance->rate[metric] : (double)instance->value[metric];
        n = 1;
    }
    *ret = sum / n;
    return TRUE;
}
