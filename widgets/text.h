/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text as a terminal shows it: cells instead of bytes, and nothing that steers the terminal.
 *
 * Names, labels, logs and XML come from images, guests and other users. Before any of it reaches a
 * terminal - through the console or through a one-shot command - it goes through text_sanitise().
 * This header needs no curses, so batch output uses it too.
 *
 * Widths are wcwidth(3)'s, so setlocale(LC_CTYPE, "") must have run. In a locale that is not UTF-8
 * every character outside ASCII shows as `?`. UI thread or a single-threaded program only.
 */
#pragma once

#include <glib.h>

typedef enum { TEXT_LEFT, TEXT_RIGHT, TEXT_CENTRE } TextAlign;

typedef enum {
    /* One line that names something. A control character, half an escape sequence, a bidi control
     * or an invisible character becomes a visible mark, so no two names look alike by it. */
    TEXT_NAME,
    /* Program output of many lines. Complete escape sequences are removed (coloured logs stay
     * readable), tabs become spaces up to the next multiple of 8, "\r\n" becomes a newline,
     * newlines stay; the rest is as for TEXT_NAME. */
    TEXT_OUTPUT,
} TextKind;

/* Follows the locale until told otherwise (tests). */
gboolean text_is_utf8(void);
void text_set_utf8(gboolean utf8);

/* What stands for a character that may not be shown: U+FFFD, or `?` in ASCII mode (glyphs.h). */
gunichar text_mark(void);

/* The character to show for `uc`: itself, or text_mark(). */
gunichar text_safe_char(gunichar uc);

/* Cells of a character after text_safe_char(): 0 for a combining mark, 1 or 2. */
int text_char_width(gunichar uc);

/* Reads the character at *s (end: one past the last byte), advances *s, returns what to show.
 * Bytes that are not UTF-8 give one mark each. */
gunichar text_next_char(const char **s, const char *end);

/* Cells `s` takes when drawn. */
int text_width(const char *s);

/* `s` (len bytes, -1: to the NUL) as it may be shown. Always valid UTF-8. g_free() it. */
char *text_sanitise(const char *s, gssize len, TextKind kind);
void text_append_sanitised(GString *out, const char *s, gssize len, TextKind kind);

/* Appends `s` cut or padded to exactly `width` cells. A cut shows as an ellipsis in the last cell
 * (`~` in ASCII mode). */
void text_append_fit(GString *out, const char *s, int width, TextAlign align);

/* `s` cut to at most `width` cells, in the middle (for names whose ends differ). g_free() it. */
char *text_cut_middle(const char *s, int width);

/* Where `needle` begins in `haystack` without regard to case, or NULL. The match ends at *ret_end.
 */
const char *text_find(const char *haystack, const char *needle, const char **ret_end);

/* Where the part of `s` that fits into `width` cells ends: at a space if there is one, which then
 * is left out by the caller. Always moves on by a character at least. */
const char *text_break(const char *s, int width);
