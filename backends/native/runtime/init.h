/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a container: the parent's half (container.c) and the half inside (init.c), and what they
 * say to each other.
 *
 *   parent                                  init
 *   parse, validate, compile, root mount
 *   state directory, v2 group and limits
 *   clone, into the v2 group ─────────────▶ (waits for MAPPED in a new user namespace)
 *   id maps, MAPPED ──────────────────────▶ joins namespaces, attaches the root, first mounts
 *   v1 groups and limits, OOM score
 *   GROUPS, with descriptors of v1 groups ▶ joins them, cgroup namespace, mounts, devices, terminal
 *   copies of configuration and filter
 *   prestart, createRuntime hooks ◀──────── HOOKS (only when there are some)
 *   DONE ─────────────────────────────────▶ createContainer hooks
 *   (run, with a service manager) ◀──────── SOCKET, see sdnotify.h
 *                                           masks, pivot, user, capabilities
 *   state.json, pid file ◀───────────────── READY
 *   COMMIT ───────────────────────────────▶ waits for `start` (create) or goes on (run)
 *
 *   start, by start.sock ◀───────────────── READY
 *   unlinks start.sock, COMMIT ───────────▶ startContainer hooks, filter, execve
 *
 * A failure inside travels as ERROR; the socket closing stands for success after COMMIT (execve),
 * for death before. When the parent dies, init reads the end of the socket instead of the next word
 * and exits: no half-made container runs on.
 */
#pragma once

#include "cgroup.h"
#include "process.h"
#include "rootfs.h"
#include "sync.h"

/* All that init needs, complete before clone. */
struct init_plan {
    const struct spec *spec;
    const char *id, *bundle, *rootfs;
    struct process_env env;
    struct overlay overlay;
    int root_mount;   /* detached root, or -1: make it inside */
    int *cloned;      /* bind sources cloned by the parent, or NULL */
    int ns_fds[NS_N]; /* namespaces to join inside, or -1 */
    const struct cgroup *cgroup;
    const struct cgroup *callers; /* see mounts.h */
    bool new_user_ns, no_pivot;
    int sync;      /* init's end */
    int console;   /* socket that takes the terminal, or -1 */
    int start;     /* listening start.sock, or -1 to go on at once */
    bool notify;   /* make the container's notify socket (sdnotify.h) */
    int notify_fd; /* it, once made, until it is handed out; -1 */
};

/* Runs in the child; does not return. */
void init_run(struct init_plan *plan) __attribute__((noreturn));
