/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/lv.h"

#include <errno.h>
#include <unistd.h>

/* virErrorNumber -> kind. What is not here is FAILED. */
static const struct {
    int code;
    GemelErrorKind kind;
} map[] = {
    {VIR_ERR_NO_SUPPORT, GEMEL_ERROR_UNSUPPORTED},
    {VIR_ERR_UNKNOWN_HOST, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_NO_CONNECT, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_INVALID_ARG, GEMEL_ERROR_INVALID},
    {VIR_ERR_INVALID_DOMAIN, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_XML_ERROR, GEMEL_ERROR_INVALID},
    {VIR_ERR_XML_DETAIL, GEMEL_ERROR_INVALID},
    {VIR_ERR_XML_INVALID_SCHEMA, GEMEL_ERROR_INVALID},
    {VIR_ERR_INVALID_MAC, GEMEL_ERROR_INVALID},
    {VIR_ERR_NO_NAME, GEMEL_ERROR_INVALID},
    {VIR_ERR_NO_OS, GEMEL_ERROR_INVALID},
    {VIR_ERR_OS_TYPE, GEMEL_ERROR_INVALID},
    {VIR_ERR_NO_DEVICE, GEMEL_ERROR_INVALID},
    {VIR_ERR_NO_SOURCE, GEMEL_ERROR_INVALID},
    {VIR_ERR_NO_TARGET, GEMEL_ERROR_INVALID},
    {VIR_ERR_OVERFLOW, GEMEL_ERROR_INVALID},
    {VIR_ERR_CONF_SYNTAX, GEMEL_ERROR_INVALID},
    {VIR_ERR_DOM_EXIST, GEMEL_ERROR_EXISTS},
    {VIR_ERR_OPERATION_DENIED, GEMEL_ERROR_DENIED},
    {VIR_ERR_AUTH_FAILED, GEMEL_ERROR_DENIED},
    {VIR_ERR_AUTH_CANCELLED, GEMEL_ERROR_DENIED},
    {VIR_ERR_AUTH_UNAVAILABLE, GEMEL_ERROR_DENIED},
    {VIR_ERR_ACCESS_DENIED, GEMEL_ERROR_DENIED},
    {VIR_ERR_RPC, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_GNUTLS_ERROR, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_SSH, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_LIBSSH, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_INVALID_CONN, GEMEL_ERROR_UNREACHABLE},
    {VIR_ERR_NO_DOMAIN, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_NO_DOMAIN_SNAPSHOT, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_NO_NETWORK, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_POOL, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_VOL, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_DEVICE_MISSING, GEMEL_ERROR_NOT_FOUND},
    {VIR_ERR_OPERATION_INVALID, GEMEL_ERROR_CONFLICT},
    {VIR_ERR_SNAPSHOT_REVERT_RISKY, GEMEL_ERROR_CONFLICT},
    {VIR_ERR_BLOCK_COPY_ACTIVE, GEMEL_ERROR_BUSY},
    {VIR_ERR_RESOURCE_BUSY, GEMEL_ERROR_BUSY},
    {VIR_ERR_AGENT_UNRESPONSIVE, GEMEL_ERROR_TIMEOUT},
    /* "cannot acquire state change lock": another job works on the domain. */
    {VIR_ERR_OPERATION_TIMEOUT, GEMEL_ERROR_BUSY},
    {VIR_ERR_CONFIG_UNSUPPORTED, GEMEL_ERROR_UNSUPPORTED},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, GEMEL_ERROR_UNSUPPORTED},
    {VIR_ERR_OPERATION_UNSUPPORTED, GEMEL_ERROR_UNSUPPORTED},
    {VIR_ERR_CPU_INCOMPATIBLE, GEMEL_ERROR_UNSUPPORTED},
    {VIR_ERR_INVALID_DOMAIN_SNAPSHOT, GEMEL_ERROR_INVALID},
};

gsize lv_error_map_size(void)
{
    return G_N_ELEMENTS(map);
}

int lv_error_map_code(gsize index)
{
    return map[index].code;
}

GemelErrorKind lv_error_kind(int code, gboolean connection_lost)
{
    /* A call that ends because its connection ended says so in many ways (INTERNAL_ERROR "client
       socket is closed", RPC, SYSTEM_ERROR EPIPE); what it would have said does not matter. */
    if (connection_lost)
        return GEMEL_ERROR_UNREACHABLE;
    for (gsize i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].code == code)
            return map[i].kind;
    }
    return GEMEL_ERROR_FAILED;
}

/* What libvirt said, without the newline that QEMU's own output ends with. */
static const char *message_of(virErrorPtr vir)
{
    return vir != NULL && vir->message != NULL ? vir->message : "libvirt gave no reason";
}

/* The error between lv_error_keep and lv_fail_kept or lv_error_drop. */
static _Thread_local virErrorPtr kept;

void lv_error_keep(void)
{
    virFreeError(kept);
    kept = virSaveLastError();
}

void lv_error_drop(void)
{
    virFreeError(g_steal_pointer(&kept));
}

gboolean lv_fail_kept(GError **error, LvConn *conn, const char *format, ...)
{
    virErrorPtr vir = g_steal_pointer(&kept);
    gboolean lost = conn != NULL && !lv_conn_alive(&conn->base);
    const char *message = message_of(vir), *hint = "";
    GemelErrorKind kind = lv_error_kind(vir != NULL ? vir->code : 0, lost);
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    if (lost)
        message = "the connection to libvirt was lost; it is opened again by itself";
    else if (kind == GEMEL_ERROR_BUSY)
        hint = " (try again later)";
    else if (kind == GEMEL_ERROR_DENIED)
        hint = " (join the group libvirt or use sudo)";
    gemel_error_set(error, kind, "%s: %s%s", what, message, hint);
    virFreeError(vir);
    return FALSE;
}

gboolean lv_fail_open(GError **error, const char *uri)
{
    virErrorPtr vir = virGetLastError();
    int code = vir != NULL ? vir->code : 0;
    int err = code == VIR_ERR_SYSTEM_ERROR ? vir->int1 : 0;
    gboolean is_local = lv_uri_is_local(uri);
    const char *message = message_of(vir);
    GemelErrorKind kind = lv_error_kind(code, FALSE);

    /* Here it is our own connect(2) that failed. */
    if (err == EACCES || err == EPERM)
        kind = GEMEL_ERROR_DENIED;
    /* The socket is open to all and polkit decides; without a system bus it cannot be asked. */
    if (vir != NULL && (vir->domain == VIR_FROM_DBUS || vir->domain == VIR_FROM_POLKIT))
        kind = GEMEL_ERROR_DENIED;
    if (kind == GEMEL_ERROR_DENIED) {
        return gemel_error_set(
            error, kind, "%s: no permission: %s; join the group libvirt or use sudo", uri, message);
    }
    /* ENOENT: no socket; ECONNREFUSED: a socket nobody listens at. */
    if (is_local && (err == ENOENT || err == ECONNREFUSED)) {
        return gemel_error_set(error, GEMEL_ERROR_UNREACHABLE,
                               "%s: libvirtd is not running: start it with systemctl start "
                               "libvirtd, or virtlogd -d; libvirtd -d",
                               uri);
    }
    /* A URI libvirt has no driver for is the user's mistake, all else is the way there. */
    if (kind != GEMEL_ERROR_INVALID && kind != GEMEL_ERROR_UNSUPPORTED)
        kind = GEMEL_ERROR_UNREACHABLE;
    return gemel_error_set(error, kind, "cannot connect to %s: %s", uri, message);
}
