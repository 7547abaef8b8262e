/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract on libvirt's built-in test driver: no daemon, no guests, but libvirt's own rules. */
#include "tests/contract/contract.h"

static GemelBackend *open_test(GError **error)
{
    return gemel_libvirt_ops.create("test", "test:///default", error);
}

static char *make(GemelConn *conn, const char *name, GError **error)
{
    g_autofree char *xml =
        g_strdup_printf("<domain type='test'><name>%s</name><memory unit='MiB'>64</memory>"
                        "<vcpu>2</vcpu><os><type>hvm</type></os></domain>",
                        name);
    const GemelCreateSpec spec = {.definition = xml};

    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

static const GemelCreateSpec bad_specs[] = {
    {.definition = "not XML"},
    {.definition = "<domain type='test'><name>x</name>"},
    {.definition = "<network><name>x</name></network>"},
    {.definition = "<domain type='test'><memory>1024</memory></domain>"},
    {.name = "x", .rootfs = "/"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    const Contract contract = {
        .name = "libvirt-test",
        .ops = &gemel_libvirt_ops,
        .open = open_test,
        .make = make,
        .bad_specs = bad_specs,
        .is_silent_on_snapshots = TRUE, /* libvirt has no such event */
        .stops_when_asked = TRUE,
        .has_no_figures = TRUE,
        .lacks = ACT(CONSOLE),
        .may_lack = ACT(RESET) | ACT(LIMIT),
    };

    return contract_main(argc, argv, &contract, 1);
}
