/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - what goes with an act, what stays, and the bytes: for --dry-run and for the question
   before it. */
#include "console/commands.h"

#include <string.h>

#define PLAN_HARD_MS 60000
/* How long a question waits for it. */
#define QUESTION_MS 1000
/* Of so many instances a question tells the files. */
#define QUESTION_INSTANCES 32

typedef struct {
    GemelAct act;
    char *id, *snapshot;
} Call;

static void call_free(gpointer data)
{
    Call *call = data;

    g_free(call->id);
    g_free(call->snapshot);
    g_free(call);
}

static gpointer run_plan(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const Call *call = arg;

    return conn->backend->ops->plan(conn, call->id, call->act, call->snapshot, args, error);
}

static void files_free(gpointer files)
{
    json_decref(files);
}

/* Whether there is something to tell of. */
static gboolean has_plan(const Target *target, GemelAct act)
{
    return target->backend->backend->ops->plan != NULL &&
           ((gemel_act_is_destructive(act) && act != GEMEL_ACT_KILL && act != GEMEL_ACT_RESET) ||
            act == GEMEL_ACT_CLONE);
}

/* Requests of the same kind are shared, and a plan is about one snapshot, or one new name. */
static GemelJob *submit(CommandRun *run, const Target *target, GemelAct act, const char *snapshot,
                        const GemelActArgs *args, GemelJobDone done, gpointer data)
{
    Call *call = g_new0(Call, 1);
    g_autofree char *title = g_strdup_printf("plan of %s %s", gemel_act_name(act), target->name);
    gboolean linked = args != NULL && args->linked;
    const char *about = args != NULL && args->name != NULL ? args->name : snapshot;
    g_autofree char *kind = g_strdup_printf("plan of %s%s %s", linked ? "linked " : "",
                                            gemel_act_name(act), about != NULL ? about : "");
    GemelJobSpec spec = {.kind = g_intern_string(kind),
                         .instance_id = target->id,
                         .title = title,
                         .run = run_plan,
                         .arg = call,
                         .arg_free = call_free,
                         .result_free = files_free,
                         .hard_ms = PLAN_HARD_MS,
                         .args = args != NULL ? *args : (GemelActArgs){0}};

    call->act = act;
    call->id = g_strdup(target->id);
    call->snapshot = g_strdup(snapshot);
    if (run != NULL)
        return run_submit(run, target->backend, GEMEL_LANE_READ, &spec, done, data);
    return gemel_lanes_submit(target->backend->lanes, GEMEL_LANE_READ, &spec, done, data);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Ids are shown as their first twelve digits everywhere people read them. */
static char *short_ids(const char *path)
{
    static GRegex *id;

    if (id == NULL)
        id = g_regex_new("([0-9a-f]{12})[0-9a-f]{52}", 0, 0, NULL);
    return g_regex_replace(id, path, -1, 0, "\\1...", 0, NULL);
}

/* "goes   /path (1.5 MiB)", or what else becomes of it; each file with a line, and what that
   frees. */
static void add_lines(GPtrArray *lines, const json_t *files, const char *before, gboolean is_short)
{
    guint64 freed = 0;
    const json_t *file;
    size_t i;

    json_array_foreach (files, i, file) {
        const json_t *bytes = json_object_get(file, "bytes");
        const char *path = json_string_value(json_object_get(file, "path"));
        const char *how = json_string_value(json_object_get(file, "how"));
        const char *note = json_string_value(json_object_get(file, "note"));
        gboolean goes = json_is_true(json_object_get(file, "goes"));
        gboolean known = json_is_integer(bytes) && json_integer_value(bytes) >= 0;
        g_autofree char *size =
            known ? format_bytes((guint64)json_integer_value(bytes)) : g_strdup("size not known");

        if (path == NULL)
            continue;
        g_autofree char *shown = is_short ? short_ids(path) : g_strdup(path);

        g_autofree char *note_shown = note == NULL ? NULL
                                      : is_short   ? short_ids(note)
                                                   : g_strdup(note);

        g_ptr_array_add(lines,
                        g_strdup_printf("%s%-5s  %s%s%s%s%s%s", before,
                                        how != NULL ? how
                                        : goes      ? "goes"
                                                    : "stays",
                                        shown, *path == '/' || known ? " (" : "",
                                        *path == '/' || known ? size : "",
                                        *path == '/' || known ? ")" : "", note != NULL ? ": " : "",
                                        note != NULL ? note_shown : ""));
        if (goes && known)
            freed += (guint64)json_integer_value(bytes);
    }
    if (freed > 0) {
        g_autofree char *size = format_bytes(freed);

        g_ptr_array_add(lines, g_strdup_printf("%sfrees  %s", before, size));
    }
}

void plan_print_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    add_lines(lines, result, "  ", FALSE);
    for (guint i = 0; i < lines->len; i++)
        output_line(run->out, OUTPUT_DATA, "%s", (char *)lines->pdata[i]);
}

void plan_print_files(CommandRun *run, const Target *target, GemelAct act, const char *snapshot,
                      GemelJobDone done)
{
    if (has_plan(target, act))
        submit(run, target, act, snapshot, NULL, done, run);
    else
        done(NULL, NULL, NULL, run);
}

void plan_print_act(CommandRun *run, const Target *target, GemelAct act, const GemelActArgs *args)
{
    if (has_plan(target, act))
        submit(run, target, act, NULL, args, plan_print_done, run);
}

