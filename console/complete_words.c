/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complete_words.c - what a word of a command can be: instances, snapshots, options, keys, files.
 */
#include "console/complete_files.h"
#include "console/complete_private.h"

#include "console/alerts.h"
#include "console/alias.h"
#include "console/columns.h"
#include "console/complete_snapshots.h"

#include <string.h>

static gboolean word_is_used(const Completer *completer, guint first, const char *text)
{
    for (guint i = first; i < completer->context->n_words; i++)
        if (g_str_equal(completer->context->words[i], text))
            return TRUE;
    return FALSE;
}

/* name -> how many instances have it. */
static GHashTable *count_names(GPtrArray *all)
{
    GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < all->len; i++) {
        char *name = ((ModelInstance *)all->pdata[i])->info->name;
        guint before = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name));

        g_hash_table_insert(counts, name, GUINT_TO_POINTER(before + 1));
    }
    return counts;
}

/* "running vm, up 3d", "stopped container". */
static char *instance_hint(const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    const char *state =
        instance->quarantine != NULL ? "not answering" : gemel_state_name(info->state);
    gint64 uptime;

    if (!model_uptime_s(instance, &uptime))
        return g_strdup_printf("%s %s", state, gemel_kind_name(info->kind));
    g_autofree char *up = format_uptime(uptime);

    return g_strdup_printf("%s %s, up %s", state, gemel_kind_name(info->kind), up);
}

static void offer_instances(Completer *completer, const Command *command, guint first)
{
    GPtrArray *all = model_instances(completer->app->model);
    g_autoptr(GHashTable) counts = count_names(all);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];
        const GemelInstance *info = instance->info;
        if (!command->any_instance && !gemel_instance_can(info, command->act))
            continue;
        if (!g_str_has_prefix(info->name, completer->context->partial) &&
            strchr(completer->context->partial, '/') == NULL)
            continue;
        g_autofree char *hint = instance_hint(instance);
        g_autofree char *full = g_strdup_printf("%s/%s", instance->backend->name, info->name);
        gboolean whole = strchr(completer->context->partial, '/') != NULL ||
                         GPOINTER_TO_UINT(g_hash_table_lookup(counts, info->name)) > 1;

        if (!word_is_used(completer, first, whole ? full : info->name))
            offer(completer, whole ? full : info->name, hint);
    }
}

/* "NAME:" of what has files to copy. */
static void offer_copy_places(Completer *completer)
{
    GPtrArray *all = model_instances(completer->app->model);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];
        g_autofree char *place = g_strconcat(instance->info->name, ":", NULL);
        g_autofree char *hint = instance_hint(instance);

        if (instance->info->kind == GEMEL_KIND_CONTAINER)
            offer(completer, place, hint);
    }
}

/* Of the instance that the command names: its first word that is one. */
static void offer_snapshots(Completer *completer, guint first)
{
    const Context *context = completer->context;
    ModelInstance *instance = NULL;
    const GPtrArray *list;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    for (guint w = first; w < context->n_words && instance == NULL; w++)
        instance = model_find(completer->app->model, context->words[w], NULL);
    if (instance == NULL || instance->backend->open->backend->ops->snapshots == NULL)
        return;
    list = complete_snapshots(completer->app->model, instance, &completer->pending);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const GemelSnapshot *snapshot = list->pdata[i];
        g_autofree char *age = format_uptime(MAX(0, now - snapshot->created_unix));
        g_autofree char *size =
            snapshot->size_bytes >= 0 ? format_bytes((guint64)snapshot->size_bytes) : g_strdup("");
        g_autofree char *hint = g_strdup_printf(
            "%s ago  %s%s%s%s%s", age, snapshot->kind, *size != '\0' ? "  " : "", size,
            snapshot->with_memory ? "  with memory" : "", snapshot->is_current ? "  current" : "");

        offer(completer, snapshot->name, hint);
    }
}

/* ---- the other words ------------------------------------------------------------------------ */

static void offer_backends(Completer *completer)
{
    GPtrArray *all = model_backends(completer->app->model);

    for (guint i = 0; i < all->len; i++)
        offer(completer, ((ModelBackend *)all->pdata[i])->name, NULL);
}

void offer_choices(Completer *completer, const char *choices, const char *hint)
{
    g_auto(GStrv) words = g_strsplit(choices != NULL ? choices : "", " ", -1);

    if (choices == NULL)
        return;

    for (guint i = 0; words[i] != NULL; i++)
        offer(completer, words[i], hint);
}

