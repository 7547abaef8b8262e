/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_script.c - lines that come from elsewhere than the keyboard, and back: source, history,
   script, echo. */
#include "console/commands.h"
#include "console/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE_MAX_BYTES (1 << 20)

/* ---- source --------------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    CommandRun *nested; /* the line under way, or NULL */
    Output *out;        /* what lines say, with file and line before errors */
    char *path, *shown; /* as it is opened, and as it is told */
    char **lines;
    guint at; /* lines begun */
    gboolean keep_going;
    GSource *next;
} Source;

static void source_free(gpointer data)
{
    Source *source = data;

    app_source_remove(&source->next);
    if (source->nested != NULL)
        command_cancel(g_steal_pointer(&source->nested));
    output_free(source->out);
    g_strfreev(source->lines);
    g_free(source->path);
    g_free(source->shown);
    g_free(source);
}

static void source_line_said(OutputClass class, const char *text, gpointer data)
{
    const Source *source = data;

    if (class == OUTPUT_ERROR)
        output_line(source->run->out, class, "%s:%u: %s", source->shown, source->at, text);
    else if (class == OUTPUT_DATA)
        output_text(source->run->out, text);
    else
        output_line(source->run->out, class, "%s", text);
}

static gboolean source_next(gpointer data);

/* A turn of the loop per line: files of any length need no stack. */
static void source_line_done(CommandRun *nested, int status, gpointer data)
{
    Source *source = data;
    CommandRun *run = source->run;

    source->nested = NULL;
    if (run->finished)
        return;
    if (run->worst == 0)
        run->worst = status;
    source->next = app_add_idle(run->app, source_next, source);
}

static gboolean source_next(gpointer data)
{
    Source *source = data;
    CommandRun *run = source->run;
    const char *line;

    app_source_remove(&source->next);
    if (run->app->quit || (run->worst != 0 && !source->keep_going) ||
        (line = source->lines[source->at]) == NULL) {
        run_finish(run, -1);
        return G_SOURCE_REMOVE;
    }
    source->at++;
    CommandRun *nested = command_nested_run(run, source->out, line, source_line_done, source);

    if (nested != NULL) /* else it is over, and `source` may be, too */
        source->nested = nested;
    return G_SOURCE_REMOVE;
}

/* The text of a plain file. A pipe or a device could make the console wait, or never end. */
static char *read_plain(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    g_autofree char *text = NULL;
    struct stat info;
    ssize_t n;
    gsize length = 0;

    if (fd < 0) {
        gemel_error_set(error,
                        errno == ENOENT   ? GEMEL_ERROR_NOT_FOUND
                        : errno == EACCES ? GEMEL_ERROR_DENIED
                                          : GEMEL_ERROR_FAILED,
                        "source: cannot read %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > SOURCE_MAX_BYTES) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "source: %s is no plain file of at most 1 MB; `gemel --batch` reads pipes",
                        path);
        close(fd);
        return NULL;
    }
    text = g_malloc((gsize)info.st_size + 1);
    while (length < (gsize)info.st_size &&
           (n = read(fd, text + length, (gsize)info.st_size - length)) > 0)
        length += (gsize)n;
    close(fd);
    text[length] = '\0';
    if (strlen(text) != length) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "source: %s has NUL bytes: this is no text",
                        path);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* `~/x` is in the home; what is not absolute is beside the file that names it, else here. */
static char *source_path(const CommandRun *run, const char *word)
{
    if (word[0] == '~' && word[1] == '/')
        return g_build_filename(g_get_home_dir(), word + 2, NULL);
    if (!g_path_is_absolute(word) && run->origin != NULL) {
        g_autofree char *dir = g_path_get_dirname(run->origin);

        return g_build_filename(dir, word, NULL);
    }
    return g_strdup(word);
}

static void source_run(CommandRun *run)
{
    g_autofree char *path = source_path(run, run->words[0]);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = read_plain(path, &error);
    Source *source;

    if (text == NULL) {
        if (run_flag(run, "if-exists") &&
            g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND))
            return;
        run_error(run, error);
        return;
    }
    source = g_new0(Source, 1);
    source->run = run;
    /* a path of gemel's own is told by its name, one that the user gave as it was given */
    source->shown =
        run_flag(run, "if-exists") ? g_path_get_basename(path) : g_strdup(run->words[0]);
    source->path = g_steal_pointer(&path);
    source->lines = g_strsplit(text, "\n", -1);
    source->keep_going = run_flag(run, "keep-going") || run->face->face == FACE_RC;
    source->out = output_new_lines(source_line_said, source);
    run->nested_origin = source->path;
    run->data = source;
    run->data_free = source_free;
    run_hold(run);
    source->next = app_add_idle(run->app, source_next, source);
}

