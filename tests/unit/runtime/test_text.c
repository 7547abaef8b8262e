/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>
#include <string.h>

#include "util.h"

static void check(const char *in, const char *want)
{
    char *text = mem_strdup(in);
    text_make_printable(text);
    g_assert_cmpstr(text, ==, want);
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

static void text_in_any_language_stays(void)
{
    check("", "");
    check("plain", "plain");
    check("gr\u00fc\u00df \u4f60\u597d \U0001f427 \u00a0",
          "gr\u00fc\u00df \u4f60\u597d \U0001f427 \u00a0");
}

static void control_characters_of_both_sets_go(void)
{
    check("a\n\r\x1b[2Jb\x7f", "a???[2Jb?");
    check("\xc2\x9b"
          "2J\xc2\x85",
          "??2J??");
}

static void what_is_no_utf8_goes(void)
{
    check("\x9b"
          "2J\xff",
          "?2J?");
    check("cut \xe4\xbd", "cut ??");
    check("\xc0\xaf \xe0\x80\x9b \xed\xa0\x80 \xf4\x90\x80\x80", "?? ??? ??? ????");
}

static void an_error_with_a_cut_character_is_whole_text(void)
{
    struct err err;
    char *long_name = g_strnfill(1022, 'x');
    err_set(&err, 0, "%s\u00fc", long_name);
    g_assert_true(g_utf8_validate(err.text, -1, NULL));
    g_free(long_name);
}

static void a_file_is_never_written_through_what_lies_in_its_way(void)
{
    char *dir = g_dir_make_tmp(NULL, NULL);
    char *temp = g_strdup_printf("%s/.file.%d", dir, (int)getpid());
    char *victim = g_strdup_printf("%s/victim", dir), *file = g_strdup_printf("%s/file", dir);
    char *text;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(g_file_set_contents(victim, "kept", -1, NULL));
    g_assert_cmpint(link(victim, temp), ==, 0);
    g_assert_cmpint(file_replace(fd, "file", "new", 3, 0600), ==, 0);
    g_assert_true(g_file_get_contents(victim, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "kept");
    g_free(text);
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "new");
    g_free(text);
    unlink(victim);
    unlink(file);
    close(fd);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_free(temp);
    g_free(victim);
    g_free(file);
    g_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runtime/text/in-any-language-stays", text_in_any_language_stays);
    g_test_add_func("/runtime/text/control-characters-of-both-sets-go",
                    control_characters_of_both_sets_go);
    g_test_add_func("/runtime/text/what-is-no-utf8-goes", what_is_no_utf8_goes);
    g_test_add_func("/runtime/text/an-error-with-a-cut-character-is-whole-text",
                    an_error_with_a_cut_character_is_whole_text);
    g_test_add_func("/runtime/text/a-file-is-never-written-through-what-lies-in-its-way",
                    a_file_is_never_written_through_what_lies_in_its_way);
    return g_test_run();
}
