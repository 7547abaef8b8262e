/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/app.h"
#include "console/alerts.h"
#include "console/columns.h"
#include "console/command.h"
#include "console/model.h"
#include "console/record.h"
#include "console/writer.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long leaving waits for workers that are between two calls. */
#define CLOSE_WAIT_MS 150
/* And for files to be written. */
#define WRITER_WAIT_MS 2000

/* When no thread uses it any more. */
static void app_backend_free(gpointer data)
{
    AppBackend *open = data;

    gemel_lanes_free(open->lanes);
    gemel_backend_free(open->backend);
    g_free(open);
}

/* Ends a backend's lanes. It stays allocated until the program ends: jobs and runs refer to it, and
   a thread that is held up in it may come back. */
static void app_backend_close(App *app, AppBackend *open)
{
    g_ptr_array_remove(app->backends, open);
    g_ptr_array_add(app->closed, open);
    gemel_lanes_close(open->lanes, CLOSE_WAIT_MS);
}

App *app_new(void)
{
    App *app = g_new0(App, 1);

    app->context = g_main_context_new();
    g_main_context_push_thread_default(app->context);
    app->hub = hub_new(app->context);
    app->options = options_new();
    options_set_check(app->options, columns_check_option);
    app->backends = g_ptr_array_new();
    app->closed = g_ptr_array_new_with_free_func(app_backend_free);
    app->model = model_new(app);
    app->alerts = alerts_new(app);
    app->program = g_file_read_link("/proc/self/exe", NULL);
    return app;
}

gboolean app_free(App *app)
{
    gboolean all = TRUE;

    model_stop(app->model);
    if (app->record != NULL)
        record_stop(g_steal_pointer(&app->record));
    if (app->disposer != NULL)
        all = writer_close(g_steal_pointer(&app->disposer), WRITER_WAIT_MS) && all;
    while (app->backends->len > 0)
        app_backend_close(app, app->backends->pdata[app->backends->len - 1]);
    for (guint i = 0; i < app->closed->len; i++)
        all = gemel_lanes_ended(((AppBackend *)app->closed->pdata[i])->lanes) && all;
    if (app->writer != NULL && all) /* workers post to it */
        all = writer_close(g_steal_pointer(&app->writer), WRITER_WAIT_MS);
    else if (app->writer != NULL)
        writer_drain(app->writer, WRITER_WAIT_MS);
    if (!all) /* an abandoned thread may still post: leave everything where it is */
        return FALSE;
    model_close_backends(app->model);
    hub_close(app->hub); /* what was posted before still refers to all the others */
    alerts_free(app->alerts);
    model_free(app->model);
    g_ptr_array_unref(app->closed);
    g_clear_pointer(&app->aliases, g_hash_table_unref);
    options_free(app->options);
    g_ptr_array_unref(app->backends);
    g_main_context_pop_thread_default(app->context);
    g_main_context_unref(app->context);
    g_free(app->program);
    g_free(app);
    return TRUE;
}

AppBackend *app_backend(App *app, const char *name)
{
    for (guint i = 0; i < app->backends->len; i++) {
        AppBackend *open = app->backends->pdata[i];

        if (g_str_equal(open->backend->name, name))
            return open;
    }
    return NULL;
}

static void app_job_changed(void *data, GemelJob *job)
{
    App *app = data;

    model_job_changed(app->model, job);
}

static void app_lanes_busy(void *data)
{
    App *app = data;

    model_watch_deadlines(app->model);
}

/* A second backend of a kind, opened without a name, is called sim2, qemu2 and so on. */
static GemelBackend *app_number_backend(App *app, GemelBackend *backend, const char *uri,
                                        GError **error)
{
    g_autofree char *usual = g_strdup(backend->name);

    for (guint i = 2; backend != NULL && app_backend(app, backend->name) != NULL; i++) {
        g_autofree char *numbered = g_strdup_printf("%s%u", usual, i);

        gemel_backend_free(backend);
        backend = gemel_registry_create(numbered, uri, error);
    }
    return backend;
}

gboolean app_connect(App *app, const char *name, const char *uri, GError **error)
{
    GemelBackend *backend = gemel_registry_create(name, uri, error);
    AppBackend *open;

    if (backend != NULL && name == NULL)
        backend = app_number_backend(app, backend, uri, error);
    if (backend == NULL)
        return FALSE;
    if (app_backend(app, backend->name) != NULL) {
        gemel_error_set(error, GEMEL_ERROR_EXISTS,
                        "connect: a backend called '%s' is open already; give another name",
                        backend->name);
        gemel_backend_free(backend);
        return FALSE;
    }
    open = g_new0(AppBackend, 1);
    open->backend = backend;
    open->lanes = gemel_lanes_new(backend, &(GemelLanesHooks){.post = hub_post,
                                                              .post_data = app->hub,
                                                              .changed = app_job_changed,
                                                              .busy = app_lanes_busy,
                                                              .data = app});
    g_ptr_array_add(app->backends, open);
    model_add_backend(app->model, open);
    command_take_groups(app);
    return TRUE;
}

gboolean app_disconnect(App *app, const char *name, GError **error)
{
    AppBackend *open = app_backend(app, name);

    if (open == NULL)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                               "disconnect: no backend is called '%s'; `backends` lists them",
                               name);
    model_remove_backend(app->model, open);
    app_backend_close(app, open);
    command_take_groups(app);
    return TRUE;
}

/* ---- sources -------------------------------------------------------------------------------- */

static GSource *app_attach(App *app, GSource *source, GSourceFunc callback, gpointer data)
{
    g_source_set_callback(source, callback, data, NULL);
    g_source_attach(source, app->context);
    return source;
}

GSource *app_add_fd(App *app, int fd, GIOCondition condition,
                    gboolean (*ready)(int fd, GIOCondition condition, gpointer data), gpointer data)
{
    return app_attach(app, g_unix_fd_source_new(fd, condition), G_SOURCE_FUNC(ready), data);
}

GSource *app_add_timer(App *app, guint interval_ms, GSourceFunc tick, gpointer data)
{
    return app_attach(app, g_timeout_source_new(interval_ms), tick, data);
}

GSource *app_add_idle(App *app, GSourceFunc idle, gpointer data)
{
    return app_attach(app, g_idle_source_new(), idle, data);
}

typedef struct {
    void (*deliver)(int signal, gpointer data);
    gpointer data;
    int fd;
} SignalSource;

static gboolean signals_ready(gint fd, GIOCondition condition, gpointer data)
{
    SignalSource *source = data;
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        source->deliver((int)info.ssi_signo, source->data);
    return G_SOURCE_CONTINUE;
}

static void signals_free(gpointer data)
{
    SignalSource *source = data;

    close(source->fd);
    g_free(source);
}

GSource *app_add_signals(App *app, const int *signals, void (*deliver)(int signal, gpointer data),
                         gpointer data)
{
    SignalSource *signal_source = g_new0(SignalSource, 1);
    GSource *source;
    sigset_t set;

    sigemptyset(&set);
    for (gsize i = 0; signals[i] != 0; i++)
        sigaddset(&set, signals[i]);
    signal_source->deliver = deliver;
    signal_source->data = data;
    signal_source->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    source = g_unix_fd_source_new(signal_source->fd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(signals_ready), signal_source, signals_free);
    g_source_attach(source, app->context);
    return source;
}

void app_source_remove(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

void app_iterate(App *app, gboolean may_block)
{
    g_main_context_iteration(app->context, may_block);
}

gboolean app_is_read_only(const App *app)
{
    return app->read_only || options_get_number(app->options, "read-only") != 0;
}
