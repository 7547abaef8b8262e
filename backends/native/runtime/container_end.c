/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Start and end of a container that exists. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "container.h"
#include "hooks.h"
#include "init.h"
#include "log.h"
#include "notify.h"

#define KILL_MS 10000

/* Kills init and waits for its end. */
static int kill_init(const struct state *st, struct err *err)
{
    auto_fd pidfd = state_pidfd(st);
    if (pidfd < 0)
        return 0;
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return err_set(err, errno, "container '%s': kill", st->id);
    if (poll(&p, 1, KILL_MS) == 0)
        return err_set(err, EBUSY, "container '%s': its init does not die", st->id);
    waitpid(st->pid, NULL, WNOHANG); /* when it is our own child */
    return 0;
}

/* Connects to the waiting init; the words that come back are its failures. */
int container_start(struct state *st, struct sdnotify *ret_ready, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct spec spec = {0};
    enum status status = state_status(st);
    *ret_ready = SDNOTIFY_NONE;
    if (status != STATUS_CREATED)
        return err_set(err, 0, "container '%s' is %s, not created", st->id, status_names[status]);
    if (!st->plain && (state_config(st, err) < 0 || spec_parse(st->config, &spec, err) < 0))
        return -1;
    if (!st->plain && !spec.has_process)
        return err_set(err, 0, "container '%s': process: missing in its config.json", st->id);
    auto_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock", st->dir);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return err_set(err, errno, "container '%s': its init does not answer", st->id);
    ret_ready->manager = sdnotify_wanted() ? sdnotify_connect() : -1;
    if (sdnotify_receive(fd, SYNC_READY, ret_ready, err) < 0)
        return err->errnum == EPIPE
                   ? err_set(err, 0, "container '%s': its init died before it could start", st->id)
                   : -1;
    /* From here on nobody may start it again; without the word to go it ends. */
    if (unlinkat(st->dir, "start.sock", 0) < 0 || sync_send(fd, SYNC_COMMIT, 0, NULL) < 0)
        return err_set(err, errno, "container '%s': start", st->id);
    const struct notify notify = {&spec, st, "created", st->pid};
    struct err warning;
    if (notify_wait(fd, SYNC_READY, NULL, &notify, err) == 0 || err->errnum != EPIPE) {
        /* What failed after the word to go stops the container: it is gone when start returns. */
        kill_init(st, &warning);
        return -1;
    }
    if (container_hooks(st, &spec, HOOK_POSTSTART, "running", true, &warning) < 0)
        log_message("warning", warning.text);
    return 0;
}

int container_delete(struct state *st, bool force, struct err *err)
{
    struct spec spec;
    struct err ignored;
    enum status status = state_status(st);
    if (status != STATUS_STOPPED && !force)
        return err_set(err, EBUSY, "container '%s' is %s; stop it first, or --force", st->id,
                       status_names[status]);
    if (status != STATUS_STOPPED) {
        cgroup_open(&st->cgroup);
        if (st->cgroup.mode != CGROUP_NONE)
            cgroup_signal(&st->cgroup, SIGKILL, err);
        if (kill_init(st, err) < 0)
            return -1;
    }
    bool parsed = !st->plain && state_config(st, &ignored) == 0 &&
                  spec_parse(st->config, &spec, &ignored) == 0;
    /* Poststop hooks come "after the container is deleted but before delete returns" (config.md).
     */
    if (cgroup_destroy(&st->cgroup, err) < 0 || state_remove(st, err) < 0)
        return -1;
    if (parsed && !st->creating &&
        container_hooks(st, &spec, HOOK_POSTSTOP, "stopped", true, &ignored) < 0)
        log_message("warning", ignored.text);
    return 0;
}
