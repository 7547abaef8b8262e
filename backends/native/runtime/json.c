/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* Length of the JSON number at `at`; *ret_integer is false when it has a fraction or an exponent.
 */
static size_t number_span(const char *at, const char *end, bool *ret_integer)
{
    const char *p = at;
    *ret_integer = true;
    if (p < end && *p == '-')
        p++;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            continue;
        if (*p == '.' || *p == 'e' || *p == 'E' || ((*p == '+' || *p == '-') && p > at + 1))
            *ret_integer = false;
        else
            break;
    }
    return (size_t)(p - at);
}

/* True when the integer literal does not fit int64. One with leading zeros is not JSON, and is left
 * to jansson to refuse: in quotes it would pass. */
static bool outside_int64(const char *at, size_t len)
{
    bool negative = *at == '-';
    const char *limit = negative ? "9223372036854775808" : "9223372036854775807";
    at += negative;
    len -= negative;
    if (len && *at == '0')
        return false;
    if (len != 19)
        return len > 19;
    return memcmp(at, limit, 19) > 0;
}

/* What stands before the digits in the string that a number becomes: so a document's own strings
 * are never numbers, nor its numbers strings. */
#define BIG      "\\u0001"
#define BIG_MARK '\1'

/* True for one that json_quote_big() made. */
static bool is_big(const char *text)
{
    if (text[0] != BIG_MARK)
        return false;
    const char *digits = text + 1 + (text[1] == '-');
    size_t n = strlen(digits);
    return n >= 19 && strspn(digits, "0123456789") == n;
}

/* A number is no name of a member. */
static bool is_name(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at < end && *at == ':';
}

char *json_quote_big(const char *text, size_t len, size_t *ret_len)
{
    /* Worst case: every literal of 19 digits and its comma grows by eight. */
    char *out = mem_alloc(len + len / 2 + 16), *to = out;
    const char *at = text, *end = text + len;
    bool in_string = false;
    while (at < end) {
        if (in_string) {
            if (*at == '\\' && at + 1 < end)
                *to++ = *at++;
            else if (*at == '"')
                in_string = false;
            *to++ = *at++;
        } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            bool integer;
            size_t n = number_span(at, end, &integer);
            bool quote = integer && outside_int64(at, n) && !is_name(at + n, end);
            if (quote)
                to = mempcpy(to, "\"" BIG, strlen("\"" BIG));
            memcpy(to, at, n);
            to += n;
            at += n;
            if (quote)
                *to++ = '"';
        } else {
            in_string = *at == '"';
            *to++ = *at++;
        }
    }
    *to = 0;
    *ret_len = (size_t)(to - out);
    return out;
}

json_t *json_from_u64(uint64_t value)
{
    char text[32];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%c%llu", BIG_MARK, (unsigned long long)value);
    return json_string(text);
}

void json_unquote_big(char *text)
{
    static const char mark[] = "\"" BIG;
    char *to = text;
    for (char *at = text; *at;) {
        size_t n =
            strncmp(at, mark, sizeof mark - 1) ? 0 : strspn(at + sizeof mark - 1, "0123456789");
        if (n >= 19 && at[sizeof mark - 1 + n] == '"') {
            memmove(to, at + sizeof mark - 1, n);
            to += n;
            at += sizeof mark + n;
        } else {
            *to++ = *at++;
        }
    }
    *to = 0;
}

static void keep(void *memory)
{
    (void)memory;
}

void json_use_arena(void)
{
    /* The seed of jansson's tables, which it would read from /dev/urandom. */
    const void *random = (const void *)getauxval(AT_RANDOM);
    size_t seed = 0;
    if (random)
        memcpy(&seed, random, sizeof seed); /* the kernel aligns it to nothing */
    json_set_alloc_funcs(mem_alloc, keep);
    json_object_seed(seed);
}

json_t *json_parse(const char *text, size_t len, const char *name, struct err *err)
{
    json_error_t where;
    size_t quoted_len;
    char *quoted = json_quote_big(text, len, &quoted_len);
    json_t *doc = json_loadb(quoted, quoted_len, JSON_REJECT_DUPLICATES, &where);
    if (!doc)
        err_set(err, 0, "%s: line %d: %s", name, where.line, where.text);
    return doc;
}

