/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>
#include <string.h>

#include "json_cut.h"

static void check_quoted(const char *in, const char *want)
{
    size_t len;
    char *out = json_quote_big(in, strlen(in), &len);
    g_assert_cmpstr(out, ==, want);
    g_assert_cmpuint(len, ==, strlen(want));
}

static void quotes_only_integers_outside_int64(void)
{
    check_quoted("[9223372036854775807]", "[9223372036854775807]");
    check_quoted("[9223372036854775808]", "[\"\\u00019223372036854775808\"]");
    check_quoted("18446744073709551615", "\"\\u000118446744073709551615\"");
    check_quoted("[-9223372036854775808,-9223372036854775809]",
                 "[-9223372036854775808,\"\\u0001-9223372036854775809\"]");
    check_quoted("[1e30, 12345678901234567890.5, 12345678901234567890e2]",
                 "[1e30, 12345678901234567890.5, 12345678901234567890e2]");
}

static void leaves_strings_alone(void)
{
    check_quoted("{\"a\\\"18446744073709551615\":\"18446744073709551615\"}",
                 "{\"a\\\"18446744073709551615\":\"18446744073709551615\"}");
    check_quoted("\"unfinished 18446744073709551615", "\"unfinished 18446744073709551615");
    check_quoted("\"\\", "\"\\");
    check_quoted("", "");
}

static void what_is_no_json_is_not_made_one(void)
{
    struct err err = {0};
    const char text[] = "[02233720844674407370955]";
    check_quoted(text, text);
    g_assert_null(json_parse(text, strlen(text), "test", &err));
    g_assert_nonnull(strstr(err.text, "line 1"));
}

static void room_is_enough_for_the_densest_document(void)
{
    GString *in = g_string_new("["), *want = g_string_new("[");
    for (int i = 0; i < 5000; i++) {
        g_string_append(in, "9223372036854775808,");
        g_string_append(want, "\"\\u00019223372036854775808\",");
    }
    check_quoted(in->str, want->str);
    g_string_free(in, TRUE);
    g_string_free(want, TRUE);
}

static void u64_takes_numbers_and_those_it_quoted(void)
{
    struct err err;
    const char text[] = "[0, 18446744073709551615, \"7\", -1, \"-1\", \"\", \"1x\", "
                        "18446744073709551616, 1.5, null, \" 5\", \"18446744073709551615\", "
                        "-9223372036854775809]";
    const struct {
        bool ok;
        uint64_t value;
    } want[] = {{true, 0},  {true, UINT64_MAX}, {false, 0}, {false, 0}, {false, 0},
                {false, 0}, {false, 0},         {false, 0}, {false, 0}, {false, 0},
                {false, 0}, {false, 0},         {false, 0}};
    json_t *doc = json_parse(text, strlen(text), "test", &err);
    g_assert_nonnull(doc);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        uint64_t value = 0;
        g_assert_cmpint(json_u64(json_array_get(doc, i), &value), ==, want[i].ok);
        if (want[i].ok)
            g_assert_cmpuint(value, ==, want[i].value);
    }
    json_decref(doc);
}

static void a_number_is_no_string_however_great(void)
{
    struct err err;
    const char text[] = "{\"n\": 18446744073709551615, \"s\": \"18446744073709551615\", \"a\": "
                        "[99999999999999999999]}";
    const char *got = NULL, **list;
    json_t *doc = json_parse(text, strlen(text), "test", &err);
    g_assert_cmpint(json_get_string(doc, "p", "n", &got, &err), ==, -1);
    g_assert_cmpstr(err.text, ==, "p.n: must be a string");
    g_assert_cmpint(json_get_strings(doc, "p", "a", &list, NULL, &err), ==, -1);
    g_assert_cmpstr(err.text, ==, "p.a[0]: must be a string");
    g_assert_cmpint(json_get_string(doc, "p", "s", &got, &err), ==, 0);
    g_assert_cmpstr(got, ==, "18446744073709551615");
    json_decref(doc);
    const char member[] = "{99999999999999999999 : 1}";
    check_quoted(member, member);
    g_assert_null(json_parse(member, strlen(member), "test", &err));
}

