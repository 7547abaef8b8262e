/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_find.c - which instance a name means, and what to say when it means none or several. */
#include "console/model.h"
#include "console/nearest.h"

#include <string.h>

/* The instances that `name` can mean; an exact name or id beats a prefix. */
static GPtrArray *find_candidates(Model *model, const char *name)
{
    GPtrArray *all = model_instances(model);
    GPtrArray *exact = g_ptr_array_new(), *prefix = g_ptr_array_new();
    const char *slash = strchr(name, '/');
    g_autofree char *backend = slash != NULL ? g_strndup(name, (gsize)(slash - name)) : NULL;

    for (guint i = 0; i < all->len; i++) {
        ModelInstance *instance = all->pdata[i];
        const char *wanted = name;

        if (backend != NULL && g_str_equal(backend, instance->backend->name))
            wanted = slash + 1;
        if (g_strcmp0(instance->info->name, wanted) == 0 || g_str_equal(instance->info->id, wanted))
            g_ptr_array_add(exact, instance);
        else if (strlen(wanted) >= 4 && g_str_has_prefix(instance->info->id, wanted))
            g_ptr_array_add(prefix, instance);
    }
    if (exact->len > 0) {
        g_ptr_array_unref(prefix);
        return exact;
    }
    g_ptr_array_unref(exact);
    return prefix;
}

/* The name that comes nearest, for "did you mean": one slip away, else with the longest beginning
   in common. */
static const char *nearest_name(Model *model, const char *name)
{
    GPtrArray *all = model_instances(model);
    const char *best = NULL;
    gsize best_length = 1; /* one letter in common is chance */

    for (guint i = 0; i < all->len; i++) {
        const char *other = ((ModelInstance *)all->pdata[i])->info->name;
        gsize length = 0;

        if (nearest_is(name, other))
            return other;
        while (name[length] != '\0' && name[length] == other[length])
            length++;
        if (length > best_length) {
            best = other;
            best_length = length;
        }
    }
    return best;
}

gboolean model_is_glob(const char *word)
{
    return strpbrk(word, "*?") != NULL;
}

gboolean model_glob_matches(const char *glob, const char *backend, const char *name)
{
    const char *slash = strchr(glob, '/');

    if (slash == NULL || strchr(name, '/') != NULL)
        if (g_pattern_match_simple(glob, name))
            return TRUE;
    if (slash == NULL)
        return FALSE;
    g_autofree char *of_backend = g_strndup(glob, (gsize)(slash - glob));

    return g_pattern_match_simple(of_backend, backend) && g_pattern_match_simple(slash + 1, name);
}

ModelInstance *model_find(Model *model, const char *name, GError **error)
{
    g_autoptr(GPtrArray) found = find_candidates(model, name);

    if (found->len == 1)
        return found->pdata[0];
    if (found->len == 0) {
        const char *near = nearest_name(model, name);

        if (model_is_glob(name))
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                            "no instance is called '%s', and a pattern cannot stand here: name one",
                            name);
        else if (near != NULL)
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                            "no instance is called '%s'; did you mean '%s'? (`list` shows all)",
                            name, near);
        else
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                            "no instance is called '%s'; `list` shows what there is", name);
        return NULL;
    }
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++) {
        const ModelInstance *instance = found->pdata[i];

        g_string_append_printf(names, "%s%s/%s (%.12s)", i > 0 ? ", " : "", instance->backend->name,
                               instance->info->name, instance->info->id);
    }
    gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                    "'%s' is ambiguous: %s; say backend/name or an id, nothing was done", name,
                    names->str);
    return NULL;
}
