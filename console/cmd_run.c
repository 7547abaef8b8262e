/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_run.c - run: makes a container, starts it, is its terminal, and ends with its status.
 *
 * It is create, start, `attach --from-start` in a run of its own, and with --rm delete. What is
 * interrupted before the container runs is undone; once it runs, what would interrupt gemel is
 * passed on: first as the stop signal, then as KILL.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/options.h"
#include "console/cmd_create.h"
#include "console/cmd_stream.h"
#include "console/commands.h"
#include "console/terminal.h"

#define STATUS_NOT_RUN   126
#define STATUS_NOT_FOUND 127
#define ACT_HARD_MS      120000
#define LISTED_MS        5000
#define SIGNALS_MAX      4 /* then it is not waited for any more */

typedef enum { STEP_CREATE, STEP_START, STEP_LIST, STEP_ATTACH, STEP_DELETE } Step;

typedef struct {
    CommandRun *run;
    AppBackend *open;
    Create *create; /* until it is submitted */
    char *name, *id;
    gboolean remove, detach, tty;
    Step step;
    GemelJob *job; /* of create and start */
    guint signals;
    int status;
    CommandRun *attached;
    gboolean *over; /* told when this goes away while `attached` begins */
    guint listener;
    GSource *timer;
} Run;

typedef struct {
    GemelAct act;
    char *id;
} Order;

static void order_free(gpointer data)
{
    Order *order = data;

    g_free(order->id);
    g_free(order);
}

static gpointer run_order(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const Order *order = arg;

    return conn->backend->ops->act[order->act](conn, order->id, args, error) ? GINT_TO_POINTER(TRUE)
                                                                             : NULL;
}

/* The size that its terminal will have: a console inside has a line of ours above it. */
static void tell_size(const Run *r, GemelActArgs *args)
{
    gboolean inside = r->run->face->face == FACE_TUI &&
                      !g_str_equal(options_get(r->run->app->options, "consoles"), "whole");
    struct winsize size;

    if (!r->tty || r->detach || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    args->rows = inside && size.ws_row > 1 ? size.ws_row - 1u : size.ws_row;
    args->cols = size.ws_col;
}

static GemelJobSpec order_spec(const Run *r, GemelAct act, const char *title)
{
    Order *order = g_new0(Order, 1);

    *order = (Order){.act = act, .id = g_strdup(r->id)};
    return (GemelJobSpec){.kind = gemel_act_name(act),
                          .title = title,
                          .instance_id = r->id,
                          .run = run_order,
                          .arg = order,
                          .arg_free = order_free,
                          .hard_ms = ACT_HARD_MS,
                          .args = {.limits = GEMEL_LIMITS_NONE,
                                   .force = act == GEMEL_ACT_DELETE,
                                   .once = act == GEMEL_ACT_START && !r->detach,
                                   .no_wait = act == GEMEL_ACT_STOP}};
}

static GemelJob *submit(Run *r, GemelAct act, GemelJobDone done)
{
    g_autofree char *title = g_strdup_printf("%s %s", gemel_act_name(act), r->name);
    GemelJobSpec spec = order_spec(r, act, title);

    if (act == GEMEL_ACT_START)
        tell_size(r, &spec.args);
    return run_submit(r->run, r->open, GEMEL_LANE_ACT, &spec, done, r);
}

/* ---- going away in the middle --------------------------------------------------------------- */

static void stop_listening(Run *r)
{
    if (r->listener != 0)
        model_unlisten(r->run->app->model, r->listener);
    r->listener = 0;
    app_source_remove(&r->timer);
}

static void late_delete_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    App *app = data;

    if (error != NULL) { /* the run and its output are gone */
        Output *out = output_new_stdio();

        output_line(out, OUTPUT_ERROR, "run: %s", error->message);
        output_free(out);
    }
    if (app->closing > 0 && --app->closing == 0 && app->ended_by != 0)
        terminal_exit(app->ended_by);
    gemel_job_disown(job, app); /* a lost one may end once more */
    gemel_job_unref(job);
}

static void run_gone(gpointer data)
{
    Run *r = data;
    App *app = r->run->app;

    if (app->pass_signal_data == r) {
        app->pass_signal = NULL;
        app->pass_signal_data = NULL;
    }
    stop_listening(r);
    if (r->over != NULL)
        *r->over = TRUE;
    if (r->attached != NULL)
        command_cancel(r->attached);
    if (r->remove && r->id != NULL) { /* cancelled */
        g_autofree char *title = g_strdup_printf("delete %s", r->name);
        GemelJobSpec spec = order_spec(r, GEMEL_ACT_DELETE, title);

        app->closing++;
        model_job_changed(app->model, gemel_lanes_submit(r->open->lanes, GEMEL_LANE_ACT, &spec,
                                                         late_delete_done, app));
    }
    if (r->create != NULL)
        create_free(r->create);
    g_free(r->name);
    g_free(r->id);
    g_free(r);
}

