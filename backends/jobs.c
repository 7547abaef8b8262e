/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs.c - one job: its state, its listeners on the UI thread, what it says of itself. */
#include "backends/jobs_private.h"

#define SOFT_MS_DEFAULT 2000
#define HARD_MS_DEFAULT 30000

static const char *const state_names[GEMEL_JOB_STATE_N] = {
    [GEMEL_JOB_QUEUED] = "queued",       [GEMEL_JOB_RUNNING] = "running",
    [GEMEL_JOB_SLOW] = "slow",           [GEMEL_JOB_LOST] = "lost",
    [GEMEL_JOB_DONE] = "done",           [GEMEL_JOB_FAILED] = "failed",
    [GEMEL_JOB_CANCELLED] = "cancelled",
};

const char *gemel_job_state_name(GemelJobState state)
{
    return state < GEMEL_JOB_STATE_N ? state_names[state] : "unknown";
}

GemelJob *gemel_job_ref(GemelJob *job)
{
    atomic_fetch_add(&job->refs, 1);
    return job;
}

void gemel_job_unref(GemelJob *job)
{
    if (job == NULL || atomic_fetch_sub(&job->refs, 1) != 1)
        return;
    if (job->result != NULL && job->spec.result_free != NULL)
        job->spec.result_free(job->result);
    if (job->spec.arg_free != NULL)
        job->spec.arg_free(job->spec.arg);
    g_clear_error(&job->error);
    g_free(job->instance_id);
    g_free(job->title);
    g_free(job->signal);
    g_free(job->name);
    g_free(job->what);
    g_free(job->notes);
    g_array_unref(job->listeners);
    lanes_unref(job->lanes);
    g_free(job);
}

void job_changed_on_ui(void *data)
{
    GemelJob *job = data;

    if (job->lanes->hooks.changed != NULL)
        job->lanes->hooks.changed(job->lanes->hooks.data, job);
    gemel_job_unref(job);
}

static void job_post_changed(GemelJob *job)
{
    job->lanes->hooks.post(job->lanes->hooks.post_data, job_changed_on_ui, gemel_job_ref(job));
}

gboolean job_over(const GemelJob *job)
{
    return job->state >= GEMEL_JOB_DONE;
}

/* GemelActArgs.progress of every job. Worker thread. */
static void job_progress(void *data, double fraction, const char *what)
{
    GemelJob *job = data;

    pthread_mutex_lock(&job->lanes->lock);
    job->fraction = fraction;
    g_free(job->what);
    job->what = g_strdup(what);
    pthread_mutex_unlock(&job->lanes->lock);
    job_post_changed(job);
}

/* GemelActArgs.note of every job. Worker thread. */
static void job_note(void *data, const char *text)
{
    GemelJob *job = data;

    pthread_mutex_lock(&job->lanes->lock);
    char *notes = job->notes != NULL ? g_strjoin("\n", job->notes, text, NULL) : g_strdup(text);
    g_free(job->notes);
    job->notes = notes;
    pthread_mutex_unlock(&job->lanes->lock);
    job_post_changed(job);
}

GemelJob *job_new(GemelLanes *lanes, GemelLane lane, const GemelJobSpec *spec)
{
    GemelJob *job = g_new0(GemelJob, 1);

    atomic_init(&job->refs, 1);
    job->lanes = lanes_ref(lanes);
    job->id = ++lanes->next_id;
    job->lane = lane;
    job->kind = spec->kind;
    job->instance_id = g_strdup(spec->instance_id);
    job->title = g_strdup(spec->title != NULL ? spec->title : spec->kind);
    job->signal = g_strdup(spec->args.signal);
    job->name = g_strdup(spec->args.name);
    job->spec = *spec;
    job->spec.soft_ms = spec->soft_ms > 0 ? spec->soft_ms : SOFT_MS_DEFAULT;
    job->spec.hard_ms = spec->hard_ms > 0 ? spec->hard_ms : HARD_MS_DEFAULT;
    job->spec.args.signal = job->signal;
    job->spec.args.name = job->name;
    job->spec.args.progress = job_progress;
    job->spec.args.note = job_note;
    job->spec.args.data = job;
    job->spec.args.cancel = &job->cancel;
    job->fraction = -1;
    job->queued_usec = g_get_monotonic_time();
    job->listeners = g_array_new(FALSE, FALSE, sizeof(Listener));
    return job;
}

/* Tells listeners the end. UI thread; owns a reference. */
void job_deliver_end(void *data)
{
    g_autoptr(GemelJob) job = data;

    job_changed_on_ui(gemel_job_ref(job));
    while (job->listeners->len > 0) { /* one may disown others */
        Listener listener = g_array_index(job->listeners, Listener, 0);

        g_array_remove_index(job->listeners, 0);
        listener.done(job, job->result, job->error, listener.data);
    }
}

/* Tells listeners that the job is lost, each once; they stay for the late end. UI thread; owns a
   reference. */
