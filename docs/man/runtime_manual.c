/* SPDX-License-Identifier: GPL-3.0-or-later */
/* runtime_manual TEMPLATE: prints gemel-runtime(8), with commands and options from its tables. */
#include "backends/native/runtime/commands.h"
#include "docs/man/roff.h"

#include <stdio.h>
#include <string.h>

static void capital_sentence(const char *text)
{
    char line[512];

    snprintf(line, sizeof line, "%s.", text);
    if (*line >= 'a' && *line <= 'z')
        *line = (char)(*line - 'a' + 'A');
    roff_text(line);
}

/* "FILE   pid goes here": the value's name stands before three blanks in the help. */
static void print_option(const struct option_row *row)
{
    const char letter[] = {row->letter, '\0'};
    const char *gap = strstr(row->help, "   ");
    const char *help = gap ? gap + 3 : row->help;
    char name[64], meta[64];

    snprintf(name, sizeof name, "-%s", row->name);
    snprintf(meta, sizeof meta, "%.*s", gap ? (int)(gap - row->help) : 0, row->help);
    if (!gap && row->type != OPTION_FLAG) {
        snprintf(meta, sizeof meta, "%s", row->help);
        help = "";
    }
    fputs(".It", stdout);
    if (row->letter) {
        fputs(" Fl", stdout);
        roff_arg(letter);
        fputs(" ,", stdout);
    }
    fputs(" Fl", stdout);
    roff_arg(name);
    if (*meta) {
        fputs(" Ar", stdout);
        roff_arg(meta);
    }
    putchar('\n');
    if (*help)
        capital_sentence(help);
}

static void print_options_of(enum command_id command)
{
    bool any = false;

    for (size_t i = 0; i < option_table_n; i++) {
        const struct option_row *row = &option_table[i];

        if (!(row->commands >> command & 1) ||
            (command != CMD_GLOBAL && !strcmp(row->name, "help")))
            continue;
        if (!any)
            puts(".Bl -tag -width Ds -compact");
        any = true;
        print_option(row);
    }
    if (any)
        puts(".El");
}

static void print_commands(void)
{
    puts(".Bl -tag -width Ds");
    for (size_t i = 0; i < command_table_n; i++) {
        const struct command *command = &command_table[i];
        char example[256];

        fputs(".It Ic", stdout);
        roff_arg(command->name);
        if (*command->arguments) {
            fputs(" Ar", stdout);
            roff_arg(command->arguments);
        }
        putchar('\n');
        capital_sentence(command->help);
        print_options_of(command->id);
        if (command->example) {
            snprintf(example, sizeof example, "gemel-runtime %s", command->example);
            puts(".Pp");
            roff_example(example);
        }
    }
    puts(".El");
}

static void print_global_options(void)
{
    print_options_of(CMD_GLOBAL);
}

int main(int argc, char **argv)
{
    static const RoffSection sections[] = {
        {"commands", print_commands}, {"options", print_global_options}, {NULL, NULL}};

    if (argc != 2) {
        fputs("usage: runtime_manual TEMPLATE\n", stderr);
        return 2;
    }
    return roff_fill(argv[1], sections) ? 0 : 1;
}
