/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sd_notify(3) of a container: $NOTIFY_SOCKET of `run` and `create`/`start`.
 *
 * The container never reaches the manager's socket. It has one of its own, /run/notify/notify.sock
 * (the place that runc gives it), bound on a read-only tmpfs that only its mount namespace has: no
 * directory of the host is mounted for it and none is left. Of what comes in there one thing goes
 * out, once, in this program's own words:
 *
 *   inside   a datagram of at most 4096 bytes with the line READY=1 (systemd's own limit)
 *   outside  MAINPID=n and READY=1 in one datagram; then BARRIER=1 where this program ends next
 *
 * runc and crun forward as little. No other line goes out (MAINPID=, FDSTORE=, WATCHDOG=,
 * EXIT_STATUS= would speak to the host's manager as its service), and no descriptor: they are not
 * even received.
 *
 *   inside (init)                          outside
 *   tmpfs, bind, read-only, attach
 *   run: SOCKET with the descriptor ─────▶ reads it beside the terminal, or until READY=1
 * (--detach) create: keeps it until `start`, READY with it on start.sock ─▶ start reads it until
 * READY=1
 *
 * No process is left to forward: `run` in the foreground does it while it runs, `start` and
 * `run --detach` return with READY=1 or the end of the container's process, as with runc. n is the
 * pid of the process that the manager can watch then: of this program, else of the container's.
 * Whoever is killed while it forwards takes the socket along: inside, sd_notify fails with
 * ECONNREFUSED from then on, as it does after READY=1; the container runs on, the manager sees the
 * end of what it started.
 */
#pragma once

#include <poll.h>

#include "spec.h"
#include "sync.h"

#define SDNOTIFY_DIR "/run/notify"

struct sdnotify {
    int inside;    /* the container's socket, or -1 */
    int manager;   /* connected to $NOTIFY_SOCKET, or -1 */
    bool ready;    /* READY=1 came and waits to go out */
    unsigned left; /* datagrams that are still read: a flood ends the forwarding, not the host */
};
#define SDNOTIFY_NONE                                                                              \
    (struct sdnotify)                                                                              \
    {                                                                                              \
        .inside = -1, .manager = -1                                                                \
    }

/* True when $NOTIFY_SOCKET is set. */
bool sdnotify_wanted(void);

/* A socket connected to $NOTIFY_SOCKET, an absolute path or "@" and an abstract name; -1 after a
 * warning. Descriptors and hooks of the container never see it. */
int sdnotify_connect(void);

/* create, run: true when the container gets a socket; its environment then names it. For run
 * n->manager is connected, and without that there is none. Not without a mount namespace of its
 * own, which is a warning. */
bool sdnotify_prepare(struct spec *spec, bool start_now, struct sdnotify *n);

/* Inside, before the pivot: the container's socket. -1 with err. */
int sdnotify_make(int root, const struct spec *spec, struct err *err);

/* Takes over the container's socket, which comes with the word `want`, to be read for n->manager.
 * Without either there is nothing to forward, and senders inside are told so. */
int sdnotify_receive(int sync, enum sync_type want, struct sdnotify *n, struct err *err);

/* What to poll for; a descriptor of -1 when there is nothing more to do. */
struct pollfd sdnotify_pollfd(const struct sdnotify *n);

/* Reads and forwards what can be without waiting. `main` is the pid for MAINPID. True once READY=1
 * went out, which is once at most. */
bool sdnotify_step(struct sdnotify *n, pid_t main);

/* Until READY=1 went out, and the manager has read it, or the process of `pidfd` (-1: gone already)
 * has ended. */
void sdnotify_wait(struct sdnotify *n, int pidfd, pid_t main);

void sdnotify_end(struct sdnotify *n);
