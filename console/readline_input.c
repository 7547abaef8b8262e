/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/readline_input.h"

#include <string.h>

#define PASTE_BEGIN "\033[200~"
#define PASTE_END   "\033[201~"
#define MARK_LENGTH (sizeof PASTE_BEGIN - 1)
#define MARKS_PART  4 /* where the two begin to differ */

static struct {
    GByteArray *ring; /* keys that readline has not read yet */
    gsize read;       /* of the ring */
    gsize matched;    /* bytes of the begin or the end mark that have come */
    gboolean in_paste;
    gboolean stray; /* what is matched is the end of a paste that has not begun */
    GString *paste; /* so far, or complete */
    gboolean complete, too_long;
} input;

int edit_input_peek(void)
{
    return edit_input_available() ? input.ring->data[input.read] : -1;
}

int edit_input_available(void)
{
    return input.ring != NULL && input.read < input.ring->len;
}

int edit_input_getc(FILE *stream)
{
    int byte = edit_input_peek();

    if (byte < 0)
        return EOF;
    if (++input.read == input.ring->len) {
        g_byte_array_set_size(input.ring, 0);
        input.read = 0;
    }
    return byte;
}

void edit_input_end_search(void)
{
    guint8 end = '\n';

    if (input.ring->data[input.read] == '\033' && input.read + 1 == input.ring->len) {
        input.ring->data[input.read] = end;
        return;
    }
    g_byte_array_remove_range(input.ring, 0, (guint)input.read); /* what was read already */
    input.read = 0;
    g_byte_array_prepend(input.ring, &end, 1);
}

void edit_input_reset(void)
{
    if (input.ring != NULL)
        g_byte_array_set_size(input.ring, 0);
    input.read = input.matched = 0;
    input.stray = FALSE;
    edit_input_drop_paste();
}

static void push_keys(const char *bytes, gsize length)
{
    if (input.ring == NULL)
        input.ring = g_byte_array_new();
    g_byte_array_append(input.ring, (const guint8 *)bytes, (guint)length);
}

static void push_paste(const char *bytes, gsize length)
{
    if (input.paste->len + length > PASTE_MAX_BYTES)
        input.too_long = TRUE;
    else
        g_string_append_len(input.paste, bytes, (gssize)length);
}

void edit_input_feed(guint8 byte)
{
    char own = (char)byte;
    const char *mark;

    if (byte == 0)
        return;
    if (!input.in_paste && input.matched == MARKS_PART && own == PASTE_END[MARKS_PART])
        input.stray = TRUE;
    mark = input.in_paste || input.stray ? PASTE_END : PASTE_BEGIN;
    if (own == mark[input.matched]) {
        if (++input.matched < MARK_LENGTH)
            return;
        input.matched = 0;
        if (input.stray) {
            input.stray = FALSE;
            return;
        }
        input.in_paste = !input.in_paste;
        if (input.in_paste && input.paste == NULL)
            input.paste = g_string_new(NULL);
        input.complete = !input.in_paste;
        return;
    }
    /* no mark after all; only its first byte can begin another one */
    gsize held = input.matched;

    input.matched = 0;
    input.stray = FALSE;
    if (input.in_paste)
        push_paste(mark, held);
    else
        push_keys(mark, held);
    if (held > 0)
        edit_input_feed(byte);
    else if (input.in_paste)
        push_paste(&own, 1);
    else
        push_keys(&own, 1);
}

gboolean edit_input_pastes(void)
{
    return input.in_paste;
}

void edit_input_drop_paste(void)
{
    if (input.in_paste)
        input.matched = 0;
    input.in_paste = input.complete = input.too_long = FALSE;
    if (input.paste != NULL)
        g_string_truncate(input.paste, 0);
}

gboolean edit_input_holds(void)
{
    return !input.in_paste && input.matched > 0;
}

gboolean edit_input_holds_escape(void)
{
    return !input.in_paste && input.matched == 1;
}

void edit_input_release(void)
{
    gsize held = input.matched;

    if (!edit_input_holds())
        return;
    input.matched = 0;
    push_keys(input.stray ? PASTE_END : PASTE_BEGIN, held);
    input.stray = FALSE;
}

char *edit_input_take_paste(guint *ret_lines)
{
    g_autofree char *valid = NULL;
    GString *text;
    gboolean too_long = input.too_long;

    if (!input.complete)
        return NULL;
    text = g_string_new(NULL);
    for (const char *c = input.paste->str; c < input.paste->str + input.paste->len; c++) {
        if (*c == '\r' || *c == '\n') {
            g_string_append_c(text, '\n');
            c += *c == '\r' && c[1] == '\n';
        } else if (*c == '\t') {
            g_string_append_c(text, ' ');
        } else if ((guint8)*c == 0xc2 && (guint8)c[1] >= 0x80 && (guint8)c[1] < 0xa0) {
            c++; /* a C1 control: readline would hand it to the terminal */
        } else if ((guint8)*c >= ' ' && *c != 0x7f) {
            g_string_append_c(text, *c);
        }
    }
    edit_input_drop_paste();
    while (text->len > 0 && text->str[text->len - 1] == '\n')
        g_string_truncate(text, text->len - 1);
    *ret_lines = too_long ? 0 : 1;
    for (gsize i = 0; i < text->len; i++)
        *ret_lines += text->str[i] == '\n';
    valid = g_utf8_make_valid(too_long ? "" : text->str, -1);
    g_string_free(text, TRUE);
    return g_steal_pointer(&valid);
}
