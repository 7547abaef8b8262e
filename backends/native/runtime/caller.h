/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who calls: root of the host, or a user without its privileges.
 *
 * Root inside a user namespace (podman unshare, rootlesskit, a container) is such a user too: its
 * id 0 gives it nothing outside, so no file asks geteuid(2) for a privilege. What such a caller has
 * is found out once per process.
 */
#pragma once

#include "spec.h"

/* Effective id 0 in the initial user namespace. */
bool caller_privileged(void);

/* May clone mounts of its own mount namespace: the privileged, and root of the user namespace that
 * owns it. */
bool caller_may_mount(void);

/*
 * The mappings of a new user namespace for which the configuration gives none: id 0 is the caller,
 * and the ids from 1 on are the caller's subordinate ids of subuid(5) and subgid(5). Without such
 * ids, or without newuidmap(1) and newgidmap(1), the one id is all there is. Nothing is done for a
 * privileged caller or where mappings are given.
 */
void caller_default_maps(struct spec *spec);

/* The first range of subordinate ids in text of the form of subuid(5) for a user, named by name
 * (may be NULL) or number; false when there is none. */
bool caller_find_range(const char *text, const char *name, uint32_t uid, uint32_t *ret_start,
                       uint32_t *ret_count);
