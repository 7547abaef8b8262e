/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shell.c - readline as the command shell on the user's terminal.
 *
 * It uses readline's callback interface, so the loop goes on while a line is edited. readline reads
 * and draws on the terminal itself; TAB is ours (readline_edit.h): candidates carry hints, which
 * readline's own lists cannot.
 */
#include "console/shell.h"
#include "console/audit.h"
#include "console/batch.h"
#include "console/readline_edit.h"
#include "console/readline_input.h"
#include "console/recall.h"
#include "console/terminal.h"
#include "widgets/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <readline/readline.h>

#define ESCAPE_MS 50            /* an ESC may begin a paste for so long */
#define PASTE_OFF "\033[?2004l" /* readline turns bracketed paste on while it edits */

typedef struct {
    CommandRun *owner; /* the `shell` command; ends with the shell */
    App *app;
    Output *out;
    FaceOps face;
    CommandRun *running; /* what the last line started, NULL = editing */
    GSource *input, *size, *escape;
    int keys;          /* the terminal, read without waiting; -1 = only the standard input */
    int status;        /* of the last command */
    guint line_number; /* of the session */
    gboolean editing;
    void (*answer)(CommandRun *run, gboolean yes);
    CommandRun *asking;
    char *typed_name;
    void (*interrupt)(gpointer data); /* who had the signals before */
    gpointer interrupt_data;
} Shell;

static Shell *the_shell; /* readline's handlers carry no data */

static void shell_edit(Shell *shell);
static void shell_line(char *line);
static void shell_end(Shell *shell);
static void shell_interrupt(gpointer data);

/* accepted: readline is done with the line; else it is dropped. */
static void shell_stop_editing(Shell *shell, gboolean accepted)
{
    if (shell->editing && accepted)
        rl_callback_handler_remove();
    else if (shell->editing)
        edit_abandon();
    shell->editing = FALSE;
    terminal_set_undo(NULL);
    app_source_remove(&shell->input);
    app_source_remove(&shell->escape);
}

static void shell_command_done(CommandRun *run, int status, gpointer data)
{
    Shell *shell = data;

    shell->running = NULL;
    shell->status = status;
    recall_session_end(shell->line_number, status);
    if (shell->app->quit)
        shell_end(shell);
    else
        shell_edit(shell);
}

static void shell_line(char *line)
{
    Shell *shell = the_shell;

    if (line == NULL && shell->asking != NULL) { /* ^D is no answer to a question */
        shell_interrupt(shell);
        return;
    }
    if (line == NULL) { /* ^D */
        fputc('\n', stdout);
        shell_end(shell);
        return;
    }
    shell_stop_editing(shell, TRUE);
    if (shell->asking != NULL) {
        CommandRun *run = g_steal_pointer(&shell->asking);
        gboolean yes = parse_answer(line, shell->typed_name);

        free(line);
        g_clear_pointer(&shell->typed_name, g_free);
        shell->answer(run, yes);
        return;
    }
    edit_history_add(line, TRUE);
    shell->line_number = recall_session_begin(line);
    shell->running =
        command_line_run(shell->app, &shell->face, shell->out, line, shell_command_done, shell);
    free(line);
}

/* Lets readline read the keys that there are; what follows Enter is not for this line. */
static void shell_drain(Shell *shell)
{
    g_autofree char *paste = NULL;
    guint lines;

    while (shell->editing && edit_input_peek() >= 0)
        edit_read_key();
    if (!shell->editing || (paste = edit_input_take_paste(&lines)) == NULL)
        return;
    rl_insert_text(paste);
    rl_redisplay();
}

/* An ESC that begins no paste. */
static gboolean shell_escape_over(gpointer data)
{
    Shell *shell = data;

    app_source_remove(&shell->escape);
    edit_input_release();
    shell_drain(shell);
    return G_SOURCE_REMOVE;
}

/* What was typed: byte by byte, since what follows Enter may be for a program; a paste is taken as
   it comes, and waited for by the loop, not by readline. What waits may be gone the next moment: ^C
   empties the terminal's queue. */
static gboolean shell_input(int fd, GIOCondition condition, gpointer data)
{
    Shell *shell = data;
    char bytes[4096];
    int waiting = 1;

    if (shell->keys >= 0)
        fd = shell->keys;
    if (shell->keys < 0 || ioctl(fd, FIONREAD, &waiting) != 0 || waiting < 1)
        waiting = 1;
    while (shell->editing && waiting > 0) {
        ssize_t n = read(fd, bytes, edit_input_pastes() ? MIN(sizeof bytes, (gsize)waiting) : 1);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) { /* the terminal is gone */
            shell_line(NULL);
            return G_SOURCE_CONTINUE;
        }
        waiting -= (int)n;
        for (ssize_t i = 0; i < n; i++) {
            edit_input_feed((guint8)bytes[i]);
            shell_drain(shell);
        }
    }
    app_source_remove(&shell->escape);
    if (edit_input_holds())
        shell->escape = app_add_timer(shell->app, ESCAPE_MS, shell_escape_over, shell);
    return G_SOURCE_CONTINUE;
}

