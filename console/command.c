/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command.c - from a line to a running command and its exit status.
 *
 * A run goes through: split the line into commands; for each: put an alias in, find it in the
 * table, parse its options, check face, read-only and words, wait for fresh instance lists where it
 * needs them, call it, wait until nothing is pending and the program it is piped to has ended, go
 * on with the next one or report the status.
 */
#include "console/alias.h"
#include "console/audit.h"
#include "console/command_private.h"

#include <string.h>

/* `source` in a file that sources itself, `watch watch ...`: this deep and no deeper. */
#define NESTING_MAX 8

static void run_next(CommandRun *run);

/* ---- the life of a run ---------------------------------------------------------------------- */

/* What the audit log is told at the end of a command: how it ended as a whole, or that it came to
   nothing. Wrong words are no act. */
static void run_record_end(CommandRun *run)
{
    struct CommandFlow *flow = run->flow;

    if (flow->audit != NULL) {
        audit_end(flow->audit, run->status, flow->problem);
        g_clear_pointer(&flow->audit, audit_act_unref);
    } else if (run->command != NULL && (run->command->flags & COMMAND_CHANGES) && !run->dry_run &&
               run->status != 0 && run->status != 2 && flow->n_audits == 0 && !flow->refused_told) {
        AuditAct *act = audit_act_new(run, NULL, NULL, run->command->name, NULL);

        audit_end(act, run->status, flow->problem);
        audit_act_unref(act);
    }
    flow->refused_told = TRUE;
}

/* Forgets everything of the command that ended, for the next of the line. */
static void run_clear(CommandRun *run)
{
    command_stop_waiting(run);
    run->out = run->flow->out;
    g_clear_pointer(&run->flow->pipeline, pipeline_free);
    g_clear_pointer(&run->flow->plan_out, output_free);
    if (run->flow->plan != NULL)
        g_string_free(g_steal_pointer(&run->flow->plan), TRUE);
    run->piped = FALSE;
    if (run->data_free != NULL)
        run->data_free(run->data);
    run->data = NULL;
    run->data_free = NULL;
    run->interrupt = NULL;
    g_clear_pointer(&run->about, g_ptr_array_unref);
    g_clear_pointer(&run->plan, plan_free);
    g_clear_pointer(&run->words, g_strfreev);
    g_clear_pointer(&run->options, g_hash_table_unref);
    g_ptr_array_set_size(run->jobs, 0);
    g_ptr_array_set_size(run->missing, 0);
    if (run->flow->recorded != NULL)
        run->flow->recorded->run = NULL;
    run->flow->recorded = NULL;
    g_clear_pointer(&run->flow->audit, audit_act_unref);
    g_clear_error(&run->flow->problem);
    run->flow->n_audits = 0;
    run->flow->refused_told = FALSE;
    run->command = NULL;
    run->json = run->yes = run->dry_run = run->finished = run->left = FALSE;
    run->pending = run->worst = 0;
}

static void run_free(CommandRun *run)
{
    run_clear(run);
    g_clear_pointer(&run->flow->steps, g_ptr_array_unref);
    g_strfreev(run->flow->argv);
    g_free(run->flow);
    g_ptr_array_unref(run->jobs);
    g_ptr_array_unref(run->missing);
    g_free(run);
}

/* The lines of a plan as JSON; one that is JSON already stays as it is. */
static void run_print_plan(CommandRun *run)
{
    GString *plan = run->flow->plan;
    json_t *json = json_loadb(plan->str, plan->len, 0, NULL);

    run->out = run->flow->pipeline != NULL ? pipeline_output(run->flow->pipeline) : run->flow->out;
    if (json == NULL) {
        g_auto(GStrv) lines = g_strsplit(g_strchomp(plan->str), "\n", -1);
        json_t *all = json_array();

        for (guint i = 0; lines[i] != NULL; i++)
            if (*lines[i] != '\0')
                json_array_append_new(all, json_text(lines[i]));
        json = json_pack("{s:s, s:o}", "command", run->command->name, "plan", all);
    }
    output_json(run->out, json);
    g_string_free(g_steal_pointer(&run->flow->plan), TRUE);
}

