/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_logs.c - logs: the end of what an instance wrote, and what it writes from then on. */
#include <string.h>

#include "config/options.h"
#include "console/commands.h"

#define TAIL_LINES 200
#define TAIL_BYTES (1 << 20)
#define LINE_BYTES (64 << 10) /* of a line without an end; printed as it is then */
#define LOOK_MS    500        /* between looks at a log that did not grow */

typedef struct {
    CommandRun *run;
    char *backend, *id, *name;
    GemelLogArgs args;
    GString *open; /* the beginning of a line whose end is not there yet */
    GSource *timer;
    gboolean follows, has_printed, is_last; /* is_last: its instance was at its end */
} Logs;

typedef struct {
    char *id;
    GemelLogArgs args;
} Look;

static gboolean look(gpointer data);

static void look_free(gpointer data)
{
    g_free(((Look *)data)->id);
    g_free(data);
}

static gpointer run_tail(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const Look *asked = arg;

    return conn->backend->ops->log_tail(conn, asked->id, &asked->args, error);
}

static void log_free(gpointer log)
{
    gemel_log_free(log);
}

static void logs_free(gpointer data)
{
    Logs *logs = data;

    app_source_remove(&logs->timer);
    g_string_free(logs->open, TRUE);
    g_free(logs->backend);
    g_free(logs->id);
    g_free(logs->name);
    g_free(logs);
}

/* ---- when ----------------------------------------------------------------------------------- */

/* "10m" ago, "@1700000000", or a date and time of ISO 8601, local where it names no zone. */
static gboolean parse_since(const char *text, gint64 *ret_unix_us, GError **error)
{
    g_autoptr(GTimeZone) local = g_time_zone_new_local();
    g_autofree char *midnight = g_strconcat(text, "T00:00:00", NULL);
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, local);
    guint64 seconds;
    gint64 ms;

    if (time == NULL && strchr(text, 'T') == NULL)
        time = g_date_time_new_from_iso8601(midnight, local);
    if (time != NULL)
        *ret_unix_us =
            g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
    else if (*text == '@' && g_ascii_string_to_unsigned(
                                 text + 1, 10, 0, G_MAXINT64 / G_USEC_PER_SEC, &seconds, NULL))
        *ret_unix_us = (gint64)seconds * G_USEC_PER_SEC;
    else if (option_parse_duration(text, &ms))
        *ret_unix_us = g_get_real_time() - ms * 1000;
    else
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "--since '%s': write 10m or 2h ago, 2026-01-31, "
                               "2026-01-31T12:00:00Z or @SECONDS since 1970",
                               text);
    *ret_unix_us = MAX(*ret_unix_us, 1);
    return TRUE;
}

/* ---- printing ------------------------------------------------------------------------------- */

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

static void print_open(Logs *logs)
{
    if (logs->open->len > 0)
        output_text(logs->run->out, logs->open->str);
    g_string_truncate(logs->open, 0);
}

/* Prints whole lines; of one whose end has not come, nothing while more may come. */
static void print_more(Logs *logs, const char *text, gboolean is_last)
{
    const char *end = strrchr(text, '\n');

    if (end != NULL) {
        g_string_append_len(logs->open, text, end + 1 - text);
        print_open(logs);
        text = end + 1;
    }
    g_string_append(logs->open, text);
    if (is_last || logs->open->len > LINE_BYTES)
        print_open(logs);
    output_flush(logs->run->out);
}

/* The first answer: its end, as many lines of it as are wanted. */
static void print_first(Logs *logs, const GemelLog *log, const char *text)
{
    const char *tail = run_option(logs->run, "tail");
    guint64 n_lines = tail != NULL ? g_ascii_strtoull(tail, NULL, 10) : TAIL_LINES;
    gboolean all = tail == NULL && logs->args.since_unix_us > 0;

    if (n_lines == 0)
        return; /* nothing of the past is asked for */
    if (log->text->len == 0 && logs->args.since_unix_us > 0)
        output_line(logs->run->out, OUTPUT_NOTE, "%s: nothing since then", logs->name);
    else if (log->text->len == 0)
        output_line(logs->run->out, OUTPUT_NOTE, "%s: %s is empty", logs->name, log->source);
    if (all && !log->is_whole)
        output_line(logs->run->out, OUTPUT_NOTE, "%s: there may be more before the last 1M of %s",
                    logs->name, log->source);
    print_more(logs, all ? text : last_lines(text, n_lines), !logs->follows);
}

