/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conmon.h - the container monitor (conmon 2.1, a package) and the OCI runtime, as programs.
 *
 * conmon holds a container's terminal or pipes, writes its log, waits for it and records its exit
 * status. It runs in a session of its own and outlives us. Its contract: docs of containers/conmon
 * and its conmon.8; what we rely on:
 *   - it blocks reading _OCI_STARTPIPE before it forks away, so that we can move it to its cgroup;
 *   - it answers on _OCI_SYNCPIPE with {"data": PID}, or {"data": -N, "message": ...};
 *   - the exit status is the text of EXIT-DIR/ID; PERSIST-DIR/oom is there after an OOM kill;
 *   - BUNDLE/attach is a SOCK_SEQPACKET socket: packets to us begin with a byte that names the
 *     stream (2 stdout, 3 stderr), packets from us are input;
 *   - BUNDLE/ctl takes lines: "1 ROWS COLS" resizes the terminal;
 *   - after the exit it runs EXIT-COMMAND, here the runtime's delete, and ends when that has.
 *
 * Thread: any worker.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "backends/native/container.h"

/* The runtime to use: GEMEL_RUNTIME, else gemel-runtime beside our own executable, in the build
   tree, in libexec or PATH. UNSUPPORTED when there is none. */
char *native_runtime_find(const NativeStore *store, GError **error);
/* Whether it mounts the overlay itself (annotations); others get it mounted for them. */
gboolean native_runtime_mounts_overlay(const char *runtime);
/* UNSUPPORTED with the package's name when conmon is missing. */
char *native_conmon_find(GError **error);

/* Runs "RUNTIME --root RUN/runtime COMMAND... ID"; args NULL-terminated. */
gboolean native_runtime_run(const NativeStore *store, const char *runtime, const char *id,
                            const char *const *args, const char *input, char **ret_output,
                            GError **error);

/* Starts conmon, which has the runtime create the container; gives the pids of conmon and of the
   container's init, both with start times in `run`. */
gboolean native_conmon_create(const NativeStore *store, const NativeContainer *container,
                              NativeRun *run, const GemelActArgs *args, GError **error);

/*
 * Undoes a start that did not come to its end, maybe because the command that did it was killed at
 * any point of it: ends conmon, a runtime that still creates, and an init that waits to be started,
 * and has the runtime forget. conmon goes by KILL: so it cannot run its exit command later, when
 * that would hit the next run of the same id. All of them inherited RUN/containers/ID/spawn.lock;
 * when that can be had, none is left.
 */
void native_conmon_abort(const NativeStore *store, const char *id, const char *runtime);
