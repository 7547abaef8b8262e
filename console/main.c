/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * main.c - the program: which face, which backends, and how it leaves.
 *
 * Signals are blocked before any thread starts and read by signalfd. Leaving never waits for a
 * worker that is held up, and the process goes by _exit.
 */
#include "backends/nofile.h"
#include "console/arguments.h"
#include "console/batch.h"
#include "console/commands.h"
#include "console/linear.h"
#include "console/rc.h"
#include "console/terminal.h"
#include "console/tui/tui.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0 /* gcc before 14 */
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ ||                                 \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_EXIT_CHECKS 1
#else
#define HAS_EXIT_CHECKS 0
#endif

typedef struct {
    App *app;
    CommandRun *run;
    Batch *batch; /* or this */
    int status;
    gboolean over;
    /* confirm on the terminal */
    CommandRun *asking;
    void (*answer)(CommandRun *run, gboolean yes);
    char *typed_name;
    GSource *input;
} Oneshot;

/* ---- backends ------------------------------------------------------------------------------- */

static gboolean open_backends(App *app, const Arguments *arguments, GError **error)
{
    if (arguments->demo) {
        g_autofree char *uri = g_strconcat("sim:", arguments->demo_spec, NULL);

        return app_connect(app, NULL, uri, error);
    }
    if (arguments->uris[0] == NULL)
        return app_connect(app, NULL, NULL, error) && app_connect(app, NULL, "native", error);
    for (guint i = 0; arguments->uris[i] != NULL; i++)
        if (!app_connect(app, NULL, arguments->uris[i], error))
            return FALSE;
    return TRUE;
}

/* ---- one-shot ------------------------------------------------------------------------------- */

static void oneshot_done(CommandRun *run, int status, gpointer data)
{
    Oneshot *oneshot = data;

    oneshot->over = TRUE;
    oneshot->run = NULL;
    oneshot->status = status;
}

static void batch_done(int status, gpointer data)
{
    ((Oneshot *)data)->batch = NULL;
    oneshot_done(NULL, status, data);
}

static gboolean answer_ready(int fd, GIOCondition condition, gpointer data)
{
    Oneshot *oneshot = data;
    char line[256];
    ssize_t n = read(fd, line, sizeof line - 1);
    CommandRun *run = g_steal_pointer(&oneshot->asking);
    gboolean yes;

    line[MAX(n, 0)] = '\0';
    yes = parse_answer(line, oneshot->typed_name);
    app_source_remove(&oneshot->input);
    oneshot->answer(run, yes);
    return G_SOURCE_REMOVE;
}

/* FaceOps.confirm, on a terminal. */
static void oneshot_confirm(CommandRun *run, const char *question, const char *typed_name,
                            void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Oneshot *oneshot = data;

    output_line(run->out, OUTPUT_NOTE, "%s %s", question,
                typed_name != NULL ? "Type its name to do it:" : "[y/N]");
    g_free(oneshot->typed_name);
    oneshot->typed_name = g_strdup(typed_name);
    oneshot->asking = run;
    oneshot->answer = answer;
    oneshot->input = app_add_fd(run->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, answer_ready, oneshot);
}

static void oneshot_interrupt(gpointer data)
{
    Oneshot *oneshot = data;

    app_source_remove(&oneshot->input);
    if (oneshot->run != NULL) {
        command_interrupt(oneshot->run);
        return;
    }
    if (oneshot->batch != NULL)
        batch_cancel(g_steal_pointer(&oneshot->batch));
    oneshot_done(NULL, 130, oneshot);
}

