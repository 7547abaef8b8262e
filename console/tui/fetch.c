/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fetch.c - what pages show beyond the model: inspect, snapshots, processes, isolation,
   log, host; read when looked at. */
#include <string.h>

#include "console/reads.h"
#include "console/tui/tui_private.h"

/* Of so many instances, those looked at last, answers are kept. */
#define FETCH_KEPT 32

/* A table for each, of the same kind of entry: "backend/id" -> Entry. */
typedef enum {
    FETCH_INSPECT,
    FETCH_SNAPSHOTS,
    FETCH_PROCESSES,
    FETCH_ISOLATION,
    FETCH_LOG,
    FETCH_HOST, /* by "backend" */
    FETCH_N
} FetchWhat;

typedef struct {
    Fetched fetched; /* first: pages see only this */
    Fetch *fetch;
    FetchWhat what;
    /* of those whose results stay their jobs': the one shown while another is under way, and
       (processes) the one before */
    GemelJob *shown, *before;
    char *key;
    gint64 looked_usec; /* when a page last asked for it */
    GemelJob *job;      /* under way, of processes the newest; NULL = none */
} Entry;

struct Fetch {
    Tui *tui;
    GHashTable *entries[FETCH_N];
};

static void clear_answer(Fetched *fetched)
{
    g_clear_pointer(&fetched->error, g_free);
    g_clear_pointer(&fetched->essentials, json_decref);
    g_clear_pointer(&fetched->definition, g_free);
    g_clear_pointer(&fetched->snapshots, g_ptr_array_unref);
}

static void entry_free(gpointer data)
{
    Entry *entry = data;

    if (entry->job != NULL) {
        gemel_job_disown(entry->job, entry);
        gemel_job_unref(entry->job);
    }
    clear_answer(&entry->fetched);
    g_clear_pointer(&entry->shown, gemel_job_unref);
    g_clear_pointer(&entry->before, gemel_job_unref);
    g_free(entry->key);
    g_free(entry);
}

Fetch *fetch_new(Tui *tui)
{
    Fetch *fetch = g_new0(Fetch, 1);

    fetch->tui = tui;
    for (int i = 0; i < FETCH_N; i++)
        fetch->entries[i] = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    return fetch;
}

void fetch_free(Fetch *fetch)
{
    if (fetch == NULL)
        return;
    for (int i = 0; i < FETCH_N; i++)
        g_hash_table_unref(fetch->entries[i]);
    g_free(fetch);
}

/* ---- on the worker -------------------------------------------------------------------------- */

static gpointer run_inspect(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->inspect(conn, arg, error);
}

static gpointer run_processes(GemelConn *conn, const GemelActArgs *args, gpointer arg,
                              GError **error)
{
    return conn->backend->ops->processes(conn, arg, error);
}

static void inspect_result_free(gpointer data)
{
    gemel_inspect_free(data);
}

static void snapshots_result_free(gpointer data)
{
    g_ptr_array_unref(data);
}

static void processes_result_free(gpointer data)
{
    gemel_processes_free(data);
}

static void isolation_result_free(gpointer data)
{
    gemel_isolation_free(data);
}

static void log_result_free(gpointer data)
{
    gemel_log_free(data);
}

static void host_result_free(gpointer data)
{
    gemel_host_free(data);
}

/* ---- back on the UI thread ------------------------------------------------------------------ */

/* Those whose results are pointed into. */
static gboolean keeps_job(FetchWhat what)
{
    return what == FETCH_PROCESSES || what == FETCH_ISOLATION || what == FETCH_LOG ||
           what == FETCH_HOST;
}

static void fetch_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Entry *entry = data;
    Fetched *fetched = &entry->fetched;

    clear_answer(fetched);
    if (entry->what == FETCH_PROCESSES) { /* what was shown is what rates are made with */
        g_clear_pointer(&entry->before, gemel_job_unref);
        entry->before = g_steal_pointer(&entry->shown);
        fetched->processes_before = fetched->processes;
    }
    fetched->processes = NULL;
    fetched->isolation = NULL;
    fetched->log = NULL;
    fetched->host = NULL;
    g_clear_pointer(&entry->shown, gemel_job_unref);
    fetched->pending = FALSE;
    fetched->taken_usec = g_get_monotonic_time();
    if (result == NULL) {
        fetched->error = g_strdup(error != NULL ? error->message : "no answer");
    } else if (entry->what == FETCH_INSPECT) {
        const GemelInspect *inspect = result;

        fetched->essentials = inspect->essentials != NULL ? json_incref(inspect->essentials) : NULL;
        fetched->definition = g_strdup(inspect->definition);
        fetched->definition_format = inspect->definition_format;
    } else if (entry->what == FETCH_PROCESSES) {
        fetched->processes = result; /* the job's, which is kept */
    } else if (entry->what == FETCH_ISOLATION) {
        fetched->isolation = result;
    } else if (entry->what == FETCH_LOG) {
        fetched->log = result;
    } else if (entry->what == FETCH_HOST) {
        fetched->host = result;
    } else {
        fetched->snapshots = g_ptr_array_ref(result);
    }
    if (result != NULL && !keeps_job(entry->what))
        g_clear_pointer(&entry->job, gemel_job_unref); /* all of it was taken */
    if (entry->what == FETCH_INSPECT)
        menus_refresh(entry->fetch->tui);
    tui_changed(entry->fetch->tui);
}