static void numbers_are_whole_in_what_is_written(void)
{
    json_t *doc = json_pack("{s:o, s:o, s:s}", "a", json_from_u64(UINT64_MAX), "b",
                            json_from_u64(INT64_MAX), "c", "18446744073709551615\\\"\\");
    char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
    json_unquote_big(text);
    g_assert_cmpstr(text, ==,
                    "{\"a\":18446744073709551615,\"b\":9223372036854775807,"
                    "\"c\":\"18446744073709551615\\\\\\\"\\\\\"}");
    free(text);
    json_decref(doc);
}

static void errors_name_the_path(void)
{
    struct err err;
    const char text[] = "{\"a\": \"x\", \"n\": null}";
    json_t *doc = json_parse(text, strlen(text), "test", &err);
    uint64_t value = 5;
    bool set = false;
    g_assert_cmpint(json_get_u64(doc, "top.mid", "a", &value, &set, &err), ==, -1);
    g_assert_cmpstr(err.text, ==, "top.mid.a: must be an unsigned 64-bit number");
    g_assert_cmpint(json_get_u64(doc, "", "n", &value, &set, &err), ==, 0);
    g_assert_cmpint(json_get_u64(doc, "", "absent", &value, &set, &err), ==, 0);
    g_assert_cmpuint(value, ==, 5);
    g_assert_false(set);
    json_decref(doc);
}

static void refuses_duplicate_keys_and_tells_the_line(void)
{
    struct err err;
    const char text[] = "{\n\"a\": 1,\n\"a\": 2}";
    g_assert_null(json_parse(text, strlen(text), "config.json", &err));
    g_assert_true(g_str_has_prefix(err.text, "config.json: line 3"));
}

static void messages_are_printable_and_bounded(void)
{
    struct err err;
    err_set(&err, EPERM, "name '%s'", "\x1b[2J\n\x7f");
    g_assert_cmpstr(err.text, ==, "name '?[2J?\?': Operation not permitted");
    char *longest = g_strnfill(5000, 'a');
    err_set(&err, ENOENT, "%s", longest);
    g_assert_cmpuint(strlen(err.text), <, sizeof err.text);
    g_assert_true(g_str_has_suffix(err.text, "aaa...: No such file or directory"));
    err_prefix(&err, "%s", longest);
    g_assert_cmpuint(strlen(err.text), <, sizeof err.text);
    g_assert_true(g_str_has_suffix(err.text, "aaa...: No such file or directory"));
    err_set(&err, 0, "%s", longest);
    err_prefix(&err, "here");
    g_assert_true(g_str_has_prefix(err.text, "here: aaa"));
    err_set(&err, 0, "a\u202eb\u2028c\u2066d");
    g_assert_cmpstr(err.text, ==, "a??\?b??\?c??\?d");
    g_free(longest);
}

/* What is left out, and what of the document is left. */
static char *cut_out(const char *text, json_t **ret_doc)
{
    struct json_cut cut;
    struct err err;
    *ret_doc = json_parse_config(text, strlen(text), "config.json", &cut, &err);
    return cut.text ? g_strndup(cut.text, cut.len) : NULL;
}

static void leaves_the_system_calls_of_the_profile_out(void)
{
    json_t *doc;
    g_autofree char *got = cut_out(
        "{\"x\": [\"}\\\"{\", {}], \"linux\" : {\"a\": -1.5e3, \"seccomp\":\n{\"defaultAction\": "
        "\"A\", \"syscalls\": [\n{\"names\": [\"]\", \"\\\"\"]}\n] , \"z\": 1}, \"n\": null}}",
        &doc);
    g_assert_cmpstr(got, ==, "[\n{\"names\": [\"]\", \"\\\"\"]}\n]");
    json_t *seccomp = json_object_get(json_object_get(doc, "linux"), "seccomp");
    g_assert_true(json_is_false(json_object_get(seccomp, "syscalls")));
    g_assert_cmpint(json_integer_value(json_object_get(seccomp, "z")), ==, 1);
    g_assert_cmpuint(json_object_size(json_object_get(doc, "linux")), ==, 3);
    json_decref(doc);
}

/* Wherever the scanner is not sure, jansson has the whole text before it. */
static void leaves_nothing_out_of_unusual_documents(void)
{
    static const char *const texts[] = {
        "{\"linux\": {\"seccomp\": {\"sysc\\u0061lls\": []}}}",
        "{\"linux\": {\"seccomp\": {\"syscalls\": {}}}}",
        "{\"linux\": {\"seccomp\": []}}",
        "{\"linux\": {\"seccomp\": {\"syscalls\": [",
        "{\"linux\": {\"seccomp\": {\"syscalls\": [\"a",
        "{\"linux\": {\"seccomp\": {\"syscalls\"",
        "{\"linux\": {\"seccomp",
        "{\"other\": {\"seccomp\": {\"syscalls\": []}}}",
        "{\"linux\" [",
        "[\"linux\"]",
        "{}",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_t *doc;
        g_assert_null(cut_out(texts[i], &doc));
        json_decref(doc);
    }
}

