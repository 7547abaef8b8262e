/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/replay/recording.h"

#include <string.h>

typedef struct {
    guint index;
    GBytes *written; /* as it was listed last, encoded */
    guint64 round;   /* of the recorder, that told it last */
    guint64 value[GEMEL_METRIC_N];
    GHashTable *rows; /* "group/name" -> RowState* */
} InstanceState;

typedef struct {
    guint index;
    guint64 round;
    guint64 value[GEMEL_ROW_N];
} RowState;

typedef struct {
    guint index;
    GHashTable *instances; /* id -> InstanceState* */
} BackendState;

struct GemelRecorder {
    GByteArray *out, *frame;
    gint64 begun_ns, last_ns;
    guint64 round;        /* each instance, and of it each row, is told once in a round */
    GHashTable *backends; /* name -> BackendState* */
};

guint32 gemel_crc32(guint32 crc, const guint8 *data, gsize size)
{
    static guint32 table[256];
    static gsize made;

    if (g_once_init_enter(&made)) {
        for (guint32 i = 0; i < 256; i++) {
            guint32 c = i;

            for (int k = 0; k < 8; k++)
                c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
        g_once_init_leave(&made, 1);
    }
    crc = ~crc;
    for (gsize i = 0; i < size; i++)
        crc = table[(crc ^ data[i]) & 0xff] ^ (crc >> 8);
    return ~crc;
}

/* ---- primitives ----------------------------------------------------------------------------- */

static void put_u8(GByteArray *to, guint8 value)
{
    g_byte_array_append(to, &value, 1);
}

static void put_u64(GByteArray *to, guint64 value)
{
    guint8 bytes[10];
    guint n = 0;

    do {
        bytes[n] = (guint8)(value & 0x7f);
        value >>= 7;
        bytes[n++] |= value != 0 ? 0x80 : 0;
    } while (value != 0);
    g_byte_array_append(to, bytes, n);
}

/* Small numbers of either sign are short. */
static void put_s64(GByteArray *to, gint64 value)
{
    put_u64(to, ((guint64)value << 1) ^ (guint64)(value >> 63));
}

static void put_double(GByteArray *to, double value)
{
    guint64 bits;

    memcpy(&bits, &value, sizeof bits);
    bits = GUINT64_TO_LE(bits);
    g_byte_array_append(to, (const guint8 *)&bits, sizeof bits);
}

static void put_text(GByteArray *to, const char *text)
{
    gsize length = text != NULL ? strlen(text) : 0;

    length = MIN(length, RECORDING_TEXT_MAX);
    put_u64(to, text != NULL ? length + 1 : 0);
    if (text != NULL)
        g_byte_array_append(to, (const guint8 *)text, (guint)length);
}

/* ---- frames --------------------------------------------------------------------------------- */

static GByteArray *frame_begin(GemelRecorder *recorder)
{
    g_byte_array_set_size(recorder->frame, 0);
    return recorder->frame;
}

static void frame_end(GemelRecorder *recorder, RecordingFrame type)
{
    guint8 t = (guint8)type;
    guint32 crc = gemel_crc32(0, &t, 1);

    crc = GUINT32_TO_LE(gemel_crc32(crc, recorder->frame->data, recorder->frame->len));
    put_u8(recorder->out, t);
    put_u64(recorder->out, recorder->frame->len);
    g_byte_array_append(recorder->out, recorder->frame->data, recorder->frame->len);
    g_byte_array_append(recorder->out, (const guint8 *)&crc, sizeof crc);
}

/* Frames are in the order of their times, whatever the caller says. */
static void put_time(GemelRecorder *recorder, GByteArray *frame, gint64 time_ns)
{
    gint64 since = MAX(time_ns - recorder->begun_ns, recorder->last_ns);

    put_u64(frame, (guint64)(since - recorder->last_ns));
    recorder->last_ns = since;
}

static void instance_state_free(gpointer data)
{
    InstanceState *state = data;

    g_clear_pointer(&state->written, g_bytes_unref);
    g_hash_table_unref(state->rows);
    g_free(state);
}

static void backend_state_free(gpointer data)
{
    BackendState *state = data;

    g_hash_table_unref(state->instances);
    g_free(state);
}

static void put_schema(GemelRecorder *recorder)
{
    GByteArray *frame = frame_begin(recorder);

    put_u64(frame, GEMEL_METRIC_N);
    for (int i = 0; i < GEMEL_METRIC_N; i++)
        put_text(frame, gemel_metrics[i].name);
    put_u64(frame, GEMEL_ROW_N);
    for (int i = 0; i < GEMEL_ROW_N; i++) {
        put_text(frame, gemel_row_group_names[gemel_row_metrics[i].group]);
        put_text(frame, gemel_row_metrics[i].name);
    }
    frame_end(recorder, RECORDING_SCHEMA);
}

GemelRecorder *gemel_recorder_new(GByteArray *out, gint64 begun_ns)
{
    GemelRecorder *recorder = g_new0(GemelRecorder, 1);

    recorder->out = out;
    recorder->frame = g_byte_array_new();
    recorder->begun_ns = begun_ns;
    recorder->backends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, backend_state_free);
    g_byte_array_append(out, (const guint8 *)"GEMELREC", 8);
    put_u8(out, RECORDING_VERSION);
    put_schema(recorder);
    return recorder;
}

