/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command.c - from a line to a running command and its exit status.
 *
 * A run goes through: split the line into commands; for each: find it in the table, parse its
 * options, check face, read-only and words, wait for fresh instance lists where it needs them,
 * call it, wait until nothing is pending, go on with the next one or report the status.
 */
#include "console/command.h"

#include <string.h>

struct CommandFlow {
    char **lines; /* commands of the line that are not begun yet */
    guint next;
    char **argv;    /* or one command given as words */
    guint depth;    /* > 0: inside the command's own code; do not free the run */
    gboolean *over; /* told when the run is freed while its starter is on the stack */
    guint listener;
    GSource *timeout;
    void (*proceed)(CommandRun *run);
};

static void run_next(CommandRun *run);

/* ---- the life of a run ---------------------------------------------------------------------- */

static void flow_stop_waiting(CommandRun *run)
{
    if (run->flow->listener != 0)
        model_unlisten(run->app->model, run->flow->listener);
    run->flow->listener = 0;
    app_source_remove(&run->flow->timeout);
}

/* Forgets everything of the command that ended, for the next of the line. */
static void run_clear(CommandRun *run)
{
    flow_stop_waiting(run);
    if (run->data_free != NULL)
        run->data_free(run->data);
    run->data = NULL;
    run->data_free = NULL;
    g_clear_pointer(&run->words, g_strfreev);
    g_clear_pointer(&run->options, g_hash_table_unref);
    g_ptr_array_set_size(run->jobs, 0);
    g_ptr_array_set_size(run->missing, 0);
    run->command = NULL;
    run->json = run->yes = run->dry_run = run->finished = FALSE;
    run->pending = run->worst = 0;
}

static void run_free(CommandRun *run)
{
    run_clear(run);
    g_strfreev(run->flow->lines);
    g_strfreev(run->flow->argv);
    g_free(run->flow);
    g_ptr_array_unref(run->jobs);
    g_ptr_array_unref(run->missing);
    g_free(run);
}

/* The command is over: the next of the line, or the end. */
static void run_settle(CommandRun *run)
{
    if (!run->finished || run->flow->depth > 0)
        return;
    output_flush(run->out);
    /* A loop, since a line may hold any number of commands that end at once. */
    while (run->status == 0 && run->flow->lines != NULL &&
           run->flow->lines[run->flow->next] != NULL) {
        run_clear(run);
        run->flow->depth++;
        run_next(run);
        run->flow->depth--;
        if (!run->finished && run->pending > 0)
            return;
        if (!run->finished)
            run->status = run->worst;
        run->finished = TRUE;
        flow_stop_waiting(run);
        output_flush(run->out);
    }
    if (run->flow->over != NULL)
        *run->flow->over = TRUE;
    run->done(run, run->status, run->done_data);
    run_free(run);
}

void run_finish(CommandRun *run, int status)
{
    if (run->finished)
        return;
    run->finished = TRUE;
    run->status = status >= 0 ? status : run->worst;
    flow_stop_waiting(run);
    run_settle(run);
}

/* Before and after code of the command runs. */
static void run_enter(CommandRun *run)
{
    run->flow->depth++;
}

static void run_leave(CommandRun *run)
{
    run->flow->depth--;
    if (!run->finished && run->pending == 0 && run->flow->depth == 0)
        run_finish(run, -1);
    else
        run_settle(run);
}

void run_hold(CommandRun *run)
{
    run->pending++;
}

void run_release(CommandRun *run)
{
    run_enter(run);
    run->pending--;
    run_leave(run);
}

void run_error(CommandRun *run, const GError *error)
{
    int status = gemel_error_exit_status(error);

    if (error->domain == G_OPTION_ERROR || error->domain == G_SHELL_ERROR)
        status = 2;
    output_line(run->out, OUTPUT_ERROR, "%s", error->message);
    if (run->worst == 0)
        run->worst = status;
}

void run_fail(CommandRun *run, GemelErrorKind kind, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    gemel_error_set(&error, kind, "%s", text);
    run_error(run, error);
}

