/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is typed, or stands in gemelrc: command lines, filters, columns, durations, sizes, settings,
 * URIs of simulators. */
#include "backends/sim/sim.h"
#include "config/options.h"
#include "console/audit.h"
#include "console/columns.h"
#include "console/command_private.h"
#include "console/tui/filter.h"
#include "fuzz.h"
#include "widgets/theme.h"

static void check_line(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = command_steps(text, &error);
    g_autofree char *quoted = command_quote(text), *clean = audit_word_without_secret(text);
    g_auto(GStrv) words = NULL;

    PROMISE((steps == NULL) == (error != NULL));
    PROMISE(clean != NULL);
    for (guint i = 0; steps != NULL && i < steps->len; i++) {
        const CommandStep *step = steps->pdata[i];
        g_auto(GStrv) argv = NULL;
        guint used;

        PROMISE(step->program == NULL || *step->program != '\0');
        if (g_shell_parse_argv(step->text, NULL, &argv, NULL))
            command_find((const char *const *)argv, &used, NULL);
    }
    /* what is quoted means itself */
    PROMISE(g_shell_parse_argv(quoted, NULL, &words, NULL) && g_str_equal(words[0], text));
}

static void check_filter(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = filter_new(text, &error);

    PROMISE((filter == NULL) == (error != NULL));
    if (filter != NULL) {
        filter_has_figures(filter);
        filter_narrows(filter, filter);
    }
}

static void check_columns(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) choice = columns_parse(text, NULL, &error);
    const char *label;
    GroupBy by;

    PROMISE((choice == NULL) == (error != NULL));
    if (choice != NULL) {
        g_autofree char *once = columns_text(choice);
        g_autoptr(GArray) again = columns_parse(once, NULL, NULL);
        g_autofree char *twice = again != NULL ? columns_text(again) : NULL;

        PROMISE(g_strcmp0(once, twice) == 0);
    }
    group_parse(text, &by, &label, NULL);
}

static void check_values(const char *text)
{
    Options *options = options_new();
    gint ms;
    gint64 number;

    if (parse_duration_ms(text, &ms, NULL))
        PROMISE(ms >= 0);
    if (parse_size_bytes(text, &number, NULL))
        PROMISE(number >= 0);
    if (option_parse_duration(text, &number))
        PROMISE(number >= 0);
    for (const OptionInfo *info = option_table; info->name != NULL; info++)
        if (options_set(options, info->name, text, NULL) &&
            (info->type == OPTION_TYPE_NUMBER || info->type == OPTION_TYPE_DURATION))
            PROMISE(options_get_number(options, info->name) >= info->min &&
                    options_get_number(options, info->name) <= info->max);
    options_free(options);
    theme_set_role("text", text, text, text, NULL);
}

static void check_uri(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = g_strconcat("sim:", text, NULL);
    SimOptions options = {0};
    gboolean good = sim_options_parse(&options, uri, &error);

    PROMISE(good == (error == NULL));
    sim_options_clear(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_line(text);
    check_filter(text);
    check_columns(text);
    check_values(text);
    check_uri(text);
    free(text);
    return 0;
}
