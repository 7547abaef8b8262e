/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/writer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

typedef struct {
    void (*fn)(void *data);
    void *data;
} Closure;

struct Writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    GQueue queue; /* of Closure* */
    guint pending;
    gboolean closing, ended;
};

static void *writer_thread(void *data)
{
    Writer *writer = data;

    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        Closure *closure = g_queue_pop_head(&writer->queue);

        if (closure == NULL && writer->closing)
            break;
        if (closure == NULL) {
            pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        pthread_mutex_unlock(&writer->mutex);
        closure->fn(closure->data);
        g_free(closure);
        pthread_mutex_lock(&writer->mutex);
        writer->pending--;
        pthread_cond_broadcast(&writer->changed);
    }
    writer->ended = TRUE;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

Writer *writer_new(void)
{
    Writer *writer = g_new0(Writer, 1);
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&writer->mutex, NULL);
    g_queue_init(&writer->queue);
    if (pthread_create(&writer->thread, NULL, writer_thread, writer) != 0)
        g_error("no thread can be started");
    return writer;
}

void writer_post(Writer *writer, void (*fn)(void *data), void *data)
{
    Closure *closure = g_new(Closure, 1);

    *closure = (Closure){fn, data};
    pthread_mutex_lock(&writer->mutex);
    g_queue_push_tail(&writer->queue, closure);
    writer->pending++;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

guint writer_pending(Writer *writer)
{
    guint pending;

    pthread_mutex_lock(&writer->mutex);
    pending = writer->pending;
    pthread_mutex_unlock(&writer->mutex);
    return pending;
}

static struct timespec deadline(gint wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

void writer_drain(Writer *writer, gint wait_ms)
{
    struct timespec until = deadline(wait_ms);

    pthread_mutex_lock(&writer->mutex);
    while (writer->pending > 0 &&
           pthread_cond_timedwait(&writer->changed, &writer->mutex, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&writer->mutex);
}

gboolean writer_close(Writer *writer, gint wait_ms)
{
    struct timespec until = deadline(wait_ms);
    gboolean ended;

    pthread_mutex_lock(&writer->mutex);
    writer->closing = TRUE;
    pthread_cond_broadcast(&writer->changed);
    while (!writer->ended &&
           pthread_cond_timedwait(&writer->changed, &writer->mutex, &until) != ETIMEDOUT)
        continue;
    ended = writer->ended;
    pthread_mutex_unlock(&writer->mutex);
    if (!ended)
        return FALSE;
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    g_free(writer);
    return TRUE;
}
