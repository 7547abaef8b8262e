/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/replay/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 9 /* magic and version */

typedef struct {
    GemelRowGroup group;
    char name[32];
    guint64 value[64]; /* by the file's numbers */
} RowState;

typedef struct {
    GemelInstance *info;
    guint64 value[64];
    GPtrArray *rows; /* of RowState* */
} InstanceState;

typedef struct {
    RecordedBackend shown;
    GPtrArray *instances; /* of InstanceState*, by number */
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
    gint64 length_ns, first_list_ns, first_sample_ns; /* the latter -1 = none */
    guint64 frames;
    gboolean is_ended;
    char *damage;
};

/* What is left of a payload; `bad` says why it makes no sense. */
typedef struct {
    const guint8 *data;
    gsize size, at;
    const char *bad;
} Reader;

/* ---- primitives ----------------------------------------------------------------------------- */

static guint64 spoil(Reader *reader, const char *why)
{
    if (reader->bad == NULL)
        reader->bad = why;
    return 0;
}

static guint8 get_u8(Reader *reader)
{
    if (reader->at >= reader->size)
        return (guint8)spoil(reader, "a frame that ends too early");
    return reader->data[reader->at++];
}

static guint64 get_u64(Reader *reader)
{
    guint64 value = 0;

    for (guint shift = 0; shift < 70; shift += 7) {
        guint8 byte = get_u8(reader);

        if (reader->bad != NULL)
            return 0;
        if (shift == 63 && (byte & 0xfe) != 0)
            return spoil(reader, "a number that is too long");
        value |= (guint64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    return spoil(reader, "a number that is too long");
}

static gint64 get_s64(Reader *reader)
{
    guint64 value = get_u64(reader);

    return (gint64)((value >> 1) ^ (~(value & 1) + 1));
}

/* A number that counts or indexes: at most `max`. */
static guint get_count(Reader *reader, guint64 max, const char *what)
{
    guint64 value = get_u64(reader);

    return value <= max ? (guint)value : (guint)spoil(reader, what);
}

/* Not negative, and no NAN. */
static double get_double(Reader *reader)
{
    guint64 bits;
    double value;

    if (reader->size - reader->at < sizeof bits) {
        spoil(reader, "a frame that ends too early");
        return 0;
    }
    memcpy(&bits, reader->data + reader->at, sizeof bits);
    reader->at += sizeof bits;
    bits = GUINT64_FROM_LE(bits);
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) && value > 0 ? value : 0;
}

/* Valid UTF-8 without a NUL, whatever was there; NULL for none. */
static char *get_text(Reader *reader)
{
    guint64 length = get_u64(reader);
    char *text;

    if (reader->bad != NULL || length == 0)
        return NULL;
    length--;
    if (length > RECORDING_TEXT_MAX || length > reader->size - reader->at) {
        spoil(reader, "a text that is too long");
        return NULL;
    }
    if (memchr(reader->data + reader->at, 0, length) != NULL) {
        spoil(reader, "a text with a NUL");
        return NULL;
    }
    text = g_utf8_make_valid((const char *)reader->data + reader->at, (gssize)length);
    reader->at += length;
    return text;
}

/* ---- state ---------------------------------------------------------------------------------- */

static void instance_state_free(gpointer data)
{
    InstanceState *state = data;

    if (state == NULL)
        return;
    gemel_instance_free(state->info);
    g_ptr_array_unref(state->rows);
    g_free(state);
}

static void backend_state_free(gpointer data)
{
    BackendState *state = data;

    g_free(state->shown.name);
    g_free(state->shown.type);
    g_ptr_array_unref(state->shown.instances);
    g_clear_pointer(&state->shown.samples, g_ptr_array_unref);
    g_clear_pointer(&state->shown.before, g_ptr_array_unref);
    g_clear_error(&state->shown.list_error);
    g_clear_error(&state->shown.sample_error);
    g_ptr_array_unref(state->instances);
    g_free(state);
}

/* Back to the beginning. */
static void rewind_all(GemelRecording *recording)
{
    recording->at = HEADER;
    recording->time_ns = 0;
    recording->has_schema = FALSE;
    recording->is_ended = FALSE;
    g_ptr_array_set_size(recording->shown, 0);
    g_ptr_array_set_size(recording->backends, 0);
}

static BackendState *get_backend(GemelRecording *recording, Reader *reader)
{
    guint64 index = get_u64(reader);

    if (reader->bad == NULL && index < recording->backends->len)
        return recording->backends->pdata[index];
    spoil(reader, "a backend that was not named");
    return NULL;
}

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

/* ---- frames: schema, backend ------------------------------------------------------------------
 */

static guint our_metric(const char *name)
{
    guint i = 0;

    while (i < GEMEL_METRIC_N && g_strcmp0(gemel_metrics[i].name, name) != 0)
        i++;
    return i;
}

static guint our_row(const char *group, const char *name)
{
    guint i = 0;

    while (i < GEMEL_ROW_N &&
           (g_strcmp0(gemel_row_metrics[i].name, name) != 0 ||
            g_strcmp0(gemel_row_group_names[gemel_row_metrics[i].group], group) != 0))
        i++;
    return i;
}

static void read_schema(GemelRecording *recording, Reader *reader)
{
    if (recording->has_schema) {
        spoil(reader, "a second schema");
        return;
    }
    recording->n_metrics = get_count(reader, 64, "more metrics than there can be");
    for (guint i = 0; i < recording->n_metrics && reader->bad == NULL; i++) {
        g_autofree char *name = get_text(reader);

        recording->metric[i] = our_metric(name);
    }
    recording->n_rows = get_count(reader, 64, "more metrics than there can be");
    for (guint i = 0; i < recording->n_rows && reader->bad == NULL; i++) {
        g_autofree char *group = get_text(reader);
        g_autofree char *name = get_text(reader);

        recording->row[i] = our_row(group, name);
    }
    recording->has_schema = TRUE;
}

static void read_backend(GemelRecording *recording, Reader *reader)
{
    guint64 index = get_u64(reader);
    g_autofree char *name = get_text(reader);
    g_autofree char *type = get_text(reader);
    BackendState *state;

    if (reader->bad != NULL)
        return;
    if (index != recording->backends->len || index >= RECORDING_BACKENDS_MAX || name == NULL) {
        spoil(reader, "a backend out of order");
        return;
    }
    state = g_new0(BackendState, 1);
    state->shown.name = g_steal_pointer(&name);
    state->shown.type = g_steal_pointer(&type);
    state->shown.instances = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    state->instances = g_ptr_array_new_with_free_func(instance_state_free);
    g_ptr_array_add(recording->backends, state);
    g_ptr_array_add(recording->shown, &state->shown);
}

/* ---- frames: list -----------------------------------------------------------------------------
 */

static void read_labels(GemelInstance *info, Reader *reader)
{
    guint n = get_count(reader, 4096, "more labels than there can be");

    for (guint i = 0; i < n && reader->bad == NULL; i++) {
        char *key = get_text(reader), *value = get_text(reader);

        if (key == NULL || value == NULL) {
            g_free(key);
            g_free(value);
            spoil(reader, "a label without a name");
            return;
        }
        if (info->labels == NULL)
            info->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(info->labels, key, value);
    }
}

/* NULL with reader->bad set when it makes no sense. */
static GemelInstance *read_instance(Reader *reader)
{
    g_autofree char *id = get_text(reader);
    g_autofree char *name = get_text(reader);
    guint8 kind = get_u8(reader), state = get_u8(reader), flags = get_u8(reader);
    GemelInstance *info;

    if (reader->bad == NULL && (id == NULL || *id == '\0' || kind >= GEMEL_KIND_N))
        spoil(reader, "an instance without an id or a kind");
    if (reader->bad != NULL)
        return NULL;
    info = gemel_instance_new("replay", (GemelKind)kind, id, name != NULL ? name : id);
    info->state = state < GEMEL_STATE_N ? (GemelState)state : GEMEL_STATE_UNKNOWN;
    info->autostart = flags & 1;
    info->is_protected = (flags & 2) != 0;
    info->state_reason = get_text(reader);
    info->vcpus = get_count(reader, 1u << 20, "more vCPUs than there can be");
    info->cpu_limit = get_double(reader);
    info->memory_limit_bytes = get_u64(reader);
    if (flags & 4)
        info->started_boottime_ns = get_s64(reader);
    info->image = get_text(reader);
    read_labels(info, reader);
    if (reader->bad == NULL)
        return info;
    gemel_instance_free(info);
    return NULL;
}

static void read_list(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = get_backend(recording, reader);
    guint n = get_count(reader, RECORDING_INSTANCES_MAX, "more instances than there can be");
    g_autoptr(GPtrArray) list = NULL;

    if (reader->bad != NULL)
        return;
    list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    for (guint i = 0; i < n && reader->bad == NULL; i++) {
        guint64 word = get_u64(reader), index = word >> 1;
        GPtrArray *known = backend->instances;

        if (reader->bad != NULL || index > known->len || index >= RECORDING_INSTANCES_MAX ||
            (index == known->len && (word & 1) == 0)) {
            spoil(reader, "an instance that was not listed");
            return;
        }
        if (word & 1) {
            GemelInstance *info = read_instance(reader);
            InstanceState *state;

            if (info == NULL)
                return;
            if (index == known->len) {
                state = g_new0(InstanceState, 1);
                state->rows = g_ptr_array_new_with_free_func(g_free);
                g_ptr_array_add(known, state);
            } else {
                state = known->pdata[index];
                gemel_instance_free(state->info);
            }
            state->info = info;
        }
        g_ptr_array_add(list, gemel_instance_copy(((InstanceState *)known->pdata[index])->info));
    }
    if (reader->bad != NULL)
        return;
    g_ptr_array_unref(backend->shown.instances);
    backend->shown.instances = g_steal_pointer(&list);
    g_clear_error(&backend->shown.list_error);
}

/* ---- frames: sample ---------------------------------------------------------------------------
 */

/* Brings `value` up to date; the bits that are there come back. */
static guint64 read_values(Reader *reader, guint64 *value, guint n)
{
    guint64 valid = get_u64(reader), changed = get_u64(reader);
    guint64 known = n >= 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT(1) << n) - 1;

    if ((changed & ~valid) != 0 || (valid & ~known) != 0)
        return spoil(reader, "a metric that the schema has not");
    for (guint i = 0; i < n && reader->bad == NULL; i++)
        if ((changed >> i) & 1u)
            value[i] += (guint64)get_s64(reader);
    return valid;
}

