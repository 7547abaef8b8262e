/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lanes.c - the workers of a backend: who runs what, in which order, and what happens when a call
   does not come back. */
#include "backends/jobs_private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A read worker in a call, or any worker that connects, for longer than this makes its backend
   unresponsive. */
#define CALL_SLOW_MS    2000
#define CONNECT_SLOW_MS 2000

void lanes_unref(GemelLanes *lanes)
{
    if (atomic_fetch_sub(&lanes->refs, 1) != 1)
        return;
    for (int lane = 0; lane < GEMEL_LANE_N; lane++)
        g_queue_clear_full(&lanes->queue[lane], (GDestroyNotify)gemel_job_unref);
    g_ptr_array_unref(lanes->workers);
    close(lanes->stop_fd);
    pthread_mutex_destroy(&lanes->lock);
    pthread_cond_destroy(&lanes->work);
    pthread_cond_destroy(&lanes->ended);
    g_free(lanes);
}

GemelLanes *lanes_ref(GemelLanes *lanes)
{
    atomic_fetch_add(&lanes->refs, 1);
    return lanes;
}

GemelLanes *gemel_lanes_new(GemelBackend *backend, const GemelLanesHooks *hooks)
{
    GemelLanes *lanes = g_new0(GemelLanes, 1);
    pthread_condattr_t monotonic;

    atomic_init(&lanes->refs, 1);
    lanes->backend = backend;
    lanes->hooks = *hooks;
    lanes->stop_fd = eventfd(0, EFD_CLOEXEC);
    lanes->workers = g_ptr_array_new();
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lanes->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return lanes;
}

/* ---- threads -------------------------------------------------------------------------------- */

/* Starts a detached thread that is counted in lanes->threads; the lock is held. */
static gboolean thread_start(GemelLanes *lanes, void *(*run)(void *), void *data)
{
    pthread_attr_t attr;
    pthread_t thread;
    int failed;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    lanes_ref(lanes);
    lanes->threads++;
    failed = pthread_create(&thread, &attr, run, data);
    pthread_attr_destroy(&attr);
    if (failed) {
        lanes->threads--;
        atomic_fetch_sub(&lanes->refs, 1); /* never the last: the caller holds one */
    }
    return !failed;
}

gboolean lanes_thread_start(GemelLanes *lanes, void *(*run)(void *), void *data)
{
    gboolean started;

    pthread_mutex_lock(&lanes->lock);
    started = thread_start(lanes, run, data);
    pthread_mutex_unlock(&lanes->lock);
    return started;
}

GemelBackend *lanes_backend(GemelLanes *lanes)
{
    return lanes->backend;
}

void lanes_post(GemelLanes *lanes, void (*fn)(void *data), void *data)
{
    lanes->hooks.post(lanes->hooks.post_data, fn, data);
}

/* The last thing a thread does with the lanes. */
void lanes_thread_ended(GemelLanes *lanes)
{
    pthread_mutex_lock(&lanes->lock);
    lanes->threads--;
    pthread_cond_broadcast(&lanes->ended);
    pthread_mutex_unlock(&lanes->lock);
    lanes_unref(lanes);
}

/* Nobody will run what is queued. The lock is held. */
static void lanes_drop_queued(GemelLanes *lanes)
{
    for (int lane = 0; lane < GEMEL_LANE_N; lane++) {
        GemelJob *job;

        while ((job = g_queue_pop_head(&lanes->queue[lane])) != NULL) {
            GError *error = NULL;

            if (job->state == GEMEL_JOB_QUEUED) { /* not one that is issued again */
                gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE,
                                "%s: %s was disconnected; nothing was done", job->title,
                                lanes->backend->name);
                job_end_unrun(job, GEMEL_JOB_CANCELLED, error);
            }
            gemel_job_unref(job); /* never the last one: its end is posted */
        }
    }
}

/* Whoever waits for a job that is held up waits no longer. The lock is held. */
static void lanes_lose_running(GemelLanes *lanes)
{
    for (guint i = 0; i < lanes->workers->len; i++) {
        GemelJob *job = ((Worker *)lanes->workers->pdata[i])->job;

        if (job == NULL || job_over(job) || job->state == GEMEL_JOB_LOST)
            continue;
        job->state = GEMEL_JOB_LOST;
        lanes->hooks.post(lanes->hooks.post_data, job_deliver_lost, gemel_job_ref(job));
    }
}

gboolean gemel_lanes_ended(GemelLanes *lanes)
{
    gboolean all;

    pthread_mutex_lock(&lanes->lock);
    all = lanes->threads == 0;
    pthread_mutex_unlock(&lanes->lock);
    return all;
}

