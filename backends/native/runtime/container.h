/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parent's half of making, and the end of a container. Protocol and order are in init.h. */
#pragma once

#include "sdnotify.h"
#include "state.h"

struct options; /* options.h */

/*
 * Makes the container of `id` from the bundle up to where it waits for `start`. With `start_now`
 * (run) the program has been executed on return. *ret_master is the terminal for the foreground, or
 * -1; *ret_ready what is to be forwarded to a service manager. On failure nothing is left: no
 * process, mount, group or directory.
 */
int container_create(const struct options *opt, const char *id, bool start_now, struct state *st,
                     int *ret_master, struct sdnotify *ret_ready, struct err *err);

/* Tells the waiting init to go; returns when the program runs. *ret_ready is as above. */
int container_start(struct state *st, struct sdnotify *ret_ready, struct err *err);

/* poststop hooks, groups, directory. The container must be locked; with `kill` what lives is killed
 * first. */
int container_delete(struct state *st, bool kill, struct err *err);

/* Reads and parses BUNDLE/config.json, or the file of --config. *ret_text is the file as it is. */
int container_load_config(const struct options *opt, const char *bundle, struct spec *spec,
                          char **ret_text, size_t *ret_len, struct err *err);

/* Runs hooks of one kind outside the container with the state on stdin. */
int container_hooks(const struct state *st, const struct spec *spec, enum hook_kind kind,
                    const char *status, bool all, struct err *err);

/* Checks --cgroup-manager and --systemd-cgroup and finds the hierarchies. */
int container_cgroups(const struct options *opt, struct cgroup *cg, struct err *err);

/* Sends a pidfd of a child to --pidfd-socket. */
int container_send_pidfd(const char *path, pid_t pid, struct err *err);

/* Writes --pid-file by temp and rename. */
int container_pid_file(const char *path, pid_t pid, struct err *err);
