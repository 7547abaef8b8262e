/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "container.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "caller.h"
#include "caps.h"
#include "filter_cache.h"
#include "hooks.h"
#include "init.h"
#include "log.h"
#include "lsm.h"
#include "mounts.h"
#include "namespaces.h"
#include "notify.h"
#include "options.h"
#include "scope.h"
#include "terminal.h"

/* What create holds while it is at work. */
struct create {
    const struct options *opt;
    struct state *st;
    struct spec spec;
    char *text; /* config.json as it is */
    size_t len;
    struct seccomp_filter filter;
    struct init_plan plan;
    int sync;               /* the parent's end */
    struct sdnotify *ready; /* run: with a manager when there is one to tell */
    int console[2];         /* the foreground's socket pair, when there is no --console-socket */
    pid_t pid;
    pid_t helper; /* keeps systemd's scope until init is in it */
    bool in_v2;   /* cloned into the v2 group */
    bool
        hooked; /* hooks of create have begun, or the start: poststop hooks follow whatever comes */
};

int container_load_config(const struct options *opt, const char *bundle, struct spec *spec,
                          char **ret_text, size_t *ret_len, struct err *err)
{
    const char *path = opt->config ? opt->config : mem_printf("%s/config.json", bundle);
    *ret_text = file_read(AT_FDCWD, path, JSON_FILE_MAX, ret_len);
    if (!*ret_text)
        return err_set(err, errno, "%s", path);
    struct json_cut syscalls;
    json_t *json = json_parse_config(*ret_text, *ret_len, "config.json", &syscalls, err);
    if (!json || spec_parse(json, spec, err) < 0)
        return -1;
    spec->seccomp_syscalls = syscalls;
    return 0;
}

int container_cgroups(const struct options *opt, struct cgroup *cg, struct err *err)
{
    const char *manager = opt->cgroup_manager ? opt->cgroup_manager : "cgroupfs";
    memset(cg, 0, sizeof *cg);
    cg->v2_fd = -1;
    if (!strcmp(manager, "disabled"))
        return 0;
    if (strcmp(manager, "cgroupfs") != 0 && strcmp(manager, "systemd") != 0)
        return err_set(err, 0, "--cgroup-manager: '%s' is not cgroupfs, systemd or disabled",
                       manager);
    return cgroup_discover(cg, err);
}

int container_pid_file(const char *path, pid_t pid, struct err *err)
{
    char text[16];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    auto_fd dir =
        open(slash ? (slash == path ? "/" : mem_strndup(path, (size_t)(slash - path))) : ".",
             O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || !*name || file_replace(dir, name, text, (size_t)n, 0644) < 0)
        return err_set(err, *name ? errno : EISDIR, "--pid-file %s", path);
    return 0;
}

int container_send_pidfd(const char *path, pid_t pid, struct err *err)
{
    auto_fd pidfd = pidfd_open(pid, 0);
    auto_fd sock = pidfd < 0 ? -1 : unix_connect(path);
    if (sock < 0 || fd_send(sock, "pidfd", pidfd) < 0)
        return err_set(err, errno, "--pidfd-socket %s", path);
    return 0;
}

int container_hooks(const struct state *st, const struct spec *spec, enum hook_kind kind,
                    const char *status, bool all, struct err *err)
{
    if (spec->n_hooks[kind] == 0)
        return 0;
    struct state copy = *st;
    copy.config = spec->json;
    json_t *doc = state_json(&copy, status);
    char *text = json_text(doc, JSON_COMPACT);
    json_decref(doc);
    int rc =
        text ? hooks_run(spec, kind, text, all, err) : err_set(err, 0, "hooks: state is not UTF-8");
    return rc;
}

/* Where the terminal goes: --console-socket, or a pair to the foreground relay. */
static int prepare_terminal(struct create *c, bool start_now, struct err *err)
{
    const char *path = c->opt->console_socket;
    bool terminal = c->spec.process.terminal;
    if (path && !terminal)
        return err_set(err, 0, "--console-socket: process.terminal is not set");
    if (!terminal)
        return 0;
    if (path) {
        c->plan.console = terminal_connect(path, err);
        return c->plan.console < 0 ? -1 : 0;
    }
    if (!start_now || c->opt->detach)
        return err_set(err, 0, "process.terminal: needs --console-socket");
    terminal_inherit_size(&c->spec.process);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->console) < 0)
        return err_set(err, errno, "process.terminal");
    c->plan.console = c->console[1];
    return 0;
}

