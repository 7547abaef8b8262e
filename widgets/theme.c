/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/theme.h"

#include <string.h>

#include "widgets/curses-private.h"
#include "widgets/text.h"

enum { BOLD = 1, FAINT = 2, REVERSE = 4, UNDER = 8 };

/* How a role looks. Colours are indexes into the terminal's palette, -1 the terminal's own. `on` is
 * the 256-colour foreground on a coloured base where `fg` would be hard to read (0: the same). */
typedef struct {
    short fg, bg, on; /* 256 colours */
    short fg16, bg16; /* 16 colours; with 8, 8..15 become 0..7 in bold */
    guint8 attrs;     /* with colours */
    guint8 mono;      /* without */
} Look;

#define DEFAULT (-1)

static const Look dark[ROLE_N] = {
    [ROLE_TEXT] = {DEFAULT, DEFAULT, 255, DEFAULT, DEFAULT, 0, 0},
    [ROLE_DIM] = {245, DEFAULT, 250, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_STRONG] = {DEFAULT, DEFAULT, 231, DEFAULT, DEFAULT, BOLD, BOLD},
    [ROLE_BRAND] = {231, 30, 0, 15, 6, BOLD, BOLD | REVERSE},
    [ROLE_BAR] = {252, 236, 252, 15, 4, 0, REVERSE},
    [ROLE_SELECTED] = {255, 24, 255, 15, 4, 0, REVERSE},
    [ROLE_POPUP] = {252, 235, 252, DEFAULT, DEFAULT, 0, 0},
    [ROLE_PICKED] = {231, 24, 231, 15, 4, BOLD, REVERSE},
    [ROLE_COLUMN] = {109, DEFAULT, 152, 6, DEFAULT, BOLD, BOLD},
    [ROLE_SORTED] = {117, DEFAULT, 153, 14, DEFAULT, BOLD | UNDER, BOLD | UNDER},
    [ROLE_BORDER] = {240, DEFAULT, 244, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_TITLE] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_LABEL] = {109, DEFAULT, 152, 6, DEFAULT, 0, 0},
    [ROLE_TAB] = {246, DEFAULT, 250, DEFAULT, DEFAULT, 0, 0},
    [ROLE_TAB_ACTIVE] = {231, 30, 0, 15, 6, BOLD, BOLD | REVERSE},
    [ROLE_KEY] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_OFF] = {242, DEFAULT, 247, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_MARK] = {222, DEFAULT, 222, 11, DEFAULT, BOLD, BOLD},
    [ROLE_STALE] = {242, DEFAULT, 248, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_VM] = {147, DEFAULT, 189, 13, DEFAULT, 0, 0},
    [ROLE_CONTAINER] = {116, DEFAULT, 159, 14, DEFAULT, 0, 0},
    [ROLE_RUNNING] = {114, DEFAULT, 157, 10, DEFAULT, 0, 0},
    [ROLE_PAUSED] = {179, DEFAULT, 222, 11, DEFAULT, 0, UNDER},
    [ROLE_STOPPED] = {245, DEFAULT, 250, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_CHANGING] = {117, DEFAULT, 153, 14, DEFAULT, BOLD, BOLD},
    [ROLE_CRASHED] = {209, DEFAULT, 216, 9, DEFAULT, BOLD, BOLD | UNDER},
    [ROLE_SAVED] = {139, DEFAULT, 182, 13, DEFAULT, 0, 0},
    [ROLE_OK] = {114, DEFAULT, 157, 10, DEFAULT, 0, 0},
    [ROLE_WARN] = {221, DEFAULT, 222, 11, DEFAULT, BOLD, BOLD},
    [ROLE_ERROR] = {209, DEFAULT, 216, 9, DEFAULT, BOLD, BOLD},
    [ROLE_LOW] = {73, DEFAULT, 116, 6, DEFAULT, 0, 0},
    [ROLE_MIDDLE] = {179, DEFAULT, 222, 11, DEFAULT, 0, 0},
    [ROLE_HIGH] = {209, DEFAULT, 216, 9, DEFAULT, BOLD, BOLD},
    [ROLE_STEAL] = {176, DEFAULT, 219, 13, DEFAULT, 0, UNDER},
    [ROLE_TRACK] = {238, DEFAULT, 240, DEFAULT, DEFAULT, FAINT, FAINT},
    [ROLE_MATCH] = {16, 179, 0, 0, 3, 0, REVERSE},
    [ROLE_PROMPT] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_HINT] = {245, DEFAULT, 250, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_SYNTAX_NAME] = {110, DEFAULT, 153, 12, DEFAULT, 0, BOLD},
    [ROLE_SYNTAX_STRING] = {150, DEFAULT, 193, 10, DEFAULT, 0, 0},
    [ROLE_SYNTAX_VALUE] = {180, DEFAULT, 223, 11, DEFAULT, 0, 0},
};

