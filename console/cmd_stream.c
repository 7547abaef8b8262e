/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_stream.c - console, exec and shell: the user's terminal on something inside an instance. */
#include "console/cmd_stream.h"
#include "console/commands.h"
#include "console/shell.h"
#include "console/takeover.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    CommandRun *run;
    Takeover *takeover; /* NULL once it ended */
    char *name;
    gboolean console, attach;
} Stream;

static void stream_free(gpointer data)
{
    Stream *stream = data;

    if (stream->takeover != NULL) {
        takeover_abort(stream->takeover);
        if (stream->run->face->terminal_enter != NULL)
            stream->run->face->terminal_enter(stream->run->face->face_data, NULL);
    }
    g_free(stream->name);
    g_free(stream);
}

static void stream_ended(gpointer data, int status, guint how, const GError *error)
{
    Stream *stream = data;
    CommandRun *run = stream->run;
    gboolean detached = (how & TAKEOVER_DETACHED) != 0;
    TerminalUse use = {.status = status,
                       .printed = (how & TAKEOVER_PRINTED) != 0,
                       .typed = (how & TAKEOVER_TYPED) != 0};

    stream->takeover = NULL;
    if (run->face->terminal_enter != NULL)
        run->face->terminal_enter(run->face->face_data, error == NULL ? &use : NULL);
    if (error != NULL)
        run_error(run, error);
    /* what was inside left the cursor behind its prompt */
    if (stream->console && error == NULL && run->face->face != FACE_TUI && isatty(STDOUT_FILENO))
        output_line(run->out, OUTPUT_NOTE, "%s", "");
    if (stream->console && error == NULL)
        output_line(run->out, OUTPUT_NOTE,
                    detached ? "left the console; %s goes on" : "%s closed the console",
                    stream->name);
    if (stream->attach && detached)
        output_line(run->out, OUTPUT_NOTE, "left %s; it goes on", stream->name);
    run->left = detached;
    run_finish(run, error == NULL ? status : stream->console ? -1 : STREAM_STATUS_OWN_FAILURE);
}

void stream_begin(CommandRun *run, const ModelInstance *instance, const GemelStreamArgs *args)
{
    Stream *stream;

    if (run->piped) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "%s: it has the terminal, not a pipe; `exec NAME -- sh -c 'a | b'` pipes inside, "
                 "`gemel exec NAME a | b` in your own shell",
                 run->command->name);
        return;
    }
    if (run->face->open_stream != NULL &&
        (args->kind == GEMEL_STREAM_CONSOLE || args->kind == GEMEL_STREAM_ATTACH || args->tty) &&
        run->face->open_stream(run, instance, args, run->face->face_data))
        return;
    if (run->face->terminal_leave != NULL && !run->face->terminal_leave(run->face->face_data)) {
        run_fail(run, GEMEL_ERROR_BUSY, "%s: another program has the terminal; try it again",
                 run->command->name);
        return;
    }
    stream = g_new0(Stream, 1);
    stream->run = run;
    stream->name = g_strdup(instance->info->name);
    stream->console = args->kind == GEMEL_STREAM_CONSOLE;
    stream->attach = args->kind == GEMEL_STREAM_ATTACH;
    run->data = stream;
    run->data_free = stream_free;
    run_hold(run);
    if (stream->console)
        output_line(run->out, OUTPUT_NOTE, "console of %s; leave with %s", stream->name,
                    options_get(run->app->options, "detach-keys"));
    stream->takeover = takeover_start(
        run->app, instance->backend->open,
        &(TakeoverSpec){.instance_id = instance->info->id,
                        .name = instance->info->name,
                        .args = *args,
                        .detach_keys = stream->console || stream->attach
                                           ? options_get(run->app->options, "detach-keys")
                                           : NULL,
                        .ended = stream_ended,
                        .data = stream,
                        .unread = run->face->terminal_unread,
                        .unread_data = run->face->face_data});
}

