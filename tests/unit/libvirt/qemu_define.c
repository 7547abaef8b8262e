/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Creating, deleting and limiting, on a real QEMU. */
#include <string.h>

#include "tests/unit/libvirt/qemu.h"

static void test_definition_of_a_known_name_exists(World *world, const void *data)
{
    g_autofree char *xml = ground_guest_xml("twice", &plain_guest);
    const GemelCreateSpec spec = {.definition = xml};
    g_autoptr(GError) error = NULL;

    g_free(test_create(world->conn, xml));
    g_assert_null(gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error));
    test_check_error(error, GEMEL_ERROR_EXISTS);
}

static void test_bad_definitions_are_invalid(World *world, const void *data)
{
    static const char *const bad[] = {NULL,
                                      "",
                                      "nonsense",
                                      "<domain",
                                      "<pool/>",
                                      "<domain type='qemu'/>",
                                      "<domain type='qemu'><name>x</name></domain>"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const GemelCreateSpec spec = {.definition = bad[i]};
        g_autoptr(GError) error = NULL;

        g_assert_null(gemel_libvirt_ops.create_instance(world->conn, &spec, NULL, &error));
        test_check_error(error, GEMEL_ERROR_INVALID);
    }
}

static void test_delete_leaves_the_disk_and_says_so(World *world, const void *data)
{
    g_autofree char *id = make(world, "gone", &plain_guest);
    g_autofree char *disk = g_strdup_printf("%s/%s.qcow2", ground_dir(), ground_name("gone"));
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.note = test_note, .data = notes};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_libvirt_ops.snapshots->create(world->conn, id, "s1", NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, id, &args, &error));
    g_assert_no_error(error);
    g_assert_null(test_find(world->conn, id));
    g_assert_nonnull(strstr(notes->str, disk));
    g_assert_nonnull(strstr(notes->str, "1 snapshot"));
    g_assert_true(g_file_test(disk, G_FILE_TEST_EXISTS));
}

static void test_forced_delete_ends_a_running_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "away", &plain_guest);
    const GemelActArgs args = {.force = TRUE};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_libvirt_ops.act[GEMEL_ACT_DELETE](world->conn, id, &args, &error));
    g_assert_no_error(error);
    g_assert_null(test_find(world->conn, id));
    g_assert_cmpint(ground_qemu_pid("away"), ==, 0);
}

static void test_cpu_limit_holds_now_and_later(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "halved", &plain_guest);
    g_autoptr(GemelInstance) live = NULL, off = NULL, lifted = NULL;

    limit(world, id, (GemelLimits){.cpus = 0.5, .memory_bytes = -1, .pids = -1});
    live = test_find(world->conn, id);
    g_assert_cmpfloat_with_epsilon(live->cpu_limit, 0.5, 0.001);
    g_assert_cmpuint(metric(world, id, GEMEL_METRIC_CPU_LIMIT), ==, 500);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    off = test_find(world->conn, id);
    g_assert_cmpfloat_with_epsilon(off->cpu_limit, 0.5, 0.001);
    limit(world, id, (GemelLimits){.cpus = 0, .memory_bytes = -1, .pids = -1});
    lifted = test_find(world->conn, id);
    g_assert_cmpfloat(lifted->cpu_limit, ==, 0);
}

static void test_cpu_limit_throttles(World *world, const void *data)
{
    /* Busy from the first instruction on: the firmware looks for something to boot. */
    g_autofree char *id = make(world, "slow", &plain_guest);

    limit(world, id, (GemelLimits){.cpus = 0.05, .memory_bytes = -1, .pids = -1});
    test_act(world->conn, GEMEL_ACT_START, id);
    ground_until(metric(world, id, GEMEL_METRIC_CPU_NR_THROTTLED) > 0, 10000);
    g_assert_cmpuint(metric(world, id, GEMEL_METRIC_CPU_THROTTLED), >, 0);
}

static void test_memory_limit_of_a_stopped_guest(World *world, const void *data)
{
    g_autofree char *id = make(world, "small", &plain_guest);
    g_autoptr(GemelInstance) smaller = NULL, larger = NULL, full = NULL;

    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 16 << 20, .pids = -1});
    smaller = test_find(world->conn, id);
    g_assert_cmpuint(smaller->memory_limit_bytes, ==, 16u << 20);
    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 64 << 20, .pids = -1});
    larger = test_find(world->conn, id);
    g_assert_cmpuint(larger->memory_limit_bytes, ==, 64u << 20);
    limit(world, id, (GemelLimits){.cpus = -1, .memory_bytes = 0, .pids = -1});
    full = test_find(world->conn, id);
    g_assert_cmpuint(full->memory_limit_bytes, ==, 64u << 20);
}

static void test_impossible_limits_say_why(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "nolimit", &plain_guest);
    const GemelActArgs pids = {.limits = {.cpus = -1, .memory_bytes = -1, .pids = 5}};
    const GemelActArgs tiny = {.limits = {.cpus = 0.001, .memory_bytes = -1, .pids = -1}};
    const GemelActArgs huge = {.limits = {.cpus = -1, .memory_bytes = (gint64)1 << 40, .pids = -1}};

    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &pids, GEMEL_ERROR_UNSUPPORTED));
    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &tiny, GEMEL_ERROR_INVALID));
    g_free(test_act_fails(world->conn, GEMEL_ACT_LIMIT, id, &huge, GEMEL_ERROR_CONFLICT));
}

void add_define_tests(void)
{
    ADD("create/a known name exists", test_definition_of_a_known_name_exists);
    ADD("create/bad definitions are invalid", test_bad_definitions_are_invalid);
    ADD("delete/the disk stays and is named", test_delete_leaves_the_disk_and_says_so);
    ADD("delete/force ends a running guest", test_forced_delete_ends_a_running_guest);
    ADD("limit/cpu holds now and later", test_cpu_limit_holds_now_and_later);
    ADD("limit/cpu throttles", test_cpu_limit_throttles);
    ADD("limit/memory of a stopped guest", test_memory_limit_of_a_stopped_guest);
    ADD("limit/the impossible says why", test_impossible_limits_say_why);
}
