/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "defences.h"
#include "mount_cgroup.h"
#include "mount_copyup.h"
#include "mount_idmap.h"

#define PROC_MAGIC 0x9fa0

int mounts_check(const struct spec_mount *mount, struct err *err)
{
    struct mount_plan plan;
    mount_plan_parse(mount, &plan);
    if (plan.bind && (!mount->source || !*mount->source))
        return err_set(err, 0, "mounts[%zu].source: a bind mount of %s needs one", mount->index,
                       mount->destination);
    if (!plan.bind && !plan.remount && (!mount->type || !*mount->type))
        return err_set(err, 0, "mounts[%zu].type: missing for %s", mount->index,
                       mount->destination);
    if (!mount->n_uid_maps != !mount->n_gid_maps)
        return err_set(err, 0, "mounts[%zu]: uidMappings and gidMappings go together",
                       mount->index);
    if (plan.idmap && (!plan.bind || !mount->n_uid_maps))
        return err_set(err, 0,
                       "mounts[%zu]: an id-mapped mount is a bind mount with uidMappings and "
                       "gidMappings, its own or those of a new user namespace",
                       mount->index);
    if (plan.remount && plan.copy_up)
        return err_set(err, 0, "mounts[%zu].options: remount makes no tmpfs", mount->index);
    if (plan.copy_up && strcmp(mount->type ? mount->type : "", "tmpfs") != 0)
        return err_set(err, 0, "mounts[%zu].options: tmpcopyup is for tmpfs", mount->index);
    for (size_t i = 0; i < plan.n_data; i++)
        if (strlen(plan.data[i]) > 4000)
            return err_set(err, 0, "mounts[%zu].options: too long", mount->index);
    return 0;
}

int mount_attach(int mount_fd, int target_fd)
{
    return move_mount(mount_fd, "", target_fd, "",
                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* The kernel explains a failed fsconfig on the context's descriptor: "e overlay: ..." lines. */
static const char *context_message(int fs)
{
    static char text[512];
    ssize_t n = read(fs, text, sizeof text - 1);
    if (n <= 2)
        return "";
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return text + 2;
}

static int set_attributes(int fd, const struct mount_attr *attr, bool recursive)
{
    struct mount_attr copy = *attr;
    return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &copy,
                         sizeof copy);
}

/* Options for the file system: "key=value" or "flag". */
static int configure(int fs, const char *const *data, const char *field, const char *type,
                     struct err *err)
{
    for (; data && *data; data++) {
        const char *eq = strchr(*data, '=');
        int rc = eq ? fsconfig(fs, FSCONFIG_SET_STRING, mem_strndup(*data, (size_t)(eq - *data)),
                               eq + 1, 0)
                    : fsconfig(fs, FSCONFIG_SET_FLAG, *data, NULL, 0);
        if (rc < 0) {
            int saved = errno;
            return err_set(err, saved, "%s: option '%s' of %s %s", field, *data, type,
                           context_message(fs));
        }
    }
    return 0;
}

int mount_new(const char *type, const char *source, const char *const *data, uint64_t attr,
              const char *field, struct err *err)
{
    auto_fd fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_set(err, errno, "%s: file system '%s'", field, type);
    if (source && *source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return err_set(err, errno, "%s: source '%s'", field, source);
    if (configure(fs, data, field, type, err) < 0)
        return -1;
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        int saved = errno;
        return err_set(err, saved, "%s: make %s %s", field, type, context_message(fs));
    }
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr);
    return fd < 0 ? err_set(err, errno, "%s: mount %s", field, type) : fd;
}

/* Sets the attributes of a plan on a detached bind mount, or tree of them. */
static int apply_attributes(int fd, const struct mount_plan *plan, const char *field,
                            struct err *err)
{
    /* Private unless the configuration says otherwise: what the container mounts stays in it. */
    struct mount_attr propagation = {.propagation =
                                         plan->propagation ? plan->propagation : MS_PRIVATE};
    bool recursive = plan->propagation ? plan->propagation_recursive : true;
    if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &propagation,
                      sizeof propagation) < 0)
        return err_set(err, errno, "%s: propagation", field);
    struct mount_attr one = {.attr_set = plan->attr_set, .attr_clr = plan->attr_clear};
    if ((one.attr_set || one.attr_clr) &&
        mount_setattr(fd, "", AT_EMPTY_PATH, &one, sizeof one) < 0)
        return err_set(err, errno, "%s: mount options", field);
    struct mount_attr all = {.attr_set = plan->rec_attr_set, .attr_clr = plan->rec_attr_clear};
    if ((all.attr_set || all.attr_clr) &&
        mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &all, sizeof all) < 0)
        return err_set(err, errno, "%s: recursive mount options", field);
    return 0;
}

static int clone_tree(const struct spec_mount *mount, const char *source,
                      const struct mount_plan *given, struct err *err)
{
    struct mount_plan plan = *given;
    char field[64];
    snprintf(field, sizeof field, "mounts[%zu]", mount->index);
    auto_fd fd =
        open_tree(AT_FDCWD, source,
                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (plan.recursive ? AT_RECURSIVE : 0));
    if (fd < 0)
        return err_set(err, errno, "%s.source: %s", field, source);
    if (plan.idmap && mount_idmap(fd, mount, plan.idmap_recursive, err) < 0)
        return -1;
    if (apply_attributes(fd, &plan, field, err) < 0)
        return -1;
    return fd_take(&fd);
}

