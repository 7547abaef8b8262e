/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json_cut.h against jansson: a configuration from which linux.seccomp.syscalls was left out, and
 * put back, is what the whole is; white space that means nothing is all that json_minify() drops.
 */
#include "fuzz.h"
#include "json_cut.h"

static void check_minified(const char *text, size_t size, const json_t *whole)
{
    struct err err = {0};
    size_t len;
    char *small = json_minify(text, size, &len);
    PROMISE(len <= size);
    json_t *again = json_parse(small, len, "minified", &err);
    PROMISE(!again == !whole);
    PROMISE(!whole || json_equal(again, whole));
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct json_cut cut;
    char *text = fuzz_text(data, size);
    json_t *whole = json_parse(text, size, "whole", &err);
    json_t *rest = json_parse_config(text, size, "rest", &cut, &err);
    check_minified(text, size, whole);
    if (!cut.text) {
        PROMISE(!whole == !rest && (!whole || json_equal(whole, rest)));
    } else {
        json_t *inner = json_parse(cut.text, cut.len, "inner", &err);
        PROMISE(cut.text >= text && cut.text + cut.len <= text + size);
        if (rest && inner) {
            json_t *seccomp = json_object_get(json_object_get(rest, "linux"), "seccomp");
            PROMISE(json_is_false(json_object_get(seccomp, "syscalls")));
            json_object_set(seccomp, "syscalls", inner);
            PROMISE(whole && json_equal(whole, rest));
        } else {
            PROMISE(!whole);
        }
        json_decref(inner);
    }
    json_decref(whole);
    json_decref(rest);
    mem_release();
    free(text);
    return 0;
}
