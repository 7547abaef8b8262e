/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/lv.h"

#include <errno.h>
#include <string.h>
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
    {VIR_ERR_OPERATION_TIMEOUT, GEMEL_ERROR_TIMEOUT},
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

GemelErrorKind lv_error_kind(int code, int err, const char *message, gboolean connection_lost)
{
    /* A call that ends because its connection ended says so in many ways (INTERNAL_ERROR "client
       socket is closed", RPC, SYSTEM_ERROR EPIPE); what it would have said does not matter. */
    if (connection_lost)
        return GEMEL_ERROR_UNREACHABLE;
    /* "cannot acquire state change lock (held by ...)": another job works on the domain. */
    if (code == VIR_ERR_OPERATION_TIMEOUT && message != NULL &&
        strstr(message, "state change lock") != NULL)
        return GEMEL_ERROR_BUSY;
    if (code == VIR_ERR_SYSTEM_ERROR && err > 0)
        return gemel_error_kind_from_errno(err);
    /* Both are OPERATION_FAILED without a code of their own. */
    if (code == VIR_ERR_OPERATION_FAILED && message != NULL) {
        if (strstr(message, "already exists") != NULL)
            return GEMEL_ERROR_EXISTS;
        if (strstr(message, "Active console session exists") != NULL)
            return GEMEL_ERROR_BUSY;
    }
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

/* Sets `error` from `vir`, which is freed. */
static gboolean fail(GError **error, LvConn *conn, virErrorPtr vir, const char *what)
{
    gboolean lost = conn != NULL && !lv_conn_alive(&conn->base);
    const char *message = message_of(vir), *hint = "";
    GemelErrorKind kind =
        lv_error_kind(vir != NULL ? vir->code : 0, vir != NULL ? vir->int1 : 0, message, lost);

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

gboolean lv_fail(GError **error, LvConn *conn, const char *format, ...)
{
    /* A copy: asking whether the connection lives resets the original. */
    virErrorPtr vir = virSaveLastError();
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return fail(error, conn, vir, what);
}

gboolean lv_fail_saved(GError **error, LvConn *conn, virErrorPtr saved, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return fail(error, conn, saved, what);
}

gboolean lv_fail_open(GError **error, const char *uri)
{
    virErrorPtr vir = virGetLastError();
    int code = vir != NULL ? vir->code : 0;
    int err = code == VIR_ERR_SYSTEM_ERROR ? vir->int1 : 0;
    gboolean is_local = lv_uri_is_local(uri);
    const char *message = message_of(vir);
    GemelErrorKind kind = lv_error_kind(code, err, message, FALSE);

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
