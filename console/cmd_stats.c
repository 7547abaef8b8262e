/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_stats.c - stats: every figure for programs, as JSON lines, CSV or OpenMetrics, and a table.
 */
#include "console/commands.h"
#include "console/follow.h"
#include "console/openmetrics.h"

#include <string.h>

GPtrArray *run_chosen_with_figures(const CommandRun *run)
{
    GPtrArray *all = model_instances(run->app->model), *rows = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        ModelInstance *instance = all->pdata[i];

        if ((instance->sample_ns > 0 || instance->quarantine != NULL) &&
            run_word_names(run, instance))
            g_ptr_array_add(rows, instance);
    }
    return rows;
}

/* The wall clock when the sample was taken, to the millisecond. */
static char *sample_time(const ModelInstance *instance)
{
    gint64 age_usec = MAX(0, model_age_ns(instance)) / 1000;
    gint64 usec = g_get_real_time() - age_usec;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(usec / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%03dZ", seconds, (int)(usec / 1000 % 1000));
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *json_counter(guint64 value)
{
    return json_integer((json_int_t)MIN(value, G_MAXINT64));
}

static json_t *row_to_json(const ModelRow *row)
{
    json_t *object = json_object();

    json_object_set_new(object, "name", json_text(row->name));
    for (int i = 0; i < GEMEL_ROW_N; i++)
        if ((row->valid >> i) & 1u)
            json_object_set_new(object, gemel_row_metrics[i].name, json_counter(row->value[i]));
    return object;
}

/* {"vcpu": [...], "disk": [...]}: only groups that have rows. */
static json_t *rows_to_json(const ModelInstance *instance)
{
    json_t *object = json_object();

    for (guint i = 0; instance->rows != NULL && i < instance->rows->len; i++) {
        const ModelRow *row = &g_array_index(instance->rows, ModelRow, i);
        const char *group = gemel_row_group_names[row->group];
        json_t *list = json_object_get(object, group);

        if (list == NULL) {
            list = json_array();
            json_object_set_new(object, group, list);
        }
        json_array_append_new(list, row_to_json(row));
    }
    return object;
}

json_t *stats_to_json(const ModelInstance *instance)
{
    json_t *object = json_object(), *metrics = json_object(), *rates = json_object();
    g_autofree char *time = sample_time(instance);
    double cpu;

    json_object_set_new(object, "time", json_string(time));
    json_object_set_new(object, "backend", json_text(instance->backend->name));
    json_object_set_new(object, "id", json_text(instance->info->id));
    json_object_set_new(object, "name", json_text(instance->info->name));
    json_object_set_new(object, "kind", json_string(gemel_kind_name(instance->info->kind)));
    json_object_set_new(object, "state", json_string(gemel_state_name(instance->info->state)));
    json_object_set_new(object, "cpu_percent",
                        model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu) ? json_real(cpu)
                                                                             : json_null());
    json_object_set_new(object, "age_ms", json_integer(MAX(0, model_age_ns(instance)) / 1000000));
    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        if ((instance->valid >> i) & 1u)
            json_object_set_new(metrics, gemel_metrics[i].name, json_counter(instance->value[i]));
        if ((instance->rate_valid >> i) & 1u)
            json_object_set_new(rates, gemel_metrics[i].name, json_real(instance->rate[i]));
    }
    json_object_set_new(object, "metrics", metrics);
    json_object_set_new(object, "rates", rates);
    json_object_set_new(object, "rows", rows_to_json(instance));
    if (instance->quarantine != NULL)
        json_object_set_new(object, "quarantine", json_text(instance->quarantine));
    return object;
}

/* ---- CSV (RFC 4180) ------------------------------------------------------------------------- */

static void csv_text(GString *line, const char *text)
{
    g_string_append_c(line, '"');
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"')
            g_string_append_c(line, '"');
        g_string_append_c(line, *text);
    }
    g_string_append_c(line, '"');
}