static void a_document_with_a_part_left_out_is_still_checked(void)
{
    static const char *const texts[] = {
        "{\"linux\": {\"seccomp\": {\"syscalls\": [], \"syscalls\": []}}}",
        "{\"linux\": {\"seccomp\": {\"syscalls\": []}}, \"linux\": {}}",
        "{\"linux\": {\"seccomp\": {\"syscalls\": []}}",
        "{\"linux\": {\"seccomp\": {\"syscalls\": [\n\n]}},\n x}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct json_cut cut;
        struct err err = {0};
        g_assert_null(json_parse_config(texts[i], strlen(texts[i]), "config.json", &cut, &err));
        g_assert_nonnull(cut.text);
        if (i == 3)
            g_assert_true(g_str_has_prefix(err.text, "config.json: line 4"));
    }
}

static void minifies_without_making_one_word_of_two(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {" [ 1 ,\n\t{ \"a b\" : \" \\\" \" } ]\r\n", "[1,{\"a b\":\" \\\" \"}]"},
        {"[1 2, tr ue, - 1]", "[1 2,tr ue,- 1]"},
        {"\"open  string", "\"open  string"},
        {"\f[ ]", "\f[]"},
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t len;
        const char *got = json_minify(cases[i].text, strlen(cases[i].text), &len);
        g_assert_cmpstr(got, ==, cases[i].want);
        g_assert_cmpuint(len, ==, strlen(cases[i].want));
    }
}

static void times_are_the_calendars(void)
{
    /* every day of a leap cycle and more, at another second each */
    for (gint64 day = 0; day < 150000; day++) {
        gint64 at = day * 86400 + day * 7919 % 86400;
        g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(at);
        g_autofree char *want = g_date_time_format(when, "%Y-%m-%dT%H:%M:%S.000000042Z");
        const char *got = utc_text(at, 42);
        g_assert_cmpstr(got, ==, want);
        if (day % 1000 == 0)
            mem_release();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runtime/json/quotes-only-integers-outside-int64",
                    quotes_only_integers_outside_int64);
    g_test_add_func("/runtime/json/leaves-strings-alone", leaves_strings_alone);
    g_test_add_func("/runtime/json/what-is-no-json-is-not-made-one",
                    what_is_no_json_is_not_made_one);
    g_test_add_func("/runtime/json/room-is-enough-for-the-densest-document",
                    room_is_enough_for_the_densest_document);
    g_test_add_func("/runtime/json/u64-takes-numbers-and-quoted-numbers",
                    u64_takes_numbers_and_those_it_quoted);
    g_test_add_func("/runtime/json/a-number-is-no-string-however-great",
                    a_number_is_no_string_however_great);
    g_test_add_func("/runtime/json/numbers-are-whole-in-what-is-written",
                    numbers_are_whole_in_what_is_written);
    g_test_add_func("/runtime/json/errors-name-the-path", errors_name_the_path);
    g_test_add_func("/runtime/json/refuses-duplicate-keys-and-tells-the-line",
                    refuses_duplicate_keys_and_tells_the_line);
    g_test_add_func("/runtime/json/messages-are-printable-and-bounded",
                    messages_are_printable_and_bounded);
    g_test_add_func("/runtime/json/leaves-the-system-calls-of-the-profile-out",
                    leaves_the_system_calls_of_the_profile_out);
    g_test_add_func("/runtime/json/leaves-nothing-out-of-unusual-documents",
                    leaves_nothing_out_of_unusual_documents);
    g_test_add_func("/runtime/json/a-document-with-a-part-left-out-is-still-checked",
                    a_document_with_a_part_left_out_is_still_checked);
    g_test_add_func("/runtime/json/minifies-without-making-one-word-of-two",
                    minifies_without_making_one_word_of_two);
    g_test_add_func("/runtime/util/times-are-the-calendar's", times_are_the_calendars);
    int rc = g_test_run();
    mem_release();
    return rc;
}