static void look_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Logs *logs = data;
    const GemelLog *log = result;

    if (error != NULL) {
        print_open(logs);
        run_error(logs->run, error);
        return;
    }
    g_autofree char *text = g_memdup2(log->text->str, log->text->len + 1);

    for (gsize i = 0; i < log->text->len; i++)
        if (text[i] == '\0')
            text[i] = '?';
    if (!logs->has_printed) {
        print_first(logs, log, text);
    } else {
        if (log->is_anew) {
            print_open(logs);
            output_line(logs->run->out, OUTPUT_NOTE, "%s: %s was begun anew", logs->name,
                        log->source);
        }
        print_more(logs, text, FALSE);
    }
    logs->has_printed = TRUE;
    if (!logs->follows)
        return;
    /* one look more after its end: what it wrote last */
    if (logs->is_last && log->text->len == 0) {
        print_open(logs);
        output_line(logs->run->out, OUTPUT_NOTE, "%s does not run: nothing more comes", logs->name);
        return;
    }
    logs->is_last = !log->is_live;
    if (log->end.inode != 0)
        logs->args.after = log->end;
    run_hold(logs->run);
    logs->timer = app_add_timer(logs->run->app, log->text->len > 0 ? 20 : LOOK_MS, look, logs);
}

/* ---- looking -------------------------------------------------------------------------------- */

static gboolean look(gpointer data)
{
    Logs *logs = data;
    CommandRun *run = logs->run;
    AppBackend *backend = app_backend(run->app, logs->backend);
    gboolean is_held = logs->timer != NULL;

    app_source_remove(&logs->timer);
    if (backend == NULL) {
        run_fail(run, GEMEL_ERROR_UNREACHABLE, "%s: its backend %s is gone", logs->name,
                 logs->backend);
    } else {
        Look *asked = g_new0(Look, 1);

        asked->id = g_strdup(logs->id);
        asked->args = logs->args;
        run_submit(run, backend, GEMEL_LANE_READ,
                   &(GemelJobSpec){.kind = "logs",
                                   .instance_id = logs->id,
                                   .run = run_tail,
                                   .arg = asked,
                                   .arg_free = look_free,
                                   .result_free = log_free,
                                   .hard_ms = 10000},
                   look_done, logs);
    }
    if (is_held)
        run_release(run);
    return G_SOURCE_REMOVE;
}

static void logs_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const ModelInstance *instance = run_find(run, run->words[0], &error);
    const char *since = run_option(run, "since");
    gint64 since_unix_us = 0;
    Logs *logs;

    if (instance == NULL || (since != NULL && !parse_since(since, &since_unix_us, &error))) {
        run_error(run, error);
        return;
    }
    if (instance->backend->open->backend->ops->log_tail == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s keeps no logs", instance->info->name,
                 instance->backend->name);
        return;
    }
    if (run_flag(run, "follow") && run->face->face == FACE_TUI) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "logs --follow is for a terminal of its own; here the tab log (key L) follows it");
        return;
    }
    logs = g_new0(Logs, 1);
    logs->run = run;
    logs->backend = g_strdup(instance->backend->name);
    logs->id = g_strdup(instance->info->id);
    logs->name = g_strdup(instance->info->name);
    logs->args = (GemelLogArgs){.max_bytes = TAIL_BYTES, .since_unix_us = since_unix_us};
    logs->open = g_string_new(NULL);
    logs->follows = run_flag(run, "follow");
    run->data = logs;
    run->data_free = logs_free;
    look(logs);
}

static const CommandOption logs_options[] = {
    {"follow", 'f', OPTION_FLAG, FALSE, NULL, "go on with what it writes, until it ends or ^C"},
    {"since", 0, OPTION_STRING, FALSE, "TIME",
     "only what was written since: 10m ago, 2026-01-31T12:00:00Z, @SECONDS"},
    {"tail", 'n', OPTION_NUMBER, FALSE, "N",
     "how many lines (200; with --since all); 0: only what comes, with --follow", .max = G_MAXINT},
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
     .details = "A container's output, and what is kept of a guest's console; at most the last 1M. "
                "With --follow whole lines are printed as they come, across rotation, until the "
                "instance does not run any more. A guest's log has no times for --since.",
     .run = logs_run},
    {.name = NULL},
};
