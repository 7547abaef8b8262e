/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lanes: coalescing, order, deadlines, reissue, abandonment. The backend is a fake whose calls
 * block on gates the test opens, so that nothing here depends on how fast the machine is; time
 * only appears as "poll until seen". Also run under ThreadSanitizer.
 */
#include "backends/jobs.h"
#include "console/hub.h"

#include <pthread.h>
#include <stdatomic.h>

/* A gate that worker threads wait at. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    gboolean open;
    guint waiting;
} Gate;

typedef struct {
    GemelBackend base;
    Gate *connect; /* conn_open waits here when not NULL */
    atomic_int conns;
} Fake;

typedef struct {
    GMainContext *context;
    Hub *hub;
    Fake fake;
    GemelLanes *lanes;
} Fixture;

static void gate_init(Gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->opened, NULL);
    gate->open = FALSE;
    gate->waiting = 0;
}

static void gate_wait(Gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
}

static void gate_open(Gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = TRUE;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

static guint gate_waiting(Gate *gate)
{
    guint n;

    pthread_mutex_lock(&gate->lock);
    n = gate->waiting;
    pthread_mutex_unlock(&gate->lock);
    return n;
}

static GemelConn *fake_open(GemelBackend *backend, GError **error)
{
    Fake *fake = (Fake *)backend;
    GemelConn *conn = g_new0(GemelConn, 1);

    if (fake->connect != NULL)
        gate_wait(fake->connect);
    atomic_fetch_add(&fake->conns, 1);
    conn->backend = backend;
    return conn;
}

static void fake_close(GemelConn *conn)
{
    atomic_fetch_sub(&((Fake *)conn->backend)->conns, 1);
    g_free(conn);
}

static const GemelBackendOps fake_ops = {
    .type = "fake",
    .conn_open = fake_open,
    .conn_close = fake_close,
};

static void setup(Fixture *fixture, gconstpointer data)
{
    fixture->context = g_main_context_new();
    fixture->hub = hub_new(fixture->context);
    fixture->fake.base.ops = &fake_ops;
    fixture->fake.base.name = (char *)"fake";
    fixture->lanes = gemel_lanes_new(
        &fixture->fake.base, &(GemelLanesHooks){.post = hub_post, .post_data = fixture->hub});
}

static void teardown(Fixture *fixture, gconstpointer data)
{
    g_assert_true(gemel_lanes_close(fixture->lanes, 5000));
    g_assert_cmpint(atomic_load(&fixture->fake.conns), ==, 0);
    /* Let jobs that ended while closing give their references back. */
    while (g_main_context_iteration(fixture->context, FALSE))
        ;
    hub_close(fixture->hub);
    gemel_lanes_free(fixture->lanes);
    g_main_context_unref(fixture->context);
}

/* Turns the loop until `condition` holds; ten seconds are for ever here. */
#define UNTIL(fixture, condition)                                                                  \
    do {                                                                                           \
        gint64 end_ = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                \
        while (!(condition)) {                                                                     \
            g_assert_cmpint(g_get_monotonic_time(), <, end_);                                      \
            gemel_lanes_tick((fixture)->lanes);                                                    \
            g_main_context_iteration((fixture)->context, FALSE);                                   \
            g_usleep(500);                                                                         \
        }                                                                                          \
    } while (0)

typedef struct {
    guint ended, failed;
    int last_code;
    GemelJobState state;
} Outcome;

static void count_end(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Outcome *outcome = data;
    g_autoptr(GemelJobView) view = gemel_job_view(job);

    outcome->ended++;
    outcome->state = view->state;
    if (error != NULL) {
        outcome->failed++;
        outcome->last_code = error->code;
    }
}

static gpointer run_quick(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    if (arg != NULL)
        atomic_fetch_add((atomic_int *)arg, 1);
    return g_strdup("done");
}

static gpointer run_gated(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    gate_wait(arg);
    return g_strdup("done");
}

/* Waits at the gate the first time it is called, answers at once the second: as a bulk sample
   does when a QEMU hangs. */
typedef struct {
    Gate gate;
    atomic_int calls;
} HangsOnce;

static gpointer run_hangs_once(GemelConn *conn, const GemelActArgs *args, gpointer arg,
                               GError **error)
{
    HangsOnce *hangs = arg;

    if (atomic_fetch_add(&hangs->calls, 1) == 0)
        gate_wait(&hangs->gate);
    return g_strdup("done");
}

static GemelJobSpec spec(const char *kind, const char *id, GemelJobFunc run, gpointer arg)
{
    return (GemelJobSpec){
        .kind = kind, .instance_id = id, .run = run, .arg = arg, .result_free = g_free};
}

static GemelJob *submit(Fixture *fixture, GemelLane lane, GemelJobSpec job, Outcome *outcome)
{
    return gemel_lanes_submit(fixture->lanes, lane, &job, count_end, outcome);
}

/* A job whose handle the test does not need. */
static void submit_only(Fixture *fixture, GemelLane lane, GemelJobSpec job, Outcome *outcome)
{
    gemel_job_unref(submit(fixture, lane, job, outcome));
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void test_result_reaches_ui(Fixture *fixture, gconstpointer data)
{
    Outcome outcome = {0};
    submit_only(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, NULL), &outcome);

    g_assert_cmpuint(outcome.ended, ==, 0);
    UNTIL(fixture, outcome.ended == 1);
    g_assert_cmpint(outcome.state, ==, GEMEL_JOB_DONE);
}

static void test_equal_reads_join(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0}, third = {0};
    atomic_int calls = 0;
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_READ, spec("inspect", "x", run_gated, &gate), &first);
    g_autoptr(GemelJob) one =
        submit(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &second);
    g_autoptr(GemelJob) two =
        submit(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &third);
    g_assert_true(one == two);
    gate_open(&gate);
    UNTIL(fixture, first.ended && second.ended && third.ended);
    g_assert_cmpint(atomic_load(&calls), ==, 1);
}

