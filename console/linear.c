/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/linear.h"
#include "console/announce.h"
#include "console/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELD_MAX       200 /* lines */
#define LINE_MAX_BYTES (1 << 20)

typedef struct {
    App *app;
    Output *out;
    Announce *announce;
    FaceOps face;
    gboolean typed, timed; /* standard input is a terminal; standard output is none */
    gboolean asked;        /* Enter alone: the next line is waited for in silence */
    gboolean at_start;     /* of a line, on standard output */
    GPtrArray *held;       /* of char* */
    guint left_out;
    GString *text; /* read and not yet run */
    gboolean eof, over;
    int status;
    GSource *input, *next;
    CommandRun *running;
    void (*answer)(CommandRun *run, gboolean yes);
    CommandRun *asking;
    char *typed_name;
} Linear;

static void read_on(Linear *linear);

/* ---- printing ------------------------------------------------------------------------------- */

/* All of it, or the program ends: nobody reads any more. */
static void write_text(int fd, const char *text)
{
    terminal_begin_write(fd);
    for (gsize left = strlen(text); left > 0;) {
        ssize_t n = write(fd, text, left);

        if (n < 0 && errno != EINTR)
            terminal_exit(errno == EPIPE ? 141 : 1);
        text += MAX(n, 0);
        left -= (gsize)MAX(n, 0);
    }
    terminal_end_write();
}

/* Output's sink: safe lines. */
static void print_line(OutputClass class, const char *text, gpointer data)
{
    Linear *linear = data;
    g_autofree char *line = g_strconcat(class == OUTPUT_ERROR ? "error: " : "", text, "\n", NULL);

    if (!linear->at_start)
        write_text(STDOUT_FILENO, "\n");
    linear->at_start = TRUE;
    write_text(class == OUTPUT_ERROR ? STDERR_FILENO : STDOUT_FILENO, line);
}

static void prompt(Linear *linear, const char *text)
{
    write_text(STDOUT_FILENO, text);
    linear->at_start = FALSE;
}

static gboolean is_held(const Linear *linear)
{
    return linear->asked || linear->asking != NULL;
}

/* An announcement: now, or when what is typed is typed. */
static void announce(const char *text, gpointer data)
{
    Linear *linear = data;

    if (is_held(linear)) {
        if (linear->held->len < HELD_MAX)
            g_ptr_array_add(linear->held, g_strdup(text));
        else
            linear->left_out++;
        return;
    }
    g_autoptr(GDateTime) now = linear->timed ? g_date_time_new_now_local() : NULL;
    g_autofree char *time =
        now != NULL ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%S%:z ") : g_strdup("");

    output_line(linear->out, OUTPUT_NOTE, "%s%s", time, text);
}

static void release(Linear *linear)
{
    g_autoptr(GPtrArray) held = g_steal_pointer(&linear->held);

    linear->held = g_ptr_array_new_with_free_func(g_free);
    if (is_held(linear)) {
        g_ptr_array_unref(linear->held);
        linear->held = g_steal_pointer(&held);
        return;
    }
    for (guint i = 0; i < held->len; i++)
        announce(held->pdata[i], linear);
    if (linear->left_out > 0)
        output_line(linear->out, OUTPUT_NOTE, "%u more announcements were left out",
                    linear->left_out);
    linear->left_out = 0;
}

/* ---- questions ------------------------------------------------------------------------------ */

/* FaceOps.confirm: only where somebody can answer. */
static void confirm(CommandRun *run, const char *question, const char *typed_name,
                    void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Linear *linear = data;

    linear->asking = run;
    linear->answer = answer;
    linear->typed_name = g_strdup(typed_name);
    output_line(linear->out, OUTPUT_NOTE, "%s", question);
    if (typed_name != NULL)
        output_line(linear->out, OUTPUT_NOTE, "To do it type the name, %s. Enter alone is no.",
                    typed_name);
    else
        output_line(linear->out, OUTPUT_NOTE, "To do it type yes. Enter alone is no.");
    prompt(linear, "Answer: ");
    read_on(linear);
}

static void answer(Linear *linear, const char *line)
{
    CommandRun *run = g_steal_pointer(&linear->asking);
    g_autofree char *typed_name = g_steal_pointer(&linear->typed_name);
    gboolean yes = typed_name != NULL
                       ? strcmp(line, typed_name) == 0
                       : g_ascii_strcasecmp(line, "yes") == 0 || g_ascii_strcasecmp(line, "y") == 0;

    output_line(linear->out, OUTPUT_NOTE, yes ? "Yes." : "No; nothing was done.");
    release(linear);
    linear->answer(run, yes);
}

/* ---- commands ------------------------------------------------------------------------------- */

static gboolean go_on(gpointer data)
{
    Linear *linear = data;

    app_source_remove(&linear->next);
    read_on(linear);
    return G_SOURCE_REMOVE;
}

