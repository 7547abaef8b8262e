/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outlet.h - what goes to the terminal, on a line that may be slow or stand still.
 *
 * Curses writes into memory; from there the bytes go to the terminal without waiting for it, by a
 * descriptor of its own (O_NONBLOCK belongs to the open file, which the shell shares). A terminal
 * that takes nothing more, because its connection stalls, so never holds up the loop: pictures are
 * left out until it takes bytes again.
 *
 * On the way cursor motions and attributes are made shorter (outlet_shorten).
 *
 * One per process, UI thread only, used by screen.c alone.
 */
#pragma once

#include <glib.h>
#include <stdio.h>

/* The stream for newterm(3X): a copy of standard output. NULL when there is none. Closed with
   outlet_close(). */
FILE *outlet_open(void);
void outlet_close(void);

/* From here on what curses writes stays in memory / goes to the terminal directly. Releasing waits
   a quarter of a second for what is unwritten, then forgets it. Both may be called again. */
void outlet_hold(void);
void outlet_release(void);

/* Bytes of our own, in order with curses'. */
void outlet_write(const char *bytes, gsize n);

/* Writes what the terminal takes. TRUE when nothing is left; else poll outlet_fd() for writing and
   call it again. */
gboolean outlet_flush(void);
gboolean outlet_is_empty(void);
int outlet_fd(void);

/* What is known of the terminal, from one call of outlet_shorten to the next. */
typedef struct {
    int y, x; /* from 1; 0 = unknown */
    int height, width;
    gboolean region; /* lines scroll within less than the screen: LF at its end does not move */
    char charset;    /* of G0; 0 = unknown */
    gboolean has_attributes;
    char attributes[64]; /* of an SGR sequence that was not written yet */
} OutletState;

/*
 * Appends `bytes` to `out`, with motions to the next line replaced by shorter ones: `\v` moves down
 * in the same column on everything that takes ECMA-48 (as LF does, but the tty leaves it alone),
 * `\b` back. Curses itself has no such motion where cud1 is `\n`, and a column of figures then
 * costs twice its bytes. Colours and attributes that follow each other become one sequence,
 * what a reset ends anyway is left out, and so is the choice of a character set that is chosen
 * already. `bytes` may end anywhere but within a sequence that begins with ESC.
 */
void outlet_shorten(OutletState *state, const char *bytes, gsize n, GString *out);
