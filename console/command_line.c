/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command_line.c - the grammar of a line: `;`, comments, quotes, `| program`, `> file`, aliases. */
#include "console/command_private.h"

#include "console/alias.h"

#include <string.h>

/* Where a scan of a line is, as a shell sees it. */
typedef struct {
    const char *at;
    char quote; /* open, or 0 */
} Scan;

/* Steps over one character or escaped pair; TRUE when it was plain: outside quotes, no escape. */
static gboolean scan_step(Scan *scan)
{
    char c = *scan->at++;

    if (c == '\\' && scan->quote != '\'' && *scan->at != '\0') {
        scan->at++;
        return FALSE;
    }
    if (scan->quote != 0) {
        if (c == scan->quote)
            scan->quote = 0;
        return FALSE;
    }
    if (c == '\'' || c == '"') {
        scan->quote = c;
        return FALSE;
    }
    return TRUE;
}

static gboolean begins_word(const char *text, const char *at)
{
    return at == text || strchr(" \t\n;", at[-1]) != NULL;
}

char **command_split_lines(const char *text, GError **error)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    g_autoptr(GString) line = g_string_new(NULL);
    Scan scan = {.at = text};

    while (*scan.at != '\0') {
        const char *before = scan.at;

        if (scan.quote == 0 && *scan.at == '#' && begins_word(text, scan.at)) {
            scan.at += strcspn(scan.at, "\n"); /* quotes and semicolons mean nothing in a comment */
            continue;
        }
        if (scan_step(&scan) && (*before == ';' || *before == '\n')) {
            g_strv_builder_add(lines, line->str);
            g_string_truncate(line, 0);
            continue;
        }
        g_string_append_len(line, before, scan.at - before);
    }
    if (scan.quote != 0) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "a %c is open at the end of: %s", scan.quote,
                        text);
        return NULL;
    }
    g_strv_builder_add(lines, line->str);
    return g_strv_builder_end(lines);
}

void command_step_free(CommandStep *step)
{
    if (step == NULL)
        return;
    g_free(step->text);
    g_free(step->program);
    g_free(step);
}

static gboolean is_blank(const char *text)
{
    return text[strspn(text, " \t\n")] == '\0';
}

/* `list | grep x`: cuts at the first bar. `list > file` is `list | cat > file`: the shell knows
   files, and what `>>` means. A `>` inside a word (cpu>50) is part of it. */
static CommandStep *step_new(const char *line, GError **error)
{
    CommandStep *step = g_new0(CommandStep, 1);
    Scan scan = {.at = line};

    while (*scan.at != '\0' && step->program == NULL) {
        const char *before = scan.at;

        if (!scan_step(&scan))
            continue;
        if (*before == '|')
            step->program = g_strdup(before + 1);
        else if (*before == '>' && begins_word(line, before))
            step->program = g_strconcat("cat ", before, NULL);
        else
            continue;
        step->text = g_strndup(line, (gsize)(before - line));
    }
    if (step->program == NULL) {
        step->text = g_strdup(line);
        return step;
    }
    g_strstrip(step->program);
    if (*step->program == '|')
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "`||` is not known here; a line stops at its first failure");
    else if (is_blank(step->text))
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "no command stands before the | or > in: %s; quote it to mean itself",
                        line);
    else if (is_blank(step->program))
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "no program stands after the | in: %s; quote it to mean itself", line);
    else
        return step;
    command_step_free(step);
    return NULL;
}

GPtrArray *command_steps(const char *text, GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func((GDestroyNotify)command_step_free);
    g_auto(GStrv) lines = command_split_lines(text, error);

    if (lines == NULL)
        return NULL;
    for (guint i = 0; lines[i] != NULL; i++) {
        CommandStep *step = step_new(lines[i], error);

        if (step == NULL)
            return NULL;
        g_ptr_array_add(steps, step);
    }
    return g_steal_pointer(&steps);
}

char *command_quote(const char *word)
{
    /* braces stay: in a binding they are placeholders, and they mean nothing to a line */
    if (*word != '\0' && strpbrk(word, " \t\n'\"\\$`!*?[]()<>|&;#") == NULL)
        return g_strdup(word);
    return g_shell_quote(word);
}

char *command_join(const char *const *words)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; words[i] != NULL; i++) {
        g_autofree char *quoted = command_quote(words[i]);

        g_string_append_printf(line, "%s%s", i > 0 ? " " : "", quoted);
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

char *command_expand_alias(App *app, const char *text)
{
    gsize begin = strspn(text, " \t\n");
    gsize length = strcspn(text + begin, " \t\n");
    g_autofree char *word = g_strndup(text + begin, length);
    const char *alias = alias_get(app, word);

    return alias != NULL ? g_strconcat(alias, text + begin + length, NULL) : NULL;
}
