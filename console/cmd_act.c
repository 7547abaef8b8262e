/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_act.c - the plain acts: start stop restart kill pause resume reset delete limit.
 *
 * All names are resolved and checked before anything is begun: one wrong name and nothing is done.
 * The acts on several instances then run side by side, each with its own outcome.
 */
#include "console/commands.h"

#include <string.h>

/* Waiting beyond the act's own timeout before a job counts as lost. */
#define GRACE_MS      30000
#define ACT_HARD_MS   180000
#define STOP_GUEST_MS 60000

typedef struct {
    GPtrArray *targets; /* of Target */
    json_t *results;
    GemelActArgs args;
} Acts;

static void acts_free(gpointer data)
{
    Acts *acts = data;

    g_ptr_array_unref(acts->targets);
    json_decref(acts->results);
    g_free(acts);
}

/* How an act is spoken of: while it runs, and done. */
static const struct {
    const char *doing, *done;
} words[GEMEL_ACT_PLAIN_N] = {
    [GEMEL_ACT_START] = {"starting", "started"},  [GEMEL_ACT_STOP] = {"stopping", "stopped"},
    [GEMEL_ACT_KILL] = {"killing", "killed"},     [GEMEL_ACT_RESTART] = {"restarting", "restarted"},
    [GEMEL_ACT_RESET] = {"resetting", "reset"},   [GEMEL_ACT_PAUSE] = {"pausing", "paused"},
    [GEMEL_ACT_RESUME] = {"resuming", "resumed"}, [GEMEL_ACT_DELETE] = {"deleting", "deleted"},
    [GEMEL_ACT_LIMIT] = {"limiting", "limited"},
};

/* Runs on a worker: arg is the act and the id, as "N:id". */
static gpointer run_act(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    char *id;
    GemelAct act = (GemelAct)g_ascii_strtoull(arg, &id, 10);
    gboolean done = conn->backend->ops->act[act](conn, id + 1, args, error);

    return done ? g_strdup("") : NULL;
}

void run_print_notes(CommandRun *run, const char *name, GemelJob *job)
{
    g_autoptr(GemelJobView) view = gemel_job_view(job);
    g_auto(GStrv) lines = g_strsplit(view->notes != NULL ? view->notes : "", "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++)
        if (*lines[i] != '\0')
            output_line(run->out, OUTPUT_NOTE, "%s: %s", name, lines[i]);
}

static void act_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;
    CommandRun *run = target->run;
    Acts *acts = run->data;
    g_autoptr(GemelJobView) view = gemel_job_view(job);
    json_t *row =
        json_pack("{s:o, s:o, s:o, s:s, s:b}", "backend", json_text(target->backend->backend->name),
                  "id", json_text(target->id), "name", json_text(target->name), "act",
                  gemel_act_name(run->command->act), "done", error == NULL);

    target_set_doing(target, NULL);
    if (error != NULL) {
        run_error(run, error);
        json_object_set_new(row, "error", error_to_json(target->backend->backend->name, error));
    } else if (!run->json) {
        g_autofree char *limits =
            run->command->act == GEMEL_ACT_LIMIT ? g_strjoinv(", ", run->words + 1) : NULL;

        output_line(run->out, OUTPUT_NOTE, "%s: %s%s%s", target->name,
                    words[run->command->act].done, limits != NULL ? " to " : "",
                    limits != NULL ? limits : "");
    }
    if (!run->json)
        run_print_notes(run, target->name, job);
    else if (view->notes != NULL)
        json_object_set_new(row, "notes", json_text(view->notes));
    json_array_append_new(acts->results, row);
    if (run->json && run->pending == 0)
        output_json(run->out, json_pack("{s:O}", "results", acts->results));
}