char *json_text(const json_t *doc, size_t flags)
{
    json_malloc_t allocate;
    json_free_t release;
    char *text = json_dumps(doc, flags);
    json_get_alloc_funcs(&allocate, &release);
    char *copy = !text || release == keep ? text : mem_strdup(text);
    if (text)
        release(text);
    return copy;
}

bool json_u64(const json_t *value, uint64_t *ret)
{
    if (json_is_integer(value)) {
        json_int_t n = json_integer_value(value);
        if (n < 0)
            return false;
        *ret = (uint64_t)n;
        return true;
    }
    const char *text = json_string_value(value);
    if (!text || !is_big(text) || text[1] == '-')
        return false;
    errno = 0;
    uint64_t n = strtoull(text + 1, NULL, 10);
    if (errno)
        return false;
    *ret = n;
    return true;
}

bool json_i64(const json_t *value, int64_t *ret)
{
    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

const char *json_own_string(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && !is_big(text) ? text : NULL;
}

/* "path.key", or "key" at the top. */
static int wrong(struct err *err, const char *path, const char *key, const char *want)
{
    return err_set(err, 0, "%s%s%s: %s", path, *path ? "." : "", key, want);
}

/* The value, or NULL when absent or null. */
static json_t *lookup(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

int json_get_string(const json_t *object, const char *path, const char *key, const char **ret,
                    struct err *err)
{
    json_t *value = lookup(object, key);
    if (!value)
        return 0;
    if (!json_own_string(value))
        return wrong(err, path, key, "must be a string");
    *ret = json_own_string(value);
    return 0;
}

int json_get_bool(const json_t *object, const char *path, const char *key, bool *ret,
                  struct err *err)
{
    json_t *value = lookup(object, key);
    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return wrong(err, path, key, "must be true or false");
    *ret = json_is_true(value);
    return 0;
}

int json_get_u64(const json_t *object, const char *path, const char *key, uint64_t *ret,
                 bool *ret_set, struct err *err)
{
    json_t *value = lookup(object, key);
    if (!value)
        return 0;
    if (!json_u64(value, ret))
        return wrong(err, path, key, "must be an unsigned 64-bit number");
    if (ret_set)
        *ret_set = true;
    return 0;
}

int json_get_i64(const json_t *object, const char *path, const char *key, int64_t *ret,
                 bool *ret_set, struct err *err)
{
    json_t *value = lookup(object, key);
    if (!value)
        return 0;
    if (!json_i64(value, ret))
        return wrong(err, path, key, "must be a signed 64-bit number");
    if (ret_set)
        *ret_set = true;
    return 0;
}

int json_get_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                 bool *ret_set, struct err *err)
{
    uint64_t wide = *ret;
    if (json_get_u64(object, path, key, &wide, ret_set, err) < 0)
        return -1;
    if (wide > UINT32_MAX)
        return wrong(err, path, key, "must be an unsigned 32-bit number");
    *ret = (uint32_t)wide;
    return 0;
}

int json_get_object(const json_t *object, const char *path, const char *key, json_t **ret,
                    struct err *err)
{
    *ret = lookup(object, key);
    if (*ret && !json_is_object(*ret))
        return wrong(err, path, key, "must be an object");
    return 0;
}

int json_get_array(const json_t *object, const char *path, const char *key, json_t **ret,
                   struct err *err)
{
    *ret = lookup(object, key);
    if (*ret && !json_is_array(*ret))
        return wrong(err, path, key, "must be an array");
    return 0;
}

int json_get_strings(const json_t *object, const char *path, const char *key, const char ***ret,
                     size_t *ret_n, struct err *err)
{
    json_t *array;
    *ret = NULL;
    if (ret_n)
        *ret_n = 0;
    if (json_get_array(object, path, key, &array, err) < 0)
        return -1;
    if (!array)
        return 0;
    size_t n = json_array_size(array);
    const char **list = mem_array(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = json_own_string(json_array_get(array, i));
        if (!list[i])
            return err_set(err, 0, "%s%s%s[%zu]: must be a string", path, *path ? "." : "", key, i);
    }
    *ret = list;
    if (ret_n)
        *ret_n = n;
    return 0;
}
