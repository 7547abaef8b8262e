/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acts.c - an act on many: which ones, the plan, the question. acts_run.c carries it out. */
#include "console/acts_private.h"

#include <string.h>

#include "console/terminal.h"

/* ---- life ----------------------------------------------------------------------------------- */

static void item_free(gpointer data)
{
    Item *item = data;

    target_free(item->target);
    g_clear_pointer(&item->job, gemel_job_unref);
    g_free(item->text);
    g_free(item);
}

void acts_undo_over(Acts *acts)
{
    App *app = acts->run->app;

    if (!acts->undoing)
        return;
    acts->undoing = FALSE;
    if (--app->closing == 0 && app->ended_by != 0)
        terminal_exit(app->ended_by);
}

static void acts_free(gpointer data)
{
    Acts *acts = data;

    acts_undo_over(acts);
    app_source_remove(&acts->tick);
    g_ptr_array_unref(acts->items);
    g_ptr_array_unref(acts->skipped);
    json_decref(acts->results);
    g_free(acts->to);
    g_free(acts);
}

/* The first ^C of what makes something: it is waited for while it takes that away again. */
static gboolean acts_undo(CommandRun *run)
{
    Acts *acts = run->data;

    if (run->command->act != GEMEL_ACT_CLONE || acts->stopped || acts->under_way == 0)
        return FALSE;
    acts->stopped = acts->undoing = TRUE;
    run->app->closing++;
    for (guint i = 0; i < acts->items->len; i++) {
        const Item *item = acts->items->pdata[i];

        if (item->state == ITEM_BEGUN && item->job != NULL)
            gemel_job_cancel(item->job);
    }
    output_line(run->out, OUTPUT_NOTE, "taking away what was copied so far (^C again leaves)");
    output_flush(run->out);
    if (run->worst == 0)
        run->worst = 130;
    return TRUE;
}

/* The first ^C: nothing more is begun. FALSE when there is nothing to take back. */
static gboolean acts_interrupt(CommandRun *run)
{
    Acts *acts = run->data;
    guint taken = 0;

    if (acts_undo(run))
        return TRUE;
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
    const char *why = info->why_not[act] != NULL ? info->why_not[act] : "is busy";

    if (!gemel_backend_can(backend->backend, act))
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "%s: cannot %s: it %s", info->name,
                               gemel_act_phrase(act), why);
    if (!gemel_protection_allows(info->is_protected, info->name, act, args, error))
        return FALSE;
    if (gemel_instance_can(info, act) || (act == GEMEL_ACT_DELETE && args->force))
        return TRUE;
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "%s: cannot %s: it %s%s", info->name,
                           gemel_act_phrase(act), why,
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

void acts_print_skipped(CommandRun *run)
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
    acts_print_skipped(run);
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
