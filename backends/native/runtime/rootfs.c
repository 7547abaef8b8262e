/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "defences.h"
#include "mounts.h"
#include "terminal.h"

/* What every overlay of the project has (design, "Snapshots"): layers must stay plain directories
 * that can be copied, frozen and moved between hosts, so no feature that writes file handles or
 * redirects into them. */
static const char *const overlay_options[] = {"index=off", "metacopy=off", "redirect_dir=off",
                                              "xino=off"};

/* With userxattr redirects may not even be followed, and where that is the default "off" means
 * "follow". */
static const char *overlay_option(const struct overlay *overlay, size_t i)
{
    const char *option = overlay_options[i];
    return overlay->user_xattr && !strcmp(option, "redirect_dir=off") ? "redirect_dir=nofollow"
                                                                      : option;
}

const char **overlay_split(const char *list, size_t *ret_n)
{
    size_t size = 1, n = 0, len = 0;
    for (const char *at = list; *at; at++)
        size += *at == ':';
    const char **out = mem_array(size + 1, sizeof *out);
    char *part = mem_alloc(strlen(list) + 1);
    for (const char *at = list;; at++) {
        if (*at == '\\' && (at[1] == ':' || at[1] == '\\')) {
            part[len++] = *++at;
        } else if (*at == ':' || !*at) {
            if (len)
                out[n++] = mem_strndup(part, len);
            len = 0;
            if (!*at)
                break;
        } else {
            part[len++] = *at;
        }
    }
    *ret_n = n;
    return out;
}

static const char *annotation(const struct spec *spec, const char *key)
{
    const char *value = json_string_value(json_object_get(spec->annotations, key));
    return value && *value ? value : NULL;
}

/* Absolute form of a directory that must exist. */
static int resolve_dir(const char *bundle, const char **path, const char *key, struct err *err)
{
    struct stat st;
    if (!*path)
        return 0;
    if (**path != '/')
        *path = mem_printf("%s/%s", bundle, *path);
    if (stat(*path, &st) < 0)
        return err_set(err, errno, "annotations.%s: %s", key, *path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ENOTDIR, "annotations.%s: %s", key, *path);
    return 0;
}

int overlay_parse(const struct spec *spec, const char *bundle, struct overlay *ret, struct err *err)
{
    memset(ret, 0, sizeof *ret);
    const char *lower = annotation(spec, OVERLAY_LOWER);
    ret->upper = annotation(spec, OVERLAY_UPPER);
    ret->work = annotation(spec, OVERLAY_WORK);
    if (!lower && !ret->upper && !ret->work)
        return 0;
    ret->present = true;
    if (!lower)
        return err_set(err, 0, "annotations.%s: missing beside upper and work", OVERLAY_LOWER);
    if (!ret->upper != !ret->work)
        return err_set(err, 0, "annotations: %s and %s go together", OVERLAY_UPPER, OVERLAY_WORK);
    ret->lower = overlay_split(lower, &ret->n_lower);
    if (ret->n_lower == 0)
        return err_set(err, 0, "annotations.%s: empty", OVERLAY_LOWER);
    for (size_t i = 0; i < ret->n_lower; i++)
        if (resolve_dir(bundle, &ret->lower[i], OVERLAY_LOWER, err) < 0)
            return -1;
    if (resolve_dir(bundle, &ret->upper, OVERLAY_UPPER, err) < 0 ||
        resolve_dir(bundle, &ret->work, OVERLAY_WORK, err) < 0)
        return -1;
    return 0;
}

/* One option of the context. Values of 256 bytes and more are refused by fsconfig itself: such a
 * directory is named by a descriptor, which stays open until the mount is made. */
static int configure(int fs, const char *key, const char *value, struct err *err)
{
    const char *given = value;
    if (strlen(value) > 255) {
        int fd = open(value, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return err_set(err, errno, "overlay: %s=%s", key, value);
        given = mem_printf("/proc/self/fd/%d", fd);
    }
    if (fsconfig(fs, FSCONFIG_SET_STRING, key, given, 0) == 0)
        return 0;
    return err_set(err, errno, "overlay: %s=%s", key, value);
}

/* Before 6.5 overlayfs takes any option at first and refuses it at the mount, so trying tells
 * nothing. */
static bool kernel_appends_layers(void)
{
    struct utsname uts;
    int major = 0, minor = 0;
    return uname(&uts) == 0 && sscanf(uts.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 7));
}

