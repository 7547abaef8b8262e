/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manual TEMPLATE: prints gemel(1) or gemelrc(5), with commands, keys, options and themes from the
 * tables that the console runs on. */
#include "config/options.h"
#include "console/arguments.h"
#include "console/columns.h"
#include "console/command.h"
#include "console/tui/tui.h"
#include "docs/man/roff.h"
#include "widgets/theme.h"

#include <stdio.h>
#include <string.h>

/* ---- commands ------------------------------------------------------------------------------- */

/* ".It Fl t , Fl -timeout Ar TIME" */
static void item_of_option(const char *name, char letter, const char *meta, gboolean optional)
{
    const char short_name[] = {letter, '\0'};

    fputs(".It", stdout);
    if (letter != 0) {
        fputs(" Fl", stdout);
        roff_arg(short_name);
        if (name != NULL)
            fputs(" ,", stdout);
    }
    if (name != NULL) {
        g_autofree char *dashed = g_strconcat("-", name, NULL);

        fputs(" Fl", stdout);
        roff_arg(dashed);
    }
    if (meta != NULL && optional) {
        fputs(" Ns Op Ns", stdout);
        roff_arg("=");
        fputs(" Ns Ar", stdout);
        roff_arg(meta);
    } else if (meta != NULL) {
        fputs(" Ar", stdout);
        roff_arg(meta);
    }
    putchar('\n');
}

/* A phrase of a table as a sentence: with a capital and a full stop. */
static void sentence(const char *phrase)
{
    g_autofree char *text = g_strdup_printf("%c%s.", g_ascii_toupper(*phrase), phrase + 1);

    roff_text(text);
}

static void print_command_option(const CommandOption *option, gpointer data)
{
    gboolean *any = data;

    if (!*any)
        puts(".Bl -tag -width Ds -compact");
    *any = TRUE;
    item_of_option(option->name, option->letter, option->meta, FALSE);
    sentence(option->help);
}

static void print_aliases(const Command *command)
{
    g_auto(GStrv) aliases = g_strsplit(command->aliases, ",", -1);

    puts("Also");
    for (guint i = 0; aliases[i] != NULL; i++) {
        fputs(".Ic", stdout);
        roff_arg(aliases[i]);
        puts(aliases[i + 1] != NULL ? " ," : " .");
    }
}

/* ".It Ic start Ar NAME ..." */
static void item_of_command(const Command *command)
{
    fputs(".It Ic", stdout);
    roff_arg(command->name);
    for (gsize i = 0; i < G_N_ELEMENTS(command->words); i++) {
        const CommandWord *word = &command->words[i];

        if (word->type == WORD_NONE)
            continue;
        fputs(word->optional ? " Op Ar" : " Ar", stdout);
        roff_arg(word->name);
        if (word->repeats)
            fputs(" No ...", stdout);
    }
    putchar('\n');
}

static void print_command(const Command *command)
{
    gboolean any = FALSE;

    item_of_command(command);
    sentence(command->summary);
    if (command->aliases != NULL)
        print_aliases(command);
    if (command->faces == FACE_TUI)
        roff_text("In the console only.");
    if (command->details != NULL)
        roff_text(command->details);
    command_foreach_option(command, print_command_option, &any);
    if (any)
        puts(".El");
    if (command->example != NULL) {
        puts(".Pp");
        roff_example(command->example);
    }
}

static void print_commands(void)
{
    const char *group = NULL;

    for (const Command *const *at = command_table_of_all(); *at != NULL; at++) {
        if ((*at)->flags & COMMAND_HIDDEN)
            continue;
        if (g_strcmp0(group, (*at)->group) != 0) {
            if (group != NULL)
                puts(".El");
            fputs(".Ss", stdout);
            roff_arg((*at)->group);
            puts("\n.Bl -tag -width Ds");
        }
        group = (*at)->group;
        print_command(*at);
    }
    puts(".El");
}

static void print_program_options(void)
{
    puts(".Bl -tag -width Ds");
    for (const ProgramOption *option = program_options; option->take != NULL; option++) {
        item_of_option(option->name, option->letter, option->meta, option->optional);
        sentence(option->help);
    }
    puts(".El");
}

/* ---- keys and view verbs -------------------------------------------------------------------- */

typedef struct {
    GString *keys; /* "j Down", as arguments of .It */
    const char *where, *line, *summary;
} KeyRow;

static void key_row_free(gpointer data)
{
    KeyRow *row = data;

    g_string_free(row->keys, TRUE);
    g_free(row);
}

/* Puts keys that do the same in the same place into one row. */
static void collect_key(const TuiBinding *binding, gpointer data)
{
    GPtrArray *rows = data;
    KeyRow *row;

    if (binding->summary == NULL)
        return;
    for (guint i = 0; i < rows->len; i++) {
        row = rows->pdata[i];
        if (strcmp(row->where, binding->place) == 0 && strcmp(row->line, binding->line) == 0) {
            g_string_append_printf(row->keys, "\n%s", binding->key);
            return;
        }
    }
    row = g_new0(KeyRow, 1);
    *row = (KeyRow){g_string_new(binding->key), binding->place, binding->line, binding->summary};
    g_ptr_array_add(rows, row);
}

