/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stats.h - a sample of all running containers: kept descriptors, read with pread(2).
 *
 * A NativeStats belongs to one connection and so to one worker thread. Which containers run is
 * read from RUN/state, and only when that directory changed; that one ended is seen on its pidfd,
 * all of them asked by one epoll_wait(2). Each figure's file is read once per sample, but limits
 * when somebody wrote to them (limit_watch.h), and net/dev of a network that has no interface but
 * lo when there is news of one (net_watch.h). The descriptors of a removed group or a dead process
 * fail to read and are closed with their container.
 *
 * Some sixteen descriptors per container are many where RLIMIT_NOFILE is small, and the rest of
 * the program needs some as well: at most half of the hard limit is kept. When that does not do,
 * the reading moves to a thread with a descriptor table of its own (close_range with
 * CLOSE_RANGE_UNSHARE), where what is kept costs the others nothing: it may fill its table.
 * Containers past that have their files opened and closed at each sample.
 */
#pragma once

#include "backends/native/cgroup.h"
#include "backends/native/native.h"

/* `keep_max` is the budget; 0 = what there is room for. */
NativeStats *native_stats_new(const NativeStore *store, const NativeCgroups *cgroups,
                              guint keep_max);
/* GemelSample*, free function set. */
GPtrArray *native_stats_sample(NativeStats *stats);
/* From the next sample on: whether files that give no headline figure are left out, and averages of
   pressure taken once in the two seconds in which the kernel computes them anew, without totals. */
void native_stats_set_headline_only(NativeStats *stats, gboolean headline_only);
/* The same way: whether samples say on which CPUs a container may run. */
void native_stats_set_cpus_wanted(NativeStats *stats, gboolean wanted);
/* Descriptors kept at the last sample, those of the budget only. */
guint native_stats_kept(const NativeStats *stats);
/* Moves the reading to a thread now; as said above it comes by itself. */
void native_stats_use_thread(NativeStats *stats);
/* The budget; `own_table` as said above. */
guint native_stats_default_budget(gboolean own_table);
