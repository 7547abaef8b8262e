/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "process.h"

#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "caps.h"
#include "defences.h"
#include "home.h"
#include "lsm.h"
#include "notify.h"
#include "terminal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The caller's mask and ignored signals are not the container's. */
static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int sig = 1; sig < 65; sig++)
        signal(sig, SIG_DFL);
}

static int set_rlimits(const struct spec_process *p, struct err *err)
{
    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct spec_rlimit *want = &p->rlimits[i];
        struct rlimit limit = {.rlim_cur = want->soft, .rlim_max = want->hard}, now;
        if (setrlimit((__rlimit_resource_t)want->resource, &limit) == 0)
            continue;
        int saved = errno;
        if (saved == EPERM && getrlimit((__rlimit_resource_t)want->resource, &now) == 0 &&
            limit.rlim_max > now.rlim_max)
            return err_set(err, saved,
                           "process.rlimits[%zu]: %s hard limit %llu is above the caller's %llu", i,
                           want->type, (unsigned long long)limit.rlim_max,
                           (unsigned long long)now.rlim_max);
        return err_set(err, saved, "process.rlimits[%zu]: %s", i, want->type);
    }
    return 0;
}

/* sched_setattr(2), which glibc 2.36 does not wrap. */
static int set_scheduler(const struct spec_process *p, struct err *err)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof attr,
              .policy = p->sched_policy_number,
              .flags = p->sched_flags,
              .nice = (int32_t)p->sched_nice,
              .priority = (uint32_t)p->sched_priority,
              .runtime = p->sched_runtime,
              .deadline = p->sched_deadline,
              .period = p->sched_period};
    if (p->has_scheduler && syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
        return err_set(err, errno, "process.scheduler: %s", p->sched_policy);
    return 0;
}

static int set_limits(const struct process_env *env, struct err *err)
{
    const struct spec_process *p = env->process;
    if (env->new_keyring && defended(OWN_KEYRING)) {
        /* Else the container could read the caller's keys. EPERM, ENOSYS: no keyrings here, so
         * nothing to hide. */
        char name[64];
        snprintf(name, sizeof name, "_ses.%.50s", env->id);
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0) < 0 &&
            errno != ENOSYS && errno != EPERM)
            return err_set(err, errno, "session keyring");
    }
    if (set_rlimits(p, err) < 0 || set_scheduler(p, err) < 0)
        return -1;
    if (p->has_io_priority &&
        syscall(SYS_ioprio_set, 1, 0, (int)(p->io_class << 13 | p->io_priority)) < 0)
        return err_set(err, errno, "process.ioPriority");
    if (env->has_personality && personality((unsigned long)env->personality) < 0)
        return err_set(err, errno, "linux.personality");
    return 0;
}

/* Standard descriptors that are pipes or sockets go to the user, so that /dev/stdout can be opened
 * by name. */
static void give_stdio(uint32_t uid)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) &&
            st.st_uid != uid && fchown(fd, uid, (gid_t)-1) < 0)
            continue; /* a descriptor that cannot change hands still works as it is */
    }
}

static int set_ids(const struct process_env *env, struct err *err)
{
    const struct spec_process *p = env->process;
    gid_t *gids = mem_array(p->n_gids + 1, sizeof *gids);
    for (size_t i = 0; i < p->n_gids; i++)
        gids[i] = p->gids[i];
    /* A single-id user namespace has setgroups denied: then only "none" can be had. */
    if (defended(OWN_GROUPS) && setgroups(p->n_gids, gids) < 0 &&
        !(errno == EPERM && env->user_ns && p->n_gids == 0))
        return err_set(err, errno, "process.user.additionalGids");
    if (setresgid(p->gid, p->gid, p->gid) < 0)
        return err_set(err, errno, "process.user.gid: %u", p->gid);
    if (setresuid(p->uid, p->uid, p->uid) < 0)
        return err_set(err, errno, "process.user.uid: %u", p->uid);
    umask(p->has_umask ? p->umask : 022);
    return 0;
}

/* A cwd that is not below the root is an escape (CVE-2024-21626): getcwd(3) says so with
 * "(unreachable)" or ENOENT. */
