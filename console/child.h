/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child.h - a helper program, its output line by line, its exit. UI thread only; never blocks.
 *
 * Children get an empty signal mask, the descriptor limit the program was started with, and no
 * standard input.
 */
#pragma once

#include "console/app.h"

typedef struct Child Child;

typedef struct {
    void (*line)(gpointer data, gboolean is_error, const char *text);
    /* Once, last; the child is freed after it. status: exit status, 128+n for a signal. */
    void (*ended)(gpointer data, int status);
    gpointer data;
} ChildHooks;

/* argv[0] is a path or found on PATH; env holds "KEY=VALUE" additions and may be NULL. */
Child *child_start(const char *const *argv, const char *const *env, const ChildHooks *hooks,
                   GError **error);
/* Sends SIGTERM and forgets: the hooks are not called any more. */
void child_abandon(Child *child);

/* For main: remembers the soft descriptor limit and raises it to the hard one. */
void child_raise_nofile(void);
