/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reads.h - GemelJobSpec.run of the reads that several askers share. A job of the same kind for the
 * same instance is shared by all who ask meanwhile, so they have to be the same function. They run
 * on workers.
 */
#pragma once

#include "backends/jobs.h"

/* Of GemelInstance*. */
gpointer read_list(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error);
/* Of GemelSnapshot*; `arg` is the instance's id. */
gpointer read_snapshots(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error);
/* A GemelIsolation of the instance `arg`. */
gpointer read_isolation(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error);
/* A GemelLog of the instance `arg`: its last READ_LOG_BYTES. */
#define READ_LOG_BYTES 65536
gpointer read_log(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error);
/* A GemelHost. */
gpointer read_host(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error);