static void read_rows(GemelRecording *recording, InstanceState *state, GemelSample *sample,
                      Reader *reader)
{
    guint n = get_count(reader, RECORDING_ROWS_MAX, "more devices than there can be");

    for (guint r = 0; r < n && reader->bad == NULL; r++) {
        guint64 word = get_u64(reader), index = word >> 1;
        RowState *row;

        if (reader->bad != NULL || index > state->rows->len || index >= RECORDING_ROWS_MAX ||
            (index == state->rows->len) != (word & 1)) {
            spoil(reader, "a device that was not named");
            return;
        }
        if (word & 1) {
            guint8 group = get_u8(reader);
            g_autofree char *name = get_text(reader);

            if (reader->bad == NULL && (group >= GEMEL_ROWS_N || name == NULL || *name == '\0'))
                spoil(reader, "a device of no kind");
            if (reader->bad != NULL)
                return;
            row = g_new0(RowState, 1);
            row->group = (GemelRowGroup)group;
            g_strlcpy(row->name, name, sizeof row->name);
            g_ptr_array_add(state->rows, row);
        }
        row = state->rows->pdata[index];
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
    guint64 index = get_u64(reader);
    gint64 since_ns = get_s64(reader);
    g_autoptr(GemelSample) sample = NULL;
    InstanceState *state;
    guint64 valid;

    if (reader->bad != NULL || index >= backend->instances->len) {
        spoil(reader, "a sample of nobody");
        return NULL;
    }
    /* a sample is of the time around its frame */
    since_ns =
        CLAMP(since_ns, -G_GINT64_CONSTANT(86400000000000), G_GINT64_CONSTANT(86400000000000));
    state = backend->instances->pdata[index];
    sample = gemel_sample_new(state->info->id, recording->time_ns + since_ns);
    sample->quarantine = get_text(reader);
    valid = read_values(reader, state->value, recording->n_metrics);
    for (guint i = 0; i < recording->n_metrics; i++)
        if (((valid >> i) & 1u) && recording->metric[i] < GEMEL_METRIC_N)
            gemel_sample_set(sample, (GemelMetric)recording->metric[i], state->value[i]);
    read_rows(recording, state, sample, reader);
    return reader->bad == NULL ? g_steal_pointer(&sample) : NULL;
}

static void read_sample(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = get_backend(recording, reader);
    guint n = get_count(reader, RECORDING_INSTANCES_MAX, "more samples than there can be");
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
}

/* ---- frames: errors and events ----------------------------------------------------------------
 */

static void read_error(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = get_backend(recording, reader);
    guint8 of_sample = get_u8(reader), kind = get_u8(reader);
    g_autofree char *message = get_text(reader);
    GError **place;

    if (reader->bad != NULL)
        return;
    place = of_sample ? &backend->shown.sample_error : &backend->shown.list_error;
    g_clear_error(place);
    gemel_error_set(place, kind < GEMEL_ERROR_N ? (GemelErrorKind)kind : GEMEL_ERROR_FAILED, "%s",
                    message != NULL ? message : "no reason given");
}

static void read_event(GemelRecording *recording, Reader *reader, GPtrArray *events)
{
    BackendState *backend = get_backend(recording, reader);
    RecordedEvent *event = g_new0(RecordedEvent, 1);
    guint8 type = get_u8(reader), state = get_u8(reader);

    event->time_unix_usec = get_s64(reader);
    event->id = get_text(reader);
    event->name = get_text(reader);
    event->detail = get_text(reader);
    if (reader->bad == NULL && type >= GEMEL_EVENT_N)
        spoil(reader, "an event of no kind");
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

/* ---- going through it -------------------------------------------------------------------------
 */

/* The frame at recording->at: its payload and where the next one begins. FALSE: *ret_why is what is
   wrong with it, NULL at the very end. */
static gboolean find_frame(const GemelRecording *recording, guint8 *ret_type, Reader *ret_payload,
                           gsize *ret_next, const char **ret_why)
{
    Reader reader = {.data = recording->data, .size = recording->size, .at = recording->at};
    guint64 length;
    guint32 crc, wanted;

    *ret_why = NULL;
    if (recording->at >= recording->size)
        return FALSE;
    *ret_type = get_u8(&reader);
    length = get_u64(&reader);
    if (reader.bad != NULL || length > RECORDING_FRAME_MAX ||
        length + sizeof crc > reader.size - reader.at) {
        *ret_why = "a frame that is cut off";
        return FALSE;
    }
    *ret_payload = (Reader){.data = recording->data + reader.at, .size = length};
    *ret_next = reader.at + length + sizeof crc;
    if (recording->unchecked)
        return TRUE;
    memcpy(&wanted, recording->data + reader.at + length, sizeof wanted);
    crc = gemel_crc32(gemel_crc32(0, ret_type, 1), ret_payload->data, length);
    if (crc != GUINT32_FROM_LE(wanted))
        *ret_why = "a wrong checksum";
    return *ret_why == NULL;
}

/* The time that most frames begin with. */
static gint64 get_time(const GemelRecording *recording, Reader *reader)
{
    guint64 step = get_u64(reader);

    if (step > (guint64)G_MAXINT64 / 4 || recording->time_ns > G_MAXINT64 / 4)
        spoil(reader, "a time that is too far");
    return recording->time_ns + (gint64)step;
}

static gboolean has_time(guint8 type)
{
    return type != RECORDING_SCHEMA && type != RECORDING_BACKEND;
}

/* Lets one frame take effect. FALSE: *ret_why, and nothing of it has. */
static gboolean take_frame(GemelRecording *recording, guint8 type, Reader *payload,
                           GPtrArray *events, const char **ret_why)
{
    if (recording->is_ended)
        spoil(payload, "a frame after the end");
    if (!recording->has_schema && type != RECORDING_SCHEMA)
        spoil(payload, "a frame before the schema");
    if (has_time(type))
        recording->time_ns = get_time(recording, payload);
    if (payload->bad == NULL) {
        switch (type) {
        case RECORDING_SCHEMA:
            read_schema(recording, payload);
            break;
        case RECORDING_BACKEND:
            read_backend(recording, payload);
            break;
        case RECORDING_LIST:
            read_list(recording, payload);
            break;
        case RECORDING_SAMPLE:
            read_sample(recording, payload);
            break;
        case RECORDING_ERROR:
            read_error(recording, payload);
            break;
        case RECORDING_EVENT:
            read_event(recording, payload, events);
            break;
        case RECORDING_END:
            recording->is_ended = TRUE;
            break;
        default:
            spoil(payload, "a frame of no kind");
            break;
        }
    }
    *ret_why = payload->bad;
    return payload->bad == NULL;
}

static char *damage_text(const GemelRecording *recording, const char *why)
{
    gint64 seconds = recording->length_ns / 1000000000;

    return g_strdup_printf("%s at byte %" G_GSIZE_FORMAT ", %d:%02d in", why, recording->end,
                           (int)(seconds / 60), (int)(seconds % 60));
}

/* Once through all of it: how long it is, and where it is damaged. */
static void scan(GemelRecording *recording)
{
    Reader payload;
    gsize next;
    guint8 type;
    const char *why;

    recording->first_list_ns = recording->first_sample_ns = -1;
    rewind_all(recording);
    while (find_frame(recording, &type, &payload, &next, &why) &&
           take_frame(recording, type, &payload, NULL, &why)) {
        recording->at = next;
        recording->length_ns = recording->time_ns;
        if (type == RECORDING_LIST && recording->first_list_ns < 0)
            recording->first_list_ns = recording->time_ns;
        if (type == RECORDING_SAMPLE && recording->first_sample_ns < 0)
            recording->first_sample_ns = recording->time_ns;
        recording->frames++;
    }
    recording->end = recording->at;
    if (why == NULL && !recording->is_ended)
        why = "no end mark: it was cut off";
    if (why != NULL)
        recording->damage = damage_text(recording, why);
    rewind_all(recording);
}

void gemel_recording_go(GemelRecording *recording, gint64 time_ns, GPtrArray *events)
{
    Reader payload;
    gsize next;
    guint8 type;
    const char *why;

    if (time_ns < recording->time_ns) {
        rewind_all(recording);
        events = NULL;
    }
    while (recording->at < recording->end) {
        Reader peek;

        if (!find_frame(recording, &type, &payload, &next, &why))
            return;
        peek = payload;
        if (has_time(type) && get_time(recording, &peek) > time_ns)
            return;
        if (!take_frame(recording, type, &payload, events, &why))
            return; /* cannot be: scan came past it */
        recording->at = next;
    }
}

gint64 gemel_recording_next_ns(const GemelRecording *recording)
{
    Reader payload;
    gsize next;
    guint8 type;
    const char *why;

    if (recording->at >= recording->end || !find_frame(recording, &type, &payload, &next, &why))
        return -1;
    return has_time(type) ? get_time(recording, &payload) : recording->time_ns;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static GemelRecording *new_recording(GBytes *bytes, gboolean unchecked, GError **error)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    GemelRecording *recording;

    if (size < HEADER || memcmp(data, "GEMELREC", 8) != 0) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "this is no recording of gemel's");
        g_bytes_unref(bytes);
        return NULL;
    }
    if (data[8] != RECORDING_VERSION) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "this is a recording of version %u; this gemel plays version %d", data[8],
                        RECORDING_VERSION);
        g_bytes_unref(bytes);
        return NULL;
    }
    recording = g_new0(GemelRecording, 1);
    recording->bytes = bytes;
    recording->data = data;
    recording->size = size;
    recording->unchecked = unchecked;
    recording->backends = g_ptr_array_new_with_free_func(backend_state_free);
    recording->shown = g_ptr_array_new();
    scan(recording);
    return recording;
}

