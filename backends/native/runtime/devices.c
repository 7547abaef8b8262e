/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /dev of the container (config-linux, "Default Devices" and "Default Filesystems").
 *
 * A /dev that the configuration binds from somewhere is left as it is. Nodes are made by mknod, or,
 * where a user namespace forbids that, bound one by one from the host's; both below descriptors
 * resolved in the root.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "defences.h"
#include "mounts.h"
#include "rootfs.h"

static const struct spec_device defaults[] = {
    {"/dev/null", S_IFCHR, 1, 3, 0666, 0, 0},    {"/dev/zero", S_IFCHR, 1, 5, 0666, 0, 0},
    {"/dev/full", S_IFCHR, 1, 7, 0666, 0, 0},    {"/dev/random", S_IFCHR, 1, 8, 0666, 0, 0},
    {"/dev/urandom", S_IFCHR, 1, 9, 0666, 0, 0}, {"/dev/tty", S_IFCHR, 5, 0, 0666, 0, 0},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

/* The directory of the device before, open: nearly all are in /dev. */
struct parent {
    const char *path; /* of a device in it */
    int fd;
};

/* The directory of an absolute path, making what is missing; it belongs to `at`. *ret_name is the
 * last component. */
static int open_parent(int root, struct parent *at, const char *path, const char **ret_name,
                       struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = (size_t)(slash - path);
    *ret_name = slash + 1;
    if (!slash[1] || !strcmp(slash + 1, ".") || !strcmp(slash + 1, ".."))
        return err_set(err, EINVAL, "%s", path);
    if (at->fd >= 0 && !strncmp(at->path, path, n + 1) && !strchr(at->path + n + 1, '/'))
        return at->fd;
    fd_cleanup(&at->fd);
    at->path = path;
    at->fd = mount_target(root, n ? mem_strndup(path, n) : "/", true, 0, err);
    return at->fd;
}

static bool is_device(const struct stat *st, const struct spec_device *dev)
{
    return (st->st_mode & S_IFMT) == dev->kind &&
           (dev->kind == S_IFIFO || st->st_rdev == makedev(dev->major, dev->minor));
}

/* A copy of the host's node at `path`, when it is the device; -1 without an error. */
static int clone_node(const char *path, const struct spec_device *dev)
{
    struct stat st;
    auto_fd mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return mount >= 0 && fstat(mount, &st) == 0 && is_device(&st, dev) ? fd_take(&mount) : -1;
}

/* The name below /dev that the kernel has for a device; NULL when it knows none. */
static const char *kernel_name(const struct spec_device *dev)
{
    const char *path = mem_printf("/sys/dev/%s/%" PRIu64 ":%" PRIu64 "/uevent",
                                  dev->kind == S_IFBLK ? "block" : "char", (uint64_t)dev->major,
                                  (uint64_t)dev->minor);
    const char *text = file_read(AT_FDCWD, path, 4096, NULL);
    const char *name = text ? strstr(text, "DEVNAME=") : NULL;
    return name ? mem_printf("/dev/%s", mem_strndup(name + 8, strcspn(name + 8, "\n"))) : NULL;
}

/* Binds the host's node of the same numbers, by its own name or the kernel's: in a user namespace
 * mknod is refused. An empty file in its place is one that was made for an earlier bind. */
static int bind_device(int parent, const char *name, const struct spec_device *dev, struct err *err)
{
    struct stat st;
    const char *other = NULL;
    auto_fd mount = clone_node(dev->path, dev);
    if (mount < 0 && (other = kernel_name(dev)))
        mount = clone_node(other, dev);
    if (mount < 0)
        return err_set(err, ENOENT, "device %s: the host's node, for a user namespace", dev->path);
    auto_fd file = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    auto_fd target = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct mount_attr attr = {.propagation = MS_PRIVATE};
    if (target >= 0 && (fstat(target, &st) < 0 ||
                        !(is_device(&st, dev) || (S_ISREG(st.st_mode) && st.st_size == 0))))
        return err_set(err, EEXIST, "device %s", dev->path);
    if (target < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ||
        mount_attach(mount, target) < 0)
        return err_set(err, errno, "device %s", dev->path);
    return 0;
}

static int make_device(int root, struct parent *at, const struct spec_device *dev, bool user_ns,
                       struct err *err)
{
    const char *name;
    struct stat st;
    int parent = open_parent(root, at, dev->path, &name, err);
    if (parent < 0)
        return err_prefix(err, "device %s", dev->path);
    if (user_ns && dev->kind != S_IFIFO)
        return bind_device(parent, name, dev, err);
    if (mknodat(parent, name, dev->kind | dev->mode, makedev(dev->major, dev->minor)) < 0) {
        /* One that is there already is taken when it is the same device. */
        if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !is_device(&st, dev))
            return err_set(err, errno, "device %s", dev->path);
    }
    if ((dev->uid || dev->gid) &&
        fchownat(parent, name, dev->uid, dev->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(err, errno, "device %s: owner", dev->path);
    return 0;
}

/* A /dev from elsewhere gets no new nodes, but has to have what the configuration lists. */
static int find_device(int root, const struct spec_device *dev, struct err *err)
{
    struct stat st;
    auto_fd fd = open_in_root(root, dev->path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, errno, "device %s: not in the /dev that is bound", dev->path);
    if (!is_device(&st, dev))
        return err_set(err, EEXIST, "device %s", dev->path);
    return 0;
}

/* True when "mounts" binds something at /dev. */
static bool dev_is_bound(const struct spec *spec)
{
    bool bound = false;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        struct mount_plan plan;
        mount_plan_parse(&spec->mounts[i], &plan);
        size_t n = strspn(spec->mounts[i].destination, "/");
        const char *rest = spec->mounts[i].destination + n;
        if (!strncmp(rest, "dev", 3) && strspn(rest + 3, "/") == strlen(rest + 3))
            bound = plan.bind;
    }
    return bound;
}

static int make_devices(int root, struct parent *at, const struct spec *spec, bool user_ns,
                        struct err *err)
{
    bool bound = dev_is_bound(spec);
    for (size_t i = 0; i < ARRAY_LEN(defaults) && !bound; i++) {
        bool given =
            false; /* the configuration's own entry wins: it may have another mode or owner */
        for (size_t k = 0; k < spec->n_devices; k++)
            given |= !strcmp(spec->devices[k].path, defaults[i].path);
        if (!given && make_device(root, at, &defaults[i], user_ns, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < spec->n_devices; i++) {
        const struct spec_device *dev = &spec->devices[i];
        bool below = !strncmp(dev->path, "/dev/", 5);
        if ((bound && below ? find_device(root, dev, err)
                            : make_device(root, at, dev, user_ns, err)) < 0)
            return err_prefix(err, "linux.devices[%zu]", i);
    }
    if (bound)
        return 0;
    auto_fd dev = open_in_root(root, "/dev", O_PATH | O_DIRECTORY, 0);
    if (dev < 0)
        return err_set(err, errno, "/dev");
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
            return err_set(err, errno, "/dev/%s", links[i].name);
    /* /dev/ptmx must be this container's multiplexer, never an image's node. */
    unlinkat(dev, "ptmx", 0);
    if (symlinkat("pts/ptmx", dev, "ptmx") < 0 && errno != EEXIST)
        return err_set(err, errno, "/dev/ptmx");
    return 0;
}

int rootfs_devices(int root, const struct spec *spec, bool user_ns, struct err *err)
{
    struct parent at = {.fd = -1};
    int rc = make_devices(root, &at, spec, user_ns, err);
    fd_cleanup(&at.fd);
    return rc;
}

int rootfs_console(int root, int slave, struct err *err)
{
    auto_fd dev = open_in_root(root, "/dev", O_PATH | O_DIRECTORY, 0);
    if (dev < 0)
        return err_set(err, errno, "/dev/console");
    auto_fd made = openat(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    auto_fd target = defended(CONSOLE_TARGET)
                         ? openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC)
                         : open_in_root(root, "/dev/console", O_PATH, 0);
    struct stat st;
    if (target < 0 || fstat(target, &st) < 0)
        return err_set(err, errno, "/dev/console");
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return err_set(err, 0, "/dev/console: the image has something else there");
    /* From the descriptor, not from a /dev/pts name that could be swapped (CVE-2025-52565). */
    auto_fd mount = open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (mount < 0 || mount_attach(mount, target) < 0)
        return err_set(err, errno, "/dev/console");
    return 0;
}
