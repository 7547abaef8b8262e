/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * save_config.h - what `save-config` writes: a marked section at the end of gemelrc, with the rc
 * lines of all that differs from the defaults. What stands outside the marks is the user's own and
 * stays as it is, comments, unknown and bad lines included; the section is read last, so it wins.
 *
 * The file is written beside and renamed; a symbolic link stays one. UI thread only.
 */
#pragma once

#include "console/app.h"

/* Appends the rc lines ("set theme mono\n") of one concern that differ from its defaults. */
typedef void (*SaveConfigFn)(App *app, GString *lines);

/* One more concern, beside options, keys, aliases and alerts; `name` is static. Once each. */
void save_config_add(const char *name, SaveConfigFn fn);
/* All the lines, without the marks. `own`: the text outside the marks; what it sets and what has
   its default again now is set back by a line. */
char *save_config_lines(App *app, const char *own);
/* Writes them into `path`; *ret_lines (may be NULL) says how many. */
gboolean save_config_write(App *app, const char *path, guint *ret_lines, GError **error);