GemelRecording *gemel_recording_new(GBytes *bytes, GError **error)
{
    return new_recording(bytes, FALSE, error);
}

GemelRecording *gemel_recording_new_unchecked(GBytes *bytes, GError **error)
{
    return new_recording(bytes, TRUE, error);
}

/* All of a regular file; not by mmap, as one that shrinks meanwhile would end the program. */
static GBytes *read_file(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    GByteArray *bytes;
    guint8 buffer[65536];
    ssize_t n = -1;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (guint64)st.st_size > RECORDING_FILE_MAX) {
        gemel_error_set(error,
                        fd < 0 && errno == ENOENT ? GEMEL_ERROR_NOT_FOUND : GEMEL_ERROR_INVALID,
                        "%s cannot be played: %s", path,
                        fd < 0                 ? g_strerror(errno)
                        : !S_ISREG(st.st_mode) ? "it is not a regular file"
                                               : "it is larger than 1 GiB");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    bytes = g_byte_array_sized_new((guint)st.st_size);
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && bytes->len < RECORDING_FILE_MAX)
        g_byte_array_append(bytes, buffer, (guint)n);
    if (n < 0)
        gemel_error_set(error, GEMEL_ERROR_FAILED, "%s cannot be read: %s", path,
                        g_strerror(errno));
    close(fd);
    if (n >= 0)
        return g_byte_array_free_to_bytes(bytes);
    g_byte_array_unref(bytes);
    return NULL;
}

GemelRecording *gemel_recording_open(const char *path, GError **error)
{
    GBytes *bytes = read_file(path, error);
    GemelRecording *recording = bytes != NULL ? gemel_recording_new(bytes, error) : NULL;

    if (bytes != NULL && recording == NULL)
        g_prefix_error(error, "%s: ", path);
    return recording;
}

void gemel_recording_free(GemelRecording *recording)
{
    if (recording == NULL)
        return;
    g_ptr_array_unref(recording->shown);
    g_ptr_array_unref(recording->backends);
    g_bytes_unref(recording->bytes);
    g_free(recording->damage);
    g_free(recording);
}

gint64 gemel_recording_length_ns(const GemelRecording *recording)
{
    return recording->length_ns;
}

gint64 gemel_recording_first_ns(const GemelRecording *recording)
{
    return recording->first_sample_ns >= 0 ? recording->first_sample_ns
                                           : MAX(recording->first_list_ns, 0);
}

guint64 gemel_recording_frames(const GemelRecording *recording)
{
    return recording->frames;
}

const char *gemel_recording_damage(const GemelRecording *recording)
{
    return recording->damage;
}

GPtrArray *gemel_recording_backends(GemelRecording *recording)
{
    return recording->shown;
}
