/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command_call.c - when a command is called: once the lists are fresh, and what it does is on
 * record. */
#include "console/command_private.h"

void command_stop_waiting(CommandRun *run)
{
    if (run->flow->listener != 0)
        model_unlisten(run->app->model, run->flow->listener);
    run->flow->listener = 0;
    app_source_remove(&run->flow->timeout);
}

static void lists_note_missing(CommandRun *run)
{
    GPtrArray *backends = model_backends(run->app->model);

    for (guint i = 0; i < backends->len; i++) {
        ModelBackend *backend = backends->pdata[i];

        if (backend->lists_pending > 0 || backend->error != NULL || !backend->listed)
            g_ptr_array_add(run->missing, backend);
    }
}

/* The first line of the command is written, or could not be. */
static void run_recorded(gpointer data, const GError *error)
{
    Recorded *recorded = data;
    CommandRun *run = recorded->run;

    g_free(recorded);
    if (run == NULL)
        return;
    run->flow->recorded = NULL;
    command_enter(run);
    run->pending--;
    if (error != NULL)
        run_error(run, error);
    else
        run->command->run(run);
    command_leave(run);
}

/* The instance that the command is about: the one its first word names. */
static const ModelInstance *run_subject(CommandRun *run)
{
    return run->n_words > 0 && run->command->words[0].type == WORD_INSTANCE
               ? model_find(run->app->model, run->words[0], NULL)
               : NULL;
}

/* Calls the command. One that acts by other means than jobs is recorded as a whole, first. */
static void run_call(CommandRun *run)
{
    guint flags = run->command->flags;
    const ModelInstance *subject;

    if (!(flags & COMMAND_AUDITED) || run->dry_run ||
        (run->n_words == 0 && !(flags & COMMAND_CHANGES))) {
        run->command->run(run);
        return;
    }
    subject = run_subject(run);
    run->flow->audit =
        audit_act_new(run, subject != NULL ? subject->backend->open : NULL,
                      subject != NULL ? subject->info->id : NULL, run->command->name, NULL);
    run->flow->recorded = g_new0(Recorded, 1);
    run->flow->recorded->run = run;
    run->pending++;
    audit_begin_async(run->flow->audit, run_recorded, run->flow->recorded);
}

static void lists_ready(CommandRun *run)
{
    command_stop_waiting(run);
    lists_note_missing(run);
    command_enter(run);
    run->pending--;
    run_call(run);
    command_leave(run);
}

static gboolean lists_timed_out(gpointer data)
{
    lists_ready(data);
    return G_SOURCE_REMOVE;
}

static void lists_changed(ModelChange what, gpointer data)
{
    CommandRun *run = data;
    GPtrArray *backends = model_backends(run->app->model);

    for (guint i = 0; i < backends->len; i++)
        if (((ModelBackend *)backends->pdata[i])->lists_pending > 0)
            return;
    lists_ready(run);
}

/* How long a command waits for lists: its own --timeout if it only reads, else the option's. */
static guint lists_timeout_ms(const CommandRun *run)
{
    const char *own =
        run->command->flags & (COMMAND_CHANGES | COMMAND_WAITS) ? NULL : run_option(run, "timeout");
    gint ms;

    if (own != NULL && parse_duration_ms(own, &ms, NULL))
        return (guint)ms;
    return (guint)options_get_number(run->app->options, "timeout");
}

void command_call(CommandRun *run)
{
    if (!(run->command->flags & COMMAND_LISTS) || run->face->face == FACE_TUI ||
        model_backends(run->app->model)->len == 0) {
        command_enter(run);
        run_call(run);
        command_leave(run);
        return;
    }
    run->pending++;
    if (run->face->face == FACE_ONESHOT && run->command->names_do != NULL &&
        run->command->names_do(run))
        model_list_names(run->app->model);
    else
        model_list_all(run->app->model);
    run->flow->listener = model_listen(run->app->model, lists_changed, run);
    run->flow->timeout = app_add_timer(run->app, lists_timeout_ms(run), lists_timed_out, run);
}

ModelInstance *run_find(CommandRun *run, const char *name, GError **error)
{
    g_autoptr(GError) own = NULL;
    ModelInstance *instance = model_find(run->app->model, name, &own);

    if (instance != NULL)
        return instance;
    if (run->missing->len > 0 && g_error_matches(own, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND)) {
        const ModelBackend *backend = run->missing->pdata[0];

        gemel_error_set(error, GEMEL_ERROR_UNREACHABLE, "no instance is called '%s' here, but %s",
                        name,
                        backend->error != NULL ? backend->error->message : "a backend is silent");
        return NULL;
    }
    g_propagate_error(error, g_steal_pointer(&own));
    return NULL;
}
