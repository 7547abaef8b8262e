/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pipeline.h - the program at the end of `list | grep x`: what a command prints as data is its
 * standard input. UI thread only; nothing here blocks it.
 *
 * The program is run by /bin/sh -c with an empty signal mask and default signals. Outside the TUI
 * it has the terminal; inside, its output comes back line by line, but a pager gets the terminal
 * once the data are complete. What a command says as a note or an error passes it by.
 *
 * A command cannot be made to wait for its reader. What the program has not read is kept for it, up
 * to pipeline_unread_max_bytes (64M); what comes after that is left out: it is said, and the status
 * is not 0.
 */
#pragma once

#include "console/command.h"

typedef struct Pipeline Pipeline;

/* `ended` is called once, from the loop, when the program is over and its output read; before that
   the command may have ended or not. */
Pipeline *pipeline_new(App *app, const FaceOps *face, Output *to, const char *program,
                       void (*ended)(gpointer data), gpointer data, GError **error);
/* A program that has not ended gets SIGTERM. NULL is harmless. */
void pipeline_free(Pipeline *pipeline);
/* Where the command prints; the pipeline's. */
Output *pipeline_output(Pipeline *pipeline);
/* No more data come. */
void pipeline_finish(Pipeline *pipeline);
/* Whether it is over, and with which status (128+n for a signal). */
gboolean pipeline_ended(const Pipeline *pipeline, int *ret_status);
/* What it has not read, and what is allocated for that. For tests, as is the limit. */
gsize pipeline_unread_bytes(const Pipeline *pipeline, gsize *ret_allocated);
extern gsize pipeline_unread_max_bytes;
/* Whether the program has the terminal, and with it gets ^C itself. */
gboolean pipeline_has_terminal(const Pipeline *pipeline);
