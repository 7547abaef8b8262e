/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libvirt's events, over a connection of the watch's own.
 *
 * Two threads meet here: the watch's, which connects, subscribes and waits, and libvirt's event
 * thread, which runs the callbacks. They share a Watch behind a lock that is held for table
 * look-ups and for the sink, which never blocks; once the watch has returned the callbacks do
 * nothing. virConnectOpen waits without limit for a daemon that is stopped, so it runs on a thread
 * that can be left behind; closing likewise.
 */
#include <poll.h>
#include <string.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 5000
/* How long the end of the watch waits for its connection to be closed properly. */
#define CLOSE_WAIT_MS 500

typedef struct {
    gint refs;
    pthread_mutex_t lock;
    gboolean has_ended; /* the members below must not be used any more */
    LvCache *cache;
    const GemelEventSink *sink;
    GHashTable *present;    /* char *uuid: domains the sink has been told of */
    GHashTable *persistent; /* char *uuid: those that stay when they stop */
} Watch;

static Watch *watch_new(LvBackend *backend, const GemelEventSink *sink)
{
    Watch *watch = g_new0(Watch, 1);

    watch->refs = 1;
    pthread_mutex_init(&watch->lock, NULL);
    watch->cache = backend->cache;
    watch->sink = sink;
    watch->present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    watch->persistent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return watch;
}

static void watch_unref(void *data)
{
    Watch *watch = data;

    if (!g_atomic_int_dec_and_test(&watch->refs))
        return;
    g_hash_table_unref(watch->present);
    g_hash_table_unref(watch->persistent);
    pthread_mutex_destroy(&watch->lock);
    g_free(watch);
}

/* ---- what an event means -------------------------------------------------------------------- */

static const struct {
    int event, detail; /* detail -1 = all that have no line of their own above */
    GemelState state;
    const char *text;
} lifecycle[] = {
    {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, GEMEL_STATE_RUNNING, "started"},
    {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_MIGRATED, GEMEL_STATE_RUNNING,
     "migrated here"},
    {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_RESTORED, GEMEL_STATE_RUNNING,
     "restored from saved memory"},
    {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT, GEMEL_STATE_RUNNING,
     "started from a snapshot"},
    {VIR_DOMAIN_EVENT_STARTED, -1, GEMEL_STATE_RUNNING, "started"},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, GEMEL_STATE_PAUSED,
     "paused by an I/O error on a disk"},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG, GEMEL_STATE_PAUSED,
     "paused by its watchdog"},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT, GEMEL_STATE_PAUSED,
     "paused, from a snapshot"},
    {VIR_DOMAIN_EVENT_SUSPENDED, -1, GEMEL_STATE_PAUSED, "paused"},
    {VIR_DOMAIN_EVENT_RESUMED, -1, GEMEL_STATE_RUNNING, "resumed"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, GEMEL_STATE_STOPPED, "shut down"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, GEMEL_STATE_STOPPED, "killed"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, GEMEL_STATE_CRASHED,
     "its QEMU crashed"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, GEMEL_STATE_STOPPED,
     "migrated away"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SAVED, GEMEL_STATE_SAVED, "saved"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, GEMEL_STATE_STOPPED,
     "failed to start"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT, GEMEL_STATE_STOPPED,
     "stopped, from a snapshot"},
    {VIR_DOMAIN_EVENT_STOPPED, -1, GEMEL_STATE_STOPPED, "stopped"},
    {VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, GEMEL_STATE_STOPPING,
     "shut down by the guest"},
    {VIR_DOMAIN_EVENT_SHUTDOWN, -1, GEMEL_STATE_STOPPING, "shutting down"},
    {VIR_DOMAIN_EVENT_PMSUSPENDED, -1, GEMEL_STATE_PAUSED, "suspended by the guest"},
    {VIR_DOMAIN_EVENT_CRASHED, -1, GEMEL_STATE_CRASHED, "the guest crashed"},
};

