/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stop, start, and putting back: the acts of the list, as jobs of the lanes. */
#include "console/compare_private.h"
#include "console/terminal.h"

#include <stdio.h>

#define STOP_MS  30000 /* a guest; containers by their own default */
#define END_MS   3000  /* a guest that was stopped before, and in which nobody answered */
#define START_MS 60000

/* Nothing more of this side; the reason comes from us or from a backend's error. */
static void break_subject(Subject *subject, const char *reason)
{
    subject->broken = TRUE;
    compare_reason_all(subject->compare->table, subject->side, reason);
}

/* ---- stop and start ------------------------------------------------------------------------- */

typedef struct {
    GemelAct act;
    char *id;
} ActOrder;

static void act_order_free(gpointer data)
{
    ActOrder *order = data;

    g_free(order->id);
    g_free(order);
}

/* Worker: the act, with the monotonic time of its begin and of its end. */
static gpointer run_act(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const ActOrder *order = arg;
    gint64 *times = g_new0(gint64, 2);

    times[0] = g_get_monotonic_time();
    if (!conn->backend->ops->act[order->act](conn, order->id, args, error)) {
        g_free(times);
        return NULL;
    }
    times[1] = g_get_monotonic_time();
    return times;
}

static void submit_act(Subject *subject, GemelAct act, const GemelActArgs *args, gint hard_ms,
                       GemelJobDone done)
{
    Target *target = subject->target;
    g_autofree char *title = g_strdup_printf("%s %s (compare)", gemel_act_name(act), target->name);
    ActOrder *order = g_new0(ActOrder, 1);

    order->act = act;
    order->id = g_strdup(target->id);
    target_set_doing(target, act == GEMEL_ACT_START ? "starting" : "stopping");
    run_submit(subject->compare->run, target->backend, GEMEL_LANE_ACT,
               &(GemelJobSpec){.kind = gemel_act_name(act),
                               .instance_id = target->id,
                               .title = title,
                               .run = run_act,
                               .arg = order,
                               .arg_free = act_order_free,
                               .result_free = g_free,
                               .hard_ms = hard_ms,
                               .args = *args},
               done, subject);
}

/* Whether this instance is stopped and started in this round. */
static gboolean restarts(const Subject *subject)
{
    return subject->compare->spec.restarts || !subject->ran;
}

static void stop_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    gboolean conflict = g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);

    target_set_doing(subject->target, NULL);
    subject->stands = error == NULL || conflict ? STANDS_STOPPED : STANDS_RUNNING;
    if (error != NULL && !conflict) {
        compare_reason(subject->compare->table, COMPARE_START, subject->side,
                       "it could not be stopped to be started: %s", error->message);
        compare_reason(subject->compare->table, COMPARE_SHELL, subject->side,
                       "it could not be stopped to be started: %s", error->message);
    }
    compare_step_over(subject->compare);
}

/* How long its stop may take; 0 is the backend's default. */
static gint stop_ms(const Subject *subject)
{
    if (subject->side == COMPARE_CONTAINER)
        return 0;
    return subject->ran || subject->answers ? STOP_MS : END_MS;
}

void compare_begin_stop(Subject *subject)
{
    subject->started_usec = 0;
    if (subject->stands == STANDS_STOPPED || !restarts(subject)) {
        compare_step_over(subject->compare);
        return;
    }
    compare_say(subject->compare, "stopping", subject);
    subject->stands = STANDS_STOPPING;
    /* A guest that was stopped before is ours to end if it does not listen. */
    submit_act(subject, GEMEL_ACT_STOP,
               &(GemelActArgs){.timeout_ms = stop_ms(subject),
                               .force = !subject->ran,
                               .limits = GEMEL_LIMITS_NONE},
               STOP_MS + 30000, stop_done);
}

static void start_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    const gint64 *times = result;

    target_set_doing(subject->target, NULL);
    if (error != NULL) {
        subject->stands = STANDS_STOPPED;
        break_subject(subject, error->message);
        run_error(subject->compare->run, error);
    } else {
        subject->stands = STANDS_RUNNING;
        subject->started_usec = times[0];
        if (subject->side == COMPARE_CONTAINER)
            compare_add(subject->compare->table, COMPARE_START, subject->side,
                        (double)(times[1] - times[0]) * 1000);
    }
    compare_step_over(subject->compare);
}

