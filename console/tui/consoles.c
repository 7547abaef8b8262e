/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/tui/consoles.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/options.h"
#include "widgets/screen.h"

/* Read at once, and how long in one turn of the loop by all together. */
#define CHUNK      512
#define SLICE_USEC 1500
/* One that used its slice up rests: then the console takes a third of a core at most. */
#define REST_MS        3
#define REST_HIDDEN_MS 12
/* After the draw, which is at G_PRIORITY_DEFAULT + 5. */
#define PRIORITY    (G_PRIORITY_DEFAULT + 10)
#define BACKLOG_MAX (1024 * 1024)
#define ANSWERS_MAX 4096
/* What docker and podman answer when they, not the command, failed. */
#define STATUS_OWN_FAILURE 125

/* ---- the list of them ----------------------------------------------------------------------- */

Console *consoles_nth(Tui *tui, guint i)
{
    return tui->consoles != NULL && i < tui->consoles->len ? tui->consoles->pdata[i] : NULL;
}

Console *consoles_find(Tui *tui, guint number)
{
    Console *console;

    for (guint i = 0; (console = consoles_nth(tui, i)) != NULL; i++)
        if (console->number == number)
            return console;
    return NULL;
}

guint consoles_live_shells(Tui *tui)
{
    guint n = 0;
    Console *console;

    for (guint i = 0; (console = consoles_nth(tui, i)) != NULL; i++)
        n += console->kind != LEND_CONSOLE && console->state != CONSOLE_ENDED;
    return n;
}

char *consoles_note(Tui *tui)
{
    guint n = tui->consoles != NULL ? tui->consoles->len : 0, news = 0;

    for (guint i = 0; i < n; i++)
        news += consoles_nth(tui, i)->unseen;
    if (n == 0)
        return NULL;
    if (news == 0)
        return g_strdup_printf("%u console%s (C)", n, n == 1 ? "" : "s");
    return g_strdup_printf("%u console%s, %u with news (C)", n, n == 1 ? "" : "s", news);
}

char *consoles_state_text(const Console *console)
{
    if (console->state == CONSOLE_OPENING)
        return g_strdup("connecting");
    if (console->state == CONSOLE_LIVE)
        return g_strdup("open");
    if (console->error != NULL)
        return g_strdup(console->error);
    if (console->statusless || console->status < 0)
        return g_strdup("closed by the other side");
    return g_strdup_printf("ended with status %d", console->status);
}

/* The lowest number that is free. */
static guint free_number(Tui *tui)
{
    guint number = 1;

    while (consoles_find(tui, number) != NULL)
        number++;
    return number;
}

/* ---- to the program ------------------------------------------------------------------------- */

static gboolean flush_ready(int fd, GIOCondition condition, gpointer data);