static void csv_head(CommandRun *run)
{
    g_autoptr(GString) line = g_string_new("time,backend,id,name,kind,state,cpu_percent,age_ms");

    for (int i = 0; i < GEMEL_METRIC_N; i++)
        g_string_append_printf(line, ",%s", gemel_metrics[i].name);
    output_line(run->out, OUTPUT_DATA, "%s", line->str);
}

static void csv_row(CommandRun *run, const ModelInstance *instance)
{
    g_autofree char *time = sample_time(instance);
    g_autoptr(GString) line = g_string_new(time);
    const char *const texts[] = {instance->backend->name, instance->info->id, instance->info->name,
                                 gemel_kind_name(instance->info->kind),
                                 gemel_state_name(instance->info->state)};
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    double cpu;

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_string_append_c(line, ',');
        csv_text(line, texts[i]);
    }
    g_string_append_c(line, ',');
    if (model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu))
        g_string_append(line, g_ascii_formatd(number, sizeof number, "%.3f", cpu));
    g_string_append_printf(line, ",%" G_GINT64_FORMAT, MAX(0, model_age_ns(instance)) / 1000000);
    for (int i = 0; i < GEMEL_METRIC_N; i++) {
        g_string_append_c(line, ',');
        if ((instance->valid >> i) & 1u)
            g_string_append_printf(line, "%" G_GUINT64_FORMAT, instance->value[i]);
    }
    output_line(run->out, OUTPUT_DATA, "%s", line->str);
}

/* ---- a table -------------------------------------------------------------------------------- */

static char *optional_rate(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->rate_valid >> metric) & 1u ? format_rate(instance->rate[metric])
                                                 : g_strdup("-");
}

static char *share_of_time(const ModelInstance *instance, GemelMetric metric)
{
    return (instance->rate_valid >> metric) & 1u ? format_percent(instance->rate[metric] / 1e7)
                                                 : g_strdup("-");
}

static void table_row(OutputTable *table, const ModelInstance *instance)
{
    double cpu;
    guint64 used, limit;
    gboolean memory = model_memory(instance, &used, &limit);
    g_autofree char *percent =
        model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu) ? format_percent(cpu) : g_strdup("-");
    g_autofree char *mine = memory ? format_bytes(used) : g_strdup("-");
    g_autofree char *most = memory && limit > 0 ? format_bytes(limit) : g_strdup("-");
    g_autofree char *throttled = share_of_time(instance, GEMEL_METRIC_CPU_THROTTLED);
    g_autofree char *steal = share_of_time(instance, GEMEL_METRIC_CPU_STEAL);
    g_autofree char *rd = optional_rate(instance, GEMEL_METRIC_IO_RD_BYTES);
    g_autofree char *wr = optional_rate(instance, GEMEL_METRIC_IO_WR_BYTES);
    g_autofree char *rx = optional_rate(instance, GEMEL_METRIC_NET_RX_BYTES);
    g_autofree char *tx = optional_rate(instance, GEMEL_METRIC_NET_TX_BYTES);
    guint64 has_pids = (instance->valid >> GEMEL_METRIC_PIDS_CURRENT) & 1u;
    g_autofree char *pids =
        has_pids ? g_strdup_printf("%" G_GUINT64_FORMAT, instance->value[GEMEL_METRIC_PIDS_CURRENT])
                 : g_strdup("-");

    output_table_add(table, instance->info->name,
                     instance->info->kind == GEMEL_KIND_VM ? "vm" : "ct", percent, throttled, steal,
                     mine, most, rd, wr, rx, tx, pids,
                     instance->quarantine != NULL ? instance->quarantine : "", NULL);
}

static void print_table(CommandRun *run, GPtrArray *rows, gint64 n)
{
    static const char *const headers[] = {"NAME", "KIND", "CPU%", "THROTTLED%", "STEAL%",
                                          "MEM",  "OF",   "READ", "WRITE",      "RX",
                                          "TX",   "PIDS", "",     NULL};
    OutputTable *table = output_table_new(headers, "LLRRRRRRRRRRL");

    if (rows->len == 0 && run->worst == 0)
        output_line(run->out, OUTPUT_NOTE, "nothing runs, so there are no figures");
    for (guint i = 0; i < rows->len; i++)
        table_row(table, rows->pdata[i]);
    if (n > 1)
        output_line(run->out, OUTPUT_DATA, "%s", "");
    output_table_print(table, run->out);
}

