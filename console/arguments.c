/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/arguments.h"
#include "backends/backend.h"
#include "console/nearest.h"

#include <string.h>

void arguments_clear(Arguments *arguments)
{
    g_free(arguments->demo_spec);
    g_free(arguments->line);
    g_free(arguments->root);
    g_strfreev(arguments->uris);
    g_strfreev(arguments->argv);
}

/* -c takes a URI if it looks like one: a single word with a scheme. Anything else is a line. */
static gboolean looks_like_uri(const char *text)
{
    return strpbrk(text, " \t\n;") == NULL &&
           (strstr(text, "://") != NULL || g_str_equal(text, "sim") ||
            g_str_equal(text, "native") || g_str_has_prefix(text, "sim:") ||
            g_str_has_prefix(text, "native:") || g_str_has_prefix(text, "replay:") ||
            g_str_has_prefix(text, "test:"));
}

/* ---- the options ---------------------------------------------------------------------------- */

static gboolean take_connect(Arguments *arguments, GStrvBuilder *uris, const char *value,
                             GError **error)
{
    g_strv_builder_add(uris, value);
    return TRUE;
}

static gboolean take_c(Arguments *arguments, GStrvBuilder *uris, const char *value, GError **error)
{
    if (looks_like_uri(value))
        return take_connect(arguments, uris, value, error);
    if (arguments->line != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "-c was given already; put `;` between commands");
    arguments->line = g_strdup(value);
    return TRUE;
}

static gboolean take_demo(Arguments *arguments, GStrvBuilder *uris, const char *value,
                          GError **error)
{
    arguments->demo = TRUE;
    g_free(arguments->demo_spec);
    arguments->demo_spec = g_strdup(value != NULL ? value : "");
    return TRUE;
}

static gboolean take_root(Arguments *arguments, GStrvBuilder *uris, const char *value,
                          GError **error)
{
    g_free(arguments->root);
    arguments->root = g_strdup(value);
    return TRUE;
}

#define TAKE_FLAG(flag)                                                                            \
    static gboolean take_##flag(Arguments *arguments, GStrvBuilder *uris, const char *value,       \
                                GError **error)                                                    \
    {                                                                                              \
        return arguments->flag = TRUE;                                                             \
    }
TAKE_FLAG(batch)
TAKE_FLAG(linear)
TAKE_FLAG(read_only)
TAKE_FLAG(version)
TAKE_FLAG(help)

const ProgramOption program_options[] = {
    {.name = "connect",
     .meta = "URI",
     .help = "a backend instead of this host's own: a libvirt URI, native:DIR, sim:N, replay:FILE; "
             "may be given several times",
     .take = take_connect},
    {.letter = 'c',
     .meta = "URI|COMMANDS",
     .help = "a URI as for --connect; else commands with `;` between them, of which the first that "
             "fails is the last",
     .take = take_c},
    {.name = "demo",
     .meta = "N",
     .optional = TRUE,
     .help = "a simulator of N instances (12) instead of this host; needs nothing and changes "
             "nothing",
     .take = take_demo},
    {.name = "batch", .help = "read commands from standard input, a line each", .take = take_batch},
    {.name = "linear",
     .help = "print what changes as lines, for screen readers and logs; commands can be typed",
     .take = take_linear},
    {.name = "read-only", .help = "refuse every change", .take = take_read_only},
    {.name = "root",
     .meta = "DIR",
     .help = "where containers are kept, for GEMEL_ROOT",
     .take = take_root},
    {.name = "version", .letter = 'V', .help = "which gemel this is", .take = take_version},
    {.name = "help", .letter = 'h', .help = "all commands", .take = take_help},
    {.take = NULL},
};

char *program_option_text(const ProgramOption *option)
{
    GString *text = g_string_new(NULL);

    if (option->letter != 0)
        g_string_append_printf(text, "-%c%s", option->letter, option->name != NULL ? ", " : "");
    if (option->name != NULL)
        g_string_append_printf(text, "%s--%s", option->letter != 0 ? "" : "    ", option->name);
    if (option->meta != NULL)
        g_string_append_printf(text, option->optional ? "[=%s]" : " %s", option->meta);
    return g_string_free(text, FALSE);
}

/* ---- parsing -------------------------------------------------------------------------------- */

gboolean arguments_take_value(char **argv, int *i, const char *name, const char **ret)
{
    gsize length = strlen(name);

    if (g_str_has_prefix(argv[*i], name) && argv[*i][length] == '=') {
        *ret = argv[*i] + length + 1;
        return TRUE;
    }
    if (!g_str_equal(argv[*i], name))
        return FALSE;
    *ret = argv[*i + 1] != NULL ? argv[++*i] : NULL;
    return TRUE;
}

/* Whether argv[*i] is this option; then it is taken. */
static gboolean is_option(char **argv, int *i, const ProgramOption *option, const char *name,
                          const char **ret)
{
    gsize length = strlen(name);

    *ret = NULL;
    if (option->meta != NULL && !option->optional)
        return arguments_take_value(argv, i, name, ret);
    if (!g_str_has_prefix(argv[*i], name))
        return FALSE;
    if (option->optional && argv[*i][length] == '=') {
        *ret = argv[*i] + length + 1;
        return TRUE;
    }
    return argv[*i][length] == '\0';
}

