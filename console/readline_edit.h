/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * readline_edit.h - what the command shell (shell.c) and the TUI's prompt (readline_prompt.c) share
 * of readline, of which there is one in a process: history and TAB. The only includers of readline
 * are these three. UI thread only.
 */
#pragma once

#include "console/complete.h"
#include "console/prompt.h"

/* Sets readline up, once, and says who edits from now on. */
void edit_initialise(App *app, Face face);

/* Where the cursor is in the line, in bytes; in a search readline may have it behind its end. */
guint edit_cursor(void);

/* Lets readline read the next key (readline_input.h); there is one. */
void edit_read_key(void);

/* Drops the line that is edited, a search or half a key sequence included, and ends the editing: as
   readline does on a signal. */
void edit_abandon(void);

/* TAB: completes the word at the cursor. With several candidates FACE_SHELL prints them, with their
   hints; FACE_TUI keeps them for edit_matches. */
int edit_tab(int count, int key);

/* Of Completion*, after a TAB with several; NULL = none. */
GPtrArray *edit_matches(void);
void edit_forget_matches(void);

/* Keeps a line of the history in use, but not twice in a row nor one that begins with a space.
   save: in the file, too. */
void edit_history_add(const char *line, gboolean save);

/* Each kind of prompt has a history of its own; commands are the first. */
void edit_history_switch(PromptHistory to);
PromptHistory edit_history_current(void);
