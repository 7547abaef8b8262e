/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_snapshot.c - snapshot list, create, revert, delete: the same for guests and containers. */
#include "console/commands.h"
#include "console/reads.h"

/* A guest's memory is written out under emulation, a container's upper is copied: both can take. */
#define SNAPSHOT_HARD_MS 1800000

typedef struct {
    Target *target;
    GemelAct act;
    gboolean force;
    char *snapshot, *description;
} SnapshotAct;

static void snapshot_act_free(gpointer data)
{
    SnapshotAct *act = data;

    target_free(act->target);
    g_free(act->snapshot);
    g_free(act->description);
    g_free(act);
}

/* What the worker needs; its own copy. */
typedef struct {
    GemelAct act;
    char *id, *snapshot, *description;
} SnapshotCall;

static void snapshot_call_free(gpointer data)
{
    SnapshotCall *call = data;

    g_free(call->id);
    g_free(call->snapshot);
    g_free(call->description);
    g_free(call);
}

static gpointer run_snapshot_act(GemelConn *conn, const GemelActArgs *args, gpointer arg,
                                 GError **error)
{
    const GemelSnapshotOps *ops = conn->backend->ops->snapshots;
    const SnapshotCall *call = arg;
    gboolean done;

    if (call->act == GEMEL_ACT_SNAPSHOT_CREATE)
        done = ops->create(conn, call->id, call->snapshot, call->description, args, error);
    else if (call->act == GEMEL_ACT_SNAPSHOT_REVERT)
        done = ops->revert(conn, call->id, call->snapshot, args, error);
    else
        done = ops->remove(conn, call->id, call->snapshot, args, error);
    return done ? g_strdup("") : NULL;
}

/* ---- list ----------------------------------------------------------------------------------- */

static char *snapshot_time(const GemelSnapshot *snapshot, const char *format)
{
    g_autoptr(GDateTime) time =
        snapshot->created_unix > 0 ? g_date_time_new_from_unix_local(snapshot->created_unix) : NULL;

    return time != NULL ? g_date_time_format(time, format) : g_strdup("-");
}

static json_t *snapshot_to_json(const GemelSnapshot *snapshot)
{
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:I, s:b, s:b}", "name", json_text(snapshot->name), "kind",
                  json_text(snapshot->kind), "state", gemel_state_name(snapshot->state),
                  "created_unix", (json_int_t)snapshot->created_unix, "memory",
                  snapshot->with_memory, "current", snapshot->is_current);

    json_object_set_new(object, "parent", json_text(snapshot->parent));
    json_object_set_new(object, "size_bytes",
                        snapshot->size_bytes >= 0 ? json_integer(snapshot->size_bytes)
                                                  : json_null());
    json_object_set_new(object, "description", json_text(snapshot->description));
    return object;
}

/* How deep in the tree, for indentation. */
static guint snapshot_depth(GPtrArray *all, const GemelSnapshot *snapshot)
{
    guint depth = 0;

    while (snapshot->parent != NULL && depth < all->len) {
        const GemelSnapshot *parent = NULL;

        for (guint i = 0; i < all->len && parent == NULL; i++)
            if (g_str_equal(((GemelSnapshot *)all->pdata[i])->name, snapshot->parent))
                parent = all->pdata[i];
        if (parent == NULL)
            break;
        snapshot = parent;
        depth++;
    }
    return depth;
}

static void snapshots_print(CommandRun *run, GPtrArray *all)
{
    static const char *const headers[] = {"NAME", "TAKEN", "STATE", "KIND", "SIZE", "", NULL};
    OutputTable *table = output_table_new(headers, "LLLLRL");

    for (guint i = 0; i < all->len; i++) {
        const GemelSnapshot *snapshot = all->pdata[i];
        g_autofree char *time = snapshot_time(snapshot, "%Y-%m-%d %H:%M");
        g_autofree char *size =
            snapshot->size_bytes >= 0 ? format_bytes((guint64)snapshot->size_bytes) : g_strdup("-");
        g_autofree char *name =
            g_strdup_printf("%*s%s", (int)(2 * snapshot_depth(all, snapshot)), "", snapshot->name);

        output_table_add(table, name, time,
                         snapshot->with_memory ? "running" : gemel_state_name(snapshot->state),
                         snapshot->kind, size, snapshot->is_current ? "<- you are here" : "", NULL);
    }
    output_table_print(table, run->out);
}

