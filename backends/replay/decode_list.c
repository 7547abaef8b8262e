/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode_list.c - frames of lists: each instance told in full, again when it changed. */
#include "backends/replay/decode_private.h"

/* A century to either side: what is added to it stays a number. */
#define STARTED_MAX_NS (G_GINT64_CONSTANT(100) * 366 * 86400 * 1000000000)

void instance_state_free(gpointer data)
{
    InstanceState *state = data;

    if (state == NULL)
        return;
    gemel_instance_free(state->info);
    g_ptr_array_unref(state->rows);
    g_free(state);
}

static void read_labels(GemelInstance *info, Reader *reader)
{
    guint n = reader_count(reader, RECORDING_LABELS_MAX, "more labels than there can be");

    for (guint i = 0; i < n && reader->bad == NULL; i++) {
        char *key = reader_text(reader), *value = reader_text(reader);

        if (key == NULL || value == NULL) {
            g_free(key);
            g_free(value);
            reader_spoil(reader, "a label without a name");
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
    g_autofree char *id = reader_text(reader);
    g_autofree char *name = reader_text(reader);
    guint8 kind = reader_u8(reader), state = reader_u8(reader), flags = reader_u8(reader);
    GemelInstance *info;

    if (reader->bad == NULL && (id == NULL || *id == '\0' || kind >= GEMEL_KIND_N))
        reader_spoil(reader, "an instance without an id or a kind");
    if (reader->bad != NULL)
        return NULL;
    info = gemel_instance_new("replay", (GemelKind)kind, id, name != NULL ? name : id);
    info->state = state < GEMEL_STATE_N ? (GemelState)state : GEMEL_STATE_UNKNOWN;
    info->autostart = flags & 1;
    info->is_protected = (flags & 2) != 0;
    info->state_reason = reader_text(reader);
    info->vcpus = reader_count(reader, RECORDING_VCPUS_MAX, "more vCPUs than there can be");
    info->cpu_limit = reader_double(reader);
    info->memory_limit_bytes = reader_u64(reader);
    if (flags & 4) {
        gint64 started_ns = reader_s64(reader);

        info->started_boottime_ns = CLAMP(started_ns, -STARTED_MAX_NS, STARTED_MAX_NS);
    }
    info->image = reader_text(reader);
    read_labels(info, reader);
    if (reader->bad == NULL)
        return info;
    gemel_instance_free(info);
    return NULL;
}

void recording_read_list(GemelRecording *recording, Reader *reader)
{
    BackendState *backend = recording_backend(recording, reader);
    guint n = reader_count(reader, RECORDING_INSTANCES_MAX, "more instances than there can be");
    g_autoptr(GPtrArray) list = NULL;

    if (reader->bad != NULL)
        return;
    list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    for (guint i = 0; i < n && reader->bad == NULL; i++) {
        guint64 word = reader_u64(reader), index = word >> 1;
        GPtrArray *known = backend->instances;

        if (reader->bad != NULL || index > known->len || index >= RECORDING_INSTANCES_MAX ||
            (index == known->len && (word & 1) == 0)) {
            reader_spoil(reader, "an instance that was not listed");
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
        if (!recording_tells_anew(recording, &((InstanceState *)known->pdata[index])->told_at)) {
            reader_spoil(reader, "an instance that is listed twice");
            return;
        }
        g_ptr_array_add(list, gemel_instance_copy(((InstanceState *)known->pdata[index])->info));
    }
    if (reader->bad != NULL)
        return;
    g_ptr_array_unref(backend->shown.instances);
    backend->shown.instances = g_steal_pointer(&list);
    g_clear_error(&backend->shown.list_error);
    recording_note_first(recording, backend, FALSE);
}
