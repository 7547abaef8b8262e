/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The console of a container: conmon's attach socket. What the container said last, from the log,
 * comes first; then both directions, until the container ends or the caller leaves. A container
 * without a terminal has its pipes there; line ends are turned, so that it reads well on the
 * caller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backends/native/stream.h"

#define PACKET_MAX  (64 * 1024)
#define INPUT_MAX   4096 /* conmon reads at most 8 KiB of a packet */
#define PENDING_MAX (1024 * 1024)
#define TAIL_BYTES  (4 * 1024)

typedef struct {
    NativeStream stream;
    gboolean tty;
    int attach;       /* conmon's socket */
    int control;      /* the FIFO for sizes, -1 = none */
    GString *pending; /* for the caller */
    NativeFlow input;
} NativeAttach;

/* ---- opening -------------------------------------------------------------------------------- */

/* Socket names are short and stores may lie deep: the directory goes by its descriptor. */
int native_attach_connect(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, err;

    if (dir_fd < 0)
        return -1;
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/attach", dir_fd);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || !native_fd_unblock(fd))) {
        err = errno;
        native_fd_close(&fd);
        errno = err;
    }
    err = errno;
    close(dir_fd);
    errno = err;
    return fd;
}

int native_attach_control(const char *dir)
{
    g_autofree char *control = g_build_filename(dir, "ctl", NULL);

    /* For reading too, so that a write never raises SIGPIPE once conmon is gone. */
    return open(control, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

/* Output for the caller; a container without a terminal ends lines with a bare newline. conmon
   serves all who are attached with blocking writes, so what the caller does not take is dropped
   here, not left to stop the container. */
static void queue_output(NativeAttach *a, const char *data, gsize length)
{
    if (a->pending->len > PENDING_MAX)
        return;
    if (a->tty) {
        g_string_append_len(a->pending, data, (gssize)length);
        return;
    }
    for (gsize i = 0; i < length; i++) {
        if (data[i] == '\n')
            g_string_append_c(a->pending, '\r');
        g_string_append_c(a->pending, data[i]);
    }
}

/* The end of the log, in conmon's format: "TIME STREAM F|P TEXT"; P lines go on in the next. */
static void queue_tail(NativeAttach *a, const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    g_autofree char *text = g_malloc0(TAIL_BYTES + 1);
    g_auto(GStrv) lines = NULL;
    struct stat info = {0};
    ssize_t got;
    off_t from;

    if (fd < 0)
        return;
    if (fstat(fd, &info) != 0)
        info.st_size = 0;
    from = MAX(info.st_size - TAIL_BYTES, 0);
    got = pread(fd, text, TAIL_BYTES, from);
    close(fd);
    text[MAX(got, 0)] = '\0';
    lines = g_strsplit(text, "\n", -1);
    for (guint i = from > 0 ? 1 : 0; lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], " ", 4);

        if (g_strv_length(fields) < 4)
            continue;
        queue_output(a, fields[3], strlen(fields[3]));
        if (g_str_equal(fields[2], "F"))
            queue_output(a, "\n", 1);
    }
}

static const NativeStreamClass attach_class;

NativeStream *native_attach_open(NativeConn *conn, const NativeContainer *container,
                                 const NativeRun *run, const GemelStreamArgs *args, GError **error)
{
    g_autofree char *dir = native_store_container_path(conn->store, container->id, NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    NativeAttach *a = g_new0(NativeAttach, 1);

    a->stream.class = &attach_class;
    a->stream.name = g_strdup(container->name);
    a->stream.base.fd = a->stream.base.err_fd = a->stream.socket = -1;
    a->control = -1;
    a->tty = run->tty;
    a->pending = g_string_new(NULL);
    a->attach = native_attach_connect(dir);
    if (a->attach < 0) {
        gemel_error_set_errno(error, errno, "container %s: its monitor (conmon) does not answer",
                              container->name);
        native_stream_ops.free(&a->stream.base);
        return NULL;
    }
    if (!native_stream_pair(&a->stream, error)) {
        native_stream_ops.free(&a->stream.base);
        return NULL;
    }
    queue_tail(a, log);
    if (a->tty)
        a->control = native_attach_control(dir);
    native_stream_ops.resize(&a->stream.base, args->rows, args->cols);
    return &a->stream;
}

/* ---- pumping -------------------------------------------------------------------------------- */

/* Packets from conmon: a byte that names the stream, then what was written to it. FALSE = ended. */
static gboolean take_output(NativeAttach *a)
{
    g_autofree char *packet = g_malloc(PACKET_MAX);
    ssize_t got = recv(a->attach, packet, PACKET_MAX, MSG_DONTWAIT);

    if (got > 1)
        queue_output(a, packet + 1, (gsize)got - 1);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static gboolean give_output(NativeAttach *a)
{
    while (a->pending->len > 0) {
        ssize_t put =
            send(a->stream.socket, a->pending->str, a->pending->len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        g_string_erase(a->pending, 0, put);
    }
    return TRUE;
}

/* Return, as a raw terminal sends it, is a newline for a program that reads a pipe. */
static void turn_returns(NativeFlow *flow)
{
    for (gsize i = 0; i < flow->length; i++)
        if (flow->data[flow->start + i] == '\r')
            flow->data[flow->start + i] = '\n';
}

static gboolean give_input(NativeAttach *a)
{
    while (a->input.length > 0) {
        ssize_t put = send(a->attach, a->input.data + a->input.start,
                           MIN(a->input.length, INPUT_MAX), MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        a->input.start += (gsize)put;
        a->input.length -= (gsize)put;
    }
    return TRUE;
}

static int attach_pump(NativeStream *stream, GError **error)
{
    NativeAttach *a = (NativeAttach *)stream;
    gboolean open_side = TRUE;

    while (open_side) {
        struct pollfd fds[2] = {
            {.fd = stream->socket,
             .events = (short)((native_flow_has_room(&a->input) ? POLLIN : 0) |
                               (a->pending->len > 0 ? POLLOUT : 0))},
            {.fd = a->attach, .events = (short)(POLLIN | (a->input.length > 0 ? POLLOUT : 0))},
        };

        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
            open_side = take_output(a);
        if (!give_output(a) || (fds[0].revents & (POLLHUP | POLLERR)))
            return 0;
        if (fds[0].revents & POLLIN) {
            native_flow_fill(&a->input, stream->socket);
            if (!a->tty)
                turn_returns(&a->input);
        }
        if (!give_input(a))
            open_side = FALSE;
    }
    /* What the container said last still goes to a caller who takes it. */
    for (int tries = 0; a->pending->len > 0 && tries < 100; tries++) {
        struct pollfd fds = {.fd = stream->socket, .events = POLLOUT};

        if (poll(&fds, 1, 10) < 0 || !give_output(a))
            break;
    }
    return 0;
}

void native_attach_resize(int control, guint rows, guint cols)
{
    char line[40];
    int length = g_snprintf(line, sizeof line, "1 %u %u\n", rows, cols);

    /* A full FIFO drops a size; the next one makes up for it. */
    if (control >= 0 && write(control, line, (size_t)length) < 0)
        errno = 0;
}

static void attach_resize(NativeStream *stream, guint rows, guint cols)
{
    native_attach_resize(((NativeAttach *)stream)->control, rows, cols);
}

static void attach_close(NativeStream *stream)
{
    NativeAttach *a = (NativeAttach *)stream;

    native_fd_close(&a->attach);
    native_fd_close(&a->control);
    g_string_free(a->pending, TRUE);
}

static const NativeStreamClass attach_class = {
    .pump = attach_pump,
    .resize = attach_resize,
    .close = attach_close,
};