void gemel_lanes_free(GemelLanes *lanes)
{
    lanes_unref(lanes);
}

gboolean gemel_lanes_close(GemelLanes *lanes, gint wait_ms)
{
    struct timespec until;
    guint64 one = 1;
    gboolean all;

    if (write(lanes->stop_fd, &one, sizeof one) < 0)
        g_debug("eventfd: %s", g_strerror(errno));
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&lanes->lock);
    lanes->closing = TRUE;
    lanes_drop_queued(lanes);
    for (guint i = 0; i < lanes->workers->len; i++) {
        Worker *worker = lanes->workers->pdata[i];

        if (worker->job != NULL)
            g_atomic_int_set(&worker->job->cancel, 1);
    }
    pthread_cond_broadcast(&lanes->work);
    while (lanes->threads > 0 && pthread_cond_timedwait(&lanes->ended, &lanes->lock, &until) == 0)
        ;
    all = lanes->threads == 0;
    lanes_lose_running(lanes);
    pthread_mutex_unlock(&lanes->lock);
    return all;
}

static void *watch_main(void *data)
{
    GemelLanes *lanes = data;

    lanes->backend->ops->watch(lanes->backend, &lanes->sink, lanes->stop_fd);
    lanes_thread_ended(lanes);
    return NULL;
}

void gemel_lanes_watch(GemelLanes *lanes, const GemelEventSink *sink)
{
    if (lanes->backend->ops->watch == NULL)
        return;
    lanes->sink = *sink;
    lanes_thread_start(lanes, watch_main, lanes);
}

/* ---- workers -------------------------------------------------------------------------------- */

/* An urgent act (kill, reset) runs beside another act on its instance and calls that one off. */
static gboolean kind_is_urgent(const char *kind)
{
    return g_str_equal(kind, "kill") || g_str_equal(kind, "reset");
}

