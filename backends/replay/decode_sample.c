/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode_sample.c - frames of samples: values and rows, as differences from those before. */
#include "backends/replay/decode_private.h"

#include <string.h>

/* Brings `value` up to date; the bits that are there come back. */
static guint64 read_values(Reader *reader, guint64 *value, guint n)
{
    guint64 valid = reader_u64(reader), changed = reader_u64(reader);
    guint64 known = n >= 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT(1) << n) - 1;

    if ((changed & ~valid) != 0 || (valid & ~known) != 0)
        return reader_spoil(reader, "a metric that the schema has not");
    for (guint i = 0; i < n && reader->bad == NULL; i++)
        if ((changed >> i) & 1u)
            value[i] += (guint64)reader_s64(reader);
    return valid;
}

static void read_rows(GemelRecording *recording, InstanceState *state, GemelSample *sample,
                      Reader *reader)
{
    guint n = reader_count(reader, RECORDING_ROWS_MAX, "more devices than there can be");

    for (guint r = 0; r < n && reader->bad == NULL; r++) {
        guint64 word = reader_u64(reader), index = word >> 1;
        RowState *row;

        if (reader->bad != NULL || index > state->rows->len || index >= RECORDING_ROWS_MAX ||
            (index == state->rows->len) != (word & 1)) {
            reader_spoil(reader, "a device that was not named");
            return;
        }
        if (word & 1) {
            guint8 group = reader_u8(reader);
            g_autofree char *name = reader_text(reader);

            if (reader->bad == NULL && (group >= GEMEL_ROWS_N || name == NULL || *name == '\0'))
                reader_spoil(reader, "a device of no kind");
            if (reader->bad != NULL)
                return;
            row = g_new0(RowState, 1);
            row->group = (GemelRowGroup)group;
            g_strlcpy(row->name, name, sizeof row->name);
            g_ptr_array_add(state->rows, row);
        }
        row = state->rows->pdata[index];
        if (!recording_tells_anew(recording, &row->told_at)) {
            reader_spoil(reader, "a device that is named twice");
            return;
        }
        guint64 valid = read_values(reader, row->value, recording->n_rows);
        GemelRow *out = gemel_sample_add_row(sample, row->group, row->name);

        for (guint i = 0; i < recording->n_rows; i++) {
            guint ours = recording->row[i];

            if (((valid >> i) & 1u) && ours < GEMEL_ROW_N &&
                gemel_row_metrics[ours].group == row->group)
                gemel_row_set(out, (GemelRowMetric)ours, row->value[i]);
        }
    }
}

/* NULL with reader->bad set. */
static GemelSample *read_one_sample(GemelRecording *recording, BackendState *backend,
                                    Reader *reader)
{
    guint64 index = reader_u64(reader);
    gint64 since_ns = reader_s64(reader);
    g_autoptr(GemelSample) sample = NULL;
    InstanceState *state;
    guint64 valid;

    if (reader->bad != NULL || index >= backend->instances->len) {
        reader_spoil(reader, "a sample of nobody");
        return NULL;
    }
    /* a sample is of the time around its frame */
    since_ns =
        CLAMP(since_ns, -G_GINT64_CONSTANT(86400000000000), G_GINT64_CONSTANT(86400000000000));
    state = backend->instances->pdata[index];
    if (!recording_tells_anew(recording, &state->told_at)) {
        reader_spoil(reader, "two samples of the same");
        return NULL;
    }
    sample = gemel_sample_new(state->info->id, recording->time_ns + since_ns);
    sample->quarantine = reader_text(reader);
    valid = read_values(reader, state->value, recording->n_metrics);
    for (guint i = 0; i < recording->n_metrics; i++)
        if (((valid >> i) & 1u) && recording->metric[i] < GEMEL_METRIC_N)
            gemel_sample_set(sample, (GemelMetric)recording->metric[i], state->value[i]);
    read_rows(recording, state, sample, reader);
    return reader->bad == NULL ? g_steal_pointer(&sample) : NULL;
}

void recording_read_sample(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = recording_backend(recording, reader);
    guint n = reader_count(reader, RECORDING_INSTANCES_MAX, "more samples than there can be");
    g_autoptr(GPtrArray) samples = NULL;

    if (reader->bad != NULL)
        return;
    samples = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    for (guint i = 0; i < n && reader->bad == NULL; i++) {
        GemelSample *sample = read_one_sample(recording, backend, reader);

        if (sample != NULL)
            g_ptr_array_add(samples, sample);
    }
    if (reader->bad != NULL)
        return;
    g_clear_pointer(&backend->shown.before, g_ptr_array_unref);
    backend->shown.before = g_steal_pointer(&backend->shown.samples);
    backend->shown.samples = g_steal_pointer(&samples);
    g_clear_error(&backend->shown.sample_error);
    recording_note_first(recording, backend, TRUE);
}
