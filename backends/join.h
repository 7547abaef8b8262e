/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * join.h - a program in some of the namespaces of a process of this host: the stream
 * GEMEL_STREAM_JOIN of every backend whose instances are such processes (setns(2), pidfd_open(2),
 * user_namespaces(7)).
 *
 * What it does, and why so:
 *
 * - The process is held by a pidfd that was checked against its start time, and all namespaces are
 *   entered by one setns of it, which the kernel does whole or not at all, the user namespace
 * first.
 * - Joining `mnt` means that files and programs are the instance's: its binary is run, so it gets
 *   no more capabilities than the instance itself can have, no_new_privs, and no environment of
 *   ours; its root is that of the process (it may have changed it by chroot). Where the instance
 * has a user namespace, that is joined with it, so that its files are not written as the host's
 * root.
 * - Joining `pid` without `mnt` runs the host's program where the instance's processes see it. They
 *   could reach the host through /proc/PID/root and /proc/PID/exe (CVE-2019-5736) if the kernel let
 *   them trace it, which it does where the program has no capability that they lack: so it keeps
 *   its own there, and the join is refused where they could trace it all the same.
 * - Until the program runs the process is not dumpable, so nobody in the namespaces can look into
 *   it; it has no descriptor but its standard ones (CVE-2024-21626: close_range before setns leaves
 *   none of a directory of the host; the working directory is set inside).
 * - Whatever touches files of the instance's (its root, the working directory, the program) is done
 *   by the child: they may be on a file system of its own (FUSE) that never answers. Who opens
 *   waits at most gemel_join_launch_ms, gives the child SIGKILL and answers TIMEOUT. A child that
 *   the kernel keeps all the same is reaped when another join begins or ends; it runs nothing.
 * - What is joined is not confined by the instance's seccomp filter, label, cgroup or limits.
 *
 * Thread: the stream's.
 */
#pragma once

#include "backends/backend.h"

typedef struct {
    const char *name; /* the instance's, for messages */
    gint pid;
    guint64 start_ticks;
} GemelJoinTarget;

/* How long a program may take to begin. For tests. */
extern guint gemel_join_launch_ms;

/* args->namespaces says which. CONFLICT when there is no such process any more, DENIED when it is
   not permitted, INVALID for a namespace that this kernel has not, TIMEOUT as above. */
GemelStream *gemel_join_open(const GemelJoinTarget *target, const GemelStreamArgs *args,
                             GError **error);

/* Which namespaces are entered when those of `wanted` (bits 1<<GemelNamespace) are asked for: less
   those that are shared, with `user` where it is needed. INVALID, DENIED as above. For tests, and
   for telling the user. */
gboolean gemel_join_plan(const GemelIsolation *isolation, const char *name, guint wanted,
                         gboolean keep_caps, gboolean is_root, guint *ret_entered, GError **error);
/* Whether processes of the instance could trace one that has these capabilities and is seen by
   them. */
gboolean gemel_join_is_exposed(const GemelIsolation *isolation, guint64 own_caps);
