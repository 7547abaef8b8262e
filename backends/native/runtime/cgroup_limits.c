/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linux.resources into cgroup files. A limit whose controller or file is missing is an error that
 * names field and file.
 *
 * Conversions from v1 units, as crun and runc have them: cpu.shares 2…262144 to cpu.weight 1…10000,
 * blkio weight 10…1000 to io.weight 1…10000 (bfq: as it is).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "cgroup.h"
#include "defences.h"

/* Writes one file of a group. `dir` is -1 when the controller is not mounted. */
static int put(int dir, const char *file, const char *field, struct err *err, const char *format,
               ...) __attribute__((format(printf, 5, 6)));
static int put(int dir, const char *file, const char *field, struct err *err, const char *format,
               ...)
{
    char text[256];
    va_list ap;
    if (dir < 0)
        return err_set(err, 0, "linux.resources.%s: %s (%s)", field,
                       caller_privileged() ? "this host has no controller for it"
                                           : "no group with its controller is this user's",
                       file);
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (file_write(dir, file, text) < 0)
        return err_set(err, errno, "linux.resources.%s: write '%s' to %s", field, text, file);
    return 0;
}

static bool exists(int dir, const char *file)
{
    return dir >= 0 && faccessat(dir, file, F_OK, 0) == 0;
}

