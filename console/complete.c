/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/complete.h"
#include "console/alerts.h"
#include "console/columns.h"
#include "widgets/text.h"

#include <string.h>

/* Snapshots asked for are believed for this long. */
#define SNAPSHOTS_FRESH_USEC (3 * G_USEC_PER_SEC)

typedef struct {
    char **words; /* whole words before the cursor, of the last command of the line */
    guint n_words;
    char *partial; /* the word under completion, unquoted */
    guint start;   /* where it begins */
} Context;

typedef struct {
    App *app;
    Face face;
    const Context *context;
    GPtrArray *found;
    GHashTable *offered; /* of char*: what is found, unquoted */
    gboolean pending;
} Completer;

void completion_free(Completion *completion)
{
    if (completion == NULL)
        return;
    g_free(completion->text);
    g_free(completion->hint);
    g_free(completion);
}

/* ---- the line ------------------------------------------------------------------------------- */

static void context_done(Context *context)
{
    g_strfreev(context->words);
    g_free(context->partial);
}

/* Splits what stands before the cursor; quotes may still be open. */
static Context context_parse(const char *line, guint cursor)
{
    Context context = {0};
    GPtrArray *words = g_ptr_array_new();
    GString *word = g_string_new(NULL);
    gboolean in_word = FALSE;
    char quote = 0;

    context.start = cursor;
    for (guint i = 0; i < cursor && line[i] != '\0'; i++) {
        char c = line[i];

        if (quote == 0 && (c == ' ' || c == '\t' || c == ';' || c == '\n')) {
            if (in_word)
                g_ptr_array_add(words, g_strdup(word->str));
            g_string_truncate(word, 0);
            in_word = FALSE;
            if (c == ';' || c == '\n') {
                g_ptr_array_set_free_func(words, g_free);
                g_ptr_array_set_size(words, 0);
                g_ptr_array_set_free_func(words, NULL);
            }
            continue;
        }
        if (!in_word) {
            context.start = i;
            in_word = TRUE;
        }
        if (quote == 0 && (c == '\'' || c == '"'))
            quote = c;
        else if (quote == c)
            quote = 0;
        else if (c == '\\' && quote != '\'' && i + 1 < cursor)
            g_string_append_c(word, line[++i]);
        else
            g_string_append_c(word, c);
    }
    if (!in_word)
        context.start = cursor;
    context.n_words = words->len;
    g_ptr_array_add(words, NULL);
    context.words = (char **)g_ptr_array_free(words, FALSE);
    context.partial = g_string_free(word, FALSE);
    return context;
}

/* ---- candidates ----------------------------------------------------------------------------- */

/* Whether the text may stand in the line that is edited: what it would do to a terminal, or could
   not be typed, is not offered. */
static gboolean is_plain(const char *text)
{
    g_autofree char *safe = text_sanitise(text, -1, TEXT_NAME);

    return g_str_equal(safe, text);
}

/* Offers a candidate if it begins with what is typed and is not there yet. */
static void offer(Completer *completer, const char *text, const char *hint)
{
    Completion *completion;

    if (!g_str_has_prefix(text, completer->context->partial) || !is_plain(text))
        return;
    if (!g_hash_table_add(completer->offered, g_strdup(text)))
        return;
    completion = g_new0(Completion, 1);
    completion->text =
        strpbrk(text, " \t'\"\\;$#&|<>*?") != NULL ? g_shell_quote(text) : g_strdup(text);
    completion->hint = g_strdup(hint);
    g_ptr_array_add(completer->found, completion);
}

static void offer_commands(Completer *completer, const char *family)
{
    const Command *const *table = command_table();

    for (gsize i = 0; table[i] != NULL; i++) {
        const char *name = table[i]->name;
        const char *space = strchr(name, ' ');

        if ((table[i]->faces != 0 && !(table[i]->faces & completer->face)) ||
            (table[i]->flags & COMMAND_HIDDEN))
            continue;
        if (family != NULL) {
            if (space != NULL && strlen(family) == (gsize)(space - name) &&
                g_str_has_prefix(name, family))
                offer(completer, space + 1, table[i]->summary);
        } else if (space == NULL) {
            offer(completer, name, table[i]->summary);
        } else {
            g_autofree char *first = g_strndup(name, (gsize)(space - name));

            offer(completer, first, "...");
        }
    }
}

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

static void offer_instances(Completer *completer, const Command *command, guint first)
{
    GPtrArray *all = model_instances(completer->app->model);
    g_autoptr(GHashTable) counts = count_names(all);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];
        const GemelInstance *info = instance->info;
        g_autofree char *hint =
            g_strdup_printf("%s %s", gemel_state_name(info->state), gemel_kind_name(info->kind));

        if (!command->any_instance && !gemel_instance_can(info, command->act))
            continue;
        if (!g_str_has_prefix(info->name, completer->context->partial) &&
            strchr(completer->context->partial, '/') == NULL)
            continue;
        g_autofree char *full = g_strdup_printf("%s/%s", instance->backend->name, info->name);
        gboolean whole = strchr(completer->context->partial, '/') != NULL ||
                         GPOINTER_TO_UINT(g_hash_table_lookup(counts, info->name)) > 1;

        if (!word_is_used(completer, first, whole ? full : info->name))
            offer(completer, whole ? full : info->name, hint);
    }
}