void compare_begin_start(Subject *subject)
{
    static const char kept[] = "it runs, and was not to be restarted";

    subject->first_heard = FALSE;
    if (subject->stands != STANDS_STOPPED) {
        compare_reason(subject->compare->table, COMPARE_START, subject->side, kept);
        compare_reason(subject->compare->table, COMPARE_SHELL, subject->side, kept);
        compare_step_over(subject->compare);
        return;
    }
    compare_say(subject->compare, "starting", subject);
    subject->stands = STANDS_STARTING;
    submit_act(subject, GEMEL_ACT_START, &(GemelActArgs){.limits = GEMEL_LIMITS_NONE}, START_MS,
               start_done);
}

/* ---- putting back --------------------------------------------------------------------------- */

typedef struct {
    char *id;
    gboolean runs;    /* wanted */
    gboolean settles; /* a stop may be under way: its end is awaited first */
    gint stop_ms;
} BackOrder;

static void back_order_free(gpointer data)
{
    BackOrder *order = data;

    g_free(order->id);
    g_free(order);
}

/* One act; that it is so already is as good. */
static gboolean act_or_conflict(GemelConn *conn, const char *id, GemelAct act,
                                const GemelActArgs *args, GError **error)
{
    g_autoptr(GError) own = NULL;

    if (conn->backend->ops->act[act](conn, id, args, &own) ||
        g_error_matches(own, GEMEL_ERROR, GEMEL_ERROR_CONFLICT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&own));
    return FALSE;
}

/* Worker: makes it run, or stops it. */
static gpointer run_back(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const BackOrder *order = arg;
    GemelActArgs stop = *args;
    gboolean ok = TRUE;

    stop.timeout_ms = order->stop_ms;
    stop.force = !order->runs;
    if (order->settles || !order->runs)
        ok = act_or_conflict(conn, order->id, GEMEL_ACT_STOP, &stop, order->runs ? NULL : error);
    if (order->runs)
        ok = act_or_conflict(conn, order->id, GEMEL_ACT_START, args, error);
    return ok ? g_strdup("") : NULL;
}

gboolean compare_is_put_back(const Subject *subject)
{
    return subject->target == NULL ||
           subject->stands == (subject->ran ? STANDS_RUNNING : STANDS_STOPPED);
}

/* The spec of the job that puts it back; `title` has to live until it is submitted. */
static GemelJobSpec back_spec(const Subject *subject, const char *title)
{
    BackOrder *order = g_new0(BackOrder, 1);

    order->id = g_strdup(subject->target->id);
    order->runs = subject->ran;
    order->settles = subject->stands == STANDS_STOPPING;
    order->stop_ms = stop_ms(subject);
    return (GemelJobSpec){.kind = "put back",
                          .instance_id = subject->target->id,
                          .title = title,
                          .run = run_back,
                          .arg = order,
                          .arg_free = back_order_free,
                          .result_free = g_free,
                          .hard_ms = STOP_MS + START_MS + 30000,
                          .args = {.limits = GEMEL_LIMITS_NONE}};
}

static void back_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;

    target_set_doing(subject->target, NULL);
    if (error != NULL)
        run_error(subject->compare->run, error);
    else
        subject->stands = subject->ran ? STANDS_RUNNING : STANDS_STOPPED;
    compare_step_over(subject->compare);
}

void compare_begin_back(Subject *subject)
{
    g_autofree char *title = NULL;

    if (compare_is_put_back(subject) ||
        subject->compare->round + 1 < subject->compare->spec.rounds) {
        compare_step_over(subject->compare);
        return;
    }
    title = g_strdup_printf("put back %s", subject->target->name);
    target_set_doing(subject->target, subject->ran ? "starting" : "stopping");
    GemelJobSpec spec = back_spec(subject, title);

    run_submit(subject->compare->run, subject->target->backend, GEMEL_LANE_ACT, &spec, back_done,
               subject);
}

static void late_back_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    App *app = data;

    if (error != NULL)
        fprintf(stderr, "gemel: compare: an instance was not put back: `list` shows it\n");
    if (app->closing > 0 && --app->closing == 0 && app->ended_by != 0)
        terminal_exit(app->ended_by);
    gemel_job_disown(job, app); /* a lost one may end once more */
    gemel_job_unref(job);
}

/* The command goes away in the middle. */
void compare_put_back_late(const Subject *subject)
{
    App *app = subject->compare->run->app;
    g_autofree char *title = g_strdup_printf("put back %s", subject->target->name);
    GemelJobSpec spec = back_spec(subject, title);

    output_line(subject->compare->run->out, OUTPUT_NOTE, "compare: %s is being %s as it was before",
                subject->target->name, subject->ran ? "started again," : "stopped again,");
    output_flush(subject->compare->run->out);
    app->closing++;
    model_job_changed(app->model, gemel_lanes_submit(subject->target->backend->lanes,
                                                     GEMEL_LANE_ACT, &spec, late_back_done, app));
}
