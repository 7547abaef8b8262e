/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one table of signs outside ASCII that this program draws, each with its ASCII relative. What
 * others write (names, logs, definitions) is not in it: that is shown as the locale allows.
 *
 * ASCII mode is for terminals, fonts and readers that have nothing else: then no byte above 0x7e
 * comes from us. It holds always where the locale is not UTF-8. UI thread only.
 */
#pragma once

#include <glib.h>

typedef enum {
    GLYPH_HLINE,
    GLYPH_VLINE,
    GLYPH_TOP_LEFT,
    GLYPH_TOP_RIGHT,
    GLYPH_BOTTOM_LEFT,
    GLYPH_BOTTOM_RIGHT,
    GLYPH_BRANCH,   /* a child with siblings after it */
    GLYPH_LAST,     /* the last child */
    GLYPH_TICK,     /* on a line, upwards: a label below */
    GLYPH_POINTER,  /* the row, the pane that has the keys */
    GLYPH_HERE,     /* points back at what stands left of it */
    GLYPH_UP,       /* ascending */
    GLYPH_DOWN,     /* descending */
    GLYPH_CUT_LEFT, /* there is more to the left */
    GLYPH_CUT_RIGHT,
    GLYPH_OPEN,     /* a group with its members */
    GLYPH_CLOSED,   /* one without */
    GLYPH_ELLIPSIS, /* cut off */
    GLYPH_MARK,     /* a character that may not be shown */
    GLYPH_FULL,     /* a bar's full cell */
    GLYPH_OTHER,    /* a full cell of a bar's second part */
    GLYPH_EMPTY,    /* a bar's empty cell */
    GLYPH_GROUND,   /* the ground line of a graph */
    GLYPH_N
} Glyph;

/* What graphs are made of. */
typedef enum { GLYPHS_ASCII, GLYPHS_BLOCKS, GLYPHS_BRAILLE } Glyphs;

/* The sign to draw now, as a character and as UTF-8 text (static). */
gunichar glyph_char(Glyph glyph);
const char *glyph_text(Glyph glyph);

/* A cell filled to `level` eighths (0..8) from the bottom, for the graphs' style; 0 is a space. */
gunichar glyph_level(int level);
/* The same, whatever the graphs' style is: blocks where ASCII mode does not hold. */
gunichar glyph_bar_level(int level);
/* A braille cell of dots: bit row + 4 * column, rows from the bottom. For GLYPHS_BRAILLE only. */
gunichar glyph_dots(guint8 dots);

/* The ASCII relative of a line or block that somebody else drew; itself for all others. */
gunichar glyph_plain(gunichar uc);

gboolean glyphs_ascii(void);
/* For `set ascii`; the locale has the last word. */
void glyphs_set_ascii(gboolean ascii);
Glyphs glyphs_graph(void);
/* For `set graph`; ASCII mode has the last word. */
void glyphs_set_graph(Glyphs style);
