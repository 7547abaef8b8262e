/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Themes can be read by everybody: contrasts as WCAG 2.1 computes them, distances in CIE L*a*b* as
   trichromats see them and as deuteranopes and protanopes do (Machado, Oliveira and Fernandes 2009,
   severity 1). And the table of signs: each has its ASCII relative. */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "golden.h"
#include "widgets/colour.h"

/* How readable a role has to be: text, what may recede, what is no text. */
typedef enum { TEXT, QUIET, LINE } Need;

static Need need_of(Role role)
{
    switch (role) {
    case ROLE_OFF:
    case ROLE_STALE:
    case ROLE_HINT:
    case ROLE_DIM:
        return QUIET;
    case ROLE_BORDER:
    case ROLE_TRACK:
        return LINE;
    default:
        return TEXT;
    }
}

static const struct {
    const char *theme;
    short ground[2]; /* what it is made for: the terminal's usual background, and its own */
    double need[3];  /* by Need */
} themes[] = {{"dark", {16, 234}, {4.5, 3, 1.7}},
              {"light", {231, 231}, {4.5, 3, 1.7}},
              {"high-contrast", {16, 16}, {7, 7, 4.5}}};

/* Roles that stand for different things in the same place. */
static const Role groups[][7] = {
    {ROLE_RUNNING, ROLE_PAUSED, ROLE_STOPPED, ROLE_CHANGING, ROLE_CRASHED, ROLE_SAVED, ROLE_N},
    {ROLE_LOW, ROLE_MIDDLE, ROLE_HIGH, ROLE_STEAL, ROLE_N},
    {ROLE_LOW, ROLE_PRESSURE, ROLE_SAVED, ROLE_N}, /* the first lines of a plot */
    {ROLE_OK, ROLE_WARN, ROLE_ERROR, ROLE_N},
    {ROLE_VM, ROLE_CONTAINER, ROLE_N},
    {ROLE_SYNTAX_NAME, ROLE_SYNTAX_STRING, ROLE_SYNTAX_VALUE, ROLE_N},
};
#define DISTANCE_MIN 12.0

/* All of what is wrong, not the last of it. */
#define complain(...) (g_test_message(__VA_ARGS__), g_test_fail())

typedef double Vector[3];

/* What the eye gets: linear red, green and blue. */
static void linear(short colour, Vector ret)
{
    guint8 rgb[3];

    colour_rgb(colour, rgb);
    for (int i = 0; i < 3; i++) {
        double c = rgb[i] / 255.0;

        ret[i] = c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
    }
}

/* WCAG 2.1: contrast ratio, from relative luminances. */
static double contrast(short one, short other)
{
    Vector a, b;

    linear(one, a);
    linear(other, b);
    double la = 0.2126 * a[0] + 0.7152 * a[1] + 0.0722 * a[2] + 0.05;
    double lb = 0.2126 * b[0] + 0.7152 * b[1] + 0.0722 * b[2] + 0.05;

    return MAX(la, lb) / MIN(la, lb);
}