static void command_done(CommandRun *run, int status, gpointer data)
{
    Linear *linear = data;

    linear->running = NULL;
    linear->status = status;
    announce_command_ended(linear->announce);
    if (linear->app->quit)
        linear->over = TRUE;
    else
        linear->next = app_add_idle(linear->app, go_on, linear); /* no recursion per line */
}

/* What was entered: an answer, a command, or nothing, which asks for silence. */
static void take_line(Linear *linear, const char *line)
{
    if (linear->typed)
        linear->at_start = TRUE; /* the terminal echoed the end of the line */
    if (linear->asking != NULL) {
        answer(linear, line);
        return;
    }
    if (*line == '\0' && linear->typed && !linear->asked) {
        linear->asked = TRUE;
        prompt(linear, "Command: ");
        read_on(linear);
        return;
    }
    linear->asked = FALSE;
    if (*line == '\0') {
        release(linear);
        read_on(linear);
        return;
    }
    announce_command_begins(linear->announce);
    CommandRun *run =
        command_line_run(linear->app, &linear->face, linear->out, line, command_done, linear);

    if (linear->next == NULL && !linear->over) /* it has not ended yet */
        linear->running = run;
    release(linear);
}

/* ---- reading -------------------------------------------------------------------------------- */

static gboolean input_ready(int fd, GIOCondition condition, gpointer data)
{
    Linear *linear = data;
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (n > 0)
        g_string_append_len(linear->text, bytes, n);
    linear->eof = n <= 0;
    app_source_remove(&linear->input);
    read_on(linear);
    return G_SOURCE_REMOVE;
}

/* The end of what is typed leaves; the end of a pipe does not. */
static void end_of_input(Linear *linear)
{
    if (linear->asking != NULL) {
        answer(linear, "");
        return;
    }
    if (linear->typed) {
        print_line(OUTPUT_NOTE, "Leaving; guests and containers run on.", linear);
        linear->over = TRUE;
    }
}

/* Takes the next whole line, or waits for one. */
static void read_on(Linear *linear)
{
    const char *newline = memchr(linear->text->str, '\n', linear->text->len);

    if (newline == NULL && linear->text->len > LINE_MAX_BYTES) {
        output_line(linear->out, OUTPUT_ERROR, "a line is longer than %d bytes", LINE_MAX_BYTES);
        g_string_truncate(linear->text, 0);
    }
    if (newline == NULL && !linear->eof) {
        if (linear->input == NULL)
            linear->input =
                app_add_fd(linear->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, input_ready, linear);
        return;
    }
    if (linear->text->len == 0) {
        end_of_input(linear);
        return;
    }
    gsize length = newline != NULL ? (gsize)(newline - linear->text->str) : linear->text->len;
    g_autofree char *line = g_strndup(linear->text->str, length);

    g_string_erase(linear->text, 0, (gssize)(length + (newline != NULL)));
    g_strstrip(line);
    take_line(linear, line);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* SIGINT. */
static void interrupt(gpointer data)
{
    Linear *linear = data;

    if (linear->typed) /* after "^C" as the terminal echoes it */
        linear->at_start = FALSE;
    if (linear->asking != NULL) {
        answer(linear, "");
    } else if (linear->running != NULL) {
        command_cancel(linear->running);
    } else if (linear->asked) {
        linear->asked = FALSE;
        release(linear);
    } else {
        print_line(OUTPUT_NOTE, "Leaving; guests and containers run on.", linear);
        linear->status = 130;
        linear->over = TRUE;
    }
}

static void stop(gpointer data)
{
    terminal_stop();
}

int linear_run(App *app)
{
    Linear linear = {.app = app,
                     .typed = isatty(STDIN_FILENO),
                     .timed = !isatty(STDOUT_FILENO),
                     .at_start = TRUE,
                     .text = g_string_new(NULL),
                     .held = g_ptr_array_new_with_free_func(g_free)};

    linear.face = (FaceOps){.face = FACE_SHELL,
                            .confirm = linear.typed ? confirm : NULL,
                            .has_terminal = linear.typed && !linear.timed,
                            .face_data = &linear};
    linear.out = output_new_lines(print_line, &linear);
    linear.announce = announce_new(app->model, announce, &linear);
    app->interrupt = interrupt;
    app->suspend = stop;
    app->interrupt_data = &linear;
    if (linear.typed)
        output_line(linear.out, OUTPUT_NOTE,
                    "gemel %s. Changes are printed as lines. Type a command and press Enter. "
                    "Enter alone holds the changes back until the next line. "
                    "help lists the commands, quit leaves.",
                    GEMEL_VERSION);
    model_start(app->model);
    read_on(&linear);
    while (!linear.over && !app->quit)
        app_iterate(app, TRUE);
    if (linear.running != NULL)
        command_cancel(linear.running);
    model_stop(app->model);
    announce_free(linear.announce);
    app->interrupt = app->suspend = NULL;
    app_source_remove(&linear.input);
    app_source_remove(&linear.next);
    output_free(linear.out);
    g_string_free(linear.text, TRUE);
    g_ptr_array_unref(linear.held);
    g_free(linear.typed_name);
    return linear.status;
}
