/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode_event.c - frames of failures and events. */
#include "backends/replay/decode_private.h"

/* The end of the year 9999: what comes after it has no date. */
#define EVENT_TIME_MAX_USEC (G_GINT64_CONSTANT(253402300799) * 1000000)

void gemel_recorded_event_free(gpointer data)
{
    RecordedEvent *event = data;

    if (event == NULL)
        return;
    g_free(event->id);
    g_free(event->name);
    g_free(event->detail);
    g_free(event);
}

void recording_read_error(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = recording_backend(recording, reader);
    guint8 of_sample = reader_u8(reader), kind = reader_u8(reader);
    g_autofree char *message = reader_text(reader);
    GError **place;

    if (reader->bad != NULL)
        return;
    place = of_sample ? &backend->shown.sample_error : &backend->shown.list_error;
    g_clear_error(place);
    gemel_error_set(place, kind < GEMEL_ERROR_N ? (GemelErrorKind)kind : GEMEL_ERROR_FAILED, "%s",
                    message != NULL ? message : "no reason given");
    recording_note_first(recording, backend, of_sample != 0);
}

void recording_read_event(GemelRecording *recording, Reader *reader, GPtrArray *events)
{
    BackendState *backend = recording_backend(recording, reader);
    RecordedEvent *event = g_new0(RecordedEvent, 1);
    guint8 type = reader_u8(reader), state = reader_u8(reader);

    gint64 time_unix_usec = reader_s64(reader);

    event->time_unix_usec = CLAMP(time_unix_usec, 0, EVENT_TIME_MAX_USEC);
    event->id = reader_text(reader);
    event->name = reader_text(reader);
    event->detail = reader_text(reader);
    if (reader->bad == NULL && type >= GEMEL_EVENT_N)
        reader_spoil(reader, "an event of no kind");
    if (reader->bad != NULL || events == NULL) {
        gemel_recorded_event_free(event);
        return;
    }
    event->type = (GemelEventType)type;
    event->state = state < GEMEL_STATE_N ? (GemelState)state : GEMEL_STATE_UNKNOWN;
    event->time_ns = recording->time_ns;
    for (guint i = 0; i < recording->backends->len; i++)
        if (recording->backends->pdata[i] == backend)
            event->backend = i;
    g_ptr_array_add(events, event);
}
