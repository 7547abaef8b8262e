/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands before the command on gemel's command line. */
#include "backends/backend.h"
#include "console/arguments.h"

#include <string.h>

/* Parses words that are separated by "|". */
static gboolean parse(Arguments *arguments, const char *words, GError **error)
{
    g_autofree char *line = g_strconcat("gemel|", words, NULL);
    g_auto(GStrv) argv = g_strsplit(line, "|", -1);

    return arguments_parse(arguments, argv, error);
}

static void test_table(void)
{
    for (const ProgramOption *a = program_options; a->take != NULL; a++) {
        g_assert_true(a->name != NULL || a->letter != 0);
        g_assert_nonnull(a->help);
        g_assert_false(g_str_has_suffix(a->help, "."));
        for (const ProgramOption *b = program_options; b != a; b++) {
            g_assert_true(a->letter == 0 || a->letter != b->letter);
            g_assert_true(a->name == NULL || g_strcmp0(a->name, b->name) != 0);
        }
    }
}

static void test_all(void)
{
    g_auto(Arguments) a = {0};
    g_autoptr(GError) error = NULL;

    g_assert_true(parse(&a,
                        "--connect|test:///default|--connect=sim:3|-c|native|--read-only|--root=/x|"
                        "--demo=5,seed=1|list|--json|-c",
                        &error));
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(a.uris), ==, 3);
    g_assert_cmpstr(a.uris[1], ==, "sim:3");
    g_assert_cmpstr(a.demo_spec, ==, "5,seed=1");
    g_assert_cmpstr(a.root, ==, "/x");
    g_assert_true(a.demo && a.read_only && !a.batch && !a.help && a.line == NULL);
    g_assert_cmpuint(g_strv_length(a.argv), ==, 3);
    g_assert_cmpstr(a.argv[2], ==, "-c");
}

static void test_c(void)
{
    g_auto(Arguments) line = {0}, uri = {0}, one = {0};

    g_assert_true(parse(&line, "-c|list; top", NULL));
    g_assert_cmpstr(line.line, ==, "list; top");
    g_assert_cmpuint(g_strv_length(line.uris), ==, 0);
    g_assert_true(parse(&uri, "-c=qemu+ssh://host/system|list", NULL));
    g_assert_cmpstr(uri.uris[0], ==, "qemu+ssh://host/system");
    g_assert_true(parse(&one, "-c|list", NULL));
    g_assert_cmpstr(one.line, ==, "list");
}

static void test_end(void)
{
    g_auto(Arguments) a = {0};

    g_assert_true(parse(&a, "--demo|--|--strange", NULL));
    g_assert_cmpstr(a.demo_spec, ==, "");
    g_assert_cmpstr(a.argv[0], ==, "--strange");
}

static void test_bad(void)
{
    static const struct {
        const char *words, *part;
    } cases[] = {
        {"--bogus", "--bogus is not an option"},
        {"-x", "-x is not an option"},
        {"-", "- is not an option"},
        {"--demos", "--demos is not an option"},
        {"--batch=1", "--batch=1 is not an option"},
        {"--connect", "needs a value"},
        {"-c", "needs a value"},
        {"--root", "needs a value"},
        {"-c|list|-c|list", "given already"},
        {"-c|list|top", "top is too much"},
        {"--batch|top", "top is too much"},
        {"--batch|-c|list", "do not go together"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Arguments) a = {0};
        g_autoptr(GError) error = NULL;

        g_assert_false(parse(&a, cases[i].words, &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].part));
    }
}

static void test_completion(void)
{
    static const struct {
        const char *line, *rest, *partial;
    } cases[] = {
        {"gemel ", "", NULL},
        {"gemel sto", "sto", NULL},
        {"/x/gemel --demo  start w", "start w", NULL},
        {"gemel --connect 'a b' -c sim list --", "list --", NULL},
        {"gemel --demo -- list ", "list ", NULL},
        {"gemel --de", "", "--de"},
        {"gemel -c 'qemu:/", "", "qemu:/"},
        {"gemel --connect ", "", ""},
        {"gem", "", NULL},
        {"", "", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *partial = NULL;

        g_assert_cmpstr(cases[i].line + arguments_skip(cases[i].line, &partial), ==, cases[i].rest);
        g_assert_cmpstr(partial, ==, cases[i].partial);
    }
}

static void test_adopt(void)
{
    g_auto(Arguments) a = {0};
    g_autoptr(GError) error = NULL;

    g_assert_true(parse(&a, "completion|line|x", &error));
    arguments_adopt(&a, "gemel --connect sim:3 --root /r --demo=4 start w");
    g_assert_cmpstr(a.uris[0], ==, "sim:3");
    g_assert_cmpstr(a.root, ==, "/r");
    g_assert_cmpstr(a.demo_spec, ==, "4");
    g_assert_cmpstr(a.argv[0], ==, "completion");
    arguments_adopt(&a, "gemel --connect");
    g_assert_cmpstr(a.uris[0], ==, "sim:3");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arguments/each-option-is-named-once-and-has-help", test_table);
    g_test_add_func("/arguments/options-end-at-the-first-word-that-is-none", test_all);
    g_test_add_func("/arguments/c-takes-a-uri-or-a-line-of-commands", test_c);
    g_test_add_func("/arguments/two-dashes-end-the-options", test_end);
    g_test_add_func("/arguments/what-is-wrong-is-named", test_bad);
    g_test_add_func("/arguments/completion-goes-over-the-options-to-the-command", test_completion);
    g_test_add_func("/arguments/completion-asks-the-backends-of-its-line", test_adopt);
    return g_test_run();
}
