/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Colours of a terminal's palette of 256: the sixteen that users set, a cube of 6x6x6 and 24 greys
 * (ISO 8613-6 by way of xterm). Pure functions.
 */
#pragma once

#include <glib.h>

#define COLOUR_DEFAULT (-1)

/* What xterm shows for it; the first sixteen may differ elsewhere. */
void colour_rgb(short colour, guint8 ret_rgb[3]);

/* The one of the sixteen that comes nearest. */
short colour_nearest16(short colour);

/* `default`, 0..255, a name (red, bright-red, ...), 0xRRGGBB or #RRGGBB, which becomes the nearest
 * of the 240. FALSE when it is none of these. */
gboolean colour_parse(const char *text, short *ret);

/* As colour_parse() takes it. g_free() */
char *colour_text(short colour);