static void test_a_read_alone_joins_none(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0}, third = {0};
    GemelJobSpec diff = spec("diff", "y", run_quick, NULL);
    atomic_int calls = 0;
    Gate gate;

    gate_init(&gate);
    diff.alone = TRUE;
    diff.arg = &calls;
    submit_only(fixture, GEMEL_LANE_READ, spec("inspect", "x", run_gated, &gate), &first);
    submit_only(fixture, GEMEL_LANE_READ, diff, &second);
    submit_only(fixture, GEMEL_LANE_READ, diff, &third);
    gate_open(&gate);
    UNTIL(fixture, first.ended && second.ended && third.ended);
    g_assert_cmpint(atomic_load(&calls), ==, 2);
}

static void test_leaving_a_shared_read_leaves_it_to_the_others(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0}, third = {0};
    atomic_int calls = 0;
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_READ, spec("inspect", "x", run_gated, &gate), &first);
    g_autoptr(GemelJob) shared =
        submit(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &second);
    submit_only(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &third);
    gemel_job_leave(shared, &second);
    gate_open(&gate);
    UNTIL(fixture, first.ended && third.ended);
    g_assert_cmpint(third.state, ==, GEMEL_JOB_DONE);
    g_assert_cmpint(atomic_load(&calls), ==, 1);
    g_assert_cmpuint(second.ended, ==, 0);
}

static void test_the_last_to_leave_takes_a_read_back(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0}, third = {0};
    atomic_int calls = 0;
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_READ, spec("inspect", "x", run_gated, &gate), &first);
    UNTIL(fixture, gate_waiting(&gate) == 1); /* the lane's worker is taken */
    g_autoptr(GemelJob) shared =
        submit(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &second);
    submit_only(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, &calls), &third);
    gemel_job_leave(shared, &second);
    gemel_job_leave(shared, &third);
    gate_open(&gate);
    UNTIL(fixture, first.ended == 1);
    g_autoptr(GemelJobView) view = gemel_job_view(shared);

    g_assert_cmpint(view->state, ==, GEMEL_JOB_CANCELLED);
    g_assert_cmpint(atomic_load(&calls), ==, 0);
}

static void test_held_up_read_lets_others_pass(Fixture *fixture, gconstpointer data)
{
    Outcome held = {0}, passed = {0};
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_READ, spec("inspect", "frozen", run_gated, &gate), &held);
    submit_only(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, NULL), &passed);
    UNTIL(fixture, passed.ended == 1);
    g_assert_cmpuint(held.ended, ==, 0);
    gate_open(&gate);
    UNTIL(fixture, held.ended == 1);
    g_assert_cmpint(held.state, ==, GEMEL_JOB_DONE);
}

