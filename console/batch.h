/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batch.h - commands read plainly, a line each, from standard input: `--batch`, and `gemel shell`
 * where standard input is no terminal. UI thread only.
 */
#pragma once

#include "console/command.h"

typedef struct Batch Batch;

/* Reads commands from standard input, one at a time, and stops at the first that fails. `done` is
   called once, later, when the batch has been freed. */
Batch *batch_start(App *app, Output *out, const FaceOps *face,
                   void (*done)(int status, gpointer data), gpointer data);
/* Cancels what runs and forgets the rest; `done` is not called. */
void batch_cancel(Batch *batch);
