/* SPDX-License-Identifier: GPL-3.0-or-later */
/* New instances: what is refused leaves nothing behind. */
#include "tests/contract/contract.h"

static guint count(Stage *stage)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = stage->ops->list(stage->conn, &error);

    g_assert_no_error(error);
    return list->len;
}

static void test_bad_specs(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelCreateSpec *spec = stage->contract->bad_specs;
    guint before;

    before = count(stage);
    for (guint i = 0; spec->name != NULL || spec->definition != NULL; spec++, i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *id = stage->ops->create_instance(stage->conn, spec, NULL, &error);

        if (id != NULL)
            g_error("specification %u (%s) was taken", i, spec->name);
        g_assert_nonnull(error);
        check_one_line(error->message);
        if (error->code != GEMEL_ERROR_INVALID && error->code != GEMEL_ERROR_NOT_FOUND)
            g_error("specification %u: %s: %s", i, gemel_error_kind_name(error->code),
                    error->message);
        g_assert_cmpuint(count(stage), ==, before);
    }
}

static void test_duplicate(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelInstance) instance = NULL;
    g_autofree char *id = NULL;
    const char *made;
    guint before;

    made = stage_make(stage);
    instance = stage_find(stage->conn, made);
    before = count(stage);
    id = stage->contract->make(stage->conn, instance->name, &error);
    g_assert_null(id);
    check_error(error, GEMEL_ERROR_EXISTS);
    g_assert_cmpuint(count(stage), ==, before);
    g_assert_cmpint(stage_state(stage->conn, made), ==, GEMEL_STATE_STOPPED);
}

/* Many times over: no name, id or resource stays taken. */
static void test_again_and_again(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autofree char *name = stage_new_name();
    guint before;

    before = count(stage);
    for (guint i = 0; i < 5; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *id = stage->contract->make(stage->conn, name, &error);

        g_assert_no_error(error);
        stage_must(stage->conn, id, GEMEL_ACT_DELETE);
    }
    g_assert_cmpuint(count(stage), ==, before);
}

const ContractTest contract_create_tests[] = {
    {"of-something-senseless-leaves-nothing", test_bad_specs, NEEDS_CREATE},
    {"under-a-taken-name-exists", test_duplicate, NEEDS_CREATE},
    {"and-delete-can-be-repeated", test_again_and_again, NEEDS_CREATE, ACT(DELETE)},
    {NULL},
};
