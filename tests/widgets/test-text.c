/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <string.h>
#include <time.h>

#include "widgets/keys.h"
#include "widgets/text.h"

/* Sanitises and compares. */
static void check_safe(const char *in, TextKind kind, const char *wanted)
{
    g_autofree char *out = text_sanitise(in, -1, kind);
    g_assert_cmpstr(out, ==, wanted);
}

static void test_name_controls_become_marks(void)
{
    text_set_utf8(TRUE);
    check_safe("we\033[31mb", TEXT_NAME, "we\357\277\275[31mb");
    check_safe("a\nb\tc\rd\177", TEXT_NAME, "a�b�c�d�");
    check_safe("a\302\233b", TEXT_NAME, "a�b"); /* C1 CSI */
}

static void test_name_bidi_and_invisible_become_marks(void)
{
    text_set_utf8(TRUE);
    check_safe("abc\u202egnp.exe", TEXT_NAME, "abc�gnp.exe");
    check_safe("a\u200bb\u2066c\ufeffd\u00ade", TEXT_NAME, "a�b�c�d�e");
    check_safe("tag\U000e0041", TEXT_NAME, "tag�");
}

static void test_invalid_utf8_gives_one_mark_a_byte(void)
{
    text_set_utf8(TRUE);
    check_safe("a\xff\xc3"
               "b",
               TEXT_NAME, "a��b");
    check_safe("\xed\xa0\x80", TEXT_NAME, "���"); /* a surrogate */
    check_safe("\xc0\xaf", TEXT_NAME, "��");      /* an overlong slash */
}

static void test_output_loses_escape_sequences(void)
{
    text_set_utf8(TRUE);
    check_safe("\033[1;31mred\033[0m\r\n", TEXT_OUTPUT, "red\n");
    check_safe("\033]0;title\abody", TEXT_OUTPUT, "body");
    check_safe("\033]52;c;aGk=\033\\x", TEXT_OUTPUT, "x");
    check_safe("\033Pq#0\033\\y\033(Bz\0337", TEXT_OUTPUT, "yz");
    check_safe("\302\233"
               "2Jgone",
               TEXT_OUTPUT, "gone");
    check_safe("a\tb\n\tc", TEXT_OUTPUT, "a       b\n        c");
}

static void test_output_incomplete_escape_stays_visible(void)
{
    text_set_utf8(TRUE);
    check_safe("x\033[12", TEXT_OUTPUT, "x�[12");
    check_safe("x\033]0;never ends", TEXT_OUTPUT, "x�]0;never ends");
    check_safe("x\033", TEXT_OUTPUT, "x�");
    check_safe("50%\rdone", TEXT_OUTPUT, "50%�done");
}

static void test_output_never_contains_a_control(void)
{
    GRand *rand = g_rand_new_with_seed(7);
    text_set_utf8(TRUE);
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        int n = g_rand_int_range(rand, 0, (int)sizeof bytes);
        for (int i = 0; i < n; i++) {
            static const char spice[] = "\033[]P\\;m\a\r\n\t\302\233\200";
            bytes[i] = g_rand_boolean(rand) ? spice[g_rand_int_range(rand, 0, sizeof spice - 1)]
                                            : (char)g_rand_int_range(rand, 0, 256);
        }
        g_autofree char *out = text_sanitise(bytes, n, TEXT_OUTPUT);
        g_assert_true(g_utf8_validate(out, -1, NULL));
        for (const char *s = out; *s != '\0'; s = g_utf8_next_char(s)) {
            gunichar uc = g_utf8_get_char(s);
            g_assert_true(uc == '\n' || (uc >= 0x20 && uc != 0x7f && !(uc >= 0x80 && uc < 0xa0)));
        }
    }
    g_rand_free(rand);
}

/* Beginnings of strings that never end, each of which could be looked at to the end of the text. */
static void test_output_of_beginnings_costs_its_length(void)
{
    text_set_utf8(TRUE);
    check_safe("a\302\235b\302\235c\ad", TEXT_OUTPUT, "a�bd");
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 500000; i++)
        g_string_append(text, "\302\235");
    clock_t begin = clock();
    g_autofree char *safe = text_sanitise(text->str, -1, TEXT_OUTPUT);
    g_assert_cmpint((clock() - begin) / CLOCKS_PER_SEC, <, 5); /* of this process alone */
    g_assert_cmpuint(strlen(safe), ==, 500000 * strlen("�"));
}

static void test_marks_do_not_pile_up(void)
{
    text_set_utf8(TRUE);
    check_safe("a\u0301\u0301\u0301\u0301\u0301\u0301z", TEXT_NAME, "a\u0301\u0301\u0301z");
}