void gemel_recorder_free(GemelRecorder *recorder)
{
    if (recorder == NULL)
        return;
    g_byte_array_unref(recorder->frame);
    g_hash_table_unref(recorder->backends);
    g_free(recorder);
}

static BackendState *backend_state(GemelRecorder *recorder, const char *name, const char *type)
{
    BackendState *state = g_hash_table_lookup(recorder->backends, name);
    GByteArray *frame;

    if (state != NULL)
        return state;
    state = g_new0(BackendState, 1);
    state->index = g_hash_table_size(recorder->backends);
    state->instances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, instance_state_free);
    g_hash_table_insert(recorder->backends, g_strdup(name), state);
    frame = frame_begin(recorder);
    put_u64(frame, state->index);
    put_text(frame, name);
    put_text(frame, type);
    frame_end(recorder, RECORDING_BACKEND);
    return state;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static GBytes *encode_instance(const GemelRecorder *recorder, const GemelInstance *instance)
{
    GByteArray *to = g_byte_array_new();
    GHashTableIter iter;
    gpointer key, value;
    guint labels;

    put_text(to, instance->id);
    put_text(to, instance->name);
    put_u8(to, (guint8)instance->kind);
    put_u8(to, (guint8)instance->state);
    put_u8(to, (guint8)((instance->autostart ? 1 : 0) | (instance->is_protected ? 2 : 0) |
                        (instance->started_boottime_ns != 0 ? 4 : 0)));
    put_text(to, instance->state_reason);
    put_u64(to, MIN(instance->vcpus, RECORDING_VCPUS_MAX));
    put_double(to, instance->cpu_limit);
    put_u64(to, instance->memory_limit_bytes);
    if (instance->started_boottime_ns != 0)
        put_s64(to, instance->started_boottime_ns - recorder->begun_ns);
    put_text(to, instance->image);
    labels = instance->labels != NULL ? g_hash_table_size(instance->labels) : 0;
    labels = MIN(labels, RECORDING_LABELS_MAX);
    put_u64(to, labels);
    if (labels > 0)
        g_hash_table_iter_init(&iter, instance->labels);
    for (; labels > 0 && g_hash_table_iter_next(&iter, &key, &value); labels--) {
        put_text(to, key);
        put_text(to, value);
    }
    return g_byte_array_free_to_bytes(to);
}

/* NULL: there is no number left. */
static InstanceState *instance_state(BackendState *backend, const char *id)
{
    InstanceState *state = g_hash_table_lookup(backend->instances, id);

    if (state == NULL && g_hash_table_size(backend->instances) < RECORDING_INSTANCES_MAX) {
        state = g_new0(InstanceState, 1);
        state->index = g_hash_table_size(backend->instances);
        state->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(backend->instances, g_strdup(id), state);
    }
    return state;
}

/* Once in each round. */
static gboolean may_tell(const GemelRecorder *recorder, InstanceState *own)
{
    if (own == NULL || own->round == recorder->round)
        return FALSE;
    own->round = recorder->round;
    return TRUE;
}

void gemel_recorder_list(GemelRecorder *recorder, const char *backend, const char *type,
                         gint64 time_ns, const GPtrArray *list)
{
    BackendState *state = backend_state(recorder, backend, type);
    GByteArray *frame = frame_begin(recorder);
    guint n = 0;

    put_time(recorder, frame, time_ns);
    put_u64(frame, state->index);
    recorder->round++;
    for (guint i = 0; i < list->len; i++)
        n += may_tell(recorder, instance_state(state, ((GemelInstance *)list->pdata[i])->id));
    put_u64(frame, n);
    recorder->round++;
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = list->pdata[i];
        InstanceState *own = instance_state(state, instance->id);
        gboolean same;
        GBytes *now;

        if (!may_tell(recorder, own))
            continue;
        now = encode_instance(recorder, instance);
        same = own->written != NULL && g_bytes_equal(now, own->written);

        put_u64(frame, (guint64)own->index << 1 | !same);
        if (!same) {
            gsize size;
            const guint8 *bytes = g_bytes_get_data(now, &size);

            g_byte_array_append(frame, bytes, (guint)size);
            g_clear_pointer(&own->written, g_bytes_unref);
            own->written = g_bytes_ref(now);
        }
        g_bytes_unref(now);
    }
    frame_end(recorder, RECORDING_LIST);
}

/* ---- samples -------------------------------------------------------------------------------- */