/* Hands one event to the sink. Locked. */
static void emit(Watch *watch, GemelEventType type, const char *uuid, const char *name,
                 GemelState state, const char *detail)
{
    const GemelEvent event = {
        .type = type,
        .id = uuid,
        .name = name,
        .state = state,
        .detail = detail,
        .time_unix_usec = g_get_real_time(),
    };

    if (!watch->has_ended)
        watch->sink->event(watch->sink->data, &event);
}

/* Definitions come and go; one that goes from under a running domain leaves it transient. Locked.
 */
static void take_definition(Watch *watch, virDomainPtr domain, const char *uuid, int event,
                            int detail)
{
    const char *name = virDomainGetName(domain);
    gboolean is_active = virDomainGetID(domain) != (unsigned int)-1;

    if (event == VIR_DOMAIN_EVENT_DEFINED) {
        gboolean is_new = g_hash_table_add(watch->present, g_strdup(uuid));

        g_hash_table_add(watch->persistent, g_strdup(uuid));
        emit(watch, is_new ? GEMEL_EVENT_ADDED : GEMEL_EVENT_CHANGED, uuid, name,
             is_active ? GEMEL_STATE_RUNNING : GEMEL_STATE_STOPPED,
             detail == VIR_DOMAIN_EVENT_DEFINED_RENAMED ? "renamed" : NULL);
    } else if (detail != VIR_DOMAIN_EVENT_UNDEFINED_RENAMED) {
        g_hash_table_remove(watch->persistent, uuid);
        if (is_active) {
            emit(watch, GEMEL_EVENT_CHANGED, uuid, name, GEMEL_STATE_RUNNING,
                 "is transient from now on");
        } else {
            g_hash_table_remove(watch->present, uuid);
            emit(watch, GEMEL_EVENT_REMOVED, uuid, name, GEMEL_STATE_UNKNOWN, NULL);
        }
    }
}

/* Locked. */
static void take_state(Watch *watch, virDomainPtr domain, const char *uuid, int event, int detail)
{
    const char *name = virDomainGetName(domain);
    gboolean is_new =
        event != VIR_DOMAIN_EVENT_STOPPED && g_hash_table_add(watch->present, g_strdup(uuid));

    for (gsize i = 0; i < G_N_ELEMENTS(lifecycle); i++) {
        if (lifecycle[i].event != event ||
            (lifecycle[i].detail != detail && lifecycle[i].detail != -1))
            continue;
        emit(watch, is_new ? GEMEL_EVENT_ADDED : GEMEL_EVENT_STATE, uuid, name, lifecycle[i].state,
             lifecycle[i].text);
        break;
    }
    if (event == VIR_DOMAIN_EVENT_STOPPED && !g_hash_table_contains(watch->persistent, uuid)) {
        g_hash_table_remove(watch->present, uuid);
        emit(watch, GEMEL_EVENT_REMOVED, uuid, name, GEMEL_STATE_UNKNOWN, NULL);
    }
}

static int on_lifecycle(virConnectPtr vir, virDomainPtr domain, int event, int detail, void *data)
{
    Watch *watch = data;
    char uuid[VIR_UUID_STRING_BUFLEN];

    virDomainGetUUIDString(domain, uuid);
    pthread_mutex_lock(&watch->lock);
    if (!watch->has_ended) {
        lv_cache_invalidate(watch->cache, uuid);
        if (event == VIR_DOMAIN_EVENT_DEFINED || event == VIR_DOMAIN_EVENT_UNDEFINED)
            take_definition(watch, domain, uuid, event, detail);
        else
            take_state(watch, domain, uuid, event, detail);
    }
    pthread_mutex_unlock(&watch->lock);
    return 0;
}

