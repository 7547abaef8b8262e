/* SPDX-License-Identifier: GPL-3.0-or-later */
/* groups.c - images, storage and networks of the simulated host: the same few in every world. */
#include "backends/sim/sim.h"

#define GB (1024.0 * 1024 * 1024)

static json_t *list_images(GemelConn *conn, GError **error)
{
    static const struct {
        const char *name, *format;
        double gb;
        int layers;
    } images[] = {{"alpine:3.20", "oci", 0.008, 1},
                  {"debian:12", "oci", 0.12, 1},
                  {"web:latest", "oci", 0.19, 6},
                  {"lab.qcow2", "qcow2", 2.2, 1}};
    json_t *rows = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(images); i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:i}", "name", images[i].name,
                                              "format", images[i].format, "size_bytes",
                                              (json_int_t)(images[i].gb * GB), "layers",
                                              images[i].layers));
    return rows;
}

static json_t *list_storage(GemelConn *conn, GError **error)
{
    static const struct {
        const char *name, *type;
        double gb, used_gb;
    } pools[] = {{"default", "dir", 200, 74}, {"fast", "logical", 100, 91}};
    json_t *rows = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(pools); i++)
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:I, s:I}", "name", pools[i].name, "type",
                                        pools[i].type, "size_bytes", (json_int_t)(pools[i].gb * GB),
                                        "used_bytes", (json_int_t)(pools[i].used_gb * GB)));
    return rows;
}

static json_t *list_networks(GemelConn *conn, GError **error)
{
    static const struct {
        const char *name, *mode, *bridge, *address;
    } networks[] = {{"default", "nat", "virbr0", "192.168.122.1/24"},
                    {"lab", "isolated", "virbr1", "10.7.0.1/24"}};
    json_t *rows = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(networks); i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "name", networks[i].name,
                                              "mode", networks[i].mode, "bridge",
                                              networks[i].bridge, "address", networks[i].address));
    return rows;
}

const GemelGroupOps sim_group_ops[GEMEL_GROUP_N] = {
    [GEMEL_GROUP_IMAGES] = {.list = list_images},
    [GEMEL_GROUP_STORAGE] = {.list = list_storage},
    [GEMEL_GROUP_NETWORKS] = {.list = list_networks},
};
