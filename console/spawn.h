/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spawn.h - starting a program without copying this one. Any thread.
 *
 * fork(2) copies the page tables: 3 ms of a program of 10 MB resident, 12 ms of one of 100 MB, in
 * which the UI thread would draw no key. So the child is made by clone(2) with CLONE_VM and
 * CLONE_VFORK, as posix_spawn(3) does it: it runs in our memory, on a stack of its own, while the
 * calling thread waits, until it executes the program. That takes the same short time whatever we
 * hold. posix_spawn itself cannot set the descriptor limit.
 *
 * The child gets the default disposition and an empty mask of signals, the soft descriptor limit
 * gemel was started with (backends/nofile.h), /dev/null as standard input, the two descriptors as
 * its output, and no other. The one wait without a limit is the kernel's, for a program on a file
 * system that hangs.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* argv[0] is a path or found on our PATH; env is the whole environment. The caller closes its two
   descriptors and *ret_pidfd, and waits for the child by it (P_PIDFD). */
gboolean spawn_program(const char *const *argv, char *const *env, int out_fd, int err_fd,
                       pid_t *ret_pid, int *ret_pidfd, GError **error);

/* For a child of ours that was made otherwise (g_spawn_async): a descriptor that tells its end,
   which the caller closes. FALSE when there is none to be had (EMFILE, ENOSYS before Linux 5.3):
   then the child is ended and reaped, for nobody would see its end. `what` is for the message. */
gboolean spawn_watch(pid_t pid, const char *what, int *ret_pidfd, GError **error);

/* For a child that is made otherwise, before it executes a program: signals and descriptor limit.
   Async-signal-safe. */
void spawn_prepare(void);
