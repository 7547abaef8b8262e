/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec --cgroup: a group below the container's own, as a container that manages groups makes them.
 */
#pragma once

#include "cgroup.h"

/*
 * Turns the groups of a container into those of `text`: PATH for all hierarchies, CONTROLLERS:PATH
 * for those v1 hierarchies that have one of the controllers ("cpu,memory:work"). The path is below
 * the container's and must exist. Call before cgroup_open().
 */
int exec_cgroup(struct cgroup *cg, const char *text, struct err *err);
