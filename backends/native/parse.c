/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/parse.h"

#include <string.h>
#include <unistd.h>

#include "backends/native/cgroup.h"

/* ---- pieces --------------------------------------------------------------------------------- */

static const char *next_line(const char *at)
{
    at = strchr(at, '\n');
    return at != NULL ? at + 1 : NULL;
}

/* A decimal number; TRUE and *ret_end behind it when there is one that fits. */
static gboolean take_number(const char *text, guint64 *ret, const char **ret_end)
{
    guint64 value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        guint digit = (guint)(*at - '0');

        if (value > (G_MAXUINT64 - digit) / 10)
            return FALSE;
        value = value * 10 + digit;
    }
    if (at == text)
        return FALSE;
    *ret = value;
    if (ret_end != NULL)
        *ret_end = at;
    return TRUE;
}

/* The number behind "key " at the beginning of a line. */
static gboolean find_number(const char *text, const char *key, guint64 *ret)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line))
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return take_number(line + length + 1, ret, NULL);
    return FALSE;
}

static void set_found(const char *text, const char *key, guint64 factor, GemelMetric metric,
                      GemelSample *sample)
{
    guint64 value;

    if (find_number(text, key, &value))
        gemel_sample_set(sample, metric, value * factor);
}

static void set_whole(const char *text, GemelMetric metric, GemelSample *sample)
{
    guint64 value;

    if (take_number(text, &value, NULL))
        gemel_sample_set(sample, metric, value);
}

/* ---- cpu ------------------------------------------------------------------------------------ */

static void v2_cpu_stat(const char *text, GemelSample *sample)
{
    set_found(text, "usage_usec", 1000, GEMEL_METRIC_CPU_USAGE, sample);
    set_found(text, "user_usec", 1000, GEMEL_METRIC_CPU_USER, sample);
    set_found(text, "system_usec", 1000, GEMEL_METRIC_CPU_SYSTEM, sample);
    set_found(text, "throttled_usec", 1000, GEMEL_METRIC_CPU_THROTTLED, sample);
    set_found(text, "nr_throttled", 1, GEMEL_METRIC_CPU_NR_THROTTLED, sample);
}

/* "50000 100000" or "max 100000". */
static void v2_cpu_max(const char *text, GemelSample *sample)
{
    guint64 quota, period;
    const char *end;

    if (take_number(text, &quota, &end) && *end == ' ' && take_number(end + 1, &period, NULL) &&
        period > 0)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, quota * 1000 / period);
}

static void v1_cpu_stat(const char *text, GemelSample *sample)
{
    set_found(text, "throttled_time", 1, GEMEL_METRIC_CPU_THROTTLED, sample);
    set_found(text, "nr_throttled", 1, GEMEL_METRIC_CPU_NR_THROTTLED, sample);
}

/* Quota and period are two files; the period comes first and waits in the value. */
static void v1_cpu_period(const char *text, GemelSample *sample)
{
    guint64 period;

    if (take_number(text, &period, NULL))
        sample->value[GEMEL_METRIC_CPU_LIMIT] = period;
}

static void v1_cpu_quota(const char *text, GemelSample *sample)
{
    guint64 quota, period = sample->value[GEMEL_METRIC_CPU_LIMIT];

    sample->value[GEMEL_METRIC_CPU_LIMIT] = 0;
    if (period > 0 && take_number(text, &quota, NULL)) /* "-1" is none */
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, quota * 1000 / period);
}

static void v1_cpuacct_usage(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_CPU_USAGE, sample);
}

static void v1_cpuacct_user(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_CPU_USER, sample);
}

static void v1_cpuacct_system(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_CPU_SYSTEM, sample);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_usage(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_MEM_USAGE, sample);
}

/* v2 says "max" for none, v1 the largest page-aligned number. */
static void memory_limit(const char *text, GemelSample *sample)
{
    guint64 value;

    if (take_number(text, &value, NULL) && value < G_GUINT64_CONSTANT(0x7fffffffffff0000))
        gemel_sample_set(sample, GEMEL_METRIC_MEM_LIMIT, value);
}

static void v2_memory_swap(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_MEM_SWAP, sample);
}

static void v2_memory_stat(const char *text, GemelSample *sample)
{
    set_found(text, "anon", 1, GEMEL_METRIC_MEM_ANON, sample);
    set_found(text, "file", 1, GEMEL_METRIC_MEM_FILE, sample);
}

