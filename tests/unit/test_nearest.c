/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/nearest.h"

static void test_slips(void)
{
    static const struct {
        const char *typed, *meant;
        gboolean near;
    } cases[] = {
        {"stop", "stop", TRUE},
        {"stp", "stop", TRUE},
        {"wbe", "web", TRUE},
        {"themes", "theme", TRUE},
        {"isolatoin", "isolation", TRUE},
        {"snpshto", "snapshot", TRUE},
        {"foo", "stop", FALSE},
        {"stxx", "stop", FALSE}, /* two slips in four letters */
        {"yy", "zy", FALSE},     /* too short */
        {"", "stop", FALSE},
        {"a-word-that-is-longer-than-any-command", "stop", FALSE},
        {"stop", "a-word-that-is-longer-than-any-command", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s, %s", cases[i].typed, cases[i].meant);
        g_assert_cmpint(nearest_is(cases[i].typed, cases[i].meant), ==, cases[i].near);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nearest/a slip of the fingers is near, chance is not", test_slips);
    return g_test_run();
}
