/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/listed.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* File times move with the timer tick. */
#define GRAIN_NS (G_GINT64_CONSTANT(50) * 1000 * 1000)

/* Which file it was; all zero for none. */
typedef struct {
    guint64 device, inode;
    gint64 size, mtime_ns, ctime_ns;
} Stamp;

typedef struct {
    Stamp container_stamp, run_stamp;
    NativeContainer *container;
    NativeRun run;
} Kept;

struct NativeListed {
    const NativeStore *store;
    GHashTable *kept; /* id -> Kept* */
};

static void kept_free(gpointer data)
{
    Kept *kept = data;

    native_container_free(kept->container);
    native_run_done(&kept->run);
    g_free(kept);
}

NativeListed *native_listed_new(const NativeStore *store)
{
    NativeListed *listed = g_new0(NativeListed, 1);

    listed->store = store;
    listed->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, kept_free);
    return listed;
}

void native_listed_free(NativeListed *listed)
{
    if (listed == NULL)
        return;
    g_hash_table_unref(listed->kept);
    g_free(listed);
}

static gint64 time_ns(struct timespec time)
{
    return (gint64)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The stamp of a file before it is read; all zero when it cannot be told from the next one. */
static Stamp stamp_of(const char *path)
{
    struct timespec now;
    struct stat info;
    Stamp stamp = {0};

    if (stat(path, &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return stamp;
    stamp = (Stamp){.device = info.st_dev,
                    .inode = info.st_ino,
                    .size = info.st_size,
                    .mtime_ns = time_ns(info.st_mtim),
                    .ctime_ns = time_ns(info.st_ctim)};
    if (ABS(time_ns(now) - stamp.ctime_ns) < GRAIN_NS)
        memset(&stamp, 0, sizeof stamp);
    return stamp;
}

static gboolean stamp_is(const Stamp *kept, const Stamp *now)
{
    return now->inode != 0 && kept->device == now->device && kept->inode == now->inode &&
           kept->size == now->size && kept->mtime_ns == now->mtime_ns &&
           kept->ctime_ns == now->ctime_ns;
}

static Kept *kept_of(NativeListed *listed, const char *id)
{
    Kept *kept = g_hash_table_lookup(listed->kept, id);

    if (kept == NULL) {
        kept = g_new0(Kept, 1);
        g_hash_table_insert(listed->kept, g_strdup(id), kept);
    }
    return kept;
}

const NativeContainer *native_listed_container(NativeListed *listed, const char *id, GError **error)
{
    Kept *kept = kept_of(listed, id);
    g_autofree char *path = native_store_container_path(listed->store, id, "container.json");
    Stamp now = stamp_of(path);

    if (kept->container != NULL && stamp_is(&kept->container_stamp, &now))
        return kept->container;
    native_container_free(kept->container);
    kept->container = native_container_load(listed->store, id, error);
    kept->container_stamp = now;
    return kept->container;
}

const NativeRun *native_listed_run(NativeListed *listed, const char *id)
{
    Kept *kept = kept_of(listed, id);
    g_autofree char *path = native_store_state_path(listed->store, id);
    Stamp now = stamp_of(path);

    if (stamp_is(&kept->run_stamp, &now))
        return &kept->run;
    native_run_done(&kept->run);
    native_run_load(listed->store, id, &kept->run);
    kept->run_stamp = now;
    return &kept->run;
}

void native_listed_keep(NativeListed *listed, const GPtrArray *ids)
{
    g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer id;

    for (guint i = 0; i < ids->len; i++)
        g_hash_table_add(here, g_ptr_array_index(ids, i));
    g_hash_table_iter_init(&iter, listed->kept);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        if (!g_hash_table_contains(here, id))
            g_hash_table_iter_remove(&iter);
}
