/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of limits share: cgroup_limits.c has the order and what both hierarchies have,
 * cgroup_limits_v1.c and cgroup_limits_v2.c have memory and CPU of theirs. All take the descriptor
 * of the group's directory, -1 when the controller is not there, so tests give them a directory of
 * plain files.
 */
#pragma once

#include "cgroup.h"

/* Writes one file of a group; `field` is below linux.resources, for the message. What update writes
 * it can take back (cgroup_undo.h). */
int limit_put(int dir, const char *file, const char *field, struct err *err, const char *format,
              ...) __attribute__((format(printf, 5, 6)));

bool limit_file_exists(int dir, const char *file);

/* "max" for a negative value. */
const char *limit_max_or_number(int64_t value);

int limit_memory_v1(int dir, const struct spec_resources *res, struct err *err);
int limit_cpu_v1(int dir, const struct spec_resources *res, struct err *err);
int limit_memory_v2(int dir, const struct spec_resources *res, struct err *err);
int limit_cpu_v2(int dir, const struct spec_resources *res, struct err *err);

/* cpu.shares 2…262144 as cpu.weight 1…10000; blkio weight 10…1000 as io.weight 1…10000. */
uint64_t limit_weight_of_shares(uint64_t shares);
uint64_t limit_io_weight(uint64_t weight);
