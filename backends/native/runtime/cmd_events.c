/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * events: figures of a container as JSON lines, in the shape of runc's:
 * {"type":"stats","id":…,"data":{…}}, and
 * {"type":"oom",…} when the kernel killed something in it since the last line. Times in ns, sizes
 * in bytes.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "commands.h"
#include "state.h"

/* A file with one number; "max" and what cannot be read are 0. */
static uint64_t number(int dir, const char *file)
{
    char *text = dir < 0 ? NULL : file_read(dir, file, 4096, NULL);
    return text ? strtoull(text, NULL, 10) : 0;
}

/* "max" is told as the greatest number, as runc does. */
static uint64_t limit(int dir, const char *file)
{
    char *text = dir < 0 ? NULL : file_read(dir, file, 4096, NULL);
    if (text && !strncmp(text, "max", 3))
        return UINT64_MAX;
    return text ? strtoull(text, NULL, 10) : 0;
}

/* Value of a "key value" line. */
static uint64_t keyed(int dir, const char *file, const char *key)
{
    char *text = dir < 0 ? NULL : file_read(dir, file, 65536, NULL);
    size_t n = strlen(key);
    for (char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, key, n) && at[n] == ' ')
            return strtoull(at + n + 1, NULL, 10);
    return 0;
}

static json_t *cpu_stats(const struct cgroup *cg)
{
    uint64_t total, user, kernel, ns = 1;
    int cpu = cgroup_v1_fd(cg, "cpu"), acct = cgroup_v1_fd(cg, "cpuacct");
    bool v2 = cg->mode == CGROUP_V2;
    if (v2) {
        cpu = cg->v2_fd;
        total = keyed(cpu, "cpu.stat", "usage_usec") * 1000;
        user = keyed(cpu, "cpu.stat", "user_usec") * 1000;
        kernel = keyed(cpu, "cpu.stat", "system_usec") * 1000;
        ns = 1000;
    } else {
        total = number(acct, "cpuacct.usage");
        user = number(acct, "cpuacct.usage_user");
        kernel = number(acct, "cpuacct.usage_sys");
    }
    return json_pack(
        "{s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}}", "usage", "total", json_from_u64(total), "user",
        json_from_u64(user), "kernel", json_from_u64(kernel), "throttling", "periods",
        json_from_u64(keyed(cpu, "cpu.stat", "nr_periods")), "throttledPeriods",
        json_from_u64(keyed(cpu, "cpu.stat", "nr_throttled")), "throttledTime",
        json_from_u64(keyed(cpu, "cpu.stat", v2 ? "throttled_usec" : "throttled_time") * ns));
}

static json_t *memory_stats(const struct cgroup *cg)
{
    bool v2 = cg->mode == CGROUP_V2;
    int dir = v2 ? cg->v2_fd : cgroup_v1_fd(cg, "memory");
    uint64_t swap = v2 ? number(dir, "memory.swap.current") : keyed(dir, "memory.stat", "swap");
    return json_pack(
        "{s:{s:o, s:o, s:o, s:o}, s:{s:o}, s:o, s:o}", "usage", "usage",
        json_from_u64(number(dir, v2 ? "memory.current" : "memory.usage_in_bytes")), "limit",
        json_from_u64(limit(dir, v2 ? "memory.max" : "memory.limit_in_bytes")), "max",
        json_from_u64(number(dir, v2 ? "memory.peak" : "memory.max_usage_in_bytes")), "failcnt",
        json_from_u64(v2 ? keyed(dir, "memory.events", "max") : number(dir, "memory.failcnt")),
        "swap", "usage", json_from_u64(swap), "cache",
        json_from_u64(keyed(dir, "memory.stat", v2 ? "file" : "cache")), "oomKills",
        json_from_u64(cgroup_oom_kills(cg)));
}

static json_t *pids_stats(const struct cgroup *cg)
{
    int dir = cg->mode == CGROUP_V2 ? cg->v2_fd : cgroup_v1_fd(cg, "pids");
    uint64_t max = limit(dir, "pids.max");
    return json_pack("{s:o, s:o}", "current", json_from_u64(number(dir, "pids.current")), "limit",
                     json_from_u64(max == UINT64_MAX ? 0 : max));
}

/* Pressure lines are 'some avg10=0.00 avg60=… total=N'. */
static json_t *pressure(int dir, const char *file)
{
    static const char *const kinds[] = {"some", "full"};
    char *text = dir < 0 ? NULL : file_read(dir, file, 4096, NULL);
    json_t *out = json_object();
    for (size_t i = 0; text && i < 2; i++) {
        char *line = strstr(text, kinds[i]);
        char *avg = line ? strstr(line, "avg10=") : NULL;
        char *total = line ? strstr(line, "total=") : NULL;
        if (avg && total)
            json_object_set_new(out, kinds[i],
                                json_pack("{s:f, s:o}", "avg10", strtod(avg + 6, NULL), "total",
                                          json_from_u64(strtoull(total + 6, NULL, 10))));
    }
    return out;
}