/* Root and bind sources, as detached mounts, while the host's directories are in reach. */
static int prepare_mounts(struct create *c, struct err *err)
{
    struct init_plan *plan = &c->plan;
    struct stat st;
    const char *path = c->spec.root_path;
    if (*path != '/')
        path = mem_printf("%s/%s", c->st->bundle, path);
    char *real = realpath(path, NULL);
    if (!real)
        return err_set(err, errno, "root.path: %s", path);
    c->st->rootfs = plan->rootfs = mem_strdup(real);
    free(real);
    if (stat(plan->rootfs, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ENOTDIR, "root.path: %s", path);
    if (overlay_parse(&c->spec, c->st->bundle, &plan->overlay, err) < 0)
        return -1;
    plan->root_mount = -1;
    if (!spec_own_mounts(&c->spec))
        return plan->overlay.present
                   ? err_set(err, 0, "annotations.%s: needs a new mount namespace", OVERLAY_LOWER)
                   : 0;
    plan->overlay.user_xattr = !caller_privileged();
    if (!caller_may_mount())
        return 0; /* only inside its own user namespace may it mount */
    if (rootfs_make(&plan->overlay, plan->rootfs, &plan->root_mount, err) < 0)
        return -1;
    const struct spec_namespace *net = &c->spec.ns[NS_NETWORK];
    bool own_sys = net->present && !net->path;
    plan->cloned = mem_array(c->spec.n_mounts + 1, sizeof *plan->cloned);
    for (size_t i = 0; i < c->spec.n_mounts; i++) {
        struct mount_plan mount;
        mount_plan_parse(&c->spec.mounts[i], &mount);
        bool user_ns = plan->env.user_ns, shared = mount.propagation == MS_SHARED;
        bool sys = user_ns && !mount.bind && !mount.remount && !own_sys &&
                   !strcmp(c->spec.mounts[i].type, "sysfs");
        plan->cloned[i] = -1;
        if (mount.bind && mount.n_data > 0)
            log_message("warning", mem_printf("mounts[%zu].options: '%s' means nothing to a bind "
                                              "mount",
                                              i, mount.data[0]));
        /* Mappings are written through the host's procfs, where only the parent's pids are right.
         * What is to be shared with the host is cloned where it is still the host's peer. */
        if (!sys && !mount.idmap && !(mount.bind && (user_ns || shared)))
            continue;
        plan->cloned[i] = sys ? mount_clone_sys(&c->spec.mounts[i], err)
                              : mount_clone_source(&c->spec.mounts[i], c->st->bundle, err);
        if (plan->cloned[i] < 0)
            return -1;
    }
    return 0;
}

/* The socket on which the waiting init takes `start`, bound through the directory's descriptor. */
static int prepare_start(struct create *c, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock", c->st->dir);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        return err_set(err, errno, "%s/%s/start.sock", c->st->root, c->st->id);
    c->plan.start = fd_take(&fd);
    return 0;
}

/* Everything that can be known to be wrong before a directory or process exists. */
static int prepare(struct create *c, const char *id, bool start_now, struct err *err)
{
    const struct options *opt = c->opt;
    struct init_plan *plan = &c->plan;
    char *bundle = realpath(opt->bundle ? opt->bundle : ".", NULL);
    if (!bundle)
        return err_set(err, errno, "--bundle %s", opt->bundle ? opt->bundle : ".");
    const char *kept = mem_strdup(bundle);
    free(bundle);
    if (!id_valid(id))
        return err_set(err, 0, "container id '%s': letters, digits and _+-. only", id);
    if (container_load_config(opt, kept, &c->spec, &c->text, &c->len, err) < 0 ||
        filter_build_cached(opt->root, c->spec.seccomp, &c->spec.seccomp_syscalls, &c->filter,
                            err) < 0)
        return -1;
    if (start_now && !c->spec.has_process)
        return err_set(err, 0, "process: missing in config.json");
    if (lsm_check(&c->spec.process, "process", err) < 0 || lsm_check_mounts(&c->spec, err) < 0)
        return -1;
    const char *warning = caps_limit(&c->spec.process, c->spec.ns[NS_USER].present);
    if (warning)
        log_message("warning", warning);
    c->st->bundle = kept;
    plan->spec = &c->spec;
    plan->id = id;
    plan->bundle = kept;
    plan->cgroup = &c->st->cgroup;
    plan->no_pivot = opt->no_pivot;
    caller_default_maps(&c->spec);
    plan->new_user_ns = c->spec.ns[NS_USER].present && !c->spec.ns[NS_USER].path;
    plan->env = (struct process_env){
        .process = &c->spec.process,
        .filter = &c->filter,
        .id = id,
        .new_keyring = !opt->no_new_keyring,
        .has_personality = c->spec.has_personality,
        .personality = c->spec.personality,
        .preserve_fds = opt->preserve_fds_n,
        .listen = opt->listen,
        .slave = -1,
        .user_ns = c->spec.ns[NS_USER].present || !caller_privileged(),
        .sync = -1,
        .notify_dumpable = !caller_privileged(),
    };
    plan->notify = sdnotify_prepare(&c->spec, start_now, c->ready);
    if (ns_open_paths(&c->spec, plan->ns_fds, err) < 0)
        return -1;
    return ns_check_own(&c->spec, plan->ns_fds, err);
}

/* State directory with its first contents. From here on failures have something to undo. */
static int make_state(struct create *c, const char *id, struct err *err)
{
    const char *bundle = c->st->bundle, *rootfs = c->st->rootfs;
    struct cgroup cg;
    if (container_cgroups(c->opt, &cg, err) < 0)
        return -1;
    if (state_create(c->st, c->opt->root, id, err) < 0)
        return -1;
    c->st->bundle = bundle;
    c->st->rootfs = rootfs;
    if (!caller_privileged()) {
        /* Before there are copies of these mounts in the root of the container. */
        struct cgroup *all = mem_alloc(sizeof *all);
        if (cgroup_discover(all, err) < 0)
            return -1;
        cgroup_set_path(all, "");
        c->plan.callers = all;
    }
    if (cg.mode != CGROUP_NONE) {
        /* Before it is recorded as ours: what is recorded is killed and removed when this fails. */
        const char *path = c->spec.cgroups_path;
        bool systemd = c->opt->systemd_cgroup ||
                       (c->opt->cgroup_manager && !strcmp(c->opt->cgroup_manager, "systemd"));
        if (systemd) {
            if (scope_plan(&cg, path, id, err) < 0)
                return -1;
        } else if (caller_privileged())
            cgroup_set_path(&cg, path ? path : mem_printf("/gemel/%s", id));
        else if (cgroup_set_delegated(&cg, path, id, err) < 0)
            return -1;
        if (cgroup_check_free(&cg, err) < 0)
            return -1;
        c->st->cgroup = cg;
    }
    c->st->plain = c->spec.has_process && !filter_notifies(&c->filter) &&
                   c->spec.n_hooks[HOOK_POSTSTART] + c->spec.n_hooks[HOOK_POSTSTOP] == 0;
    c->st->callers_keyring = c->opt->no_new_keyring;
    return state_save(c->st, err);
}

/* In a child: the parent's end of the socket, or the parent's death would never be seen, and the
 * lock on the state directory. */
static void drop_parent_fds(struct create *c)
{
    fd_cleanup(&c->sync);
    fd_cleanup(&c->console[0]);
    fd_cleanup(&c->st->dir);
}

/*
 * Namespaces that exist and belong to the host's user namespace cannot be joined from inside a new
 * one, and a pid namespace takes only children: a short-lived process joins first and makes init as
 * its own sibling.
 */
static pid_t clone_by_stage(struct create *c, uint64_t flags, struct err *err)
{
    int pipe_fds[2];
    pid_t got = -1;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_set(err, errno, "pipe");
    pid_t stage = ns_clone(0, -1);
    if (stage == 0) {
        struct err inner;
        drop_parent_fds(c);
        unsigned early = ~(1u << NS_MOUNT | 1u << NS_CGROUP);
        int rc = ns_join(c->plan.ns_fds, early & 1u << NS_USER, &inner);
        rc = rc < 0 ? rc : ns_join(c->plan.ns_fds, early & ~(1u << NS_USER), &inner);
        if (rc < 0) {
            sync_send(c->plan.sync, SYNC_ERROR, inner.errnum, inner.text);
            _exit(1);
        }
        for (int kind = 0; kind < NS_N; kind++)
            if (kind != NS_MOUNT && kind != NS_CGROUP)
                c->plan.ns_fds[kind] = -1;
        pid_t pid = ns_clone(flags | CLONE_PARENT, -1);
        if (pid == 0)
            init_run(&c->plan);
        _exit(write(pipe_fds[1], &pid, sizeof pid) == sizeof pid && pid > 0 ? 0 : 1);
    }
    int saved = errno;
    close(pipe_fds[1]);
    if (stage < 0 || read(pipe_fds[0], &got, sizeof got) != sizeof got)
        got = -1;
    close(pipe_fds[0]);
    if (stage > 0)
        waitpid(stage, NULL, 0);
    if (got > 0)
        return got;
    /* Its own words, when it had any. */
    close(c->plan.sync);
    c->plan.sync = -1;
    if (stage < 0 || sync_wait(c->sync, SYNC_READY, NULL, err) == 0 || err->errnum == EPIPE)
        err_set(err, stage < 0 ? saved : 0, "linux.namespaces: join and clone");
    return -1;
}

static int clone_init(struct create *c, struct err *err)
{
    int pair[2];
    bool joins = false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, errno, "socketpair");
    c->sync = pair[0];
    c->plan.sync = pair[1];
    for (int kind = 0; kind < NS_N; kind++)
        joins |= c->plan.ns_fds[kind] >= 0;
    /* The cgroup namespace is made inside, once init is in its groups. */
    uint64_t flags = ns_new_flags(&c->spec) & ~ns_table[NS_CGROUP].flag & ~ns_table[NS_TIME].flag;
    if (joins && (c->plan.env.user_ns || c->plan.ns_fds[NS_PID] >= 0)) {
        c->pid = clone_by_stage(c, flags, err);
    } else {
        c->pid = ns_clone_into(flags, c->st->cgroup.v2_fd, &c->in_v2);
        /* EBUSY, EOPNOTSUPP and the like of a v2 group that takes no process at clone: it is moved
         * later. */
        if (c->pid < 0 && c->in_v2) {
            c->pid = ns_clone(flags, -1);
            c->in_v2 = false;
        }
        if (c->pid < 0)
            err_set(err, errno, "linux.namespaces: %s",
                    errno == EPERM && !caller_privileged() && !(flags & CLONE_NEWUSER)
                        ? "a user without privileges needs a user namespace"
                        : "clone");
        if (c->pid == 0) {
            drop_parent_fds(c);
            init_run(&c->plan);
        }
    }
    if (c->pid < 0)
        return -1;
    fd_cleanup(&c->plan.sync);
    fd_cleanup(&c->plan.start);
    if (c->plan.console >= 0)
        fd_cleanup(&c->plan.console);
    return 0;
}

