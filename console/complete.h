/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * complete.h - what could come next on a command line, from the command table and the model.
 *
 * Reads the model only; what is not there (snapshots of an instance) is requested on the read lane
 * and is there the next time. UI thread only.
 */
#pragma once

#include "console/command.h"

typedef struct {
    char *text; /* replaces the word under completion, quoted where needed */
    char *hint; /* "stopped · vm", "2 h ago", may be NULL */
} Completion;

void completion_free(Completion *completion);

/* Candidates for the word that ends at byte `cursor`; *ret_start is the byte where it begins.
   *ret_pending (may be NULL): something was requested and more may come. Array of Completion*,
   sorted, free function set. */
GPtrArray *complete_line(App *app, Face face, const char *line, guint cursor, guint *ret_start,
                         gboolean *ret_pending);