/* ---- snapshots: asked for, and there the next time ------------------------------------------- */

typedef struct {
    gint64 asked_usec;
    GPtrArray *list; /* of GemelSnapshot*, NULL = none has come yet */
} SnapshotCache;

static GHashTable *snapshot_cache; /* "backend/id" -> SnapshotCache */

static void snapshot_cache_free(gpointer data)
{
    SnapshotCache *cache = data;

    g_clear_pointer(&cache->list, g_ptr_array_unref);
    g_free(cache);
}

static gpointer run_list(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->snapshots->list(conn, arg, error);
}

static void snapshots_came(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    SnapshotCache *cache = data;

    if (result == NULL)
        return;
    g_clear_pointer(&cache->list, g_ptr_array_unref);
    cache->list = g_ptr_array_ref(result);
}

static SnapshotCache *snapshots_of(Completer *completer, const ModelInstance *instance)
{
    g_autofree char *key = g_strconcat(instance->backend->name, "/", instance->info->id, NULL);
    SnapshotCache *cache;

    if (snapshot_cache == NULL)
        snapshot_cache =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, snapshot_cache_free);
    cache = g_hash_table_lookup(snapshot_cache, key);
    if (cache == NULL) {
        cache = g_new0(SnapshotCache, 1);
        g_hash_table_insert(snapshot_cache, g_steal_pointer(&key), cache);
    }
    if (g_get_monotonic_time() - cache->asked_usec > SNAPSHOTS_FRESH_USEC) {
        cache->asked_usec = g_get_monotonic_time();
        gemel_job_unref(
            gemel_lanes_submit(instance->backend->open->lanes, GEMEL_LANE_READ,
                               &(GemelJobSpec){.kind = "snapshot list",
                                               .instance_id = instance->info->id,
                                               .run = run_list,
                                               .arg = g_strdup(instance->info->id),
                                               .arg_free = g_free,
                                               .result_free = (GDestroyNotify)g_ptr_array_unref},
                               snapshots_came, cache));
        completer->pending = TRUE;
    }
    return cache;
}

