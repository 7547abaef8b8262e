/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state machine, and that the list's valid acts agree with what the acts answer. */
#include "tests/contract/contract.h"

#include <string.h>

static void test_new_is_stopped(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GemelInstance) instance = NULL;

    instance = stage_find(stage->conn, id);
    g_assert_nonnull(instance);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_STOPPED);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_START));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_DELETE));
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_STOP));
}

static void test_start(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelInstance) instance = NULL;

    instance = stage_find(stage->conn, id);
    g_assert_cmpint(instance->state, ==, GEMEL_STATE_RUNNING);
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_START));
    if (instance->started_boottime_ns != 0) /* not every source knows it */
        g_assert_cmpint(gemel_boottime_ns() - instance->started_boottime_ns, <, 60000000000);
}

static void test_start_twice(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GError) error = NULL;

    g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_START, NULL, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_pause_resume(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_PAUSE);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_PAUSED);
    stage_must(stage->conn, id, GEMEL_ACT_RESUME);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_stop(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_STOP);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_STOPPED);
    stage_must(stage->conn, id, GEMEL_ACT_START);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
}

/* A guest that ignores the button runs on and the caller hears TIMEOUT; force ends it. */
static void test_stop_in_vain(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelActArgs patience = {.timeout_ms = 1200};
    const GemelActArgs force = {.timeout_ms = 1200, .force = TRUE};
    g_autoptr(GError) error = NULL;
    gint64 begin = g_get_monotonic_time();
    const char *id;

    id = stage_make_running(stage);
    begin = g_get_monotonic_time();
    g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_STOP, &patience, &error));
    check_error(error, GEMEL_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 1000000);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 9000000);
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
    g_clear_error(&error);
    g_assert_true(stage_act(stage->conn, id, GEMEL_ACT_STOP, &force, &error));
    g_assert_no_error(error);
    g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
}

static void test_kill(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
    stage_must(stage->conn, id, GEMEL_ACT_START);
}

static void test_kill_paused(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_PAUSE);
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
}

static void test_restart(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_RESTART);
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

static void test_reset(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GError) error = NULL;

    id = stage_make_running(stage);
    instance = stage_find(stage->conn, id);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_RESET));
    if (!stage_act(stage->conn, id, GEMEL_ACT_RESET, NULL, &error)) {
        g_assert_true(stage->contract->may_lack & (1u << GEMEL_ACT_RESET));
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
    }
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

static void test_delete(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;
    g_autoptr(GError) error = NULL;

    id = stage_make(stage);
    stage_must(stage->conn, id, GEMEL_ACT_DELETE);
    g_assert_null(stage_find(stage->conn, id));
    g_assert_null(stage->ops->inspect(stage->conn, id, &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
}

static void test_delete_running(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelActArgs force = {.force = TRUE};
    const char *id;
    g_autoptr(GError) error = NULL;

    id = stage_make_running(stage);
    g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_DELETE, NULL, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
    g_clear_error(&error);
    g_assert_true(stage_act(stage->conn, id, GEMEL_ACT_DELETE, &force, &error));
    g_assert_no_error(error);
    g_assert_null(stage_find(stage->conn, id));
}

/* Tries every plain act that the list says is not valid: each fails, with a kind that says that the
   request was understood, and nothing changes. */
static void check_invalid_acts(Stage *stage, const char *id)
{
    g_autoptr(GemelInstance) before = stage_find(stage->conn, id);
    const GemelActArgs args = {.timeout_ms = 1000,
                               .limits = {.cpus = 1, .memory_bytes = -1, .pids = -1}};

    for (GemelAct act = 0; act < GEMEL_ACT_PLAIN_N; act++) {
        g_autoptr(GError) error = NULL;

        if (stage->ops->act[act] == NULL || gemel_instance_can(before, act))
            continue;
        if (stage_act(stage->conn, id, act, &args, &error))
            g_error("%s of something %s: \"%s\" says the list, but it was done",
                    gemel_act_name(act), gemel_state_name(before->state), before->why_not[act]);
        if (error->code != GEMEL_ERROR_CONFLICT && error->code != GEMEL_ERROR_UNSUPPORTED)
            g_error("%s of something %s: %s: %s", gemel_act_name(act),
                    gemel_state_name(before->state), gemel_error_kind_name(error->code),
                    error->message);
        g_assert_cmpint(stage_state(stage->conn, id), ==, before->state);
    }
}

static void test_list_agrees_with_acts(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);

    check_invalid_acts(stage, id);
    stage_must(stage->conn, id, GEMEL_ACT_START);
    check_invalid_acts(stage, id);
    if (gemel_backend_can(stage->backend, GEMEL_ACT_PAUSE)) {
        stage_must(stage->conn, id, GEMEL_ACT_PAUSE);
        check_invalid_acts(stage, id);
    }
}

static void test_message_names_it(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GError) error = NULL;

    instance = stage_find(stage->conn, id);
    g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_START, NULL, &error));
    if (strstr(error->message, instance->name) == NULL)
        g_error("\"%s\" does not name %s", error->message, instance->name);
}