/* ---- jobs of a run -------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    GemelJob *job;
    GemelJobDone done;
    gpointer data;
} RunJob;

static void run_job_free(gpointer data)
{
    RunJob *own = data;

    gemel_job_disown(own->job, own);
    gemel_job_unref(own->job);
    g_free(own);
}

static void run_job_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    RunJob *own = data;
    CommandRun *run = own->run;

    run_enter(run);
    run->pending--;
    if (own->done != NULL)
        own->done(job, result, error, own->data);
    else if (error != NULL)
        run_error(run, error);
    /* Disowns: a lost job may end once more, and nobody waits for it then. */
    g_ptr_array_remove_fast(run->jobs, own);
    run_leave(run);
}

GemelJob *run_submit(CommandRun *run, AppBackend *backend, GemelLane lane, const GemelJobSpec *spec,
                     GemelJobDone done, gpointer data)
{
    RunJob *own = g_new0(RunJob, 1);

    *own = (RunJob){.run = run, .done = done, .data = data};
    run->pending++;
    own->job = gemel_lanes_submit(backend->lanes, lane, spec, run_job_done, own);
    g_ptr_array_add(run->jobs, own);
    model_job_changed(run->app->model, own->job);
    return own->job;
}

void command_cancel(CommandRun *run)
{
    for (guint i = 0; i < run->jobs->len; i++) {
        RunJob *own = run->jobs->pdata[i];

        gemel_job_disown(own->job, own);
        gemel_job_cancel(own->job);
    }
    g_ptr_array_set_size(run->jobs, 0);
    g_strfreev(g_steal_pointer(&run->flow->lines));
    run_finish(run, 130);
}

/* ---- instance lists ------------------------------------------------------------------------- */

static void lists_note_missing(CommandRun *run)
{
    GPtrArray *backends = model_backends(run->app->model);

    for (guint i = 0; i < backends->len; i++) {
        ModelBackend *backend = backends->pdata[i];

        if (backend->lists_pending > 0 || backend->error != NULL || !backend->listed)
            g_ptr_array_add(run->missing, backend);
    }
}

static void lists_ready(CommandRun *run)
{
    flow_stop_waiting(run);
    lists_note_missing(run);
    run_enter(run);
    run->pending--;
    run->command->run(run);
    run_leave(run);
}

static gboolean lists_timed_out(gpointer data)
{
    lists_ready(data);
    return G_SOURCE_REMOVE;
}

static void lists_changed(ModelChange what, gpointer data)
{
    CommandRun *run = data;
    GPtrArray *backends = model_backends(run->app->model);

    for (guint i = 0; i < backends->len; i++)
        if (((ModelBackend *)backends->pdata[i])->lists_pending > 0)
            return;
    lists_ready(run);
}

/* How long a command waits for lists: its own --timeout if it only reads, else the option's. */
static guint lists_timeout_ms(const CommandRun *run)
{
    const char *own =
        run->command->flags & (COMMAND_CHANGES | COMMAND_WAITS) ? NULL : run_option(run, "timeout");
    gint ms;

    if (own != NULL && parse_duration_ms(own, &ms, NULL))
        return (guint)ms;
    return (guint)options_get_number(run->app->options, "timeout");
}

/* Calls the command once every backend has given a fresh list, or the time is over. The TUI's
   model is live: there it is called at once. */
static void run_with_lists(CommandRun *run)
{
    if (!(run->command->flags & COMMAND_LISTS) || run->face->face == FACE_TUI ||
        model_backends(run->app->model)->len == 0) {
        run_enter(run);
        run->command->run(run);
        run_leave(run);
        return;
    }
    run->pending++;
    model_list_all(run->app->model);
    run->flow->listener = model_listen(run->app->model, lists_changed, run);
    run->flow->timeout = app_add_timer(run->app, lists_timeout_ms(run), lists_timed_out, run);
}

