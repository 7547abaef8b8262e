/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HOME for a process whose configuration has none, as runc and crun give it. */
#pragma once

#include "spec.h"

/* The home directory of `uid` in text of the form of passwd(5); NULL when it is not there. */
const char *home_find(const char *passwd, uint32_t uid);

/* The environment with HOME, from /etc/passwd of the caller's root; "/" for a user who is not in
 * it. NULL-terminated. */
const char **home_environment(const struct spec_process *process);
