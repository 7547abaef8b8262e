/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/parse.h"

#include <string.h>
#include <unistd.h>

#include "backends/figures_text.h"
#include "backends/native/cgroup.h"

/* ---- files of lines "key value" ------------------------------------------------------------- */

static const GemelTextField v2_cpu_stat_fields[] = {
    GEMEL_TEXT_FIELD("usage_usec", 1000, CPU_USAGE),
    GEMEL_TEXT_FIELD("user_usec", 1000, CPU_USER),
    GEMEL_TEXT_FIELD("system_usec", 1000, CPU_SYSTEM),
    GEMEL_TEXT_FIELD("nr_periods", 1, CPU_PERIODS),
    GEMEL_TEXT_FIELD("nr_throttled", 1, CPU_NR_THROTTLED),
    GEMEL_TEXT_FIELD("throttled_usec", 1000, CPU_THROTTLED),
};

static const GemelTextField v1_cpu_stat_fields[] = {
    GEMEL_TEXT_FIELD("nr_periods", 1, CPU_PERIODS),
    GEMEL_TEXT_FIELD("nr_throttled", 1, CPU_NR_THROTTLED),
    GEMEL_TEXT_FIELD("throttled_time", 1, CPU_THROTTLED),
};

static const GemelTextField v2_memory_stat_fields[] = {
    GEMEL_TEXT_FIELD("anon", 1, MEM_ANON),
    GEMEL_TEXT_FIELD("file", 1, MEM_FILE),
    GEMEL_TEXT_FIELD("pgmajfault", 1, MEM_MAJOR_FAULTS),
};

static const GemelTextField v1_memory_stat_fields[] = {
    GEMEL_TEXT_FIELD("total_cache", 1, MEM_FILE),
    GEMEL_TEXT_FIELD("total_rss", 1, MEM_ANON),
    GEMEL_TEXT_FIELD("total_swap", 1, MEM_SWAP),
    GEMEL_TEXT_FIELD("total_pgmajfault", 1, MEM_MAJOR_FAULTS),
};

static const GemelTextField v2_memory_events_fields[] = {
    GEMEL_TEXT_FIELD("high", 1, MEM_HIGH_EVENTS),
    GEMEL_TEXT_FIELD("oom", 1, MEM_OOM_EVENTS),
    GEMEL_TEXT_FIELD("oom_kill", 1, MEM_OOM_KILLS),
};

static const GemelTextField v1_memory_oom_fields[] = {
    GEMEL_TEXT_FIELD("oom_kill", 1, MEM_OOM_KILLS),
};