/* ---- the question --------------------------------------------------------------------------- */

typedef struct {
    Plan *plan;
    char *name;
    GemelJob *job; /* NULL once it answered, or is not waited for any more */
    json_t *files; /* NULL: none came */
    char *trouble; /* why, or NULL */
} Part;

struct Plan {
    CommandRun *run;
    GPtrArray *parts; /* of Part */
    guint n_more;     /* instances that were not looked at */
    guint waiting;
    GSource *timer;
    /* of the question, where it waits for the plan */
    char *question, *typed_name;
    void (*proceed)(CommandRun *run);
};

static void part_free(gpointer data)
{
    Part *part = data;

    if (part->job != NULL) {
        gemel_job_leave(part->job, part);
        gemel_job_unref(part->job);
    }
    json_decref(part->files);
    g_free(part->name);
    g_free(part->trouble);
    g_free(part);
}

void plan_free(Plan *plan)
{
    if (plan == NULL)
        return;
    app_source_remove(&plan->timer);
    g_ptr_array_unref(plan->parts);
    g_free(plan->question);
    g_free(plan->typed_name);
    g_free(plan);
}

char **plan_lines(const Plan *plan)
{
    GPtrArray *lines = g_ptr_array_new();

    for (guint i = 0; plan != NULL && i < plan->parts->len; i++) {
        const Part *part = plan->parts->pdata[i];
        g_autofree char *before =
            plan->parts->len > 1 ? g_strdup_printf("%s: ", part->name) : g_strdup("");
        guint n = lines->len;

        add_lines(lines, part->files, before, TRUE);
        if (part->trouble != NULL)
            g_ptr_array_add(lines,
                            g_strdup_printf("%swhat goes is not known: %s", before, part->trouble));
        else if (part->files == NULL)
            g_ptr_array_add(lines, g_strdup_printf("%slooking what goes ...", before));
        else if (lines->len == n)
            g_ptr_array_add(lines, g_strdup_printf("%sno file goes", before));
    }
    if (plan != NULL && plan->n_more > 0)
        g_ptr_array_add(lines, g_strdup_printf("and what goes with %u more", plan->n_more));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

/* All of it is there, or the time is over. Outside the console the question comes now. */
static void plan_is_there(Plan *plan)
{
    CommandRun *run = plan->run;
    g_auto(GStrv) lines = NULL;

    app_source_remove(&plan->timer);
    if (plan->proceed == NULL)
        return;
    lines = plan_lines(plan);
    for (guint i = 0; lines[i] != NULL; i++)
        output_line(run->out, OUTPUT_NOTE, "  %s", lines[i]);
    run_confirm(run, plan->question, plan->typed_name, plan->proceed);
    run_release(run);
}

static void show(const Plan *plan)
{
    const FaceOps *face = plan->run->face;

    if (face->confirm_plan != NULL)
        face->confirm_plan(plan->run, face->face_data);
}

static void part_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Part *part = data;
    Plan *plan = part->plan;

    part->files = result != NULL ? json_incref(result) : NULL;
    part->trouble = error != NULL    ? g_strdup(error->message)
                    : result == NULL ? g_strdup("the backend does not tell")
                                     : NULL;
    /* A lost job may end once more, and nobody waits for it then. */
    gemel_job_disown(part->job, part);
    g_clear_pointer(&part->job, gemel_job_unref);
    plan->waiting--;
    show(plan);
    if (plan->waiting == 0)
        plan_is_there(plan);
}

static gboolean plan_too_late(gpointer data)
{
    Plan *plan = data;

    for (guint i = 0; i < plan->parts->len; i++) {
        Part *part = plan->parts->pdata[i];

        if (part->job == NULL)
            continue;
        gemel_job_leave(part->job, part);
        g_clear_pointer(&part->job, gemel_job_unref);
        part->trouble = g_strdup("no answer within 1 s");
    }
    plan->waiting = 0;
    show(plan);
    plan_is_there(plan);
    return G_SOURCE_REMOVE;
}

void plan_confirm(CommandRun *run, const PlanAbout *about, const char *question,
                  const char *typed_name, void (*proceed)(CommandRun *run))
{
    Plan *plan;

    if (run->yes || run->dry_run || run->face->confirm == NULL || about->n_targets == 0 ||
        !has_plan(about->targets[0], about->act)) {
        run_confirm(run, question, typed_name, proceed);
        return;
    }
    plan = run->plan = g_new0(Plan, 1);
    plan->run = run;
    plan->parts = g_ptr_array_new_with_free_func(part_free);
    for (guint i = 0; i < about->n_targets; i++) {
        const Target *target = about->targets[i];
        Part *part;

        if (!has_plan(target, about->act))
            continue;
        if (plan->parts->len == QUESTION_INSTANCES) {
            plan->n_more++;
            continue;
        }
        part = g_new0(Part, 1);
        part->plan = plan;
        part->name = g_strdup(target->name);
        part->job = submit(NULL, target, about->act, about->snapshot, NULL, part_done, part);
        g_ptr_array_add(plan->parts, part);
        plan->waiting++;
    }
    plan->timer = app_add_timer(run->app, QUESTION_MS, plan_too_late, plan);
    if (run->face->confirm_plan != NULL) { /* it shows the plan as it comes */
        run_confirm(run, question, typed_name, proceed);
        return;
    }
    plan->question = g_strdup(question);
    plan->typed_name = g_strdup(typed_name);
    plan->proceed = proceed;
    run_hold(run);
}
