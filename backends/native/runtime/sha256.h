/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 (FIPS 180-4), for naming and checking cached filters. */
#pragma once

#include "util.h"

#define SHA256_LEN 32

struct sha256 {
    uint32_t state[8];
    uint64_t len;
    uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_done(struct sha256 *s, uint8_t ret[SHA256_LEN]);
