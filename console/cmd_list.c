/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_list.c - what is there: list, inspect, events, wait. */
#include "console/alerts.h"
#include "console/commands.h"
#include "console/inspect_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- list ----------------------------------------------------------------------------------- */

static json_t *labels_to_json(GHashTable *labels)
{
    json_t *object = json_object();
    GHashTableIter iter;
    gpointer key, value;

    if (labels == NULL)
        return object;
    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_autofree char *valid = g_utf8_make_valid(key, -1);

        json_object_set_new(object, valid, json_text(value));
    }
    return object;
}

json_t *instance_to_json(const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:s, s:s}", "id", json_text(info->id), "name",
                  json_text(info->name), "backend", json_text(instance->backend->name), "kind",
                  gemel_kind_name(info->kind), "state", gemel_state_name(info->state));
    json_t *acts = json_array();
    gint64 uptime;

    json_object_set_new(object, "state_reason", json_text(info->state_reason));
    json_object_set_new(object, "vcpus", info->vcpus > 0 ? json_integer(info->vcpus) : json_null());
    json_object_set_new(object, "cpu_limit",
                        info->cpu_limit > 0 ? json_real(info->cpu_limit) : json_null());
    json_object_set_new(object, "memory_limit_bytes",
                        info->memory_limit_bytes > 0
                            ? json_integer((json_int_t)info->memory_limit_bytes)
                            : json_null());
    json_object_set_new(object, "uptime_s",
                        model_uptime_s(instance, &uptime) ? json_integer(uptime) : json_null());
    json_object_set_new(object, "image", json_text(info->image));
    json_object_set_new(object, "autostart", json_boolean(info->autostart));
    json_object_set_new(object, "protected", json_boolean(info->is_protected));
    json_object_set_new(object, "labels", labels_to_json(info->labels));
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        if (gemel_instance_can(info, act))
            json_array_append_new(acts, json_string(gemel_act_name(act)));
    json_object_set_new(object, "actions", acts);
    return object;
}

/* What a filter compares with: a field, or a label; NULL if the instance has no such thing. */
static const char *filter_field(const ModelInstance *instance, const char *key)
{
    const GemelInstance *info = instance->info;

    if (g_str_equal(key, "state"))
        return gemel_state_name(info->state);
    if (g_str_equal(key, "kind"))
        return gemel_kind_name(info->kind);
    if (g_str_equal(key, "backend"))
        return instance->backend->name;
    if (g_str_equal(key, "name"))
        return info->name;
    return info->labels != NULL ? g_hash_table_lookup(info->labels, key) : NULL;
}

/* The value as typed, in the words of the field: "ct" is what the table calls a container. */
static const char *filter_value(const char *key, const char *value)
{
    return g_str_equal(key, "kind") && g_str_equal(value, "ct") ? "container" : value;
}

/* Refuses a filter that cannot match anything: no such state or kind, no such field or label. */
static gboolean filter_check(CommandRun *run, const char *filter, GError **error)
{
    GPtrArray *all = model_instances(run->app->model);
    const char *equals = strchr(filter, '=');
    g_autofree char *key = NULL;
    gboolean known = FALSE;

    if (equals == NULL)
        return TRUE;
    filter += *filter == '!';
    key = g_strndup(filter, (gsize)(equals - filter));
    for (GemelState state = 0; g_str_equal(key, "state") && state < GEMEL_STATE_N; state++)
        known = known || g_str_equal(equals + 1, gemel_state_name(state));
    for (GemelKind kind = 0; g_str_equal(key, "kind") && kind < GEMEL_KIND_N; kind++)
        known = known || g_str_equal(filter_value(key, equals + 1), gemel_kind_name(kind));
    if (!known && (g_str_equal(key, "state") || g_str_equal(key, "kind")))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "list: '%s' is no %s; %s", equals + 1,
                               key,
                               *key == 'k' ? "vm and container are"
                                           : "running, paused, stopped, crashed and saved are");
    for (guint i = 0; !known && i < all->len; i++)
        known = filter_field(all->pdata[i], key) != NULL;
    return known || all->len == 0 ||
           gemel_error_set(error, GEMEL_ERROR_INVALID,
                           "list: nothing has a '%s'; state, kind, backend, name and labels can be "
                           "asked for",
                           key);
}

/* Whether `instance` has all of the user's key=value, !key=value and substring filters. */
static gboolean list_matches(const ModelInstance *instance, GPtrArray *filters)
{
    for (guint i = 0; filters != NULL && i < filters->len; i++) {
        const char *filter = filters->pdata[i];
        gboolean inverse = *filter == '!';
        const char *equals = strchr(filter, '=');
        gboolean matches;

        filter += inverse;
        if (equals == NULL) {
            matches = strstr(instance->info->name, filter) != NULL;
        } else {
            g_autofree char *key = g_strndup(filter, (gsize)(equals - filter));

            matches = g_strcmp0(filter_field(instance, key), filter_value(key, equals + 1)) == 0;
        }
        if (matches == inverse)
            return FALSE;
    }
    return TRUE;
}