int mount_clone_source(const struct spec_mount *mount, const char *bundle, struct err *err)
{
    struct mount_plan plan;
    mount_plan_parse(mount, &plan);
    return clone_tree(
        mount, *mount->source == '/' ? mount->source : mem_printf("%s/%s", bundle, mount->source),
        &plan, err);
}

int mount_clone_sys(const struct spec_mount *mount, struct err *err)
{
    struct mount_plan plan;
    mount_plan_parse(mount, &plan);
    plan.recursive = true;
    /* The cgroups and all else below it are as read-only as itself (CVE-2023-25809). */
    if (defended(SYS_READ_ONLY))
        plan.rec_attr_set |= plan.attr_set & MOUNT_ATTR_RDONLY;
    return clone_tree(mount, "/sys", &plan, err);
}

/* The usual case, in which only the last component is missing. -1 for everything else. */
static int make_last(int root, const char *path, bool directory, uint64_t resolve)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return -1;
    auto_fd parent =
        open_in_root(root, mem_strndup(path, (size_t)(name - path)), O_PATH | O_DIRECTORY, resolve);
    if (parent < 0)
        return -1;
    if (directory)
        return mkdirat(parent, name, 0755) < 0 ? -1 : open_in_root(root, path, O_PATH, resolve);
    auto_fd made = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return made < 0 ? -1 : open_in_root(root, path, O_PATH, resolve);
}

/* Opens `path` below root; makes what is missing, one component at a time, each found again from
 * the root. */
int mount_target(int root, const char *path, bool directory, uint64_t resolve, struct err *err)
{
    int fd = open_in_root(root, path, O_PATH, resolve);
    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : err_set(err, errno, "%s", path);
    fd = make_last(root, path, directory, resolve);
    if (fd >= 0)
        return fd;
    char *prefix = mem_alloc(strlen(path) + 2);
    size_t len = 0;
    auto_fd parent = open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return err_set(err, errno, "%s", path);
    for (const char *at = path + strspn(path, "/"); *at;) {
        size_t n = strcspn(at, "/");
        const char *name = mem_strndup(at, n);
        const char *next = at + n + strspn(at + n, "/");
        bool last = !*next;
        prefix[len++] = '/';
        memcpy(prefix + len, at, n);
        len += n;
        prefix[len] = 0;
        auto_fd child = open_in_root(root, prefix, O_PATH, resolve);
        if (child < 0 && errno == ENOENT) {
            if (last && !directory) {
                auto_fd made =
                    openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
                if (made < 0)
                    return err_set(err, errno, "%s: make '%s'", path, prefix);
            } else if (mkdirat(parent, name, 0755) < 0) {
                return err_set(err, errno, "%s: make '%s'", path, prefix);
            }
            child = open_in_root(root, prefix, O_PATH, resolve);
        }
        if (child < 0)
            return err_set(err, errno, "%s: '%s'", path, prefix);
        close(parent);
        parent = fd_take(&child);
        at = next;
    }
    return fd_take(&parent);
}

/* Files of the container's procfs that a mount may cover (what lxcfs and the like provide); any
 * other would let the configuration of one container disarm masks or labels of the runtime itself.
 */
static bool proc_cover_allowed(const char *path)
{
    static const char *const allowed[] = {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/slabinfo",
        "/proc/net/dev",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/crypto/fips_enabled",
    };
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (!strcmp(path, allowed[i]))
            return true;
    return false;
}

int mount_check_target(const struct spec_mount *m, int root, int target, struct err *err)
{
    struct stat a, b;
    struct statfs fs;
    if (fstat(root, &a) < 0 || fstat(target, &b) < 0 || fstatfs(target, &fs) < 0)
        return err_set(err, errno, "mounts[%zu].destination: %s", m->index, m->destination);
    if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return err_set(err, 0, "mounts[%zu].destination: %s is the root itself", m->index,
                       m->destination);
    if ((unsigned long)fs.f_type == PROC_MAGIC && b.st_ino != 1 &&
        !proc_cover_allowed(m->destination) && defended(PROC_COVER))
        return err_set(err, EPERM, "mounts[%zu].destination: %s is inside the container's procfs",
                       m->index, m->destination);
    return 0;
}

