/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiled filters, kept so that a start need not compile (10 ms become 0.2).
 *
 * ROOT/.filters, 0700 and the caller's own, both checked on the opened descriptor. A file is named
 * by the SHA-256 of format, machine, libseccomp's version and the profile in canonical form (keys
 * sorted and no space; in `syscalls`, whose text need not be parsed for that, no space), written by
 * temp and rename, and carries the SHA-256 of its contents, checked
 * when read. Whatever is wrong with the cache, the filter is compiled: no failure of it is an
 * error.
 */
#pragma once

#include "filter.h"
#include "json_cut.h"

/* filter_build() through the cache of a state root. `syscalls` is the array left out of `json`; it
 * is put back when there is something to compile. */
int filter_build_cached(const char *root, json_t *json, const struct json_cut *syscalls,
                        struct seccomp_filter *ret, struct err *err);