static char *cpus_text(const GemelInstance *info)
{
    if (info->kind == GEMEL_KIND_VM)
        return info->vcpus > 0 ? g_strdup_printf("%u", info->vcpus) : g_strdup("-");
    return info->cpu_limit > 0 ? g_strdup_printf("%.4g", info->cpu_limit) : g_strdup("-");
}

static void list_add_row(OutputTable *table, const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    g_autofree char *cpus = cpus_text(info);
    g_autofree char *memory =
        info->memory_limit_bytes > 0 ? format_bytes(info->memory_limit_bytes) : g_strdup("-");
    g_autofree char *up = NULL;
    gint64 uptime;

    up = model_uptime_s(instance, &uptime) ? format_uptime(uptime) : g_strdup("-");
    output_table_add(table, info->name, info->kind == GEMEL_KIND_VM ? "vm" : "ct",
                     gemel_state_name(info->state), instance->backend->name, cpus, memory, up,
                     info->state_reason != NULL ? info->state_reason : "", NULL);
}

/* The instances the words and filters of the command choose. */
static GPtrArray *list_chosen(CommandRun *run)
{
    GPtrArray *all = model_instances(run->app->model);
    GPtrArray *filters = run_option_all(run, "filter");
    GPtrArray *chosen = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        ModelInstance *instance = all->pdata[i];

        if (run_word_names(run, instance) && list_matches(instance, filters))
            g_ptr_array_add(chosen, instance);
    }
    return chosen;
}

static void list_run(CommandRun *run)
{
    static const char *const headers[] = {"NAME",   "KIND", "STATE",  "BACKEND", "CPUS",
                                          "MEMORY", "UP",   "REASON", NULL};
    g_autoptr(GPtrArray) chosen = list_chosen(run);
    GPtrArray *filters = run_option_all(run, "filter");

    for (guint i = 0; filters != NULL && i < filters->len; i++) {
        g_autoptr(GError) error = NULL;

        if (!filter_check(run, filters->pdata[i], &error)) {
            run_error(run, error);
            return;
        }
    }
    run_check_names(run);
    if (run->json) {
        json_t *rows = json_array();

        for (guint i = 0; i < chosen->len; i++)
            json_array_append_new(rows, instance_to_json(chosen->pdata[i]));
        output_json(run->out,
                    json_pack("{s:o, s:o}", "instances", rows, "errors", run_missing_to_json(run)));
        return;
    }
    if (run_flag(run, "quiet")) {
        for (guint i = 0; i < chosen->len; i++)
            output_line(run->out, OUTPUT_DATA, "%s",
                        ((ModelInstance *)chosen->pdata[i])->info->name);
    } else if (chosen->len > 0) {
        OutputTable *table = output_table_new(headers, "LLLLRRRL");

        for (guint i = 0; i < chosen->len; i++)
            list_add_row(table, chosen->pdata[i]);
        output_table_print(table, run->out);
    } else if (run->worst == 0 && run->missing->len == 0) {
        output_line(run->out, OUTPUT_NOTE, "%s",
                    run->n_words > 0 || filters != NULL
                        ? "nothing matches"
                        : "no instances yet; `lab up` makes a guest and a container to try");
    }
    json_decref(run_missing_to_json(run));
}

/* ---- inspect -------------------------------------------------------------------------------- */

static gpointer run_inspect(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->inspect(conn, arg, error);
}

static void print_row(const char *label, const char *value, gpointer data)
{
    CommandRun *run = data;

    if (value == NULL)
        output_line(run->out, OUTPUT_DATA, "%s", label);
    else
        output_beside(run->out, label, INSPECT_COLUMN, value);
}

static void inspect_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;
    CommandRun *run = target->run;
    GemelInspect *inspect = result;
    ModelInstance *instance =
        model_instance(run->app->model, target->backend->backend->name, target->id);
    json_t *object;

    if (inspect == NULL || instance == NULL) {
        if (error != NULL)
            run_error(run, error);
        else
            run_fail(run, GEMEL_ERROR_NOT_FOUND, "inspect: %s is gone", target->name);
        return;
    }
    if (run_flag(run, "definition")) {
        output_text(run->out, inspect->definition);
        return;
    }
    object = instance_to_json(instance);
    json_object_update_missing(object, inspect->essentials);
    if (run->json) {
        json_object_set_new(object, "definition_format", json_text(inspect->definition_format));
        json_object_set_new(object, "definition", json_text(inspect->definition));
        output_json(run->out, object);
    } else {
        inspect_rows(object, print_row, run);
        json_decref(object);
    }
}