/* Begins the act on every target. */
static void acts_begin(CommandRun *run)
{
    Acts *acts = run->data;
    GemelAct act = run->command->act;

    for (guint i = 0; i < acts->targets->len; i++) {
        Target *target = acts->targets->pdata[i];
        g_autofree char *title = g_strdup_printf("%s %s", gemel_act_name(act), target->name);
        gint hard_ms = acts->args.timeout_ms > 0 ? acts->args.timeout_ms + GRACE_MS
                       : act == GEMEL_ACT_STOP || act == GEMEL_ACT_RESTART
                           ? STOP_GUEST_MS + GRACE_MS
                           : ACT_HARD_MS;

        if (run->dry_run) {
            output_line(run->out, OUTPUT_DATA, "would %s %s (%s, %s)", gemel_act_name(act),
                        target->name, gemel_kind_name(target->kind),
                        target->backend->backend->name);
            continue;
        }
        target_set_doing(target, words[act].doing);
        run_submit(run, target->backend, GEMEL_LANE_ACT,
                   &(GemelJobSpec){.kind = gemel_act_name(act),
                                   .instance_id = target->id,
                                   .title = title,
                                   .run = run_act,
                                   .arg = g_strdup_printf("%d:%s", (int)act, target->id),
                                   .arg_free = g_free,
                                   .result_free = g_free,
                                   .hard_ms = hard_ms,
                                   .args = acts->args},
                   act_done, target);
    }
}

/* Whether the state allows it; the backend checks again when it happens. */
static gboolean act_is_valid(CommandRun *run, const ModelInstance *instance, GError **error)
{
    GemelAct act = run->command->act;
    const GemelInstance *info = instance->info;
    const Acts *acts = run->data;

    if (gemel_instance_can(info, act) || (act == GEMEL_ACT_DELETE && acts->args.force))
        return TRUE;
    if (!gemel_backend_can(instance->backend->open->backend, act))
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "%s: a %s of %s cannot do `%s`",
                               info->name, gemel_kind_name(info->kind), instance->backend->name,
                               gemel_act_name(act));
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "%s: cannot %s: it %s%s", info->name,
                           gemel_act_phrase(act),
                           info->why_not[act] != NULL ? info->why_not[act] : "is busy",
                           act == GEMEL_ACT_DELETE ? "; stop it first, or say --force" : "");
}

/* Adds a target once, if its state allows the act. */
static gboolean add_target(CommandRun *run, const ModelInstance *instance, GError **error)
{
    Acts *acts = run->data;

    if (!act_is_valid(run, instance, error))
        return FALSE;
    for (guint i = 0; i < acts->targets->len; i++)
        if (g_str_equal(((Target *)acts->targets->pdata[i])->id, instance->info->id))
            return TRUE;
    g_ptr_array_add(acts->targets, target_new(run, instance));
    return TRUE;
}

/* Adds every instance whose name matches a glob; none is an error. */
static gboolean add_matching(CommandRun *run, const char *glob, GError **error)
{
    GPtrArray *all = model_instances(run->app->model);
    guint n = 0;

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        if (!g_pattern_match_simple(glob, instance->info->name))
            continue;
        if (!add_target(run, instance, error))
            return FALSE;
        n++;
    }
    return n > 0 || gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                                    "no instance has a name like '%s'; `list` shows all", glob);
}

/* Resolves the words into targets; FALSE if any is wrong. */
static gboolean acts_resolve(CommandRun *run, guint n_names)
{
    gboolean all = TRUE;

    for (guint i = 0; i < n_names; i++) {
        g_autoptr(GError) error = NULL;
        ModelInstance *instance;
        gboolean added;

        if (strpbrk(run->words[i], "*?") != NULL) {
            added = add_matching(run, run->words[i], &error);
        } else {
            instance = run_find(run, run->words[i], &error);
            added = instance != NULL && add_target(run, instance, &error);
        }
        if (!added) {
            run_error(run, error);
            all = FALSE;
        }
    }
    if (!all && n_names > 1)
        output_line(run->out, OUTPUT_NOTE, "nothing was done");
    return all;
}

