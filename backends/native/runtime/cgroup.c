/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "mountinfo.h"

const char *const cgroup_mode_names[] = {
    [CGROUP_NONE] = "none", [CGROUP_V1] = "v1", [CGROUP_HYBRID] = "hybrid", [CGROUP_V2] = "v2"};

/* True when `list` ("rw,cpu,cpuacct") has `word`. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, word, n) && (at[n] == ',' || !at[n]))
            return true;
    return false;
}

/* The controllers among a v1 mount's super options, or name=…; NULL for a mount that has neither.
 */
static const char *v1_controllers(const char *options)
{
    static const char *const known[] = {"cpu",     "cpuacct",    "cpuset", "memory",  "devices",
                                        "freezer", "blkio",      "pids",   "net_cls", "net_prio",
                                        "hugetlb", "perf_event", "rdma",   "misc"};
    char *text = mem_alloc(strlen(options) + 1);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!has_word(options, known[i]))
            continue;
        if (*text)
            strcat(text, ","); /* shorter than options, which has all of them with commas */
        strcat(text, known[i]);
    }
    if (*text)
        return text;
    const char *name = strstr(options, "name=");
    return name && (name == options || name[-1] == ',') ? mem_strndup(name, strcspn(name, ","))
                                                        : NULL;
}

void cgroup_scan(char *text, struct cgroup *cg)
{
    struct mountinfo mi;
    memset(cg, 0, sizeof *cg);
    cg->v2_fd = -1;
    while (mountinfo_next(&text, &mi)) {
        if (!strcmp(mi.type, "cgroup2") && !cg->v2_mount) {
            cg->v2_mount = mem_strdup(mi.point);
        } else if (!strcmp(mi.type, "cgroup") && cg->n_v1 < CGROUP_V1_MAX) {
            const char *controllers = v1_controllers(mi.options);
            bool seen = false;
            for (size_t i = 0; controllers && i < cg->n_v1; i++)
                seen |= !strcmp(cg->v1[i].controllers, controllers);
            if (controllers && !seen)
                cg->v1[cg->n_v1++] = (struct cgroup_v1){
                    .controllers = controllers, .mount = mem_strdup(mi.point), .fd = -1};
        }
    }
    bool has_v1 = false; /* a lone name=systemd does not make a v1 host */
    for (size_t i = 0; i < cg->n_v1; i++)
        has_v1 |= strncmp(cg->v1[i].controllers, "name=", 5) != 0;
    if (has_v1)
        cg->mode = cg->v2_mount ? CGROUP_HYBRID : CGROUP_V1;
    else
        cg->mode = cg->v2_mount ? CGROUP_V2 : CGROUP_NONE;
}

int cgroup_discover(struct cgroup *cg, struct err *err)
{
    auto_fd fd = proc_open("self/mountinfo", O_RDONLY);
    char *text = fd < 0 ? NULL : fd_read_all(fd, 16 << 20, NULL);
    if (!text)
        return err_set(err, errno, "/proc/self/mountinfo");
    cgroup_scan(text, cg);
    return 0;
}

void cgroup_set_path(struct cgroup *cg, const char *path)
{
    /* Doubled and trailing slashes go: components are counted later. */
    char *clean = mem_alloc(strlen(path) + 2);
    size_t len = 0;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t n = strcspn(at, "/");
        if (n)
            clean[len++] = '/';
        memcpy(clean + len, at, n);
        len += n;
        at += n;
    }
    cg->path = clean;
    for (size_t i = 0; i < cg->n_v1; i++)
        cg->v1[i].dir = mem_printf("%s%s", cg->v1[i].mount, cg->path);
    cg->v2_dir = cg->v2_mount ? mem_printf("%s%s", cg->v2_mount, cg->path) : NULL;
}

const struct cgroup_v1 *cgroup_v1_of(const struct cgroup *cg, const char *controller)
{
    for (size_t i = 0; i < cg->n_v1; i++)
        if (has_word(cg->v1[i].controllers, controller))
            return &cg->v1[i];
    return NULL;
}

int cgroup_v1_fd(const struct cgroup *cg, const char *controller)
{
    const struct cgroup_v1 *v1 = cgroup_v1_of(cg, controller);
    return v1 ? v1->fd : -1;
}

/* A new v1 cpuset has no CPUs and takes no process: it starts with its parent's. */
static int inherit_cpuset(int child)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    static const char *const above[] = {"../cpuset.cpus", "../cpuset.mems"};
    for (size_t i = 0; i < 2; i++) {
        char *have = file_read(child, files[i], 65536, NULL);
        if (!have)
            return -1;
        if (*have && *have != '\n')
            continue;
        char *from = file_read(child, above[i], 65536, NULL);
        /* A parent that another runtime has made just now has none yet: the long way gives it some.
         */
        if (from && (!*from || *from == '\n')) {
            errno = EAGAIN;
            return -1;
        }
        if (!from || file_write(child, files[i], from) < 0)
            return -1;
    }
    return 0;
}