/* Memory and memory+swap bound each other: whichever order the kernel takes. */
static int limit_memory_v1(int dir, const struct spec_resources *res, struct err *err)
{
    static const char limit[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
    bool swap = res->mem_swap.set && res->mem_swap.value != 0;
    bool mem = res->mem_limit.set && res->mem_limit.value != 0;
    if (mem && put(dir, limit, "memory.limit", err, "%" PRId64, res->mem_limit.value) < 0) {
        if (dir < 0 || err->errnum != EINVAL)
            return -1;
        /* Above the present memory+swap limit: raise that first (to -1 when no new one was asked
         * for). */
        if (put(dir, both, "memory.swap", err, "%" PRId64,
                swap ? res->mem_swap.value : INT64_C(-1)) < 0 ||
            put(dir, limit, "memory.limit", err, "%" PRId64, res->mem_limit.value) < 0)
            return -1;
        swap = false;
    }
    if (swap && put(dir, both, "memory.swap", err, "%" PRId64, res->mem_swap.value) < 0)
        return -1;
    if (res->mem_reservation.set && res->mem_reservation.value != 0 &&
        put(dir, "memory.soft_limit_in_bytes", "memory.reservation", err, "%" PRId64,
            res->mem_reservation.value) < 0)
        return -1;
    if (res->mem_kernel_tcp.set && res->mem_kernel_tcp.value != 0 &&
        put(dir, "memory.kmem.tcp.limit_in_bytes", "memory.kernelTCP", err, "%" PRId64,
            res->mem_kernel_tcp.value) < 0)
        return -1;
    if (res->mem_swappiness.set && put(dir, "memory.swappiness", "memory.swappiness", err,
                                       "%" PRIu64, res->mem_swappiness.value) < 0)
        return -1;
    if (res->mem_disable_oom_killer &&
        put(dir, "memory.oom_control", "memory.disableOOMKiller", err, "1") < 0)
        return -1;
    return 0;
}

/* "max" for -1. */
static const char *max_or_number(int64_t value)
{
    return value < 0 ? "max" : mem_printf("%" PRId64, value);
}

static int limit_memory_v2(int dir, const struct spec_resources *res, struct err *err)
{
    if (res->mem_swap.set && res->mem_swap.value != 0) {
        int64_t swap = res->mem_swap.value;
        if (swap > 0 && !res->mem_limit.set)
            return err_set(err, 0,
                           "linux.resources.memory.swap: needs limit beside it on cgroup v2");
        if (swap > 0)
            swap -= res->mem_limit.value;
        if (put(dir, "memory.swap.max", "memory.swap", err, "%s", max_or_number(swap)) < 0)
            return -1;
    }
    if (res->mem_limit.set && res->mem_limit.value != 0) {
        if (res->mem_check_before_update && res->mem_limit.value > 0) {
            char *now = file_read(dir, "memory.current", 64, NULL);
            if (now && strtoll(now, NULL, 10) > res->mem_limit.value)
                return err_set(err, 0, "linux.resources.memory.limit: below what is in use");
        }
        if (put(dir, "memory.max", "memory.limit", err, "%s", max_or_number(res->mem_limit.value)) <
            0)
            return -1;
    }
    if (res->mem_reservation.set && res->mem_reservation.value != 0 &&
        put(dir, "memory.low", "memory.reservation", err, "%s",
            max_or_number(res->mem_reservation.value)) < 0)
        return -1;
    if (res->mem_disable_oom_killer)
        return err_set(err, 0, "linux.resources.memory.disableOOMKiller: cgroup v2 cannot");
    if (res->mem_swappiness.set)
        return err_set(err, 0, "linux.resources.memory.swappiness: cgroup v2 cannot");
    return 0;
}

static int limit_cpu_v1(int dir, const struct spec_resources *res, struct err *err)
{
    struct err first;
    bool quota = res->cpu_quota.set && res->cpu_quota.value != 0;
    bool period = res->cpu_period.set && res->cpu_period.value != 0;
    if (res->cpu_shares.set && res->cpu_shares.value != 0 &&
        put(dir, "cpu.shares", "cpu.shares", err, "%" PRIu64, res->cpu_shares.value) < 0)
        return -1;
    /* The period may be refused while the old quota stands: then the quota goes first. */
    if (period && put(dir, "cpu.cfs_period_us", "cpu.period", &first, "%" PRIu64,
                      res->cpu_period.value) < 0) {
        *err = first;
        if (first.errnum != EINVAL || !quota)
            return -1;
        if (put(dir, "cpu.cfs_quota_us", "cpu.quota", err, "%" PRId64, res->cpu_quota.value) < 0 ||
            put(dir, "cpu.cfs_period_us", "cpu.period", err, "%" PRIu64, res->cpu_period.value) < 0)
            return -1;
        quota = false;
    }
    if (quota &&
        put(dir, "cpu.cfs_quota_us", "cpu.quota", err, "%" PRId64, res->cpu_quota.value) < 0)
        return -1;
    if (res->cpu_burst.set && res->cpu_burst.value &&
        put(dir, "cpu.cfs_burst_us", "cpu.burst", err, "%" PRIu64, res->cpu_burst.value) < 0)
        return -1;
    if (res->cpu_rt_period.set && res->cpu_rt_period.value &&
        put(dir, "cpu.rt_period_us", "cpu.realtimePeriod", err, "%" PRIu64,
            res->cpu_rt_period.value) < 0)
        return -1;
    if (res->cpu_rt_runtime.set && res->cpu_rt_runtime.value &&
        put(dir, "cpu.rt_runtime_us", "cpu.realtimeRuntime", err, "%" PRId64,
            res->cpu_rt_runtime.value) < 0)
        return -1;
    if (res->cpu_idle.set &&
        put(dir, "cpu.idle", "cpu.idle", err, "%" PRId64, res->cpu_idle.value) < 0)
        return -1;
    return 0;
}

static int limit_cpu_v2(int dir, const struct spec_resources *res, struct err *err)
{
    uint64_t shares = res->cpu_shares.value;
    if (res->cpu_shares.set && shares != 0) {
        shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
        uint64_t weight = 1 + (shares - 2) * 9999 / 262142;
        if (put(dir, "cpu.weight", "cpu.shares", err, "%" PRIu64, weight) < 0)
            return -1;
    }
    if ((res->cpu_quota.set && res->cpu_quota.value != 0) ||
        (res->cpu_period.set && res->cpu_period.value != 0)) {
        /* The half that was not asked for stays as it is. */
        char *now = dir < 0 ? NULL : file_read(dir, "cpu.max", 128, NULL);
        char *space = now ? strchr(now, ' ') : NULL;
        uint64_t period = space ? strtoull(space + 1, NULL, 10) : 100000;
        const char *quota = now && space ? mem_strndup(now, (size_t)(space - now)) : "max";
        if (res->cpu_quota.set && res->cpu_quota.value != 0)
            quota = max_or_number(res->cpu_quota.value);
        if (res->cpu_period.set && res->cpu_period.value != 0)
            period = res->cpu_period.value;
        bool both = res->cpu_quota.set && res->cpu_period.set;
        if (put(dir, "cpu.max",
                both                 ? "cpu.quota and cpu.period"
                : res->cpu_quota.set ? "cpu.quota"
                                     : "cpu.period",
                err, "%s %" PRIu64, quota, period) < 0)
            return -1;
    }
    if (res->cpu_burst.set && res->cpu_burst.value &&
        put(dir, "cpu.max.burst", "cpu.burst", err, "%" PRIu64, res->cpu_burst.value) < 0)
        return -1;
    if ((res->cpu_rt_period.set && res->cpu_rt_period.value) ||
        (res->cpu_rt_runtime.set && res->cpu_rt_runtime.value))
        return err_set(err, 0, "linux.resources.cpu.realtimeRuntime: cgroup v2 cannot");
    if (res->cpu_idle.set &&
        put(dir, "cpu.idle", "cpu.idle", err, "%" PRId64, res->cpu_idle.value) < 0)
        return -1;
    return 0;
}

static int limit_cpuset(int dir, const struct spec_resources *res, struct err *err)
{
    if (res->cpus && *res->cpus && put(dir, "cpuset.cpus", "cpu.cpus", err, "%s", res->cpus) < 0)
        return -1;
    if (res->mems && *res->mems && put(dir, "cpuset.mems", "cpu.mems", err, "%s", res->mems) < 0)
        return -1;
    return 0;
}

static int limit_blkio(int dir, bool v2, const struct spec_resources *res, struct err *err)
{
    static const struct {
        const char *v1, *v2, *field;
    } files[THROTTLE_N] = {
        [THROTTLE_READ_BPS] = {"blkio.throttle.read_bps_device", "rbps", "throttleReadBpsDevice"},
        [THROTTLE_WRITE_BPS] = {"blkio.throttle.write_bps_device", "wbps",
                                "throttleWriteBpsDevice"},
        [THROTTLE_READ_IOPS] = {"blkio.throttle.read_iops_device", "riops",
                                "throttleReadIOPSDevice"},
        [THROTTLE_WRITE_IOPS] = {"blkio.throttle.write_iops_device", "wiops",
                                 "throttleWriteIOPSDevice"},
    };
    uint64_t weight = res->blkio_weight.value;
    if (res->blkio_weight.set && weight != 0) {
        const char *file = v2 ? "io.weight" : "blkio.weight";
        const char *bfq = v2 ? "io.bfq.weight" : "blkio.bfq.weight";
        if (exists(dir, bfq))
            file = bfq;
        else if (v2)
            weight = 1 + (weight - 10) * 9999 / 990;
        if (put(dir, file, "blockIO.weight", err, "%" PRIu64, weight) < 0)
            return -1;
    }
    for (size_t i = 0; i < res->n_weight_devices; i++) {
        const struct spec_throttle *t = &res->weight_devices[i];
        const char *file = v2 ? "io.bfq.weight" : "blkio.weight_device";
        if (!v2 && exists(dir, "blkio.bfq.weight_device"))
            file = "blkio.bfq.weight_device";
        if (put(dir, file, "blockIO.weightDevice", err, "%" PRIu64 ":%" PRIu64 " %" PRIu64,
                t->major, t->minor, t->rate) < 0)
            return -1;
    }
    for (int kind = 0; kind < THROTTLE_N; kind++)
        for (size_t i = 0; i < res->n_throttle[kind]; i++) {
            const struct spec_throttle *t = &res->throttle[kind][i];
            char field[64];
            snprintf(field, sizeof field, "blockIO.%s[%zu]", files[kind].field, i);
            int rc = v2 ? put(dir, "io.max", field, err, "%" PRIu64 ":%" PRIu64 " %s=%s", t->major,
                              t->minor, files[kind].v2,
                              t->rate ? mem_printf("%" PRIu64, t->rate) : "max")
                        : put(dir, files[kind].v1, field, err, "%" PRIu64 ":%" PRIu64 " %" PRIu64,
                              t->major, t->minor, t->rate);
            if (rc < 0)
                return -1;
        }
    return 0;
}

static int limit_hugepages(int dir, bool v2, const struct spec_resources *res, struct err *err)
{
    for (size_t i = 0; i < json_array_size(res->hugepages); i++) {
        json_t *item = json_array_get(res->hugepages, i);
        const char *size = json_string_value(json_object_get(item, "pageSize"));
        uint64_t limit;
        char field[64];
        snprintf(field, sizeof field, "hugepageLimits[%zu]", i);
        if (!size || strspn(size, "0123456789KMGTB") != strlen(size) ||
            !json_u64(json_object_get(item, "limit"), &limit))
            return err_set(err, 0, "linux.resources.%s: needs pageSize and limit", field);
        const char *file = mem_printf(v2 ? "hugetlb.%s.max" : "hugetlb.%s.limit_in_bytes", size);
        if (put(dir, file, field, err, "%" PRIu64, limit) < 0)
            return -1;
    }
    return 0;
}

static int limit_network(const struct cgroup *cg, const struct spec_resources *res, struct err *err)
{
    if (res->net_class_id.set &&
        put(cgroup_v1_fd(cg, "net_cls"), "net_cls.classid", "network.classID", err, "%" PRIu64,
            res->net_class_id.value) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(res->net_priorities); i++) {
        json_t *item = json_array_get(res->net_priorities, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        uint64_t priority;
        if (!name || !json_u64(json_object_get(item, "priority"), &priority))
            return err_set(err, 0,
                           "linux.resources.network.priorities[%zu]: needs name and priority", i);
        if (put(cgroup_v1_fd(cg, "net_prio"), "net_prio.ifpriomap", "network.priorities", err,
                "%s %" PRIu64, name, priority) < 0)
            return -1;
    }
    return 0;
}

static int limit_unified(int dir, const struct spec_resources *res, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach (res->unified, key, value) {
        /* Files like io.max take one line a write. */
        for (const char *at = json_string_value(value); *at;) {
            size_t n = strcspn(at, "\n");
            char *line = mem_strndup(at, n);
            at += n + (at[n] != 0);
            if (file_write(dir, key, line) < 0)
                return err_set(err, errno, "linux.resources.unified.%s: write '%s'", key, line);
        }
    }
    return 0;
}

static int limit_rdma(int dir, const struct spec_resources *res, struct err *err)
{
    const char *device;
    json_t *limits;
    json_object_foreach (res->rdma, device, limits) {
        uint64_t handles, objects;
        if (json_u64(json_object_get(limits, "hcaHandles"), &handles) &&
            put(dir, "rdma.max", "rdma", err, "%s hca_handle=%" PRIu64, device, handles) < 0)
            return -1;
        if (json_u64(json_object_get(limits, "hcaObjects"), &objects) &&
            put(dir, "rdma.max", "rdma", err, "%s hca_object=%" PRIu64, device, objects) < 0)
            return -1;
    }
    return 0;
}

/* The first limit that was asked for, NULL when there is none: without a group it cannot be had. */
static const char *any_limit(const struct spec_resources *res)
{
    return res->mem_limit.set && res->mem_limit.value != 0    ? "memory.limit"
           : res->mem_swap.set && res->mem_swap.value != 0    ? "memory.swap"
           : res->pids_limit.set && res->pids_limit.value > 0 ? "pids.limit"
           : res->cpu_quota.set && res->cpu_quota.value > 0   ? "cpu.quota"
           : res->cpu_shares.set && res->cpu_shares.value     ? "cpu.shares"
           : res->cpus                                        ? "cpu.cpus"
           : res->mems                                        ? "cpu.mems"
           : res->unified && json_object_size(res->unified)   ? "unified"
           : res->blkio_weight.set && res->blkio_weight.value ? "blockIO.weight"
                                                              : NULL;
}

int cgroup_limit(const struct cgroup *cg, const struct spec_resources *res, bool update,
                 struct err *err)
{
    bool v2 = cg->mode == CGROUP_V2;
    const char *field;
    if (!defended(LIMITS))
        return cgroup_limit_devices(cg, res, err);
    if (cg->mode == CGROUP_NONE)
        return (field = any_limit(res))
                   ? err_set(err, 0, "linux.resources.%s: no cgroup to set it in%s", field,
                             caller_privileged() ? "" : ", none is delegated to this user")
                   : 0;
    if (res->unified && json_object_size(res->unified) && !v2)
        return err_set(err, 0, "linux.resources.unified: needs a host with cgroup v2 alone");
    if ((v2 ? limit_memory_v2(cg->v2_fd, res, err)
            : limit_memory_v1(cgroup_v1_fd(cg, "memory"), res, err)) < 0 ||
        (v2 ? limit_cpu_v2(cg->v2_fd, res, err) : limit_cpu_v1(cgroup_v1_fd(cg, "cpu"), res, err)) <
            0 ||
        limit_cpuset(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "cpuset"), res, err) < 0 ||
        limit_blkio(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "blkio"), v2, res, err) < 0 ||
        limit_hugepages(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "hugetlb"), v2, res, err) < 0 ||
        limit_network(cg, res, err) < 0 ||
        limit_rdma(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "rdma"), res, err) < 0)
        return -1;
    if (res->pids_limit.set &&
        put(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "pids"), "pids.max", "pids.limit", err, "%s",
            res->pids_limit.value <= 0 ? "max" : max_or_number(res->pids_limit.value)) < 0)
        return -1;
    if (v2 && limit_unified(cg->v2_fd, res, err) < 0)
        return -1;
    if (!update || res->n_devices)
        return cgroup_limit_devices(cg, res, err);
    return 0;
}
