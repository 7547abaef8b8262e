/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * streams.c - consoles and exec: a thread and a connection each, outside the lanes.
 *
 * A GemelStreamJob is shared by its thread and the UI thread and counted by both. The UI thread
 * alone reads the hooks; `stream` is what resize needs and is guarded by the lock, because the
 * thread frees it when pump is over.
 */
#include "backends/jobs_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct GemelStreamJob {
    atomic_int refs;
    GemelLanes *lanes;
    char *instance_id;
    GemelStreamArgs args;
    char **argv, **env;
    char *user, *cwd;
    /* UI thread */
    GemelStreamHooks hooks;
    gboolean released;
    /* handed over by posts */
    int fd, err_fd, status;
    GError *error;
    pthread_mutex_t lock;
    GemelStream *stream; /* under the lock; NULL while not pumping */
};

static void stream_job_unref(GemelStreamJob *job)
{
    if (atomic_fetch_sub(&job->refs, 1) != 1)
        return;
    g_strfreev(job->argv);
    g_strfreev(job->env);
    g_free(job->user);
    g_free(job->cwd);
    g_free(job->instance_id);
    g_clear_error(&job->error);
    pthread_mutex_destroy(&job->lock);
    g_free(job);
}

static GemelStreamJob *stream_job_ref(GemelStreamJob *job)
{
    atomic_fetch_add(&job->refs, 1);
    return job;
}

static void opened_on_ui(void *data)
{
    GemelStreamJob *job = data;

    if (job->released) {
        close(job->fd);
        if (job->err_fd >= 0)
            close(job->err_fd);
    } else {
        job->hooks.opened(job->hooks.data, job->fd, job->err_fd);
    }
    stream_job_unref(job);
}

static void ended_on_ui(void *data)
{
    GemelStreamJob *job = data;

    if (!job->released)
        job->hooks.ended(job->hooks.data, job->status, job->error);
    stream_job_unref(job);
}

/* Opens, pumps, frees. Stream thread. */
static void stream_run(GemelStreamJob *job, GemelConn *conn)
{
    const GemelStreamOps *ops = lanes_backend(job->lanes)->ops->streams;
    GemelStream *stream = ops->open(conn, job->instance_id, &job->args, &job->error);

    if (stream == NULL)
        return;
    job->fd = stream->fd;
    job->err_fd = stream->err_fd;
    pthread_mutex_lock(&job->lock);
    job->stream = stream;
    pthread_mutex_unlock(&job->lock);
    lanes_post(job->lanes, opened_on_ui, stream_job_ref(job));
    ops = stream->ops != NULL ? stream->ops : ops;
    job->status = ops->pump(stream, &job->error);
    pthread_mutex_lock(&job->lock);
    job->stream = NULL;
    pthread_mutex_unlock(&job->lock);
    ops->free(stream);
}

static void *stream_main(void *data)
{
    GemelStreamJob *job = data;
    GemelLanes *lanes = job->lanes;
    GemelBackend *backend = lanes_backend(lanes);
    GemelConn *conn = backend->ops->conn_open(backend, &job->error);

    if (conn != NULL)
        stream_run(job, conn);
    lanes_post(lanes, ended_on_ui, stream_job_ref(job));
    if (conn != NULL)
        backend->ops->conn_close(conn);
    stream_job_unref(job);
    lanes_thread_ended(lanes);
    return NULL;
}

GemelStreamJob *gemel_lanes_stream(GemelLanes *lanes, const char *instance_id,
                                   const GemelStreamArgs *args, const GemelStreamHooks *hooks)
{
    GemelStreamJob *job = g_new0(GemelStreamJob, 1);

    atomic_init(&job->refs, 2); /* the thread's and the caller's */
    pthread_mutex_init(&job->lock, NULL);
    job->lanes = lanes;
    job->instance_id = g_strdup(instance_id);
    job->argv = g_strdupv((char **)args->argv);
    job->env = g_strdupv((char **)args->env);
    job->user = g_strdup(args->user);
    job->cwd = g_strdup(args->cwd);
    job->args = *args;
    job->args.argv = (const char *const *)job->argv;
    job->args.env = (const char *const *)job->env;
    job->args.user = job->user;
    job->args.cwd = job->cwd;
    job->hooks = *hooks;
    job->fd = job->err_fd = -1;
    job->status = -1;
    if (!lanes_thread_start(lanes, stream_main, job)) {
        gemel_error_set(&job->error, GEMEL_ERROR_FAILED, "cannot start a thread for the stream");
        lanes_post(lanes, ended_on_ui, job); /* in place of the thread */
    }
    return job;
}

void gemel_stream_job_resize(GemelStreamJob *job, guint rows, guint cols)
{
    const GemelStreamOps *ops = lanes_backend(job->lanes)->ops->streams;

    pthread_mutex_lock(&job->lock);
    if (job->stream != NULL && job->stream->ops != NULL)
        ops = job->stream->ops;
    if (job->stream != NULL && ops->resize != NULL)
        ops->resize(job->stream, rows, cols);
    pthread_mutex_unlock(&job->lock);
}

void gemel_stream_job_release(GemelStreamJob *job)
{
    job->released = TRUE;
    stream_job_unref(job);
}