ModelInstance *run_find(CommandRun *run, const char *name, GError **error)
{
    g_autoptr(GError) own = NULL;
    ModelInstance *instance = model_find(run->app->model, name, &own);

    if (instance != NULL)
        return instance;
    if (run->missing->len > 0 && g_error_matches(own, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND)) {
        const ModelBackend *backend = run->missing->pdata[0];

        gemel_error_set(error, GEMEL_ERROR_UNREACHABLE, "no instance is called '%s' here, but %s",
                        name,
                        backend->error != NULL ? backend->error->message : "a backend is silent");
        return NULL;
    }
    g_propagate_error(error, g_steal_pointer(&own));
    return NULL;
}

/* ---- confirmation --------------------------------------------------------------------------- */

static void run_answered(CommandRun *run, gboolean yes)
{
    run_enter(run);
    run->pending--;
    if (yes) {
        run->flow->proceed(run);
    } else {
        output_line(run->out, OUTPUT_NOTE, "nothing was done");
        run->worst = 1;
    }
    run_leave(run);
}

void run_confirm(CommandRun *run, const char *question, const char *typed_name,
                 void (*proceed)(CommandRun *run))
{
    if (run->yes || run->dry_run) {
        proceed(run);
        return;
    }
    if (run->face->confirm == NULL) {
        run_fail(run, GEMEL_ERROR_INVALID, "%s: %s Say --yes to do it", run->command->name,
                 question);
        return;
    }
    run->flow->proceed = proceed;
    run->pending++;
    run->face->confirm(run, question, typed_name, run_answered, run->face->face_data);
}

/* ---- parsing -------------------------------------------------------------------------------- */

char **command_split_lines(const char *text, GError **error)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    g_autoptr(GString) line = g_string_new(NULL);
    char quote = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (quote == 0 && *c == '#' && (c == text || strchr(" \t\n;", c[-1]) != NULL)) {
            c += strcspn(c, "\n"); /* a comment: quotes and semicolons mean nothing there */
            if (*c == '\0')
                break;
        }
        if (quote == 0 && (*c == ';' || *c == '\n')) {
            g_strv_builder_add(lines, line->str);
            g_string_truncate(line, 0);
            continue;
        }
        if (quote == 0 && (*c == '\'' || *c == '"'))
            quote = *c;
        else if (quote == *c)
            quote = 0;
        else if (*c == '\\' && quote != '\'' && c[1] != '\0')
            g_string_append_c(line, *c++);
        g_string_append_c(line, *c);
    }
    if (quote != 0) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "a %c is open at the end of: %s", quote, text);
        return NULL;
    }
    g_strv_builder_add(lines, line->str);
    return g_strv_builder_end(lines);
}

static const CommandOption *find_option(const Command *command, const char *name, char letter)
{
    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++)
        if (name != NULL ? g_str_equal(option->name, name)
                         : letter != 0 && option->letter == letter)
            return option;
    return NULL;
}

static void store_option(CommandRun *run, const char *name, const char *value)
{
    GPtrArray *values = g_hash_table_lookup(run->options, name);

    if (values == NULL) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(run->options, g_strdup(name), values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

/* The options that flags of the command bring. TRUE if `name` is one of them. */
static gboolean take_common_option(CommandRun *run, const char *name)
{
    if (g_str_equal(name, "json") && (run->command->flags & COMMAND_JSON))
        run->json = TRUE;
    else if (g_str_equal(name, "yes") && (run->command->flags & COMMAND_CHANGES))
        run->yes = TRUE;
    else if (g_str_equal(name, "dry-run") && (run->command->flags & COMMAND_CHANGES))
        run->dry_run = TRUE;
    else if (!g_str_equal(name, "help"))
        return FALSE;
    if (g_str_equal(name, "help"))
        store_option(run, "help", "");
    return TRUE;
}

/* One option word; *i moves past a separate value. */
static gboolean parse_option(CommandRun *run, char **argv, guint *i, GError **error)
{
    const char *word = argv[*i];
    const CommandOption *option;
    g_autofree char *name = NULL;
    const char *value = NULL;

    if (word[1] == '-') {
        const char *equals = strchr(word, '=');

        name =
            equals != NULL ? g_strndup(word + 2, (gsize)(equals - word - 2)) : g_strdup(word + 2);
        value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && take_common_option(run, name))
            return TRUE;
        option = find_option(run->command, name, 0);
    } else {
        name = g_strndup(word + 1, 1);
        value = word[2] != '\0' ? word + 2 : NULL;
        if (value == NULL && ((*name == 'y' && take_common_option(run, "yes")) ||
                              (*name == 'h' && take_common_option(run, "help"))))
            return TRUE;
        option = find_option(run->command, NULL, *name);
    }
    if (option == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: there is no option '%s'; see `help %s`", run->command->name,
                               word, run->command->name);
    if (option->type == OPTION_FLAG) {
        if (value != NULL)
            return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s takes no value",
                                   run->command->name, option->name);
        store_option(run, option->name, "");
        return TRUE;
    }
    if (value == NULL && (value = argv[++*i]) == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s needs %s", run->command->name,
                               option->name, option->meta != NULL ? option->meta : "a value");
    if (option->type == OPTION_DURATION) {
        gint ms;

        if (!parse_duration_ms(value, &ms, error))
            return FALSE;
    }
    if (option->type == OPTION_NUMBER &&
        !g_ascii_string_to_unsigned(value, 10, 1, G_MAXINT, NULL, NULL))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s %s is not a number from 1 on",
                               run->command->name, option->name, value);
    store_option(run, option->name, value);
    return TRUE;
}

