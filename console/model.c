/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/model_private.h"
#include "console/reads.h"

#include <string.h>

#define JOBS_KEPT   200
#define EVENTS_KEPT 1000
/* With a watch the list is asked for on events; this often anyway, should one have been missed. */
#define RELIST_MS   10000
#define DEADLINE_MS 100
/* A list or a sample is given up after this; the model then shows the backend as it is. */
#define READ_HARD_MS 10000

typedef struct {
    guint id;
    void (*changed)(ModelChange what, gpointer data);
    gpointer data;
} ModelListener;

static void event_free(gpointer data)
{
    ModelEvent *event = data;

    g_free(event->backend);
    g_free(event->id);
    g_free(event->name);
    g_free(event->detail);
    g_free(event);
}

static void backend_free(gpointer data)
{
    ModelBackend *backend = data;

    g_clear_error(&backend->error);
    g_free(backend->health_text);
    g_clear_error(&backend->sample_error);
    history_axis_clear(&backend->axis);
    g_free(backend);
}

Model *model_new(App *app)
{
    Model *model = g_new0(Model, 1);

    model->app = app;
    model->backends = g_ptr_array_new_with_free_func(backend_free);
    model->removed = g_ptr_array_new_with_free_func(backend_free);
    model->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    model->gone = g_ptr_array_new_with_free_func((GDestroyNotify)model_instance_free);
    model->sorted = g_ptr_array_new();
    model->jobs = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_job_unref);
    model->listeners = g_array_new(FALSE, FALSE, sizeof(ModelListener));
    g_queue_init(&model->events);
    return model;
}

/* All instances go to the graveyard, for model_free. */
static void model_bury_all(Model *model)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, model->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(model->gone, value);
}

void model_free(Model *model)
{
    model_stop(model);
    app_source_remove(&model->deadline_source);
    app_source_remove(&model->announce_source);
    g_ptr_array_unref(model->jobs);
    model_bury_all(model);
    g_ptr_array_unref(model->gone);
    g_ptr_array_unref(model->sorted);
    g_hash_table_unref(model->by_key);
    g_ptr_array_unref(model->backends);
    g_ptr_array_unref(model->removed);
    g_queue_clear_full(&model->events, event_free);
    g_array_unref(model->listeners);
    g_free(model);
}

/* ---- listeners ------------------------------------------------------------------------------ */

static gboolean is_listening(const Model *model, guint id)
{
    for (guint i = 0; i < model->listeners->len; i++)
        if (g_array_index(model->listeners, ModelListener, i).id == id)
            return TRUE;
    return FALSE;
}

static gboolean announce_now(gpointer data)
{
    Model *model = data;
    ModelChange what = model->pending;
    g_autoptr(GArray) copy = g_array_copy(model->listeners);

    model->pending = 0;
    app_source_remove(&model->announce_source);
    for (guint i = 0; i < copy->len; i++) {
        ModelListener *listener = &g_array_index(copy, ModelListener, i);

        if (is_listening(model, listener->id)) /* one may have taken another away */
            listener->changed(what, listener->data);
    }
    g_ptr_array_set_size(model->gone, 0); /* nobody points at them any more */
    return G_SOURCE_REMOVE;
}

void model_announce(Model *model, ModelChange what)
{
    model->pending |= what;
    if (model->announce_source == NULL && model->listeners->len > 0) {
        model->announce_source = app_add_idle(model->app, announce_now, model);
        g_source_set_priority(model->announce_source, G_PRIORITY_DEFAULT + 10);
    }
}

guint model_listen(Model *model, void (*changed)(ModelChange what, gpointer data), gpointer data)
{
    ModelListener listener = {.id = ++model->next_listener, .changed = changed, .data = data};

    g_array_append_val(model->listeners, listener);
    return listener.id;
}

void model_unlisten(Model *model, guint id)
{
    for (guint i = 0; i < model->listeners->len; i++) {
        if (g_array_index(model->listeners, ModelListener, i).id == id) {
            g_array_remove_index(model->listeners, i);
            return;
        }
    }
}

/* ---- lists ---------------------------------------------------------------------------------- */

static gpointer run_list_names(GemelConn *conn, const GemelActArgs *args, gpointer arg,
                               GError **error)
{
    const GemelBackendOps *ops = conn->backend->ops;

    return ops->list_names != NULL ? ops->list_names(conn, error) : ops->list(conn, error);
}

static gpointer run_sample(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->sample(conn, error);
}