static void v2_memory_events(const char *text, GemelSample *sample)
{
    set_found(text, "high", 1, GEMEL_METRIC_MEM_HIGH_EVENTS, sample);
    set_found(text, "oom", 1, GEMEL_METRIC_MEM_OOM_EVENTS, sample);
    set_found(text, "oom_kill", 1, GEMEL_METRIC_MEM_OOM_KILLS, sample);
}

static void v1_memory_stat(const char *text, GemelSample *sample)
{
    set_found(text, "total_rss", 1, GEMEL_METRIC_MEM_ANON, sample);
    set_found(text, "total_cache", 1, GEMEL_METRIC_MEM_FILE, sample);
    set_found(text, "total_swap", 1, GEMEL_METRIC_MEM_SWAP, sample);
}

static void v1_memory_failcnt(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_MEM_OOM_EVENTS, sample);
}

static void v1_memory_oom(const char *text, GemelSample *sample)
{
    set_found(text, "oom_kill", 1, GEMEL_METRIC_MEM_OOM_KILLS, sample);
}

/* ---- pids ----------------------------------------------------------------------------------- */

static void pids_current(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_PIDS_CURRENT, sample);
}

static void pids_max(const char *text, GemelSample *sample)
{
    set_whole(text, GEMEL_METRIC_PIDS_LIMIT, sample); /* "max" is none */
}

/* ---- block devices -------------------------------------------------------------------------- */

/* The row of the device "254:0", made when it is not there yet. */
static GemelRow *disk_row(GemelSample *sample, const char *name, gsize length)
{
    char buffer[sizeof((GemelRow *)NULL)->name];

    g_strlcpy(buffer, name, MIN(length + 1, sizeof buffer));
    for (guint i = 0; i < sample->rows->len; i++) {
        GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        if (row->group == GEMEL_ROWS_DISK && strcmp(row->name, buffer) == 0)
            return row;
    }
    return gemel_sample_add_row(sample, GEMEL_ROWS_DISK, buffer);
}

static void add_disk(GemelSample *sample, GemelRow *row, GemelRowMetric row_metric,
                     GemelMetric metric, guint64 value)
{
    gemel_row_set(row, row_metric, value);
    gemel_sample_set(sample, metric, sample->value[metric] + value);
}

static const struct {
    const char *key;
    GemelRowMetric row;
    GemelMetric total;
} io_stat_keys[] = {
    {"rbytes=", GEMEL_ROW_DISK_RD_BYTES, GEMEL_METRIC_IO_RD_BYTES},
    {"wbytes=", GEMEL_ROW_DISK_WR_BYTES, GEMEL_METRIC_IO_WR_BYTES},
    {"rios=", GEMEL_ROW_DISK_RD_OPS, GEMEL_METRIC_IO_RD_OPS},
    {"wios=", GEMEL_ROW_DISK_WR_OPS, GEMEL_METRIC_IO_WR_OPS},
};

/* A group that never read or wrote has an empty file: that is 0, not "unknown". */
static void zero_io(GemelSample *sample, guint first, guint count)
{
    for (guint i = first; i < first + count; i++)
        gemel_sample_set(sample, io_stat_keys[i].total, 0);
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static void v2_io_stat(const char *text, GemelSample *sample)
{
    zero_io(sample, 0, 4);
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line)) {
        gsize length = strcspn(line, " \n");
        GemelRow *row;

        if (length == 0 || line[length] != ' ' || strncmp(line + length, " rbytes=", 8) != 0)
            continue;
        row = disk_row(sample, line, length);
        for (const char *at = line + length; *at == ' '; at += strcspn(at, " \n")) {
            at++;
            for (guint k = 0; k < G_N_ELEMENTS(io_stat_keys); k++) {
                gsize key = strlen(io_stat_keys[k].key);
                guint64 value;

                if (strncmp(at, io_stat_keys[k].key, key) == 0 &&
                    take_number(at + key, &value, NULL))
                    add_disk(sample, row, io_stat_keys[k].row, io_stat_keys[k].total, value);
            }
        }
    }
}

/* "254:0 Read 4096" among Write, Sync, Async, Discard, Total; then "Total N". `first` is the index
   of the reading half in io_stat_keys. */
