/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "caller.h"

extern char **environ;

pid_t ns_clone(uint64_t flags, int cgroup_fd)
{
    /* A sibling has the exit signal of the one that makes it, and clone3 takes no other. */
    struct clone_args args = {.flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD};
    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

pid_t ns_clone_into(uint64_t flags, int cgroup_fd, bool *ret_inside)
{
    *ret_inside = cgroup_fd >= 0;
    pid_t pid = ns_clone(flags, cgroup_fd);
    if (pid <= 0 || cgroup_fd < 0 || !proc_is_killed(pid))
        return pid;
    waitpid(pid, NULL, 0);
    *ret_inside = false;
    return ns_clone(flags, -1);
}

/* "container host size" lines. */
static char *maps_text(const struct spec_id_map *maps, size_t n)
{
    char *text = mem_alloc(n * 36 + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, 36, "%u %u %u\n", maps[i].container_id, maps[i].host_id,
                                maps[i].size);
    return text;
}

/* newuidmap PID c h s ...: set-uid helpers that consult /etc/subuid. What one says on standard
 * error becomes part of the one message. */
static int run_helper(const char *name, pid_t pid, const struct spec_id_map *maps, size_t n,
                      const char *field, struct err *err)
{
    char **argv = mem_array(n * 3 + 3, sizeof *argv);
    size_t at = 0;
    argv[at++] = mem_strdup(name);
    argv[at++] = mem_printf("%d", (int)pid);
    for (size_t i = 0; i < n; i++) {
        argv[at++] = mem_printf("%u", maps[i].container_id);
        argv[at++] = mem_printf("%u", maps[i].host_id);
        argv[at++] = mem_printf("%u", maps[i].size);
    }
    pid_t child;
    int status, words[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(words, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&actions) != 0)
        return err_set(err, errno, "%s: %s", field, name);
    posix_spawn_file_actions_adddup2(&actions, words[1], 2);
    int rc = posix_spawnp(&child, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(words[1]);
    auto_fd reader = words[0];
    if (rc != 0)
        return err_set(err, rc, "%s: %s, without which only the own id can be mapped", field, name);
    char *text = fd_read_all(reader, 4096, NULL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (text)
        text[strcspn(text, "\n")] = 0;
    return err_set(err, 0, "%s: %s", field, text && *text ? text : name);
}

/* user_namespaces(7): a user without CAP_SETGID maps his own group only after giving up
 * setgroups(2). */
static bool is_own_group(const char *file, const struct spec_id_map *maps, size_t n)
{
    return !strcmp(file, "gid_map") && n == 1 && maps[0].size == 1 && maps[0].host_id == getegid();
}

static int write_map(pid_t pid, const char *file, const char *helper,
                     const struct spec_id_map *maps, size_t n, const char *field, struct err *err)
{
    char path[64];
    snprintf(path, sizeof path, "%d/%s", (int)pid, file);
    if (proc_write(path, maps_text(maps, n)) == 0)
        return 0;
    if (errno == EPERM && !caller_privileged() && is_own_group(file, maps, n)) {
        char setgroups[64];
        snprintf(setgroups, sizeof setgroups, "%d/setgroups", (int)pid);
        if (proc_write(setgroups, "deny") == 0 && proc_write(path, maps_text(maps, n)) == 0)
            return 0;
    }
    if (errno == EPERM && !caller_privileged())
        return run_helper(helper, pid, maps, n, field, err);
    return err_set(err, errno, "%s", field);
}

int ns_write_maps(pid_t pid, const struct spec_id_map *uids, size_t n_uids,
                  const struct spec_id_map *gids, size_t n_gids, const char *field, struct err *err)
{
    char gid[64], uid[64];
    snprintf(gid, sizeof gid, "%s.gidMappings", field);
    snprintf(uid, sizeof uid, "%s.uidMappings", field);
    if (write_map(pid, "gid_map", "newgidmap", gids, n_gids, gid, err) < 0)
        return -1;
    return write_map(pid, "uid_map", "newuidmap", uids, n_uids, uid, err);
}

int ns_open_paths(const struct spec *spec, int fds[NS_N], struct err *err)
{
    for (int kind = 0; kind < NS_N; kind++)
        fds[kind] = -1;
    for (int kind = 0; kind < NS_N; kind++) {
        const char *path = spec->ns[kind].path;
        if (!path)
            continue;
        fds[kind] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fds[kind] < 0)
            return err_set(err, errno, "linux.namespaces: %s namespace %s", ns_table[kind].name,
                           path);
        int type = ioctl(fds[kind], NS_GET_NSTYPE);
        if (type < 0 || (uint64_t)type != ns_table[kind].flag)
            return err_set(err, 0, "linux.namespaces: %s is not a %s namespace", path,
                           ns_table[kind].name);
    }
    return 0;
}

int ns_join(const int fds[NS_N], unsigned kinds, struct err *err)
{
    for (int kind = 0; kind < NS_N; kind++)
        if (fds[kind] >= 0 && kinds >> kind & 1 && setns(fds[kind], (int)ns_table[kind].flag) < 0)
            return err_set(err, errno, "linux.namespaces: join the %s namespace",
                           ns_table[kind].name);
    return 0;
}

uint64_t ns_new_flags(const struct spec *spec)
{
    uint64_t flags = 0;
    for (int kind = 0; kind < NS_N; kind++)
        if (spec->ns[kind].present && !spec->ns[kind].path)
            flags |= ns_table[kind].flag;
    return flags;
}

/* The field that writes to the namespace of a kind; NULL when none does. */
static const char *writing_field(const struct spec *spec, enum ns_kind kind)
{
    const char *key;
    json_t *value;
    if (kind == NS_UTS && (spec->hostname || spec->domainname))
        return spec->hostname ? "hostname" : "domainname";
    json_object_foreach (spec->sysctl, key, value)
        if (spec_sysctl_namespace(key) == kind)
            return mem_printf("linux.sysctl.%s", key);
    return NULL;
}

int ns_check_own(const struct spec *spec, const int fds[NS_N], struct err *err)
{
    static const enum ns_kind kinds[] = {NS_UTS, NS_IPC, NS_NETWORK};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct stat given, own;
        char path[32];
        const char *field = fds[kinds[i]] >= 0 ? writing_field(spec, kinds[i]) : NULL;
        if (!field)
            continue;
        snprintf(path, sizeof path, "/proc/self/ns/%s", ns_table[kinds[i]].proc);
        if (fstat(fds[kinds[i]], &given) < 0 || stat(path, &own) < 0)
            return err_set(err, errno, "linux.namespaces: %s", path);
        if (given.st_ino == own.st_ino && given.st_dev == own.st_dev)
            return err_set(err, 0, "%s: the %s namespace is the host's", field,
                           ns_table[kinds[i]].name);
    }
    return 0;
}

int ns_make_time(const struct spec *spec, struct err *err)
{
    const char *clock;
    json_t *value;
    if (!spec->ns[NS_TIME].present || spec->ns[NS_TIME].path)
        return 0;
    if (unshare((int)ns_table[NS_TIME].flag) < 0)
        return err_set(err, errno, "linux.namespaces: time namespace");
    json_object_foreach (spec->time_offsets, clock, value) {
        char line[128];
        uint64_t nanosecs = 0;
        json_u64(json_object_get(value, "nanosecs"), &nanosecs);
        snprintf(line, sizeof line, "%.32s %lld %llu", clock,
                 (long long)json_integer_value(json_object_get(value, "secs")),
                 (unsigned long long)nanosecs);
        if (proc_write("self/timens_offsets", line) < 0)
            return err_set(err, errno, "linux.timeOffsets.%.32s", clock);
    }
    /* unshare(2) means the children; one that is alone may enter, too. */
    auto_fd dir = proc_open("self/ns", O_PATH | O_DIRECTORY);
    auto_fd ns = dir < 0 ? -1 : openat(dir, "time_for_children", O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, (int)ns_table[NS_TIME].flag) < 0)
        return err_set(err, errno, "linux.namespaces: enter the time namespace");
    return 0;
}
