/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/stream.h"

#include "backends/join.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void native_fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

gboolean native_fd_unblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

gboolean native_stream_pair(NativeStream *stream, GError **error)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return gemel_error_set_errno(error, errno, "container %s: stream", stream->name);
    stream->base.fd = pair[0];
    stream->socket = pair[1];
    return native_fd_unblock(stream->socket) ||
           gemel_error_set_errno(error, errno, "container %s: stream", stream->name);
}

void native_flow_fill(NativeFlow *flow, int fd)
{
    ssize_t got = read(fd, flow->data, sizeof flow->data);

    flow->start = 0;
    flow->length = got > 0 ? (gsize)got : 0;
    /* The master of a pseudo-terminal answers EIO once nobody has the other side open. */
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        flow->ended = TRUE;
}

gboolean native_flow_drain(NativeFlow *flow, int fd)
{
    while (flow->length > 0) {
        ssize_t put = send(fd, flow->data + flow->start, flow->length, MSG_NOSIGNAL);

        if (put < 0 && errno == ENOTSOCK)
            put = write(fd, flow->data + flow->start, flow->length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        flow->start += (gsize)put;
        flow->length -= (gsize)put;
    }
    return TRUE;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void stream_free(GemelStream *base)
{
    NativeStream *stream = (NativeStream *)base;

    native_fd_close(&stream->socket);
    stream->class->close(stream);
    g_free(stream->name);
    g_free(stream);
}

/* What a container said and how it ended can be had after its end. */
static gboolean has_ended_and_may(const GemelStreamArgs *args, const NativeRun *run)
{
    return args->kind == GEMEL_STREAM_ATTACH && (args->attach & GEMEL_ATTACH_WHOLE) &&
           run->phase == NATIVE_RUN_STARTED;
}

static GemelStream *stream_open(GemelConn *conn, const char *id, const GemelStreamArgs *args,
                                GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) container = native_container_load(native->store, id, error);
    g_auto(NativeRun) run = {0};
    g_auto(NativeStatus) status = {0};
    NativeStream *stream;

    if (container == NULL)
        return NULL;
    if (native->read_only) {
        native_store_deny(native->store, error);
        return NULL;
    }
    native_run_load(native->store, id, &run);
    native_status_read(native->store, id, &run, &status);
    if (status.state == GEMEL_STATE_PAUSED && args->kind == GEMEL_STREAM_EXEC) {
        gemel_error_set(error, GEMEL_ERROR_CONFLICT, "container %s: is paused; resume it first",
                        container->name);
        return NULL;
    }
    if (status.state != GEMEL_STATE_RUNNING && status.state != GEMEL_STATE_PAUSED &&
        !has_ended_and_may(args, &run)) {
        gemel_error_set(error, GEMEL_ERROR_CONFLICT, "container %s: is not running; start it first",
                        container->name);
        return NULL;
    }
    if (args->kind == GEMEL_STREAM_JOIN)
        return gemel_join_open(&(GemelJoinTarget){container->name, run.pid, run.pid_start}, args,
                               error);
    stream = args->kind == GEMEL_STREAM_EXEC
                 ? native_exec_open(native, container, &run, args, error)
             : args->kind == GEMEL_STREAM_ATTACH
                 ? native_follow_open(native, container, &run, args, error)
                 : native_attach_open(native, container, &run, args, error);
    return stream != NULL ? &stream->base : NULL;
}

/* A write to a pipe whose reader has gone raises SIGPIPE; here it is an errno like any other. */
static int stream_pump(GemelStream *base, GError **error)
{
    NativeStream *stream = (NativeStream *)base;
    struct timespec now = {0};
    sigset_t pipe_set, old;
    int status;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    status = stream->class->pump(stream, error);
    /* The caller sees the end when our side closes. */
    native_fd_close(&stream->socket);
    while (sigtimedwait(&pipe_set, NULL, &now) == SIGPIPE)
        ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return status;
}

static void stream_resize(GemelStream *base, guint rows, guint cols)
{
    NativeStream *stream = (NativeStream *)base;

    if (rows > 0 && cols > 0)
        stream->class->resize(stream, MIN(rows, 1000), MIN(cols, 1000));
}

const GemelStreamOps native_stream_ops = {
    .kinds = 1u << GEMEL_STREAM_CONSOLE | 1u << GEMEL_STREAM_EXEC | 1u << GEMEL_STREAM_JOIN |
             1u << GEMEL_STREAM_ATTACH,
    .open = stream_open,
    .pump = stream_pump,
    .resize = stream_resize,
    .free = stream_free,
};
