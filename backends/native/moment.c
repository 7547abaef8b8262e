/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moment.c - a container's files as of a snapshot or now: which layers they are. */
#include <string.h>

#include "backends/native/native.h"
#include "backends/native/snapshot.h"

/* The layers of a moment as the container's file has them, from the bottom up; NULL with NOT_FOUND.
 */
static GArray *layers_of(const NativeContainer *c, NativeMomentKind kind, const char *name,
                         GError **error)
{
    GArray *layers = g_array_new(FALSE, FALSE, sizeof(guint));
    const NativeSnapshot *snapshot;

    if (kind == NATIVE_MOMENT_NOW) {
        g_array_append_vals(layers, c->lower->data, c->lower->len);
        g_array_append_val(layers, c->upper);
        return layers;
    }
    if (name == NULL) { /* the image: what all else stands on */
        g_array_append_vals(layers, c->lower->data, 1);
        return layers;
    }
    snapshot = native_container_find_snapshot(c, name);
    if (snapshot == NULL) {
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                        "container %s: no snapshot %s; `snapshot list %s` shows what there is",
                        c->name, name, c->name);
        g_array_unref(layers);
        return NULL;
    }
    g_array_append_vals(layers, snapshot->layers->data, snapshot->layers->len);
    return layers;
}

gboolean native_moment_open(NativeMoment *moment, const NativeStore *store, const char *id,
                            NativeMomentKind kind, const char *name, GError **error)
{
    g_autoptr(NativeContainer) c = native_container_load(store, id, error);
    g_autofree char *dir = NULL;
    g_autoptr(GArray) layers = NULL;

    if (c == NULL)
        return FALSE;
    if (!store->privileged)
        return native_store_deny(store, error);
    if (kind == NATIVE_MOMENT_CURRENT)
        name = c->current;
    layers = layers_of(c, kind, name, error);
    if (layers == NULL)
        return FALSE;
    dir = native_store_container_path(store, id, NULL);
    moment->id = g_strdup(id);
    moment->container = g_strdup(c->name);
    moment->kind = kind;
    moment->name = g_strdup(name);
    moment->view = native_view_open(dir, layers, error);
    return moment->view != NULL;
}

gboolean native_moment_holds(const NativeMoment *moment, const NativeStore *store, GError **error)
{
    g_autoptr(NativeContainer) c = native_container_load(store, moment->id, NULL);
    g_autoptr(GArray) layers = c != NULL ? layers_of(c, moment->kind, moment->name, NULL) : NULL;
    guint n = moment->view->layers->len;
    gboolean same = layers != NULL && layers->len == n;

    for (guint i = 0; same && i < n; i++)
        same = g_array_index(layers, guint, i) ==
               g_array_index(moment->view->layers, guint, n - 1 - i);
    return same || gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                                   "container %s: its snapshots were changed meanwhile; try again",
                                   moment->container);
}

void native_moment_done(NativeMoment *moment)
{
    g_clear_pointer(&moment->id, g_free);
    g_clear_pointer(&moment->container, g_free);
    g_clear_pointer(&moment->name, g_free);
    g_clear_pointer(&moment->view, native_view_free);
}
