/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare: lines that a payload, or whatever claims to be one, printed; the spread of figures. */
#include "console/compare_private.h"

#include <math.h>
#include <string.h>

static void assert_untouched(const CompareTable *table)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        for (guint side = 0; side < COMPARE_SIDE_N; side++) {
            g_assert_cmpuint(table->cells[row][side].n, ==, 0);
            if (side != COMPARE_HOST)
                g_assert_null(table->cells[row][side].reason);
        }
    for (guint side = 0; side < COMPARE_SIDE_N; side++) {
        g_assert_cmpstr(table->kernel[side], ==, "");
        g_assert_cmpint(table->inside_bytes[side], ==, -1);
    }
}

static const char *reason_of(const CompareTable *table, CompareRow row)
{
    return table->cells[row][COMPARE_GUEST].reason;
}

/* ---- the rows ------------------------------------------------------------------------------- */

static void test_every_row_is_described_once(void)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        const CompareRowInfo *info = &compare_rows[row];

        g_assert_nonnull(info->name);
        g_assert_nonnull(info->title);
        g_assert_nonnull(info->measured);
        for (guint other = 0; other < row; other++) {
            g_assert_cmpstr(info->name, !=, compare_rows[other].name);
            g_assert_cmpstr(info->title, !=, compare_rows[other].title);
            if (info->key != NULL)
                g_assert_cmpstr(info->key, !=, compare_rows[other].key);
        }
    }
}

static void test_new_table_says_what_the_host_cannot_have(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    assert_untouched(table);
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        g_assert_cmpstr(table->cells[row][COMPARE_HOST].reason, ==, compare_rows[row].no_host);
}

/* ---- lines of a payload --------------------------------------------------------------------- */

static void test_every_key_fills_its_own_cell_only(void)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        g_autoptr(CompareTable) table = compare_table_new();
        g_autofree char *line = NULL;

        if (compare_rows[row].key == NULL)
            continue;
        line = g_strdup_printf("lab-payload %s 1234", compare_rows[row].key);
        g_assert_true(compare_take_line(table, COMPARE_GUEST, line));
        g_assert_cmpuint(table->cells[row][COMPARE_GUEST].n, ==, 1);
        g_assert_cmpfloat(table->cells[row][COMPARE_GUEST].values[0], ==, 1234);
        table->cells[row][COMPARE_GUEST].n = 0;
        assert_untouched(table);
    }
}

static void test_memory_inside_is_kept_apart(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload memory_b 4096"));
    g_assert_cmpint(table->inside_bytes[COMPARE_GUEST], ==, 4096);
    g_assert_cmpint(table->inside_bytes[COMPARE_CONTAINER], ==, -1);
    g_assert_cmpuint(table->cells[COMPARE_MEMORY][COMPARE_GUEST].n, ==, 0);
}

static void test_lines_of_others_are_none(void)
{
    static const char *const lines[] = {
        "",
        " ",
        "lab-payload",
        "lab-payload ",
        "lab-payload cpu_ns",
        "lab-payload\tcpu_ns 5",
        " lab-payload cpu_ns 5",
        "# lab-payload cpu_ns 5",
        "LAB-PAYLOAD cpu_ns 5",
        "lab-payload cpu 5",
        "lab-payload CPU_NS 5",
        "lab-payload  5",
        "lab-payload cpu_ns - no-disk 5",
        "lab-payload cpu_ns 5 6 7 8 9",
        "lab-payload kernel 6.1 of the guest",
        "lab-payload start 5",
        "\033[31mlab-payload cpu_ns 5",
    };
    g_autoptr(CompareTable) table = compare_table_new();

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (compare_take_line(table, COMPARE_GUEST, lines[i]))
            g_error("taken: '%s'", lines[i]);
        assert_untouched(table);
    }
}

static void test_line_is_taken_up_to_its_longest(void)
{
    g_autoptr(CompareTable) table = compare_table_new();
    g_autofree char *zeros = g_strnfill(300, '0');
    g_autofree char *fits = NULL, *exceeds = NULL;
    gsize head = strlen("lab-payload cpu_ns 7");

    fits = g_strdup_printf("lab-payload cpu_ns %.*s7", (int)(200 - head), zeros);
    exceeds = g_strdup_printf("lab-payload cpu_ns %.*s7", (int)(201 - head), zeros);
    g_assert_cmpuint(strlen(fits), ==, 200);
    g_assert_false(compare_take_line(table, COMPARE_GUEST, exceeds));
    assert_untouched(table);
    g_assert_true(compare_take_line(table, COMPARE_GUEST, fits));
    g_assert_cmpfloat(table->cells[COMPARE_CPU][COMPARE_GUEST].values[0], ==, 7);
}

