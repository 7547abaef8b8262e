/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest's console: a virStream on one side, a socket pair on the other.
 *
 * The stream is non-blocking. libvirt's event thread only says that something can be done (and
 * switches its readiness event off, which else would come again until it is used); all reading and
 * writing happens in the stream thread, in one poll loop over three descriptors: the pair, the
 * stream's wake-up, and the signal that the connection was lost. A blocking virStreamRecv would not
 * notice that the caller has closed its end.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/libvirt/lv.h"

#define BUFFER_BYTES 65536

/* The two directions of one pump. */
typedef struct {
    char out[BUFFER_BYTES]; /* guest -> caller, from out_at on */
    gsize out_at, out_used;
    char in[BUFFER_BYTES]; /* caller -> guest */
    gsize in_at, in_used;
    gboolean in_ended;  /* the caller has shut its writing side */
    gboolean may_read;  /* the stream may have something: try */
    gboolean has_ended; /* the guest's side ended */
    gboolean is_closed; /* the caller's side did */
} Pump;

typedef struct {
    GemelStream base;
    LvConn *conn;
    char *name; /* of the guest */
    virStreamPtr vir;
    gboolean is_open;
    LvSignal *wake; /* raised by the event thread */
    guint waker;    /* its number in `wakers`, 0 = not there */
    int fd;         /* our end of the pair */
    Pump pump;
} Console;

/*
 * What the event thread's callback is given is a number and not a pointer: it can still run when
 * virStreamEventRemoveCallback has returned, and the free function that would say when it no longer
 * does is never called for streams over a connection (remoteStreamCallbackFree, libvirt 9.0).
 */
static pthread_mutex_t wakers_lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *wakers; /* number -> LvSignal of a console that is open */

static guint waker_add(LvSignal *signal)
{
    static guint last;
    guint number;

    pthread_mutex_lock(&wakers_lock);
    if (wakers == NULL)
        wakers = g_hash_table_new(NULL, NULL);
    do
        number = ++last;
    while (number == 0 || g_hash_table_contains(wakers, GUINT_TO_POINTER(number)));
    g_hash_table_insert(wakers, GUINT_TO_POINTER(number), signal);
    pthread_mutex_unlock(&wakers_lock);
    return number;
}

static void waker_remove(guint number)
{
    pthread_mutex_lock(&wakers_lock);
    if (wakers != NULL)
        g_hash_table_remove(wakers, GUINT_TO_POINTER(number));
    pthread_mutex_unlock(&wakers_lock);
}

/* Event thread. Whatever it is, the stream thread finds out by trying. */
static void on_stream(virStreamPtr vir, int events, void *data)
{
    LvSignal *signal;

    virStreamEventUpdateCallback(vir, 0);
    pthread_mutex_lock(&wakers_lock);
    signal = g_hash_table_lookup(wakers, data);
    if (signal != NULL)
        lv_signal_raise(signal);
    pthread_mutex_unlock(&wakers_lock);
}

static gboolean open_console(Console *console, virDomainPtr domain, gboolean force, GError **error)
{
    virErrorPtr vir;

    virResetLastError();
    console->vir = virStreamNew(console->conn->vir, VIR_STREAM_NONBLOCK);
    if (console->vir == NULL)
        return lv_fail(error, console->conn, "cannot open the console of %s", console->name);
    if (virDomainOpenConsole(domain, NULL, console->vir, force ? VIR_DOMAIN_CONSOLE_FORCE : 0) <
        0) {
        /* Of all reasons only this one has that number: "Active console session exists". */
        vir = virGetLastError();
        if (vir != NULL && vir->code == VIR_ERR_OPERATION_FAILED)
            return gemel_error_set(error, GEMEL_ERROR_BUSY,
                                   "the console of %s is in use by somebody else; end that one, or "
                                   "take it over with console --force %s",
                                   console->name, console->name);
        return lv_fail(error, console->conn, "cannot open the console of %s", console->name);
    }
    console->is_open = TRUE;
    console->waker = waker_add(console->wake);
    if (virStreamEventAddCallback(console->vir, VIR_STREAM_EVENT_READABLE, on_stream,
                                  GUINT_TO_POINTER(console->waker), NULL) < 0)
        return lv_fail(error, console->conn, "cannot watch the console of %s", console->name);
    return TRUE;
}

/* Ends the stream, in good order or not; once. */
static void end_stream(Console *console, gboolean is_finished)
{
    if (!console->is_open)
        return;
    console->is_open = FALSE;
    virStreamEventRemoveCallback(console->vir);
    waker_remove(console->waker);
    if (is_finished)
        virStreamFinish(console->vir);
    else
        virStreamAbort(console->vir);
}

static void console_free(GemelStream *base)
{
    Console *console = (Console *)base;

    end_stream(console, FALSE);
    if (console->vir != NULL)
        virStreamFree(console->vir);
    close(console->fd);
    lv_signal_free(console->wake);
    g_free(console->name);
    g_free(console);
    virResetLastError();
}