/* What differs on a light background. */
static const struct {
    Role role;
    Look look;
} light[] = {
    {ROLE_TEXT, {DEFAULT, DEFAULT, 16, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_DIM, {243, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_STRONG, {DEFAULT, DEFAULT, 16, DEFAULT, DEFAULT, BOLD, BOLD}},
    {ROLE_BAR, {236, 253, 236, 0, 7, 0, REVERSE}},
    {ROLE_SELECTED, {16, 153, 16, 0, 6, 0, REVERSE}},
    {ROLE_POPUP, {236, 254, 236, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_PICKED, {16, 153, 16, 0, 6, BOLD, REVERSE}},
    {ROLE_COLUMN, {24, DEFAULT, 24, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_SORTED, {25, DEFAULT, 25, 4, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_BORDER, {249, DEFAULT, 245, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_TITLE, {30, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_LABEL, {24, DEFAULT, 24, 4, DEFAULT, 0, 0}},
    {ROLE_TAB, {241, DEFAULT, 239, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_KEY, {30, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_OFF, {247, DEFAULT, 243, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_MARK, {130, DEFAULT, 94, 5, DEFAULT, BOLD, BOLD}},
    {ROLE_STALE, {247, DEFAULT, 243, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_VM, {61, DEFAULT, 54, 5, DEFAULT, 0, 0}},
    {ROLE_CONTAINER, {30, DEFAULT, 23, 6, DEFAULT, 0, 0}},
    {ROLE_RUNNING, {28, DEFAULT, 22, 2, DEFAULT, 0, 0}},
    {ROLE_PAUSED, {130, DEFAULT, 94, 3, DEFAULT, 0, UNDER}},
    {ROLE_STOPPED, {243, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_CHANGING, {25, DEFAULT, 18, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_CRASHED, {160, DEFAULT, 124, 1, DEFAULT, BOLD, BOLD | UNDER}},
    {ROLE_SAVED, {96, DEFAULT, 53, 5, DEFAULT, 0, 0}},
    {ROLE_OK, {28, DEFAULT, 22, 2, DEFAULT, 0, 0}},
    {ROLE_WARN, {130, DEFAULT, 94, 3, DEFAULT, BOLD, BOLD}},
    {ROLE_ERROR, {160, DEFAULT, 124, 1, DEFAULT, BOLD, BOLD}},
    {ROLE_LOW, {30, DEFAULT, 23, 6, DEFAULT, 0, 0}},
    {ROLE_MIDDLE, {136, DEFAULT, 94, 3, DEFAULT, 0, 0}},
    {ROLE_HIGH, {160, DEFAULT, 124, 1, DEFAULT, BOLD, BOLD}},
    {ROLE_STEAL, {133, DEFAULT, 90, 5, DEFAULT, 0, UNDER}},
    {ROLE_TRACK, {252, DEFAULT, 250, DEFAULT, DEFAULT, FAINT, FAINT}},
    {ROLE_PROMPT, {30, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_HINT, {243, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_SYNTAX_NAME, {25, DEFAULT, 18, 4, DEFAULT, 0, BOLD}},
    {ROLE_SYNTAX_STRING, {28, DEFAULT, 22, 2, DEFAULT, 0, 0}},
    {ROLE_SYNTAX_VALUE, {130, DEFAULT, 94, 3, DEFAULT, 0, 0}},
};

static const char *const names[] = {"dark", "light", "mono", NULL};

static struct {
    guint theme; /* index into names */
    ThemeDepth depth;
    Glyphs glyphs;
    Look look[ROLE_N];
    gboolean filled;
    GHashTable *pairs; /* (fg, bg) -> pair number */
    int next_pair;
} self = {.glyphs = GLYPHS_BRAILLE};

/* The name of a role. */
const char *theme_role_name(Role role)
{
    static const char *const role_names[] = {
#define X(role, name) name,
        THEME_ROLES(X)
#undef X
    };
    return role < ROLE_N ? role_names[role] : "?";
}

/* All themes. */
const char *const *theme_names(void)
{
    return names;
}

/* The theme in use. */
const char *theme_current(void)
{
    return names[self.theme];
}

/* Builds the table of looks of the theme in use. */
static void fill_looks(void)
{
    memcpy(self.look, dark, sizeof dark);
    if (strcmp(names[self.theme], "light") == 0)
        for (guint i = 0; i < G_N_ELEMENTS(light); i++)
            self.look[light[i].role] = light[i].look;
    self.filled = TRUE;
}

/* Switches the theme. */
gboolean theme_select(const char *name)
{
    for (guint i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        self.theme = i;
        fill_looks();
        theme_reset_pairs();
        return TRUE;
    }
    return FALSE;
}

/* How many colours to use. */
ThemeDepth theme_depth_for(int colours)
{
    const char *no_color = g_getenv("NO_COLOR");
    if (no_color != NULL && *no_color != '\0')
        return THEME_MONO;
    return colours >= 256  ? THEME_256
           : colours >= 16 ? THEME_16
           : colours >= 8  ? THEME_8
                           : THEME_MONO;
}

/* Sets the depth found for the terminal. */
void theme_set_depth(ThemeDepth depth)
{
    self.depth = depth;
    theme_reset_pairs();
}

/* The depth in use. */
ThemeDepth theme_depth(void)
{
    return strcmp(names[self.theme], "mono") == 0 ? THEME_MONO : self.depth;
}

/* Sets the wish; the locale has the last word. */
void theme_set_glyphs(Glyphs glyphs)
{
    self.glyphs = glyphs;
}

/* What graphs are drawn with. */
Glyphs theme_glyphs(void)
{
    return text_is_utf8() ? self.glyphs : GLYPHS_ASCII;
}

/* Low up to 60 %, high from 85 %. */
Role theme_load_role(double load)
{
    return load >= 0.85 ? ROLE_HIGH : load >= 0.60 ? ROLE_MIDDLE : ROLE_LOW;
}

/* Pairs start anew; their numbers are handed out as they are first used. */
void theme_reset_pairs(void)
{
    if (self.pairs != NULL)
        g_hash_table_remove_all(self.pairs);
    self.next_pair = 1;
}

/* The pair number of two colours, made on first use; 0 when the terminal has no more. */
static short pair_of(short fg, short bg)
{
    if (fg < 0 && bg < 0)
        return 0;
    if (self.pairs == NULL)
        self.pairs = g_hash_table_new(NULL, NULL);
    gpointer key = GINT_TO_POINTER((fg + 1) << 16 | (bg + 1)), value;
    if (g_hash_table_lookup_extended(self.pairs, key, NULL, &value))
        return (short)GPOINTER_TO_INT(value);
    if (self.next_pair == 0)
        self.next_pair = 1;
    if (self.next_pair >= COLOR_PAIRS || self.next_pair > 32000 ||
        init_pair((short)self.next_pair, fg, bg) == ERR)
        return 0;
    g_hash_table_insert(self.pairs, key, GINT_TO_POINTER(self.next_pair));
    return (short)self.next_pair++;
}

/* curses attributes for ours. */
static attr_t attrs_of(guint8 a)
{
    return (a & BOLD ? A_BOLD : 0) | (a & FAINT ? A_DIM : 0) | (a & REVERSE ? A_REVERSE : 0) |
           (a & UNDER ? A_UNDERLINE : 0);
}

/* The look of `role` on `base`. */
void theme_attributes(Role role, Role base, attr_t *ret_attrs, short *ret_pair)
{
    if (!self.filled)
        fill_looks();
    const Look *r = &self.look[role], *b = &self.look[base];
    ThemeDepth depth = theme_depth();
    guint8 attrs = depth == THEME_MONO ? r->mono | b->mono : r->attrs | b->attrs;
    short fg = DEFAULT, bg = DEFAULT;

    if (depth == THEME_256) {
        bg = r->bg >= 0 ? r->bg : b->bg;
        fg = r->fg;
        if (r->bg < 0 && b->bg >= 0)
            fg = r->on > 0 ? r->on : r->fg >= 0 ? r->fg : b->fg;
    } else if (depth != THEME_MONO) {
        bg = r->bg16 >= 0 ? r->bg16 : b->bg16;
        /* a coloured word on a coloured bar is hard to read with 16 colours: the bar's own wins */
        fg = r->bg16 < 0 && b->bg16 >= 0 ? b->fg16 : r->fg16;
        if (depth == THEME_8) {
            if (fg >= 8)
                attrs |= BOLD;
            fg = fg > 0 ? fg & 7 : fg;
            bg = bg > 0 ? bg & 7 : bg;
        }
    }
    /* faint reverse video is unreadable on many terminals */
    if ((attrs & REVERSE) != 0)
        attrs &= (guint8)~FAINT;
    *ret_attrs = attrs_of(attrs);
    *ret_pair = pair_of(fg, bg);
}
