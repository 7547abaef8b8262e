/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiled filters, kept so that a start need not compile (10 ms become 0.2).
 *
 * ROOT/.filters, 0700 and the caller's own, both checked on the opened descriptor. A file is named
 * by the SHA-256 of format, machine, libseccomp's version and the profile in canonical form (keys
 * sorted, no space), written by temp and rename, and carries the SHA-256 of its contents, checked
 * when read. Whatever is wrong with the cache, the filter is compiled: no failure of it is an
 * error.
 */
#pragma once

#include "filter.h"

/* filter_build() through the cache of a state root. */
int filter_build_cached(const char *root, json_t *json, struct seccomp_filter *ret,
                        struct err *err);
