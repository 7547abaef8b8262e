/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_help.c - help and version, generated from the command table. */
#include "console/arguments.h"
#include "console/commands.h"

#include <string.h>

/* "NAME..." of one word. */
static void append_word(GString *text, const CommandWord *word)
{
    g_string_append_printf(text, word->optional ? " [%s%s]" : " %s%s", word->name,
                           word->repeats ? "..." : "");
}

char *command_synopsis(const Command *command)
{
    GString *text = g_string_new(command->name);

    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++)
        if (command->words[i].type != WORD_NONE)
            append_word(text, &command->words[i]);
    if (command->options != NULL || (command->flags & (COMMAND_CHANGES | COMMAND_JSON)))
        g_string_append(text, " [OPTION...]");
    return g_string_free(text, FALSE);
}

#define HELP_COLUMN     30 /* where the texts beside options begin */
#define HELP_WIDTH      78 /* a page of the console has a margin at both sides */
#define OVERVIEW_COLUMN 37 /* ... beside commands */

static const char *topic_names(void);
static gboolean help_topic(CommandRun *run, const char *word, gboolean beside);

/* Words of `text` up to a width, each line after `left` (the first) or blanks of its width. */
static void print_wrapped(CommandRun *run, const char *left, guint indent, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GString) line = g_string_new(left);
    gsize begin;

    /* what stands on the left is ASCII, so bytes are columns */
    if (line->len + 1 > indent && indent > 0) {
        output_line(run->out, OUTPUT_DATA, "%s", line->str);
        g_string_truncate(line, 0);
    }
    while (line->len < indent)
        g_string_append_c(line, ' ');
    begin = line->len;
    for (guint i = 0; words[i] != NULL; i++) {
        if (line->len > begin &&
            g_utf8_strlen(line->str, -1) + 1 + g_utf8_strlen(words[i], -1) > HELP_WIDTH) {
            output_line(run->out, OUTPUT_DATA, "%s", line->str);
            g_string_truncate(line, 0);
            while (line->len < indent)
                g_string_append_c(line, ' ');
            begin = line->len;
        }
        g_string_append_printf(line, "%s%s", line->len > begin ? " " : "", words[i]);
    }
    output_line(run->out, OUTPUT_DATA, "%s", line->str);
}

static void print_option(CommandRun *run, const CommandOption *option)
{
    g_autofree char *left = g_strdup_printf(
        "  %c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ',
        option->letter != 0 ? option->letter : ' ', option->letter != 0 ? "," : " ", option->name,
        option->meta != NULL ? " " : "", option->meta != NULL ? option->meta : "");

    print_wrapped(run, left, HELP_COLUMN, option->help);
}

void command_foreach_option(const Command *command,
                            void (*each)(const CommandOption *option, gpointer data), gpointer data)
{
    static const struct {
        guint flag;
        CommandOption option;
    } common[] = {
        {COMMAND_JSON, {.name = "json", .help = "print JSON"}},
        {COMMAND_CHANGES, {.name = "dry-run", .help = "only say what would be done"}},
        {COMMAND_DESTRUCTIVE, {.name = "yes", .letter = 'y', .help = "do not ask"}},
    };

    for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
         option++)
        each(option, data);
    for (gsize i = 0; i < G_N_ELEMENTS(common); i++)
        if (command->flags & common[i].flag)
            each(&common[i].option, data);
}

static void help_option(const CommandOption *option, gpointer data)
{
    print_option(data, option);
}

static void help_command(CommandRun *run, const Command *command)
{
    g_autofree char *synopsis = command_synopsis(command);
    g_auto(GStrv) aliases = g_strsplit(command->aliases != NULL ? command->aliases : "", ",", -1);
    g_autofree char *aliases_text = g_strjoinv(", ", aliases);

    output_line(run->out, OUTPUT_DATA, "gemel %s", synopsis);
    output_line(run->out, OUTPUT_DATA, "  %s", command->summary);
    if (*aliases_text != '\0')
        output_line(run->out, OUTPUT_DATA, "  also: %s", aliases_text);
    output_line(run->out, OUTPUT_DATA, "%s", "");
    if (command->details != NULL) {
        print_wrapped(run, NULL, 0, command->details);
        output_line(run->out, OUTPUT_DATA, "%s", "");
    }
    if (help_topic(run, command->name, TRUE))
        output_line(run->out, OUTPUT_DATA, "%s", "");
    command_foreach_option(command, help_option, run);
    output_line(run->out, OUTPUT_DATA, "  example: %s", command->example);
}

/* What may stand before the command. */
static void print_program_options(CommandRun *run)
{
    output_line(run->out, OUTPUT_DATA, "%s", "");
    output_line(run->out, OUTPUT_DATA, "%s", "Options before the command");
    for (const ProgramOption *option = program_options; option->take != NULL; option++) {
        g_autofree char *name = program_option_text(option);
        g_autofree char *left = g_strconcat("  ", name, NULL);

        print_wrapped(run, left, HELP_COLUMN, option->help);
    }
}

