/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/announce.h"
#include "console/output.h"

#include <string.h>

#define NS_PER_S  G_GINT64_CONSTANT(1000000000)
#define JOBS_KEPT 1000

/* What is known of an instance, as it was said last. */
typedef struct {
    char *name;
    GemelState state;
    gboolean quarantined, here;
    AnnounceMark mark[ANNOUNCE_N];
} Known;

/* The same of a backend. */
typedef struct {
    gboolean listed, down;
    GemelLanesHealth health;
} KnownBackend;

struct Announce {
    Model *model;
    void (*say)(const char *text, gpointer data);
    gpointer data;
    guint listener;
    GHashTable *instances;         /* "backend/id" -> Known */
    GHashTable *backends;          /* name -> KnownBackend */
    GHashTable *jobs;              /* id -> last state that was said */
    guint64 event;                 /* serial of the newest that was seen */
    gint64 began_usec, ended_usec; /* of the last command; ended 0: it runs */
};

/* Above `high` a figure is said to be high, below `low` to be so no more. */
static const struct {
    const char *name, *of;
    double high, low;
} marks[ANNOUNCE_N] = {
    [ANNOUNCE_CPU] = {"CPU use", "of what it may use", 90, 70},
    [ANNOUNCE_MEMORY] = {"memory use", "of its limit", 90, 80},
    [ANNOUNCE_PRESSURE] = {"pressure", "of the last 10 seconds", 25, 10},
};

static void say(Announce *announce, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(Announce *announce, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    announce->say(text, announce->data);
}

static const char *kind_text(const ModelInstance *instance)
{
    return instance->info->kind == GEMEL_KIND_VM ? "guest" : "container";
}

/* ", exit status 0" or nothing. */
static char *reason_text(const char *reason)
{
    return reason != NULL && *reason != '\0' ? g_strconcat(", ", reason, NULL) : g_strdup("");
}

/* ---- figures -------------------------------------------------------------------------------- */

int announce_mark(AnnounceMark *mark, AnnounceFigure figure, double percent, gint64 now_ns)
{
    gboolean other = mark->high ? percent < marks[figure].low : percent >= marks[figure].high;

    if (!other) {
        mark->crossed_ns = 0;
        return 0;
    }
    if (mark->crossed_ns == 0)
        mark->crossed_ns = now_ns;
    if (now_ns - mark->crossed_ns < ANNOUNCE_HOLD_S * NS_PER_S ||
        (mark->said_ns != 0 && now_ns - mark->said_ns < ANNOUNCE_PAUSE_S * NS_PER_S))
        return 0;
    mark->high = !mark->high;
    mark->crossed_ns = 0;
    mark->said_ns = now_ns;
    return mark->high ? 1 : -1;
}

/* In percent; -1 where there is none. */
static double figure_of(const ModelInstance *instance, AnnounceFigure figure)
{
    double percent;
    guint64 used, limit;

    switch (figure) {
    case ANNOUNCE_CPU:
        return model_cpu_percent(instance, MODEL_CPU_OF_LIMIT, &percent) ? percent : -1;
    case ANNOUNCE_MEMORY:
        return model_memory(instance, &used, &limit) && limit > 0
                   ? 100.0 * (double)used / (double)limit
                   : -1;
    default:
        return model_figure_pressure(instance, &percent) ? percent : -1;
    }
}

static void tell_figures(Announce *announce)
{
    GPtrArray *all = model_instances(announce->model);
    gint64 now_ns = gemel_boottime_ns();
    guint said = 0;

    for (guint i = 0; i < all->len && said < ANNOUNCE_BURST; i++) {
        const ModelInstance *instance = all->pdata[i];
        g_autofree char *key = g_strconcat(instance->backend->name, "/", instance->info->id, NULL);
        Known *known = g_hash_table_lookup(announce->instances, key);

        if (known == NULL || model_is_stale(announce->model, instance))
            continue;
        for (AnnounceFigure f = 0; f < ANNOUNCE_N && said < ANNOUNCE_BURST; f++) {
            double percent = figure_of(instance, f);
            int turn = percent >= 0 ? announce_mark(&known->mark[f], f, percent, now_ns) : 0;

            if (turn == 0)
                continue;
            say(announce, "%s: %s is %s, %.0f percent %s", known->name, marks[f].name,
                turn > 0 ? "high" : "low again", percent, marks[f].of);
            said++;
        }
    }
}

/* ---- instances ------------------------------------------------------------------------------ */

static void known_free(gpointer data)
{
    Known *known = data;

    g_free(known->name);
    g_free(known);
}

static KnownBackend *known_backend(Announce *announce, const ModelBackend *backend)
{
    KnownBackend *known = g_hash_table_lookup(announce->backends, backend->name);

    if (known == NULL) {
        known = g_new0(KnownBackend, 1);
        g_hash_table_insert(announce->backends, g_strdup(backend->name), known);
    }
    return known;
}

static void tell_state(Announce *announce, Known *known, const ModelInstance *instance)
{
    g_autofree char *reason = reason_text(instance->info->state_reason);

    say(announce, "%s is %s%s", known->name, gemel_state_name(instance->info->state), reason);
}

/* One instance against what was known of it; `aloud` is FALSE for a backend's first list. */
static void compare_instance(Announce *announce, const ModelInstance *instance, gboolean aloud)
{
    g_autofree char *key = g_strconcat(instance->backend->name, "/", instance->info->id, NULL);
    Known *known = g_hash_table_lookup(announce->instances, key);
    const char *name = instance->info->name != NULL ? instance->info->name : instance->info->id;
    gboolean quarantined = instance->quarantine != NULL;

    if (known == NULL) {
        known = g_new0(Known, 1);
        known->name = g_strdup(name);
        known->state = instance->info->state;
        g_hash_table_insert(announce->instances, g_steal_pointer(&key), known);
        if (aloud)
            say(announce, "new: %s %s, %s", kind_text(instance), name,
                gemel_state_name(known->state));
    }
    known->here = TRUE;
    if (strcmp(known->name, name) != 0) {
        say(announce, "%s is now called %s", known->name, name);
        g_free(known->name);
        known->name = g_strdup(name);
    }
    if (known->state != instance->info->state) {
        known->state = instance->info->state;
        tell_state(announce, known, instance);
    }
    if (known->quarantined != quarantined) {
        known->quarantined = quarantined;
        if (quarantined)
            say(announce, "%s gives no figures: %s", name, instance->quarantine);
        else
            say(announce, "%s gives figures again", name);
    }
}

/* "sim has 12 instances: 8 running, 4 stopped" */
static void tell_first_list(Announce *announce, const ModelBackend *backend)
{
    GPtrArray *all = model_instances(announce->model);
    guint count[GEMEL_STATE_N] = {0}, total = 0;
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        if (instance->backend != backend)
            continue;
        count[instance->info->state]++;
        total++;
    }
    for (GemelState state = 0; state < GEMEL_STATE_N; state++)
        if (count[state] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : ": ", count[state],
                                   gemel_state_name(state));
    say(announce, "%s has %u instance%s%s", backend->name, total, total == 1 ? "" : "s", text->str);
}