/* Columns of the list; after + those it lacks, after - those it has. */
static void offer_columns(Completer *completer)
{
    char sign = completer->context->partial[0];
    const char *prefix = sign == '+' ? "+" : sign == '-' ? "-" : "";
    g_autoptr(GArray) now =
        columns_parse(options_get(completer->app->options, "columns"), NULL, NULL);

    for (ColumnId id = 0; id < LIST_N; id++) {
        gboolean has = FALSE;

        for (guint i = 0; now != NULL && i < now->len; i++)
            has = has || g_array_index(now, ColumnChoice, i).id == id;
        if ((sign == '+' && has) || (sign == '-' && !has))
            continue;
        g_autofree char *text = g_strconcat(prefix, column_table[id].id, NULL);

        offer(completer, text, column_table[id].help);
    }
    if (sign != '+' && sign != '-')
        offer(completer, "default", "the usual ones");
}

/* What the list can be grouped by, with the labels that instances have. */
static void offer_groups(Completer *completer)
{
    GPtrArray *all = model_instances(completer->app->model);
    GHashTableIter iter;
    gpointer key;

    offer_choices(completer, "none host kind state", NULL);
    for (guint i = 0; i < all->len; i++) {
        GHashTable *labels = ((ModelInstance *)all->pdata[i])->info->labels;

        if (labels == NULL)
            continue;
        g_hash_table_iter_init(&iter, labels);
        while (g_hash_table_iter_next(&iter, &key, NULL)) {
            g_autofree char *text = g_strconcat("label:", key, NULL);

            offer(completer, text, "a label");
        }
    }
}

/* Which of an option's values is there now, and which is the default. */
static void offer_value(Completer *completer, const OptionInfo *info, const char *value)
{
    gboolean now = g_str_equal(options_get(completer->app->options, info->name), value);
    gboolean fallback = g_str_equal(info->fallback, value);

    offer(completer, value,
          now && fallback ? "now, the default"
          : now           ? "now"
          : fallback      ? "the default"
                          : NULL);
}

static void offer_values(Completer *completer, const char *option)
{
    const OptionInfo *info = option_info(option);
    g_autofree char *range = info != NULL ? option_range_text(info) : NULL;

    if (strcmp(option, "columns") == 0 || strcmp(option, "sort") == 0) {
        offer_columns(completer);
    } else if (strcmp(option, "group") == 0) {
        offer_groups(completer);
    } else if (info != NULL && info->type == OPTION_TYPE_BOOL) {
        offer_value(completer, info, "on");
        offer_value(completer, info, "off");
    } else if (info != NULL && info->type == OPTION_TYPE_CHOICE) {
        g_auto(GStrv) choices = g_strsplit(info->choices, " ", -1);

        for (guint i = 0; choices[i] != NULL; i++)
            offer_value(completer, info, choices[i]);
    } else if (info != NULL) {
        g_autofree char *hint = g_strdup_printf("now; %s", range);

        offer(completer, options_get(completer->app->options, option), hint);
        offer(completer, info->fallback, "the default");
    }
}

static void offer_option_names(Completer *completer)
{
    for (const OptionInfo *info = option_table; info->name != NULL; info++) {
        g_autofree char *hint = g_strdup_printf(
            "= %s  %s", options_get(completer->app->options, info->name), info->help);

        offer(completer, info->name, hint);
    }
}

/* ---- the console: keys and view verbs -------------------------------------------------------- */

static void offer_key(const TuiBinding *binding, gpointer data)
{
    offer(data, binding->key, binding->line);
}

static void offer_verb(const char *name, const char *args, const char *summary, gpointer data)
{
    offer(data, name, summary);
}

typedef struct {
    Completer *completer;
    const char *verb;
} VerbArgs;

/* "all|vms", "[range|all|none]": what is written small is meant as it stands. */
static void offer_verb_args(const char *name, const char *args, const char *summary, gpointer data)
{
    const VerbArgs *wanted = data;
    g_autofree char *bare = g_strdelimit(g_strdup(args), "[]|", ' ');
    g_auto(GStrv) words = g_strsplit(bare, " ", -1);

    if (!g_str_equal(name, wanted->verb))
        return;
    for (guint i = 0; words[i] != NULL; i++)
        if (g_ascii_islower(words[i][0]))
            offer(wanted->completer, words[i], NULL);
}

