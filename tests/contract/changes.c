/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protection, autostart, name, saved memory and definition. */
#include "tests/contract/contract.h"

#include <string.h>

static void set_flag(Stage *stage, const char *id, GemelAct act, gboolean enable)
{
    const GemelActArgs args = {.enable = enable};
    g_autoptr(GError) error = NULL;

    g_assert_true(stage_act(stage->conn, id, act, &args, &error));
    g_assert_no_error(error);
}

static gboolean has_flag(Stage *stage, const char *id, GemelAct act)
{
    g_autoptr(GemelInstance) instance = stage_find(stage->conn, id);

    g_assert_nonnull(instance);
    return act == GEMEL_ACT_PROTECT ? instance->is_protected : instance->autostart;
}

static void test_autostart(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);

    g_assert_false(has_flag(stage, id, GEMEL_ACT_AUTOSTART));
    set_flag(stage, id, GEMEL_ACT_AUTOSTART, TRUE);
    set_flag(stage, id, GEMEL_ACT_AUTOSTART, TRUE);
    g_assert_true(has_flag(stage, id, GEMEL_ACT_AUTOSTART));
    set_flag(stage, id, GEMEL_ACT_AUTOSTART, FALSE);
    g_assert_false(has_flag(stage, id, GEMEL_ACT_AUTOSTART));
}

/* The backend refuses, whatever the list said to whom: `force` is no way round it. */
static void check_refused(Stage *stage, const char *id, GemelAct act)
{
    const GemelActArgs force = {.force = TRUE, .timeout_ms = 1000};
    g_autoptr(GError) error = NULL;

    if (stage->ops->act[act] == NULL || (stage->contract->lacks & (1u << act)) != 0)
        return;
    g_assert_false(stage_act(stage->conn, id, act, &force, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "`protect "));
}

static void test_protection(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);

    set_flag(stage, id, GEMEL_ACT_PROTECT, FALSE); /* what is not there can be taken away */
    set_flag(stage, id, GEMEL_ACT_PROTECT, TRUE);
    g_assert_true(has_flag(stage, id, GEMEL_ACT_PROTECT));
    check_refused(stage, id, GEMEL_ACT_DELETE);
    stage_must(stage->conn, id, GEMEL_ACT_START);
    g_assert_true(has_flag(stage, id, GEMEL_ACT_PROTECT)); /* it belongs to the instance */
    check_refused(stage, id, GEMEL_ACT_DELETE);
    check_refused(stage, id, GEMEL_ACT_KILL);
    check_refused(stage, id, GEMEL_ACT_RESET);
    check_refused(stage, id, GEMEL_ACT_STOP);
    check_refused(stage, id, GEMEL_ACT_RESTART);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
    set_flag(stage, id, GEMEL_ACT_PROTECT, FALSE);
    g_assert_false(has_flag(stage, id, GEMEL_ACT_PROTECT));
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
}

static void test_protected_list(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelInstance) instance = NULL;

    set_flag(stage, id, GEMEL_ACT_PROTECT, TRUE);
    instance = stage_find(stage->conn, id);
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        g_assert_false(gemel_act_is_destructive(act) && gemel_instance_can(instance, act));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_STOP));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_PROTECT));
    set_flag(stage, id, GEMEL_ACT_PROTECT, FALSE);
}

static void test_rename(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage), *other_id = stage_make(stage);
    g_autoptr(GemelInstance) other = stage_find(stage->conn, other_id);
    g_autoptr(GemelInstance) renamed = NULL;
    g_autofree char *name = stage_new_name();
    g_autoptr(GError) error = NULL;

    g_assert_true(
        stage_act(stage->conn, id, GEMEL_ACT_RENAME, &(GemelActArgs){.name = name}, &error));
    g_assert_no_error(error);
    renamed = stage_find(stage->conn, id);
    g_assert_cmpstr(renamed->name, ==, name);
    g_assert_false(
        stage_act(stage->conn, id, GEMEL_ACT_RENAME, &(GemelActArgs){.name = other->name}, &error));
    check_error(error, GEMEL_ERROR_EXISTS);
    stage_must(stage->conn, id, GEMEL_ACT_START);
}

static void test_bad_name(gconstpointer contract)
{
    static const char *const bad[] = {NULL, "", "a/b", "../../x", "a\nb"};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(
            stage_act(stage->conn, id, GEMEL_ACT_RENAME, &(GemelActArgs){.name = bad[i]}, &error));
        check_error(error, GEMEL_ERROR_INVALID);
    }
}

