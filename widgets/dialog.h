/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A question before something is done: yes or no, or the name typed out where a slip would be dear.
 * No is always the default: Enter alone means no.
 */
#pragma once

#include "widgets/canvas.h"

typedef struct Dialog Dialog;

typedef enum { DIALOG_OPEN, DIALOG_YES, DIALOG_NO } DialogResult;

/* `verb` is what `y` does ("delete web"). `must_type` NULL: `y` is enough; else what has to be
 * typed. Copied. */
Dialog *dialog_new(const char *title, const char *verb, const char *must_type);
void dialog_free(Dialog *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dialog, dialog_free)

/* A line of what will happen. Long ones wrap. */
void dialog_add_line(Dialog *d, Role role, const char *text);

/* What stands below the lines and may change while the dialog is open: one line each, up to NULL.
   With the lines it scrolls by Up, Down, PgUp and PgDn where there is no room for all. */
void dialog_set_details(Dialog *d, const char *const *details);

/* A choice that a key turns on and off; its state is asked with dialog_option(). */
void dialog_add_option(Dialog *d, int key, const char *label, gboolean on);
gboolean dialog_option(const Dialog *d, int key);

DialogResult dialog_handle_key(Dialog *d, int key);
void dialog_draw(Dialog *d, const Canvas *c);

/* For a footer: what `y`, or Enter once the name is typed, does; whether a name has to be typed;
   whether not all of it was seen at once when it was drawn last. */
const char *dialog_verb(const Dialog *d);
gboolean dialog_is_typed(const Dialog *d);
gboolean dialog_scrolls(const Dialog *d);
