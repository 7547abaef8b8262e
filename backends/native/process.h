/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * process.h - starting programs and naming processes that are not our children.
 *
 * Any worker thread. Children are started by fork and execve with nothing but system calls in
 * between (another thread may hold any lock), get a clean signal mask, default dispositions and the
 * descriptor limit gemel was started with, and inherit only the descriptors named. A child is
 * waited for by its own pid, never by waitpid(-1).
 *
 * A pid that outlives us is stored with its start time (field 22 of /proc/PID/stat, clock ticks
 * since boot, CLOCK_BOOTTIME), because pids are used again; a pidfd opened and *then* checked
 * against the start time can never name somebody else.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "backends/error.h"

/* Overlay to be mounted for the child alone, in a mount namespace of its own. */
typedef struct {
    const char *base;    /* directory the option strings are relative to */
    const char *options; /* "lowerdir=a:b,upperdir=c,workdir=d,..." */
    const char *target;  /* absolute */
} NativePrivateMount;

typedef struct {
    const char *const *argv; /* argv[0] is the path that is executed */
    const char *const *env;  /* NULL = native_child_env() */
    const char *cwd;         /* NULL = / */
    int stdio[3];            /* -1 = /dev/null */
    const int *keep;         /* descriptors the child inherits under their own number */
    guint n_keep;
    gboolean new_session;                    /* setsid */
    gboolean controlling_tty;                /* with new_session: stdio[0] becomes it */
    const NativePrivateMount *private_mount; /* NULL = none */
} NativeSpawn;

/* The environment every child starts from: PATH, HOME, XDG_RUNTIME_DIR, no more. Caller frees with
   g_strfreev. */
char **native_child_env(void);

/* Starts it; gives the pid and a pidfd the caller closes. The caller waits with native_reap. */
gboolean native_spawn(const NativeSpawn *spawn, pid_t *ret_pid, int *ret_pidfd, GError **error);

/* Waits at most timeout_ms (-1 = for ever) for a child of ours; TRUE once reaped. *ret_status is
   0..255, or 128 + the signal. */
gboolean native_reap(int pidfd, int timeout_ms, int *ret_status);

/* Runs a program to its end with `input` on stdin (may be NULL); output and messages are cut at 1
   MiB and 8 KiB. FALSE when it could not run, was ended by timeout_ms (TIMEOUT) or exited with
   another status than 0: then the message is `what` and the last line of its stderr. */
gboolean native_run(const char *const *argv, const char *input, int timeout_ms, const char *what,
                    char **ret_output, GError **error);

/* The human part of a runtime's error output: the msg of logrus or JSON lines, else the last
   line. */
char *native_runtime_message(const char *text);

/* Start time of a live process; 0 when there is none or it is a zombie. */
guint64 native_process_start_ticks(pid_t pid);
/* Clock ticks since boot as CLOCK_BOOTTIME nanoseconds. */
gint64 native_ticks_to_ns(guint64 ticks);
/* A pidfd for exactly that process; -1 when it is gone. */
int native_process_open(pid_t pid, guint64 start_ticks);
/* TRUE once the process is gone (or a zombie); waits at most timeout_ms. */
gboolean native_pidfd_wait(int pidfd, int timeout_ms);

/* Number of "TERM", "SIGTERM", "15"; 0 = there is none. */
int native_signal_number(const char *name);
const char *native_signal_name(int number); /* "TERM"; NULL = none */
