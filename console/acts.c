/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/acts.h"

#include <string.h>
#include <unistd.h>

/* Waiting beyond the act's own timeout before a job counts as lost. */
#define GRACE_MS      30000
#define ACT_HARD_MS   180000
#define SAVE_HARD_MS  1800000
#define CLONE_HARD_MS 86400000
#define STOP_GUEST_MS 60000
/* Seconds after which something slow is told again. */
#define SLOW_TICKS 5

/* How an act is spoken of: while it runs, and done. */
static const struct {
    const char *doing, *done;
    gint hard_ms;
} words[GEMEL_ACT_PLAIN_N] = {
    [GEMEL_ACT_START] = {"starting", "started"},
    [GEMEL_ACT_STOP] = {"stopping", "stopped", STOP_GUEST_MS + GRACE_MS},
    [GEMEL_ACT_KILL] = {"killing", "killed"},
    [GEMEL_ACT_RESTART] = {"restarting", "restarted", STOP_GUEST_MS + GRACE_MS},
    [GEMEL_ACT_RESET] = {"resetting", "reset"},
    [GEMEL_ACT_PAUSE] = {"pausing", "paused"},
    [GEMEL_ACT_RESUME] = {"resuming", "resumed"},
    [GEMEL_ACT_DELETE] = {"deleting", "deleted"},
    [GEMEL_ACT_LIMIT] = {"limiting", "limited"},
    [GEMEL_ACT_SAVE] = {"saving", "saved", SAVE_HARD_MS},
    [GEMEL_ACT_RESTORE] = {"restoring", "restored", SAVE_HARD_MS},
    [GEMEL_ACT_AUTOSTART] = {"changing", "autostart"},
    [GEMEL_ACT_PROTECT] = {"changing", "protection"},
    [GEMEL_ACT_RENAME] = {"renaming", "renamed"},
    [GEMEL_ACT_CLONE] = {"cloning", "cloned", CLONE_HARD_MS},
};

static const char *const item_states[ITEM_N] = {
    [ITEM_WAITING] = "waiting", [ITEM_BEGUN] = "under way",       [ITEM_DONE] = "done",
    [ITEM_FAILED] = "failed",   [ITEM_TAKEN_BACK] = "taken back",
};

static void acts_next(CommandRun *run);

/* ---- life ----------------------------------------------------------------------------------- */

static void item_free(gpointer data)
{
    Item *item = data;

    target_free(item->target);
    g_clear_pointer(&item->job, gemel_job_unref);
    g_free(item->text);
    g_free(item);
}

static void acts_free(gpointer data)
{
    Acts *acts = data;

    app_source_remove(&acts->tick);
    g_ptr_array_unref(acts->items);
    g_ptr_array_unref(acts->skipped);
    json_decref(acts->results);
    g_free(acts->to);
    g_free(acts);
}

/* The first ^C: nothing more is begun. FALSE when there is nothing to take back. */
static gboolean acts_interrupt(CommandRun *run)
{
    Acts *acts = run->data;
    guint taken = 0;

    if (acts->stopped || acts->items->len < 2 || acts->under_way == 0 ||
        acts->next >= acts->items->len)
        return FALSE;
    acts->stopped = TRUE;
    for (guint i = acts->next; i < acts->items->len; i++, taken++)
        ((Item *)acts->items->pdata[i])->state = ITEM_TAKEN_BACK;
    output_line(run->out, OUTPUT_NOTE,
                "%u not begun %s taken back; %u under way go%s on (^C again cancels)", taken,
                taken == 1 ? "was" : "were", acts->under_way, acts->under_way == 1 ? "es" : "");
    output_flush(run->out);
    if (run->worst == 0)
        run->worst = 130;
    acts_next(run);
    return TRUE;
}

Acts *acts_new(CommandRun *run)
{
    Acts *acts = g_new0(Acts, 1);
    const char *timeout = run_option(run, "timeout");

    acts->run = run;
    acts->items = g_ptr_array_new_with_free_func(item_free);
    acts->skipped = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
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
    run->interrupt = acts_interrupt;
    return acts;
}

/* ---- who ------------------------------------------------------------------------------------ */