/* Takes the option at argv[*i] and moves on to its last word. */
static gboolean parse_option(Arguments *arguments, GStrvBuilder *uris, char **argv, int *i,
                             GError **error)
{
    const char *word = argv[*i];

    for (const ProgramOption *option = program_options; option->take != NULL; option++) {
        g_autofree char *whole =
            option->name != NULL ? g_strconcat("--", option->name, NULL) : NULL;
        const char letter[] = {'-', option->letter, '\0'};
        const char *value = NULL;

        if (!(whole != NULL && is_option(argv, i, option, whole, &value)) &&
            !(option->letter != 0 && is_option(argv, i, option, letter, &value)))
            continue;
        if (option->meta != NULL && !option->optional && value == NULL)
            return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s needs a value, %s", word,
                                   option->meta);
        return option->take(arguments, uris, value, error);
    }
    for (const ProgramOption *option = program_options; option->take != NULL; option++)
        if (g_str_has_prefix(word, "--") && option->name != NULL &&
            nearest_is(word + 2, option->name))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "%s is not an option; did you mean --%s? (see gemel help)", word,
                                   option->name);
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s is not an option; see gemel help", word);
}

gboolean arguments_parse(Arguments *arguments, char **argv, GError **error)
{
    g_autoptr(GStrvBuilder) uris = g_strv_builder_new();
    int i = 1;

    for (; argv[i] != NULL && argv[i][0] == '-'; i++) {
        if (g_str_equal(argv[i], "--")) {
            i++;
            break;
        }
        if (!parse_option(arguments, uris, argv, &i, error))
            return FALSE;
    }
    arguments->uris = g_strv_builder_end(uris);
    arguments->argv = g_strdupv(argv + i);
    if (argv[i] != NULL && (arguments->line != NULL || arguments->batch))
        return gemel_error_set(
            error, GEMEL_ERROR_INVALID, "%s is too much: %s; see gemel help", argv[i],
            arguments->batch ? "--batch reads its commands" : "-c has the commands");
    if (arguments->linear && (argv[i] != NULL || arguments->line != NULL || arguments->batch))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "--linear takes its commands as they are typed, not %s; see gemel "
                               "help",
                               argv[i] != NULL           ? argv[i]
                               : arguments->line != NULL ? "from -c"
                                                         : "with --batch");
    if (arguments->line != NULL && arguments->batch)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "--batch and -c do not go together");
    return TRUE;
}

/* ---- for completion ------------------------------------------------------------------------- */

/* Takes a word off *at, unquoted. FALSE when the line ends before the word does: then it is what
   was typed of it. */
static gboolean take_word(const char **at, char **ret)
{
    GString *word = g_string_new(NULL);
    char quote = 0;

    *at += strspn(*at, " \t");
    for (; **at != '\0' && (quote != 0 || (**at != ' ' && **at != '\t')); (*at)++) {
        if (quote == 0 && (**at == '\'' || **at == '"'))
            quote = **at;
        else if (quote == **at)
            quote = 0;
        else if (**at == '\\' && quote != '\'' && (*at)[1] != '\0')
            g_string_append_c(word, *++*at);
        else
            g_string_append_c(word, **at);
    }
    *ret = g_string_free(word, FALSE);
    return **at != '\0';
}

/* Whether the value of this option is the word behind it. */
static gboolean wants_value(const char *word)
{
    for (const ProgramOption *option = program_options; option->take != NULL; option++) {
        const char letter[] = {'-', option->letter, '\0'};

        if (option->meta != NULL && !option->optional &&
            ((option->letter != 0 && g_str_equal(word, letter)) ||
             (option->name != NULL && g_str_has_prefix(word, "--") &&
              g_str_equal(word + 2, option->name))))
            return TRUE;
    }
    return FALSE;
}

/* Goes over the program's name and its options, which are added to `options` if that is given. */
static gsize skip(const char *line, GPtrArray *options, char **ret_partial)
{
    g_autofree char *program = NULL;
    const char *at = line;

    *ret_partial = NULL;
    if (!take_word(&at, &program))
        return strlen(line);
    for (;;) {
        g_autofree char *word = NULL;
        gboolean whole, value;

        at += strspn(at, " \t");
        if (*at != '-')
            return (gsize)(at - line);
        whole = take_word(&at, &word);
        if (whole && g_str_equal(word, "--"))
            return (gsize)(at - line) + strspn(at, " \t");
        value = whole && wants_value(word);
        if (whole && options != NULL)
            g_ptr_array_add(options, g_steal_pointer(&word));
        if (value) {
            g_clear_pointer(&word, g_free);
            whole = take_word(&at, &word);
            if (whole && options != NULL)
                g_ptr_array_add(options, g_steal_pointer(&word));
        }
        if (!whole) {
            *ret_partial = g_steal_pointer(&word);
            return strlen(line);
        }
    }
}

gsize arguments_skip(const char *line, char **ret_partial)
{
    return skip(line, NULL, ret_partial);
}

void arguments_adopt(Arguments *arguments, const char *line)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *partial = NULL;
    g_auto(Arguments) given = {0};

    g_ptr_array_add(words, g_strdup("gemel"));
    skip(line, words, &partial);
    g_ptr_array_add(words, NULL);
    if (!arguments_parse(&given, (char **)words->pdata, NULL))
        return;
    arguments->demo |= given.demo;
    if (given.demo_spec != NULL) {
        g_free(arguments->demo_spec);
        arguments->demo_spec = g_steal_pointer(&given.demo_spec);
    }
    if (given.root != NULL) {
        g_free(arguments->root);
        arguments->root = g_steal_pointer(&given.root);
    }
    if (given.uris[0] != NULL) {
        g_strfreev(arguments->uris);
        arguments->uris = g_steal_pointer(&given.uris);
    }
}
