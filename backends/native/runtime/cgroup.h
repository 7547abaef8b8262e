/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control groups on v2, v1 and hybrid hosts.
 *
 * Layout. On v2 the container has one directory. On v1 and hybrid hosts it has one in every mounted
 * v1 hierarchy (also those without a limit, or /proc/self/cgroup would show host paths), and on
 * hybrid hosts one more in the v2 hierarchy for cgroup.kill, pressure and placement at clone; its
 * controllers are never used there. The v1 freezer is the authority for pause.
 *
 * Parents of the container's group that the runtime had to make have the sticky bit, and go
 * when the last container below them does; a parent that somebody else made, maybe with limits,
 * stays. The container's own group has the bit in one hierarchy (v2, else the first of v1): no
 * other container may have it until this one is deleted, or one's end would be the other's.
 *
 * Life: cgroup_discover → cgroup_create → cgroup_limit → (process) cgroup_join → … →
 * cgroup_destroy. What was made is recorded in the state file before it is made, so that a killed
 * runtime leaves nothing that `delete` cannot find.
 */
#pragma once

#include "spec.h"

#define CGROUP_V1_MAX 24

/* The mark of a group that the runtime made: the sticky bit, which means nothing on a cgroup and
 * is set by mkdir itself, so that no kill can come between making and marking. */
#define CGROUP_MADE_MODE 01755

enum cgroup_mode { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };
extern const char *const cgroup_mode_names[];

struct cgroup_v1 {
    const char *controllers; /* "cpu,cpuacct" or "name=systemd" */
    const char *mount, *dir;
    int fd; /* of dir, or -1 */
};

struct cgroup {
    enum cgroup_mode mode;
    const char *path; /* below each root, with a leading '/' */
    struct cgroup_v1 v1[CGROUP_V1_MAX];
    size_t n_v1;
    const char *v2_mount, *v2_dir; /* NULL when there is none */
    int v2_fd;
    const char *scope; /* unit of systemd that has the group (scope.h), or NULL */
    bool scope_user;   /* of the user's manager */
};

/* Finds the hierarchies in mountinfo text (changed in place); for tests. */
void cgroup_scan(char *mountinfo, struct cgroup *cg);

/* Finds the hierarchies of this host. */
int cgroup_discover(struct cgroup *cg, struct err *err);

/* Sets path and directories. */
void cgroup_set_path(struct cgroup *cg, const char *path);

/*
 * The same for a caller without privileges (cgroup_delegated.c): hierarchies in which it may not
 * make the group are left out, and without a `path` it goes below the group that the caller is in
 * or that one's parent, whichever is its own. With no hierarchy left the mode is CGROUP_NONE; a
 * `path` that was asked for and cannot be had anywhere is an error.
 */
int cgroup_set_delegated(struct cgroup *cg, const char *path, const char *id, struct err *err);

/* A group that exists already may be used when no process is in it or below it, and no container
 * has it; else EBUSY. */
int cgroup_check_free(const struct cgroup *cg, struct err *err);
int cgroup_check_claim(const struct cgroup *cg, struct err *err); /* the second half of it */

/* Makes the directories and opens them. When another container has the group meanwhile, the mode is
 * CGROUP_NONE on return: there is nothing to undo. */
int cgroup_create_v1(struct cgroup *cg, struct err *err);
int cgroup_create_v2(struct cgroup *cg, struct err *err);

/* Opens the directories of an existing container. Missing ones are passed over. */
void cgroup_open(struct cgroup *cg);
void cgroup_open_v2(struct cgroup *cg);
void cgroup_close(struct cgroup *cg);

/*
 * Gives a v2 group to `uid` of the host: the directory and the files that the kernel names in
 * /sys/kernel/cgroup/delegate, so that the container may make groups of its own, and may not touch
 * its limits (config-linux, "Cgroup ownership"). Does nothing on v1, where that is not safe.
 */
int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct err *err);

/* Whom the container's group is to belong to: the user of its process as the host sees it, when it
 * has a cgroup namespace of its own and the hierarchy mounted writable. */
bool cgroup_owner(const struct spec *spec, uid_t *ret);

/* Processes that the kernel killed for want of memory, in the group and below; 0 where that is not
 * known. */
uint64_t cgroup_oom_kills(const struct cgroup *cg);

/* Writes limits (cgroup_limits.c). With `update` only what is set is touched; else devices are
 * closed by default. */
int cgroup_limit(const struct cgroup *cg, const struct spec_resources *res, bool update,
                 struct err *err);

/* Device rules (cgroup_devices.c): v1 devices.{deny,allow}, v2 a BPF program. */
int cgroup_limit_devices(const struct cgroup *cg, const struct spec_resources *res,
                         struct err *err);

/* Directory fd of the v1 hierarchy that has `controller`, or -1. */
int cgroup_v1_fd(const struct cgroup *cg, const char *controller);
/* The hierarchy itself, or NULL. */
const struct cgroup_v1 *cgroup_v1_of(const struct cgroup *cg, const char *controller);

/*
 * The v1 groups' `tasks` files, opened. Writing "0" there moves the writer, if it has one thread;
 * the kernel asks for the rights of who opened the file. Others could be moved by writing their pid
 * to cgroup.procs, but that waits for an RCU grace period (5 ms on an idle host,
 * cgroup_threadgroup_rwsem).
 */
int cgroup_open_tasks(const struct cgroup *cg, int fds[CGROUP_V1_MAX], size_t *ret_n,
                      struct err *err);

/* Moves the caller by such descriptors, and closes them. */
int cgroup_enter(int *fds, size_t n, struct err *err);

/* Moves a process into the v2 group: one that was not cloned into it. */
int cgroup_join_v2(const struct cgroup *cg, pid_t pid, struct err *err);

/* The v2 group in which process `pid` is, opened; -1 and errno. A container that manages groups of
 * its own (systemd) has its processes in a child of the group that it was given, which itself then
 * takes none. */
int cgroup_open_v2_of(const struct cgroup *cg, pid_t pid);

/* Freezes or thaws and waits until it is so. */
int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *err);
bool cgroup_is_frozen(const struct cgroup *cg);

/* All processes, as numbers of the runtime's pid namespace. */
int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *err);

/* Sends a signal to every process; SIGKILL by cgroup.kill, else frozen meanwhile so that none
 * escapes by fork. */
int cgroup_signal(const struct cgroup *cg, int sig, struct err *err);

/* Kills what is left and removes the directories. */
int cgroup_destroy(struct cgroup *cg, struct err *err);