static void test_width_of_wide_combining_and_rtl(void)
{
    text_set_utf8(TRUE);
    g_assert_cmpint(text_width("web"), ==, 3);
    g_assert_cmpint(text_width("データ"), ==, 6);
    g_assert_cmpint(text_width("e\u0301a"), ==, 2);
    g_assert_cmpint(text_width("שרת"), ==, 3);
    g_assert_cmpint(text_width("a\033b"), ==, 3);
}

/* Fits and compares. */
static void check_fit(const char *in, int width, TextAlign align, const char *wanted)
{
    g_autoptr(GString) out = g_string_new(NULL);
    text_append_fit(out, in, width, align);
    g_assert_cmpstr(out->str, ==, wanted);
    g_assert_cmpint(text_width(out->str), ==, MAX(width, 0));
}

static void test_fit_pads_and_cuts(void)
{
    text_set_utf8(TRUE);
    check_fit("web", 5, TEXT_LEFT, "web  ");
    check_fit("web", 5, TEXT_RIGHT, "  web");
    check_fit("web", 6, TEXT_CENTRE, " web  ");
    check_fit("webserver", 5, TEXT_LEFT, "webs…");
    check_fit("データ", 4, TEXT_LEFT, "デ… "); /* a wide character is never halved */
    check_fit("web", 0, TEXT_LEFT, "");
    check_fit("web", -3, TEXT_LEFT, "");
}

static void test_cut_middle_keeps_both_ends(void)
{
    text_set_utf8(TRUE);
    g_autofree char *cut = text_cut_middle("frontend-eu-west-17", 9);
    g_assert_cmpstr(cut, ==, "fron…t-17");
    g_autofree char *whole = text_cut_middle("web", 9);
    g_assert_cmpstr(whole, ==, "web");
}

static void test_without_utf8_everything_is_ascii(void)
{
    text_set_utf8(FALSE);
    check_safe("datä", TEXT_NAME, "dat?");
    check_fit("webserver", 5, TEXT_LEFT, "webs~");
    text_set_utf8(TRUE);
}

static void test_find_ignores_case(void)
{
    const char *end, *at;
    text_set_utf8(TRUE);
    at = text_find("Größe ÄPFEL", "äpf", &end);
    g_assert_nonnull(at);
    g_assert_cmpint(end - at, ==, 4);
    g_assert_null(text_find("abc", "cd", &end));
    g_assert_null(text_find("abc", "", &end));
    g_assert_nonnull(text_find("aab", "ab", &end));
}

static void test_key_names_come_back(void)
{
    for (int key = 1; key < 0x180; key++) {
        g_autofree char *name = keys_name(key);
        if (strcmp(name, "?key") != 0)
            g_assert_cmpint(keys_from_name(name), ==, key);
    }
    for (int key = KEYS_FIRST_SPECIAL; key < KEYS_OTHER; key++) {
        g_autofree char *name = keys_name(key);
        g_assert_cmpstr(name, !=, "?key");
        g_assert_cmpint(keys_from_name(name), ==, key);
    }
}

static void test_key_names_reject_nonsense(void)
{
    static const char *const bad[] = {"", "^^^", "jj", "F13", "\x01", "\xff", "^1", "C-x"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(keys_from_name(bad[i]), ==, KEYS_NONE);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("TERM", "xterm-256color", TRUE); /* whatever the tests are started from */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/name/controls-become-marks", test_name_controls_become_marks);
    g_test_add_func("/text/name/bidi-and-invisible-become-marks",
                    test_name_bidi_and_invisible_become_marks);
    g_test_add_func("/text/invalid-utf8-gives-one-mark-a-byte",
                    test_invalid_utf8_gives_one_mark_a_byte);
    g_test_add_func("/text/output/loses-escape-sequences", test_output_loses_escape_sequences);
    g_test_add_func("/text/output/incomplete-escape-stays-visible",
                    test_output_incomplete_escape_stays_visible);
    g_test_add_func("/text/output/never-contains-a-control", test_output_never_contains_a_control);
    g_test_add_func("/text/output/of-beginnings-costs-its-length",
                    test_output_of_beginnings_costs_its_length);
    g_test_add_func("/text/combining-marks-do-not-pile-up", test_marks_do_not_pile_up);
    g_test_add_func("/text/width-of-wide-combining-and-rtl", test_width_of_wide_combining_and_rtl);
    g_test_add_func("/text/fit-pads-and-cuts", test_fit_pads_and_cuts);
    g_test_add_func("/text/cut-middle-keeps-both-ends", test_cut_middle_keeps_both_ends);
    g_test_add_func("/text/without-utf8-everything-is-ascii",
                    test_without_utf8_everything_is_ascii);
    g_test_add_func("/text/find-ignores-case", test_find_ignores_case);
    g_test_add_func("/keys/names-come-back", test_key_names_come_back);
    g_test_add_func("/keys/names-reject-nonsense", test_key_names_reject_nonsense);
    return g_test_run();
}
