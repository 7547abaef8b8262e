/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_cp.c - cp: files between a container and this host, as docker cp has it. */
#include <string.h>
#include <unistd.h>

#include "console/commands.h"

/* As long as it takes. */
#define COPY_HARD_MS 86400000

typedef struct {
    char *id, *inside, *local;
    GemelCopy copy;
} CopyCall;

static void copy_call_free(gpointer data)
{
    CopyCall *call = data;

    g_free(call->id);
    g_free(call->inside);
    g_free(call->local);
    g_free(call);
}

static gpointer run_copy(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const CopyCall *call = arg;

    return conn->backend->ops->copy(conn, call->id, &call->copy, args, error) ? g_strdup("") : NULL;
}

/* The path of "NAME:PATH", or NULL for a path of this host: one with "/" or "." at its beginning is
   always that. */
static const char *path_inside(const char *word)
{
    const char *colon = strchr(word, ':');

    return *word == '/' || *word == '.' || colon == NULL || colon == word ? NULL : colon + 1;
}

static void copy_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;

    if (error != NULL)
        run_error(target->run, error);
    else
        run_print_notes(target->run, target->name, job);
}

/* Whether an archive may go where "-" leads. */
static gboolean stream_is_fit(CommandRun *run, int fd)
{
    if (run->face->face == FACE_ONESHOT && !(fd == STDOUT_FILENO && run->piped) && !isatty(fd))
        return TRUE;
    run_fail(run, GEMEL_ERROR_INVALID,
             "cp: `-` is a tar archive, which is not for a terminal; use it in a pipe of a shell");
    return FALSE;
}

static gboolean can_copy(CommandRun *run, const ModelInstance *instance, gboolean into)
{
    if (instance->info->kind == GEMEL_KIND_VM)
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "%s: a guest's files are inside its disks; copy them with scp or over its "
                 "`console`",
                 instance->info->name);
    else if (instance->backend->open->backend->ops->copy == NULL)
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s has no files to copy", instance->info->name,
                 instance->backend->name);
    else
        return !into || !run_refuses_change(run, run->command->name);
    return FALSE;
}

static void copy_submit(CommandRun *run, const ModelInstance *instance, const char *inside,
                        const char *local, gboolean into)
{
    CopyCall *call = g_new0(CopyCall, 1);
    Target *target = target_new(run, instance);
    g_autofree char *title = g_strdup_printf("cp %s %s", run->words[0], run->words[1]);

    call->id = g_strdup(instance->info->id);
    call->inside = g_strdup(inside);
    call->local = g_str_equal(local, "-") ? NULL : g_strdup(local);
    call->copy = (GemelCopy){.into = into,
                             .inside = call->inside,
                             .local = call->local,
                             .fd = into ? STDIN_FILENO : STDOUT_FILENO,
                             .keep_owner = run_flag(run, "archive")};
    run->data = target;
    run->data_free = target_free;
    run_submit(run, target->backend, into ? GEMEL_LANE_ACT : GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "cp",
                               .instance_id = target->id,
                               .alone = TRUE,
                               .title = title,
                               .run = run_copy,
                               .arg = call,
                               .arg_free = copy_call_free,
                               .result_free = g_free,
                               .hard_ms = COPY_HARD_MS},
               copy_done, target);
}

static void cp_run(CommandRun *run)
{
    const char *from = path_inside(run->words[0]), *to = path_inside(run->words[1]);
    gboolean into = to != NULL;
    const char *inside = into ? to : from, *whole = run->words[into ? 1 : 0];
    const char *local = run->words[into ? 0 : 1];
    g_autofree char *name = NULL;
    g_autoptr(GError) error = NULL;
    ModelInstance *instance;

    if ((from != NULL) == (to != NULL)) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "cp: one of the two is NAME:PATH, the other a path of this host (./NAME:PATH if "
                 "it has a colon)");
        return;
    }
    name = g_strndup(whole, (gsize)(inside - 1 - whole));
    instance = run_find(run, name, &error);
    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (can_copy(run, instance, into) &&
        (!g_str_equal(local, "-") || stream_is_fit(run, into ? STDIN_FILENO : STDOUT_FILENO)))
        copy_submit(run, instance, inside, local, into);
}

static const CommandOption cp_options[] = {
    {"archive", 'a', OPTION_FLAG, FALSE, NULL, "keep owners and set-ID bits"},
    {NULL},
};

const Command commands_cp[] = {
    {.name = "cp",
     .summary = "copy files between a container and this host",
     .example = "gemel cp lab-ct:/etc/hostname .",
     .group = "Inside",
     .flags = COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_PLACE, "NAME:PATH|LOCAL"}, {WORD_PLACE, "LOCAL|NAME:PATH"}},
     .options = cp_options,
     .details = "As docker cp: a directory goes into the directory of that name, or becomes it if "
                "there is none; with `/.` at its end only what is in it. A file takes the place of "
                "a file. Links are copied as links. `-` is a tar archive on standard input or "
                "output. What arrives belongs to 0:0 in the container, to you here. The container "
                "may run or not. Devices, FIFOs, sockets and what is mounted below are left out. "
                "Out of a guest: scp.",
     .run = cp_run},
    {.name = NULL},
};
