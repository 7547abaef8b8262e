/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stream.c - consoles and exec over a socket pair, played by shell.c.
 *
 * The pump polls the caller's input, room for output, and the world's wake-up, so that the stream
 * ends with the instance. Output waits in a buffer; while it is full no input is taken.
 */
#include "backends/sim/sim.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_FULL  65536
#define LINE_FULL 4096

typedef struct {
    GemelStream base;
    SimWorld *world;
    GemelStreamKind kind;
    gboolean tty;
    int own_fd, own_err_fd; /* our ends; -1 = closed */
    char *id;
    guint runs; /* the instance's, when opened */
    SimListener listener;
    SimShell shell;
    gint rows, cols; /* atomic */
    GString *line;
    GString *out, *err;
    gboolean in_ended, is_over;
    gboolean cats, was_return;
    GString *floods; /* what is printed again and again, or NULL */
    int status;
} SimStream;

/* Input that nobody took is read away first: the kernel would turn it into a reset for the caller.
 */
static void close_own(int *fd)
{
    char rest[1024];

    if (*fd < 0)
        return;
    while (recv(*fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
    close(*fd);
    *fd = -1;
}

static gboolean make_pair(int *theirs, int *ours, GError **error)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return gemel_error_set_errno(error, errno, "opening a stream");
    *theirs = pair[0];
    *ours = pair[1];
    return TRUE;
}

static void stream_free(GemelStream *base)
{
    SimStream *stream = (SimStream *)base;

    sim_listener_done(&stream->listener, stream->world);
    close_own(&stream->own_fd);
    close_own(&stream->own_err_fd);
    g_free(stream->id);
    g_free(stream->shell.name);
    g_free(stream->shell.hostname);
    g_free(stream->shell.user);
    g_free(stream->shell.cwd);
    g_strfreev(stream->shell.argv);
    g_strfreev(stream->shell.env);
    g_string_free(stream->line, TRUE);
    g_string_free(stream->out, TRUE);
    g_string_free(stream->err, TRUE);
    if (stream->floods != NULL)
        g_string_free(stream->floods, TRUE);
    g_free(stream);
}

/* Whether the instance still is in the run in which the stream was opened; notes its uptime. */
static gboolean is_alive(SimStream *stream)
{
    const SimInstance *instance;
    gboolean alive;

    sim_lock(stream->world);
    instance = sim_find(stream->world, stream->id, NULL);
    alive = instance != NULL && instance->runs == stream->runs;
    if (alive)
        stream->shell.uptime_s = sim_clock_read(&instance->run, sim_now_s(stream->world));
    sim_unlock(stream->world);
    return alive;
}

/* What the stream needs to know of the instance. Locked. */
static void take_instance(SimStream *stream, const SimInstance *instance,
                          const GemelStreamArgs *args)
{
    const char *hostname = instance->hostname != NULL ? instance->hostname : instance->name;

    stream->id = g_strdup(instance->id);
    stream->runs = instance->runs;
    stream->shell.name = g_strdup(instance->name);
    stream->shell.hostname = g_strdup(hostname);
    stream->shell.kind = instance->kind;
    if (args->kind == GEMEL_STREAM_ATTACH) {
        stream->tty =
            instance->tty || instance->argv == NULL || !(args->attach & GEMEL_ATTACH_SPLIT);
        stream->shell.argv = g_strdupv(instance->argv);
        stream->shell.env = g_strdupv(instance->env);
        stream->shell.user = g_strdup(instance->user);
        stream->shell.cwd = g_strdup(instance->cwd);
        return;
    }
    stream->shell.argv = g_strdupv((char **)args->argv);
    stream->shell.env = g_strdupv((char **)args->env);
    stream->shell.user = g_strdup(args->user);
    stream->shell.cwd = g_strdup(args->cwd);
}

static gboolean check_open(SimWorld *world, const char *id, const GemelStreamArgs *args,
                           SimStream *stream, GError **error)
{
    gboolean is_join = args->kind == GEMEL_STREAM_JOIN; /* what runs may be joined, guests too */
    GemelAct act = args->kind == GEMEL_STREAM_EXEC ? GEMEL_ACT_EXEC
                   : is_join                       ? GEMEL_ACT_PAUSE
                                                   : GEMEL_ACT_CONSOLE;
    const SimInstance *instance;
    gboolean ok;

    sim_lock(world);
    instance = sim_find(world, id, error);
    ok = instance != NULL && sim_check_act(world, instance, act, error);
    if (ok && args->kind == GEMEL_STREAM_ATTACH && instance->kind == GEMEL_KIND_VM)
        ok = gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "%s: is a guest; it has a console",
                             instance->name);
    if (ok && act != GEMEL_ACT_CONSOLE && (args->argv == NULL || args->argv[0] == NULL))
        ok = gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: no command to run", instance->name);
    if (ok)
        take_instance(stream, instance, args);
    sim_unlock(world);
    return ok;
}

