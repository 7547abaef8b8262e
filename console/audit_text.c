/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit_text.c - a command as it is recorded: as it was understood, without what may be secret. */
#include "console/audit_private.h"

#include <string.h>

#include "console/commands.h"

char *audit_word_without_secret(const char *word)
{
    static GRegex *named, *in_uri;

    if (named == NULL) {
        named =
            g_regex_new("((?:pass|passwd|password|secret|token|api.?key|credential)[a-z_-]*=).*",
                        G_REGEX_CASELESS | G_REGEX_DOTALL, 0, NULL);
        in_uri = g_regex_new("(://[^/@:]*):[^@/]*@", 0, 0, NULL);
    }
    g_autofree char *valid = g_utf8_make_valid(word, -1);
    g_autofree char *first = g_regex_replace(named, valid, -1, 0, "\\1***", 0, NULL);

    return g_regex_replace(in_uri, first, -1, 0, "\\1:***@", 0, NULL);
}

static void append_word(GString *text, const char *word)
{
    g_autofree char *clean = audit_word_without_secret(word);
    g_autofree char *quoted =
        *clean == '\0' || strpbrk(clean, " \t\n'\"\\;|&$`#") != NULL ? g_shell_quote(clean) : NULL;

    g_string_append_printf(text, " %s", quoted != NULL ? quoted : clean);
}

static gint compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* An environment keeps its names. */
static void append_options(GString *text, const CommandRun *run)
{
    GList *names = run->options != NULL ? g_hash_table_get_keys(run->options) : NULL;

    names = g_list_sort(names, compare_strings);
    for (GList *at = names; at != NULL; at = at->next) {
        GPtrArray *values = g_hash_table_lookup(run->options, at->data);

        for (guint i = 0; i < values->len; i++) {
            const char *value = values->pdata[i];

            g_string_append_printf(text, " --%s", (char *)at->data);
            if (g_str_equal(at->data, "env"))
                g_string_append_printf(text, " %.*s=***", (int)strcspn(value, "="), value);
            else if (*value != '\0')
                append_word(text, value);
        }
    }
    g_list_free(names);
    if (run->yes)
        g_string_append(text, " --yes");
}

/* Where the words begin that are a command for inside; n_words if there is none. */
static guint inner_command(const CommandRun *run)
{
    const CommandWord *words = run->command->words;
    guint n = 0;

    while (n < G_N_ELEMENTS(run->command->words) && words[n].type != WORD_NONE &&
           !(words[n].type == WORD_TEXT && words[n].repeats))
        n++;
    return n < G_N_ELEMENTS(run->command->words) && words[n].type == WORD_TEXT ? n : run->n_words;
}

char *audit_command_text(const CommandRun *run)
{
    GString *text = g_string_new(run->command->name);
    guint inner = inner_command(run);

    append_options(text, run);
    for (guint i = 0; i < run->n_words && i < inner && text->len < AUDIT_LINE_MAX / 16; i++)
        append_word(text, run->words[i]);
    if (text->len >= AUDIT_LINE_MAX / 16)
        g_string_append(text, " ...");
    if (inner < run->n_words) {
        g_string_append(text, " --");
        append_word(text, run->words[inner]);
        if (inner + 1 < run->n_words)
            g_string_append_printf(text, " (and %u more)", run->n_words - inner - 1);
    }
    return g_string_free(text, FALSE);
}
