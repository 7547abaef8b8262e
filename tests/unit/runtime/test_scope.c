/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of scopes, and D-Bus messages as bytes. */
#include <glib.h>
#include <string.h>

#include "dbus.h"
#include "scope.h"

static void a_path_of_three_parts_names_slice_and_unit(void)
{
    static const char *const rows[][3] = {
        {"machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope"},
        {"a-b.slice::abc", "a-b.slice", "abc.scope"},
        {":docker:abc", "system.slice", "docker-abc.scope"},
        {"", "system.slice", "gemel-c1.scope"},
        {NULL, "system.slice", "gemel-c1.scope"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *slice, *unit;
        struct err err = {0};
        g_assert_cmpint(scope_names(rows[i][0], "c1", false, &slice, &unit, &err), ==, 0);
        g_assert_cmpstr(slice, ==, rows[i][1]);
        g_assert_cmpstr(unit, ==, rows[i][2]);
    }
}

static void a_path_of_another_form_is_refused(void)
{
    static const char *const bad[] = {"/plain",        "a:b",           "a.slice:b:c:d",
                                      "a.slice:b:",    "a:b:c",         "x/y.slice:b:c",
                                      "a.slice:b:c/d", "a.slice:b:c d", "a--b.slice:p:n",
                                      "-a.slice:p:n",  "a-.slice:p:n"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const char *slice, *unit;
        struct err err = {0};
        g_assert_cmpint(scope_names(bad[i], "c1", false, &slice, &unit, &err), ==, -1);
        g_assert_nonnull(strstr(err.text, "linux.cgroupsPath"));
    }
}

static void a_slice_is_below_those_its_name_begins_with(void)
{
    g_assert_cmpstr(scope_slice_path("a.slice"), ==, "/a.slice");
    g_assert_cmpstr(scope_slice_path("a-b-c.slice"), ==, "/a.slice/a-b.slice/a-b-c.slice");
    g_assert_cmpstr(scope_slice_path("-.slice"), ==, "");
    g_assert_null(scope_slice_path(".slice"));
    g_assert_null(scope_slice_path("slice"));
}

static void a_list_of_cpus_becomes_a_mask(void)
{
    uint8_t *mask;
    size_t len;
    g_assert_cmpint(scope_cpu_mask("0-2,9", &mask, &len), ==, 0);
    g_assert_cmpuint(len, ==, 2);
    g_assert_cmpuint(mask[0], ==, 7);
    g_assert_cmpuint(mask[1], ==, 2);
    static const char *const bad[] = {"", "x", "3-1", "1,,2", "1-", "99999", "0-8192"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(scope_cpu_mask(bad[i], &mask, &len), ==, -1);
}

static void a_call_is_laid_out_as_the_specification_says(void)
{
    static const uint8_t want[] = "l\1\0\1\6\0\0\0\7\0\0\0\67\0\0\0"
                                  "\1\1o\0\2\0\0\0/a\0\0\0\0\0\0"
                                  "\2\1s\0\3\0\0\0i.f\0\0\0\0\0"
                                  "\3\1s\0\2\0\0\0Me\0\0\0\0\0\0"
                                  "\10\1g\0\1s\0\0\0\0\0\0\0\0\0\0"
                                  "\1\0\0\0x\0";
    struct dbus_body body = {.signature = "s"};
    struct dbus_message m;
    size_t len;
    dbus_put_string(&body, "x");
    uint8_t *data = dbus_encode_call(7, NULL, "/a", "i.f", "Me", &body, &len);
    g_assert_true(dbus_parse(data, len, &m));
    g_assert_cmpint(m.type, ==, DBUS_CALL);
    g_assert_cmpstr(m.member, ==, "Me");
    g_assert_cmpstr(m.interface, ==, "i.f");
    g_assert_cmpstr(dbus_string(&m, 0), ==, "x");
    g_assert_cmpmem(data, 64, want, 64);
    g_assert_cmpmem(data + len - 6, 6, want + sizeof want - 7, 6);
}

static void an_array_counts_neither_its_length_nor_its_padding(void)
{
    struct dbus_body body = {.signature = "sa(sv)"};
    dbus_put_string(&body, "ab");
    size_t array = dbus_array_begin(&body, 8);
    dbus_align(&body, 8);
    dbus_put_string(&body, "N");
    dbus_put_signature(&body, "t");
    dbus_put_u64(&body, UINT64_MAX);
    dbus_array_end(&body, array, 8);
    /* 4+2+1, to 8; the length, to 16; then 4+1+1, 1+1+1 = 9, to 16, and 8 */
    g_assert_cmpuint(array, ==, 8);
    g_assert_cmpuint(body.len, ==, 40);
    g_assert_cmpuint(body.data[8], ==, 24);
}

/* Every message that is cut, or has one byte changed, is refused or read within its bytes (the
 * sanitizers' builds see to that). */
static void a_spoiled_message_is_never_read_past_its_end(void)
{
    struct dbus_body body = {.signature = "uoss"};
    struct dbus_message m;
    size_t len;
    dbus_put_u32(&body, 5);
    dbus_put_string(&body, "/org/job/5");
    dbus_put_string(&body, "x.scope");
    dbus_put_string(&body, "done");
    uint8_t *data = dbus_encode_call(7, "d.e", "/a", "i.f", "JobRemoved", &body, &len);
    g_assert_true(dbus_parse(data, len, &m));
    g_assert_cmpstr(dbus_string(&m, 2), ==, "done");
    g_assert_null(dbus_string(&m, 3));
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = g_memdup2(data, cut);
        g_assert_false(dbus_parse(copy, cut, &m));
        g_free(copy);
    }
    for (size_t at = 0; at < len; at++)
        for (int value = 0; value < 256; value += 5) {
            uint8_t *copy = g_memdup2(data, len);
            copy[at] = (uint8_t)value;
            if (dbus_parse(copy, len, &m))
                for (size_t n = 0; n < 5; n++)
                    dbus_string(&m, n);
            g_free(copy);
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/scope/" #f, f)
    ADD(a_path_of_three_parts_names_slice_and_unit);
    ADD(a_path_of_another_form_is_refused);
    ADD(a_slice_is_below_those_its_name_begins_with);
    ADD(a_list_of_cpus_becomes_a_mask);
    ADD(a_call_is_laid_out_as_the_specification_says);
    ADD(an_array_counts_neither_its_length_nor_its_padding);
    ADD(a_spoiled_message_is_never_read_past_its_end);
    int rc = g_test_run();
    mem_release();
    return rc;
}