gboolean act_is_valid(const GemelInstance *info, AppBackend *backend, GemelAct act,
                      const GemelActArgs *args, GError **error)
{
    if (!gemel_protection_allows(info->is_protected, info->name, act, args, error))
        return FALSE;
    if (gemel_instance_can(info, act) ||
        (act == GEMEL_ACT_DELETE && args->force && gemel_backend_can(backend->backend, act)))
        return TRUE;
    if (!gemel_backend_can(backend->backend, act))
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "%s: a %s of %s cannot do `%s`",
                               info->name, gemel_kind_name(info->kind), backend->backend->name,
                               gemel_act_name(act));
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "%s: cannot %s: it %s%s", info->name,
                           gemel_act_phrase(act),
                           info->why_not[act] != NULL ? info->why_not[act] : "is busy",
                           act == GEMEL_ACT_DELETE ? "; stop it first, or say --force" : "");
}

/* Why an instance is left out, in few words. */
static const char *skip_reason(const GemelInstance *info, GemelAct act)
{
    if (info->is_protected && gemel_act_is_destructive(act))
        return "is protected";
    return info->why_not[act] != NULL ? info->why_not[act] : "is protected";
}

/* Adds an instance once, if its state allows the act; else it is skipped, or an error. */
static gboolean add_item(CommandRun *run, const ModelInstance *instance, gboolean may_skip,
                         GError **error)
{
    Acts *acts = run->data;
    const GemelInstance *info = instance->info;
    GemelAct act = run->command->act;
    Item *item;

    for (guint i = 0; i < acts->items->len; i++) {
        const Target *target = ((Item *)acts->items->pdata[i])->target;

        /* two hosts may have guests of one uuid */
        if (target->backend == instance->backend->open && g_str_equal(target->id, info->id))
            return TRUE;
    }
    g_autoptr(GError) problem = NULL;

    if (!act_is_valid(info, instance->backend->open, act, &acts->args, &problem)) {
        if (!may_skip) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        g_ptr_array_add(acts->skipped,
                        json_pack("{s:o, s:o, s:o, s:s}", "backend",
                                  json_text(instance->backend->name), "id", json_text(info->id),
                                  "name", json_text(info->name), "reason", skip_reason(info, act)));
        return TRUE;
    }
    item = g_new0(Item, 1);
    item->target = target_new(run, instance);
    item->was = info->state;
    item->is_protected = info->is_protected;
    g_ptr_array_add(acts->items, item);
    return TRUE;
}

/* Adds every instance whose name matches a glob; none is an error. */
static gboolean add_matching(CommandRun *run, const char *glob, GError **error)
{
    GPtrArray *all = model_instances(run->app->model);
    guint n = 0;

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        if (!model_glob_matches(glob, instance->backend->name, instance->info->name))
            continue;
        add_item(run, instance, TRUE, NULL);
        n++;
    }
    return n > 0 || gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                                    "no instance has a name like '%s'; `list` shows all", glob);
}

static void print_skipped(CommandRun *run)
{
    const Acts *acts = run->data;

    for (guint i = 0; i < acts->skipped->len; i++) {
        const json_t *row = acts->skipped->pdata[i];

        output_line(run->out, OUTPUT_NOTE, "%s: skipped: %s",
                    json_string_value(json_object_get(row, "name")),
                    json_string_value(json_object_get(row, "reason")));
    }
}

gboolean acts_resolve(CommandRun *run, guint n_names)
{
    Acts *acts = run->data;
    gboolean all = TRUE, skip = run_flag(run, "skip");

    for (guint i = 0; i < n_names; i++) {
        g_autoptr(GError) error = NULL;
        ModelInstance *instance;
        gboolean added;

        if (model_is_glob(run->words[i])) {
            acts->by_glob = TRUE;
            added = add_matching(run, run->words[i], &error);
        } else {
            instance = run_find(run, run->words[i], &error);
            added = instance != NULL && add_item(run, instance, skip, &error);
        }
        if (!added) {
            run_error(run, error);
            all = FALSE;
        }
    }
    if (!all && n_names > 1)
        output_line(run->out, OUTPUT_NOTE, "nothing was done");
    if (!all || acts->items->len > 0)
        return all;
    print_skipped(run);
    run_fail(run, GEMEL_ERROR_CONFLICT, "%s: none of them can be acted on now", run->command->name);
    return FALSE;
}

