/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/pipeline.h"
#include "console/spawn.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)

gsize pipeline_unread_max_bytes = 64 << 20;

/* One of the program's outputs, in the TUI. */
typedef struct {
    struct Pipeline *pipeline;
    OutputClass class;
    int fd;
    GSource *source;
    GString *line;
} Stream;

struct Pipeline {
    App *app;
    const FaceOps *face;
    Output *to, *out; /* where its output goes in the TUI; what the command prints into */
    char *program;
    void (*ended)(gpointer data);
    gpointer data;
    GPid pid; /* 0: does not run */
    int pidfd, input;
    GString *unread; /* by the program */
    gsize at;        /* in it */
    GSource *exit_source, *write_source, *tell_source;
    Stream outputs[2];
    gboolean on_terminal; /* it has the terminal, or (a pager in the TUI) gets it at the end */
    gboolean finished, lent, over;
    gboolean cut; /* it did not read what there was, and gets no more */
    int status;
};

static void pipeline_write(Pipeline *pipeline);

/* Programs that want the terminal, when they are the last of the line. */
static gboolean is_pager(const char *program)
{
    static const char *const pagers[] = {"less", "more", "most", "pg",    "view", "vim",
                                         "vi",   "nvim", "nano", "emacs", "fzf",  NULL};
    const char *last = strrchr(program, '|');
    g_autofree char *text = g_strstrip(g_strdup(last != NULL ? last + 1 : program));
    g_autofree char *name = NULL;

    text[strcspn(text, " \t\n;&<>")] = '\0';
    name = g_path_get_basename(text);
    return g_strv_contains(pagers, name);
}

/* ---- the program ---------------------------------------------------------------------------- */

/* Between fork and exec, on the terminal. */
static void setup_on_terminal(gpointer data)
{
    spawn_prepare();
}

/* Without one: a session of its own, whose group can be ended, and which cannot open ours. */
static void setup_apart(gpointer data)
{
    spawn_prepare();
    setsid();
}

static void close_input(Pipeline *pipeline)
{
    app_source_remove(&pipeline->write_source);
    if (pipeline->input >= 0)
        close(pipeline->input);
    pipeline->input = -1;
    g_string_truncate(pipeline->unread, 0);
    pipeline->at = 0;
}

static gboolean tell_end(gpointer data)
{
    Pipeline *pipeline = data;

    app_source_remove(&pipeline->tell_source);
    pipeline->ended(pipeline->data);
    return G_SOURCE_REMOVE;
}

/* The end is told from the loop, never from inside a call. */
static void pipeline_over(Pipeline *pipeline, int status)
{
    close_input(pipeline);
    pipeline->over = TRUE;
    pipeline->status = status == 0 && pipeline->cut ? 1 : status;
    if (pipeline->lent)
        pipeline->face->terminal_enter(
            pipeline->face->face_data,
            &(TerminalUse){.status = status, .printed = TRUE, .typed = TRUE});
    pipeline->lent = FALSE;
    pipeline->tell_source = app_add_idle(pipeline->app, tell_end, pipeline);
}

/* Exited, and its outputs are at their ends. */
static void check_over(Pipeline *pipeline, int status)
{
    if (pipeline->pid == 0 && pipeline->outputs[0].fd < 0 && pipeline->outputs[1].fd < 0)
        pipeline_over(pipeline, status);
}

static gboolean program_exited(int fd, GIOCondition condition, gpointer data)
{
    Pipeline *pipeline = data;
    int status = 0;

    if (waitpid(pipeline->pid, &status, WNOHANG) == 0)
        return G_SOURCE_CONTINUE;
    pipeline->pid = 0;
    pipeline->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    app_source_remove(&pipeline->exit_source);
    close(pipeline->pidfd);
    pipeline->pidfd = -1;
    close_input(pipeline);
    check_over(pipeline, pipeline->status);
    return G_SOURCE_REMOVE;
}

/* Data come as they are, what it says on stderr as errors. */
static void stream_say(Stream *stream)
{
    if (stream->class == OUTPUT_DATA) {
        g_string_append_c(stream->line, '\n');
        output_text(stream->pipeline->to, stream->line->str);
    } else {
        output_line(stream->pipeline->to, stream->class, "%s", stream->line->str);
    }
    g_string_truncate(stream->line, 0);
}

