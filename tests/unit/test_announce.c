/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How calmly figures are announced (console/announce.h). */
#include "console/announce.h"

#define NS G_GINT64_CONSTANT(1000000000)

static int at(AnnounceMark *mark, double percent, gint64 second)
{
    return announce_mark(mark, ANNOUNCE_CPU, percent, (1000 + second) * NS);
}

static void test_a_short_peak_is_not_said(void)
{
    AnnounceMark mark = {0};

    g_assert_cmpint(at(&mark, 99, 0), ==, 0);
    g_assert_cmpint(at(&mark, 99, ANNOUNCE_HOLD_S - 1), ==, 0);
    g_assert_cmpint(at(&mark, 20, ANNOUNCE_HOLD_S), ==, 0);
    g_assert_cmpint(at(&mark, 99, ANNOUNCE_HOLD_S + 1), ==, 0); /* begins anew */
}

static void test_a_high_figure_is_said_once_and_its_end(void)
{
    AnnounceMark mark = {0};
    int said = 0;

    for (int second = 0; second < 40; second++)
        said += at(&mark, 95, second);
    g_assert_cmpint(said, ==, 1);
    for (int second = 40; second < 80; second++) /* between the marks nothing changes */
        g_assert_cmpint(at(&mark, 80, second), ==, 0);
    for (int second = 80, low = 0; second < 120; second++) {
        low += at(&mark, 10, second);
        g_assert_cmpint(low, >=, -1);
    }
    g_assert_false(mark.high);
}

static void test_a_figure_that_swings_is_said_at_most_once_a_minute(void)
{
    AnnounceMark mark = {0};
    int said = 0, seconds = 10 * ANNOUNCE_PAUSE_S;

    for (int second = 0; second < seconds; second++)
        said += at(&mark, second / 8 % 2 == 0 ? 95 : 10, second) != 0;
    g_assert_cmpint(said, >, 0);
    g_assert_cmpint(said, <=, seconds / ANNOUNCE_PAUSE_S + 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/announce/a-short-peak-is-not-said", test_a_short_peak_is_not_said);
    g_test_add_func("/announce/a-high-figure-is-said-once-and-its-end",
                    test_a_high_figure_is_said_once_and_its_end);
    g_test_add_func("/announce/a-figure-that-swings-is-said-at-most-once-a-minute",
                    test_a_figure_that_swings_is_said_at_most_once_a_minute);
    return g_test_run();
}
