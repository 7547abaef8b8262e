/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/batch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)

struct Batch {
    App *app;
    Output *out;
    const FaceOps *face;
    GString *text;
    gboolean eof;
    int status; /* of the last command */
    GSource *input;
    CommandRun *running;
    void (*done)(int status, gpointer data);
    gpointer data;
    GSource *next; /* the next line, in a turn of the loop of its own */
};

static void batch_go_on(Batch *batch);

static void batch_free(Batch *batch)
{
    app_source_remove(&batch->input);
    app_source_remove(&batch->next);
    g_string_free(batch->text, TRUE);
    g_free(batch);
}

static void batch_end(Batch *batch, int status)
{
    void (*done)(int, gpointer) = batch->done;
    gpointer data = batch->data;

    batch_free(batch);
    done(status, data);
}

void batch_cancel(Batch *batch)
{
    if (batch->running != NULL)
        command_cancel(batch->running);
    batch_free(batch);
}

static gboolean batch_later(gpointer data)
{
    Batch *batch = data;

    app_source_remove(&batch->next);
    batch_go_on(batch);
    return G_SOURCE_REMOVE;
}

static void batch_command_done(CommandRun *run, int status, gpointer data)
{
    Batch *batch = data;

    batch->running = NULL;
    batch->status = status;
    batch->next = app_add_idle(batch->app, batch_later, batch); /* no recursion per line */
}

static gboolean batch_input(int fd, GIOCondition condition, gpointer data)
{
    Batch *batch = data;
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (n > 0)
        g_string_append_len(batch->text, bytes, n);
    batch->eof = n <= 0;
    if (batch->eof || memchr(bytes, '\n', (size_t)n) != NULL || batch->text->len > LINE_MAX_BYTES) {
        app_source_remove(&batch->input);
        batch_go_on(batch);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* Runs the next whole line, or reads on. */
static void batch_go_on(Batch *batch)
{
    const char *newline = memchr(batch->text->str, '\n', batch->text->len);
    g_autofree char *line = NULL;

    if (batch->status != 0 || batch->app->quit || (batch->eof && batch->text->len == 0)) {
        batch_end(batch, batch->status);
        return;
    }
    if (newline == NULL && !batch->eof) {
        if (batch->text->len > LINE_MAX_BYTES) {
            output_line(batch->out, OUTPUT_ERROR, "a line is longer than %d bytes", LINE_MAX_BYTES);
            batch_end(batch, 2);
            return;
        }
        batch->input = app_add_fd(batch->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, batch_input, batch);
        return;
    }
    gsize length = newline != NULL ? (gsize)(newline - batch->text->str) : batch->text->len;

    if (memchr(batch->text->str, '\0', length) != NULL) {
        output_line(batch->out, OUTPUT_ERROR, "a line has a NUL byte in it: this is no text");
        batch_end(batch, 2);
        return;
    }
    line = g_strndup(batch->text->str, length);
    g_string_erase(batch->text, 0, (gssize)(length + (newline != NULL)));
    batch->running =
        command_line_run(batch->app, batch->face, batch->out, line, batch_command_done, batch);
}

Batch *batch_start(App *app, Output *out, const FaceOps *face,
                   void (*done)(int status, gpointer data), gpointer data)
{
    Batch *batch = g_new0(Batch, 1);

    batch->app = app;
    batch->out = out;
    batch->face = face;
    batch->text = g_string_new(NULL);
    batch->done = done;
    batch->data = data;
    batch->next = app_add_idle(app, batch_later, batch); /* done is never called from in here */
    return batch;
}
