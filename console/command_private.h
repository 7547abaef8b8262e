/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command_private.h - what the dispatcher's files share: command.c (the life of a run),
 * command_call.c (when its command is called), command_jobs.c (what it submits), command_line.c
 * (lines, pipes, quotes) and command_parse.c (options and words). UI thread only.
 */
#pragma once

#include "console/audit.h"
#include "console/command.h"
#include "console/pipeline.h"

/* One command of a line: `text`, and the program its data go to or NULL. `expanded`: an alias was
   put in already; none is looked for again. */
typedef struct {
    char *text;
    char *program; /* for /bin/sh -c */
    gboolean expanded;
} CommandStep;

void command_step_free(CommandStep *step);
/* The commands of a line, of CommandStep*, free function set; INVALID for open quotes, `||` and a
   pipe to nothing. */
GPtrArray *command_steps(const char *text, GError **error);
/* `text` with an alias in the place of its first word; NULL when that is none. */
char *command_expand_alias(App *app, const char *text);

/* Options and words of `argv` from `first` on, into run->options and run->words. */
gboolean command_parse(CommandRun *run, char **argv, guint first, GError **error);
/* Enough words, and not too many. */
gboolean command_check_words(const CommandRun *run, GError **error);

/* ---- a run ---------------------------------------------------------------------------------- */

struct CommandFlow {
    GPtrArray *steps; /* of CommandStep*: commands of the line that are not begun yet, next last */
    char **argv;      /* or one command given as words */
    Output *out;      /* the caller's; run->out may be the pipeline's or the plan's */
    Pipeline *pipeline;
    gboolean cancelled;
    GString *plan; /* what --dry-run --json would do, as lines */
    Output *plan_out;
    guint depth;    /* > 0: inside the command's own code; do not free the run */
    gboolean *over; /* told when the run is freed while its starter is on the stack */
    guint listener;
    GSource *timeout;
    void (*proceed)(CommandRun *run);
    AuditAct *audit;           /* of the command as a whole, with COMMAND_AUDITED */
    struct Recorded *recorded; /* its first line is being written */
    guint n_audits;            /* acts of the command that write their own lines */
    gboolean refused_told;     /* the line of a command that came to nothing */
    GError *problem;           /* the first */
};

/* Waits for the writer; `run` is NULL once it is over. */
typedef struct Recorded {
    CommandRun *run;
} Recorded;

/* Before and after code of the command runs; leaving may end and free the run. */
void command_enter(CommandRun *run);
void command_leave(CommandRun *run);

/* Calls the command once every backend has given a fresh list, or the time is over, and its first
   line in the audit log is written where it is recorded as a whole. The TUI's model is live: there
   no list is waited for. */
void command_call(CommandRun *run);
/* No longer for lists. */
void command_stop_waiting(CommandRun *run);

/* For CommandRun.jobs. */
GPtrArray *command_jobs_new(void);
/* Those that wait are taken back, those that run get their cancel flag. A read that others wait for
   as well goes on for them. */
void command_forget_jobs(CommandRun *run);
