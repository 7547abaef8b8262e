/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_columns.c - columns: which columns the list has, in which order and how wide. */
#include "config/options.h"
#include "console/columns.h"
#include "console/commands.h"

/* The place of a column in the list from 1 on, 0 when it is not in it. */
static int place_of(const GArray *choice, ColumnId id, int *ret_width)
{
    for (guint i = 0; i < choice->len; i++) {
        const ColumnChoice *one = &g_array_index(choice, ColumnChoice, i);

        *ret_width = one->width;
        if (one->id == id)
            return (int)i + 1;
    }
    return 0;
}

static void columns_list(CommandRun *run)
{
    static const char *const headers[] = {"COLUMN", "PLACE", "UNIT", "WHAT", NULL};
    OutputTable *table = run->json ? NULL : output_table_new(headers, "LRLW");
    g_autoptr(GArray) choice = columns_parse(options_get(run->app->options, "columns"), NULL, NULL);
    json_t *rows = json_array();

    for (ColumnId id = 0; id < LIST_N; id++) {
        const Column *column = &column_table[id];
        int width = 0, place = choice != NULL ? place_of(choice, id, &width) : 0;
        g_autofree char *text = place == 0  ? g_strdup("-")
                                : width > 0 ? g_strdup_printf("%d:%d", place, width)
                                            : g_strdup_printf("%d", place);

        if (table != NULL) {
            output_table_add(table, column->id, text, column_unit_name(column->unit), column->help,
                             NULL);
            continue;
        }
        json_t *row = json_pack("{s:s, s:s, s:s}", "name", column->id, "unit",
                                column_unit_name(column->unit), "help", column->help);

        if (place > 0)
            json_object_set_new(row, "place", json_integer(place));
        if (place > 0 && width > 0)
            json_object_set_new(row, "width", json_integer(width));
        json_array_append_new(rows, row);
    }
    if (table == NULL) {
        output_json(run->out, json_pack("{s:o}", "columns", rows));
        return;
    }
    json_decref(rows);
    output_table_print(table, run->out);
}

static void columns_run(CommandRun *run)
{
    g_autofree char *text = g_strjoinv(" ", run->words);
    g_autoptr(GError) error = NULL;

    if (run->n_words == 0) {
        columns_list(run);
        return;
    }
    g_autoptr(GArray) choice =
        columns_parse(text, options_get(run->app->options, "columns"), &error);
    g_autofree char *line = choice != NULL ? columns_text(choice) : NULL;

    if (line == NULL || !options_set(run->app->options, "columns", line, &error))
        run_error(run, error);
    else
        run_say_passing(run);
}

const Command commands_columns[] = {
    {.name = "columns",
     .summary = "choose the columns of the list; alone, say which there are",
     .example = "columns name state cpu memory:12 steal",
     .group = "Console",
     .flags = COMMAND_JSON | COMMAND_PASSTHROUGH,
     .words = {{WORD_COLUMN, "COLUMN[:WIDTH]", .optional = TRUE, .repeats = TRUE}},
     .details =
         "The list has them in the order given; one with a width is as wide as that, the others "
         "take what they need. `+swap` adds a column, `-net` takes one away, `default` stands for "
         "the usual ones. What does not fit is left out or, with w or the arrow keys, scrolled to. "
         "It is the option `columns`, so `columns ...` in gemelrc makes it the beginning of every "
         "console.",
     .run = columns_run},
    {.name = NULL},
};
