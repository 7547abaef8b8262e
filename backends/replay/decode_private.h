/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decode_private.h - what the files that decode share: what a recording says at the time where it
 * stands, and a function for each kind of frame that changes that.
 *
 * A function of a frame reads all of its payload first and lets it take effect last: with
 * reader->bad set, the shown lists and samples are as they were. What the file numbers (instances,
 * devices, values) may have moved by then; a recording ends there, and nothing comes of it.
 */
#pragma once

#include "backends/replay/reader.h"
#include "backends/replay/recording.h"

typedef struct {
    GemelRowGroup group;
    char name[32];
    guint64 value[64]; /* by the file's numbers */
    gsize told_at;     /* as of an instance */
} RowState;

typedef struct {
    GemelInstance *info;
    guint64 value[64];
    GPtrArray *rows; /* of RowState* */
    gsize told_at;   /* the frame that told of it last, by where it begins; 0 = none */
} InstanceState;

typedef struct {
    RecordedBackend shown;
    GPtrArray *instances; /* of InstanceState*, by number */
    gboolean spoke[2];    /* lists, samples: one came, or a failure instead */
} BackendState;

struct GemelRecording {
    GBytes *bytes;
    const guint8 *data;
    gsize size, end; /* end: where the good part ends */
    gboolean unchecked;
    /* of the file's schema: ours of each number, or GEMEL_METRIC_N, GEMEL_ROW_N */
    guint n_metrics, n_rows;
    guint metric[64], row[64];
    gboolean has_schema;
    /* where it stands */
    gsize at;
    gint64 time_ns;
    GPtrArray *backends; /* of BackendState* */
    GPtrArray *shown;    /* of RecordedBackend*, theirs */
    /* of the whole */
    gint64 length_ns;
    gint64 earliest_ns[2], first_ns[2]; /* lists, samples; -1 = none: see recording_note_first */
    guint64 frames;
    gboolean is_ended;
    char *damage;
};

/* Whether the frame in hand tells of this for the first time, and notes it: what a frame names
   twice would take memory by what it repeats, not by its size. */
gboolean recording_tells_anew(const GemelRecording *recording, gsize *told_at);

/* The backend that a payload names; NULL with reader->bad set. */
BackendState *recording_backend(GemelRecording *recording, Reader *reader);

/* A list or a sample of the backend came, or a failure instead: the first of each backend says
   where there is something to see of all. */
void recording_note_first(GemelRecording *recording, BackendState *backend, gboolean of_sample);

/* decode_list.c */
void instance_state_free(gpointer data);
void recording_read_list(GemelRecording *recording, Reader *reader);
/* decode_sample.c */
void recording_read_sample(GemelRecording *recording, Reader *reader);
/* decode_event.c; an event is added to `events`, which may be NULL. */
void recording_read_error(GemelRecording *recording, Reader *reader);
void recording_read_event(GemelRecording *recording, Reader *reader, GPtrArray *events);
