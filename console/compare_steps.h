/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compare_steps.h - the measuring of `compare`: a list of steps, one at a time, round by round.
 *
 * Steps run jobs on the lanes and talks on streams and end each by itself or by a deadline. An
 * instance that was stopped is stopped again at the end, one that ran runs. A Compare that is freed
 * before its end (^C) begins to put both back, which App.closing counts. UI thread only.
 */
#pragma once

#include "console/commands.h"
#include "console/compare.h"

typedef struct Compare Compare;

typedef struct {
    guint rounds;
    gboolean restarts; /* those that run may be stopped and started */
} CompareSpec;

/* Takes the targets over. `over` is called once when all is measured and put back; it prints. */
Compare *compare_start(CommandRun *run, const CompareSpec *spec, Target *container, Target *guest,
                       gboolean container_runs, gboolean guest_runs,
                       void (*over)(CommandRun *run, CompareTable *table));
void compare_free(gpointer compare);
