/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/sim/sim.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const op_names[SIM_OP_N] = {
    [SIM_OP_OPEN] = "open",
    [SIM_OP_LIST] = "list",
    [SIM_OP_SAMPLE] = "sample",
    [SIM_OP_PROCESSES] = "processes",
    [SIM_OP_ISOLATION] = "isolation",
    [SIM_OP_LOG] = "log",
    [SIM_OP_HOST] = "host",
    [SIM_OP_DOCTOR] = "doctor",
    [SIM_OP_INSPECT] = "inspect",
    [SIM_OP_CREATE] = "create",
    [SIM_OP_SNAPSHOT_LIST] = "snapshot-list",
    [SIM_OP_SNAPSHOT_CREATE] = "snapshot-create",
    [SIM_OP_SNAPSHOT_REVERT] = "snapshot-revert",
    [SIM_OP_SNAPSHOT_DELETE] = "snapshot-delete",
    [SIM_OP_SNAPSHOT_DIFF] = "snapshot-diff",
    [SIM_OP_CONSOLE] = "console",
    [SIM_OP_EXEC] = "exec",
    [SIM_OP_EDIT] = "edit",
    [SIM_OP_ACT + GEMEL_ACT_START] = "start",
    [SIM_OP_ACT + GEMEL_ACT_STOP] = "stop",
    [SIM_OP_ACT + GEMEL_ACT_KILL] = "kill",
    [SIM_OP_ACT + GEMEL_ACT_RESTART] = "restart",
    [SIM_OP_ACT + GEMEL_ACT_RESET] = "reset",
    [SIM_OP_ACT + GEMEL_ACT_PAUSE] = "pause",
    [SIM_OP_ACT + GEMEL_ACT_RESUME] = "resume",
    [SIM_OP_ACT + GEMEL_ACT_DELETE] = "delete",
    [SIM_OP_ACT + GEMEL_ACT_LIMIT] = "limit",
    [SIM_OP_ACT + GEMEL_ACT_SAVE] = "save",
    [SIM_OP_ACT + GEMEL_ACT_RESTORE] = "restore",
    [SIM_OP_ACT + GEMEL_ACT_AUTOSTART] = "autostart",
    [SIM_OP_ACT + GEMEL_ACT_PROTECT] = "protect",
    [SIM_OP_ACT + GEMEL_ACT_RENAME] = "rename",
    [SIM_OP_ACT + GEMEL_ACT_CLONE] = "clone",
};

const char *sim_op_name(SimOp op)
{
    return op < SIM_OP_N ? op_names[op] : "unknown";
}

/* A whole number in [0, max]; FALSE if it is none. */
static gboolean parse_count(const char *text, guint64 max, guint64 *ret)
{
    return g_ascii_string_to_unsigned(text, 10, 0, max, ret, NULL);
}

/* A finite number in [0, max]; FALSE if it is none. */
static gboolean parse_number(const char *text, double max, double *ret)
{
    char *end = NULL;
    double value;

    if (!g_ascii_isdigit(text[0]))
        return FALSE;
    value = g_ascii_strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < 0 || value > max)
        return FALSE;
    *ret = value;
    return TRUE;
}

/* "250us", "5ms", "2s", "1m", "1h" or "0"; at most a year. */
static gboolean parse_duration(const char *text, gint64 *ret_ns)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"", 0}};

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autofree char *number = NULL;
        double value;

        if (!g_str_has_suffix(text, units[i].suffix))
            continue;
        number = g_strndup(text, strlen(text) - strlen(units[i].suffix));
        if (!parse_number(number, 31536000e9, &value) || value * units[i].ns > 31536000e9)
            continue;
        if (units[i].ns == 0 && value != 0)
            continue; /* only 0 needs no unit */
        *ret_ns = (gint64)(value * units[i].ns);
        return TRUE;
    }
    return FALSE;
}

/* The bits of an operation's name, or of "all"; 0 if there is none of that name. */
static guint64 parse_op(const char *name)
{
    if (g_str_equal(name, "all"))
        return (G_GUINT64_CONSTANT(1) << SIM_OP_N) - 1;
    for (SimOp op = 0; op < SIM_OP_N; op++)
        if (g_str_equal(name, op_names[op]))
            return G_GUINT64_CONSTANT(1) << op;
    return 0;
}

/* Each reader takes the value of its option and returns what would have been right, or NULL. */
typedef const char *(*OptionReader)(SimOptions *options, const char *value);

static const char *read_seed(SimOptions *options, const char *value)
{
    return parse_count(value, G_MAXUINT64, &options->seed) ? NULL : "a whole number";
}

