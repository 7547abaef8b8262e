/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <unistd.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/registry.h"

static GemelBackend *backend_create(const char *name, const char *uri, GError **error)
{
    LvBackend *backend;
    g_autofree char *resolved =
        lv_uri_resolve(uri, g_getenv("LIBVIRT_DEFAULT_URI"), geteuid() == 0);

    if (!g_utf8_validate(resolved, -1, NULL) || strpbrk(resolved, " \t\r\n\033") != NULL) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "a libvirt URI has no blanks or control characters in it; qemu:///system "
                        "is one");
        return NULL;
    }
    lv_library_init();
    backend = g_new0(LvBackend, 1);
    gemel_backend_init(&backend->base, &gemel_libvirt_ops, name, resolved);
    backend->cache = lv_cache_new();
    return &backend->base;
}

static void backend_free(GemelBackend *base)
{
    LvBackend *backend = (LvBackend *)base;

    if (backend == NULL)
        return;
    lv_cache_free(backend->cache);
    gemel_backend_done(base);
    g_free(backend);
}

static void on_close(virConnectPtr vir, int reason, void *data)
{
    lv_signal_raise(data);
}

virConnectPtr lv_open(const char *uri, LvSignal *closed, GError **error)
{
    g_autofree char *opened = lv_uri_for_opening(uri);
    virConnectPtr vir;

    lv_loop_start();
    virResetLastError();
    vir = virConnectOpen(opened);
    if (vir == NULL) {
        lv_fail_open(error, uri);
        return NULL;
    }
    /* Fails on drivers without a daemon, which need none. */
    (void)virConnectSetKeepAlive(vir, LV_KEEPALIVE_INTERVAL_S, LV_KEEPALIVE_COUNT);
    /* No reference for the callback: drivers that have no such thing take it and never drop it. The
       signal outlives it all the same, because lv_close waits for a call that is under way. */
    (void)virConnectRegisterCloseCallback(vir, on_close, closed, NULL);
    return vir;
}

/* The callback holds a reference to the connection, so it has to go first; libvirt runs it under
   the lock that unregistering takes. */
void lv_close(virConnectPtr vir)
{
    virConnectUnregisterCloseCallback(vir, on_close);
    virConnectClose(vir);
    virResetLastError();
}

GemelConn *lv_conn_open(GemelBackend *backend, GError **error)
{
    LvSignal *closed = lv_signal_new();
    virConnectPtr vir = lv_open(backend->uri, closed, error);
    g_autofree char *uri = NULL;
    LvConn *conn;

    if (vir == NULL) {
        lv_signal_free(closed);
        return NULL;
    }
    conn = g_new0(LvConn, 1);
    conn->base.backend = backend;
    conn->vir = vir;
    conn->closed = closed;
    uri = virConnectGetURI(vir);
    conn->is_qemu = lv_uri_is_of(uri, "qemu");
    conn->is_test = lv_uri_is_of(uri, "test");
    conn->is_local = conn->is_qemu && lv_uri_is_local(uri);
    if (conn->is_local)
        conn->run_dir = lv_uri_run_dir(uri, g_get_user_runtime_dir());
    return &conn->base;
}

void lv_conn_close(GemelConn *base)
{
    LvConn *conn = lv_conn(base);

    if (conn == NULL)
        return;
    lv_close(conn->vir);
    lv_signal_free(conn->closed);
    g_free(conn->run_dir);
    g_free(conn);
}

gboolean lv_conn_alive(GemelConn *base)
{
    LvConn *conn = lv_conn(base);

    return !lv_signal_is_set(conn->closed) && virConnectIsAlive(conn->vir) == 1;
}

virDomainPtr lv_domain_lookup(LvConn *conn, const char *id, GError **error)
{
    virDomainPtr domain = NULL;
    virErrorPtr vir;

    virResetLastError();
    if (id != NULL)
        domain = virDomainLookupByUUIDString(conn->vir, id);
    if (domain != NULL)
        return domain;
    /* What is no UUID names no domain. */
    vir = virGetLastError();
    if (id == NULL || (vir != NULL && vir->code == VIR_ERR_INVALID_ARG))
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "no guest has the id %s",
                        id != NULL ? id : "");
    else if (vir != NULL && vir->code == VIR_ERR_NO_DOMAIN)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "no guest has the id %s on %s", id,
                        conn->base.backend->name);
    else
        lv_fail(error, conn, "cannot look up guest %s", id);
    return NULL;
}

const GemelBackendOps gemel_libvirt_ops = {
    .type = "libvirt",
    .summary = "guests of libvirt: KVM and QEMU, and its other drivers by URI",
    .create = backend_create,
    .free = backend_free,
    .conn_open = lv_conn_open,
    .conn_close = lv_conn_close,
    .conn_alive = lv_conn_alive,
    .watch = lv_watch,
    .list = lv_list,
    .list_names = lv_list_names,
    .sample = lv_sample,
    .processes = lv_processes,
    .log_tail = lv_log_tail,
    .doctor = lv_doctor,
    .host = lv_host,
    .isolation = lv_isolation,
    .inspect = lv_inspect,
    .plan = lv_plan,
    .create_instance = lv_create_instance,
    .act =
        {
            [GEMEL_ACT_START] = lv_act_start,
            [GEMEL_ACT_STOP] = lv_act_stop,
            [GEMEL_ACT_KILL] = lv_act_kill,
            [GEMEL_ACT_RESTART] = lv_act_restart,
            [GEMEL_ACT_RESET] = lv_act_reset,
            [GEMEL_ACT_PAUSE] = lv_act_pause,
            [GEMEL_ACT_RESUME] = lv_act_resume,
            [GEMEL_ACT_DELETE] = lv_act_delete,
            [GEMEL_ACT_LIMIT] = lv_act_limit,
            [GEMEL_ACT_SAVE] = lv_act_save,
            [GEMEL_ACT_RESTORE] = lv_act_restore,
            [GEMEL_ACT_AUTOSTART] = lv_act_autostart,
            [GEMEL_ACT_PROTECT] = lv_act_protect,
            [GEMEL_ACT_RENAME] = lv_act_rename,
            [GEMEL_ACT_CLONE] = lv_act_clone,
        },
    .snapshots = &lv_snapshot_ops,
    .streams = &lv_stream_ops,
    .definition = &lv_definition_ops,
};