static void test_bulk_read_is_issued_again(Fixture *fixture, gconstpointer data)
{
    HangsOnce hangs = {.calls = 0};
    Outcome outcome = {0};
    GemelJobSpec job = spec("sample", NULL, run_hangs_once, &hangs);

    gate_init(&hangs.gate);
    job.reissue = TRUE;
    submit_only(fixture, GEMEL_LANE_READ, job, &outcome);
    UNTIL(fixture, outcome.ended == 1);
    g_assert_cmpint(outcome.state, ==, GEMEL_JOB_DONE);
    g_assert_cmpint(atomic_load(&hangs.calls), ==, 2);
    g_assert_cmpuint(gate_waiting(&hangs.gate), ==, 1);
    gate_open(&hangs.gate);
    UNTIL(fixture, atomic_load(&fixture->fake.conns) == 1);
    g_assert_cmpuint(outcome.ended, ==, 1); /* the late answer is dropped */
}

static void test_acts_on_one_instance_keep_order(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0}, other = {0};
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &first);
    UNTIL(fixture, gate_waiting(&gate) == 1);
    g_autoptr(GemelJob) two =
        submit(fixture, GEMEL_LANE_ACT, spec("start", "a", run_quick, NULL), &second);
    submit_only(fixture, GEMEL_LANE_ACT, spec("start", "b", run_quick, NULL), &other);
    UNTIL(fixture, other.ended == 1);
    g_assert_cmpuint(second.ended, ==, 0);
    g_autoptr(GemelJobView) view = gemel_job_view(two);
    g_assert_cmpstr(view->waits_for, ==, "another act on it to end");
    gate_open(&gate);
    UNTIL(fixture, second.ended == 1);
    g_assert_cmpuint(first.ended, ==, 1);
}

static void test_kill_passes_a_stop(Fixture *fixture, gconstpointer data)
{
    Outcome stop = {0}, kill_ = {0};
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &stop);
    UNTIL(fixture, gate_waiting(&gate) == 1);
    submit_only(fixture, GEMEL_LANE_ACT, spec("kill", "a", run_quick, NULL), &kill_);
    UNTIL(fixture, kill_.ended == 1);
    g_assert_cmpuint(stop.ended, ==, 0);
    gate_open(&gate);
    UNTIL(fixture, stop.ended == 1);
}

static void test_lost_job_ends_late(Fixture *fixture, gconstpointer data)
{
    Outcome outcome = {0};
    Gate gate;
    GemelJobSpec job;

    gate_init(&gate);
    job = spec("start", "a", run_gated, &gate);
    job.soft_ms = 20;
    job.hard_ms = 60;
    submit_only(fixture, GEMEL_LANE_ACT, job, &outcome);
    UNTIL(fixture, outcome.ended == 1);
    g_assert_cmpint(outcome.state, ==, GEMEL_JOB_LOST);
    g_assert_cmpint(outcome.last_code, ==, GEMEL_ERROR_UNREACHABLE);
    gate_open(&gate);
    UNTIL(fixture, outcome.ended == 2);
    g_assert_cmpint(outcome.state, ==, GEMEL_JOB_DONE);
}

static gboolean is_unresponsive(GemelLanes *lanes)
{
    g_autofree char *text = NULL;

    return gemel_lanes_health(lanes, &text) == GEMEL_LANES_UNRESPONSIVE;
}

static void test_hanging_connect_makes_unresponsive(Fixture *fixture, gconstpointer data)
{
    Outcome list = {0}, act = {0};
    g_autofree char *text = NULL, *later = NULL;
    Gate gate;

    gate_init(&gate);
    fixture->fake.connect = &gate;
    submit_only(fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, NULL), &list);
    UNTIL(fixture, is_unresponsive(fixture->lanes));
    gemel_lanes_health(fixture->lanes, &text);
    g_assert_true(g_str_has_suffix(text, "s for a connection"));
    submit_only(fixture, GEMEL_LANE_ACT, spec("start", "a", run_quick, NULL), &act);
    UNTIL(fixture, act.ended == 1); /* at once: nothing is opened for it */
    g_assert_cmpint(act.last_code, ==, GEMEL_ERROR_UNREACHABLE);
    g_assert_cmpuint(gate_waiting(&gate), ==, 1);
    gate_open(&gate);
    UNTIL(fixture, list.ended == 1);
    g_assert_cmpint(gemel_lanes_health(fixture->lanes, &later), ==, GEMEL_LANES_OK);
}