static void print_key_row(const KeyRow *row, gboolean with_line)
{
    g_auto(GStrv) keys = g_strsplit(row->keys->str, "\n", -1);

    fputs(".It", stdout);
    for (guint i = 0; keys[i] != NULL; i++) {
        fputs(i > 0 ? " , Ic" : " Ic", stdout);
        roff_arg(keys[i]);
    }
    putchar('\n');
    if (with_line) {
        fputs(".Ic", stdout);
        roff_arg(row->line);
        putchar('\n');
    } else {
        sentence(row->summary);
    }
}

static void print_bindings(gboolean with_line)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(key_row_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    tui_foreach_binding(collect_key, rows);
    for (guint i = 0; i < rows->len; i++) {
        const char *where = ((KeyRow *)rows->pdata[i])->where;

        if (!g_hash_table_add(seen, (gpointer)where))
            continue;
        g_autofree char *title = strcmp(where, "everywhere") == 0 ? g_strdup("Everywhere")
                                                                  : g_strconcat("In ", where, NULL);

        fputs(".Ss", stdout);
        roff_arg(title);
        puts("\n.Bl -tag -width \"Backspace\" -compact");
        for (guint j = i; j < rows->len; j++)
            if (strcmp(((KeyRow *)rows->pdata[j])->where, where) == 0)
                print_key_row(rows->pdata[j], with_line);
        puts(".El");
    }
}

static void print_keys(void)
{
    print_bindings(FALSE);
}

static void print_binds(void)
{
    print_bindings(TRUE);
}

static void print_verb(const char *name, const char *args, const char *summary, gpointer data)
{
    fputs(".It Ic view", stdout);
    roff_arg(name);
    if (args != NULL && *args != '\0') {
        fputs(" Ar", stdout);
        roff_arg(args);
    }
    putchar('\n');
    sentence(summary);
}

static void print_verbs(void)
{
    puts(".Bl -tag -width Ds -compact");
    tui_foreach_verb(print_verb, NULL);
    puts(".El");
}

/* ---- gemelrc -------------------------------------------------------------------------------- */

/* "time, 100 ms to 60 s" */
static char *option_kind(const OptionInfo *info)
{
    g_auto(GStrv) choices = NULL;

    switch (info->type) {
    case OPTION_TYPE_BOOL:
        return g_strdup("`on` or `off`");
    case OPTION_TYPE_NUMBER:
        return g_strdup_printf("a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, info->min,
                               info->max);
    case OPTION_TYPE_DURATION:
        return g_strdup_printf("a time from %g s to %g s, like `500ms`, `2s` or `1m`",
                               (double)info->min / 1000, (double)info->max / 1000);
    case OPTION_TYPE_CHOICE: {
        g_autofree char *joined = NULL;

        choices = g_strsplit(info->choices, " ", -1);
        joined = g_strjoinv("`, `", choices);
        return g_strdup_printf("one of `%s`", joined);
    }
    case OPTION_TYPE_TEXT:
        break;
    }
    return g_strdup("text");
}

static void print_options(void)
{
    puts(".Bl -tag -width Ds");
    for (const OptionInfo *info = option_table; info->name != NULL; info++) {
        g_autofree char *kind = option_kind(info);
        g_autofree char *text =
            *info->fallback != '\0'
                ? g_strdup_printf("Takes %s; the default is `%s`.", kind, info->fallback)
                : g_strdup_printf("Takes %s; the default is none.", kind);

        fputs(".It Ic", stdout);
        roff_arg(info->name);
        putchar('\n');
        sentence(info->help);
        roff_text(text);
    }
    puts(".El");
}

static void print_columns(void)
{
    puts(".Bl -tag -width Ds -compact");
    for (ColumnId id = 0; id < LIST_N; id++) {
        const Column *column = &column_table[id];

        fputs(".It Ic", stdout);
        roff_arg(column->id);
        putchar('\n');
        sentence(column->help);
    }
    puts(".El");
}

static void print_themes(void)
{
    g_autofree char *names = g_strjoinv("`, `", (char **)theme_names());
    g_autofree char *text = g_strdup_printf("The themes are `%s`.", names);

    roff_text(text);
}

static void print_roles(void)
{
    puts(".Bl -tag -width \"syntax-string\" -compact");
    for (Role role = 0; role < ROLE_N; role++) {
        fputs(".It Cm", stdout);
        roff_arg(theme_role_name(role));
        putchar('\n');
        sentence(theme_role_summary(role));
    }
    puts(".El");
}

int main(int argc, char **argv)
{
    static const RoffSection sections[] = {
        {"commands", print_commands}, {"program-options", print_program_options},
        {"keys", print_keys},         {"binds", print_binds},
        {"verbs", print_verbs},       {"options", print_options},
        {"columns", print_columns},   {"themes", print_themes},
        {"roles", print_roles},       {NULL, NULL},
    };

    if (argc != 2) {
        fputs("usage: manual TEMPLATE\n", stderr);
        return 2;
    }
    return roff_fill(argv[1], sections) ? 0 : 1;
}
