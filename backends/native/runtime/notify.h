/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SCMP_ACT_NOTIFY (config-linux, "Seccomp" and "The Container Process State").
 *
 *   outside                                 inside
 *                                      ◀──── NOTIFY n: the number its listener will have
 *   pidfd_getfd(n) until it is there         seccomp(2) with a new listener
 *   connects to linux.seccomp.listenerPath,  (waits)
 *   sends the process state with the fd
 *   DONE ───────────────────────────────────▶ goes on
 *
 * The process inside does nothing under its filter but wait: were it to send the descriptor itself,
 * a filter that notifies of sendmsg(2) would stop it before anybody could answer.
 */
#pragma once

#include "process.h"
#include "state.h"
#include "sync.h"

struct notify {
    const struct spec *spec; /* of the container */
    const struct state *state;
    const char *status; /* of the container, as the agent is to see it */
    pid_t pid;          /* the process that loads the filter: the container's init, or an exec's */
};

/* sync_wait() for a word before which the other side may load its filter: forwards listeners. A
 * listener that cannot be handed over is an error. */
int notify_wait(int sync, enum sync_type want, int *ret_value, const struct notify *n,
                struct err *err);

/* The inside: loads a filter, with notifications through `sync`. */
int notify_install(const struct process_env *env, struct err *err);
