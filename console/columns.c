/* SPDX-License-Identifier: GPL-3.0-or-later */
/* columns.c - the figures and texts of the catalogue's columns, and choices of them. */
#include "console/columns.h"

#include <stdlib.h>
#include <string.h>

#include "console/output.h"

#define WIDTH_MAX 200

/* ---- figures -------------------------------------------------------------------------------- */

static gboolean gauge(const ModelInstance *instance, GemelMetric metric, double factor, double *ret)
{
    if (((instance->valid >> metric) & 1u) == 0)
        return FALSE;
    *ret = (double)instance->value[metric] * factor;
    return TRUE;
}

static gboolean rate(const ModelInstance *instance, GemelMetric metric, double factor, double *ret)
{
    if (((instance->rate_valid >> metric) & 1u) == 0)
        return FALSE;
    *ret = instance->rate[metric] * factor;
    return TRUE;
}

#define GAUGE(name, metric, factor)                                                                \
    static gboolean name##_figure(const ModelInstance *instance, double *ret)                      \
    {                                                                                              \
        return gauge(instance, GEMEL_METRIC_##metric, factor, ret);                                \
    }
#define RATE(name, metric, factor)                                                                 \
    static gboolean name##_figure(const ModelInstance *instance, double *ret)                      \
    {                                                                                              \
        return rate(instance, GEMEL_METRIC_##metric, factor, ret);                                 \
    }
#define NS_TO_PERCENT 1e-7
RATE(user, CPU_USER, NS_TO_PERCENT)
RATE(system, CPU_SYSTEM, NS_TO_PERCENT)
RATE(throttled, CPU_THROTTLED, NS_TO_PERCENT)
RATE(steal, CPU_STEAL, NS_TO_PERCENT)
GAUGE(anon, MEM_ANON, 1)
GAUGE(cache, MEM_FILE, 1)
GAUGE(host_memory, HOST_MEM_USAGE, 1)
RATE(faults, MEM_MAJOR_FAULTS, 1)
GAUGE(oom, MEM_OOM_KILLS, 1)
GAUGE(pids, PIDS_CURRENT, 1)
GAUGE(pids_limit, PIDS_LIMIT, 1)
GAUGE(psi_cpu, PSI_CPU_SOME, 0.01)
GAUGE(psi_memory, PSI_MEM_SOME, 0.01)
GAUGE(psi_io, PSI_IO_SOME, 0.01)
GAUGE(psi_cpu_full, PSI_CPU_FULL, 0.01)
GAUGE(psi_memory_full, PSI_MEM_FULL, 0.01)
GAUGE(psi_io_full, PSI_IO_FULL, 0.01)
RATE(read, IO_RD_BYTES, 1)
RATE(write, IO_WR_BYTES, 1)
RATE(rx, NET_RX_BYTES, 1)
RATE(tx, NET_TX_BYTES, 1)

/* The sum of two rates. */
static gboolean both(const ModelInstance *instance, GemelMetric one, GemelMetric two, double *ret)
{
    double a, b;

    if (!rate(instance, one, 1, &a) || !rate(instance, two, 1, &b))
        return FALSE;
    *ret = a + b;
    return TRUE;
}

static gboolean iops_figure(const ModelInstance *instance, double *ret)
{
    return both(instance, GEMEL_METRIC_IO_RD_OPS, GEMEL_METRIC_IO_WR_OPS, ret);
}

static gboolean packets_figure(const ModelInstance *instance, double *ret)
{
    return both(instance, GEMEL_METRIC_NET_RX_PACKETS, GEMEL_METRIC_NET_TX_PACKETS, ret);
}

static gboolean net_bad_figure(const ModelInstance *instance, double *ret)
{
    return both(instance, GEMEL_METRIC_NET_ERRORS, GEMEL_METRIC_NET_DROPS, ret);
}

/* A container's own, or of a guest what the host has swapped out. */
static gboolean swap_figure(const ModelInstance *instance, double *ret)
{
    return gauge(instance, GEMEL_METRIC_MEM_SWAP, 1, ret) ||
           gauge(instance, GEMEL_METRIC_HOST_MEM_SWAP, 1, ret);
}

static gboolean memory_limit_figure(const ModelInstance *instance, double *ret)
{
    if (gauge(instance, GEMEL_METRIC_MEM_LIMIT, 1, ret))
        return TRUE;
    *ret = (double)instance->info->memory_limit_bytes;
    return instance->info->memory_limit_bytes > 0;
}

static gboolean memory_percent_figure(const ModelInstance *instance, double *ret)
{
    guint64 used, limit;

    if (!model_memory(instance, &used, &limit) || limit == 0)
        return FALSE;
    *ret = 100.0 * (double)used / (double)limit;
    return TRUE;
}

static gboolean vcpus_figure(const ModelInstance *instance, double *ret)
{
    *ret = instance->info->vcpus;
    return instance->info->vcpus > 0;
}

static gboolean cpu_limit_figure(const ModelInstance *instance, double *ret)
{
    if (gauge(instance, GEMEL_METRIC_CPU_LIMIT, 0.001, ret))
        return TRUE;
    *ret = instance->info->cpu_limit;
    return instance->info->cpu_limit > 0;
}

static gboolean cpus_figure(const ModelInstance *instance, double *ret)
{
    if (instance->info->kind == GEMEL_KIND_VM)
        return vcpus_figure(instance, ret);
    *ret = instance->info->cpu_limit;
    return *ret > 0;
}

static gboolean uptime_figure(const ModelInstance *instance, double *ret)
{
    gint64 seconds;

    if (!model_uptime_s(instance, &seconds))
        return FALSE;
    *ret = (double)seconds;
    return TRUE;
}

static gboolean age_figure(const ModelInstance *instance, double *ret)
{
    gint64 age_ns = model_age_ns(instance);

    *ret = (double)age_ns / 1e9;
    return age_ns >= 0;
}

static gboolean alerts_figure(const ModelInstance *instance, double *ret)
{
    *ret = __builtin_popcount(instance->alerts);
    return instance->alerts != 0;
}

/* Guests, then containers. */
static gboolean kind_figure(const ModelInstance *instance, double *ret)
{
    *ret = instance->info->kind;
    return TRUE;
}

/* As the states are listed, running ones first, what is not known last. */
static gboolean state_figure(const ModelInstance *instance, double *ret)
{
    *ret = instance->info->state;
    return instance->info->state != GEMEL_STATE_UNKNOWN;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static const char *name_text(const ModelInstance *instance, GString *room)
{
    const char *name = instance->info->name;

    return name != NULL && *name != '\0' ? name : instance->info->id;
}

static const char *backend_text(const ModelInstance *instance, GString *room)
{
    return instance->backend->name;
}

static const char *image_text(const ModelInstance *instance, GString *room)
{
    return instance->info->image;
}

static const char *id_text(const ModelInstance *instance, GString *room)
{
    return instance->info->id;
}

static const char *reason_text(const ModelInstance *instance, GString *room)
{
    return instance->quarantine != NULL ? instance->quarantine : instance->info->state_reason;
}

static int compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "env=prod tier=web", by key. */
static const char *labels_text(const ModelInstance *instance, GString *room)
{
    GHashTable *labels = instance->info->labels;
    GHashTableIter iter;
    gpointer key, value;

    if (labels == NULL || g_hash_table_size(labels) == 0)
        return NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value))
        g_ptr_array_add(words, g_strconcat(key, "=", value, NULL));
    g_ptr_array_sort(words, compare_words);
    g_string_truncate(room, 0);
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(room, "%s%s", i > 0 ? " " : "", (char *)words->pdata[i]);
    return room->str;
}

/* Words rather than signs: nobody has to learn them. */
static const char *flags_text(const ModelInstance *instance, GString *room)
{
    const GemelInstance *info = instance->info;

    if (!info->autostart && !info->is_protected)
        return NULL;
    return info->autostart && info->is_protected ? "auto,protected"
           : info->autostart                     ? "auto"
                                                 : "protected";
}

/* ---- the table ------------------------------------------------------------------------------ */

#define TEXT(function)       .text = function, .rises = TRUE
#define FIGURE(function, of) .figure = function, .unit = of, .right = TRUE
#define SMALL                .min = 6, .priority = 10

const Column column_table[LIST_N] = {
    [LIST_NAME] = {"name", "NAME", "its name; ! before it when an alert is raised", .min = 12,
                   .max = 40, TEXT(name_text), .key = 'n'},
    [LIST_KIND] = {"kind", "KIND", "vm or ct (container)", .min = 5, .priority = 2,
                   .figure = kind_figure, .rises = TRUE, .key = 'k'},
    [LIST_STATE] = {"state", "STATE", "its state, or what is being done to it", .min = 8, .max = 9,
                    .priority = 1, .figure = state_figure, .rises = TRUE, .key = 's'},
    [LIST_CPUS] = {"cpus", "CPUS", "vCPUs of a guest, limit of a container", .min = 4,
                   .priority = 6, FIGURE(cpus_figure, UNIT_COUNT), .total = TOTAL_SUM},
    [LIST_CPU] = {"cpu", " CPU%", "CPU use and its last seconds; % says of what", .min = 12,
                  .max = 20, .priority = 2, .figure = model_figure_cpu, .unit = UNIT_PERCENT,
                  .total = TOTAL_SUM, .key = 'c'},
    [LIST_MEMORY] = {"memory", "MEMORY", "memory in use, and the limit", .min = 9, .max = 16,
                     .priority = 3, .figure = model_figure_memory, .unit = UNIT_BYTES,
                     .total = TOTAL_SUM, .key = 'm'},
    [LIST_PRESSURE] = {"pressure", "PRESS c/m/i",
                       "PSI avg10 of CPU, memory, I/O; sorted by the worst", .min = 11, .max = 14,
                       .priority = 4, .figure = model_figure_pressure, .unit = UNIT_PERCENT,
                       .total = TOTAL_MAX, .key = 'P'},
    [LIST_BLOCK] = {"block", "BLOCK r/w", "bytes read and written", .min = 9, .max = 11,
                    .priority = 7, .figure = model_figure_block, .unit = UNIT_BYTES_RATE,
                    .total = TOTAL_SUM, .key = 'b'},
    [LIST_NET] = {"net", "NET rx/tx", "bytes received and sent", .min = 9, .max = 11, .priority = 8,
                  .figure = model_figure_net, .unit = UNIT_BYTES_RATE, .total = TOTAL_SUM,
                  .key = 'w'},
    [LIST_UPTIME] = {"uptime", "UP", "time since its start", .min = 4, .priority = 5,
                     FIGURE(uptime_figure, UNIT_SECONDS), .rises = TRUE, .key = 'u'},
    [LIST_BACKEND] = {"backend", "BACKEND", "the host it is on", .min = 7, .max = 12, .priority = 9,
                      TEXT(backend_text), .key = 'h'},
    [LIST_ALERTS] = {"alerts", "ALERT", "how many alerts are raised for it", .min = 5,
                     .priority = 5, FIGURE(alerts_figure, UNIT_COUNT), .total = TOTAL_SUM,
                     .key = 'a'},
    [LIST_REASON] = {"reason", "REASON", "why it is in its state, or has no figures", .min = 10,
                     .max = 40, .priority = 11, TEXT(reason_text)},
    [LIST_IMAGE] = {"image", "IMAGE", "what it was made from", .min = 10, .max = 30, .priority = 11,
                    TEXT(image_text)},
    [LIST_LABELS] = {"labels", "LABELS", "its labels", .min = 10, .max = 40, .priority = 12,
                     TEXT(labels_text)},
    [LIST_ID] = {"id", "ID", "the id that never changes, as much as fits", .min = 12, .max = 64,
                 .priority = 13, TEXT(id_text)},
    [LIST_FLAGS] = {"flags", "FLAGS", "auto (starts with the host), protected", .min = 5, .max = 14,
                    .priority = 10, TEXT(flags_text)},
    [LIST_AGE] = {"age", "AGE", "how old its figures are", .min = 5, .priority = 10,
                  FIGURE(age_figure, UNIT_SECONDS)},
    [LIST_VCPUS] = {"vcpus", "VCPUS", "vCPUs of a guest", .min = 5, .priority = 9,
                    FIGURE(vcpus_figure, UNIT_COUNT), .total = TOTAL_SUM},
    [LIST_CPU_LIMIT] = {"cpu-limit", "CPULIM", "CPUs it may use at most", SMALL,
                        FIGURE(cpu_limit_figure, UNIT_COUNT), .total = TOTAL_SUM},
    [LIST_USER] = {"user", "USER%", "CPU use in user mode, of a core", SMALL,
                   FIGURE(user_figure, UNIT_PERCENT), .total = TOTAL_SUM},
    [LIST_SYSTEM] = {"system", "SYS%", "CPU use in the kernel, of a core", SMALL,
                     FIGURE(system_figure, UNIT_PERCENT), .total = TOTAL_SUM},
    [LIST_THROTTLED] = {"throttled", "THROT%", "time its CPU quota kept it waiting", .min = 6,
                        .priority = 7, FIGURE(throttled_figure, UNIT_PERCENT), .total = TOTAL_MAX,
                        .key = 't'},
    [LIST_STEAL] = {"steal", "STEAL%", "time its vCPUs waited for a CPU of the host", .min = 6,
                    .priority = 7, FIGURE(steal_figure, UNIT_PERCENT), .total = TOTAL_MAX,
                    .key = 'l'},
    [LIST_MEMORY_PERCENT] = {"memory%", "MEM%", "memory in use, of its limit", SMALL,
                             FIGURE(memory_percent_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_MEMORY_LIMIT] = {"memory-limit", "MEMLIM", "memory it may use at most", SMALL,
                           FIGURE(memory_limit_figure, UNIT_BYTES), .total = TOTAL_SUM},
    [LIST_ANON] = {"anon", "ANON", "memory of its processes", SMALL,
                   FIGURE(anon_figure, UNIT_BYTES), .total = TOTAL_SUM},
    [LIST_CACHE] = {"cache", "CACHE", "page cache", SMALL, FIGURE(cache_figure, UNIT_BYTES),
                    .total = TOTAL_SUM},
    [LIST_SWAP] = {"swap", "SWAP", "swapped out; of a guest, by the host", SMALL,
                   FIGURE(swap_figure, UNIT_BYTES), .total = TOTAL_SUM},
    [LIST_HOST_MEMORY] = {"host-memory", "HOSTMEM", "what the host is charged for a guest",
                          .min = 7, .priority = 10, FIGURE(host_memory_figure, UNIT_BYTES),
                          .total = TOTAL_SUM},
    [LIST_FAULTS] = {"faults", "FAULTS", "page faults that had to read", SMALL,
                     FIGURE(faults_figure, UNIT_RATE), .total = TOTAL_SUM},
    [LIST_OOM] = {"oom", "OOM", "processes killed for want of memory", .min = 5, .priority = 10,
                  FIGURE(oom_figure, UNIT_COUNT), .total = TOTAL_SUM},
    [LIST_PIDS] = {"pids", "PIDS", "processes and threads", .min = 5, .priority = 8,
                   FIGURE(pids_figure, UNIT_COUNT), .total = TOTAL_SUM, .key = 'p'},
    [LIST_PIDS_LIMIT] = {"pids-limit", "PIDLIM", "how many it may have at most", SMALL,
                         FIGURE(pids_limit_figure, UNIT_COUNT)},
    [LIST_PSI_CPU] = {"psi-cpu", "PSIcpu", "time some task waited for a CPU (some avg10)", SMALL,
                      FIGURE(psi_cpu_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_PSI_MEMORY] = {"psi-memory", "PSImem", "time some task waited for memory", SMALL,
                         FIGURE(psi_memory_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_PSI_IO] = {"psi-io", "PSIio", "time some task waited for I/O", SMALL,
                     FIGURE(psi_io_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_PSI_CPU_FULL] = {"psi-cpu-full", "FULcpu", "time all tasks waited for a CPU", SMALL,
                           FIGURE(psi_cpu_full_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_PSI_MEMORY_FULL] = {"psi-memory-full", "FULmem", "time all tasks waited for memory",
                              SMALL, FIGURE(psi_memory_full_figure, UNIT_PERCENT),
                              .total = TOTAL_MAX},
    [LIST_PSI_IO_FULL] = {"psi-io-full", "FULio", "time all tasks waited for I/O", SMALL,
                          FIGURE(psi_io_full_figure, UNIT_PERCENT), .total = TOTAL_MAX},
    [LIST_READ] = {"read", "READ", "bytes read from disks", SMALL,
                   FIGURE(read_figure, UNIT_BYTES_RATE), .total = TOTAL_SUM},
    [LIST_WRITE] = {"write", "WRITE", "bytes written to disks", SMALL,
                    FIGURE(write_figure, UNIT_BYTES_RATE), .total = TOTAL_SUM},
    [LIST_IOPS] = {"iops", "IOPS", "disk requests", SMALL, FIGURE(iops_figure, UNIT_RATE),
                   .total = TOTAL_SUM},
    [LIST_RX] = {"rx", "RX", "bytes received", SMALL, FIGURE(rx_figure, UNIT_BYTES_RATE),
                 .total = TOTAL_SUM},
    [LIST_TX] = {"tx", "TX", "bytes sent", SMALL, FIGURE(tx_figure, UNIT_BYTES_RATE),
                 .total = TOTAL_SUM},
    [LIST_PACKETS] = {"packets", "PKTS", "packets received and sent", SMALL,
                      FIGURE(packets_figure, UNIT_RATE), .total = TOTAL_SUM},
    [LIST_NET_BAD] = {"net-bad", "NETBAD", "packets lost and in error", SMALL,
                      FIGURE(net_bad_figure, UNIT_RATE), .total = TOTAL_SUM},
};

/* What the list shows unless the user says otherwise, as far as there is room. */
static const ColumnId standard[] = {LIST_NAME, LIST_KIND,   LIST_STATE,    LIST_CPUS,
                                    LIST_CPU,  LIST_MEMORY, LIST_PRESSURE, LIST_BLOCK,
                                    LIST_NET,  LIST_UPTIME, LIST_BACKEND};

ColumnId column_find(const char *id)
{
    ColumnId column = 0;

    while (column < LIST_N && strcmp(column_table[column].id, id) != 0)
        column++;
    return column;
}

const char *column_unit_name(ColumnUnit unit)
{
    static const char *const names[UNIT_N] = {
        [UNIT_NONE] = "",  [UNIT_PERCENT] = "%", [UNIT_BYTES] = "B",   [UNIT_BYTES_RATE] = "B/s",
        [UNIT_COUNT] = "", [UNIT_RATE] = "1/s",  [UNIT_SECONDS] = "s",
    };

    return names[unit];
}

char *column_format(ColumnUnit unit, double value)
{
    switch (unit) {
    case UNIT_PERCENT:
        return format_percent(value);
    case UNIT_BYTES:
        return format_bytes((guint64)MAX(value, 0));
    case UNIT_BYTES_RATE:
        return format_rate(value);
    case UNIT_SECONDS:
        return value < 10 ? g_strdup_printf("%.1fs", value) : format_uptime((gint64)value);
    default:
        return value < 100000 ? g_strdup_printf(value < 1000 ? "%.3g" : "%.0f", value)
                              : g_strdup_printf("%.0fk", value / 1000);
    }
}

/* ---- the user's choice ---------------------------------------------------------------------- */

static void add_standard(GArray *choice)
{
    for (gsize i = 0; i < G_N_ELEMENTS(standard); i++) {
        ColumnChoice one = {standard[i], 0};

        g_array_append_val(choice, one);
    }
}

/* The place of a column, -1 when it is not chosen. */
static int place_of(const GArray *choice, ColumnId id)
{
    for (guint i = 0; i < choice->len; i++)
        if (g_array_index(choice, ColumnChoice, i).id == id)
            return (int)i;
    return -1;
}

/* "memory:12". */
static gboolean parse_word(const char *word, ColumnChoice *ret, GError **error)
{
    const char *colon = strchr(word, ':');
    g_autofree char *id = colon != NULL ? g_strndup(word, (gsize)(colon - word)) : g_strdup(word);
    char *end = NULL;
    long width = colon != NULL ? strtol(colon + 1, &end, 10) : 0;

    ret->id = column_find(id);
    ret->width = (int)width;
    if (ret->id == LIST_N)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "columns: there is no column '%s'; `columns` lists them", id);
    if (colon != NULL && (colon[1] == '\0' || *end != '\0' || width < 1 || width > WIDTH_MAX))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "columns: '%s' needs a width from 1 to %d, as in %s:12", word,
                               WIDTH_MAX, id);
    return TRUE;
}

/* Adds, takes away or, given anew, sizes and keeps in its place. */
static gboolean take_word(GArray *choice, const char *word, GError **error)
{
    char sign = *word == '+' || *word == '-' ? *word++ : 0;
    ColumnChoice one;

    if (sign == 0 && strcmp(word, "default") == 0) {
        add_standard(choice);
        return TRUE;
    }
    if (!parse_word(word, &one, error))
        return FALSE;
    int place = place_of(choice, one.id);

    if (sign == '-' && place >= 0)
        g_array_remove_index(choice, (guint)place);
    else if (sign != '-' && place >= 0)
        g_array_index(choice, ColumnChoice, place).width = one.width;
    else if (sign != '-')
        g_array_append_val(choice, one);
    return TRUE;
}

GArray *columns_parse(const char *text, const char *now, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,\t", -1);
    g_autoptr(GArray) choice = NULL;

    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] == '\0')
            continue;
        if (choice == NULL && (*words[i] == '+' || *words[i] == '-'))
            choice = columns_parse(now != NULL ? now : "default", NULL, NULL);
        if (choice == NULL)
            choice = g_array_new(FALSE, FALSE, sizeof(ColumnChoice));
        if (!take_word(choice, words[i], error))
            return NULL;
    }
    if (choice == NULL || choice->len == 0) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "columns: at least one is needed; `columns default` brings back the usual");
        return NULL;
    }
    return g_steal_pointer(&choice);
}