static void v1_blkio(const char *text, GemelSample *sample, guint first)
{
    zero_io(sample, first, 2);
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line)) {
        gsize length = strcspn(line, " \n");
        guint64 value;

        if (line[length] != ' ')
            continue;
        for (guint k = first; k < first + 2; k++) {
            const char *word = k == first ? " Read " : " Write ";

            if (strncmp(line + length, word, strlen(word)) == 0 &&
                take_number(line + length + strlen(word), &value, NULL))
                add_disk(sample, disk_row(sample, line, length), io_stat_keys[k].row,
                         io_stat_keys[k].total, value);
        }
    }
}

static void v1_blkio_bytes(const char *text, GemelSample *sample)
{
    v1_blkio(text, sample, 0);
}

static void v1_blkio_ops(const char *text, GemelSample *sample)
{
    v1_blkio(text, sample, 2);
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

/* ---- network -------------------------------------------------------------------------------- */

static void add_nic(GemelSample *sample, GemelRow *row, GemelRowMetric row_metric,
                    GemelMetric metric, guint64 value)
{
    gemel_row_set(row, row_metric, value);
    gemel_sample_set(sample, metric, sample->value[metric] + value);
}

/*
 * Two lines of heading, then "  eth0: BYTES PACKETS ERRS DROP FIFO FRAME COMPRESSED MULTICAST" and
 * the same eight for sending. A container with lo alone has no network figures but 0.
 */
static void proc_net_dev(const char *text, GemelSample *sample)
{
    const char *line = next_line(text);

    line = line != NULL ? next_line(line) : NULL;
    for (GemelMetric metric = GEMEL_METRIC_NET_RX_BYTES; metric <= GEMEL_METRIC_NET_DROPS; metric++)
        gemel_sample_set(sample, metric, 0);
    for (; line != NULL && *line != '\0'; line = next_line(line)) {
        guint64 field[16] = {0};
        const char *name = line + strspn(line, " "), *at;
        char buffer[32];
        gsize length = strcspn(name, ":\n");
        GemelRow *row;
        guint i;

        if (name[length] != ':')
            continue;
        at = name + length + 1;
        for (i = 0; i < G_N_ELEMENTS(field); i++) {
            at += strspn(at, " ");
            if (!take_number(at, &field[i], &at))
                break;
        }
        g_strlcpy(buffer, name, MIN(length + 1, sizeof buffer));
        if (i < G_N_ELEMENTS(field) || strcmp(buffer, "lo") == 0)
            continue;
        row = gemel_sample_add_row(sample, GEMEL_ROWS_NIC, buffer);
        add_nic(sample, row, GEMEL_ROW_NIC_RX_BYTES, GEMEL_METRIC_NET_RX_BYTES, field[0]);
        add_nic(sample, row, GEMEL_ROW_NIC_RX_PACKETS, GEMEL_METRIC_NET_RX_PACKETS, field[1]);
        add_nic(sample, row, GEMEL_ROW_NIC_TX_BYTES, GEMEL_METRIC_NET_TX_BYTES, field[8]);
        add_nic(sample, row, GEMEL_ROW_NIC_TX_PACKETS, GEMEL_METRIC_NET_TX_PACKETS, field[9]);
        add_nic(sample, row, GEMEL_ROW_NIC_ERRORS, GEMEL_METRIC_NET_ERRORS, field[2] + field[10]);
        add_nic(sample, row, GEMEL_ROW_NIC_DROPS, GEMEL_METRIC_NET_DROPS, field[3] + field[11]);
    }
}

/* ---- pressure ------------------------------------------------------------------------------- */

/* "1.25" as 125. */
static gboolean take_percent(const char *text, guint64 *ret)
{
    guint64 whole, cents = 0;
    const char *at;

    if (!take_number(text, &whole, &at))
        return FALSE;
    if (at[0] == '.' && g_ascii_isdigit(at[1]) && g_ascii_isdigit(at[2]))
        cents = (guint64)(at[1] - '0') * 10 + (guint64)(at[2] - '0');
    *ret = whole * 100 + cents;
    return TRUE;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and a line "full"; some, full and total follow
   one another in the schema. */
static void pressure(const char *text, GemelMetric some, GemelSample *sample)
{
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line)) {
        gboolean is_some = strncmp(line, "some avg10=", 11) == 0;
        guint64 value;
        const char *total;

        if (!is_some && strncmp(line, "full avg10=", 11) != 0)
            continue;
        if (take_percent(line + 11, &value))
            gemel_sample_set(sample, is_some ? some : some + 1, value);
        total = is_some ? strstr(line, "total=") : NULL;
        if (total != NULL && take_number(total + strlen("total="), &value, NULL))
            gemel_sample_set(sample, some + 2, value);
    }
}

