/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <string.h>

#include "golden.h"
#include "widgets/table.h"

static const TableColumn columns[] = {
    {.id = "name", .title = "NAME", .min = 8, .max = 20},
    {.id = "state", .title = "STATE", .min = 8, .priority = 1},
    {.id = "cpu", .title = "CPU%", .min = 6, .max = 10, .priority = 2, .align = TEXT_RIGHT},
    {.id = "uptime", .title = "UP", .min = 5, .priority = 5, .align = TEXT_RIGHT},
};

/* A list of names that a test can shuffle; counts how many cells were asked for. */
typedef struct {
    GPtrArray *names;
    guint drawn;
} Fake;

static guint fake_count(gpointer data)
{
    return ((Fake *)data)->names->len;
}

static const char *fake_key(gpointer data, guint row)
{
    return g_ptr_array_index(((Fake *)data)->names, row);
}

static void fake_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    Fake *fake = data;
    const char *name = fake_key(data, row);
    fake->drawn++;
    if (column == 0)
        canvas_field(cell, 0, 0, cell->width, TEXT_LEFT, ROLE_TEXT, name);
    else
        canvas_field(cell, 0, 0, cell->width, columns[column].align, ROLE_RUNNING,
                     columns[column].id);
}

static const TableSource source = {fake_count, fake_key, fake_draw};

/* Replaces the list. */
static void set_names(Fake *fake, const char *names)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);
    g_ptr_array_set_size(fake->names, 0);
    for (guint i = 0; list[i] != NULL; i++)
        if (*list[i] != '\0')
            g_ptr_array_add(fake->names, g_strdup(list[i]));
}

/* A table of these names. */
static Table *open_table(Fake *fake, const char *names)
{
    *fake = (Fake){g_ptr_array_new_with_free_func(g_free), 0};
    set_names(fake, names);
    Table *t = table_new(columns, G_N_ELEMENTS(columns), &source, fake);
    table_rows_changed(t);
    return t;
}

/* Ends a test. */
static void close_table(Fake *fake, Table *t)
{
    table_free(t);
    g_ptr_array_unref(fake->names);
    screen_free();
}

static void test_draws_rows_cursor_and_marks(void)
{
    Fake fake;
    Canvas c = golden_open(6, 50);
    Table *t = open_table(&fake, "web データ db שרת");
    table_set_sorted(t, 2, TRUE);
    table_mark_toggle(t);
    table_draw(t, &c);
    golden_check("table");
    g_autofree char *roles = screen_dump_roles(2);
    g_assert_nonnull(strstr(roles, "@selected"));
    close_table(&fake, t);
}

static void test_narrow_drops_by_priority(void)
{
    Fake fake;
    Canvas c = golden_open(3, 30);
    Table *t = open_table(&fake, "a-rather-long-name db");
    table_draw(t, &c);
    golden_check("table-narrow");
    close_table(&fake, t);
}

static void test_wide_scrolls_columns(void)
{
    Fake fake;
    Canvas c = golden_open(3, 24);
    Table *t = open_table(&fake, "web db");
    table_set_wide(t, TRUE);
    table_draw(t, &c);
    table_move(t, TABLE_RIGHT);
    table_move(t, TABLE_RIGHT);
    screen_begin();
    table_draw(t, &c);
    golden_check("table-wide");
    close_table(&fake, t);
}

static void test_ascii_has_no_other_character(void)
{
    Fake fake;
    Canvas c = golden_open(3, 50);
    text_set_utf8(FALSE);
    Table *t = open_table(&fake, "web データ");
    table_set_sorted(t, 0, FALSE);
    table_draw(t, &c);
    golden_check("table-ascii");
    g_autofree char *dump = screen_dump();
    for (const char *s = dump; *s != '\0'; s++)
        g_assert_cmpint(*s & 0x80, ==, 0);
    close_table(&fake, t);
}

static void test_cursor_stays_on_its_item_when_rows_move(void)
{
    Fake fake;
    Canvas c = golden_open(5, 50);
    Table *t = open_table(&fake, "a b c d e f g h");
    table_draw(t, &c);
    g_assert_true(table_select_key(t, "c"));
    set_names(&fake, "h g f e d c b a new");
    table_rows_changed(t);
    g_assert_cmpstr(table_cursor_key(t), ==, "c");
    g_assert_cmpint(table_cursor(t), ==, 5);
    g_assert_false(table_lost(t));
    close_table(&fake, t);
}

static void test_cursor_keeps_its_line_of_the_screen(void)
{
    Fake fake;
    Canvas c = golden_open(5, 50);
    Table *t = open_table(&fake, "a b c d e f g h i j k l");
    table_select_key(t, "f");
    table_draw(t, &c); /* f on the last line */
    set_names(&fake, "x y z a b c d e f g h i j k l");
    table_rows_changed(t);
    screen_begin();
    table_draw(t, &c);
    g_autofree char *dump = screen_dump();
    g_auto(GStrv) lines = g_strsplit(dump, "\n", -1);
    g_assert_nonnull(strstr(lines[4], "f "));
    close_table(&fake, t);
}