static void test_figures_out_of_bounds_are_no_figures(void)
{
    static const char *const figures[] = {
        "0",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "nan",
        "inf",
        "",
        "-",
        "5ns",
        "10000000000000001",
        "18446744073709551615",
        "18446744073709551617",
        "99999999999999999999999999999999",
        "5\033[2J",
        "%s%n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        g_autoptr(CompareTable) table = compare_table_new();
        g_autofree char *cpu = g_strdup_printf("lab-payload cpu_ns %s", figures[i]);
        g_autofree char *memory = g_strdup_printf("lab-payload memory_b %s", figures[i]);

        g_assert_true(compare_take_line(table, COMPARE_GUEST, cpu));
        g_assert_cmpuint(table->cells[COMPARE_CPU][COMPARE_GUEST].n, ==, 0);
        g_assert_cmpstr(reason_of(table, COMPARE_CPU), ==, "the payload could not measure it");
        g_assert_true(compare_take_line(table, COMPARE_GUEST, memory));
        g_assert_cmpint(table->inside_bytes[COMPARE_GUEST], ==, -1);
        g_assert_cmpstr(reason_of(table, COMPARE_MEMORY), ==, "the payload could not measure it");
    }
}

static void test_largest_figure_is_taken(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    g_assert_true(
        compare_take_line(table, COMPARE_GUEST, "lab-payload memory_b 10000000000000000"));
    g_assert_cmpint(table->inside_bytes[COMPARE_GUEST], ==, G_GINT64_CONSTANT(10000000000000000));
}

static void test_codes_become_reasons_of_a_fixed_list(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload disk_ns - no-disk"));
    g_assert_cmpstr(reason_of(table, COMPARE_DISK), ==,
                    "it has no disk that can be written: its directories are in memory");
    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload memory_b - no-proc"));
    g_assert_cmpstr(reason_of(table, COMPARE_MEMORY), ==, "it has no /proc");
    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload net_ns - %s\033]0;x\a"));
    g_assert_cmpstr(reason_of(table, COMPARE_NET), ==, "the payload could not measure it");
    /* a figure with a code after it is no figure */
    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload fork_ns 5 no-fork"));
    g_assert_cmpuint(table->cells[COMPARE_FORK][COMPARE_GUEST].n, ==, 0);
    g_assert_cmpstr(reason_of(table, COMPARE_FORK), ==, "it may not make another process");
}

static void test_kernel_is_a_release_or_left_out(void)
{
    static const char *const hostile[] = {
        "6.1\033[31m", "6.1;rm", "6.1\"", "6.1\xe2\x80\xae", "6.1\xff", "%n", "",
    };
    g_autoptr(CompareTable) table = compare_table_new();
    g_autofree char *sixes = g_strnfill(sizeof table->kernel[0], '6');
    g_autofree char *exceeds = g_strdup_printf("lab-payload kernel %s", sixes);

    for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *line = g_strdup_printf("lab-payload kernel %s", hostile[i]);

        compare_take_line(table, COMPARE_GUEST, line);
        assert_untouched(table);
    }
    compare_take_line(table, COMPARE_GUEST, exceeds);
    assert_untouched(table);
    g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload kernel 6.1.0-9_a+b~1"));
    g_assert_cmpstr(table->kernel[COMPARE_GUEST], ==, "6.1.0-9_a+b~1");
    exceeds[strlen(exceeds) - 1] = '\0';
    compare_take_line(table, COMPARE_GUEST, exceeds);
    g_assert_cmpuint(strlen(table->kernel[COMPARE_GUEST]), ==, sizeof table->kernel[0] - 1);
}

static void test_a_payload_that_never_stops_fills_no_more_than_the_room(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    for (guint i = 0; i < 3 * COMPARE_VALUES_MAX; i++)
        g_assert_true(compare_take_line(table, COMPARE_GUEST, "lab-payload cpu_ns 5"));
    g_assert_cmpuint(table->cells[COMPARE_CPU][COMPARE_GUEST].n, ==, COMPARE_VALUES_MAX);
    table->cells[COMPARE_CPU][COMPARE_GUEST].n = 0;
    assert_untouched(table);
}

/* ---- values and reasons --------------------------------------------------------------------- */