static Acts *acts_new(CommandRun *run)
{
    Acts *acts = g_new0(Acts, 1);
    const char *timeout = run_option(run, "timeout");

    acts->targets = g_ptr_array_new_with_free_func(target_free);
    acts->results = json_array();
    acts->args.limits = GEMEL_LIMITS_NONE;
    acts->args.force = run_flag(run, "force");
    acts->args.no_wait = run_flag(run, "no-wait");
    acts->args.signal = run_option(run, "signal");
    /* 0 would be the backend's default; far more than a month is as good as for ever. */
    if (timeout != NULL && parse_duration_ms(timeout, &acts->args.timeout_ms, NULL))
        acts->args.timeout_ms = CLAMP(acts->args.timeout_ms, 1, G_MAXINT - GRACE_MS);
    run->data = acts;
    run->data_free = acts_free;
    return acts;
}

/* "Kill lab-vm, build?" and the name to be typed, if one. */
static char *acts_question(CommandRun *run)
{
    Acts *acts = run->data;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *act = g_strdup(gemel_act_name(run->command->act));

    act[0] = g_ascii_toupper(act[0]);
    g_string_append(text, act);
    for (guint i = 0; i < acts->targets->len; i++)
        g_string_append_printf(text, "%s %s", i > 0 ? "," : "",
                               ((Target *)acts->targets->pdata[i])->name);
    g_string_append(text, "?");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void act_run(CommandRun *run)
{
    Acts *acts = acts_new(run);
    GemelAct act = run->command->act;
    gboolean asks = act == GEMEL_ACT_DELETE || act == GEMEL_ACT_RESET;

    if (!acts_resolve(run, run->n_words))
        return;
    for (guint i = 0; act == GEMEL_ACT_KILL && i < acts->targets->len; i++)
        asks = asks || ((Target *)acts->targets->pdata[i])->kind == GEMEL_KIND_VM;
    if (asks) {
        g_autofree char *question = acts_question(run);
        const char *typed = act == GEMEL_ACT_DELETE && acts->args.force && acts->targets->len == 1
                                ? ((Target *)acts->targets->pdata[0])->name
                                : NULL;

        run_confirm(run, question, typed, acts_begin);
    } else {
        acts_begin(run);
    }
}

/* ---- limit ---------------------------------------------------------------------------------- */

static gboolean parse_limit(const char *word, GemelLimits *limits, GError **error)
{
    const char *value = strchr(word, '=');
    gboolean none;
    char *end;

    if (value == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "limit: '%s' is not cpu=0.5, memory=64M or pids=100", word);
    value++;
    none = g_str_equal(value, "none") || g_str_equal(value, "max");
    if (g_str_has_prefix(word, "cpu=")) {
        limits->cpus = none ? 0 : g_ascii_strtod(value, &end);
        if (!none &&
            (end == value || *end != '\0' || !(limits->cpus >= 0.01) || limits->cpus > 4096))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "limit: cpu=%s is not a number of CPUs from 0.01 on, or none",
                                   value);
        return TRUE;
    }
    if (g_str_has_prefix(word, "memory=")) {
        limits->memory_bytes = 0;
        return none || parse_size_bytes(value, &limits->memory_bytes, error);
    }
    if (g_str_has_prefix(word, "pids=")) {
        limits->pids = none ? 0 : g_ascii_strtoll(value, &end, 10);
        if (!none && (end == value || *end != '\0' || limits->pids < 1))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "limit: pids=%s is not a number from 1 on, or none", value);
        return TRUE;
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID,
                           "limit: '%s' is not known; cpu, memory and pids can be limited", word);
}

gboolean limits_parse(char **given, GemelLimits *limits, GError **error)
{
    *limits = GEMEL_LIMITS_NONE;
    for (guint i = 0; given[i] != NULL; i++)
        if (!parse_limit(given[i], limits, error))
            return FALSE;
    return TRUE;
}

