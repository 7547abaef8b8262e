/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/alias.h"
#include "console/command_private.h"

#include <string.h>

const char *alias_get(const App *app, const char *name)
{
    return app->aliases != NULL ? g_hash_table_lookup(app->aliases, name) : NULL;
}

/* Whether the first word of a command, or of one of its aliases, is `name`. */
static const Command *command_called(const char *name)
{
    const Command *const *table = command_table();

    for (gsize i = 0; table[i] != NULL; i++) {
        g_autofree char *all = g_strconcat(
            table[i]->name, ",", table[i]->aliases != NULL ? table[i]->aliases : "", NULL);
        g_auto(GStrv) names = g_strsplit(all, ",", -1);

        for (guint n = 0; names[n] != NULL; n++) {
            names[n][strcspn(names[n], " ")] = '\0';
            if (g_str_equal(names[n], name))
                return table[i];
        }
    }
    return NULL;
}

gboolean alias_set(App *app, const char *name, const char *text, GError **error)
{
    const Command *command = command_called(name);
    g_autofree char *stripped = g_strstrip(g_strdup(text));

    if (command != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "alias %s: that is a command already; choose another name", name);
    if (*name == '\0' || *name == '-' || strpbrk(name, " \t\n'\"\\$`!*?[](){}<>|&;~#=/") != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "alias: '%s' is no name; take letters, digits, - and _", name);
    if (*stripped == '\0')
        return gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            "alias %s: say what it stands for, as in `alias vms = list --filter kind=vm`", name);
    g_autoptr(GPtrArray) steps = command_steps(stripped, error);

    if (steps == NULL)
        return FALSE;
    if (app->aliases == NULL)
        app->aliases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_replace(app->aliases, g_strdup(name), g_steal_pointer(&stripped));
    return TRUE;
}

gboolean alias_remove(App *app, const char *name)
{
    return app->aliases != NULL && g_hash_table_remove(app->aliases, name);
}

GList *alias_names(const App *app)
{
    return app->aliases != NULL
               ? g_list_sort(g_hash_table_get_keys(app->aliases), (GCompareFunc)strcmp)
               : NULL;
}