static void list_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    GPtrArray *all = result;

    if (all == NULL) {
        run_error(run, error);
    } else if (run->json) {
        json_t *rows = json_array();

        for (guint i = 0; i < all->len; i++)
            json_array_append_new(rows, snapshot_to_json(all->pdata[i]));
        output_json(run->out, json_pack("{s:o}", "snapshots", rows));
    } else if (all->len == 0) {
        output_line(run->out, OUTPUT_NOTE, "%s has no snapshots", run->words[0]);
    } else {
        snapshots_print(run, all);
    }
}

/* The instance named, if its backend has snapshots; errors are printed. */
static ModelInstance *snapshot_instance(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);

    if (instance == NULL) {
        run_error(run, error);
    } else if (instance->backend->open->backend->ops->snapshots == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s has no snapshots", instance->info->name,
                 instance->backend->name);
        return NULL;
    }
    return instance;
}

/* Asks for the snapshots of an instance. */
static void submit_list(CommandRun *run, const ModelInstance *instance, GemelJobDone done)
{
    g_autofree char *title = g_strdup_printf("snapshots of %s", instance->info->name);

    run_submit(run, instance->backend->open, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "snapshot list",
                               .instance_id = instance->info->id,
                               .title = title,
                               .run = read_snapshots,
                               .arg = g_strdup(instance->info->id),
                               .arg_free = g_free,
                               .result_free = (GDestroyNotify)g_ptr_array_unref,
                               .hard_ms = 10000},
               done, run);
}

static void list_run(CommandRun *run)
{
    const ModelInstance *instance = snapshot_instance(run);

    if (instance != NULL)
        submit_list(run, instance, list_done);
}

/* ---- create, revert, delete ----------------------------------------------------------------- */

static void act_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    static const char *const done[GEMEL_ACT_N] = {
        [GEMEL_ACT_SNAPSHOT_CREATE] = "snapshot %s taken",
        [GEMEL_ACT_SNAPSHOT_REVERT] = "is back at snapshot %s",
        [GEMEL_ACT_SNAPSHOT_DELETE] = "snapshot %s deleted",
    };
    CommandRun *run = data;
    SnapshotAct *act = run->data;

    target_set_doing(act->target, NULL);
    if (error != NULL) {
        run_error(run, error);
        return;
    }
    if (run->json) {
        g_autoptr(GemelJobView) view = gemel_job_view(job);

        output_json(run->out,
                    json_pack("{s:o, s:o, s:s, s:b, s:o*}", "name", json_text(act->target->name),
                              "snapshot", json_text(act->snapshot), "act", gemel_act_name(act->act),
                              "done", TRUE, "notes",
                              view->notes != NULL ? json_text(view->notes) : NULL));
        return;
    }
    g_autofree char *text = g_strconcat(act->target->name, ": ", done[act->act], NULL);
    g_auto(GStrv) parts = g_strsplit(text, "%s", 2);

    output_line(run->out, OUTPUT_NOTE, "%s%s%s", parts[0], act->snapshot, parts[1]);
    run_print_notes(run, act->target->name, job);
}

