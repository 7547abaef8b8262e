/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_config.c - what a user sets: options, keys, aliases; and saving it. */
#include "console/alias.h"
#include "console/audit.h"
#include "console/commands.h"
#include "console/save_config.h"

#include <string.h>

/* ---- options -------------------------------------------------------------------------------- */

static void set_list(CommandRun *run)
{
    static const char *const headers[] = {"OPTION", "VALUE", "DEFAULT", "VALUES", "WHAT", NULL};
    gboolean changed = run_flag(run, "changed");
    OutputTable *table = run->json ? NULL : output_table_new(headers, "LWWWW");
    json_t *object = json_object();

    for (const OptionInfo *info = option_table; info->name != NULL; info++) {
        const char *value = options_get(run->app->options, info->name);
        g_autofree char *range = option_range_text(info);

        if (changed && options_is_default(run->app->options, info->name))
            continue;
        if (table != NULL)
            output_table_add(table, info->name, value, info->fallback, range, info->help, NULL);
        json_object_set_new(object, info->name, json_text(value));
    }
    if (table != NULL) {
        if (output_table_rows(table) == 0)
            output_line(run->out, OUTPUT_NOTE, "every option has its default");
        output_table_print(table, run->out);
        json_decref(object);
    } else {
        output_json(run->out, object);
    }
}

static void set_unknown(CommandRun *run, const char *name)
{
    run_fail(run, GEMEL_ERROR_INVALID, "%s: there is no option '%s'; `set` lists them",
             run->command->name, name);
}

/* Whether changes are refused is on record. */
static void record_read_only(CommandRun *run, gboolean was)
{
    gboolean is = app_is_read_only(run->app);
    g_autofree char *command = audit_command_text(run);

    if (is != was && run->face->face != FACE_RC)
        audit_record(run->app, run->face->face, is ? "read-only on" : "read-only off", command);
}

static void set_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    gboolean was = app_is_read_only(run->app);

    if (run->n_words == 0) {
        set_list(run);
    } else if (run->n_words == 1) {
        if (option_info(run->words[0]) != NULL)
            output_line(run->out, OUTPUT_DATA, "%s", options_get(run->app->options, run->words[0]));
        else
            set_unknown(run, run->words[0]);
    } else if (!options_set(run->app->options, run->words[0], run->words[1], &error)) {
        run_error(run, error);
    } else {
        run_say_passing(run);
    }
    record_read_only(run, was);
}

static void unset_run(CommandRun *run)
{
    gboolean was = app_is_read_only(run->app);

    for (guint i = 0; i < run->n_words; i++)
        if (!options_reset(run->app->options, run->words[i]))
            set_unknown(run, run->words[i]);
    record_read_only(run, was);
}

/* ---- keys ----------------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    const char *key; /* only this one, or NULL */
    OutputTable *table;
    json_t *rows;
} BindList;

static void bind_list_row(const TuiBinding *binding, gpointer data)
{
    BindList *list = data;
    const char *what = binding->summary != NULL ? binding->summary : "";
    const char *line = *binding->line != '\0' ? binding->line : "-";

    if (list->key != NULL && !g_str_equal(binding->key, list->key))
        return;
    if (list->run != NULL && run_flag(list->run, "changed") && !binding->own)
        return;
    /* without a summary it is there for the footer, or said by another row */
    if (list->table != NULL && (binding->summary != NULL || binding->own))
        output_table_add(list->table, binding->key, binding->place, line, what, NULL);
    json_array_append_new(list->rows,
                          json_pack("{s:o, s:s, s:o, s:o, s:b}", "key", json_text(binding->key),
                                    "place", binding->place, "command", json_text(binding->line),
                                    "what", json_text(what), "own", binding->own));
}

static void bind_list(CommandRun *run, const char *key)
{
    static const char *const headers[] = {"KEY", "PLACE", "COMMAND", "WHAT", NULL};
    BindList list = {.run = run, .key = key, .rows = json_array()};

    list.table = run->json ? NULL : output_table_new(headers, "LwLW");
    run->app->keys->foreach_binding(bind_list_row, &list);
    if (list.table == NULL) {
        output_json(run->out, json_pack("{s:o}", "bindings", list.rows));
        return;
    }
    if (output_table_rows(list.table) == 0)
        output_line(run->out, OUTPUT_NOTE, "nothing is bound%s%s", key != NULL ? " to " : "",
                    key != NULL ? key : "");
    output_table_print(list.table, run->out);
    json_decref(list.rows);
}

static gboolean is_place(CommandRun *run, const char *word)
{
    const char *place;

    for (guint i = 0; (place = run->app->keys->place(i)) != NULL; i++)
        if (g_str_equal(place, word))
            return TRUE;
    return FALSE;
}

