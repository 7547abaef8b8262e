/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * logs.c - what a guest said: the log of its serial line where its definition keeps one
 * (<serial><log file='...'/></serial>, formatdomain.html), else what its QEMU wrote. The console
 * itself is not opened: that would take it from whoever has it.
 */
#include <errno.h>
#include <string.h>

#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* The file that the first serial line or console is logged to, or NULL. */
static const char *serial_log(const LvXmlDomain *parsed)
{
    const GPtrArray *lists[] = {parsed->serials, parsed->consoles};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        for (guint k = 0; k < lists[i]->len; k++) {
            const LvXmlConsole *console = g_ptr_array_index(lists[i], k);

            if (console->log != NULL)
                return console->log;
        }
    return NULL;
}

/* Where libvirtd keeps what QEMU writes; NULL if not known. */
static char *qemu_log(const LvConn *conn, const char *name)
{
    if (conn->run_dir == NULL || strchr(name, '/') != NULL)
        return NULL;
    if (strcmp(conn->run_dir, "/run/libvirt/qemu") == 0)
        return g_strdup_printf("/var/log/libvirt/qemu/%s.log", name);
    return g_strdup_printf("%s/libvirt/qemu/log/%s.log", g_get_user_cache_dir(), name);
}

static GemelLog *read_log(const char *path, const char *source, const char *name,
                          const GemelLogArgs *args, gboolean is_live, GError **error)
{
    g_autoptr(GemelLog) log = gemel_log_new(source);

    log->is_live = is_live;
    if (gemel_log_read_file(log, path, args))
        return g_steal_pointer(&log);
    gemel_error_set_errno(error, errno, "%s: %s (%s) cannot be read", name, source, path);
    return NULL;
}

GemelLog *lv_log_tail(GemelConn *base, const char *id, const GemelLogArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autofree char *path = NULL, *name = NULL;
    gboolean is_live;

    if (domain == NULL)
        return NULL;
    name = g_strdup(virDomainGetName(domain));
    if (args->since_unix_us > 0) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: the lines of a guest's log bear no times, so --since cannot be told; "
                        "--tail N shows its end",
                        name);
        return NULL;
    }
    if (!conn->is_qemu || !conn->is_local) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: what it writes is not kept on this host; its console is open to you",
                        name);
        return NULL;
    }
    virResetLastError();
    is_live = virDomainIsActive(domain) == 1; /* asked first: the last lines are not missed */
    parsed = lv_domain_parse(conn, domain, "read the definition of", NULL, error);
    if (parsed == NULL)
        return NULL;
    if (serial_log(parsed) != NULL)
        return read_log(serial_log(parsed), "the log of its serial line", name, args, is_live,
                        error);
    path = qemu_log(conn, name);
    if (path != NULL)
        return read_log(path,
                        "the log of its QEMU; <log file='...'/> in <serial> keeps its console",
                        name, args, is_live, error);
    gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                    "%s: nothing it writes is kept; <log file='...'/> in its <serial> would", name);
    return NULL;
}
