/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of cursor motions on their way to the terminal. */
#include "widgets/outlet.h"

#include <locale.h>
#include <string.h>

typedef struct {
    const char *name, *before, *after;
} Case;

static const Case cases[] = {
    {"the-next-line-left-of-here", "\033[4;54H222\033[5;54H222", "\033[4;54H222\v\b\b\b222"},
    {"the-next-line-in-the-same-column", "\033[4;54H\033[5;54Hx", "\033[4;54H\vx"},
    {"the-next-line-to-the-right", "\033[4;5H\033[5;44Hx", "\033[4;5H\v\033[39Cx"},
    {"the-next-line-far-to-the-left", "\033[40;60Hx\033[41;12Hx", "\033[40;60Hx\v\033[49Dx"},
    {"a-row-alone", "\033[4;54H2\033[5d\b3", "\033[4;54H2\v\b3"},
    {"two-lines-down-as-given", "\033[4;54H222\033[6;54H222", "\033[4;54H222\033[6;54H222"},
    {"up-as-given", "\033[4;54H222\033[3;54H222", "\033[4;54H222\033[3;54H222"},
    {"from-nowhere-as-given", "222\033[5;54H222", "222\033[5;54H222"},
    {"colours-between", "\033[4;54H222\033[38;5;9m\033[5;54H222",
     "\033[4;54H222\v\b\b\b\033[38;5;9m222"},
    {"wide-characters", "\033[4;54H\xe6\xbc\xa2\xe5\xad\x97\033[5;54Hx",
     "\033[4;54H\xe6\xbc\xa2\xe5\xad\x97\v\b\b\b\bx"},
    {"combining-characters", "\033[4;54He\xcc\x81\033[5;54Hx", "\033[4;54He\xcc\x81\v\bx"},
    {"repeated-characters", "\033[4;54Hx\033[3b\033[5;54Hx", "\033[4;54Hx\033[3b\v\b\b\b\bx"},
    {"after-the-last-column-as-given", "\033[4;79Hxx\033[5;79Hx", "\033[4;79Hxx\033[5;79Hx"},
    {"after-an-unknown-sequence-as-given", "\033[4;54Hx\033M\033[5;54Hx",
     "\033[4;54Hx\033M\033[5;54Hx"},
    {"in-a-scrolling-region-as-given", "\033[2;20r\033[4;54Hx\033[5;54Hx",
     "\033[2;20r\033[4;54Hx\033[5;54Hx"},
    {"after-a-scrolling-region", "\033[2;20r\033[r\033[4;54Hx\033[5;54Hx",
     "\033[2;20r\033[r\033[4;54Hx\v\bx"},
    {"after-a-region-of-the-whole-screen", "\033[2;20r\033[1;24r\033[4;54Hx\033[5;54Hx",
     "\033[2;20r\033[1;24r\033[4;54Hx\v\bx"},
    {"colours-that-a-reset-ends", "\033[4;5Hx\033[39;49m\033(B\033[m\033[5;5Hx",
     "\033[4;5Hx\033(B\v\b\033[mx"},
    {"colours-that-nothing-else-ends", "x\033[39;49m\033[1mx", "x\033[39;49;1mx"},
    {"a-reset-and-colours", "\033[m\033[1m\033[38;5;9mx", "\033[0;1;38;5;9mx"},
    {"colours-before-erasing", "\033[44m\033[K\033[mx", "\033[44m\033[K\033[mx"},
    {"a-character-set-again", "\033(Bx\033(By\033(0z\033(B", "\033(Bxy\033(0z\033(B"},
    {"curly-underline-as-given", "\033[1m\033[4:3mx", "\033[1m\033[4:3mx"},
    {"bad-utf-8-as-given", "\033[4;54H\xff\033[5;54Hx", "\033[4;54H\xff\033[5;54Hx"},
    {"an-unfinished-sequence-as-given", "\033[4;54Hx\033[5;5", "\033[4;54Hx\033[5;5"},
    {"an-endless-number-as-given", "\033[4;54Hx\033[99999999999;54Hx",
     "\033[4;54Hx\033[99999999999;54Hx"},
};

static void test_shorten(gconstpointer data)
{
    const Case *c = data;
    OutletState state = {.height = 24, .width = 80};
    g_autoptr(GString) out = g_string_new(NULL);

    outlet_shorten(&state, c->before, strlen(c->before), out);
    g_assert_cmpstr(out->str, ==, c->after);
}

/* What is known of the cursor lasts from one picture to the next. */
static void test_two_pictures(void)
{
    OutletState state = {.height = 24, .width = 80};
    g_autoptr(GString) out = g_string_new(NULL);

    outlet_shorten(&state, "\033[4;10Hx", 8, out);
    outlet_shorten(&state, "\033[5;10Hx", 8, out);
    g_assert_cmpstr(out->str, ==, "\033[4;10Hx\v\bx");
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/outlet/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_shorten);
    }
    g_test_add_func("/outlet/two-pictures", test_two_pictures);
    return g_test_run();
}
