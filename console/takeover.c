/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/takeover.h"
#include "console/detach.h"
#include "console/terminal.h"

#include <errno.h>
#include <glib-unix.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK        8192
#define BACKLOG_MAX  65536
#define SIZE_MS      250
#define ROOM_WAIT_MS 1000
/* What a shell says of a program that SIGPIPE ended. */
#define STATUS_SIGPIPE 141

struct Takeover {
    App *app;
    TakeoverSpec spec;
    char *name;
    GemelStreamJob *stream;
    int fd, err_fd;
    gboolean raw, in_ended; /* in_ended: what was typed is at its end */
    gboolean no_input;      /* of a container that is listened to; keys that leave count */
    guint how;              /* TAKEOVER_PRINTED, TAKEOVER_TYPED */
    struct termios saved;
    GSource *input, *output, *errors, *flush, *size;
    GByteArray *backlog; /* typed, not yet taken by the stream */
    DetachKeys *detach;
    struct winsize window;
};

static void enter_raw(Takeover *takeover)
{
    struct termios raw;

    if (takeover->raw || tcgetattr(STDIN_FILENO, &takeover->saved) != 0)
        return;
    raw = takeover->saved;
    cfmakeraw(&raw);
    takeover->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void leave_raw(Takeover *takeover)
{
    if (takeover->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &takeover->saved);
    takeover->raw = FALSE;
}

static void takeover_free(Takeover *takeover)
{
    leave_raw(takeover);
    app_source_remove(&takeover->input);
    app_source_remove(&takeover->output);
    app_source_remove(&takeover->errors);
    app_source_remove(&takeover->flush);
    app_source_remove(&takeover->size);
    if (takeover->fd >= 0)
        close(takeover->fd);
    if (takeover->err_fd >= 0)
        close(takeover->err_fd);
    g_byte_array_unref(takeover->backlog);
    detach_keys_free(takeover->detach);
    g_free(takeover->name);
    g_free(takeover);
}

static void takeover_end(Takeover *takeover, int status, guint how, const GError *error)
{
    TakeoverSpec spec = takeover->spec;

    how |= takeover->how;
    gemel_stream_job_release(takeover->stream);
    takeover_free(takeover);
    spec.ended(spec.data, status, how, error);
}

void takeover_abort(Takeover *takeover)
{
    gemel_stream_job_release(takeover->stream);
    takeover_free(takeover);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* A write that hangs is ended by a signal, and gemel with it. A command that passes signals on has
   to live: it writes what the reader has room for, and only hangs with one that takes nothing. */
static gboolean write_all(Takeover *takeover, int fd, const guint8 *bytes, gsize length)
{
    takeover->how |= TAKEOVER_PRINTED;
    while (length > 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        gboolean passes = takeover->app->pass_signal != NULL && poll(&room, 1, ROOM_WAIT_MS) != 0;
        ssize_t n;

        if (!passes)
            terminal_begin_write(fd);
        n = write(fd, bytes, passes ? MIN(length, PIPE_BUF) : length);
        if (!passes)
            terminal_end_write();

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) { /* a terminal somebody else made non-blocking */
            g_usleep(1000);
            continue;
        }
        if (n <= 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

static gboolean flush_ready(int fd, GIOCondition condition, gpointer data);
static gboolean input_ready(int fd, GIOCondition condition, gpointer data);

/* Hands the backlog to the stream, as much as it takes; its end too, once all before it is gone.
   While much waits nothing more is read. */
static void flush_backlog(Takeover *takeover)
{
    ssize_t n = takeover->backlog->len == 0
                    ? 0
                    : send(takeover->fd, takeover->backlog->data, takeover->backlog->len,
                           MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        g_byte_array_remove_range(takeover->backlog, 0, (guint)n);
    if (n < 0 && errno != EAGAIN)
        g_byte_array_set_size(takeover->backlog, 0); /* it reads no more */
    if (takeover->backlog->len > 0 && takeover->flush == NULL)
        takeover->flush = app_add_fd(takeover->app, takeover->fd, G_IO_OUT, flush_ready, takeover);
    else if (takeover->backlog->len == 0)
        app_source_remove(&takeover->flush);
    if (takeover->in_ended && takeover->backlog->len == 0)
        shutdown(takeover->fd, SHUT_WR);
    if (takeover->in_ended || takeover->backlog->len > BACKLOG_MAX || takeover->no_input)
        app_source_remove(&takeover->input);
    else if (takeover->input == NULL)
        takeover->input =
            app_add_fd(takeover->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, input_ready, takeover);
}

static gboolean flush_ready(int fd, GIOCondition condition, gpointer data)
{
    flush_backlog(data);
    return G_SOURCE_CONTINUE;
}

/* Typed bytes go to the stream but for detach sequences. TRUE if one was completed; *ret_used says
   up to where. */
static gboolean take_typed(Takeover *takeover, const guint8 *bytes, gsize length, gsize *ret_used)
{
    for (gsize i = 0; i < length; i++) {
        *ret_used = i + 1;
        if (detach_keys_take(takeover->detach, bytes[i], takeover->backlog))
            return TRUE;
    }
    return FALSE;
}

static gboolean input_ready(int fd, GIOCondition condition, gpointer data)
{
    Takeover *takeover = data;
    guint8 bytes[CHUNK];
    struct pollfd still = {.fd = fd, .events = POLLIN};
    gsize used = 0;
    ssize_t n;

    /* another reader of the same terminal may have had its turn since */
    if (poll(&still, 1, 0) <= 0)
        return G_SOURCE_CONTINUE;
    n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    takeover->how |= n > 0 ? TAKEOVER_TYPED : 0;
    if (n <= 0)
        takeover->in_ended = TRUE;
    else if (take_typed(takeover, bytes, (gsize)n, &used)) {
        TakeoverSpec spec = takeover->spec;

        takeover_end(takeover, 0, TAKEOVER_DETACHED, NULL);
        if (spec.unread != NULL && used < (gsize)n)
            spec.unread(spec.unread_data, bytes + used, (gsize)n - used);
        return G_SOURCE_REMOVE;
    }
    flush_backlog(takeover); /* takes this source away if it has to */
    return G_SOURCE_CONTINUE;
}

/* Nobody takes what the stream says: with the reader gone the end is a filter's, else a failure. */
static void output_failed(Takeover *takeover)
{
    g_autoptr(GError) error = NULL;

    if (errno != EPIPE)
        gemel_error_set_errno(&error, errno, "%s: standard output cannot be written",
                              takeover->name);
    takeover_end(takeover, error == NULL ? STATUS_SIGPIPE : -1, 0, error);
}

/* Copies what the stream says to fd `to`. FALSE when that cannot be written, which ended the
   takeover. At its own end `source` goes; the status comes by ended. */
static gboolean copy_out(Takeover *takeover, GSource **source, int from, int to)
{
    guint8 bytes[CHUNK];
    struct pollfd room = {.fd = to, .events = POLLOUT};
    ssize_t n;

    if (takeover->app->pass_signal != NULL && poll(&room, 1, 0) == 0) {
        g_usleep(2000); /* signals are read meanwhile */
        return TRUE;
    }
    n = read(from, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
    if (n <= 0) {
        app_source_remove(source);
    } else if (!write_all(takeover, to, bytes, (gsize)n)) {
        output_failed(takeover);
        return FALSE;
    }
    return TRUE;
}

static gboolean output_ready(int fd, GIOCondition condition, gpointer data)
{
    Takeover *takeover = data;

    return copy_out(takeover, &takeover->output, fd, STDOUT_FILENO);
}

static gboolean errors_ready(int fd, GIOCondition condition, gpointer data)
{
    Takeover *takeover = data;

    return copy_out(takeover, &takeover->errors, fd, STDERR_FILENO);
}

/* ---- the stream's hooks --------------------------------------------------------------------- */

/* Notices a new window size: SIGWINCH may be blocked or taken by the face, a look is cheap. */
static gboolean size_check(gpointer data)
{
    Takeover *takeover = data;
    struct winsize now;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) == 0 &&
        (now.ws_row != takeover->window.ws_row || now.ws_col != takeover->window.ws_col)) {
        takeover->window = now;
        gemel_stream_job_resize(takeover->stream, now.ws_row, now.ws_col);
    }
    return G_SOURCE_CONTINUE;
}

static void stream_opened(gpointer data, int fd, int err_fd)
{
    Takeover *takeover = data;
    GemelStreamKind kind = takeover->spec.args.kind;
    /* a container says by its errors apart that it has no terminal */
    gboolean is_terminal = kind == GEMEL_STREAM_CONSOLE ||
                           (kind == GEMEL_STREAM_ATTACH ? err_fd < 0 : takeover->spec.args.tty);
    App *app = takeover->app;

    takeover->fd = fd;
    takeover->err_fd = err_fd;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    if (err_fd >= 0)
        g_unix_set_fd_nonblocking(err_fd, TRUE, NULL);
    if (isatty(STDIN_FILENO) && is_terminal) {
        enter_raw(takeover);
        takeover->size = app_add_timer(app, SIZE_MS, size_check, takeover);
    } else if (kind == GEMEL_STREAM_ATTACH) {
        detach_keys_free(takeover->detach); /* for those who type */
        takeover->detach = detach_keys_new(NULL);
    }
    flush_backlog(takeover); /* begins to read */
    takeover->output = app_add_fd(app, fd, G_IO_IN | G_IO_HUP, output_ready, takeover);
    if (err_fd >= 0)
        takeover->errors = app_add_fd(app, err_fd, G_IO_IN | G_IO_HUP, errors_ready, takeover);
}

/* What is still in a socket when the stream has ended. */
static gboolean drain(Takeover *takeover, int from, int to)
{
    guint8 bytes[CHUNK];
    ssize_t n;

    while (from >= 0 && (n = read(from, bytes, sizeof bytes)) > 0)
        if (!write_all(takeover, to, bytes, (gsize)n))
            return FALSE;
    return TRUE;
}

static void stream_ended(gpointer data, int status, const GError *error)
{
    Takeover *takeover = data;

    if (!drain(takeover, takeover->fd, STDOUT_FILENO) ||
        !drain(takeover, takeover->err_fd, STDERR_FILENO))
        output_failed(takeover);
    else
        takeover_end(takeover, status, 0, error);
}

Takeover *takeover_start(App *app, AppBackend *backend, const TakeoverSpec *spec)
{
    Takeover *takeover = g_new0(Takeover, 1);
    GemelStreamArgs args = spec->args;

    takeover->app = app;
    takeover->spec = *spec;
    takeover->name = g_strdup(spec->name);
    takeover->fd = takeover->err_fd = -1;
    takeover->backlog = g_byte_array_new();
    takeover->no_input =
        spec->args.kind == GEMEL_STREAM_ATTACH && (spec->args.attach & GEMEL_ATTACH_NO_INPUT);
    takeover->detach = detach_keys_new(spec->detach_keys);
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &takeover->window) == 0) {
        args.rows = takeover->window.ws_row;
        args.cols = takeover->window.ws_col;
    }
    takeover->stream = gemel_lanes_stream(
        backend->lanes, spec->instance_id, &args,
        &(GemelStreamHooks){.opened = stream_opened, .ended = stream_ended, .data = takeover});
    return takeover;
}
