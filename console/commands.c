/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.c - joins the command families into the one table, and finds commands in it. */
#include "console/commands.h"
#include "console/nearest.h"

#include <string.h>

/* clang-format off */
static const Command *const families[] = {
    commands_list,
    commands_top,
    commands_stats,
    commands_why,
    commands_isolation,
    commands_host,
    commands_doctor,
    commands_alert,
    commands_audit,
    commands_compare,
    commands_record,
    commands_act,
    commands_change,
    commands_edit,
    commands_create,
    commands_run,
    commands_snapshot,
    commands_files,
    commands_logs,
    commands_stream,
    commands_join,
    commands_cp,
    commands_session,
    commands_config,
    commands_script,
    commands_watch,
    commands_columns,
    commands_theme,
    commands_group,
    commands_lab,
    commands_help,
    commands_completion,
};
/* clang-format on */

#define ALL_GROUPS ((1u << GEMEL_GROUP_N) - 1)

/* Groups that a connected backend has: bits 1<<GemelGroup. */
static guint groups_here;

/* Adds the commands under a heading that need none but these groups, in the order of their
 * families. */
static void add_group(GPtrArray *table, const char *group, guint groups)
{
    for (gsize i = 0; i < G_N_ELEMENTS(families); i++)
        for (const Command *command = families[i]; command->name != NULL; command++)
            if (g_str_equal(command->group, group) &&
                (command->needs == 0 || ((groups >> (command->needs - 1)) & 1u) != 0))
                g_ptr_array_add(table, (gpointer)command);
}

/* Made once for each set of groups, and kept: somebody may be walking over the one before. */
static const Command *const *table_for(guint groups)
{
    static GPtrArray *tables[ALL_GROUPS + 1];

    if (tables[groups] == NULL) {
        g_autoptr(GHashTable) headings = g_hash_table_new(g_str_hash, g_str_equal);
        GPtrArray *table = tables[groups] = g_ptr_array_new();

        for (gsize i = 0; i < G_N_ELEMENTS(families); i++)
            for (const Command *command = families[i]; command->name != NULL; command++)
                if (g_hash_table_add(headings, (gpointer)command->group))
                    add_group(table, command->group, groups);
        g_ptr_array_add(table, NULL);
    }
    return (const Command *const *)tables[groups]->pdata;
}

const Command *const *command_table(void)
{
    return table_for(groups_here);
}

const Command *const *command_table_of_all(void)
{
    return table_for(ALL_GROUPS);
}

void command_take_groups(const App *app)
{
    groups_here = 0;
    for (guint i = 0; i < app->backends->len; i++)
        for (GemelGroup group = 0; group < GEMEL_GROUP_N; group++)
            if (gemel_backend_has_group(((AppBackend *)app->backends->pdata[i])->backend, group))
                groups_here |= 1u << group;
}

/* How many of `words` spell `name` ("snapshot create" takes two); 0 = they do not. With `prefix`
   each word may be cut short. */
static guint name_matches(const char *name, const char *const *words, gboolean prefix)
{
    g_auto(GStrv) parts = g_strsplit(name, " ", -1);
    guint n = 0;

    for (; parts[n] != NULL; n++) {
        if (words[n] == NULL)
            return 0;
        if (prefix ? !g_str_has_prefix(parts[n], words[n]) || *words[n] == '\0'
                   : !g_str_equal(parts[n], words[n]))
            return 0;
    }
    return n;
}

static guint command_matches(const Command *command, const char *const *words, gboolean prefix)
{
    guint used = name_matches(command->name, words, prefix);

    if (used > 0 || command->aliases == NULL || prefix)
        return used;
    g_auto(GStrv) aliases = g_strsplit(command->aliases, ",", -1);

    for (guint i = 0; aliases[i] != NULL; i++)
        if ((used = name_matches(aliases[i], words, FALSE)) > 0)
            return used;
    return 0;
}

/* "snapshot" alone: the names that begin with it. */
static char *family_names(const char *word)
{
    const Command *const *table = command_table();
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *begin = g_strconcat(word, " ", NULL);

    for (gsize i = 0; table[i] != NULL; i++)
        if (g_str_has_prefix(table[i]->name, begin))
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", table[i]->name);
    return names->len > 0 ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}

gboolean command_is_family(const char *word)
{
    g_autofree char *names = family_names(word);

    return names != NULL;
}

/* A command of this name that needs a group which nobody has. */
static const Command *absent_command(const char *const *words)
{
    const Command *const *table = command_table_of_all();

    for (gsize i = 0; table[i] != NULL; i++)
        if (table[i]->needs != 0 && command_matches(table[i], words, FALSE) > 0)
            return table[i];
    return NULL;
}