/* Forgets what is known of the definition and, with a type, says so. */
static void report(Watch *watch, virDomainPtr domain, GemelEventType type, GemelState state,
                   const char *detail)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    virDomainGetUUIDString(domain, uuid);
    pthread_mutex_lock(&watch->lock);
    if (!watch->has_ended) {
        lv_cache_invalidate(watch->cache, uuid);
        if (type != GEMEL_EVENT_N)
            emit(watch, type, uuid, virDomainGetName(domain), state, detail);
    }
    pthread_mutex_unlock(&watch->lock);
}

static void on_reboot(virConnectPtr vir, virDomainPtr domain, void *data)
{
    report(data, domain, GEMEL_EVENT_STATE, GEMEL_STATE_RUNNING, "rebooted");
}

/* One event per step while a balloon moves: the next list shows it, nobody needs telling. */
static void on_balloon(virConnectPtr vir, virDomainPtr domain, unsigned long long actual,
                       void *data)
{
    report(data, domain, GEMEL_EVENT_N, GEMEL_STATE_UNKNOWN, NULL);
}

static void on_agent(virConnectPtr vir, virDomainPtr domain, int state, int reason, void *data)
{
    report(data, domain, GEMEL_EVENT_CHANGED, GEMEL_STATE_UNKNOWN,
           state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
               ? "guest agent connected"
               : "guest agent disconnected");
}

static void on_device_added(virConnectPtr vir, virDomainPtr domain, const char *alias, void *data)
{
    report(data, domain, GEMEL_EVENT_CHANGED, GEMEL_STATE_UNKNOWN, "device added");
}

static void on_device_removed(virConnectPtr vir, virDomainPtr domain, const char *alias, void *data)
{
    report(data, domain, GEMEL_EVENT_CHANGED, GEMEL_STATE_UNKNOWN, "device removed");
}

static void on_metadata(virConnectPtr vir, virDomainPtr domain, int type, const char *uri,
                        void *data)
{
    report(data, domain, GEMEL_EVENT_CHANGED, GEMEL_STATE_UNKNOWN, "metadata changed");
}

static void on_tunable(virConnectPtr vir, virDomainPtr domain, virTypedParameterPtr params,
                       int n_params, void *data)
{
    report(data, domain, GEMEL_EVENT_CHANGED, GEMEL_STATE_UNKNOWN, "limits changed");
}

/* A driver may lack all but the first. */
static const struct {
    int id;
    virConnectDomainEventGenericCallback callback;
} subscriptions[] = {
    {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
    {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
    {VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_balloon)},
    {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device_added)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device_removed)},
    {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata)},
    {VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable)},
};

/* ---- the connection ------------------------------------------------------------------------- */

/* A connection with what hangs on it; opened and closed on threads that can be left behind. */
typedef struct {
    gint refs;
    gint is_claimed; /* 0 -> 1 by whoever comes first: the opener with its result, or the watch that
                        no longer wants it */
    char *uri;
    LvSignal *done; /* opened or failed; later: closed */
    LvSignal *closed;
    virConnectPtr vir;
    GError *error;
    int callbacks[G_N_ELEMENTS(subscriptions)];
} Link;

static void link_unref(Link *link)
{
    if (!g_atomic_int_dec_and_test(&link->refs))
        return;
    lv_signal_free(link->done);
    lv_signal_free(link->closed);
    g_clear_error(&link->error);
    g_free(link->uri);
    g_free(link);
}

/* Starts a detached thread with a reference to the link; FALSE if the system has none left. */
static gboolean run_aside(Link *link, void *(*function)(void *))
{
    pthread_attr_t attr;
    pthread_t thread;
    int status;

    g_atomic_int_inc(&link->refs);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    status = pthread_create(&thread, &attr, function, link);
    pthread_attr_destroy(&attr);
    if (status != 0)
        g_atomic_int_add(&link->refs, -1);
    return status == 0;
}

