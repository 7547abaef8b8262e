/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec: one more process in a container that lives.
 *
 * The parent enters the pid namespace for its children only, clones straight into the container's
 * v2 group, and moves the child into the v1 groups before it may go on. The child joins the other
 * namespaces by init's pidfd in one setns(2), so all of them are init's, whatever its pid comes to
 * name. It is not dumpable from its first instruction on: no process of the container may trace it
 * or read its memory and descriptors while it is still the runtime.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "caller.h"
#include "caps.h"
#include "commands.h"
#include "container.h"
#include "defences.h"
#include "exec_cgroup.h"
#include "filter_cache.h"
#include "init.h"
#include "log.h"
#include "lsm.h"
#include "namespaces.h"
#include "notify.h"
#include "terminal.h"

struct exec {
    const struct options *opt;
    struct state st;
    struct spec spec; /* of the container */
    struct spec_process process;
    struct seccomp_filter filter;
    uint64_t kinds;  /* CLONE_NEW… to join */
    uint64_t joined; /* those that the process made is in from the beginning */
    int pidfd, sync, child_sync, console, foreground;
    int root; /* of a container that has no mount namespace of its own, or -1 */
};

static int parse_user(const char *text, struct spec_process *p, struct err *err)
{
    char *end;
    errno = 0;
    unsigned long uid = strtoul(text, &end, 10), gid = p->gid;
    if (end != text && *end == ':') {
        const char *at = end + 1;
        gid = strtoul(at, &end, 10);
        if (end == at)
            end = (char *)(uintptr_t) "x";
    }
    if (end == text || *end || errno || uid >= UINT32_MAX || gid >= UINT32_MAX)
        return err_set(err, 0, "--user: '%s' is not UID[:GID]", text);
    p->uid = (uint32_t)uid;
    p->gid = (uint32_t)gid;
    return 0;
}

/* The container's own process with what the command line changes. */
static int process_from_options(struct exec *x, int argc, char **argv, struct err *err)
{
    const struct options *opt = x->opt;
    struct spec_process *p = &x->process;
    *p = x->spec.process;
    if (argc < 1)
        return err_set(err, 0, "exec: needs a command, or --process");
    p->args = mem_array((size_t)argc + 1, sizeof *p->args);
    for (int i = 0; i < argc; i++)
        p->args[i] = argv[i];
    p->n_args = (size_t)argc;
    p->terminal = opt->tty;
    p->cwd = opt->cwd ? opt->cwd : p->cwd;
    p->no_new_privileges |= opt->no_new_privs;
    p->apparmor = opt->apparmor ? opt->apparmor : p->apparmor;
    p->selinux = opt->process_label ? opt->process_label : p->selinux;
    if (*p->cwd != '/')
        return err_set(err, 0, "--cwd: must be an absolute path");
    const char **env = mem_array(p->n_env + opt->env.n + 1, sizeof *env);
    if (p->n_env)
        memcpy(env, p->env, p->n_env * sizeof *env);
    for (size_t i = 0; i < opt->env.n; i++) {
        const char *eq = strchr(opt->env.items[i], '=');
        if (!eq || eq == opt->env.items[i])
            return err_set(err, 0, "--env: '%s' is not NAME=VALUE", opt->env.items[i]);
        size_t n = (size_t)(eq - opt->env.items[i]) + 1, k = 0;
        while (k < p->n_env && strncmp(env[k], opt->env.items[i], n) != 0)
            k++;
        env[k] = opt->env.items[i];
        p->n_env += k == p->n_env;
    }
    p->env = env;
    for (size_t i = 0; i < opt->caps.n; i++) {
        int cap = caps_number(opt->caps.items[i]);
        if (cap < 0)
            return err_set(err, 0, "--cap: unknown capability '%s'", opt->caps.items[i]);
        for (int set = 0; set < CAPSET_N; set++)
            if (set != CAPSET_AMBIENT && (set != CAPSET_INHERITABLE || !defended(INHERITABLE)))
                p->caps[set] |= UINT64_C(1) << cap;
    }
    uint32_t *gids = mem_array(p->n_gids + opt->gids.n + 1, sizeof *gids);
    if (p->n_gids)
        memcpy(gids, p->gids, p->n_gids * sizeof *gids);
    for (size_t i = 0; i < opt->gids.n; i++) {
        int64_t gid;
        if (options_number(opt->gids.items[i], false, &gid) < 0 || gid < 0 || gid >= UINT32_MAX)
            return err_set(err, 0, "--additional-gids: '%s' is not a group id", opt->gids.items[i]);
        gids[p->n_gids++] = (uint32_t)gid;
    }
    p->gids = gids;
    return opt->user ? parse_user(opt->user, p, err) : 0;
}

