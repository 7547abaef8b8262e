/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shell.h - `gemel shell`: readline on the user's terminal, the same commands as everywhere.
 *
 * shell.c is the only includer of readline; console/prompt.h is its other half. UI thread only.
 */
#pragma once

#include "console/command.h"

/* Runs the shell as the work of `run` (face ONESHOT), which ends when the shell does. Without a
   terminal lines are read plainly and run one by one, as --batch does. */
void shell_start(CommandRun *run);

typedef struct Batch Batch;

/* Reads commands from standard input, one at a time, and stops at the first that fails. `done` is
   called once, later, when the batch has been freed. */
Batch *batch_start(App *app, Output *out, const FaceOps *face,
                   void (*done)(int status, gpointer data), gpointer data);
/* Cancels what runs and forgets the rest; `done` is not called. */
void batch_cancel(Batch *batch);