static void inspect_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    g_autofree char *title = g_strdup_printf("inspect %s", instance->info->name);

    run->data = target_new(run, instance);
    run->data_free = target_free;
    run_submit(run, instance->backend->open, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "inspect",
                               .instance_id = instance->info->id,
                               .title = title,
                               .run = run_inspect,
                               .arg = g_strdup(instance->info->id),
                               .arg_free = g_free,
                               .result_free = (GDestroyNotify)gemel_inspect_free,
                               .hard_ms = 10000},
               inspect_done, run->data);
}

/* ---- events --------------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    guint64 seen;
    guint listener;
    gint64 left; /* events still to print, < 0 = no end */
} Events;

static json_t *event_to_json(const ModelEvent *event)
{
    g_autoptr(GDateTime) time =
        g_date_time_new_from_unix_utc(event->time_unix_usec / G_USEC_PER_SEC);
    g_autofree char *stamp = g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
    json_t *object =
        json_pack("{s:s, s:s, s:o}", "time", stamp, "event", gemel_event_type_name(event->type),
                  "backend", json_text(event->backend));

    if (event->id != NULL)
        json_object_set_new(object, "id", json_text(event->id));
    if (event->name != NULL)
        json_object_set_new(object, "name", json_text(event->name));
    if (event->type == GEMEL_EVENT_STATE || event->type == GEMEL_EVENT_ADDED)
        json_object_set_new(object, "state", json_string(gemel_state_name(event->state)));
    if (event->detail != NULL)
        json_object_set_new(object, "detail", json_text(event->detail));
    return object;
}

static void event_print(CommandRun *run, const ModelEvent *event)
{
    g_autoptr(GDateTime) time =
        g_date_time_new_from_unix_local(event->time_unix_usec / G_USEC_PER_SEC);
    g_autofree char *stamp = g_date_time_format(time, "%H:%M:%S");
    gboolean state = event->type == GEMEL_EVENT_STATE;

    if (run->json) {
        output_json_line(run->out, event_to_json(event));
        return;
    }
    output_line(run->out, OUTPUT_DATA, "%s  %-8s %-20s %s%s%s", stamp, event->backend,
                event->name != NULL ? event->name
                : event->id != NULL ? event->id
                                    : "-",
                state ? gemel_state_name(event->state) : gemel_event_type_name(event->type),
                event->detail != NULL ? ": " : "", event->detail != NULL ? event->detail : "");
    output_flush(run->out);
}

static void events_changed(ModelChange what, gpointer data)
{
    Events *events = data;
    GQueue *queue = model_events(events->run->app->model);

    for (GList *link = queue->head; link != NULL && events->left != 0; link = link->next) {
        const ModelEvent *event = link->data;

        if (event->serial <= events->seen)
            continue;
        events->seen = event->serial;
        event_print(events->run, event);
        if (events->left > 0)
            events->left--;
    }
    if (events->left == 0)
        run_finish(events->run, 0);
}

static void events_free(gpointer data)
{
    Events *events = data;

    model_unlisten(events->run->app->model, events->listener);
    g_free(events);
}

static gboolean events_can_come(const CommandRun *run)
{
    for (guint i = 0; i < run->app->backends->len; i++)
        if (((AppBackend *)run->app->backends->pdata[i])->backend->ops->watch != NULL)
            return TRUE;
    return FALSE;
}

/* Follows events until interrupted or --count have come; inside the console it prints what is
   kept. */
static void events_run(CommandRun *run)
{
    GQueue *queue = model_events(run->app->model);
    const char *count = run_option(run, "count");
    Events *events;

    if (run->face->face == FACE_TUI) {
        for (GList *link = queue->head; link != NULL; link = link->next)
            event_print(run, link->data);
        return;
    }
    if (!events_can_come(run) && alerts_nth(run->app->alerts, 0) == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "events: no backend that is open tells of events");
        return;
    }
    events = g_new0(Events, 1);
    events->run = run;
    events->left = count != NULL ? g_ascii_strtoll(count, NULL, 10) : -1;
    run->data = events;
    run->data_free = events_free;
    run_hold(run);
    if (alerts_nth(run->app->alerts, 0) != NULL)
        model_start(run->app->model); /* alerts need figures */
    model_watch(run->app->model);
    events->listener = model_listen(run->app->model, events_changed, events);
    events_changed(MODEL_EVENTS, events);
}

