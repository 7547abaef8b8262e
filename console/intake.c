/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * intake.c - lists and samples of a backend into the model, in slices.
 *
 * Taking in 10,000 instances takes tens of milliseconds, in which no key would be drawn. So an
 * intake handles INTAKE_SLICE rows, then posts its continuation behind whatever else waits. A newer
 * list or sample of the same backend supersedes one that is still under way.
 */
#include "console/model_private.h"
#include "console/writer.h"

#define INTAKE_SLICE 500

struct Intake {
    ModelBackend *backend;
    GPtrArray *rows; /* of GemelInstance* or GemelSample*; the job's too */
    guint next;
    GHashTable *seen;    /* ids of a list, pointing into its rows; NULL for a sample */
    gboolean superseded; /* by a newer one */
    gint64 position;     /* of a sample, on the backend's axis */
};

static char *instance_key(const char *backend, const char *id)
{
    return g_strconcat(backend, "/", id, NULL);
}

/* It is about to have no figures any more. */
static void tell_figures_gone(Model *model, ModelInstance *instance)
{
    if (model->figures_gone != NULL && instance->alerts != 0)
        model->figures_gone(instance, model->sample_taken_data);
}

/* Merges one listed instance. */
static void take_instance(Intake *intake, const GemelInstance *from)
{
    ModelBackend *backend = intake->backend;
    Model *model = backend->model;
    g_autofree char *key = instance_key(backend->name, from->id);
    ModelInstance *instance = g_hash_table_lookup(model->by_key, key);
    gboolean running = from->state == GEMEL_STATE_RUNNING || from->state == GEMEL_STATE_PAUSED ||
                       from->state == GEMEL_STATE_STOPPING;

    if (instance == NULL) {
        instance = g_new0(ModelInstance, 1);
        instance->backend = backend;
        instance->key = g_strdup(key);
        g_hash_table_insert(model->by_key, g_steal_pointer(&key), instance);
        backend->n_instances++;
        model->sorted_valid = FALSE;
    } else {
        if (g_strcmp0(instance->info->name, from->name) != 0)
            model->sorted_valid = FALSE;
        if (instance->sample_ns > 0 &&
            (!running || instance->info->started_boottime_ns != from->started_boottime_ns)) {
            tell_figures_gone(model, instance);
            model_instance_clear_figures(instance);
        }
        gemel_instance_free(instance->info);
    }
    instance->info = gemel_instance_copy(from);
    g_hash_table_add(intake->seen, from->id);
}

void model_drop_unseen(Model *model, ModelBackend *backend, GHashTable *seen)
{
    GHashTableIter iter;
    gpointer value;

    /* what was seen is there: with as many of them nothing else can be */
    if (backend->n_instances == g_hash_table_size(seen))
        return;
    g_hash_table_iter_init(&iter, model->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ModelInstance *instance = value;

        if (instance->backend == backend && !g_hash_table_contains(seen, instance->info->id)) {
            tell_figures_gone(model, instance);
            g_ptr_array_add(model->gone, instance);
            g_hash_table_iter_remove(&iter);
            backend->n_instances--;
            model->sorted_valid = FALSE;
        }
    }
}

/* The whole list is in. */
static void list_taken(Intake *intake)
{
    ModelBackend *backend = intake->backend;

    model_drop_unseen(backend->model, backend, intake->seen);
    backend->state = MODEL_BACKEND_UP;
    backend->listed = TRUE;
    backend->list_ns = gemel_boottime_ns();
    backend->lists_pending -= MIN(backend->lists_pending, backend->lists_answered);
    backend->lists_answered = 0;
    model_announce(backend->model, MODEL_INSTANCES | MODEL_BACKENDS);
}

static void take_sample(Intake *intake, const GemelSample *sample)
{
    ModelBackend *backend = intake->backend;
    ModelInstance *instance = model_instance(backend->model, backend->name, sample->id);

    if (instance == NULL)
        return;
    gint64 before_ns = instance->sample_ns;

    model_instance_take_sample(instance, sample, intake->position, backend->axis.capacity);
    if (backend->model->sample_taken != NULL && instance->sample_ns != before_ns)
        backend->model->sample_taken(instance, before_ns, backend->model->sample_taken_data);
}

static void rows_free(void *rows)
{
    g_ptr_array_unref(rows);
}

/* Freeing ten thousand instances takes longer than a key may wait: another thread does it. */
static void intake_free(Intake *intake)
{
    App *app = intake->backend->model->app;
    Intake **place =
        intake->seen != NULL ? &intake->backend->list_intake : &intake->backend->sample_intake;

    if (*place == intake)
        *place = NULL;
    g_clear_pointer(&intake->seen, g_hash_table_unref);
    if (intake->rows->len > INTAKE_SLICE && app->disposer != NULL)
        writer_post(app->disposer, rows_free, intake->rows);
    else
        g_ptr_array_unref(intake->rows);
    g_free(intake);
}

/* One slice. */
static void intake_go_on(void *data)
{
    Intake *intake = data;
    guint end = MIN(intake->next + INTAKE_SLICE, intake->rows->len);

    if (intake->superseded || intake->backend->open == NULL) {
        intake_free(intake);
        return;
    }
    for (; intake->next < end; intake->next++) {
        if (intake->seen != NULL)
            take_instance(intake, intake->rows->pdata[intake->next]);
        else
            take_sample(intake, intake->rows->pdata[intake->next]);
    }
    if (intake->next < intake->rows->len) {
        hub_post(intake->backend->model->app->hub, intake_go_on, intake);
        return;
    }
    if (intake->seen != NULL) {
        list_taken(intake);
    } else {
        intake->backend->sample_ns = gemel_boottime_ns();
        model_announce(intake->backend->model, MODEL_FIGURES);
    }
    intake_free(intake);
}

static void intake_start(ModelBackend *backend, Intake **place, GPtrArray *rows, GHashTable *seen,
                         gint64 position)
{
    Intake *intake = g_new0(Intake, 1);
    App *app = backend->model->app;

    if (rows->len > INTAKE_SLICE && app->disposer == NULL)
        app->disposer = writer_new();
    if (*place != NULL)
        (*place)->superseded = TRUE;
    *place = intake;
    intake->backend = backend;
    intake->rows = g_ptr_array_ref(rows);
    intake->seen = seen;
    intake->position = position;
    intake_go_on(intake);
}

void model_take_list(ModelBackend *backend, GPtrArray *list)
{
    backend->lists_answered++;
    intake_start(backend, &backend->list_intake, list, g_hash_table_new(g_str_hash, g_str_equal),
                 0);
}

void model_take_samples(ModelBackend *backend, GPtrArray *samples)
{
    gint64 refresh_ms = options_get_number(backend->model->app->options, "refresh");

    history_axis_resize(&backend->axis, history_capacity(refresh_ms));
    intake_start(backend, &backend->sample_intake, samples, NULL,
                 history_axis_step(&backend->axis, gemel_boottime_ns()));
}
