/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cgroup.h - which hierarchies the host has and where a container's groups are in them.
 *
 * Found once in /proc/self/mountinfo. v2: one hierarchy with everything. v1: one per controller
 * (or several on one mount). Hybrid: v1 for the limits, plus a v2 hierarchy beside them, of which
 * the pressure files are used; the v1 freezer is then the authority for pause.
 *
 * Thread: any; the host's description is immutable.
 */
#pragma once

#include <glib.h>

#include "backends/error.h"

typedef enum {
    NATIVE_CGROUP_CPU,
    NATIVE_CGROUP_CPUACCT,
    NATIVE_CGROUP_MEMORY,
    NATIVE_CGROUP_PIDS,
    NATIVE_CGROUP_BLKIO,
    NATIVE_CGROUP_FREEZER,
    NATIVE_CGROUP_SYSTEMD, /* name=systemd: no controller, the session a process belongs to */
    NATIVE_CGROUP_N
} NativeCgroupController;

typedef enum {
    NATIVE_CGROUPS_NONE,
    NATIVE_CGROUPS_V1,
    NATIVE_CGROUPS_HYBRID,
    NATIVE_CGROUPS_V2,
} NativeCgroupMode;

typedef struct {
    NativeCgroupMode mode;
    char *v1[NATIVE_CGROUP_N]; /* mount points; NULL = not a v1 hierarchy here */
    char *v2;                  /* mount point, or NULL */
    GPtrArray *mounts;         /* every mount point of either kind, char* */
} NativeCgroups;

/* From the text of a mountinfo file; `prefix` is put before the mount points (tests). */
void native_cgroups_parse(const char *mountinfo, const char *prefix, NativeCgroups *ret);
void native_cgroups_done(NativeCgroups *cgroups);
/* This host's, read at the first call. */
const NativeCgroups *native_cgroups_host(void);

/* Whether the group at `path` (relative) is frozen; FALSE when it is not there. */
gboolean native_cgroup_is_frozen(const NativeCgroups *cgroups, const char *path);
/* Freezes or thaws it and waits until that is so; the time it takes to stop a process that is in
   the kernel can be long: TIMEOUT after 5 s, and a freeze is then taken back. */
gboolean native_cgroup_set_frozen(const NativeCgroups *cgroups, const char *path, gboolean frozen,
                                  GError **error);
/* Makes PARENT in every hierarchy. The runtime removes parents that it made itself as soon as they
   are empty, which could take one away from under another container that is just starting. */
void native_cgroup_prepare(const NativeCgroups *cgroups, const char *parent);
/* Moves a process into the group PARENT/conmon of the hierarchies that say whose session a process
   is in (v2, name=systemd), so that the end of a login does not end it. Best effort. */
void native_cgroup_adopt(const NativeCgroups *cgroups, const char *parent, pid_t pid);
/* Removes PARENT/conmon and PARENT where they are empty; for when no container is left. */
void native_cgroup_tidy(const NativeCgroups *cgroups, const char *parent);