/* The instance of this name as listed now; NULL if there is none. */
static GemelInstance *find_by_name(GemelConn *conn, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = conn->backend->ops->list(conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = list->pdata[i];

        if (g_str_equal(instance->name, name))
            return gemel_instance_copy(instance);
    }
    return NULL;
}

static void test_clone(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GemelInstance) from = stage_find(stage->conn, id);

    if (stage->ops->act[GEMEL_ACT_AUTOSTART] != NULL)
        set_flag(stage, id, GEMEL_ACT_AUTOSTART, TRUE);
    if (stage->ops->act[GEMEL_ACT_PROTECT] != NULL)
        set_flag(stage, id, GEMEL_ACT_PROTECT, TRUE);
    for (gboolean linked = FALSE; linked <= TRUE; linked++) {
        g_autoptr(GemelInstance) clone = NULL;
        g_autofree char *name = stage_new_name();
        const GemelActArgs args = {.name = name, .linked = linked};
        g_autoptr(GError) error = NULL;

        g_assert_true(stage_act(stage->conn, id, GEMEL_ACT_CLONE, &args, &error));
        g_assert_no_error(error);
        clone = find_by_name(stage->conn, name);
        g_assert_nonnull(clone);
        g_ptr_array_add(stage->made, g_strdup(clone->id));
        g_assert_cmpstr(clone->id, !=, id);
        g_assert_cmpint(clone->state, ==, GEMEL_STATE_STOPPED);
        g_assert_cmpint(clone->kind, ==, from->kind);
        g_assert_cmpuint(clone->vcpus, ==, from->vcpus);
        g_assert_false(clone->autostart || clone->is_protected);
        g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_CLONE, &args, &error));
        check_error(error, GEMEL_ERROR_EXISTS);
        stage_must(stage->conn, clone->id, GEMEL_ACT_START);
        g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_STOPPED);
        stage_must(stage->conn, clone->id, GEMEL_ACT_KILL);
    }
    if (stage->ops->act[GEMEL_ACT_PROTECT] != NULL)
        set_flag(stage, id, GEMEL_ACT_PROTECT, FALSE);
}

/* Refused, and no plan of it either; nothing new is there afterwards. */
static void test_bad_clone(gconstpointer contract)
{
    static const char *const bad[] = {NULL, "", "a/b", "../../x", "a\nb"};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autofree char *name = stage_new_name();
    const GemelActArgs args = {.name = name};
    g_autoptr(GError) error = NULL;

    g_assert_false(stage_act(stage->conn, id, GEMEL_ACT_CLONE, &args, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "stop it first"));
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) wrong = NULL;

        g_assert_false(
            stage_act(stage->conn, id, GEMEL_ACT_CLONE, &(GemelActArgs){.name = bad[i]}, &wrong));
        check_error(wrong, GEMEL_ERROR_INVALID);
    }
    g_assert_null(find_by_name(stage->conn, name));
}

/* A plan of a clone says of each file what becomes of it, and nothing goes. */
static void test_clone_plan(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GemelInstance) from = stage_find(stage->conn, id);
    g_autofree char *name = stage_new_name();
    const GemelActArgs args = {.name = name}, taken = {.name = from->name};
    g_autoptr(GError) error = NULL;
    json_t *files, *file;
    size_t i;

    files = stage->ops->plan(stage->conn, id, GEMEL_ACT_CLONE, NULL, &args, &error);
    g_assert_no_error(error);
    json_array_foreach (files, i, file) {
        g_assert_true(json_is_string(json_object_get(file, "how")));
        g_assert_true(json_is_false(json_object_get(file, "goes")));
    }
    json_decref(files);
    g_assert_null(find_by_name(stage->conn, name));
    g_assert_null(stage->ops->plan(stage->conn, id, GEMEL_ACT_CLONE, NULL, &taken, &error));
    check_error(error, GEMEL_ERROR_EXISTS);
}

static void test_save_restore(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    if ((stage->contract->lacks & (1u << GEMEL_ACT_SAVE)) != 0)
        return; /* that it is refused is a check of its own */
    id = stage_make_running(stage);
    stage_must(stage->conn, id, GEMEL_ACT_SAVE);
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_SAVED));
    stage_must(stage->conn, id, GEMEL_ACT_RESTORE);
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

/* ---- the definition ------------------------------------------------------------------------- */

