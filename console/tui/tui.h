/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tui.h - the console: `gemel` on a terminal.
 *
 * main has connected the backends and blocked tui_signals[] before the first thread started.
 * tui_run takes the terminal, runs the loop until the user quits and gives the terminal back; it
 * returns the exit status. UI thread only.
 */
#pragma once

#include "console/app.h"

/* What tui_run reads through a signalfd; 0-terminated. */
extern const int tui_signals[];

/* 0 done, 1 when the terminal cannot be used (said in one line on stderr), 128+n for a signal. */
int tui_run(App *app);

/* `bind KEY COMMAND …`: FALSE with INVALID when there is no such key. An empty line unbinds. */
gboolean tui_bind(const char *key, const char *line, GError **error);

/* The view verbs and key bindings, for `help`, completion and the manual: calls each once. */
void tui_foreach_verb(void (*each)(const char *name, const char *args, const char *summary,
                                   gpointer data),
                      gpointer data);
void tui_foreach_binding(void (*each)(const char *key, const char *where, const char *line,
                                      const char *summary, gpointer data),
                         gpointer data);
