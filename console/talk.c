/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/talk.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct Talk {
    App *app;
    TalkHooks hooks;
    GemelStreamJob *stream;
    int fd, err_fd;
    GSource *input, *errors, *output;
    GByteArray *to_send;
    GString *heard;
    gboolean ends; /* no more is sent after to_send */
    gboolean in_hook, is_closed;
};

static void talk_free(Talk *talk)
{
    g_byte_array_unref(talk->to_send);
    g_string_free(talk->heard, TRUE);
    g_free(talk);
}

void talk_close(Talk *talk)
{
    if (talk == NULL || talk->is_closed)
        return;
    talk->is_closed = TRUE;
    app_source_remove(&talk->input);
    app_source_remove(&talk->errors);
    app_source_remove(&talk->output);
    gemel_stream_job_release(talk->stream);
    if (talk->fd >= 0)
        close(talk->fd);
    if (talk->err_fd >= 0)
        close(talk->err_fd);
    if (!talk->in_hook)
        talk_free(talk);
}

const char *talk_heard(const Talk *talk)
{
    return talk->heard->str;
}

void talk_clear(Talk *talk)
{
    g_string_truncate(talk->heard, 0);
}

static gboolean output_ready(int fd, GIOCondition condition, gpointer data);

/* Hands over what the stream takes now. */
static void flush(Talk *talk)
{
    ssize_t n = 0;

    if (talk->fd < 0)
        return;
    if (talk->to_send->len > 0)
        n = send(talk->fd, talk->to_send->data, talk->to_send->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        g_byte_array_remove_range(talk->to_send, 0, (guint)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        g_byte_array_set_size(talk->to_send, 0); /* it reads no more */
    if (talk->to_send->len > 0 && talk->output == NULL)
        talk->output = app_add_fd(talk->app, talk->fd, G_IO_OUT, output_ready, talk);
    else if (talk->to_send->len == 0)
        app_source_remove(&talk->output);
    if (talk->to_send->len == 0 && talk->ends)
        shutdown(talk->fd, SHUT_WR);
}

static gboolean output_ready(int fd, GIOCondition condition, gpointer data)
{
    flush(data);
    return G_SOURCE_CONTINUE;
}

void talk_send(Talk *talk, const void *bytes, gsize length)
{
    g_byte_array_append(talk->to_send, bytes, (guint)length);
    flush(talk);
}

void talk_send_end(Talk *talk)
{
    talk->ends = TRUE;
    flush(talk);
}

/* Reads once; FALSE at the end. */
static gboolean hear(Talk *talk, int fd)
{
    char bytes[8192];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
    if (n <= 0)
        return FALSE;
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] == '\0')
            bytes[i] = ' ';
    g_string_append_len(talk->heard, bytes, n);
    if (talk->heard->len > TALK_HEARD_MAX)
        g_string_erase(talk->heard, 0, (gssize)(talk->heard->len - TALK_HEARD_MAX / 2));
    return TRUE;
}

/* Calls the hook; FALSE when it closed the talk, which then is no more. */
static gboolean tell(Talk *talk)
{
    talk->in_hook = TRUE;
    talk->hooks.heard(talk->hooks.data, talk->heard->str);
    talk->in_hook = FALSE;
    if (!talk->is_closed)
        return TRUE;
    talk_free(talk);
    return FALSE;
}

static gboolean input_ready(int fd, GIOCondition condition, gpointer data)
{
    Talk *talk = data;
    gsize before = talk->heard->len;

    if (!hear(talk, fd))
        app_source_remove(&talk->input); /* the end comes by ended */
    if (talk->heard->len != before)
        tell(talk);
    return G_SOURCE_CONTINUE;
}

/* Standard error of an exec is read so that it does not fill up, and dropped. */
static gboolean errors_ready(int fd, GIOCondition condition, gpointer data)
{
    Talk *talk = data;
    char bytes[8192];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        app_source_remove(&talk->errors);
    return G_SOURCE_CONTINUE;
}

static void stream_opened(gpointer data, int fd, int err_fd)
{
    Talk *talk = data;

    talk->fd = fd;
    talk->err_fd = err_fd;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    talk->input = app_add_fd(talk->app, fd, G_IO_IN | G_IO_HUP, input_ready, talk);
    if (err_fd >= 0) {
        g_unix_set_fd_nonblocking(err_fd, TRUE, NULL);
        talk->errors = app_add_fd(talk->app, err_fd, G_IO_IN | G_IO_HUP, errors_ready, talk);
    }
    flush(talk);
}

static void stream_ended(gpointer data, int status, const GError *error)
{
    Talk *talk = data;
    gsize before = talk->heard->len;

    app_source_remove(&talk->input);
    while (talk->fd >= 0) { /* what is still in the socket */
        gsize length = talk->heard->len;

        if (!hear(talk, talk->fd) || talk->heard->len == length)
            break;
    }
    if (talk->heard->len != before && !tell(talk))
        return;
    talk->in_hook = TRUE;
    talk->hooks.ended(talk->hooks.data, status, error);
    talk->in_hook = FALSE;
    if (talk->is_closed)
        talk_free(talk);
}

Talk *talk_open(App *app, AppBackend *backend, const char *instance_id, const GemelStreamArgs *args,
                const TalkHooks *hooks)
{
    Talk *talk = g_new0(Talk, 1);

    talk->app = app;
    talk->hooks = *hooks;
    talk->fd = talk->err_fd = -1;
    talk->to_send = g_byte_array_new();
    talk->heard = g_string_new(NULL);
    talk->stream = gemel_lanes_stream(
        backend->lanes, instance_id, args,
        &(GemelStreamHooks){.opened = stream_opened, .ended = stream_ended, .data = talk});
    return talk;
}
