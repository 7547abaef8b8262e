/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jobs_private.h - what jobs.c (a job and its listeners), lanes.c (workers, order, deadlines) and
 * streams.c (consoles and exec) share.
 */
#pragma once

#include "backends/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    GemelJobDone done;
    gpointer data;
    gboolean told_lost;
} Listener;

struct GemelJob {
    atomic_int refs;
    GemelLanes *lanes;
    guint64 id;
    GemelLane lane;
    const char *kind;
    char *instance_id, *title, *signal, *name;
    GemelJobSpec spec;
    gint cancel; /* g_atomic */
    /* under lanes->lock */
    GemelJobState state;
    gint64 queued_usec, started_usec, ended_usec;
    guint runs; /* workers that run it now: two after a reissue */
    gboolean reissued;
    double fraction;
    char *what, *notes;
    /* written under the lock before the end is posted, constant afterwards */
    gpointer result;
    GError *error;
    /* UI thread only */
    GArray *listeners;
};

typedef enum { PHASE_IDLE, PHASE_CONNECTING, PHASE_CALLING } Phase;

typedef struct {
    GemelLanes *lanes;
    GemelLane lane;
    GemelConn *conn; /* the worker's alone */
    /* under lanes->lock */
    GemelJob *job;
    Phase phase;
    gint64 phase_usec;
    gboolean abandoned;
} Worker;

struct GemelLanes {
    atomic_int refs;
    GemelBackend *backend;
    GemelLanesHooks hooks;
    guint64 next_id; /* UI thread */
    int stop_fd;
    GemelEventSink sink;

    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    gboolean closing;
    GQueue queue[GEMEL_LANE_N]; /* of GemelJob, a reference each */
    GPtrArray *workers;         /* alive, abandoned ones among them */
    guint threads;              /* workers, watch and streams alive */
};

/* ---- lanes.c -------------------------------------------------------------------------------- */

GemelLanes *lanes_ref(GemelLanes *lanes);
void lanes_unref(GemelLanes *lanes);
/* Runs run(data) on a detached thread counted by the lanes; run ends with lanes_thread_ended, after
   which it may not touch the lanes. */
gboolean lanes_thread_start(GemelLanes *lanes, void *(*run)(void *), void *data);
void lanes_thread_ended(GemelLanes *lanes);
GemelBackend *lanes_backend(GemelLanes *lanes);
void lanes_post(GemelLanes *lanes, void (*fn)(void *data), void *data);
/* Whether another act holds the job's instance. The lock is held. */
gboolean job_is_held(const GemelJob *job);

/* ---- jobs.c --------------------------------------------------------------------------------- */

GemelJob *job_new(GemelLanes *lanes, GemelLane lane, const GemelJobSpec *spec);
gboolean job_over(const GemelJob *job);
/* Takes the outcome of one run. The lock is held; TRUE if the end has to be posted. */
gboolean job_take_outcome(GemelJob *job, gpointer result, GError *error);
/* Ends a job that never ran. The lock is held. */
void job_end_unrun(GemelJob *job, GemelJobState state, GError *error);
/* On the UI thread; each owns a reference. Ended, lost, or otherwise changed. */
void job_deliver_end(void *job);
void job_deliver_lost(void *job);
void job_changed_on_ui(void *job);