static void test_queued_job_can_be_taken_back(Fixture *fixture, gconstpointer data)
{
    Outcome first = {0}, second = {0};
    atomic_int calls = 0;
    Gate gate;

    gate_init(&gate);
    submit_only(fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &first);
    g_autoptr(GemelJob) two =
        submit(fixture, GEMEL_LANE_ACT, spec("start", "a", run_quick, &calls), &second);
    UNTIL(fixture, gate_waiting(&gate) == 1);
    gemel_job_cancel(two);
    UNTIL(fixture, second.ended == 1);
    g_assert_cmpint(second.state, ==, GEMEL_JOB_CANCELLED);
    gate_open(&gate);
    UNTIL(fixture, first.ended == 1);
    g_assert_cmpint(atomic_load(&calls), ==, 0);
}

static void test_disowned_listener_is_not_called(Fixture *fixture, gconstpointer data)
{
    Outcome gone = {0}, stays = {0};
    Gate gate;

    gate_init(&gate);
    g_autoptr(GemelJob) job =
        submit(fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &gone);
    gemel_job_disown(job, &gone);
    submit_only(fixture, GEMEL_LANE_ACT, spec("start", "a", run_quick, NULL), &stays);
    gate_open(&gate);
    UNTIL(fixture, stays.ended == 1);
    g_assert_cmpuint(gone.ended, ==, 0);
}

static void test_close_does_not_wait_for_a_hang(void)
{
    static Fixture fixture; /* outlives the test: the thread stays */
    static Gate gate;
    static Outcome outcome;
    gint64 before;

    setup(&fixture, NULL);
    gate_init(&gate);
    gemel_job_unref(
        submit(&fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &outcome));
    UNTIL(&fixture, gate_waiting(&gate) == 1);
    before = g_get_monotonic_time();
    g_assert_false(gemel_lanes_close(fixture.lanes, 50));
    g_assert_cmpint(g_get_monotonic_time() - before, <, 20 * G_USEC_PER_SEC);
    gate_open(&gate);
    while (atomic_load(&fixture.fake.conns) > 0)
        g_usleep(500);
    while (g_main_context_iteration(fixture.context, FALSE))
        ;
}

static void test_closing_ends_what_waits(void)
{
    static Fixture fixture;
    static Gate gate;
    static Outcome running, waits, late;

    setup(&fixture, NULL);
    gate_init(&gate);
    submit_only(&fixture, GEMEL_LANE_ACT, spec("stop", "a", run_gated, &gate), &running);
    UNTIL(&fixture, gate_waiting(&gate) == 1);
    submit_only(&fixture, GEMEL_LANE_ACT, spec("start", "a", run_quick, NULL), &waits);
    g_assert_false(gemel_lanes_close(fixture.lanes, 20));
    submit_only(&fixture, GEMEL_LANE_READ, spec("list", NULL, run_quick, NULL), &late);
    UNTIL(&fixture, waits.ended == 1 && running.ended == 1 && late.ended == 1);
    g_assert_cmpint(waits.state, ==, GEMEL_JOB_CANCELLED);
    g_assert_cmpint(running.state, ==, GEMEL_JOB_LOST);
    g_assert_cmpint(late.last_code, ==, GEMEL_ERROR_UNREACHABLE);
    g_assert_false(gemel_lanes_ended(fixture.lanes));
    gate_open(&gate); /* the thread may come back now; its result is told as always */
    UNTIL(&fixture, running.ended == 2 && gemel_lanes_ended(fixture.lanes));
    g_assert_cmpint(running.state, ==, GEMEL_JOB_DONE);
    teardown(&fixture, NULL);
}

typedef struct {
    Outcome outcome;
    GemelJob *job;
} Leaver;

static void leave_when_told(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Leaver *leaver = data;

    count_end(job, result, error, &leaver->outcome);
    gemel_job_disown(job, leaver);
}