static void act_begin(CommandRun *run)
{
    static const char *const doing[GEMEL_ACT_N] = {
        [GEMEL_ACT_SNAPSHOT_CREATE] = "snapshot",
        [GEMEL_ACT_SNAPSHOT_REVERT] = "reverting",
        [GEMEL_ACT_SNAPSHOT_DELETE] = "snapshot",
    };
    SnapshotAct *act = run->data;
    SnapshotCall *call;
    g_autofree char *title =
        g_strdup_printf("%s %s %s", gemel_act_name(act->act), act->target->name, act->snapshot);

    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA, "would do: %s (%s)", title,
                    act->target->backend->backend->name);
        plan_print_files(run, act->target, act->act, act->snapshot, plan_print_done);
        return;
    }
    call = g_new0(SnapshotCall, 1);
    call->act = act->act;
    call->id = g_strdup(act->target->id);
    call->snapshot = g_strdup(act->snapshot);
    call->description = g_strdup(act->description);
    target_set_doing(act->target, doing[act->act]);
    run_submit(run, act->target->backend, GEMEL_LANE_ACT,
               &(GemelJobSpec){.kind = gemel_act_name(act->act),
                               .instance_id = act->target->id,
                               .title = title,
                               .run = run_snapshot_act,
                               .arg = call,
                               .arg_free = snapshot_call_free,
                               .result_free = g_free,
                               .hard_ms = SNAPSHOT_HARD_MS,
                               .args = {.limits = GEMEL_LIMITS_NONE, .force = act->force}},
               act_done, run);
}

static gboolean snapshot_is_there(GPtrArray *all, const char *name)
{
    for (guint i = 0; i < all->len; i++)
        if (g_str_equal(((GemelSnapshot *)all->pdata[i])->name, name))
            return TRUE;
    return FALSE;
}

static void act_confirm(CommandRun *run)
{
    SnapshotAct *act = run->data;
    g_autofree char *question =
        act->act == GEMEL_ACT_SNAPSHOT_REVERT
            ? g_strdup_printf("Take %s back to %s? What came after it is lost.", act->target->name,
                              act->snapshot)
            : g_strdup_printf("Delete snapshot %s of %s?", act->snapshot, act->target->name);

    plan_confirm(
        run,
        &(PlanAbout){
            .act = act->act, .targets = &act->target, .n_targets = 1, .snapshot = act->snapshot},
        question, NULL, act_begin);
}

/* The snapshots came: nobody is asked about one that is not there. */
static void act_ask(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    SnapshotAct *act = run->data;
    GPtrArray *all = result;

    if (all == NULL) {
        run_error(run, error);
        return;
    }
    if (!snapshot_is_there(all, act->snapshot)) {
        run_fail(run, GEMEL_ERROR_NOT_FOUND,
                 "%s has no snapshot '%s'; `snapshot list %s` shows what there is",
                 act->target->name, act->snapshot, act->target->name);
        return;
    }
    act_confirm(run);
}

static void act_run(CommandRun *run)
{
    ModelInstance *instance = snapshot_instance(run);
    GemelAct wanted = run->command->act;
    g_autoptr(GError) error = NULL;
    SnapshotAct *act;

    if (instance == NULL)
        return;
    if (!gemel_protection_allows(instance->info->is_protected, instance->info->name, wanted, NULL,
                                 &error)) {
        run_error(run, error);
        return;
    }
    if (!gemel_instance_can(instance->info, wanted) &&
        !(wanted == GEMEL_ACT_SNAPSHOT_REVERT && run_flag(run, "force"))) {
        run_fail(run, GEMEL_ERROR_CONFLICT, "%s: cannot %s: it %s%s", instance->info->name,
                 gemel_act_phrase(wanted), instance->info->why_not[wanted],
                 wanted == GEMEL_ACT_SNAPSHOT_REVERT && instance->info->state == GEMEL_STATE_RUNNING
                     ? ", or say --force"
                     : "");
        return;
    }
    act = g_new0(SnapshotAct, 1);
    act->target = target_new(run, instance);
    act->act = wanted;
    act->force = run_flag(run, "force");
    if (run->n_words > 1) {
        act->snapshot = g_strdup(run->words[1]);
    } else {
        g_autoptr(GDateTime) now = g_date_time_new_now_local();

        act->snapshot = g_date_time_format(now, "%Y%m%d-%H%M%S");
    }
    act->description = g_strdup(run_option(run, "description"));
    run->data = act;
    run->data_free = snapshot_act_free;
    if (wanted == GEMEL_ACT_SNAPSHOT_CREATE)
        act_begin(run);
    else if (run->yes || run->face->face == FACE_TUI) /* there the question comes at once */
        act_confirm(run);
    else
        submit_list(run, instance, act_ask);
}