static void tell_instances(Announce *announce)
{
    GPtrArray *all = model_instances(announce->model);
    GPtrArray *backends = model_backends(announce->model);
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, announce->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        ((Known *)value)->here = FALSE;
    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        compare_instance(announce, instance, known_backend(announce, instance->backend)->listed);
    }
    g_hash_table_iter_init(&iter, announce->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((Known *)value)->here)
            continue;
        say(announce, "gone: %s", ((Known *)value)->name);
        g_hash_table_iter_remove(&iter);
    }
    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];
        KnownBackend *known = known_backend(announce, backend);

        if (backend->listed && !known->listed)
            tell_first_list(announce, backend);
        known->listed = known->listed || backend->listed;
    }
}

/* ---- backends, events, jobs ----------------------------------------------------------------- */

static void tell_backends(Announce *announce)
{
    GPtrArray *backends = model_backends(announce->model);

    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];
        KnownBackend *known = known_backend(announce, backend);
        gboolean down = backend->state == MODEL_BACKEND_DOWN;

        if (known->down != down && down)
            say(announce, "%s is down: %s", backend->name,
                backend->error != NULL ? backend->error->message : "no reason given");
        else if (known->down != down && backend->state == MODEL_BACKEND_UP)
            say(announce, "%s is up", backend->name);
        if (backend->state != MODEL_BACKEND_CONNECTING)
            known->down = down;
        if (known->health != backend->health) {
            const char *text = backend->health_text != NULL ? backend->health_text : "";

            if (backend->health == GEMEL_LANES_OK)
                say(announce, "%s responds again", backend->name);
            else
                say(announce, "%s %s: %s", backend->name,
                    backend->health == GEMEL_LANES_UNRESPONSIVE ? "does not respond" : "is slow",
                    *text != '\0' ? text : "waiting for an answer");
            known->health = backend->health;
        }
    }
}

/* Those that say more than the lists do. */
static void tell_events(Announce *announce)
{
    for (const GList *at = model_events(announce->model)->head; at != NULL; at = at->next) {
        const ModelEvent *event = at->data;
        const char *name = event->name != NULL ? event->name : event->id;
        const char *detail = event->detail != NULL ? event->detail : "";

        if (event->serial <= announce->event)
            continue;
        announce->event = event->serial;
        if (event->type == GEMEL_EVENT_ALERT)
            say(announce, "alert: %s: %s", name, detail);
        else if (event->type == GEMEL_EVENT_ALERT_OVER)
            say(announce, "alert over: %s: %s", name, detail);
        else if (event->type == GEMEL_EVENT_CHANGED && name != NULL)
            say(announce, "%s has changed%s%s", name, *detail != '\0' ? ", " : "", detail);
    }
}

