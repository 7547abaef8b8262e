/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/cell.h"

#include <string.h>

#include "widgets/colour.h"
#include "widgets/curses-private.h"
#include "widgets/glyphs.h"

/* Pairs that are kept for roles, which are made on first use too. */
#define PAIRS_KEPT 256

/* The steps of the 6x6x6 cube. */
static const guint8 steps[6] = {0, 95, 135, 175, 215, 255};

static int distance(const guint8 a[3], const guint8 b[3])
{
    int sum = 0;

    for (int i = 0; i < 3; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static int nearest_step(guint8 value)
{
    int best = 0;

    for (int i = 1; i < 6; i++)
        if (ABS(value - steps[i]) < ABS(value - steps[best]))
            best = i;
    return best;
}

gint16 cell_colour_of(guint8 red, guint8 green, guint8 blue)
{
    const guint8 wanted[3] = {red, green, blue};
    gint16 cube =
        (gint16)(16 + 36 * nearest_step(red) + 6 * nearest_step(green) + nearest_step(blue));
    gint16 grey = (gint16)(232 + CLAMP(((red + green + blue) / 3 - 3) / 10, 0, 23));
    guint8 cube_rgb[3], grey_rgb[3];

    colour_rgb(cube, cube_rgb);
    colour_rgb(grey, grey_rgb);
    return distance(wanted, grey_rgb) < distance(wanted, cube_rgb) ? grey : cube;
}

gint16 cell_colour_at(gint16 colour, ThemeDepth depth)
{
    if (colour < 0 || depth == THEME_MONO)
        return CELL_DEFAULT;
    if (depth == THEME_256)
        return colour;
    colour = colour < 16 ? colour : colour_nearest16(colour);
    return depth == THEME_8 ? colour & 7 : colour;
}

/* curses attributes and pair of a cell. What the program left to the terminal is the theme's. */
static void look_of(const Cell *cell, Role base, attr_t *ret_attrs, short *ret_pair)
{
    ThemeDepth depth = theme_depth();
    ThemeLook plain = theme_look(ROLE_TEXT, base);
    gint16 fg = cell_colour_at(cell->fg, depth), bg = cell_colour_at(cell->bg, depth);
    attr_t attrs =
        (cell->attrs & CELL_BOLD ? A_BOLD : 0) | (cell->attrs & CELL_UNDERLINE ? A_UNDERLINE : 0) |
        (cell->attrs & CELL_REVERSE ? A_REVERSE : 0) | (cell->attrs & CELL_BLINK ? A_BLINK : 0);

    /* with 8 colours bright ones are bold ones */
    if (depth == THEME_8 && cell->fg >= 8 && cell_colour_at(cell->fg, THEME_16) >= 8)
        attrs |= A_BOLD;
    fg = fg < 0 ? plain.fg : fg;
    bg = bg < 0 ? plain.bg : bg;
    *ret_pair = theme_pair(fg, bg, PAIRS_KEPT);
    if (*ret_pair == 0 && depth == THEME_256 && (fg >= 0 || bg >= 0))
        *ret_pair =
            theme_pair(cell_colour_at(cell->fg, THEME_16), cell_colour_at(cell->bg, THEME_16), 0);
    *ret_attrs = attrs;
}

/* What is shown of a cell: something that takes exactly its width here. */
static void shown_of(const Cell *cell, wchar_t wc[CELL_CHARS_MAX + 1])
{
    gunichar base = cell->chars[0];
    guint n = 0;

    base = base == 0 ? ' ' : text_safe_char(glyphs_ascii() ? glyph_plain(base) : base);
    if (text_char_width(base) != (int)cell->width)
        base = text_char_width(base) > (int)cell->width ? text_mark() : base;
    if (text_char_width(base) == 0)
        base = ' ';
    wc[n++] = (wchar_t)base;
    for (guint i = 1; i < CELL_CHARS_MAX && cell->chars[i] != 0; i++) {
        gunichar mark = text_safe_char(cell->chars[i]);

        if (text_char_width(mark) == 0 && base >= 0x20)
            wc[n++] = (wchar_t)mark;
    }
    wc[n] = 0;
}

static void draw_one(const Canvas *c, int y, int x, const Cell *cell, attr_t attrs, short pair)
{
    wchar_t wc[CELL_CHARS_MAX + 1];
    cchar_t drawn;

    shown_of(cell, wc);
    wattr_set(stdscr, attrs, pair, NULL);
    if (wc[0] < 0x7f && wc[1] == 0)
        mvwaddch(stdscr, c->y + y, c->x + x, (chtype)wc[0]);
    else if (setcchar(&drawn, wc, attrs, pair, NULL) == OK)
        mvwadd_wch(stdscr, c->y + y, c->x + x, &drawn);
    /* its right half, where the character here is narrower than the program meant */
    if (cell->width == 2 && text_char_width((gunichar)wc[0]) < 2)
        mvwaddch(stdscr, c->y + y, c->x + x + 1, ' ');
}

/* Draws cells in their own colours, or all in a role. */
static void draw(const Canvas *c, int y, int x, const Cell *cells, guint n, Role role)
{
    if (y < 0 || y >= c->height)
        return;
    for (guint i = 0; i < n; i++) {
        const Cell *cell = &cells[i];
        int at = x + (int)i;
        attr_t attrs;
        short pair;

        if (cell->width == 0 || at < 0 || at >= c->width)
            continue;
        if (role != ROLE_N)
            theme_attributes(role, c->base, &attrs, &pair);
        else
            look_of(cell, c->base, &attrs, &pair);
        if (at + cell->width > c->width)
            draw_one(c, y, at, &(Cell){.width = 1}, attrs, pair);
        else
            draw_one(c, y, at, cell, attrs, pair);
        if (role != ROLE_N)
            screen_note_role(c->y + y, c->x + at, cell->width, role, c->base);
    }
}

void cell_draw(const Canvas *c, int y, int x, const Cell *cells, guint n)
{
    draw(c, y, x, cells, n, ROLE_N);
}

void cell_draw_as(const Canvas *c, int y, int x, const Cell *cells, guint n, Role role)
{
    draw(c, y, x, cells, n, role);
}
