/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "init.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "defences.h"
#include "hooks.h"
#include "mounts.h"
#include "namespaces.h"
#include "sdnotify.h"
#include "terminal.h"
#include "version.h"

/* Root of the new user namespace, where id 0 is mapped. */
static void become_root(void)
{
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        errno = 0; /* 0 is not mapped: the capabilities of the namespace do for the rest */
    if (setgroups(0, NULL) < 0)
        errno = 0; /* denied in a single-id namespace */
}

/* linux.sysctl through the host's procfs, which the image cannot have touched; the kernel picks the
 * writer's namespaces. */
static int set_sysctls(const struct spec *spec, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach (spec->sysctl, key, value) {
        char path[300];
        bool slashes = strchr(key, '/') != NULL;
        snprintf(path, sizeof path, "sys/%s", key);
        for (char *p = path + 4; *p && !slashes; p++)
            if (*p == '.')
                *p = '/';
        if (proc_write(path, json_string_value(value)) < 0)
            return err_set(err, errno, "linux.sysctl.%s", key);
    }
    return 0;
}

static int set_names(const struct spec *spec, struct err *err)
{
    if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        return err_set(err, errno, "hostname");
    if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
        return err_set(err, errno, "domainname");
    return 0;
}

/* The state as hooks inside see it. */
static char *hook_state(const struct init_plan *plan, const char *status, int pid)
{
    json_t *annotations = plan->spec->annotations;
    json_t *doc =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:O?}", "ociVersion", OCI_VERSION, "id", plan->id,
                  "status", status, "pid", pid, "bundle", plan->bundle, "annotations", annotations);
    char *text = doc ? json_text(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    return text;
}

static int run_hooks(const struct init_plan *plan, enum hook_kind kind, const char *status, int pid,
                     struct err *err)
{
    if (plan->spec->n_hooks[kind] == 0)
        return 0;
    char *text = hook_state(plan, status, pid);
    int rc = text ? hooks_run(plan->spec, kind, text, false, err)
                  : err_set(err, 0, "hooks: state is not UTF-8");
    return rc;
}

/* Into its v1 groups and then the cgroup namespace, else /proc/self/cgroup would show host paths.
 */
static int enter_groups(const struct init_plan *plan, int *ret_pid, struct err *err)
{
    const struct spec *spec = plan->spec;
    int fds[SYNC_FDS_MAX];
    size_t n;
    int rc = sync_wait_fds(plan->sync, SYNC_GROUPS, ret_pid, fds, &n, err);
    if (rc < 0 || cgroup_enter(fds, n, err) < 0)
        return -1;
    if (spec->ns[NS_CGROUP].present && !spec->ns[NS_CGROUP].path && unshare(CLONE_NEWCGROUP) < 0)
        return err_set(err, errno, "linux.namespaces: cgroup namespace");
    return 0;
}

/* The parent is at work on the groups, which takes as long as most mounts do: they are waited for
 * before the first mount that shows them. */
static int make_mounts(const struct init_plan *plan, int root, int *ret_pid, struct err *err)
{
    const struct spec *spec = plan->spec;
    struct mounts_env env = {.root = root,
                             .bundle = plan->bundle,
                             .cgroup = plan->cgroup,
                             .callers = plan->callers,
                             .cgroup_ns = spec->ns[NS_CGROUP].present,
                             .label =
                                 spec->mount_label && *spec->mount_label ? spec->mount_label : NULL,
                             .cloned = plan->cloned};
    bool entered = false;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const char *type = spec->mounts[i].type;
        if (!entered && type && !strncmp(type, "cgroup", 6)) {
            if (enter_groups(plan, ret_pid, err) < 0)
                return -1;
            entered = true;
        }
        if (mount_make(&spec->mounts[i], &env, err) < 0)
            return -1;
    }
    return entered ? 0 : enter_groups(plan, ret_pid, err);
}

/* run: whoever called reads it from now on. */
static int hand_out_notify(struct init_plan *plan, struct err *err)
{
    int rc = sync_send_fds(plan->sync, SYNC_SOCKET, 0, &plan->notify_fd, 1);
    fd_cleanup(&plan->notify_fd);
    return rc < 0 ? err_set(err, errno, "sync") : 0;
}