static void list_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    ModelBackend *backend = data;
    g_autoptr(GemelJobView) view = gemel_job_view(job);

    if (backend->open == NULL)
        return;
    g_clear_error(&backend->error);
    if (result != NULL) {
        if (backend->model->tap != NULL)
            backend->model->tap->rows(backend, FALSE, result, backend->model->tap_data);
        model_take_list(backend, result);
        return;
    }
    if (backend->model->tap != NULL)
        backend->model->tap->error(backend, FALSE, error, backend->model->tap_data);
    backend->error = g_error_copy(error);
    backend->state = MODEL_BACKEND_DOWN;
    if (view->state != GEMEL_JOB_LOST && backend->lists_pending > 0)
        backend->lists_pending--;
    model_announce(backend->model, MODEL_INSTANCES | MODEL_BACKENDS);
}

static void sample_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    ModelBackend *backend = data;
    g_autoptr(GemelJobView) view = gemel_job_view(job);

    if (backend->open == NULL)
        return;
    if (view->state != GEMEL_JOB_LOST && backend->samples_pending > 0)
        backend->samples_pending--;
    g_clear_error(&backend->sample_error);
    if (result == NULL) {
        if (backend->model->tap != NULL)
            backend->model->tap->error(backend, TRUE, error, backend->model->tap_data);
        backend->sample_error = g_error_copy(error);
        model_announce(backend->model, MODEL_BACKENDS);
        return;
    }
    backend->sample_ms = (double)(view->ended_usec - view->started_usec) / 1000;
    backend->sample_due_ns =
        gemel_boottime_ns() + (model_interval_ms(backend) - (gint64)backend->sample_ms) * 1000000;
    if (backend->model->tap != NULL)
        backend->model->tap->rows(backend, TRUE, result, backend->model->tap_data);
    model_take_samples(backend, result);
}

/* A slow source is asked less often, so that reading takes at most a fourth of its time and of the
   lane's; what is held up by one guest that hangs is not counted in full. */
#define SLOW_FACTOR 4
#define SLOW_MAX_MS 10000

gint64 model_interval_ms(const ModelBackend *backend)
{
    gint64 refresh_ms = options_get_number(backend->model->app->options, "refresh");

    return MAX(refresh_ms, MIN((gint64)(backend->sample_ms * SLOW_FACTOR), SLOW_MAX_MS));
}

guint64 model_calls(const Model *model)
{
    return model->calls;
}

/* Asks for a list or a sample. */
static void backend_read(ModelBackend *backend, const char *kind, GemelJobFunc run,
                         GemelJobDone done, gboolean reissue)
{
    GemelJob *job =
        gemel_lanes_submit(backend->open->lanes, GEMEL_LANE_READ,
                           &(GemelJobSpec){.kind = kind,
                                           .run = run,
                                           .result_free = (GDestroyNotify)g_ptr_array_unref,
                                           .hard_ms = READ_HARD_MS,
                                           .reissue = reissue},
                           done, backend);

    gemel_job_unref(job);
}

static void backend_list_by(ModelBackend *backend, GemelJobFunc run)
{
    backend->asked_ns = gemel_boottime_ns();
    backend->lists_pending++;
    backend_read(backend, "list", run, list_done, FALSE);
}

static void backend_list(ModelBackend *backend)
{
    backend_list_by(backend, read_list);
}

static void backend_sample(ModelBackend *backend)
{
    if (backend->open->backend->ops->sample == NULL)
        return;
    backend->samples_pending++;
    backend_read(backend, "sample", run_sample, sample_done, TRUE);
}

void model_list_all(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++)
        backend_list(model->backends->pdata[i]);
}

void model_set_headline_only(Model *model, gboolean headline_only)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->open != NULL)
            atomic_store(&backend->open->backend->headline_only,
                         headline_only && model->tap == NULL);
    }
}

void model_want_cpus(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->open != NULL)
            atomic_store(&backend->open->backend->cpus_wanted, TRUE);
    }
}

void model_list_names(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++)
        backend_list_by(model->backends->pdata[i], run_list_names);
}

void model_relist(Model *model, AppBackend *open)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->open == open)
            backend_list(backend);
    }
}

void model_refresh(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->open != NULL) {
            backend_list(backend);
            backend_sample(backend);
        }
    }
}

static gboolean deadlines(gpointer data);

/* ---- events --------------------------------------------------------------------------------- */

typedef struct {
    ModelBackend *backend;
    ModelEvent *event;
} EventMessage;

