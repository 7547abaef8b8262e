/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory and CPU limits on cgroup v2, from the units that config.json has, which are v1's.
 *
 * memory.swap is memory and swap together and memory.swap.max swap alone, so one needs the other's
 * limit beside it. memory.reservation is memory.low. cpu.shares become cpu.weight.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_limits.h"

/* The number in a file; -1 for "max" and for what cannot be read. */
static int64_t current(int dir, const char *file)
{
    char *text = dir < 0 ? NULL : file_read(dir, file, 64, NULL);
    return text && *text >= '0' && *text <= '9' ? strtoll(text, NULL, 10) : -1;
}

/* memory.swap.max: memory and swap together less the limit on memory, the new or the present one.
 */
static int limit_swap(int dir, const struct spec_resources *res, struct err *err)
{
    int64_t limit = res->mem_limit.set && res->mem_limit.value != 0 ? res->mem_limit.value
                                                                    : current(dir, "memory.max");
    int64_t swap = res->mem_swap.set ? res->mem_swap.value : 0;
    /* No limit on memory alone means none on swap. */
    if (swap == 0 && res->mem_limit.set && res->mem_limit.value == -1)
        swap = -1;
    if (swap == 0)
        return 0;
    if (swap > 0 && limit < 0)
        return err_set(err, 0,
                       "linux.resources.memory.swap: needs memory.limit beside it on cgroup v2");
    if (swap > 0 && swap < limit)
        return err_set(err, 0,
                       "linux.resources.memory.swap: is memory and swap together, so not below "
                       "limit (%" PRId64 ")",
                       limit);
    if (swap > 0)
        swap -= limit;
    /* A kernel that counts no swap has no file for it: then none is used, and no limit holds. */
    if (swap <= 0 && dir >= 0 && !limit_file_exists(dir, "memory.swap.max"))
        return 0;
    return limit_put(dir, "memory.swap.max", "memory.swap", err, "%s", limit_max_or_number(swap));
}

int limit_memory_v2(int dir, const struct spec_resources *res, struct err *err)
{
    if (res->mem_kernel_tcp.set && res->mem_kernel_tcp.value > 0)
        return err_set(err, 0, "linux.resources.memory.kernelTCP: cgroup v2 has no such limit");
    if (res->mem_disable_oom_killer)
        return err_set(err, 0, "linux.resources.memory.disableOOMKiller: cgroup v2 cannot");
    if (res->mem_swappiness.set)
        return err_set(err, 0, "linux.resources.memory.swappiness: cgroup v2 cannot");
    if (res->mem_check_before_update && res->mem_limit.set && res->mem_limit.value > 0 &&
        current(dir, "memory.current") > res->mem_limit.value)
        return err_set(err, EBUSY,
                       "linux.resources.memory.limit: %" PRId64 " is below what is used",
                       res->mem_limit.value);
    if (limit_swap(dir, res, err) < 0)
        return -1;
    if (res->mem_limit.set && res->mem_limit.value != 0 &&
        limit_put(dir, "memory.max", "memory.limit", err, "%s",
                  limit_max_or_number(res->mem_limit.value)) < 0)
        return -1;
    if (res->mem_reservation.set && res->mem_reservation.value != 0 &&
        limit_put(dir, "memory.low", "memory.reservation", err, "%s",
                  limit_max_or_number(res->mem_reservation.value)) < 0)
        return -1;
    return 0;
}

uint64_t limit_weight_of_shares(uint64_t shares)
{
    shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    return 1 + (shares - 2) * 9999 / 262142;
}

/* An idle group takes no weight: it stops being idle before, and becomes so after. */
static int limit_weight(int dir, const struct spec_resources *res, struct err *err)
{
    bool idle = res->cpu_idle.set && res->cpu_idle.value != 0;
    if (res->cpu_idle.set && !idle && limit_put(dir, "cpu.idle", "cpu.idle", err, "0") < 0)
        return -1;
    if (res->cpu_shares.set && res->cpu_shares.value != 0 &&
        limit_put(dir, "cpu.weight", "cpu.shares", err, "%" PRIu64,
                  limit_weight_of_shares(res->cpu_shares.value)) < 0)
        return -1;
    return idle ? limit_put(dir, "cpu.idle", "cpu.idle", err, "%" PRId64, res->cpu_idle.value) : 0;
}

/* cpu.max is "QUOTA PERIOD"; the half that was not asked for stays as it is. */
static int limit_quota(int dir, const struct spec_resources *res, struct err *err)
{
    bool has_quota = res->cpu_quota.set && res->cpu_quota.value != 0;
    bool has_period = res->cpu_period.set && res->cpu_period.value != 0;
    if (!has_quota && !has_period)
        return 0;
    char *now = dir < 0 ? NULL : file_read(dir, "cpu.max", 128, NULL);
    char *space = now ? strchr(now, ' ') : NULL;
    const char *quota = space ? mem_strndup(now, (size_t)(space - now)) : "max";
    uint64_t period = space ? strtoull(space + 1, NULL, 10) : 100000;
    if (has_quota)
        quota = limit_max_or_number(res->cpu_quota.value);
    if (has_period)
        period = res->cpu_period.value;
    const char *field = !has_period ? "cpu.quota"
                        : has_quota ? "cpu.quota and cpu.period"
                                    : "cpu.period";
    return limit_put(dir, "cpu.max", field, err, "%s %" PRIu64, quota, period);
}

int limit_cpu_v2(int dir, const struct spec_resources *res, struct err *err)
{
    static const char burst_file[] = "cpu.max.burst";
    struct err first = {0};
    if ((res->cpu_rt_period.set && res->cpu_rt_period.value) ||
        (res->cpu_rt_runtime.set && res->cpu_rt_runtime.value))
        return err_set(err, 0, "linux.resources.cpu.realtimeRuntime: cgroup v2 cannot");
    if (limit_weight(dir, res, err) < 0)
        return -1;
    /* The burst may not be above the quota: one that is refused before may be taken after. */
    bool burst = res->cpu_burst.set && (res->cpu_burst.value || limit_file_exists(dir, burst_file));
    bool burst_late = burst && limit_put(dir, burst_file, "cpu.burst", &first, "%" PRIu64,
                                         res->cpu_burst.value) < 0;
    if (burst_late && first.errnum != EINVAL) {
        *err = first;
        return -1;
    }
    if (limit_quota(dir, res, err) < 0)
        return -1;
    return burst_late
               ? limit_put(dir, burst_file, "cpu.burst", err, "%" PRIu64, res->cpu_burst.value)
               : 0;
}
