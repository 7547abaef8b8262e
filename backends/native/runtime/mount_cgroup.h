/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mounts of type "cgroup": the container's own part of the hierarchies, whatever the host's layout.
 */
#pragma once

#include "mounts.h"

/*
 * v2: one cgroup2 mount. v1 and hybrid: a tmpfs with one directory per hierarchy (and "unified"),
 * symbolic links for co-mounted controllers. With a cgroup namespace the hierarchies are mounted
 * anew and show the container's group as root; without one the container's groups are bound in.
 */
int mount_cgroup(const struct spec_mount *m, const struct mount_plan *plan,
                 const struct mounts_env *env, struct err *err);
