/* SPDX-License-Identifier: GPL-3.0-or-later */
/* create, start, run, kill, delete, pause, resume */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "commands.h"
#include "container.h"
#include "terminal.h"

int cmd_create(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct sdnotify ready;
    int master;
    if (container_create(opt, argv[0], false, &st, &master, &ready, err) < 0)
        return -1;
    state_close(&st);
    return 0;
}

/* Others may have the container meanwhile: it may be long until it says that it is ready. */
static void wait_ready(struct state *st, struct sdnotify *ready)
{
    if (ready->inside < 0)
        return;
    auto_fd pidfd = state_pidfd(st);
    state_unlock(st);
    sdnotify_wait(ready, pidfd, st->pid);
}

int cmd_start(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct sdnotify ready = SDNOTIFY_NONE;
    int rc = state_open(&st, opt->root, argv[0], STATE_LOCK, err);
    if (rc == 0)
        rc = container_start(&st, &ready, err);
    if (rc == 0)
        wait_ready(&st, &ready);
    state_close(&st);
    return rc;
}

int cmd_run(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct sdnotify ready;
    int master, status = 0, rc = 0;
    if (container_create(opt, argv[0], true, &st, &master, &ready, err) < 0)
        return -1;
    state_unlock(&st);
    if (opt->detach)
        wait_ready(&st, &ready);
    else
        status = terminal_relay(master, st.pid, &ready);
    /* Somebody else may have deleted it meanwhile. */
    if (!opt->detach && !opt->keep && state_relock(&st))
        rc = container_delete(&st, true, err);
    state_close(&st);
    return rc < 0 ? -1 : status;
}

/* TERM, SIGTERM or 15. */
static int parse_signal(const char *text)
{
    int64_t number;
    if (options_number(text, false, &number) == 0)
        return number >= 1 && number <= SIGRTMAX ? (int)number : -1;
    const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
    for (int sig = 1; sig < 32; sig++)
        if (sigabbrev_np(sig) && !strcasecmp(sigabbrev_np(sig), name))
            return sig;
    if (!strncasecmp(name, "RTMIN", 5)) {
        if (!name[5])
            return SIGRTMIN;
        if (name[5] == '+' && options_number(name + 6, false, &number) == 0 && number >= 0 &&
            number <= SIGRTMAX - SIGRTMIN)
            return SIGRTMIN + (int)number;
    }
    return -1;
}

/* True when the container shares its pid namespace: its processes do not end with init. */
static bool shares_pids(struct state *st)
{
    struct err ignored;
    struct spec spec;
    return state_config(st, &ignored) == 0 && spec_parse(st->config, &spec, &ignored) == 0 &&
           !spec.ns[NS_PID].present;
}

static int kill_locked(const struct options *opt, struct state *st, int sig, struct err *err)
{
    auto_fd pidfd = state_pidfd(st);
    bool every = opt->all || (sig == SIGKILL && shares_pids(st));
    if (pidfd < 0 && !every)
        return err_set(err, 0, "container '%s': container not running", st->id);
    if (every && st->cgroup.mode != CGROUP_NONE) {
        cgroup_open(&st->cgroup);
        return cgroup_signal(&st->cgroup, sig, err);
    }
    if (pidfd < 0 || pidfd_send_signal(pidfd, sig, NULL, 0) < 0)
        return errno == ESRCH ? err_set(err, 0, "container '%s': container not running", st->id)
                              : err_set(err, errno, "container '%s': signal %d", st->id, sig);
    if (sig == SIGKILL && st->cgroup.mode != CGROUP_NONE) {
        /* A frozen task does not die before it is thawed (v1). */
        struct err ignored;
        cgroup_open(&st->cgroup);
        if (cgroup_v1_fd(&st->cgroup, "freezer") >= 0 && cgroup_is_frozen(&st->cgroup))
            cgroup_freeze(&st->cgroup, false, &ignored);
    }
    return 0;
}

int cmd_kill(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct options all = *opt;
    const char *name = argc > 1 ? argv[1] : "TERM";
    /* runc's old callers write the option last. */
    if (argc > 2 && strcmp(argv[2], "--all") != 0 && strcmp(argv[2], "-a") != 0)
        return err_set(err, 0, "kill: unknown argument '%s'", argv[2]);
    all.all |= argc > 2;
    int sig = parse_signal(name);
    if (sig < 0)
        return err_set(err, 0, "kill: '%s' is not a signal", name);
    int rc = state_open(&st, opt->root, argv[0], STATE_NO_LOCK, err);
    if (rc == 0)
        rc = kill_locked(&all, &st, sig, err);
    state_close(&st);
    return rc;
}

int cmd_delete(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct err ignored;
    if (opt->force && state_open(&st, opt->root, argv[0], STATE_NO_LOCK, &ignored) == 0) {
        /* A start that hangs in a hook holds the lock: what it waits for dies first. */
        auto_fd pidfd = state_pidfd(&st);
        if (pidfd >= 0)
            pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    }
    if (opt->force)
        state_close(&st);
    int rc = state_open(&st, opt->root, argv[0], STATE_LOCK, err);
    if (rc == 0) {
        rc = container_delete(&st, opt->force, err);
    } else if (err->errnum == ENOENT && (opt->force || (st.dir >= 0 && st.locked))) {
        /* None, or a directory that a create or a delete left that was killed. */
        rc = st.dir >= 0 ? state_remove(&st, err) : 0;
    }
    state_close(&st);
    return rc;
}

static int freeze(const struct options *opt, const char *id, bool frozen, struct err *err)
{
    struct state st;
    int rc = state_open(&st, opt->root, id, STATE_LOCK, err);
    if (rc == 0) {
        enum status status = state_status(&st), want = frozen ? STATUS_RUNNING : STATUS_PAUSED;
        cgroup_open(&st.cgroup);
        if (status != want && !(frozen && status == STATUS_CREATED))
            rc = err_set(err, 0, "container '%s' is %s, not %s", id, status_names[status],
                         status_names[want]);
        else
            rc = cgroup_freeze(&st.cgroup, frozen, err);
    }
    state_close(&st);
    return rc;
}

int cmd_pause(const struct options *opt, int argc, char **argv, struct err *err)
{
    return freeze(opt, argv[0], true, err);
}

int cmd_resume(const struct options *opt, int argc, char **argv, struct err *err)
{
    return freeze(opt, argv[0], false, err);
}
