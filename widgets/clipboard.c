/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/clipboard.h"

#include <string.h>

/* GNU screen's bound for a string is 768 with what is around it. */
#define SCREEN_PIECE 700

ClipboardWay clipboard_way(void)
{
    const char *tmux = g_getenv("TMUX"), *sty = g_getenv("STY"), *term = g_getenv("TERM");

    if (tmux != NULL && *tmux != '\0')
        return CLIPBOARD_TMUX;
    if (sty != NULL && *sty != '\0')
        return CLIPBOARD_SCREEN;
    /* over SSH the variables stay behind; TERM comes along */
    return term != NULL && g_str_has_prefix(term, "tmux")     ? CLIPBOARD_TMUX
           : term != NULL && g_str_has_prefix(term, "screen") ? CLIPBOARD_SCREEN
                                                              : CLIPBOARD_PLAIN;
}

/* The length of `text`, cut between characters where it is too long. */
static gsize fitting(const char *text)
{
    gsize n = strlen(text);

    if (n <= CLIPBOARD_BYTES_MAX)
        return n;
    for (n = CLIPBOARD_BYTES_MAX; n > 0 && ((guint8)text[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

char *clipboard_sequence(const char *text, ClipboardWay way)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)text, fitting(text));
    g_autofree char *plain = g_strconcat("\033]52;c;", base64, "\a", NULL);
    GString *out = g_string_new(NULL);
    gsize n = strlen(plain);

    switch (way) {
    case CLIPBOARD_TMUX:
        /* in the wrapping each ESC is doubled; there is one */
        g_string_append_printf(out, "%s\033Ptmux;\033%s\033\\", plain, plain);
        break;
    case CLIPBOARD_SCREEN:
        for (gsize at = 0; at < n; at += SCREEN_PIECE)
            g_string_append_printf(out, "\033P%.*s\033\\", (int)MIN(SCREEN_PIECE, n - at),
                                   plain + at);
        break;
    default:
        g_string_append(out, plain);
        break;
    }
    return g_string_free(out, FALSE);
}
