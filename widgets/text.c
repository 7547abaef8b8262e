/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/text.h"

#include <langinfo.h>
#include <string.h>
#include <wchar.h>

#include "widgets/glyphs.h"

/* of one character, in UTF-8 */
#define CHAR_BYTES_MAX 6

/* -1: ask the locale */
static int utf8_forced = -1;

/* Whether characters outside ASCII may be shown. */
gboolean text_is_utf8(void)
{
    if (utf8_forced >= 0)
        return utf8_forced;
    return g_ascii_strcasecmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Overrides what the locale says: for `set ascii on` and for tests. */
void text_set_utf8(gboolean utf8)
{
    utf8_forced = utf8 ? 1 : 0;
}

/* The visible stand-in for a character that is withheld. */
gunichar text_mark(void)
{
    return glyph_char(GLYPH_MARK);
}

/* Characters that are valid but reorder, hide or join their neighbours: bidi controls (Unicode
 * annex 9), zero-width characters, line separators, interlinear and tag characters. */
static gboolean is_treacherous(gunichar uc)
{
    static const struct {
        gunichar first, last;
    } range[] = {
        {0x00ad, 0x00ad},    {0x034f, 0x034f}, {0x061c, 0x061c}, {0x115f, 0x1160},
        {0x17b4, 0x17b5},    {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
        {0x2060, 0x206f},    {0x3164, 0x3164}, {0xe000, 0xf8ff}, {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff},    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a},
        {0xe0000, 0x10ffff},
    };
    for (guint i = 0; i < G_N_ELEMENTS(range); i++)
        if (uc >= range[i].first && uc <= range[i].last)
            return TRUE;
    return FALSE;
}

/* Maps a character to the one that may be drawn. */
gunichar text_safe_char(gunichar uc)
{
    if (uc >= 0x20 && uc < 0x7f)
        return uc;
    if (uc < 0xa0 || !text_is_utf8())
        return text_mark();
    if (uc == 0xfffd)
        return uc;
    if (uc == 0xa0)
        return ' ';
    if (is_treacherous(uc) || wcwidth((wchar_t)uc) < 0)
        return text_mark();
    return uc;
}

/* Cells of a character that text_safe_char() returned. */
int text_char_width(gunichar uc)
{
    if (uc < 0x7f || uc == 0xfffd)
        return 1;
    int w = wcwidth((wchar_t)uc);
    return w < 0 ? 1 : w;
}

/* Decodes one character; what is not UTF-8 is taken byte by byte. */
gunichar text_next_char(const char **s, const char *end)
{
    guchar c = (guchar) * *s;
    if (c < 0x80) {
        (*s)++;
        return text_safe_char(c);
    }
    gunichar uc = g_utf8_get_char_validated(*s, end - *s);
    if (uc >= (gunichar)-2) {
        (*s)++;
        return text_mark();
    }
    *s = g_utf8_next_char(*s);
    return text_safe_char(uc);
}

/* How many characters are plain at the beginning: printable ASCII, a cell and a byte each. Nearly
   all text is that, and needs no look at each character. */
static gsize plain_length(const char *s, const char *end)
{
    const char *start = s;
    while (s < end && *s >= 0x20 && *s < 0x7f)
        s++;
    return (gsize)(s - start);
}

/* Cells of a whole string. */
int text_width(const char *s)
{
    int width = 0;
    while (*s >= 0x20 && *s < 0x7f) {
        s++;
        width++;
    }
    for (const char *end = s + strlen(s); s < end;)
        width += text_char_width(text_next_char(&s, end));
    return width;
}

/* The end of a string sequence (OSC, DCS, APC, PM, SOS): past BEL or ST, NULL when it has none.
 * What begins another sequence ends the look for it, so that a text full of beginnings costs its
 * length.
 */
static const char *skip_string_sequence(const char *s, const char *end)
{
    for (; s < end; s++) {
        if (*s == '\a')
            return s + 1;
        if (*s == '\033')
            return s + 1 < end && s[1] == '\\' ? s + 2 : NULL;
        if (s + 1 < end && (guchar)s[0] == 0xc2 && (guchar)s[1] >= 0x80 && (guchar)s[1] < 0xa0)
            return (guchar)s[1] == 0x9c ? s + 2 : NULL;
    }
    return NULL;
}

/* The end of a control sequence after its introducer: parameters, intermediates, one final byte
 * (ECMA-48, 5.4). NULL when it is not complete. */
static const char *skip_csi(const char *s, const char *end)
{
    while (s < end && *s >= 0x30 && *s <= 0x3f)
        s++;
    while (s < end && *s >= 0x20 && *s <= 0x2f)
        s++;
    return s < end && *s >= 0x40 && *s <= 0x7e ? s + 1 : NULL;
}

/* The end of the complete escape sequence that starts at `s`, or NULL when none does. */
static const char *skip_escape(const char *s, const char *end)
{
    gboolean c1 =
        end - s >= 2 && (guchar)s[0] == 0xc2 && (guchar)s[1] >= 0x80 && (guchar)s[1] < 0xa0;
    if (!c1 && (*s != '\033' || end - s < 2))
        return NULL;
    /* the 8-bit form of ESC x is x + 0x40 */
    char kind = c1 ? (char)((guchar)s[1] - 0x40) : s[1];
    const char *rest = s + 2;
    if (kind == '[')
        return skip_csi(rest, end);
    if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' || kind == 'X')
        return skip_string_sequence(rest, end);
    if (c1)
        return NULL;
    while (s + 1 < end && s[1] >= 0x20 && s[1] <= 0x2f)
        s++;
    return s + 1 < end && s[1] >= 0x30 && s[1] <= 0x7e ? s + 2 : NULL;
}

/* Appends what may be shown of `s`. */
void text_append_sanitised(GString *out, const char *s, gssize len, TextKind kind)
{
    const char *end = s + (len < 0 ? strlen(s) : (gsize)len);
    int column = 0, marks = 0;
    while (s < end) {
        gsize plain = plain_length(s, end);
        if (plain > 0) {
            g_string_append_len(out, s, (gssize)plain);
            s += plain;
            column += (int)plain;
            marks = 0;
            continue;
        }
        if (kind == TEXT_OUTPUT) {
            const char *past = skip_escape(s, end);
            if (past != NULL) {
                s = past;
                continue;
            }
            if (*s == '\n') {
                g_string_append_c(out, '\n');
                column = 0;
                s++;
                continue;
            }
            if (*s == '\r' && (s + 1 == end || s[1] == '\n')) {
                s++;
                continue;
            }
            if (*s == '\t') {
                do
                    g_string_append_c(out, ' ');
                while (++column % 8 != 0);
                s++;
                continue;
            }
        }
        gunichar uc = text_next_char(&s, end);
        int width = text_char_width(uc);
        /* A pile of combining marks grows over its neighbours; three are enough for any script. */
        marks = width == 0 ? marks + 1 : 0;
        if (marks > 3)
            continue;
        g_string_append_unichar(out, uc);
        column += width;
    }
}

/* A copy of `s` that is safe to print. */
char *text_sanitise(const char *s, gssize len, TextKind kind)
{
    const char *end = s + (len < 0 ? strlen(s) : (gsize)len);
    if (plain_length(s, end) == (gsize)(end - s))
        return g_strndup(s, (gsize)(end - s));
    GString *out = g_string_sized_new((gsize)(end - s) + 1);
    text_append_sanitised(out, s, end - s, kind);
    return g_string_free(out, FALSE);
}

/* Appends `n` spaces. */
static void append_spaces(GString *out, int n)
{
    for (; n > 0; n--)
        g_string_append_c(out, ' ');
}

/* Appends the first cells of `s`, at most `width` of them; returns how many. */
static int append_cells(GString *out, const char *s, int width)
{
    int used = 0;
    const char *end = s + strlen(s);
    while (s < end) {
        int plain = (int)MIN(plain_length(s, end), (gsize)MAX(width - used, 0));
        if (plain > 0) {
            g_string_append_len(out, s, plain);
            s += plain;
            used += plain;
            continue;
        }
        gunichar uc = text_next_char(&s, end);
        int w = text_char_width(uc);
        if (used + w > width)
            break;
        used += w;
        g_string_append_unichar(out, uc);
    }
    return used;
}

/* Appends `s` as a field of exactly `width` cells. */
void text_append_fit(GString *out, const char *s, int width, TextAlign align)
{
    if (width <= 0)
        return;
    int full = text_width(s);
    if (full > width) {
        int used = append_cells(out, s, width - 1);
        g_string_append(out, glyph_text(GLYPH_ELLIPSIS));
        append_spaces(out, width - 1 - used);
        return;
    }
    int before = align == TEXT_RIGHT ? width - full : align == TEXT_CENTRE ? (width - full) / 2 : 0;
    append_spaces(out, before);
    append_cells(out, s, width);
    append_spaces(out, width - full - before);
}

/* A copy of `s` with its middle left out where it is wider than `width`. */
char *text_cut_middle(const char *s, int width)
{
    GString *out = g_string_new(NULL);
    int full = text_width(s);
    if (full <= width) {
        append_cells(out, s, full);
        return g_string_free(out, FALSE);
    }
    if (width < 1)
        return g_string_free(out, FALSE);
    int head = (width - 1 + 1) / 2, tail = width - 1 - head;
    append_cells(out, s, head);
    g_string_append(out, glyph_text(GLYPH_ELLIPSIS));
    const char *end = s + strlen(s);
    for (int left = full; left > tail && s < end;)
        left -= text_char_width(text_next_char(&s, end));
    append_cells(out, s, tail);
    return g_string_free(out, FALSE);
}

/* Finds `needle`, comparing single characters in lower case. */
const char *text_find(const char *haystack, const char *needle, const char **ret_end)
{
    if (*needle == '\0' || !g_utf8_validate(needle, -1, NULL))
        return NULL;
    const char *end = haystack + strlen(haystack);
    for (const char *start = haystack; start < end;) {
        const char *h = start, *n = needle;
        while (*n != '\0' && h < end) {
            const char *before = h;
            gunichar a = text_next_char(&h, end);
            if (g_unichar_tolower(a) != g_unichar_tolower(g_utf8_get_char(n))) {
                h = before;
                break;
            }
            n = g_utf8_next_char(n);
        }
        if (*n == '\0') {
            *ret_end = h;
            return start;
        }
        text_next_char(&start, end);
    }
    return NULL;
}

/* Where the part of `s` that fits into `width` cells ends: at a space if there is one. Looks no
 * further than that: a long line is broken in one go through it. */
const char *text_break(const char *s, int width)
{
    gboolean seen = FALSE; /* an indentation is no place to break */
    const char *at = s, *space = NULL;
    for (int used = 0; *at != '\0';) {
        const char *next = at;
        used += text_char_width(text_next_char(&next, at + strnlen(at, CHAR_BYTES_MAX)));
        if (used > width)
            return space != NULL ? space : at > s ? at : next;
        seen = seen || *at != ' ';
        if (*at == ' ' && seen)
            space = at;
        at = next;
    }
    return at;
}