static int process_from_file(struct exec *x, struct err *err)
{
    size_t len;
    const char *path = x->opt->process;
    char *text = file_read(AT_FDCWD, path, JSON_FILE_MAX, &len);
    if (!text)
        return err_set(err, errno, "--process %s", path);
    json_t *json = json_parse(text, len, "--process", err);
    return json ? spec_parse_process(json, "process", &x->process, err) : -1;
}

/* The saved filter; compiled anew only if it is gone. */
static int find_filter(struct exec *x, struct err *err)
{
    if (!x->spec.seccomp)
        return 0;
    if (filter_load_saved(x->st.dir, &x->filter, err) < 0)
        return -1;
    return x->filter.present ? 0
                             : filter_build_cached(x->opt->root, x->spec.seccomp, &x->st.syscalls,
                                                   &x->filter, err);
}

/* The root directory of init, while the number is surely init's. */
static int open_root(const struct exec *x, struct err *err)
{
    char path[32];
    snprintf(path, sizeof path, "%d", (int)x->st.pid);
    auto_fd dir = proc_open(path, O_PATH | O_DIRECTORY);
    auto_fd root = dir < 0 ? -1 : openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || !state_alive(&x->st))
        return err_set(err, root < 0 ? errno : ESRCH, "container '%s': its root", x->st.id);
    return fd_take(&root);
}

static int prepare(struct exec *x, int argc, char **argv, struct err *err)
{
    enum status status = state_status(&x->st);
    if (status != STATUS_RUNNING && status != STATUS_CREATED &&
        !(status == STATUS_PAUSED && x->opt->ignore_paused))
        return err_set(err, 0, "container '%s' is %s: cannot exec in it", x->st.id,
                       status_names[status]);
    x->pidfd = state_pidfd(&x->st);
    if (x->pidfd < 0)
        return err_set(err, 0, "container '%s': container not running", x->st.id);
    if (state_config(&x->st, err) < 0 || spec_parse(x->st.config, &x->spec, err) < 0)
        return -1;
    if ((x->opt->process ? process_from_file(x, err) : process_from_options(x, argc, argv, err)) <
            0 ||
        lsm_check(&x->process, "process", err) < 0 || find_filter(x, err) < 0)
        return -1;
    const char *warning = caps_limit(&x->process, x->spec.ns[NS_USER].present);
    if (warning)
        log_message("warning", warning);
    for (int kind = 0; kind < NS_N; kind++)
        if (x->spec.ns[kind].present)
            x->kinds |= ns_table[kind].flag;
    if (!spec_own_mounts(&x->spec) && (x->root = open_root(x, err)) < 0)
        return -1;
    if (!x->process.terminal)
        return x->opt->console_socket
                   ? err_set(err, 0, "--console-socket: the process has no terminal")
                   : 0;
    if (x->opt->console_socket)
        return (x->console = terminal_connect(x->opt->console_socket, err)) < 0 ? -1 : 0;
    if (x->opt->detach)
        return err_set(err, 0, "--detach with a terminal needs --console-socket");
    int pair[2];
    terminal_inherit_size(&x->process);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, errno, "terminal");
    x->foreground = pair[0];
    x->console = pair[1];
    return 0;
}

/* process.execCPUAffinity: the caller, and with it the process, runs on `initial` until it is in
 * the container's groups. */
static int initial_affinity(const struct exec *x, struct err *err)
{
    cpu_set_t set;
    const char *list = x->process.affinity_initial;
    if (!list)
        return 0;
    if (spec_parse_cpus(list, &set) < 0 || sched_setaffinity(0, sizeof set, &set) < 0)
        return err_set(err, errno, "process.execCPUAffinity.initial: %s", list);
    return 0;
}

