/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/native.h"

#include "backends/registry.h"

static GemelBackend *native_create(const char *name, const char *uri, GError **error)
{
    NativeBackend *backend = g_new0(NativeBackend, 1);

    if (!native_store_init(&backend->store, uri, error)) {
        g_free(backend);
        return NULL;
    }
    gemel_backend_init(&backend->backend, &gemel_native_ops, name,
                       uri != NULL && *uri != '\0' ? uri : "native");
    return &backend->backend;
}

static void native_free(GemelBackend *backend)
{
    NativeBackend *native = (NativeBackend *)backend;

    native_store_done(&native->store);
    gemel_backend_done(backend);
    g_free(native);
}

static GemelConn *native_conn_open(GemelBackend *backend, GError **error)
{
    NativeConn *conn = g_new0(NativeConn, 1);

    conn->conn.backend = backend;
    conn->store = &((NativeBackend *)backend)->store;
    if (!native_store_open(conn->store, &conn->read_only, error)) {
        g_free(conn);
        return NULL;
    }
    return &conn->conn;
}

static void native_conn_close(GemelConn *conn)
{
    NativeConn *native = (NativeConn *)conn;

    native_stats_free(native->stats);
    native_listed_free(native->listed);
    g_free(native);
}

const GemelBackendOps gemel_native_ops = {
    .type = "native",
    .summary = "containers of this host, run by gemel-runtime under conmon",
    .create = native_create,
    .free = native_free,
    .conn_open = native_conn_open,
    .conn_close = native_conn_close,
    .watch = native_watch,
    .list = native_list,
    .sample = native_sample,
    .processes = native_processes,
    .log_tail = native_log_tail,
    .doctor = native_doctor,
    .host = native_host,
    .isolation = native_isolation,
    .inspect = native_inspect,
    .plan = native_plan,
    .copy = native_copy,
    .create_instance = native_create_instance,
    .act =
        {
            [GEMEL_ACT_START] = native_start,
            [GEMEL_ACT_STOP] = native_stop,
            [GEMEL_ACT_KILL] = native_kill,
            [GEMEL_ACT_RESTART] = native_restart,
            [GEMEL_ACT_PAUSE] = native_pause,
            [GEMEL_ACT_RESUME] = native_resume,
            [GEMEL_ACT_DELETE] = native_delete,
            [GEMEL_ACT_LIMIT] = native_limit,
            [GEMEL_ACT_AUTOSTART] = native_autostart,
            [GEMEL_ACT_PROTECT] = native_protect,
            [GEMEL_ACT_RENAME] = native_rename,
            [GEMEL_ACT_CLONE] = native_clone,
        },
    .snapshots = &native_snapshot_ops,
    .streams = &native_stream_ops,
    .definition = &native_definition_ops,
};
