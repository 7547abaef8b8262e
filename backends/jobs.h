/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jobs.h - lanes: the worker threads on which everything that can block runs.
 *
 * Each open backend has a GemelLanes with
 *   read lane   one worker: list, sample, inspect, snapshot list. A request equal to one that
 *               waits or runs (same kind, same instance) joins it: slow means staler, never a
 *               backlog. A worker that is held up for GEMEL_LANES_STUCK_MS steps aside: the rest of
 *               the lane goes on with a fresh worker and connection, and a job marked `reissue`
 *               (the bulk sample) is issued again there, which with libvirt answers for all guests
 *               but the one that hangs.
 *   act lane    up to GEMEL_LANES_ACT_MAX workers, one act at a time per instance, in the order
 *               given.
 *   watch       one thread in GemelBackendOps.watch.
 *
 * Deadlines are honest: a blocked call cannot be cancelled. Past soft_ms a job is SLOW and says
 * what it waits for; past hard_ms it is LOST: its worker is abandoned with its connection and
 * replaced, up to GEMEL_LANES_ABANDON_MAX; then, or while a worker hangs in conn_open, the backend
 * is *unresponsive* and new acts fail at once. A worker that comes back from the dead closes its
 * connection and ends; its result is still delivered.
 *
 * Threads. gemel_lanes_* and gemel_job_* are called by the UI thread. Results come through `post`,
 * which is called on workers and must run the given function on the UI thread (console/hub.h). All
 * shared state is under one mutex per GemelLanes; pthread and C11 atomics only, so that
 * ThreadSanitizer sees it.
 */
#pragma once

#include "backends/backend.h"

#define GEMEL_LANES_STUCK_MS    500
#define GEMEL_LANES_ACT_MAX     4
#define GEMEL_LANES_ABANDON_MAX 4

typedef enum { GEMEL_LANE_READ, GEMEL_LANE_ACT, GEMEL_LANE_N } GemelLane;

typedef enum {
    GEMEL_JOB_QUEUED,
    GEMEL_JOB_RUNNING,
    GEMEL_JOB_SLOW, /* running, past its soft limit */
    GEMEL_JOB_LOST, /* past its hard limit; may still come back */
    GEMEL_JOB_DONE,
    GEMEL_JOB_FAILED,
    GEMEL_JOB_CANCELLED, /* taken back before it began */
    GEMEL_JOB_STATE_N
} GemelJobState;

const char *gemel_job_state_name(GemelJobState state);

typedef struct GemelLanes GemelLanes;
typedef struct GemelJob GemelJob; /* counted; gemel_job_ref/unref on any thread */

/* Runs on a worker. Returns what it made, owned; on failure NULL with error set. `args` carries
   progress, notes and the cancel flag of this job, to be handed to an act. */
typedef gpointer (*GemelJobFunc)(GemelConn *conn, const GemelActArgs *args, gpointer arg,
                                 GError **error);

/* UI thread. Called when the job ended, or was lost, in which case it may be called once more when
   it ends after all (state DONE or FAILED). `result` stays the job's; NULL on failure. */
typedef void (*GemelJobDone)(GemelJob *job, gpointer result, const GError *error, gpointer data);

typedef struct {
    const char *kind;        /* static: "list" "sample" "start"; what coalesces */
    const char *instance_id; /* NULL = the whole backend */
    const char *title;       /* for people: "start lab-vm"; NULL = kind */
    GemelJobFunc run;
    gpointer arg; /* owned by the job from here */
    GDestroyNotify arg_free;
    GDestroyNotify result_free;
    gint soft_ms, hard_ms; /* counted from when it begins; 0 = 2 s and 30 s */
    GemelActArgs args;     /* timeout_ms, force, ... for the act; strings are copied */
    gboolean reissue;
    gboolean alone; /* what it reads depends on more than kind and instance: joins no other read */
} GemelJobSpec;

/* A copy of a job's state for the jobs view. */
typedef struct {
    guint64 id;
    char *title;
    const char *kind;
    char *backend, *instance_id;
    GemelLane lane;
    GemelJobState state;
    gint64 queued_usec, started_usec, ended_usec; /* g_get_monotonic_time; 0 = not yet */
    const char *waits_for; /* "the daemon to answer", "a connection", "start lab-vm before it" */
    double fraction;       /* < 0 = not known */
    char *what;            /* the act's own progress text, or NULL */
    char *notes;           /* lines, or NULL */
    char *error;           /* message, or NULL */
} GemelJobView;