static void test_gone_item_is_reported_once(void)
{
    Fake fake;
    Table *t = open_table(&fake, "a b c");
    table_select_key(t, "b");
    set_names(&fake, "a c");
    table_rows_changed(t);
    g_assert_cmpstr(table_cursor_key(t), ==, "c");
    g_assert_true(table_lost(t));
    g_assert_false(table_lost(t));
    close_table(&fake, t);
}

static void test_last_row_gone_moves_up_and_empty_has_no_cursor(void)
{
    Fake fake;
    Table *t = open_table(&fake, "a b");
    table_select_key(t, "b");
    set_names(&fake, "a");
    table_rows_changed(t);
    g_assert_cmpstr(table_cursor_key(t), ==, "a");
    set_names(&fake, "");
    table_rows_changed(t);
    g_assert_null(table_cursor_key(t));
    g_assert_cmpint(table_cursor(t), ==, -1);
    table_move(t, TABLE_DOWN);
    table_mark_toggle(t);
    table_mark_range(t);
    g_assert_cmpuint(table_n_marked(t), ==, 0);
    close_table(&fake, t);
}

static void test_without_follow_the_row_stays(void)
{
    Fake fake;
    Table *t = open_table(&fake, "a b c");
    table_set_follow(t, FALSE);
    table_select_key(t, "b");
    set_names(&fake, "b c a");
    table_rows_changed(t);
    g_assert_cmpint(table_cursor(t), ==, 1);
    g_assert_cmpstr(table_cursor_key(t), ==, "c");
    close_table(&fake, t);
}

static void test_marks_survive_sorting(void)
{
    Fake fake;
    Table *t = open_table(&fake, "a b c d e");
    table_mark_toggle(t); /* a, cursor to b */
    table_move(t, TABLE_DOWN);
    table_move(t, TABLE_DOWN);
    table_mark_range(t); /* a..d */
    set_names(&fake, "e d c b a");
    table_rows_changed(t);
    g_auto(GStrv) marked = table_marked(t);
    g_autofree char *joined = g_strjoinv(" ", marked);
    g_assert_cmpstr(joined, ==, "a b c d");
    g_assert_false(table_is_marked(t, "e"));
    table_mark_all(t, FALSE);
    g_assert_cmpuint(table_n_marked(t), ==, 0);
    close_table(&fake, t);
}

static void test_ten_thousand_rows_cost_what_shows(void)
{
    Fake fake;
    Canvas c = golden_open(24, 80);
    Table *t = open_table(&fake, "");
    for (int i = 0; i < 10000; i++)
        g_ptr_array_add(fake.names, g_strdup_printf("n%05d", i));
    table_rows_changed(t);
    table_move(t, TABLE_LAST);
    table_draw(t, &c);
    g_assert_cmpuint(fake.drawn, ==, 23 * G_N_ELEMENTS(columns));
    g_assert_cmpstr(table_cursor_key(t), ==, "n09999");
    close_table(&fake, t);
}

static void test_click_selects_the_line(void)
{
    Fake fake;
    Canvas c = golden_open(5, 50);
    Table *t = open_table(&fake, "a b c");
    table_draw(t, &c);
    g_assert_true(table_select_line(t, 3));
    g_assert_cmpstr(table_cursor_key(t), ==, "c");
    g_assert_false(table_select_line(t, 0));
    g_assert_false(table_select_line(t, 4));
    close_table(&fake, t);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("TERM", "xterm-256color", TRUE); /* whatever the tests are started from */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/table/draws-rows-cursor-and-marks", test_draws_rows_cursor_and_marks);
    g_test_add_func("/table/narrow-drops-by-priority", test_narrow_drops_by_priority);
    g_test_add_func("/table/wide-scrolls-columns", test_wide_scrolls_columns);
    g_test_add_func("/table/ascii-has-no-other-character", test_ascii_has_no_other_character);
    g_test_add_func("/table/cursor-stays-on-its-item-when-rows-move",
                    test_cursor_stays_on_its_item_when_rows_move);
    g_test_add_func("/table/cursor-keeps-its-line-of-the-screen",
                    test_cursor_keeps_its_line_of_the_screen);
    g_test_add_func("/table/gone-item-is-reported-once", test_gone_item_is_reported_once);
    g_test_add_func("/table/last-row-gone-moves-up-and-empty-has-no-cursor",
                    test_last_row_gone_moves_up_and_empty_has_no_cursor);
    g_test_add_func("/table/without-follow-the-row-stays", test_without_follow_the_row_stays);
    g_test_add_func("/table/marks-survive-sorting", test_marks_survive_sorting);
    g_test_add_func("/table/ten-thousand-rows-cost-what-shows",
                    test_ten_thousand_rows_cost_what_shows);
    g_test_add_func("/table/click-selects-the-line", test_click_selects_the_line);
    return g_test_run();
}
