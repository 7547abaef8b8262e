/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mount_cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "defences.h"

/* One hierarchy, detached. `controllers` is NULL for v2. */
static int hierarchy(const struct mounts_env *env, const char *controllers, const char *host_dir,
                     uint64_t attr, const char *field, struct err *err)
{
    if (!env->cgroup_ns) {
        auto_fd fd = open_tree(AT_FDCWD, host_dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        struct mount_attr set = {.attr_set = attr, .propagation = MS_PRIVATE};
        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &set, sizeof set) < 0)
            return err_set(err, errno, "%s: %s", field, host_dir);
        return fd_take(&fd);
    }
    if (!controllers)
        return mount_new("cgroup2", "cgroup2", NULL, attr, field, err);
    const char *data[16] = {NULL};
    size_t n = 0;
    if (!strncmp(controllers, "name=", 5))
        data[n++] = "none";
    for (const char *at = controllers; *at && n < 14;) {
        size_t len = strcspn(at, ",");
        data[n++] = mem_strndup(at, len);
        at += len + (at[len] == ',');
    }
    return mount_new("cgroup", "cgroup", data, attr, field, err);
}

/* Makes a directory in the tmpfs and attaches the hierarchy there. */
static int attach_below(int top, const char *name, int mount_fd, const char *field, struct err *err)
{
    if (mkdirat(top, name, 0755) < 0 && errno != EEXIST)
        return err_set(err, errno, "%s: %s", field, name);
    auto_fd target = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0 || mount_attach(mount_fd, target) < 0)
        return err_set(err, errno, "%s: %s", field, name);
    return 0;
}

static int fill(int top, const struct mounts_env *env, uint64_t attr, const char *field,
                struct err *err)
{
    const struct cgroup *cg = env->cgroup;
    for (size_t i = 0; i < cg->n_v1; i++) {
        const char *controllers = cg->v1[i].controllers;
        const char *name = !strncmp(controllers, "name=", 5) ? controllers + 5 : controllers;
        const char *dir = defended(CGROUP_OWN_DIR) ? cg->v1[i].dir : cg->v1[i].mount;
        auto_fd fd = hierarchy(env, controllers, dir, attr, field, err);
        if (fd < 0 || attach_below(top, name, fd, field, err) < 0)
            return -1;
        for (const char *at = controllers; strchr(controllers, ',') && at;
             at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
            if (symlinkat(name, top, mem_strndup(at, strcspn(at, ","))) < 0 && errno != EEXIST)
                return err_set(err, errno, "%s: link to %s", field, name);
    }
    if (cg->v2_dir) {
        auto_fd fd = hierarchy(env, NULL, cg->v2_dir, attr, field, err);
        if (fd < 0 || attach_below(top, "unified", fd, field, err) < 0)
            return -1;
    }
    return 0;
}

int mount_cgroup(const struct spec_mount *m, const struct mount_plan *plan,
                 const struct mounts_env *env, struct err *err)
{
    static const char *const data[] = {"mode=0755", "size=64k", NULL};
    const struct cgroup *cg = env->cgroup;
    struct mounts_env shown = *env;
    char field[64];
    snprintf(field, sizeof field, "mounts[%zu] (%s)", m->index, m->destination);
    auto_fd target = mount_target(env->root, m->destination, true, 0, err);
    if (target < 0)
        return err_prefix(err, "mounts[%zu].destination", m->index);
    if (mount_check_target(m, env->root, target, err) < 0)
        return -1;
    uint64_t attr = plan->attr_set & ~(uint64_t)MOUNT_ATTR__ATIME;
    if (cg->mode == CGROUP_NONE && env->callers) {
        shown.cgroup = cg = env->callers;
        env = &shown;
    }
    if (cg->mode == CGROUP_NONE)
        return err_set(err, 0, "%s: this host or container has no cgroups", field);
    if (cg->mode == CGROUP_V2) {
        auto_fd fd = hierarchy(env, NULL, defended(CGROUP_OWN_DIR) ? cg->v2_dir : cg->v2_mount,
                               attr, field, err);
        if (fd < 0)
            return -1;
        return mount_attach(fd, target) < 0 ? err_set(err, errno, "%s", field) : 0;
    }
    if (!strcmp(m->type, "cgroup2")) {
        if (!cg->v2_dir)
            return err_set(err, 0, "%s: this host has no cgroup v2", field);
        auto_fd fd = hierarchy(env, NULL, cg->v2_dir, attr, field, err);
        if (fd < 0)
            return -1;
        return mount_attach(fd, target) < 0 ? err_set(err, errno, "%s", field) : 0;
    }
    auto_fd top =
        mount_new("tmpfs", "tmpfs", data, attr & ~(uint64_t)MOUNT_ATTR_RDONLY, field, err);
    if (top < 0)
        return -1;
    if (mount_attach(top, target) < 0)
        return err_set(err, errno, "%s", field);
    if (fill(top, env, attr, field, err) < 0)
        return -1;
    struct mount_attr ro = {.attr_set = attr & MOUNT_ATTR_RDONLY};
    if (ro.attr_set && mount_setattr(top, "", AT_EMPTY_PATH, &ro, sizeof ro) < 0)
        return err_set(err, errno, "%s: read-only", field);
    return 0;
}
