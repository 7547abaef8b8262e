/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Defence of the runtime's own file (CVE-2019-5736).
 *
 * A process of the container can open /proc/PID/exe of a runtime process that entered it, keep that
 * descriptor until the process is gone, and then write the host's binary. So commands that enter a
 * container run from a file that cannot be written: a read-only clone of the mount the binary is
 * on, attached nowhere and gone from every mount namespace once execve has closed its descriptor,
 * so that nobody can make it writable again; or, where that cannot be made (no privilege, old
 * kernel), a sealed memfd with a copy.
 */
#pragma once

#include "util.h"

/* The name in the environment of the second start; its value names the kind of file. */
#define SEAL_MARK "_GEMEL_RUNTIME_SEALED"

/* Executes this program again from such a file, unless it runs from one already. Returns 0 when it
 * does. */
int seal_self(char **argv, struct err *err);