gboolean acts_add_autostart(CommandRun *run)
{
    Acts *acts = run->data;
    GPtrArray *all = model_instances(run->app->model);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        if (instance->info->autostart && gemel_instance_can(instance->info, GEMEL_ACT_START))
            add_item(run, instance, TRUE, NULL);
    }
    if (acts->items->len == 0)
        output_line(run->out, OUTPUT_NOTE, "all that start with their host are running");
    return acts->items->len > 0;
}

/* ---- the plan and the question -------------------------------------------------------------- */

/* What becomes of one of them. */
static char *plan_text(const Acts *acts, const Item *item)
{
    gboolean is_guest = item->target->kind == GEMEL_KIND_VM;
    gint timeout_ms = acts->args.timeout_ms;

    switch (acts->run->command->act) {
    case GEMEL_ACT_STOP:
        return g_strdup_printf("%s, %gs, then %s", is_guest ? "power button" : "stop signal",
                               (timeout_ms > 0 ? timeout_ms
                                : is_guest     ? STOP_GUEST_MS
                                               : 10000) /
                                   1000.0,
                               is_guest ? acts->args.force ? "ended" : "left running" : "KILL");
    case GEMEL_ACT_KILL:
        return acts->args.signal != NULL ? g_strdup_printf("signal %s", acts->args.signal)
                                         : g_strdup("ends at once; unsaved data is lost");
    case GEMEL_ACT_DELETE:
        return g_strdup(is_guest ? item->was == GEMEL_STATE_RUNNING
                                       ? "ended, undefined; its disks stay"
                                       : "undefined; its disks stay"
                                 : "its files and snapshots go");
    case GEMEL_ACT_SAVE:
        return g_strdup("memory to disk, then it ends");
    case GEMEL_ACT_CLONE:
        return g_strdup_printf("to %s%s", acts->to, acts->args.linked ? ", linked" : "");
    case GEMEL_ACT_AUTOSTART:
    case GEMEL_ACT_PROTECT:
        return g_strdup(acts->args.enable ? "on" : "off");
    default:
        return acts->to != NULL ? g_strdup_printf("to %s", acts->to) : NULL;
    }
}

static void print_plan(CommandRun *run, OutputClass class)
{
    const Acts *acts = run->data;

    for (guint i = 0; i < acts->items->len; i++) {
        const Item *item = acts->items->pdata[i];
        g_autofree char *text = plan_text(acts, item);

        output_line(run->out, class, "would %s %s (%s, %s, %s)%s%s",
                    gemel_act_name(run->command->act), item->target->name,
                    gemel_kind_name(item->target->kind), gemel_state_name(item->was),
                    item->target->backend->backend->name, text != NULL ? ": " : "",
                    text != NULL ? text : "");
    }
    for (guint i = 0; i < acts->skipped->len; i++) {
        const json_t *row = acts->skipped->pdata[i];

        output_line(run->out, class, "would skip %s: %s",
                    json_string_value(json_object_get(row, "name")),
                    json_string_value(json_object_get(row, "reason")));
    }
}