/* ---- the steps, last first ------------------------------------------------------------------ */

static void deleted(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Run *r = data;

    model_relist(r->run->app->model, r->open);
    g_clear_pointer(&r->id, g_free);
    if (error != NULL)
        run_error(r->run, error);
    run_finish(r->run, error != NULL && r->status == 0 ? STREAM_STATUS_OWN_FAILURE : r->status);
}

/* The container's end, or that of all that gemel has to do with it. May free `r`. */
static void finish(Run *r, int status)
{
    r->status = status;
    r->job = NULL;
    model_relist(r->run->app->model, r->open);
    if (r->remove) {
        r->step = STEP_DELETE;
        submit(r, GEMEL_ACT_DELETE, deleted);
    } else {
        run_finish(r->run, status);
    }
}

static void attach_done(CommandRun *attached, int status, gpointer data)
{
    Run *r = data;

    r->attached = NULL;
    if (attached->left && r->remove) {
        output_line(r->run->out, OUTPUT_NOTE,
                    "%s: is not deleted, since nobody waits for its end; `delete %s --force` does",
                    r->name, r->name);
        r->remove = FALSE;
    }
    finish(r, status);
}

static void begin_attach(Run *r)
{
    CommandRun *run = r->run;
    g_autofree char *full = g_strconcat(r->open->backend->name, "/", r->name, NULL);
    const char *const argv[] = {
        "attach", "--from-start", run_flag(run, "no-stdin") ? "--no-stdin" : "--",
        "--",     full,           NULL};
    const char *const plain[] = {"attach", "--from-start", "--", full, NULL};
    g_autofree char *line = command_join(run_flag(run, "no-stdin") ? argv : plain);
    gboolean over = FALSE;
    CommandRun *attached;

    stop_listening(r);
    r->step = STEP_ATTACH;
    r->over = &over;
    run_hold(run);
    attached = command_nested_run(run, run->out, line, attach_done, r);
    if (over)
        return;
    r->over = NULL;
    r->attached = attached;
    if (r->signals > 0 && attached != NULL)
        submit(r, GEMEL_ACT_STOP, NULL);
}

static void model_changed(ModelChange what, gpointer data)
{
    Run *r = data;
    g_autofree char *full = g_strconcat(r->open->backend->name, "/", r->name, NULL);

    if (model_find(r->run->app->model, full, NULL) != NULL)
        begin_attach(r);
}

static gboolean list_is_late(gpointer data)
{
    begin_attach(data); /* which says so, if it is not there yet */
    return G_SOURCE_REMOVE;
}

/* In the console nobody waits for lists: until it is in the model. */
static void await_listed(Run *r)
{
    CommandRun *run = r->run;
    g_autofree char *full = g_strconcat(r->open->backend->name, "/", r->name, NULL);

    model_relist(run->app->model, r->open);
    if (run->face->face != FACE_TUI || model_find(run->app->model, full, NULL) != NULL) {
        begin_attach(r);
        return;
    }
    r->step = STEP_LIST;
    run_hold(run); /* for good: finish ends the run */
    r->listener = model_listen(run->app->model, model_changed, r);
    r->timer = app_add_timer(run->app, LISTED_MS, list_is_late, r);
}

/* Docker's statuses of a command that could not be run, by what the runtime says of it. */
static int start_status(const GError *error)
{
    g_autofree char *lower = g_ascii_strdown(error->message, -1);

    if (strstr(lower, "exec") == NULL && strstr(lower, "start: ") == NULL)
        return STREAM_STATUS_OWN_FAILURE;
    if (strstr(lower, "no such file") != NULL || strstr(lower, "not found") != NULL)
        return STATUS_NOT_FOUND;
    if (strstr(lower, "permission denied") != NULL || strstr(lower, "exec format") != NULL ||
        strstr(lower, "is a directory") != NULL)
        return STATUS_NOT_RUN;
    return STREAM_STATUS_OWN_FAILURE;
}

static void started(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Run *r = data;
    CommandRun *run = r->run;

    r->job = NULL;
    if (error != NULL) {
        run_error(run, error);
        if (!r->remove)
            output_line(run->out, OUTPUT_NOTE,
                        "%s: is made, but not started; `delete %s` forgets it", r->name, r->name);
        finish(r, start_status(error));
    } else if (r->detach) {
        model_relist(run->app->model, r->open);
        output_line(run->out, OUTPUT_DATA, "%s", r->name);
        r->remove = FALSE;
        run_finish(run, 0);
    } else {
        run_print_notes(run, r->name, job);
        await_listed(r);
    }
}

