/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_doctor.c - doctor: what stands in the way, and what was left over; with --fix cleans that. */
#include <string.h>

#include "console/commands.h"

typedef struct {
    CommandRun *run;
    GPtrArray *answers; /* of Answer*, in the order of backends */
    guint waits;
} Doctor;

/* What one backend found. */
typedef struct {
    Doctor *doctor;
    char *backend;
    json_t *found; /* array, or NULL */
    GError *error;
} Answer;

static void answer_free(gpointer data)
{
    Answer *answer = data;

    g_free(answer->backend);
    json_decref(answer->found);
    g_clear_error(&answer->error);
    g_free(answer);
}

static void doctor_free(gpointer data)
{
    Doctor *doctor = data;

    g_ptr_array_unref(doctor->answers);
    g_free(doctor);
}

static void found_free(gpointer data)
{
    json_decref(data);
}

static gpointer run_look(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->doctor(conn, FALSE, args, error);
}

static gpointer run_fix(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->doctor(conn, TRUE, args, error);
}

/* ---- what was found ------------------------------------------------------------------------- */

static const char *text_of(const json_t *one, const char *key)
{
    const char *text = json_string_value(json_object_get(one, key));

    return text != NULL ? text : "";
}

static gboolean is_fixable(const json_t *one)
{
    return json_is_true(json_object_get(one, "fixable")) &&
           !json_is_true(json_object_get(one, "fixed"));
}

static guint count_fixable(const Answer *answer)
{
    guint n = 0;
    json_t *one;
    size_t i;

    json_array_foreach (answer->found, i, one)
        n += is_fixable(one);
    return n;
}

/* One finding as it is documented: every key is there. */
static json_t *to_json(const Answer *answer, const json_t *one)
{
    json_t *made = json_object();
    static const char *const texts[] = {"check", "level", "what", "way_out", "path"};

    json_object_set_new(made, "backend", json_text(answer->backend));
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        json_object_set_new(made, texts[i],
                            json_text(json_string_value(json_object_get(one, texts[i]))));
    json_object_set_new(made, "fixable",
                        json_boolean(json_is_true(json_object_get(one, "fixable"))));
    json_object_set_new(made, "fixed", json_boolean(json_is_true(json_object_get(one, "fixed"))));
    return made;
}

static void print_table(const Doctor *doctor)
{
    static const char *const headers[] = {"", "BACKEND", "CHECK", "FOUND", NULL};
    OutputTable *table = output_table_new(headers, "LLLW");

    for (guint a = 0; a < doctor->answers->len; a++) {
        const Answer *answer = doctor->answers->pdata[a];
        json_t *one;
        size_t i;

        if (answer->error != NULL)
            output_table_add(table, "bad", answer->backend, "connection", answer->error->message,
                             NULL);
        json_array_foreach (answer->found, i, one) {
            gboolean fixed = json_is_true(json_object_get(one, "fixed"));
            g_autoptr(GString) what = g_string_new(text_of(one, "what"));

            if (*text_of(one, "path") != '\0')
                g_string_append_printf(what, " (%s)", text_of(one, "path"));
            if (!fixed && *text_of(one, "way_out") != '\0')
                g_string_append_printf(what, "; %s", text_of(one, "way_out"));
            output_table_add(table, fixed ? "gone" : text_of(one, "level"), answer->backend,
                             text_of(one, "check"), what->str, NULL);
        }
    }
    output_table_print(table, doctor->run->out);
}

static void print_json(const Doctor *doctor)
{
    json_t *findings = json_array(), *errors = json_array();

    for (guint a = 0; a < doctor->answers->len; a++) {
        const Answer *answer = doctor->answers->pdata[a];
        json_t *one;
        size_t i;

        if (answer->error != NULL)
            json_array_append_new(errors, error_to_json(answer->backend, answer->error));
        json_array_foreach (answer->found, i, one)
            json_array_append_new(findings, to_json(answer, one));
    }
    output_json(doctor->run->out, json_pack("{s:o, s:o}", "findings", findings, "errors", errors));
}

/* Prints all of it. The status says first who did not answer (5 for one that cannot be reached),
   for of that backend nothing is known; else it is 1 when something is bad, or stays that was to
   go. */
static void report(const Doctor *doctor, gboolean was_fixed)
{
    gboolean bad = FALSE;
    int silent = 0;

    for (guint a = 0; a < doctor->answers->len; a++) {
        const Answer *answer = doctor->answers->pdata[a];
        json_t *one;
        size_t i;

        if (answer->error != NULL && silent == 0)
            silent = gemel_error_exit_status(answer->error);
        bad = bad || (was_fixed && count_fixable(answer) > 0);
        json_array_foreach (answer->found, i, one)
            bad = bad || g_str_equal(text_of(one, "level"), "bad");
    }
    if (doctor->run->json)
        print_json(doctor);
    else
        print_table(doctor);
    run_finish(doctor->run, silent != 0 ? silent : bad);
}

/* ---- looking and cleaning ------------------------------------------------------------------- */

static void ask(Doctor *doctor);

