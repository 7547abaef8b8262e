/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URIs, the error map, states. */
#include "backends/libvirt/lv.h"
#include "backends/registry.h"

static void test_uri_resolution(void)
{
    static const struct {
        const char *uri, *env;
        gboolean is_root;
        const char *expected;
    } cases[] = {
        {"test:///default", "xen:///", TRUE, "test:///default"},
        {NULL, "xen:///", TRUE, "xen:///"},
        {"", "xen:///", TRUE, "xen:///"},
        {NULL, NULL, TRUE, "qemu:///system"},
        {NULL, "", FALSE, "qemu:///session"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = lv_uri_resolve(cases[i].uri, cases[i].env, cases[i].is_root);

        g_assert_cmpstr(got, ==, cases[i].expected);
    }
}

static void test_ssh_does_not_ask_on_the_terminal(void)
{
    static const struct {
        const char *uri, *opened;
    } cases[] = {
        {"qemu:///system", "qemu:///system"},
        {"qemu+tls://host/system", "qemu+tls://host/system"},
        {"qemu+ssh://host/system", "qemu+ssh://host/system?no_tty=1"},
        {"qemu+ssh://host/system?keyfile=/k", "qemu+ssh://host/system?keyfile=/k&no_tty=1"},
        {"qemu+ssh://host/system?no_tty=0", "qemu+ssh://host/system?no_tty=0"},
        {"qemu+ssh://host/system?a=b&no_tty=0", "qemu+ssh://host/system?a=b&no_tty=0"},
        {"qemu+ssh://host/system?xno_tty=0", "qemu+ssh://host/system?xno_tty=0&no_tty=1"},
        {"qemu+libssh2://host/system", "qemu+libssh2://host/system?no_tty=1"},
        {"alias", "alias"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = lv_uri_for_opening(cases[i].uri);

        g_assert_cmpstr(got, ==, cases[i].opened);
    }
}

static void test_which_uris_are_local(void)
{
    static const struct {
        const char *uri;
        gboolean is_local;
        const char *run_dir;
    } cases[] = {
        {"qemu:///system", TRUE, "/run/libvirt/qemu"},
        {"qemu:///session", TRUE, "/run/user/7/libvirt/qemu/run"},
        {"qemu+unix:///system?socket=/x", TRUE, "/run/libvirt/qemu"},
        {"qemu:///embed?root=/tmp/x", TRUE, "/tmp/x/run/qemu"},
        {"qemu:///embed", TRUE, NULL},
        {"qemu+ssh://root@host/system", FALSE, NULL},
        {"qemu+ssh:///system", FALSE, NULL},
        {"qemu://host/system", FALSE, NULL},
        {"qemu+tcp://[::1]/system", FALSE, NULL},
        {"test:///default", FALSE, NULL},
        {"lxc:///system", FALSE, NULL},
        {"", FALSE, NULL},
        {"://", FALSE, NULL},
        {NULL, FALSE, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *run_dir = lv_uri_run_dir(cases[i].uri, "/run/user/7");

        g_assert_cmpint(lv_uri_is_local(cases[i].uri), ==, cases[i].is_local);
        g_assert_cmpstr(run_dir, ==, cases[i].run_dir);
    }
}

static void test_a_uri_names_its_driver(void)
{
    g_assert_true(lv_uri_is_of("qemu:///system", "qemu"));
    g_assert_true(lv_uri_is_of("qemu+ssh://host/system", "qemu"));
    g_assert_true(lv_uri_is_of("test:///default", "test"));
    g_assert_false(lv_uri_is_of("test:///default", "qemu"));
    g_assert_false(lv_uri_is_of("qemux:///system", "qemu"));
    g_assert_false(lv_uri_is_of("qemu", "qemu"));
    g_assert_false(lv_uri_is_of("", "qemu"));
    g_assert_false(lv_uri_is_of(NULL, "qemu"));
}

static void test_backend_takes_the_resolved_uri(void)
{
    GemelBackend *backend = gemel_libvirt_ops.create("lab", "test:///default", NULL);

    g_assert_cmpstr(backend->name, ==, "lab");
    g_assert_cmpstr(backend->uri, ==, "test:///default");
    gemel_libvirt_ops.free(backend);
}

static void test_hostile_uris_are_invalid(void)
{
    static const char *const bad[] = {"qemu:///a b", "qemu:///\033[2J", "qemu\n:///", "\xff\xfe"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(gemel_libvirt_ops.create("x", bad[i], &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    }
}

static void test_each_error_number_is_mapped_once(void)
{
    for (gsize i = 0; i < lv_error_map_size(); i++) {
        g_assert_cmpint(lv_error_map_code(i), >, VIR_ERR_OK);
        g_assert_cmpint(lv_error_map_code(i), !=, VIR_ERR_SYSTEM_ERROR);
        for (gsize j = 0; j < i; j++)
            g_assert_cmpint(lv_error_map_code(i), !=, lv_error_map_code(j));
    }
}

static void test_error_kinds(void)
{
    static const struct {
        int code;
        gboolean lost;
        GemelErrorKind kind;
    } cases[] = {
        {VIR_ERR_NO_DOMAIN, FALSE, GEMEL_ERROR_NOT_FOUND},
        {VIR_ERR_NO_DOMAIN, TRUE, GEMEL_ERROR_UNREACHABLE},
        {VIR_ERR_OPERATION_INVALID, FALSE, GEMEL_ERROR_CONFLICT},
        {VIR_ERR_OPERATION_TIMEOUT, FALSE, GEMEL_ERROR_BUSY},
        {VIR_ERR_AUTH_FAILED, FALSE, GEMEL_ERROR_DENIED},
        {VIR_ERR_ACCESS_DENIED, FALSE, GEMEL_ERROR_DENIED},
        {VIR_ERR_NO_SUPPORT, FALSE, GEMEL_ERROR_UNSUPPORTED},
        {VIR_ERR_SYSTEM_ERROR, FALSE, GEMEL_ERROR_FAILED},
        {VIR_ERR_SYSTEM_ERROR, TRUE, GEMEL_ERROR_UNREACHABLE},
        {VIR_ERR_RPC, FALSE, GEMEL_ERROR_UNREACHABLE},
        {VIR_ERR_INTERNAL_ERROR, TRUE, GEMEL_ERROR_UNREACHABLE},
        {VIR_ERR_INTERNAL_ERROR, FALSE, GEMEL_ERROR_FAILED},
        {VIR_ERR_OPERATION_FAILED, FALSE, GEMEL_ERROR_FAILED},
        {123456, FALSE, GEMEL_ERROR_FAILED},
        {VIR_ERR_OK, FALSE, GEMEL_ERROR_FAILED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(lv_error_kind(cases[i].code, cases[i].lost), ==, cases[i].kind);
}

static void test_states(void)
{
    static const struct {
        int state, reason;
        gboolean saved;
        GemelState expected;
    } cases[] = {
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, FALSE, GEMEL_STATE_RUNNING},
        {VIR_DOMAIN_BLOCKED, 0, FALSE, GEMEL_STATE_RUNNING},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, FALSE, GEMEL_STATE_PAUSED},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, FALSE, GEMEL_STATE_STARTING},
        {VIR_DOMAIN_PMSUSPENDED, 0, FALSE, GEMEL_STATE_PAUSED},
        {VIR_DOMAIN_SHUTDOWN, 0, FALSE, GEMEL_STATE_STOPPING},
        {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, FALSE, GEMEL_STATE_STOPPED},
        {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SAVED, TRUE, GEMEL_STATE_SAVED},
        {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED, FALSE, GEMEL_STATE_CRASHED},
        {VIR_DOMAIN_CRASHED, 0, FALSE, GEMEL_STATE_CRASHED},
        {VIR_DOMAIN_RUNNING, 0, TRUE, GEMEL_STATE_RUNNING},
        {VIR_DOMAIN_NOSTATE, 0, FALSE, GEMEL_STATE_UNKNOWN},
        {-1, 0, FALSE, GEMEL_STATE_UNKNOWN},
        {4711, 0, FALSE, GEMEL_STATE_UNKNOWN},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(lv_state(cases[i].state, cases[i].reason, cases[i].saved), ==,
                        cases[i].expected);
    g_assert_cmpstr(lv_state_reason(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR), ==,
                    "I/O error on a disk");
    g_assert_cmpstr(lv_state_reason(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED), ==, NULL);
    g_assert_cmpstr(lv_state_reason(-5, -5), ==, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/libvirt/uri/which one is taken", test_uri_resolution);
    g_test_add_func("/libvirt/uri/ssh does not ask on the terminal",
                    test_ssh_does_not_ask_on_the_terminal);
    g_test_add_func("/libvirt/uri/which are local", test_which_uris_are_local);
    g_test_add_func("/libvirt/uri/names its driver", test_a_uri_names_its_driver);
    g_test_add_func("/libvirt/uri/a backend shows it", test_backend_takes_the_resolved_uri);
    g_test_add_func("/libvirt/uri/hostile ones are invalid", test_hostile_uris_are_invalid);
    g_test_add_func("/libvirt/error/each number is mapped once",
                    test_each_error_number_is_mapped_once);
    g_test_add_func("/libvirt/error/kinds", test_error_kinds);
    g_test_add_func("/libvirt/state/mapping and reasons", test_states);
    return g_test_run();
}