static void model_keep_event(Model *model, ModelEvent *event)
{
    event->serial = ++model->next_event;
    g_queue_push_tail(&model->events, event);
    if (model->events.length > EVENTS_KEPT)
        event_free(g_queue_pop_head(&model->events));
}

void model_add_event(Model *model, const ModelInstance *instance, GemelEventType type,
                     const char *detail)
{
    ModelEvent *event = g_new0(ModelEvent, 1);

    event->time_unix_usec = g_get_real_time();
    event->backend = g_strdup(instance->backend->name);
    event->id = g_strdup(instance->info->id);
    event->name = g_strdup(instance->info->name);
    event->type = type;
    event->state = instance->info->state;
    event->detail = g_strdup(detail);
    model_keep_event(model, event);
    model_announce(model, MODEL_EVENTS | MODEL_INSTANCES);
}

void model_set_sample_hook(Model *model,
                           void (*taken)(ModelInstance *instance, gint64 before_ns, gpointer data),
                           void (*gone)(ModelInstance *instance, gpointer data), gpointer data)
{
    model->sample_taken = taken;
    model->figures_gone = gone;
    model->sample_taken_data = data;
}

void model_set_tap(Model *model, const ModelTap *tap, gpointer data)
{
    model->tap = tap;
    model->tap_data = data;
}

static void event_on_ui(void *data)
{
    EventMessage *message = data;
    ModelBackend *backend = message->backend;
    ModelEvent *event = message->event;
    Model *model = backend->model;

    g_free(message);
    if (backend->open == NULL) {
        event_free(event);
        return;
    }
    if (model->tap != NULL)
        model->tap->event(backend, event, model->tap_data);
    model_keep_event(model, event);
    if (event->type == GEMEL_EVENT_BACKEND_DOWN) {
        backend->state = MODEL_BACKEND_DOWN;
        g_clear_error(&backend->error);
        gemel_error_set(&backend->error, GEMEL_ERROR_UNREACHABLE, "%s",
                        event->detail != NULL ? event->detail : "the connection was lost");
    } else {
        backend_list(backend);
    }
    model_announce(model, MODEL_EVENTS | MODEL_BACKENDS);
}

/* GemelEventSink.event. Watch thread. */
static void event_sink(void *data, const GemelEvent *from)
{
    ModelBackend *backend = data;
    ModelEvent *event = g_new0(ModelEvent, 1);
    EventMessage *message = g_new0(EventMessage, 1);

    event->time_unix_usec = from->time_unix_usec;
    event->backend = g_strdup(backend->name);
    event->id = g_strdup(from->id);
    event->name = g_strdup(from->name);
    event->type = from->type;
    event->state = from->state;
    event->detail = g_strdup(from->detail);
    message->backend = backend;
    message->event = event;
    hub_post(backend->model->app->hub, event_on_ui, message);
}

static void backend_watch(ModelBackend *backend)
{
    gemel_lanes_watch(backend->open->lanes,
                      &(GemelEventSink){.event = event_sink, .data = backend});
}

void model_watch(Model *model)
{
    if (model->watching)
        return;
    model->watching = TRUE;
    for (guint i = 0; i < model->backends->len; i++)
        backend_watch(model->backends->pdata[i]);
}

void model_add_backend(Model *model, AppBackend *open)
{
    ModelBackend *backend = g_new0(ModelBackend, 1);

    backend->model = model;
    backend->open = open;
    backend->name = g_intern_string(open->backend->name);
    g_ptr_array_add(model->backends, backend);
    if (model->tick_source != NULL)
        backend_list(backend);
    if (model->watching)
        backend_watch(backend);
    model_announce(model, MODEL_BACKENDS);
}

void model_remove_backend(Model *model, AppBackend *open)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->open != open)
            continue;
        g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);

        model_drop_unseen(model, backend, none);
        backend->open = NULL;
        /* Messages under way may still name it, so it is freed with the model. */
        g_ptr_array_add(model->removed, g_ptr_array_steal_index(model->backends, i));
        break;
    }
    model->sorted_valid = FALSE;
    model_announce(model, MODEL_INSTANCES | MODEL_BACKENDS);
}

void model_close_backends(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++)
        ((ModelBackend *)model->backends->pdata[i])->open = NULL;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* A list where events do not tell of changes, have not begun to, or may have missed one. */
static void backend_list_if_due(ModelBackend *backend)
{
    gboolean watched = backend->model->watching && backend->open->backend->ops->watch != NULL;

    if (!watched || backend->state != MODEL_BACKEND_UP ||
        gemel_boottime_ns() - backend->asked_ns > (gint64)RELIST_MS * 1000000)
        backend_list(backend);
}

