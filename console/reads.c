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

gpointer read_isolation(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->isolation(conn, arg, error);
}

gpointer read_log(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->log_tail(conn, arg, &(GemelLogArgs){.max_bytes = READ_LOG_BYTES},
                                        error);
}

gpointer read_host(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->host(conn, error);
}
