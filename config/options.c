/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/options.h"

#include <math.h>
#include <string.h>

const OptionInfo option_table[] = {
    {.name = "refresh",
     .type = OPTION_TYPE_DURATION,
     .fallback = "1s",
     .min = 100,
     .max = 60000,
     .help = "how often figures are read"},
    {.name = "cpu",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "core",
     .choices = "core limit host",
     .help = "what 100 % CPU means: one core, the instance's limit, or the whole host"},
    {.name = "theme",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "dark",
     .choices = "dark light high-contrast mono",
     .help = "colours of the console; `color` changes single ones"},
    {.name = "background",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "terminal",
     .choices = "terminal theme",
     .help = "whose background: the terminal's (it may be transparent), or the theme's own"},
    {.name = "graph",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "braille",
     .choices = "braille blocks ascii",
     .help = "what graphs are made of"},
    {.name = "span",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "1m",
     .choices = "1m 10m day",
     .help = "how much time graphs show"},
    {.name = "ascii",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "auto",
     .choices = "auto on off",
     .help = "draw nothing outside ASCII; auto: where the locale or the terminal has nothing else"},
    {.name = "escape-delay",
     .type = OPTION_TYPE_DURATION,
     .fallback = "25ms",
     .min = 5,
     .max = 500,
     .help = "how long the bytes of one key may take after Esc; more for lines that stutter"},
    {.name = "mouse",
     .type = OPTION_TYPE_BOOL,
     .fallback = "off",
     .help = "take mouse clicks (the terminal's own selection then needs Shift)"},
    {.name = "read-only",
     .type = OPTION_TYPE_BOOL,
     .fallback = "off",
     .help = "refuse every change"},
    {.name = "audit",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "warn",
     .choices = "warn refuse",
     .help = "when the audit log cannot be written: act and say so, or refuse to act"},
    {.name = "parallel",
     .type = OPTION_TYPE_NUMBER,
     .fallback = "4",
     .min = 1,
     .max = 64,
     .help = "how many of several acts are under way at once"},
    {.name = "sort",
     .type = OPTION_TYPE_TEXT,
     .fallback = "name",
     .help = "column by which the list is sorted; `columns` lists them"},
    {.name = "columns",
     .type = OPTION_TYPE_TEXT,
     .fallback = "default",
     .help = "columns of the list in order, as in \"name state cpu memory:12\""},
    {.name = "group",
     .type = OPTION_TYPE_TEXT,
     .fallback = "none",
     .help = "the list as a tree: none, host, kind, state or label:KEY"},
    {.name = "detach-keys",
     .type = OPTION_TYPE_TEXT,
     .fallback = "^] ^P^Q",
     .help = "keys that leave a console, separated by spaces or commas"},
    {.name = "consoles",
     .type = OPTION_TYPE_CHOICE,
     .fallback = "embedded",
     .choices = "embedded whole",
     .help = "where consoles and shells open: inside the console, or on the whole terminal"},
    {.name = "console-prefix",
     .type = OPTION_TYPE_TEXT,
     .fallback = "^\\",
     .help = "key before gemel's own keys in a console inside; empty: none"},
    {.name = "scrollback",
     .type = OPTION_TYPE_NUMBER,
     .fallback = "10000",
     .min = 0,
     .max = 100000,
     .help = "lines kept of each console inside, in 8 MiB at most"},
    {.name = "echo",
     .type = OPTION_TYPE_BOOL,
     .fallback = "off",
     .help = "show each key press in the console as the command it equals"},
    {.name = "timeout",
     .type = OPTION_TYPE_DURATION,
     .fallback = "3s",
     .min = 100,
     .max = 600000,
     .help = "how long a one-shot command waits for each backend"},
    {.name = NULL},
};

struct Options {
    GHashTable *values; /* name (static) -> text */
    gboolean (*check)(const char *name, const char *value, GError **error);
    void (*changed)(const char *name, gpointer data);
    gpointer data;
};

#define N_OPTIONS (G_N_ELEMENTS(option_table) - 1)

Options *options_new(void)
{
    Options *options = g_new0(Options, 1);

    options->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return options;
}

void options_free(Options *options)
{
    if (options == NULL)
        return;
    g_hash_table_unref(options->values);
    g_free(options);
}

const OptionInfo *option_info(const char *name)
{
    for (gsize i = 0; i < N_OPTIONS; i++)
        if (g_str_equal(option_table[i].name, name))
            return &option_table[i];
    return NULL;
}

gboolean option_parse_duration(const char *text, gint64 *ret_ms)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};
    char *end;
    double value = g_ascii_strtod(text, &end);

    if (end == text || !isfinite(value) || value < 0 || value > 1e9)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_str_equal(end, units[i].unit)) {
            *ret_ms = (gint64)llround(value * units[i].ms);
            return TRUE;
        }
    }
    return FALSE;
}

