/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Socket activation (sd_listen_fds(3)): descriptors that a service manager has opened and hands to
 * the container's process.
 *
 * $LISTEN_PID says whom $LISTEN_FDS is for: where it is not this process, the variables are of
 * another program further up and mean nothing here, as sd_listen_fds(3) and runc have it (crun
 * does not look at it). Else the descriptors from 3 on are passed, before those of
 * --preserve-fds, as runc and crun count them. Inside, LISTEN_PID is the number that the process
 * has in its own pid namespace: runc and crun write 1, which is wrong for one that shares the
 * host's and for exec. LISTEN_FDNAMES goes along, as podman has it.
 */
#pragma once

#include "util.h"

struct activation {
    unsigned n; /* descriptors from 3 on; 0: none were passed */
    const char *names;
};

/* The variables, checked: a number that is none, negative or beyond `max` is an error. Whether the
 * descriptors are open is the caller's to see. */
int activation_read(struct activation *ret, unsigned max, struct err *err);

/* `env` with the variables for the calling process, which is the one that executes the program.
 * Those that `env` has are replaced. */
const char **activation_environment(const struct activation *a, const char *const *env);
