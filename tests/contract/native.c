/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract on native containers in a store of their own (tests/harness/in_world.py --native):
 * busybox as init, a loop on its terminal that does what it is told and heeds the stop signal.
 */
#include "tests/contract/contract.h"

static const char *rootfs;

static GemelBackend *open_native(GError **error)
{
    return gemel_native_ops.create("native", NULL, error);
}

static char *make(GemelConn *conn, const char *name, GError **error)
{
    static const char *const argv[] = {
        "sh", "-c", "trap 'exit 0' TERM; while :; do read -r line && eval \"$line\"; done", NULL};
    const GemelCreateSpec spec = {.name = name,
                                  .rootfs = rootfs,
                                  .argv = argv,
                                  .tty = TRUE,
                                  .limits = {.cpus = -1, .memory_bytes = 64 << 20, .pids = 100}};

    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

static const char *const nothing[] = {NULL};
static const char *const no_equals[] = {"novalue", NULL};

static GemelCreateSpec bad_specs[] = {
    {.definition = "<domain/>"},
    {.name = ""},
    {.name = "no/slash", .rootfs = "?"},
    {.name = "..", .rootfs = "?"},
    {.name = "two\nlines", .rootfs = "?"},
    {.name = "x"},
    {.name = "x", .rootfs = "/no/such/rootfs"},
    {.name = "x", .rootfs = "/etc/hostname"}, /* a file, and no archive */
    {.name = "x", .rootfs = "/dev/null"},
    {.name = "x", .rootfs = "?", .network = "carrier-pigeon"},
    {.name = "x", .rootfs = "?", .network = "ns:/no/such/netns"},
    {.name = "x", .rootfs = "?", .argv = nothing},
    {.name = "x", .rootfs = "?", .env = no_equals},
    {.name = "x", .rootfs = "?", .labels = no_equals},
    {.name = "x", .rootfs = "?", .user = "nobody-of-that-name"},
    {.name = "x", .rootfs = "?", .cwd = "relative"},
    {.name = "x", .rootfs = "?", .limits = {.cpus = 1e9, .memory_bytes = -1, .pids = -1}},
    {.name = "x", .rootfs = "?", .limits = {.cpus = -1, .memory_bytes = 1, .pids = -1}},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    const Contract contract = {
        .name = "native",
        .ops = &gemel_native_ops,
        .open = open_native,
        .make = make,
        .bad_specs = bad_specs,
        .stops_when_asked = TRUE,
        .console_answers = TRUE,
    };

    rootfs = g_getenv("GEMEL_TEST_ROOTFS");
    if (rootfs == NULL)
        g_error("run it by tests/harness/in_world.py --native");
    for (GemelCreateSpec *spec = bad_specs; spec->name != NULL || spec->definition != NULL; spec++)
        if (g_strcmp0(spec->rootfs, "?") == 0)
            spec->rootfs = rootfs;
    return contract_main(argc, argv, &contract, 1);
}