void gemel_job_view_free(GemelJobView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelJobView, gemel_job_view_free)

typedef enum { GEMEL_LANES_OK, GEMEL_LANES_SLOW, GEMEL_LANES_UNRESPONSIVE } GemelLanesHealth;

typedef struct {
    /* Runs fn(data) on the UI thread, later, in order per calling thread. Any thread. */
    void (*post)(void *post_data, void (*fn)(void *data), void *data);
    void *post_data;
    /* UI thread: job's state, progress or notes changed. */
    void (*changed)(void *data, GemelJob *job);
    /* UI thread: there is work again, so gemel_lanes_tick has to be called until it says FALSE. */
    void (*busy)(void *data);
    void *data;
} GemelLanesHooks;

/* The backend stays the caller's and must outlive the lanes' threads and all jobs: free it only
   when gemel_lanes_ended is TRUE. */
GemelLanes *gemel_lanes_new(GemelBackend *backend, const GemelLanesHooks *hooks);

/* Tells all threads to end and waits up to wait_ms for them. FALSE: some are held up in a call and
   were abandoned; then neither lanes nor backend may be freed and the process leaves by _exit. Jobs
   that were not begun end as cancelled, those that are held up are lost, and what is submitted from
   now on fails with UNREACHABLE. */
gboolean gemel_lanes_close(GemelLanes *lanes, gint wait_ms);
/* Whether all threads of closed lanes have ended. */
gboolean gemel_lanes_ended(GemelLanes *lanes);
/* Gives up the owner's reference to closed lanes; jobs may keep them alive a while. */
void gemel_lanes_free(GemelLanes *lanes);

/* Starts the watch thread; sink functions are called on it. No-op where the backend has none. */
void gemel_lanes_watch(GemelLanes *lanes, const GemelEventSink *sink);

/* Returns a new reference. `done` is always called later, never from inside. An unresponsive
   backend refuses acts with UNREACHABLE through `done`. */
GemelJob *gemel_lanes_submit(GemelLanes *lanes, GemelLane lane, const GemelJobSpec *spec,
                             GemelJobDone done, gpointer data);

/* Moves deadlines on; call it every 100 ms or so while jobs are there. TRUE if there are. */
gboolean gemel_lanes_tick(GemelLanes *lanes);

/* Health, and in words what is waited for and since when ("connecting for 12 s"), or NULL. */
GemelLanesHealth gemel_lanes_health(GemelLanes *lanes, char **ret_text);

/* Forgets `done` callbacks with this data: their owner goes away. */
void gemel_job_disown(GemelJob *job, gpointer data);
/* Disowns, and cancels the job unless somebody else waits for it. */
void gemel_job_leave(GemelJob *job, gpointer data);
/* Takes a queued job back, or raises the cancel flag of a running one. */
void gemel_job_cancel(GemelJob *job);
GemelJobView *gemel_job_view(GemelJob *job);
GemelJob *gemel_job_ref(GemelJob *job);
void gemel_job_unref(GemelJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelJob, gemel_job_unref)

/* ---- streams: a thread each, outside the lanes ---------------------------------------------- */

typedef struct GemelStreamJob GemelStreamJob;

typedef struct {
    /* UI thread: connected; the descriptors are the callee's to close. */
    void (*opened)(gpointer data, int fd, int err_fd);
    /* UI thread, once, last: the status of GemelStreamOps.pump, or -1 and an error. */
    void (*ended)(gpointer data, int status, const GError *error);
    gpointer data;
} GemelStreamHooks;

/* Opens `args` on the instance in a thread of its own; args are copied. */
GemelStreamJob *gemel_lanes_stream(GemelLanes *lanes, const char *instance_id,
                                   const GemelStreamArgs *args, const GemelStreamHooks *hooks);
void gemel_stream_job_resize(GemelStreamJob *stream, guint rows, guint cols);
/* The hooks are not called any more; the thread ends when the caller's descriptor is closed. */
void gemel_stream_job_release(GemelStreamJob *stream);