/* lowerdir+ takes one directory a call, so no list grows over a page (6.7). */
static int overlay_new_api(const struct overlay *overlay, int *ret_fd, struct err *err)
{
    *ret_fd = -1;
    if (!kernel_appends_layers())
        return 0;
    auto_fd fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_set(err, errno, "overlay: this kernel has no overlayfs");
    for (size_t i = 0; i < overlay->n_lower; i++) {
        if (configure(fs, "lowerdir+", overlay->lower[i], err) < 0)
            return -1;
    }
    if (overlay->upper && (configure(fs, "upperdir", overlay->upper, err) < 0 ||
                           configure(fs, "workdir", overlay->work, err) < 0))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(overlay_options); i++) {
        char *key = mem_strdup(overlay_option(overlay, i));
        char *eq = strchr(key, '=');
        *eq = 0;
        if (configure(fs, key, eq + 1, err) < 0)
            return -1;
    }
    if (overlay->user_xattr && fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        return err_set(err, errno, "overlay: userxattr");
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        char text[256];
        int saved = errno;
        ssize_t n = read(fs, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        text[strcspn(text, "\n")] = 0;
        return err_set(err, saved, "overlay: mount (upper %s) %s",
                       overlay->upper ? overlay->upper : "none", text);
    }
    *ret_fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    return *ret_fd < 0 ? err_set(err, errno, "overlay: mount") : 0;
}

/* The longest directory that all paths are below. */
static size_t common_prefix(const struct overlay *overlay)
{
    const char *first = overlay->lower[0];
    size_t n = strlen(first);
    for (size_t i = 1; i < overlay->n_lower; i++) {
        size_t k = 0;
        while (k < n && overlay->lower[i][k] == first[k])
            k++;
        n = k;
    }
    while (n > 0 && first[n - 1] != '/')
        n--;
    return n;
}

/* Commas, colons and backslashes of a path, escaped as the overlay's own parser wants them. */
static void append_escaped(char *to, const char *path)
{
    to += strlen(to);
    for (; *path; path++) {
        if (strchr("\\:,", *path))
            *to++ = '\\';
        *to++ = *path;
    }
    *to = 0;
}

/* mount(2) takes options of one page: the lower directories are named relative to their common
 * parent, which is made the current directory meanwhile. */
static int overlay_old_api(const struct overlay *overlay, const char *target, struct err *err)
{
    size_t prefix = common_prefix(overlay), size = 512;
    for (size_t i = 0; i < overlay->n_lower; i++)
        size += 2 * strlen(overlay->lower[i]) + 4;
    if (overlay->upper)
        size += 2 * (strlen(overlay->upper) + strlen(overlay->work));
    char *options = mem_alloc(size);
    for (size_t i = 0; i < ARRAY_LEN(overlay_options); i++) {
        strcat(options, overlay_option(overlay, i));
        strcat(options, ",");
    }
    strcat(options, "lowerdir=");
    for (size_t i = 0; i < overlay->n_lower; i++) {
        const char *rest = overlay->lower[i] + prefix;
        if (i)
            strcat(options, ":");
        append_escaped(options, *rest ? rest : ".");
    }
    if (overlay->upper) {
        strcat(options, ",upperdir=");
        append_escaped(options, overlay->upper);
        strcat(options, ",workdir=");
        append_escaped(options, overlay->work);
    }
    if (strlen(options) + sizeof ",userxattr" >= 4096)
        return err_set(
            err, E2BIG,
            "overlay: %zu lower directories do not fit this kernel's mount options; merge layers",
            overlay->n_lower);
    if (overlay->user_xattr)
        strcat(options, ",userxattr");
    char *parent = prefix ? mem_strndup(overlay->lower[0], prefix) : mem_strdup("/");
    if (chdir(parent) < 0 || mount("overlay", target, "overlay", 0, options) < 0)
        return err_set(err, errno, "overlay: mount on %s", target);
    return 0;
}

/* The helper's half: mounts where nobody else sees it, and gives a detached clone away. */
static int mount_aside(const struct overlay *overlay, const char *path, int sock, struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
        return err_set(err, errno, "overlay: mount namespace");
    if (overlay_old_api(overlay, path, err) < 0)
        return -1;
    auto_fd fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return fd < 0 ? err_set(err, errno, "overlay: clone") : terminal_send(sock, fd, err);
}