static const struct {
    const char *kind;
    GemelJobFunc run;
    GDestroyNotify result_free;
    const char *cannot; /* what a backend without the operation is said to lack */
} requests[FETCH_N] = {
    [FETCH_INSPECT] = {"inspect", run_inspect, inspect_result_free, ""},
    [FETCH_SNAPSHOTS] = {"snapshots", read_snapshots, snapshots_result_free, "has no snapshots"},
    [FETCH_PROCESSES] = {"processes", run_processes, processes_result_free,
                         "cannot tell of processes"},
    [FETCH_ISOLATION] = {"isolation", read_isolation, isolation_result_free,
                         "cannot tell of isolation"},
    [FETCH_LOG] = {"log", read_log, log_result_free, "keeps no logs"},
    [FETCH_HOST] = {"host", read_host, host_result_free, "cannot tell of its host"},
};

static gboolean has_operation(const GemelBackendOps *ops, FetchWhat what)
{
    switch (what) {
    case FETCH_SNAPSHOTS:
        return ops->snapshots != NULL;
    case FETCH_PROCESSES:
        return ops->processes != NULL;
    case FETCH_ISOLATION:
        return ops->isolation != NULL;
    case FETCH_LOG:
        return ops->log_tail != NULL;
    case FETCH_HOST:
        return ops->host != NULL;
    default:
        return TRUE;
    }
}

/* The backend that is asked, and about whom; NULL when either is gone. */
static AppBackend *asked(const Entry *entry, const char **ret_id)
{
    const ModelInstance *instance;

    *ret_id = NULL;
    if (entry->what == FETCH_HOST)
        return app_backend(entry->fetch->tui->app, entry->key);
    instance = tui_instance(entry->fetch->tui, entry->key);
    if (instance == NULL)
        return NULL;
    *ret_id = instance->info->id;
    return instance->backend->open;
}

/* Asks, unless an answer is under way. */
static void request(Entry *entry)
{
    Fetched *fetched = &entry->fetched;
    const char *id;
    AppBackend *backend;

    if (fetched->pending)
        return;
    backend = asked(entry, &id);
    if (backend == NULL || !has_operation(backend->backend->ops, entry->what)) {
        if (backend == NULL)
            clear_answer(fetched);
        g_free(fetched->error);
        fetched->error = backend == NULL ? g_strdup("it is gone")
                                         : g_strdup_printf("%s %s", backend->backend->name,
                                                           requests[entry->what].cannot);
        fetched->taken_usec = g_get_monotonic_time();
        return;
    }
    if (entry->job != NULL)
        gemel_job_disown(entry->job, entry);
    if (entry->job != NULL && (fetched->processes != NULL || fetched->isolation != NULL ||
                               fetched->log != NULL || fetched->host != NULL)) {
        g_clear_pointer(&entry->shown, gemel_job_unref);
        entry->shown = g_steal_pointer(&entry->job);
    }
    g_clear_pointer(&entry->job, gemel_job_unref);
    fetched->pending = TRUE;
    entry->job =
        gemel_lanes_submit(backend->lanes, GEMEL_LANE_READ,
                           &(GemelJobSpec){.kind = requests[entry->what].kind,
                                           .instance_id = id,
                                           .run = requests[entry->what].run,
                                           .arg = g_strdup(id),
                                           .arg_free = g_free,
                                           .result_free = requests[entry->what].result_free,
                                           .hard_ms = 10000},
                           fetch_done, entry);
}

/* Makes room for one more: what was not looked at for longest goes. */
static void make_room(GHashTable *entries)
{
    GHashTableIter iter;
    gpointer value;
    const Entry *oldest = NULL;

    if (g_hash_table_size(entries) < FETCH_KEPT)
        return;
    g_hash_table_iter_init(&iter, entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Entry *entry = value;

        if (oldest == NULL || entry->looked_usec < oldest->looked_usec)
            oldest = entry;
    }
    g_hash_table_remove(entries, oldest->key);
}

static const Fetched *fetch_get(Fetch *fetch, FetchWhat what, const char *key, gint64 max_age_ms)
{
    Entry *entry = g_hash_table_lookup(fetch->entries[what], key);

    if (entry == NULL) {
        make_room(fetch->entries[what]);
        entry = g_new0(Entry, 1);
        entry->fetch = fetch;
        entry->what = what;
        entry->key = g_strdup(key);
        g_hash_table_insert(fetch->entries[what], entry->key, entry);
    }
    entry->looked_usec = g_get_monotonic_time();
    gint64 age = entry->looked_usec - entry->fetched.taken_usec;

    if (entry->fetched.taken_usec == 0 || (max_age_ms > 0 && age > max_age_ms * 1000))
        request(entry);
    return &entry->fetched;
}

const Fetched *fetch_inspect(Fetch *fetch, const char *key, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_INSPECT, key, max_age_ms);
}

const Fetched *fetch_snapshots(Fetch *fetch, const char *key, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_SNAPSHOTS, key, max_age_ms);
}

const Fetched *fetch_processes(Fetch *fetch, const char *key, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_PROCESSES, key, max_age_ms);
}

const Fetched *fetch_isolation(Fetch *fetch, const char *key, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_ISOLATION, key, max_age_ms);
}

const Fetched *fetch_log(Fetch *fetch, const char *key, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_LOG, key, max_age_ms);
}

const Fetched *fetch_host(Fetch *fetch, const char *backend, gint64 max_age_ms)
{
    return fetch_get(fetch, FETCH_HOST, backend, max_age_ms);
}

/* What was answered stays on the screen until the new answer is there. */
void fetch_forget(Fetch *fetch, const char *key)
{
    for (int i = 0; i < FETCH_N; i++) {
        Entry *entry = g_hash_table_lookup(fetch->entries[i], key);

        if (entry != NULL)
            entry->fetched.taken_usec = 0;
    }
}
