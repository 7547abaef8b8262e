/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lend.c - the terminal is lent to a stream (console, shell, exec), an editor or a pager: a clean
   screen with a heading before it, and a moment to read what was said where that would be lost. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/options.h"
#include "console/tui/tui_private.h"
#include "widgets/screen.h"

/* A shell that ends sooner did not start properly: what it said has to be read. */
#define SHELL_FAILED_USEC G_USEC_PER_SEC

/* "join net of lab-ct", and from where one sees. */
static char *join_text(const char *namespaces, const ModelInstance *instance)
{
    g_auto(GStrv) words = g_strsplit(namespaces != NULL ? namespaces : "", ",", -1);
    gboolean files = g_strv_contains((const char *const *)words, "mnt") ||
                     g_strv_contains((const char *const *)words, "all");

    return g_strdup_printf("join %s of %s; programs and files are %s",
                           namespaces != NULL ? namespaces : "", instance->info->name,
                           files ? "its own" : "this host's");
}

/* One line of a `;` list that opens a stream, in parts. */
static gboolean parse_stream(Tui *tui, const char *line, LendKind *ret_kind, char **ret_what)
{
    static const char *const kinds[] = {[LEND_CONSOLE] = "console",
                                        [LEND_SHELL] = "shell",
                                        [LEND_EXEC] = "exec",
                                        [LEND_JOIN] = "join"};
    g_auto(GStrv) argv = NULL;
    const ModelInstance *instance = NULL;
    guint used, at;

    if (!g_shell_parse_argv(line, NULL, &argv, NULL))
        return FALSE;
    const Command *command = command_find((const char *const *)argv, &used, NULL);

    *ret_kind = LEND_NONE;
    for (LendKind kind = LEND_CONSOLE; command != NULL && kind <= LEND_JOIN; kind++)
        if (strcmp(command->name, kinds[kind]) == 0)
            *ret_kind = kind;
    if (*ret_kind == LEND_NONE)
        return FALSE;
    for (at = used; argv[at] != NULL && instance == NULL; at++)
        instance = *argv[at] != '-' ? model_find(tui->app->model, argv[at], NULL) : NULL;
    if (instance == NULL)
        return FALSE;
    if (argv[at] != NULL && strcmp(argv[at], "--") == 0)
        at++;
    *ret_what = *ret_kind == LEND_CONSOLE ? g_strdup_printf("console of %s", instance->info->name)
                : *ret_kind == LEND_JOIN  ? join_text(argv[at], instance)
                : *ret_kind == LEND_SHELL || argv[at] == NULL
                    ? g_strdup_printf("shell in %s", instance->info->name)
                    : g_strdup_printf("%s in %s", argv[at], instance->info->name);
    return TRUE;
}

char *lend_what(Tui *tui, const char *text, LendKind *ret_kind)
{
    g_auto(GStrv) lines = command_split_lines(text, NULL);
    char *what = NULL;

    for (guint i = 0; lines != NULL && lines[i] != NULL; i++)
        if (parse_stream(tui, lines[i], ret_kind, &what))
            return what;
    *ret_kind = LEND_NONE;
    return NULL;
}

static void write_bare(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        g_debug("terminal: %s", g_strerror(errno));
}

/* Scrolls what was there away, so that it stays in the terminal's history, and says what comes. */
static void draw_heading(Tui *tui, const char *what)
{
    struct winsize size = {.ws_row = 24};
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(GStrv) keys = g_strsplit(options_get(tui->app->options, "detach-keys"), " ", -1);
    g_autofree char *leave = g_strjoinv(" or ", keys);

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    g_string_append_printf(out, "\033[%d;1H", MAX(size.ws_row, 1));
    for (int i = 0; i < size.ws_row; i++)
        g_string_append(out, "\r\n");
    g_string_append(out, "\033[H\033[2J");
    if (what != NULL) {
        g_autofree char *safe = text_sanitise(what, -1, TEXT_OUTPUT);

        g_string_append(out, safe);
        g_string_append(out, tui->lent == LEND_SHELL ? "; exit leaves it" : "");
        g_string_append_printf(out, "%s%s\r\n", tui->lent == LEND_CONSOLE ? "; leave with " : "",
                               tui->lent == LEND_CONSOLE ? leave : "");
    }
    write_bare(out->str);
}

gboolean lend_terminal(gpointer data)
{
    Tui *tui = data;
    g_autofree char *what = NULL;

    if (tui->taken && tui->linger_source == NULL)
        return FALSE;
    if (tui->taken) { /* the next of a line, while the one before is read */
        app_source_remove(&tui->linger_source);
        tui->lent_usec = g_get_monotonic_time();
        write_bare("\r\n");
        return TRUE;
    }
    tui->lent = LEND_NONE;
    for (guint i = 0; what == NULL && face_line_under_way(tui, i) != NULL; i++)
        what = lend_what(tui, face_line_under_way(tui, i), &tui->lent);
    tui->lent_usec = g_get_monotonic_time();
    tui_terminal_leave(tui);
    face_release_keys(tui);
    draw_heading(tui, what);
    return TRUE;
}

void lend_over(Tui *tui)
{
    app_source_remove(&tui->linger_source);
    tui_terminal_enter(tui);
}

void lend_unread(gpointer tui, const guint8 *bytes, gsize length)
{
    screen_unread(bytes, length);
    input_ready(STDIN_FILENO, G_IO_IN, tui);
}

/* The terminal reads lines now: something comes with Enter, or at its end. */
static gboolean linger_ready(int fd, GIOCondition condition, gpointer data)
{
    char bytes[256];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0 && memchr(bytes, '\n', (size_t)n) == NULL)
        return G_SOURCE_CONTINUE;
    lend_over(data);
    return G_SOURCE_REMOVE;
}

/* Whether what stands on the terminal has to be read before the screen is drawn over it: what a
   failure said, and what a command printed that nobody typed into: who typed saw it, and left. */
static gboolean has_to_be_read(const Tui *tui, const TerminalUse *use)
{
    gboolean at_once = g_get_monotonic_time() - tui->lent_usec < SHELL_FAILED_USEC;

    switch (tui->lent) {
    case LEND_CONSOLE:
        return FALSE;
    case LEND_SHELL: /* its status is that of the last thing done in it */
        return use->status != 0 && at_once;
    case LEND_EXEC:
    case LEND_JOIN:
        return use->status != 0 || (use->printed && !use->typed);
    case LEND_NONE: /* an editor, a pager: killed by a signal it said nothing */
        break;
    }
    return use->status != 0 && use->status < 128;
}

void lend_take_back(gpointer data, const TerminalUse *use)
{
    Tui *tui = data;

    if (!tui->taken || tui->linger_source != NULL)
        return;
    if (tui->quit || use == NULL || !has_to_be_read(tui, use)) {
        tui_terminal_enter(tui);
        return;
    }
    screen_restore_modes(); /* Enter has to come as one */
    write_bare("\r\npress Enter to go back ");
    tui->linger_source =
        app_add_fd(tui->app, STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, linger_ready, tui);
}
