/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/cache.h"

/* How long a guest whose process was not found is not looked for again by walking over /proc. */
#define RETRY_USEC G_GINT64_CONSTANT(10000000)

typedef struct {
    int id; /* of the run that what follows is about */
    char *name;
    gboolean has_summary;
    LvSummary summary;
    gint64 expires_usec;
    int pid; /* 0 = not known */
    guint64 start_ticks;
    LvCgroup group;
    gint64 retry_usec;
    gint64 free_ns; /* when its job was last found free, on the clock of samples; 0 = never */
} Entry;

struct LvCache {
    pthread_mutex_t lock;
    guint stamp;
    GHashTable *entries; /* char *uuid -> Entry* */
};

static void entry_forget_process(Entry *entry)
{
    entry->pid = 0;
    entry->retry_usec = 0;
    lv_cgroup_clear(&entry->group);
}

static void entry_free(gpointer data)
{
    Entry *entry = data;

    lv_cgroup_clear(&entry->group);
    g_free(entry->name);
    g_free(entry);
}

LvCache *lv_cache_new(void)
{
    LvCache *cache = g_new0(LvCache, 1);

    pthread_mutex_init(&cache->lock, NULL);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return cache;
}

void lv_cache_free(LvCache *cache)
{
    if (cache == NULL)
        return;
    g_hash_table_unref(cache->entries);
    pthread_mutex_destroy(&cache->lock);
    g_free(cache);
}

/* The guest's entry, made if need be; what is of an earlier run is dropped. Locked. */
static Entry *entry_of(LvCache *cache, const LvGuest *guest)
{
    Entry *entry = g_hash_table_lookup(cache->entries, guest->uuid);

    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        entry->id = guest->id;
        entry->name = g_strdup(guest->name);
        g_hash_table_insert(cache->entries, g_strdup(guest->uuid), entry);
    } else if (entry->id != guest->id || g_strcmp0(entry->name, guest->name) != 0) {
        g_free(entry->name);
        entry->name = g_strdup(guest->name);
        entry->has_summary = FALSE;
        if (entry->id != guest->id) {
            entry_forget_process(entry);
            entry->free_ns = 0;
        }
        entry->id = guest->id;
    }
    return entry;
}

guint lv_cache_stamp(LvCache *cache)
{
    guint stamp;

    pthread_mutex_lock(&cache->lock);
    stamp = cache->stamp;
    pthread_mutex_unlock(&cache->lock);
    return stamp;
}

gboolean lv_cache_peek(LvCache *cache, const LvGuest *guest, LvSummary *ret_summary)
{
    const Entry *entry;
    gboolean found;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, guest);
    found = entry->has_summary;
    if (found)
        *ret_summary = entry->summary;
    pthread_mutex_unlock(&cache->lock);
    return found;
}

guint lv_cache_count_active(LvCache *cache)
{
    GHashTableIter iter;
    gpointer value;
    guint n = 0;

    pthread_mutex_lock(&cache->lock);
    g_hash_table_iter_init(&iter, cache->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        n += ((const Entry *)value)->id >= 0;
    pthread_mutex_unlock(&cache->lock);
    return n;
}

gboolean lv_cache_get(LvCache *cache, const LvGuest *guest, LvSummary *ret_summary)
{
    const Entry *entry;
    gboolean found;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, guest);
    found = entry->has_summary && entry->expires_usec > g_get_monotonic_time();
    if (found)
        *ret_summary = entry->summary;
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void lv_cache_put(LvCache *cache, const LvGuest *guest, guint stamp, gint64 max_age_usec,
                  const LvSummary *summary)
{
    pthread_mutex_lock(&cache->lock);
    if (cache->stamp == stamp) {
        Entry *entry = entry_of(cache, guest);

        entry->has_summary = TRUE;
        entry->summary = *summary;
        /* Spread, so that what was learnt in one call does not run out in one call. */
        entry->expires_usec = g_get_monotonic_time() + max_age_usec / 2 +
                              (gint64)(g_str_hash(guest->uuid) % 1000) * (max_age_usec / 2) / 1000;
    }
    pthread_mutex_unlock(&cache->lock);
}

void lv_cache_invalidate(LvCache *cache, const char *uuid)
{
    GHashTableIter iter;
    gpointer key, value;

    pthread_mutex_lock(&cache->lock);
    cache->stamp++;
    g_hash_table_iter_init(&iter, cache->entries);
    if (uuid != NULL) {
        value = g_hash_table_lookup(cache->entries, uuid);
        if (value != NULL)
            ((Entry *)value)->has_summary = FALSE;
    } else {
        while (g_hash_table_iter_next(&iter, &key, &value))
            ((Entry *)value)->has_summary = FALSE;
    }
    pthread_mutex_unlock(&cache->lock);
}

void lv_cache_retain(LvCache *cache, GHashTable *uuids)
{
    GHashTableIter iter;
    gpointer key, value;

    pthread_mutex_lock(&cache->lock);
    g_hash_table_iter_init(&iter, cache->entries);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (!g_hash_table_contains(uuids, key))
            g_hash_table_iter_remove(&iter);
    }
    pthread_mutex_unlock(&cache->lock);
}

