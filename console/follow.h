/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * follow.h - a command that reads figures again and again: top, stats, why.
 *
 * A round asks every backend for one bulk sample and is over when all have given it, or when the
 * time of a round is over; then `round` is called, which prints. Rounds begin at multiples of the
 * interval; one that is late is left out, so that slow sources make no backlog. Lists are asked for
 * when events call for it, not each time. UI thread only.
 */
#pragma once

#include "console/command.h"

typedef struct Follow Follow;

typedef struct {
    gint interval_ms;
    gint64 rounds; /* how many are reported, < 0 = no end */
    guint warm;    /* rounds before those, which are not: 1 where rates are wanted from the first */
    /* Prints; `n` counts from 1. FALSE ends it. */
    gboolean (*round)(CommandRun *run, gint64 n, gpointer data);
    gpointer data;
    GDestroyNotify data_free;
    gboolean headline_only; /* `round` looks at the headline figures only (GemelBackend) */
} FollowSpec;

/* Takes run->data and ends the run after the last round. A backend that gives no figures is named
   once on stderr, and the status is 5. */
void follow_start(CommandRun *run, const FollowSpec *spec);
gpointer follow_data(CommandRun *run);
/* --interval and --count of the command, within the bounds of the option refresh; FALSE: refused
   with a message. `fallback_ms` without --interval, `count` as it was without --count. */
gboolean follow_options(CommandRun *run, gint fallback_ms, gint *ret_interval_ms, gint64 *count);
