/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Containers that really run: through the table, against conmon and the runtime. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/native/fixture.h"

#define FOREVER "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"

static void test_starts_and_stops(void)
{
    Fixture f;
    g_autofree char *id = NULL, *log = NULL;
    g_autoptr(GemelInstance) running = NULL, stopped = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", FOREVER);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_STOPPED);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    running = fixture_find(&f, id);
    g_assert_cmpint(running->state, ==, GEMEL_STATE_RUNNING);
    g_assert_cmpstr(running->name, ==, "web");
    g_assert_cmpint(ABS(gemel_boottime_ns() - running->started_boottime_ns), <,
                    20 * G_GINT64_CONSTANT(1000000000));
    log = fixture_wait_log(&f, id, "up");
    fixture_must(&f, GEMEL_ACT_STOP, id, NULL);
    stopped = fixture_find(&f, id);
    g_assert_cmpint(stopped->state, ==, GEMEL_STATE_STOPPED);
    g_assert_cmpstr(stopped->state_reason, ==, "exit status 0");
    fixture_close(&f);
}

static void test_says_the_exit_status(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GemelInstance) stopped = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "exit 7");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_wait_state(&f, id, GEMEL_STATE_STOPPED);
    stopped = fixture_find(&f, id);
    g_assert_cmpstr(stopped->state_reason, ==, "exit status 7");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_wait_state(&f, id, GEMEL_STATE_STOPPED);
    fixture_close(&f);
}

static void test_refuses_start_of_a_running_one(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", FOREVER);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    g_assert_false(fixture_act(&f, GEMEL_ACT_START, id, NULL, &error));
    g_assert_nonnull(strstr(error->message, "web"));
    fixture_assert_error(error, GEMEL_ERROR_CONFLICT);
    fixture_close(&f);
}

static void test_kills_what_ignores_its_stop_signal(void)
{
    GemelActArgs args = {.timeout_ms = 300};
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GemelInstance) stopped = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "stubborn", "trap '' TERM; while :; do sleep 1; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_must(&f, GEMEL_ACT_STOP, id, &args);
    stopped = fixture_find(&f, id);
    g_assert_cmpint(stopped->state, ==, GEMEL_STATE_STOPPED);
    g_assert_cmpstr(stopped->state_reason, ==, "ended by signal KILL");
    fixture_close(&f);
}

static void test_pauses_and_resumes(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", FOREVER);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_must(&f, GEMEL_ACT_PAUSE, id, NULL);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_PAUSED);
    g_assert_false(fixture_act(&f, GEMEL_ACT_STOP, id, NULL, &error));
    fixture_assert_error(error, GEMEL_ERROR_CONFLICT);
    fixture_must(&f, GEMEL_ACT_RESUME, id, NULL);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    fixture_must(&f, GEMEL_ACT_PAUSE, id, NULL);
    fixture_must(&f, GEMEL_ACT_KILL, id, NULL);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_STOPPED);
    fixture_close(&f);
}

static void limit_memory(GemelCreateSpec *spec)
{
    spec->limits = (GemelLimits){.cpus = 0.5, .memory_bytes = 64 << 20, .pids = 50};
}

static GemelSample *sample_of(Fixture *f, const char *id)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) samples = gemel_native_ops.sample(f->conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < samples->len; i++) {
        GemelSample *sample = g_ptr_array_index(samples, i);

        if (g_str_equal(sample->id, id))
            return g_ptr_array_steal_index(samples, i);
    }
    return NULL;
}

