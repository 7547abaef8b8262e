/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acts_run.c - an act on many is carried out: so many at once, each tells its end, a page shows how
   far it is. */
#include "console/acts_private.h"

#include <string.h>
#include <unistd.h>

/* When a job counts as lost. */
#define ACT_HARD_MS   180000
#define SAVE_HARD_MS  1800000
#define CLONE_HARD_MS 86400000
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

/* The face may want to know: the console takes marks away. */
static void tell_face(CommandRun *run, const Target *target)
{
    g_autofree char *key = g_strconcat(target->backend->backend->name, "/", target->id, NULL);

    if (run->face->acted != NULL)
        run->face->acted(run, key, run->face->face_data);
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
    if (error == NULL)
        tell_face(run, item->target);
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
    if (acts->under_way == 0) {
        acts_over(run);
        output_flush(run->out);
        acts_undo_over(acts);
    }
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

void acts_begin(CommandRun *run)
{
    Acts *acts = run->data;

    acts_next(run);
    show_page(acts);
    if (!run->json && !acts->has_page)
        acts_print_skipped(run);
    if (acts->under_way == 0)
        acts_over(run);
}
