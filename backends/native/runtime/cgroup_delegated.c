/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups for a caller without privileges: only where somebody delegated a part of a hierarchy to
 * it, by giving it a directory with its cgroup.procs (cgroups(7), "Delegation").
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"

/* May this caller make groups in directory `dir` and move processes from beside them into them? */
static bool is_delegated(const char *dir)
{
    return faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0 &&
           faccessat(AT_FDCWD, mem_printf("%s/cgroup.procs", dir), W_OK, AT_EACCESS) == 0;
}

/* The same for a group that may exist already, or some of whose parents may be missing. */
static bool may_make(const char *mount, const char *path)
{
    char *dir = mem_printf("%s%s", mount, path);
    size_t base = strlen(mount);
    struct stat st;
    while (stat(dir, &st) < 0 && strlen(dir) > base)
        *strrchr(dir, '/') = 0;
    return is_delegated(dir);
}

/* The path of this process in the hierarchy with these controllers ("" for v2); NULL when it is not
 * in /proc/self/cgroup. */
static const char *own_path(const char *text, const char *controllers)
{
    size_t n = strlen(controllers);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *at = line + strcspn(line, ":\n");
        if (*at == ':' && !strncmp(at + 1, controllers, n) && at[n + 1] == ':')
            return mem_strndup(at + n + 2, strcspn(at + n + 2, "\n"));
    }
    return NULL;
}

/* Below the parent of the caller's group where that is its own (on v2 a group with processes in it,
 * such as the caller's, has no controllers for children), else below the group itself. */
static const char *base_of(const char *mount, const char *own)
{
    if (!own || *own != '/' || !own[1] || strstr(own, "/.."))
        return NULL;
    const char *parent = mem_strndup(own, (size_t)(strrchr(own, '/') - own));
    if (*parent && is_delegated(mem_printf("%s%s", mount, parent)))
        return parent;
    return is_delegated(mem_printf("%s%s", mount, own)) ? own : NULL;
}

static const char *find_base(const struct cgroup *cg)
{
    auto_fd fd = proc_open("self/cgroup", O_RDONLY);
    char *text = fd < 0 ? NULL : fd_read_all(fd, 65536, NULL);
    const char *base = cg->v2_mount ? base_of(cg->v2_mount, own_path(text, "")) : NULL;
    for (size_t i = 0; !base && i < cg->n_v1; i++)
        base = base_of(cg->v1[i].mount, own_path(text, cg->v1[i].controllers));
    return base;
}

int cgroup_set_delegated(struct cgroup *cg, const char *path, const char *id, struct err *err)
{
    const char *base = path ? NULL : find_base(cg);
    const char *wanted = path ? path : base ? mem_printf("%s/gemel-%s", base, id) : NULL;
    size_t n = 0;
    if (wanted)
        cgroup_set_path(cg, wanted);
    for (size_t i = 0; wanted && i < cg->n_v1; i++)
        if (may_make(cg->v1[i].mount, cg->path))
            cg->v1[n++] = cg->v1[i];
    cg->n_v1 = n;
    if (!wanted || (cg->v2_mount && !may_make(cg->v2_mount, cg->path)))
        cg->v2_mount = cg->v2_dir = NULL;
    if (path && n == 0 && !cg->v2_mount)
        return err_set(err, EACCES, "linux.cgroupsPath: %s: in no hierarchy may this user make it",
                       path);
    if (n == 0 && !cg->v2_mount)
        cg->mode = CGROUP_NONE;
    else if (cg->mode == CGROUP_HYBRID && !cg->v2_mount)
        cg->mode = CGROUP_V1;
    return 0;
}
