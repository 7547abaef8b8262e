/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_top.c - top: the figures of everything that runs, again and again. */
#include "console/commands.h"

#include <stdlib.h>

typedef struct {
    CommandRun *run;
    gint64 left; /* screens still to print, < 0 = no end */
    GSource *timer;
    gint64 patience_usec; /* until then the first sample of every backend is waited for */
    guint warm;           /* samples taken: a rate needs two */
} Top;

static void top_free(gpointer data)
{
    Top *top = data;

    app_source_remove(&top->timer);
    g_free(top);
}

/* "12" or "-". */
static char *rate_pair(gboolean have, double a, double b)
{
    if (!have)
        return g_strdup("-");
    g_autofree char *one = format_rate(a);
    g_autofree char *two = format_rate(b);

    return g_strdup_printf("%s/%s", one, two);
}

static char *pressure_text(const ModelInstance *instance)
{
    double p[3];

    if (!model_pressure(instance, p))
        return g_strdup("-");
    g_autoptr(GString) text = g_string_new(NULL);

    for (int i = 0; i < 3; i++) {
        g_autofree char *one = p[i] >= 0 ? format_percent(p[i]) : g_strdup("-");

        g_string_append_printf(text, "%s%s", i > 0 ? "/" : "", one);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *memory_text(const ModelInstance *instance)
{
    guint64 used, limit;

    if (!model_memory(instance, &used, &limit))
        return g_strdup("-");
    g_autofree char *a = format_bytes(used);

    if (limit == 0)
        return g_steal_pointer(&a);
    g_autofree char *b = format_bytes(limit);

    return g_strdup_printf("%s/%s", a, b);
}

static void top_row(const CommandRun *run, OutputTable *table, const ModelInstance *instance)
{
    double a = 0, b = 0, cpu;
    gint64 uptime;
    ModelCpuMode mode = MODEL_CPU_OF_CORE;

    while (mode < MODEL_CPU_N - 1 &&
           !g_str_equal(model_cpu_mode_name(mode), options_get(run->app->options, "cpu")))
        mode++;
    g_autofree char *cpu_text =
        model_cpu_percent(instance, mode, &cpu) ? format_percent(cpu) : g_strdup("-");
    g_autofree char *memory = memory_text(instance);
    g_autofree char *pressure = pressure_text(instance);
    gboolean have = model_block_rates(instance, &a, &b);
    g_autofree char *block = rate_pair(have, a, b);

    have = model_net_rates(instance, &a, &b);
    g_autofree char *net = rate_pair(have, a, b);
    g_autofree char *up = model_uptime_s(instance, &uptime) ? format_uptime(uptime) : g_strdup("-");

    output_table_add(table, instance->info->name,
                     instance->info->kind == GEMEL_KIND_VM ? "vm" : "ct",
                     gemel_state_name(instance->info->state), cpu_text, memory, pressure, block,
                     net, up, instance->quarantine != NULL ? instance->quarantine : "", NULL);
}

static gint by_cpu(gconstpointer a, gconstpointer b)
{
    double one = -1, two = -1;

    model_cpu_percent(*(ModelInstance *const *)a, MODEL_CPU_OF_CORE, &one);
    model_cpu_percent(*(ModelInstance *const *)b, MODEL_CPU_OF_CORE, &two);
    return (one < two) - (one > two);
}

static json_t *top_json(const ModelInstance *instance)
{
    json_t *object = json_object(), *metrics = json_object();
    double cpu;

    json_object_set_new(object, "backend", json_text(instance->backend->name));
    json_object_set_new(object, "id", json_text(instance->info->id));
    json_object_set_new(object, "name", json_text(instance->info->name));
    json_object_set_new(object, "kind", json_string(gemel_kind_name(instance->info->kind)));
    json_object_set_new(object, "state", json_string(gemel_state_name(instance->info->state)));
    json_object_set_new(object, "cpu_percent",
                        model_cpu_percent(instance, MODEL_CPU_OF_CORE, &cpu) ? json_real(cpu)
                                                                             : json_null());
    json_object_set_new(object, "age_ms", json_integer(model_age_ns(instance) / 1000000));
    for (int i = 0; i < GEMEL_METRIC_N; i++)
        if ((instance->valid >> i) & 1u)
            json_object_set_new(metrics, gemel_metrics[i].name,
                                json_integer((json_int_t)MIN(instance->value[i], G_MAXINT64)));
    json_object_set_new(object, "metrics", metrics);
    if (instance->quarantine != NULL)
        json_object_set_new(object, "quarantine", json_text(instance->quarantine));
    return object;
}

static void top_print(Top *top)
{
    static const char *const headers[] = {
        "NAME",      "KIND",      "STATE", "CPU%", "MEMORY", "PRESSURE c/m/i",
        "BLOCK r/w", "NET rx/tx", "UP",    "",     NULL};
    CommandRun *run = top->run;
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    GPtrArray *all = model_instances(run->app->model);
    OutputTable *table;

    for (guint i = 0; i < all->len; i++) {
        ModelInstance *instance = all->pdata[i];

        if (run_word_names(run, instance) && instance->sample_ns > 0)
            g_ptr_array_add(rows, instance);
    }
    g_ptr_array_sort(rows, by_cpu);
    if (run->json) {
        for (guint i = 0; i < rows->len; i++)
            output_json_line(run->out, top_json(rows->pdata[i]));
        return;
    }
    table = output_table_new(headers, "LLLRRRRRRL");
    for (guint i = 0; i < rows->len; i++)
        top_row(run, table, rows->pdata[i]);
    output_table_print(table, run->out);
    if (top->left != 1)
        output_line(run->out, OUTPUT_DATA, "%s", "");
    output_flush(run->out);
}

/* The backends that were asked for figures and have given none yet. */
static gboolean samples_are_missing(Model *model)
{
    GPtrArray *backends = model_backends(model);

    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];

        if (backend->listed && backend->sample_ns == 0 && backend->samples_pending > 0)
            return TRUE;
    }
    return FALSE;
}

