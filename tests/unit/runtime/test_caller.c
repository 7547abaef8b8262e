/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>

#include "caller.h"

static const char subuid[] =
    "other:100000:65536\n1000:200000:65536\nanna:300000:1000\nanna:400000:5\n";

static void a_range_is_found_by_name_and_by_number(void)
{
    uint32_t start = 0, count = 0;
    g_assert_true(caller_find_range(subuid, "anna", 1001, &start, &count));
    g_assert_cmpuint(start, ==, 300000);
    g_assert_cmpuint(count, ==, 1000);
    g_assert_true(caller_find_range(subuid, NULL, 1000, &start, &count));
    g_assert_cmpuint(start, ==, 200000);
}

static void the_first_of_name_and_number_counts(void)
{
    uint32_t start = 0, count = 0;
    g_assert_true(caller_find_range(subuid, "anna", 1000, &start, &count));
    g_assert_cmpuint(start, ==, 200000);
}

static void another_users_range_is_not_taken(void)
{
    uint32_t start, count;
    g_assert_false(caller_find_range(subuid, "ann", 1002, &start, &count));
    g_assert_false(caller_find_range(subuid, "anna:300000", 1002, &start, &count));
    g_assert_false(caller_find_range(subuid, NULL, 100, &start, &count));
    g_assert_false(caller_find_range("", "anna", 0, &start, &count));
}

static void lines_that_are_no_range_are_passed_over(void)
{
    uint32_t start = 0, count = 0;
    static const char *const bad[] = {"a",
                                      "a:",
                                      "a:1",
                                      "a:1:",
                                      "a::1",
                                      "a:1:0",
                                      "a:-1:5",
                                      "a:x:5",
                                      "a:1:5x",
                                      "a:4294967295:1",
                                      "a:4294967290:100",
                                      "a:1:99999999999999999999",
                                      "a:1:5:6",
                                      "a: 1:5"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(caller_find_range(bad[i], "a", 7, &start, &count));
        g_autofree char *more = g_strdup_printf("%s\na:70:8", bad[i]);
        g_assert_true(caller_find_range(more, "a", 7, &start, &count));
        g_assert_cmpuint(start, ==, 70);
        g_assert_cmpuint(count, ==, 8);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/caller/" #f, f)
    ADD(a_range_is_found_by_name_and_by_number);
    ADD(the_first_of_name_and_number_counts);
    ADD(another_users_range_is_not_taken);
    ADD(lines_that_are_no_range_are_passed_over);
    int rc = g_test_run();
    mem_release();
    return rc;
}