/* "Kill lab-vm, build?"; of many the number. */
static char *acts_question(CommandRun *run)
{
    const Acts *acts = run->data;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *act = g_strdup(gemel_act_name(run->command->act));

    act[0] = g_ascii_toupper(act[0]);
    if (run->command->act == GEMEL_ACT_PROTECT)
        g_string_append(text, "Take the protection off");
    else
        g_string_append(text, act);
    if (acts->items->len > 8)
        g_string_append_printf(text, " %u instances", acts->items->len);
    for (guint i = 0; i < acts->items->len && acts->items->len <= 8; i++)
        g_string_append_printf(text, "%s %s", i > 0 ? "," : "",
                               ((Item *)acts->items->pdata[i])->target->name);
    g_string_append(text, "?");
    if (run->command->act == GEMEL_ACT_DELETE && acts->args.force)
        g_string_append(text, acts->items->len == 1 ? " It is killed first if it runs."
                                                    : " Those that run are killed first.");
    for (guint i = 0; i < acts->skipped->len && run->face->face == FACE_TUI; i++) {
        const json_t *row = acts->skipped->pdata[i];

        g_string_append_printf(text, "%s%s (%s)", i == 0 ? " Skipped: " : ", ",
                               json_string_value(json_object_get(row, "name")),
                               json_string_value(json_object_get(row, "reason")));
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Whether it is asked about whatever the user said. */
static gboolean needs_question(const Acts *acts)
{
    GemelAct act = acts->run->command->act;

    if (run_flag(acts->run, "ask") || act == GEMEL_ACT_DELETE || act == GEMEL_ACT_RESET)
        return TRUE;
    for (guint i = 0; i < acts->items->len; i++) {
        const Item *item = acts->items->pdata[i];

        if (act == GEMEL_ACT_KILL && (item->target->kind == GEMEL_KIND_VM || acts->by_glob))
            return TRUE;
        if (act == GEMEL_ACT_PROTECT && !acts->args.enable && item->is_protected)
            return TRUE;
    }
    return FALSE;
}

/* The name to be typed: of one that runs and is deleted, or that loses its protection. */
static const char *typed_name(const Acts *acts)
{
    GemelAct act = acts->run->command->act;
    const Item *item = acts->items->pdata[0];

    if (acts->items->len != 1)
        return NULL;
    if ((act == GEMEL_ACT_DELETE && acts->args.force) ||
        (act == GEMEL_ACT_PROTECT && !acts->args.enable && item->is_protected))
        return item->target->name;
    return NULL;
}

/* ---- doing ---------------------------------------------------------------------------------- */

/* What one that is under way waits for, and how far it is; g_free() it. */
static char *item_waits(const Item *item)
{
    g_autoptr(GemelJobView) view = item->job != NULL ? gemel_job_view(item->job) : NULL;

    if (view == NULL || (view->what == NULL && view->waits_for == NULL))
        return g_strdup("");
    if (view->what == NULL)
        return g_strdup_printf("waits for %s", view->waits_for);
    if (view->fraction >= 0)
        return g_strdup_printf("%.0f %%, %s", view->fraction * 100, view->what);
    return g_strdup(view->what);
}

/* How long it took, or has taken so far. */
static char *item_took(const Item *item)
{
    gint64 end = item->ended_usec > 0 ? item->ended_usec : g_get_monotonic_time();

    return item->begun_usec > 0
               ? g_strdup_printf("%.1f s", (double)(end - item->begun_usec) / G_USEC_PER_SEC)
               : g_strdup("");
}

/* What a page shows while many are under way: one line each. */
static void show_page(Acts *acts)
{
    CommandRun *run = acts->run;
    guint counts[ITEM_N] = {0}, width = 8;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *title =
        g_strdup_printf("%s %u", gemel_act_name(run->command->act), acts->items->len);

    if (run->face->page == NULL || acts->closed || acts->items->len + acts->skipped->len < 2)
        return;
    for (guint i = 0; i < acts->items->len; i++) {
        const Item *item = acts->items->pdata[i];

        counts[item->state]++;
        width = MAX(width, (guint)g_utf8_strlen(item->target->name, -1));
    }
    width = MIN(width, 30);
    g_string_append_printf(text, "%u done", counts[ITEM_DONE]);
    for (ItemState state = 0; state < ITEM_N; state++)
        if (state != ITEM_DONE && counts[state] > 0)
            g_string_append_printf(text, ", %u %s", counts[state], item_states[state]);
    if (acts->skipped->len > 0)
        g_string_append_printf(text, ", %u skipped", acts->skipped->len);
    g_string_append(text, "\n\n");
    for (guint i = 0; i < acts->items->len; i++) {
        const Item *item = acts->items->pdata[i];
        g_autofree char *took = item_took(item);
        g_autofree char *waits = item->state == ITEM_BEGUN ? item_waits(item) : NULL;

        g_string_append_printf(text, "%-*s  %-10s  %7s  %s\n", (int)width, item->target->name,
                               item_states[item->state], took,
                               waits != NULL        ? waits
                               : item->text != NULL ? item->text
                                                    : "");
    }
    for (guint i = 0; i < acts->skipped->len; i++) {
        const json_t *row = acts->skipped->pdata[i];

        g_string_append_printf(text, "%-*s  %-10s  %7s  %s\n", (int)width,
                               json_string_value(json_object_get(row, "name")), "skipped", "",
                               json_string_value(json_object_get(row, "reason")));
    }
    if (counts[ITEM_WAITING] > 0)
        g_string_append(text, "\n^C takes back those that wait; what is under way goes on.\n");
    acts->has_page = TRUE;
    acts->closed = !run->face->page(run, title, text->str, run->face->face_data);
}

/* Runs on a worker: arg is the act and the id, as "N:id". */
static gpointer run_act(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    char *id;
    GemelAct act = (GemelAct)g_ascii_strtoull(arg, &id, 10);
    gboolean done = conn->backend->ops->act[act](conn, id + 1, args, error);

    return done ? g_strdup("") : NULL;
}

static json_t *result_row(const Acts *acts, const Item *item, const GError *error,
                          const char *notes)
{
    const Target *target = item->target;
    const char *backend = target->backend->backend->name;
    json_t *row = json_pack("{s:o, s:o, s:o, s:s, s:b}", "backend", json_text(backend), "id",
                            json_text(target->id), "name", json_text(target->name), "act",
                            gemel_act_name(acts->run->command->act), "done", error == NULL);

    if (error != NULL)
        json_object_set_new(row, "error", error_to_json(backend, error));
    if (notes != NULL)
        json_object_set_new(row, "notes", json_text(notes));
    if (acts->args.name != NULL)
        json_object_set_new(row, "to", json_text(acts->args.name));
    return row;
}

/* All are over, or taken back. */
static void acts_over(CommandRun *run)
{
    Acts *acts = run->data;
    json_t *out;

    if (!run->json)
        return;
    out = json_pack("{s:O}", "results", acts->results);
    if (acts->skipped->len > 0) {
        json_t *skipped = json_array();

        for (guint i = 0; i < acts->skipped->len; i++)
            json_array_append(skipped, acts->skipped->pdata[i]);
        json_object_set_new(out, "skipped", skipped);
    }
    output_json(run->out, out);
}

static void say_done(CommandRun *run, const Item *item)
{
    const Acts *acts = run->data;
    const char *done = words[run->command->act].done;
    const char *value = acts->to;

    if (run->command->act == GEMEL_ACT_AUTOSTART || run->command->act == GEMEL_ACT_PROTECT)
        output_line(run->out, OUTPUT_NOTE, "%s: %s %s", item->target->name, done,
                    acts->args.enable ? "on" : "off");
    else
        output_line(run->out, OUTPUT_NOTE, "%s: %s%s%s", item->target->name, done,
                    value != NULL ? " to " : "", value != NULL ? value : "");
}

static void act_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Item *item = data;
    CommandRun *run = item->target->run;
    Acts *acts = run->data;
    g_autoptr(GemelJobView) view = gemel_job_view(job);
    gboolean on_page = acts->has_page && !acts->closed;

    target_set_doing(item->target, NULL);
    item->state = error != NULL ? ITEM_FAILED : ITEM_DONE;
    item->ended_usec = g_get_monotonic_time();
    item->text = g_strdup(error != NULL ? error->message : view->notes);
    if (item->text != NULL)
        g_strdelimit(item->text, "\n", ' ');
    if (error != NULL)
        run_error(run, error);
    else if (!run->json && !on_page)
        say_done(run, item);
    if (!run->json && !on_page)
        run_print_notes(run, item->target->name, job);
    json_array_append_new(acts->results, result_row(acts, item, error, view->notes));
    acts->under_way--;
    acts_next(run);
    show_page(acts);
    if (acts->under_way == 0)
        acts_over(run);
}

/* What was asked about is looked at again: it may be another by now, or in another state. */
static gboolean is_as_asked(CommandRun *run, Item *item)
{
    const Acts *acts = run->data;
    const ModelInstance *now =
        model_instance(run->app->model, item->target->backend->backend->name, item->target->id);

    if (!acts->asked || (now != NULL && now->info->state == item->was))
        return TRUE;
    item->text = now == NULL ? g_strdup("it has gone meanwhile")
                             : g_strdup_printf("it was %s when you were asked and is %s now",
                                               gemel_state_name(item->was),
                                               gemel_state_name(now->info->state));
    item->state = ITEM_FAILED;
    run_fail(run, GEMEL_ERROR_CONFLICT, "%s: %s; nothing was done to it", item->target->name,
             item->text);
    return FALSE;
}

/* Every second: times move on. Off the console what is slow names itself and what it waits for,
   where somebody watches. */
static gboolean tick(gpointer data)
{
    Acts *acts = data;

    if (acts->under_way == 0)
        return G_SOURCE_CONTINUE;
    acts->ticks++;
    if (acts->run->face->face == FACE_TUI) {
        if (acts->has_page)
            show_page(acts);
        return G_SOURCE_CONTINUE;
    }
    for (guint i = 0;
         i < acts->items->len && acts->ticks % SLOW_TICKS == 0 && isatty(STDERR_FILENO); i++) {
        const Item *item = acts->items->pdata[i];
        g_autofree char *took = item_took(item), *waits = item_waits(item);

        if (item->state == ITEM_BEGUN)
            output_line(acts->run->out, OUTPUT_NOTE, "%s: %s after %s%s%s", item->target->name,
                        words[acts->run->command->act].doing, took, *waits != '\0' ? ": " : "",
                        waits);
    }
    output_flush(acts->run->out);
    return G_SOURCE_CONTINUE;
}

static void begin_item(CommandRun *run, Item *item)
{
    Acts *acts = run->data;
    Target *target = item->target;
    GemelAct act = run->command->act;
    g_autofree char *title =
        g_strdup_printf("%s %s%s%s", gemel_act_name(act), target->name, acts->to != NULL ? " " : "",
                        acts->to != NULL ? acts->to : "");
    gint hard_ms = acts->args.timeout_ms > 0 ? acts->args.timeout_ms + GRACE_MS
                   : words[act].hard_ms > 0  ? words[act].hard_ms
                                             : ACT_HARD_MS;

    item->state = ITEM_BEGUN;
    item->begun_usec = g_get_monotonic_time();
    acts->under_way++;
    target_set_doing(target, words[act].doing);
    if (acts->tick == NULL)
        acts->tick = app_add_timer(run->app, 1000, tick, acts);
    item->job = gemel_job_ref(
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
                   act_done, item));
}