static void help_all(CommandRun *run)
{
    const Command *const *table = command_table();
    const char *group = NULL;

    output_line(run->out, OUTPUT_DATA, "gemel: guests and containers in one console");
    output_line(run->out, OUTPUT_DATA, "%s",
                "usage: gemel [OPTION...] [COMMAND [ARG...]]   without COMMAND: the console");
    for (gsize i = 0; table[i] != NULL; i++) {
        g_autofree char *words = NULL;

        if ((table[i]->faces != 0 && !(table[i]->faces & run->face->face)) ||
            (table[i]->flags & COMMAND_HIDDEN))
            continue;
        if (g_strcmp0(group, table[i]->group) != 0) {
            output_line(run->out, OUTPUT_DATA, "%s", "");
            output_line(run->out, OUTPUT_DATA, "%s", table[i]->group);
        }
        group = table[i]->group;
        words = command_synopsis(table[i]);
        if (strstr(words, " [OPTION...]") != NULL)
            *strstr(words, " [OPTION...]") = '\0';
        g_autofree char *left = g_strconcat("  ", words, NULL);

        print_wrapped(run, left, OVERVIEW_COLUMN, table[i]->summary);
    }
    if (run->face->face == FACE_ONESHOT)
        print_program_options(run);
    output_line(run->out, OUTPUT_DATA, "%s", "");
    output_line(run->out, OUTPUT_DATA, "`help COMMAND` has its options and an example.");
    output_line(run->out, OUTPUT_DATA, "`help TOPIC` tells more of %s.", topic_names());
    output_line(run->out, OUTPUT_DATA, "%s",
                "status: 0 done, 1 failed, 2 usage, 3 not found, 4 not supported,");
    output_line(run->out, OUTPUT_DATA, "%s",
                "        5 unreachable, 6 conflict or busy, 7 denied, 124 timed out");
}

/* "snapshot": an overview of the commands that begin with the word. FALSE if none does. */
static gboolean help_family(CommandRun *run, const char *word)
{
    const Command *const *table = command_table();
    g_autofree char *begin = g_strconcat(word, " ", NULL);
    gboolean any = FALSE;

    for (gsize i = 0; table[i] != NULL; i++) {
        if (!g_str_has_prefix(table[i]->name, begin))
            continue;
        g_autofree char *synopsis = command_synopsis(table[i]);

        if (strstr(synopsis, " [OPTION...]") != NULL)
            *strstr(synopsis, " [OPTION...]") = '\0';
        print_wrapped(run, synopsis, OVERVIEW_COLUMN, table[i]->summary);
        any = TRUE;
    }
    if (any) {
        output_line(run->out, OUTPUT_DATA, "%s", "");
        output_line(run->out, OUTPUT_DATA, "`help %s COMMAND` has its options and an example.",
                    word);
    }
    return any;
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static void option_to_json(const CommandOption *option, gpointer data)
{
    const char letter[] = {option->letter, '\0'};

    json_array_append_new(data,
                          json_pack("{s:s, s:o, s:o, s:b, s:s}", "name", option->name, "letter",
                                    text_or_null(option->letter != 0 ? letter : NULL), "value",
                                    text_or_null(option->meta), "repeats", option->repeats, "help",
                                    option->help));
}

static json_t *command_to_json(const Command *command)
{
    g_autofree char *synopsis = command_synopsis(command);
    g_auto(GStrv) aliases = g_strsplit(command->aliases != NULL ? command->aliases : "", ",", -1);
    json_t *also = json_array(), *options = json_array();

    for (guint i = 0; aliases[i] != NULL; i++)
        json_array_append_new(also, json_string(aliases[i]));
    command_foreach_option(command, option_to_json, options);
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:b}", "name", command->name,
                     "aliases", also, "group", command->group, "summary", command->summary,
                     "synopsis", synopsis, "details", text_or_null(command->details), "options",
                     options, "example", text_or_null(command->example), "changes",
                     (command->flags & COMMAND_CHANGES) != 0, "destructive",
                     (command->flags & COMMAND_DESTRUCTIVE) != 0);
}

/* All commands, or those that the words name. */
static void help_json(CommandRun *run)
{
    const Command *const *table = command_table();
    json_t *commands = json_array();
    guint used = 1;

    for (gsize i = 0; run->n_words == 0 && table[i] != NULL; i++)
        if (!(table[i]->flags & COMMAND_HIDDEN))
            json_array_append_new(commands, command_to_json(table[i]));
    for (guint i = 0; i < run->n_words; i += used) {
        g_autoptr(GError) error = NULL;
        const Command *command = command_find((const char *const *)run->words + i, &used, &error);

        if (command != NULL) {
            json_array_append_new(commands, command_to_json(command));
            continue;
        }
        run_error(run, error);
        used = 1;
    }
    output_json(run->out, json_pack("{s:o}", "commands", commands));
}