/* Whether a line begins with a command or an alias. */
static gboolean line_is_known(CommandRun *run, const char *line, GError **error)
{
    g_auto(GStrv) lines = command_split_lines(line, error);
    g_auto(GStrv) words = NULL;
    guint used;

    if (lines == NULL)
        return FALSE;
    if (!g_shell_parse_argv(lines[0], NULL, &words, NULL))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "there is no command in '%s'", line);
    return alias_get(run->app, words[0]) != NULL ||
           command_find((const char *const *)words, &used, error) != NULL;
}

/* One word is a whole line already (`bind X 'list | less'`), several are the words of one. */
static char *line_of(char **words)
{
    return words[0] != NULL && words[1] == NULL ? g_strdup(words[0])
                                                : command_join((const char *const *)words);
}

static void bind_run(CommandRun *run)
{
    const char *key = run->n_words > 0 ? run->words[0] : NULL;
    const char *place = run->n_words > 2 && is_place(run, run->words[1]) ? run->words[1] : NULL;
    g_autofree char *line = NULL;
    g_autoptr(GError) error = NULL;

    if (run->app->keys == NULL)
        return;
    if (run_flag(run, "default")) {
        if (key == NULL)
            run_fail(run, GEMEL_ERROR_INVALID, "bind: --default needs a key");
        else if (!run->app->keys->bind_default(key, run->n_words > 1 ? run->words[1] : NULL))
            output_line(run->out, OUTPUT_NOTE, "%s has its default already", key);
        return;
    }
    if (run->n_words < 2) {
        bind_list(run, key);
        return;
    }
    line = line_of(run->words + (place != NULL ? 2 : 1));
    /* `bind J jobs --json`: a place and then no command is a command of the place's name */
    if (place != NULL && !line_is_known(run, line, NULL)) {
        place = NULL;
        g_free(line);
        line = line_of(run->words + 1);
    }
    if (!line_is_known(run, line, &error) || !run->app->keys->bind(key, place, line, &error)) {
        g_prefix_error(&error, "bind %s: ", key);
        run_error(run, error);
    }
}

static void unbind_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;

    if (run->app->keys != NULL &&
        !run->app->keys->bind(run->words[0], run->n_words > 1 ? run->words[1] : NULL, "", &error))
        run_error(run, error);
}

/* ---- aliases -------------------------------------------------------------------------------- */

static void alias_list(CommandRun *run)
{
    g_autoptr(GList) names = alias_names(run->app);
    json_t *object = json_object();

    for (GList *name = names; name != NULL; name = name->next) {
        const char *text = alias_get(run->app, name->data);

        json_object_set_new(object, name->data, json_text(text));
        if (!run->json)
            output_line(run->out, OUTPUT_DATA, "%s = %s", (const char *)name->data, text);
    }
    if (run->json)
        output_json(run->out, json_incref(object));
    else if (names == NULL)
        output_line(run->out, OUTPUT_NOTE,
                    "no aliases; `alias vms = list --filter kind=vm` makes one");
    json_decref(object);
}

static void alias_show(CommandRun *run, const char *name)
{
    const char *text = alias_get(run->app, name);

    if (text == NULL)
        run_fail(run, GEMEL_ERROR_NOT_FOUND, "alias: there is no '%s'; `alias` lists them", name);
    else
        output_line(run->out, OUTPUT_DATA, "%s = %s", name, text);
}

/* `alias ll = list -q`, `alias ll=list`, `alias ll list`. */
static void alias_run(CommandRun *run)
{
    g_autofree char *name = NULL;
    g_autofree char *line = NULL;
    g_autoptr(GError) error = NULL;
    char **rest = run->words + 1;
    char *equals;

    if (run->n_words == 0) {
        alias_list(run);
        return;
    }
    name = g_strdup(run->words[0]);
    equals = strchr(name, '=');
    if (equals == NULL && run->n_words == 1) {
        alias_show(run, name);
        return;
    }
    if (equals != NULL) {
        *equals = '\0';
        g_autofree char *tail =
            run->n_words > 1 ? command_join((const char *const *)rest) : g_strdup("");

        line = g_strconcat(equals + 1, equals[1] != '\0' && *tail != '\0' ? " " : "", tail, NULL);
    } else {
        line = line_of(rest + g_str_equal(*rest, "="));
    }
    if (!alias_set(run->app, name, line, &error))
        run_error(run, error);
}

static void unalias_run(CommandRun *run)
{
    for (guint i = 0; i < run->n_words; i++)
        if (!alias_remove(run->app, run->words[i]))
            run_fail(run, GEMEL_ERROR_NOT_FOUND, "unalias: there is no '%s'; `alias` lists them",
                     run->words[i]);
}

