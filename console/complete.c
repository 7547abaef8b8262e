/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/complete_private.h"

#include "console/alias.h"
#include "widgets/text.h"

#include <string.h>

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
                context.in_program = FALSE;
                g_ptr_array_set_free_func(words, g_free);
                g_ptr_array_set_size(words, 0);
                g_ptr_array_set_free_func(words, NULL);
            }
            continue;
        }
        if (quote == 0 && (c == '|' || (c == '>' && !in_word))) {
            context.in_program = TRUE;
            in_word = FALSE;
            g_string_truncate(word, 0);
            g_ptr_array_set_free_func(words, g_free);
            g_ptr_array_set_size(words, 0);
            g_ptr_array_set_free_func(words, NULL);
            if (c == '>') /* a file follows */
                g_ptr_array_add(words, g_strdup(">"));
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

void offer(Completer *completer, const char *text, const char *hint)
{
    Completion *completion;

    if (!g_str_has_prefix(text, completer->context->partial) || !is_plain(text))
        return;
    if (!g_hash_table_add(completer->offered, g_strdup(text)))
        return;
    completion = g_new0(Completion, 1);
    g_autofree char *quoted = command_quote(text);

    completion->text =
        g_strconcat(completer->prefix != NULL ? completer->prefix : "", quoted, NULL);
    completion->hint = g_strdup(hint);
    g_ptr_array_add(completer->found, completion);
}

/* "create, delete, list ...": the second words of a family. */
static char *family_hint(const char *family)
{
    const Command *const *table = command_table();
    g_autofree char *begin = g_strconcat(family, " ", NULL);
    g_autoptr(GString) hint = g_string_new(NULL);

    for (gsize i = 0; table[i] != NULL; i++) {
        if (!g_str_has_prefix(table[i]->name, begin) || (table[i]->flags & COMMAND_HIDDEN))
            continue;
        if (hint->len > 40) {
            g_string_append(hint, " ...");
            break;
        }
        g_string_append_printf(hint, "%s%s", hint->len > 0 ? ", " : "",
                               table[i]->name + strlen(begin));
    }
    return g_string_free(g_steal_pointer(&hint), FALSE);
}

static void offer_aliases(Completer *completer)
{
    g_autoptr(GList) names = alias_names(completer->app);

    for (GList *name = names; name != NULL; name = name->next) {
        g_autofree char *hint = g_strconcat("= ", alias_get(completer->app, name->data), NULL);

        offer(completer, name->data, hint);
    }
}

void offer_commands(Completer *completer, const char *family)
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
            g_autofree char *hint = family_hint(first);

            offer(completer, first, hint);
        }
    }
    if (family == NULL)
        offer_aliases(completer);
}

static const CommandOption *option_named(const Command *command, const char *name, char letter)
{
    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++)
        if (name != NULL ? g_str_equal(option->name, name)
                         : letter != 0 && option->letter == letter)
            return option;
    return NULL;
}

/* The option that a word is, and whether its value is the word after it. */
static const CommandOption *option_of(const Command *command, const char *word, gboolean *ret_open)
{
    const CommandOption *option;

    *ret_open = FALSE;
    if (word[0] != '-' || word[1] == '\0')
        return NULL;
    if (word[1] == '-') {
        g_autofree char *name = g_strndup(word + 2, strcspn(word + 2, "="));

        option = option_named(command, name, 0);
        *ret_open = option != NULL && option->type != OPTION_FLAG && strchr(word, '=') == NULL;
    } else {
        option = option_named(command, NULL, word[1]);
        *ret_open = option != NULL && option->type != OPTION_FLAG && word[2] == '\0';
    }
    return option;
}

/* Those that are not given yet, or may be given again. */
static void offer_options(Completer *completer, const Command *command, guint used)
{
    const Context *context = completer->context;

    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++) {
        g_autofree char *text = g_strconcat("--", option->name, NULL);
        gboolean given = FALSE, open;

        for (guint w = used; w < context->n_words && !option->repeats; w++)
            given = given || option_of(command, context->words[w], &open) == option;
        if (!given)
            offer(completer, text, option->help);
    }
    if (command->flags & COMMAND_JSON)
        offer(completer, "--json", "print JSON");
    if (command->flags & COMMAND_CHANGES)
        offer(completer, "--dry-run", "only say what would be done");
    if (command->flags & COMMAND_DESTRUCTIVE)
        offer(completer, "--yes", "do not ask");
    offer(completer, "--help", "what the command does, and its options");
}

static void offer_option_values(Completer *completer, const Command *command,
                                const CommandOption *option, guint used)
{
    const CommandWord word = {option->word, option->name, .choices = option->choices};

    if (option->word != WORD_NONE)
        offer_word(completer, command, &word, used, completer->context->n_words);
    else if (option->choices != NULL)
        offer_choices(completer, option->choices, NULL);
    else if (option->meta != NULL && (strstr(option->meta, "FILE") || strstr(option->meta, "DIR")))
        offer_files(completer);
}

