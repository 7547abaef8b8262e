/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_theme.c - the colours of the console: themes, and single roles of them. */
#include "console/commands.h"

#include <string.h>

#include "config/options.h"
#include "widgets/theme.h"

/* ---- theme ---------------------------------------------------------------------------------- */

static void theme_list(CommandRun *run)
{
    static const char *const headers[] = {"THEME", "", NULL};
    const char *current = options_get(run->app->options, "theme");
    OutputTable *table = run->json ? NULL : output_table_new(headers, "LL");
    json_t *rows = json_array();

    for (guint i = 0; theme_names()[i] != NULL; i++) {
        const char *name = theme_names()[i];
        gboolean is_current = strcmp(name, current) == 0;

        if (table != NULL)
            output_table_add(table, name, is_current ? "in use" : "", NULL);
        json_array_append_new(rows,
                              json_pack("{s:s, s:b}", "name", name, "current", (int)is_current));
    }
    if (table != NULL) {
        output_table_print(table, run->out);
        json_decref(rows);
    } else {
        output_json(run->out, json_pack("{s:o}", "themes", rows));
    }
}

static void theme_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;

    if (run->n_words == 0)
        theme_list(run);
    else if (!options_set(run->app->options, "theme", run->words[0], &error))
        run_error(run, error);
    else
        run_say_passing(run);
}

/* ---- color ---------------------------------------------------------------------------------- */

static void color_list(CommandRun *run)
{
    static const char *const headers[] = {"ROLE", "CHANGED", "WHAT", NULL};
    OutputTable *table = run->json ? NULL : output_table_new(headers, "LLL");
    json_t *rows = json_array();

    for (Role role = 0; role < ROLE_N; role++) {
        g_autofree char *line = theme_role_line(role);
        /* without the command's and the role's name */
        const char *changed =
            line != NULL ? line + strlen("color ") + strlen(theme_role_name(role)) + 1 : "";

        if (table != NULL)
            output_table_add(table, theme_role_name(role), changed, theme_role_summary(role), NULL);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s}", "role", theme_role_name(role), "changed",
                                        changed, "summary", theme_role_summary(role)));
    }
    if (table != NULL) {
        output_table_print(table, run->out);
        json_decref(rows);
    } else {
        output_json(run->out, json_pack("{s:o}", "roles", rows));
    }
}

static void color_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const char *role = run->n_words > 0 ? run->words[0] : NULL;
    const char *fg = run->n_words > 1 ? run->words[1] : NULL;
    gboolean good;

    if (role == NULL) {
        color_list(run);
        return;
    }
    if (fg == NULL && strcmp(role, "reset") != 0) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "color %s: say which colour, as in `color %s bright-red`, or `reset`", role, role);
        return;
    }
    if (fg == NULL || strcmp(fg, "reset") == 0)
        good = theme_reset_role(fg != NULL ? role : NULL, &error);
    else
        good = theme_set_role(role, fg, run->n_words > 2 ? run->words[2] : NULL,
                              run->n_words > 3 ? run->words[3] : NULL, &error);
    if (good) /* the console draws anew when an option changes */
        good = options_set(run->app->options, "theme", options_get(run->app->options, "theme"),
                           &error);
    if (!good)
        run_error(run, error);
}

void theme_config_lines(GString *lines)
{
    for (Role role = 0; role < ROLE_N; role++) {
        g_autofree char *line = theme_role_line(role);

        if (line != NULL)
            g_string_append_printf(lines, "%s\n", line);
    }
}

const Command commands_theme[] = {
    {.name = "theme",
     .summary = "choose the colours of the console, or list the themes",
     .example = "theme high-contrast",
     .group = "Console",
     .flags = COMMAND_JSON,
     .words = {{WORD_CHOICE, "NAME", .optional = TRUE, .choices = "dark light high-contrast mono"}},
     .details = "It sets the option theme. NO_COLOR in the environment turns colours off whatever "
                "the theme is; so does a terminal that has none.",
     .run = theme_run},
    {.name = "color",
     .aliases = "colour",
     .summary = "change how a role is drawn in every theme; alone: list the roles",
     .example = "color crashed bright-red - bold,underline",
     .group = "Console",
     .flags = COMMAND_JSON,
     .words = {{WORD_TEXT, "ROLE", .optional = TRUE},
               {WORD_TEXT, "FOREGROUND", .optional = TRUE},
               {WORD_TEXT, "BACKGROUND", .optional = TRUE},
               {WORD_TEXT, "ATTRIBUTES", .optional = TRUE}},
     .details = "Colours are `default` (the terminal's own), 0 to 255, a name like red or "
                "bright-red, or 0xRRGGBB; attributes are none, or of bold,dim,underline,reverse. "
                "`-` keeps what the theme has. `color ROLE reset` forgets a change, `color reset` "
                "all of them. The names of the roles hold in every theme.",
     .run = color_run},
    {.name = NULL},
};