static void shell_prompt(Shell *shell, const char *text, rl_vcpfunc_t *line)
{
    edit_initialise(shell->app, FACE_SHELL);
    terminal_set_undo(PASTE_OFF);
    rl_getc_function = edit_input_getc;
    rl_input_available_hook = edit_input_available;
    rl_reset_screen_size(); /* it may have changed while a command ran */
    rl_callback_handler_install(text, line);
    shell->editing = TRUE;
    if (shell->input == NULL)
        shell->input = app_add_fd(shell->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, shell_input, shell);
    if (edit_input_peek() >= 0 && shell->escape == NULL) /* came behind a paste */
        shell->escape = app_add_timer(shell->app, 0, shell_escape_over, shell);
}

static void shell_edit(Shell *shell)
{
    shell_prompt(shell, shell->status == 0 ? "gemel> " : "gemel!> ", shell_line);
}

/* FaceOps.confirm. */
static void shell_confirm(CommandRun *run, const char *question, const char *typed_name,
                          void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Shell *shell = data;
    g_autofree char *text = text_sanitise(question, -1, TEXT_NAME);
    g_autofree char *line = typed_name != NULL
                                ? g_strdup_printf("%s Type its name to do it: ", text)
                                : g_strdup_printf("%s [y/N] ", text);

    shell->asking = run;
    shell->answer = answer;
    shell->typed_name = g_strdup(typed_name);
    shell_prompt(shell, line, shell_line);
}

/* SIGINT: ends what runs, or clears the line. */
static void shell_interrupt(gpointer data)
{
    Shell *shell = data;

    if (shell->asking != NULL) {
        CommandRun *run = g_steal_pointer(&shell->asking);

        edit_input_reset();
        shell_stop_editing(shell, FALSE);
        fputc('\n', stdout);
        g_clear_pointer(&shell->typed_name, g_free);
        shell->answer(run, FALSE);
    } else if (shell->running != NULL) {
        command_interrupt(shell->running);
    } else {
        /* Leaves a search, a paste without end, or a half typed key sequence, too. */
        edit_input_reset();
        shell_stop_editing(shell, FALSE);
        fputc('\n', stdout);
        shell_edit(shell);
    }
}

/* SIGTSTP: stops with the terminal as it was found. */
static void shell_suspend(gpointer data)
{
    Shell *shell = data;

    if (shell->editing)
        rl_deprep_terminal();
    terminal_stop();
    if (!shell->editing)
        return;
    rl_prep_terminal(1);
    rl_reset_screen_size();
    rl_on_new_line();
    rl_redisplay();
}

/* SIGWINCH; while a stream has the terminal, it looks after sizes itself. */
static void shell_resized(int signal, gpointer data)
{
    Shell *shell = data;

    if (shell->editing)
        rl_resize_terminal();
}

static gboolean shell_end_idle(gpointer data)
{
    Shell *shell = data;
    CommandRun *owner = shell->owner;
    int status = shell->status;

    output_free(shell->out);
    if (shell->keys >= 0)
        close(shell->keys);
    app_source_remove(&shell->size);
    g_free(shell->typed_name);
    g_free(shell);
    the_shell = NULL;
    run_finish(owner, status);
    return G_SOURCE_REMOVE;
}

/* Ends later: readline and the command that was the last are still on the stack. */
static void shell_end(Shell *shell)
{
    GSource *idle;

    shell_stop_editing(shell, FALSE);
    shell->app->interrupt = shell->interrupt;
    shell->app->interrupt_data = shell->interrupt_data;
    shell->app->suspend = NULL;
    model_stop(shell->app->model);
    idle = app_add_idle(shell->app, shell_end_idle, shell);
    g_source_unref(idle);
}

static void shell_batch_done(int status, gpointer data)
{
    CommandRun *run = data;

    run->data_free = NULL;
    run_finish(run, status);
}

/* The run of `shell` was cancelled. */
static void shell_batch_free(gpointer data)
{
    batch_cancel(data);
}

void shell_start(CommandRun *run)
{
    static const int sizes[] = {SIGWINCH, 0};
    Shell *shell;

    run_hold(run);
    if (!isatty(STDIN_FILENO)) {
        run->data = batch_start(run->app, run->out, run->face, shell_batch_done, run);
        run->data_free = shell_batch_free;
        return;
    }
    shell = the_shell = g_new0(Shell, 1);
    shell->owner = run;
    shell->app = run->app;
    shell->out = output_new_stdio();
    shell->keys = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    shell->face = (FaceOps){
        .face = FACE_SHELL, .confirm = shell_confirm, .has_terminal = TRUE, .face_data = shell};
    shell->interrupt = run->app->interrupt;
    shell->interrupt_data = run->app->interrupt_data;
    shell->size = app_add_signals(run->app, sizes, shell_resized, shell);
    run->app->interrupt = shell_interrupt;
    run->app->suspend = shell_suspend;
    run->app->interrupt_data = shell;
    if (run->app->read_only)
        audit_record(run->app, FACE_SHELL, "read-only on", "at the start");
    model_start(run->app->model); /* completion reads a live model */
    output_line(run->out, OUTPUT_NOTE, "gemel %s; `help` lists the commands, ^D leaves",
                GEMEL_VERSION);
    shell_edit(shell);
}
