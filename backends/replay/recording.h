/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recording.h - the file of a recording: what backends said, with the time at which they said it.
 *
 * A file is the magic "GEMELREC", a version (u8), and frames to its end. A frame is
 *     type (u8)   length (varint)   payload   CRC-32 of type and payload (u32, little endian)
 * Times are nanoseconds of CLOCK_BOOTTIME since the recording began, each frame's as the difference
 * to the frame before. Numbers are varints (LEB128), signed ones zigzag; a text is its length plus
 * one (0 = none) and its bytes.
 *
 *     SCHEMA    the names of metrics and of device metrics, in the order of the numbers below: a
 *               reader with another table finds its own by name. Comes first.
 *     BACKEND   number, name, type
 *     LIST      all instances of a backend; one that is as it was is only its number
 *     SAMPLE    per instance: time, which metrics are there, which changed, and by how much; rows
 *     ERROR     a list or a sample failed
 *     EVENT     what a watch told
 *     END       written when a recording is closed; without it the file was cut off
 *
 * Reading. The file is hostile: every length and index is checked against what is left and what is
 * known, memory is bounded by the file's size and the limits below. Damage (a wrong CRC, a frame
 * that says nonsense, an end without END) ends the recording there; what came before is good.
 *
 * Threads. Neither half has locks: a GemelRecorder belongs to one thread, a GemelRecording too.
 */
#pragma once

#include "backends/backend.h"

#define RECORDING_VERSION       1
#define RECORDING_FILE_MAX      (G_GUINT64_CONSTANT(1) << 30)
#define RECORDING_TEXT_MAX      65536
#define RECORDING_FRAME_MAX     (64u << 20)
#define RECORDING_BACKENDS_MAX  64
#define RECORDING_INSTANCES_MAX 200000
#define RECORDING_ROWS_MAX      4096 /* of an instance, over all of the recording */
#define RECORDING_LABELS_MAX    4096
#define RECORDING_VCPUS_MAX     (1u << 20)

typedef enum {
    RECORDING_SCHEMA = 1,
    RECORDING_BACKEND,
    RECORDING_LIST,
    RECORDING_SAMPLE,
    RECORDING_ERROR,
    RECORDING_EVENT,
    RECORDING_END,
} RecordingFrame;

/* ---- writing -------------------------------------------------------------------------------- */

typedef struct GemelRecorder GemelRecorder;

/* Bytes go to `out` as they are made; its owner writes them and empties it. What is past the limits
   above is left out, so that the rest can be read. begun_ns: the time that
   is 0 in the file. */
GemelRecorder *gemel_recorder_new(GByteArray *out, gint64 begun_ns);
void gemel_recorder_free(GemelRecorder *recorder);
/* `backend` is a name; the first use of one writes its BACKEND frame with this type. */
void gemel_recorder_list(GemelRecorder *recorder, const char *backend, const char *type,
                         gint64 time_ns, const GPtrArray *list);
void gemel_recorder_sample(GemelRecorder *recorder, const char *backend, const char *type,
                           gint64 time_ns, const GPtrArray *samples);
void gemel_recorder_error(GemelRecorder *recorder, const char *backend, const char *type,
                          gint64 time_ns, gboolean of_sample, const GError *error);
void gemel_recorder_event(GemelRecorder *recorder, const char *backend, const char *type,
                          gint64 time_ns, const GemelEvent *event);
void gemel_recorder_end(GemelRecorder *recorder, gint64 time_ns);

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct {
    char *name, *type;
    GPtrArray *instances; /* of GemelInstance*, as of the newest LIST; times are the recording's */
    GPtrArray *samples;   /* of GemelSample*, as of the newest SAMPLE; NULL before the first */
    GPtrArray *before;    /* those of the SAMPLE before, or NULL */
    GError *list_error, *sample_error; /* the newest was a failure */
} RecordedBackend;

typedef struct {
    guint backend;
    gint64 time_ns;
    GemelEventType type;
    GemelState state;
    gint64 time_unix_usec;
    char *id, *name, *detail;
} RecordedEvent;

typedef struct GemelRecording GemelRecording;

/* Takes the bytes. INVALID: it is no recording, or of a version that is not known. */
GemelRecording *gemel_recording_new(GBytes *bytes, GError **error);
/* The same without looking at checksums, for the fuzz target. */
GemelRecording *gemel_recording_new_unchecked(GBytes *bytes, GError **error);
/* Reads a regular file; blocks. */
GemelRecording *gemel_recording_open(const char *path, GError **error);
void gemel_recording_free(GemelRecording *recording);

/* Known from the start: all frames were read once. */
gint64 gemel_recording_length_ns(const GemelRecording *recording);
/* When there is something to see of all: each backend has listed and sampled, or said that it
   cannot. One that first speaks more than three seconds after the others is not waited for. */
gint64 gemel_recording_first_ns(const GemelRecording *recording);
guint64 gemel_recording_frames(const GemelRecording *recording);
/* "a wrong checksum at byte 1234, 0:12 in", or NULL: it is whole. */
const char *gemel_recording_damage(const GemelRecording *recording);

/* Goes to `time_ns`: frames up to there have taken effect. Going back begins anew. Events that were
   passed are appended to `events` (of RecordedEvent*), if given and not going back. */
void gemel_recording_go(GemelRecording *recording, gint64 time_ns, GPtrArray *events);
/* The time of the next frame, or -1 at the end. */
gint64 gemel_recording_next_ns(const GemelRecording *recording);
/* Of RecordedBackend*, as of the time gone to. */
GPtrArray *gemel_recording_backends(GemelRecording *recording);

void gemel_recorded_event_free(gpointer event);

/* CRC-32 (IEEE 802.3) of `size` bytes, going on from `crc` (0 at first). */
guint32 gemel_crc32(guint32 crc, const guint8 *data, gsize size);
