/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/theme.h"

#include <string.h>

#include "widgets/colour.h"
#include "widgets/curses-private.h"

enum { BOLD = LOOK_BOLD, FAINT = LOOK_DIM, REVERSE = LOOK_REVERSE, UNDER = LOOK_UNDERLINE };

/* How a role looks. Colours are indexes into the terminal's palette, -1 the terminal's own. `on` is
 * the 256-colour foreground on a coloured base where `fg` would be hard to read (0: the same). */
typedef struct {
    short fg, bg, on; /* 256 colours */
    short fg16, bg16; /* 16 colours; with 8, 8..15 become 0..7 in bold */
    guint8 attrs;     /* with colours */
    guint8 mono;      /* without */
} Look;

#define DEFAULT COLOUR_DEFAULT

static const Look dark[ROLE_N] = {
    [ROLE_TEXT] = {DEFAULT, DEFAULT, 255, DEFAULT, DEFAULT, 0, 0},
    [ROLE_DIM] = {245, DEFAULT, 254, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_STRONG] = {DEFAULT, DEFAULT, 231, DEFAULT, DEFAULT, BOLD, BOLD},
    [ROLE_BRAND] = {231, 23, 0, 15, 6, BOLD, BOLD | REVERSE},
    [ROLE_BAR] = {252, 236, 252, 15, 4, 0, REVERSE},
    [ROLE_SELECTED] = {255, 24, 255, 15, 4, 0, REVERSE},
    [ROLE_POPUP] = {252, 235, 252, DEFAULT, DEFAULT, 0, 0},
    [ROLE_PICKED] = {231, 24, 231, 15, 4, BOLD, REVERSE},
    [ROLE_COLUMN] = {109, DEFAULT, 152, 6, DEFAULT, BOLD, BOLD},
    [ROLE_SORTED] = {117, DEFAULT, 153, 14, DEFAULT, BOLD | UNDER, BOLD | UNDER},
    [ROLE_BORDER] = {240, DEFAULT, 110, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_TITLE] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_LABEL] = {109, DEFAULT, 152, 6, DEFAULT, 0, 0},
    [ROLE_TAB] = {246, DEFAULT, 254, DEFAULT, DEFAULT, 0, 0},
    [ROLE_TAB_ACTIVE] = {231, 23, 0, 15, 6, BOLD, BOLD | REVERSE},
    [ROLE_KEY] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_OFF] = {243, DEFAULT, 251, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_MARK] = {222, DEFAULT, 222, 11, DEFAULT, BOLD, BOLD},
    [ROLE_STALE] = {243, DEFAULT, 251, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_VM] = {147, DEFAULT, 189, 13, DEFAULT, 0, 0},
    [ROLE_CONTAINER] = {116, DEFAULT, 159, 14, DEFAULT, 0, 0},
    [ROLE_RUNNING] = {114, DEFAULT, 157, 10, DEFAULT, 0, 0},
    [ROLE_PAUSED] = {227, DEFAULT, 222, 11, DEFAULT, UNDER, UNDER},
    [ROLE_STOPPED] = {246, DEFAULT, 254, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_CHANGING] = {117, DEFAULT, 153, 14, DEFAULT, BOLD, BOLD},
    [ROLE_CRASHED] = {203, DEFAULT, 224, 9, DEFAULT, BOLD | UNDER, BOLD | UNDER},
    [ROLE_SAVED] = {177, DEFAULT, 225, 13, DEFAULT, 0, 0},
    [ROLE_OK] = {115, DEFAULT, 157, 10, DEFAULT, 0, 0},
    [ROLE_WARN] = {221, DEFAULT, 222, 11, DEFAULT, BOLD, BOLD},
    [ROLE_ERROR] = {203, DEFAULT, 224, 9, DEFAULT, BOLD, BOLD},
    [ROLE_LOW] = {80, DEFAULT, 159, 6, DEFAULT, 0, 0},
    [ROLE_MIDDLE] = {221, DEFAULT, 222, 11, DEFAULT, 0, 0},
    [ROLE_HIGH] = {203, DEFAULT, 224, 9, DEFAULT, BOLD, BOLD},
    [ROLE_STEAL] = {141, DEFAULT, 225, 13, DEFAULT, UNDER, UNDER},
    [ROLE_PRESSURE] = {215, DEFAULT, 224, 3, DEFAULT, 0, 0},
    [ROLE_TRACK] = {239, DEFAULT, 110, DEFAULT, DEFAULT, FAINT, FAINT},
    [ROLE_MATCH] = {16, 179, 0, 0, 3, 0, REVERSE},
    [ROLE_PROMPT] = {80, DEFAULT, 123, 14, DEFAULT, BOLD, BOLD},
    [ROLE_HINT] = {245, DEFAULT, 254, DEFAULT, DEFAULT, 0, FAINT},
    [ROLE_SYNTAX_NAME] = {110, DEFAULT, 153, 12, DEFAULT, 0, BOLD},
    [ROLE_SYNTAX_STRING] = {79, DEFAULT, 193, 10, DEFAULT, 0, 0},
    [ROLE_SYNTAX_VALUE] = {221, DEFAULT, 223, 11, DEFAULT, 0, 0},
};

