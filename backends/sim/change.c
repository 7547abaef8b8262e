/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change.c - flags, name and definition of an instance; nothing here takes time. */
#include <string.h>

#include "backends/sim/sim.h"

/* Takes the mutex and finds an instance that may be changed so; unlocked and NULL if there is none.
 */
static SimInstance *begin(GemelConn *conn, const char *id, GemelAct act, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimOp op = act < GEMEL_ACT_PLAIN_N ? SIM_OP_ACT + (SimOp)act : SIM_OP_EDIT;
    SimInstance *instance;

    if (!sim_enter(conn, op, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL && !sim_check_act(world, instance, act, error))
        instance = NULL;
    if (instance == NULL)
        sim_unlock(world);
    return instance;
}

gboolean sim_autostart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimInstance *instance = begin(conn, id, GEMEL_ACT_AUTOSTART, error);

    if (instance == NULL)
        return FALSE;
    instance->autostart = args != NULL && args->enable;
    sim_notify(sim_world(conn), GEMEL_EVENT_CHANGED, instance, "autostart");
    sim_unlock(sim_world(conn));
    return TRUE;
}

gboolean sim_protect(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimInstance *instance = begin(conn, id, GEMEL_ACT_PROTECT, error);

    if (instance == NULL)
        return FALSE;
    instance->is_protected = args != NULL && args->enable;
    sim_notify(sim_world(conn), GEMEL_EVENT_CHANGED, instance, "protection");
    sim_unlock(sim_world(conn));
    return TRUE;
}

gboolean sim_check_name(const SimWorld *world, const SimInstance *instance, const char *name,
                        GError **error)
{
    if (name == NULL || *name == '\0' || strlen(name) > 63 || strpbrk(name, "/\n\t ") != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: \"%.80s\" is no name; 1 to 63 characters without / and spaces",
                               instance->name, name != NULL ? name : "");
    if (g_hash_table_contains(world->by_name, name))
        return gemel_error_set(error, GEMEL_ERROR_EXISTS, "%s: the name %s is taken",
                               instance->name, name);
    return TRUE;
}

static void set_name(SimWorld *world, SimInstance *instance, const char *name)
{
    g_hash_table_remove(world->by_name, instance->name);
    g_free(instance->name);
    instance->name = g_strdup(name);
    g_hash_table_insert(world->by_name, instance->name, instance);
    sim_notify(world, GEMEL_EVENT_CHANGED, instance, "name");
}

gboolean sim_rename(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, GEMEL_ACT_RENAME, error);
    gboolean ok;

    if (instance == NULL)
        return FALSE;
    ok = sim_check_name(world, instance, args != NULL ? args->name : NULL, error);
    if (ok)
        set_name(world, instance, args->name);
    sim_unlock(world);
    return ok;
}

/* ---- the definition ------------------------------------------------------------------------- */

static char *definition_get(GemelConn *conn, const char *id, GError **error)
{
    GemelInspect *inspect = sim_inspect(conn, id, error);
    char *text = inspect != NULL ? g_strdup(inspect->definition) : NULL;

    gemel_inspect_free(inspect);
    return text;
}

/* What is wrong with a text, or NULL. A guest keeps its name: rename changes that. */
static char *find_fault(const SimInstance *instance, const char *text)
{
    json_error_t wrong;
    json_t *parsed;

    if (instance->kind == GEMEL_KIND_CONTAINER) {
        parsed = json_loads(text, JSON_REJECT_DUPLICATES, &wrong);
        if (parsed == NULL)
            return g_strdup_printf("line %d: %s", wrong.line, wrong.text);
        gboolean is_config = json_is_object(json_object_get(parsed, "process"));

        json_decref(parsed);
        return is_config ? NULL : g_strdup("it has no object \"process\"");
    }
    static const GMarkupParser parser;
    g_autoptr(GError) error = NULL;
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, NULL, NULL);
    g_autofree char *name = g_markup_printf_escaped("<name>%s</name>", instance->name);
    gboolean ok = g_markup_parse_context_parse(context, text, -1, &error) &&
                  g_markup_parse_context_end_parse(context, &error);

    g_markup_parse_context_free(context);
    if (!ok)
        return g_strdup(error->message);
    if (strstr(text, "<domain") == NULL)
        return g_strdup("it has no <domain>");
    return strstr(text, name) == NULL ? g_strdup("<name> changed; `rename` does that") : NULL;
}

static gboolean definition_set(GemelConn *conn, const char *id, const char *before,
                               const char *text, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    g_autofree char *now = definition_get(conn, id, error);
    g_autofree char *fault = NULL;
    SimInstance *instance;

    if (now == NULL)
        return FALSE;
    instance = begin(conn, id, GEMEL_ACT_EDIT, error);
    if (instance == NULL)
        return FALSE;
    fault = find_fault(instance, text);
    if (!g_str_equal(now, before))
        gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                        "%s: its definition was changed meanwhile; edit it anew", instance->name);
    else if (fault != NULL)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: %s", instance->name, fault);
    else {
        g_free(instance->definition);
        instance->definition = g_strdup(text);
        sim_notify(world, GEMEL_EVENT_CHANGED, instance, "definition");
        sim_unlock(world);
        return TRUE;
    }
    sim_unlock(world);
    return FALSE;
}

const GemelDefinitionOps sim_definition_ops = {
    .format = "xml",
    .get = definition_get,
    .set = definition_set,
};
