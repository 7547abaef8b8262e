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

/* `bind KEY [PLACE] COMMAND`: FALSE with INVALID when there is no such key or place (NULL:
   everywhere). An empty line: the key does nothing. */
gboolean tui_bind(const char *key, const char *place, const char *line, GError **error);
/* The key means again what it does by default (place NULL: in all of them); FALSE: it was not bound
 * otherwise. */
gboolean tui_bind_default(const char *key, const char *place);
/* The i-th place, NULL past the end. */
const char *tui_place(guint i);

/* The view verbs and key bindings, for `help`, completion and the manual: calls each once. */
void tui_foreach_verb(void (*each)(const char *name, const char *args, const char *summary,
                                   gpointer data),
                      gpointer data);
void tui_foreach_binding(void (*each)(const TuiBinding *binding, gpointer data), gpointer data);

/* These five, for App.keys: the console's own library is not known to commands. */
extern const AppKeys tui_keys;