/* Its last words are out. FALSE while a program reads what the command printed. */
static gboolean run_is_through(CommandRun *run)
{
    int status;

    if (run->flow->plan != NULL)
        run_print_plan(run);
    output_flush(run->flow->out);
    if (run->flow->pipeline == NULL)
        return TRUE;
    if (!pipeline_ended(run->flow->pipeline, &status)) {
        pipeline_finish(run->flow->pipeline);
        return FALSE;
    }
    if (!run->flow->cancelled)
        run->status = status;
    return TRUE;
}

/* The command is over: the next of the line, or the end. */
static void run_settle(CommandRun *run)
{
    if (!run->finished || run->flow->depth > 0 || !run_is_through(run))
        return;
    /* A loop, since a line may hold any number of commands that end at once. */
    while (run->status == 0 && run->flow->steps != NULL && run->flow->steps->len > 0) {
        run_clear(run);
        run->flow->depth++;
        run_next(run);
        run->flow->depth--;
        if (!run->finished && run->pending > 0)
            return;
        if (!run->finished)
            run->status = run->worst;
        run->finished = TRUE;
        run_record_end(run);
        command_stop_waiting(run);
        if (!run_is_through(run))
            return;
    }
    if (run->flow->over != NULL)
        *run->flow->over = TRUE;
    run_clear(
        run); /* what the command held of the terminal is given back before the face goes on */
    run->done(run, run->status, run->done_data);
    run_free(run);
}

void run_finish(CommandRun *run, int status)
{
    if (run->finished)
        return;
    run->finished = TRUE;
    run->status = status >= 0 ? status : run->worst;
    run_record_end(run);
    command_stop_waiting(run);
    run_settle(run);
}

void command_enter(CommandRun *run)
{
    run->flow->depth++;
}

void command_leave(CommandRun *run)
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
    command_enter(run);
    run->pending--;
    command_leave(run);
}

void run_error(CommandRun *run, const GError *error)
{
    int status = gemel_error_exit_status(error);

    if (error->domain == G_OPTION_ERROR || error->domain == G_SHELL_ERROR)
        status = 2;
    output_line(run->out, OUTPUT_ERROR, "%s", error->message);
    if (run->flow->problem == NULL)
        run->flow->problem = g_error_copy(error);
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

/* ---- ends from outside ---------------------------------------------------------------------- */

/* The program of `command | program` is over. Nobody reads on: a command that only looks is over
   with it, one that changes things does what it was told. */
static void run_program_ended(gpointer data)
{
    CommandRun *run = data;

    if (run->finished) {
        run_settle(run);
    } else if (!(run->command->flags & COMMAND_CHANGES)) {
        command_forget_jobs(run);
        run_finish(run, 0); /* the status is the program's */
    }
}

static void run_cancel(CommandRun *run)
{
    run->flow->cancelled = TRUE;
    command_forget_jobs(run);
    g_clear_pointer(&run->flow->steps, g_ptr_array_unref);
    if (run->flow->pipeline != NULL && !pipeline_has_terminal(run->flow->pipeline)) {
        run->out = run->flow->out;
        g_clear_pointer(&run->flow->pipeline, pipeline_free);
    }
    run->status = 130;
    if (run->finished)
        run_settle(run);
    else
        run_finish(run, 130);
}

void command_interrupt(CommandRun *run)
{
    if (run->finished || run->interrupt == NULL)
        run_cancel(run);
    else {
        command_enter(run);
        gboolean seen_to = run->interrupt(run);

        command_leave(run);
        if (!seen_to)
            run_cancel(run);
    }
}

void command_cancel(CommandRun *run)
{
    if (run->flow->pipeline != NULL) {
        run->out = run->flow->out;
        g_clear_pointer(&run->flow->pipeline, pipeline_free);
    }
    run_cancel(run);
}

/* ---- confirmation --------------------------------------------------------------------------- */

static void run_answered(CommandRun *run, gboolean yes)
{
    command_enter(run);
    run->pending--;
    if (yes) {
        run->flow->proceed(run);
    } else {
        output_line(run->out, OUTPUT_NOTE, "nothing was done");
        if (run->flow->problem == NULL)
            gemel_error_set(&run->flow->problem, GEMEL_ERROR_FAILED, "not confirmed");
        run->worst = 1;
    }
    command_leave(run);
}

/* What to type so that it is not asked about: the whole program's words where they are known. */
static char *line_with_yes(const CommandRun *run)
{
    g_autofree char *text = run->face->typed == NULL ? audit_command_text(run) : NULL;

    return g_strconcat(run->face->typed != NULL ? run->face->typed : text, " --yes", NULL);
}

void run_confirm(CommandRun *run, const char *question, const char *typed_name,
                 void (*proceed)(CommandRun *run))
{
    if (run->yes || run->dry_run) {
        proceed(run);
        return;
    }
    if (run->face->confirm == NULL) {
        g_autofree char *line = line_with_yes(run);

        run_fail(run, GEMEL_ERROR_INVALID,
                 "%s: nobody can be asked \"%s\" here, so nothing was done; to do it: %s",
                 run->command->name, question, line);
        return;
    }
    run->flow->proceed = proceed;
    run->pending++;
    run->face->confirm(run, question, typed_name, run_answered, run->face->face_data);
}

/* ---- starting ------------------------------------------------------------------------------- */

/* FALSE with the reason when read-only is on. */
static gboolean may_change(const CommandRun *run, const char *what, GError **error)
{
    return !app_is_read_only(run->app) ||
           gemel_error_set(error, GEMEL_ERROR_DENIED,
                           "%s: read-only is on; `set read-only off` lifts it", what);
}

gboolean run_refuses_change(CommandRun *run, const char *what)
{
    g_autoptr(GError) error = NULL;

    if (may_change(run, what, &error))
        return FALSE;
    run_error(run, error);
    return TRUE;
}

static gboolean check_allowed(const CommandRun *run, GError **error)
{
    const Command *command = run->command;

    if (command->faces != 0 && !(command->faces & run->face->face))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: works %s only", command->name,
                               command->faces & FACE_TUI ? "inside the console" : "outside it");
    return !(command->flags & COMMAND_CHANGES) || run->dry_run ||
           may_change(run, command->name, error);
}

