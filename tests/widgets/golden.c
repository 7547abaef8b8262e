/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "golden.h"

#include <string.h>

/* A blank screen with every glyph. */
Canvas golden_open(int height, int width)
{
    text_set_utf8(TRUE);
    theme_select("dark");
    glyphs_set_ascii(FALSE);
    glyphs_set_graph(GLYPHS_BRAILLE);
    screen_open_test(height, width);
    screen_begin();
    return screen_canvas();
}

/* Compares, or writes. */
static void check(const char *name, const char *got)
{
    g_autofree char *path = g_strdup_printf("%s/%s.txt", GOLDEN_DIR, name);
    g_autofree char *wanted = NULL;
    g_assert_true(screen_check_attributes());
    if (g_getenv("GEMEL_GOLDEN_UPDATE") != NULL) {
        g_assert_true(g_file_set_contents(path, got, -1, NULL));
        return;
    }
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &wanted, NULL, &error);
    g_assert_no_error(error);
    if (strcmp(got, wanted) == 0)
        return;
    g_printerr("--- wanted (%s)\n%s--- got\n%s---\n", path, wanted, got);
    g_test_fail_printf("the screen is not as in %s.txt", name);
}

/* The text alone. */
void golden_check(const char *name)
{
    g_autofree char *got = screen_dump();
    check(name, got);
}

/* The text with the digits of TOTAL in the first "A-B of TOTAL" as #. */
void golden_check_uncounted(const char *name)
{
    g_autofree char *got = screen_dump();
    char *total = strstr(got, " of ");

    while (total != NULL && !(g_ascii_isdigit(total[-1]) && g_ascii_isdigit(total[4])))
        total = strstr(total + 1, " of ");
    g_assert_nonnull(total);
    for (char *at = total + 4; g_ascii_isdigit(*at); at++)
        *at = '#';
    check(name, got);
}

/* With colours and attributes. */
void golden_check_looks(const char *name)
{
    g_autofree char *got = screen_dump_looks();
    check(name, got);
}
