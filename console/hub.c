/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/hub.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    void (*fn)(void *data);
    void *data;
} Message;

struct Hub {
    atomic_int refs;
    int fd; /* eventfd, readable while the queue may hold something */
    GSource *source;
    pthread_mutex_t lock;
    GQueue queue; /* of Message */
    gboolean closed;
};

static Message *hub_pop(Hub *hub)
{
    Message *message;

    pthread_mutex_lock(&hub->lock);
    message = g_queue_pop_head(&hub->queue);
    pthread_mutex_unlock(&hub->lock);
    return message;
}

static void hub_ring(Hub *hub)
{
    guint64 one = 1;

    if (write(hub->fd, &one, sizeof one) < 0 && errno != EAGAIN)
        g_warning("eventfd: %s", g_strerror(errno));
}

/* Runs messages for at most HUB_SLICE_USEC, then lets other sources have a turn. */
static gboolean hub_dispatch(gint fd, GIOCondition condition, gpointer data)
{
    Hub *hub = hub_ref(data);
    gint64 until = g_get_monotonic_time() + HUB_SLICE_USEC;
    guint64 count;
    Message *message;

    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
        g_warning("eventfd: %s", g_strerror(errno));
    while ((message = hub_pop(hub)) != NULL) {
        message->fn(message->data);
        g_free(message);
        if (g_get_monotonic_time() >= until) {
            hub_ring(hub);
            break;
        }
    }
    hub_unref(hub);
    return G_SOURCE_CONTINUE;
}

Hub *hub_new(GMainContext *context)
{
    Hub *hub = g_new0(Hub, 1);

    atomic_init(&hub->refs, 1);
    hub->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&hub->lock, NULL);
    g_queue_init(&hub->queue);
    hub->source = g_unix_fd_source_new(hub->fd, G_IO_IN);
    g_source_set_callback(hub->source, G_SOURCE_FUNC(hub_dispatch), hub, NULL);
    g_source_attach(hub->source, context);
    return hub;
}

void hub_close(Hub *hub)
{
    Message *message;

    while ((message = hub_pop(hub)) != NULL) { /* each owns something */
        message->fn(message->data);
        g_free(message);
    }
    g_source_destroy(hub->source);
    g_clear_pointer(&hub->source, g_source_unref);
    pthread_mutex_lock(&hub->lock);
    hub->closed = TRUE;
    pthread_mutex_unlock(&hub->lock);
    hub_unref(hub);
}

void hub_post(void *data, void (*fn)(void *data), void *fn_data)
{
    Hub *hub = data;
    Message *message = g_new(Message, 1);

    *message = (Message){.fn = fn, .data = fn_data};
    pthread_mutex_lock(&hub->lock);
    if (hub->closed) {
        g_free(message);
    } else {
        g_queue_push_tail(&hub->queue, message);
        hub_ring(hub);
    }
    pthread_mutex_unlock(&hub->lock);
}

Hub *hub_ref(Hub *hub)
{
    atomic_fetch_add(&hub->refs, 1);
    return hub;
}

void hub_unref(Hub *hub)
{
    if (atomic_fetch_sub(&hub->refs, 1) != 1)
        return;
    close(hub->fd);
    pthread_mutex_destroy(&hub->lock);
    g_free(hub);
}
