/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command_parse.c - options and words of one command, checked against its row of the table. */
#include "console/command_private.h"

#include <string.h>

static const CommandOption *find_option(const Command *command, const char *name, char letter)
{
    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++)
        if (name != NULL ? g_str_equal(option->name, name)
                         : letter != 0 && option->letter == letter)
            return option;
    return NULL;
}

static void store_option(CommandRun *run, const char *name, const char *value)
{
    GPtrArray *values = g_hash_table_lookup(run->options, name);

    if (values == NULL) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(run->options, g_strdup(name), values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

/* The options that flags of the command bring. TRUE if `name` is one of them. */
static gboolean take_common_option(CommandRun *run, const char *name)
{
    if (g_str_equal(name, "json") && (run->command->flags & COMMAND_JSON))
        run->json = TRUE;
    else if (g_str_equal(name, "yes") && (run->command->flags & COMMAND_CHANGES))
        run->yes = TRUE;
    else if (g_str_equal(name, "dry-run") && (run->command->flags & COMMAND_CHANGES))
        run->dry_run = TRUE;
    else if (!g_str_equal(name, "help"))
        return FALSE;
    if (g_str_equal(name, "help"))
        store_option(run, "help", "");
    return TRUE;
}

/* Whether a value is of its option's type, in its range or among its choices. */
static gboolean check_value(const Command *command, const CommandOption *option, const char *value,
                            GError **error)
{
    gint64 min = option->max > 0 ? option->min : 1;
    gint64 max = option->max > 0 ? option->max : G_MAXINT;
    gint64 bytes;
    gint ms;

    switch (option->type) {
    case OPTION_DURATION:
        return parse_duration_ms(value, &ms, error);
    case OPTION_SIZE:
        return parse_size_bytes(value, &bytes, error);
    case OPTION_NUMBER:
        if (g_ascii_string_to_signed(value, 10, min, max, NULL, NULL))
            return TRUE;
        if (max == G_MAXINT)
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "%s: --%s %s is not a number from %" G_GINT64_FORMAT " on",
                                   command->name, option->name, value, min);
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: --%s %s is not a number from %" G_GINT64_FORMAT
                               " to %" G_GINT64_FORMAT,
                               command->name, option->name, value, min, max);
    case OPTION_CHOICE: {
        g_auto(GStrv) choices = g_strsplit(option->choices, " ", -1);

        if (g_strv_contains((const char *const *)choices, value))
            return TRUE;
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s %s is not one of %s",
                               command->name, option->name, value, option->choices);
    }
    case OPTION_FLAG:
    case OPTION_STRING:
        break;
    }
    return TRUE;
}

/* One option word; *i moves past a separate value. */
static gboolean parse_option(CommandRun *run, char **argv, guint *i, GError **error)
{
    const char *word = argv[*i];
    const CommandOption *option;
    g_autofree char *name = NULL;
    const char *value = NULL;

    if (word[1] == '-') {
        const char *equals = strchr(word, '=');

        name =
            equals != NULL ? g_strndup(word + 2, (gsize)(equals - word - 2)) : g_strdup(word + 2);
        value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && take_common_option(run, name))
            return TRUE;
        option = find_option(run->command, name, 0);
    } else {
        name = g_strndup(word + 1, 1);
        value = word[2] != '\0' ? word + 2 : NULL;
        if (value == NULL && ((*name == 'y' && take_common_option(run, "yes")) ||
                              (*name == 'h' && take_common_option(run, "help"))))
            return TRUE;
        option = find_option(run->command, NULL, *name);
    }
    if (option == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: there is no option '%s'; see `help %s`", run->command->name,
                               word, run->command->name);
    if (option->type == OPTION_FLAG) {
        if (value != NULL)
            return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s takes no value",
                                   run->command->name, option->name);
        store_option(run, option->name, "");
        return TRUE;
    }
    if (value == NULL && (value = argv[++*i]) == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: --%s needs %s", run->command->name,
                               option->name, option->meta != NULL ? option->meta : "a value");
    if (!check_value(run->command, option, value, error))
        return FALSE;
    store_option(run, option->name, value);
    return TRUE;
}

/* How many words stand before the part that is passed through. */
static guint fixed_words(const Command *command)
{
    guint n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++)
        n += command->words[i].type != WORD_NONE && !command->words[i].repeats;
    return n;
}

gboolean command_parse(CommandRun *run, char **argv, guint first, GError **error)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    gboolean passthrough = run->command->flags & COMMAND_PASSTHROUGH;
    gboolean plain = FALSE;
    guint n = 0, n_before = G_MAXUINT;

    for (guint i = first; argv[i] != NULL; i++) {
        if (!plain && g_str_equal(argv[i], "--")) {
            plain = TRUE;
            n_before = n;
            continue;
        }
        if (!plain && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!parse_option(run, argv, &i, error))
                return FALSE;
            continue;
        }
        g_strv_builder_add(words, argv[i]);
        if (++n > fixed_words(run->command) && passthrough)
            plain = TRUE;
    }
    run->words = g_strv_builder_end(words);
    run->n_words = n;
    run->n_before = MIN(n, n_before);
    return TRUE;
}

gboolean command_check_words(const CommandRun *run, GError **error)
{
    const Command *command = run->command;
    guint needed = 0, most = 0;
    gboolean repeats = FALSE;
    const char *first_missing = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++) {
        const CommandWord *word = &command->words[i];

        if (word->type == WORD_NONE)
            break;
        most++;
        repeats = repeats || word->repeats;
        if (!word->optional && ++needed > run->n_words && first_missing == NULL)
            first_missing = word->name;
    }
    if (first_missing != NULL && run->n_words == 0 && command->words[0].type == WORD_INSTANCE &&
        run->face->face == FACE_TUI)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: %s is missing; the key x acts on the selected one, b on the "
                               "marked",
                               command->name, first_missing);
    if (first_missing != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: %s is missing; see `help %s`",
                               command->name, first_missing, command->name);
    if (run->n_words > most && !repeats)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: '%s' is too much; see `help %s`",
                               command->name, run->words[most], command->name);
    return TRUE;
}
