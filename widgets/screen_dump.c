/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen_dump.c - the picture as text, with its roles and looks: for tests. */
#include "widgets/screen_private.h"

/* Notes roles on a test screen. */
void screen_note_role(int y, int x, int width, Role role, Role base)
{
    if (screen_state.roles == NULL || y < 0 || y >= screen_state.roles_height)
        return;
    for (int i = MAX(x, 0); i < x + width && i < screen_state.roles_width; i++)
        screen_state.roles[y * screen_state.roles_width + i] = (guint16)(role | base << 8);
}

/* The text of the picture. */
char *screen_dump(void)
{
    GString *out = g_string_new(NULL);
    for (int y = 0; y < getmaxy(stdscr); y++) {
        gsize solid = out->len;
        for (int x = 0; x < getmaxx(stdscr);) {
            cchar_t cell;
            wchar_t wc[CCHARW_MAX + 1] = {0};
            attr_t attrs;
            short pair;
            mvwin_wch(stdscr, y, x, &cell);
            getcchar(&cell, wc, &attrs, &pair, NULL);
            for (int i = 0; wc[i] != 0; i++)
                g_string_append_unichar(out, (gunichar)wc[i]);
            if (wc[0] != ' ' && wc[0] != 0)
                solid = out->len;
            x += MAX(1, text_char_width((gunichar)wc[0]));
        }
        g_string_truncate(out, solid);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/* Whether every cell has the attributes that its role should give it. */
gboolean screen_check_attributes(void)
{
    for (int y = 0; y < screen_state.roles_height; y++) {
        for (int x = 0; x < screen_state.roles_width; x++) {
            guint16 at = screen_state.roles[y * screen_state.roles_width + x];
            cchar_t cell;
            wchar_t wc[CCHARW_MAX + 1];
            attr_t attrs, wanted;
            short pair, wanted_pair;
            mvwin_wch(stdscr, y, x, &cell);
            getcchar(&cell, wc, &attrs, &pair, NULL);
            theme_attributes(at & 0xff, at >> 8, &wanted, &wanted_pair);
            if (pair != wanted_pair || (attrs & (A_BOLD | A_DIM | A_REVERSE | A_UNDERLINE)) !=
                                           (wanted & (A_BOLD | A_DIM | A_REVERSE | A_UNDERLINE)))
                return FALSE;
        }
    }
    return TRUE;
}

/* The roles of one row, as runs: `x-y:role[@base]`. */
char *screen_dump_roles(int y)
{
    GString *out = g_string_new(NULL);
    for (int x = 0, end; x < screen_state.roles_width; x = end) {
        guint16 at = screen_state.roles[y * screen_state.roles_width + x];
        for (end = x + 1; end < screen_state.roles_width; end++)
            if (screen_state.roles[y * screen_state.roles_width + end] != at)
                break;
        if (at == 0)
            continue;
        g_string_append_printf(out, "%s%d-%d:%s", out->len > 0 ? " " : "", x, end - 1,
                               theme_role_name(at & 0xff));
        if (at >> 8 != 0)
            g_string_append_printf(out, "@%s", theme_role_name(at >> 8));
    }
    return g_string_free(out, FALSE);
}

/* One colour of a look. */
static void append_colour(GString *out, short colour)
{
    if (colour < 0)
        g_string_append_c(out, '-');
    else
        g_string_append_printf(out, "%d", colour);
}

/* The runs of one row that do not look plain. */
static void append_looks(GString *out, int y)
{
    static const char letters[] = "bdru"; /* in the order of LookAttrs */
    for (int x = 0, end; x < screen_state.roles_width; x = end) {
        guint16 at = screen_state.roles[y * screen_state.roles_width + x];
        ThemeLook look = theme_look(at & 0xff, at >> 8);
        for (end = x + 1; end < screen_state.roles_width; end++) {
            guint16 other_at = screen_state.roles[y * screen_state.roles_width + end];
            ThemeLook other = theme_look(other_at & 0xff, other_at >> 8);
            if (other.fg != look.fg || other.bg != look.bg || other.attrs != look.attrs)
                break;
        }
        if (look.fg < 0 && look.bg < 0 && look.attrs == 0)
            continue;
        g_string_append_printf(out, "  %d-%d ", x, end - 1);
        append_colour(out, look.fg);
        g_string_append_c(out, '/');
        append_colour(out, look.bg);
        for (guint i = 0; letters[i] != '\0'; i++)
            if ((look.attrs >> i & 1) != 0)
                g_string_append_c(out, letters[i]);
    }
}

/* Text and looks of the picture. */
char *screen_dump_looks(void)
{
    g_autofree char *text = screen_dump();
    g_auto(GStrv) rows = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);
    for (int y = 0; y < screen_state.roles_height && rows[y] != NULL; y++) {
        g_string_append_printf(out, "%s\n", rows[y]);
        gsize before = out->len;
        append_looks(out, y);
        if (out->len > before)
            g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}
