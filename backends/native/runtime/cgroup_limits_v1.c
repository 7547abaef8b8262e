/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory and CPU limits on cgroup v1, where the order of writes matters: pairs of files bound each
 * other. */
#include <inttypes.h>
#include <string.h>

#include "cgroup_limits.h"

/* The limits on memory and on memory+swap: the first may not be above the second at any time. */
static int limit_memory_pair(int dir, const struct spec_resources *res, struct err *err)
{
    static const char limit[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
    bool mem = res->mem_limit.set && res->mem_limit.value != 0;
    bool swap = res->mem_swap.set && res->mem_swap.value != 0;
    int64_t swap_value = res->mem_swap.value;
    /* No limit on memory means none on the sum, where the kernel counts swap. */
    if (mem && !swap && res->mem_limit.value == -1 && limit_file_exists(dir, both)) {
        swap = true;
        swap_value = -1;
    }
    if (mem && limit_put(dir, limit, "memory.limit", err, "%" PRId64, res->mem_limit.value) < 0) {
        if (dir < 0 || err->errnum != EINVAL || !limit_file_exists(dir, both))
            return -1;
        /* Above the present limit on the sum: raise that first, to none when no new one was asked
         * for. */
        if (limit_put(dir, both, "memory.swap", err, "%" PRId64, swap ? swap_value : INT64_C(-1)) <
                0 ||
            limit_put(dir, limit, "memory.limit", err, "%" PRId64, res->mem_limit.value) < 0)
            return -1;
        swap = false;
    }
    return swap ? limit_put(dir, both, "memory.swap", err, "%" PRId64, swap_value) : 0;
}

int limit_memory_v1(int dir, const struct spec_resources *res, struct err *err)
{
    if (limit_memory_pair(dir, res, err) < 0)
        return -1;
    if (res->mem_reservation.set && res->mem_reservation.value != 0 &&
        limit_put(dir, "memory.soft_limit_in_bytes", "memory.reservation", err, "%" PRId64,
                  res->mem_reservation.value) < 0)
        return -1;
    if (res->mem_kernel_tcp.set && res->mem_kernel_tcp.value != 0 &&
        limit_put(dir, "memory.kmem.tcp.limit_in_bytes", "memory.kernelTCP", err, "%" PRId64,
                  res->mem_kernel_tcp.value) < 0)
        return -1;
    if (res->mem_swappiness.set && limit_put(dir, "memory.swappiness", "memory.swappiness", err,
                                             "%" PRIu64, res->mem_swappiness.value) < 0)
        return -1;
    if (res->mem_disable_oom_killer &&
        limit_put(dir, "memory.oom_control", "memory.disableOOMKiller", err, "1") < 0)
        return -1;
    return 0;
}

/* Quota and period: the kernel refuses a pair that it cannot schedule (a ratio above the parent's,
 * a quota below 1 ms), so either may have to go first. */
static int limit_cpu_pair(int dir, const struct spec_resources *res, struct err *err)
{
    struct err first = {0};
    bool quota = res->cpu_quota.set && res->cpu_quota.value != 0;
    bool period = res->cpu_period.set && res->cpu_period.value != 0;
    if (period && limit_put(dir, "cpu.cfs_period_us", "cpu.period", &first, "%" PRIu64,
                            res->cpu_period.value) < 0) {
        *err = first;
        if (first.errnum != EINVAL || !quota)
            return -1;
        if (limit_put(dir, "cpu.cfs_quota_us", "cpu.quota", err, "%" PRId64, res->cpu_quota.value) <
            0)
            return -1;
        return limit_put(dir, "cpu.cfs_period_us", "cpu.period", err, "%" PRIu64,
                         res->cpu_period.value);
    }
    return quota ? limit_put(dir, "cpu.cfs_quota_us", "cpu.quota", err, "%" PRId64,
                             res->cpu_quota.value)
                 : 0;
}

/* Runtime above period is refused whichever goes first: on a change up the period does, on one down
 * the runtime. */
static int limit_realtime(int dir, const struct spec_resources *res, struct err *err)
{
    bool runtime = res->cpu_rt_runtime.set && res->cpu_rt_runtime.value != 0;
    if (res->cpu_rt_period.set && res->cpu_rt_period.value &&
        limit_put(dir, "cpu.rt_period_us", "cpu.realtimePeriod", err, "%" PRIu64,
                  res->cpu_rt_period.value) < 0) {
        if (err->errnum != EINVAL || !runtime ||
            limit_put(dir, "cpu.rt_runtime_us", "cpu.realtimeRuntime", err, "%" PRId64,
                      res->cpu_rt_runtime.value) < 0)
            return -1;
        return limit_put(dir, "cpu.rt_period_us", "cpu.realtimePeriod", err, "%" PRIu64,
                         res->cpu_rt_period.value);
    }
    return runtime ? limit_put(dir, "cpu.rt_runtime_us", "cpu.realtimeRuntime", err, "%" PRId64,
                               res->cpu_rt_runtime.value)
                   : 0;
}

int limit_cpu_v1(int dir, const struct spec_resources *res, struct err *err)
{
    static const char burst_file[] = "cpu.cfs_burst_us";
    struct err first = {0};
    bool idle = res->cpu_idle.set && res->cpu_idle.value != 0;
    /* An idle group takes no shares: it stops being idle before, and becomes so after. */
    if (res->cpu_idle.set && !idle && limit_put(dir, "cpu.idle", "cpu.idle", err, "0") < 0)
        return -1;
    if (res->cpu_shares.set && res->cpu_shares.value != 0 &&
        limit_put(dir, "cpu.shares", "cpu.shares", err, "%" PRIu64, res->cpu_shares.value) < 0)
        return -1;
    if (idle && limit_put(dir, "cpu.idle", "cpu.idle", err, "%" PRId64, res->cpu_idle.value) < 0)
        return -1;
    /* The burst may not be above the quota: one that is refused before may be taken after. */
    bool burst = res->cpu_burst.set && (res->cpu_burst.value || limit_file_exists(dir, burst_file));
    bool burst_late = burst && limit_put(dir, burst_file, "cpu.burst", &first, "%" PRIu64,
                                         res->cpu_burst.value) < 0;
    if (burst_late && first.errnum != EINVAL) {
        *err = first;
        return -1;
    }
    if (limit_realtime(dir, res, err) < 0 || limit_cpu_pair(dir, res, err) < 0)
        return -1;
    return burst_late
               ? limit_put(dir, burst_file, "cpu.burst", err, "%" PRIu64, res->cpu_burst.value)
               : 0;
}
