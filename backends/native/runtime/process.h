/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a process inside the container's namespaces to the user's program: session, limits, labels,
 * ids, capabilities, directory, filter. Shared by the container's init and by exec.
 *
 * Order matters. What needs privilege comes first; the filter as late as the configuration allows:
 * with no_new_privs after everything, else just before the capabilities go. After process_prepare()
 * nothing is opened by path but the program itself.
 */
#pragma once

#include "activation.h"
#include "filter.h"
#include "spec.h"

struct process_env {
    const struct spec_process *process;
    const struct seccomp_filter *filter;
    const char *id; /* names the session keyring */
    bool new_keyring;
    bool has_personality;
    uint64_t personality;
    unsigned preserve_fds; /* how many from 3 on, with those of `listen` */
    struct activation listen;
    int slave; /* terminal, or -1 */
    bool user_ns;
    int sync;                 /* where a filter's listener is announced (notify.h) */
    bool notify_dumpable;     /* the runtime outside is a plain user's */
    const char **environment; /* set by process_prepare */
};

/* All but the filter of a no_new_privs process. *ret_path is the program found, NULL for a
 * container without a process. */
int process_prepare(struct process_env *env, const char **ret_path, struct err *err);

/* Loads what is left and executes. Returns only on failure. */
int process_exec(const struct process_env *env, const char *path, struct err *err);

/* Finds args[0] as execvp(3) would in the process's own PATH, for tests too. */
const char *process_find(const struct spec_process *process, struct err *err);

/* oom_score_adj of a process, through the host's procfs; done by the parent. */
int process_set_oom(pid_t pid, const struct spec_process *process, struct err *err);