/* True for a group with processes of its own; the root may have them and pass controllers on. */
static bool is_inner_with_processes(int dir)
{
    char first;
    auto_fd fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    return faccessat(dir, "cgroup.type", F_OK, 0) == 0 && fd >= 0 && read(fd, &first, 1) == 1;
}

/* Enables in `dir` every controller that it has and its children lack. One that refuses is no error
 * here: only a limit that then has no file is. A group with processes refuses memory and io, but
 * takes cpu and pids, by which it becomes the root of threads and its children good for nothing
 * ("domain invalid"): such a one is left as it is. */
static void enable_controllers(int dir)
{
    char *have = file_read(dir, "cgroup.controllers", 4096, NULL);
    char *on = file_read(dir, "cgroup.subtree_control", 4096, NULL);
    if (!have || !on || !strcmp(have, on) || is_inner_with_processes(dir))
        return;
    on[strcspn(on, "\n")] = 0;
    for (char *at = have; *at;) {
        size_t n = strcspn(at, " \n");
        if (n) {
            char *name = mem_strndup(at, n);
            char *hit = strstr(on, name);
            bool enabled = hit && (hit == on || hit[-1] == ' ') && (!hit[n] || hit[n] == ' ');
            if (!enabled)
                file_write(dir, "cgroup.subtree_control", mem_printf("+%s", name));
        }
        at += n + (at[n] != 0);
    }
}

/* The hierarchy in which a container's group is marked as its own. */
static const char *claim_dir(const struct cgroup *cg)
{
    return cg->v2_mount ? cg->v2_dir : cg->n_v1 ? cg->v1[0].dir : NULL;
}

/* EEXIST when a container has the group. */
static int check_claim(const char *dir, struct err *err)
{
    struct stat st;
    if (stat(dir, &st) < 0 || !(st.st_mode & S_ISVTX))
        return 0;
    err_set(
        err, 0,
        "linux.cgroupsPath: %s is another container's: delete that one first, or rmdir the group "
        "when there is none",
        dir);
    err->errnum = EEXIST;
    return -1;
}

int cgroup_check_claim(const struct cgroup *cg, struct err *err)
{
    const char *dir = claim_dir(cg);
    return dir ? check_claim(dir, err) : 0;
}

/* How a group is made. */
enum make {
    MAKE_CPUSET = 1, /* with its parent's CPUs */
    MAKE_V2 = 2,     /* its parents pass controllers on */
    MAKE_CLAIM = 4,  /* it is to be nobody else's */
};

/* mkdir -p of path below mount, component by component; *ret_fd is the last one's. */
static int make_group_once(const char *mount, const char *path, unsigned how, int *ret_fd,
                           struct err *err)
{
    bool cpuset = how & MAKE_CPUSET, v2 = how & MAKE_V2, claim = how & MAKE_CLAIM;
    auto_fd dir = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_set(err, errno, "%s", mount);
    for (const char *at = path + strspn(path, "/"); *at;) {
        size_t n = strcspn(at, "/");
        char *name = mem_strndup(at, n);
        at += n + strspn(at + n, "/");
        if (v2)
            enable_controllers(dir);
        auto_fd child = -1;
        int rc = mkdirat(dir, name, *at || claim ? CGROUP_MADE_MODE : 0755);
        if (rc < 0 && errno != EEXIST)
            return err_set(err, errno, "linux.cgroupsPath: make %s%s", mount, path);
        if (rc < 0 && !*at && claim && check_claim(mem_printf("%s%s", mount, path), err) < 0)
            return -1;
        child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child < 0)
            return err_set(err, errno, "linux.cgroupsPath: open %s%s", mount, path);
        if (cpuset && inherit_cpuset(child) < 0)
            return err_set(err, errno, "linux.cgroupsPath: cpuset of %s%s", mount, path);
        close(dir);
        dir = fd_take(&child);
    }
    *ret_fd = fd_take(&dir);
    return 0;
}

/* A concurrent delete may take an empty parent away at any step: from the top again. */
static int make_group(const char *mount, const char *path, unsigned how, int *ret_fd,
                      struct err *err)
{
    for (int tries = 0;; tries++) {
        int rc = make_group_once(mount, path, how, ret_fd, err);
        if (rc == 0 || (err->errnum != ENOENT && err->errnum != ENODEV) || tries == 16)
            return rc;
    }
}

/* The usual case by two calls: the parents are there and the group is not. Anything else is left to
 * the long way. */
