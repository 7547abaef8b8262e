/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recall.h - the command lines that were given: kept over runs of gemel, and those of this one.
 *
 * The file is $XDG_STATE_HOME/gemel/history, mode 0600, a line each, RECALL_KEPT of them. Lines are
 * appended under a lock of the file, so two gemels lose none of each other's; when it has grown to
 * twice the bound it is rewritten beside and renamed. A line that begins with a space is kept
 * nowhere. Writing is the writer thread's; the rest is for the UI thread.
 */
#pragma once

#include "console/app.h"

#define RECALL_KEPT 1000

/* Lines of the file and of this run, oldest first; of char*. Reads the file the first time. */
GPtrArray *recall_lines(void);
/* Keeps a line, but not twice in a row, nor one that begins with a space. FALSE: it was not kept.
 */
gboolean recall_add(App *app, const char *line);
/* Forgets all, here and in the file. */
void recall_clear(App *app);

/*
 * What this run was told, by whatever face: lines, keys as the commands they equal. The number is
 * for recall_session_end, which says how it went (status of the design).
 */
guint recall_session_begin(const char *line);
void recall_session_end(guint number, int status);
/* The session as a script: what failed and what only moved the view is commented out. */
char *recall_session_script(void);