static int make_bind(const struct spec_mount *m, const struct mounts_env *env, struct err *err)
{
    struct stat st;
    auto_fd fd = -1;
    if (env->cloned && env->cloned[m->index] >= 0)
        fd = dup(env->cloned[m->index]);
    else
        fd = mount_clone_source(m, env->bundle, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return err_set(err, errno, "mounts[%zu].source", m->index);
    auto_fd target = mount_target(env->root, m->destination, S_ISDIR(st.st_mode), 0, err);
    if (target < 0)
        return err_prefix(err, "mounts[%zu].destination", m->index);
    if (mount_check_target(m, env->root, target, err) < 0)
        return -1;
    if (mount_attach(fd, target) < 0)
        return err_set(err, errno, "mounts[%zu]: bind %s at %s", m->index,
                       m->source ? m->source : m->type, m->destination);
    return 0;
}

/* Types whose "ro" is a matter of the mount, not of the superblock that others may share. */
static bool pseudo_type(const char *type)
{
    static const char *const types[] = {"tmpfs", "proc", "sysfs", "mqueue", "devpts", "cgroup2"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!strcmp(type, types[i]))
            return true;
    return false;
}

static int make_filesystem(const struct spec_mount *m, const struct mounts_env *env,
                           struct err *err)
{
    struct mount_plan plan;
    char field[64];
    mount_plan_parse(m, &plan);
    snprintf(field, sizeof field, "mounts[%zu] (%s)", m->index, m->destination);
    bool strict = (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs")) && defended(PROC_NO_LINK);
    auto_fd target =
        mount_target(env->root, m->destination, true, strict ? RESOLVE_NO_SYMLINKS : 0, err);
    if (target < 0)
        return err_prefix(err, "mounts[%zu].destination", m->index);
    if (mount_check_target(m, env->root, target, err) < 0)
        return -1;
    if (!pseudo_type(m->type) && plan.attr_set & MOUNT_ATTR_RDONLY)
        plan.data[plan.n_data++] = "ro";
    if (env->label && !strict && strcmp(m->type, "mqueue") != 0)
        plan.data[plan.n_data++] = mem_printf("context=%s", env->label);
    uint64_t attr = (plan.attr_set & ~plan.rec_attr_clear) | plan.rec_attr_set;
    /* /dev must stay writable until the device nodes are in it (rootfs.c closes it). */
    if (plan.copy_up || !strcmp(m->destination, "/dev"))
        attr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    auto_fd fd = mount_new(m->type, m->source, plan.data, attr, field, err);
    /* sysfs belongs to the owner of the network namespace; others may show what the host has. */
    if (fd < 0 && err->errnum == EPERM && !strcmp(m->type, "sysfs"))
        fd = mount_clone_sys(m, err);
    if (fd < 0)
        return -1;
    struct mount_attr propagation = {.propagation = plan.propagation};
    if (plan.propagation &&
        mount_setattr(fd, "", AT_EMPTY_PATH, &propagation, sizeof propagation) < 0)
        return err_set(err, errno, "%s: propagation", field);
    if (plan.copy_up) {
        if (mount_copy_up(target, fd, err) < 0)
            return err_prefix(err, "%s: tmpcopyup", field);
        struct mount_attr ro = {.attr_set = plan.attr_set & MOUNT_ATTR_RDONLY};
        if (ro.attr_set && mount_setattr(fd, "", AT_EMPTY_PATH, &ro, sizeof ro) < 0)
            return err_set(err, errno, "%s: read-only", field);
    }
    if (mount_attach(fd, target) < 0)
        return err_set(err, errno, "%s: attach", field);
    return 0;
}

/* "remount": other options for what is mounted at the destination already. Options that are not
 * named stay as they are. */
static int make_remount(const struct spec_mount *m, const struct mount_plan *plan,
                        const struct mounts_env *env, struct err *err)
{
    char field[64];
    snprintf(field, sizeof field, "mounts[%zu] (remount)", m->index);
    auto_fd target = open_in_root(env->root, m->destination, O_PATH, 0);
    if (target < 0)
        return err_set(err, errno, "%s: %s", field, m->destination);
    if (mount_check_target(m, env->root, target, err) < 0)
        return -1;
    if (plan->n_data > 0) {
        auto_fd fs = fspick(target, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
        if (fs < 0)
            return err_set(err, errno, "%s: %s", field, m->destination);
        if (configure(fs, plan->data, field, "it", err) < 0)
            return -1;
        if (fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
            return err_set(err, errno, "%s: %s %s", field, m->destination, context_message(fs));
    }
    const struct mount_attr one = {.attr_set = plan->attr_set, .attr_clr = plan->attr_clear};
    const struct mount_attr all = {.attr_set = plan->rec_attr_set,
                                   .attr_clr = plan->rec_attr_clear};
    const struct mount_attr way = {.propagation = plan->propagation};
    if (((one.attr_set || one.attr_clr) && set_attributes(target, &one, false) < 0) ||
        ((all.attr_set || all.attr_clr) && set_attributes(target, &all, true) < 0) ||
        (way.propagation && set_attributes(target, &way, plan->propagation_recursive) < 0))
        return err_set(err, errno, "%s: %s", field, m->destination);
    return 0;
}

int mount_make(const struct spec_mount *m, const struct mounts_env *env, struct err *err)
{
    struct mount_plan plan;
    mount_plan_parse(m, &plan);
    if (plan.remount)
        return make_remount(m, &plan, env, err);
    if (plan.bind || (env->cloned && env->cloned[m->index] >= 0))
        return make_bind(m, env, err);
    if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
        return mount_cgroup(m, &plan, env, err);
    return make_filesystem(m, env, err);
}
