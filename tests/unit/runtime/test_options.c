/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>
#include <string.h>

#include "options.h"

static int parse(enum command_id command, struct options *opt, struct err *err, ...)
{
    char *argv[16];
    int argc = 0;
    va_list ap;
    va_start(ap, err);
    while ((argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    memset(opt, 0, sizeof *opt);
    return options_parse(command, argc, argv, 0, opt, err);
}

static void values_come_with_an_equals_sign_or_as_the_next_word(void)
{
    struct options opt;
    struct err err;
    g_assert_cmpint(
        parse(CMD_CREATE, &opt, &err, "--bundle", "/b", "--pid-file=/p", "--no-pivot", "id", NULL),
        ==, 4);
    g_assert_cmpstr(opt.bundle, ==, "/b");
    g_assert_cmpstr(opt.pid_file, ==, "/p");
    g_assert_true(opt.no_pivot);
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "-b", "/b", "id", NULL), ==, 2);
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "-b/b", "id", NULL), ==, 1);
    g_assert_cmpstr(opt.bundle, ==, "/b");
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "-pid-file", "/p", "id", NULL), ==, 2);
    g_assert_cmpstr(opt.pid_file, ==, "/p");
}

static void options_end_at_the_first_word_that_is_none(void)
{
    struct options opt;
    struct err err;
    g_assert_cmpint(parse(CMD_EXEC, &opt, &err, "-td", "id", "ls", "-l", "--nope", NULL), ==, 1);
    g_assert_true(opt.tty && opt.detach);
    g_assert_cmpint(parse(CMD_EXEC, &opt, &err, "--", "-id", NULL), ==, 1);
    g_assert_cmpint(parse(CMD_UPDATE, &opt, &err, "-r", "-", "id", NULL), ==, 2);
    g_assert_cmpstr(opt.resources, ==, "-");
}

static void lists_gather_and_are_bounded(void)
{
    struct options opt;
    struct err err;
    g_assert_cmpint(parse(CMD_EXEC, &opt, &err, "-e", "A=1", "--env=B=2", "id", NULL), ==, 3);
    g_assert_cmpuint(opt.env.n, ==, 2);
    g_assert_cmpstr(opt.env.items[1], ==, "B=2");
    char *many[OPTION_LIST_MAX + 2];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (char *)"--env=A=1";
    g_assert_cmpint(options_parse(CMD_EXEC, ARRAY_LEN(many), many, 0, &opt, &err), ==, -1);
}

static void unknown_options_and_missing_values_are_named(void)
{
    struct options opt;
    struct err err;
    g_assert_cmpint(parse(CMD_START, &opt, &err, "--force", "id", NULL), ==, -1);
    g_assert_cmpstr(err.text, ==, "unknown option --force");
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "--bundle", NULL), ==, -1);
    g_assert_cmpstr(err.text, ==, "--bundle: needs a value");
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "-b", NULL), ==, -1);
    g_assert_cmpint(parse(CMD_CREATE, &opt, &err, "--no-pivot=maybe", "id", NULL), ==, -1);
    g_assert_cmpint(parse(CMD_START, &opt, &err, "-z", "id", NULL), ==, -1);
    g_assert_cmpstr(err.text, ==, "unknown option -z");
}

static void numbers_take_binary_units_and_refuse_overflow(void)
{
    int64_t n;
    g_assert_cmpint(options_number("64m", true, &n), ==, 0);
    g_assert_cmpint(n, ==, 64 << 20);
    g_assert_cmpint(options_number("1G", true, &n), ==, 0);
    g_assert_cmpint(n, ==, 1 << 30);
    g_assert_cmpint(options_number("-1", true, &n), ==, 0);
    g_assert_cmpint(n, ==, -1);
    const char *bad[] = {"", "m", "1x", "1mm", "1 m", "99999999999999999999", "9000000000t"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        g_assert_cmpint(options_number(bad[i], true, &n), ==, -1);
    g_assert_cmpint(options_number("1m", false, &n), ==, -1);
}

static void no_command_has_two_options_of_one_name_or_letter(void)
{
    for (size_t i = 0; i < option_table_n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct option_row *a = &option_table[i], *b = &option_table[k];
            if (!(a->commands & b->commands))
                continue;
            g_assert_cmpstr(a->name, !=, b->name);
            g_assert_true(!a->letter || a->letter != b->letter);
        }
}

static void every_option_has_help_and_a_place(void)
{
    for (size_t i = 0; i < option_table_n; i++) {
        g_assert_true(option_table[i].help && *option_table[i].help);
        g_assert_cmpuint(option_table[i].offset, <, sizeof(struct options));
        g_assert_cmpuint(option_table[i].commands, !=, 0);
    }
}

static void times_are_written_as_in_go(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"5", 5000}, {"5s", 5000}, {"250ms", 250}, {"1m30s", 90000}, {"2h", 7200000}};
    static const char *const bad[] = {"",    "s",   "-1s", "1x",   "1s ",
                                      "1 s", "5 5", "1s5", "1.5s", "99999999999999999999s"};
    int64_t ms;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        g_assert_cmpint(options_duration_ms(rows[i].text, &ms), ==, 0);
        g_assert_cmpint(ms, ==, rows[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        g_assert_cmpint(options_duration_ms(bad[i], &ms), ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/options/" #f, f)
    ADD(values_come_with_an_equals_sign_or_as_the_next_word);
    ADD(options_end_at_the_first_word_that_is_none);
    ADD(lists_gather_and_are_bounded);
    ADD(unknown_options_and_missing_values_are_named);
    ADD(numbers_take_binary_units_and_refuse_overflow);
    ADD(no_command_has_two_options_of_one_name_or_letter);
    ADD(every_option_has_help_and_a_place);
    ADD(times_are_written_as_in_go);
    int rc = g_test_run();
    mem_release();
    return rc;
}
