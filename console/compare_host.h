/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compare_host.h - what the host sees of a running instance: memory, disk, what keeps it apart.
 *
 * Worker threads. Paths and pids come from `inspect`; they are looked at only for the backends
 * whose instances run on this host, and only read.
 */
#pragma once

#include "backends/backend.h"

typedef struct {
    double memory_bytes; /* -1 = see memory_reason */
    double footprint_bytes;
    const char *memory_reason, *footprint_reason; /* static */
    json_t *apart;                                /* object without "kernel" */
} CompareLook;

void compare_look_free(CompareLook *look);
/* `sample`, `inspect` and /proc for one instance. `walks`: the footprint is wanted. */
CompareLook *compare_look(GemelConn *conn, const char *id, GemelKind kind, gboolean walks,
                          GError **error);
