/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json_cut.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* Behind the string that begins at `at`; NULL when it has no end. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return NULL;
}

/* Behind the value that begins at `at`; NULL when its brackets do not pair. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at && at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '[' || *at == '{') {
            depth++;
            at++;
        } else if (*at == ']' || *at == '}') {
            if (depth == 0)
                return at; /* a number or word at the end of what holds it */
            at++;
            depth--;
        } else if (*at == ',' && depth == 0) {
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0)
            return at;
    }
    return NULL;
}

/* The value of `key` in the object that begins at `at`; NULL when there is none or it is no object.
 */
static const char *find_member(const char *at, const char *end, const char *key)
{
    size_t n = strlen(key);
    if (!at || at >= end || *at != '{')
        return NULL;
    at++;
    for (;;) {
        at = skip_space(at, end);
        if (at >= end || *at != '"')
            return NULL;
        const char *name = at + 1;
        at = skip_string(at, end);
        if (!at)
            return NULL;
        bool hit = (size_t)(at - name) == n + 1 && !memcmp(name, key, n);
        at = skip_space(at, end);
        if (at >= end || *at != ':')
            return NULL;
        at = skip_space(at + 1, end);
        if (hit)
            return at;
        at = skip_value(at, end);
        at = at ? skip_space(at, end) : end;
        if (at >= end || *at != ',')
            return NULL;
        at++;
    }
}

json_t *json_parse_config(const char *text, size_t len, const char *name, struct json_cut *ret_cut,
                          struct err *err)
{
    static const char *const path[] = {"linux", "seccomp", "syscalls"};
    const char *end = text + len, *from = skip_space(text, end);
    memset(ret_cut, 0, sizeof *ret_cut);
    for (size_t i = 0; i < ARRAY_LEN(path); i++)
        from = find_member(from, end, path[i]);
    const char *to = from && from < end && *from == '[' ? skip_value(from, end) : NULL;
    if (!to)
        return json_parse(text, len, name, err);
    char *rest = mem_alloc(len + sizeof "false"), *at = rest;
    at = mempcpy(at, text, (size_t)(from - text));
    at = mempcpy(at, "false", 5);
    for (const char *line = from; (line = memchr(line, '\n', (size_t)(to - line))); line++)
        *at++ = '\n'; /* messages name lines */
    at = mempcpy(at, to, (size_t)(end - to));
    *ret_cut = (struct json_cut){.text = from, .len = (size_t)(to - from)};
    return json_parse(rest, (size_t)(at - rest), name, err);
}

static bool is_structural(char c)
{
    return c == '[' || c == ']' || c == '{' || c == '}' || c == ',' || c == ':' || c == '"';
}

char *json_minify(const char *text, size_t len, size_t *ret_len)
{
    char *out = mem_alloc(len + 1), *to = out;
    const char *at = text, *end = text + len;
    while (at < end) {
        if (is_space(*at)) {
            at = skip_space(at, end);
            /* Between two words it means something: that they are not one. */
            if (to > out && at < end && !is_structural(to[-1]) && !is_structural(*at))
                *to++ = ' ';
            continue;
        }
        const char *next = *at == '"' ? skip_string(at, end) : at + 1;
        if (!next)
            next = end;
        to = mempcpy(to, at, (size_t)(next - at));
        at = next;
    }
    *to = 0;
    *ret_len = (size_t)(to - out);
    return out;
}
