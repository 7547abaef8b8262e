/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * complete_files.h - names of files for completion. A directory may be on a server that does not
 * answer, so a thread reads it; the UI thread waits for COMPLETE_FILES_WAIT_MS, which any local
 * directory keeps, and what comes later is there the next time. UI thread only.
 */
#pragma once

#include <glib.h>

#define COMPLETE_FILES_WAIT_MS 200
/* Threads that still read what nobody waits for; with so many, no more is asked. */
#define COMPLETE_FILES_THREADS 4

typedef struct {
    char *path; /* begins with what was typed, `~/` included */
    gboolean is_directory;
} CompleteFile;

/* The files whose paths begin with `typed`; hidden ones only when the dot was typed. Of
   CompleteFile*, the module's until the next call; NULL = not known (yet: *ret_pending is set). */
const GPtrArray *complete_files(const char *typed, gboolean *ret_pending);