/* How many words stand before the part that is passed through. */
static guint fixed_words(const Command *command)
{
    guint n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++)
        n += command->words[i].type != WORD_NONE && !command->words[i].repeats;
    return n;
}

static gboolean parse_words(CommandRun *run, char **argv, guint first, GError **error)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    gboolean passthrough = run->command->flags & COMMAND_PASSTHROUGH;
    gboolean plain = FALSE;
    guint n = 0;

    for (guint i = first; argv[i] != NULL; i++) {
        if (!plain && g_str_equal(argv[i], "--")) {
            plain = TRUE;
            continue;
        }
        if (!plain && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!parse_option(run, argv, &i, error))
                return FALSE;
            continue;
        }
        g_strv_builder_add(words, argv[i]);
        if (++n > fixed_words(run->command) && passthrough)
            plain = TRUE;
    }
    run->words = g_strv_builder_end(words);
    run->n_words = n;
    return TRUE;
}

/* Enough words, and not too many. */
static gboolean check_words(const CommandRun *run, GError **error)
{
    const Command *command = run->command;
    guint needed = 0, most = 0;
    gboolean repeats = FALSE;
    const char *first_missing = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++) {
        const CommandWord *word = &command->words[i];

        if (word->type == WORD_NONE)
            break;
        most++;
        repeats = repeats || word->repeats;
        if (!word->optional && ++needed > run->n_words && first_missing == NULL)
            first_missing = word->name;
    }
    if (first_missing != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: %s is missing; see `help %s`",
                               command->name, first_missing, command->name);
    if (run->n_words > most && !repeats)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: '%s' is too much; see `help %s`",
                               command->name, run->words[most], command->name);
    return TRUE;
}

static gboolean check_allowed(const CommandRun *run, GError **error)
{
    const Command *command = run->command;

    if (command->faces != 0 && !(command->faces & run->face->face))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: works %s only", command->name,
                               command->faces & FACE_TUI ? "inside the console" : "outside it");
    if ((command->flags & COMMAND_CHANGES) && !run->dry_run && app_is_read_only(run->app))
        return gemel_error_set(error, GEMEL_ERROR_DENIED,
                               "%s: read-only is on; `set read-only off` lifts it", command->name);
    return TRUE;
}

/* ---- starting ------------------------------------------------------------------------------- */

static gboolean run_begin(CommandRun *run, char **argv, GError **error)
{
    guint used = 0;

    run->command = command_find((const char *const *)argv, &used, error);
    if (run->command == NULL)
        return FALSE;
    run->options =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    if (!parse_words(run, argv, used, error))
        return FALSE;
    if (run_flag(run, "help")) {
        const char *const help[] = {"help", run->command->name, NULL};

        /* `start --help` is `help start`. */
        run->command = command_find(help, &used, error);
        g_strfreev(run->words);
        run->words = g_strsplit(help[1], " ", -1);
        run->n_words = g_strv_length(run->words);
        return run->command != NULL;
    }
    return check_words(run, error) && check_allowed(run, error);
}

