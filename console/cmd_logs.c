/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_logs.c - logs: the end of what an instance wrote. */
#include <string.h>

#include "console/commands.h"

#define TAIL_LINES 200
#define TAIL_BYTES (1 << 20)

static gpointer run_tail(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->log_tail(conn, arg, TAIL_BYTES, error);
}

static void log_free(gpointer log)
{
    gemel_log_free(log);
}

/* The last lines of a text; what follows the last newline is a line, too. */
static const char *last_lines(const char *text, guint64 n)
{
    const char *at = text + strlen(text);

    if (at > text && at[-1] == '\n')
        at--;
    while (at > text) {
        if (at[-1] == '\n' && --n == 0)
            return at;
        at--;
    }
    return text;
}

static void tail_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    const GemelLog *log = result;
    const char *tail = run_option(run, "tail");

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    if (log->text->len == 0) {
        output_line(run->out, OUTPUT_NOTE, "%s: %s is empty", run->words[0], log->source);
        return;
    }
    g_autofree char *text = g_memdup2(log->text->str, log->text->len + 1);

    for (gsize i = 0; i < log->text->len; i++)
        if (text[i] == '\0')
            text[i] = '?';
    output_text(run->out,
                last_lines(text, tail != NULL ? g_ascii_strtoull(tail, NULL, 10) : TAIL_LINES));
}

static void logs_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const ModelInstance *instance = run_find(run, run->words[0], &error);

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (instance->backend->open->backend->ops->log_tail == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s keeps no logs", instance->info->name,
                 instance->backend->name);
        return;
    }
    run_submit(run, instance->backend->open, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "logs",
                               .instance_id = instance->info->id,
                               .run = run_tail,
                               .arg = g_strdup(instance->info->id),
                               .arg_free = g_free,
                               .result_free = log_free,
                               .hard_ms = 10000},
               tail_done, run);
}

static const CommandOption logs_options[] = {
    {"tail", 'n', OPTION_NUMBER, FALSE, "N", "how many lines (200)"},
    {NULL},
};

const Command commands_logs[] = {
    {.name = "logs",
     .aliases = "log",
     .summary = "the end of what an instance wrote",
     .example = "gemel logs lab-ct --tail 20",
     .group = "Inside",
     .flags = COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .options = logs_options,
     .details = "A container's output, and what is kept of a guest's console; at most the last 1M.",
     .run = logs_run},
    {.name = NULL},
};