#define FIELDS_PARSER(name)                                                                        \
    static void name(const char *text, GemelSample *sample)                                        \
    {                                                                                              \
        gemel_text_fields(text, name##_fields, G_N_ELEMENTS(name##_fields), sample);               \
    }
FIELDS_PARSER(v2_cpu_stat)
FIELDS_PARSER(v1_cpu_stat)
FIELDS_PARSER(v2_memory_stat)
FIELDS_PARSER(v1_memory_stat)
FIELDS_PARSER(v2_memory_events)
FIELDS_PARSER(v1_memory_oom)

/* ---- files of one number -------------------------------------------------------------------- */

#define SINGLE_PARSER(name, id)                                                                    \
    static void name(const char *text, GemelSample *sample)                                        \
    {                                                                                              \
        gemel_text_single(text, GEMEL_METRIC_##id, sample);                                        \
    }
SINGLE_PARSER(v1_cpuacct_usage, CPU_USAGE)
SINGLE_PARSER(v1_cpuacct_user, CPU_USER)
SINGLE_PARSER(v1_cpuacct_system, CPU_SYSTEM)
SINGLE_PARSER(memory_usage, MEM_USAGE)
SINGLE_PARSER(v2_memory_swap, MEM_SWAP)
SINGLE_PARSER(pids_current, PIDS_CURRENT)

/* Charged to memory+swap first: where both have the same limit, that one is hit and memory's is
   not. The two come in any order and add up; the second file exists where swap is accounted. */
static void v1_memory_failcnt(const char *text, GemelSample *sample)
{
    guint64 value;

    if (gemel_text_number(text, &value, NULL))
        gemel_sample_set(sample, GEMEL_METRIC_MEM_OOM_EVENTS,
                         sample->value[GEMEL_METRIC_MEM_OOM_EVENTS] + value);
}

/* ---- limits --------------------------------------------------------------------------------- */

#define LIMIT_PARSER(name, id)                                                                     \
    static void name(const char *text, GemelSample *sample)                                        \
    {                                                                                              \
        gemel_text_limit(text, GEMEL_METRIC_##id, sample);                                         \
    }
LIMIT_PARSER(memory_limit, MEM_LIMIT)
LIMIT_PARSER(v2_memory_high, MEM_HIGH)
LIMIT_PARSER(pids_max, PIDS_LIMIT)

static void set_cpu_limit(guint64 quota_us, guint64 period_us, GemelSample *sample)
{
    if (period_us > 0 && quota_us <= G_MAXUINT64 / 1000)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, quota_us * 1000 / period_us);
}

/* "50000 100000" or "max 100000". */
static void v2_cpu_max(const char *text, GemelSample *sample)
{
    guint64 quota, period;
    const char *end;

    if (gemel_text_number(text, &quota, &end) && *end == ' ' &&
        gemel_text_number(end + 1, &period, NULL))
        set_cpu_limit(quota, period, sample);
}

/* Quota and period are two files; the period comes first and waits in the value. */
static void v1_cpu_period(const char *text, GemelSample *sample)
{
    guint64 period;

    if (gemel_text_number(text, &period, NULL))
        sample->value[GEMEL_METRIC_CPU_LIMIT] = period;
}

static void v1_cpu_quota(const char *text, GemelSample *sample)
{
    guint64 quota, period = sample->value[GEMEL_METRIC_CPU_LIMIT];

    sample->value[GEMEL_METRIC_CPU_LIMIT] = 0;
    if (gemel_text_number(text, &quota, NULL)) /* "-1" is none */
        set_cpu_limit(quota, period, sample);
}

const GemelMetric native_limit_metrics[] = {GEMEL_METRIC_CPU_LIMIT, GEMEL_METRIC_MEM_LIMIT,
                                            GEMEL_METRIC_MEM_HIGH, GEMEL_METRIC_PIDS_LIMIT};
const guint native_limit_metrics_n = G_N_ELEMENTS(native_limit_metrics);

/* ---- devices -------------------------------------------------------------------------------- */

static void v2_io_stat(const char *text, GemelSample *sample)
{
    gemel_text_io_stat(text, GEMEL_METRIC_IO_RD_BYTES, TRUE, sample);
}

static void v1_blkio_bytes(const char *text, GemelSample *sample)
{
    gemel_text_blkio_bytes(text, GEMEL_METRIC_IO_RD_BYTES, TRUE, sample);
}

static void v1_blkio_ops(const char *text, GemelSample *sample)
{
    gemel_text_blkio_ops(text, GEMEL_METRIC_IO_RD_BYTES, TRUE, sample);
}

void native_name_disks(GemelSample *sample, GHashTable *names)
{
    for (guint i = 0; i < sample->rows->len; i++) {
        GemelRow *row = &g_array_index(sample->rows, GemelRow, i);
        const char *name;

        if (row->group != GEMEL_ROWS_DISK || row->name[strspn(row->name, "0123456789:")] != '\0')
            continue;
        name = g_hash_table_lookup(names, row->name);
        if (name == NULL) {
            g_autofree char *link = g_strdup_printf("/sys/dev/block/%s", row->name);
            char target[512];
            ssize_t length = readlink(link, target, sizeof target - 1);
            char *own;

            target[MAX(length, 0)] = '\0';
            own = length > 0 ? g_path_get_basename(target) : g_strdup(row->name);
            g_hash_table_insert(names, g_strdup(row->name), own);
            name = own;
        }
        g_strlcpy(row->name, name, sizeof row->name);
    }
}

/* ---- pressure ------------------------------------------------------------------------------- */

#define PRESSURE_PARSER(name, id)                                                                  \
    static void name(const char *text, GemelSample *sample)                                        \
    {                                                                                              \
        gemel_text_pressure(text, GEMEL_METRIC_##id, sample);                                      \
    }
PRESSURE_PARSER(cpu_pressure, PSI_CPU_SOME)
PRESSURE_PARSER(memory_pressure, PSI_MEM_SOME)
PRESSURE_PARSER(io_pressure, PSI_IO_SOME)

/* ---- the table ------------------------------------------------------------------------------ */

const NativeSampleFile native_sample_files[] = {
    {NATIVE_FROM_V2, 0, "cpu.stat", NULL, v2_cpu_stat, FALSE},
    {NATIVE_FROM_V2, 0, "memory.current", NULL, memory_usage, FALSE},
    {NATIVE_FROM_V2, 0, "memory.swap.current", NULL, v2_memory_swap, FALSE, TRUE},
    {NATIVE_FROM_V2, 0, "memory.stat", NULL, v2_memory_stat, FALSE, TRUE},
    {NATIVE_FROM_V2, 0, "memory.events", NULL, v2_memory_events, FALSE, TRUE},
    {NATIVE_FROM_V2, 0, "io.stat", NULL, v2_io_stat, FALSE},
    {NATIVE_FROM_V2, 0, "pids.current", NULL, pids_current, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage", NULL, v1_cpuacct_usage, FALSE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage_user", NULL, v1_cpuacct_user, FALSE,
     TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage_sys", NULL, v1_cpuacct_system, FALSE,
     TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.stat", NULL, v1_cpu_stat, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.usage_in_bytes", NULL, memory_usage, FALSE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.stat", NULL, v1_memory_stat, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.failcnt", NULL, v1_memory_failcnt, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.memsw.failcnt", NULL, v1_memory_failcnt, FALSE,
     TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.oom_control", NULL, v1_memory_oom, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_BLKIO, "blkio.throttle.io_service_bytes_recursive",
     "blkio.throttle.io_service_bytes", v1_blkio_bytes, FALSE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_BLKIO, "blkio.throttle.io_serviced_recursive",
     "blkio.throttle.io_serviced", v1_blkio_ops, FALSE, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_PIDS, "pids.current", NULL, pids_current, FALSE, TRUE},
    {NATIVE_FROM_PRESSURE, 0, "cpu.pressure", NULL, cpu_pressure, FALSE},
    {NATIVE_FROM_PRESSURE, 0, "memory.pressure", NULL, memory_pressure, FALSE},
    {NATIVE_FROM_PRESSURE, 0, "io.pressure", NULL, io_pressure, FALSE},
    {NATIVE_FROM_PROC, 0, "net/dev", NULL, gemel_text_net_dev, FALSE},

    {NATIVE_FROM_V2, 0, "cpu.max", NULL, v2_cpu_max, TRUE},
    {NATIVE_FROM_V2, 0, "memory.max", NULL, memory_limit, TRUE},
    {NATIVE_FROM_V2, 0, "memory.high", NULL, v2_memory_high, TRUE},
    {NATIVE_FROM_V2, 0, "pids.max", NULL, pids_max, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.cfs_period_us", NULL, v1_cpu_period, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.cfs_quota_us", NULL, v1_cpu_quota, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.limit_in_bytes", NULL, memory_limit, TRUE},
    {NATIVE_FROM_V1, NATIVE_CGROUP_PIDS, "pids.max", NULL, pids_max, TRUE},
};

const guint native_sample_files_n = G_N_ELEMENTS(native_sample_files);