static void test_values_that_are_none_are_dropped(void)
{
    static const double none[] = {0, -1, -0.0, NAN, INFINITY, -INFINITY, 1.1e16};
    g_autoptr(CompareTable) table = compare_table_new();

    for (gsize i = 0; i < G_N_ELEMENTS(none); i++)
        compare_add(table, COMPARE_CPU, COMPARE_GUEST, none[i]);
    assert_untouched(table);
}

static void test_first_reason_stays(void)
{
    g_autoptr(CompareTable) table = compare_table_new();

    compare_reason(table, COMPARE_CPU, COMPARE_GUEST, "%s", "first");
    compare_reason_payload(table, COMPARE_GUEST, "of the payload, %n");
    compare_reason_all(table, COMPARE_GUEST, "of all, %s");
    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        gboolean payload = compare_rows[row].key != NULL || row == COMPARE_MEMORY;

        g_assert_cmpstr(reason_of(table, row), ==,
                        row == COMPARE_CPU ? "first"
                        : payload          ? "of the payload, %n"
                                           : "of all, %s");
        g_assert_null(table->cells[row][COMPARE_CONTAINER].reason);
    }
}

typedef struct {
    guint n;
    double values[6], median, min, max;
} Spread;

static void test_spread_is_median_and_range(void)
{
    static const Spread spreads[] = {
        {1, {7}, 7, 7, 7},
        {2, {9, 1}, 5, 1, 9},
        {3, {9, 1, 2}, 2, 1, 9},
        {4, {4, 3, 2, 1}, 2.5, 1, 4},
        {5, {5, 5, 5, 5, 1000000}, 5, 5, 1000000},
        {6, {1e16, 1e16, 1e16, 1e16, 1e16, 1e16}, 1e16, 1e16, 1e16},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(spreads); i++) {
        const Spread *spread = &spreads[i];
        CompareCell cell = {.n = spread->n};
        double median, min, max;

        memcpy(cell.values, spread->values, sizeof spread->values);
        g_assert_true(compare_spread(&cell, &median, &min, &max));
        g_assert_cmpfloat(median, ==, spread->median);
        g_assert_cmpfloat(min, ==, spread->min);
        g_assert_cmpfloat(max, ==, spread->max);
        /* their order in time stays */
        g_assert_cmpmem(cell.values, sizeof spread->values, spread->values, sizeof spread->values);
    }
}

static void test_full_cell_has_a_spread(void)
{
    CompareCell cell = {.n = COMPARE_VALUES_MAX};
    double median, min, max;

    for (guint i = 0; i < COMPARE_VALUES_MAX; i++)
        cell.values[i] = COMPARE_VALUES_MAX - i;
    g_assert_true(compare_spread(&cell, &median, &min, &max));
    g_assert_cmpfloat(min, ==, 1);
    g_assert_cmpfloat(max, ==, COMPARE_VALUES_MAX);
    g_assert_cmpfloat(median, ==, (COMPARE_VALUES_MAX + 1) / 2.0);
}

static void test_no_values_are_no_spread(void)
{
    CompareCell cell = {.reason = NULL};
    double median, min, max;
    g_autofree char *text = compare_cell_text(&cell, COMPARE_NS);

    g_assert_false(compare_spread(&cell, &median, &min, &max));
    g_assert_cmpstr(text, ==, "-");
}

