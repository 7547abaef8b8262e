/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The container's root: overlay or directory, devices, pivot_root.
 *
 * The overlay is mounted by the runtime from annotations (README.md), detached, and attached only
 * inside the container's mount namespace. A manager that mounted it on the host would leave a mount
 * behind when it, conmon or the runtime is killed; here the kernel takes it away with the
 * namespace.
 */
#pragma once

#include "spec.h"

#define OVERLAY_LOWER "org.gemel.overlay.lower"
#define OVERLAY_UPPER "org.gemel.overlay.upper"
#define OVERLAY_WORK  "org.gemel.overlay.work"

struct overlay {
    bool present;
    const char **lower; /* topmost first, absolute */
    size_t n_lower;
    const char *upper, *work; /* NULL: read-only */
    bool user_xattr; /* mounted by a plain user in his namespace, who has no trusted.* attributes */
};

/* Reads and checks the annotations; directories must exist. */
int overlay_parse(const struct spec *spec, const char *bundle, struct overlay *ret,
                  struct err *err);

/* Splits a list at unescaped colons; for tests too. */
const char **overlay_split(const char *list, size_t *ret_n);

/*
 * A detached mount of the root: the overlay, or a clone of the directory `path` with what is
 * mounted below it. Where the kernel lacks lowerdir+ (before 6.7) the overlay comes from
 * overlay_mount_aside().
 */
int rootfs_make(const struct overlay *overlay, const char *path, int *ret_fd, struct err *err);

/* The same by mount(2): a short-lived child mounts over `path` in a mount namespace of its own and
 * hands a detached clone over. */
int overlay_mount_aside(const struct overlay *overlay, const char *path, int *ret_fd,
                        struct err *err);

/* Attaches it in this process's mount namespace. Returns an O_PATH descriptor of the new root and
 * leaves it as current directory. With propagation MS_SLAVE what the host mounts below a directory
 * (not below an overlay) arrives in the container. */
int rootfs_attach(int mount_fd, const char *path, uint64_t propagation, struct err *err);

/* /dev: default devices, linux.devices, symbolic links. In a user namespace nodes are bound from
 * the host's. */
int rootfs_devices(int root, const struct spec *spec, bool user_ns, struct err *err);

/* /dev/console over the slave's own inode. */
int rootfs_console(int root, int slave, struct err *err);

/* For a container without a mount namespace of its own: the directory as it is (O_PATH), and
 * chroot(2) into it. */
int rootfs_open(const char *path, struct err *err);
int rootfs_chroot(int root, struct err *err);

/* Makes `root` the root directory and drops the old one. */
int rootfs_pivot(int root, bool no_pivot, struct err *err);

/* Read-only root, read-only /dev, propagation of the root: after the pivot. */
int rootfs_finish(const struct spec *spec, struct err *err);