gint64 lv_cache_note_held(LvCache *cache, const LvGuest *guest, gboolean is_held)
{
    gint64 now_ns = gemel_boottime_ns(), free_ns;
    Entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, guest);
    if (!is_held)
        entry->free_ns = now_ns;
    free_ns = entry->free_ns;
    pthread_mutex_unlock(&cache->lock);
    return free_ns > 0 ? now_ns - free_ns : G_MAXINT64;
}

/* Takes pid and group from the cache if they are known; `ret_may_scan` says whether it is time to
   look for an unknown one again. */
static gboolean recall_process(LvCache *cache, LvGuest *guest, guint64 *ret_start_ticks,
                               gboolean *ret_may_scan)
{
    const Entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, guest);
    guest->process.pid = entry->pid;
    *ret_start_ticks = entry->start_ticks;
    *ret_may_scan = entry->retry_usec <= g_get_monotonic_time();
    lv_cgroup_copy(&entry->group, &guest->group);
    pthread_mutex_unlock(&cache->lock);
    return guest->process.pid != 0;
}

static void remember_process(LvCache *cache, const LvGuest *guest)
{
    Entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, guest);
    entry_forget_process(entry);
    entry->pid = guest->process.pid;
    entry->start_ticks = guest->process.start_ticks;
    lv_cgroup_copy(&guest->group, &entry->group);
    if (guest->process.pid == 0)
        entry->retry_usec = g_get_monotonic_time() + RETRY_USEC;
    pthread_mutex_unlock(&cache->lock);
}

/* Settles on a pid (0 = none was found) for the guest, with its group, and keeps it. */
static void settle_process(LvCache *cache, LvGuest *guest, int pid, char **mountinfo)
{
    lv_cgroup_clear(&guest->group);
    if (pid <= 0 || !lv_process_read("", pid, &guest->process))
        guest->process = (LvProcess){0};
    else {
        if (*mountinfo == NULL)
            g_file_get_contents("/proc/self/mountinfo", mountinfo, NULL, NULL);
        lv_cgroup_find_in("", *mountinfo, pid, &guest->group);
    }
    remember_process(cache, guest);
}

void lv_cache_find_processes(LvConn *conn, GPtrArray *guests)
{
    LvCache *cache = lv_backend(conn)->cache;
    g_autoptr(GHashTable) wanted = NULL;
    g_autofree char *mountinfo = NULL; /* once it is needed */

    if (!conn->is_local)
        return;
    for (guint i = 0; i < guests->len; i++) {
        LvGuest *guest = g_ptr_array_index(guests, i);
        guint64 start_ticks;
        gboolean may_scan;
        int pid;

        if (guest->id < 0)
            continue;
        if (recall_process(cache, guest, &start_ticks, &may_scan) &&
            lv_process_read("", guest->process.pid, &guest->process) &&
            guest->process.start_ticks == start_ticks)
            continue;
        guest->process = (LvProcess){0};
        pid = lv_process_from_pidfile("", conn->run_dir, guest->name, guest->uuid);
        if (pid != 0) {
            settle_process(cache, guest, pid, &mountinfo);
        } else if (may_scan) {
            if (wanted == NULL)
                wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
            g_hash_table_insert(wanted, g_strdup(guest->uuid), NULL);
        }
    }
    if (wanted == NULL)
        return;
    /* The daemon's run directory is not where it is expected, or in another mount namespace. */
    lv_process_scan("", wanted);
    for (guint i = 0; i < guests->len; i++) {
        LvGuest *guest = g_ptr_array_index(guests, i);
        gpointer pid;

        if (g_hash_table_lookup_extended(wanted, guest->uuid, NULL, &pid))
            settle_process(cache, guest, GPOINTER_TO_INT(pid), &mountinfo);
    }
}

LvGuest *lv_guest_new(virDomainPtr domain)
{
    LvGuest *guest = g_new0(LvGuest, 1);

    virDomainGetUUIDString(domain, guest->uuid);
    guest->id = (int)virDomainGetID(domain);
    guest->name = g_strdup(virDomainGetName(domain));
    return guest;
}

void lv_guest_free(LvGuest *guest)
{
    if (guest == NULL)
        return;
    lv_cgroup_clear(&guest->group);
    g_free(guest->name);
    g_free(guest);
}