static void *open_aside(void *data)
{
    Link *link = data;

    link->vir = lv_open(link->uri, link->closed, &link->error);
    if (!g_atomic_int_compare_and_exchange(&link->is_claimed, 0, 1) && link->vir != NULL)
        lv_close(link->vir);
    lv_signal_raise(link->done);
    link_unref(link);
    return NULL;
}

static void *close_aside(void *data)
{
    Link *link = data;

    for (gsize i = 0; i < G_N_ELEMENTS(subscriptions); i++) {
        if (link->callbacks[i] >= 0)
            virConnectDomainEventDeregisterAny(link->vir, link->callbacks[i]);
    }
    lv_close(link->vir);
    lv_signal_raise(link->done);
    link_unref(link);
    return NULL;
}

/* Waits until the signal is raised (TRUE), or until stop_fd is readable or the time is up. */
static gboolean wait_for(LvSignal *signal, int stop_fd, int timeout_ms)
{
    gint64 deadline = timeout_ms >= 0 ? g_get_monotonic_time() + (gint64)timeout_ms * 1000 : 0;

    while (!lv_signal_is_set(signal)) {
        struct pollfd fds[] = {{.fd = stop_fd, .events = POLLIN},
                               {.fd = signal->fd, .events = POLLIN}};
        gint64 left_ms = timeout_ms >= 0 ? (deadline - g_get_monotonic_time() + 999) / 1000 : -1;

        if (timeout_ms >= 0 && left_ms <= 0)
            return FALSE;
        /* Without an eventfd look every second. */
        if (signal->fd < 0)
            left_ms = left_ms >= 0 ? MIN(left_ms, 1000) : 1000;
        poll(fds, G_N_ELEMENTS(fds), (int)left_ms);
        if (stop_fd >= 0 && fds[0].revents != 0)
            return lv_signal_is_set(signal);
    }
    return TRUE;
}

/* A new link, connected or with `error` set; NULL if the watch is to stop. */
static Link *link_open(const char *uri, int stop_fd)
{
    Link *link = g_new0(Link, 1);

    link->refs = 1;
    link->uri = g_strdup(uri);
    link->done = lv_signal_new();
    link->closed = lv_signal_new();
    for (gsize i = 0; i < G_N_ELEMENTS(subscriptions); i++)
        link->callbacks[i] = -1;
    if (!run_aside(link, open_aside)) {
        gemel_error_set(&link->error, GEMEL_ERROR_FAILED, "cannot start a thread to watch %s", uri);
        return link;
    }
    if (!wait_for(link->done, stop_fd, -1) &&
        g_atomic_int_compare_and_exchange(&link->is_claimed, 0, 1)) {
        link_unref(link);
        return NULL;
    }
    /* The opener came first: its result is here or will be in a moment. */
    wait_for(link->done, -1, -1);
    return link;
}

/* Ends a link; a daemon that does not answer does not hold it up. */
static void link_close(Link *link)
{
    if (link->vir != NULL) {
        lv_signal_lower(link->done);
        if (run_aside(link, close_aside))
            wait_for(link->done, -1, CLOSE_WAIT_MS);
    }
    link_unref(link);
}

/* Adds the uuids of the domains that match a flag to a set. */
static gboolean add_domains(Watch *watch, GHashTable *set, virConnectPtr vir, unsigned int flag)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(vir, &domains, flag);

    if (n < 0)
        return FALSE;
    pthread_mutex_lock(&watch->lock);
    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];

        virDomainGetUUIDString(domains[i], uuid);
        g_hash_table_add(set, g_strdup(uuid));
        virDomainFree(domains[i]);
    }
    pthread_mutex_unlock(&watch->lock);
    free(domains);
    return TRUE;
}

