/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linux.maskedPaths and linux.readonlyPaths.
 *
 * Both run before pivot_root, while the host's /dev/null is in reach: the file that covers a masked
 * file is a clone of the *host's* /dev/null, checked to be character device 1:3, so a /dev/null
 * that the image or a racing container replaced is never used (CVE-2025-31133). Targets are
 * descriptors resolved in the root.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "defences.h"
#include "mounts.h"

/* A detached clone of the host's /dev/null. */
static int clone_null(int root, struct err *err)
{
    struct stat st;
    if (!defended(HOST_NULL)) {
        auto_fd inside = open_in_root(root, "/dev/null", O_PATH, 0);
        return open_tree(inside, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    }
    auto_fd fd = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, errno, "linux.maskedPaths: the host's /dev/null");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return err_set(err, 0, "linux.maskedPaths: the host's /dev/null is not the null device");
    struct mount_attr attr = {.propagation = MS_PRIVATE};
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return err_set(err, errno, "linux.maskedPaths: propagation");
    return fd_take(&fd);
}

/* An empty read-only tmpfs: a new one the first time, then clones of where it is attached. */
static int empty_directory(int attached, struct err *err)
{
    static const char *const data[] = {"size=0", "nr_inodes=2", "mode=0755", NULL};
    if (attached >= 0) {
        int fd = open_tree(attached, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        return fd < 0 ? err_set(err, errno, "linux.maskedPaths: clone") : fd;
    }
    return mount_new("tmpfs", "tmpfs", data,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                     "linux.maskedPaths", err);
}

/* What is mounted on the root itself covers nothing: the container's root is what is below. */
static int check_not_root(int root, const struct stat *st, const char *field, size_t index,
                          const char *path, const char *instead, struct err *err)
{
    struct stat top;
    if (fstat(root, &top) < 0)
        return err_set(err, errno, "%s[%zu]: %s", field, index, path);
    return top.st_dev == st->st_dev && top.st_ino == st->st_ino
               ? err_set(err, 0, "%s[%zu]: %s is the root itself%s", field, index, path, instead)
               : 0;
}

int mounts_mask(int root, const struct spec *spec, struct err *err)
{
    auto_fd first_dir = -1;
    for (size_t i = 0; i < spec->n_masked_paths && defended(MASKS); i++) {
        struct stat st;
        const char *path = spec->masked_paths[i];
        auto_fd target = open_in_root(root, path, O_PATH, 0);
        if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        if (target < 0 || fstat(target, &st) < 0)
            return err_set(err, errno, "linux.maskedPaths[%zu]: %s", i, path);
        if (check_not_root(root, &st, "linux.maskedPaths", i, path, "", err) < 0)
            return -1;
        auto_fd mount =
            S_ISDIR(st.st_mode) ? empty_directory(first_dir, err) : clone_null(root, err);
        if (mount < 0)
            return -1;
        if (mount_attach(mount, target) < 0)
            return err_set(err, errno, "linux.maskedPaths[%zu]: %s", i, path);
        if (S_ISDIR(st.st_mode) && first_dir < 0)
            first_dir = fd_take(&mount);
    }
    return 0;
}

int mounts_readonly(int root, const struct spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->n_readonly_paths && defended(READ_ONLY_PATHS); i++) {
        struct stat st;
        const char *path = spec->readonly_paths[i];
        auto_fd target = open_in_root(root, path, O_PATH, 0);
        if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        if (target < 0 || fstat(target, &st) < 0)
            return err_set(err, errno, "linux.readonlyPaths[%zu]: %s", i, path);
        if (check_not_root(root, &st, "linux.readonlyPaths", i, path, ", see root.readonly", err) <
            0)
            return -1;
        auto_fd mount = open_tree(
            target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
        if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ||
            mount_attach(mount, target) < 0)
            return err_set(err, errno, "linux.readonlyPaths[%zu]: %s", i, path);
    }
    return 0;
}
