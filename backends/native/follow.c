/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * follow.c - attach: what a container's program says and how it ends.
 *
 * What it says is read from the log that conmon writes, and from nothing else: so all of it comes
 * once and in order, whether the stream was opened before, amid or after the output, and a slow
 * caller stops neither conmon nor the container. conmon records the end of a container after all
 * that it said, so a log that is read to its end after the record was seen is complete. When a log
 * is full, conmon renames a new one over it: each is opened as it comes and read in turn.
 *
 * What is typed goes to conmon's attach socket; what that says is thrown away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/stream.h"

#define READ_BYTES  (64 * 1024)
#define PENDING_MAX (256 * 1024) /* nothing more is read of the log while this much waits */
#define INPUT_MAX   4096         /* conmon reads at most 8 KiB of a packet */
#define TAIL_BYTES  (4 * 1024)
#define LOGS_MAX    6 /* full logs that wait for a caller who does not read */
/* The watch tells when there is something; this is for what it misses. */
#define LOOK_MS      250
#define LOOK_LAME_MS 20 /* without a watch: the limit of inotify instances is reached */

typedef struct {
    NativeStream stream;
    const NativeStore *store; /* the connection's, which outlives the stream */
    char *id, *log_path, *exit_path;
    NativeRun run; /* the run that is followed */
    gboolean tty, split, no_input;
    int attach, control, watch, errors; /* -1 = none */
    GArray *logs;                       /* of int: open logs, the oldest first */
    guint lost;                         /* logs that nobody waited for */
    GString *raw;                       /* of the log, up to the end of a line */
    gboolean skip;                      /* up to the next line: its beginning is not ours */
    GString *out, *err;                 /* for the caller */
    NativeFlow input;
    gboolean input_told; /* its end */
} NativeFollow;

static const NativeStreamClass follow_class;

/* ---- the log -------------------------------------------------------------------------------- */

/* Opens the log if it is another than the one that was opened last. */
static void look_for_log(NativeFollow *f)
{
    struct stat last, now;
    int fd;

    if (f->logs->len > 0 && (stat(f->log_path, &now) != 0 ||
                             fstat(g_array_index(f->logs, int, f->logs->len - 1), &last) != 0 ||
                             (now.st_ino == last.st_ino && now.st_dev == last.st_dev)))
        return;
    fd = open(f->log_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (f->logs->len >= LOGS_MAX) { /* the second oldest: the oldest is half read */
        close(g_array_index(f->logs, int, 1));
        g_array_remove_index(f->logs, 1);
        f->lost++;
    }
    g_array_append_val(f->logs, fd);
}

static void put_text(NativeFollow *f, GString *to, const char *text, gsize length)
{
    if (f->tty || f->split) {
        g_string_append_len(to, text, (gssize)length);
        return;
    }
    for (gsize i = 0; i < length; i++) {
        if (text[i] == '\n')
            g_string_append_c(to, '\r');
        g_string_append_c(to, text[i]);
    }
}

/* A line of conmon's log, its newline included: "TIME STREAM F|P TEXT"; after P a line goes on. */
static void take_line(NativeFollow *f, const char *line, gsize length)
{
    const char *stream = memchr(line, ' ', length), *end = line + length;
    const char *tag = stream != NULL ? memchr(stream + 1, ' ', (gsize)(end - stream - 1)) : NULL;
    gboolean is_error, is_part;

    if (tag == NULL || end - tag < 4 || tag[2] != ' ')
        return;
    is_error = f->errors >= 0 && g_str_has_prefix(stream + 1, "stderr ");
    is_part = tag[1] == 'P';
    put_text(f, is_error ? f->err : f->out, tag + 3, (gsize)(end - tag - 3) - is_part);
}

static void take_raw(NativeFollow *f)
{
    gsize from = 0;
    const char *newline;

    while ((newline = memchr(f->raw->str + from, '\n', f->raw->len - from)) != NULL) {
        gsize next = (gsize)(newline - f->raw->str) + 1;

        if (!f->skip)
            take_line(f, f->raw->str + from, next - from);
        f->skip = FALSE;
        from = next;
    }
    g_string_erase(f->raw, 0, (gssize)from);
}

/* Reads as much as the caller has room for. TRUE if all there is was read. */
static gboolean read_logs(NativeFollow *f)
{
    g_autofree char *bytes = g_malloc(READ_BYTES);

    look_for_log(f);
    while (f->logs->len > 0 && f->out->len < PENDING_MAX && f->err->len < PENDING_MAX) {
        ssize_t got = read(g_array_index(f->logs, int, 0), bytes, READ_BYTES);

        if (got > 0) {
            g_string_append_len(f->raw, bytes, got);
            take_raw(f);
            continue;
        }
        if (f->logs->len == 1)
            return TRUE;
        close(g_array_index(f->logs, int, 0));
        g_array_remove_index(f->logs, 0);
    }
    return f->logs->len == 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Whether the run that is followed is over: *ret_status is how, -1 with the error when nobody
   knows. */
static gboolean has_ended(NativeFollow *f, int *ret_status, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(NativeRun) now = {0};
    g_auto(NativeStatus) status = {0};
    gint64 number;

    native_run_load(f->store, f->id, &now);
    *ret_status = -1;
    if (now.pid != f->run.pid || now.pid_start != f->run.pid_start) {
        gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                        "container %s: was %s before its exit status could be read", f->stream.name,
                        now.phase == NATIVE_RUN_NONE ? "deleted" : "started again");
        return TRUE;
    }
    native_status_read(f->store, f->id, &now, &status);
    if (status.state != GEMEL_STATE_STOPPED)
        return FALSE;
    text = native_file_read(f->exit_path, 64, NULL);
    if (text != NULL && g_ascii_string_to_signed(g_strstrip(text), 10, 0, 255, &number, NULL))
        *ret_status = (int)number;
    else
        gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: %s", f->stream.name,
                        status.reason != NULL ? status.reason : "its exit status is not known");
    return TRUE;
}

