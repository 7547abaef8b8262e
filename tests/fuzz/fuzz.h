/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fuzz target is one file target_NAME.c with one function: it takes any bytes and must neither
 * crash, nor trip a sanitizer, nor break an assertion about what the parser promises.
 *
 * The ordinary build links each target with replay.c, which runs the inputs of corpus/NAME as a
 * test. With -Dfuzz=enabled and clang it is linked with libFuzzer instead (`./dev fuzz NAME
 * SECONDS`). An input that found something is kept in the corpus, minimized.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise: the same end as a sanitizer's. */
#define PROMISE(what)                                                                              \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "broken promise: %s (%s:%d)\n", #what, __FILE__, __LINE__);            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input as a string of its own heap block, so that reading over its end is seen. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    return text;
}
