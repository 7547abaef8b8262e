/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transient scope of systemd for a container's groups (--systemd-cgroup).
 *
 * systemd owns the tree then; it makes the scope with Delegate=yes, which leaves what is in it to
 * the runtime (systemd's "Control Group APIs and Delegation"). The scope is started with a helper
 * process that does nothing, so that the group is there, with its limits, before the container's
 * init is cloned into it; the helper ends once init is in. A scope whose last process has ended is
 * gone.
 */
#pragma once

#include "cgroup.h"

/* Splits linux.cgroupsPath SLICE:PREFIX:NAME; an empty one gives the defaults. Returns unit and
 * slice. */
int scope_names(const char *cgroups_path, const char *id, bool user, const char **ret_slice,
                const char **ret_unit, struct err *err);

/* "a-b.slice" as "/a.slice/a-b.slice"; NULL for what is no slice. "-.slice" is "". */
const char *scope_slice_path(const char *slice);

/* "0-2,5" as the little endian bit mask that AllowedCPUs takes. 0, or -1 when it is no list. */
int scope_cpu_mask(const char *list, uint8_t **ret, size_t *ret_len);

/* Finds systemd and where its scope for this container will be: sets path, scope and scope_user of
 * a discovered `cg`. */
int scope_plan(struct cgroup *cg, const char *cgroups_path, const char *id, struct err *err);

/* Starts it. `*ret_helper` is the process that keeps it until it is killed. */
int scope_start(struct cgroup *cg, const struct spec_resources *res, const char *id,
                pid_t *ret_helper, struct err *err);

/* Tells systemd new limits, which it would else take back on a reload. */
int scope_update(const struct cgroup *cg, const struct spec_resources *res, struct err *err);

/* Ends what is left of it. One that is gone is no error. */
int scope_stop(const struct cgroup *cg, struct err *err);
