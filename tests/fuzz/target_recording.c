/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of recordings, without checksums, which would keep everything out. */
#include "backends/replay/recording.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GemelRecording *recording = gemel_recording_new_unchecked(g_bytes_new(data, size), NULL);
    GPtrArray *events = g_ptr_array_new_with_free_func(gemel_recorded_event_free);
    gint64 length;

    if (recording != NULL) {
        length = gemel_recording_length_ns(recording);
        PROMISE(length >= 0);
        PROMISE(gemel_recording_first_ns(recording) <= length);
        gemel_recording_go(recording, length / 2, events);
        gemel_recording_go(recording, G_MAXINT64, events);
        PROMISE(gemel_recording_next_ns(recording) == -1);
        gemel_recording_go(recording, 0, events);
        for (guint b = 0; b < gemel_recording_backends(recording)->len; b++) {
            const RecordedBackend *backend = gemel_recording_backends(recording)->pdata[b];

            PROMISE(backend->name != NULL);
            for (guint i = 0; i < backend->instances->len; i++)
                PROMISE(g_utf8_validate(((GemelInstance *)backend->instances->pdata[i])->name, -1,
                                        NULL));
        }
        gemel_recording_free(recording);
    }
    g_ptr_array_unref(events);
    return 0;
}
