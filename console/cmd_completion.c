/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_completion.c - completion for the user's own shell.
 *
 * The scripts (docs/completions) know nothing of gemel's commands: at each TAB they hand the line
 * to `completion line`, which answers as the `:` line would: candidates, each followed by a line
 * with its hint.
 */
#include "console/arguments.h"
#include "console/commands.h"
#include "console/complete.h"

#include <string.h>

/* What names and snapshots may take to arrive; a TAB that takes longer is felt. */
#define WAIT_USEC (300 * G_TIME_SPAN_MILLISECOND)
#define TICK_MS   5

extern const char completion_bash_text[], completion_zsh_text[]; /* docs/completions */

static void completion_run(CommandRun *run)
{
    if (g_str_equal(run->words[0], "bash"))
        output_text(run->out, completion_bash_text);
    else if (g_str_equal(run->words[0], "zsh"))
        output_text(run->out, completion_zsh_text);
    else
        run_fail(run, GEMEL_ERROR_INVALID,
                 "completion: '%s' is no shell it is written for; bash "
                 "and zsh are",
                 run->words[0]);
}

/* ---- completion line ------------------------------------------------------------------------ */

typedef struct {
    CommandRun *run;
    char *line; /* from the command on, up to the cursor */
    gint64 deadline_usec;
    GSource *timer;
} Waiting;

static void waiting_free(gpointer data)
{
    Waiting *waiting = data;

    app_source_remove(&waiting->timer);
    g_free(waiting->line);
    g_free(waiting);
}

/* A line for the candidate and one for its hint: either may have blanks in it. The shell quotes
   anew. */
static void print_candidate(CommandRun *run, const char *text, const char *hint)
{
    g_autofree char *plain = g_shell_unquote(text, NULL);

    output_line(run->out, OUTPUT_DATA, "%s", plain != NULL ? plain : text);
    output_line(run->out, OUTPUT_DATA, "%s", hint != NULL ? hint : "");
}

/* Whether everything asked for has come. */
static gboolean print_line(Waiting *waiting, gboolean late)
{
    CommandRun *run = waiting->run;
    gboolean pending = FALSE;
    guint start;
    g_autoptr(GPtrArray) found = complete_line(run->app, FACE_ONESHOT, waiting->line,
                                               (guint)strlen(waiting->line), &start, &pending);

    if (pending && found->len == 0 && !late)
        return FALSE;
    for (guint i = 0; i < found->len; i++) {
        const Completion *completion = found->pdata[i];

        print_candidate(run, completion->text, completion->hint);
    }
    return TRUE;
}

static gboolean lists_are_in(App *app)
{
    GPtrArray *backends = model_backends(app->model);

    for (guint i = 0; i < backends->len; i++)
        if (((ModelBackend *)backends->pdata[i])->lists_pending > 0)
            return FALSE;
    return TRUE;
}

static gboolean look_again(gpointer data)
{
    Waiting *waiting = data;
    CommandRun *run = waiting->run;
    gboolean late = g_get_monotonic_time() > waiting->deadline_usec;

    if ((!lists_are_in(run->app) && !late) || !print_line(waiting, late))
        return G_SOURCE_CONTINUE;
    app_source_remove(&waiting->timer);
    run_release(run);
    return G_SOURCE_REMOVE;
}

/* What could stand for an option of gemel's own, or for its value. */
static void print_program_options(CommandRun *run, const char *partial)
{
    static const char *const uris[] = {"native", "qemu:///session", "qemu:///system", "sim:"};
    const char *equals = strchr(partial, '=');

    if (equals != NULL && !g_str_has_prefix(partial, "--connect=") &&
        !g_str_has_prefix(partial, "-c="))
        return;
    if (*partial != '-' || equals != NULL) {
        for (gsize i = 0; i < G_N_ELEMENTS(uris); i++) {
            g_autofree char *text =
                equals != NULL
                    ? g_strdup_printf("%.*s=%s", (int)(equals - partial), partial, uris[i])
                    : g_strdup(uris[i]);

            if (g_str_has_prefix(text, partial))
                print_candidate(run, text, "backend");
        }
        return;
    }
    for (const ProgramOption *option = program_options; option->take != NULL; option++) {
        g_autofree char *text = option->name != NULL ? g_strconcat("--", option->name, NULL)
                                                     : g_strdup_printf("-%c", option->letter);

        if (g_str_has_prefix(text, partial))
            print_candidate(run, text, option->help);
    }
}

static void completion_line_run(CommandRun *run)
{
    const char *line = run->words[0];
    g_autofree char *partial = NULL;
    gsize begin = arguments_skip(line, &partial);
    GPtrArray *backends = model_backends(run->app->model);
    Waiting *waiting;

    if (partial != NULL) {
        print_program_options(run, partial);
        return;
    }
    waiting = g_new0(Waiting, 1);
    waiting->run = run;
    waiting->line = g_strdup(line + begin);
    waiting->deadline_usec = g_get_monotonic_time() + WAIT_USEC;
    run->data = waiting;
    run->data_free = waiting_free;
    if (strpbrk(waiting->line, " \t") == NULL) { /* the command itself: no list is needed */
        print_line(waiting, TRUE);
        return;
    }
    for (guint i = 0; i < backends->len; i++)
        model_relist(run->app->model, ((ModelBackend *)backends->pdata[i])->open);
    waiting->timer = app_add_timer(run->app, TICK_MS, look_again, waiting);
    run_hold(run);
}

const Command commands_completion[] = {
    {.name = "completion",
     .summary = "print what makes bash or zsh complete gemel's command line",
     .example = "gemel completion bash > /etc/bash_completion.d/gemel",
     .group = "Help",
     .faces = FACE_ONESHOT,
     .words = {{WORD_CHOICE, "bash|zsh", .choices = "bash zsh"}},
     .details =
         "An installed gemel has both in the places where these shells look. Else, in "
         "~/.bashrc: `source <(gemel completion bash)`; in ~/.zshrc, after compinit: `source "
         "<(gemel completion zsh)`. Names, states and snapshots are gemel's own, asked for "
         "at each TAB; what does not come within 300 ms is left out.",
     .run = completion_run},
    {.name = "completion line",
     .summary = "what could come next on a command line",
     .example = "gemel completion line 'gemel start '",
     .group = "Help",
     .flags = COMMAND_HIDDEN | COMMAND_PASSTHROUGH,
     .faces = FACE_ONESHOT,
     .words = {{WORD_TEXT, "LINE"}},
     .run = completion_line_run},
    {.name = NULL},
};
