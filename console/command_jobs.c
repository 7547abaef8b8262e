/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command_jobs.c - the jobs of a run: acts are recorded, all are forgotten when the run is. */
#include "console/command_private.h"

typedef struct {
    CommandRun *run;
    GemelJob *job;
    GemelJobDone done;
    gpointer data;
    AuditAct *audit; /* of an act */
} RunJob;

static void run_job_free(gpointer data)
{
    RunJob *own = data;

    gemel_job_disown(own->job, own);
    gemel_job_unref(own->job);
    audit_act_unref(own->audit);
    g_free(own);
}

static void run_job_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    RunJob *own = data;
    CommandRun *run = own->run;

    command_enter(run);
    run->pending--;
    if (own->audit != NULL && error != NULL && !audit_act_has_begun(own->audit))
        audit_end(own->audit, gemel_error_exit_status(error), error);
    if (own->done != NULL)
        own->done(job, result, error, own->data);
    else if (error != NULL)
        run_error(run, error);
    /* Disowns: a lost job may end once more, and nobody waits for it then. */
    g_ptr_array_remove_fast(run->jobs, own);
    command_leave(run);
}

GemelJob *run_submit(CommandRun *run, AppBackend *backend, GemelLane lane, const GemelJobSpec *spec,
                     GemelJobDone done, gpointer data)
{
    RunJob *own = g_new0(RunJob, 1);
    GemelJobSpec wrapped = *spec;

    *own = (RunJob){.run = run, .done = done, .data = data};
    if (lane == GEMEL_LANE_ACT) {
        own->audit = audit_act_new(run, backend, spec->instance_id, spec->kind, spec->title);
        audit_wrap(&wrapped, own->audit);
        run->flow->n_audits++;
    }
    run->pending++;
    own->job = gemel_lanes_submit(backend->lanes, lane, &wrapped, run_job_done, own);
    g_ptr_array_add(run->jobs, own);
    model_job_changed(run->app->model, own->job);
    return own->job;
}

/* An act that was taken back before it began leaves a line, too. */
static void record_cancelled(RunJob *own)
{
    g_autoptr(GemelJobView) view = gemel_job_view(own->job);
    g_autoptr(GError) error = NULL;

    if (view->state != GEMEL_JOB_CANCELLED)
        return;
    gemel_error_set(&error, GEMEL_ERROR_FAILED, "cancelled before it began");
    audit_end(own->audit, 130, error);
}

void command_forget_jobs(CommandRun *run)
{
    for (guint i = 0; i < run->jobs->len; i++) {
        RunJob *own = run->jobs->pdata[i];

        gemel_job_leave(own->job, own);
        if (own->audit != NULL)
            record_cancelled(own);
    }
    g_ptr_array_set_size(run->jobs, 0);
}

GPtrArray *command_jobs_new(void)
{
    return g_ptr_array_new_with_free_func(run_job_free);
}