/* Whether the command that was typed waits for this job, and prints how it ended. */
static gboolean is_commands_own(const Announce *announce, const GemelJobView *view)
{
    return announce->began_usec != 0 && view->queued_usec >= announce->began_usec &&
           (announce->ended_usec == 0 || view->queued_usec <= announce->ended_usec);
}

static void tell_job(Announce *announce, const GemelJobView *view)
{
    const char *title = view->title != NULL ? view->title : view->kind;
    const char *waits = view->waits_for != NULL ? view->waits_for : "an answer";

    if (view->state == GEMEL_JOB_SLOW)
        say(announce, "slow: %s, it waits for %s", title, waits);
    else if (view->state == GEMEL_JOB_LOST)
        say(announce, "lost: %s, which waits for %s and is not waited for any more", title, waits);
    else if (is_commands_own(announce, view))
        return;
    else if (view->state == GEMEL_JOB_DONE)
        say(announce, "done: %s", title);
    else if (view->state == GEMEL_JOB_FAILED)
        say(announce, "failed: %s: %s", title, view->error != NULL ? view->error : "no reason");
    else if (view->state == GEMEL_JOB_CANCELLED)
        say(announce, "cancelled: %s", title);
}

/* A read that is late makes figures old. */
static void tell_read(Announce *announce, const GemelJobView *view, gboolean was_late)
{
    const char *title = view->title != NULL ? view->title : view->kind;
    const char *waits = view->waits_for != NULL ? view->waits_for : "an answer";

    if (view->state == GEMEL_JOB_SLOW)
        say(announce, "%s is slow: %s waits for %s", view->backend, title, waits);
    else if (view->state == GEMEL_JOB_LOST)
        say(announce, "%s does not answer: %s is not waited for any more", view->backend, title);
    else if (was_late)
        say(announce, "%s: %s came to its end", view->backend, title);
}

/* The model has let go of it. */
static gboolean is_older(gpointer key, gpointer value, gpointer oldest)
{
    return *(gint64 *)key < *(gint64 *)oldest;
}

static void tell_jobs(Announce *announce)
{
    GPtrArray *jobs = model_jobs(announce->model);

    if (jobs->len > 0 && g_hash_table_size(announce->jobs) > JOBS_KEPT) {
        g_autoptr(GemelJobView) first = gemel_job_view(jobs->pdata[0]);
        gint64 oldest = (gint64)first->id;

        g_hash_table_foreach_remove(announce->jobs, is_older, &oldest);
    }

    for (guint i = 0; i < jobs->len; i++) {
        g_autoptr(GemelJobView) view = gemel_job_view(jobs->pdata[i]);
        gint64 id = (gint64)view->id;
        gpointer said = g_hash_table_lookup(announce->jobs, &id);

        if (view->state < GEMEL_JOB_SLOW || GPOINTER_TO_INT(said) == (int)view->state + 1)
            continue;
        g_hash_table_insert(announce->jobs, g_memdup2(&id, sizeof id),
                            GINT_TO_POINTER((int)view->state + 1));
        if (view->lane == GEMEL_LANE_ACT)
            tell_job(announce, view);
        else
            tell_read(announce, view, said != NULL);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static void changed(ModelChange what, gpointer data)
{
    Announce *announce = data;

    if ((what & MODEL_BACKENDS) != 0)
        tell_backends(announce);
    if ((what & (MODEL_INSTANCES | MODEL_FIGURES | MODEL_BACKENDS)) != 0)
        tell_instances(announce);
    if ((what & MODEL_EVENTS) != 0)
        tell_events(announce);
    if ((what & MODEL_JOBS) != 0)
        tell_jobs(announce);
    if ((what & MODEL_FIGURES) != 0)
        tell_figures(announce);
}

Announce *announce_new(Model *model, void (*say_it)(const char *text, gpointer data), gpointer data)
{
    Announce *announce = g_new0(Announce, 1);

    announce->model = model;
    announce->say = say_it;
    announce->data = data;
    announce->instances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    announce->backends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    announce->jobs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    announce->listener = model_listen(model, changed, announce);
    return announce;
}

void announce_free(Announce *announce)
{
    model_unlisten(announce->model, announce->listener);
    g_hash_table_unref(announce->instances);
    g_hash_table_unref(announce->backends);
    g_hash_table_unref(announce->jobs);
    g_free(announce);
}

void announce_command_begins(Announce *announce)
{
    announce->began_usec = g_get_monotonic_time();
    announce->ended_usec = 0;
}

void announce_command_ended(Announce *announce)
{
    announce->ended_usec = g_get_monotonic_time();
}