/* ---- history -------------------------------------------------------------------------------- */

static void history_run(CommandRun *run)
{
    GPtrArray *lines;
    const char *text = run->n_words > 0 ? run->words[0] : NULL;
    guint64 count = G_MAXUINT;

    if (run_flag(run, "session")) {
        g_autofree char *script = recall_session_script();

        output_text(run->out, script);
        return;
    }
    if (run_flag(run, "clear")) {
        recall_clear(run->app);
        output_line(run->out, OUTPUT_NOTE, "the history is empty");
        return;
    }
    lines = recall_lines();
    if (text != NULL && g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT, &count, NULL))
        text = NULL;
    for (guint i = lines->len > count ? lines->len - (guint)count : 0; i < lines->len; i++)
        if (text == NULL || strstr(lines->pdata[i], text) != NULL)
            output_line(run->out, OUTPUT_DATA, "%s", (const char *)lines->pdata[i]);
}

static void script_save_run(CommandRun *run)
{
    g_autofree char *script = recall_session_script();
    g_autofree char *path = source_path(run, run->words[0]);
    g_autoptr(GError) error = NULL;

    if (g_file_test(path, G_FILE_TEST_EXISTS) && !run_flag(run, "force")) {
        run_fail(run, GEMEL_ERROR_EXISTS, "script save: %s is there already; --force replaces it",
                 path);
        return;
    }
    if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        run_fail(run, GEMEL_ERROR_INVALID, "script save: %s is no plain file; name another", path);
        return;
    }
    if (!g_file_set_contents_full(path, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
        run_fail(run, GEMEL_ERROR_FAILED, "script save: %s", error->message);
    else
        output_line(run->out, OUTPUT_NOTE, "saved in %s; `source %s` runs it again", path, path);
}

/* ---- echo ----------------------------------------------------------------------------------- */

static void echo_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const char *value = run->n_words > 0 ? run->words[0] : NULL;

    if (value == NULL)
        output_line(run->out, OUTPUT_DATA, "%s", options_get(run->app->options, "echo"));
    else if (!options_set(run->app->options, "echo", value, &error))
        run_error(run, error);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption source_options[] = {
    {"keep-going", 'k', OPTION_FLAG, FALSE, NULL, "go on after a line that failed"},
    {"if-exists", 0, OPTION_FLAG, FALSE, NULL, "a file that is not there is no failure"},
    {NULL},
};

static const CommandOption history_options[] = {
    {"session", 's', OPTION_FLAG, FALSE, NULL, "what was done since gemel began, as a script"},
    {"clear", 0, OPTION_FLAG, FALSE, NULL, "forget all lines"},
    {NULL},
};

static const CommandOption script_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "replace a file that is there"},
    {NULL},
};

const Command commands_script[] = {
    {.name = "source",
     .aliases = ".",
     .summary = "run the commands of a file",
     .example = "gemel source evening.gemel",
     .group = "Scripts",
     .words = {{WORD_FILE, "FILE"}},
     .options = source_options,
     .details = "A command a line, as in gemelrc; # begins a comment. It stops at the first line "
                "that fails and tells file and line; a `source` in gemelrc goes on. A relative "
                "FILE named in a file is beside that file.",
     .run = source_run},
    {.name = "history",
     .summary = "the command lines that were given, the newest last",
     .example = "history 20",
     .group = "Scripts",
     .words = {{WORD_TEXT, "NUMBER|TEXT", .optional = TRUE}},
     .options = history_options,
     .details = "The last NUMBER lines, or those with TEXT in them. ^R on a command line searches "
                "while it is typed. Lines that begin with a space are not kept. `history "
                "--session > FILE` is `script save FILE`.",
     .run = history_run},
    {.name = "script save",
     .summary = "keep what was done in this session as a script",
     .example = "script save evening.gemel",
     .group = "Scripts",
     .words = {{WORD_FILE, "FILE"}},
     .options = script_options,
     .details = "Lines and keys alike, as the commands they are. What failed, and what only moved "
                "the view, stands there as a comment. `source FILE` and `gemel --batch < FILE` run "
                "it.",
     .run = script_save_run},
    {.name = "echo",
     .summary = "show each key press of the console as the command it equals",
     .example = "echo on",
     .group = "Scripts",
     .words = {{WORD_CHOICE, "on|off", .optional = TRUE, .choices = "on off"}},
     .run = echo_run},
    {.name = NULL},
};
