/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a terminal: keys and pastes apart, however they are cut. */
#include "console/readline_input.h"

#include <string.h>

/* Feeds bytes and returns the keys that came of them. */
static char *keys_of(const char *bytes)
{
    GString *keys = g_string_new(NULL);

    for (const char *c = bytes; *c != '\0'; c++)
        edit_input_feed((guint8)*c);
    while (edit_input_peek() >= 0)
        g_string_append_c(keys, (char)edit_input_getc(NULL));
    return g_string_free(keys, FALSE);
}

static void check(const char *bytes, const char *keys, const char *paste)
{
    guint lines = 0;

    edit_input_reset();
    g_autofree char *said = keys_of(bytes);
    g_autofree char *text = edit_input_take_paste(&lines);

    g_assert_cmpstr(said, ==, keys);
    g_assert_cmpstr(text, ==, paste);
}

static void test_keys_pass(void)
{
    check("abc\r", "abc\r", NULL);
    check("\033[A\033[2~\033[20~", "\033[A\033[2~\033[20~", NULL);
    check("\033\033[A", "\033\033[A", NULL);
    /* the end of a paste that was not seen to begin is no key */
    check("a\033[201~b\033[201x", "ab\033[201x", NULL);
    edit_input_reset();
    g_assert_cmpint(edit_input_getc(NULL), ==, EOF);
}

static void test_pastes_are_apart(void)
{
    check("a\033[200~b c\033[201~d", "ad", "b c");
    check("\033[200~\033[201~", "", "");
    check("\033[200~one\r\ntwo\rthree\n\n\033[201~", "", "one\ntwo\nthree");
    /* what would do something to a terminal is taken out, what is no UTF-8 made so */
    check("\033[200~a\033[31mb\tc\001\177d\033[201~", "", "a[31mb cd");
    check("\033[200~a\xc2\x9b"
          "31mb\xc3\xa9\033[201~",
          "", "a31mb\xc3\xa9");
    check("\033[200~\xff\033[201~", "", "\xef\xbf\xbd");
    check("\033[200~\033[20\033[201~", "", "[20");
}

static void test_a_begun_mark_is_held_and_let_go(void)
{
    edit_input_reset();
    g_autofree char *none = keys_of("\033");

    g_assert_cmpstr(none, ==, "");
    g_assert_true(edit_input_holds() && edit_input_holds_escape());
    edit_input_release();
    g_autofree char *escape = keys_of("");

    g_assert_cmpstr(escape, ==, "\033");
    g_autofree char *more = keys_of("\033[20");

    g_assert_cmpstr(more, ==, "");
    g_assert_true(edit_input_holds() && !edit_input_holds_escape());
    g_autofree char *end = keys_of("0~");

    g_assert_cmpstr(end, ==, "");
    g_assert_true(edit_input_pastes());
    g_assert_false(edit_input_holds());
}

static void test_an_endless_paste_is_bounded_and_can_be_dropped(void)
{
    guint lines = 9;

    check("\033[200~hello", "", NULL);
    g_assert_true(edit_input_pastes());
    edit_input_drop_paste();
    g_autofree char *keys = keys_of("x");

    g_assert_cmpstr(keys, ==, "x");
    g_autofree char *begin = keys_of("\033[200~");

    g_assert_cmpstr(begin, ==, "");
    for (guint i = 0; i < PASTE_MAX_BYTES + 100; i++)
        edit_input_feed('x');
    g_autofree char *end = keys_of("\033[201~y");
    g_autofree char *text = edit_input_take_paste(&lines);

    g_assert_cmpstr(text, ==, "");
    g_assert_cmpstr(end, ==, "y");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/input/keys pass", test_keys_pass);
    g_test_add_func("/input/pastes are apart", test_pastes_are_apart);
    g_test_add_func("/input/a begun mark is held and let go", test_a_begun_mark_is_held_and_let_go);
    g_test_add_func("/input/an endless paste is bounded and can be dropped",
                    test_an_endless_paste_is_bounded_and_can_be_dropped);
    return g_test_run();
}