char *columns_text(const GArray *choice)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean usual = choice->len == G_N_ELEMENTS(standard);

    for (guint i = 0; i < choice->len; i++) {
        const ColumnChoice *one = &g_array_index(choice, ColumnChoice, i);

        usual = usual && one->id == standard[i] && one->width == 0;
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", column_table[one->id].id);
        if (one->width > 0)
            g_string_append_printf(text, ":%d", one->width);
    }
    return usual ? g_strdup("default") : g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- grouping ------------------------------------------------------------------------------- */

static const char *const group_names[GROUP_N] = {"none", "host", "kind", "state", "label"};

const char *group_name(GroupBy by)
{
    return group_names[by];
}

gboolean group_parse(const char *text, GroupBy *ret_by, const char **ret_label, GError **error)
{
    *ret_label = NULL;
    if (strncmp(text, "label", 5) == 0 && (text[5] == ':' || text[5] == '=' || text[5] == ' ') &&
        text[6] != '\0') {
        *ret_by = GROUP_LABEL;
        *ret_label = text + 6;
        return TRUE;
    }
    for (GroupBy by = GROUP_NONE; by < GROUP_LABEL; by++) {
        if (strcmp(text, group_names[by]) == 0) {
            *ret_by = by;
            return TRUE;
        }
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID,
                           "group: '%s' is none of none, host, kind, state and label:KEY", text);
}

gboolean columns_check_option(const char *name, const char *value, GError **error)
{
    if (strcmp(name, "columns") == 0) {
        g_autoptr(GArray) choice = columns_parse(value, NULL, error);

        return choice != NULL;
    }
    if (strcmp(name, "sort") == 0 && column_find(value) == LIST_N)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "sort: there is no column '%s'; `columns` lists them", value);
    if (strcmp(name, "group") == 0) {
        const char *label;
        GroupBy by;

        return group_parse(value, &by, &label, error);
    }
    return TRUE;
}