static void on_signal(int signal, gpointer data)
{
    App *app = data;

    if (signal != SIGTSTP && app->pass_signal != NULL && app->pass_signal(app->pass_signal_data))
        return;
    if (signal != SIGINT && signal != SIGTSTP && app->interrupt != NULL && app->ended_by == 0) {
        /* what a command would put back when it is interrupted, it puts back now as well */
        app->ended_by = 128 + signal;
        app->interrupt(app->interrupt_data);
        if (app->closing == 0)
            terminal_exit(app->ended_by);
    } else if (signal == SIGINT && app->interrupt != NULL && app->ended_by == 0)
        app->interrupt(app->interrupt_data);
    else if (signal == SIGTSTP && app->suspend != NULL)
        app->suspend(app->interrupt_data);
    else if (signal == SIGTSTP)
        terminal_stop();
    else
        terminal_exit(128 + signal);
}

/* The words that this program was called with, as they can be typed again; NULL where others may
   not be added at the end. */
static char *typed_line(char **argv)
{
    g_autofree char *name = g_path_get_basename(argv[0]);
    g_autoptr(GString) line = g_string_new(name);

    for (int i = 1; argv[i] != NULL; i++) {
        g_autofree char *quoted = command_quote(argv[i]);

        if (g_str_equal(argv[i], "--"))
            return NULL;
        g_string_append_printf(line, " %s", quoted);
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

static int run_oneshot(App *app, const Arguments *arguments, char **argv)
{
    gboolean asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    Output *out = output_new_stdio();
    Oneshot oneshot = {.app = app};
    g_autofree char *typed = typed_line(argv);
    FaceOps face = {.face = FACE_ONESHOT,
                    .confirm = asks && !arguments->batch ? oneshot_confirm : NULL,
                    .has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
                    .alone = arguments->line == NULL && !arguments->batch,
                    .typed = arguments->line == NULL && !arguments->batch ? typed : NULL,
                    .face_data = &oneshot};

    app->interrupt = oneshot_interrupt;
    app->interrupt_data = &oneshot;
    if (arguments->batch)
        oneshot.batch = batch_start(app, out, &face, batch_done, &oneshot);
    else if (arguments->line != NULL)
        oneshot.run = command_line_run(app, &face, out, arguments->line, oneshot_done, &oneshot);
    else
        oneshot.run = command_argv_run(app, &face, out, (const char *const *)arguments->argv,
                                       oneshot_done, &oneshot);
    while (!oneshot.over)
        app_iterate(app, TRUE);
    app->interrupt = NULL;
    output_free(out);
    g_free(oneshot.typed_name);
    return oneshot.status;
}

/* ---- main ----------------------------------------------------------------------------------- */

/* For the console also ^Z and its relatives from outside: it gives the terminal back first. */
static void block_console_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (guint i = 0; tui_signals[i] != 0; i++)
        sigaddset(&set, tui_signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The signals that the loop reads: a thread inherits that they are blocked. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD,
           SIG_DFL); /* who started us may have ignored it: then no end could be waited for */
}

/* Without a usable terminal the console names the way out. */
static gboolean terminal_is_usable(void)
{
    const char *term = g_getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fputs("gemel: the console needs a terminal; `gemel list`, `gemel shell`, `gemel --linear` "
              "and `gemel help` work without one\n",
              stderr);
        return FALSE;
    }
    if (term == NULL || *term == '\0' || g_str_equal(term, "dumb")) {
        fprintf(
            stderr,
            "gemel: TERM is %s, which cannot show the console; `gemel shell` and `gemel --linear` "
            "work here\n",
            term == NULL || *term == '\0' ? "not set" : "dumb");
        return FALSE;
    }
    return TRUE;
}

/* `gemel top` alone, on a terminal that can show it, is the console sorted by CPU. */
static gboolean is_console_top(const Arguments *arguments)
{
    const char *term = g_getenv("TERM");

    return arguments->argv[0] != NULL && g_str_equal(arguments->argv[0], "top") &&
           arguments->argv[1] == NULL && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
           term != NULL && *term != '\0' && !g_str_equal(term, "dumb");
}