void model_sample_all(Model *model)
{
    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        if (backend->asked_ns == 0 || model->watching)
            backend_list_if_due(backend);
        backend_sample(backend);
    }
}

static gboolean tick(gpointer data)
{
    Model *model = data;
    gint64 now = gemel_boottime_ns();
    gint64 refresh_ns = options_get_number(model->app->options, "refresh") * 1000000;

    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];

        backend_list_if_due(backend);
        /* timers come a little early or late: half a refresh does not make a sample wait */
        if (now + refresh_ns / 2 >= backend->sample_due_ns)
            backend_sample(backend);
    }
    return G_SOURCE_CONTINUE;
}

/* Moves the lanes' deadlines on and notices changes of their health; ends where nothing runs, and
   all is well then. */
static gboolean deadlines(gpointer data)
{
    Model *model = data;
    gboolean busy = FALSE;

    for (guint i = 0; i < model->backends->len; i++) {
        ModelBackend *backend = model->backends->pdata[i];
        g_autofree char *text = NULL;
        GemelLanesHealth health;

        busy = gemel_lanes_tick(backend->open->lanes) || busy;
        health = gemel_lanes_health(backend->open->lanes, &text);
        if (health != backend->health || g_strcmp0(text, backend->health_text) != 0) {
            backend->health = health;
            g_free(backend->health_text);
            backend->health_text = g_steal_pointer(&text);
            model_announce(model, MODEL_BACKENDS);
        }
    }
    if (!busy)
        app_source_remove(&model->deadline_source);
    return busy ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void model_watch_deadlines(Model *model)
{
    if (model->deadline_source == NULL)
        model->deadline_source = app_add_timer(model->app, DEADLINE_MS, deadlines, model);
}

void model_start(Model *model)
{
    gint64 refresh_ms = options_get_number(model->app->options, "refresh");

    model_stop(model);
    model_watch(model);
    model->tick_source = app_add_timer(model->app, (guint)refresh_ms, tick, model);
    model_refresh(model);
}

void model_stop(Model *model)
{
    app_source_remove(&model->tick_source);
}

/* ---- reading -------------------------------------------------------------------------------- */

GPtrArray *model_backends(Model *model)
{
    return model->backends;
}

static gint compare_instances(gconstpointer a, gconstpointer b)
{
    const ModelInstance *one = *(ModelInstance *const *)a, *two = *(ModelInstance *const *)b;
    int order = strcmp(one->backend->name, two->backend->name);

    if (order == 0)
        order = g_strcmp0(one->info->name, two->info->name);
    return order != 0 ? order : strcmp(one->info->id, two->info->id);
}

GPtrArray *model_instances(Model *model)
{
    if (!model->sorted_valid) {
        GHashTableIter iter;
        gpointer value;

        g_ptr_array_set_size(model->sorted, 0);
        g_hash_table_iter_init(&iter, model->by_key);
        while (g_hash_table_iter_next(&iter, NULL, &value))
            g_ptr_array_add(model->sorted, value);
        g_ptr_array_sort(model->sorted, compare_instances);
        model->sorted_valid = TRUE;
    }
    return model->sorted;
}

ModelInstance *model_instance(Model *model, const char *backend, const char *id)
{
    g_autofree char *key = g_strconcat(backend, "/", id, NULL);

    return g_hash_table_lookup(model->by_key, key);
}

GQueue *model_events(Model *model)
{
    return &model->events;
}

GPtrArray *model_jobs(Model *model)
{
    return model->jobs;
}

void model_job_changed(Model *model, GemelJob *job)
{
    g_autoptr(GemelJobView) view = gemel_job_view(job);
    gboolean slow = view->state == GEMEL_JOB_SLOW || view->state == GEMEL_JOB_LOST;

    model->calls += view->ended_usec != 0;

    if (!g_ptr_array_find(model->jobs, job, NULL)) {
        if (view->lane == GEMEL_LANE_READ && !slow)
            return; /* a read that goes well is no news */
        g_ptr_array_add(model->jobs, gemel_job_ref(job));
        if (model->jobs->len > JOBS_KEPT)
            g_ptr_array_remove_index(model->jobs, 0);
    }
    model_announce(model, MODEL_JOBS);
}

void model_set_doing(Model *model, const char *backend, const char *id, const char *doing)
{
    ModelInstance *instance = model_instance(model, backend, id);

    if (instance == NULL)
        return;
    instance->doing = doing;
    model_announce(model, MODEL_INSTANCES);
}
