/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * consoles.h - consoles and shells inside the console: what is open, its stream and its terminal.
 *
 * A Console lives from the command that opens it until it is closed, or left after its end. It is
 * read whether it is shown or not, a slice of a millisecond or so at a time, so that one that
 * prints without end slows no key; what does not fit into the slices waits in the kernel and holds
 * up the program that prints. Of what is typed up to BACKLOG_MAX waits for a program that does not
 * read.
 *
 * Per instance there is one console and one shell; opening it again shows the one there is.
 */
#pragma once

#include "console/tui/tui_private.h"
#include "widgets/terminal.h"

#define CONSOLES_MAX 32

typedef enum { CONSOLE_OPENING, CONSOLE_LIVE, CONSOLE_ENDED } ConsoleState;

typedef struct Console {
    Tui *tui;
    guint number; /* "console 3": stays its own */
    LendKind kind;
    char *key;  /* of the instance */
    char *name; /* the instance's, when it was opened */
    char *what; /* "console of lab-vm" */
    ConsoleState state;
    int status;          /* once it ended; -1: see error */
    gboolean statusless; /* a console is no command: it closes */
    char *error;         /* or NULL */
    Terminal *terminal;
    gboolean shown;
    gboolean unseen, rang;                        /* since it was shown last */
    gint64 started_usec, ended_usec, output_usec; /* g_get_monotonic_time; 0: never */
    guint64 bytes;                                /* printed */
    guint64 dropped;                              /* of what was typed */
    CommandRun *run;                              /* that opened it, until it is left or ends */

    /* consoles.c alone */
    GemelStreamJob *stream;
    int fd;
    gboolean over; /* the stream's thread is done; what it left is still being read */
    GSource *input, *flush, *pause;
    GByteArray *backlog;
} Console;

/* FaceOps.open_stream. */
gboolean consoles_open(CommandRun *run, const ModelInstance *instance, const GemelStreamArgs *args,
                       gpointer tui);
void consoles_free(Tui *tui);

/* All that are open, oldest first: tui->consoles. */
Console *consoles_nth(Tui *tui, guint i);
Console *consoles_find(Tui *tui, guint number);
/* Shells and execs that have not ended. */
guint consoles_live_shells(Tui *tui);
/* "2 consoles, 1 with news (C)", or NULL. g_free() */
char *consoles_note(Tui *tui);
/* "live", "ended with status 3", "lost: ..."; g_free() */
char *consoles_state_text(const Console *console);

/* Sends what was typed. */
void console_send(Console *console, const char *bytes, gsize length, gboolean answer);
void console_set_size(Console *console, int rows, int cols);
/* It is not looked at any more: its command is done, and one that ended is gone. */
void console_left(Console *console);
/* Ends it. */
void console_close(Console *console);

/* ---- console_page.c ------------------------------------------------------------------------- */

/* Shows a console on the page for consoles, which comes to the top. */
void console_page_show(Tui *tui, Console *console);
/* The page, when it is on top; NULL. */
Page *console_page_top(Tui *tui);
/* The console goes: no page shows it any more. */
void console_page_forget(Tui *tui, Console *console);
/* `view console ARG`. */
gboolean console_page_verb(Tui *tui, const char *arg, GError **error);
/* What is selected in the scroll-back, else the line under the cursor; NULL elsewhere. g_free() */
char *console_page_selection(Page *page);

/* ---- consoles_page.c ------------------------------------------------------------------------ */

Page *consoles_view_new(Tui *tui);
/* Closes the one selected there. FALSE: there is none, or the list is not on top. */
gboolean consoles_view_close(Tui *tui);