/* ---- plan ----------------------------------------------------------------------------------- */

static void plan_of_delete(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    const SnapshotAct *act = run->data;

    output_line(run->out, OUTPUT_DATA, "%s", "");
    output_line(run->out, OUTPUT_DATA,
                "snapshot delete %s %s: its children keep what they need of it", act->target->name,
                act->snapshot);
    plan_print_done(job, result, error, run);
}

static void plan_of_revert(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    const SnapshotAct *act = run->data;

    output_line(run->out, OUTPUT_DATA,
                "snapshot revert %s %s: what was written since its newest snapshot is lost",
                act->target->name, act->snapshot);
    plan_print_done(job, result, error, run);
    plan_print_files(run, act->target, GEMEL_ACT_SNAPSHOT_DELETE, act->snapshot, plan_of_delete);
}

static void plan_show(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    const SnapshotAct *act = run->data;

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    if (!snapshot_is_there(result, act->snapshot)) {
        run_fail(run, GEMEL_ERROR_NOT_FOUND,
                 "%s has no snapshot '%s'; `snapshot list %s` shows what there is",
                 act->target->name, act->snapshot, act->target->name);
        return;
    }
    plan_print_files(run, act->target, GEMEL_ACT_SNAPSHOT_REVERT, act->snapshot, plan_of_revert);
}

/* What reverting to a snapshot and deleting it would do. */
static void plan_run(CommandRun *run)
{
    const ModelInstance *instance = snapshot_instance(run);
    SnapshotAct *act;

    if (instance == NULL)
        return;
    act = g_new0(SnapshotAct, 1);
    act->target = target_new(run, instance);
    act->snapshot = g_strdup(run->words[1]);
    run->data = act;
    run->data_free = snapshot_act_free;
    submit_list(run, instance, plan_show);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption create_options[] = {
    {"description", 'd', OPTION_STRING, FALSE, "TEXT", "a line for people"},
    {NULL},
};

static const CommandOption revert_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "stop a running container for it, and start it again"},
    {NULL},
};

#define SNAPSHOT_FLAGS (COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS)

const Command commands_snapshot[] = {
    {.name = "snapshot list",
     .aliases = "snapshots",
     .summary = "the snapshots of an instance, as a tree",
     .example = "gemel snapshot list lab-vm",
     .group = "Snapshots",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .run = list_run},
    {.name = "snapshot create",
     .aliases = "snapshot take",
     .summary = "keep what is there now",
     .example = "gemel snapshot create lab-ct before-upgrade",
     .group = "Snapshots",
     .flags = SNAPSHOT_FLAGS,
     .act = GEMEL_ACT_SNAPSHOT_CREATE,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_TEXT, "SNAPSHOT", .optional = TRUE}},
     .options = create_options,
     .details = "A running guest is kept with its memory. A running container is frozen while its "
                "writable layer is copied, and the time that took is shown; volumes are not part "
                "of it. Without a name the time of day is used.",
     .run = act_run},
    {.name = "snapshot plan",
     .summary = "what reverting to a snapshot and deleting it would do",
     .example = "gemel snapshot plan lab-ct s1",
     .group = "Snapshots",
     .flags = COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_SNAPSHOT, "SNAPSHOT"}},
     .run = plan_run},
    {.name = "snapshot revert",
     .aliases = "snapshot restore",
     .summary = "go back to a snapshot; what came after is lost",
     .example = "gemel snapshot revert lab-vm s1 --yes",
     .group = "Snapshots",
     .flags = SNAPSHOT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_SNAPSHOT_REVERT,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_SNAPSHOT, "SNAPSHOT"}},
     .options = revert_options,
     .run = act_run},
    {.name = "snapshot delete",
     .aliases = "snapshot rm",
     .summary = "forget a snapshot; its children keep what they need",
     .example = "gemel snapshot delete lab-ct s1 --yes",
     .group = "Snapshots",
     .flags = SNAPSHOT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_SNAPSHOT_DELETE,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_SNAPSHOT, "SNAPSHOT"}},
     .run = act_run},
    {.name = NULL},
};