/* ---- both directions ------------------------------------------------------------------------ */

/* FALSE when nobody reads there any more. */
static gboolean give(int fd, GString *text)
{
    while (text->len > 0 && fd >= 0) {
        ssize_t put = send(fd, text->str, text->len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        g_string_erase(text, 0, put);
    }
    return TRUE;
}

/* Throws away what conmon says there, so that it never waits for us. */
static void drop_output(NativeFollow *f)
{
    g_autofree char *packet = g_malloc(READ_BYTES);
    ssize_t got;

    while ((got = recv(f->attach, packet, READ_BYTES, MSG_DONTWAIT)) > 0)
        ;
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        native_fd_close(&f->attach);
}

static void pass_input(NativeFollow *f)
{
    while (f->input.length > 0 && f->attach >= 0) {
        ssize_t put = send(f->attach, f->input.data + f->input.start,
                           MIN(f->input.length, INPUT_MAX), MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put < 0) {
            native_fd_close(&f->attach);
            return;
        }
        f->input.start += (gsize)put;
        f->input.length -= (gsize)put;
    }
    if (f->attach < 0)
        f->input.length = 0;
    else if (f->input.ended && !f->input_told)
        f->input_told = shutdown(f->attach, SHUT_WR) == 0;
}

static void take_input(NativeFollow *f)
{
    native_flow_fill(&f->input, f->stream.socket);
    for (gsize i = 0; !f->tty && !f->split && i < f->input.length; i++)
        if (f->input.data[f->input.start + i] == '\r')
            f->input.data[f->input.start + i] = '\n';
    if (f->no_input)
        f->input.length = 0;
}

static void empty_watch(NativeFollow *f)
{
    char events[4096];

    while (f->watch >= 0 && read(f->watch, events, sizeof events) > 0)
        ;
}

/* Waits until there is something to do. FALSE when the caller has gone. */
static gboolean turn(NativeFollow *f)
{
    struct pollfd fds[] = {
        {.fd = f->stream.socket,
         .events = (short)((native_flow_has_room(&f->input) ? POLLIN : 0) |
                           (f->out->len > 0 ? POLLOUT : 0))},
        {.fd = f->errors, .events = (short)(f->err->len > 0 ? POLLOUT : 0)},
        {.fd = f->attach, .events = (short)(POLLIN | (f->input.length > 0 ? POLLOUT : 0))},
        {.fd = f->watch, .events = POLLIN},
    };

    if (poll(fds, G_N_ELEMENTS(fds), f->watch >= 0 ? LOOK_MS : LOOK_LAME_MS) < 0)
        return errno == EINTR;
    if (fds[0].revents & (POLLHUP | POLLERR))
        return FALSE;
    if (fds[0].revents & POLLIN)
        take_input(f);
    if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
        drop_output(f);
    pass_input(f);
    empty_watch(f);
    return TRUE;
}

static int follow_pump(NativeStream *stream, GError **error)
{
    NativeFollow *f = (NativeFollow *)stream;
    gboolean ended = FALSE, read_all;
    int status = 0;

    for (;;) {
        /* before the log is read: what was said before the end is in it by then */
        ended = ended || has_ended(f, &status, error);
        read_all = read_logs(f);
        if (!give(stream->socket, f->out))
            return 0;
        if (!give(f->errors, f->err))
            g_string_truncate(f->err, 0);
        if (ended && read_all && f->out->len + f->err->len == 0)
            break;
        /* with room for more and more to read there is nothing to wait for */
        if (!read_all && f->out->len < PENDING_MAX && f->err->len < PENDING_MAX)
            continue;
        if (!turn(f))
            return 0;
    }
    if (f->lost > 0 && (error == NULL || *error == NULL)) {
        gemel_error_set(error, GEMEL_ERROR_FAILED,
                        "container %s: of what it said %u full logs were lost, since they were not "
                        "read in time",
                        stream->name, f->lost);
        return -1;
    }
    return status;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Splits standard error off: the caller's end and ours. */
static gboolean split_errors(NativeFollow *f, GError **error)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return gemel_error_set_errno(error, errno, "container %s: stream", f->stream.name);
    f->stream.base.err_fd = pair[0];
    f->errors = pair[1];
    return TRUE;
}

/* From a little before its end; the line there is not whole. */
static void skip_to_tail(NativeFollow *f)
{
    struct stat seen;
    int fd;

    look_for_log(f);
    if (f->logs->len == 0)
        return;
    fd = g_array_index(f->logs, int, 0);
    if (fstat(fd, &seen) == 0 && seen.st_size > TAIL_BYTES)
        f->skip = lseek(fd, seen.st_size - TAIL_BYTES, SEEK_SET) > 0;
}

NativeStream *native_follow_open(NativeConn *conn, const NativeContainer *container,
                                 const NativeRun *run, const GemelStreamArgs *args, GError **error)
{
    g_autofree char *dir = native_store_container_path(conn->store, container->id, NULL);
    g_autofree char *exits = NULL;
    NativeFollow *f = g_new0(NativeFollow, 1);

    f->stream.class = &follow_class;
    f->stream.name = g_strdup(container->name);
    f->stream.base.fd = f->stream.base.err_fd = f->stream.socket = -1;
    f->store = conn->store;
    f->id = g_strdup(container->id);
    f->log_path = g_build_filename(dir, "log", NULL);
    f->exit_path = native_store_exit_path(conn->store, container->id);
    f->run.pid = run->pid;
    f->run.pid_start = run->pid_start;
    f->tty = run->tty;
    f->split = !run->tty && (args->attach & GEMEL_ATTACH_SPLIT);
    f->no_input = (args->attach & GEMEL_ATTACH_NO_INPUT) != 0;
    f->errors = f->control = f->watch = -1;
    f->logs = g_array_new(FALSE, FALSE, sizeof(int));
    f->raw = g_string_new(NULL);
    f->out = g_string_new(NULL);
    f->err = g_string_new(NULL);
    f->attach = f->no_input ? -1 : native_attach_connect(dir); /* it may have ended */
    if (!native_stream_pair(&f->stream, error) || (f->split && !split_errors(f, error))) {
        native_fd_close(&f->stream.base.fd);
        native_stream_ops.free(&f->stream.base);
        return NULL;
    }
    exits = g_path_get_dirname(f->exit_path);
    f->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (f->watch >= 0 && (inotify_add_watch(f->watch, dir, IN_MODIFY | IN_MOVED_TO) < 0 ||
                          inotify_add_watch(f->watch, exits, IN_MOVED_TO | IN_CREATE) < 0))
        native_fd_close(&f->watch);
    if (!(args->attach & GEMEL_ATTACH_WHOLE))
        skip_to_tail(f);
    if (f->tty)
        f->control = native_attach_control(dir);
    native_stream_ops.resize(&f->stream.base, args->rows, args->cols);
    return &f->stream;
}

static void follow_resize(NativeStream *stream, guint rows, guint cols)
{
    native_attach_resize(((NativeFollow *)stream)->control, rows, cols);
}

static void follow_close(NativeStream *stream)
{
    NativeFollow *f = (NativeFollow *)stream;

    native_fd_close(&f->attach);
    native_fd_close(&f->control);
    native_fd_close(&f->watch);
    native_fd_close(&f->errors);
    for (guint i = 0; i < f->logs->len; i++)
        close(g_array_index(f->logs, int, i));
    g_array_free(f->logs, TRUE);
    g_string_free(f->raw, TRUE);
    g_string_free(f->out, TRUE);
    g_string_free(f->err, TRUE);
    g_free(f->id);
    g_free(f->log_path);
    g_free(f->exit_path);
}

static const NativeStreamClass follow_class = {
    .pump = follow_pump,
    .resize = follow_resize,
    .close = follow_close,
};
