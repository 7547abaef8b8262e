/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/canvas.h"

#include <stdarg.h>
#include <string.h>

#include "widgets/curses-private.h"

/* A part of a canvas. */
Canvas canvas_sub(const Canvas *c, int y, int x, int height, int width)
{
    int y0 = CLAMP(y, 0, c->height), x0 = CLAMP(x, 0, c->width);
    int y1 = CLAMP(y + height, y0, c->height), x1 = CLAMP(x + width, x0, c->width);
    return (Canvas){c->y + y0, c->x + x0, y1 - y0, x1 - x0, c->base};
}

/* The same place on another base. */
Canvas canvas_on(const Canvas *c, Role base)
{
    Canvas on = *c;
    on.base = base;
    return on;
}

/* Puts a run of plain ASCII. */
static void put_ascii(const Canvas *c, int y, int x, Role role, const char *s, int n)
{
    attr_t attrs;
    short pair;
    theme_attributes(role, c->base, &attrs, &pair);
    wattr_set(stdscr, attrs, pair, NULL);
    mvwaddnstr(stdscr, c->y + y, c->x + x, s, n);
    screen_note_role(c->y + y, c->x + x, n, role, c->base);
}

/* Puts one character with its combining marks. */
static void put_wide(const Canvas *c, int y, int x, Role role, const wchar_t *wc, int width)
{
    attr_t attrs;
    short pair;
    cchar_t cell;
    theme_attributes(role, c->base, &attrs, &pair);
    if (setcchar(&cell, wc, attrs, pair, NULL) != OK)
        return;
    /* a cell of pair 0 would take the colours that the window had last */
    wattr_set(stdscr, attrs, pair, NULL);
    mvwadd_wch(stdscr, c->y + y, c->x + x, &cell);
    screen_note_role(c->y + y, c->x + x, width, role, c->base);
}

/* Puts a character where it fits; one that would be cut in half leaves a space. */
static int put_char(const Canvas *c, int y, int x, Role role, const wchar_t *wc, int width)
{
    if (y < 0 || y >= c->height || x + width <= 0 || x >= c->width)
        return x + width;
    if (x < 0 || x + width > c->width) {
        for (int i = MAX(x, 0); i < MIN(x + width, c->width); i++)
            put_ascii(c, y, i, role, " ", 1);
        return x + width;
    }
    if (wc[0] < 0x7f && wc[1] == 0) {
        char ascii = (char)wc[0];
        put_ascii(c, y, x, role, &ascii, 1);
    } else {
        put_wide(c, y, x, role, wc, width);
    }
    return x + width;
}

/* The length of the run of printable ASCII at `s`. */
static int ascii_run(const char *s)
{
    int n = 0;
    while (s[n] >= 0x20 && s[n] < 0x7f)
        n++;
    return n;
}

/* Draws text from its cell `skip` on. */
int canvas_text_from(const Canvas *c, int y, int x, int skip, Role role, const char *text)
{
    const char *s = text, *end = text + strlen(text);
    int at = x - skip;
    if (y < 0 || y >= c->height)
        return at + text_width(text);
    Canvas part = canvas_sub(c, 0, x, c->height, c->width - MAX(x, 0));
    int origin = MAX(x, 0);
    while (s < end) {
        int run = ascii_run(s);
        /* the last character of a run may carry combining marks */
        if (run > 1 || (run == 1 && s + 1 == end)) {
            int n = s + run == end ? run : run - 1;
            int from = MAX(origin - at, 0), to = MIN(n, origin + part.width - at);
            if (from < to)
                put_ascii(&part, y, at + from - origin, role, s + from, to - from);
            at += n;
            s += n;
            continue;
        }
        wchar_t cluster[CCHARW_MAX + 1] = {(wchar_t)text_next_char(&s, end)};
        int width = text_char_width((gunichar)cluster[0]), n = 1;
        if (width == 0) {
            /* a mark with nothing to sit on gets a cell of its own */
            cluster[1] = cluster[0];
            cluster[0] = ' ';
            width = 1;
            n = 2;
        }
        while (s < end) {
            const char *next = s;
            gunichar uc = text_next_char(&next, end);
            if (text_char_width(uc) != 0)
                break;
            if (n < CCHARW_MAX - 1)
                cluster[n++] = (wchar_t)uc;
            s = next;
        }
        put_char(&part, y, at - origin, role, cluster, width);
        at += width;
    }
    return at;
}

/* Draws text. */
int canvas_text(const Canvas *c, int y, int x, Role role, const char *text)
{
    return canvas_text_from(c, y, x, 0, role, text);
}

/* Draws formatted text. */
int canvas_printf(const Canvas *c, int y, int x, Role role, const char *format, ...)
{
    char buffer[512];
    va_list args;
    va_start(args, format);
    g_vsnprintf(buffer, sizeof buffer, format, args);
    va_end(args);
    return canvas_text(c, y, x, role, buffer);
}

