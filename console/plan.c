/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - the files of a plan: what goes with an act, what stays, and the bytes. */
#include "console/commands.h"

#define PLAN_HARD_MS 60000

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

    return conn->backend->ops->plan(conn, call->id, call->act, call->snapshot, error);
}

static void files_free(gpointer files)
{
    json_decref(files);
}

static void plan_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    json_int_t freed = 0;
    json_t *file;
    size_t i;

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    json_array_foreach ((json_t *)result, i, file) {
        const json_t *bytes = json_object_get(file, "bytes");
        gboolean goes = json_is_true(json_object_get(file, "goes"));
        g_autofree char *size = json_is_integer(bytes)
                                    ? format_bytes((guint64)json_integer_value(bytes))
                                    : g_strdup("size not known");

        output_line(run->out, OUTPUT_DATA, "  %s  %s (%s)", goes ? "goes " : "stays",
                    json_string_value(json_object_get(file, "path")), size);
        if (goes)
            freed += json_integer_value(bytes);
    }
    if (freed > 0) {
        g_autofree char *size = format_bytes((guint64)freed);

        output_line(run->out, OUTPUT_DATA, "  frees  %s", size);
    }
}

void plan_print_files(CommandRun *run, const Target *target, GemelAct act, const char *snapshot)
{
    Call *call;
    g_autofree char *title = g_strdup_printf("plan of %s %s", gemel_act_name(act), target->name);

    if (target->backend->backend->ops->plan == NULL || !gemel_act_is_destructive(act) ||
        act == GEMEL_ACT_KILL || act == GEMEL_ACT_RESET)
        return;
    call = g_new0(Call, 1);
    call->act = act;
    call->id = g_strdup(target->id);
    call->snapshot = g_strdup(snapshot);
    run_submit(run, target->backend, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = gemel_act_name(act),
                               .instance_id = target->id,
                               .title = title,
                               .run = run_plan,
                               .arg = call,
                               .arg_free = call_free,
                               .result_free = files_free,
                               .hard_ms = PLAN_HARD_MS},
               plan_done, run);
}
