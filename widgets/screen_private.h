/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen_private.h - what screen.c (taking, showing and giving back the terminal), screen_keys.c
 * (what is typed) and screen_dump.c (pictures for tests) share. */
#pragma once

#include <stdio.h>

#include "widgets/curses-private.h"
#include "widgets/screen.h"

/* curses gives it for the beginning of a paste. */
#define CODE_PASTE (KEY_MAX + 1)

typedef struct {
    SCREEN *curses;
    WINDOW *input; /* a pad: reading from it refreshes nothing */
    gboolean active, mouse, redraw, gone, test;
    gboolean line_mode; /* keys arrive as bytes */
    GString *paste;     /* under way; NULL: none */
    gint64 paste_usec;  /* when its last byte came */
    gsize paste_end;    /* bytes of its closing bracket that were seen */
    int cursor_y, cursor_x;
    int escape_delay_ms; /* 0: 25 */
    FILE *null;
    guint16 *roles; /* test screens: role | base << 8 of each cell */
    int roles_height, roles_width;
} ScreenState;

extern ScreenState screen_state;