/* Only the words of a field are underlined, not what fills it up. */
static void put_underlined(const Canvas *c, int y, int x, Role role, GString *field)
{
    gsize first = strspn(field->str, " "), end = field->len;
    while (end > first && field->str[end - 1] == ' ')
        end--;
    g_autofree char *words = g_strndup(field->str + first, end - first);
    g_autofree char *after = g_strdup(field->str + end);
    g_string_truncate(field, first);
    x = canvas_text(c, y, x, ROLE_TEXT, field->str);
    x = canvas_text(c, y, x, role, words);
    canvas_text(c, y, x, ROLE_TEXT, after);
}

/* Draws text as a field. */
int canvas_field(const Canvas *c, int y, int x, int width, TextAlign align, Role role,
                 const char *text)
{
    if (width <= 0)
        return x;
    g_autoptr(GString) field = g_string_sized_new((gsize)width + 8);
    text_append_fit(field, text, width, align);
    if ((theme_look(role, c->base).attrs & (LOOK_UNDERLINE | LOOK_REVERSE)) == LOOK_UNDERLINE)
        put_underlined(c, y, x, role, field);
    else
        canvas_text(c, y, x, role, field->str);
    return x + width;
}

/* Draws one of our own glyphs. */
int canvas_glyph(const Canvas *c, int y, int x, Role role, gunichar glyph)
{
    wchar_t wc[2] = {(wchar_t)text_safe_char(glyph), 0};
    return put_char(c, y, x, role, wc, text_char_width((gunichar)wc[0]));
}

/* Draws a glyph `n` times. */
void canvas_repeat(const Canvas *c, int y, int x, int n, Role role, gunichar glyph)
{
    for (int i = MAX(0, -x); i < n && x + i < c->width; i++)
        canvas_glyph(c, y, x + i, role, glyph);
}

/* Fills with the base. */
void canvas_clear(const Canvas *c)
{
    attr_t attrs;
    short pair;
    theme_attributes(ROLE_TEXT, c->base, &attrs, &pair);
    cchar_t blank;
    if (c->width <= 0 || setcchar(&blank, L" ", attrs, pair, NULL) != OK)
        return;
    wattr_set(stdscr, attrs, pair, NULL);
    for (int y = 0; y < c->height; y++) {
        mvwhline_set(stdscr, c->y + y, c->x, &blank, c->width);
        screen_note_role(c->y + y, c->x, c->width, ROLE_TEXT, c->base);
    }
}

/* A horizontal line. */
void canvas_hline(const Canvas *c, int y, int x, int n, Role role)
{
    canvas_repeat(c, y, x, n, role, glyph_char(GLYPH_HLINE));
}

/* A vertical line. */
void canvas_vline(const Canvas *c, int y, int x, int n, Role role)
{
    for (int i = 0; i < n; i++)
        canvas_glyph(c, y + i, x, role, glyph_char(GLYPH_VLINE));
}

/* A frame along the edge, with a title in its upper line. */
void canvas_box(const Canvas *c, Role role, const char *title)
{
    int b = c->height - 1, r = c->width - 1;
    canvas_hline(c, 0, 1, r - 1, role);
    canvas_hline(c, b, 1, r - 1, role);
    canvas_vline(c, 1, 0, b - 1, role);
    canvas_vline(c, 1, r, b - 1, role);
    canvas_glyph(c, 0, 0, role, glyph_char(GLYPH_TOP_LEFT));
    canvas_glyph(c, 0, r, role, glyph_char(GLYPH_TOP_RIGHT));
    canvas_glyph(c, b, 0, role, glyph_char(GLYPH_BOTTOM_LEFT));
    canvas_glyph(c, b, r, role, glyph_char(GLYPH_BOTTOM_RIGHT));
    if (title != NULL && c->width > 6) {
        g_autofree char *cut = text_cut_middle(title, c->width - 6);
        g_autofree char *framed = g_strdup_printf(" %s ", cut);
        canvas_text(c, 0, 2, ROLE_TITLE, framed);
    }
}

/* Inside a frame, one column of air left and right. */
Canvas canvas_inside(const Canvas *c)
{
    return canvas_sub(c, 1, 2, c->height - 2, c->width - 4);
}

/* A cleared, framed pop-up in the middle. */
Canvas canvas_popup(const Canvas *c, int height, int width, const char *title)
{
    int h = MIN(height + 2, c->height), w = MIN(width + 4, c->width);
    Canvas box = canvas_sub(c, (c->height - h) / 2, (c->width - w) / 2, h, w);
    box.base = ROLE_POPUP;
    canvas_clear(&box);
    canvas_box(&box, ROLE_BORDER, title);
    return canvas_inside(&box);
}
