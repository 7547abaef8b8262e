/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cpus.h - which CPUs of the host an instance may run on, as the kernel's lists of CPUs ("0-3,8").
 *
 * Cpus_allowed_list of /proc/PID/status is what cpusets, `docker run --cpuset-cpus`, <vcpupin> and
 * sched_setaffinity(2) leave together, on every layout of control groups. A guest's are those of
 * its vCPU threads, for what its emulator does beside them is little; a container's those of its
 * init, from which its processes have them unless they change their own.
 *
 * Thread: any.
 */
#pragma once

#include <glib.h>

/* The CPUs on which some vCPU thread of the process may run, or where it has none, any of its
   threads; NULL when it is gone. `proc` is "/proc", or a tree of a test. */
char *gemel_cpus_of_process(const char *proc, gint pid);

/* How many there are in a list; 0 for NULL and for what is none. */
guint gemel_cpus_count(const char *list);
/* Whether two lists have a CPU in common. What is not known (NULL, not a list) meets everything. */
gboolean gemel_cpus_meet(const char *one, const char *two);