static void created(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Run *r = data;

    r->job = NULL;
    if (error != NULL) {
        run_error(r->run, error);
        run_finish(r->run, r->signals > 0 ? 130 : STREAM_STATUS_OWN_FAILURE);
        return;
    }
    r->id = g_strdup(result);
    run_print_notes(r->run, r->name, job);
    if (r->signals > 0) { /* nothing of it was to be */
        r->remove = TRUE;
        finish(r, 130);
        return;
    }
    r->step = STEP_START;
    r->job = submit(r, GEMEL_ACT_START, started);
}

/* ---- ^C and its relatives ------------------------------------------------------------------- */

/* TRUE: seen to, the command goes on. */
static gboolean take_signal(gpointer data)
{
    Run *r = data;

    if (++r->signals >= SIGNALS_MAX)
        return FALSE;
    switch (r->step) {
    case STEP_CREATE:
        gemel_job_cancel(r->job);
        break;
    case STEP_ATTACH:
        submit(r, r->signals == 1 ? GEMEL_ACT_STOP : GEMEL_ACT_KILL, NULL);
        break;
    case STEP_START: /* passed on once it runs */
    case STEP_LIST:
    case STEP_DELETE:
        break;
    }
    return TRUE;
}

static gboolean run_interrupt(CommandRun *run)
{
    return take_signal(run->data);
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* Checks words and options; FALSE and the error when they are wrong. */
static gboolean run_parse(Run *r, GError **error)
{
    CommandRun *run = r->run;
    gboolean named = run->n_before > 0;
    char **argv = run->words + (named ? 1 : 0);

    r->remove = run_flag(run, "rm");
    r->detach = run_flag(run, "detach");
    r->tty = run_flag(run, "tty");
    if (!named && !r->remove)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "run: NAME is missing; with --rm it may be left out");
    if (r->remove && r->detach)
        return gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            "run: --rm needs somebody who waits for the end; leave out --detach");
    if (run->piped && r->tty)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "run: it has the terminal, not a pipe");
    r->name = named ? g_strdup(run->words[0]) : g_strdup_printf("run-%08x", g_random_int());
    r->create = create_parse(run, r->name, argv, error);
    return r->create != NULL;
}

static gboolean run_choose(Run *r, GError **error)
{
    const GemelBackendOps *ops;

    r->open = create_backend(r->run, "native", error);
    if (r->open == NULL)
        return FALSE;
    ops = r->open->backend->ops;
    if (ops->create_instance != NULL && ops->act[GEMEL_ACT_START] != NULL && ops->streams != NULL &&
        (ops->streams->kinds & 1u << GEMEL_STREAM_ATTACH))
        return TRUE;
    return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                           "run %s: %s has no containers; a guest is made by `create --xml`, and "
                           "`start` and `console` follow",
                           r->name, r->open->backend->name);
}

static void run_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    Run *r = g_new0(Run, 1);

    r->run = run;
    run->data = r;
    run->data_free = run_gone;
    if (!run_parse(r, &error)) {
        run_error(run, error);
        return;
    }
    if (!run_choose(r, &error)) {
        run->worst = STREAM_STATUS_OWN_FAILURE;
        run_error(run, error);
        return;
    }
    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA, "would create %s in %s from %s, start it%s%s", r->name,
                    r->open->backend->name, run_option(run, "rootfs"),
                    r->detach ? "" : " and attach to it", r->remove ? ", then delete it" : "");
        return;
    }
    run->interrupt = run_interrupt;
    if (run->face->face == FACE_ONESHOT && run->app->pass_signal == NULL) {
        run->app->pass_signal = take_signal;
        run->app->pass_signal_data = r;
    }
    r->job = create_submit(run, r->open, g_steal_pointer(&r->create), created, r);
}

static const CommandOption run_options[] = {
    {"rm", 0, OPTION_FLAG, FALSE, NULL, "delete it when it has ended; NAME may be left out"},
    {"detach", 'd', OPTION_FLAG, FALSE, NULL, "only start it, and print its name"},
    {"no-stdin", 0, OPTION_FLAG, FALSE, NULL, "standard input is not passed to it"},
    CREATE_OPTIONS,
    {NULL},
};

const Command commands_run[] = {
    {.name = "run",
     .summary = "make a container, start it and be its terminal until it ends",
     .example = "gemel run --rm --rootfs ./busybox.tar -t -- /bin/sh",
     .group = "Change",
     .flags = COMMAND_CHANGES | COMMAND_PASSTHROUGH,
     .words = {{WORD_TEXT, "NAME", .optional = TRUE},
               {WORD_TEXT, "COMMAND", .optional = TRUE, .repeats = TRUE}},
     .options = run_options,
     .details = "The status is the command's own, 128+n if signal n ended it, 125 if gemel failed, "
                "126 if the command cannot be run, 127 if it is not there. With a terminal ^C goes "
                "to the command; without one it is passed on as the stop signal, the second as "
                "KILL, and so are INT, TERM and HUP. Leave a terminal with ^] or ^P^Q.",
     .run = run_run},
    {.name = NULL},
};