static void test_limit(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelActArgs args = {.limits = {.cpus = 0.5, .memory_bytes = -1, .pids = -1}};
    const char *id;
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelInstance) instance = NULL;

    id = stage_make_running(stage);
    if (!stage_act(stage->conn, id, GEMEL_ACT_LIMIT, &args, &error)) {
        g_assert_true(stage->contract->may_lack & (1u << GEMEL_ACT_LIMIT));
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
        return;
    }
    instance = stage_find(stage->conn, id);
    g_assert_cmpfloat_with_epsilon(instance->cpu_limit, 0.5, 0.001);
}

static void test_bad_limit(gconstpointer contract)
{
    static const GemelLimits bad[] = {
        {1e9, -1, -1},
        {-1, 1, -1},
        {1.0 / 0.0, -1, -1},
        {0.0 / 0.0, -1, -1},
    };
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    id = stage_make(stage);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        const GemelActArgs args = {.limits = bad[i]};
        g_autoptr(GError) error = NULL;

        if (stage_act(stage->conn, id, GEMEL_ACT_LIMIT, &args, &error))
            g_error("limit %u was taken", i);
        if (error->code != GEMEL_ERROR_UNSUPPORTED || !(stage->contract->may_lack & ACT(LIMIT)))
            check_error(error, GEMEL_ERROR_INVALID);
    }
}

/* Cancelled before it began: either done or not, but never in between, and usable afterwards. */
static void test_cancel(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const gint cancel = 1;
    const GemelActArgs args = {.cancel = &cancel};
    const char *id = stage_make(stage);
    g_autoptr(GError) error = NULL;
    gboolean done;

    done = stage_act(stage->conn, id, GEMEL_ACT_START, &args, &error);
    g_assert_true(stage_reaches(stage->conn, id,
                                done ? 1u << GEMEL_STATE_RUNNING : 1u << GEMEL_STATE_STOPPED));
    if (!done)
        stage_must(stage->conn, id, GEMEL_ACT_START);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void note_fraction(void *data, double fraction, const char *what)
{
    g_assert_cmpfloat(fraction, <=, 1);
    check_one_line(what);
    ++*(guint *)data;
}

static void test_no_wait(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    guint reports = 0;
    const GemelActArgs args = {.no_wait = TRUE, .progress = note_fraction, .data = &reports};
    const char *id;
    g_autoptr(GError) error = NULL;

    id = stage_make_running(stage);
    g_assert_true(stage_act(stage->conn, id, GEMEL_ACT_STOP, &args, &error));
    g_assert_no_error(error);
    if (stage->contract->stops_when_asked)
        g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
}

const ContractTest contract_state_tests[] = {
    {"a-new-instance-is-stopped", test_new_is_stopped, NEEDS_CREATE},
    {"start-returns-when-running", test_start, NEEDS_CREATE},
    {"start-of-something-running-conflicts", test_start_twice, NEEDS_CREATE},
    {"pause-and-resume", test_pause_resume, NEEDS_CREATE, ACT(PAUSE) | ACT(RESUME)},
    {"stop-returns-when-stopped", test_stop, NEEDS_CREATE | NEEDS_STOPS, ACT(STOP)},
    {"stop-in-vain-times-out-and-force-ends", test_stop_in_vain, NEEDS_CREATE | NEEDS_DEAF,
     ACT(STOP)},
    {"stop-without-waiting-returns-when-asked", test_no_wait, NEEDS_CREATE, ACT(STOP)},
    {"kill-ends-it-at-once", test_kill, NEEDS_CREATE, ACT(KILL)},
    {"kill-ends-something-paused", test_kill_paused, NEEDS_CREATE, ACT(KILL) | ACT(PAUSE)},
    {"restart-ends-running", test_restart, NEEDS_CREATE, ACT(RESTART)},
    {"reset-ends-running", test_reset, NEEDS_CREATE, ACT(RESET)},
    {"delete-forgets-it", test_delete, NEEDS_CREATE, ACT(DELETE)},
    {"delete-of-something-running-needs-force", test_delete_running, NEEDS_CREATE, ACT(DELETE)},
    {"the-list-agrees-with-what-acts-answer", test_list_agrees_with_acts, NEEDS_CREATE},
    {"a-message-names-the-instance", test_message_names_it, NEEDS_CREATE},
    {"limit-applies-and-shows", test_limit, NEEDS_CREATE, ACT(LIMIT)},
    {"a-senseless-limit-is-refused", test_bad_limit, NEEDS_CREATE, ACT(LIMIT)},
    {"a-cancelled-start-leaves-nothing-half-done", test_cancel, NEEDS_CREATE},
    {NULL},
};
