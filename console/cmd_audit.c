/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_audit.c - audit: what was done here, by whom, and what came of it. */
#include <string.h>

#include "console/audit.h"
#include "console/commands.h"
#include "console/writer.h"

#define LAST 20

/* Reads on the writer thread: the lines posted so far are in the file then. */
typedef struct {
    CommandRun *run; /* NULL once it is over */
    Hub *hub;
    char *path;
    guint last;
    json_t *lines;
    GError *error;
} Reading;

static void reading_release(gpointer data)
{
    ((Reading *)data)->run = NULL;
}

static void reading_free(Reading *reading)
{
    hub_unref(reading->hub);
    g_free(reading->path);
    json_decref(reading->lines);
    g_clear_error(&reading->error);
    g_free(reading);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* ---- acts from lines ------------------------------------------------------------------------ */

/* One act: its line "begin", and under "end" what came of it. */
static json_t *acts_of(const json_t *lines)
{
    g_autoptr(GHashTable) by_act = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *acts = json_array(), *line;
    size_t i;

    json_array_foreach (lines, i, line) {
        const char *act = text_of(line, "act"), *event = text_of(line, "event");
        json_t *begun = *act != '\0' ? g_hash_table_lookup(by_act, act) : NULL;

        if (g_str_equal(event, "end") && begun != NULL) {
            json_object_set(begun, "end", line);
            continue;
        }
        json_t *own = json_copy(line);

        json_array_append_new(acts, own);
        if (g_str_equal(event, "begin") && *act != '\0')
            g_hash_table_insert(by_act, (gpointer)act, own);
    }
    return acts;
}

/* "done", or the error, or that its end was never written. */
static const char *result_of(const json_t *act)
{
    const json_t *end = json_object_get(act, "end");
    const json_t *last = end != NULL ? end : act;
    const char *message = text_of(json_object_get(last, "error"), "message");

    if (*message != '\0')
        return message;
    if (g_str_equal(text_of(last, "event"), "begin"))
        return "no end on record";
    return json_integer_value(json_object_get(last, "status")) == 0 ? "done" : "failed";
}

static char *took_of(const json_t *act)
{
    const json_t *ms = json_object_get(json_object_get(act, "end"), "duration_ms");

    return json_is_integer(ms) ? g_strdup_printf("%.1fs", (double)json_integer_value(ms) / 1000)
                               : g_strdup("-");
}

/* The user, and who that was before sudo. */
static char *user_of(const json_t *act)
{
    const char *sudo = text_of(act, "sudo_user"), *user = text_of(act, "user");
    g_autofree char *uid =
        g_strdup_printf("%lld", (long long)json_integer_value(json_object_get(act, "uid")));

    return *sudo != '\0' ? g_strdup_printf("%s (%s)", *user != '\0' ? user : uid, sudo)
                         : g_strdup(*user != '\0' ? user : uid);
}

/* What it was done to: the instance and what the act was given beside it ("mail mail2" of a clone),
   or what the command said. */
static char *subject_of(const json_t *act)
{
    const char *name = text_of(act, "name"), *id = text_of(act, "id");
    const char *what = text_of(act, "what"), *command = text_of(act, "command");

    const char *plan = text_of(act, "plan");
    g_autofree char *begin = g_strdup_printf("%s %s ", what, name);

    if (*name != '\0' && g_str_has_prefix(plan, begin))
        return g_strdup(plan + strlen(what) + 1);
    if (*name != '\0' || *id != '\0')
        return g_strdup(*name != '\0' ? name : id);
    if (g_str_has_prefix(command, what) && command[strlen(what)] == ' ')
        return g_strdup(command + strlen(what) + 1);
    return g_strdup("-");
}

static char *time_of(const json_t *act)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text_of(act, "time"), utc);
    g_autoptr(GDateTime) local = time != NULL ? g_date_time_to_local(time) : NULL;

    return local != NULL ? g_date_time_format(local, "%m-%d %H:%M:%S") : g_strdup("-");
}

