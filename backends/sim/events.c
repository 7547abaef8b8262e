/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * events.c - who is told when something happens: watchers, and streams that wait for the end of
 * their instance.
 */
#include "backends/sim/sim.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    GemelEventType type;
    char *id, *name, *detail;
    GemelState state;
    gint64 time_unix_usec;
} SimEvent;

static void event_free(SimEvent *event)
{
    g_free(event->id);
    g_free(event->name);
    g_free(event->detail);
    g_free(event);
}

gboolean sim_listener_init(SimListener *listener, SimWorld *world, gboolean with_queue)
{
    listener->queue = NULL;
    listener->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listener->wake_fd < 0)
        return FALSE;
    listener->queue = with_queue ? g_queue_new() : NULL;
    sim_lock(world);
    g_ptr_array_add(world->listeners, listener);
    sim_unlock(world);
    return TRUE;
}

void sim_listener_done(SimListener *listener, SimWorld *world)
{
    sim_lock(world);
    g_ptr_array_remove_fast(world->listeners, listener);
    sim_unlock(world);
    if (listener->queue != NULL)
        g_queue_free_full(listener->queue, (GDestroyNotify)event_free);
    if (listener->wake_fd >= 0)
        close(listener->wake_fd);
}

void sim_notify(SimWorld *world, GemelEventType type, const SimInstance *instance,
                const char *detail)
{
    for (guint i = 0; i < world->listeners->len; i++) {
        const SimListener *listener = g_ptr_array_index(world->listeners, i);

        if (listener->queue != NULL && instance != NULL) {
            SimEvent *event = g_new0(SimEvent, 1);

            event->type = type;
            event->id = g_strdup(instance->id);
            event->name = g_strdup(instance->name);
            event->detail = g_strdup(detail);
            event->state = instance->state;
            event->time_unix_usec = g_get_real_time();
            g_queue_push_tail(listener->queue, event);
        }
        eventfd_write(listener->wake_fd, 1);
    }
}

/* Hands everything queued to the sink, with the mutex free. */
static void deliver(SimWorld *world, SimListener *listener, const GemelEventSink *sink)
{
    SimEvent *event;

    for (;;) {
        sim_lock(world);
        event = g_queue_pop_head(listener->queue);
        sim_unlock(world);
        if (event == NULL)
            return;
        sink->event(sink->data, &(GemelEvent){
                                    .type = event->type,
                                    .id = event->id,
                                    .name = event->name,
                                    .state = event->state,
                                    .detail = event->detail,
                                    .time_unix_usec = event->time_unix_usec,
                                });
        event_free(event);
    }
}

/* How long nothing will happen by itself, in ms for poll; -1 = ever. */
static int quiet_ms(SimWorld *world)
{
    const SimOptions *options = &world->options;
    gint64 now_ns = gemel_boottime_ns();
    gint64 next_ns;

    pthread_mutex_lock(&world->mutex);
    next_ns = world->next_due_ns;
    pthread_mutex_unlock(&world->mutex);
    if (options->down_from_ns != options->down_to_ns) {
        gint64 edges[] = {options->down_from_ns, options->down_to_ns};

        for (guint i = 0; i < G_N_ELEMENTS(edges); i++)
            if (edges[i] < G_MAXINT64 && world->created_ns + edges[i] > now_ns)
                next_ns = MIN(next_ns, world->created_ns + edges[i]);
    }
    if (next_ns == G_MAXINT64)
        return -1;
    return (int)CLAMP((next_ns - now_ns) / 1000000 + 1, 0, 60000);
}

void sim_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd)
{
    SimWorld *world = (SimWorld *)backend;
    SimListener listener;
    gboolean is_up = FALSE, was_told = FALSE;

    if (!sim_listener_init(&listener, world, TRUE)) {
        sink->event(sink->data, &(GemelEvent){.type = GEMEL_EVENT_BACKEND_DOWN,
                                              .detail = "no file descriptor for its events",
                                              .time_unix_usec = g_get_real_time()});
        return;
    }
    for (;;) {
        struct pollfd fds[] = {{.fd = stop_fd, .events = POLLIN},
                               {.fd = listener.wake_fd, .events = POLLIN}};
        gboolean down = sim_is_down(world);
        eventfd_t count;

        if (!was_told || is_up == down) {
            is_up = !down;
            was_told = TRUE;
            sink->event(
                sink->data,
                &(GemelEvent){.type = is_up ? GEMEL_EVENT_BACKEND_UP : GEMEL_EVENT_BACKEND_DOWN,
                              .detail = is_up ? NULL : "does not answer (down= in its URI)",
                              .time_unix_usec = g_get_real_time()});
        }
        if (is_up)
            deliver(world, &listener, sink);
        poll(fds, G_N_ELEMENTS(fds), quiet_ms(world));
        if (fds[0].revents != 0)
            break;
        if (fds[1].revents != 0)
            eventfd_read(listener.wake_fd, &count);
    }
    sim_listener_done(&listener, world);
}