static gboolean stream_ready(int fd, GIOCondition condition, gpointer data)
{
    Stream *stream = data;
    Pipeline *pipeline = stream->pipeline;
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\n')
            g_string_append_c(stream->line, bytes[i] != '\0' ? bytes[i] : '?');
        if (bytes[i] == '\n' || stream->line->len >= LINE_MAX_BYTES)
            stream_say(stream);
    }
    if (n > 0)
        return G_SOURCE_CONTINUE;
    if (stream->line->len > 0)
        stream_say(stream);
    app_source_remove(&stream->source);
    close(stream->fd);
    stream->fd = -1;
    check_over(pipeline, pipeline->status);
    return G_SOURCE_REMOVE;
}

static gboolean program_start(Pipeline *pipeline, GError **error)
{
    const char *const argv[] = {"/bin/sh", "-c", pipeline->program, NULL};
    gboolean capture = !pipeline->on_terminal;
    g_autoptr(GError) own = NULL;

    if (!g_spawn_async_with_pipes_and_fds(
            NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES,
            capture ? setup_apart : setup_on_terminal, NULL, -1, -1, -1, NULL, NULL, 0,
            &pipeline->pid, &pipeline->input, capture ? &pipeline->outputs[0].fd : NULL,
            capture ? &pipeline->outputs[1].fd : NULL, &own)) {
        pipeline->pid = 0;
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "cannot run %s: %s", pipeline->program,
                               own->message);
    }
    if (!spawn_watch(pipeline->pid, pipeline->program, &pipeline->pidfd, error)) {
        pipeline->pid = 0;
        return FALSE;
    }
    pipeline->exit_source =
        app_add_fd(pipeline->app, pipeline->pidfd, G_IO_IN, program_exited, pipeline);
    g_unix_set_fd_nonblocking(pipeline->input, TRUE, NULL);
    for (guint i = 0; capture && i < 2; i++) {
        Stream *stream = &pipeline->outputs[i];

        g_unix_set_fd_nonblocking(stream->fd, TRUE, NULL);
        stream->source =
            app_add_fd(pipeline->app, stream->fd, G_IO_IN | G_IO_HUP, stream_ready, stream);
    }
    return TRUE;
}

/* ---- what it reads -------------------------------------------------------------------------- */

static gboolean input_ready(int fd, GIOCondition condition, gpointer data)
{
    pipeline_write(data);
    return G_SOURCE_CONTINUE;
}

/* Hands over what there is, as far as it goes; the end when all is read and no more comes. */
static void pipeline_write(Pipeline *pipeline)
{
    GString *unread = pipeline->unread;

    while (pipeline->input >= 0 && pipeline->at < unread->len) {
        ssize_t n = write(pipeline->input, unread->str + pipeline->at, unread->len - pipeline->at);

        if (n > 0) {
            pipeline->at += (gsize)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (pipeline->write_source == NULL)
                pipeline->write_source = app_add_fd(pipeline->app, pipeline->input,
                                                    G_IO_OUT | G_IO_ERR, input_ready, pipeline);
            return;
        } else if (n >= 0 || errno != EINTR) {
            close_input(pipeline); /* it reads no more: as good as read */
            return;
        }
    }
    app_source_remove(&pipeline->write_source);
    g_string_truncate(unread, 0);
    pipeline->at = 0;
    if (pipeline->finished)
        close_input(pipeline);
}

/* Keeps a line for it. What was read goes when it is the greater part, so that what is kept stays
   within twice the limit and each byte is moved once. */
static void keep_unread(Pipeline *pipeline, const char *text)
{
    GString *unread = pipeline->unread;

    if (pipeline->at > unread->len - pipeline->at) {
        g_string_erase(unread, 0, (gssize)pipeline->at);
        pipeline->at = 0;
    }
    g_string_append(unread, text);
    g_string_append_c(unread, '\n');
}

/* Output's sink: one whole line. */
static void take_line(OutputClass class, const char *text, gpointer data)
{
    Pipeline *pipeline = data;

    if (class != OUTPUT_DATA) {
        output_line(pipeline->to, class, "%s", text);
        return;
    }
    if (pipeline->over || pipeline->cut || (pipeline->pid != 0 && pipeline->input < 0))
        return;
    if (pipeline->unread->len - pipeline->at + strlen(text) >= pipeline_unread_max_bytes) {
        g_autofree char *limit = format_bytes(pipeline_unread_max_bytes);

        output_line(pipeline->to, OUTPUT_ERROR,
                    "%s: %s wait for it unread: what comes after them is left out",
                    pipeline->program, limit);
        pipeline->cut = TRUE;
        return;
    }
    keep_unread(pipeline, text);
    if (pipeline->input >= 0 && pipeline->write_source == NULL)
        pipeline_write(pipeline);
}

