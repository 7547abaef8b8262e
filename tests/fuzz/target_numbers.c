/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json_quote_big(): numbers outside int64 become strings, and nothing else changes. Checked against
 * jansson, which takes such numbers as reals when told to: what is JSON before is JSON after, and
 * what is not stays that.
 */
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t len;
    json_error_t error, before_error;
    char *quoted = json_quote_big(text, size, &len);
    PROMISE(len >= size && (len - size) % 2 == 0 && !quoted[len]);
    json_t *before =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &before_error);
    json_t *after = json_loadb(quoted, len, JSON_REJECT_DUPLICATES, &error);
    /* jansson loses a NUL behind a number; behind a string it refuses it */
    if (before && !memchr(text, 0, size))
        PROMISE(after);
    /* a number beyond a double is no JSON to jansson, and a string of digits here */
    if (after && !before)
        PROMISE(json_error_code(&before_error) == json_error_numeric_overflow);
    json_decref(before);
    json_decref(after);
    mem_release();
    free(text);
    return 0;
}
