/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading JSON of OCI files.
 *
 * OCI numbers are uint64, jansson's are int64. json_quote_big() makes marked strings of integer
 * literals outside int64 before jansson sees them; json_u64() takes a number or such a string, and
 * nothing else takes one. Getters leave the target as it was when the key is absent or null; a
 * wrong type or range is an error naming the whole path ("process.rlimits[0].hard").
 *
 * Strings point into the document, which lives as long as the process.
 */
#pragma once

#include <jansson.h>

#include "util.h"

#define JSON_FILE_MAX ((size_t)16 << 20)

/* A copy of `text` in which integer literals outside int64 are strings: "\u0001" and their digits.
 * The rest is kept byte by byte, valid JSON or not. */
char *json_quote_big(const char *text, size_t len, size_t *ret_len);

/* The other way: a number as a value of a document, and a document's text with such numbers in it
 * as numbers. In place. */
json_t *json_from_u64(uint64_t value);
void json_unquote_big(char *text);

/* From here on documents live in memory that is never freed, and cost next to nothing to make: for
 * a process that lives for milliseconds. Before the first document. */
void json_use_arena(void);

/* Parses; `name` is for messages. The caller owns the document. */
json_t *json_parse(const char *text, size_t len, const char *name, struct err *err);

/* A document as text that lives as long as the process; NULL when it holds what is not UTF-8. */
char *json_text(const json_t *doc, size_t flags);

/* A number as uint64, plain or quoted by json_quote_big(). false when it is neither or out of
 * range.
 */
bool json_u64(const json_t *value, uint64_t *ret);
bool json_i64(const json_t *value, int64_t *ret);

/* The text of a string of the document's own; NULL for anything else. */
const char *json_own_string(const json_t *value);

int json_get_string(const json_t *object, const char *path, const char *key, const char **ret,
                    struct err *err);
int json_get_bool(const json_t *object, const char *path, const char *key, bool *ret,
                  struct err *err);
int json_get_u64(const json_t *object, const char *path, const char *key, uint64_t *ret,
                 bool *ret_set, struct err *err);
int json_get_i64(const json_t *object, const char *path, const char *key, int64_t *ret,
                 bool *ret_set, struct err *err);
/* An unsigned number that must fit 32 bits. */
int json_get_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                 bool *ret_set, struct err *err);
/* NULL when absent; the error is told apart by the return value. */
int json_get_object(const json_t *object, const char *path, const char *key, json_t **ret,
                    struct err *err);
int json_get_array(const json_t *object, const char *path, const char *key, json_t **ret,
                   struct err *err);
/* A NULL-terminated array of strings; NULL when absent. */
int json_get_strings(const json_t *object, const char *path, const char *key, const char ***ret,
                     size_t *ret_n, struct err *err);
