/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stats.h - a sample of all running containers: kept descriptors, read with pread(2).
 *
 * A NativeStats belongs to one connection and so to one worker thread. Which containers run is
 * read from RUN/state, and only when that directory changed; that one ended is seen on its pidfd,
 * all of them asked by one poll(2). The descriptors of a removed group or a dead process fail to
 * read and are closed with their container.
 *
 * At most half of the hard limit of descriptors is kept; containers past that have their files
 * opened and closed at each sample.
 */
#pragma once

#include "backends/native/cgroup.h"
#include "backends/native/native.h"

NativeStats *native_stats_new(const NativeStore *store, const NativeCgroups *cgroups,
                              guint keep_max);
/* GemelSample*, free function set. */
GPtrArray *native_stats_sample(NativeStats *stats);
guint native_stats_kept(const NativeStats *stats);
/* Half the hard limit, and not what the soft limit leaves no room for. */
guint native_stats_default_budget(void);
