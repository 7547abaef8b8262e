/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inspect_text.h - what `inspect` knows, for people: labels in words of the field, in groups, with
 * units, in an order of its own. `inspect --json` has the names that programs read.
 *
 * Strings are made safe to print; what is not known is left out, and what no label is known for
 * comes last under its own name, so that nothing a backend says is lost.
 *
 * Thread: UI.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Where the values begin. */
#define INSPECT_COLUMN 24

/* `label` is one to stand on the left ("  vCPUs:"), `value` beside it; value NULL: a heading or,
   with an empty label, the empty line before it. */
typedef void (*InspectRow)(const char *label, const char *value, gpointer data);

/* Of the keys of docs/schemas/inspect.json; `object` stays as it is. */
void inspect_rows(const json_t *object, InspectRow row, gpointer data);
