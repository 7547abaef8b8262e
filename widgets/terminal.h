/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A terminal inside the screen: what a program printed as cells, what left it at the top as
 * scroll-back, keys encoded as its modes want them. libvterm (0.1.4, Debian 12) does the emulation;
 * nothing else includes it. It names itself as xterm-256color's relative.
 *
 * The program is not trusted. Its output is strained first (strain.h): no titles, clipboards,
 * palettes, window operations, endless strings. It gets answers to four questions, which programs
 * wait for: what terminal it is (DA 1 and 2), whether it is well and where the cursor is (DSR 5,
 * 6), and which modes are on (DECRQM); nothing it printed is ever in an answer. Mouse modes change
 * nothing: no mouse report is sent.
 *
 * Memory: the screen takes about 100 bytes per cell, scroll-back what scrollback.h says. A size
 * change cuts or widens lines, it does not wrap them anew.
 *
 * Lines are numbered as in the scroll-back, on through the screen: line terminal_end() - 1 is the
 * screen's last. UI thread only.
 */
#pragma once

#include "widgets/canvas.h"

#define TERMINAL_ROWS_MAX 500
#define TERMINAL_COLS_MAX 1000

typedef struct Terminal Terminal;

/* What is to be sent to the program. `answer`: it asked for it, nobody typed it; whoever cannot
 * keep it may drop it. */
typedef void (*TerminalSend)(gpointer data, const char *bytes, gsize length, gboolean answer);

Terminal *terminal_new(int rows, int cols, guint scrollback_lines, TerminalSend send,
                       gpointer data);
void terminal_free(Terminal *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Terminal, terminal_free)

/* Takes what the program printed. Costs at most some milliseconds per kilobyte on a large screen
 * when the program means it badly, far less else. */
void terminal_write(Terminal *t, const char *bytes, gsize length);

/* Of 1..TERMINAL_ROWS_MAX and 2..TERMINAL_COLS_MAX. */
void terminal_resize(Terminal *t, int rows, int cols);
int terminal_rows(const Terminal *t);
int terminal_cols(const Terminal *t);

/* TRUE once after something that can be seen changed, or it rang. */
gboolean terminal_take_changed(Terminal *t);
gboolean terminal_take_bell(Terminal *t);

/* Whether it shows its other screen, as full-screen programs do. */
gboolean terminal_is_alternate(const Terminal *t);

/* ---- typing --------------------------------------------------------------------------------- */

/* Of xterm's: 1 Shift, 2 Alt, 4 Ctrl. */
enum { TERMINAL_SHIFT = 1, TERMINAL_ALT = 2, TERMINAL_CTRL = 4 };

/* Characters as they were typed. */
void terminal_type(Terminal *t, const char *bytes, gsize length);
/* KEYS_UP … KEYS_F12, KEYS_ENTER. FALSE: it knows no such key. */
gboolean terminal_press(Terminal *t, int key, int modifiers);
/* The edges of a paste, which the program sees when it asked for bracketed pastes. */
void terminal_paste_begin(Terminal *t);
void terminal_paste_end(Terminal *t);

/* ---- looking -------------------------------------------------------------------------------- */

/* The screen as it is now, with its cursor. */
void terminal_draw(Terminal *t, const Canvas *c, gboolean cursor);

guint64 terminal_first(const Terminal *t);
guint64 terminal_end(const Terminal *t);
gsize terminal_scrollback_bytes(const Terminal *t);
void terminal_clear_scrollback(Terminal *t);

/* The line where the cursor is. */
guint64 terminal_cursor_line(const Terminal *t);

/* The text of a line without blanks at its end. g_free() it. */
char *terminal_text(Terminal *t, guint64 line);

/* Lines from `top` on. The line `cursor` stands out, lines from..to are shown as selected (from >
 * to: none), and every match of `needle` (NULL: none). */
typedef struct {
    guint64 top, cursor, from, to;
    const char *needle;
} TerminalView;

void terminal_draw_lines(Terminal *t, const Canvas *c, const TerminalView *view);

/* The nearest line from `from` on, in one direction, that has `needle` without regard to case.
 * FALSE when there is none before the end. */
gboolean terminal_search(Terminal *t, const char *needle, guint64 from, gboolean backwards,
                         guint64 *ret_line);
