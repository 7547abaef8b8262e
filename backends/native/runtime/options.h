/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: one table of options, one of commands. Help and parsing come from the same
 * rows.
 *
 * Options stand before what they apply to (global ones before the command, a command's own after
 * it) and end at the first word that is none, so `exec ID ls -l` needs no "--".
 */
#pragma once

#include "activation.h"

#define OPTION_LIST_MAX 256

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t n;
};

struct options {
    const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless_mode, *criu;
    bool debug, systemd_cgroup, help, version;
    const char *bundle, *config, *pid_file, *console_socket, *pidfd_socket, *preserve_fds;
    unsigned preserve_fds_n; /* preserve_fds as a checked number, and those of `listen` before it */
    struct activation listen;
    bool no_pivot, no_new_keyring, no_subreaper, detach, tty, keep;
    const char *process, *user, *cwd, *apparmor, *process_label, *cgroup;
    struct option_list env, caps, gids;
    bool no_new_privs, ignore_paused;
    bool force, all, quiet, stats, rootless;
    const char *format, *interval;
    const char *resources, *memory, *memory_swap, *memory_reservation, *cpu_quota, *cpu_period,
        *cpu_share, *cpu_burst, *cpu_idle, *cpu_rt_period, *cpu_rt_runtime, *pids_limit,
        *cpuset_cpus, *cpuset_mems, *blkio_weight, *kernel_memory, *kernel_memory_tcp,
        *l3_cache_schema, *mem_bw_schema;
};

/* Bits for "which command takes this option". */
enum command_id {
    CMD_GLOBAL,
    CMD_CREATE,
    CMD_START,
    CMD_RUN,
    CMD_STATE,
    CMD_KILL,
    CMD_DELETE,
    CMD_EXEC,
    CMD_LIST,
    CMD_PS,
    CMD_PAUSE,
    CMD_RESUME,
    CMD_UPDATE,
    CMD_EVENTS,
    CMD_SPEC,
    CMD_FEATURES,
    CMD_CHECKPOINT,
    CMD_RESTORE,
    CMD_HELP,
    CMD_N
};

enum option_type { OPTION_FLAG, OPTION_STRING, OPTION_LIST };

struct option_row {
    const char *name;
    char letter; /* 0: none */
    enum option_type type;
    size_t offset;     /* in struct options */
    uint32_t commands; /* 1 << command_id */
    const char *help;
};
extern const struct option_row option_table[];
extern const size_t option_table_n;

/* Takes the options of `command` off the front of argv. Returns the index of the first word that is
 * none, -1 with err. */
int options_parse(enum command_id command, int argc, char **argv, int at, struct options *opt,
                  struct err *err);

/* A whole number with an optional K, M, G or T (binary) when `units`. */
int options_number(const char *text, bool units, int64_t *ret);

/* A span of time as Go programs write it: "5", "5s", "250ms", "1m30s". A plain number is seconds.
 */
int options_duration_ms(const char *text, int64_t *ret);

/* Prints the options of a command. */
void options_help(enum command_id command);