void run_say_passing(CommandRun *run)
{
    g_autoptr(GString) line = g_string_new(run->command->name);

    if (!run->face->alone)
        return;
    for (guint i = 0; i < run->n_words; i++) {
        g_autofree char *quoted = command_quote(run->words[i]);

        g_string_append_printf(line, " %s", quoted);
    }
    output_line(run->out, OUTPUT_NOTE, "gone with this command; the line `%s` in gemelrc keeps it",
                line->str);
}

/* `snapshot --help`, of a word that only begins commands. */
static gboolean asks_for_family(char **argv)
{
    return g_strv_length(argv) == 2 &&
           (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h")) &&
           command_is_family(argv[0]);
}

static gboolean run_begin(CommandRun *run, char **argv, GError **error)
{
    char help_name[] = "help";
    char *family[] = {help_name, argv[0], NULL};
    guint used = 0;

    run->command = command_find((const char *const *)argv, &used, error);
    if (run->command == NULL && asks_for_family(argv)) {
        g_clear_error(error);
        argv = family;
        run->command = command_find((const char *const *)argv, &used, error);
    }
    if (run->command == NULL)
        return FALSE;
    run->options =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    if (!command_parse(run, argv, used, error))
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
    return command_check_words(run, error) && check_allowed(run, error);
}

/* --dry-run --json: what a command says it would do is gathered. */
static void take_plan_line(OutputClass class, const char *text, gpointer data)
{
    CommandRun *run = data;

    if (class == OUTPUT_DATA)
        g_string_append_printf(run->flow->plan, "%s\n", text);
    else
        output_line(run->flow->out, class, "%s", text);
}

static void run_gather_plan(CommandRun *run)
{
    run->flow->plan = g_string_new(NULL);
    run->out = run->flow->plan_out = output_new_lines(take_plan_line, run);
}

/* The steps of a line, the first one last: to take it from there costs nothing, however many. */
static GPtrArray *line_steps(const char *line, GError **error)
{
    GPtrArray *steps = command_steps(line, error);

    for (guint i = 0; steps != NULL && i < steps->len / 2; i++) {
        gpointer first = steps->pdata[i];

        steps->pdata[i] = steps->pdata[steps->len - 1 - i];
        steps->pdata[steps->len - 1 - i] = first;
    }
    return steps;
}

/* The words of the next command: the step's own, after its alias. An alias may bring a `;` and a
   `|`: then its first command is next, and what stood after it follows the last. NULL without an
   error: an empty command. */
static char **run_take_words(CommandRun *run, GError **error)
{
    struct CommandFlow *flow = run->flow;
    g_autoptr(GError) own = NULL;
    CommandStep *step = flow->steps->pdata[flow->steps->len - 1];
    g_autofree char *alias = step->expanded ? NULL : command_expand_alias(run->app, step->text);
    char **argv = NULL;

    if (alias != NULL) {
        g_autofree char *line = step->program != NULL
                                    ? g_strconcat(alias, " | ", step->program, NULL)
                                    : g_strdup(alias);
        g_autoptr(GPtrArray) steps = command_steps(line, error);

        if (steps == NULL)
            return NULL;
        g_ptr_array_remove_index(flow->steps, flow->steps->len - 1);
        for (guint i = steps->len; i-- > 0;) {
            CommandStep *one = g_ptr_array_steal_index(steps, i);

            one->expanded = TRUE;
            g_ptr_array_add(flow->steps, one);
        }
    }
    step = g_ptr_array_steal_index(flow->steps, flow->steps->len - 1);
    if (!g_shell_parse_argv(step->text, NULL, &argv, &own) &&
        !g_error_matches(own, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
        g_propagate_error(error, g_steal_pointer(&own));
    else if (argv != NULL && step->program != NULL) {
        flow->pipeline = pipeline_new(run->app, run->face, flow->out, step->program,
                                      run_program_ended, run, error);
        run->piped = flow->pipeline != NULL;
        if (run->piped)
            run->out = pipeline_output(flow->pipeline);
        else
            g_clear_pointer(&argv, g_strfreev);
    }
    command_step_free(step);
    return argv;
}

/* A command given as words may begin with an alias, too. */
static void run_expand_argv(CommandRun *run)
{
    g_autofree char *line = NULL;

    if (run->flow->argv[0] == NULL || alias_get(run->app, run->flow->argv[0]) == NULL)
        return;
    line = command_join((const char *const *)run->flow->argv);
    run->flow->steps = line_steps(line, NULL);
    g_clear_pointer(&run->flow->argv, g_strfreev);
}

/* Begins the next command of the line; an empty one is done at once. */
static void run_next(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;

    if (run->flow->argv != NULL)
        run_expand_argv(run);
    if (run->flow->argv != NULL)
        argv = g_steal_pointer(&run->flow->argv);
    else if (run->flow->steps != NULL && run->flow->steps->len > 0)
        argv = run_take_words(run, &error);
    if (argv == NULL || error != NULL || !run_begin(run, argv, &error)) {
        if (error != NULL)
            run_error(run, error);
        run_finish(run, -1);
        return;
    }
    if (run->dry_run && run->json)
        run_gather_plan(run);
    command_call(run);
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
    run->flow->out = out;
    run->jobs = command_jobs_new();
    run->missing = g_ptr_array_new();
    return run;
}

/* Runs the first command; NULL if the whole line is over already. */
static CommandRun *run_go(CommandRun *run)
{
    gboolean over = FALSE;

    run->flow->over = &over;
    command_enter(run);
    run_next(run);
    command_leave(run);
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

    run->flow->steps = line_steps(line, &error);
    if (error != NULL)
        run_error(run, error);
    return run_go(run);
}

CommandRun *command_nested_run(CommandRun *parent, Output *out, const char *line,
                               void (*done)(CommandRun *run, int status, gpointer data),
                               gpointer data)
{
    CommandRun *run = run_new(parent->app, parent->face, out, done, data);
    g_autoptr(GError) error = NULL;

    run->nesting = parent->nesting + 1;
    run->origin = parent->nested_origin != NULL ? parent->nested_origin : parent->origin;
    if (run->nesting > NESTING_MAX)
        gemel_error_set(&error, GEMEL_ERROR_INVALID,
                        "%s: commands run commands more than %d deep; does a file source itself?",
                        parent->command->name, NESTING_MAX);
    else
        run->flow->steps = line_steps(line, &error);
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