static GemelStream *console_open(GemelConn *base, const char *id, const GemelStreamArgs *args,
                                 GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = NULL;
    Console *console;
    int pair[2];

    if (args->kind == GEMEL_STREAM_JOIN)
        return lv_join_open(conn, id, args, error);
    if (args->kind != GEMEL_STREAM_CONSOLE) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "libvirt cannot run a command inside a guest; use its console");
        return NULL;
    }
    domain = lv_domain_lookup(conn, id, error);
    if (domain == NULL || !lv_domain_check_act(conn, domain, GEMEL_ACT_CONSOLE, NULL, error))
        return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        gemel_error_set_errno(error, errno, "cannot open the console of %s",
                              virDomainGetName(domain));
        return NULL;
    }
    console = g_new0(Console, 1);
    console->base.fd = pair[0];
    console->base.err_fd = -1;
    console->conn = conn;
    console->name = g_strdup(virDomainGetName(domain));
    console->wake = lv_signal_new();
    console->fd = pair[1];
    if (console->wake->fd < 0) {
        gemel_error_set_errno(error, EMFILE, "cannot open the console of %s", console->name);
    } else if (open_console(console, domain, args->force, error)) {
        return &console->base;
    }
    close(pair[0]);
    console_free(&console->base);
    return NULL;
}

/* Takes from the guest what there is and hands it on; FALSE when the stream broke. */
static gboolean pump_out(Console *console, Pump *pump)
{
    for (;;) {
        if (pump->out_at < pump->out_used) {
            gssize sent = send(console->fd, pump->out + pump->out_at, pump->out_used - pump->out_at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);

            if (sent < 0 && errno == EINTR)
                continue;
            if (sent < 0) {
                pump->is_closed = errno != EAGAIN;
                return TRUE;
            }
            pump->out_at += (gsize)sent;
        } else if (pump->may_read) {
            int got = virStreamRecv(console->vir, pump->out, sizeof pump->out);

            if (got == -2) {
                pump->may_read = FALSE;
                virStreamEventUpdateCallback(console->vir, VIR_STREAM_EVENT_READABLE);
            } else if (got <= 0) {
                pump->has_ended = got == 0;
                return got == 0;
            } else {
                pump->out_at = 0;
                pump->out_used = (gsize)got;
            }
        } else {
            return TRUE;
        }
    }
}

/* Hands to the guest what the caller wrote; FALSE when the stream broke. */
static gboolean pump_in(Console *console, Pump *pump)
{
    while (!pump->is_closed) {
        if (pump->in_at < pump->in_used) {
            int sent =
                virStreamSend(console->vir, pump->in + pump->in_at, pump->in_used - pump->in_at);

            if (sent == -2)
                return TRUE;
            if (sent < 0)
                return FALSE;
            pump->in_at += (gsize)sent;
        } else if (!pump->in_ended) {
            gssize got = recv(console->fd, pump->in, sizeof pump->in, MSG_DONTWAIT);

            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0) {
                pump->is_closed = errno != EAGAIN;
                return TRUE;
            }
            pump->in_at = 0;
            pump->in_used = (gsize)got;
            pump->in_ended = got == 0;
        } else {
            return TRUE;
        }
    }
    return TRUE;
}

/* Sleeps until either side may have something to do. Input that libvirt would not take yet is tried
   again soon: its event for it would come at once and for ever. */
static void pump_wait(Console *console, Pump *pump)
{
    gboolean has_in = pump->in_at < pump->in_used;
    short events = (short)((!pump->in_ended && !has_in ? POLLIN : 0) |
                           (pump->out_at < pump->out_used ? POLLOUT : 0));
    struct pollfd fds[] = {
        {.fd = console->fd, .events = events},
        {.fd = console->wake->fd, .events = POLLIN},
        {.fd = console->conn->closed->fd, .events = POLLIN},
    };

    poll(fds, G_N_ELEMENTS(fds), has_in ? 20 : 1000);
    /* Both directions closed: nobody will read any more. SHUT_WR alone does not set it. */
    if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        pump->is_closed = TRUE;
    if (lv_signal_is_set(console->wake)) {
        lv_signal_lower(console->wake);
        pump->may_read = TRUE;
    }
}

static int console_pump(GemelStream *base, GError **error)
{
    Console *console = (Console *)base;
    Pump *pump = &console->pump;
    gboolean is_whole = TRUE;

    pump->may_read = TRUE;
    virResetLastError();
    while (is_whole && !pump->has_ended && !pump->is_closed &&
           !lv_signal_is_set(console->conn->closed)) {
        is_whole = pump_out(console, pump) && pump_in(console, pump);
        if (is_whole && !pump->has_ended && !pump->is_closed)
            pump_wait(console, pump);
    }
    if (!is_whole || lv_signal_is_set(console->conn->closed))
        lv_fail(error, console->conn, "the console of %s broke off", console->name);
    end_stream(console, pump->has_ended && is_whole);
    shutdown(console->fd, SHUT_RDWR);
    return is_whole && !lv_signal_is_set(console->conn->closed) ? 0 : -1;
}

/* A serial line has no size; programs in the guest ask with stty or resize(1). */
static void console_resize(GemelStream *base, guint rows, guint cols)
{
}

const GemelStreamOps lv_stream_ops = {
    .kinds = 1u << GEMEL_STREAM_CONSOLE | 1u << GEMEL_STREAM_JOIN,
    .open = console_open,
    .pump = console_pump,
    .resize = console_resize,
    .free = console_free,
};
