/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns a container's v2 group (runtime-spec, config-linux, "Cgroup ownership"). */
#include <fcntl.h>
#include <string.h>

#include "cgroup.h"

static bool has_option(const struct spec_mount *m, const char *option)
{
    for (size_t i = 0; i < m->n_options; i++)
        if (!strcmp(m->options[i], option))
            return true;
    return false;
}

bool cgroup_owner(const struct spec *spec, uid_t *ret)
{
    const struct spec_namespace *user = &spec->ns[NS_USER], *group = &spec->ns[NS_CGROUP];
    bool writable = false;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct spec_mount *m = &spec->mounts[i];
        bool is_cgroup = m->type && (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"));
        if (is_cgroup && !strcmp(m->destination, "/sys/fs/cgroup"))
            writable = !has_option(m, "ro") && !has_option(m, "rro");
    }
    if (!writable || !group->present || group->path || (user->present && user->path))
        return false;
    if (!user->present) {
        *ret = spec->process.uid;
        return true;
    }
    for (size_t i = 0; i < spec->n_uid_maps; i++) {
        const struct spec_id_map *map = &spec->uid_maps[i];
        uint32_t uid = spec->process.uid;
        if (uid >= map->container_id && uid - map->container_id < map->size) {
            *ret = map->host_id + (uid - map->container_id);
            return true;
        }
    }
    return false;
}

int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct err *err)
{
    char *list = file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, NULL);
    if (!list || !*list)
        list = mem_strdup("cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n");
    if (cg->mode != CGROUP_V2 || cg->v2_fd < 0)
        return 0;
    if (fchown(cg->v2_fd, uid, (gid_t)-1) < 0)
        return err_set(err, errno, "linux.cgroupsPath: give %s to user %u", cg->v2_dir,
                       (unsigned)uid);
    for (char *at = list; *at;) {
        char *name = mem_strndup(at, strcspn(at, "\n"));
        at += strlen(name) + (at[strlen(name)] != 0);
        /* Not every file of the list is in every group. */
        if (*name && !strchr(name, '/') &&
            fchownat(cg->v2_fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return err_set(err, errno, "linux.cgroupsPath: give %s/%s to user %u", cg->v2_dir, name,
                           (unsigned)uid);
    }
    return 0;
}