/* Keeps a backend's answer; TRUE once all have answered. */
static gboolean take(Answer *answer, json_t *found, const GError *error)
{
    Doctor *doctor = answer->doctor;

    g_clear_pointer(&answer->found, json_decref);
    if (found != NULL)
        answer->found = json_incref(found);
    else
        answer->error = error != NULL ? g_error_copy(error)
                                      : g_error_new(GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE,
                                                    "%s: no answer", answer->backend);
    return --doctor->waits == 0;
}

static void look_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Answer *answer = data;

    if (!take(answer, result, error))
        return;
    if (run_flag(answer->doctor->run, "fix"))
        ask(answer->doctor);
    else
        report(answer->doctor, FALSE);
}

static void fix_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Answer *answer = data;

    if (take(answer, result, error))
        report(answer->doctor, TRUE);
}

static void submit(Answer *answer, GemelLane lane)
{
    CommandRun *run = answer->doctor->run;
    gboolean fix = lane == GEMEL_LANE_ACT;

    run_submit(run, app_backend(run->app, answer->backend), lane,
               &(GemelJobSpec){.kind = fix ? "doctor fix" : "doctor",
                               .title = fix ? "doctor --fix" : NULL,
                               .run = fix ? run_fix : run_look,
                               .result_free = found_free,
                               .hard_ms = fix ? 120000 : 30000},
               fix ? fix_done : look_done, answer);
}

static void fix_all(CommandRun *run)
{
    Doctor *doctor = run->data;

    for (guint a = 0; a < doctor->answers->len; a++)
        doctor->waits += count_fixable(doctor->answers->pdata[a]) > 0;
    for (guint a = 0; a < doctor->answers->len; a++)
        if (count_fixable(doctor->answers->pdata[a]) > 0)
            submit(doctor->answers->pdata[a], GEMEL_LANE_ACT);
}

/* Says what would go, and asks. */
static void ask(Doctor *doctor)
{
    CommandRun *run = doctor->run;
    guint n = 0;

    for (guint a = 0; a < doctor->answers->len; a++)
        n += count_fixable(doctor->answers->pdata[a]);
    if (n == 0 || run_flag(run, "dry-run")) {
        report(doctor, FALSE);
        if (!run->json)
            output_line(run->out, OUTPUT_NOTE,
                        n == 0 ? "nothing to clean away" : "nothing was done (--dry-run)");
        return;
    }
    if (run_flag(run, "yes")) {
        fix_all(run);
        return;
    }
    if (!run->json)
        print_table(doctor);

    g_autofree char *question =
        g_strdup_printf("Clean %u thing%s away that killed commands left?", n, n == 1 ? "" : "s");

    run_confirm(run, question, NULL, fix_all);
}

static void doctor_run(CommandRun *run)
{
    const char *wanted = run->n_words > 0 ? run->words[0] : NULL;
    Doctor *doctor = g_new0(Doctor, 1);

    doctor->run = run;
    doctor->answers = g_ptr_array_new_with_free_func(answer_free);
    run->data = doctor;
    run->data_free = doctor_free;
    if (run_flag(run, "fix") && !run_flag(run, "dry-run") &&
        run_refuses_change(run, "doctor --fix"))
        return;
    for (guint i = 0; i < run->app->backends->len; i++) {
        const AppBackend *backend = run->app->backends->pdata[i];
        Answer *answer;

        if (backend->backend->ops->doctor == NULL ||
            (wanted != NULL && strcmp(wanted, backend->backend->name) != 0))
            continue;
        answer = g_new0(Answer, 1);
        answer->doctor = doctor;
        answer->backend = g_strdup(backend->backend->name);
        g_ptr_array_add(doctor->answers, answer);
    }
    doctor->waits = doctor->answers->len;
    if (doctor->waits == 0)
        run_fail(run, wanted != NULL ? GEMEL_ERROR_NOT_FOUND : GEMEL_ERROR_UNSUPPORTED,
                 "doctor: no backend%s%s that is connected has anything to look at",
                 wanted != NULL ? " " : "", wanted != NULL ? wanted : "");
    for (guint i = 0; i < doctor->answers->len; i++)
        submit(doctor->answers->pdata[i], GEMEL_LANE_READ);
}

/* --yes and --dry-run are its own: without --fix it changes nothing, read-only or not. */
static const CommandOption doctor_options[] = {
    {"fix", 0, OPTION_FLAG, FALSE, NULL, "clean away what was left over, after asking"},
    {"yes", 'y', OPTION_FLAG, FALSE, NULL, "do not ask"},
    {"dry-run", 0, OPTION_FLAG, FALSE, NULL, "only say what --fix would clean"},
    {NULL},
};

const Command commands_doctor[] = {
    {.name = "doctor",
     .summary = "what stands in the way, and what was left over",
     .example = "gemel doctor",
     .group = "Look",
     .flags = COMMAND_JSON,
     .words = {{WORD_BACKEND, "BACKEND", .optional = TRUE}},
     .options = doctor_options,
     .details = "Each line is ok, warn or bad, with the way out; the status is 1 when one is bad, "
                "and 5 when a backend cannot be reached, whatever the others say. Looked for are "
                "the programs and parts of the kernel that instances need, free "
                "space, and of gemel's own store: containers half made or half removed, "
                "interrupted starts and snapshots, unused layers, temporary files, records, "
                "cgroups and mounts of what is gone. --fix cleans away what nobody uses, and only "
                "in this store and below its cgroup parent.",
     .run = doctor_run},
    {.name = NULL},
};
