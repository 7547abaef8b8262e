/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child.h - a helper program, its output line by line, its exit. UI thread only.
 *
 * Output and exit are waited for by the main loop. What child_start itself takes is the time until
 * the program is executed or could not be (console/spawn.h): a third of a millisecond, whatever we
 * hold. PATH and paths are to be of local file systems.
 *
 * Of a line at most CHILD_LINE_MAX_BYTES are kept; the rest is dropped as it comes and the mark put
 * in its place.
 *
 * Children get an empty signal mask, the descriptor limit the program was started with, and no
 * standard input.
 */
#pragma once

#include "console/app.h"

typedef struct Child Child;

#define CHILD_LINE_MAX_BYTES (64 << 10)
#define CHILD_CUT_MARK       " [cut]"

typedef struct {
    void (*line)(gpointer data, gboolean is_error, const char *text);
    /* Once, last; the child is freed after it. status: exit status, 128+n for a signal. */
    void (*ended)(gpointer data, int status);
    gpointer data;
} ChildHooks;

/* argv[0] is a path or found on PATH; no shell is between. env holds "KEY=VALUE" additions to the
   own environment and may be NULL. A KEY is the caller's, never text of others: a loader or a shell
   acts on some (LD_PRELOAD, BASH_ENV, BASH_FUNC_x%%), but on no VALUE of others. */
Child *child_start(App *app, const char *const *argv, const char *const *env,
                   const ChildHooks *hooks, GError **error);
/* Sends SIGTERM and forgets: the hooks are not called any more. */
void child_abandon(Child *child);
/* Forgets it and lets it run on; what it prints from here on is lost. */
void child_forget(Child *child);