/* ---- wait ----------------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    char *backend, *id, *name;
    GemelState state;
    guint listener;
    GSource *timeout, *poll;
} Wait;

static void wait_free(gpointer data)
{
    Wait *wait = data;

    model_unlisten(wait->run->app->model, wait->listener);
    app_source_remove(&wait->timeout);
    app_source_remove(&wait->poll);
    g_free(wait->backend);
    g_free(wait->id);
    g_free(wait->name);
    g_free(wait);
}

static gboolean wait_timed_out(gpointer data)
{
    Wait *wait = data;

    run_fail(wait->run, GEMEL_ERROR_TIMEOUT, "wait: %s is not %s yet", wait->name,
             gemel_state_name(wait->state));
    run_finish(wait->run, -1);
    return G_SOURCE_REMOVE;
}

static void wait_changed(ModelChange what, gpointer data)
{
    Wait *wait = data;
    ModelInstance *instance = model_instance(wait->run->app->model, wait->backend, wait->id);

    if (instance != NULL && instance->info->state == wait->state) {
        run_finish(wait->run, 0);
    } else if (instance == NULL) {
        run_fail(wait->run, GEMEL_ERROR_NOT_FOUND, "wait: %s is gone", wait->name);
        run_finish(wait->run, -1);
    }
}

/* A backend need not have events, and one may be missed. */
static gboolean wait_poll(gpointer data)
{
    Wait *wait = data;
    AppBackend *open = app_backend(wait->run->app, wait->backend);

    if (open != NULL)
        model_relist(wait->run->app->model, open);
    return G_SOURCE_CONTINUE;
}

/* Until an instance is in a state: by events where the backend has them, else by lists. */
static void wait_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);
    const char *timeout = run_option(run, "timeout");
    GemelState state = 0;
    gint ms = 60000;
    Wait *wait;

    while (state < GEMEL_STATE_N && g_strcmp0(run->words[1], gemel_state_name(state)) != 0)
        state++;
    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (state == GEMEL_STATE_N) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "wait: '%s' is not a state; running, paused, stopped, crashed or saved are",
                 run->words[1]);
        return;
    }
    if (timeout != NULL)
        parse_duration_ms(timeout, &ms, NULL);
    wait = g_new0(Wait, 1);
    wait->run = run;
    wait->backend = g_strdup(instance->backend->name);
    wait->id = g_strdup(instance->info->id);
    wait->name = g_strdup(instance->info->name);
    wait->state = state;
    run->data = wait;
    run->data_free = wait_free;
    run_hold(run);
    model_watch(run->app->model);
    wait->timeout = app_add_timer(run->app, (guint)ms, wait_timed_out, wait);
    wait->poll = app_add_timer(run->app, (guint)options_get_number(run->app->options, "refresh"),
                               wait_poll, wait);
    wait->listener = model_listen(run->app->model, wait_changed, wait);
    wait_changed(MODEL_INSTANCES, wait);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption list_options[] = {
    {"filter", 'f', OPTION_STRING, TRUE, "[!]KEY=VALUE",
     "only those with this state, kind, backend, name or label; a word alone is part of the name",
     .choices = "state=running state=stopped state=paused state=crashed state=saved kind=vm "
                "kind=container backend= name="},
    {"quiet", 'q', OPTION_FLAG, FALSE, NULL, "names only"},
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait for each backend (3s)"},
    {NULL},
};

static const CommandOption inspect_options[] = {
    {"definition", 'd', OPTION_FLAG, FALSE, NULL, "the domain XML or config.json instead"},
    {NULL},
};

static const CommandOption events_options[] = {
    {"count", 'n', OPTION_NUMBER, FALSE, "N", "end after N events"},
    {NULL},
};

static const CommandOption wait_options[] = {
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "give up after this (60s)"},
    {NULL},
};

const Command commands_list[] = {
    {.name = "list",
     .aliases = "ls,ps",
     .summary = "guests and containers of all backends",
     .example = "gemel list --filter state=running --json",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = list_options,
     .details = "NAME may be a glob. A backend that does not answer in time is named on standard "
                "error, the others are printed, and the status is 5.",
     .run = list_run},
    {.name = "inspect",
     .aliases = "dominfo,describe",
     .summary = "everything known about one instance",
     .example = "gemel inspect lab-vm --json",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .options = inspect_options,
     .run = inspect_run},
    {.name = "events",
     .summary = "what happens, as it happens",
     .example = "gemel events --json --count 3",
     .group = "Look",
     .flags = COMMAND_JSON,
     .options = events_options,
     .run = events_run},
    {.name = "wait",
     .summary = "until an instance is in a state",
     .example = "gemel wait lab-vm stopped --timeout 30s",
     .group = "Look",
     .flags = COMMAND_LISTS | COMMAND_WAITS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"},
               {WORD_CHOICE, "STATE", .choices = "running paused stopped crashed saved"}},
     .options = wait_options,
     .run = wait_run},
    {.name = NULL},
};
