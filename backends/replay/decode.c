/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode.c - opens a recording and goes through its frames. */
#include "backends/replay/decode_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 9 /* magic and version */
/* A backend that first speaks this long after the others was slow or connected later: playing does
   not begin with it. */
#define FIRST_WAIT_NS G_GINT64_CONSTANT(3000000000)

/* ---- state ------------------------------------------------------------------------------------
 */

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

BackendState *recording_backend(GemelRecording *recording, Reader *reader)
{
    guint64 index = reader_u64(reader);

    if (reader->bad == NULL && index < recording->backends->len)
        return recording->backends->pdata[index];
    reader_spoil(reader, "a backend that was not named");
    return NULL;
}

gboolean recording_tells_anew(const GemelRecording *recording, gsize *told_at)
{
    gboolean anew = *told_at != recording->at;

    *told_at = recording->at;
    return anew;
}

void recording_note_first(GemelRecording *recording, BackendState *backend, gboolean of_sample)
{
    gint64 *earliest_ns = &recording->earliest_ns[of_sample ? 1 : 0];
    gint64 *first_ns = &recording->first_ns[of_sample ? 1 : 0];

    if (backend->spoke[of_sample ? 1 : 0])
        return;
    backend->spoke[of_sample ? 1 : 0] = TRUE;
    if (*earliest_ns < 0)
        *earliest_ns = recording->time_ns;
    if (recording->time_ns - *earliest_ns <= FIRST_WAIT_NS)
        *first_ns = MAX(*first_ns, recording->time_ns);
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
        reader_spoil(reader, "a second schema");
        return;
    }
    recording->n_metrics = reader_count(reader, 64, "more metrics than there can be");
    for (guint i = 0; i < recording->n_metrics && reader->bad == NULL; i++) {
        g_autofree char *name = reader_text(reader);

        recording->metric[i] = our_metric(name);
    }
    recording->n_rows = reader_count(reader, 64, "more metrics than there can be");
    for (guint i = 0; i < recording->n_rows && reader->bad == NULL; i++) {
        g_autofree char *group = reader_text(reader);
        g_autofree char *name = reader_text(reader);

        recording->row[i] = our_row(group, name);
    }
    recording->has_schema = TRUE;
}

static void read_backend(GemelRecording *recording, Reader *reader)
{
    guint64 index = reader_u64(reader);
    g_autofree char *name = reader_text(reader);
    g_autofree char *type = reader_text(reader);
    BackendState *state;

    if (reader->bad != NULL)
        return;
    if (index != recording->backends->len || index >= RECORDING_BACKENDS_MAX || name == NULL) {
        reader_spoil(reader, "a backend out of order");
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
    *ret_type = reader_u8(&reader);
    length = reader_u64(&reader);
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
    guint64 step = reader_u64(reader);

    if (step > (guint64)G_MAXINT64 / 4 || recording->time_ns > G_MAXINT64 / 4)
        reader_spoil(reader, "a time that is too far");
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
        reader_spoil(payload, "a frame after the end");
    if (!recording->has_schema && type != RECORDING_SCHEMA)
        reader_spoil(payload, "a frame before the schema");
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
            recording_read_list(recording, payload);
            break;
        case RECORDING_SAMPLE:
            recording_read_sample(recording, payload);
            break;
        case RECORDING_ERROR:
            recording_read_error(recording, payload);
            break;
        case RECORDING_EVENT:
            recording_read_event(recording, payload, events);
            break;
        case RECORDING_END:
            recording->is_ended = TRUE;
            break;
        default:
            reader_spoil(payload, "a frame of no kind");
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

    for (guint i = 0; i < 2; i++)
        recording->earliest_ns[i] = recording->first_ns[i] = -1;
    rewind_all(recording);
    while (find_frame(recording, &type, &payload, &next, &why) &&
           take_frame(recording, type, &payload, NULL, &why)) {
        recording->at = next;
        recording->length_ns = recording->time_ns;
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
    return MAX(0, MAX(recording->first_ns[FALSE], recording->first_ns[TRUE]));
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