/* "on yes true 1" and their opposites. */
static gboolean parse_bool(const char *text, gboolean *ret)
{
    static const char *const on[] = {"on", "yes", "true", "1", NULL};
    static const char *const off[] = {"off", "no", "false", "0", NULL};

    *ret = g_strv_contains(on, text);
    return *ret || g_strv_contains(off, text);
}

static gboolean refuse(GError **error, const OptionInfo *info, const char *value, const char *right)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "set %s: '%s' is not %s",
                info->name, value, right);
    return FALSE;
}

/* Checks a value against its option's type and range. */
static gboolean option_check(const OptionInfo *info, const char *value, GError **error)
{
    g_autofree char *right = NULL;
    g_auto(GStrv) choices = NULL;
    gboolean flag;
    gint64 number;
    char *end;

    switch (info->type) {
    case OPTION_TYPE_BOOL:
        return parse_bool(value, &flag) || refuse(error, info, value, "'on' or 'off'");
    case OPTION_TYPE_NUMBER:
        number = g_ascii_strtoll(value, &end, 10);
        if (end != value && *end == '\0' && number >= info->min && number <= info->max)
            return TRUE;
        right = g_strdup_printf("a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                info->min, info->max);
        return refuse(error, info, value, right);
    case OPTION_TYPE_DURATION:
        if (option_parse_duration(value, &number) && number >= info->min && number <= info->max)
            return TRUE;
        right = g_strdup_printf("a time from %g s to %g s, like 500ms, 2s or 1m",
                                (double)info->min / 1000, (double)info->max / 1000);
        return refuse(error, info, value, right);
    case OPTION_TYPE_CHOICE:
        choices = g_strsplit(info->choices, " ", -1);
        if (g_strv_contains((const char *const *)choices, value))
            return TRUE;
        right = g_strdup_printf("one of %s", info->choices);
        return refuse(error, info, value, right);
    case OPTION_TYPE_TEXT:
        return TRUE;
    }
    return FALSE;
}

gboolean options_set(Options *options, const char *name, const char *value, GError **error)
{
    const OptionInfo *info = option_info(name);

    if (info == NULL) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                    "set: there is no option '%s'; `set` alone lists them", name);
        return FALSE;
    }
    if (!option_check(info, value, error) ||
        (options->check != NULL && !options->check(name, value, error)))
        return FALSE;
    g_hash_table_insert(options->values, (gpointer)info->name, g_strdup(value));
    if (options->changed != NULL)
        options->changed(info->name, options->data);
    return TRUE;
}

const char *options_get(const Options *options, const char *name)
{
    const char *value = g_hash_table_lookup(options->values, name);
    const OptionInfo *info = option_info(name);

    return value != NULL ? value : info != NULL ? info->fallback : NULL;
}

/* "100ms", "2s", "10m". */
static char *duration_text(gint64 ms)
{
    if (ms >= 60000 && ms % 60000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "m", ms / 60000);
    if (ms >= 1000 && ms % 1000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "s", ms / 1000);
    return g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);
}

char *option_range_text(const OptionInfo *info)
{
    g_autofree char *least = NULL;
    g_autofree char *most = NULL;

    switch (info->type) {
    case OPTION_TYPE_BOOL:
        return g_strdup("on, off");
    case OPTION_TYPE_CHOICE: {
        g_auto(GStrv) choices = g_strsplit(info->choices, " ", -1);

        return g_strjoinv(", ", choices);
    }
    case OPTION_TYPE_NUMBER:
        return g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, info->min, info->max);
    case OPTION_TYPE_DURATION:
        least = duration_text(info->min);
        most = duration_text(info->max);
        return g_strdup_printf("%s to %s", least, most);
    case OPTION_TYPE_TEXT:
        break;
    }
    return g_strdup("text");
}

gboolean options_reset(Options *options, const char *name)
{
    const OptionInfo *info = option_info(name);

    if (info == NULL)
        return FALSE;
    g_hash_table_remove(options->values, info->name);
    if (options->changed != NULL)
        options->changed(info->name, options->data);
    return TRUE;
}

gint64 options_get_number(const Options *options, const char *name)
{
    const OptionInfo *info = option_info(name);
    const char *text = options_get(options, name);
    gboolean flag = FALSE;
    gint64 ms = 0;

    g_return_val_if_fail(info != NULL, 0);
    switch (info->type) {
    case OPTION_TYPE_BOOL:
        parse_bool(text, &flag);
        return flag;
    case OPTION_TYPE_DURATION:
        option_parse_duration(text, &ms);
        return ms;
    default:
        return g_ascii_strtoll(text, NULL, 10);
    }
}

gboolean options_is_default(const Options *options, const char *name)
{
    const OptionInfo *info = option_info(name);

    return info == NULL || g_str_equal(options_get(options, name), info->fallback);
}

void options_set_check(Options *options,
                       gboolean (*check)(const char *name, const char *value, GError **error))
{
    options->check = check;
}

void options_listen(Options *options, void (*changed)(const char *name, gpointer data),
                    gpointer data)
{
    options->changed = changed;
    options->data = data;
}
