/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linux.resources into cgroup files. A limit whose controller or file is missing is an error that
 * names field and file, and on v2 what keeps the controller away.
 *
 * Conversions from v1 units, as crun and runc have them: cpu.shares 2…262144 to cpu.weight 1…10000,
 * blkio weight 10…1000 to io.weight 1…10000 (bfq: as it is).
 */
#include "cgroup_limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "cgroup_undo.h"
#include "defences.h"
#include "scope.h"

static bool has_line_word(int dir, const char *file, const char *word)
{
    char *text = file_read(dir, file, 4096, NULL);
    size_t n = strlen(word);
    for (char *at = text; at && *at; at += strcspn(at, " \n"), at += strspn(at, " \n"))
        if (!strncmp(at, word, n) && (!at[n] || at[n] == ' ' || at[n] == '\n'))
            return true;
    return false;
}

/* Why a v2 group has no such file: its controller is not there, or the parent would not enable it.
 * NULL when the controller is there, or on v1. */
static const char *why_missing(int dir, const char *file)
{
    char *name = mem_strndup(file, strcspn(file, "."));
    if (!limit_file_exists(dir, "cgroup.controllers") || !strcmp(name, "cgroup") ||
        has_line_word(dir, "cgroup.controllers", name))
        return NULL;
    auto_fd parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0 || !has_line_word(parent, "cgroup.controllers", name))
        return mem_printf("no parent passes the controller '%s' down", name);
    char *procs = file_read(parent, "cgroup.procs", 1 << 20, NULL);
    if (limit_file_exists(parent, "cgroup.type") && procs && *procs)
        return mem_printf("its parent cannot enable the controller '%s' while it has processes of "
                          "its own",
                          name);
    return mem_printf("its parent does not enable the controller '%s'", name);
}

int limit_put(int dir, const char *file, const char *field, struct err *err, const char *format,
              ...)
{
    char text[4096];
    va_list ap;
    if (dir < 0)
        return err_set(err, 0, "linux.resources.%s: %s (%s)", field,
                       caller_privileged() ? "this host has no controller for it"
                                           : "no group with its controller is this user's",
                       file);
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return err_set(err, 0, "linux.resources.%s: too long", field);
    undo_note(dir, file, text);
    int saved = file_write(dir, file, text) < 0 ? errno : 0;
    undo_noted(!saved);
    if (!saved)
        return 0;
    const char *why = saved == ENOENT ? why_missing(dir, file) : NULL;
    return why ? err_set(err, 0, "linux.resources.%s: the cgroup has no %s: %s", field, file, why)
               : err_set(err, saved, "linux.resources.%s: write '%s' to %s", field, text, file);
}

bool limit_file_exists(int dir, const char *file)
{
    return dir >= 0 && faccessat(dir, file, F_OK, 0) == 0;
}

const char *limit_max_or_number(int64_t value)
{
    return value < 0 ? "max" : mem_printf("%" PRId64, value);
}

uint64_t limit_io_weight(uint64_t weight)
{
    weight = weight < 10 ? 10 : weight > 1000 ? 1000 : weight;
    return 1 + (weight - 10) * 9999 / 990;
}

static int limit_cpuset(int dir, const struct spec_resources *res, struct err *err)
{
    if (res->cpus && *res->cpus &&
        limit_put(dir, "cpuset.cpus", "cpu.cpus", err, "%s", res->cpus) < 0)
        return -1;
    if (res->mems && *res->mems &&
        limit_put(dir, "cpuset.mems", "cpu.mems", err, "%s", res->mems) < 0)
        return -1;
    return 0;
}

/* Weights: bfq's file takes v1's numbers where that scheduler is there; else v2 has io.weight with
 * a range of its own, and v1 nothing since the scheduler CFQ went with Linux 5.0. */
