/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/lv.h"

#define STOP_TIMEOUT_MS 60000
#define POLL_USEC       100000UL

/* Looks an id up and checks that its state allows the act; NULL with the error set if not. */
static virDomainPtr begin(GemelConn *base, const char *id, GemelAct act, GemelState *ret_state,
                          GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);

    if (domain == NULL || !lv_domain_check_act(conn, domain, act, ret_state, error))
        return NULL;
    return g_steal_pointer(&domain);
}

/* Ends an act that is one call: turns its status into the result. Who comes second, between the
   look at the state and the call, hears what the state is now: drivers differ in how they say it.
 */
static gboolean finish(GemelConn *base, virDomainPtr domain, GemelAct act, int status,
                       GError **error)
{
    LvConn *conn = lv_conn(base);

    if (status == 0)
        return TRUE;
    lv_error_keep();
    if (lv_domain_check_act(conn, domain, act, NULL, error))
        return lv_fail_kept(error, conn, "cannot %s %s", gemel_act_name(act),
                            virDomainGetName(domain));
    lv_error_drop();
    return FALSE;
}

gboolean lv_act_start(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_START, NULL, error);

    return domain != NULL && finish(base, domain, GEMEL_ACT_START, virDomainCreate(domain), error);
}

/* Whether the domain has stopped; a transient one is simply gone. */
static gboolean has_stopped(virDomainPtr domain)
{
    virErrorPtr vir;
    int state;

    virResetLastError();
    if (virDomainGetState(domain, &state, NULL, 0) == 0)
        return state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED;
    vir = virGetLastError();
    return vir != NULL && vir->code == VIR_ERR_NO_DOMAIN;
}

/* A guest that stopped in between has ended all the same: libvirt kills the QEMU first and then
   finds the domain stopped by somebody else, for instance while a new daemon was still taking it
   over. */
gboolean lv_domain_end(LvConn *conn, virDomainPtr domain, GError **error)
{
    virResetLastError();
    if (virDomainDestroy(domain) == 0)
        return TRUE;
    lv_error_keep();
    if (!has_stopped(domain))
        return lv_fail_kept(error, conn, "cannot kill %s", virDomainGetName(domain));
    lv_error_drop();
    return TRUE;
}

gboolean lv_act_kill(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_KILL, NULL, error);

    return domain != NULL && lv_domain_end(lv_conn(base), domain, error);
}

gboolean lv_act_reset(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_RESET, NULL, error);

    return domain != NULL &&
           finish(base, domain, GEMEL_ACT_RESET, virDomainReset(domain, 0), error);
}

gboolean lv_act_pause(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_PAUSE, NULL, error);

    return domain != NULL && finish(base, domain, GEMEL_ACT_PAUSE, virDomainSuspend(domain), error);
}

/* A guest that suspended itself (S3) counts as paused too, but has to be woken. */
gboolean lv_act_resume(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_RESUME, NULL, error);
    int state = VIR_DOMAIN_NOSTATE;

    if (domain == NULL)
        return FALSE;
    if (virDomainGetState(domain, &state, NULL, 0) == 0 && state == VIR_DOMAIN_PMSUSPENDED)
        return finish(base, domain, GEMEL_ACT_RESUME, virDomainPMWakeup(domain, 0), error);
    return finish(base, domain, GEMEL_ACT_RESUME, virDomainResume(domain), error);
}

/* Asks the guest to reboot, or resets it if told to force it. When the guest has done so cannot be
   known without its help, so this returns once it has been asked. */
gboolean lv_act_restart(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_RESTART, NULL, error);
    gboolean force = args != NULL && args->force;

    if (domain == NULL)
        return FALSE;
    if (!gemel_protection_allows(force && lv_domain_is_protected(domain), virDomainGetName(domain),
                                 GEMEL_ACT_RESTART, args, error))
        return FALSE;
    if (!finish(base, domain, GEMEL_ACT_RESTART,
                force ? virDomainReset(domain, 0) : virDomainReboot(domain, 0), error))
        return FALSE;
    if (!force)
        gemel_act_note(args, "asked to reboot; a guest that ignores its power button does not");
    return TRUE;
}

/* Waits until the domain has stopped, the time is up (TIMEOUT), somebody gave up or the connection
   broke. */
static gboolean wait_stopped(GemelConn *base, virDomainPtr domain, gint timeout_ms,
                             const GemelActArgs *args, GError **error)
{
    const char *name = virDomainGetName(domain);
    gint64 begun = g_get_monotonic_time();
    gint64 timeout_usec = (gint64)timeout_ms * 1000;

    while (!has_stopped(domain)) {
        gint64 waited = g_get_monotonic_time() - begun;

        if (!lv_conn_alive(base))
            return lv_fail(error, lv_conn(base), "%s was asked to stop, but did it?", name);
        if (gemel_act_cancelled(args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED,
                                   "no longer waiting for %s; it was asked to stop and may still "
                                   "do so",
                                   name);
        if (waited >= timeout_usec)
            return gemel_error_set(error, GEMEL_ERROR_TIMEOUT,
                                   "%s still runs %.3g s after it was asked to stop; it may ignore "
                                   "its power button: --force ends it",
                                   name, timeout_ms / 1000.0);
        gemel_act_progress(args, (double)waited / (double)timeout_usec,
                           "waiting for the guest to power off");
        g_usleep(MIN(POLL_USEC, (gulong)(timeout_usec - waited)));
    }
    return TRUE;
}

gboolean lv_act_stop(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_STOP, NULL, error);
    gint timeout_ms = args != NULL && args->timeout_ms > 0 ? args->timeout_ms : STOP_TIMEOUT_MS;
    GError *cause = NULL;

    if (domain == NULL)
        return FALSE;
    if (!gemel_protection_allows(args != NULL && args->force && lv_domain_is_protected(domain),
                                 virDomainGetName(domain), GEMEL_ACT_STOP, args, error))
        return FALSE;
    if (virDomainShutdown(domain) < 0)
        return finish(base, domain, GEMEL_ACT_STOP, -1, error);
    if (args != NULL && args->no_wait)
        return TRUE;
    if (wait_stopped(base, domain, timeout_ms, args, &cause))
        return TRUE;
    if (args == NULL || !args->force || !g_error_matches(cause, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT)) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    g_clear_error(&cause);
    gemel_act_progress(args, -1, "ending it");
    if (!lv_domain_end(lv_conn(base), domain, error))
        return FALSE;
    gemel_act_note(args, "did not stop within %.3g s and was ended", timeout_ms / 1000.0);
    return TRUE;
}