/* The instance of the first word, if it can do `act` now. */
static ModelInstance *stream_instance(CommandRun *run, GemelAct act)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance;

    /* Whoever types inside an instance can change it. */
    if (run_refuses_change(run, run->command->name))
        return NULL;
    instance = run_find(run, run->words[0], &error);
    if (instance == NULL) {
        run_error(run, error);
        return NULL;
    }
    if (instance->info->kind == GEMEL_KIND_VM && act == GEMEL_ACT_EXEC &&
        gemel_backend_can(instance->backend->open->backend, GEMEL_ACT_CONSOLE) &&
        !gemel_instance_can(instance->info, act)) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "%s: cannot %s: it is a guest; `console %s` is the way in", instance->info->name,
                 gemel_act_phrase(act), instance->info->name);
        return NULL;
    }
    if (!gemel_instance_can(instance->info, act)) {
        run_fail(run,
                 gemel_backend_can(instance->backend->open->backend, act) ? GEMEL_ERROR_CONFLICT
                                                                          : GEMEL_ERROR_UNSUPPORTED,
                 "%s: cannot %s: it %s", instance->info->name, gemel_act_phrase(act),
                 instance->info->why_not[act]);
        return NULL;
    }
    return instance;
}

static void console_run(CommandRun *run)
{
    ModelInstance *instance = stream_instance(run, GEMEL_ACT_CONSOLE);

    if (instance != NULL)
        stream_begin(run, instance,
                     &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE,
                                        .tty = TRUE,
                                        .force = run_flag(run, "force")});
}

/* A container for which all it said can be had and how it ends is known. */
static ModelInstance *attach_instance(CommandRun *run, gboolean whole)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);
    const GemelStreamOps *streams;
    const GemelInstance *info;

    if (instance == NULL) {
        run_error(run, error);
        return NULL;
    }
    info = instance->info;
    streams = instance->backend->open->backend->ops->streams;
    if (run_refuses_change(run, run->command->name))
        return NULL;
    if (info->kind == GEMEL_KIND_VM)
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "%s: cannot be attached to: it is a guest, which has no command of its own; "
                 "`console %s` is the way in",
                 info->name, info->name);
    else if (streams == NULL || !(streams->kinds & 1u << GEMEL_STREAM_ATTACH))
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s cannot attach to what runs there",
                 info->name, instance->backend->name);
    else if (!whole && !gemel_instance_can(info, GEMEL_ACT_CONSOLE))
        run_fail(run, GEMEL_ERROR_CONFLICT, "%s: cannot be attached to: it %s", info->name,
                 info->why_not[GEMEL_ACT_CONSOLE]);
    else
        return instance;
    return NULL;
}

static void attach_run(CommandRun *run)
{
    gboolean whole = run_flag(run, "from-start");
    ModelInstance *instance = attach_instance(run, whole);

    if (instance == NULL) {
        run->worst = STREAM_STATUS_OWN_FAILURE;
        return;
    }
    stream_begin(
        run, instance,
        &(GemelStreamArgs){.kind = GEMEL_STREAM_ATTACH,
                           .tty = TRUE,
                           .attach = GEMEL_ATTACH_SPLIT | (whole ? GEMEL_ATTACH_WHOLE : 0) |
                                     (run_flag(run, "no-stdin") ? GEMEL_ATTACH_NO_INPUT : 0)});
}

static void exec_argv(CommandRun *run, const char *const *argv, gboolean tty)
{
    ModelInstance *instance = stream_instance(run, GEMEL_ACT_EXEC);
    g_autoptr(GPtrArray) env = g_ptr_array_new();
    GPtrArray *given = run_option_all(run, "env");

    if (instance == NULL) {
        run->worst = STREAM_STATUS_OWN_FAILURE;
        return;
    }
    for (guint i = 0; given != NULL && i < given->len; i++)
        g_ptr_array_add(env, given->pdata[i]);
    g_ptr_array_add(env, NULL);
    stream_begin(run, instance,
                 &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC,
                                    .argv = argv,
                                    .env = (const char *const *)env->pdata,
                                    .user = run_option(run, "user"),
                                    .cwd = run_option(run, "cwd"),
                                    .tty = tty});
}