static int enter_cwd(const struct spec_process *p, struct err *err)
{
    char at[4096];
    if (chdir(p->cwd) < 0)
        return err_set(err, errno, "process.cwd: %s", p->cwd);
    if ((syscall(SYS_getcwd, at, sizeof at) < 0 || *at != '/') && defended(CWD_INSIDE))
        return err_set(err, EPERM, "process.cwd: %s is not inside the container", p->cwd);
    return 0;
}

/* Engines read the reason out of the message to choose between 126 and 127: they look for it as Go
 * spells it, and the Docker client minds the case. */
static int exec_error(struct err *err, int errnum, const char *name)
{
    const char *reason = strerrordesc_np(errnum);
    err_set(err, 0, "exec: \"%s\": %c%s", name, tolower((unsigned char)*reason), reason + 1);
    err->errnum = errnum;
    return -1;
}

const char *process_find(const struct spec_process *process, struct err *err)
{
    const char *name = process->args[0], *path = DEFAULT_PATH;
    struct stat st;
    int reason = ENOENT;
    if (strchr(name, '/')) {
        if (stat(name, &st) < 0)
            exec_error(err, errno, name);
        else if (S_ISDIR(st.st_mode))
            exec_error(err, EACCES, name); /* as execve(2) has it */
        else if (faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) < 0)
            exec_error(err, errno, name);
        else
            return name;
        return NULL;
    }
    for (size_t i = 0; i < process->n_env; i++)
        if (!strncmp(process->env[i], "PATH=", 5))
            path = process->env[i] + 5;
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, ":");
        const char *try = n ? mem_printf("%.*s/%s", (int)n, at, name) : mem_printf("./%s", name);
        if (stat(try, &st) == 0 && !S_ISDIR(st.st_mode)) {
            if (faccessat(AT_FDCWD, try, X_OK, AT_EACCESS) == 0)
                return try;
            reason = EACCES;
        }
        at += n;
        if (!*at)
            break;
    }
    if (reason == EACCES)
        exec_error(err, EACCES, name);
    else
        err_set(err, 0, "exec: \"%s\": executable file not found in $PATH", name);
    return NULL;
}

int process_prepare(struct process_env *env, const char **ret_path, struct err *err)
{
    const struct spec_process *p = env->process;
    reset_signals();
    if (set_limits(env, err) < 0)
        return -1;
    if (env->slave >= 0) {
        if (terminal_take(env->slave, p->uid, err) < 0)
            return -1;
    } else {
        give_stdio(p->uid);
    }
    if (defended(DESCRIPTORS) && close_range(3 + env->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return err_set(err, errno, "close inherited descriptors");
    if (lsm_apply(p, err) < 0)
        return -1;
    /* A path through it would lead to the host's processes and their roots (CVE-2024-21626). */
    proc_close();
    if (!p->no_new_privileges && notify_install(env, err) < 0)
        return -1;
    struct err before_ids;
    bool entered = enter_cwd(p, &before_ids) == 0;
    if (caps_before_setuid(p, err) < 0 || set_ids(env, err) < 0 || caps_apply(p, err) < 0)
        return -1;
    if (!entered && enter_cwd(p, err) < 0)
        return -1;
    if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(err, errno, "process.noNewPrivileges");
    *ret_path = NULL;
    if (p->n_args == 0)
        return 0;
    env->environment = home_environment(p);
    if (env->listen.n > 0)
        env->environment = activation_environment(&env->listen, env->environment);
    *ret_path = process_find(p, err);
    return *ret_path ? 0 : -1;
}

int process_exec(const struct process_env *env, const char *path, struct err *err)
{
    const struct spec_process *p = env->process;
    if (!path)
        return err_set(err, 0, "process: missing in config.json");
    if (p->no_new_privileges && notify_install(env, err) < 0)
        return -1;
    execve(path, (char **)(uintptr_t)p->args, (char **)(uintptr_t)env->environment);
    return exec_error(err, errno, path);
}

int process_set_oom(pid_t pid, const struct spec_process *process, struct err *err)
{
    char path[48], text[16];
    if (!process->has_oom_score_adj)
        return 0;
    snprintf(path, sizeof path, "%d/oom_score_adj", (int)pid);
    snprintf(text, sizeof text, "%d", (int)process->oom_score_adj);
    if (proc_write(path, text) < 0)
        return err_set(err, errno, "process.oomScoreAdj: %s", text);
    return 0;
}