/* The command or alias that `word` misses by a slip of the fingers, or NULL; g_free() it. */
static char *near_command(const char *word)
{
    const Command *const *table = command_table();

    for (gsize i = 0; table[i] != NULL; i++) {
        g_autofree char *all = g_strjoin(",", table[i]->name, table[i]->aliases, NULL);
        g_auto(GStrv) names = g_strsplit(all, ",", -1);

        for (guint n = 0; names[n] != NULL; n++) {
            names[n][strcspn(names[n], " ")] = '\0'; /* of "snapshot list" the first word */
            if (!(table[i]->flags & COMMAND_HIDDEN) && nearest_is(word, names[n]))
                return g_strdup(names[n]);
        }
    }
    return NULL;
}

const Command *command_find(const char *const *words, guint *ret_used, GError **error)
{
    const Command *const *table = command_table();
    const Command *found = NULL;
    g_autoptr(GString) candidates = g_string_new(NULL);
    g_autofree char *family = NULL, *near = NULL;
    const Command *absent;
    guint n = 0;

    for (gsize i = 0; table[i] != NULL; i++) {
        guint used = command_matches(table[i], words, FALSE);

        if (used > 0 && (found == NULL || used > *ret_used)) {
            found = table[i];
            *ret_used = used;
        }
    }
    if (found != NULL)
        return found;
    for (gsize i = 0; table[i] != NULL; i++) {
        guint used = command_matches(table[i], words, TRUE);

        if (used == 0)
            continue;
        g_string_append_printf(candidates, "%s%s", n++ > 0 ? ", " : "", table[i]->name);
        found = table[i];
        *ret_used = used;
    }
    if (n == 1)
        return found;
    if (n > 1)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "'%s' is ambiguous: %s", words[0],
                        candidates->str);
    else if ((absent = absent_command(words)) != NULL)
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: no backend that is connected has %s; `backends` lists them",
                        absent->name, gemel_group_name((GemelGroup)(absent->needs - 1)));
    else if ((family = family_names(words[0])) != NULL)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: say which: %s (`help %s` tells more)",
                        words[0], family, words[0]);
    else if ((near = near_command(words[0])) != NULL)
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "there is no command '%s'; did you mean '%s'? (`help` lists them all)",
                        words[0], near);
    else
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "there is no command '%s'; `help` lists them all", words[0]);
    return NULL;
}

Target *target_new(CommandRun *run, const ModelInstance *instance)
{
    Target *target = g_new0(Target, 1);

    target->run = run;
    target->backend = instance->backend->open;
    target->id = g_strdup(instance->info->id);
    target->name = g_strdup(instance->info->name);
    target->kind = instance->info->kind;
    return target;
}

void target_set_doing(Target *target, const char *doing)
{
    Model *model = target->run->app->model;

    target->doing = doing != NULL;
    model_set_doing(model, target->backend->backend->name, target->id, doing);
    if (doing == NULL)
        model_relist(model, target->backend);
}

void target_free(gpointer data)
{
    Target *target = data;

    if (target->doing)
        target_set_doing(target, NULL);
    g_free(target->id);
    g_free(target->name);
    g_free(target);
}

gboolean run_word_names(const CommandRun *run, const ModelInstance *instance)
{
    for (guint w = 0; w < run->n_words; w++) {
        const char *word = run->words[w];

        if (model_glob_matches(word, instance->backend->name, instance->info->name) ||
            (strlen(word) >= 4 && g_str_has_prefix(instance->info->id, word)))
            return TRUE;
    }
    return run->n_words == 0;
}

gboolean run_check_names(CommandRun *run)
{
    gboolean all = TRUE;

    for (guint w = 0; w < run->n_words; w++) {
        g_autoptr(GError) error = NULL;

        if (model_is_glob(run->words[w]) || run_find(run, run->words[w], &error) != NULL)
            continue;
        if (g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_CONFLICT))
            continue; /* all of them are shown */
        run_error(run, error);
        all = FALSE;
    }
    return all;
}

json_t *error_to_json(const char *backend, const GError *error)
{
    const char *kind = error->domain == GEMEL_ERROR
                           ? gemel_error_kind_name((GemelErrorKind)error->code)
                           : "failed";

    return json_pack("{s:o, s:s, s:o}", "backend", json_text(backend), "kind", kind, "message",
                     json_text(error->message));
}

json_t *run_missing_to_json(CommandRun *run)
{
    json_t *errors = json_array();

    for (guint i = 0; i < run->missing->len; i++) {
        const ModelBackend *backend = run->missing->pdata[i];
        g_autoptr(GError) error = NULL;

        if (backend->error != NULL && backend->lists_pending == 0)
            error = g_error_copy(backend->error);
        else
            gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE,
                            "%s has not answered in time; its instances are missing here",
                            backend->name);
        json_array_append_new(errors, error_to_json(backend->name, error));
        output_line(run->out, OUTPUT_ERROR, "%s: %s", backend->name, error->message);
        run->worst = gemel_error_exit_status(error);
        if (run->worst != 7)
            run->worst = 5;
    }
    return errors;
}
