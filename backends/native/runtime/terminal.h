/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Terminals: the pseudo-terminal pair is made in the container's own devpts, the master goes to the
 * caller over a UNIX socket (--console-socket; one message with SCM_RIGHTS, as runc sends it) or to
 * the foreground relay.
 */
#pragma once

#include "sdnotify.h"
#include "spec.h"

/* Connects to --console-socket. */
int terminal_connect(const char *path, struct err *err);

/* Opens a new pair below `root` (the container's root; O_PATH). ptmx is checked to be the devpts
 * multiplexer, the slave is obtained from the master (TIOCGPTPEER), so no name is resolved twice
 * (CVE-2025-52565). */
int terminal_open(int root, const struct spec_process *process, int *ret_master, int *ret_slave,
                  struct err *err);

/* For a foreground terminal: the size of the caller's own, unless the configuration has one. */
void terminal_inherit_size(struct spec_process *process);

/* Sends the master. */
int terminal_send(int socket, int master, struct err *err);
int terminal_receive(int socket, struct err *err);

/* Makes `slave` the controlling terminal of a new session and its standard descriptors. */
int terminal_take(int slave, uint32_t uid, struct err *err);

/* Blocks all signals, before the program runs: one that comes between its start and the relay is
 * passed on by the relay. */
void terminal_hold_signals(void);

/*
 * Foreground: copies between the caller's terminal and `master` (-1: none) until process `pid`, a
 * child, ends; signals are passed on. Returns the exit status as a shell has it (128 + signal). The
 * caller's terminal is raw meanwhile and restored. `ready` (may be NULL) is forwarded beside it.
 */
int terminal_relay(int master, pid_t pid, struct sdnotify *ready);