/* What a word from init did not come for: its own message, or how it died. */
static int explain(struct create *c, struct err *err)
{
    int status;
    if (err->errnum != EPIPE || waitpid(c->pid, &status, 0) != c->pid)
        return -1;
    c->pid = 0;
    if (WIFSIGNALED(status) && cgroup_oom_kills(&c->st->cgroup) > 0)
        return err_set(err, ENOMEM,
                       "the container's init was killed while it was being made: "
                       "linux.resources.memory.limit is too small");
    if (WIFSIGNALED(status))
        return err_set(err, 0,
                       "the container's init was killed by signal %d while it was being made",
                       WTERMSIG(status));
    return err_set(err, 0, "the container's init ended with status %d while it was being made",
                   WEXITSTATUS(status));
}

/* Init took no more words: it said why, or died. */
static int early_end(struct create *c, struct err *err)
{
    err->errnum = EPIPE;
    return sync_wait(c->sync, SYNC_READY, NULL, err) < 0 ? explain(c, err) : -1;
}

/* Gives init its v1 groups, in which it puts itself when it comes to that. */
static int send_groups(struct create *c, struct err *err)
{
    int fds[CGROUP_V1_MAX];
    size_t n;
    if (cgroup_open_tasks(&c->st->cgroup, fds, &n, err) < 0)
        return -1;
    int rc = sync_send_fds(c->sync, SYNC_GROUPS, (int)c->pid, fds, n) < 0 ? early_end(c, err) : 0;
    for (size_t i = 0; i < n; i++)
        fd_cleanup(&fds[i]);
    return rc;
}

