/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that include <curses.h> share. For widgets/ only. */
#pragma once

#ifndef NCURSES_WIDECHAR
#define NCURSES_WIDECHAR 1
#endif
#include <curses.h>

#include "widgets/theme.h"

/* Attributes and colour pair of `role` drawn on `base`. */
void theme_attributes(Role role, Role base, attr_t *ret_attrs, short *ret_pair);

/* The pair of two colours; 0, the terminal's own, when only `keep` more can be made. */
short theme_pair(short fg, short bg, int keep);

/* Forgets the pairs: the terminal or the theme changed. */
void theme_reset_pairs(void);

/* Notes the role of cells that are drawn, for screen_dump_roles(). */
void screen_note_role(int y, int x, int width, Role role, Role base);
