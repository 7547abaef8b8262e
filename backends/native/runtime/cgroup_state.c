/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done to the processes of a group as a whole: freeze, list, signal, and its removal. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "scope.h"

#define FREEZE_MS  10000
#define DESTROY_MS 10000

/* True when `file` of `dir` has the line `want`. */
static bool file_has_line(int dir, const char *file, const char *want)
{
    char *text = file_read(dir, file, 4096, NULL);
    size_t n = strlen(want);
    for (char *at = text; at && *at;) {
        if (!strncmp(at, want, n) && (at[n] == '\n' || !at[n]))
            return true;
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return false;
}

bool cgroup_is_frozen(const struct cgroup *cg)
{
    const struct cgroup_v1 *freezer = cgroup_v1_of(cg, "freezer");
    if (freezer)
        return file_has_line(AT_FDCWD, mem_printf("%s/freezer.state", freezer->dir), "FROZEN");
    return cg->v2_dir &&
           file_has_line(AT_FDCWD, mem_printf("%s/cgroup.events", cg->v2_dir), "frozen 1");
}

/* The v1 freezer can hang in FREEZING while tasks fork: it is thawed and frozen again every 100 ms.
 */
static int freeze_v1(int fd, bool frozen, struct err *err)
{
    int64_t end = now_monotonic_ms() + FREEZE_MS;
    const char *want = frozen ? "FROZEN" : "THAWED";
    for (int round = 0;; round++) {
        if (file_write(fd, "freezer.state", want) < 0)
            return err_set(err, errno, "freezer.state: %s", want);
        for (int i = 0; i < 50; i++) {
            if (file_has_line(fd, "freezer.state", want))
                return 0;
            sleep_ms(i < 10 ? 1 : 2);
        }
        if (now_monotonic_ms() > end) {
            file_write(fd, "freezer.state", "THAWED");
            return err_set(err, ETIMEDOUT, "freezer.state: not %s after %d s", want,
                           FREEZE_MS / 1000);
        }
        if (frozen && round > 0)
            file_write(fd, "freezer.state", "THAWED");
    }
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *err)
{
    int freezer = cgroup_v1_fd(cg, "freezer");
    if (freezer >= 0)
        return freeze_v1(freezer, frozen, err);
    if (cg->v2_fd < 0)
        return err_set(err, 0, "this container has no cgroup with a freezer");
    if (file_write(cg->v2_fd, "cgroup.freeze", frozen ? "1" : "0") < 0)
        return err_set(err, errno, "cgroup.freeze");
    int64_t end = now_monotonic_ms() + FREEZE_MS;
    while (!file_has_line(cg->v2_fd, "cgroup.events", frozen ? "frozen 1" : "frozen 0")) {
        if (now_monotonic_ms() > end) {
            file_write(cg->v2_fd, "cgroup.freeze", "0");
            return err_set(err, ETIMEDOUT, "cgroup.freeze: not done after %d s", FREEZE_MS / 1000);
        }
        sleep_ms(1);
    }
    return 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *cg)
{
    bool v2 = cg->mode == CGROUP_V2;
    int dir = v2 ? cg->v2_fd : cgroup_v1_fd(cg, "memory");
    char *text =
        dir < 0 ? NULL : file_read(dir, v2 ? "memory.events" : "memory.oom_control", 4096, NULL);
    for (char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, "oom_kill ", 9))
            return strtoull(at + 9, NULL, 10);
    return 0;
}

struct pid_list {
    pid_t *pids;
    size_t n, size;
};

static void add_pid(struct pid_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->pids[i] == pid)
            return;
    if (list->n == list->size) {
        size_t size = list->size ? list->size * 2 : 64;
        pid_t *bigger = mem_array(size, sizeof *bigger);
        if (list->n)
            memcpy(bigger, list->pids, list->n * sizeof *bigger);
        list->pids = bigger;
        list->size = size;
    }
    list->pids[list->n++] = pid;
}

/* The groups in one group, and how far the walk is. */
struct level {
    struct level *up;
    const char **names;
    size_t n, at;
};

static struct level *list_groups(int dir, struct level *up)
{
    struct level *level = mem_alloc(sizeof *level);
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    size_t size = 0;
    *level = (struct level){.up = up};
    while (stream && (entry = readdir(stream))) {
        if (entry->d_type != DT_DIR || *entry->d_name == '.')
            continue;
        if (level->n == size) {
            const char **bigger = mem_array(size = size * 2 + 8, sizeof *bigger);
            if (level->n)
                memcpy(bigger, level->names, level->n * sizeof *bigger);
            level->names = bigger;
        }
        level->names[level->n++] = mem_strdup(entry->d_name);
    }
    if (stream)
        closedir(stream);
    return level;
}

/* Calls `visit`, where given, for a group and all below it, children first; `remove` takes each
 * child away when it was visited. A container may have made them so deep that neither a stack nor a
 * descriptor a level nor a path would do: the way back is "..", which nothing can move elsewhere.
 */
static void walk(int top, void (*visit)(int dir, void *data), void *data, bool remove)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    auto_fd dir = openat(top, ".", flags);
    struct level *level = dir < 0 ? NULL : list_groups(dir, NULL);
    while (level) {
        bool down = level->at < level->n;
        int next = -1;
        if (down) {
            next = openat(dir, level->names[level->at++], flags);
            if (next < 0)
                continue; /* gone meanwhile */
        } else {
            if (visit)
                visit(dir, data);
            level = level->up;
            if (!level || (next = openat(dir, "..", flags)) < 0)
                return;
        }
        close(dir);
        dir = next;
        if (down)
            level = list_groups(dir, level);
        else if (remove)
            unlinkat(dir, level->names[level->at - 1], AT_REMOVEDIR);
    }
}

