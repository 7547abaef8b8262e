/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_session.c - the program itself: backends, jobs, options, views. */
#include "console/commands.h"
#include "console/reads.h"

#include <string.h>

/* ---- backends ------------------------------------------------------------------------------- */

static const char *backend_state(const ModelBackend *backend)
{
    if (backend->health == GEMEL_LANES_UNRESPONSIVE || backend->lists_pending > 0)
        return "unresponsive";
    if (backend->error != NULL)
        return "down";
    return backend->listed ? "up" : "connecting";
}

static void backends_run(CommandRun *run)
{
    static const char *const headers[] = {"BACKEND", "TYPE", "STATE", "URI", "", NULL};
    GPtrArray *all = model_backends(run->app->model);
    OutputTable *table = run->json ? NULL : output_table_new(headers, "LLLLL");
    json_t *rows = json_array();

    for (guint i = 0; i < all->len; i++) {
        const ModelBackend *backend = all->pdata[i];
        const GemelBackend *own = backend->open->backend;
        const char *why = backend->error != NULL         ? backend->error->message
                          : backend->health_text != NULL ? backend->health_text
                                                         : "";
        const char *uri = own->uri != NULL ? own->uri : "";

        if (table != NULL)
            output_table_add(table, backend->name, own->ops->type, backend_state(backend), uri, why,
                             NULL);
        json_array_append_new(rows, json_pack("{s:o, s:s, s:s, s:o, s:o}", "name",
                                              json_text(backend->name), "type", own->ops->type,
                                              "state", backend_state(backend), "uri",
                                              json_text(uri), "message", json_text(why)));
    }
    if (table != NULL) {
        output_table_print(table, run->out);
        json_decref(rows);
    } else {
        output_json(run->out, json_pack("{s:o}", "backends", rows));
    }
}

/* The first list of a new backend. One that is only silent stays: it connects again by itself. */
static void connect_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    AppBackend *open =
        run->app->backends->len > 0 ? run->app->backends->pdata[run->app->backends->len - 1] : NULL;

    if (error == NULL)
        return;
    run_error(run, error);
    if (open != NULL && !g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE) &&
        !g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_DENIED))
        app_disconnect(run->app, open->backend->name, NULL);
}

static void connect_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const char *name = run->n_words > 1 ? run->words[0] : NULL;
    const char *uri = run->words[run->n_words - 1];

    if (run->face->face == FACE_RC && run->app->backends_given)
        return;
    if (!app_connect(run->app, name, uri, &error))
        run_error(run, error);
    else if (run->face->face != FACE_RC) /* a start does not wait for what gemelrc names */
        run_submit(run, run->app->backends->pdata[run->app->backends->len - 1], GEMEL_LANE_READ,
                   &(GemelJobSpec){.kind = "connect",
                                   .title = "connect",
                                   .run = read_list,
                                   .result_free = (GDestroyNotify)g_ptr_array_unref,
                                   .hard_ms = 10000},
                   connect_done, run);
}

static void disconnect_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;

    if (!app_disconnect(run->app, run->words[0], &error))
        run_error(run, error);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static char *job_detail(const GemelJobView *view)
{
    if (view->error != NULL)
        return g_strdup(view->error);
    if (view->what != NULL)
        return view->fraction >= 0 ? g_strdup_printf("%s %.0f %%", view->what, view->fraction * 100)
                                   : g_strdup(view->what);
    if (view->waits_for != NULL)
        return g_strdup_printf("waits for %s", view->waits_for);
    return g_strdup(view->notes != NULL ? view->notes : "");
}

static void jobs_run(CommandRun *run)
{
    static const char *const headers[] = {"JOB", "WHAT", "BACKEND", "STATE", "AGE", "", NULL};
    GPtrArray *all = model_jobs(run->app->model);
    OutputTable *table = run->json ? NULL : output_table_new(headers, "RLLLRL");
    json_t *rows = json_array();
    gint64 now = g_get_monotonic_time();

    for (guint i = 0; i < all->len; i++) {
        g_autoptr(GemelJobView) view = gemel_job_view(all->pdata[i]);
        g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, view->id);
        gint64 age = (now - view->queued_usec) / G_USEC_PER_SEC;
        g_autofree char *age_text = format_uptime(age);
        g_autofree char *detail = job_detail(view);

        if (table != NULL)
            output_table_add(table, id, view->title, view->backend,
                             gemel_job_state_name(view->state), age_text, detail, NULL);
        json_array_append_new(rows, json_pack("{s:I, s:o, s:o, s:s, s:I, s:o}", "id",
                                              (json_int_t)view->id, "title", json_text(view->title),
                                              "backend", json_text(view->backend), "state",
                                              gemel_job_state_name(view->state), "age_s",
                                              (json_int_t)age, "detail", json_text(detail)));
    }
    if (table == NULL) {
        output_json(run->out, json_pack("{s:o}", "jobs", rows));
        return;
    }
    json_decref(rows);
    if (output_table_rows(table) == 0)
        output_line(run->out, OUTPUT_NOTE, "no jobs");
    output_table_print(table, run->out);
}

/* ---- the console ----------------------------------------------------------------------------- */

static void view_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;

    if (run->face->view == NULL)
        run_fail(run, GEMEL_ERROR_INVALID, "view: works inside the console only");
    else if (!run->face->view(run->face->face_data, (const char *const *)run->words, &error))
        run_error(run, error);
}

static void quit_run(CommandRun *run)
{
    run->app->quit = TRUE;
}

const Command commands_session[] = {
    {.name = "backends",
     .aliases = "hosts",
     .summary = "what is connected, and how it is",
     .example = "gemel backends --json",
     .group = "Console",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .run = backends_run},
    {.name = "connect",
     .summary = "open one more backend: a libvirt URI, native or sim",
     .example = "gemel connect lab qemu+ssh://lab/system",
     .group = "Console",
     .words = {{WORD_TEXT, "NAME", .optional = TRUE}, {WORD_TEXT, "URI"}},
     .run = connect_run},
    {.name = "disconnect",
     .summary = "close a backend; what runs there runs on",
     .example = "gemel disconnect lab",
     .group = "Console",
     .words = {{WORD_BACKEND, "BACKEND"}},
     .run = disconnect_run},
    {.name = "jobs",
     .summary = "what is under way, and what it waits for",
     .example = "gemel jobs",
     .group = "Console",
     .flags = COMMAND_JSON,
     .run = jobs_run},
    {.name = "view",
     .summary = "move, sort, filter and mark in the console",
     .example = "view sort cpu",
     .group = "Console",
     .words = {{WORD_VIEW, "VERB"}, {WORD_VIEW, "WHAT", .optional = TRUE, .repeats = TRUE}},
     .run = view_run},
    {.name = "quit",
     .aliases = "exit,q",
     .summary = "leave; guests and containers run on",
     .example = "quit",
     .group = "Console",
     .faces = FACE_SHELL | FACE_TUI,
     .run = quit_run},
    {.name = NULL},
};
