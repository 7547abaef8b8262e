/* SPDX-License-Identifier: GPL-3.0-or-later */
/* update: new limits for a container that lives, from a linux.resources object or from options. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "state.h"

/* One row per option: where its number goes. */
static int from_options(const struct options *opt, struct spec_resources *res, struct err *err)
{
    const struct {
        const char *text, *name;
        bool units;
        struct opt_i64 *number;
        struct opt_u64 *unsigned_number;
    } rows[] = {
        {opt->memory, "memory", true, &res->mem_limit, NULL},
        {opt->memory_swap, "memory-swap", true, &res->mem_swap, NULL},
        {opt->memory_reservation, "memory-reservation", true, &res->mem_reservation, NULL},
        {opt->cpu_quota, "cpu-quota", false, &res->cpu_quota, NULL},
        {opt->cpu_period, "cpu-period", false, NULL, &res->cpu_period},
        {opt->cpu_share, "cpu-share", false, NULL, &res->cpu_shares},
        {opt->pids_limit, "pids-limit", false, &res->pids_limit, NULL},
        {opt->blkio_weight, "blkio-weight", false, NULL, &res->blkio_weight},
        {opt->cpu_burst, "cpu-burst", false, NULL, &res->cpu_burst},
        {opt->cpu_idle, "cpu-idle", false, &res->cpu_idle, NULL},
        {opt->cpu_rt_period, "cpu-rt-period", false, NULL, &res->cpu_rt_period},
        {opt->cpu_rt_runtime, "cpu-rt-runtime", false, &res->cpu_rt_runtime, NULL},
        {opt->kernel_memory, "kernel-memory", true, &res->mem_kernel, NULL},
        {opt->kernel_memory_tcp, "kernel-memory-tcp", true, &res->mem_kernel_tcp, NULL},
    };
    if (opt->l3_cache_schema || opt->mem_bw_schema)
        return err_set(err, 0, "--%s: linux.intelRdt is not supported",
                       opt->l3_cache_schema ? "l3-cache-schema" : "mem-bw-schema");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value;
        if (!rows[i].text)
            continue;
        if (options_number(rows[i].text, rows[i].units, &value) < 0 || value < -1 ||
            (rows[i].unsigned_number && value < 0))
            return err_set(err, 0, "--%s: '%s' is not a number%s", rows[i].name, rows[i].text,
                           rows[i].units ? " (units k, m, g, t)" : "");
        if (rows[i].number)
            *rows[i].number = (struct opt_i64){true, value};
        else
            *rows[i].unsigned_number = (struct opt_u64){true, (uint64_t)value};
    }
    if (res->mem_kernel.set && res->mem_kernel.value > 0)
        return err_set(err, 0,
                       "--kernel-memory: kernels limit it no more by itself, --memory "
                       "counts it");
    res->cpus = opt->cpuset_cpus ? opt->cpuset_cpus : res->cpus;
    res->mems = opt->cpuset_mems ? opt->cpuset_mems : res->mems;
    return 0;
}

static int from_file(const char *path, struct spec_resources *res, struct err *err)
{
    size_t len;
    char *text = !strcmp(path, "-") ? fd_read_all(0, JSON_FILE_MAX, &len)
                                    : file_read(AT_FDCWD, path, JSON_FILE_MAX, &len);
    if (!text)
        return err_set(err, errno, "--resources %s", path);
    json_t *json = json_parse(text, len, "--resources", err);
    return json ? spec_parse_resources(json, "resources", res, err) : -1;
}

int cmd_update(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct spec_resources res = {0};
    struct state st;
    if ((opt->resources && from_file(opt->resources, &res, err) < 0) ||
        from_options(opt, &res, err) < 0)
        return -1;
    int rc = state_open(&st, opt->root, argv[0], STATE_LOCK, err);
    if (rc == 0) {
        if (state_status(&st) == STATUS_STOPPED)
            rc = err_set(err, 0, "container '%s': container not running", argv[0]);
        cgroup_open(&st.cgroup);
        if (rc == 0)
            rc = cgroup_limit(&st.cgroup, &res, true, err);
    }
    state_close(&st);
    return rc;
}