static void test_every_listener_hears_of_a_loss(Fixture *fixture, gconstpointer data)
{
    Leaver leavers[3] = {0};
    static Gate gate; /* the thread may be at it still when the test is over */

    gate_init(&gate);
    for (gsize i = 0; i < G_N_ELEMENTS(leavers); i++) {
        GemelJobSpec job = spec("inspect", "a", run_gated, &gate);

        job.soft_ms = 10;
        job.hard_ms = 1000;
        gemel_job_unref(gemel_lanes_submit(fixture->lanes, GEMEL_LANE_READ, &job, leave_when_told,
                                           &leavers[i]));
        if (i == 0) { /* the others join it once it is held up */
            UNTIL(fixture, gate_waiting(&gate) == 1);
            g_usleep((GEMEL_LANES_STUCK_MS + 50) * 1000);
        }
    }
    g_assert_cmpuint(gate_waiting(&gate), ==, 1);
    UNTIL(fixture, leavers[0].outcome.ended == 1 && leavers[1].outcome.ended == 1 &&
                       leavers[2].outcome.ended == 1);
    gate_open(&gate);
}

static void test_an_act_behind_a_lost_one_is_given_up(Fixture *fixture, gconstpointer data)
{
    Outcome lost = {0}, behind = {0};
    GemelJobSpec job;
    Gate gate;

    gate_init(&gate);
    job = spec("start", "a", run_gated, &gate);
    job.soft_ms = 10;
    job.hard_ms = 50;
    submit_only(fixture, GEMEL_LANE_ACT, job, &lost);
    UNTIL(fixture, gate_waiting(&gate) == 1);
    job = spec("pause", "a", run_quick, NULL);
    job.hard_ms = 200;
    submit_only(fixture, GEMEL_LANE_ACT, job, &behind);
    UNTIL(fixture, behind.ended == 1);
    g_assert_cmpint(behind.last_code, ==, GEMEL_ERROR_UNREACHABLE);
    gate_open(&gate);
    UNTIL(fixture, lost.ended == 2);
}

/* Many threads post while the loop drains. */
static void count_up(void *data)
{
    ++*(guint *)data;
}

typedef struct {
    Hub *hub;
    guint *count;
} Poster;

static void *post_many(void *data)
{
    Poster *poster = data;

    for (int i = 0; i < 1000; i++)
        hub_post(poster->hub, count_up, poster->count);
    return NULL;
}

static void test_hub_loses_nothing(Fixture *fixture, gconstpointer data)
{
    guint count = 0;
    Poster poster = {.hub = fixture->hub, .count = &count};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, post_many, &poster), ==, 0);
    UNTIL(fixture, count == 4000);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/jobs/" path, Fixture, NULL, setup, fn, teardown)
    ADD("a result reaches the UI thread", test_result_reaches_ui);
    ADD("equal reads that wait are one", test_equal_reads_join);
    ADD("a read that stands alone joins no other", test_a_read_alone_joins_none);
    ADD("leaving a shared read leaves it to the others",
        test_leaving_a_shared_read_leaves_it_to_the_others);
    ADD("the last to leave takes a read back", test_the_last_to_leave_takes_a_read_back);
    ADD("a read that is held up lets others pass", test_held_up_read_lets_others_pass);
    ADD("a bulk read that is held up is issued again", test_bulk_read_is_issued_again);
    ADD("acts on one instance keep their order", test_acts_on_one_instance_keep_order);
    ADD("a kill passes a stop that waits", test_kill_passes_a_stop);
    ADD("a lost job may end late", test_lost_job_ends_late);
    ADD("a connect that hangs makes the backend unresponsive",
        test_hanging_connect_makes_unresponsive);
    ADD("a queued job can be taken back", test_queued_job_can_be_taken_back);
    ADD("a disowned listener is not called", test_disowned_listener_is_not_called);
    ADD("every listener hears of a loss", test_every_listener_hears_of_a_loss);
    ADD("an act behind a lost one is given up", test_an_act_behind_a_lost_one_is_given_up);
    ADD("the hub loses nothing", test_hub_loses_nothing);
    g_test_add_func("/jobs/closing does not wait for a hang", test_close_does_not_wait_for_a_hang);
    g_test_add_func("/jobs/closing ends what waits and what hangs", test_closing_ends_what_waits);
    return g_test_run();
}