/* ---- saving --------------------------------------------------------------------------------- */

static void save_config_run(CommandRun *run)
{
    g_autofree char *standard = g_build_filename(g_get_user_config_dir(), "gemel", "gemelrc", NULL);
    const char *path = run->n_words > 0 ? run->words[0] : standard;
    g_autoptr(GError) error = NULL;
    guint lines;

    if (run_flag(run, "print")) {
        g_autofree char *text = save_config_lines(run->app, "");

        if (*text == '\0')
            output_line(run->out, OUTPUT_NOTE, "everything has its default");
        output_text(run->out, text);
        return;
    }
    if (!save_config_write(run->app, path, &lines, &error))
        run_error(run, error);
    else
        output_line(run->out, OUTPUT_NOTE, "%u line%s saved in %s", lines, lines == 1 ? "" : "s",
                    path);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption set_options[] = {
    {"all", 'a', OPTION_FLAG, FALSE, NULL, "every option (as without words)"},
    {"changed", 'c', OPTION_FLAG, FALSE, NULL, "only those that do not have their default"},
    {NULL},
};

static const CommandOption bind_options[] = {
    {"changed", 'c', OPTION_FLAG, FALSE, NULL, "list only what was bound by you"},
    {"default", 'd', OPTION_FLAG, FALSE, NULL, "the key means again what it does by default"},
    {NULL},
};

static const CommandOption save_config_options[] = {
    {"print", 'p', OPTION_FLAG, FALSE, NULL, "print the lines and write nothing"},
    {NULL},
};

const Command commands_config[] = {
    {.name = "set",
     .summary = "show or change options",
     .example = "gemel set refresh 2s",
     .group = "Settings",
     .flags = COMMAND_JSON,
     .words = {{WORD_OPTION, "OPTION", .optional = TRUE}, {WORD_VALUE, "VALUE", .optional = TRUE}},
     .options = set_options,
     .details = "Without words: every option with its value, its default and the values it can "
                "have. A change holds until gemel is left; `save-config` keeps it.",
     .run = set_run},
    {.name = "unset",
     .summary = "give options their defaults back",
     .example = "gemel unset refresh",
     .group = "Settings",
     .words = {{WORD_OPTION, "OPTION", .repeats = TRUE}},
     .run = unset_run},
    {.name = "bind",
     .summary = "list the keys of the console, or let one stand for a command",
     .example = "bind X instances stop {}",
     .group = "Settings",
     .flags = COMMAND_JSON | COMMAND_PASSTHROUGH,
     .words = {{WORD_KEY, "KEY", .optional = TRUE},
               {WORD_LINE, "[PLACE] COMMAND", .optional = TRUE, .repeats = TRUE}},
     .options = bind_options,
     .details =
         "In COMMAND, {} stands for what is selected, {marks} for what is marked, {snapshot} "
         "for the selected snapshot. A line with ; or | in it is quoted as one word. "
         "PLACE is one of everywhere, instances, snapshots, jobs, events, alerts, listing, text, "
         "tables.",
     .run = bind_run},
    {.name = "unbind",
     .summary = "let a key of the console do nothing",
     .example = "unbind m",
     .group = "Settings",
     .words = {{WORD_KEY, "KEY"}, {WORD_TEXT, "PLACE", .optional = TRUE}},
     .details = "`bind --default KEY` takes that back.",
     .run = unbind_run},
    {.name = "alias",
     .summary = "list aliases, or let a name stand for the beginning of a line",
     .example = "alias ll = list --filter state=running",
     .group = "Settings",
     .flags = COMMAND_JSON | COMMAND_PASSTHROUGH,
     .words = {{WORD_ALIAS, "NAME = COMMAND", .optional = TRUE, .repeats = TRUE}},
     .details = "What follows the alias on a line is appended. An alias is not looked for inside "
                "another, and cannot have the name of a command. A line with ; or | in it is "
                "quoted: `alias busy = 'top --count 1 | head -5'`.",
     .run = alias_run},
    {.name = "unalias",
     .summary = "forget aliases",
     .example = "unalias ll",
     .group = "Settings",
     .words = {{WORD_ALIAS, "NAME", .repeats = TRUE}},
     .run = unalias_run},
    {.name = "save-config",
     .summary = "keep options, keys, aliases, columns and alerts in gemelrc",
     .example = "save-config --print",
     .group = "Settings",
     .words = {{WORD_FILE, "FILE", .optional = TRUE}},
     .options = save_config_options,
     .details = "What differs from the defaults is written as commands into a marked section at "
                "the end of gemelrc (or of FILE); everything outside the marks stays as it is. A "
                "file of these lines can be read by `source`, too.",
     .run = save_config_run},
    {.name = NULL},
};