/* ---- the command ---------------------------------------------------------------------------- */

/* Names of those that were asked for and have no figures. */
static void name_those_without(CommandRun *run)
{
    for (guint w = 0; w < run->n_words; w++) {
        ModelInstance *instance = model_find(run->app->model, run->words[w], NULL);

        if (instance != NULL && instance->sample_ns == 0 && instance->quarantine == NULL)
            run_fail(run, GEMEL_ERROR_CONFLICT, "stats: %s is %s; it has no figures",
                     instance->info->name, gemel_state_name(instance->info->state));
    }
}

static gboolean stats_round(CommandRun *run, gint64 n, gpointer data)
{
    g_autoptr(GPtrArray) rows = run_chosen_with_figures(run);
    gboolean csv = run_flag(run, "csv");

    if (n == 1)
        name_those_without(run);
    if (run_flag(run, "openmetrics")) {
        openmetrics_print(run->out, run->app->model, rows);
        return TRUE;
    }
    if (csv && n == 1)
        csv_head(run);
    if (!run->json && !csv) {
        print_table(run, rows, n);
        return TRUE;
    }
    for (guint i = 0; i < rows->len; i++) {
        if (csv)
            csv_row(run, rows->pdata[i]);
        else
            output_json_line(run->out, stats_to_json(rows->pdata[i]));
    }
    return TRUE;
}

/* One look at raw figures says nothing of limits and acts that a sample does not say. */
static gboolean stats_names_do(const CommandRun *run)
{
    return run_option(run, "count") == NULL && run_option(run, "interval") == NULL;
}

static void stats_run(CommandRun *run)
{
    FollowSpec spec = {.rounds = -1, .round = stats_round};
    gint refresh_ms = (gint)options_get_number(run->app->options, "refresh");
    gboolean raw = run->json || run_flag(run, "csv") || run_flag(run, "openmetrics");

    if (run->json + run_flag(run, "csv") + run_flag(run, "openmetrics") > 1) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "stats: --json, --csv and --openmetrics do not go together; choose one");
        return;
    }
    if (!follow_options(run, refresh_ms, &spec.interval_ms, &spec.rounds) || !run_check_names(run))
        return;
    if (stats_names_do(run))
        spec.rounds = 1;
    /* counters are whole at once; the table shows rates, which need two samples */
    spec.warm = raw || run->face->face == FACE_TUI ? 0 : 1;
    json_decref(run_missing_to_json(run));
    follow_start(run, &spec);
}

static const CommandOption stats_options[] = {
    {"csv", 'c', OPTION_FLAG, FALSE, NULL, "comma-separated values, with a head line"},
    {"openmetrics", 'm', OPTION_FLAG, FALSE, NULL, "the text format that Prometheus scrapes"},
    {"interval", 'i', OPTION_DURATION, FALSE, "TIME", "again each TIME (the option refresh)"},
    {"count", 'n', OPTION_NUMBER, FALSE, "N", "end after N samples; without --interval: 1"},
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait for each backend (3s)"},
    {NULL},
};

const Command commands_stats[] = {
    {.name = "stats",
     .aliases = "domstats",
     .summary = "every figure of what runs, for people and for programs",
     .example = "gemel stats --json --interval 1s --count 10",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .names_do = stats_names_do,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = stats_options,
     .details =
         "--json prints one object per instance and sample on a line of its own. Counters are as "
         "the kernel or libvirt gives them; rates and cpu_percent (of one core) are between two "
         "samples, so the first sample of a run has none. What the source does not have is "
         "absent, never 0. A backend that is silent is named on standard error, the others are "
         "printed, and the status is 5. For a Prometheus textfile collector: "
         "`gemel stats --openmetrics > gemel.prom`.",
     .run = stats_run},
    {.name = NULL},
};