int overlay_mount_aside(const struct overlay *overlay, const char *path, int *ret_fd,
                        struct err *err)
{
    int pair[2], status = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, errno, "overlay");
    pid_t pid = fork();
    if (pid == 0) {
        struct err inner = {0};
        fd_cleanup(&pair[0]);
        if (mount_aside(overlay, path, pair[1], &inner) == 0)
            _exit(0);
        _exit(fd_write_all(pair[1], inner.text, strlen(inner.text)) < 0 ? 2 : 1);
    }
    fd_cleanup(&pair[1]);
    auto_fd sock = pair[0];
    if (pid < 0)
        return err_set(err, errno, "overlay");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return (*ret_fd = terminal_receive(sock, err)) < 0 ? -1 : 0;
    char *text = fd_read_all(sock, 4096, NULL);
    return err_set(err, 0, "%s", text && *text ? text : "overlay: the helper died");
}

int rootfs_make(const struct overlay *overlay, const char *path, int *ret_fd, struct err *err)
{
    if (overlay->present) {
        int rc = overlay_new_api(overlay, ret_fd, err);
        return rc == 0 && *ret_fd < 0 ? overlay_mount_aside(overlay, path, ret_fd, err) : rc;
    }
    *ret_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    return *ret_fd < 0 ? err_set(err, errno, "root.path: %s", path) : 0;
}

int rootfs_open(const char *path, struct err *err)
{
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? err_set(err, errno, "root.path: %s", path) : root;
}

int rootfs_chroot(int root, struct err *err)
{
    return fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0
               ? err_set(err, errno, "root.path: chroot")
               : 0;
}

int rootfs_attach(int mount_fd, const char *path, uint64_t propagation, struct err *err)
{
    /* Nothing mounted from here on reaches the host; what the host unmounts still goes away here.
     */
    if (defended(OWN_MOUNTS) && mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_set(err, errno, "rootfs: make the mount namespace private");
    struct mount_attr attr = {.propagation = propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE};
    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
        return err_set(err, errno, "rootfs: propagation");
    /* A mapped user cannot always reach root.path: any directory does, /proc always is one. */
    auto_fd target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        target = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0 || mount_attach(mount_fd, target) < 0)
        return err_set(err, errno, "root.path: attach at %s", path);
    if (fchdir(mount_fd) < 0)
        return err_set(err, errno, "root.path: enter %s", path);
    int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? err_set(err, errno, "root.path: %s", path) : root;
}

int rootfs_pivot(int root, bool no_pivot, struct err *err)
{
    if (fchdir(root) < 0)
        return err_set(err, errno, "pivot_root: enter the new root");
    if (!defended(PIVOT_ROOT))
        return chroot(".");
    if (no_pivot) {
        if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
            return err_set(err, errno, "--no-pivot: move the root");
        return 0;
    }
    /* Both arguments ".": the old root ends up on top of the new one and is taken off again
     * (pivot_root(2), NOTES). */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return err_set(err, errno, "pivot_root");
    if (umount2(".", MNT_DETACH) < 0)
        return err_set(err, errno, "pivot_root: drop the old root");
    return chdir("/") < 0 ? err_set(err, errno, "pivot_root: enter") : 0;
}

int rootfs_finish(const struct spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->n_mounts; i++) {
        struct mount_plan plan;
        if (strcmp(spec->mounts[i].destination, "/dev") != 0)
            continue;
        mount_plan_parse(&spec->mounts[i], &plan);
        struct mount_attr ro = {.attr_set = plan.attr_set & MOUNT_ATTR_RDONLY};
        if (!plan.bind && ro.attr_set && mount_setattr(AT_FDCWD, "/dev", 0, &ro, sizeof ro) < 0)
            return err_set(err, errno, "mounts[%zu]: read-only /dev", i);
    }
    if (spec->root_readonly) {
        struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
        if (mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof ro) < 0)
            return err_set(err, errno, "root.readonly");
    }
    if (spec->rootfs_propagation) {
        struct mount_attr attr = {.propagation = spec->rootfs_propagation};
        if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
            return err_set(err, errno, "linux.rootfsPropagation");
    }
    return 0;
}
