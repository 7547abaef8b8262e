/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

#define PERIOD_USEC    100000
#define CPUS_MAX       1e6
#define QUOTA_USEC_MIN 1000 /* libvirt's and the kernel's smallest */

/* Where a change has to go so that it holds now and at the next start. */
static unsigned int affected(virDomainPtr domain)
{
    unsigned int flags = 0;

    if (virDomainIsActive(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    if (virDomainIsPersistent(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_CONFIG;
    return flags;
}

static gboolean check(LvConn *conn, virDomainPtr domain, const LvXmlDomain *parsed,
                      const GemelLimits *limits, unsigned int flags, GError **error)
{
    const char *name = virDomainGetName(domain);
    g_autofree char *scheduler = NULL;
    char *type = NULL;

    if (limits->pids >= 0)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "cannot limit pids of %s: a guest's processes are its kernel's "
                               "business; cpu and memory can be limited",
                               name);
    if (!isfinite(limits->cpus) || limits->cpus > CPUS_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cannot limit %s to %g CPUs: that is no number of CPUs", name,
                               limits->cpus);
    if (limits->cpus > 0 && limits->cpus * PERIOD_USEC < QUOTA_USEC_MIN)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cannot limit %s to %g CPUs: %g is the smallest limit", name,
                               limits->cpus, (double)QUOTA_USEC_MIN / PERIOD_USEC);
    if (limits->cpus >= 0) {
        virResetLastError();
        type = virDomainGetSchedulerType(domain, NULL);
        if (type == NULL)
            return lv_fail(error, conn, "cannot limit the CPUs of %s", name);
        scheduler = g_strdup(type);
        free(type);
        if (!g_str_equal(scheduler, "posix"))
            return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                                   "cannot limit the CPUs of %s: its driver's scheduler (%s) has "
                                   "no quota",
                                   name, scheduler);
    }
    if (limits->memory_bytes > 0 && limits->memory_bytes < 1 << 20)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cannot limit %s to less than 1 MiB of memory", name);
    if (limits->memory_bytes > 0 && (flags & VIR_DOMAIN_AFFECT_LIVE) != 0 &&
        (guint64)limits->memory_bytes > parsed->memory_max_bytes)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot give %s more than its maximum of %" G_GUINT64_FORMAT
                               " MiB while it runs; stop it first",
                               name, parsed->memory_max_bytes >> 20);
    if (limits->memory_bytes >= 0 && (flags & VIR_DOMAIN_AFFECT_LIVE) != 0 &&
        g_strcmp0(parsed->balloon_model, "none") == 0)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "cannot limit the memory of %s while it runs: it has no balloon "
                               "device",
                               name);
    return TRUE;
}

/*
 * The limit counts for the whole guest, so it goes to the domain's group (global_quota) and not to
 * each vCPU's: half a CPU over two vCPUs must not leave a single busy one with a quarter. A quota
 * per vCPU that was there is lifted first, since the smaller of the two would hold, and the kernel
 * refuses a group less than its children have.
 */
static int set_cpus(virDomainPtr domain, double cpus, unsigned int flags)
{
    virTypedParameterPtr params = NULL;
    int n = 0, max = 0, status = -1;
    long long quota = cpus > 0 ? (long long)(cpus * PERIOD_USEC + 0.5) : -1;

    if (virTypedParamsAddLLong(&params, &n, &max, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, -1) == 0 &&
        virTypedParamsAddULLong(&params, &n, &max, VIR_DOMAIN_SCHEDULER_GLOBAL_PERIOD,
                                PERIOD_USEC) == 0 &&
        virTypedParamsAddLLong(&params, &n, &max, VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, quota) == 0)
        status = virDomainSetSchedulerParametersFlags(domain, params, n, flags);
    virTypedParamsFree(params, n);
    return status;
}

/* 0 = all it can have. While the guest is off its maximum can be raised as well. */
static int set_memory(virDomainPtr domain, const LvXmlDomain *parsed, guint64 bytes,
                      unsigned int flags)
{
    guint64 wanted = bytes > 0 ? bytes : parsed->memory_max_bytes;

    if (wanted > parsed->memory_max_bytes &&
        virDomainSetMemoryFlags(domain, (unsigned long)(wanted / 1024),
                                VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_MEM_MAXIMUM) < 0)
        return -1;
    return virDomainSetMemoryFlags(domain, (unsigned long)(wanted / 1024), flags);
}

gboolean lv_act_limit(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    const GemelLimits *limits = args != NULL ? &args->limits : &GEMEL_LIMITS_NONE;
    g_autoptr(LvXmlDomain) parsed = NULL;
    unsigned int flags;
    const char *name;

    if (domain == NULL || !lv_domain_check_act(conn, domain, GEMEL_ACT_LIMIT, NULL, error))
        return FALSE;
    name = virDomainGetName(domain);
    flags = affected(domain);
    parsed = lv_domain_parse(conn, domain, "limit", NULL, error);
    if (parsed == NULL || !check(conn, domain, parsed, limits, flags, error))
        return FALSE;
    virResetLastError();
    if (limits->cpus >= 0 && set_cpus(domain, limits->cpus, flags) < 0)
        return lv_fail(error, conn, "cannot limit the CPUs of %s", name);
    if (limits->memory_bytes >= 0 &&
        set_memory(domain, parsed, (guint64)limits->memory_bytes, flags) < 0)
        return lv_fail(error, conn, "cannot limit the memory of %s%s", name,
                       limits->cpus >= 0 ? " (the CPUs are)" : "");
    lv_cache_invalidate(lv_backend(conn)->cache, id);
    if (limits->memory_bytes >= 0 && (flags & VIR_DOMAIN_AFFECT_LIVE) != 0)
        gemel_act_note(args, "asked through the balloon; the guest gives memory back as it can");
    return TRUE;
}