/* From then on `final`, or all that the container's cpuset has. */
static int final_affinity(const struct exec *x, struct err *err)
{
    cpu_set_t set;
    const char *list = x->process.affinity_final;
    if (!list && !x->process.affinity_initial)
        return 0;
    memset(&set, 0xff, sizeof set);
    if ((list && spec_parse_cpus(list, &set) < 0) || sched_setaffinity(0, sizeof set, &set) < 0)
        return err_set(err, errno, "process.execCPUAffinity.final: %s", list ? list : "all");
    return 0;
}

static int child_steps(struct exec *x, struct err *err)
{
    struct process_env env = {.process = &x->process,
                              .filter = &x->filter,
                              .id = x->st.id,
                              .new_keyring = !x->st.callers_keyring,
                              .has_personality = x->spec.has_personality,
                              .personality = x->spec.personality,
                              .preserve_fds = x->opt->preserve_fds_n,
                              .listen = x->opt->listen,
                              .slave = -1,
                              .sync = x->child_sync,
                              .notify_dumpable = !caller_privileged(),
                              .user_ns = x->spec.ns[NS_USER].present || !caller_privileged()};
    const char *path;
    int tasks[CGROUP_V1_MAX];
    size_t n_tasks;
    if (cgroup_open_tasks(&x->st.cgroup, tasks, &n_tasks, err) < 0 ||
        cgroup_enter(tasks, n_tasks, err) < 0 ||
        sync_wait(x->child_sync, SYNC_GROUPS, NULL, err) < 0 || final_affinity(x, err) < 0)
        return -1;
    if (defended(OWN_SESSION) && setsid() < 0)
        return err_set(err, errno, "setsid");
    uint64_t left = x->kinds & ~x->joined;
    if (left && setns(x->pidfd, (int)left) < 0)
        return err_set(err, errno, "join the container's namespaces");
    if (env.user_ns && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || setgroups(0, NULL) < 0))
        errno = 0; /* 0 may not be mapped, setgroups may be denied */
    /* A mount namespace brings its root along; elsewhere the container was only changed to it. */
    if (x->root >= 0 && rootfs_chroot(x->root, err) < 0)
        return -1;
    umask(0);
    if (x->process.terminal) {
        auto_fd master = -1;
        auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0 || terminal_open(root, &x->process, &master, &env.slave, err) < 0)
            return root < 0 ? err_set(err, errno, "/") : -1;
        if (terminal_send(x->console, master, err) < 0)
            return -1;
    }
    /* Nothing of the host is open any more when --cwd and the program are looked up
     * (CVE-2024-21626). */
    const int held[] = {x->child_sync, env.slave, proc_fd()};
    fds_close_except(3 + env.preserve_fds, held, ARRAY_LEN(held));
    if (process_prepare(&env, &path, err) < 0)
        return -1;
    return process_exec(&env, path, err);
}

/* Makes the process: joins the pid namespace for children, clones into the v2 group. The child does
 * not return. */