/* Registers the callbacks and learns what there is; events first, so that nothing falls between. */
static gboolean subscribe(Watch *watch, Link *link)
{
    pthread_mutex_lock(&watch->lock);
    g_hash_table_remove_all(watch->present);
    g_hash_table_remove_all(watch->persistent);
    pthread_mutex_unlock(&watch->lock);
    virResetLastError();
    for (gsize i = 0; i < G_N_ELEMENTS(subscriptions); i++) {
        g_atomic_int_inc(&watch->refs);
        link->callbacks[i] = virConnectDomainEventRegisterAny(
            link->vir, NULL, subscriptions[i].id, subscriptions[i].callback, watch, watch_unref);
        if (link->callbacks[i] < 0)
            g_atomic_int_add(&watch->refs, -1);
        if (link->callbacks[i] < 0 && subscriptions[i].id == VIR_DOMAIN_EVENT_ID_LIFECYCLE)
            return lv_fail(&link->error, NULL, "%s gives no events", link->uri);
    }
    if (!add_domains(watch, watch->present, link->vir, 0))
        return lv_fail(&link->error, NULL, "cannot list the guests of %s", link->uri);
    /* Where a driver cannot tell, all are taken for persistent. */
    if (!add_domains(watch, watch->persistent, link->vir, VIR_CONNECT_LIST_DOMAINS_PERSISTENT))
        add_domains(watch, watch->persistent, link->vir, 0);
    return TRUE;
}

static void emit_backend(Watch *watch, GemelEventType type, const char *detail)
{
    pthread_mutex_lock(&watch->lock);
    if (!watch->has_ended)
        lv_cache_invalidate(watch->cache, NULL);
    emit(watch, type, NULL, NULL, GEMEL_STATE_UNKNOWN, detail);
    pthread_mutex_unlock(&watch->lock);
}

/* One connection's life; TRUE if it came up. `ret_stop` says that stop_fd ended it. */
static gboolean watch_once(Watch *watch, LvBackend *backend, int stop_fd, gboolean was_down,
                           gboolean *ret_stop)
{
    Link *link = link_open(backend->base.uri, stop_fd);
    gboolean is_up;

    *ret_stop = link == NULL;
    if (link == NULL)
        return FALSE;
    is_up = link->vir != NULL && subscribe(watch, link);
    if (is_up) {
        g_atomic_int_inc(&backend->watchers);
        emit_backend(watch, GEMEL_EVENT_BACKEND_UP, NULL);
        *ret_stop = !wait_for(link->closed, stop_fd, -1);
        g_atomic_int_add(&backend->watchers, -1);
    }
    if (is_up && !*ret_stop)
        emit_backend(watch, GEMEL_EVENT_BACKEND_DOWN, "the connection to libvirt was lost");
    else if (!is_up && !was_down)
        emit_backend(watch, GEMEL_EVENT_BACKEND_DOWN,
                     link->error != NULL ? link->error->message : "libvirt gave no reason");
    if (*ret_stop) {
        pthread_mutex_lock(&watch->lock);
        watch->has_ended = TRUE;
        pthread_mutex_unlock(&watch->lock);
    }
    link_close(link);
    return is_up;
}

void lv_watch(GemelBackend *base, const GemelEventSink *sink, int stop_fd)
{
    LvBackend *backend = (LvBackend *)base;
    Watch *watch = watch_new(backend, sink);
    gboolean is_stopping = FALSE, was_down = FALSE;
    int backoff_ms = BACKOFF_MIN_MS;

    while (!is_stopping) {
        struct pollfd stop = {.fd = stop_fd, .events = POLLIN};

        if (watch_once(watch, backend, stop_fd, was_down, &is_stopping))
            backoff_ms = BACKOFF_MIN_MS;
        was_down = TRUE;
        if (is_stopping || poll(&stop, 1, backoff_ms) > 0)
            break;
        backoff_ms = MIN(backoff_ms * 2, BACKOFF_MAX_MS);
    }
    pthread_mutex_lock(&watch->lock);
    watch->has_ended = TRUE;
    pthread_mutex_unlock(&watch->lock);
    watch_unref(watch);
}