/* Everything between clone and pivot_root, with the host's file system still in reach. */
static int build_root(struct init_plan *plan, int *ret_root, int *ret_pid, struct err *err)
{
    const struct spec *spec = plan->spec;
    bool own = spec_own_mounts(spec);
    if (own && plan->root_mount < 0) {
        if (rootfs_make(&plan->overlay, plan->rootfs, &plan->root_mount, err) < 0)
            return -1;
    }
    int root = own ? rootfs_attach(plan->root_mount, plan->rootfs, spec->rootfs_propagation, err)
                   : rootfs_open(plan->rootfs, err);
    if (root < 0)
        return -1;
    *ret_root = root;
    if (make_mounts(plan, root, ret_pid, err) < 0 ||
        rootfs_devices(root, spec, plan->env.user_ns, err) < 0 ||
        (plan->notify && (plan->notify_fd = sdnotify_make(root, spec, err)) < 0))
        return -1;
    if (plan->env.process->terminal) {
        auto_fd master = -1;
        if (terminal_open(root, plan->env.process, &master, &plan->env.slave, err) < 0 ||
            rootfs_console(root, plan->env.slave, err) < 0 ||
            terminal_send(plan->console, master, err) < 0)
            return -1;
    }
    if (spec->n_hooks[HOOK_PRESTART] + spec->n_hooks[HOOK_CREATE_RUNTIME] > 0 &&
        (sync_send(plan->sync, SYNC_HOOKS, 0, NULL) < 0 ||
         sync_wait(plan->sync, SYNC_DONE, NULL, err) < 0))
        return -1;
    if (run_hooks(plan, HOOK_CREATE_CONTAINER, "creating", *ret_pid, err) < 0 ||
        (plan->notify && plan->start < 0 && hand_out_notify(plan, err) < 0))
        return -1;
    struct err ignored;
    auto_fd cwd = mount_target(root, plan->env.process->cwd, true, 0, &ignored);
    if (mounts_mask(root, spec, err) < 0)
        return -1;
    return mounts_readonly(root, spec, err);
}

/* Waits for one `start`, and for its word that it has taken the socket's name away: a container
 * that runs must not look as if it still waited. On return 0 *ret_fd is where failures are
 * reported; execve closes it. */
static int wait_start(struct init_plan *plan, int *ret_fd, struct err *err)
{
    *ret_fd = -1;
    if (plan->start < 0)
        return 0;
    do
        *ret_fd = accept4(plan->start, NULL, NULL, SOCK_CLOEXEC);
    while (*ret_fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (*ret_fd < 0)
        return err_set(err, errno, "start");
    if (sync_send_fds(*ret_fd, SYNC_READY, 0, &plan->notify_fd, plan->notify_fd >= 0) < 0)
        return err_set(err, errno, "start");
    fd_cleanup(&plan->notify_fd);
    return sync_wait(*ret_fd, SYNC_COMMIT, NULL, err);
}

static int run(struct init_plan *plan, int *report, struct err *err)
{
    const struct spec *spec = plan->spec;
    const char *path = NULL;
    int root = -1, pid = 0;
    if (plan->new_user_ns && sync_wait(plan->sync, SYNC_MAPPED, NULL, err) < 0)
        return -1;
    /* As long as its files in /proc are its own user's: not after the next steps. */
    if (ns_make_time(spec, err) < 0)
        return -1;
    if (plan->env.user_ns)
        become_root();
    /* No process of the container (a joined pid namespace has some) may trace this one or read its
     * memory. */
    if (defended(NOT_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_set(err, errno, "PR_SET_DUMPABLE");
    umask(0);
    if (defended(OWN_SESSION) && setsid() < 0)
        return err_set(err, errno, "setsid");
    if (ns_join(plan->ns_fds, ~0U, err) < 0 || build_root(plan, &root, &pid, err) < 0 ||
        set_names(spec, err) < 0 || set_sysctls(spec, err) < 0 ||
        (spec_own_mounts(spec) ? rootfs_pivot(root, plan->no_pivot, err)
                               : rootfs_chroot(root, err)) < 0 ||
        rootfs_finish(spec, err) < 0)
        return -1;
    /* Nothing of the host is open any more when the configuration's paths are used
     * (CVE-2024-21626). */
    const int held[] = {plan->sync, plan->start, plan->notify_fd, plan->env.slave, proc_fd()};
    fds_close_except(3 + plan->env.preserve_fds, held, ARRAY_LEN(held));
    plan->env.sync = plan->sync;
    if (process_prepare(&plan->env, &path, err) < 0)
        return -1;
    /* A created container waits here, maybe for days: it holds nothing of the host meanwhile. */
    const int keep[] = {plan->sync, plan->start, plan->notify_fd};
    fds_close_except(3 + plan->env.preserve_fds, keep, ARRAY_LEN(keep));
    if (sync_send(plan->sync, SYNC_READY, 0, NULL) < 0)
        return err_set(err, errno, "sync");
    if (sync_wait(plan->sync, SYNC_COMMIT, NULL, err) < 0)
        return -1;
    if (plan->start >= 0) {
        close(plan->sync);
        plan->sync = -1;
        *report = -1;
        if (wait_start(plan, report, err) < 0)
            return -1;
    }
    if (run_hooks(plan, HOOK_START_CONTAINER, "created", pid, err) < 0)
        return -1;
    plan->env.sync = *report;
    return process_exec(&plan->env, path, err);
}

void init_run(struct init_plan *plan)
{
    struct err err = {0};
    int report = plan->sync;
    run(plan, &report, &err);
    if (report >= 0)
        sync_send(report, SYNC_ERROR, err.errnum, err.text);
    _exit(1);
}