static void print_acts(CommandRun *run, const json_t *acts)
{
    static const char *const headers[] = {"TIME", "USER",   "WHAT", "INSTANCE",
                                          "TOOK", "RESULT", NULL};
    OutputTable *table = output_table_new(headers, "LLLWRW");
    json_t *act;
    size_t i;

    json_array_foreach (acts, i, act) {
        g_autofree char *time = time_of(act), *user = user_of(act), *took = took_of(act);
        g_autofree char *name = subject_of(act);

        output_table_add(table, time, user, text_of(act, "what"), name, took, result_of(act), NULL);
    }
    output_table_print(table, run->out);
}

/* ---- the command ---------------------------------------------------------------------------- */

/* Those whose instance the words name: by name, BACKEND/NAME, globs, or the beginning of the id. */
static gboolean is_wanted(const CommandRun *run, const json_t *act)
{
    for (guint i = 0; i < run->n_words; i++)
        if (model_glob_matches(run->words[i], text_of(act, "backend"), text_of(act, "name")) ||
            (strlen(run->words[i]) >= 4 && g_str_has_prefix(text_of(act, "id"), run->words[i])))
            return TRUE;
    return run->n_words == 0;
}

/* The last of those that are wanted; a new reference. */
static json_t *last_of(const CommandRun *run, const json_t *acts, guint last)
{
    json_t *found = json_array(), *chosen = json_array(), *act;
    size_t i, n;

    json_array_foreach (acts, i, act)
        if (is_wanted(run, act))
            json_array_append(found, act);
    n = json_array_size(found);
    for (i = n > last ? n - last : 0; i < n; i++)
        json_array_append(chosen, json_array_get(found, i));
    json_decref(found);
    return chosen;
}

static void reading_done(void *data)
{
    Reading *reading = data;
    CommandRun *run = reading->run;

    if (run != NULL && reading->lines == NULL) {
        run_error(run, reading->error);
    } else if (run != NULL) {
        json_t *all = acts_of(reading->lines), *acts = last_of(run, all, reading->last);

        json_decref(all);
        if (run->json)
            output_json(run->out,
                        json_pack("{s:o, s:O}", "path", json_text(reading->path), "acts", acts));
        else if (json_array_size(acts) == 0)
            output_line(run->out, OUTPUT_NOTE, "%s: nothing on record", reading->path);
        else
            print_acts(run, acts);
        json_decref(acts);
    }
    if (run != NULL) {
        run->data = NULL;
        run->data_free = NULL;
    }
    reading_free(reading);
    if (run != NULL)
        run_release(run);
}

static void read_lines(void *data)
{
    Reading *reading = data;

    reading->lines = audit_read(reading->path, 0, &reading->error);
    hub_post(reading->hub, reading_done, reading);
}

static void audit_run(CommandRun *run)
{
    Reading *reading = g_new0(Reading, 1);
    const char *last = run_option(run, "last");

    reading->run = run;
    reading->hub = hub_ref(run->app->hub);
    reading->path = audit_path();
    reading->last = last != NULL ? (guint)g_ascii_strtoull(last, NULL, 10) : LAST;
    run->data = reading;
    run->data_free = reading_release;
    run_hold(run);
    if (run->app->writer == NULL)
        run->app->writer = writer_new();
    writer_post(run->app->writer, read_lines, reading);
}

static const CommandOption audit_options[] = {
    {"last", 'n', OPTION_NUMBER, FALSE, "N", "how many acts (20)"},
    {NULL},
};

const Command commands_audit[] = {
    {.name = "audit",
     .summary = "what was done here, by whom, and what came of it",
     .example = "gemel audit --last 5",
     .group = "Look",
     .flags = COMMAND_JSON,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = audit_options,
     .details = "Every act leaves a line before it begins and one at its end, with user, terminal, "
                "command, instance and result, in /var/log/gemel/audit.jsonl for root and in "
                "~/.local/state/gemel/audit.jsonl for others; GEMEL_AUDIT_LOG names another file. "
                "`set audit refuse` lets nothing be done that cannot be recorded.",
     .run = audit_run},
    {.name = NULL},
};
