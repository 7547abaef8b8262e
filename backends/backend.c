/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/backend.h"

#include <string.h>
#include <time.h>

static const char *const kind_names[GEMEL_KIND_N] = {
    [GEMEL_KIND_VM] = "vm",
    [GEMEL_KIND_CONTAINER] = "container",
};

static const char *const state_names[GEMEL_STATE_N] = {
    [GEMEL_STATE_UNKNOWN] = "unknown",   [GEMEL_STATE_RUNNING] = "running",
    [GEMEL_STATE_PAUSED] = "paused",     [GEMEL_STATE_STOPPED] = "stopped",
    [GEMEL_STATE_STARTING] = "starting", [GEMEL_STATE_STOPPING] = "stopping",
    [GEMEL_STATE_CRASHED] = "crashed",   [GEMEL_STATE_SAVED] = "saved",
};

static const char *const event_names[GEMEL_EVENT_N] = {
    [GEMEL_EVENT_ADDED] = "added",           [GEMEL_EVENT_REMOVED] = "removed",
    [GEMEL_EVENT_STATE] = "state",           [GEMEL_EVENT_CHANGED] = "changed",
    [GEMEL_EVENT_BACKEND_UP] = "backend-up", [GEMEL_EVENT_BACKEND_DOWN] = "backend-down",
    [GEMEL_EVENT_ALERT] = "alert",           [GEMEL_EVENT_ALERT_OVER] = "alert-over",
};

#define IN(state) (1u << GEMEL_STATE_##state)
#define OFF       (IN(STOPPED) | IN(CRASHED) | IN(SAVED))
#define ALIVE     (IN(RUNNING) | IN(PAUSED) | IN(STOPPING))
#define SETTLED   (OFF | IN(RUNNING) | IN(PAUSED))

/* The state machine every backend shares: in which states an act makes sense, and what is said
   otherwise. */
static const struct {
    const char *name;
    guint32 states;
    const char *otherwise;
    gboolean destroys; /* takes something away for good: refused for what is protected */
} acts[GEMEL_ACT_N] = {
    [GEMEL_ACT_START] = {"start", OFF, "is already running"},
    [GEMEL_ACT_STOP] = {"stop", IN(RUNNING) | IN(STOPPING), "is not running"},
    [GEMEL_ACT_KILL] = {"kill", ALIVE | IN(STARTING), "is not running", TRUE},
    [GEMEL_ACT_RESTART] = {"restart", IN(RUNNING), "is not running"},
    [GEMEL_ACT_RESET] = {"reset", ALIVE, "is not running", TRUE},
    [GEMEL_ACT_PAUSE] = {"pause", IN(RUNNING), "is not running"},
    [GEMEL_ACT_RESUME] = {"resume", IN(PAUSED), "is not paused"},
    [GEMEL_ACT_DELETE] = {"delete", OFF | IN(UNKNOWN), "is running", TRUE},
    [GEMEL_ACT_LIMIT] = {"limit", SETTLED, "is changing its state"},
    [GEMEL_ACT_SAVE] = {"save", IN(RUNNING) | IN(PAUSED), "is not running"},
    [GEMEL_ACT_RESTORE] = {"restore", IN(SAVED), "has no saved memory"},
    [GEMEL_ACT_AUTOSTART] = {"autostart", SETTLED, "is changing its state"},
    [GEMEL_ACT_PROTECT] = {"protect", SETTLED, "is changing its state"},
    [GEMEL_ACT_RENAME] = {"rename", IN(STOPPED) | IN(CRASHED), "is running; stop it first"},
    [GEMEL_ACT_CLONE] = {"clone", IN(STOPPED) | IN(CRASHED), "is running; stop it first"},
    [GEMEL_ACT_EDIT] = {"edit", SETTLED, "is changing its state"},
    [GEMEL_ACT_CONSOLE] = {"console", ALIVE | IN(STARTING), "is not running"},
    [GEMEL_ACT_EXEC] = {"exec", IN(RUNNING), "is not running"},
    [GEMEL_ACT_SNAPSHOT_CREATE] = {"snapshot create", SETTLED, "is changing its state"},
    [GEMEL_ACT_SNAPSHOT_REVERT] = {"snapshot revert", SETTLED, "is changing its state", TRUE},
    [GEMEL_ACT_SNAPSHOT_DELETE] = {"snapshot delete", SETTLED, "is changing its state", TRUE},
};

const char *gemel_kind_name(GemelKind kind)
{
    return kind < GEMEL_KIND_N ? kind_names[kind] : "unknown";
}

const char *gemel_state_name(GemelState state)
{
    return state < GEMEL_STATE_N ? state_names[state] : "unknown";
}

const char *gemel_act_name(GemelAct act)
{
    return act < GEMEL_ACT_N ? acts[act].name : "unknown";
}