static void exec_run(CommandRun *run)
{
    gboolean terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

    exec_argv(run, (const char *const *)run->words + 1,
              run_flag(run, "tty") || (terminal && !run_flag(run, "no-tty")));
}

/* Without a name the command shell, with one a shell inside that instance. */
static void shell_run(CommandRun *run)
{
    static const char *const sh[] = {"/bin/sh", NULL};

    if (run->n_words > 0)
        exec_argv(run, sh, TRUE);
    else if (run->face->face == FACE_ONESHOT)
        shell_start(run);
    else
        run_fail(run, GEMEL_ERROR_INVALID, "shell: name an instance for a shell inside it");
}

static const CommandOption console_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "take a guest's console over from whoever has it"},
    {NULL},
};

static const CommandOption attach_options[] = {
    {"no-stdin", 0, OPTION_FLAG, FALSE, NULL, "only listen: what is typed stays here"},
    {"from-start", 0, OPTION_FLAG, FALSE, NULL,
     "all that its log has first; also of one that has ended"},
    {NULL},
};

static const CommandOption exec_options[] = {
    {"env", 'e', OPTION_STRING, TRUE, "KEY=VALUE", "add to its environment"},
    {"user", 'u', OPTION_STRING, FALSE, "USER[:GROUP]", "who runs it"},
    {"cwd", 'w', OPTION_STRING, FALSE, "DIR", "where"},
    {"tty", 't', OPTION_FLAG, FALSE, NULL, "give it a terminal (the default on one)"},
    {"no-tty", 'T', OPTION_FLAG, FALSE, NULL, "give it pipes"},
    {NULL},
};

const Command commands_stream[] = {
    {.name = "console",
     .summary = "the serial console of a guest, the terminal of a container",
     .example = "gemel console lab-vm",
     .group = "Inside",
     .flags = COMMAND_LISTS | COMMAND_AUDITED,
     .act = GEMEL_ACT_CONSOLE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .options = console_options,
     .details = "Leave with ^] or ^P^Q (`set detach-keys` changes them).",
     .run = console_run},
    {.name = "attach",
     .summary = "what a container's own command says, until it ends",
     .example = "gemel attach lab-ct --no-stdin",
     .group = "Inside",
     .flags = COMMAND_LISTS | COMMAND_AUDITED,
     .act = GEMEL_ACT_CONSOLE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .options = attach_options,
     .details = "The end of its log comes first. The status is the command's own, 128+n if signal "
                "n ended it, 125 if gemel failed, 0 if it was left. With a terminal, leave with ^] "
                "or ^P^Q (`set detach-keys` changes them); without one, ^C leaves.",
     .run = attach_run},
    {.name = "exec",
     .summary = "run a command inside a container",
     .example = "gemel exec lab-ct -- hostname",
     .group = "Inside",
     .flags = COMMAND_LISTS | COMMAND_PASSTHROUGH | COMMAND_AUDITED,
     .act = GEMEL_ACT_EXEC,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_TEXT, "COMMAND", .repeats = TRUE}},
     .options = exec_options,
     .details = "The status is the command's own, 128+n if signal n ended it, 125 if gemel failed, "
                "126 if the command cannot be run, 127 if it is not there. A command outlives "
                "an exec that is interrupted.",
     .run = exec_run},
    {.name = "shell",
     .summary = "the command shell, or with a name a shell inside that instance",
     .example = "gemel shell lab-ct",
     .details = "Off a terminal it reads commands from standard input and stops at the first that "
                "fails, as `--batch` and `-c 'a; b'` do. The prompt `gemel!>` says that the last "
                "command failed.",
     .group = "Inside",
     .flags = COMMAND_LISTS | COMMAND_AUDITED,
     .act = GEMEL_ACT_EXEC,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE}},
     .run = shell_run},
    {.name = NULL},
};
