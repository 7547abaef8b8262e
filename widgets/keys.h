/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys: one number per key press, and the names that `bind` lines and the help use for them.
 *
 * A printable character is its code point; Ctrl-letters are 1..26; the others follow here, above
 * Unicode. Names: `j`, `P`, `^d`, `Enter`, `Esc`, `Space`, `Tab`, `S-Tab`, `Up`, `PgUp`, `F1` …
 */
#pragma once

#include <glib.h>

enum {
    KEYS_NONE = 0,
    KEYS_TAB = 0x09,
    KEYS_ENTER = 0x0d,
    KEYS_ESC = 0x1b,
    KEYS_SPACE = 0x20,
    KEYS_FIRST_SPECIAL = 0x110000,
    KEYS_UP = KEYS_FIRST_SPECIAL,
    KEYS_DOWN,
    KEYS_LEFT,
    KEYS_RIGHT,
    KEYS_HOME,
    KEYS_END,
    KEYS_PGUP,
    KEYS_PGDN,
    KEYS_INSERT,
    KEYS_DELETE,
    KEYS_BACKSPACE,
    KEYS_BACKTAB,
    KEYS_F1,
    KEYS_F12 = KEYS_F1 + 11,
    KEYS_CLICK, /* mouse button 1; the place is in the event */
    KEYS_WHEEL_UP,
    KEYS_WHEEL_DOWN,
    KEYS_OTHER, /* a key that has no name here */
};

#define KEYS_CTRL(letter) ((letter)&0x1f)

/* The key of a name, KEYS_NONE when there is none. */
int keys_from_name(const char *name);

/* The name of a key. g_free() it. */
char *keys_name(int key);

/* Whether the key stands for a character that can be typed into a field. */
gboolean keys_is_printable(int key);
