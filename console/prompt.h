/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prompt.h - readline as a line editor for the TUI: bytes in, text and cursor out.
 *
 * Implemented in readline_prompt.c. One prompt at a time. UI thread.
 */
#pragma once

#include "console/complete.h"

typedef enum { PROMPT_COMMAND, PROMPT_FILTER } PromptHistory;

typedef enum {
    PROMPT_EDITING,
    PROMPT_ACCEPTED,  /* Enter; prompt_take_text */
    PROMPT_CANCELLED, /* ESC, ^C, ^G, or ^D on an empty line */
} PromptStatus;

/* Begins editing with `initial` (may be NULL) already there. complete: TAB completes commands. */
void prompt_begin(App *app, PromptHistory history, const char *initial, gboolean complete);
/* Feeds raw terminal bytes, as read from the tty. */
PromptStatus prompt_feed(const char *bytes, gsize length);
/* A lone ESC is held back 25 ms (it may begin a key sequence): call when that time is over. */
PromptStatus prompt_timeout(void);
gboolean prompt_waits(void);
/* Inside a paste: bytes may be fed many at a time. */
gboolean prompt_pastes(void);
/* The lines of a paste that was the last thing to happen; 0 = none. */
guint prompt_pasted(void);
/* What stands before the text while the history is searched (^R), else NULL. */
const char *prompt_label(void);
const char *prompt_text(void);   /* as it stands now, UTF-8 */
guint prompt_cursor(void);       /* byte offset */
GPtrArray *prompt_matches(void); /* of Completion*, after a TAB with several; NULL = none to show */
char *prompt_take_text(void);    /* after PROMPT_ACCEPTED */
void prompt_end(void);
