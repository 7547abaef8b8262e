/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/complete_snapshots.h"
#include "console/reads.h"

/* An answer is believed for this long, and one that does not come is waited for. */
#define FRESH_USEC (3 * G_USEC_PER_SEC)
#define WAIT_USEC  (15 * G_USEC_PER_SEC)

typedef struct {
    char *backend, *id;
    gint64 asked_usec, used_usec;
    GPtrArray *list; /* of GemelSnapshot*, NULL = none has come yet */
    GemelJob *job;   /* under way, or NULL */
} Entry;

static GPtrArray *entries; /* of Entry*; few, so they are looked through */

/* Takes back what was asked: its answer would find nobody. */
static void forget_job(Entry *entry)
{
    if (entry->job == NULL)
        return;
    gemel_job_leave(entry->job, entry);
    g_clear_pointer(&entry->job, gemel_job_unref);
}

static void entry_free(gpointer data)
{
    Entry *entry = data;

    forget_job(entry);
    g_clear_pointer(&entry->list, g_ptr_array_unref);
    g_free(entry->backend);
    g_free(entry->id);
    g_free(entry);
}

static void answer_came(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Entry *entry = data;

    g_clear_pointer(&entry->job, gemel_job_unref);
    if (result == NULL)
        return;
    g_clear_pointer(&entry->list, g_ptr_array_unref);
    entry->list = g_ptr_array_ref(result);
}

static void ask(Entry *entry, const ModelInstance *instance)
{
    forget_job(entry);
    entry->asked_usec = entry->used_usec;
    entry->job =
        gemel_lanes_submit(instance->backend->open->lanes, GEMEL_LANE_READ,
                           &(GemelJobSpec){.kind = "snapshot list",
                                           .instance_id = instance->info->id,
                                           .run = read_snapshots,
                                           .arg = g_strdup(instance->info->id),
                                           .arg_free = g_free,
                                           .result_free = (GDestroyNotify)g_ptr_array_unref},
                           answer_came, entry);
}

/* Instances that are gone go, and while there is no room for one more, who was used longest ago. */
static void make_room(Model *model)
{
    for (guint i = entries->len; i-- > 0;) {
        const Entry *entry = entries->pdata[i];

        if (model_instance(model, entry->backend, entry->id) == NULL)
            g_ptr_array_remove_index_fast(entries, i);
    }
    while (entries->len >= COMPLETE_SNAPSHOTS_KEPT) {
        guint oldest = 0;

        for (guint i = 1; i < entries->len; i++)
            if (((Entry *)entries->pdata[i])->used_usec <
                ((Entry *)entries->pdata[oldest])->used_usec)
                oldest = i;
        g_ptr_array_remove_index_fast(entries, oldest);
    }
}

/* The entry of an instance, made where there is none. */
static Entry *entry_of(Model *model, const ModelInstance *instance)
{
    Entry *entry;

    if (entries == NULL)
        entries = g_ptr_array_new_with_free_func(entry_free);
    for (guint i = 0; i < entries->len; i++) {
        entry = entries->pdata[i];
        if (g_str_equal(entry->id, instance->info->id) &&
            g_str_equal(entry->backend, instance->backend->name))
            return entry;
    }
    make_room(model);
    entry = g_new0(Entry, 1);
    entry->backend = g_strdup(instance->backend->name);
    entry->id = g_strdup(instance->info->id);
    g_ptr_array_add(entries, entry);
    return entry;
}

const GPtrArray *complete_snapshots(Model *model, const ModelInstance *instance,
                                    gboolean *ret_pending)
{
    Entry *entry = entry_of(model, instance);
    gint64 age;

    entry->used_usec = g_get_monotonic_time();
    age = entry->used_usec - entry->asked_usec;
    if (entry->asked_usec == 0 || age > (entry->job != NULL ? WAIT_USEC : FRESH_USEC))
        ask(entry, instance);
    *ret_pending = *ret_pending || entry->job != NULL;
    return entry->list;
}

guint complete_snapshots_count(void)
{
    return entries != NULL ? entries->len : 0;
}
