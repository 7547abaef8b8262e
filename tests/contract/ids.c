/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An unknown id is NOT_FOUND from every operation, however odd it is. */
#include "tests/contract/contract.h"

#include <string.h>

static const char *const bad_ids[] = {
    "00000000-0000-4000-8000-000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "",
    "no-such-instance",
    "../../etc/passwd",
    "/",
    ".",
    "two\nlines\033[31m",
    "%s%s%n",
    "a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-"
    "a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-"
    "a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id-a-very-long-id",
};

static void count_note(void *data, const char *text)
{
    ++*(guint *)data;
}

static void test_acts(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    guint notes = 0;
    const GemelActArgs args = {.timeout_ms = 1000,
                               .limits = {.cpus = 1, .memory_bytes = -1, .pids = -1},
                               .note = count_note,
                               .data = &notes};

    for (GemelAct act = 0; act < GEMEL_ACT_PLAIN_N; act++) {
        if (stage->ops->act[act] == NULL)
            continue;
        for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
            g_autoptr(GError) error = NULL;

            g_assert_false(stage_act(stage->conn, bad_ids[i], act, &args, &error));
            check_error(error, GEMEL_ERROR_NOT_FOUND);
        }
        /* A caller that does not ask for the error gets none. */
        g_assert_false(stage->ops->act[act](stage->conn, bad_ids[0], NULL, NULL));
    }
    g_assert_cmpuint(notes, ==, 0);
}

static void test_inspect(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);

    for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(stage->ops->inspect(stage->conn, bad_ids[i], &error));
        check_error(error, GEMEL_ERROR_NOT_FOUND);
    }
    g_assert_null(stage->ops->inspect(stage->conn, bad_ids[0], NULL));
}

static void test_processes(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);

    for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(stage->ops->processes(stage->conn, bad_ids[i], &error));
        check_error(error, GEMEL_ERROR_NOT_FOUND);
    }
    g_assert_null(stage->ops->processes(stage->conn, bad_ids[0], NULL));
}

static void test_isolation(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);

    for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(stage->ops->isolation(stage->conn, bad_ids[i], &error));
        check_error(error, GEMEL_ERROR_NOT_FOUND);
    }
    g_assert_null(stage->ops->isolation(stage->conn, bad_ids[0], NULL));
}

static void test_snapshots(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelSnapshotOps *ops = stage->ops->snapshots;

    for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
        g_autoptr(GError) in_list = NULL;
        g_autoptr(GError) in_create = NULL;
        g_autoptr(GError) in_revert = NULL;
        g_autoptr(GError) in_remove = NULL;
        g_autoptr(GError) in_diff = NULL;
        const char *id = bad_ids[i];

        g_assert_null(ops->list(stage->conn, id, &in_list));
        check_error(in_list, GEMEL_ERROR_NOT_FOUND);
        g_assert_false(ops->create(stage->conn, id, "s1", NULL, NULL, &in_create));
        check_error(in_create, GEMEL_ERROR_NOT_FOUND);
        g_assert_false(ops->revert(stage->conn, id, "s1", NULL, &in_revert));
        check_error(in_revert, GEMEL_ERROR_NOT_FOUND);
        g_assert_false(ops->remove(stage->conn, id, "s1", NULL, &in_remove));
        check_error(in_remove, GEMEL_ERROR_NOT_FOUND);
        if (ops->diff == NULL)
            continue;
        g_assert_null(ops->diff(stage->conn, id, NULL, NULL, NULL, &in_diff));
        check_error(in_diff, GEMEL_ERROR_NOT_FOUND);
    }
}

static void test_streams(gconstpointer contract)
{
    static const char *const argv[] = {"true", NULL};
    g_autoptr(Stage) stage = stage_open(contract);

    for (GemelStreamKind kind = 0; kind < GEMEL_STREAM_N; kind++) {
        const GemelStreamArgs args = {.kind = kind, .argv = argv};

        if (!(stage->ops->streams->kinds & (1u << kind)))
            continue;
        for (guint i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
            g_autoptr(GError) error = NULL;

            g_assert_null(stage->ops->streams->open(stage->conn, bad_ids[i], &args, &error));
            check_error(error, GEMEL_ERROR_NOT_FOUND);
        }
    }
}

const ContractTest contract_id_tests[] = {
    {"is-not-found-by-any-act", test_acts},
    {"is-not-found-by-inspect", test_inspect},
    {"is-not-found-by-processes", test_processes, NEEDS_PROCESSES},
    {"is-not-found-by-isolation", test_isolation, NEEDS_ISOLATION},
    {"is-not-found-by-snapshots", test_snapshots, 0, ACT(SNAPSHOT_CREATE)},
    {"is-not-found-by-streams", test_streams, NEEDS_STREAMS},
    {NULL},
};
