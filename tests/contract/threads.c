/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two workers, each with its own connection, at the same time. */
#include "tests/contract/contract.h"

typedef struct {
    Stage *stage;
    const char *id;
    gint *go;
    gint ready;
    gboolean ok;
    GError *error;
} Worker;

static GemelConn *connect_and_wait(Worker *worker)
{
    g_autoptr(GError) error = NULL;
    GemelConn *conn = worker->stage->ops->conn_open(worker->stage->backend, &error);

    g_assert_no_error(error);
    g_atomic_int_set(&worker->ready, 1);
    while (!g_atomic_int_get(worker->go))
        g_usleep(200);
    return conn;
}

static void *start(void *data)
{
    Worker *worker = data;
    GemelConn *conn = connect_and_wait(worker);

    worker->ok = stage_act(conn, worker->id, GEMEL_ACT_START, NULL, &worker->error);
    worker->stage->ops->conn_close(conn);
    return NULL;
}

static void *read_on(void *data)
{
    Worker *worker = data;
    GemelConn *conn = connect_and_wait(worker);

    while (g_atomic_int_get(worker->go) == 1) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = worker->stage->ops->list(conn, &error);
        g_autoptr(GPtrArray) samples = NULL;
        g_autoptr(GemelInspect) inspect = NULL;

        g_assert_no_error(error);
        g_assert_cmpuint(list->len, >, 0);
        samples = worker->stage->ops->sample(conn, &error);
        g_assert_no_error(error);
        inspect = worker->stage->ops->inspect(conn, worker->id, &error);
        g_assert_no_error(error);
    }
    worker->stage->ops->conn_close(conn);
    return NULL;
}

static void wait_ready(Worker *worker)
{
    while (!g_atomic_int_get(&worker->ready))
        g_usleep(200);
}

/* Exactly one of two starts wins; the other hears that it came late. */
static void test_one_winner(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    gint go = 0;
    Worker workers[2];
    pthread_t threads[2];

    for (guint i = 0; i < 2; i++) {
        workers[i] = (Worker){.stage = stage, .id = id, .go = &go};
        g_assert_cmpint(pthread_create(&threads[i], NULL, start, &workers[i]), ==, 0);
    }
    wait_ready(&workers[0]);
    wait_ready(&workers[1]);
    g_atomic_int_set(&go, 1);
    for (guint i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(workers[0].ok + workers[1].ok, ==, 1);
    for (guint i = 0; i < 2; i++) {
        if (!workers[i].ok && workers[i].error->code != GEMEL_ERROR_CONFLICT &&
            workers[i].error->code != GEMEL_ERROR_BUSY)
            g_error("the second start: %s: %s", gemel_error_kind_name(workers[i].error->code),
                    workers[i].error->message);
        g_clear_error(&workers[i].error);
    }
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

static void test_reading_meanwhile(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    gint go = 0;
    Worker worker = {.stage = stage, .id = id, .go = &go};
    pthread_t thread;

    g_assert_cmpint(pthread_create(&thread, NULL, read_on, &worker), ==, 0);
    wait_ready(&worker);
    g_atomic_int_set(&go, 1);
    for (guint i = 0; i < 5; i++) {
        stage_must(stage->conn, id, GEMEL_ACT_START);
        stage_must(stage->conn, id, GEMEL_ACT_KILL);
        g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
    }
    g_atomic_int_set(&go, 2);
    pthread_join(thread, NULL);
}

const ContractTest contract_thread_tests[] = {
    {"of-two-starts-one-wins", test_one_winner, NEEDS_CREATE},
    {"one-reads-while-another-acts", test_reading_meanwhile, NEEDS_CREATE, ACT(KILL)},
    {NULL},
};