static void test_text_has_three_digits_and_a_unit(void)
{
    static const struct {
        CompareCell cell;
        const char *text;
    } cases[] = {
        {{.n = 1, .values = {1}}, "1.00 ns"},
        {{.n = 1, .values = {99.94}}, "99.9 ns"},
        {{.n = 1, .values = {999.4}}, "999 ns"},
        {{.n = 1, .values = {999.6}}, "1.00 us"},
        {{.n = 3, .values = {60e6, 51e6, 57e6}}, "57.0 ms (51.0 ms-60.0 ms)"},
        {{.n = 2, .values = {57.01e6, 57.02e6}}, "57.0 ms"},
        {{.n = 1, .values = {1e16}}, "10000000 s"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = compare_cell_text(&cases[i].cell, COMPARE_NS);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

/* ---- a guest's serial console --------------------------------------------------------------- */

static void test_last_line_tells_a_prompt_from_a_login(void)
{
    static const struct {
        const char *heard;
        CompareLine line;
    } cases[] = {
        {"", COMPARE_LINE_OTHER},
        {" \r\n\n\t", COMPARE_LINE_OTHER},
        {"[    0.000000] Linux version 6.1", COMPARE_LINE_OTHER},
        {"booting\r\n/ # ", COMPARE_LINE_PROMPT},
        {"/ # \r\n\r\n", COMPARE_LINE_PROMPT},
        {"/ # \033[6n", COMPARE_LINE_PROMPT},
        {"root@guest:~$", COMPARE_LINE_PROMPT},
        {"% ", COMPARE_LINE_PROMPT},
        {"# a prompt that was\nnow something else", COMPARE_LINE_OTHER},
        {"\r\nguest login: ", COMPARE_LINE_LOGIN},
        {"Login:", COMPARE_LINE_LOGIN},
        {"Password:", COMPARE_LINE_LOGIN},
        {"login: root\n# ", COMPARE_LINE_PROMPT},
        {"\033[6n", COMPARE_LINE_OTHER},
        {"\xff\xfe\xff", COMPARE_LINE_OTHER},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(compare_last_line(cases[i].heard), ==, cases[i].line);
}

static void test_last_line_without_an_end_is_looked_at_in_part(void)
{
    g_autofree char *flood = g_strnfill(TALK_HEARD_MAX, 'x');

    g_assert_cmpint(compare_last_line(flood), ==, COMPARE_LINE_OTHER);
    flood[TALK_HEARD_MAX - 1] = '$';
    g_assert_cmpint(compare_last_line(flood), ==, COMPARE_LINE_PROMPT);
}

static void test_status_is_taken_when_it_is_whole(void)
{
    static const struct {
        const char *heard;
        int status;
    } cases[] = {
        {"", -1},
        {"gemel-done-", -1},
        {"lab-payload; echo gemel-done-$?", -1},
        {"echo gemel-done-$?\r\ngemel-done-", -1},
        {"echo gemel-done-$?\r\ngemel-done-1", -1}, /* 127 may be under way */
        {"echo gemel-done-$?\r\ngemel-done-127\r", 127},
        {"gemel-done-0\r\n", 0},
        {"gemel-done-255 ", 255},
        {"gemel-done-256 ", -1},
        {"gemel-done--1 ", -1},
        {"gemel-done-99999999999999999999999999 ", -1},
        {"gemel-done-gemel-done-3\n", 3},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(compare_done_status(cases[i].heard), ==, cases[i].status);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compare/rows/every-row-is-described-once", test_every_row_is_described_once);
    g_test_add_func("/compare/rows/new-table-says-what-the-host-cannot-have",
                    test_new_table_says_what_the_host_cannot_have);
    g_test_add_func("/compare/line/every-key-fills-its-own-cell-only",
                    test_every_key_fills_its_own_cell_only);
    g_test_add_func("/compare/line/memory-inside-is-kept-apart", test_memory_inside_is_kept_apart);
    g_test_add_func("/compare/line/lines-of-others-are-none", test_lines_of_others_are_none);
    g_test_add_func("/compare/line/is-taken-up-to-its-longest",
                    test_line_is_taken_up_to_its_longest);
    g_test_add_func("/compare/line/figures-out-of-bounds-are-no-figures",
                    test_figures_out_of_bounds_are_no_figures);
    g_test_add_func("/compare/line/largest-figure-is-taken", test_largest_figure_is_taken);
    g_test_add_func("/compare/line/codes-become-reasons-of-a-fixed-list",
                    test_codes_become_reasons_of_a_fixed_list);
    g_test_add_func("/compare/line/kernel-is-a-release-or-left-out",
                    test_kernel_is_a_release_or_left_out);
    g_test_add_func("/compare/line/a-payload-that-never-stops-fills-no-more-than-the-room",
                    test_a_payload_that_never_stops_fills_no_more_than_the_room);
    g_test_add_func("/compare/values/that-are-none-are-dropped",
                    test_values_that_are_none_are_dropped);
    g_test_add_func("/compare/values/first-reason-stays", test_first_reason_stays);
    g_test_add_func("/compare/spread/is-median-and-range", test_spread_is_median_and_range);
    g_test_add_func("/compare/spread/full-cell-has-one", test_full_cell_has_a_spread);
    g_test_add_func("/compare/spread/no-values-are-none", test_no_values_are_no_spread);
    g_test_add_func("/compare/text/has-three-digits-and-a-unit",
                    test_text_has_three_digits_and_a_unit);
    g_test_add_func("/compare/guest/last-line-tells-a-prompt-from-a-login",
                    test_last_line_tells_a_prompt_from_a_login);
    g_test_add_func("/compare/guest/last-line-without-an-end-is-looked-at-in-part",
                    test_last_line_without_an_end_is_looked_at_in_part);
    g_test_add_func("/compare/guest/status-is-taken-when-it-is-whole",
                    test_status_is_taken_when_it_is_whole);
    return g_test_run();
}