/* A pid of 0 is a process of an outer namespace that cannot be named from here. */
static void collect_pids(int dir, void *data)
{
    char *text = file_read(dir, "cgroup.procs", 16 << 20, NULL);
    while (text && *text) {
        long pid = strtol(text, &text, 10);
        if (pid > 0 && pid <= INT32_MAX)
            add_pid(data, (pid_t)pid);
        text += strspn(text, "\n ");
        if (*text && (*text < '0' || *text > '9'))
            break;
    }
}

int cgroup_check_free(const struct cgroup *cg, struct err *err)
{
    for (size_t i = 0; i <= cg->n_v1; i++) {
        const char *name = i < cg->n_v1 ? cg->v1[i].dir : cg->v2_dir;
        struct pid_list list = {0};
        auto_fd dir = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (dir >= 0)
            walk(dir, collect_pids, &list, false);
        if (list.n)
            return err_set(err, EBUSY, "linux.cgroupsPath: %s has processes in it", name);
    }
    return cgroup_check_claim(cg, err);
}

/* The group that stands for all: the freezer's, else any v1, else v2. */
static int main_fd(const struct cgroup *cg)
{
    int fd = cgroup_v1_fd(cg, "freezer");
    for (size_t i = 0; fd < 0 && i < cg->n_v1; i++)
        fd = cg->v1[i].fd;
    return fd < 0 ? cg->v2_fd : fd;
}

int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *err)
{
    struct pid_list list = {0};
    int fd = main_fd(cg);
    if (fd < 0)
        return err_set(err, 0, "this container has no cgroup to list processes of");
    walk(fd, collect_pids, &list, false);
    *ret = list.pids;
    *ret_n = list.n;
    return 0;
}

int cgroup_signal(const struct cgroup *cg, int sig, struct err *err)
{
    int freezer = cgroup_v1_fd(cg, "freezer");
    bool all_killed =
        sig == SIGKILL && cg->v2_fd >= 0 && file_write(cg->v2_fd, "cgroup.kill", "1") == 0;
    /* What moved itself out of the v2 group is still in the v1 ones, or the other way round. */
    struct pid_list list = {0};
    struct err ignored;
    for (size_t i = 0; i < cg->n_v1; i++)
        if (cg->v1[i].fd >= 0 && (!all_killed || cg->v1[i].fd == freezer))
            walk(cg->v1[i].fd, collect_pids, &list, false);
    if (cg->v2_fd >= 0 && !all_killed)
        walk(cg->v2_fd, collect_pids, &list, false);
    bool was_frozen = cgroup_is_frozen(cg);
    if (list.n && sig == SIGKILL && !all_killed && !was_frozen &&
        cgroup_freeze(cg, true, &ignored) == 0) {
        list.n = 0; /* nothing forks any more: this list is whole */
        walk(main_fd(cg), collect_pids, &list, false);
    }
    for (size_t i = 0; i < list.n; i++)
        kill(list.pids[i], sig);
    /* A task in the v1 freezer dies only when it is thawed. */
    if (sig == SIGKILL && (list.n || was_frozen) && freezer >= 0)
        file_write(freezer, "freezer.state", "THAWED");
    else if (sig == SIGKILL && cg->mode == CGROUP_V2 && cgroup_is_frozen(cg))
        file_write(cg->v2_fd, "cgroup.freeze", "0");
    return 0;
}

/* Removes one group with all below it. True when it is gone. */
static bool remove_group(const char *dir, int *fd)
{
    if (rmdir(dir) == 0 || errno == ENOENT) {
        fd_cleanup(fd);
        return true;
    }
    if (*fd < 0)
        *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0)
        walk(*fd, NULL, NULL, true);
    return rmdir(dir) == 0 || errno == ENOENT;
}

/* Removes the parents that the runtime made, while they are empty. */
static void remove_parents(const char *mount, const char *path)
{
    char *dir = mem_printf("%s%s", mount, path);
    size_t base = strlen(mount);
    for (char *slash; (slash = strrchr(dir, '/')) && (size_t)(slash - dir) > base;) {
        *slash = 0;
        struct stat st;
        if (stat(dir, &st) == 0 && !(st.st_mode & S_ISVTX))
            return;
        if (rmdir(dir) < 0 && errno != ENOENT)
            return;
    }
}

int cgroup_destroy(struct cgroup *cg, struct err *err)
{
    int64_t end = now_monotonic_ms() + DESTROY_MS;
    if (!cg->path || cg->mode == CGROUP_NONE)
        return 0;
    if (cg->scope) {
        struct err ignored;
        cgroup_open(cg);
        cgroup_signal(cg, SIGKILL, &ignored);
        scope_stop(cg, &ignored);
    }
    for (int wait_ms = 0;; wait_ms = wait_ms < 16 ? wait_ms * 2 + 1 : 16) {
        const char *left = NULL;
        for (size_t i = 0; i < cg->n_v1; i++)
            if (!remove_group(cg->v1[i].dir, &cg->v1[i].fd))
                left = cg->v1[i].dir;
        if (cg->v2_dir && !remove_group(cg->v2_dir, &cg->v2_fd))
            left = cg->v2_dir;
        if (!left)
            break;
        if (now_monotonic_ms() > end)
            return err_set(err, EBUSY, "cgroup %s cannot be removed", left);
        cgroup_open(cg);
        cgroup_signal(cg, SIGKILL, err);
        sleep_ms(wait_ms);
    }
    for (size_t i = 0; i < cg->n_v1; i++)
        remove_parents(cg->v1[i].mount, cg->path);
    if (cg->v2_mount)
        remove_parents(cg->v2_mount, cg->path);
    return 0;
}
