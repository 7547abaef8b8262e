/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/reads.h"

gpointer read_list(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->list(conn, error);
}

gpointer read_snapshots(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->snapshots->list(conn, arg, error);
}
