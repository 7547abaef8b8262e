/* SPDX-License-Identifier: GPL-3.0-or-later */
/* linux.resources: the part of config.json that `update --resources` has as a file of its own. */
#include <string.h>

#include "spec.h"

/* Reads {type, major, minor, access, allow}; absent numbers mean "any". */
static int parse_device_rule(json_t *item, const char *at, struct spec_device_rule *rule,
                             struct err *err)
{
    const char *type = NULL, *access = NULL;
    if (!json_is_object(item))
        return err_set(err, 0, "%s: must be an object", at);
    rule->major = rule->minor = -1;
    if (json_get_bool(item, at, "allow", &rule->allow, err) < 0 ||
        json_get_string(item, at, "type", &type, err) < 0 ||
        json_get_string(item, at, "access", &access, err) < 0 ||
        json_get_i64(item, at, "major", &rule->major, NULL, err) < 0 ||
        json_get_i64(item, at, "minor", &rule->minor, NULL, err) < 0)
        return -1;
    /* The program of v2 compares 32 bits: a greater number would name another device. */
    if (rule->major < -1 || rule->major > INT32_MAX || rule->minor < -1 || rule->minor > INT32_MAX)
        return err_set(err, 0, "%s: %lld:%lld is no device number", at, (long long)rule->major,
                       (long long)rule->minor);
    rule->type = type && *type ? *type : 'a';
    if (!strchr("abc", rule->type) || (type && *type && type[1]))
        return err_set(err, 0, "%s.type: must be a, b or c", at);
    if (!access || !*access)
        access = "rwm";
    for (const char *p = access; *p; p++) {
        if (*p == 'r')
            rule->read = true;
        else if (*p == 'w')
            rule->write = true;
        else if (*p == 'm')
            rule->mknod = true;
        else
            return err_set(err, 0, "%s.access: must be made of r, w and m", at);
    }
    if (!json_object_get(item, "allow"))
        return err_set(err, 0, "%s.allow: missing", at);
    return 0;
}

