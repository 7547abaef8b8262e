/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings: fixed size, gaps where nothing was, bounded memory. */
#include "console/history.h"

#include <math.h>

static void push(History *history, guint capacity, gint64 position, float value)
{
    float values[2] = {value, -value};

    history_push(history, capacity, position, values);
}

static void test_ring_overwrites_the_oldest(void)
{
    History history;

    history_init(&history, 2, FALSE);
    for (gint64 i = 1; i <= 1000; i++)
        push(&history, 600, i, (float)i);
    g_assert_cmpuint(history_positions(&history), ==, 600);
    g_assert_cmpfloat(history_back(&history, 0, 0), ==, 1000);
    g_assert_cmpfloat(history_back(&history, 1, 599), ==, -401);
    g_assert_true(isnan(history_back(&history, 0, 600)));
    g_assert_true(isnan(history_at(&history, 0, 400)));
    g_assert_true(isnan(history_at(&history, 0, 1001)));
    g_assert_true(isnan(history_at(&history, 2, 1000)));
    history_clear(&history);
}

static void test_positions_left_out_are_gaps(void)
{
    History history;

    history_init(&history, 2, FALSE);
    for (gint64 i = 1; i <= 700; i++)
        push(&history, 600, i, 1);
    push(&history, 600, 705, 2);
    for (gint64 i = 701; i < 705; i++)
        g_assert_true(isnan(history_at(&history, 0, i)));
    g_assert_cmpfloat(history_at(&history, 0, 700), ==, 1);
    push(&history, 600, 100000, 3); /* everything before is too old */
    for (guint i = 1; i < 600; i++)
        g_assert_true(isnan(history_back(&history, 0, i)));
    history_clear(&history);
}

static void test_an_old_position_is_ignored(void)
{
    History history;

    history_init(&history, 2, FALSE);
    push(&history, 60, 5, 1);
    push(&history, 60, 5, 2);
    push(&history, 60, 4, 3);
    g_assert_cmpuint(history_positions(&history), ==, 1);
    g_assert_cmpfloat(history_back(&history, 0, 0), ==, 1);
    history_clear(&history);
}

/* Another refresh: the newest that fit stay where they were. */
static void test_another_capacity_keeps_the_newest(void)
{
    History history;

    history_init(&history, 2, FALSE);
    for (gint64 i = 1; i <= 500; i++)
        push(&history, 600, i, (float)i);
    push(&history, 60, 501, 501);
    g_assert_cmpuint(history_positions(&history), ==, 60);
    g_assert_cmpfloat(history_at(&history, 0, 442), ==, 442);
    g_assert_true(isnan(history_at(&history, 0, 441)));
    push(&history, 6000, 502, 502);
    g_assert_cmpuint(history_positions(&history), ==, 61);
    g_assert_cmpfloat(history_at(&history, 0, 442), ==, 442);
    history_clear(&history);
}

static void test_memory_is_bounded_and_grows_by_chunks(void)
{
    History history;
    const gsize chunk = HISTORY_CHUNK * 5 * sizeof(float);
    float values[5] = {0};

    history_init(&history, 5, FALSE);
    g_assert_cmpuint(history_bytes(&history), ==, 0);
    history_push(&history, 600, 1, values);
    g_assert_cmpuint(history_bytes(&history), <=, chunk + 10 * sizeof(void *));
    for (gint64 i = 2; i <= 5000; i++)
        history_push(&history, 600, i, values);
    g_assert_cmpuint(history_bytes(&history), ==, 10 * (chunk + sizeof(void *)));
    history_clear(&history);
    g_assert_cmpuint(history_bytes(&history), ==, 0);
}

static void test_compact_values_keep_range_and_precision(void)
{
    static const float values[] = {0, 1, -1, 99.7f, 1e-6f, 6.4e10f, 3e38f};
    History history;

    history_init(&history, 1, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        history_push(&history, 60, i + 1, &values[i]);
        g_assert_cmpfloat_with_epsilon(history_back(&history, 0, 0), values[i],
                                       fabsf(values[i]) / 256 + 1e-9f);
    }
    history_push(&history, 60, 50, &(float){NAN});
    g_assert_true(isnan(history_back(&history, 0, 0)));
    history_push(&history, 60, 51, &(float){INFINITY});
    g_assert_true(isinf(history_back(&history, 0, 0)));
    history_clear(&history);
}