/* What later commands read. */
static int save_copies(struct create *c, struct err *err)
{
    struct state *st = c->st;
    if (file_replace(st->dir, "config.json", c->text, c->len, 0600) < 0)
        return err_set(err, errno, "%s/%s/config.json", st->root, st->id);
    return filter_save(st->dir, &c->filter, err);
}

/* From clone to READY. */
static int build(struct create *c, struct err *err)
{
    const struct spec *spec = &c->spec;
    struct state *st = c->st;
    if (st->cgroup.scope && scope_start(&st->cgroup, &spec->resources, st->id, &c->helper, err) < 0)
        return -1;
    if (st->cgroup.mode != CGROUP_NONE && cgroup_create_v2(&st->cgroup, err) < 0)
        return -1;
    /* On v2 nothing escapes limits that are in place before clone; on v1 init waits for its groups.
     */
    bool v2 = st->cgroup.mode == CGROUP_V2;
    uid_t owner;
    if (v2 && (cgroup_limit(&st->cgroup, &spec->resources, false, err) < 0 ||
               (caller_privileged() && cgroup_owner(spec, &owner) && owner != 0 &&
                cgroup_delegate(&st->cgroup, owner, err) < 0)))
        return -1;
    if (clone_init(c, err) < 0)
        return -1;
    if (c->plan.new_user_ns && ns_write_maps(c->pid, spec->uid_maps, spec->n_uid_maps,
                                             spec->gid_maps, spec->n_gid_maps, "linux", err) < 0)
        return -1;
    /* A user without privileges may move it, and write its files in /proc, only as long as it has
     * his id and is dumpable: it goes on when that is done. */
    bool held = c->plan.new_user_ns && !caller_privileged();
    if (c->plan.new_user_ns && !held && sync_send(c->sync, SYNC_MAPPED, 0, NULL) < 0)
        return err_set(err, errno, "sync");
    /* Meanwhile init makes its root and the first of its mounts. */
    if (!v2 && (cgroup_create_v1(&st->cgroup, err) < 0 ||
                cgroup_limit(&st->cgroup, &spec->resources, false, err) < 0))
        return -1;
    if (!c->in_v2 && cgroup_join_v2(&st->cgroup, c->pid, err) < 0)
        return -1;
    if (process_set_oom(c->pid, &spec->process, err) < 0)
        return -1;
    if (held && sync_send(c->sync, SYNC_MAPPED, 0, NULL) < 0)
        return err_set(err, errno, "sync");
    char letter;
    st->pid = c->pid;
    if (proc_stat(c->pid, &st->pid_start, &letter) < 0)
        return err_set(err, errno, "/proc/%d/stat", (int)c->pid);
    if (send_groups(c, err) < 0 || save_copies(c, err) < 0)
        return -1;
    c->hooked = spec->n_hooks[HOOK_PRESTART] + spec->n_hooks[HOOK_CREATE_RUNTIME] +
                    spec->n_hooks[HOOK_CREATE_CONTAINER] >
                0;
    if (spec->n_hooks[HOOK_PRESTART] + spec->n_hooks[HOOK_CREATE_RUNTIME] > 0) {
        if (sync_wait(c->sync, SYNC_HOOKS, NULL, err) < 0)
            return explain(c, err);
        if (container_hooks(st, spec, HOOK_PRESTART, "creating", false, err) < 0 ||
            container_hooks(st, spec, HOOK_CREATE_RUNTIME, "creating", false, err) < 0)
            return -1;
        sync_send(c->sync, SYNC_DONE, 0, NULL);
    }
    if (c->ready->manager >= 0 && sdnotify_receive(c->sync, SYNC_SOCKET, c->ready, err) < 0)
        return explain(c, err);
    const struct notify notify = {spec, st, "creating", c->pid};
    return notify_wait(c->sync, SYNC_READY, NULL, &notify, err) < 0 ? explain(c, err) : 0;
}

