/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Leaving a value out of a document, to parse it only when it is needed.
 *
 * Two thirds of a usual config.json are linux.seccomp.syscalls, and while the compiled filter is in
 * the cache nobody looks at them: only their text is hashed. The scanner here finds the value by
 * its keys and leaves `false` in its place, which no reader of an array takes for one. Where
 * anything is unusual (escapes in a key, brackets that do not pair) nothing is left out and jansson
 * sees it all. What was left out is no more trusted than the rest: it is either parsed before use,
 * or equal byte by byte, white space aside, to what was parsed when the cached filter was made.
 */
#pragma once

#include "json.h"

struct json_cut {
    const char *text; /* NULL: nothing was left out */
    size_t len;
};

/* Parses a configuration without linux.seccomp.syscalls, which *ret_cut gets. `text` must outlive
 * it. */
json_t *json_parse_config(const char *text, size_t len, const char *name, struct json_cut *ret_cut,
                          struct err *err);

/* The text without white space that means nothing. */
char *json_minify(const char *text, size_t len, size_t *ret_len);
