/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract on native containers: a private store, busybox, conmon and a runtime. */
#include "tests/contract/contract.h"
#include "tests/unit/native/fixture.h"

static Fixture fixture;

static GemelBackend *open_native(GError **error)
{
    return gemel_native_ops.create("native", NULL, error);
}

static char *make_container(GemelConn *conn, const char *name, GError **error)
{
    /* A shell of sorts that, as process 1, also minds TERM. */
    static const char *const argv[] = {
        "/bin/sh", "-c", "trap 'exit 0' TERM; while :; do read -r line && eval \"$line\"; done",
        NULL};
    const GemelCreateSpec spec = {.name = name,
                                  .rootfs = fixture.rootfs,
                                  .argv = argv,
                                  .tty = TRUE,
                                  .limits = GEMEL_LIMITS_NONE};

    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

int main(int argc, char **argv)
{
    static const char *const nothing[] = {NULL};
    static const char *const no_equals[] = {"novalue", NULL};
    GemelCreateSpec bad_specs[] = {
        {.name = ""},
        {.name = "no/slash", .rootfs = "/etc"},
        {.name = "two\nlines", .rootfs = "/etc"},
        {.name = "x"},
        {.name = "x", .definition = "<domain/>", .rootfs = "/etc"},
        {.name = "x", .rootfs = "/no/such/rootfs"},
        {.name = "x", .rootfs = "/dev/null"},
        {.name = "x", .rootfs = "/bin/busybox"},
        {.name = "x", .rootfs = "/etc", .network = "carrier-pigeon"},
        {.name = "x", .rootfs = "/etc", .network = "ns:/no/such/namespace"},
        {.name = "x", .rootfs = "/etc", .network = "ns:/dev/null"},
        {.name = "x", .rootfs = "/etc", .argv = nothing},
        {.name = "x", .rootfs = "/etc", .env = no_equals},
        {.name = "x", .rootfs = "/etc", .labels = no_equals},
        {.name = "x", .rootfs = "/etc", .hostname = "a b"},
        {.name = "x", .rootfs = "/etc", .cwd = "relative"},
        {.name = "x", .rootfs = "/etc", .user = "nobody-of-that-name"},
        {.name = "x", .rootfs = "/etc", .limits = {.memory_bytes = 1}},
        {.name = "x", .rootfs = "/etc", .limits = {.cpus = 0.0001}},
        {.name = "x", .rootfs = "/etc", .limits = {.pids = 1 << 30}},
        {.name = NULL},
    };
    const Contract contracts[] = {
        {.name = "native",
         .ops = &gemel_native_ops,
         .open = open_native,
         .make = make_container,
         .bad_specs = bad_specs,
         .stops_when_asked = TRUE,
         .console_answers = TRUE},
    };
    int status;

    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_assert_true(fixture_open(&fixture));
    status = contract_main(argc, argv, contracts, G_N_ELEMENTS(contracts));
    fixture_close(&fixture);
    return status;
}