static void end_helper(struct create *c)
{
    if (c->helper > 0) {
        kill(c->helper, SIGKILL);
        waitpid(c->helper, NULL, 0);
    }
    c->helper = 0;
}

/* READY to COMMIT, and for run to execve. */
static int commit(struct create *c, bool start_now, struct err *err)
{
    struct state *st = c->st;
    end_helper(c);
    st->creating = false;
    if (c->opt->pid_file && container_pid_file(c->opt->pid_file, c->pid, err) < 0)
        return -1;
    if (c->opt->pidfd_socket && container_send_pidfd(c->opt->pidfd_socket, c->pid, err) < 0)
        return -1;
    if (state_save(st, err) < 0)
        return -1;
    if (start_now && !c->opt->detach)
        terminal_hold_signals();
    /* From here on it is a container that was created, and what follows is its end. */
    c->hooked |= start_now;
    if (sync_send(c->sync, SYNC_COMMIT, 0, NULL) < 0) {
        err->errnum = EPIPE;
        return explain(c, err);
    }
    if (!start_now)
        return 0;
    /* Success is the end of the socket: execve closed it. */
    const struct notify notify = {&c->spec, st, "created", c->pid};
    if (notify_wait(c->sync, SYNC_READY, NULL, &notify, err) == 0 || err->errnum != EPIPE)
        return -1;
    struct err warning;
    if (container_hooks(st, &c->spec, HOOK_POSTSTART, "running", true, &warning) < 0)
        log_message("warning", warning.text);
    return 0;
}

