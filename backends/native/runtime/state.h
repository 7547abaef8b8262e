/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of a container between two commands: ROOT/ID/ (README.md lists its files).
 *
 * Commands that change a container hold flock(2) on the directory, taken through state_open();
 * readers take none and see state.json whole, because it is replaced by rename. A pid is only
 * believed together with its start time.
 */
#pragma once

#include "cgroup.h"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };
extern const char *const status_names[];

struct state {
    const char *root, *id;
    int dir; /* ROOT/ID */
    bool locked;
    pid_t pid; /* 0 until there is one */
    uint64_t pid_start;
    const char *bundle, *rootfs, *created, *owner;
    bool creating;        /* create has not finished, or was killed */
    bool plain;           /* start and delete need nothing of config.json: no hooks, no listener */
    bool callers_keyring; /* --no-new-keyring: exec keeps its caller's session keyring, too */
    struct cgroup cgroup;
    json_t *doc;              /* of state.json; released by state_close */
    json_t *config;           /* config.json, once state_config() was called */
    struct json_cut syscalls; /* left out of config */
};

enum state_lock { STATE_NO_LOCK, STATE_LOCK };

/* The default for --root. */
const char *state_default_root(void);

/* A state directory that another user could have filled is an error: hooks are run and processes
 * killed as what is in it says. One that is not there is none. */
int state_check_root(const char *root, struct err *err);

/* Makes ROOT/ID, locks it and writes the first state. The remains of a killed create are removed
 * first. An id in use is EEXIST. */
int state_create(struct state *st, const char *root, const char *id, struct err *err);

/* Opens an existing container. ENOENT in err->errnum when there is none. */
int state_open(struct state *st, const char *root, const char *id, enum state_lock lock,
               struct err *err);

int state_save(struct state *st, struct err *err);
int state_config(struct state *st, struct err *err);
void state_close(struct state *st);

/* Gives the lock up for a while; state_relock() is false when the container was deleted meanwhile.
 */
void state_unlock(struct state *st);
bool state_relock(struct state *st);

/* Removes ROOT/ID with all that is in it. */
int state_remove(struct state *st, struct err *err);

enum status state_status(const struct state *st);
/* True while the container's init lives: not a zombie, not another process with the same number. */
bool state_alive(const struct state *st);
/* A pidfd of the living init, or -1 with ESRCH. */
int state_pidfd(const struct state *st);

/* How many processes of a stopped container the kernel had killed for want of memory; absent for
 * none. */
#define OOM_ANNOTATION "org.gemel.oom_kills"

/* The spec's state object; the caller owns it. `status` overrides when not NULL. */
json_t *state_json(const struct state *st, const char *status);

/* All container ids below a root, sorted; NULL-terminated. None when there is no root; NULL when it
 * cannot be read. */
char **state_list(const char *root, size_t *ret_n, struct err *err);