static int limit_io_weights(int dir, bool v2, const struct spec_resources *res, struct err *err)
{
    bool bfq = limit_file_exists(dir, v2 ? "io.bfq.weight" : "blkio.bfq.weight");
    uint64_t weight = res->blkio_weight.value;
    const char *file =
        bfq ? (v2 ? "io.bfq.weight" : "blkio.bfq.weight") : (v2 ? "io.weight" : "blkio.weight");
    if (res->blkio_weight.set && weight != 0 &&
        limit_put(dir, file, "blockIO.weight", err, "%" PRIu64,
                  v2 && !bfq ? limit_io_weight(weight) : weight) < 0)
        return -1;
    if (!v2)
        file = limit_file_exists(dir, "blkio.bfq.weight_device") ? "blkio.bfq.weight_device"
                                                                 : "blkio.weight_device";
    for (size_t i = 0; i < res->n_weight_devices; i++) {
        const struct spec_throttle *t = &res->weight_devices[i];
        char field[64];
        snprintf(field, sizeof field, "blockIO.weightDevice[%zu]", i);
        if (limit_put(dir, file, field, err, "%" PRIu64 ":%" PRIu64 " %" PRIu64, t->major, t->minor,
                      v2 && !bfq ? limit_io_weight(t->rate) : t->rate) < 0)
            return -1;
    }
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
    if (limit_io_weights(dir, v2, res, err) < 0)
        return -1;
    for (int kind = 0; kind < THROTTLE_N; kind++)
        for (size_t i = 0; i < res->n_throttle[kind]; i++) {
            const struct spec_throttle *t = &res->throttle[kind][i];
            char field[64];
            snprintf(field, sizeof field, "blockIO.%s[%zu]", files[kind].field, i);
            int rc =
                v2 ? limit_put(dir, "io.max", field, err, "%" PRIu64 ":%" PRIu64 " %s=%s", t->major,
                               t->minor, files[kind].v2,
                               t->rate ? mem_printf("%" PRIu64, t->rate) : "max")
                   : limit_put(dir, files[kind].v1, field, err, "%" PRIu64 ":%" PRIu64 " %" PRIu64,
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
        /* Reservations, where the kernel counts them, and use at the fault. */
        static const char *const suffixes[2][2] = {{"rsvd.limit_in_bytes", "limit_in_bytes"},
                                                   {"rsvd.max", "max"}};
        for (size_t form = 0; form < 2; form++) {
            char file[96];
            snprintf(file, sizeof file, "hugetlb.%.32s.%s", size, suffixes[v2][form]);
            if ((form == 1 || limit_file_exists(dir, file)) &&
                limit_put(dir, file, field, err, "%" PRIu64, limit) < 0)
                return -1;
        }
    }
    return 0;
}

static int limit_network(const struct cgroup *cg, const struct spec_resources *res, struct err *err)
{
    if (res->net_class_id.set &&
        limit_put(cgroup_v1_fd(cg, "net_cls"), "net_cls.classid", "network.classID", err,
                  "%" PRIu64, res->net_class_id.value) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(res->net_priorities); i++) {
        json_t *item = json_array_get(res->net_priorities, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        uint64_t priority;
        if (!name || !json_u64(json_object_get(item, "priority"), &priority))
            return err_set(err, 0,
                           "linux.resources.network.priorities[%zu]: needs name and priority", i);
        if (limit_put(cgroup_v1_fd(cg, "net_prio"), "net_prio.ifpriomap", "network.priorities", err,
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
        const char *field = mem_printf("unified.%s", key);
        /* Files like io.max take one line a write. */
        for (const char *at = json_string_value(value); *at;) {
            size_t n = strcspn(at, "\n");
            char *line = mem_strndup(at, n);
            at += n + (at[n] != 0);
            if (limit_put(dir, key, field, err, "%s", line) < 0)
                return -1;
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
            limit_put(dir, "rdma.max", "rdma", err, "%s hca_handle=%" PRIu64, device, handles) < 0)
            return -1;
        if (json_u64(json_object_get(limits, "hcaObjects"), &objects) &&
            limit_put(dir, "rdma.max", "rdma", err, "%s hca_object=%" PRIu64, device, objects) < 0)
            return -1;
    }
    return 0;
}

/* The first limit that was asked for, NULL when there is none: without a group it cannot be had. */
static const char *any_limit(const struct spec_resources *res)
{
    const struct {
        const char *field;
        bool asked;
    } rows[] = {
        {"memory.limit", res->mem_limit.value > 0},
        {"memory.swap", res->mem_swap.value > 0},
        {"memory.reservation", res->mem_reservation.value > 0},
        {"memory.kernelTCP", res->mem_kernel_tcp.value > 0},
        {"memory.swappiness", res->mem_swappiness.set},
        {"memory.disableOOMKiller", res->mem_disable_oom_killer},
        {"pids.limit", res->pids_limit.value > 0},
        {"cpu.quota", res->cpu_quota.value > 0},
        {"cpu.period", res->cpu_period.value > 0},
        {"cpu.burst", res->cpu_burst.value > 0},
        {"cpu.shares", res->cpu_shares.value > 0},
        {"cpu.idle", res->cpu_idle.value != 0},
        {"cpu.realtimeRuntime", res->cpu_rt_runtime.value > 0},
        {"cpu.realtimePeriod", res->cpu_rt_period.value > 0},
        {"cpu.cpus", res->cpus && *res->cpus},
        {"cpu.mems", res->mems && *res->mems},
        {"blockIO.weight", res->blkio_weight.value > 0},
        {"blockIO.weightDevice", res->n_weight_devices > 0},
        {"blockIO.throttleReadBpsDevice", res->n_throttle[THROTTLE_READ_BPS] > 0},
        {"blockIO.throttleWriteBpsDevice", res->n_throttle[THROTTLE_WRITE_BPS] > 0},
        {"blockIO.throttleReadIOPSDevice", res->n_throttle[THROTTLE_READ_IOPS] > 0},
        {"blockIO.throttleWriteIOPSDevice", res->n_throttle[THROTTLE_WRITE_IOPS] > 0},
        {"hugepageLimits", json_array_size(res->hugepages) > 0},
        {"network.classID", res->net_class_id.set},
        {"network.priorities", json_array_size(res->net_priorities) > 0},
        {"rdma", json_object_size(res->rdma) > 0},
        {"unified", json_object_size(res->unified) > 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].asked)
            return rows[i].field;
    return NULL;
}

/* Limits of a group that is there. */
static int write_limits(const struct cgroup *cg, const struct spec_resources *res, bool update,
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
        limit_put(v2 ? cg->v2_fd : cgroup_v1_fd(cg, "pids"), "pids.max", "pids.limit", err, "%s",
                  res->pids_limit.value <= 0 ? "max" : limit_max_or_number(res->pids_limit.value)) <
            0)
        return -1;
    if (v2 && limit_unified(cg->v2_fd, res, err) < 0)
        return -1;
    if (!update || res->n_devices)
        return cgroup_limit_devices(cg, res, err);
    return 0;
}

int cgroup_limit(const struct cgroup *cg, const struct spec_resources *res, bool update,
                 struct err *err)
{
    if (!update)
        return write_limits(cg, res, false, err);
    undo_begin();
    int rc = write_limits(cg, res, true, err);
    if (rc == 0 && cg->scope)
        rc = scope_update(cg, res, err);
    undo_end(rc < 0);
    /* systemd has written its own idea of them meanwhile. */
    return rc == 0 && cg->scope ? write_limits(cg, res, true, err) : rc;
}
