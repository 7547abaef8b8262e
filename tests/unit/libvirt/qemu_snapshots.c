/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Internal snapshots, on a real QEMU. */
#include <string.h>

#include "tests/unit/libvirt/qemu.h"

static gboolean take(World *world, const char *id, const char *name, const char *text,
                     GError **error)
{
    return gemel_libvirt_ops.snapshots->create(world->conn, id, name, text, NULL, error);
}

static const GemelSnapshot *snapshot_of(GPtrArray *list, const char *name, guint *ret_index)
{
    for (guint i = 0; i < list->len; i++) {
        const GemelSnapshot *snapshot = list->pdata[i];

        if (g_str_equal(snapshot->name, name)) {
            if (ret_index != NULL)
                *ret_index = i;
            return snapshot;
        }
    }
    return NULL;
}

static void test_snapshot_of_a_running_guest_has_its_memory(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "shot", &plain_guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;
    const GemelSnapshot *snapshot;

    g_assert_true(take(world, id, "s1", "before <the> \"upgrade\" & more", &error));
    g_assert_no_error(error);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 1);
    snapshot = list->pdata[0];
    g_assert_cmpstr(snapshot->name, ==, "s1");
    g_assert_cmpstr(snapshot->parent, ==, NULL);
    g_assert_cmpstr(snapshot->description, ==, "before <the> \"upgrade\" & more");
    g_assert_cmpstr(snapshot->kind, ==, "internal");
    g_assert_cmpint(snapshot->state, ==, GEMEL_STATE_RUNNING);
    g_assert_true(snapshot->with_memory);
    g_assert_true(snapshot->is_current);
    g_assert_cmpint(snapshot->size_bytes, ==, -1);
    g_assert_cmpint(ABS(snapshot->created_unix - g_get_real_time() / G_USEC_PER_SEC), <, 60);
}

static void test_snapshots_form_a_tree(World *world, const void *data)
{
    g_autofree char *id = make(world, "tree", &plain_guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL, pruned = NULL;
    guint root, child, other;

    g_assert_true(take(world, id, "root", NULL, &error));
    g_assert_true(take(world, id, "child", NULL, &error));
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "root", NULL, &error));
    /* Sorts before its parent, and has the same second. */
    g_assert_true(take(world, id, "a-other", NULL, &error));
    g_assert_no_error(error);
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_cmpuint(list->len, ==, 3);
    g_assert_false(snapshot_of(list, "root", &root)->with_memory);
    g_assert_cmpstr(snapshot_of(list, "child", &child)->parent, ==, "root");
    g_assert_cmpstr(snapshot_of(list, "a-other", &other)->parent, ==, "root");
    g_assert_true(snapshot_of(list, "a-other", NULL)->is_current);
    g_assert_false(snapshot_of(list, "child", NULL)->is_current);
    g_assert_cmpuint(root, <, child);
    g_assert_cmpuint(root, <, other);

    g_assert_true(gemel_libvirt_ops.snapshots->remove(world->conn, id, "root", NULL, &error));
    g_assert_no_error(error);
    pruned = gemel_libvirt_ops.snapshots->list(world->conn, id, &error);
    g_assert_cmpuint(pruned->len, ==, 2);
    g_assert_cmpstr(snapshot_of(pruned, "child", NULL)->parent, ==, NULL);
}

static void test_revert_brings_the_running_state_back(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "back", &plain_guest);
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.note = test_note, .data = notes};
    g_autoptr(GError) error = NULL;

    g_assert_true(take(world, id, "s1", NULL, &error));
    g_assert_no_error(error);
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s1", &args, &error));
    g_assert_no_error(error);
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
    g_assert_nonnull(strstr(notes->str, "restarted its QEMU"));
    test_act(world->conn, GEMEL_ACT_KILL, id);
    g_assert_true(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s1", NULL, &error));
    g_assert_cmpint(test_state(world->conn, id), ==, GEMEL_STATE_RUNNING);
}

static void test_raw_disks_cannot_hold_a_snapshot(World *world, const void *data)
{
    const GroundGuest raw = {.format = "raw"};
    g_autofree char *id = make_running(world, "raw", &raw);
    g_autoptr(GemelInstance) instance = test_find(world->conn, id);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;

    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
    g_assert_false(take(world, id, "s1", NULL, &error));
    test_check_error(error, GEMEL_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "vda"));
    g_assert_nonnull(strstr(error->message, "qemu-img convert"));
    list = gemel_libvirt_ops.snapshots->list(world->conn, id, NULL);
    g_assert_cmpuint(list->len, ==, 0);
}

static void test_snapshot_errors_name_the_snapshot(World *world, const void *data)
{
    g_autofree char *id = make(world, "errors", &plain_guest);
    static const char *const bad_names[] = {"", ".hidden", "a/b", "a\nb"};
    g_autoptr(GError) error = NULL;

    g_assert_true(take(world, id, "s1", NULL, &error));
    g_assert_false(take(world, id, "s1", NULL, &error));
    test_check_error(error, GEMEL_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_false(gemel_libvirt_ops.snapshots->revert(world->conn, id, "s9", NULL, &error));
    test_check_error(error, GEMEL_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "s9"));
    g_clear_error(&error);
    g_assert_false(gemel_libvirt_ops.snapshots->remove(world->conn, id, "s9", NULL, &error));
    test_check_error(error, GEMEL_ERROR_NOT_FOUND);
    for (gsize i = 0; i < G_N_ELEMENTS(bad_names); i++) {
        g_clear_error(&error);
        g_assert_false(take(world, id, bad_names[i], NULL, &error));
        test_check_error(error, GEMEL_ERROR_INVALID);
    }
}

void add_snapshots_tests(void)
{
    ADD("snapshot/of a running guest has its memory",
        test_snapshot_of_a_running_guest_has_its_memory);
    ADD("snapshot/they form a tree", test_snapshots_form_a_tree);
    ADD("snapshot/revert brings the running state back", test_revert_brings_the_running_state_back);
    ADD("snapshot/raw disks cannot hold one", test_raw_disks_cannot_hold_a_snapshot);
    ADD("snapshot/errors name the snapshot", test_snapshot_errors_name_the_snapshot);
}