static void offer_view(Completer *completer, guint first)
{
    const Context *context = completer->context;
    const AppKeys *keys = completer->app->keys;

    if (keys == NULL)
        return;
    if (context->n_words <= first) {
        keys->foreach_verb(offer_verb, completer);
    } else if (context->n_words == first + 1) {
        VerbArgs wanted = {completer, context->words[first]};

        keys->foreach_verb(offer_verb_args, &wanted);
        if (g_str_equal(wanted.verb, "sort"))
            offer_columns(completer);
        else if (g_str_equal(wanted.verb, "group"))
            offer_groups(completer);
    }
}

static gboolean offer_places(Completer *completer, const char *word)
{
    const char *place;
    gboolean is_one = FALSE;

    for (guint i = 0;
         completer->app->keys != NULL && (place = completer->app->keys->place(i)) != NULL; i++) {
        if (word == NULL)
            offer(completer, place, "only there");
        else
            is_one = is_one || g_str_equal(place, word);
    }
    return is_one;
}

/* A command line inside this one: of `bind` it may begin with a place, of `alias` with =. */
static void offer_line(Completer *completer, const Command *command, guint slot)
{
    const Context *context = completer->context;

    if (g_str_equal(command->name, "bind")) {
        if (slot >= context->n_words)
            offer_places(completer, NULL);
        else if (offer_places(completer, context->words[slot]))
            slot++;
    }
    complete_words_from(completer, slot);
}

static void offer_alias(Completer *completer, const Command *command, guint slot)
{
    const Context *context = completer->context;
    g_autoptr(GList) names = alias_names(completer->app);

    if (slot < context->n_words && g_str_equal(command->name, "alias")) {
        slot++;
        slot += slot < context->n_words && g_str_equal(context->words[slot], "=");
        complete_words_from(completer, slot);
        return;
    }
    for (GList *name = names; name != NULL; name = name->next)
        offer(completer, name->data, alias_get(completer->app, name->data));
}

void offer_files(Completer *completer)
{
    const GPtrArray *files = complete_files(completer->context->partial, &completer->pending);

    for (guint i = 0; files != NULL && i < files->len; i++) {
        const CompleteFile *file = files->pdata[i];

        offer(completer, file->path, file->is_directory ? "directory" : NULL);
    }
}

void offer_word(Completer *completer, const Command *command, const CommandWord *word, guint first,
                guint slot)
{
    char **words = completer->context->words;
    guint n = completer->context->n_words;

    switch (word->type) {
    case WORD_INSTANCE:
        offer_instances(completer, command, first);
        offer_choices(completer, word->choices, NULL);
        break;
    case WORD_METRIC:
        for (guint i = 0; alert_metric_name(i) != NULL; i++)
            offer(completer, alert_metric_name(i), NULL);
        break;
    case WORD_SNAPSHOT:
        offer_snapshots(completer, first);
        break;
    case WORD_COMMAND:
        offer_commands(completer, n > first ? words[n - 1] : NULL);
        break;
    case WORD_BACKEND:
        offer_backends(completer);
        break;
    case WORD_OPTION:
        offer_option_names(completer);
        break;
    case WORD_VALUE:
        offer_values(completer, n > 0 ? words[n - 1] : "");
        break;
    case WORD_CHOICE:
        offer_choices(completer, word->choices, NULL);
        break;
    case WORD_LIMIT:
        offer(completer, "cpu=", "number of CPUs, or none");
        offer(completer, "memory=", "size, or none");
        offer(completer, "pids=", "number of processes, or none");
        break;
    case WORD_PLACE:
        offer_copy_places(completer);
        offer_files(completer);
        break;
    case WORD_FILE:
        offer_files(completer);
        break;
    case WORD_COLUMN:
        offer_columns(completer);
        break;
    case WORD_VIEW:
        offer_view(completer, first);
        break;
    case WORD_KEY:
        if (completer->app->keys != NULL)
            completer->app->keys->foreach_binding(offer_key, completer);
        break;
    case WORD_ALIAS:
        offer_alias(completer, command, slot);
        break;
    case WORD_LINE:
        offer_line(completer, command, slot);
        break;
    case WORD_TEXT:
    case WORD_NONE:
        break;
    }
}