/* Takes back what was made, newest first. Errors of the undoing itself do not hide the first one.
 */
static void undo(struct create *c)
{
    struct err ignored;
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
        if (c->opt->pid_file && !c->st->creating)
            unlink(c->opt->pid_file);
    }
    end_helper(c);
    if (c->st->dir >= 0 && c->st->locked) {
        /* What cannot be taken back now must still be found by `delete`. */
        if (cgroup_destroy(&c->st->cgroup, &ignored) < 0)
            log_message("warning", ignored.text);
        else
            state_remove(c->st, &ignored);
        if (c->hooked &&
            container_hooks(c->st, &c->spec, HOOK_POSTSTOP, "stopped", true, &ignored) < 0)
            log_message("warning", ignored.text);
    }
    state_close(c->st);
}

int container_create(const struct options *opt, const char *id, bool start_now, struct state *st,
                     int *ret_master, struct sdnotify *ret_ready, struct err *err)
{
    struct create c = {.opt = opt, .st = st, .sync = -1, .console = {-1, -1}, .ready = ret_ready};
    *ret_ready = SDNOTIFY_NONE;
    memset(st, 0, sizeof *st);
    st->dir = -1;
    st->cgroup.v2_fd = -1;
    c.plan.root_mount = c.plan.console = c.plan.start = c.plan.sync = c.plan.notify_fd = -1;
    if (prepare(&c, id, start_now, err) < 0 || prepare_terminal(&c, start_now, err) < 0 ||
        prepare_mounts(&c, err) < 0)
        return -1;
    if (make_state(&c, id, err) < 0 || (!start_now && prepare_start(&c, err) < 0) ||
        build(&c, err) < 0 || commit(&c, start_now, err) < 0) {
        undo(&c);
        return -1;
    }
    *ret_master = -1;
    if (c.console[0] >= 0 && (*ret_master = terminal_receive(c.console[0], err)) < 0) {
        undo(&c);
        return -1;
    }
    fd_cleanup(&c.console[0]);
    fd_cleanup(&c.sync);
    fd_cleanup(&c.plan.root_mount);
    return 0;
}
