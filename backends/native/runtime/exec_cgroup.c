/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exec_cgroup.h"

#include <fcntl.h>
#include <string.h>

/* True when two lists with commas have a word in common. */
static bool lists_meet(const char *a, const char *b)
{
    for (; *a; a += *a == ',') {
        size_t n = strcspn(a, ",");
        for (const char *at = b; *at; at += *at == ',') {
            size_t m = strcspn(at, ",");
            if (n && n == m && !strncmp(a, at, n))
                return true;
            at += m;
        }
        a += n;
    }
    return false;
}

/* Below, so no ".." and not the container's own. */
static bool path_valid(const char *path)
{
    bool named = false;
    for (const char *at = path; *at;) {
        size_t n = strcspn(at += strspn(at, "/"), "/");
        if (n > 255 || (n == 2 && !strncmp(at, "..", 2)) || (n == 1 && *at == '.'))
            return false;
        named |= n > 0;
        at += n;
    }
    return named && strlen(path) < 2048 && !strchr(path, '\n');
}

int exec_cgroup(struct cgroup *cg, const char *text, struct err *err)
{
    const char *colon = strchr(text, ':'), *path = colon ? colon + 1 : text;
    const char *controllers = colon ? mem_strndup(text, (size_t)(colon - text)) : NULL;
    struct cgroup own = *cg;
    size_t moved = 0;
    if (!path_valid(path))
        return err_set(err, 0, "--cgroup: '%s' is no path below the container's", path);
    if (cg->mode == CGROUP_NONE || (controllers && cg->mode == CGROUP_V2))
        return err_set(err, 0, "--cgroup: '%s': the container has no such hierarchy", text);
    cgroup_set_path(cg, mem_printf("%s/%s", own.path, path));
    for (size_t i = 0; i < cg->n_v1; i++) {
        if (controllers && !lists_meet(controllers, cg->v1[i].controllers)) {
            cg->v1[i].dir = own.v1[i].dir;
            continue;
        }
        moved++;
        if (access(cg->v1[i].dir, F_OK) < 0)
            return err_set(err, errno, "--cgroup: %s", cg->v1[i].dir);
    }
    /* On a hybrid host the v2 group has no limits: one more is nobody's duty to make. */
    if (cg->v2_dir && access(cg->v2_dir, F_OK) < 0) {
        if (cg->mode == CGROUP_V2)
            return err_set(err, errno, "--cgroup: %s", cg->v2_dir);
        cg->v2_dir = own.v2_dir;
    }
    return controllers && moved == 0
               ? err_set(err, 0, "--cgroup: no hierarchy has '%s'", controllers)
               : 0;
}