/* `--sort=m`: the value is completed behind the sign. FALSE: it is no such word. */
static gboolean complete_joined_option(Completer *completer, const Command *command, guint used)
{
    const Context *context = completer->context;
    const char *equals = strchr(context->partial, '=');
    gboolean open;
    const CommandOption *option = option_of(command, context->partial, &open);

    if (!g_str_has_prefix(context->partial, "--") || equals == NULL || option == NULL)
        return FALSE;
    g_autofree char *prefix = g_strndup(context->partial, (gsize)(equals + 1 - context->partial));
    Context value = *context;

    value.partial = (char *)equals + 1;
    completer->prefix = prefix;
    completer->context = &value;
    offer_option_values(completer, command, option, used);
    completer->context = context;
    completer->prefix = NULL;
    return TRUE;
}

/* What is being written of a command. */
typedef struct {
    const CommandWord *word;     /* NULL: there are enough */
    guint slot;                  /* see offer_word */
    const CommandOption *option; /* or the value of this one */
    gboolean plain;              /* what begins with - is no option any more */
} Place;

/* Goes over the words that stand there as the parser will. */
static Place find_place(const Command *command, const Context *context, guint used)
{
    Place place = {.word = &command->words[0], .slot = context->n_words};
    guint n = 0, fixed = 0, i = 0;

    for (gsize w = 0; w < G_N_ELEMENTS(command->words); w++)
        fixed += command->words[w].type != WORD_NONE && !command->words[w].repeats;
    for (guint w = used; w < context->n_words; w++) {
        gboolean open = FALSE;
        const CommandOption *option =
            place.plain ? NULL : option_of(command, context->words[w], &open);

        if (!place.plain && g_str_equal(context->words[w], "--")) {
            place.plain = TRUE;
            continue;
        }
        if (open && w + 1 == context->n_words) {
            place.option = option;
            return place;
        }
        if (!place.plain && context->words[w][0] == '-' && context->words[w][1] != '\0') {
            w += open;
            continue;
        }
        if (i < G_N_ELEMENTS(command->words) && command->words[i].repeats)
            place.slot = MIN(place.slot, w);
        else
            i++;
        if (++n > fixed && (command->flags & COMMAND_PASSTHROUGH))
            place.plain = TRUE;
    }
    place.word = i < G_N_ELEMENTS(command->words) && command->words[i].type != WORD_NONE
                     ? &command->words[i]
                     : NULL;
    return place;
}

static void complete_command(Completer *completer, guint first)
{
    const Context *context = completer->context;
    const char *const *words = (const char *const *)context->words + first;
    guint n_words = context->n_words - first, used = 0;
    const Command *command = command_find(words, &used, NULL);
    Place place;

    if (command == NULL) {
        if (n_words == 1)
            offer_commands(completer, words[0]);
        return;
    }
    if (n_words == 1 && used == 1) /* `alert` is one, and `alert list` another */
        offer_commands(completer, words[0]);
    used += first;
    place = find_place(command, context, used);
    if (place.option != NULL)
        offer_option_values(completer, command, place.option, used);
    else if (!place.plain && context->partial[0] == '-' &&
             (place.word == NULL || place.word->type != WORD_COLUMN)) {
        if (!complete_joined_option(completer, command, used))
            offer_options(completer, command, used);
    } else if (place.word != NULL) {
        offer_word(completer, command, place.word, used, place.slot);
    }
}

/* An alias is what it stands for, once. FALSE: the word is none, or brings more than words. */
static gboolean complete_alias(Completer *completer, guint first)
{
    const Context *context = completer->context;
    const char *text = alias_get(completer->app, context->words[first]);
    g_auto(GStrv) begin = NULL;
    Context expanded = *context;

    if (text == NULL || strpbrk(text, ";|") != NULL ||
        !g_shell_parse_argv(text, NULL, &begin, NULL))
        return FALSE;
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (guint i = 0; begin[i] != NULL; i++)
        g_ptr_array_add(words, begin[i]);
    for (guint i = first + 1; i < context->n_words; i++)
        g_ptr_array_add(words, context->words[i]);
    expanded.n_words = words->len;
    g_ptr_array_add(words, NULL);
    expanded.words = (char **)words->pdata;
    completer->context = &expanded;
    complete_command(completer, 0);
    completer->context = context;
    return TRUE;
}

void complete_words_from(Completer *completer, guint first)
{
    const Context *context = completer->context;

    if (context->in_program) {
        if (context->n_words > 0)
            offer_files(completer);
    } else if (context->n_words <= first) {
        offer_commands(completer, NULL);
    } else if (!complete_alias(completer, first)) {
        complete_command(completer, first);
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

    complete_words_from(&completer, 0);
    g_ptr_array_sort(completer.found, compare_completions);
    *ret_start = context.start;
    if (ret_pending != NULL)
        *ret_pending = completer.pending;
    g_hash_table_unref(completer.offered);
    context_done(&context);
    return completer.found;
}