typedef struct {
    Role role;
    Look look;
} RoleLook;

/* What differs on a light background. */
static const RoleLook light[] = {
    {ROLE_TEXT, {DEFAULT, DEFAULT, 16, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_DIM, {242, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_STRONG, {DEFAULT, DEFAULT, 16, DEFAULT, DEFAULT, BOLD, BOLD}},
    {ROLE_BAR, {236, 253, 236, 0, 7, 0, REVERSE}},
    {ROLE_SELECTED, {16, 189, 16, 0, 6, 0, REVERSE}},
    {ROLE_POPUP, {236, 254, 236, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_PICKED, {16, 189, 16, 0, 6, BOLD, REVERSE}},
    {ROLE_COLUMN, {24, DEFAULT, 24, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_SORTED, {25, DEFAULT, 18, 4, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_BORDER, {247, DEFAULT, 245, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_TITLE, {24, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_LABEL, {24, DEFAULT, 24, 4, DEFAULT, 0, 0}},
    {ROLE_TAB, {241, DEFAULT, 239, DEFAULT, DEFAULT, 0, 0}},
    {ROLE_KEY, {24, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_OFF, {245, DEFAULT, 243, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_MARK, {130, DEFAULT, 58, 5, DEFAULT, BOLD, BOLD}},
    {ROLE_STALE, {245, DEFAULT, 243, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_VM, {61, DEFAULT, 54, 5, DEFAULT, 0, 0}},
    {ROLE_CONTAINER, {23, DEFAULT, 23, 6, DEFAULT, 0, 0}},
    {ROLE_RUNNING, {24, DEFAULT, 18, 2, DEFAULT, 0, 0}},
    {ROLE_PAUSED, {130, DEFAULT, 58, 3, DEFAULT, UNDER, UNDER}},
    {ROLE_STOPPED, {242, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_CHANGING, {20, DEFAULT, 18, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_CRASHED, {124, DEFAULT, 124, 1, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_SAVED, {98, DEFAULT, 53, 5, DEFAULT, 0, 0}},
    {ROLE_OK, {29, DEFAULT, 22, 2, DEFAULT, 0, 0}},
    {ROLE_WARN, {130, DEFAULT, 58, 3, DEFAULT, BOLD, BOLD}},
    {ROLE_ERROR, {124, DEFAULT, 124, 1, DEFAULT, BOLD, BOLD}},
    {ROLE_LOW, {24, DEFAULT, 23, 6, DEFAULT, 0, 0}},
    {ROLE_MIDDLE, {94, DEFAULT, 58, 3, DEFAULT, 0, 0}},
    {ROLE_HIGH, {161, DEFAULT, 124, 1, DEFAULT, BOLD, BOLD}},
    {ROLE_STEAL, {53, DEFAULT, 53, 5, DEFAULT, UNDER, UNDER}},
    {ROLE_PRESSURE, {130, DEFAULT, 58, 3, DEFAULT, 0, 0}},
    {ROLE_TRACK, {250, DEFAULT, 248, DEFAULT, DEFAULT, FAINT, FAINT}},
    {ROLE_PROMPT, {24, DEFAULT, 23, 4, DEFAULT, BOLD, BOLD}},
    {ROLE_HINT, {242, DEFAULT, 240, DEFAULT, DEFAULT, 0, FAINT}},
    {ROLE_SYNTAX_NAME, {18, DEFAULT, 18, 4, DEFAULT, 0, BOLD}},
    {ROLE_SYNTAX_STRING, {23, DEFAULT, 22, 2, DEFAULT, 0, 0}},
    {ROLE_SYNTAX_VALUE, {94, DEFAULT, 58, 3, DEFAULT, 0, 0}},
};

/* What differs in high contrast: pure colours on black, bars and the selected row the other way
 * round. At least 7:1 everywhere (WCAG 2.1, 1.4.6). */
static const RoleLook high_contrast[] = {
    {ROLE_TEXT, {231, DEFAULT, 16, 15, DEFAULT, 0, 0}},
    {ROLE_DIM, {252, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_STRONG, {231, DEFAULT, 16, 15, DEFAULT, BOLD, BOLD}},
    {ROLE_BRAND, {16, 226, 16, 0, 11, BOLD, BOLD | REVERSE}},
    {ROLE_BAR, {16, 231, 16, 0, 15, 0, REVERSE}},
    {ROLE_SELECTED, {16, 226, 16, 0, 11, BOLD, BOLD | REVERSE}},
    {ROLE_POPUP, {231, DEFAULT, 16, 15, DEFAULT, 0, 0}},
    {ROLE_PICKED, {16, 226, 16, 0, 11, BOLD, BOLD | REVERSE}},
    {ROLE_COLUMN, {231, DEFAULT, 16, 15, DEFAULT, BOLD, BOLD}},
    {ROLE_SORTED, {226, DEFAULT, 16, 11, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_BORDER, {250, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_TITLE, {51, DEFAULT, 16, 14, DEFAULT, BOLD, BOLD}},
    {ROLE_LABEL, {123, DEFAULT, 16, 14, DEFAULT, 0, 0}},
    {ROLE_TAB, {252, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_TAB_ACTIVE, {16, 226, 16, 0, 11, BOLD, BOLD | REVERSE}},
    {ROLE_KEY, {226, DEFAULT, 16, 11, DEFAULT, BOLD, BOLD}},
    {ROLE_OFF, {248, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_MARK, {226, DEFAULT, 16, 11, DEFAULT, BOLD, BOLD}},
    {ROLE_STALE, {248, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_VM, {147, DEFAULT, 16, 13, DEFAULT, 0, 0}},
    {ROLE_CONTAINER, {158, DEFAULT, 16, 14, DEFAULT, 0, 0}},
    {ROLE_RUNNING, {48, DEFAULT, 16, 10, DEFAULT, 0, 0}},
    {ROLE_PAUSED, {226, DEFAULT, 16, 11, DEFAULT, UNDER, UNDER}},
    {ROLE_STOPPED, {247, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_CHANGING, {51, DEFAULT, 16, 14, DEFAULT, BOLD, BOLD}},
    {ROLE_CRASHED, {208, DEFAULT, 16, 9, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_SAVED, {207, DEFAULT, 16, 13, DEFAULT, 0, 0}},
    {ROLE_OK, {84, DEFAULT, 16, 10, DEFAULT, 0, 0}},
    {ROLE_WARN, {226, DEFAULT, 16, 11, DEFAULT, BOLD, BOLD}},
    {ROLE_ERROR, {210, DEFAULT, 16, 9, DEFAULT, BOLD | UNDER, BOLD | UNDER}},
    {ROLE_LOW, {123, DEFAULT, 16, 14, DEFAULT, 0, 0}},
    {ROLE_MIDDLE, {226, DEFAULT, 16, 11, DEFAULT, 0, 0}},
    {ROLE_HIGH, {210, DEFAULT, 16, 9, DEFAULT, BOLD, BOLD}},
    {ROLE_STEAL, {177, DEFAULT, 16, 13, DEFAULT, UNDER, UNDER}},
    {ROLE_PRESSURE, {215, DEFAULT, 16, 11, DEFAULT, 0, 0}},
    {ROLE_TRACK, {245, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_MATCH, {16, 51, 16, 0, 14, BOLD, BOLD | REVERSE}},
    {ROLE_PROMPT, {226, DEFAULT, 16, 11, DEFAULT, BOLD, BOLD}},
    {ROLE_HINT, {250, DEFAULT, 16, 7, DEFAULT, 0, 0}},
    {ROLE_SYNTAX_NAME, {51, DEFAULT, 16, 14, DEFAULT, BOLD, BOLD}},
    {ROLE_SYNTAX_STRING, {84, DEFAULT, 16, 10, DEFAULT, 0, 0}},
    {ROLE_SYNTAX_VALUE, {226, DEFAULT, 16, 11, DEFAULT, 0, 0}},
};

/* What a theme changes in the dark one, and what it paints where it paints the background. */
static const struct {
    const char *name;
    const RoleLook *looks;
    guint n;
    short fg, bg, fg16, bg16;
    gboolean paints; /* always */
} themes[] = {
    {"dark", NULL, 0, 252, 234, 7, 0, FALSE},
    {"light", light, G_N_ELEMENTS(light), 16, 231, 0, 15, FALSE},
    {"high-contrast", high_contrast, G_N_ELEMENTS(high_contrast), 231, 16, 15, 0, TRUE},
    {"mono", NULL, 0, DEFAULT, DEFAULT, DEFAULT, DEFAULT, FALSE},
};

static const char *const names[] = {"dark", "light", "high-contrast", "mono", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == G_N_ELEMENTS(themes) + 1);

/* What the user changed of a role; each part holds only where its bit is set. */
enum { OVER_FG = 1, OVER_BG = 2, OVER_ATTRS = 4 };
typedef struct {
    guint8 set;
    short fg, bg;
    guint8 attrs;
} Override;

static struct {
    guint theme; /* index into themes */
    gboolean painted;
    ThemeDepth depth;
    Look look[ROLE_N];
    Override override[ROLE_N];
    gboolean filled;
    GHashTable *pairs; /* (fg, bg) -> pair number */
    int next_pair;
} self;

/* The name of a role. */
const char *theme_role_name(Role role)
{
    static const char *const role_names[] = {
#define X(role, name, summary) name,
        THEME_ROLES(X)
#undef X
    };
    return role < ROLE_N ? role_names[role] : "?";
}

/* What a role is for. */
const char *theme_role_summary(Role role)
{
    static const char *const summaries[] = {
#define X(role, name, summary) summary,
        THEME_ROLES(X)
#undef X
    };
    return role < ROLE_N ? summaries[role] : "";
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

/* Lays what the user changed over the theme. */
static void apply_override(Role role)
{
    const Override *over = &self.override[role];
    Look *look = &self.look[role];
    if ((over->set & OVER_FG) != 0) {
        look->fg = look->on = over->fg;
        look->fg16 = colour_nearest16(over->fg);
    }
    if ((over->set & OVER_BG) != 0) {
        look->bg = over->bg;
        look->bg16 = colour_nearest16(over->bg);
    }
    if ((over->set & OVER_ATTRS) != 0)
        look->attrs = look->mono = over->attrs;
}

/* Builds the table of looks of the theme in use. */
static void fill_looks(void)
{
    memcpy(self.look, dark, sizeof dark);
    for (guint i = 0; i < themes[self.theme].n; i++)
        self.look[themes[self.theme].looks[i].role] = themes[self.theme].looks[i].look;
    if (!self.painted) /* what lies over other things has a frame: it may be transparent, too */
        self.look[ROLE_POPUP].bg = self.look[ROLE_POPUP].bg16 = DEFAULT;
    for (Role role = 0; role < ROLE_N; role++)
        apply_override(role);
    self.filled = TRUE;
    theme_reset_pairs();
}

/* Switches the theme. */
gboolean theme_select(const char *name)
{
    for (guint i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        self.theme = i;
        fill_looks();
        return TRUE;
    }
    return FALSE;
}

/* Whose background it is. */
void theme_set_background(gboolean painted)
{
    self.painted = painted;
    fill_looks();
}

/* The role of this name, ROLE_N with an error when there is none. */
static Role find_role(const char *name, GError **error)
{
    for (Role role = 0; role < ROLE_N; role++)
        if (strcmp(theme_role_name(role), name) == 0)
            return role;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "color: there is no role '%s'; `color` alone lists them", name);
    return ROLE_N;
}

static const struct {
    const char *name;
    guint8 attr;
} attr_names[] = {{"bold", BOLD}, {"dim", FAINT}, {"underline", UNDER}, {"reverse", REVERSE}};

/* Reads "bold,underline" or "none". */
static gboolean parse_attrs(const char *text, guint8 *ret)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    guint8 attrs = 0;
    for (guint i = 0; words[i] != NULL; i++) {
        guint n = 0;
        if (strcmp(text, "none") == 0)
            break;
        while (n < G_N_ELEMENTS(attr_names) && strcmp(attr_names[n].name, words[i]) != 0)
            n++;
        if (n == G_N_ELEMENTS(attr_names))
            return FALSE;
        attrs |= attr_names[n].attr;
    }
    *ret = attrs;
    return TRUE;
}

/* Writes them. */
static char *attrs_text(guint8 attrs)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(attr_names); i++)
        if ((attrs & attr_names[i].attr) != 0)
            g_string_append_printf(out, "%s%s", out->len > 0 ? "," : "", attr_names[i].name);
    return g_strdup(out->len > 0 ? out->str : "none");
}

/* Reads one colour of a role; "-" leaves it. */
static gboolean parse_colour(const char *text, guint8 bit, guint8 *set, short *ret, GError **error)
{
    if (text == NULL || strcmp(text, "-") == 0)
        return TRUE;
    if (!colour_parse(text, ret)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "color: '%s' is no colour; there are default, 0..255, names like red or "
                    "bright-red, 0xRRGGBB, and - for the theme's",
                    text);
        return FALSE;
    }
    *set |= bit;
    return TRUE;
}

/* Changes a role in all themes. */
gboolean theme_set_role(const char *name, const char *fg, const char *bg, const char *attrs,
                        GError **error)
{
    Override over = {0};
    Role role = find_role(name, error);
    if (role == ROLE_N || !parse_colour(fg, OVER_FG, &over.set, &over.fg, error) ||
        !parse_colour(bg, OVER_BG, &over.set, &over.bg, error))
        return FALSE;
    if (attrs != NULL && strcmp(attrs, "-") != 0) {
        if (!parse_attrs(attrs, &over.attrs)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "color: '%s' is not none, or of bold,dim,underline,reverse", attrs);
            return FALSE;
        }
        over.set |= OVER_ATTRS;
    }
    self.override[role] = over;
    fill_looks();
    return TRUE;
}

/* Forgets what was changed. */
gboolean theme_reset_role(const char *name, GError **error)
{
    Role role = name != NULL ? find_role(name, error) : 0;
    if (role == ROLE_N)
        return FALSE;
    if (name != NULL)
        self.override[role] = (Override){0};
    else
        memset(self.override, 0, sizeof self.override);
    fill_looks();
    return TRUE;
}

/* The command that would change a role as it was changed. */
char *theme_role_line(Role role)
{
    const Override *over = &self.override[role];
    if (over->set == 0)
        return NULL;
    g_autofree char *fg = (over->set & OVER_FG) != 0 ? colour_text(over->fg) : g_strdup("-");
    g_autofree char *bg = (over->set & OVER_BG) != 0 ? colour_text(over->bg) : g_strdup("-");
    g_autofree char *attrs =
        (over->set & OVER_ATTRS) != 0 ? attrs_text(over->attrs) : g_strdup("-");
    return g_strdup_printf("color %s %s %s %s", theme_role_name(role), fg, bg, attrs);
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
    return strcmp(theme_current(), "mono") == 0 ? THEME_MONO : self.depth;
}

/* What lines and graphs are drawn with. */
Glyphs theme_glyphs(void)
{
    return glyphs_ascii() ? GLYPHS_ASCII : MAX(glyphs_graph(), GLYPHS_BLOCKS);
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

/* The pair number of two colours, made on first use. */
short theme_pair(short fg, short bg, int keep)
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
    if (self.next_pair + MIN(keep, COLOR_PAIRS / 2) >= MIN(COLOR_PAIRS, 32000) ||
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

/* Foreground and background with 256 colours. */
static void colours_256(const Look *r, const Look *b, ThemeLook *look)
{
    look->bg = r->bg >= 0 ? r->bg : b->bg;
    look->fg = r->fg;
    if (r->bg < 0 && b->bg >= 0)
        look->fg = r->on > 0 ? r->on : r->fg >= 0 ? r->fg : b->fg;
}

/* The look of `role` on `base`. */
ThemeLook theme_look(Role role, Role base)
{
    if (!self.filled)
        fill_looks();
    const Look *r = &self.look[role], *b = &self.look[base];
    ThemeDepth depth = theme_depth();
    gboolean painted = self.painted || themes[self.theme].paints;
    ThemeLook look = {DEFAULT, DEFAULT,
                      depth == THEME_MONO ? r->mono | b->mono : r->attrs | b->attrs};

    if (depth == THEME_256) {
        colours_256(r, b, &look);
        if (painted && look.bg < 0)
            look.bg = themes[self.theme].bg;
        if (painted && look.fg < 0)
            look.fg = themes[self.theme].fg;
    } else if (depth != THEME_MONO) {
        look.bg = r->bg16 >= 0 ? r->bg16 : b->bg16;
        /* a coloured word on a coloured bar is hard to read with 16 colours: the bar's own wins */
        look.fg = r->bg16 < 0 && b->bg16 >= 0 ? b->fg16 : r->fg16;
        if (painted && look.bg < 0)
            look.bg = themes[self.theme].bg16;
        if (painted && look.fg < 0)
            look.fg = themes[self.theme].fg16;
        if (depth == THEME_8) {
            if (look.fg >= 8)
                look.attrs |= BOLD;
            look.fg = look.fg > 0 ? look.fg & 7 : look.fg;
            look.bg = look.bg > 0 ? look.bg & 7 : look.bg;
        }
    }
    /* faint reverse video is unreadable on many terminals */
    if ((look.attrs & REVERSE) != 0)
        look.attrs &= (guint8)~FAINT;
    return look;
}

/* The same for curses. */
void theme_attributes(Role role, Role base, attr_t *ret_attrs, short *ret_pair)
{
    ThemeLook look = theme_look(role, base);
    *ret_attrs = attrs_of(look.attrs);
    *ret_pair = theme_pair(look.fg, look.bg, 0);
}