static double lab_curve(double t)
{
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

/* CIE L*a*b* (D65) as an eye with this matrix sees it. */
static void lab(short colour, const double eye[3][3], Vector ret)
{
    Vector in, c;

    linear(colour, in);
    for (int i = 0; i < 3; i++)
        c[i] = CLAMP(eye[i][0] * in[0] + eye[i][1] * in[1] + eye[i][2] * in[2], 0, 1);
    double x = lab_curve((0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.95047);
    double y = lab_curve(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]);
    double z = lab_curve((0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.08883);

    ret[0] = 116 * y - 16;
    ret[1] = 500 * (x - y);
    ret[2] = 200 * (y - z);
}

/* The least distance over three kinds of eyes. */
static double distance(short one, short other)
{
    static const double eyes[3][3][3] = {
        {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
        {{0.367322, 0.860646, -0.227968}, /* deuteranopia */
         {0.280085, 0.672501, 0.047413},
         {-0.011820, 0.042940, 0.968881}},
        {{0.152286, 1.052583, -0.204868}, /* protanopia */
         {0.114503, 0.786281, 0.099216},
         {-0.003882, -0.048116, 1.051998}},
    };
    double least = INFINITY;

    for (guint e = 0; e < G_N_ELEMENTS(eyes); e++) {
        Vector a, b;

        lab(one, eyes[e], a);
        lab(other, eyes[e], b);
        least = MIN(least, sqrt(pow(a[0] - b[0], 2) + pow(a[1] - b[1], 2) + pow(a[2] - b[2], 2)));
    }
    return least;
}

static void open_theme(const char *theme, ThemeDepth depth)
{
    golden_open(2, 20);
    theme_set_depth(depth);
    g_assert_true(theme_select(theme));
}

static void close_theme(void)
{
    theme_select("dark");
    theme_set_background(FALSE);
    screen_free();
}

static void test_contrast_is_enough(void)
{
    for (guint t = 0; t < G_N_ELEMENTS(themes); t++) {
        open_theme(themes[t].theme, THEME_256);
        for (Role role = 0; role < ROLE_N; role++) {
            ThemeLook look = theme_look(role, ROLE_TEXT);

            for (int g = 0; g < 2 && look.fg >= 0; g++) {
                double ratio = contrast(look.fg, look.bg >= 0 ? look.bg : themes[t].ground[g]);

                if (ratio < themes[t].need[need_of(role)])
                    complain("%s, %s: %.2f is less than %.2f", themes[t].theme,
                             theme_role_name(role), ratio, themes[t].need[need_of(role)]);
            }
        }
        close_theme();
    }
}

/* A word on the selected row and on the bars is readable whatever its role is. */
static void test_contrast_on_bars_is_enough(void)
{
    static const Role bases[] = {ROLE_BAR, ROLE_SELECTED, ROLE_PICKED};

    for (guint t = 0; t < G_N_ELEMENTS(themes); t++) {
        open_theme(themes[t].theme, THEME_256);
        for (guint b = 0; b < G_N_ELEMENTS(bases); b++) {
            for (Role role = 0; role < ROLE_N; role++) {
                ThemeLook look = theme_look(role, bases[b]);
                double ratio = contrast(look.fg, look.bg);

                if (ratio < (need_of(role) == LINE ? 1.2 : need_of(role) == QUIET ? 3 : 4.5))
                    complain("%s, %s on %s: %.2f", themes[t].theme, theme_role_name(role),
                             theme_role_name(bases[b]), ratio);
            }
        }
        close_theme();
    }
}

static void test_colour_blind_eyes_tell_roles_apart(void)
{
    for (guint t = 0; t < G_N_ELEMENTS(themes); t++) {
        open_theme(themes[t].theme, THEME_256);
        for (guint g = 0; g < G_N_ELEMENTS(groups); g++)
            for (guint i = 0; groups[g][i] != ROLE_N; i++)
                for (guint j = i + 1; groups[g][j] != ROLE_N; j++) {
                    short a = theme_look(groups[g][i], ROLE_TEXT).fg;
                    short b = theme_look(groups[g][j], ROLE_TEXT).fg;

                    if (distance(a, b) < DISTANCE_MIN)
                        complain("%s: %s (%d) and %s (%d) are only %.1f apart", themes[t].theme,
                                 theme_role_name(groups[g][i]), a, theme_role_name(groups[g][j]), b,
                                 distance(a, b));
                }
        close_theme();
    }
}

/* What only a look shows has one without colours: the selected row, the tab, the sorted column. */
static void test_mono_and_8_colours_keep_places_apart(void)
{
    static const Role pairs[][2] = {{ROLE_SELECTED, ROLE_TEXT},  {ROLE_PICKED, ROLE_POPUP},
                                    {ROLE_TAB_ACTIVE, ROLE_TAB}, {ROLE_SORTED, ROLE_COLUMN},
                                    {ROLE_KEY, ROLE_DIM},        {ROLE_MATCH, ROLE_TEXT},
                                    {ROLE_CRASHED, ROLE_TEXT},   {ROLE_PAUSED, ROLE_RUNNING}};
    static const ThemeDepth depths[] = {THEME_MONO, THEME_8, THEME_16};

    for (guint i = 0; theme_names()[i] != NULL; i++) {
        for (guint d = 0; d < G_N_ELEMENTS(depths); d++) {
            open_theme(theme_names()[i], depths[d]);
            for (guint p = 0; p < G_N_ELEMENTS(pairs); p++) {
                ThemeLook a = theme_look(pairs[p][0], ROLE_TEXT);
                ThemeLook b = theme_look(pairs[p][1], ROLE_TEXT);

                if (depths[d] == THEME_MONO ? a.attrs == b.attrs : memcmp(&a, &b, sizeof a) == 0)
                    complain("%s: %s looks like %s", theme_names()[i], theme_role_name(pairs[p][0]),
                             theme_role_name(pairs[p][1]));
                g_assert_true(depths[d] != THEME_MONO || (a.fg < 0 && a.bg < 0));
                g_assert_cmpint(a.fg, <, depths[d] == THEME_8 ? 8 : 16);
            }
            close_theme();
        }
    }
}

static void test_the_terminals_background_stays(void)
{
    open_theme("dark", THEME_256);
    for (Role role = 0; role < ROLE_N; role++)
        if (role != ROLE_BRAND && role != ROLE_BAR && role != ROLE_SELECTED &&
            role != ROLE_PICKED && role != ROLE_TAB_ACTIVE && role != ROLE_MATCH)
            g_assert_cmpint(theme_look(role, ROLE_TEXT).bg, ==, COLOUR_DEFAULT);
    theme_set_background(TRUE);
    for (Role role = 0; role < ROLE_N; role++) {
        g_assert_cmpint(theme_look(role, ROLE_TEXT).bg, >=, 0);
        g_assert_cmpint(theme_look(role, ROLE_TEXT).fg, >=, 0);
    }
    close_theme();
}

static void test_a_role_can_be_changed(void)
{
    static const char *const bad[][4] = {{"no-such-role", "red", NULL, NULL},
                                         {"crashed", "reddish", NULL, NULL},
                                         {"crashed", "256", NULL, NULL},
                                         {"crashed", "0x12345", NULL, NULL},
                                         {"crashed", "-", "-", "bold,blink"}};
    g_autoptr(GError) error = NULL;

    open_theme("dark", THEME_256);
    g_assert_null(theme_role_line(ROLE_CRASHED));
    g_assert_true(theme_set_role("crashed", "bright-red", "0xffffff", "bold,underline", &error));
    ThemeLook look = theme_look(ROLE_CRASHED, ROLE_TEXT);

    g_assert_cmpint(look.fg, ==, 9);
    g_assert_cmpint(look.bg, ==, 231);
    g_assert_cmpint(look.attrs, ==, LOOK_BOLD | LOOK_UNDERLINE);
    theme_select("light"); /* it holds in every theme */
    g_assert_cmpint(theme_look(ROLE_CRASHED, ROLE_TEXT).fg, ==, 9);
    g_autofree char *line = theme_role_line(ROLE_CRASHED);

    g_assert_cmpstr(line, ==, "color crashed bright-red 231 bold,underline");
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(theme_set_role(bad[i][0], bad[i][1], bad[i][2], bad[i][3], &error));
        g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
        g_clear_error(&error);
    }
    g_assert_cmpint(theme_look(ROLE_CRASHED, ROLE_TEXT).fg, ==, 9);
    g_assert_true(theme_reset_role(NULL, &error));
    g_assert_null(theme_role_line(ROLE_CRASHED));
    close_theme();
}

static void test_every_sign_has_an_ascii_relative(void)
{
    text_set_utf8(TRUE);
    for (Glyph glyph = 0; glyph < GLYPH_N; glyph++) {
        glyphs_set_ascii(FALSE);
        g_assert_cmpuint(glyph_char(glyph), >, 0x7e);
        g_assert_cmpint(text_width(glyph_text(glyph)), ==, 1);
        glyphs_set_ascii(TRUE);
        g_assert_cmpuint(glyph_char(glyph), <=, 0x7e);
        g_assert_cmpuint(strlen(glyph_text(glyph)), ==, 1);
    }
    g_assert_cmpint(theme_glyphs(), ==, GLYPHS_ASCII);
    for (int level = 0; level <= 8; level++) {
        g_assert_cmpuint(glyph_level(level), <=, 0x7e);
        g_assert_cmpuint(glyph_bar_level(level), <=, 0x7e);
    }
    glyphs_set_ascii(FALSE);
    text_set_utf8(FALSE); /* the locale has the last word */
    g_assert_true(glyphs_ascii());
    text_set_utf8(TRUE);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/theme/contrast-is-enough", test_contrast_is_enough);
    g_test_add_func("/theme/contrast-on-bars-is-enough", test_contrast_on_bars_is_enough);
    g_test_add_func("/theme/colour-blind-eyes-tell-roles-apart",
                    test_colour_blind_eyes_tell_roles_apart);
    g_test_add_func("/theme/mono-and-8-colours-keep-places-apart",
                    test_mono_and_8_colours_keep_places_apart);
    g_test_add_func("/theme/the-terminals-background-stays", test_the_terminals_background_stays);
    g_test_add_func("/theme/a-role-can-be-changed", test_a_role_can_be_changed);
    g_test_add_func("/glyphs/every-sign-has-an-ascii-relative",
                    test_every_sign_has_an_ascii_relative);
    return g_test_run();
}
