/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Namespaces: making processes in new ones, joining by path, writing id mappings. */
#pragma once

#include "spec.h"

/*
 * clone3(2) with these namespace flags, into the v2 cgroup `cgroup_fd` unless it is -1. Returns
 * twice like fork; -1 and errno on failure. Memory is copied, so the child may go on with
 * everything it sees.
 */
pid_t ns_clone(uint64_t flags, int cgroup_fd);

/*
 * The same, for a group that may turn out to take no process at clone; *ret_inside tells whether it
 * did. Some kernels (6.14 and later) kill what is cloned into a group when cgroup.kill was ever
 * written in the group of the *caller*: they compare the two groups' counts of kills. Such a child
 * is made once more, outside.
 */
pid_t ns_clone_into(uint64_t flags, int cgroup_fd, bool *ret_inside);

/* Writes uid_map and gid_map of a child in a new user namespace; newuidmap(1)/newgidmap(1) where
 * the caller may not itself. `field` is where config.json has them, "linux" for one. */
int ns_write_maps(pid_t pid, const struct spec_id_map *uids, size_t n_uids,
                  const struct spec_id_map *gids, size_t n_gids, const char *field,
                  struct err *err);

/* Opens the namespaces given by path into fds[NS_N] (-1 elsewhere); each is checked to be of its
 * kind. */
int ns_open_paths(const struct spec *spec, int fds[NS_N], struct err *err);

/* A path may lead to the runtime's own namespace: what would then change the host is an error. */
int ns_check_own(const struct spec *spec, const int fds[NS_N], struct err *err);

/* Makes the time namespace, sets linux.timeOffsets and enters it. By the process itself: a parent
 * that had made it would have its hooks in it, too. */
int ns_make_time(const struct spec *spec, struct err *err);

/* setns(2) into those of fds[] whose bit is in `kinds`. */
int ns_join(const int fds[NS_N], unsigned kinds, struct err *err);

/* The CLONE_NEW… flags of namespaces to make. */
uint64_t ns_new_flags(const struct spec *spec);