static int print_line(const char *type, const char *id, json_t *data, struct err *err)
{
    json_t *doc = json_pack("{s:s, s:s, s:o?}", "type", type, "id", id, "data", data);
    char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(doc);
    if (!text)
        return err_set(err, ENOMEM, "events");
    json_unquote_big(text);
    int rc = puts(text) < 0 || fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
    free(text);
    return rc;
}

static int sample(const struct state *st, uint64_t *oom_kills, struct err *err)
{
    json_t *memory = memory_stats(&st->cgroup);
    uint64_t kills = (uint64_t)json_integer_value(json_object_get(memory, "oomKills"));
    json_t *data = json_pack("{s:o, s:o, s:o}", "cpu", cpu_stats(&st->cgroup), "memory", memory,
                             "pids", pids_stats(&st->cgroup));
    int v2 = st->cgroup.v2_fd;
    if (v2 >= 0)
        json_object_set_new(data, "pressure",
                            json_pack("{s:o, s:o, s:o}", "cpu", pressure(v2, "cpu.pressure"),
                                      "memory", pressure(v2, "memory.pressure"), "io",
                                      pressure(v2, "io.pressure")));
    if (kills > *oom_kills && print_line("oom", st->id, NULL, err) < 0) {
        json_decref(data);
        return -1;
    }
    *oom_kills = kills;
    return print_line("stats", st->id, data, err);
}

/* A descriptor that poll(2) reports with `*ret_events` once the kernel had to kill in the group:
 * the file of counts on v2, an eventfd on v1 (memory.rst, "OOM Control"). -1 where there is none;
 * then the next line tells. */
static int oom_watch(const struct cgroup *cg, short *ret_events)
{
    if (cg->mode == CGROUP_V2) {
        *ret_events = POLLPRI;
        return openat(cg->v2_fd, "memory.events", O_RDONLY | O_CLOEXEC);
    }
    *ret_events = POLLIN;
    int dir = cgroup_v1_fd(cg, "memory");
    auto_fd control = dir < 0 ? -1 : openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    auto_fd event = control < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char text[32];
    snprintf(text, sizeof text, "%d %d", event, control);
    return event >= 0 && file_write(dir, "cgroup.event_control", text) == 0 ? fd_take(&event) : -1;
}

/* Waits for the next sample. Kills are told as they come. False when the container has ended. */
static bool wait_next(const struct state *st, int pidfd, int watch, short events, int64_t every_ms,
                      uint64_t *oom_kills, struct err *err)
{
    int64_t end = now_monotonic_ms() + every_ms;
    for (int64_t left; (left = end - now_monotonic_ms()) > 0;) {
        struct pollfd p[] = {{.fd = pidfd, .events = POLLIN}, {.fd = watch, .events = events}};
        char count[4096];
        if (poll(p, 2, (int)left) <= 0)
            continue;
        if (p[1].revents && read(watch, count, sizeof count) >= 0)
            lseek(watch, 0, SEEK_SET);
        uint64_t kills = cgroup_oom_kills(&st->cgroup);
        if (kills > *oom_kills && print_line("oom", st->id, NULL, err) < 0)
            return false;
        *oom_kills = kills;
        if (p[0].revents)
            return false;
    }
    return true;
}

int cmd_events(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    int64_t every_ms = 5000;
    uint64_t oom_kills = UINT64_MAX; /* kills before the first line are history */
    const char *interval = opt->interval;
    if (interval && (options_duration_ms(interval, &every_ms) < 0 || every_ms < 1 ||
                     every_ms > INT64_C(86400000)))
        return err_set(err, 0, "--interval: '%s' is not a time like 5s", interval);
    int rc = state_open(&st, opt->root, argv[0], STATE_NO_LOCK, err);
    auto_fd pidfd = rc == 0 ? state_pidfd(&st) : -1;
    if (rc == 0 && pidfd < 0)
        rc = err_set(err, 0, "container '%s': container not running", argv[0]);
    cgroup_open(&st.cgroup);
    short events = 0;
    auto_fd watch = rc == 0 && !opt->stats ? oom_watch(&st.cgroup, &events) : -1;
    if (rc == 0)
        err->text[0] = 0;
    while (rc == 0) {
        rc = sample(&st, &oom_kills, err);
        if (rc < 0 || opt->stats ||
            !wait_next(&st, pidfd, watch, events, every_ms, &oom_kills, err))
            break;
    }
    if (rc == 0 && err->text[0])
        rc = -1;
    state_close(&st);
    return rc;
}