static GemelStream *stream_open(GemelConn *conn, const char *id, const GemelStreamArgs *args,
                                GError **error)
{
    SimWorld *world = sim_world(conn);
    gboolean is_exec = args->kind == GEMEL_STREAM_EXEC || args->kind == GEMEL_STREAM_JOIN;
    SimStream *stream;

    if (!sim_enter(conn, is_exec ? SIM_OP_EXEC : SIM_OP_CONSOLE, error))
        return NULL;
    stream = g_new0(SimStream, 1);
    stream->world = world;
    stream->kind = is_exec ? GEMEL_STREAM_EXEC : args->kind;
    stream->tty = !is_exec || args->tty;
    stream->base.fd = stream->base.err_fd = stream->own_fd = stream->own_err_fd = -1;
    stream->rows = (gint)args->rows;
    stream->cols = (gint)args->cols;
    stream->line = g_string_new(NULL);
    stream->out = g_string_new(NULL);
    stream->err = g_string_new(NULL);
    if (!sim_listener_init(&stream->listener, world, FALSE))
        gemel_error_set_errno(error, errno, "opening a stream");
    else if (check_open(world, id, args, stream, error) &&
             make_pair(&stream->base.fd, &stream->own_fd, error) &&
             (stream->tty || make_pair(&stream->base.err_fd, &stream->own_err_fd, error)))
        return &stream->base;
    close_own(&stream->base.fd);
    stream_free(&stream->base);
    return NULL;
}

/* Text for the terminal: newlines become CR LF as a line discipline does. */
static void put(SimStream *stream, const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (stream->tty && text[i] == '\n')
            g_string_append_c(stream->out, '\r');
        g_string_append_c(stream->out, text[i]);
    }
}

static void prompt(SimStream *stream)
{
    g_string_append_printf(stream->out, "root@%s:~# ", stream->shell.hostname);
}

/* Runs the line that was typed. */
static void run_line(SimStream *stream)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int status;

    stream->shell.rows = (guint)g_atomic_int_get(&stream->rows);
    stream->shell.cols = (guint)g_atomic_int_get(&stream->cols);
    status = sim_shell_line(&stream->shell, stream->line->str, out, out);
    g_string_truncate(stream->line, 0);
    gsize before = stream->out->len;

    put(stream, out->str, out->len);
    if (status & SIM_SHELL_EXIT) {
        put(stream, "logout\n", strlen("logout\n"));
        stream->status = status & 0xff;
        stream->is_over = TRUE;
    } else if (status & SIM_SHELL_CAT) {
        stream->cats = TRUE; /* until ^D or ^C */
    } else if (status & SIM_SHELL_YES) {
        stream->floods = g_string_new(stream->out->str + before);
    } else {
        prompt(stream);
    }
}

/* Erases the last character typed, all bytes of it. */
static void erase_one(SimStream *stream)
{
    gsize length = stream->line->len;

    if (length == 0)
        return;
    do
        length--;
    while (length > 0 && (stream->line->str[length] & 0xc0) == 0x80);
    g_string_truncate(stream->line, length);
    g_string_append(stream->out, "\b \b");
}

static void stop_flood(SimStream *stream)
{
    if (stream->floods != NULL)
        g_string_free(g_steal_pointer(&stream->floods), TRUE);
}

/* What a terminal with a shell behind it does with one byte. */
static void type_byte(SimStream *stream, char byte)
{
    gboolean was_return = stream->was_return;

    stream->was_return = byte == '\r';
    if (byte == '\n' && was_return)
        return;
    switch (byte) {
    case '\r':
    case '\n':
        put(stream, "\n", 1);
        if (stream->cats) {
            put(stream, stream->line->str, stream->line->len);
            put(stream, "\n", 1);
            g_string_truncate(stream->line, 0);
        } else {
            run_line(stream);
        }
        break;
    case 3: /* ^C; the terminal forgets what waits to be printed */
        if (stream->floods != NULL)
            g_string_truncate(stream->out, 0);
        stop_flood(stream);
        put(stream, "^C\n", 3);
        g_string_truncate(stream->line, 0);
        stream->cats = FALSE;
        prompt(stream);
        break;
    case 4: /* ^D */
        if (stream->line->len > 0)
            break;
        if (stream->cats) {
            stream->cats = FALSE;
            prompt(stream);
        } else {
            put(stream, "logout\n", strlen("logout\n"));
            stream->is_over = TRUE;
        }
        break;
    case 8:
    case 127:
        erase_one(stream);
        break;
    default:
        if ((guchar)byte < 32 || stream->line->len >= LINE_FULL)
            break;
        g_string_append_c(stream->line, byte);
        g_string_append_c(stream->out, byte);
    }
}