/* Begins the next command of the line; an empty one is done at once. */
static void run_next(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    const char *line = NULL;

    if (run->flow->argv != NULL) {
        argv = g_steal_pointer(&run->flow->argv);
    } else if (run->flow->lines != NULL && (line = run->flow->lines[run->flow->next]) != NULL) {
        run->flow->next++;
        if (!g_shell_parse_argv(line, NULL, &argv, &error) &&
            g_error_matches(error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
            g_clear_error(&error);
    }
    if (argv == NULL || error != NULL || !run_begin(run, argv, &error)) {
        if (error != NULL)
            run_error(run, error);
        run_finish(run, -1);
        return;
    }
    run_with_lists(run);
}

static CommandRun *run_new(App *app, const FaceOps *face, Output *out,
                           void (*done)(CommandRun *run, int status, gpointer data), gpointer data)
{
    CommandRun *run = g_new0(CommandRun, 1);

    run->app = app;
    run->face = face;
    run->out = out;
    run->done = done;
    run->done_data = data;
    run->flow = g_new0(struct CommandFlow, 1);
    run->jobs = g_ptr_array_new_with_free_func(run_job_free);
    run->missing = g_ptr_array_new();
    return run;
}

/* Runs the first command; NULL if the whole line is over already. */
static CommandRun *run_go(CommandRun *run)
{
    gboolean over = FALSE;

    run->flow->over = &over;
    run_enter(run);
    run_next(run);
    run_leave(run);
    if (over)
        return NULL;
    run->flow->over = NULL;
    return run;
}

CommandRun *command_line_run(App *app, const FaceOps *face, Output *out, const char *line,
                             void (*done)(CommandRun *run, int status, gpointer data),
                             gpointer data)
{
    CommandRun *run = run_new(app, face, out, done, data);
    g_autoptr(GError) error = NULL;

    run->flow->lines = command_split_lines(line, &error);
    if (error != NULL)
        run_error(run, error);
    return run_go(run);
}

CommandRun *command_argv_run(App *app, const FaceOps *face, Output *out, const char *const *argv,
                             void (*done)(CommandRun *run, int status, gpointer data),
                             gpointer data)
{
    CommandRun *run = run_new(app, face, out, done, data);

    run->flow->argv = g_strdupv((char **)argv);
    return run_go(run);
}

/* ---- small things for commands -------------------------------------------------------------- */

GPtrArray *run_option_all(const CommandRun *run, const char *name)
{
    return run->options != NULL ? g_hash_table_lookup(run->options, name) : NULL;
}

const char *run_option(const CommandRun *run, const char *name)
{
    GPtrArray *values = run_option_all(run, name);

    return values != NULL ? values->pdata[values->len - 1] : NULL;
}

gboolean run_flag(const CommandRun *run, const char *name)
{
    return run_option_all(run, name) != NULL;
}

gboolean parse_duration_ms(const char *text, gint *ret_ms, GError **error)
{
    gint64 ms;

    if (!option_parse_duration(text, &ms) || ms > G_MAXINT)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "'%s' is not a time; write 500ms, 10s, 2m or 1h", text);
    *ret_ms = (gint)ms;
    return TRUE;
}

gboolean parse_size_bytes(const char *text, gint64 *ret_bytes, GError **error)
{
    static const char units[] = "KMGT";
    char *end;
    double value = g_ascii_strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, g_ascii_toupper(*end)) : NULL;

    if (unit != NULL) {
        for (const char *u = units; u <= unit; u++)
            value *= 1024;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B' || *end == 'b')
        end++;
    if (end == text || *end != '\0' || !(value >= 0) || value > 9e18)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "'%s' is not a size; write 64M, 1.5G or a number of bytes", text);
    *ret_bytes = (gint64)value;
    return TRUE;
}