/* ---- topics --------------------------------------------------------------------------------- */

/* The filter of the console's list; `list --filter` knows the words that need no figures. */
static const char filter_text[] =
    "The filter of the list (/ in the console): words with spaces between them;\n"
    "what all of them match is shown. Esc ends it.\n"
    "\n"
    "  web            name, backend or image contains it, in upper or lower case\n"
    "  ~re  /re/      the name matches the regular expression\n"
    "  key=value      name, kind (vm, ct), state, backend, image, or a label;\n"
    "                 * and ? as in file names\n"
    "  cpu>50         a figure: any column of numbers (`help columns`), with\n"
    "                 < > <= >=; bytes as 100M, times as 5m\n"
    "  !word          what the word does not match\n"
    "\n"
    "  example: /kind=ct state=running memory>100M !~^lab\n"
    "\n"
    "`list --filter` takes key=value, !key=value or a part of the name, and may be\n"
    "given several times:\n"
    "\n"
    "  example: gemel list --filter kind=ct --filter '!state=running'\n";

/* What the command prints that is called without words. */
static void run_bare(CommandRun *run, const char *name)
{
    const char *const words[] = {name, NULL};
    guint used, n_words = run->n_words;

    run->n_words = 0;
    command_find(words, &used, NULL)->run(run);
    run->n_words = n_words;
}

/* Topics that no command has the name of, or more than its own help has to say. */
static const struct {
    const char *name;
    const char *text;    /* or */
    const char *command; /* what this one lists */
    gboolean beside;     /* in the help of the command of this name */
} topics[] = {
    {"columns", NULL, "columns", TRUE},
    {"filter", filter_text, NULL, FALSE},
    {"keys", NULL, "bind", FALSE},
    {"options", NULL, "set", FALSE},
};

static const char *topic_names(void)
{
    static const char *names;
    g_autoptr(GString) out = g_string_new(NULL);

    for (gsize i = 0; names == NULL && i < G_N_ELEMENTS(topics); i++)
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", topics[i].name);
    if (names == NULL)
        names = g_intern_string(out->str);
    return names;
}

/* FALSE: it is none of them. */
static gboolean help_topic(CommandRun *run, const char *word, gboolean beside)
{
    for (gsize i = 0; i < G_N_ELEMENTS(topics); i++) {
        if (!g_str_equal(word, topics[i].name) || topics[i].beside != beside)
            continue;
        if (topics[i].text != NULL)
            output_text(run->out, topics[i].text);
        else
            run_bare(run, topics[i].command);
        return TRUE;
    }
    return FALSE;
}

/* An option of `set`. */
static gboolean help_setting(CommandRun *run, const char *word)
{
    const OptionInfo *info = option_info(word);

    if (info == NULL)
        return FALSE;
    g_autofree char *range = option_range_text(info);

    output_line(run->out, OUTPUT_DATA, "%s: %s", info->name, info->help);
    output_line(run->out, OUTPUT_DATA, "usage: set %s VALUE   (%s; now %s, by default %s)",
                info->name, range, options_get(run->app->options, word), info->fallback);
    return TRUE;
}

static void help_run(CommandRun *run)
{
    guint used = 0;

    if (run->json) {
        help_json(run);
        return;
    }
    if (run->n_words == 0)
        help_all(run);
    for (guint i = 0; i < run->n_words; i += used) {
        g_autoptr(GError) error = NULL;
        const Command *command = command_find((const char *const *)run->words + i, &used, &error);

        if (i > 0)
            output_line(run->out, OUTPUT_DATA, "%s", "");
        if (command != NULL) {
            help_command(run, command);
            continue;
        }
        if (!help_family(run, run->words[i]) && !help_topic(run, run->words[i], FALSE) &&
            !help_setting(run, run->words[i]))
            run_error(run, error);
        used = 1;
    }
}

static void version_run(CommandRun *run)
{
    if (run->json)
        output_json(run->out, json_pack("{s:s}", "version", GEMEL_VERSION));
    else
        output_line(run->out, OUTPUT_DATA, "gemel %s", GEMEL_VERSION);
}

const Command commands_help[] = {
    {.name = "help",
     .summary = "all commands, or one in detail",
     .example = "gemel help snapshot create",
     .group = "Help",
     .flags = COMMAND_JSON,
     .words = {{WORD_COMMAND, "COMMAND", .optional = TRUE, .repeats = TRUE}},
     .run = help_run},
    {.name = "version",
     .summary = "which gemel this is",
     .example = "gemel version --json",
     .group = "Help",
     .flags = COMMAND_JSON,
     .run = version_run},
    {.name = NULL},
};
