/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - which files go with an act, and what that frees. Reads only. */
#include <fts.h>
#include <sys/stat.h>

#include "backends/native/native.h"

/* What a directory takes on disk; a file with several names counts once. */
static gint64 tree_bytes(const char *path)
{
    char *const roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    gint64 bytes = 0;

    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;) {
        const struct stat *info = entry->fts_statp;

        if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR ||
            entry->fts_info == FTS_ERR)
            continue;
        if (!S_ISDIR(info->st_mode) && info->st_nlink > 1) {
            gint64 *inode = g_new(gint64, 1);

            *inode = (gint64)info->st_ino;
            if (!g_hash_table_add(seen, inode))
                continue;
        }
        bytes += (gint64)info->st_blocks * 512;
    }
    if (walk != NULL)
        fts_close(walk);
    return bytes;
}

static void add(json_t *files, const char *path)
{
    json_array_append_new(files, json_pack("{s:s, s:I, s:b}", "path", path, "bytes",
                                           (json_int_t)tree_bytes(path), "goes", TRUE));
}

/* What is no file of its own but goes or stays with them. */
static void add_snapshot(json_t *files, const NativeSnapshot *snapshot, gboolean goes)
{
    g_autofree char *text = g_strdup_printf("snapshot %s", snapshot->name);

    json_array_append_new(files,
                          json_pack("{s:s, s:n, s:b}", "path", text, "bytes", "goes", (int)goes));
}

static gboolean is_layer_of(const GArray *layers, guint number)
{
    for (guint i = 0; i < layers->len; i++)
        if (g_array_index(layers, guint, i) == number)
            return TRUE;
    return FALSE;
}

/* The layers that nothing but this snapshot names. */
static void add_own_layers(const NativeStore *store, const NativeContainer *c,
                           const NativeSnapshot *snapshot, json_t *files)
{
    for (guint i = 0; i < snapshot->layers->len; i++) {
        guint number = g_array_index(snapshot->layers, guint, i);
        gboolean is_used = number == c->upper || is_layer_of(c->lower, number);
        g_autofree char *layer = g_strdup_printf("l/%u", number);
        g_autofree char *path = native_store_container_path(store, c->id, layer);

        for (guint s = 0; s < c->snapshots->len; s++) {
            const NativeSnapshot *other = g_ptr_array_index(c->snapshots, s);

            is_used = is_used || (other != snapshot && is_layer_of(other->layers, number));
        }
        if (!is_used)
            add(files, path);
    }
}

/* Snapshots that stand on the same layers: those stay for them. */
static void add_dependants(const NativeContainer *c, const NativeSnapshot *snapshot, json_t *files)
{
    for (guint s = 0; s < c->snapshots->len; s++) {
        const NativeSnapshot *other = g_ptr_array_index(c->snapshots, s);
        gboolean shares = FALSE;

        for (guint i = 0; i < snapshot->layers->len && other != snapshot; i++)
            shares =
                shares || is_layer_of(other->layers, g_array_index(snapshot->layers, guint, i));
        if (shares)
            add_snapshot(files, other, FALSE);
    }
}

/* The layers that the present state stands on; those of snapshots alone are not taken along. */
static void add_cloned(const NativeStore *store, const NativeContainer *c, gboolean linked,
                       json_t *files)
{
    for (guint i = 0; i <= c->lower->len; i++) {
        gboolean is_upper = i == c->lower->len;
        guint number = is_upper ? c->upper : g_array_index(c->lower, guint, i);
        g_autofree char *layer = g_strdup_printf("l/%u", number);
        g_autofree char *path = native_store_container_path(store, c->id, layer);

        json_array_append_new(files, json_pack("{s:s, s:I, s:b, s:s}", "path", path, "bytes",
                                               (json_int_t)tree_bytes(path), "goes", FALSE, "how",
                                               linked && !is_upper ? "shared" : "copied"));
    }
}

json_t *native_plan(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                    const GemelActArgs *args, GError **error)
{
    const NativeStore *store = ((NativeConn *)conn)->store;
    g_autoptr(NativeContainer) c = native_container_load(store, id, error);
    const NativeSnapshot *found;
    json_t *files;

    if (c == NULL)
        return NULL;
    if (act == GEMEL_ACT_CLONE && args != NULL && args->name != NULL &&
        !native_clone_name_check(store, c, args->name, error))
        return NULL;
    found = snapshot != NULL ? native_container_find_snapshot(c, snapshot) : NULL;
    files = json_array();
    if (act == GEMEL_ACT_DELETE) {
        g_autofree char *path = native_store_container_path(store, id, NULL);

        add(files, path);
        for (guint i = 0; i < c->snapshots->len; i++)
            add_snapshot(files, g_ptr_array_index(c->snapshots, i), TRUE);
    } else if (act == GEMEL_ACT_SNAPSHOT_REVERT) {
        g_autofree char *layer = g_strdup_printf("l/%u", c->upper);
        g_autofree char *path = native_store_container_path(store, id, layer);

        add(files, path);
        for (guint i = 0; i < c->snapshots->len; i++)
            add_snapshot(files, g_ptr_array_index(c->snapshots, i), FALSE);
    } else if (act == GEMEL_ACT_CLONE) {
        add_cloned(store, c, args != NULL && args->linked, files);
    } else if (act == GEMEL_ACT_SNAPSHOT_DELETE && found != NULL) {
        add_own_layers(store, c, found, files);
        add_dependants(c, found, files);
    }
    return files;
}