static const char *read_latency(SimOptions *options, const char *value)
{
    return parse_duration(value, &options->latency_ns) ? NULL : "a duration such as 5ms or 2s";
}

static const char *read_jitter(SimOptions *options, const char *value)
{
    return parse_duration(value, &options->jitter_ns) ? NULL : "a duration such as 5ms or 2s";
}

static const char *read_pace(SimOptions *options, const char *value)
{
    return parse_number(value, 100, &options->pace) ? NULL : "a factor from 0 to 100";
}

static const char *read_fail(SimOptions *options, const char *value)
{
    const char *right = "OPERATION:PROBABILITY[:KIND], several joined by +, such as start:0.1 or "
                        "list:1:timeout";
    g_auto(GStrv) items = g_strsplit(value, "+", -1);

    if (items[0] == NULL)
        return right;
    for (guint i = 0; items[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(items[i], ":", 3);
        guint64 ops = parts[0] != NULL ? parse_op(parts[0]) : 0;
        GemelErrorKind kind = GEMEL_ERROR_FAILED;
        double probability;

        if (ops == 0 || parts[1] == NULL || !parse_number(parts[1], 1, &probability))
            return right;
        if (parts[2] != NULL) {
            for (kind = 0; kind < GEMEL_ERROR_N; kind++)
                if (g_str_equal(parts[2], gemel_error_kind_name(kind)))
                    break;
            if (kind == GEMEL_ERROR_N)
                return right;
        }
        for (SimOp op = 0; op < SIM_OP_N; op++) {
            if (!((ops >> op) & 1u))
                continue;
            options->fail[op].probability = probability;
            options->fail[op].kind = kind;
        }
    }
    return NULL;
}

static const char *read_hang(SimOptions *options, const char *value)
{
    g_auto(GStrv) items = g_strsplit(value, "+", -1);

    for (guint i = 0; i == 0 || items[i] != NULL; i++) {
        guint64 ops = items[i] != NULL ? parse_op(items[i]) : 0;

        if (ops == 0)
            return "an operation (open, list, sample, start, ...), several joined by +, or all";
        options->hang_ops |= ops;
    }
    return NULL;
}

static const char *read_hang_after(SimOptions *options, const char *value)
{
    return parse_duration(value, &options->hang_after_ns) ? NULL : "a duration such as 5ms or 2s";
}

static const char *read_hang_for(SimOptions *options, const char *value)
{
    return parse_duration(value, &options->hang_for_ns) && options->hang_for_ns > 0
               ? NULL
               : "a duration such as 500ms or 10s";
}

static const char *read_hang_instance(SimOptions *options, const char *value)
{
    if (*value == '\0')
        return "the name of an instance";
    g_free(options->hang_instance);
    options->hang_instance = g_strdup(value);
    return NULL;
}

static const char *read_vcpus(SimOptions *options, const char *value)
{
    guint64 n;

    if (!parse_count(value, 512, &n) || n == 0)
        return "a number of vCPUs from 1 to 512, which the guest build gets";
    options->vcpus = (guint)n;
    return NULL;
}

static const char *read_host_cpus(SimOptions *options, const char *value)
{
    guint64 n;

    if (!parse_count(value, SIM_COUNT_MAX, &n) || n == 0)
        return "a number of CPUs, which the simulated host has";
    options->host_cpus = (guint)n;
    return NULL;
}

static const char *read_litter(SimOptions *options, const char *value)
{
    guint64 n;

    if (!parse_count(value, 1000, &n))
        return "how many things are left over, from 0 to 1000";
    options->litter = (guint)n;
    return NULL;
}

static const char *read_down(SimOptions *options, const char *value)
{
    const char *right = "always, FROM- or FROM-TO, such as 5s-10s";
    g_auto(GStrv) parts = g_strsplit(value, "-", 2);

    options->down_from_ns = 0;
    options->down_to_ns = G_MAXINT64;
    if (g_str_equal(value, "always"))
        return NULL;
    if (g_strv_length(parts) != 2 || !parse_duration(parts[0], &options->down_from_ns))
        return right;
    if (*parts[1] != '\0' && (!parse_duration(parts[1], &options->down_to_ns) ||
                              options->down_to_ns <= options->down_from_ns))
        return right;
    return NULL;
}

static gboolean read_switch(const char *value, gboolean *ret)
{
    if (g_str_equal(value, "1") || g_str_equal(value, "on"))
        *ret = TRUE;
    else if (g_str_equal(value, "0") || g_str_equal(value, "off"))
        *ret = FALSE;
    else
        return FALSE;
    return TRUE;
}

static const char *read_events(SimOptions *options, const char *value)
{
    return read_switch(value, &options->events) ? NULL : "on or off";
}

static const char *read_whims(SimOptions *options, const char *value)
{
    return read_switch(value, &options->whims) ? NULL : "on or off";
}

static const char *read_still(SimOptions *options, const char *value)
{
    return read_switch(value, &options->still) ? NULL : "on or off";
}

static const char *read_flip(SimOptions *options, const char *value)
{
    return read_switch(value, &options->flip) ? NULL : "on or off";
}

static const char *read_hostile(SimOptions *options, const char *value)
{
    return read_switch(value, &options->hostile) ? NULL : "on or off";
}

static const char *read_groups(SimOptions *options, const char *value)
{
    g_auto(GStrv) names = g_strsplit(value, "+", -1);

    options->groups = 0;
    for (guint i = 0; names[i] != NULL; i++) {
        GemelGroup group = 0;

        while (group < GEMEL_GROUP_N && !g_str_equal(gemel_group_name(group), names[i]))
            group++;
        if (group == GEMEL_GROUP_N)
            return "images, storage or networks, joined by +";
        options->groups |= 1u << group;
    }
    return NULL;
}

static const char *read_time(SimOptions *options, const char *value)
{
    options->has_time = TRUE;
    return parse_number(value, 1e9, &options->time_s) ? NULL : "seconds, such as 600";
}

static const struct {
    const char *name;
    OptionReader read;
} readers[] = {
    {"seed", read_seed},
    {"latency", read_latency},
    {"jitter", read_jitter},
    {"pace", read_pace},
    {"fail", read_fail},
    {"hang", read_hang},
    {"hang-after", read_hang_after},
    {"hang-for", read_hang_for},
    {"hang-instance", read_hang_instance},
    {"vcpus", read_vcpus},
    {"host-cpus", read_host_cpus},
    {"litter", read_litter},
    {"trouble", sim_trouble_read},
    {"down", read_down},
    {"events", read_events},
    {"whims", read_whims},
    {"still", read_still},
    {"flip", read_flip},
    {"hostile", read_hostile},
    {"groups", read_groups},
    {"time", read_time},
};

/* Reads one item between commas. */
static gboolean parse_item(SimOptions *options, const char *item, gboolean is_first, GError **error)
{
    const char *equals = strchr(item, '=');
    g_autofree char *name = equals != NULL ? g_strndup(item, (gsize)(equals - item)) : NULL;
    g_autoptr(GString) known = NULL;
    guint64 count;

    if (equals == NULL && is_first) {
        if (*item == '\0')
            return TRUE;
        if (!parse_count(item, SIM_COUNT_MAX, &count))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "sim: \"%s\" is not a number of instances; say 0 to %d", item,
                                   SIM_COUNT_MAX);
        options->count = (guint)count;
        return TRUE;
    }
    for (guint i = 0; name != NULL && i < G_N_ELEMENTS(readers); i++) {
        const char *right;

        if (!g_str_equal(name, readers[i].name))
            continue;
        right = readers[i].read(options, equals + 1);
        if (right == NULL)
            return TRUE;
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "sim: %s=\"%s\" is not %s", name,
                               equals + 1, right);
    }
    if (name == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "sim: \"%s\" is not an option; say option=value", item);
    known = g_string_new(readers[0].name);
    for (guint i = 1; i < G_N_ELEMENTS(readers); i++)
        g_string_append_printf(known, " %s", readers[i].name);
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "sim: no option \"%s\"; there are: %s", name,
                           known->str);
}

gboolean sim_options_parse(SimOptions *options, const char *uri, GError **error)
{
    g_auto(GStrv) items = NULL;

    *options = (SimOptions){
        .count = SIM_COUNT_DEFAULT,
        .seed = 42,
        .pace = 1,
        .hang_for_ns = G_MAXINT64,
        .events = TRUE,
        .whims = TRUE,
    };
    if (uri == NULL || g_str_equal(uri, "sim"))
        return TRUE;
    if (!g_str_has_prefix(uri, "sim:"))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "\"%s\" is not a simulator; say sim:[N][,option=value...]", uri);
    items = g_strsplit(uri + strlen("sim:"), ",", -1);
    for (guint i = 0; items[i] != NULL; i++) {
        if (!parse_item(options, items[i], i == 0, error)) {
            sim_options_clear(options);
            return FALSE;
        }
    }
    return TRUE;
}

void sim_options_clear(SimOptions *options)
{
    g_clear_pointer(&options->hang_instance, g_free);
    g_clear_pointer(&options->troubles, g_hash_table_unref);
}