static bool make_new_v1(struct cgroup_v1 *v1)
{
    if (mkdir(v1->dir, 0755) < 0)
        return false;
    v1->fd = open(v1->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    /* The parent may be as new as this one, and as empty. */
    if (v1->fd >= 0 && has_word(v1->controllers, "cpuset") && inherit_cpuset(v1->fd) < 0)
        fd_cleanup(&v1->fd);
    return v1->fd >= 0;
}

/* What another create has claimed must not be undone with this one. */
static int disown(struct cgroup *cg, const struct err *err)
{
    if (err->errnum == EEXIST)
        cg->mode = CGROUP_NONE;
    return -1;
}

int cgroup_create_v1(struct cgroup *cg, struct err *err)
{
    for (size_t i = 0; i < cg->n_v1; i++) {
        struct cgroup_v1 *v1 = &cg->v1[i];
        bool claim = !cg->v2_mount && i == 0;
        if (!claim && make_new_v1(v1))
            continue;
        unsigned how =
            (has_word(v1->controllers, "cpuset") ? MAKE_CPUSET : 0) | (claim ? MAKE_CLAIM : 0);
        if (make_group(v1->mount, cg->path, how, &v1->fd, err) < 0)
            return claim ? disown(cg, err) : -1;
    }
    return 0;
}

/* A group below a threaded one takes threads only, or nothing ("domain invalid"): no place for a
 * container, whose limits would not be its own. */
static int check_domain(const struct cgroup *cg, struct err *err)
{
    char *type = file_read(cg->v2_fd, "cgroup.type", 64, NULL);
    if (!type || !strncmp(type, "domain\n", 7) || !strncmp(type, "domain threaded", 15))
        return 0;
    type[strcspn(type, "\n")] = 0;
    return err_set(
        err, 0,
        "linux.cgroupsPath: %s is of type '%s', because a group above it is threaded: it "
        "takes no container",
        cg->v2_dir, type);
}

int cgroup_create_v2(struct cgroup *cg, struct err *err)
{
    if (!cg->v2_mount)
        return 0;
    unsigned how = MAKE_CLAIM | (cg->mode == CGROUP_V2 ? MAKE_V2 : 0);
    if (make_group(cg->v2_mount, cg->path, how, &cg->v2_fd, err) < 0)
        return disown(cg, err);
    return check_domain(cg, err);
}

void cgroup_open(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n_v1; i++)
        if (cg->v1[i].fd < 0)
            cg->v1[i].fd = open(cg->v1[i].dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cgroup_open_v2(cg);
}

void cgroup_open_v2(struct cgroup *cg)
{
    if (cg->v2_dir && cg->v2_fd < 0)
        cg->v2_fd = open(cg->v2_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void cgroup_close(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n_v1; i++)
        fd_cleanup(&cg->v1[i].fd);
    fd_cleanup(&cg->v2_fd);
}

int cgroup_open_tasks(const struct cgroup *cg, int fds[CGROUP_V1_MAX], size_t *ret_n,
                      struct err *err)
{
    for (*ret_n = 0; *ret_n < cg->n_v1; ++*ret_n) {
        const struct cgroup_v1 *v1 = &cg->v1[*ret_n];
        fds[*ret_n] = v1->fd >= 0 ? openat(v1->fd, "tasks", O_WRONLY | O_CLOEXEC)
                                  : open(mem_printf("%s/tasks", v1->dir), O_WRONLY | O_CLOEXEC);
        if (fds[*ret_n] < 0) {
            err_set(err, errno, "linux.cgroupsPath: join %s", v1->dir);
            while (*ret_n > 0)
                fd_cleanup(&fds[--*ret_n]);
            return -1;
        }
    }
    return 0;
}

int cgroup_enter(int *fds, size_t n, struct err *err)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!failed && fd_write_all(fds[i], "0", 1) < 0)
            failed = errno;
        fd_cleanup(&fds[i]);
    }
    return failed ? err_set(err, failed, "linux.cgroupsPath: join") : 0;
}

int cgroup_join_v2(const struct cgroup *cg, pid_t pid, struct err *err)
{
    char text[16];
    snprintf(text, sizeof text, "%d", (int)pid);
    if (cg->v2_fd < 0 || file_write(cg->v2_fd, "cgroup.procs", text) == 0)
        return 0;
    return errno == EBUSY
               ? err_set(err, EBUSY,
                         "linux.cgroupsPath: join %s, which passes controllers on to groups below "
                         "it and so takes no process itself",
                         cg->v2_dir)
               : err_set(err, errno, "linux.cgroupsPath: join %s", cg->v2_dir);
}

/* The v2 group in the text of a /proc/PID/cgroup, when it is `own` or below; else NULL. */
static const char *v2_name(const char *text, const char *own)
{
    size_t n = strlen(own);
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, "0::/", 4) != 0)
            continue;
        const char *name = mem_strndup(at + 3, strcspn(at + 3, "\n"));
        bool below = !strncmp(name, own, n) && (!name[n] || name[n] == '/');
        return below && !strstr(name, "/..") ? name : NULL;
    }
    return NULL;
}

int cgroup_open_v2_of(const struct cgroup *cg, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "%d/cgroup", (int)pid);
    auto_fd fd = proc_open(path, O_RDONLY);
    char *text = fd < 0 ? NULL : fd_read_all(fd, 65536, NULL);
    const char *name = text ? v2_name(text, cg->path) : NULL;
    if (name)
        return open(mem_printf("%s%s", cg->v2_mount, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = ENOENT;
    return -1;
}