static void test_minutes_are_means(void)
{
    const gint64 second = G_GINT64_CONSTANT(1000000000);
    HistoryMinute minute = {0};
    History day;

    history_init(&day, 2, TRUE);
    for (gint64 s = 0; s < 200; s++) {
        float values[2] = {(float)(s % 60), s < 60 ? NAN : 8};

        history_minute_add(&minute, &day, 600 * second + s * second, values);
    }
    g_assert_cmpuint(history_positions(&day), ==, 3);
    g_assert_cmpfloat_with_epsilon(history_back(&day, 0, 2), 29.5, 0.2);
    g_assert_true(isnan(history_back(&day, 1, 2)));
    g_assert_cmpfloat(history_back(&day, 1, 0), ==, 8);
    /* an hour without samples is an hour of gaps */
    history_minute_add(&minute, &day, 4400 * second, (float[]){1, 1});
    history_minute_add(&minute, &day, 4460 * second, (float[]){1, 1});
    g_assert_cmpuint(history_positions(&day), >, 60);
    g_assert_true(isnan(history_back(&day, 0, 30)));
    history_clear(&day);
}

static void test_axis_knows_when(void)
{
    HistoryAxis axis = {0};

    history_axis_resize(&axis, history_capacity(1000));
    g_assert_cmpuint(axis.capacity, ==, 600);
    for (gint64 i = 1; i <= 700; i++)
        g_assert_cmpint(history_axis_step(&axis, i * 10), ==, i);
    g_assert_cmpint(history_axis_time_ns(&axis, 700), ==, 7000);
    g_assert_cmpint(history_axis_time_ns(&axis, 101), ==, 1010);
    g_assert_cmpint(history_axis_time_ns(&axis, 100), ==, 0);
    g_assert_cmpint(history_axis_time_ns(&axis, 701), ==, 0);
    history_axis_resize(&axis, 60);
    g_assert_cmpint(history_axis_time_ns(&axis, 641), ==, 6410);
    g_assert_cmpint(history_axis_time_ns(&axis, 640), ==, 0);
    history_axis_clear(&axis);
}

/* Ten minutes whatever the refresh, within what a ring may have. */
static void test_capacity_follows_the_refresh(void)
{
    g_assert_cmpuint(history_capacity(100), ==, 6000);
    g_assert_cmpuint(history_capacity(2000), ==, 300);
    g_assert_cmpuint(history_capacity(60000), ==, HISTORY_CAPACITY_MIN);
    g_assert_cmpuint(history_capacity(1), ==, 6000);
}

/* Against an array that keeps everything. */
static void test_property_agrees_with_an_endless_array(void)
{
    enum { N = 4000 };
    g_autofree float *all = g_new(float, N + 1);
    History history;
    guint capacity = 60;
    gint64 newest = 0;

    for (guint i = 0; i <= N; i++)
        all[i] = NAN;
    history_init(&history, 1, FALSE);
    for (gint64 i = 1; i <= N; i++) {
        if (g_test_rand_int_range(0, 500) == 0)
            capacity = (guint)g_test_rand_int_range(1, 1000);
        if (g_test_rand_int_range(0, 4) == 0)
            continue;
        all[i] = (float)g_test_rand_double();
        history_push(&history, capacity, i, &all[i]);
        newest = i;
        g_assert_cmpuint(history_positions(&history), <=, capacity);
        for (gint64 p = history.first; i % 97 == 0 && p <= newest; p++) {
            float seen = history_at(&history, 0, p);

            g_assert_true(seen == all[p] || (isnan(seen) && isnan(all[p])));
        }
    }
    history_clear(&history);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/a ring overwrites the oldest", test_ring_overwrites_the_oldest);
    g_test_add_func("/history/positions left out are gaps", test_positions_left_out_are_gaps);
    g_test_add_func("/history/an old position is ignored", test_an_old_position_is_ignored);
    g_test_add_func("/history/another capacity keeps the newest",
                    test_another_capacity_keeps_the_newest);
    g_test_add_func("/history/memory is bounded and grows by chunks",
                    test_memory_is_bounded_and_grows_by_chunks);
    g_test_add_func("/history/compact values keep range and precision",
                    test_compact_values_keep_range_and_precision);
    g_test_add_func("/history/minutes are means", test_minutes_are_means);
    g_test_add_func("/history/the axis knows when", test_axis_knows_when);
    g_test_add_func("/history/the capacity follows the refresh", test_capacity_follows_the_refresh);
    g_test_add_func("/history/property: agrees with an endless array",
                    test_property_agrees_with_an_endless_array);
    return g_test_run();
}
