/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The terminal: the one place that takes it and gives it back.
 *
 * screen_enter() saves the terminal's settings and takes it over, screen_leave() gives it back as
 * it was. Between them nothing else may write to the terminal. leave/enter also wrap every program
 * that needs the terminal (an editor, a console stream) and ^Z.
 *
 * A fatal signal runs a handler that writes one prepared string and the saved settings and calls no
 * curses (which may be what crashed).
 *
 * One screen per process, UI thread only.
 */
#pragma once

#include <glib.h>

#include "widgets/canvas.h"

/* Takes the terminal of standard input and output over. On failure the terminal is untouched. */
gboolean screen_enter(GError **error);

/* Gives the terminal back. May be called when it was never taken, and again. */
void screen_leave(void);

/* After leave: puts the modes back that a program which had the terminal since then left behind. */
void screen_restore_modes(void);

/* TRUE between enter and leave. */
gboolean screen_is_active(void);

/* Frees what the screen holds; the terminal is given back first. */
void screen_free(void);

/* Leaves the screen, stops the process group as ^Z does, and takes the terminal again when it is
 * continued. */
void screen_stop_and_wait(void);

/* Asks the terminal how large it is and takes that over. TRUE when it changed. */
gboolean screen_resize(void);

/* All of it. */
Canvas screen_canvas(void);

/* Begins a new picture (everything blank) / sends what differs from the last one. FALSE when the
 * terminal, on a slow line, did not take all of it: no other picture is to be sent until
 * screen_flush(), called when screen_output_fd() can be written, has said TRUE. */
void screen_begin(void);
gboolean screen_show(void);
gboolean screen_is_ready(void);
gboolean screen_flush(void);
int screen_output_fd(void);

/* The next screen_show() sends every cell: ^L, and after others wrote on the terminal. */
void screen_redraw(void);

/* Where the cursor stands after screen_show(); hidden by default in each new picture. */
void screen_set_cursor(const Canvas *c, int y, int x);

/* What came from the terminal. */
typedef struct {
    int key;  /* KEYS_*, KEYS_NONE when nothing waits */
    int y, x; /* of KEYS_CLICK */
    char *
        paste; /* a bracketed paste, sanitised, newlines as spaces; g_free() it. key is KEYS_NONE */
} ScreenEvent;

/* The next key, without waiting. FALSE when there is none. */
gboolean screen_read(ScreenEvent *ret_event);

/* For a line editor and for a terminal inside the screen: the bytes as they come, without waiting,
 * the brackets of a paste included. Returns how many, 0 for none, -1 when the terminal is gone. */
int screen_read_bytes(char *buffer, int size);

/* Hands back what was read elsewhere and is for the screen: it comes before all else. */
void screen_unread(const guint8 *bytes, gsize n);

/* TRUE once reading failed for good: the terminal hung up. */
gboolean screen_is_gone(void);

/* Keys like Up are sent as ESC and more bytes: what comes later than this after ESC is another key.
 * A lone Esc is known as such after it. 25 until it is set. */
void screen_set_escape_delay(int ms);

/* Off by default, so that the terminal's own selection works. */
void screen_set_mouse(gboolean on);
gboolean screen_mouse(void);

/* Copies to the terminal's clipboard (clipboard.h says how, and how much of it). */
void screen_copy(const char *text);

/* One ring of the terminal's bell, visible or not. */
void screen_beep(void);

/* --- for tests: no terminal, no TERM ------------------------------------------------------- */

/* A screen of this size that goes nowhere. */
void screen_open_test(int height, int width);

/* What stands on it: rows ended by newlines, spaces at the ends of rows left out. */
char *screen_dump(void);

/* The roles behind row `y`, as runs `first-last:role[@base]`, for asserting what is dim, marked or
 * selected; runs of plain text are left out. g_free() both. */
char *screen_dump_roles(int y);

/* The picture with its looks: after each row of screen_dump() a line of runs `first-last
 * foreground/background attributes` (`b` bold, `d` dim, `r` reverse, `u` underlined; `-` the
 * terminal's own), plain ones left out. g_free() */
char *screen_dump_looks(void);

/* Whether every cell has the attributes of its role and base, and no other's. */
gboolean screen_check_attributes(void);