/* `gemel replay FILE` on a terminal is the console on that recording: the URI, or NULL. */
static char *console_replay(const Arguments *arguments)
{
    char **argv = arguments->argv;
    const char *file = NULL, *speed = NULL, *seek = NULL, *value;
    gboolean plain = g_strv_length(argv) >= 2 && g_str_equal(argv[0], "replay") &&
                     isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

    for (int i = 1; plain && argv[i] != NULL; i++) {
        if (arguments_take_value(argv, &i, "--speed", &value))
            speed = value;
        else if (arguments_take_value(argv, &i, "--seek", &value))
            seek = value;
        else if (argv[i][0] != '-' && file == NULL)
            file = argv[i];
        else
            plain = FALSE; /* the command says what is wrong */
    }
    /* a file that is not there is better said without opening a screen */
    return plain && file != NULL && access(file, R_OK) == 0 ? replay_uri(file, speed, seek) : NULL;
}

/* Prints the error; returns the exit status that goes with it. */
static int say_error(const GError *error)
{
    Output *out = output_new_stdio();

    output_line(out, OUTPUT_ERROR, "%s", error->message);
    output_free(out);
    return gemel_error_exit_status(error);
}

/* Goes without the exit handlers of the libraries: libvirt's event thread may be in one of them at
   that moment, and they take half a millisecond. The search for leaks is such a handler. */
static int leave(App *app, int status)
{
    gboolean all = app_free(app);

    fflush(NULL);
    if (!all)
        terminal_exit(status);
#if !HAS_EXIT_CHECKS
    _exit(status);
#endif
    return status;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, 0};
    g_auto(Arguments) arguments = {0};
    g_autoptr(GError) error = NULL;
    GSource *signal_source;
    gboolean console, top;
    int status;
    App *app;

    setlocale(LC_ALL, "");
    terminal_keep_standard_fds();
    block_signals();
    gemel_nofile_raise();
    /* workers make what the UI thread frees: with an arena for each of them memory is kept many
       times over */
    mallopt(M_ARENA_MAX, 2);
    if (!arguments_parse(&arguments, argv, &error))
        return say_error(error);
    if (g_strv_length(arguments.argv) == 3 && g_str_equal(arguments.argv[0], "completion") &&
        g_str_equal(arguments.argv[1], "line"))
        arguments_adopt(&arguments, arguments.argv[2]);
    if (arguments.root != NULL)
        g_setenv("GEMEL_ROOT", arguments.root, TRUE);
    if (arguments.version || arguments.help) {
        g_strfreev(arguments.argv);
        arguments.argv = g_strsplit(arguments.help ? "help" : "version", " ", -1);
    }
    g_autofree char *replay = console_replay(&arguments);

    if (replay != NULL) {
        g_strfreev(arguments.argv);
        g_strfreev(arguments.uris);
        arguments.argv = g_new0(char *, 1);
        arguments.uris = g_strsplit(replay, "\n", 1);
    }
    top = is_console_top(&arguments);
    console = top || (arguments.argv[0] == NULL && arguments.line == NULL && !arguments.batch &&
                      !arguments.linear);
    if (console && !terminal_is_usable())
        return 2;
    if (console)
        block_console_signals();
    else
        terminal_remember();
    app = app_new();
    app->read_only = arguments.read_only;
    app->backends_given = arguments.demo || arguments.uris[0] != NULL;
    app->keys = &tui_keys;
    if (!open_backends(app, &arguments, &error))
        return leave(app, say_error(error));
    signal_source = app_add_signals(app, signals, on_signal, app); /* a line of gemelrc may wait */
    rc_load(app);
    if (top)
        options_set(app->options, "sort", "cpu", NULL);
    if (console)
        app_source_remove(&signal_source); /* it reads its own */
    status = console            ? tui_run(app)
             : arguments.linear ? linear_run(app)
                                : run_oneshot(app, &arguments, argv);
    if (console)
        signal_source = app_add_signals(app, signals, on_signal, app);
    /* What an interrupted command began to put back; another ^C does not wait for it. */
    while (app->closing > 0)
        app_iterate(app, TRUE);
    app_source_remove(&signal_source);
    return leave(app, app->ended_by != 0 ? app->ended_by : status);
}
