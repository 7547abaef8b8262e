/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/contract/contract.h"

#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void check_one_line(const char *message)
{
    g_assert_nonnull(message);
    g_assert_cmpuint(strlen(message), >, 3);
    for (const char *c = message; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            g_error("a control character in the message \"%s\"", message);
}

void check_error(const GError *error, GemelErrorKind kind)
{
    g_assert_nonnull(error);
    if (error->domain != GEMEL_ERROR || error->code != (int)kind)
        g_error("\"%s\" is %s, not %s", error->message,
                error->domain == GEMEL_ERROR ? gemel_error_kind_name((GemelErrorKind)error->code)
                                             : g_quark_to_string(error->domain),
                gemel_error_kind_name(kind));
    check_one_line(error->message);
}

void stage_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

gboolean stage_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, gint64 deadline_usec)
{
    struct timespec until = {.tv_sec = deadline_usec / G_USEC_PER_SEC,
                             .tv_nsec = deadline_usec % G_USEC_PER_SEC * 1000};

    return pthread_cond_timedwait(cond, mutex, &until) == 0;
}

guint descriptors_open(void)
{
    DIR *dir = opendir("/proc/self/fd");
    guint n = 0;

    g_assert_nonnull(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

void check_descriptors(guint before)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (descriptors_open() > before && g_get_monotonic_time() < deadline)
        g_usleep(10000); /* a library's thread may close late */
    g_assert_cmpuint(descriptors_open(), <=, before);
}

Stage *stage_open(const Contract *contract)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = g_new0(Stage, 1);

    stage->contract = contract;
    stage->made = g_ptr_array_new_with_free_func(g_free);
    stage->backend = contract->open(&error);
    g_assert_no_error(error);
    g_assert_nonnull(stage->backend);
    stage->ops = stage->backend->ops;
    stage->conn = stage->ops->conn_open(stage->backend, &error);
    g_assert_no_error(error);
    g_assert_nonnull(stage->conn);
    g_assert_true(stage->conn->backend == stage->backend);
    return stage;
}

void stage_close(Stage *stage)
{
    const GemelActArgs force = {.force = TRUE};

    for (guint i = 0; i < stage->made->len; i++) {
        g_autoptr(GError) error = NULL;
        const char *id = g_ptr_array_index(stage->made, i);

        if (stage->ops->act[GEMEL_ACT_DELETE] != NULL &&
            !stage->ops->act[GEMEL_ACT_DELETE](stage->conn, id, &force, &error) &&
            !g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND))
            g_error("cleaning up: %s", error->message);
    }
    stage->ops->conn_close(stage->conn);
    stage->ops->free(stage->backend);
    g_ptr_array_unref(stage->made);
    g_free(stage);
}

char *stage_new_name(void)
{
    static gint n;

    return g_strdup_printf("t%d-%d", (int)getpid(), g_atomic_int_add(&n, 1) + 1);
}

const char *stage_make(Stage *stage)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = stage_new_name();
    char *id;

    id = stage->contract->make(stage->conn, name, &error);
    g_assert_no_error(error);
    g_assert_nonnull(id);
    g_ptr_array_add(stage->made, id);
    return id;
}

const char *stage_make_running(Stage *stage)
{
    const char *id = stage_make(stage);

    stage_must(stage->conn, id, GEMEL_ACT_START);
    return id;
}

GemelInstance *stage_find(GemelConn *conn, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = conn->backend->ops->list(conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(list, i);

        if (g_str_equal(instance->id, id))
            return gemel_instance_copy(instance);
    }
    return NULL;
}

GemelState stage_state(GemelConn *conn, const char *id)
{
    g_autoptr(GemelInstance) instance = stage_find(conn, id);

    return instance != NULL ? instance->state : GEMEL_STATE_UNKNOWN;
}

gboolean stage_reaches(GemelConn *conn, const char *id, guint32 states)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    do {
        if (states & (1u << stage_state(conn, id)))
            return TRUE;
        g_usleep(10000);
    } while (g_get_monotonic_time() < deadline);
    g_test_message("the state is %s", gemel_state_name(stage_state(conn, id)));
    return FALSE;
}

gboolean stage_act(GemelConn *conn, const char *id, GemelAct act, const GemelActArgs *args,
                   GError **error)
{
    GError *own = NULL;
    gboolean ok;

    g_assert_cmpint(act, <, GEMEL_ACT_PLAIN_N);
    ok = conn->backend->ops->act[act](conn, id, args, &own);
    if (ok != (own == NULL))
        g_error("%s: result %d, but the error is %s", gemel_act_name(act), ok,
                own != NULL ? own->message : "not set");
    if (own != NULL)
        check_one_line(own->message);
    if (own != NULL)
        g_propagate_error(error, own);
    return ok;
}

void stage_must(GemelConn *conn, const char *id, GemelAct act)
{
    g_autoptr(GError) error = NULL;

    if (!stage_act(conn, id, act, NULL, &error))
        g_error("%s: %s", gemel_act_name(act), error->message);
}

/* Whether the backend has all that a check needs. */
static gboolean applies(const Contract *contract, const ContractTest *test)
{
    const GemelBackend backend = {.ops = contract->ops};
    guint32 acts = test->acts;
    guint has = 0;

    has |= contract->ops->create_instance != NULL ? NEEDS_CREATE : 0;
    has |= contract->ops->watch != NULL ? NEEDS_EVENTS : 0;
    has |= contract->ops->streams != NULL ? NEEDS_STREAMS : 0;
    has |= contract->ops->processes != NULL ? NEEDS_PROCESSES : 0;
    has |= contract->ops->isolation != NULL ? NEEDS_ISOLATION : 0;
    has |= contract->stops_when_asked ? NEEDS_STOPS : NEEDS_DEAF;
    has |= contract->console_answers ? NEEDS_SHELL : 0;
    has |= contract->is_silent_on_snapshots ? 0 : NEEDS_SNAPSHOT_EVENTS;
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        if (gemel_backend_can(&backend, act))
            acts &= ~(1u << act);
    return (test->needs & ~has) == 0 && acts == 0 && (test->acts & contract->lacks) == 0;
}

static void add_tests(const Contract *contract, const char *group, const ContractTest *tests)
{
    for (; tests->path != NULL; tests++) {
        g_autofree char *path = g_strdup_printf("/%s/%s/%s", contract->name, group, tests->path);

        if (applies(contract, tests))
            g_test_add_data_func(path, contract, tests->run);
    }
}

int contract_main(int argc, char **argv, const Contract *contracts, guint n)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < n; i++) {
        add_tests(&contracts[i], "table", contract_table_tests);
        add_tests(&contracts[i], "bad-id", contract_id_tests);
        add_tests(&contracts[i], "states", contract_state_tests);
        add_tests(&contracts[i], "changes", contract_change_tests);
        add_tests(&contracts[i], "sample", contract_sample_tests);
        add_tests(&contracts[i], "snapshots", contract_snapshot_tests);
        add_tests(&contracts[i], "copy", contract_copy_tests);
        add_tests(&contracts[i], "streams", contract_stream_tests);
        add_tests(&contracts[i], "watch", contract_watch_tests);
        add_tests(&contracts[i], "create", contract_create_tests);
        add_tests(&contracts[i], "threads", contract_thread_tests);
    }
    return g_test_run();
}
