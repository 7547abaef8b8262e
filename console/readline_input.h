/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * readline_input.h - the bytes that readline reads: keys in a ring, pastes apart from them.
 *
 * Whoever reads the terminal feeds its bytes here, and calls readline while there are keys; so
 * readline never waits for a byte, nor reads the terminal itself. What stands between ESC[200~ and
 * ESC[201~ is no keys: it is handed over as a text when its end has come, however long that takes,
 * and inserted as one. UI thread only.
 */
#pragma once

#include <glib.h>
#include <stdio.h>

/* Of a paste; what is longer is dropped whole. */
#define PASTE_MAX_BYTES (1 << 20)

/* For rl_getc_function and rl_input_available_hook. */
int edit_input_getc(FILE *stream);
int edit_input_available(void);

void edit_input_reset(void);
/* One byte of the terminal; a NUL is none, for a quoted one would end the line before its end. */
void edit_input_feed(guint8 byte);
/* The next key, -1 = there is none. */
int edit_input_peek(void);
/* There is a next key, which is none of a search, and readline searches its history: the search is
   ended by a ^J, which leaves the line as it was found, before the key; an ESC alone ends it and no
   more. */
void edit_input_end_search(void);
/* Inside a paste, whose end has not come. */
gboolean edit_input_pastes(void);
/* A paste given up: ^C was typed. */
void edit_input_drop_paste(void);
/* Bytes that may begin a paste are held back; after a moment they are keys. */
gboolean edit_input_holds(void);
/* Whether all that is held is a single ESC. */
gboolean edit_input_holds_escape(void);
void edit_input_release(void);
/* A paste that is complete, as text: UTF-8, lines ended by newlines, no control characters; NULL =
   there is none. *ret_lines says how many lines it has. The caller frees it. */
char *edit_input_take_paste(guint *ret_lines);
