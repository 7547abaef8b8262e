/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract on the simulator, once with guests and once with containers. */
#include "tests/contract/contract.h"

static GemelBackend *open_sim(GError **error)
{
    return gemel_sim_ops.create("sim", "sim:12,pace=0.05,whims=off", error);
}

static char *make_guest(GemelConn *conn, const char *name, GError **error)
{
    g_autofree char *xml = g_strdup_printf("<domain type='kvm'><name>%s</name><memory unit='MiB'>"
                                           "64</memory><vcpu>2</vcpu></domain>",
                                           name);
    const GemelCreateSpec spec = {.definition = xml};

    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

static char *make_container(GemelConn *conn, const char *name, GError **error)
{
    const GemelCreateSpec spec = {.name = name, .rootfs = "/", .limits = GEMEL_LIMITS_NONE};

    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

static const char *const nothing[] = {NULL};
static const char *const no_equals[] = {"novalue", NULL};

static const GemelCreateSpec bad_specs[] = {
    {.definition = "not XML"},
    {.definition = "<domain><name>x</name>"},
    {.definition = "<network><name>x</name></network>"},
    {.definition = "<domain><name></name></domain>"},
    {.definition = "<domain><name>x</name><memory>much</memory></domain>"},
    {.definition = "<domain><name>x</name><vcpu>0</vcpu></domain>"},
    {.definition = "<domain><name>x</name><uuid>7</uuid></domain>"},
    {.name = ""},
    {.name = "no/slash", .rootfs = "/"},
    {.name = "two\nlines", .rootfs = "/"},
    {.name = "x"},
    {.name = "x", .rootfs = "/no/such/rootfs"},
    {.name = "x", .rootfs = "/", .network = "carrier-pigeon"},
    {.name = "x", .rootfs = "/", .argv = nothing},
    {.name = "x", .rootfs = "/", .env = no_equals},
    {.name = "x", .rootfs = "/", .labels = no_equals},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    const Contract contracts[] = {
        {.name = "sim-guest",
         .ops = &gemel_sim_ops,
         .lacks = ACT(EXEC),
         .open = open_sim,
         .make = make_guest,
         .bad_specs = bad_specs,
         .stops_when_asked = TRUE,
         .console_answers = TRUE},
        {.name = "sim-container",
         .ops = &gemel_sim_ops,
         .lacks = ACT(RESET) | ACT(SAVE) | ACT(RESTORE),
         .open = open_sim,
         .make = make_container,
         .bad_specs = bad_specs,
         .stops_when_asked = TRUE,
         .console_answers = TRUE},
    };

    return contract_main(argc, argv, contracts, G_N_ELEMENTS(contracts));
}