/* Sends what fits; FALSE if the caller is gone. */
static gboolean flush(int fd, GString *text)
{
    ssize_t sent;

    if (text->len == 0 || fd < 0)
        return TRUE;
    sent = send(fd, text->str, text->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    g_string_erase(text, 0, sent);
    return TRUE;
}

/* Takes what the caller sent. */
static void take_input(SimStream *stream)
{
    char buffer[4096];
    ssize_t got = recv(stream->own_fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        stream->in_ended = stream->is_over = TRUE;
        return;
    }
    for (ssize_t i = 0; i < got && !stream->is_over; i++) {
        if (stream->tty)
            type_byte(stream, buffer[i]);
        else
            g_string_append_c(stream->out, buffer[i]); /* cat */
    }
}

/* The first thing that happens: a greeting, or the command of an exec. */
static void begin_script(SimStream *stream)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    int status;

    if (stream->kind == GEMEL_STREAM_CONSOLE || stream->shell.argv == NULL) {
        g_string_append_printf(stream->out, "\r\nsimulated %s %s; `help` lists its commands\r\n",
                               gemel_kind_name(stream->shell.kind), stream->shell.hostname);
        prompt(stream);
        return;
    }
    stream->shell.rows = (guint)g_atomic_int_get(&stream->rows);
    stream->shell.cols = (guint)g_atomic_int_get(&stream->cols);
    status = sim_shell_run(&stream->shell, stream->shell.argv, out, err);
    put(stream, out->str, out->len);
    if (stream->tty)
        put(stream, err->str, err->len);
    else
        g_string_append_len(stream->err, err->str, (gssize)err->len);
    if (status & SIM_SHELL_YES) {
        stream->floods = g_string_new(stream->out->str);
    } else if (!(status & SIM_SHELL_CAT)) {
        stream->status = status & 0xff;
        stream->is_over = TRUE;
    } else if (stream->tty && !g_str_has_suffix(stream->shell.argv[0], "cat")) {
        prompt(stream); /* an interactive sh */
    } else {
        stream->cats = TRUE;
    }
}

/* Waits for something to do; FALSE when the stream is at its end. */
static gboolean turn(SimStream *stream)
{
    gboolean takes = !stream->is_over && (stream->floods != NULL || stream->out->len < OUT_FULL);

    while (stream->floods != NULL && !stream->is_over && stream->out->len < OUT_FULL)
        g_string_append_len(stream->out, stream->floods->str, (gssize)stream->floods->len);
    struct pollfd fds[] = {
        {.fd = stream->listener.wake_fd, .events = POLLIN},
        {.fd = stream->own_fd,
         .events = (short)((takes ? POLLIN : 0) | (stream->out->len > 0 ? POLLOUT : 0))},
        {.fd = stream->err->len > 0 ? stream->own_err_fd : -1, .events = POLLOUT},
    };
    guint64 count;

    if (stream->is_over && stream->out->len == 0 && stream->err->len == 0)
        return FALSE;
    if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
        return errno == EINTR;
    if (fds[0].revents != 0) {
        if (read(stream->listener.wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
            return FALSE;
        if (!is_alive(stream) && !stream->is_over) {
            stream->status = stream->kind == GEMEL_STREAM_CONSOLE ? 0 : 137;
            stream->is_over = TRUE;
        }
    }
    if (fds[1].revents & POLLIN)
        take_input(stream);
    if (!flush(stream->own_fd, stream->out) || (fds[1].revents & POLLERR))
        return FALSE; /* nobody reads any more */
    if (fds[1].revents & POLLHUP && !(fds[1].revents & POLLIN))
        return FALSE;
    if (!flush(stream->own_err_fd, stream->err))
        g_string_truncate(stream->err, 0);
    return TRUE;
}

/* A container ends with its own program. */
static void end_instance(SimStream *stream)
{
    g_autofree char *reason = g_strdup_printf("exit status %d", stream->status);
    gboolean has_left = stream->in_ended && stream->tty;
    SimInstance *instance;

    if (stream->kind != GEMEL_STREAM_ATTACH || stream->shell.argv == NULL || !stream->is_over ||
        has_left)
        return;
    sim_lock(stream->world);
    instance = sim_find(stream->world, stream->id, NULL);
    if (instance != NULL && instance->runs == stream->runs)
        sim_enter_state(stream->world, instance, GEMEL_STATE_STOPPED, reason, NULL);
    sim_unlock(stream->world);
}

static int stream_pump(GemelStream *base, GError **error)
{
    SimStream *stream = (SimStream *)base;

    if (!is_alive(stream)) {
        stream->status = stream->kind == GEMEL_STREAM_CONSOLE ? 0 : 137;
        stream->is_over = TRUE;
    } else {
        begin_script(stream);
    }
    while (turn(stream))
        ;
    end_instance(stream);
    close_own(&stream->own_fd);
    close_own(&stream->own_err_fd);
    return stream->kind == GEMEL_STREAM_CONSOLE ? 0 : stream->status;
}

static void stream_resize(GemelStream *base, guint rows, guint cols)
{
    SimStream *stream = (SimStream *)base;

    g_atomic_int_set(&stream->rows, (gint)rows);
    g_atomic_int_set(&stream->cols, (gint)cols);
}

const GemelStreamOps sim_stream_ops = {
    .kinds = 1u << GEMEL_STREAM_CONSOLE | 1u << GEMEL_STREAM_EXEC | 1u << GEMEL_STREAM_JOIN |
             1u << GEMEL_STREAM_ATTACH,
    .open = stream_open,
    .pump = stream_pump,
    .resize = stream_resize,
    .free = stream_free,
};
