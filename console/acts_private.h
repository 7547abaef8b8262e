/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acts_private.h - what acts.c (which ones, plan, question) and acts_run.c (doing it) share. */
#pragma once

#include "console/acts.h"

/* Waiting beyond the act's own timeout before a job counts as lost. */
#define GRACE_MS      30000
#define STOP_GUEST_MS 60000

/* Begins what was resolved, or asked about and agreed to. */
void acts_begin(CommandRun *run);
/* What was interrupted has taken back what it made, or is not waited for any more. */
void acts_undo_over(Acts *acts);
/* Says of those that were left out why. */
void acts_print_skipped(CommandRun *run);
