/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clone.c - a copy of an instance under a new name. */
#include <string.h>

#include "backends/sim/sim.h"

static GHashTable *copy_labels(GHashTable *labels)
{
    GHashTable *copy;
    GHashTableIter iter;
    gpointer key, value;

    if (labels == NULL)
        return NULL;
    copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value))
        g_hash_table_insert(copy, g_strdup(key), g_strdup(value));
    return copy;
}

/* The first ELEMENT's text replaced, or the element taken out where `text` is NULL. */
static char *replace_element(const char *xml, const char *element, const char *text)
{
    g_autofree char *open = g_strdup_printf("<%s>", element);
    g_autofree char *close = g_strdup_printf("</%s>", element);
    const char *begin = strstr(xml, open);
    const char *end = begin != NULL ? strstr(begin, close) : NULL;
    g_autofree char *new = NULL;

    if (end == NULL)
        return g_strdup(xml);
    new = text != NULL ? g_markup_printf_escaped("<%s>%s</%s>", element, text, element)
                       : g_strdup("");
    return g_strdup_printf("%.*s%s%s", (int)(begin - xml), xml, new, end + strlen(close));
}

/* The copy as it will be, but for its id. */
static SimInstance *copy_of(const SimInstance *from, const char *name)
{
    SimInstance *to = g_new0(SimInstance, 1);

    to->name = g_strdup(name);
    to->image = g_strdup(from->image);
    to->kind = from->kind;
    to->state = GEMEL_STATE_STOPPED;
    to->pending = to->then = GEMEL_ACT_N;
    to->vcpus = from->vcpus;
    to->cpu_limit = from->cpu_limit;
    to->memory_bytes = from->memory_bytes;
    to->pids_limit = from->pids_limit;
    to->has_balloon = from->has_balloon;
    to->ignores_stop = from->ignores_stop;
    to->labels = copy_labels(from->labels);
    to->load = from->load;
    to->snapshots = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    if (from->definition != NULL) {
        g_autofree char *anonymous = replace_element(from->definition, "uuid", NULL);

        to->definition = from->kind == GEMEL_KIND_VM ? replace_element(anonymous, "name", name)
                                                     : g_strdup(from->definition);
    }
    to->rootfs = g_strdup(from->rootfs);
    to->hostname =
        g_strcmp0(from->hostname, from->name) == 0 ? g_strdup(name) : g_strdup(from->hostname);
    to->network = g_strdup(from->network);
    to->user = g_strdup(from->user);
    to->cwd = g_strdup(from->cwd);
    to->argv = g_strdupv(from->argv);
    to->env = g_strdupv(from->env);
    to->tty = from->tty;
    to->read_only = from->read_only;
    return to;
}

/* Finds it in a state in which it can be cloned, with the name free. Locked. */
static const SimInstance *check(SimWorld *world, const char *id, const char *name, GError **error)
{
    const SimInstance *instance = sim_find(world, id, error);

    if (instance == NULL || !sim_check_act(world, instance, GEMEL_ACT_CLONE, error) ||
        !sim_check_name(world, instance, name, error))
        return NULL;
    return instance;
}

gboolean sim_clone(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    const char *name = args != NULL ? args->name : NULL;
    gint64 duration_ns = (gint64)(args != NULL && args->linked ? 50e6 : 300e6);
    const SimInstance *from;
    g_autofree char *label = NULL;
    gboolean loses = FALSE;

    if (!sim_enter(conn, SIM_OP_ACT + (SimOp)GEMEL_ACT_CLONE, error))
        return FALSE;
    sim_lock(world);
    from = check(world, id, name, error);
    label = from != NULL ? g_strdup(from->name) : NULL;
    sim_unlock(world);
    if (from == NULL || !sim_work(world, label, "clone",
                                  (gint64)((double)duration_ns * world->options.pace), args, error))
        return FALSE;
    sim_lock(world);
    from = check(world, id, name, error); /* things may have changed meanwhile */
    if (from != NULL) {
        SimInstance *to = copy_of(from, name);

        loses = from->is_protected || from->autostart || from->snapshots->len > 0;
        to->id = sim_new_id(world, to->kind, world->created);
        to->hash = sim_hash(world->options.seed, world->created);
        sim_world_add(world, to);
    }
    sim_unlock(world);
    if (loses)
        gemel_act_note(args, "protection, autostart and snapshots were not taken along");
    return from != NULL;
}
