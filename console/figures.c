/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figures.c - the headline figures of an instance, as every face shows them. */
#include "console/model_private.h"

#include <unistd.h>

static const char *const cpu_mode_names[MODEL_CPU_N] = {
    [MODEL_CPU_OF_CORE] = "core",
    [MODEL_CPU_OF_LIMIT] = "limit",
    [MODEL_CPU_OF_HOST] = "host",
};

const char *model_cpu_mode_name(ModelCpuMode mode)
{
    return mode < MODEL_CPU_N ? cpu_mode_names[mode] : "core";
}

static gboolean has(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->valid >> metric) & 1u;
}

static gboolean has_rate(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->rate_valid >> metric) & 1u;
}

/* This host's CPUs. sysconf reads a file of sysfs each time, so it is asked once a second at most.
 */
static double own_cpus(void)
{
    static gint64 asked_usec;
    static double cpus = 1;
    gint64 now = g_get_monotonic_time();

    if (asked_usec == 0 || now - asked_usec > G_USEC_PER_SEC) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);

        cpus = online > 0 ? (double)online : 1;
        asked_usec = now;
    }
    return cpus;
}

double model_host_cpus(const ModelBackend *backend)
{
    guint told = backend != NULL && backend->open != NULL ? backend->open->backend->host_cpus : 0;

    return told > 0 ? (double)told : own_cpus();
}

double model_host_memory(const ModelBackend *backend)
{
    guint64 told =
        backend != NULL && backend->open != NULL ? backend->open->backend->host_memory_bytes : 0;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    if (told > 0)
        return (double)told;
    return pages > 0 && size > 0 ? (double)pages * (double)size : 0;
}

/* How many CPUs 100 % stands for. */
static double cpu_whole(const ModelInstance *instance, ModelCpuMode mode)
{
    if (mode == MODEL_CPU_OF_CORE)
        return 1;
    if (mode == MODEL_CPU_OF_LIMIT) {
        if (has(instance, GEMEL_METRIC_CPU_LIMIT) && instance->value[GEMEL_METRIC_CPU_LIMIT] > 0)
            return (double)instance->value[GEMEL_METRIC_CPU_LIMIT] / 1000;
        if (instance->info->cpu_limit > 0)
            return instance->info->cpu_limit;
        if (instance->info->vcpus > 0)
            return instance->info->vcpus;
    }
    return model_host_cpus(instance->backend);
}

gboolean model_cpu_percent(const ModelInstance *instance, ModelCpuMode mode, double *ret)
{
    if (!has_rate(instance, GEMEL_METRIC_CPU_USAGE))
        return FALSE;
    *ret = instance->rate[GEMEL_METRIC_CPU_USAGE] / 1e7 / cpu_whole(instance, mode);
    return TRUE;
}

gboolean model_memory(const ModelInstance *instance, guint64 *ret_used, guint64 *ret_limit)
{
    if (!has(instance, GEMEL_METRIC_MEM_USAGE))
        return FALSE;
    *ret_used = instance->value[GEMEL_METRIC_MEM_USAGE];
    *ret_limit = has(instance, GEMEL_METRIC_MEM_LIMIT) ? instance->value[GEMEL_METRIC_MEM_LIMIT]
                                                       : instance->info->memory_limit_bytes;
    return TRUE;
}

gboolean model_pressure(const ModelInstance *instance, double ret[3])
{
    static const GemelMetric metrics[3] = {GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_MEM_SOME,
                                           GEMEL_METRIC_PSI_IO_SOME};
    gboolean any = FALSE;

    for (int i = 0; i < 3; i++) {
        gboolean there = has(instance, metrics[i]);

        ret[i] = there ? (double)instance->value[metrics[i]] / 100 : -1;
        any = any || there;
    }
    return any;
}

static gboolean rates(const ModelInstance *instance, GemelMetric in, GemelMetric out,
                      double *ret_in, double *ret_out)
{
    if (!has_rate(instance, in) || !has_rate(instance, out))
        return FALSE;
    *ret_in = instance->rate[in];
    *ret_out = instance->rate[out];
    return TRUE;
}

gboolean model_block_rates(const ModelInstance *instance, double *ret_rd, double *ret_wr)
{
    return rates(instance, GEMEL_METRIC_IO_RD_BYTES, GEMEL_METRIC_IO_WR_BYTES, ret_rd, ret_wr);
}

gboolean model_net_rates(const ModelInstance *instance, double *ret_rx, double *ret_tx)
{
    return rates(instance, GEMEL_METRIC_NET_RX_BYTES, GEMEL_METRIC_NET_TX_BYTES, ret_rx, ret_tx);
}

gboolean model_uptime_s(const ModelInstance *instance, gint64 *ret)
{
    if (instance->info->started_boottime_ns == 0)
        return FALSE;
    *ret = MAX(0, (gemel_boottime_ns() - instance->info->started_boottime_ns) / 1000000000);
    return TRUE;
}

gint64 model_age_ns(const ModelInstance *instance)
{
    return instance->sample_ns > 0 ? gemel_boottime_ns() - instance->sample_ns : -1;
}

gboolean model_is_stale(const Model *model, const ModelInstance *instance)
{
    gint64 refresh_ns = model_interval_ms(instance->backend) * 1000000;

    return instance->quarantine != NULL ||
           (instance->sample_ns > 0 && model_age_ns(instance) > 2 * refresh_ns + 1000000000);
}

gboolean model_figure_cpu(const ModelInstance *instance, double *ret)
{
    return model_cpu_percent(instance, MODEL_CPU_OF_CORE, ret);
}

gboolean model_figure_memory(const ModelInstance *instance, double *ret)
{
    guint64 used, limit;

    if (!model_memory(instance, &used, &limit))
        return FALSE;
    *ret = (double)used;
    return TRUE;
}

gboolean model_figure_pressure(const ModelInstance *instance, double *ret)
{
    double some[3];

    if (!model_pressure(instance, some))
        return FALSE;
    *ret = MAX(MAX(some[0], some[1]), some[2]);
    return TRUE;
}

gboolean model_figure_block(const ModelInstance *instance, double *ret)
{
    double rd, wr;

    if (!model_block_rates(instance, &rd, &wr))
        return FALSE;
    *ret = rd + wr;
    return TRUE;
}

gboolean model_figure_net(const ModelInstance *instance, double *ret)
{
    double rx, tx;

    if (!model_net_rates(instance, &rx, &tx))
        return FALSE;
    *ret = rx + tx;
    return TRUE;
}