static void test_limits_hold_and_change(void)
{
    GemelActArgs args = {.limits = {.cpus = 1.5, .memory_bytes = 96 << 20, .pids = -1}};
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GemelSample) before = NULL, after = NULL;
    g_autoptr(GemelInstance) instance = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create_with(&f, "web", FOREVER, limit_memory);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    before = sample_of(&f, id);
    g_assert_nonnull(before);
    g_assert_cmpuint(before->value[GEMEL_METRIC_CPU_LIMIT], ==, 500);
    g_assert_cmpuint(before->value[GEMEL_METRIC_MEM_LIMIT], ==, 64 << 20);
    g_assert_cmpuint(before->value[GEMEL_METRIC_PIDS_LIMIT], ==, 50);
    fixture_must(&f, GEMEL_ACT_LIMIT, id, &args);
    after = sample_of(&f, id);
    g_assert_cmpuint(after->value[GEMEL_METRIC_CPU_LIMIT], ==, 1500);
    g_assert_cmpuint(after->value[GEMEL_METRIC_MEM_LIMIT], ==, 96 << 20);
    g_assert_cmpuint(after->value[GEMEL_METRIC_PIDS_LIMIT], ==, 50);
    instance = fixture_find(&f, id);
    g_assert_cmpfloat(instance->cpu_limit, ==, 1.5);
    g_assert_cmpuint(instance->memory_limit_bytes, ==, 96 << 20);
    fixture_close(&f);
}

static void test_sample_follows_starts_and_ends(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GemelSample) none = NULL, some = NULL, gone = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", FOREVER);
    none = sample_of(&f, id);
    g_assert_null(none);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    some = sample_of(&f, id);
    g_assert_nonnull(some);
    g_assert_true(gemel_sample_has(some, GEMEL_METRIC_CPU_USAGE));
    g_assert_true(gemel_sample_has(some, GEMEL_METRIC_MEM_USAGE));
    g_assert_true(gemel_sample_has(some, GEMEL_METRIC_PIDS_CURRENT));
    g_assert_true(gemel_sample_has(some, GEMEL_METRIC_NET_RX_BYTES));
    g_assert_false(gemel_sample_has(some, GEMEL_METRIC_MEM_LIMIT));
    fixture_must(&f, GEMEL_ACT_KILL, id, NULL);
    gone = sample_of(&f, id);
    g_assert_null(gone);
    fixture_close(&f);
}

static void test_deletes_only_what_does_not_run(void)
{
    GemelActArgs force = {.force = TRUE};
    Fixture f;
    g_autofree char *id = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", FOREVER);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    g_assert_false(fixture_act(&f, GEMEL_ACT_DELETE, id, NULL, &error));
    fixture_assert_error(error, GEMEL_ERROR_CONFLICT);
    fixture_must(&f, GEMEL_ACT_DELETE, id, &force);
    g_assert_null(fixture_find(&f, id));
    g_assert_false(fixture_act(&f, GEMEL_ACT_START, id, NULL, &error));
    fixture_assert_error(error, GEMEL_ERROR_NOT_FOUND);
    fixture_close(&f);
}

static void test_names_the_missing_program(void)
{
    const char *const argv[] = {"/bin/nothere", NULL};
    Fixture f;
    GemelCreateSpec spec = {.name = "web", .argv = argv, .limits = GEMEL_LIMITS_NONE};
    g_autofree char *id = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    spec.rootfs = f.rootfs;
    id = gemel_native_ops.create_instance(f.conn, &spec, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(fixture_act(&f, GEMEL_ACT_START, id, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "nothere"));
    g_assert_nonnull(strstr(error->message, "web"));
    fixture_assert_error(error, GEMEL_ERROR_FAILED);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_STOPPED);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_test_add_func("/native/lifecycle/starts-and-stops", test_starts_and_stops);
    g_test_add_func("/native/lifecycle/says-the-exit-status", test_says_the_exit_status);
    g_test_add_func("/native/lifecycle/refuses-start-of-a-running-one",
                    test_refuses_start_of_a_running_one);
    g_test_add_func("/native/lifecycle/kills-what-ignores-its-stop-signal",
                    test_kills_what_ignores_its_stop_signal);
    g_test_add_func("/native/lifecycle/pauses-and-resumes", test_pauses_and_resumes);
    g_test_add_func("/native/lifecycle/limits-hold-and-change", test_limits_hold_and_change);
    g_test_add_func("/native/lifecycle/sample-follows-starts-and-ends",
                    test_sample_follows_starts_and_ends);
    g_test_add_func("/native/lifecycle/deletes-only-what-does-not-run",
                    test_deletes_only_what_does_not_run);
    g_test_add_func("/native/lifecycle/names-the-missing-program", test_names_the_missing_program);
    return g_test_run();
}
