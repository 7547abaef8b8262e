/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_top.c - top: the figures of everything that runs, again and again. */
#include "console/commands.h"
#include "console/follow.h"

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

/* One screen. */
static gboolean top_round(CommandRun *run, gint64 n, gpointer data)
{
    static const char *const headers[] = {
        "NAME",      "KIND",      "STATE", "CPU%", "MEMORY", "PRESSURE c/m/i",
        "BLOCK r/w", "NET rx/tx", "UP",    "",     NULL};
    g_autoptr(GPtrArray) rows = run_chosen_with_figures(run);
    OutputTable *table;

    g_ptr_array_sort(rows, by_cpu);
    if (run->json) {
        for (guint i = 0; i < rows->len; i++)
            output_json_line(run->out, stats_to_json(rows->pdata[i]));
        return TRUE;
    }
    if (n > 1)
        output_line(run->out, OUTPUT_DATA, "%s", "");
    table = output_table_new(headers, "LLLRRRRRRL");
    for (guint i = 0; i < rows->len; i++)
        top_row(run, table, rows->pdata[i]);
    output_table_print(table, run->out);
    return TRUE;
}

static void top_run(CommandRun *run)
{
    FollowSpec spec = {.rounds = -1, .warm = 1, .round = top_round, .headline_only = !run->json};
    gint refresh_ms = (gint)options_get_number(run->app->options, "refresh");

    if (!follow_options(run, refresh_ms, &spec.interval_ms, &spec.rounds) || !run_check_names(run))
        return;
    if (run->face->face == FACE_TUI) {
        spec.rounds = 1;
        spec.warm = 0; /* its figures are live */
    }
    json_decref(run_missing_to_json(run));
    follow_start(run, &spec);
}

static const CommandOption top_options[] = {
    {"interval", 'i', OPTION_DURATION, FALSE, "TIME", "between two readings (the option refresh)"},
    {"count", 'n', OPTION_NUMBER, FALSE, "N", "end after N screens"},
    {"batch", 'b', OPTION_FLAG, FALSE, NULL,
     "print screens one after the other, as without a terminal"},
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait for each backend (3s)"},
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
     .details = "Alone on a terminal it is the console, sorted by CPU; with words or options, or "
                "into a pipe, it prints one screen after the other. CPU% is of one core unless "
                "`set cpu` says otherwise; pressure is the share of the "
                "last 10 s in which something waited for cpu, memory and io. `-` means: there is "
                "no such figure.",
     .run = top_run},
    {.name = NULL},
};
