/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of a cgroup as the runtime reads them: cgroup.procs, cgroup.events, freezer.state,
 * cgroup.controllers, *.stat, *.pressure, /proc/PID/cgroup. Every name leads to the same bytes. The
 * readers are static, so their files are taken in whole.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup.c"
#include "cgroup_state.c"
#define sample sample_of_events
#include "cmd_events.c"
#include "fuzz.h"

static const char *const names[] = {
    "cgroup.procs",           "cgroup.events",      "freezer.state", "cgroup.controllers",
    "cgroup.subtree_control", "cpu.stat",           "memory.stat",   "memory.events",
    "memory.current",         "memory.max",         "memory.peak",   "memory.usage_in_bytes",
    "memory.limit_in_bytes",  "memory.oom_control", "pids.current",  "pids.max",
    "cpu.pressure",           "cpuacct.usage",      "cpuset.cpus",   "cpuset.mems",
};

static char top[64];

static void clean_up(void)
{
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", top, names[i]);
        unlink(path);
    }
    rmdir(top);
}

static int make_directory(int *ret_file)
{
    snprintf(top, sizeof top, "/tmp/gemel-fuzz-XXXXXX");
    PROMISE(mkdtemp(top));
    atexit(clean_up);
    int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret_file = openat(dir, names[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        PROMISE(linkat(dir, names[0], dir, names[i], 0) == 0);
    return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int dir = -1, file = -1;
    static const enum cgroup_mode modes[] = {CGROUP_V1, CGROUP_HYBRID, CGROUP_V2};
    if (dir < 0)
        dir = make_directory(&file);
    if (size > 20000)
        return 0;
    PROMISE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    char *text = fuzz_text(data, size);
    const char *name = v2_name(text, "/g/id");
    PROMISE(!name || (!strncmp(name, "/g/id", 5) && !strstr(name, "/../")));
    free(text);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct cgroup cg = {.mode = modes[i], .path = "/x", .v2_fd = -1};
        if (modes[i] != CGROUP_V2)
            cg.v1[cg.n_v1++] = (struct cgroup_v1){.controllers = "memory,pids,cpu,cpuacct,freezer",
                                                  .mount = "/m",
                                                  .dir = "/m/x",
                                                  .fd = dir};
        if (modes[i] != CGROUP_V1)
            cg.v2_fd = dir;
        struct err err = {0};
        pid_t *pids;
        size_t n = 0;
        PROMISE(cgroup_pids(&cg, &pids, &n, &err) == 0);
        for (size_t k = 0; k < n; k++)
            PROMISE(pids[k] > 0);
        cgroup_is_frozen(&cg);
        json_t *parts[] = {cpu_stats(&cg), memory_stats(&cg), pids_stats(&cg),
                           pressure(dir, "cpu.pressure")};
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            PROMISE(parts[k]);
            json_decref(parts[k]);
        }
    }
    enable_controllers(dir); /* writes over the input */
    mem_release();
    return 0;
}
