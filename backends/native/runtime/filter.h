/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linux.seccomp to a BPF program, through libseccomp (the only file that includes <seccomp.h> is
 * filter.c).
 *
 * The filter is compiled by the parent before anything is made, and loaded by the container's
 * process with a plain system call, as late as the privileges allow. It is kept in the state
 * directory for `exec`.
 */
#pragma once

#include "json.h"

struct seccomp_filter {
    bool present;
    void *bpf;      /* struct sock_filter[] */
    size_t len;     /* bytes */
    uint32_t flags; /* SECCOMP_FILTER_FLAG_… */
};

/* Checks and compiles. NULL `json` gives no filter. */
int filter_build(json_t *json, struct seccomp_filter *ret, struct err *err);

/* True when some system call is answered by an agent (notify.h). */
bool filter_notifies(const struct seccomp_filter *filter);

/* Loads the filter into the calling process: needs no_new_privs or CAP_SYS_ADMIN. *ret_listener is
 * the descriptor of a filter that notifies, else -1. */
int filter_install(const struct seccomp_filter *filter, int *ret_listener, struct err *err);

/* Stores and reads back seccomp.bpf of a state directory. */
int filter_save(int dirfd, const struct seccomp_filter *filter, struct err *err);
int filter_load_saved(int dirfd, struct seccomp_filter *ret, struct err *err);

/* Names for `features`; NULL-terminated. */
const char *const *filter_action_names(void);
const char *const *filter_operator_names(void);
const char *const *filter_arch_names(void);
const char *const *filter_flag_names(void);
const char *const *filter_supported_flag_names(void); /* those that the running kernel takes */
const char *filter_library_version(void);
