/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_alert.c - alert: what is to be told, and run, when a figure passes a value. */
#include "console/alerts.h"
#include "console/commands.h"

#include <stdlib.h>

/* Names of those for which it is raised now. */
static json_t *raised_names(CommandRun *run, const Alert *alert)
{
    GPtrArray *all = model_instances(run->app->model);
    json_t *names = json_array();

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        if (alert_is_raised(alert, instance))
            json_array_append_new(names, json_text(instance->info->name));
    }
    return names;
}

static void alert_list_run(CommandRun *run)
{
    static const char *const headers[] = {"ALERT", "WHEN", "RAISED FOR", NULL};
    OutputTable *table = run->json ? NULL : output_table_new(headers, "RLW");
    json_t *rows = json_array();
    const Alert *alert;

    for (guint i = 0; (alert = alerts_nth(run->app->alerts, i)) != NULL; i++) {
        json_t *names = raised_names(run, alert);
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *number = g_strdup_printf("%u", alert->number);

        for (size_t n = 0; n < json_array_size(names); n++)
            g_string_append_printf(text, "%s%s", n > 0 ? " " : "",
                                   json_string_value(json_array_get(names, n)));
        if (table != NULL)
            output_table_add(table, number, alert->text, text->len > 0 ? text->str : "-", NULL);
        json_array_append_new(rows, json_pack("{s:i, s:o, s:o, s:I}", "number", (int)alert->number,
                                              "text", json_text(alert->text), "raised", names,
                                              "runs", (json_int_t)alert->runs));
    }
    if (table == NULL) {
        output_json(run->out, json_pack("{s:o}", "alerts", rows));
        return;
    }
    json_decref(rows);
    if (output_table_rows(table) == 0)
        output_line(run->out, OUTPUT_NOTE,
                    "no alerts; `alert all cpu above 80%% for 30s` makes one");
    output_table_print(table, run->out);
}

static void alert_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const Alert *alert;

    if (run->n_words == 0) {
        alert_list_run(run);
        return;
    }
    alert = alerts_add(run->app->alerts, run->words, &error);
    if (alert == NULL)
        run_error(run, error);
    else if (run->face->face != FACE_RC)
        output_line(run->out, OUTPUT_NOTE, "alert %u: %s", alert->number, alert->text);
    if (alert != NULL)
        run_say_passing(run);
}

static void alert_remove_run(CommandRun *run)
{
    for (guint i = 0; i < run->n_words; i++) {
        if (g_str_equal(run->words[i], "all"))
            alerts_remove_all(run->app->alerts);
        else if (!alerts_remove(run->app->alerts, (guint)strtoul(run->words[i], NULL, 10)))
            run_fail(run, GEMEL_ERROR_NOT_FOUND,
                     "alert remove: there is no alert '%s'; `alert list` shows them",
                     run->words[i]);
    }
}

const Command commands_alert[] = {
    {.name = "alert",
     .summary = "tell, and run a command, when a figure passes a value for some time",
     .example = "alert all memory above 90% for 30s do notify-send gemel",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_PASSTHROUGH,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .choices = "all"},
               {WORD_METRIC, "METRIC", .optional = TRUE},
               {WORD_CHOICE, "above|below", .optional = TRUE, .choices = "above below"},
               {WORD_TEXT, "VALUE [for TIME] [do COMMAND]", .optional = TRUE, .repeats = TRUE}},
     .details =
         "NAME may be a glob, or `all`. METRIC is cpu (percent of a core), memory (bytes, or "
         "percent of the limit), pressure (percent), block, net (bytes per second), or a name of "
         "`stats --json`: times in percent of the time, counters per second. The row is marked, "
         "and the events say when it begins and ends. COMMAND is run word for word, without a "
         "shell, at most once in 10 s; GEMEL_NAME, GEMEL_METRIC and GEMEL_VALUE in its "
         "environment say what for. Put alerts into gemelrc to have them always; `gemel events` "
         "then tells them without a console. Alone it lists what there is.",
     .run = alert_run},
    {.name = "alert list",
     .summary = "the alerts, and for which instances they are raised",
     .example = "alert list",
     .group = "Look",
     .flags = COMMAND_JSON,
     .run = alert_list_run},
    {.name = "alert remove",
     .summary = "forget alerts",
     .example = "alert remove 1",
     .group = "Look",
     .words = {{WORD_TEXT, "NUMBER|all", .repeats = TRUE}},
     .run = alert_remove_run},
    {.name = NULL},
};