/* Begins as many as may be under way at once. */
static void acts_next(CommandRun *run)
{
    Acts *acts = run->data;
    guint most = (guint)options_get_number(run->app->options, "parallel");

    while (!acts->stopped && acts->under_way < most && acts->next < acts->items->len) {
        Item *item = acts->items->pdata[acts->next++];

        if (is_as_asked(run, item))
            begin_item(run, item);
    }
}

static void acts_begin(CommandRun *run)
{
    Acts *acts = run->data;

    acts_next(run);
    show_page(acts);
    if (!run->json && !acts->has_page)
        print_skipped(run);
    if (acts->under_way == 0)
        acts_over(run);
}

static void ask(CommandRun *run, const char *question)
{
    const Acts *acts = run->data;
    g_autoptr(GPtrArray) targets = g_ptr_array_new();

    for (guint i = 0; i < acts->items->len; i++)
        g_ptr_array_add(targets, ((Item *)acts->items->pdata[i])->target);
    plan_confirm(run,
                 &(PlanAbout){.act = run->command->act,
                              .targets = (Target *const *)targets->pdata,
                              .n_targets = targets->len},
                 question, typed_name(acts), acts_begin);
}

void acts_go(CommandRun *run)
{
    Acts *acts = run->data;

    if (run->dry_run) {
        print_plan(run, OUTPUT_DATA);
        for (guint i = 0; i < acts->items->len; i++)
            plan_print_act(run, ((Item *)acts->items->pdata[i])->target, run->command->act,
                           &acts->args);
        return;
    }
    if (!needs_question(acts)) {
        acts_begin(run);
        return;
    }
    g_autofree char *question = acts_question(run);

    acts->asked = !run->yes;
    run->about = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < acts->items->len; i++) {
        const Target *target = ((Item *)acts->items->pdata[i])->target;

        g_ptr_array_add(run->about,
                        g_strconcat(target->backend->backend->name, "/", target->id, NULL));
    }
    if (!run->yes && run->face->face != FACE_TUI &&
        (acts->by_glob || acts->skipped->len > 0 || run_flag(run, "ask")))
        print_plan(run, OUTPUT_NOTE);
    ask(run, question);
}