const char *gemel_act_phrase(GemelAct act)
{
    static const char *const phrases[GEMEL_ACT_N] = {
        [GEMEL_ACT_CONSOLE] = "open its console",
        [GEMEL_ACT_EXEC] = "run a command in it",
        [GEMEL_ACT_AUTOSTART] = "change its autostart",
        [GEMEL_ACT_EDIT] = "edit its definition",
        [GEMEL_ACT_SNAPSHOT_CREATE] = "take a snapshot of it",
        [GEMEL_ACT_SNAPSHOT_REVERT] = "take it back to a snapshot",
        [GEMEL_ACT_SNAPSHOT_DELETE] = "delete a snapshot of it",
    };

    return act < GEMEL_ACT_N && phrases[act] != NULL ? phrases[act] : gemel_act_name(act);
}

const char *gemel_event_type_name(GemelEventType type)
{
    return type < GEMEL_EVENT_N ? event_names[type] : "unknown";
}

gint64 gemel_boottime_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

GemelInstance *gemel_instance_new(const char *backend, GemelKind kind, const char *id,
                                  const char *name)
{
    GemelInstance *instance = g_new0(GemelInstance, 1);

    instance->backend = g_strdup(backend);
    instance->kind = kind;
    instance->id = g_strdup(id);
    instance->name = g_strdup(name);
    return instance;
}

void gemel_instance_free(GemelInstance *instance)
{
    if (instance == NULL)
        return;
    g_free(instance->id);
    g_free(instance->name);
    g_free(instance->backend);
    g_free(instance->state_reason);
    g_free(instance->image);
    g_clear_pointer(&instance->labels, g_hash_table_unref);
    g_free(instance);
}

GemelInstance *gemel_instance_copy(const GemelInstance *instance)
{
    GemelInstance *copy = g_memdup2(instance, sizeof *instance);

    copy->id = g_strdup(instance->id);
    copy->name = g_strdup(instance->name);
    copy->backend = g_strdup(instance->backend);
    copy->state_reason = g_strdup(instance->state_reason);
    copy->image = g_strdup(instance->image);
    if (instance->labels != NULL) {
        GHashTableIter iter;
        gpointer key, value;

        copy->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_iter_init(&iter, instance->labels);
        while (g_hash_table_iter_next(&iter, &key, &value))
            g_hash_table_insert(copy->labels, g_strdup(key), g_strdup(value));
    }
    return copy;
}

GemelSample *gemel_sample_new(const char *id, gint64 time_ns)
{
    GemelSample *sample = g_new0(GemelSample, 1);

    sample->id = g_strdup(id);
    sample->time_ns = time_ns;
    sample->rows = g_array_new(FALSE, TRUE, sizeof(GemelRow));
    return sample;
}

void gemel_sample_free(GemelSample *sample)
{
    if (sample == NULL)
        return;
    g_free(sample->id);
    g_free(sample->quarantine);
    g_free(sample->cpus);
    g_array_unref(sample->rows);
    g_free(sample);
}

GemelRow *gemel_sample_add_row(GemelSample *sample, GemelRowGroup group, const char *name)
{
    GemelRow *row;

    g_array_set_size(sample->rows, sample->rows->len + 1);
    row = &g_array_index(sample->rows, GemelRow, sample->rows->len - 1);
    row->group = group;
    g_strlcpy(row->name, name != NULL && *name != '\0' ? name : "?", sizeof row->name);
    return row;
}

GemelProcesses *gemel_processes_new(gint64 time_ns)
{
    GemelProcesses *processes = g_new0(GemelProcesses, 1);

    processes->time_ns = time_ns;
    processes->rows = g_array_new(FALSE, TRUE, sizeof(GemelProcess));
    return processes;
}

void gemel_processes_free(GemelProcesses *processes)
{
    if (processes == NULL)
        return;
    g_array_unref(processes->rows);
    g_free(processes);
}

GemelProcess *gemel_processes_add(GemelProcesses *processes, gint pid)
{
    GemelProcess *process;

    processes->total++;
    if (processes->rows->len >= GEMEL_PROCESSES_MAX)
        return NULL;
    g_array_set_size(processes->rows, processes->rows->len + 1);
    process = &g_array_index(processes->rows, GemelProcess, processes->rows->len - 1);
    process->pid = pid;
    process->uid = -1;
    process->state = '?';
    process->comm[0] = '?';
    return process;
}

void gemel_inspect_free(GemelInspect *inspect)
{
    if (inspect == NULL)
        return;
    json_decref(inspect->essentials);
    g_free(inspect->definition);
    g_free(inspect);
}

void gemel_snapshot_free(GemelSnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    g_free(snapshot->name);
    g_free(snapshot->parent);
    g_free(snapshot->description);
    g_free(snapshot->kind);
    g_free(snapshot);
}

gboolean gemel_backend_can(const GemelBackend *backend, GemelAct act)
{
    const GemelBackendOps *ops = backend->ops;

    switch (act) {
    case GEMEL_ACT_CONSOLE:
        return ops->streams != NULL && (ops->streams->kinds & (1u << GEMEL_STREAM_CONSOLE)) != 0;
    case GEMEL_ACT_EXEC:
        return ops->streams != NULL && (ops->streams->kinds & (1u << GEMEL_STREAM_EXEC)) != 0;
    case GEMEL_ACT_EDIT:
        return ops->definition != NULL;
    case GEMEL_ACT_SNAPSHOT_CREATE:
    case GEMEL_ACT_SNAPSHOT_REVERT:
    case GEMEL_ACT_SNAPSHOT_DELETE:
        return ops->snapshots != NULL;
    default:
        return act < GEMEL_ACT_PLAIN_N && ops->act[act] != NULL;
    }
}

