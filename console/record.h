/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.h - writes what the backends say into a file (backends/replay/recording.h).
 *
 * The model hands over each list, sample, failure and event as it comes; the writer thread encodes
 * and writes them. When it falls behind by RECORD_BEHIND_MAX messages, samples are left out until
 * it has caught up. A write that fails ends the recording; what is in the file stays playable. UI
 * thread.
 */
#pragma once

#include "console/app.h"

#define RECORD_BEHIND_MAX 64

typedef struct Record Record;

/* On the UI thread. */
typedef struct {
    /* The file is there; or why not: then the record is over, and record_stop only frees it. */
    void (*opened)(const GError *error, gpointer data);
    /* Once, later: it can be written no more (record_error). */
    void (*failed)(gpointer data);
    gpointer data;
} RecordHooks;

/* Begins. The file is new, or replaced with `force`; it can be read by its owner alone. */
Record *record_start(App *app, const char *path, gboolean force, const RecordHooks *hooks);
/* Writes the end mark and closes the file, on the writer thread; frees it. */
void record_stop(Record *record);
/* The caller of record_start is gone: its hooks are not called any more. */
void record_disown(Record *record);

const char *record_path(const Record *record);
guint64 record_bytes(const Record *record);
guint64 record_left_out(const Record *record); /* samples */
/* Why it ended by itself, or NULL. g_free() */
char *record_error(Record *record);