/* Names on stderr the backends whose figures did not come. */
static void top_name_missing(CommandRun *run)
{
    GPtrArray *backends = model_backends(run->app->model);

    json_decref(run_missing_to_json(run));
    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];

        if (backend->listed && backend->sample_ns == 0 && backend->samples_pending > 0)
            run_fail(run, GEMEL_ERROR_UNREACHABLE,
                     "%s: has not given figures in time; its instances are missing here",
                     backend->name);
    }
}

static gboolean top_tick(gpointer data)
{
    Top *top = data;

    if (top->warm == 0 && g_get_monotonic_time() < top->patience_usec &&
        samples_are_missing(top->run->app->model))
        return G_SOURCE_CONTINUE;
    if (++top->warm > 1) {
        top_print(top);
        if (top->left > 0)
            top->left--;
        if (top->left == 0) {
            top_name_missing(top->run);
            run_finish(top->run, -1);
            return G_SOURCE_REMOVE;
        }
    }
    model_refresh(top->run->app->model);
    return G_SOURCE_CONTINUE;
}

static void top_run(CommandRun *run)
{
    const char *interval = run_option(run, "interval");
    const char *count = run_option(run, "count");
    Top *top = g_new0(Top, 1);
    gint ms = (gint)options_get_number(run->app->options, "refresh");

    run->data = top;
    run->data_free = top_free;
    top->run = run;
    top->left = count != NULL ? g_ascii_strtoll(count, NULL, 10) : -1;
    if (run->face->face == FACE_TUI)
        top->left = 1;
    if (interval != NULL)
        parse_duration_ms(interval, &ms, NULL);
    if (ms < 100 || ms > 60000) {
        run_fail(run, GEMEL_ERROR_INVALID, "top: --interval goes from 100ms to 60s");
        return;
    }
    if (!run_check_names(run))
        return;
    top->patience_usec =
        g_get_monotonic_time() + options_get_number(run->app->options, "timeout") * 1000;
    run_hold(run);
    model_refresh(run->app->model);
    top->timer = app_add_timer(run->app, (guint)ms, top_tick, top);
}

static const CommandOption top_options[] = {
    {"interval", 'i', OPTION_DURATION, FALSE, "TIME", "between two readings (the option refresh)"},
    {"count", 'n', OPTION_NUMBER, FALSE, "N", "end after N screens"},
    {"batch", 'b', OPTION_FLAG, FALSE, NULL, "print screens one after the other (always so here)"},
    {NULL},
};

const Command commands_top[] = {
    {.name = "top",
     .summary = "figures of all that runs, by CPU; again and again",
     .example = "gemel top --batch --count 1",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = top_options,
     .details = "CPU% is of one core unless `set cpu` says otherwise; pressure is the share of the "
                "last 10 s in which something waited for cpu, memory and io. `-` means: there is "
                "no such figure.",
     .run = top_run},
    {.name = NULL},
};
