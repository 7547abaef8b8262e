/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_watch.c - watch: a line again and again; on a terminal in place, in the console on a page,
   elsewhere one output after the other. */
#include "console/commands.h"
#include "console/terminal.h"
#include "widgets/text.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TEXT_MAX_BYTES (4 << 20) /* of a round; more is cut */

typedef struct {
    CommandRun *run;
    CommandRun *nested; /* the round under way, or NULL */
    Output *out;        /* of a round */
    GString *text;
    char *line;
    gint interval_ms;
    gint64 rounds, done; /* rounds < 0: until it is ended */
    int status;          /* of the last round */
    GSource *timer, *keys;
    gboolean terminal; /* drawn in place, and q ends it */
    struct termios modes;
} Watch;

static gboolean watch_round(gpointer data);

static void watch_free(gpointer data)
{
    Watch *watch = data;

    app_source_remove(&watch->timer);
    app_source_remove(&watch->keys);
    if (watch->nested != NULL)
        command_cancel(g_steal_pointer(&watch->nested));
    if (watch->terminal)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &watch->modes);
    output_free(watch->out);
    g_string_free(watch->text, TRUE);
    g_free(watch->line);
    g_free(watch);
}

static void take_line(OutputClass class, const char *text, gpointer data)
{
    Watch *watch = data;

    if (watch->text->len < TEXT_MAX_BYTES)
        g_string_append_printf(watch->text, "%s%s\n", class == OUTPUT_ERROR ? "gemel: " : "", text);
}

/* ---- showing -------------------------------------------------------------------------------- */

static char *heading(const Watch *watch)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%H:%M:%S");

    return g_strdup_printf("every %gs: %s   %s", watch->interval_ms / 1000.0, watch->line, time);
}

/* In place: what does not fit the terminal is cut, so nothing scrolls. */
static void draw_terminal(const Watch *watch)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    g_auto(GStrv) lines = g_strsplit(watch->text->str, "\n", -1);
    g_autofree char *head = heading(watch);
    g_autoptr(GString) screen = g_string_new("\033[H");
    guint room;

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    room = MAX(size.ws_row, 3) - 3u;
    g_string_append(screen, watch->done == 1 ? "\033[2J" : "");
    text_append_fit(screen, head, MAX(size.ws_col, 10) - 9, TEXT_LEFT);
    g_string_append(screen, " q leaves\033[K\n\033[K\n");
    for (guint i = 0; lines[i] != NULL && i < room; i++) {
        const char *end = lines[i];
        int width = text_width(lines[i]);

        if (width > size.ws_col)
            text_append_fit(screen, lines[i], size.ws_col, TEXT_LEFT);
        else
            g_string_append(screen, end);
        g_string_append(screen, "\033[K\n");
    }
    g_string_append(screen, "\033[J");
    terminal_begin_write(STDOUT_FILENO);
    for (gsize at = 0; at < screen->len;) {
        ssize_t n = write(STDOUT_FILENO, screen->str + at, screen->len - at);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            break;
        at += n > 0 ? (gsize)n : 0;
    }
    terminal_end_write();
}

/* FALSE: nobody looks any more. */
static gboolean watch_show(Watch *watch)
{
    CommandRun *run = watch->run;

    if (run->face->page != NULL && !run->piped && run->nesting == 0) {
        g_autofree char *title = heading(watch);

        return run->face->page(run, title, watch->text->str, run->face->face_data);
    }
    if (watch->terminal) {
        draw_terminal(watch);
        return TRUE;
    }
    if (watch->done > 1)
        output_line(run->out, OUTPUT_DATA, "%s", "");
    output_text(run->out, watch->text->str);
    output_flush(run->out);
    return TRUE;
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void round_done(CommandRun *nested, int status, gpointer data)
{
    Watch *watch = data;

    watch->nested = NULL;
    if (watch->run->finished)
        return;
    watch->done++;
    watch->status = status;
    if (!watch_show(watch) || (watch->rounds >= 0 && watch->done >= watch->rounds)) {
        run_finish(watch->run, watch->status);
        return;
    }
    watch->timer = app_add_timer(watch->run->app, (guint)watch->interval_ms, watch_round, watch);
}

static gboolean watch_round(gpointer data)
{
    Watch *watch = data;

    app_source_remove(&watch->timer);
    g_string_truncate(watch->text, 0);
    CommandRun *nested = command_nested_run(watch->run, watch->out, watch->line, round_done, watch);

    if (nested != NULL) /* else it is over, and the watch may be, too */
        watch->nested = nested;
    return G_SOURCE_REMOVE;
}

static gboolean key_ready(int fd, GIOCondition condition, gpointer data)
{
    Watch *watch = data;
    char key;
    ssize_t n = read(fd, &key, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0 || key == 'q' || key == 'Q' || key == 4)
        run_finish(watch->run, 0);
    return n > 0 && key != 'q' && key != 'Q' && key != 4;
}

/* q without Enter; a signal's way out restores the modes that the program found. */
static void take_terminal(Watch *watch)
{
    struct termios modes;

    watch->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && watch->run->nesting == 0 &&
                      !watch->run->piped && watch->run->face->page == NULL &&
                      watch->run->face->has_terminal && tcgetattr(STDIN_FILENO, &watch->modes) == 0;
    if (!watch->terminal)
        return;
    modes = watch->modes;
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    watch->keys = app_add_fd(watch->run->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, key_ready, watch);
}

static void watch_run(CommandRun *run)
{
    const char *interval = run_option(run, "interval");
    const char *count = run_option(run, "count");
    Watch *watch = g_new0(Watch, 1);

    watch->run = run;
    watch->interval_ms = 2000;
    watch->rounds = count != NULL ? g_ascii_strtoll(count, NULL, 10) : -1;
    if (interval != NULL)
        parse_duration_ms(interval, &watch->interval_ms, NULL);
    watch->interval_ms = MAX(watch->interval_ms, 100);
    /* one word is a whole line already */
    watch->line =
        run->n_words == 1 ? g_strdup(run->words[0]) : command_join((const char *const *)run->words);
    watch->text = g_string_new(NULL);
    watch->out = output_new_lines(take_line, watch);
    run->data = watch;
    run->data_free = watch_free;
    run_hold(run);
    take_terminal(watch);
    watch_round(watch);
}

static const CommandOption watch_options[] = {
    {"interval", 'i', OPTION_DURATION, FALSE, "TIME", "from one end to the next begin (2s)"},
    {"count", 'n', OPTION_NUMBER, FALSE, "N", "end after N times"},
    {NULL},
};

const Command commands_watch[] = {
    {.name = "watch",
     .summary = "run a command again and again, and show what it prints in place",
     .example = "gemel watch list --filter state=running",
     .group = "Scripts",
     .flags = COMMAND_PASSTHROUGH,
     .words = {{WORD_LINE, "COMMAND", .repeats = TRUE}},
     .options = watch_options,
     .details = "q or ^C ends it; in the console it is a page that q closes. The options of watch "
                "stand before COMMAND. A line with ; or | in it is quoted: `watch 'list | grep "
                "web'`. The status is that of the last time.",
     .run = watch_run},
    {.name = NULL},
};