/* Whether another act holds the job's instance. The lock is held. */
gboolean job_is_held(const GemelJob *job)
{
    if (job->lane != GEMEL_LANE_ACT || job->instance_id == NULL || kind_is_urgent(job->kind))
        return FALSE;
    for (guint i = 0; i < job->lanes->workers->len; i++) {
        const Worker *worker = job->lanes->workers->pdata[i];

        if (worker->job != NULL && worker->job != job && worker->lane == GEMEL_LANE_ACT &&
            g_strcmp0(worker->job->instance_id, job->instance_id) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The next job that may begin, taken off the queue, or NULL. The lock is held. */
static GemelJob *lane_next(GemelLanes *lanes, GemelLane lane)
{
    for (GList *link = lanes->queue[lane].head; link != NULL; link = link->next) {
        GemelJob *job = link->data;

        if (job_is_held(job))
            continue;
        g_queue_delete_link(&lanes->queue[lane], link);
        return job;
    }
    return NULL;
}

static void worker_phase(Worker *worker, Phase phase)
{
    pthread_mutex_lock(&worker->lanes->lock);
    worker->phase = phase;
    worker->phase_usec = g_get_monotonic_time();
    pthread_mutex_unlock(&worker->lanes->lock);
}

static void worker_disconnect(Worker *worker)
{
    if (worker->conn != NULL)
        worker->lanes->backend->ops->conn_close(worker->conn);
    worker->conn = NULL;
}

/* Makes sure of a live connection. */
static gboolean worker_connect(Worker *worker, GError **error)
{
    const GemelBackendOps *ops = worker->lanes->backend->ops;

    if (worker->conn != NULL && (ops->conn_alive == NULL || ops->conn_alive(worker->conn)))
        return TRUE;
    worker_disconnect(worker);
    worker->conn = ops->conn_open(worker->lanes->backend, error);
    return worker->conn != NULL;
}

static void worker_run(Worker *worker, GemelJob *job)
{
    GemelLanes *lanes = worker->lanes;
    gpointer result = NULL;
    GError *error = NULL;
    gboolean ended;

    if (worker_connect(worker, &error)) {
        worker_phase(worker, PHASE_CALLING);
        result = job->spec.run(worker->conn, &job->spec.args, job->spec.arg, &error);
        if (g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE)) {
            worker_phase(worker, PHASE_CONNECTING);
            worker_disconnect(worker);
        }
    }
    pthread_mutex_lock(&lanes->lock);
    job->runs--;
    worker->job = NULL;
    worker->phase = PHASE_IDLE;
    ended = job_take_outcome(job, result, error);
    pthread_cond_broadcast(&lanes->work); /* acts held by this one may go */
    pthread_mutex_unlock(&lanes->lock);
    if (ended)
        lanes->hooks.post(lanes->hooks.post_data, job_deliver_end, gemel_job_ref(job));
    gemel_job_unref(job);
}

static void *worker_main(void *data)
{
    Worker *worker = data;
    GemelLanes *lanes = worker->lanes;

    pthread_mutex_lock(&lanes->lock);
    for (;;) {
        GemelJob *job = NULL;

        while (!lanes->closing && !worker->abandoned &&
               (job = lane_next(lanes, worker->lane)) == NULL)
            pthread_cond_wait(&lanes->work, &lanes->lock);
        if (job == NULL)
            break;
        worker->job = job;
        worker->phase = PHASE_CONNECTING;
        worker->phase_usec = g_get_monotonic_time();
        job->runs++;
        if (job->state == GEMEL_JOB_QUEUED) {
            job->state = GEMEL_JOB_RUNNING;
            job->started_usec = worker->phase_usec;
        }
        pthread_mutex_unlock(&lanes->lock);
        worker_run(worker, job);
        pthread_mutex_lock(&lanes->lock);
    }
    pthread_mutex_unlock(&lanes->lock);
    worker_disconnect(worker); /* may block: still counted */
    pthread_mutex_lock(&lanes->lock);
    g_ptr_array_remove_fast(lanes->workers, worker);
    pthread_mutex_unlock(&lanes->lock);
    g_free(worker);
    lanes_thread_ended(lanes);
    return NULL;
}

static guint workers_in_lane(const GemelLanes *lanes, GemelLane lane, gboolean abandoned)
{
    guint n = 0;

    for (guint i = 0; i < lanes->workers->len; i++) {
        const Worker *worker = lanes->workers->pdata[i];

        n += worker->lane == lane && worker->abandoned == abandoned;
    }
    return n;
}

/* A further worker if the lane has work that nobody can take now. The lock is held. */
static void lane_staff(GemelLanes *lanes, GemelLane lane)
{
    guint max = lane == GEMEL_LANE_READ ? 1 : GEMEL_LANES_ACT_MAX;

    if (g_queue_is_empty(&lanes->queue[lane]) || lanes->closing)
        return;
    for (guint i = 0; i < lanes->workers->len; i++) {
        const Worker *worker = lanes->workers->pdata[i];

        if (worker->lane == lane && !worker->abandoned && worker->phase == PHASE_IDLE)
            goto wake;
    }
    if (workers_in_lane(lanes, lane, FALSE) < max) {
        Worker *worker = g_new0(Worker, 1);

        worker->lanes = lanes;
        worker->lane = lane;
        g_ptr_array_add(lanes->workers, worker);
        if (!thread_start(lanes, worker_main, worker)) {
            g_ptr_array_remove_fast(lanes->workers, worker);
            g_free(worker);
        }
    }
wake:
    pthread_cond_broadcast(&lanes->work);
}

/* ---- submitting ----------------------------------------------------------------------------- */

static gboolean job_is_like(const GemelJob *job, const GemelJobSpec *spec)
{
    return !job_over(job) && !job->spec.alone && g_str_equal(job->kind, spec->kind) &&
           g_strcmp0(job->instance_id, spec->instance_id) == 0;
}

/* A read that waits, or runs and is held up, and asks the same. One that just runs is not joined:
   what it reads may be older than the question. The lock is held. */
static GemelJob *lane_find_like(GemelLanes *lanes, const GemelJobSpec *spec)
{
    gint64 stuck = g_get_monotonic_time() - GEMEL_LANES_STUCK_MS * 1000;

    for (GList *link = lanes->queue[GEMEL_LANE_READ].head; link != NULL; link = link->next)
        if (job_is_like(link->data, spec))
            return link->data;
    for (guint i = 0; i < lanes->workers->len; i++) {
        const Worker *worker = lanes->workers->pdata[i];

        if (worker->job != NULL && worker->lane == GEMEL_LANE_READ &&
            job_is_like(worker->job, spec) && worker->job->started_usec < stuck)
            return worker->job;
    }
    return NULL;
}

/* Why the backend counts as unresponsive, as the worker that shows it, or NULL. The lock is held.
 */
static const Worker *lanes_unresponsive(const GemelLanes *lanes)
{
    gint64 now = g_get_monotonic_time();

    for (guint i = 0; i < lanes->workers->len; i++) {
        const Worker *worker = lanes->workers->pdata[i];
        gint64 ms = (now - worker->phase_usec) / 1000;

        if (worker->abandoned || worker->phase == PHASE_IDLE)
            continue;
        if (worker->phase == PHASE_CONNECTING && ms > CONNECT_SLOW_MS)
            return worker;
        if (worker->lane == GEMEL_LANE_READ && ms > CALL_SLOW_MS &&
            workers_in_lane(lanes, GEMEL_LANE_READ, TRUE) >= GEMEL_LANES_ABANDON_MAX)
            return worker;
    }
    if (workers_in_lane(lanes, GEMEL_LANE_ACT, TRUE) >= GEMEL_LANES_ABANDON_MAX)
        for (guint i = 0; i < lanes->workers->len; i++)
            if (((Worker *)lanes->workers->pdata[i])->abandoned)
                return lanes->workers->pdata[i];
    return NULL;
}

/* An urgent act calls off what runs on its instance. The lock is held. */
static void lanes_call_off(GemelLanes *lanes, const GemelJob *urgent)
{
    for (guint i = 0; i < lanes->workers->len; i++) {
        Worker *worker = lanes->workers->pdata[i];

        if (worker->job != NULL && worker->lane == GEMEL_LANE_ACT &&
            g_strcmp0(worker->job->instance_id, urgent->instance_id) == 0)
            g_atomic_int_set(&worker->job->cancel, 1);
    }
}

GemelJob *gemel_lanes_submit(GemelLanes *lanes, GemelLane lane, const GemelJobSpec *spec,
                             GemelJobDone done, gpointer data)
{
    Listener listener = {.done = done, .data = data};
    GemelJob *job = NULL;
    gboolean lost = FALSE;

    pthread_mutex_lock(&lanes->lock);
    if (lane == GEMEL_LANE_READ && !spec->alone && (job = lane_find_like(lanes, spec)) != NULL) {
        gemel_job_ref(job);
        lost = job->state == GEMEL_JOB_LOST;
        if (spec->arg_free != NULL)
            spec->arg_free(spec->arg);
    } else {
        job = job_new(lanes, lane, spec);
        if (lanes->closing || (lane == GEMEL_LANE_ACT && lanes_unresponsive(lanes) != NULL)) {
            GError *error = NULL;

            gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE,
                            lanes->closing ? "%s: %s was disconnected"
                                           : "%s: %s does not answer; try again when it is back",
                            job->title, lanes->backend->name);
            job_end_unrun(job, GEMEL_JOB_FAILED, error);
        } else {
            if (lane == GEMEL_LANE_ACT && kind_is_urgent(job->kind))
                lanes_call_off(lanes, job);
            g_queue_push_tail(&lanes->queue[lane], gemel_job_ref(job));
            lane_staff(lanes, lane);
        }
    }
    pthread_mutex_unlock(&lanes->lock);
    if (lanes->hooks.busy != NULL)
        lanes->hooks.busy(lanes->hooks.data);
    if (done != NULL)
        g_array_append_val(job->listeners, listener);
    if (lost)
        lanes->hooks.post(lanes->hooks.post_data, job_deliver_lost, gemel_job_ref(job));
    return job;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* A held-up read worker steps aside; its bulk job is issued again. The lock is held. */
static void worker_step_aside(Worker *worker, gint64 now)
{
    GemelLanes *lanes = worker->lanes;
    GemelJob *job = worker->job;

    if (worker->lane != GEMEL_LANE_READ || worker->phase != PHASE_CALLING ||
        now - worker->phase_usec < GEMEL_LANES_STUCK_MS * 1000 ||
        workers_in_lane(lanes, GEMEL_LANE_READ, TRUE) >= GEMEL_LANES_ABANDON_MAX)
        return;
    worker->abandoned = TRUE;
    if (job->spec.reissue && !job->reissued && !job_over(job)) {
        job->reissued = TRUE;
        g_queue_push_head(&lanes->queue[GEMEL_LANE_READ], gemel_job_ref(job));
    }
    lane_staff(lanes, GEMEL_LANE_READ);
}

/* Moves one running job on; returns it, referenced, if it was lost just now. The lock is held. */
static GemelJob *worker_check_deadline(Worker *worker, gint64 now, gboolean *ret_changed)
{
    GemelJob *job = worker->job;
    gint64 ms = (now - job->started_usec) / 1000;

    if (job->state == GEMEL_JOB_RUNNING && ms > job->spec.soft_ms) {
        job->state = GEMEL_JOB_SLOW;
        *ret_changed = TRUE;
    }
    if (job->state != GEMEL_JOB_SLOW || ms <= job->spec.hard_ms)
        return NULL;
    job->state = GEMEL_JOB_LOST;
    if (worker->lane == GEMEL_LANE_ACT && worker->phase == PHASE_CALLING) {
        worker->abandoned = TRUE;
        lane_staff(worker->lanes, GEMEL_LANE_ACT);
    }
    return gemel_job_ref(job);
}

/* Whether the act that holds the job's instance is lost. The lock is held. */
static gboolean job_is_behind_lost(const GemelJob *job)
{
    for (guint i = 0; job_is_held(job) && i < job->lanes->workers->len; i++) {
        const Worker *worker = job->lanes->workers->pdata[i];

        if (worker->job != NULL && worker->job->state == GEMEL_JOB_LOST &&
            g_strcmp0(worker->job->instance_id, job->instance_id) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What waited past its hard limit without having begun is given up; an act only if nothing goes on
   before it either. The lock is held. */
static void lane_drop_overdue(GemelLanes *lanes, GemelLane lane, gint64 now)
{
    for (GList *link = lanes->queue[lane].head, *next; link != NULL; link = next) {
        GemelJob *job = link->data;
        GError *error = NULL;

        next = link->next;
        if (job->state != GEMEL_JOB_QUEUED ||
            now - job->queued_usec <= (gint64)job->spec.hard_ms * 1000 ||
            (lane == GEMEL_LANE_ACT && lanes_unresponsive(lanes) == NULL &&
             !job_is_behind_lost(job)))
            continue;
        g_queue_delete_link(&lanes->queue[lane], link);
        gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE, "%s: %s does not answer; nothing was done",
                        job->title, lanes->backend->name);
        job_end_unrun(job, GEMEL_JOB_FAILED, error);
        gemel_job_unref(job);
    }
}

gboolean gemel_lanes_tick(GemelLanes *lanes)
{
    g_autoptr(GPtrArray) lost = g_ptr_array_new();
    g_autoptr(GPtrArray) slow = g_ptr_array_new();
    gint64 now = g_get_monotonic_time();
    gboolean busy = FALSE;

    pthread_mutex_lock(&lanes->lock);
    for (guint i = 0; i < lanes->workers->len; i++) {
        Worker *worker = lanes->workers->pdata[i];
        gboolean changed = FALSE;
        GemelJob *gone;

        if (worker->job == NULL)
            continue;
        busy = TRUE;
        if (!worker->abandoned)
            worker_step_aside(worker, now);
        gone = worker_check_deadline(worker, now, &changed);
        if (gone != NULL)
            g_ptr_array_add(lost, gone);
        if (changed)
            g_ptr_array_add(slow, gemel_job_ref(worker->job));
    }
    for (int lane = 0; lane < GEMEL_LANE_N; lane++) {
        lane_drop_overdue(lanes, lane, now);
        busy = busy || !g_queue_is_empty(&lanes->queue[lane]);
    }
    pthread_mutex_unlock(&lanes->lock);
    for (guint i = 0; i < slow->len; i++)
        job_changed_on_ui(slow->pdata[i]);
    for (guint i = 0; i < lost->len; i++)
        job_deliver_lost(lost->pdata[i]);
    return busy;
}

GemelLanesHealth gemel_lanes_health(GemelLanes *lanes, char **ret_text)
{
    GemelLanesHealth health = GEMEL_LANES_OK;
    gint64 now = g_get_monotonic_time();
    const Worker *shows;

    *ret_text = NULL;
    pthread_mutex_lock(&lanes->lock);
    shows = lanes_unresponsive(lanes);
    if (shows != NULL)
        health = GEMEL_LANES_UNRESPONSIVE;
    for (guint i = 0; shows == NULL && i < lanes->workers->len; i++) {
        const Worker *worker = lanes->workers->pdata[i];

        if (worker->lane == GEMEL_LANE_READ && !worker->abandoned && worker->phase != PHASE_IDLE &&
            now - worker->phase_usec > GEMEL_LANES_STUCK_MS * 1000) {
            shows = worker;
            health = GEMEL_LANES_SLOW;
        }
    }
    if (shows != NULL) {
        gint64 since = shows->phase_usec;

        /* Count from the oldest call that is still out: the lane may have begun anew since. */
        for (guint i = 0; i < lanes->workers->len; i++) {
            const Worker *worker = lanes->workers->pdata[i];

            if (worker->phase != PHASE_IDLE && worker->lane == shows->lane)
                since = MIN(since, worker->phase_usec);
        }
        *ret_text = g_strdup_printf(shows->phase == PHASE_CONNECTING
                                        ? "waiting %" G_GINT64_FORMAT " s for a connection"
                                        : "waiting %" G_GINT64_FORMAT " s for an answer",
                                    (now - since) / 1000000);
    }
    pthread_mutex_unlock(&lanes->lock);
    return health;
}