static int parse_device_rules(json_t *json, const char *path, struct spec_resources *res,
                              struct err *err)
{
    json_t *array;
    if (json_get_array(json, path, "devices", &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    res->devices = mem_array(n + 1, sizeof *res->devices);
    res->n_devices = n;
    for (size_t i = 0; i < n; i++) {
        char at[128];
        snprintf(at, sizeof at, "%s.devices[%zu]", path, i);
        if (parse_device_rule(json_array_get(array, i), at, &res->devices[i], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_memory(json_t *json, const char *path, struct spec_resources *res, struct err *err)
{
    json_t *mem;
    char at[128];
    snprintf(at, sizeof at, "%s.memory", path);
    if (json_get_object(json, path, "memory", &mem, err) < 0)
        return -1;
    static const struct {
        const char *key;
        size_t offset;
    } keys[] = {
        {"limit", offsetof(struct spec_resources, mem_limit)},
        {"reservation", offsetof(struct spec_resources, mem_reservation)},
        {"swap", offsetof(struct spec_resources, mem_swap)},
        {"kernel", offsetof(struct spec_resources, mem_kernel)},
        {"kernelTCP", offsetof(struct spec_resources, mem_kernel_tcp)},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct opt_i64 *to = (struct opt_i64 *)((char *)res + keys[i].offset);
        uint64_t big;
        json_t *value = json_object_get(mem, keys[i].key);
        /* Engines also write the uint64 "unlimited" (2^64-1, 2^63-1). */
        if (value && !json_is_integer(value) && json_u64(value, &big)) {
            to->set = true;
            to->value = -1;
        } else if (json_get_i64(mem, at, keys[i].key, &to->value, &to->set, err) < 0) {
            return -1;
        }
        if (to->set && to->value < -1)
            return err_set(err, 0, "%s.%s: below -1", at, keys[i].key);
    }
    if (json_get_u64(mem, at, "swappiness", &res->mem_swappiness.value, &res->mem_swappiness.set,
                     err) < 0 ||
        json_get_bool(mem, at, "disableOOMKiller", &res->mem_disable_oom_killer, err) < 0 ||
        json_get_bool(mem, at, "checkBeforeUpdate", &res->mem_check_before_update, err) < 0)
        return -1;
    bool hierarchy = true;
    if (json_get_bool(mem, at, "useHierarchy", &hierarchy, err) < 0)
        return -1;
    if (!hierarchy)
        return err_set(err, 0, "%s.useHierarchy: accounting is always hierarchical", at);
    /* Kernels since 5.16 take the write on v1 and forget it; v2 has no such file. */
    if (res->mem_kernel.set && res->mem_kernel.value > 0)
        return err_set(err, 0,
                       "%s.kernel: kernels limit it no more by itself, memory.limit counts it", at);
    if (res->mem_swappiness.set && res->mem_swappiness.value > 100)
        return err_set(err, 0, "%s.swappiness: above 100", at);
    if (res->mem_swap.set && res->mem_swap.value > 0 && res->mem_limit.set &&
        (res->mem_limit.value < 0 || res->mem_swap.value < res->mem_limit.value))
        return err_set(err, 0, "%s.swap: is memory and swap together, so not below limit", at);
    return 0;
}

static int parse_cpu(json_t *json, const char *path, struct spec_resources *res, struct err *err)
{
    json_t *cpu;
    char at[128];
    snprintf(at, sizeof at, "%s.cpu", path);
    if (json_get_object(json, path, "cpu", &cpu, err) < 0 ||
        json_get_u64(cpu, at, "shares", &res->cpu_shares.value, &res->cpu_shares.set, err) < 0 ||
        json_get_i64(cpu, at, "quota", &res->cpu_quota.value, &res->cpu_quota.set, err) < 0 ||
        json_get_u64(cpu, at, "burst", &res->cpu_burst.value, &res->cpu_burst.set, err) < 0 ||
        json_get_u64(cpu, at, "period", &res->cpu_period.value, &res->cpu_period.set, err) < 0 ||
        json_get_i64(cpu, at, "realtimeRuntime", &res->cpu_rt_runtime.value,
                     &res->cpu_rt_runtime.set, err) < 0 ||
        json_get_u64(cpu, at, "realtimePeriod", &res->cpu_rt_period.value, &res->cpu_rt_period.set,
                     err) < 0 ||
        json_get_i64(cpu, at, "idle", &res->cpu_idle.value, &res->cpu_idle.set, err) < 0 ||
        json_get_string(cpu, at, "cpus", &res->cpus, err) < 0 ||
        json_get_string(cpu, at, "mems", &res->mems, err) < 0)
        return -1;
    if (res->cpu_burst.set && res->cpu_quota.set && res->cpu_quota.value > 0 &&
        res->cpu_burst.value > (uint64_t)res->cpu_quota.value)
        return err_set(err, 0, "%s.burst: above quota", at);
    const char *lists[] = {res->cpus, res->mems};
    for (size_t i = 0; i < 2; i++)
        if (lists[i] && strspn(lists[i], "0123456789,-:/ ") != strlen(lists[i]))
            return err_set(err, 0, "%s.%s: not a list of numbers and ranges", at,
                           i ? "mems" : "cpus");
    return 0;
}

/* It was the CFQ scheduler's, which Linux 5.0 dropped; 0 is what programs write for "none". */
static int check_leaf_weight(json_t *object, const char *path, struct err *err)
{
    uint64_t weight = 0;
    if (json_get_u64(object, path, "leafWeight", &weight, NULL, err) < 0)
        return -1;
    return weight ? err_set(err, 0, "%s.leafWeight: Linux has it no more", path) : 0;
}

/* A weight of bfq; 0 is no weight. */
static int check_weight(uint64_t weight, const char *at, struct err *err)
{
    return weight != 0 && (weight < 10 || weight > 1000)
               ? err_set(err, 0, "%s.weight: must be 10 to 1000", at)
               : 0;
}

/* [{major, minor, <key>}] */
static int parse_throttle(json_t *json, const char *path, const char *key, const char *rate_key,
                          struct spec_throttle **ret, size_t *ret_n, struct err *err)
{
    json_t *array;
    if (json_get_array(json, path, key, &array, err) < 0)
        return -1;
    *ret_n = json_array_size(array);
    *ret = mem_array(*ret_n + 1, sizeof **ret);
    for (size_t i = 0; i < *ret_n; i++) {
        json_t *item = json_array_get(array, i);
        struct spec_throttle *to = &(*ret)[i];
        bool set = false, major = false, minor = false;
        char at[160];
        snprintf(at, sizeof at, "%s.%s[%zu]", path, key, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_u64(item, at, "major", &to->major, &major, err) < 0 ||
            json_get_u64(item, at, "minor", &to->minor, &minor, err) < 0 ||
            json_get_u64(item, at, rate_key, &to->rate, &set, err) < 0 ||
            check_leaf_weight(item, at, err) < 0)
            return -1;
        if (!set || !major || !minor)
            return err_set(err, 0, "%s: needs major, minor and %s", at, rate_key);
    }
    return 0;
}

static int parse_blkio(json_t *json, const char *path, struct spec_resources *res, struct err *err)
{
    static const char *const keys[THROTTLE_N] = {
        [THROTTLE_READ_BPS] = "throttleReadBpsDevice",
        [THROTTLE_WRITE_BPS] = "throttleWriteBpsDevice",
        [THROTTLE_READ_IOPS] = "throttleReadIOPSDevice",
        [THROTTLE_WRITE_IOPS] = "throttleWriteIOPSDevice",
    };
    json_t *io;
    char at[128];
    snprintf(at, sizeof at, "%s.blockIO", path);
    if (json_get_object(json, path, "blockIO", &io, err) < 0 ||
        json_get_u64(io, at, "weight", &res->blkio_weight.value, &res->blkio_weight.set, err) < 0 ||
        parse_throttle(io, at, "weightDevice", "weight", &res->weight_devices,
                       &res->n_weight_devices, err) < 0)
        return -1;
    for (int kind = 0; kind < THROTTLE_N; kind++)
        if (parse_throttle(io, at, keys[kind], "rate", &res->throttle[kind], &res->n_throttle[kind],
                           err) < 0)
            return -1;
    if (check_leaf_weight(io, at, err) < 0 || check_weight(res->blkio_weight.value, at, err) < 0)
        return -1;
    for (size_t i = 0; i < res->n_weight_devices; i++)
        if (check_weight(res->weight_devices[i].rate, mem_printf("%s.weightDevice[%zu]", at, i),
                         err) < 0)
            return -1;
    return 0;
}

/* "64KB", "2MB", "1GB": part of a file's name. */
static bool page_size_valid(const char *size)
{
    size_t n = size ? strspn(size, "0123456789") : 0;
    return n > 0 && n < 10 && *size != '0' && strlen(size + n) == 2 && strchr("KMGT", size[n]) &&
           size[n + 1] == 'B';
}

static int check_hugepages(json_t *array, const char *path, struct err *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        const char *size = NULL;
        uint64_t limit;
        bool set = false;
        char at[160];
        snprintf(at, sizeof at, "%s.hugepageLimits[%zu]", path, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_string(item, at, "pageSize", &size, err) < 0 ||
            json_get_u64(item, at, "limit", &limit, &set, err) < 0)
            return -1;
        if (!page_size_valid(size))
            return err_set(err, 0, "%s.pageSize: must be a size like 2MB", at);
        if (!set)
            return err_set(err, 0, "%s.limit: missing", at);
    }
    return 0;
}

/* {DEVICE: {hcaHandles, hcaObjects}}: at least one of the two. */
static int check_rdma(json_t *rdma, const char *path, struct err *err)
{
    const char *device;
    json_t *limits;
    json_object_foreach (rdma, device, limits) {
        uint32_t number = 0;
        bool handles = false, objects = false;
        char at[160];
        snprintf(at, sizeof at, "%s.rdma.%.64s", path, device);
        if (!*device || strpbrk(device, " \n") || !json_is_object(limits))
            return err_set(err, 0, "%s: must be a device with its limits", at);
        if (json_get_u32(limits, at, "hcaHandles", &number, &handles, err) < 0 ||
            json_get_u32(limits, at, "hcaObjects", &number, &objects, err) < 0)
            return -1;
        if (!handles && !objects)
            return err_set(err, 0, "%s: needs hcaHandles or hcaObjects", at);
    }
    return 0;
}

static int parse_network(json_t *json, const char *path, struct spec_resources *res,
                         struct err *err)
{
    json_t *network;
    uint32_t class_id = 0;
    char at[128];
    snprintf(at, sizeof at, "%s.network", path);
    if (json_get_object(json, path, "network", &network, err) < 0 ||
        json_get_u32(network, at, "classID", &class_id, &res->net_class_id.set, err) < 0 ||
        json_get_array(network, at, "priorities", &res->net_priorities, err) < 0)
        return -1;
    res->net_class_id.value = class_id;
    for (size_t i = 0; i < json_array_size(res->net_priorities); i++) {
        json_t *item = json_array_get(res->net_priorities, i);
        const char *name = NULL;
        uint32_t priority = 0;
        bool set = false;
        char here[192];
        snprintf(here, sizeof here, "%s.priorities[%zu]", at, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", here);
        if (json_get_string(item, here, "name", &name, err) < 0 ||
            json_get_u32(item, here, "priority", &priority, &set, err) < 0)
            return -1;
        if (!name || !*name || strpbrk(name, " \n/") || !set)
            return err_set(err, 0, "%s: needs name and priority", here);
    }
    return 0;
}

/* A key of a cgroup directory must be a plain file name with a controller before the dot. */
static int check_unified(json_t *unified, const char *path, struct err *err)
{
    static const char *const own[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
                                      "cgroup.type",  "cgroup.freeze",  "cgroup.kill"};
    const char *key;
    json_t *value;
    json_object_foreach (unified, key, value) {
        if (strchr(key, '/') || !strchr(key, '.') || *key == '.')
            return err_set(err, 0, "%s.unified: '%s' is not a file of a cgroup", path, key);
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
            if (!strcmp(key, own[i]))
                return err_set(err, 0, "%s.unified: '%s' is the runtime's own", path, key);
        if (!json_own_string(value))
            return err_set(err, 0, "%s.unified.%s: must be a string", path, key);
    }
    return 0;
}

int spec_parse_resources(json_t *json, const char *path, struct spec_resources *res,
                         struct err *err)
{
    json_t *pids;
    char at[128];
    if (!json_is_object(json))
        return err_set(err, 0, "%s: must be an object", path);
    if (parse_memory(json, path, res, err) < 0 || parse_cpu(json, path, res, err) < 0 ||
        parse_blkio(json, path, res, err) < 0 || parse_device_rules(json, path, res, err) < 0)
        return -1;
    snprintf(at, sizeof at, "%s.pids", path);
    if (json_get_object(json, path, "pids", &pids, err) < 0 ||
        json_get_i64(pids, at, "limit", &res->pids_limit.value, &res->pids_limit.set, err) < 0)
        return -1;
    if (parse_network(json, path, res, err) < 0 ||
        json_get_array(json, path, "hugepageLimits", &res->hugepages, err) < 0 ||
        json_get_object(json, path, "rdma", &res->rdma, err) < 0 ||
        json_get_object(json, path, "unified", &res->unified, err) < 0 ||
        check_hugepages(res->hugepages, path, err) < 0 || check_rdma(res->rdma, path, err) < 0)
        return -1;
    return check_unified(res->unified, path, err);
}