static void flush_backlog(Console *console)
{
    while (console->fd >= 0 && console->backlog->len > 0) {
        ssize_t n = send(console->fd, console->backlog->data, console->backlog->len,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            g_byte_array_set_size(console->backlog, 0); /* it reads no more */
        if (n <= 0)
            break;
        g_byte_array_remove_range(console->backlog, 0, (guint)n);
    }
    if (console->fd < 0 || console->backlog->len == 0)
        app_source_remove(&console->flush);
    else if (console->flush == NULL)
        console->flush = app_add_fd(console->tui->app, console->fd, G_IO_OUT, flush_ready, console);
}

static gboolean flush_ready(int fd, GIOCondition condition, gpointer data)
{
    flush_backlog(data);
    return G_SOURCE_CONTINUE;
}

void console_send(Console *console, const char *bytes, gsize length, gboolean answer)
{
    gsize room = answer ? ANSWERS_MAX : BACKLOG_MAX;

    if (console->state == CONSOLE_ENDED)
        return;
    /* one that asks and asks and never reads gets no more answers */
    if (console->backlog->len + length > room) {
        console->dropped += answer ? 0 : length;
        return;
    }
    g_byte_array_append(console->backlog, (const guint8 *)bytes, (guint)length);
    flush_backlog(console);
}

static void terminal_says(gpointer data, const char *bytes, gsize length, gboolean answer)
{
    console_send(data, bytes, length, answer);
}

void console_set_size(Console *console, int rows, int cols)
{
    if (rows == terminal_rows(console->terminal) && cols == terminal_cols(console->terminal))
        return;
    terminal_resize(console->terminal, rows, cols);
    if (console->stream != NULL)
        gemel_stream_job_resize(console->stream, (guint)terminal_rows(console->terminal),
                                (guint)terminal_cols(console->terminal));
}

/* ---- its end -------------------------------------------------------------------------------- */

static void stop_reading(Console *console)
{
    app_source_remove(&console->input);
    app_source_remove(&console->flush);
    app_source_remove(&console->pause);
    if (console->fd >= 0)
        close(console->fd);
    console->fd = -1;
}

static void console_free(gpointer data)
{
    Console *console = data;

    stop_reading(console);
    g_clear_pointer(&console->stream, gemel_stream_job_release);
    terminal_free(console->terminal);
    g_byte_array_unref(console->backlog);
    g_free(console->key);
    g_free(console->name);
    g_free(console->what);
    g_free(console->error);
    g_free(console);
}

/* The command that opened it is over; it may go on. */
static void finish_run(Console *console, int status)
{
    CommandRun *run = console->run;

    console->run = NULL;
    if (run != NULL) {
        run->data = NULL;
        run->left = console->state != CONSOLE_ENDED;
        run_finish(run, status);
    }
}

/* Everything it said is read. What comes behind its command may take the console away: it is not
   looked at any more afterwards. */
static void end_now(Console *console, gboolean closes)
{
    Tui *tui = console->tui;
    CommandRun *run = console->run;
    gboolean shown = console->shown;
    int status = console->status >= 0            ? console->status
                 : console->kind == LEND_CONSOLE ? 1
                                                 : STATUS_OWN_FAILURE;

    stop_reading(console);
    g_clear_pointer(&console->stream, gemel_stream_job_release);
    console->state = CONSOLE_ENDED;
    console->ended_usec = g_get_monotonic_time();
    console->unseen = console->unseen || !shown;
    console->run = NULL;
    if (closes)
        console_close(console);
    if (run != NULL) {
        run->data = NULL;
        run_finish(run, status);
    }
    if (shown && g_ptr_array_find(tui->consoles, console, NULL))
        g_clear_pointer(&tui->message, g_free); /* its header says how it ended */
    tui_changed(tui);
}

void console_close(Console *console)
{
    Tui *tui = console->tui;

    finish_run(console, 0);
    console_page_forget(tui, console);
    g_ptr_array_remove(tui->consoles, console);
    tui_changed(tui);
}

void console_left(Console *console)
{
    CommandRun *run = console->run;

    console->shown = FALSE;
    if (run != NULL)
        output_line(run->out, OUTPUT_NOTE, "left the %s; it goes on, C lists what is open",
                    console->what);
    finish_run(console, 0);
    if (console->state == CONSOLE_ENDED)
        console_close(console);
}

/* ---- from the program ----------------------------------------------------------------------- */

static gboolean read_ready(int fd, GIOCondition condition, gpointer data);
static gboolean rest_over(gpointer data);

static void watch(Console *console)
{
    if (console->input != NULL || console->fd < 0)
        return;
    console->input =
        app_add_fd(console->tui->app, console->fd, G_IO_IN | G_IO_HUP, read_ready, console);
    g_source_set_priority(console->input, PRIORITY);
}

/* How many read at the moment: they share the slice. */
static guint n_reading(Tui *tui)
{
    guint n = 0;

    for (guint i = 0; i < tui->consoles->len; i++)
        n += consoles_nth(tui, i)->fd >= 0;
    return MAX(n, 1);
}

/* What was printed is on the terminal; what follows from it. */
static void printed(Console *console)
{
    console->output_usec = g_get_monotonic_time();
    if (terminal_take_bell(console->terminal)) {
        if (console->shown)
            screen_beep();
        else
            console->rang = TRUE;
    }
    if (!terminal_take_changed(console->terminal))
        return;
    if (!console->shown && console->unseen)
        return;
    console->unseen = !console->shown;
    tui_changed(console->tui);
}

/* Reads a slice. */
static void read_slice(Console *console)
{
    gint64 until = g_get_monotonic_time() + SLICE_USEC / n_reading(console->tui);
    char bytes[CHUNK];
    ssize_t n = 0;
    gboolean any = FALSE, used_up = FALSE;

    while (!used_up && (n = read(console->fd, bytes, sizeof bytes)) > 0) {
        terminal_write(console->terminal, bytes, (gsize)n);
        console->bytes += (guint64)n;
        any = TRUE;
        used_up = g_get_monotonic_time() > until;
    }
    if (any)
        printed(console);
    if (used_up) {
        app_source_remove(&console->input);
        console->pause = app_add_timer(console->tui->app, console->shown ? REST_MS : REST_HIDDEN_MS,
                                       rest_over, console);
        g_source_set_priority(console->pause, PRIORITY);
        return;
    }
    if (n < 0 && errno == EINTR)
        return;
    if (console->over)
        end_now(console, FALSE);
    else if (n == 0 || errno != EAGAIN)
        app_source_remove(&console->input); /* the status is to come */
}

static gboolean read_ready(int fd, GIOCondition condition, gpointer data)
{
    read_slice(data);
    return G_SOURCE_CONTINUE;
}

static gboolean rest_over(gpointer data)
{
    Console *console = data;

    app_source_remove(&console->pause);
    watch(console);
    read_slice(console);
    return G_SOURCE_REMOVE;
}

/* ---- the stream's hooks --------------------------------------------------------------------- */

static void stream_opened(gpointer data, int fd, int err_fd)
{
    Console *console = data;

    if (err_fd >= 0)
        close(err_fd); /* with a terminal there is none */
    console->fd = fd;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    console->state = CONSOLE_LIVE;
    gemel_stream_job_resize(console->stream, (guint)terminal_rows(console->terminal),
                            (guint)terminal_cols(console->terminal));
    flush_backlog(console);
    watch(console);
    tui_changed(console->tui);
}

static void stream_ended(gpointer data, int status, const GError *error)
{
    Console *console = data;
    CommandRun *run = console->run;
    gboolean began = console->state == CONSOLE_LIVE;

    console->status = error == NULL ? status : -1;
    console->error = error != NULL ? g_strdup(error->message) : NULL;
    if (run != NULL && error != NULL)
        run_error(run, error);
    console->over = TRUE;
    if (!began && console->shown) {
        /* there was nothing to see: the reason is told where it was asked for */
        console->shown = FALSE;
        end_now(console, TRUE);
    } else if (console->fd < 0) {
        end_now(console, FALSE);
    } else if (console->pause == NULL) {
        console->pause = app_add_timer(console->tui->app, 0, rest_over, console);
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

static Console *find_open(Tui *tui, const char *key, LendKind kind)
{
    Console *console;

    for (guint i = 0; (console = consoles_nth(tui, i)) != NULL; i++)
        if (kind != LEND_EXEC && console->kind == kind && strcmp(console->key, key) == 0 &&
            console->state != CONSOLE_ENDED)
            return console;
    return NULL;
}

/* The run was cancelled. */
static void run_gone(gpointer data)
{
    Console *console = data;

    if (console != NULL)
        console->run = NULL;
}

static LendKind kind_of(const CommandRun *run, const GemelStreamArgs *args)
{
    return args->kind == GEMEL_STREAM_CONSOLE || args->kind == GEMEL_STREAM_ATTACH ? LEND_CONSOLE
           : g_str_equal(run->command->name, "shell")                              ? LEND_SHELL
                                                                                   : LEND_EXEC;
}

static Console *console_new(Tui *tui, const ModelInstance *instance, LendKind kind,
                            const char *command, const GemelStreamArgs *args)
{
    Console *console = g_new0(Console, 1);
    Canvas all = screen_canvas();

    console->tui = tui;
    console->number = free_number(tui);
    console->kind = kind;
    console->statusless = args->kind == GEMEL_STREAM_CONSOLE;
    console->key = g_strconcat(instance->backend->name, "/", instance->info->id, NULL);
    console->name = g_strdup(instance->info->name);
    console->what =
        kind == LEND_CONSOLE ? g_strdup_printf("console of %s", console->name)
        : args->kind == GEMEL_STREAM_JOIN
            ? g_strdup_printf("%s joined to %s (%s files)",
                              args->argv != NULL ? args->argv[0] : command, console->name,
                              args->namespaces & 1u << GEMEL_NS_MNT ? "its" : "host's")
        : kind == LEND_SHELL
            ? g_strdup_printf("shell in %s", console->name)
            : g_strdup_printf("%s in %s", args->argv != NULL ? args->argv[0] : command,
                              console->name);
    console->fd = -1;
    console->backlog = g_byte_array_new();
    console->started_usec = g_get_monotonic_time();
    console->terminal = terminal_new(all.height - 1, all.width,
                                     (guint)options_get_number(tui->app->options, "scrollback"),
                                     terminal_says, console);
    g_ptr_array_add(tui->consoles, console);
    return console;
}

/* Gives back what ended and nobody looks at, so that there is room. */
static gboolean make_room(Tui *tui)
{
    for (guint i = 0; tui->consoles->len >= CONSOLES_MAX && i < tui->consoles->len; i++) {
        Console *console = consoles_nth(tui, i);

        if (console->state == CONSOLE_ENDED && !console->shown) {
            console_close(console);
            i = (guint)-1;
        }
    }
    return tui->consoles->len < CONSOLES_MAX;
}

gboolean consoles_open(CommandRun *run, const ModelInstance *instance, const GemelStreamArgs *args,
                       gpointer data)
{
    Tui *tui = data;
    LendKind kind = kind_of(run, args);
    g_autofree char *key = g_strconcat(instance->backend->name, "/", instance->info->id, NULL);

    if (g_str_equal(options_get(tui->app->options, "consoles"), "whole"))
        return FALSE;
    if (tui->consoles == NULL)
        tui->consoles = g_ptr_array_new_with_free_func(console_free);
    Console *console = find_open(tui, key, kind);

    if (console != NULL && console->run != NULL) {
        finish_run(console, 0); /* what comes behind it may close the console */
        console = find_open(tui, key, kind);
    }
    if (console == NULL && !make_room(tui)) {
        run_fail(run, GEMEL_ERROR_BUSY, "%u consoles are open; close some (C lists them)",
                 CONSOLES_MAX);
        return TRUE;
    }
    gboolean is_new = console == NULL;

    if (is_new)
        console = console_new(tui, instance, kind, run->command->name, args);
    console->run = run;
    run->data = console;
    run->data_free = run_gone;
    run_hold(run);
    console_page_show(tui, console);
    face_release_keys(tui);
    if (is_new) {
        GemelStreamArgs sized = *args;

        sized.rows = (guint)terminal_rows(console->terminal);
        sized.cols = (guint)terminal_cols(console->terminal);
        sized.attach &= ~(guint)GEMEL_ATTACH_SPLIT; /* all of it is drawn in one place */
        console->stream = gemel_lanes_stream(
            instance->backend->open->lanes, instance->info->id, &sized,
            &(GemelStreamHooks){.opened = stream_opened, .ended = stream_ended, .data = console});
    }
    return TRUE;
}

void consoles_free(Tui *tui)
{
    for (guint i = 0; tui->consoles != NULL && i < tui->consoles->len; i++)
        finish_run(consoles_nth(tui, i), 0);
    g_clear_pointer(&tui->consoles, g_ptr_array_unref);
}
