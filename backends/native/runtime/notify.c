/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "notify.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>

#include "version.h"

static const char *seccomp_string(const struct spec *spec, const char *key)
{
    return json_string_value(json_object_get(spec->seccomp, key));
}

/* The listener of the other process, as soon as it has one. A word that comes instead is its
 * failure. */
static int fetch(int pidfd, int number, int sync, struct err *err)
{
    for (;;) {
        int fd = pidfd_getfd(pidfd, number, 0);
        if (fd >= 0)
            return fd;
        if (errno != EBADF)
            return err_set(err, errno, "linux.seccomp: take the listener");
        struct pollfd p = {.fd = sync, .events = POLLIN};
        if (poll(&p, 1, 1) > 0)
            return sync_wait(sync, SYNC_READY, NULL, err) < 0
                       ? -1
                       : err_set(err, EPROTO, "linux.seccomp: no listener came");
    }
}

/* The container process state as text. */
static char *state_text(const struct notify *n)
{
    struct state copy = *n->state;
    copy.config = n->spec->json;
    json_t *doc =
        json_pack("{s:s, s:[s], s:i, s:s*, s:o}", "ociVersion", OCI_VERSION, "fds", "seccompFd",
                  "pid", (int)n->pid, "metadata", seccomp_string(n->spec, "listenerMetadata"),
                  "state", state_json(&copy, n->status));
    char *text = doc ? json_text(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    return text;
}

static int forward(int sync, int number, const struct notify *n, struct err *err)
{
    const char *path = seccomp_string(n->spec, "listenerPath");
    auto_fd pidfd = pidfd_open(n->pid, 0);
    if (pidfd < 0 || !path)
        return err_set(err, path ? errno : 0, "linux.seccomp.listenerPath: %s",
                       path ? path : "missing");
    auto_fd listener = fetch(pidfd, number, sync, err);
    if (listener < 0)
        return -1;
    auto_fd sock = unix_connect(path);
    if (sock < 0)
        return err_set(err, errno, "linux.seccomp.listenerPath: connect to %s", path);
    char *text = state_text(n);
    int rc = text ? fd_send(sock, text, listener) : -1;
    int saved = text ? errno : EILSEQ;
    return rc < 0 ? err_set(err, saved, "linux.seccomp.listenerPath: send to %s", path) : 0;
}

int notify_wait(int sync, enum sync_type want, int *ret_value, const struct notify *n,
                struct err *err)
{
    for (;;) {
        enum sync_type type;
        int value;
        if (sync_receive(sync, &type, &value, err) < 0)
            return -1;
        if (type == SYNC_NOTIFY) {
            if (forward(sync, value, n, err) < 0)
                return -1;
            if (sync_send(sync, SYNC_DONE, 0, NULL) < 0)
                return err_set(err, errno, "linux.seccomp: the process ended");
            continue;
        }
        if (type != want)
            return err_set(err, EPROTO, "sync: message %u instead of %u", (unsigned)type,
                           (unsigned)want);
        if (ret_value)
            *ret_value = value;
        return 0;
    }
}

int notify_install(const struct process_env *env, struct err *err)
{
    int listener = -1;
    if (!filter_notifies(env->filter))
        return filter_install(env->filter, &listener, err);
    /* The kernel gives the lowest free number; one thread, so it is known before. */
    int number = dup(env->sync);
    if (number < 0)
        return err_set(err, errno, "linux.seccomp: listener");
    close(number);
    /* A plain user's runtime has no CAP_SYS_PTRACE over a process that is not dumpable. */
    if (env->notify_dumpable)
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (sync_send(env->sync, SYNC_NOTIFY, number, NULL) < 0)
        return err_set(err, errno, "linux.seccomp: listener");
    if (filter_install(env->filter, &listener, err) < 0)
        return -1;
    if (sync_wait(env->sync, SYNC_DONE, NULL, err) < 0)
        return err_prefix(err, "linux.seccomp: listener");
    close(listener);
    return 0;
}