void job_deliver_lost(void *data)
{
    g_autoptr(GemelJob) job = data;
    g_autoptr(GError) error = NULL;

    if (job->lanes->closing) /* the UI thread sets it */
        gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE,
                        "%s: %s was disconnected before it answered; it may still be carried out",
                        job->title, job->lanes->backend->name);
    else
        gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE,
                        "%s: %s has not answered for %d s; it may still be carried out, see jobs",
                        job->title, job->lanes->backend->name, job->spec.hard_ms / 1000);
    job_changed_on_ui(gemel_job_ref(job));
    for (guint i = 0; i < job->listeners->len;) {
        Listener listener = g_array_index(job->listeners, Listener, i);

        if (listener.told_lost) {
            i++;
            continue;
        }
        g_array_index(job->listeners, Listener, i).told_lost = TRUE;
        listener.done(job, NULL, error, listener.data);
        i = 0; /* it may have disowned itself or others */
    }
}

/* Takes the outcome of one run. The lock is held; TRUE if the end has to be posted. */
gboolean job_take_outcome(GemelJob *job, gpointer result, GError *error)
{
    gboolean useful = error == NULL || job->runs == 0;

    if (job_over(job) || !useful) {
        if (result != NULL && job->spec.result_free != NULL)
            job->spec.result_free(result);
        g_clear_error(&error);
        return FALSE;
    }
    job->result = result;
    job->error = error;
    job->state = error == NULL ? GEMEL_JOB_DONE : GEMEL_JOB_FAILED;
    job->ended_usec = g_get_monotonic_time();
    return TRUE;
}

/* Ends a job that never ran. The lock is held. */
void job_end_unrun(GemelJob *job, GemelJobState state, GError *error)
{
    job->state = state;
    job->error = error;
    job->ended_usec = g_get_monotonic_time();
    job->lanes->hooks.post(job->lanes->hooks.post_data, job_deliver_end, gemel_job_ref(job));
}

void gemel_job_disown(GemelJob *job, gpointer data)
{
    for (guint i = job->listeners->len; i-- > 0;)
        if (g_array_index(job->listeners, Listener, i).data == data)
            g_array_remove_index(job->listeners, i);
}

void gemel_job_leave(GemelJob *job, gpointer data)
{
    gemel_job_disown(job, data);
    if (job->listeners->len == 0)
        gemel_job_cancel(job);
}

void gemel_job_cancel(GemelJob *job)
{
    GemelLanes *lanes = job->lanes;

    g_atomic_int_set(&job->cancel, 1);
    pthread_mutex_lock(&lanes->lock);
    if (job->state == GEMEL_JOB_QUEUED && g_queue_remove(&lanes->queue[job->lane], job)) {
        GError *error = NULL;

        gemel_error_set(&error, GEMEL_ERROR_FAILED, "%s: cancelled before it began", job->title);
        job_end_unrun(job, GEMEL_JOB_CANCELLED, error);
        gemel_job_unref(job); /* the queue's; the caller holds one */
    }
    pthread_mutex_unlock(&lanes->lock);
}

/* ---- views ---------------------------------------------------------------------------------- */

/* What a job waits for, in words. The lock is held. */
static const char *job_waits_for(const GemelJob *job)
{
    if (job->state == GEMEL_JOB_QUEUED)
        return job_is_held(job) ? "another act on it to end" : "a free worker";
    for (guint i = 0; i < job->lanes->workers->len; i++) {
        const Worker *worker = job->lanes->workers->pdata[i];

        if (worker->job == job)
            return worker->phase == PHASE_CONNECTING ? "a connection" : "an answer";
    }
    return NULL;
}

GemelJobView *gemel_job_view(GemelJob *job)
{
    GemelJobView *view = g_new0(GemelJobView, 1);

    view->id = job->id;
    view->title = g_strdup(job->title);
    view->kind = job->kind;
    view->backend = g_strdup(job->lanes->backend->name);
    view->instance_id = g_strdup(job->instance_id);
    view->lane = job->lane;
    pthread_mutex_lock(&job->lanes->lock);
    view->state = job->state;
    view->queued_usec = job->queued_usec;
    view->started_usec = job->started_usec;
    view->ended_usec = job->ended_usec;
    view->fraction = job->fraction;
    view->what = g_strdup(job->what);
    view->notes = g_strdup(job->notes);
    view->error = job->error != NULL ? g_strdup(job->error->message) : NULL;
    view->waits_for = job_over(job) ? NULL : job_waits_for(job);
    pthread_mutex_unlock(&job->lanes->lock);
    return view;
}

void gemel_job_view_free(GemelJobView *view)
{
    if (view == NULL)
        return;
    g_free(view->title);
    g_free(view->backend);
    g_free(view->instance_id);
    g_free(view->what);
    g_free(view->notes);
    g_free(view->error);
    g_free(view);
}