/* Which are there, which of them changed, and by how much. */
static void put_values(GByteArray *frame, guint64 valid, const guint64 *value, guint64 *before,
                       guint n)
{
    guint64 changed = 0;

    for (guint i = 0; i < n; i++)
        if (((valid >> i) & 1u) && value[i] != before[i])
            changed |= G_GUINT64_CONSTANT(1) << i;
    put_u64(frame, valid);
    put_u64(frame, changed);
    for (guint i = 0; i < n; i++) {
        if (((changed >> i) & 1u) == 0)
            continue;
        put_s64(frame, (gint64)(value[i] - before[i])); /* wraps, and back */
        before[i] = value[i];
    }
}

/* Interfaces may come and go for as long as it is recorded; NULL: there is no number left. */
static RowState *row_state(InstanceState *own, const GemelRow *row, gboolean *ret_is_new)
{
    g_autofree char *key = g_strdup_printf("%d/%s", row->group, row->name);
    RowState *state = g_hash_table_lookup(own->rows, key);

    *ret_is_new = state == NULL && g_hash_table_size(own->rows) < RECORDING_ROWS_MAX;
    if (!*ret_is_new)
        return state;
    state = g_new0(RowState, 1);
    state->index = g_hash_table_size(own->rows);
    g_hash_table_insert(own->rows, g_steal_pointer(&key), state);
    return state;
}

/* A name that is there twice is told once. */
static void put_rows(const GemelRecorder *recorder, GByteArray *frame, InstanceState *own,
                     const GArray *rows)
{
    g_autoptr(GByteArray) told = g_byte_array_new();
    guint n = 0;

    for (guint i = 0; i < rows->len; i++) {
        const GemelRow *row = &g_array_index(rows, GemelRow, i);
        gboolean is_new;
        RowState *state = row_state(own, row, &is_new);

        if (state == NULL || state->round == recorder->round)
            continue;
        state->round = recorder->round;
        put_u64(told, (guint64)state->index << 1 | is_new);
        if (is_new) {
            put_u8(told, (guint8)row->group);
            put_text(told, row->name);
        }
        put_values(told, row->valid, row->value, state->value, GEMEL_ROW_N);
        n++;
    }
    put_u64(frame, n);
    g_byte_array_append(frame, told->data, told->len);
}

void gemel_recorder_sample(GemelRecorder *recorder, const char *backend, const char *type,
                           gint64 time_ns, const GPtrArray *samples)
{
    BackendState *state = backend_state(recorder, backend, type);
    GByteArray *frame = frame_begin(recorder);
    guint known = 0;

    put_time(recorder, frame, time_ns);
    put_u64(frame, state->index);
    recorder->round++;
    for (guint i = 0; i < samples->len; i++)
        known += may_tell(recorder, g_hash_table_lookup(state->instances,
                                                        ((GemelSample *)samples->pdata[i])->id));
    put_u64(frame, known); /* of those that no list has named nothing is known */
    recorder->round++;
    for (guint i = 0; i < samples->len; i++) {
        const GemelSample *sample = samples->pdata[i];
        InstanceState *own = g_hash_table_lookup(state->instances, sample->id);

        if (!may_tell(recorder, own))
            continue;
        put_u64(frame, own->index);
        put_s64(frame, sample->time_ns - recorder->begun_ns - recorder->last_ns);
        put_text(frame, sample->quarantine);
        put_values(frame, sample->valid, sample->value, own->value, GEMEL_METRIC_N);
        put_rows(recorder, frame, own, sample->rows);
    }
    frame_end(recorder, RECORDING_SAMPLE);
}

/* ---- the rest ------------------------------------------------------------------------------- */

void gemel_recorder_error(GemelRecorder *recorder, const char *backend, const char *type,
                          gint64 time_ns, gboolean of_sample, const GError *error)
{
    BackendState *state = backend_state(recorder, backend, type);
    GByteArray *frame = frame_begin(recorder);

    put_time(recorder, frame, time_ns);
    put_u64(frame, state->index);
    put_u8(frame, of_sample ? 1 : 0);
    put_u8(frame, (guint8)(error->domain == GEMEL_ERROR ? error->code : GEMEL_ERROR_FAILED));
    put_text(frame, error->message);
    frame_end(recorder, RECORDING_ERROR);
}

void gemel_recorder_event(GemelRecorder *recorder, const char *backend, const char *type,
                          gint64 time_ns, const GemelEvent *event)
{
    BackendState *state = backend_state(recorder, backend, type);
    GByteArray *frame = frame_begin(recorder);

    put_time(recorder, frame, time_ns);
    put_u64(frame, state->index);
    put_u8(frame, (guint8)event->type);
    put_u8(frame, (guint8)event->state);
    put_s64(frame, event->time_unix_usec);
    put_text(frame, event->id);
    put_text(frame, event->name);
    put_text(frame, event->detail);
    frame_end(recorder, RECORDING_EVENT);
}

void gemel_recorder_end(GemelRecorder *recorder, gint64 time_ns)
{
    GByteArray *frame = frame_begin(recorder);

    put_time(recorder, frame, time_ns);
    frame_end(recorder, RECORDING_END);
}
