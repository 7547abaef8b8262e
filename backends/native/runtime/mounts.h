/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mounts of config.json, made with the mount API of file descriptors.
 *
 * Every mount is first made detached (fsmount, open_tree), gets its attributes, and is then
 * attached to an O_PATH descriptor of its target. The target is resolved by
 * openat2(RESOLVE_IN_ROOT) below the new root and is never named again: no symbolic link or rename
 * in the image can send it elsewhere (CVE-2021-30465). proc and sysfs must not be reached through a
 * symbolic link at all, and nothing but a short list is mounted over files of the container's
 * procfs (CVE-2019-19921).
 *
 * With a new user namespace the process that mounts cannot reach the host's directories: bind
 * sources are then cloned beforehand by the parent (mount_clone_source) and handed over as
 * descriptors.
 */
#pragma once

#include "spec.h"

/* What the options of a mount mean. */
struct mount_plan {
    bool bind, recursive, remount, copy_up, idmap, idmap_recursive;
    uint64_t attr_set, attr_clear;         /* MOUNT_ATTR_… of the mount itself */
    uint64_t rec_attr_set, rec_attr_clear; /* of the whole tree (rro and the like) */
    uint64_t propagation;                  /* MS_SHARED … or 0 */
    bool propagation_recursive;
    const char **data; /* options for the file system, NULL-terminated */
    size_t n_data;
};

/* Names of the generic options, for `features`; NULL-terminated. */
const char *const *mount_option_names(void);

/* Sorts options into a plan. */
void mount_plan_parse(const struct spec_mount *mount, struct mount_plan *plan);

/* Validates one mount before anything is made. */
int mounts_check(const struct spec_mount *mount, struct err *err);

/* A detached clone of a bind mount's source with all attributes set. Relative sources are below
 * `bundle`. */
int mount_clone_source(const struct spec_mount *mount, const char *bundle, struct err *err);

/* A detached clone of the host's /sys with the attributes of a sysfs mount: in a user namespace
 * sysfs can only be mounted together with a network namespace of one's own. */
int mount_clone_sys(const struct spec_mount *mount, struct err *err);

struct cgroup; /* cgroup.h */

struct mounts_env {
    int root; /* O_PATH of the new root, attached */
    const char *bundle;
    const struct cgroup *cgroup;
    /* The hierarchies in which a caller without privileges stays when he has no groups to give; he
     * may see, never change, what is there. NULL for others. */
    const struct cgroup *callers;
    bool cgroup_ns;
    const char *label; /* linux.mountLabel, or NULL */
    const int *cloned; /* per mount: descriptor from mount_clone_source, or -1; NULL when none */
};

/* Makes and attaches mount `m`. */
int mount_make(const struct spec_mount *m, const struct mounts_env *env, struct err *err);

/* Opens a target below the root (O_PATH); missing directories, and the last part as directory or
 * file, are made. */
int mount_target(int root, const char *path, bool directory, uint64_t resolve, struct err *err);

/* Refuses the root itself and the insides of procfs as targets. */
int mount_check_target(const struct spec_mount *m, int root, int target, struct err *err);

/* Attaches detached `mount_fd` to `target_fd`. 0, or -1 and errno. */
int mount_attach(int mount_fd, int target_fd);

/* A detached file system: `data` are "key=value" or "flag" strings. -1 with err. */
int mount_new(const char *type, const char *source, const char *const *data, uint64_t attr,
              const char *field, struct err *err);

/* linux.maskedPaths and linux.readonlyPaths below `root`; missing ones are no error. */
int mounts_mask(int root, const struct spec *spec, struct err *err);
int mounts_readonly(int root, const struct spec *spec, struct err *err);
