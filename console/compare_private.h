/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compare_private.h - what the files of compare's measuring share; nobody else includes it.
 *
 *   compare_steps.c  the list, the step under way, deadlines, the life of Compare and its subjects
 *   compare_acts.c   stop, start, putting back
 *   compare_shell.c  programs on this host and, by exec, in the container
 *   compare_guest.c  the guest's serial console
 *   compare_look.c   what the host sees, by console/compare_host.c
 *
 * Order: one step at a time. compare_steps.c calls compare_begin_X(subject); whatever that set
 * going (a job, a talk, a child, timers) leads to compare_step_over exactly once, at once or later,
 * and nothing of the step is touched after it. A figure that was not had has left its reason in the
 * table by then. compare_step_over closes talk, child, nudge and deadline, and has the next step
 * begun from the loop, never from within.
 *
 * Ownership: the run of the command (console/cmd_compare.c) owns the Compare, that the table, the
 * payload, the targets and what the step has open. A Subject lives in its Compare; jobs are
 * submitted through run_submit and call back only while the run lives. The one job that outlives
 * both is that of compare_put_back_late, which knows the App alone.
 *
 * UI thread only; the functions named run_* are for the worker threads and see their order alone.
 */
#pragma once

#include "console/child.h"
#include "console/compare_steps.h"
#include "console/talk.h"

#define COMPARE_WORK_MS 60000 /* what a program may take to answer or to measure */

/* Where an instance stands, as far as we know. */
typedef enum { STANDS_STOPPED, STANDS_STARTING, STANDS_RUNNING, STANDS_STOPPING } Stands;

typedef struct {
    Compare *compare;
    CompareSide side;
    Target *target;
    gboolean ran; /* before all this */
    Stands stands;
    gboolean broken;      /* nothing more can be measured on it */
    gboolean mute;        /* no shell answered at its console */
    gboolean answers;     /* one did */
    gint64 started_usec;  /* this round, 0 = it was not */
    gboolean first_heard; /* of this start */
} Subject;

struct Compare {
    CommandRun *run;
    CompareSpec spec;
    CompareTable *table;
    void (*over)(CommandRun *run, CompareTable *table);
    Subject subjects[COMPARE_SIDE_N]; /* the host's has no target */
    guint round, at;
    Subject *active; /* whose step is under way */
    char *payload;   /* the program's bytes */
    gsize payload_length;
    char *payload_path;
    /* of the step under way */
    GSource *next, *deadline, *nudge;
    Talk *talk;
    Child *child;
    gboolean asked, answered;
    char word[24]; /* what the answer of a shell contains, new for every question */
};

/* ---- compare_steps.c ------------------------------------------------------------------------ */

/* The step is over, well or not: a reason stands in the table then. */
void compare_step_over(Compare *compare);
/* `late` is called with the Compare, once: it ends the step. */
void compare_set_deadline(Compare *compare, guint ms, GSourceFunc late);
/* The deadline of a payload: its figures get a reason, the step is over. */
gboolean compare_work_is_late(gpointer compare);
/* The figures of the payload get this reason, the step is over. */
void compare_no_payload(Compare *compare, CompareSide side, const char *reason);
/* All lines of a text from outside; how many were a payload's. */
guint compare_take_lines(Compare *compare, CompareSide side, const char *heard);
/* A new Compare.word; nothing is asked or answered yet. */
void compare_new_word(Compare *compare);
/* A note of what is being done with whom; none where JSON is wanted. */
void compare_say(Compare *compare, const char *what, const Subject *subject);

/* ---- compare_acts.c ------------------------------------------------------------------------- */

void compare_begin_stop(Subject *subject);
void compare_begin_start(Subject *subject);
/* In the last round, and for a broken subject too: as it was before all this. */
void compare_begin_back(Subject *subject);
gboolean compare_is_put_back(const Subject *subject);
/* The command goes away in the middle: submits the act and counts it in App.closing. */
void compare_put_back_late(const Subject *subject);

/* ---- compare_shell.c ------------------------------------------------------------------------ */

void compare_begin_host_shell(Subject *subject);
void compare_begin_host_work(Subject *subject);
void compare_begin_exec_shell(Subject *subject);
/* Needs the answer of compare_begin_exec_shell. */
void compare_begin_exec_work(Subject *subject);

/* ---- compare_guest.c ------------------------------------------------------------------------ */

void compare_begin_guest_shell(Subject *subject);
/* Needs the answer of compare_begin_guest_shell. */
void compare_begin_guest_work(Subject *subject);

/* What the last line with anything on it looks like: a shell waits, a login does, or neither. */
typedef enum { COMPARE_LINE_OTHER, COMPARE_LINE_PROMPT, COMPARE_LINE_LOGIN } CompareLine;

/* Of a text from outside. */
CompareLine compare_last_line(const char *heard);
/* The number after "gemel-done-" in it; -1 = it is not there yet. */
int compare_done_status(const char *heard);

/* ---- compare_look.c ------------------------------------------------------------------------- */

void compare_begin_look(Subject *subject);