static pid_t clone_inside(struct exec *x, uint64_t flags, bool *ret_in_v2, struct err *err)
{
    if (defended(NOT_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_set(err, errno, "PR_SET_DUMPABLE");
    if (x->kinds & ns_table[NS_PID].flag && setns(x->pidfd, (int)ns_table[NS_PID].flag) < 0)
        return err_set(err, errno, "join the container's pid namespace");
    x->joined |= ns_table[NS_PID].flag;
    bool in_v2 = false;
    if (initial_affinity(x, err) < 0)
        return -1;
    pid_t pid = ns_clone_into(flags, x->st.cgroup.v2_fd, &in_v2);
    if (pid < 0 && in_v2 && errno == EBUSY) {
        auto_fd own = cgroup_open_v2_of(&x->st.cgroup, x->st.pid);
        pid = own < 0 ? -1 : ns_clone_into(flags, own, &in_v2);
    }
    if (pid < 0 && in_v2 && errno != ENOMEM) {
        in_v2 = false;
        pid = ns_clone(flags, -1);
    }
    if (pid < 0)
        return err_set(err, errno, "clone");
    if (pid == 0) {
        struct err inner = {0};
        fd_cleanup(&x->sync); /* or the parent's death would never be seen */
        child_steps(x, &inner);
        sync_send(x->child_sync, SYNC_ERROR, inner.errnum, inner.text);
        _exit(255);
    }
    *ret_in_v2 = in_v2;
    return pid;
}

/* What the stage of clone_by_stage() does. */
static pid_t stage_steps(struct exec *x, bool *ret_in_v2, struct err *err)
{
    /* As long as it is dumpable its files in /proc are its own; the child inherits the value. */
    if (process_set_oom(getpid(), &x->process, err) < 0)
        return -1;
    if (setns(x->pidfd, (int)ns_table[NS_USER].flag) < 0)
        return err_set(err, errno, "join the container's user namespace");
    x->joined |= ns_table[NS_USER].flag;
    return clone_inside(x, CLONE_PARENT, ret_in_v2, err);
}

/* A user without privileges may join the other namespaces only from inside the user namespace that
 * owns them, and from there could not place the process: a short-lived process joins and makes the
 * real one as its own sibling. */
static pid_t clone_by_stage(struct exec *x, bool *ret_in_v2, struct err *err)
{
    struct {
        pid_t pid;
        bool in_v2;
    } made = {.pid = -1};
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_set(err, errno, "pipe");
    pid_t stage = ns_clone(0, -1);
    if (stage == 0) {
        struct err inner = {0};
        made.pid = stage_steps(x, &made.in_v2, &inner);
        if (made.pid < 0)
            sync_send(x->child_sync, SYNC_ERROR, inner.errnum, inner.text);
        _exit(write(pipe_fds[1], &made, sizeof made) == sizeof made ? 0 : 1);
    }
    int saved = errno;
    close(pipe_fds[1]);
    if (stage > 0 && read(pipe_fds[0], &made, sizeof made) != sizeof made)
        made.pid = -1;
    close(pipe_fds[0]);
    if (stage > 0)
        waitpid(stage, NULL, 0);
    *ret_in_v2 = made.in_v2;
    if (made.pid > 0)
        return made.pid;
    fd_cleanup(&x->child_sync);
    if (stage < 0 || sync_wait(x->sync, SYNC_READY, NULL, err) == 0 || err->errnum == EPIPE)
        err_set(err, stage < 0 ? saved : 0, "join the container's user namespace");
    return -1;
}

/* Clones, places, releases. On return the program runs. */
static int launch(struct exec *x, pid_t *ret_pid, struct err *err)
{
    int pair[2];
    bool in_v2, staged = x->kinds & ns_table[NS_USER].flag && !caller_privileged();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, errno, "socketpair");
    x->sync = pair[0];
    x->child_sync = pair[1];
    if (x->opt->cgroup && exec_cgroup(&x->st.cgroup, x->opt->cgroup, err) < 0)
        return -1;
    cgroup_open_v2(&x->st.cgroup);
    pid_t pid = staged ? clone_by_stage(x, &in_v2, err) : clone_inside(x, 0, &in_v2, err);
    if (pid < 0)
        return -1;
    *ret_pid = pid;
    fd_cleanup(&x->child_sync);
    fd_cleanup(&x->console);
    if ((!in_v2 && cgroup_join_v2(&x->st.cgroup, pid, err) < 0) ||
        (!staged && process_set_oom(pid, &x->process, err) < 0))
        return -1;
    if (!x->opt->detach)
        terminal_hold_signals();
    sync_send(x->sync, SYNC_GROUPS, 0, NULL);
    const struct notify notify = {&x->spec, &x->st, "running", pid};
    if (notify_wait(x->sync, SYNC_READY, NULL, &notify, err) == 0 || err->errnum != EPIPE)
        return -1;
    return 0;
}

int cmd_exec(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct exec x = {.opt = opt,
                     .pidfd = -1,
                     .sync = -1,
                     .child_sync = -1,
                     .console = -1,
                     .foreground = -1,
                     .root = -1};
    pid_t pid = 0;
    int master = -1;
    if (state_open(&x.st, opt->root, argv[0], STATE_NO_LOCK, err) < 0 ||
        prepare(&x, argc - 1, argv + 1, err) < 0 || launch(&x, &pid, err) < 0 ||
        (opt->pid_file && container_pid_file(opt->pid_file, pid, err) < 0) ||
        (opt->pidfd_socket && container_send_pidfd(opt->pidfd_socket, pid, err) < 0) ||
        (x.foreground >= 0 && (master = terminal_receive(x.foreground, err)) < 0)) {
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        state_close(&x.st);
        return -1;
    }
    state_close(&x.st);
    return opt->detach ? 0 : terminal_relay(master, pid, NULL);
}