const char *gemel_group_name(GemelGroup group)
{
    static const char *const names[GEMEL_GROUP_N] = {
        [GEMEL_GROUP_IMAGES] = "images",
        [GEMEL_GROUP_STORAGE] = "storage",
        [GEMEL_GROUP_NETWORKS] = "networks",
    };

    return group < GEMEL_GROUP_N ? names[group] : "nothing";
}

gboolean gemel_backend_has_group(const GemelBackend *backend, GemelGroup group)
{
    return group < GEMEL_GROUP_N && backend->ops->groups[group] != NULL;
}

/* Why `act` is not possible now, in the words that help most. */
static const char *why_not(const GemelInstance *instance, GemelAct act)
{
    gboolean wants_running = (acts[act].states & IN(RUNNING)) != 0;

    if ((act == GEMEL_ACT_RENAME || act == GEMEL_ACT_CLONE) && instance->state == GEMEL_STATE_SAVED)
        return "has saved memory; start it first";
    if (instance->state != GEMEL_STATE_PAUSED)
        return acts[act].otherwise;
    if (act == GEMEL_ACT_START)
        return "is paused; resume it instead";
    if (act == GEMEL_ACT_PAUSE)
        return "is already paused";
    if (act == GEMEL_ACT_RENAME || act == GEMEL_ACT_CLONE)
        return "is paused; resume and stop it first";
    if (wants_running)
        return "is paused; resume it first";
    return acts[act].otherwise;
}

/* Why the backend cannot do `act` at all. */
static const char *never(const GemelInstance *instance, GemelAct act)
{
    if (act == GEMEL_ACT_RESET && instance->kind == GEMEL_KIND_CONTAINER)
        return "is a container; restart it instead";
    if (act == GEMEL_ACT_EXEC && instance->kind == GEMEL_KIND_VM)
        return "is a guest; use its console";
    if ((act == GEMEL_ACT_SAVE || act == GEMEL_ACT_RESTORE) &&
        instance->kind == GEMEL_KIND_CONTAINER)
        return "is a container; its memory cannot be saved";
    return "is not possible with this backend";
}

void gemel_instance_compute_acts(GemelInstance *instance, const GemelBackend *backend)
{
    instance->valid_acts = 0;
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++) {
        instance->why_not[act] = NULL;
        if (!gemel_backend_can(backend, act))
            instance->why_not[act] = never(instance, act);
        else if (!(acts[act].states & (1u << instance->state)))
            instance->why_not[act] = why_not(instance, act);
        else
            instance->valid_acts |= 1u << act;
    }
    for (GemelAct act = 0; instance->is_protected && act < GEMEL_ACT_N; act++)
        if (acts[act].destroys && gemel_instance_can(instance, act))
            gemel_instance_forbid(instance, act, "is protected");
}

gboolean gemel_act_is_destructive(GemelAct act)
{
    return act < GEMEL_ACT_N && acts[act].destroys;
}

gboolean gemel_protection_allows(gboolean is_protected, const char *name, GemelAct act,
                                 const GemelActArgs *args, GError **error)
{
    gboolean by_force =
        args != NULL && args->force && (act == GEMEL_ACT_STOP || act == GEMEL_ACT_RESTART);

    if (!is_protected || (!gemel_act_is_destructive(act) && !by_force))
        return TRUE;
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                           "%s: cannot %s%s: it is protected; `protect %s off` lifts that", name,
                           gemel_act_phrase(act), by_force ? " by force" : "", name);
}

void gemel_instance_forbid(GemelInstance *instance, GemelAct act, const char *static_reason)
{
    instance->valid_acts &= ~(1u << act);
    instance->why_not[act] = static_reason;
}

void gemel_backend_init(GemelBackend *backend, const GemelBackendOps *ops, const char *name,
                        const char *uri)
{
    backend->ops = ops;
    backend->name = g_strdup(name);
    backend->uri = g_strdup(uri);
}

void gemel_backend_done(GemelBackend *backend)
{
    g_clear_pointer(&backend->name, g_free);
    g_clear_pointer(&backend->uri, g_free);
}

void gemel_act_progress(const GemelActArgs *args, double fraction, const char *what)
{
    if (args != NULL && args->progress != NULL)
        args->progress(args->data, fraction, what);
}

void gemel_act_note(const GemelActArgs *args, const char *format, ...)
{
    va_list list;

    if (args == NULL || args->note == NULL)
        return;
    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    args->note(args->data, text);
}

gboolean gemel_act_cancelled(const GemelActArgs *args)
{
    return args != NULL && args->cancel != NULL && g_atomic_int_get(args->cancel) != 0;
}
