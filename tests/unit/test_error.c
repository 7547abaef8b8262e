/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "backends/error.h"

static void test_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (GemelErrorKind kind = 0; kind < GEMEL_ERROR_N; kind++) {
        const char *name = gemel_error_kind_name(kind);

        g_assert_cmpstr(name, !=, NULL);
        for (const char *c = name; *c != '\0'; c++)
            g_assert_true(g_ascii_islower(*c) || *c == '-');
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
    }
    g_assert_cmpstr(gemel_error_kind_name(GEMEL_ERROR_N), ==, "failed");
}

/* The statuses scripts rely on. */
static void test_exit_statuses(void)
{
    static const struct {
        GemelErrorKind kind;
        int status;
    } cases[] = {
        {GEMEL_ERROR_FAILED, 1},      {GEMEL_ERROR_INVALID, 2},     {GEMEL_ERROR_NOT_FOUND, 3},
        {GEMEL_ERROR_UNSUPPORTED, 4}, {GEMEL_ERROR_UNREACHABLE, 5}, {GEMEL_ERROR_EXISTS, 6},
        {GEMEL_ERROR_BUSY, 6},        {GEMEL_ERROR_CONFLICT, 6},    {GEMEL_ERROR_DENIED, 7},
        {GEMEL_ERROR_TIMEOUT, 124},
    };
    G_STATIC_ASSERT(G_N_ELEMENTS(cases) == GEMEL_ERROR_N);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        gemel_error_set(&error, cases[i].kind, "x");
        g_assert_cmpint(gemel_error_exit_status(error), ==, cases[i].status);
    }
}

static void test_foreign_errors(void)
{
    g_autoptr(GError) foreign =
        g_error_new_literal(g_quark_from_string("other"), GEMEL_ERROR_DENIED, "x");
    g_autoptr(GError) beyond = g_error_new_literal(GEMEL_ERROR, GEMEL_ERROR_N, "x");
    g_autoptr(GError) below = g_error_new_literal(GEMEL_ERROR, -1, "x");

    g_assert_cmpint(gemel_error_exit_status(NULL), ==, 0);
    g_assert_cmpint(gemel_error_exit_status(foreign), ==, 1);
    g_assert_cmpint(gemel_error_exit_status(beyond), ==, 1);
    g_assert_cmpint(gemel_error_exit_status(below), ==, 1);
}

static void test_errnos(void)
{
    static const struct {
        int err;
        GemelErrorKind kind;
    } cases[] = {
        {ENOENT, GEMEL_ERROR_NOT_FOUND},   {EACCES, GEMEL_ERROR_DENIED},
        {EPERM, GEMEL_ERROR_DENIED},       {EEXIST, GEMEL_ERROR_EXISTS},
        {EBUSY, GEMEL_ERROR_BUSY},         {EINVAL, GEMEL_ERROR_INVALID},
        {ENOSYS, GEMEL_ERROR_UNSUPPORTED}, {ECONNREFUSED, GEMEL_ERROR_UNREACHABLE},
        {ETIMEDOUT, GEMEL_ERROR_TIMEOUT},  {EIO, GEMEL_ERROR_FAILED},
        {0, GEMEL_ERROR_FAILED},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(gemel_error_kind_from_errno(cases[i].err), ==, cases[i].kind);
}

static void test_set_errno(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(gemel_error_set_errno(&error, EACCES, "opening %s", "/x"));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_DENIED);
    g_assert_cmpstr(error->message, ==, "opening /x: Permission denied");
}

static void test_one_line(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(gemel_error_set(&error, GEMEL_ERROR_FAILED, "a\nb\tc\033[31m%s\r\n", "\177d"));
    g_assert_cmpstr(error->message, ==, "a b c [31m d");
}

/* Names are UTF-8; only control characters go. */
static void test_utf8_stays(void)
{
    g_autoptr(GError) error = NULL;

    gemel_error_set(&error, GEMEL_ERROR_FAILED, "%s: nein", "f\303\274r \346\274\242");
    g_assert_cmpstr(error->message, ==, "f\303\274r \346\274\242: nein");
}

static void test_nobody_asks(void)
{
    g_assert_false(gemel_error_set(NULL, GEMEL_ERROR_FAILED, "%s", "x"));
    g_assert_false(gemel_error_set_errno(NULL, ENOENT, "%s", "x"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/each-kind-has-a-name-of-its-own", test_names);
    g_test_add_func("/error/exit-statuses-are-the-documented-ones", test_exit_statuses);
    g_test_add_func("/error/of-another-domain-exits-1", test_foreign_errors);
    g_test_add_func("/error/errnos-have-kinds", test_errnos);
    g_test_add_func("/error/of-an-errno-says-what-and-why", test_set_errno);
    g_test_add_func("/error/message-is-one-line-without-control-characters", test_one_line);
    g_test_add_func("/error/message-keeps-utf-8", test_utf8_stays);
    g_test_add_func("/error/may-be-set-for-nobody", test_nobody_asks);
    return g_test_run();
}