static void offer_snapshots(Completer *completer, const char *name)
{
    ModelInstance *instance = model_find(completer->app->model, name, NULL);
    SnapshotCache *cache;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (instance == NULL || instance->backend->open->backend->ops->snapshots == NULL)
        return;
    cache = snapshots_of(completer, instance);
    for (guint i = 0; cache->list != NULL && i < cache->list->len; i++) {
        const GemelSnapshot *snapshot = cache->list->pdata[i];
        g_autofree char *age = format_uptime(MAX(0, now - snapshot->created_unix));
        g_autofree char *hint = g_strdup_printf("%s ago, %s", age, snapshot->kind);

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

static void offer_choices(Completer *completer, const char *choices)
{
    g_auto(GStrv) words = g_strsplit(choices != NULL ? choices : "", " ", -1);

    if (choices == NULL)
        return;

    for (guint i = 0; words[i] != NULL; i++)
        offer(completer, words[i], NULL);
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

    offer_choices(completer, "none host kind state");
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

static void offer_values(Completer *completer, const char *option)
{
    const OptionInfo *info = option_info(option);

    if (strcmp(option, "columns") == 0 || strcmp(option, "sort") == 0)
        offer_columns(completer);
    else if (strcmp(option, "group") == 0)
        offer_groups(completer);
    else if (info != NULL && info->type == OPTION_TYPE_BOOL)
        offer_choices(completer, "on off");
    else if (info != NULL && info->type == OPTION_TYPE_CHOICE)
        offer_choices(completer, info->choices);
    else if (info != NULL)
        offer(completer, options_get(completer->app->options, option), "now");
}

static void offer_files(Completer *completer)
{
    const char *partial = completer->context->partial;
    const char *slash = strrchr(partial, '/');
    g_autofree char *dir_name =
        slash != NULL ? g_strndup(partial, (gsize)(slash - partial + 1)) : g_strdup("");
    g_autoptr(GDir) dir = g_dir_open(*dir_name != '\0' ? dir_name : ".", 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_strconcat(dir_name, name, NULL);

        if (*name != '.' || (slash != NULL && slash[1] == '.'))
            offer(completer, path, g_file_test(path, G_FILE_TEST_IS_DIR) ? "directory" : NULL);
    }
}

static void offer_options(Completer *completer, const Command *command)
{
    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++) {
        g_autofree char *text = g_strconcat("--", option->name, NULL);

        offer(completer, text, option->help);
    }
    if (command->flags & COMMAND_JSON)
        offer(completer, "--json", "print JSON");
    if (command->flags & COMMAND_CHANGES)
        offer(completer, "--dry-run", "only say what would be done");
    if (command->flags & COMMAND_DESTRUCTIVE)
        offer(completer, "--yes", "do not ask");
}

static void offer_word(Completer *completer, const Command *command, const CommandWord *word,
                       guint first)
{
    char **words = completer->context->words;
    guint n = completer->context->n_words;

    switch (word->type) {
    case WORD_INSTANCE:
        offer_instances(completer, command, first);
        offer_choices(completer, word->choices);
        break;
    case WORD_METRIC:
        for (guint i = 0; alert_metric_name(i) != NULL; i++)
            offer(completer, alert_metric_name(i), NULL);
        break;
    case WORD_SNAPSHOT:
        offer_snapshots(completer, n > 0 ? words[n - 1] : "");
        break;
    case WORD_COMMAND:
        offer_commands(completer, n > first ? words[n - 1] : NULL);
        break;
    case WORD_BACKEND:
        offer_backends(completer);
        break;
    case WORD_OPTION:
        for (const OptionInfo *info = option_table; info->name != NULL; info++)
            offer(completer, info->name, info->help);
        break;
    case WORD_VALUE:
        offer_values(completer, n > 0 ? words[n - 1] : "");
        break;
    case WORD_CHOICE:
        offer_choices(completer, word->choices);
        break;
    case WORD_LIMIT:
        offer(completer, "cpu=", "number of CPUs, or none");
        offer(completer, "memory=", "size, or none");
        offer(completer, "pids=", "number of processes, or none");
        break;
    case WORD_FILE:
        offer_files(completer);
        break;
    case WORD_COLUMN:
        offer_columns(completer);
        break;
    case WORD_VIEW:
    case WORD_KEY:
    case WORD_ALIAS:
    case WORD_LINE:
    case WORD_TEXT:
    case WORD_NONE:
        break;
    }
}

/* Which word of the command comes next, given what stands there. */
static const CommandWord *next_word(const Command *command, const Context *context, guint used)
{
    guint n = 0, i = 0;

    for (guint w = used; w < context->n_words; w++)
        n += context->words[w][0] != '-';
    while (i + 1 < G_N_ELEMENTS(command->words) && n > 0 && !command->words[i].repeats &&
           command->words[i + 1].type != WORD_NONE) {
        i++;
        n--;
    }
    if (n > 0 && !command->words[i].repeats)
        return NULL;
    return &command->words[i];
}

/* An option before the cursor that still wants its value. */
static const CommandOption *open_option(const Command *command, const Context *context, guint used)
{
    const char *last = context->n_words > used ? context->words[context->n_words - 1] : "";

    if (!g_str_has_prefix(last, "--"))
        return NULL;
    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++)
        if (option->type != OPTION_FLAG && g_str_equal(option->name, last + 2))
            return option;
    return NULL;
}

static void complete_command(Completer *completer)
{
    const Context *context = completer->context;
    guint used = 0;
    const Command *command = command_find((const char *const *)context->words, &used, NULL);
    const CommandOption *option;

    if (command == NULL) {
        if (context->n_words == 1)
            offer_commands(completer, context->words[0]);
        return;
    }
    if (context->n_words == 1 && used == 1) /* `alert` is one, and `alert list` another */
        offer_commands(completer, context->words[0]);
    option = open_option(command, context, used);
    if (option != NULL) {
        if (option->meta != NULL && (strstr(option->meta, "FILE") || strstr(option->meta, "DIR")))
            offer_files(completer);
    } else if (context->partial[0] == '-') {
        offer_options(completer, command);
    } else {
        const CommandWord *word = next_word(command, context, used);

        if (word != NULL)
            offer_word(completer, command, word, used);
    }
}

static gint compare_completions(gconstpointer a, gconstpointer b)
{
    return strcmp((*(Completion *const *)a)->text, (*(Completion *const *)b)->text);
}

GPtrArray *complete_line(App *app, Face face, const char *line, guint cursor, guint *ret_start,
                         gboolean *ret_pending)
{
    Context context = context_parse(line, cursor);
    Completer completer = {
        .app = app,
        .face = face,
        .context = &context,
        .found = g_ptr_array_new_with_free_func((GDestroyNotify)completion_free),
        .offered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };

    if (context.n_words == 0)
        offer_commands(&completer, NULL);
    else
        complete_command(&completer);
    g_ptr_array_sort(completer.found, compare_completions);
    *ret_start = context.start;
    if (ret_pending != NULL)
        *ret_pending = completer.pending;
    g_hash_table_unref(completer.offered);
    context_done(&context);
    return completer.found;
}
