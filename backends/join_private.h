/* SPDX-License-Identifier: GPL-3.0-or-later */
/* join_private.h - what join.c hands to the child, join_child.c. */
#pragma once

#include "backends/join.h"

typedef enum {
    JOIN_DESCRIPTORS,
    JOIN_SETNS,
    JOIN_ROOT,
    JOIN_CWD,
    JOIN_USER,
    JOIN_CAPS,
    JOIN_FORK,
    JOIN_TERMINAL,
    JOIN_EXEC,
    JOIN_STAGE_N
} JoinStage;

/* Written to `report` when the program does not come to run. */
typedef struct {
    JoinStage stage;
    int number; /* errno */
} JoinReport;

typedef struct {
    int stdio[3];
    gboolean tty;
    int pidfd;   /* of the process whose namespaces these are */
    int flags;   /* CLONE_NEW...: may be 0, when all are shared */
    int process; /* its directory in /proc, -1 = its root directory is not entered */
    int report;  /* close-on-exec */
    gboolean enters_pid, enters_user;
    gboolean is_bounded; /* to `bounding`, with no_new_privs */
    guint64 bounding;
    guint caps_last;
    const char *cwd; /* NULL = where we are */
    const char *const *argv;
    char **env;
} JoinChild;

/* In the child of a program with threads: system calls only. */
G_NORETURN void join_child_run(const JoinChild *child);