/* ---- its life ------------------------------------------------------------------------------- */

Pipeline *pipeline_new(App *app, const FaceOps *face, Output *to, const char *program,
                       void (*ended)(gpointer data), gpointer data, GError **error)
{
    Pipeline *pipeline = g_new0(Pipeline, 1);
    gboolean later = face->face == FACE_TUI && is_pager(program);

    pipeline->app = app;
    pipeline->face = face;
    pipeline->to = to;
    pipeline->program = g_strdup(program);
    pipeline->ended = ended;
    pipeline->data = data;
    pipeline->pidfd = pipeline->input = -1;
    pipeline->unread = g_string_new(NULL);
    pipeline->on_terminal = later || face->face != FACE_TUI;
    for (guint i = 0; i < 2; i++)
        pipeline->outputs[i] = (Stream){.pipeline = pipeline,
                                        .class = i == 0 ? OUTPUT_DATA : OUTPUT_ERROR,
                                        .fd = -1,
                                        .line = g_string_new(NULL)};
    pipeline->out = output_new_lines(take_line, pipeline);
    output_flush(to); /* what stands before it comes before it */
    if (!later && !program_start(pipeline, error)) {
        pipeline_free(pipeline);
        return NULL;
    }
    return pipeline;
}

/* Reaps a program that nobody waits for. */
static gboolean reap(int pidfd, GIOCondition condition, gpointer data)
{
    if (waitpid(GPOINTER_TO_INT(data), NULL, WNOHANG) == 0)
        return G_SOURCE_CONTINUE;
    close(pidfd);
    return G_SOURCE_REMOVE;
}

void pipeline_free(Pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    close_input(pipeline);
    app_source_remove(&pipeline->tell_source);
    app_source_remove(&pipeline->exit_source);
    for (guint i = 0; i < 2; i++) {
        app_source_remove(&pipeline->outputs[i].source);
        if (pipeline->outputs[i].fd >= 0)
            close(pipeline->outputs[i].fd);
        g_string_free(pipeline->outputs[i].line, TRUE);
    }
    if (pipeline->pid != 0) {
        /* a session of its own is a group of its own, and no longer ours once setsid is done */
        if (pipeline->on_terminal || kill(-pipeline->pid, SIGTERM) != 0)
            kill(pipeline->pid, SIGTERM);
        GSource *source = app_add_fd(pipeline->app, pipeline->pidfd, G_IO_IN, reap,
                                     GINT_TO_POINTER(pipeline->pid));

        g_source_unref(source);
    }
    if (pipeline->lent)
        pipeline->face->terminal_enter(pipeline->face->face_data, NULL);
    output_free(pipeline->out);
    g_string_free(pipeline->unread, TRUE);
    g_free(pipeline->program);
    g_free(pipeline);
}

Output *pipeline_output(Pipeline *pipeline)
{
    return pipeline->out;
}

void pipeline_finish(Pipeline *pipeline)
{
    g_autoptr(GError) error = NULL;

    if (pipeline->finished || pipeline->over)
        return;
    pipeline->finished = TRUE;
    if (pipeline->pid == 0 && pipeline->pidfd < 0 && pipeline->on_terminal &&
        pipeline->face->face == FACE_TUI) {
        /* a pager that waited for all data */
        if (pipeline->unread->len == 0) {
            pipeline_over(pipeline, 0); /* an empty screen tells nobody anything */
            return;
        }
        if (!pipeline->face->terminal_leave(pipeline->face->face_data)) {
            output_line(pipeline->to, OUTPUT_ERROR, "%s: another program has the terminal",
                        pipeline->program);
            pipeline_over(pipeline, 1);
            return;
        }
        pipeline->lent = TRUE;
        if (!program_start(pipeline, &error)) {
            output_line(pipeline->to, OUTPUT_ERROR, "%s", error->message);
            pipeline_over(pipeline, 1);
            return;
        }
    }
    if (pipeline->write_source == NULL)
        pipeline_write(pipeline);
}

gboolean pipeline_ended(const Pipeline *pipeline, int *ret_status)
{
    if (pipeline->over)
        *ret_status = pipeline->status;
    return pipeline->over;
}

gsize pipeline_unread_bytes(const Pipeline *pipeline, gsize *ret_allocated)
{
    *ret_allocated = pipeline->unread->allocated_len;
    return pipeline->unread->len - pipeline->at;
}

gboolean pipeline_has_terminal(const Pipeline *pipeline)
{
    return pipeline->on_terminal;
}
