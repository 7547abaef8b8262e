/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/glyphs.h"

#include "widgets/text.h"

/* Texts, so that what is drawn can be searched for in the source. */
static const struct {
    const char *text, *ascii;
} table[GLYPH_N] = {
    [GLYPH_HLINE] = {"─", "-"},       [GLYPH_VLINE] = {"│", "|"},
    [GLYPH_TOP_LEFT] = {"┌", "+"},    [GLYPH_TOP_RIGHT] = {"┐", "+"},
    [GLYPH_BOTTOM_LEFT] = {"└", "+"}, [GLYPH_BOTTOM_RIGHT] = {"┘", "+"},
    [GLYPH_BRANCH] = {"├", "|"},      [GLYPH_LAST] = {"└", "`"},
    [GLYPH_TICK] = {"┴", "+"},        [GLYPH_POINTER] = {"▸", ">"},
    [GLYPH_HERE] = {"◂", "<"},        [GLYPH_UP] = {"↑", "^"},
    [GLYPH_DOWN] = {"↓", "v"},        [GLYPH_CUT_LEFT] = {"‹", "<"},
    [GLYPH_CUT_RIGHT] = {"›", ">"},   [GLYPH_OPEN] = {"▾", "-"},
    [GLYPH_CLOSED] = {"▸", "+"},      [GLYPH_ELLIPSIS] = {"…", "~"},
    [GLYPH_MARK] = {"\uFFFD", "?"},   [GLYPH_FULL] = {"▇", "#"},
    [GLYPH_OTHER] = {"▒", "="},       [GLYPH_EMPTY] = {"▁", "."},
    [GLYPH_GROUND] = {"▁", "_"},
};

static const char *const levels[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char ascii_levels[] = " .:-=+*#@";

static struct {
    gboolean ascii;
    Glyphs graph;
} self = {.graph = GLYPHS_BRAILLE};

/* Whether nothing outside ASCII may come from us. */
gboolean glyphs_ascii(void)
{
    return self.ascii || !text_is_utf8();
}

/* Sets the wish. */
void glyphs_set_ascii(gboolean ascii)
{
    self.ascii = ascii;
}

/* What graphs are drawn with. */
Glyphs glyphs_graph(void)
{
    return glyphs_ascii() ? GLYPHS_ASCII : self.graph;
}

/* Sets the wish. */
void glyphs_set_graph(Glyphs style)
{
    self.graph = style;
}

/* The sign as text. */
const char *glyph_text(Glyph glyph)
{
    return glyphs_ascii() ? table[glyph].ascii : table[glyph].text;
}

/* The sign as a character. */
gunichar glyph_char(Glyph glyph)
{
    return g_utf8_get_char(glyph_text(glyph));
}

/* A cell filled from the bottom. */
gunichar glyph_level(int level)
{
    level = CLAMP(level, 0, 8);
    return glyphs_graph() == GLYPHS_ASCII ? (gunichar)ascii_levels[level]
                                          : g_utf8_get_char(levels[level]);
}

/* The same outside graphs. */
gunichar glyph_bar_level(int level)
{
    level = CLAMP(level, 0, 8);
    return glyphs_ascii() ? (gunichar)ascii_levels[level] : g_utf8_get_char(levels[level]);
}

/* Unicode counts braille dots 1 2 3 7 down the left column and 4 5 6 8 down the right one. */
gunichar glyph_dots(guint8 dots)
{
    static const guint8 bit[] = {0x40, 0x04, 0x02, 0x01, 0x80, 0x20, 0x10, 0x08};
    gunichar cell = 0x2800;
    for (guint i = 0; i < G_N_ELEMENTS(bit); i++)
        if ((dots >> i & 1) != 0)
            cell |= bit[i];
    return cell;
}

gunichar glyph_plain(gunichar uc)
{
    static const char lines[] = "--||--||--||"; /* U+2500 to U+250B */

    if (uc >= 0x2500 && uc < 0x2500 + sizeof lines - 1)
        return (gunichar)lines[uc - 0x2500];
    if (uc >= 0x2500 && uc <= 0x257f)
        return uc == 0x2550 ? '=' : uc == 0x2551 ? '|' : '+';
    if (uc >= 0x2580 && uc <= 0x259f)
        return '#';
    return uc;
}