G_STATIC_ASSERT(GEMEL_METRIC_PSI_CPU_FULL == GEMEL_METRIC_PSI_CPU_SOME + 1);
G_STATIC_ASSERT(GEMEL_METRIC_PSI_CPU_TOTAL == GEMEL_METRIC_PSI_CPU_SOME + 2);
G_STATIC_ASSERT(GEMEL_METRIC_PSI_MEM_TOTAL == GEMEL_METRIC_PSI_MEM_SOME + 2);
G_STATIC_ASSERT(GEMEL_METRIC_PSI_IO_TOTAL == GEMEL_METRIC_PSI_IO_SOME + 2);

static void cpu_pressure(const char *text, GemelSample *sample)
{
    pressure(text, GEMEL_METRIC_PSI_CPU_SOME, sample);
}

static void memory_pressure(const char *text, GemelSample *sample)
{
    pressure(text, GEMEL_METRIC_PSI_MEM_SOME, sample);
}

static void io_pressure(const char *text, GemelSample *sample)
{
    pressure(text, GEMEL_METRIC_PSI_IO_SOME, sample);
}

/* ---- the table ------------------------------------------------------------------------------ */

const NativeSampleFile native_sample_files[] = {
    {NATIVE_FROM_V2, 0, "cpu.stat", NULL, v2_cpu_stat},
    {NATIVE_FROM_V2, 0, "cpu.max", NULL, v2_cpu_max},
    {NATIVE_FROM_V2, 0, "memory.current", NULL, memory_usage},
    {NATIVE_FROM_V2, 0, "memory.max", NULL, memory_limit},
    {NATIVE_FROM_V2, 0, "memory.swap.current", NULL, v2_memory_swap},
    {NATIVE_FROM_V2, 0, "memory.stat", NULL, v2_memory_stat},
    {NATIVE_FROM_V2, 0, "memory.events", NULL, v2_memory_events},
    {NATIVE_FROM_V2, 0, "io.stat", NULL, v2_io_stat},
    {NATIVE_FROM_V2, 0, "pids.current", NULL, pids_current},
    {NATIVE_FROM_V2, 0, "pids.max", NULL, pids_max},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage", NULL, v1_cpuacct_usage},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage_user", NULL, v1_cpuacct_user},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPUACCT, "cpuacct.usage_sys", NULL, v1_cpuacct_system},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.stat", NULL, v1_cpu_stat},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.cfs_period_us", NULL, v1_cpu_period},
    {NATIVE_FROM_V1, NATIVE_CGROUP_CPU, "cpu.cfs_quota_us", NULL, v1_cpu_quota},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.usage_in_bytes", NULL, memory_usage},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.limit_in_bytes", NULL, memory_limit},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.stat", NULL, v1_memory_stat},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.failcnt", NULL, v1_memory_failcnt},
    {NATIVE_FROM_V1, NATIVE_CGROUP_MEMORY, "memory.oom_control", NULL, v1_memory_oom},
    {NATIVE_FROM_V1, NATIVE_CGROUP_BLKIO, "blkio.throttle.io_service_bytes_recursive",
     "blkio.throttle.io_service_bytes", v1_blkio_bytes},
    {NATIVE_FROM_V1, NATIVE_CGROUP_BLKIO, "blkio.throttle.io_serviced_recursive",
     "blkio.throttle.io_serviced", v1_blkio_ops},
    {NATIVE_FROM_V1, NATIVE_CGROUP_PIDS, "pids.current", NULL, pids_current},
    {NATIVE_FROM_V1, NATIVE_CGROUP_PIDS, "pids.max", NULL, pids_max},
    {NATIVE_FROM_PRESSURE, 0, "cpu.pressure", NULL, cpu_pressure},
    {NATIVE_FROM_PRESSURE, 0, "memory.pressure", NULL, memory_pressure},
    {NATIVE_FROM_PRESSURE, 0, "io.pressure", NULL, io_pressure},
    {NATIVE_FROM_PROC, 0, "net/dev", NULL, proc_net_dev},
};

const guint native_sample_files_n = G_N_ELEMENTS(native_sample_files);
