/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/save_config.h"
#include "console/alerts.h"
#include "console/alias.h"
#include "console/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BEGIN       "# >>> written by save-config: changes between these marks are lost at the next one"
#define BEGIN_START "# >>> written by save-config"
#define END         "# <<< written by save-config"

static struct {
    const char *name;
    SaveConfigFn fn;
} added[8];

void save_config_add(const char *name, SaveConfigFn fn)
{
    for (gsize i = 0; i < G_N_ELEMENTS(added); i++) {
        if (added[i].name != NULL && !g_str_equal(added[i].name, name))
            continue;
        added[i].name = name;
        added[i].fn = fn;
        return;
    }
}

/* ---- the lines ------------------------------------------------------------------------------ */

static void append_words(GString *lines, const char *const *words)
{
    g_autofree char *line = command_join(words);

    g_string_append_printf(lines, "%s\n", line);
}

static void save_options(App *app, GString *lines)
{
    for (const OptionInfo *info = option_table; info->name != NULL; info++)
        if (!options_is_default(app->options, info->name))
            append_words(lines, (const char *const[]){"set", info->name,
                                                      options_get(app->options, info->name), NULL});
}

static void save_binding(const TuiBinding *binding, gpointer data)
{
    const char *key = binding->key, *place = binding->place;

    if (!binding->own)
        return;
    if (g_str_equal(place, "everywhere"))
        place = NULL;
    if (*binding->line == '\0')
        append_words(data, (const char *const[]){"unbind", key, place, NULL});
    else if (place != NULL)
        append_words(data, (const char *const[]){"bind", key, place, binding->line, NULL});
    else
        append_words(data, (const char *const[]){"bind", key, binding->line, NULL});
}

static void save_keys(App *app, GString *lines)
{
    if (app->keys != NULL)
        app->keys->foreach_binding(save_binding, lines);
}

static void save_aliases(App *app, GString *lines)
{
    g_autoptr(GList) names = alias_names(app);

    for (GList *name = names; name != NULL; name = name->next)
        append_words(lines, (const char *const[]){"alias", name->data, "=",
                                                  alias_get(app, name->data), NULL});
}

static void save_alerts(App *app, GString *lines)
{
    const Alert *alert;

    for (guint i = 0; (alert = alerts_nth(app->alerts, i)) != NULL; i++)
        g_string_append_printf(lines, "alert %s\n", alert->text);
}

static void find_binding(const TuiBinding *binding, gpointer data)
{
    const char **key = data;

    if (*key != NULL && binding->own && g_str_equal(binding->key, *key))
        *key = NULL;
}

/* What a line of the user's own sets and what is no longer so: a line that sets it back. */
static void undo_line(App *app, const char *line, GString *lines)
{
    g_auto(GStrv) words = NULL;
    const char *name;

    if (!g_shell_parse_argv(line, NULL, &words, NULL) || words[1] == NULL)
        return;
    name = words[1];
    if ((g_str_equal(words[0], "set") && option_info(name) != NULL &&
         options_is_default(app->options, name)) ||
        (g_str_equal(words[0], "theme") && options_is_default(app->options, "theme")) ||
        (g_str_equal(words[0], "columns") && options_is_default(app->options, "columns")))
        append_words(lines, (const char *const[]){
                                "unset", g_str_equal(words[0], "set") ? name : words[0], NULL});
    if (g_str_equal(words[0], "alias")) {
        g_autofree char *alias = g_strndup(name, strcspn(name, "="));

        if (alias_get(app, alias) == NULL)
            append_words(lines, (const char *const[]){"unalias", alias, NULL});
    }
    if ((g_str_equal(words[0], "bind") || g_str_equal(words[0], "unbind")) && app->keys != NULL) {
        app->keys->foreach_binding(find_binding, &name);
        if (name != NULL)
            append_words(lines, (const char *const[]){"bind", "--default", name, NULL});
    }
}

/* Alerts add up: those of the user's own lines come from there, and only there. */
static gboolean has_alerts(const char *own)
{
    return g_str_has_prefix(own, "alert ") || strstr(own, "\nalert ") != NULL;
}

char *save_config_lines(App *app, const char *own)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_auto(GStrv) each = g_strsplit(own, "\n", -1);

    for (guint i = 0; each[i] != NULL; i++)
        undo_line(app, each[i], lines);
    save_options(app, lines);
    save_aliases(app, lines);
    save_keys(app, lines);
    if (has_alerts(own))
        g_string_append(lines, "alert remove all\n");
    save_alerts(app, lines);
    theme_config_lines(lines);
    for (gsize i = 0; i < G_N_ELEMENTS(added) && added[i].name != NULL; i++)
        added[i].fn(app, lines);
    return g_string_free(g_steal_pointer(&lines), FALSE);
}

/* ---- the file ------------------------------------------------------------------------------- */

/* The text without the marked section. */
static char *text_outside(const char *text)
{
    const char *begin = g_str_has_prefix(text, BEGIN_START) ? text : strstr(text, "\n" BEGIN_START);
    const char *end = begin != NULL ? strstr(begin, "\n" END) : NULL;

    if (begin == NULL || end == NULL)
        return g_strdup(text);
    begin += *begin == '\n';
    end += strlen("\n" END);
    end += *end == '\n';
    g_autofree char *before = g_strndup(text, (gsize)(begin - text));

    return g_strconcat(before, end, NULL);
}

/* What is really written: the file that a link leads to. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    char *copy = g_strdup(real != NULL ? real : path);

    free(real);
    return copy;
}

gboolean save_config_write(App *app, const char *path, guint *ret_lines, GError **error)
{
    g_autofree char *real = resolve(path);
    g_autofree char *dir = g_path_get_dirname(real);
    g_autofree char *text = NULL;
    g_autoptr(GError) own_error = NULL;
    struct stat info;

    if (ret_lines != NULL)
        *ret_lines = 0;
    if (stat(real, &info) == 0 && !S_ISREG(info.st_mode))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "save-config: %s is no plain file; name another", path);
    if (!g_file_get_contents(real, &text, NULL, &own_error) &&
        !g_error_matches(own_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "save-config: %s", own_error->message);
    g_clear_error(&own_error);
    g_autofree char *outside = text_outside(text != NULL ? text : "");
    g_autofree char *lines = save_config_lines(app, outside);
    gboolean newline = *outside == '\0' || g_str_has_suffix(outside, "\n");
    g_autofree char *whole =
        g_strdup_printf("%s%s" BEGIN "\n%s" END "\n", outside, newline ? "" : "\n", lines);

    if (g_mkdir_with_parents(dir, 0700) != 0)
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "save-config: cannot make %s: %s", dir,
                               g_strerror(errno));
    if (!g_file_set_contents_full(real, whole, -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  text != NULL ? info.st_mode & 0777 : 0600, &own_error))
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "save-config: %s", own_error->message);
    for (const char *c = lines; ret_lines != NULL && *c != '\0'; c++)
        *ret_lines += *c == '\n';
    return TRUE;
}
