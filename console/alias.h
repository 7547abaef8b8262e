/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * alias.h - names that stand for the beginning of a command line (`alias vms = list --filter
 * kind=vm`).
 *
 * An alias is put in once, at the place of the first word; what it brings may hold `;` and `|`, and
 * no alias is looked for in it. It cannot hide a command: keys and menus mean the command. Held by
 * App; UI thread only.
 */
#pragma once

#include "console/app.h"

/* What it stands for, NULL = there is none of this name. */
const char *alias_get(const App *app, const char *name);
/* INVALID: the name is a command's or no word, or the text is no line. */
gboolean alias_set(App *app, const char *name, const char *text, GError **error);
/* FALSE: there is none. */
gboolean alias_remove(App *app, const char *name);
/* Names in order; the container is the caller's. */
GList *alias_names(const App *app);