static char *definition(Stage *stage, const char *id)
{
    g_autoptr(GError) error = NULL;
    char *text = stage->ops->definition->get(stage->conn, id, &error);

    g_assert_no_error(error);
    g_assert_nonnull(text);
    return text;
}

static gboolean define(Stage *stage, const char *id, const char *before, const char *text,
                       GError **error)
{
    gboolean done = stage->ops->definition->set(stage->conn, id, before, text, NULL, error);

    g_assert_true(done == (*error == NULL));
    return done;
}

static void test_definition_is_put_back(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autofree char *before = definition(stage, id);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(define(stage, id, before, before, &error));
    g_assert_no_error(error);
    after = definition(stage, id);
    g_assert_cmpstr(after, ==, before);
    stage_must(stage->conn, id, GEMEL_ACT_START);
}

static void test_definition_conflicts(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autofree char *before = definition(stage, id);
    g_autofree char *stale = g_strconcat(before, " ", NULL);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(define(stage, id, stale, before, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
    after = definition(stage, id);
    g_assert_cmpstr(after, ==, before);
}

static void test_bad_definition(gconstpointer contract)
{
    static const char *const bad[] = {"",   "{",           "<domain>", "<domain/>",
                                      "[]", "{\"no\": 1}", "\xff\xfe"};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autofree char *before = definition(stage, id);
    g_autofree char *after = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(define(stage, id, before, bad[i], &error));
        check_error(error, GEMEL_ERROR_INVALID);
    }
    after = definition(stage, id);
    g_assert_cmpstr(after, ==, before);
}

static void test_definition_of_nothing(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;

    g_assert_null(stage->ops->definition->get(stage->conn, "no-such-instance", &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(define(stage, "no-such-instance", "", "", &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
}

/* A plan names files and changes nothing. */
static void test_plan(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GError) error = NULL;
    json_t *files, *file;
    size_t i;

    if (stage->ops->plan == NULL)
        return; /* the console then says what it knows by itself */
    files = stage->ops->plan(stage->conn, id, GEMEL_ACT_DELETE, NULL, NULL, &error);
    g_assert_no_error(error);
    json_array_foreach (files, i, file) {
        g_assert_true(json_is_string(json_object_get(file, "path")));
        g_assert_true(json_is_boolean(json_object_get(file, "goes")));
    }
    json_decref(files);
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_STOPPED);
    files = stage->ops->plan(stage->conn, id, GEMEL_ACT_START, NULL, NULL, &error);
    g_assert_cmpuint(json_array_size(files), ==, 0);
    json_decref(files);
    g_assert_null(
        stage->ops->plan(stage->conn, "no-such-instance", GEMEL_ACT_DELETE, NULL, NULL, &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
}

const ContractTest contract_change_tests[] = {
    {"a-plan-names-files-and-changes-nothing", test_plan, NEEDS_CREATE},
    {"autostart-is-kept", test_autostart, NEEDS_CREATE, ACT(AUTOSTART)},
    {"what-is-protected-is-not-destroyed", test_protection, NEEDS_CREATE, ACT(PROTECT)},
    {"the-list-says-what-protection-refuses", test_protected_list, NEEDS_CREATE, ACT(PROTECT)},
    {"rename-gives-a-free-name", test_rename, NEEDS_CREATE, ACT(RENAME)},
    {"rename-refuses-what-is-no-name", test_bad_name, NEEDS_CREATE, ACT(RENAME)},
    {"a-clone-is-another-and-starts", test_clone, NEEDS_CREATE, ACT(CLONE)},
    {"a-clone-needs-a-stopped-one-and-a-name", test_bad_clone, NEEDS_CREATE, ACT(CLONE)},
    {"a-plan-of-a-clone-copies-nothing", test_clone_plan, NEEDS_CREATE, ACT(CLONE)},
    {"saved-memory-is-restored", test_save_restore, NEEDS_CREATE, ACT(SAVE) | ACT(RESTORE)},
    {"a-definition-can-be-put-back", test_definition_is_put_back, NEEDS_CREATE, ACT(EDIT)},
    {"a-definition-that-changed-conflicts", test_definition_conflicts, NEEDS_CREATE, ACT(EDIT)},
    {"a-bad-definition-changes-nothing", test_bad_definition, NEEDS_CREATE, ACT(EDIT)},
    {"an-unknown-id-has-no-definition", test_definition_of_nothing, 0, ACT(EDIT)},
    {NULL},
};