static void limit_run(CommandRun *run)
{
    Acts *acts = acts_new(run);
    g_autoptr(GError) error = NULL;

    if (!limits_parse(run->words + 1, &acts->args.limits, &error))
        run_error(run, error);
    else if (acts_resolve(run, 1))
        acts_begin(run);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption stop_options[] = {
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME",
     "how long to wait: a container (10s) is then killed, a guest (60s) is left running"},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "end a guest that did not stop in time"},
    {"no-wait", 0, OPTION_FLAG, FALSE, NULL, "only ask, do not wait"},
    {NULL},
};

static const CommandOption plain_options[] = {
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait"},
    {"no-wait", 0, OPTION_FLAG, FALSE, NULL, "do not wait until it is done"},
    {NULL},
};

static const CommandOption kill_options[] = {
    {"signal", 's', OPTION_STRING, FALSE, "SIGNAL", "to a container: this instead of KILL"},
    {NULL},
};

static const CommandOption delete_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "even if it is running"},
    {NULL},
};

#define MANY_NAMES                                                                                 \
    {                                                                                              \
        {                                                                                          \
            WORD_INSTANCE, "NAME", .repeats = TRUE                                                 \
        }                                                                                          \
    }
#define ACT_FLAGS (COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS)

const Command commands_act[] = {
    {.name = "start",
     .summary = "start guests and containers",
     .example = "gemel start lab-vm lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_START,
     .words = MANY_NAMES,
     .options = plain_options,
     .run = act_run},
    {.name = "stop",
     .aliases = "shutdown",
     .summary = "ask them to stop, and wait",
     .example = "gemel stop lab-vm --timeout 15s",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_STOP,
     .words = MANY_NAMES,
     .options = stop_options,
     .details = "NAME may be a glob. A guest gets an ACPI power button, a container its stop "
                "signal. A container that "
                "does not stop in time is killed; a guest is left running, with status 124, unless "
                "--force is given.",
     .run = act_run},
    {.name = "restart",
     .aliases = "reboot",
     .summary = "reboot a guest, stop and start a container",
     .example = "gemel restart lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_RESTART,
     .words = MANY_NAMES,
     .options = stop_options,
     .run = act_run},
    {.name = "kill",
     .aliases = "destroy",
     .summary = "end them at once; asks before it kills a guest",
     .example = "gemel kill lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_KILL,
     .words = MANY_NAMES,
     .options = kill_options,
     .run = act_run},
    {.name = "reset",
     .summary = "the reset button of a guest",
     .example = "gemel reset lab-vm --yes",
     .group = "Power",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_RESET,
     .words = MANY_NAMES,
     .run = act_run},
    {.name = "pause",
     .aliases = "suspend",
     .summary = "freeze them",
     .example = "gemel pause lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_PAUSE,
     .words = MANY_NAMES,
     .options = plain_options,
     .run = act_run},
    {.name = "resume",
     .aliases = "unpause",
     .summary = "let paused ones go on",
     .example = "gemel resume lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_RESUME,
     .words = MANY_NAMES,
     .options = plain_options,
     .run = act_run},
    {.name = "limit",
     .summary = "limit CPU, memory and processes, now and for later starts",
     .example = "gemel limit lab-ct cpu=0.5 memory=64M pids=100",
     .group = "Change",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_LIMIT,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_LIMIT, "LIMIT=VALUE", .repeats = TRUE}},
     .details = "cpu= is a number of CPUs, memory= a size, pids= a number; `none` lifts a limit.",
     .run = limit_run},
    {.name = "delete",
     .aliases = "rm,undefine",
     .summary = "forget an instance and what belongs to it alone",
     .example = "gemel delete old-ct --yes",
     .group = "Change",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_DELETE,
     .words = MANY_NAMES,
     .options = delete_options,
     .details = "A container goes with its snapshots. A guest is undefined; its disks stay, and "
                "are named.",
     .run = act_run},
    {.name = NULL},
};
