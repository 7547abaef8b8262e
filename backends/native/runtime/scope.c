/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "caller.h"
#include "cgroup_limits.h"
#include "dbus.h"

static const char systemd[] = "org.freedesktop.systemd1", object[] = "/org/freedesktop/systemd1",
                  manager[] = "org.freedesktop.systemd1.Manager";

int scope_names(const char *cgroups_path, const char *id, bool user, const char **ret_slice,
                const char **ret_unit, struct err *err)
{
    static const char help[] = "linux.cgroupsPath: with --systemd-cgroup it must be "
                               "SLICE:PREFIX:NAME, not '%s'";
    const char *path = cgroups_path && *cgroups_path ? cgroups_path : mem_printf(":gemel:%s", id);
    const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second || strchr(second + 1, ':') || !second[1])
        return err_set(err, 0, help, path);
    const char *slice = mem_strndup(path, (size_t)(first - path));
    const char *prefix = mem_strndup(first + 1, (size_t)(second - first - 1));
    const char *name = second + 1;
    if (!*slice)
        slice = user ? "user.slice" : "system.slice";
    if (!scope_slice_path(slice))
        return err_set(err, 0, "linux.cgroupsPath: '%s' is not the name of a slice", slice);
    *ret_slice = slice;
    *ret_unit = *prefix ? mem_printf("%s-%s.scope", prefix, name) : mem_printf("%s.scope", name);
    if (strlen(*ret_unit) > 255 ||
        strspn(*ret_unit,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") !=
            strlen(*ret_unit))
        return err_set(err, 0, "linux.cgroupsPath: '%s' is not the name of a unit", *ret_unit);
    return 0;
}

const char *scope_slice_path(const char *slice)
{
    size_t n = strlen(slice);
    const char *path = "";
    if (n < 7 || strcmp(slice + n - 6, ".slice") != 0 || strchr(slice, '/'))
        return NULL;
    n -= 6;
    if (n == 1 && *slice == '-')
        return "";
    for (size_t i = 0; i <= n; i++) {
        if (i < n && slice[i] != '-')
            continue;
        if (i == 0 || slice[i - 1] == '-' || (i + 1 == n && slice[i] == '-'))
            return NULL; /* an empty part */
        path = mem_printf("%s/%.*s.slice", path, (int)i, slice);
    }
    return path;
}

int scope_cpu_mask(const char *list, uint8_t **ret, size_t *ret_len)
{
    uint8_t *mask = mem_alloc(1024);
    size_t len = 0;
    for (const char *at = list; *at;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (end == at)
            return -1;
        if (*end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
            if (end == at)
                return -1;
        }
        if (last < first || last >= 8192 || (*end && *end != ','))
            return -1;
        for (unsigned long i = first; i <= last; i++)
            mask[i / 8] = (uint8_t)(mask[i / 8] | 1u << (i % 8));
        len = last / 8 + 1 > len ? last / 8 + 1 : len;
        at = end + (*end == ',');
    }
    *ret = mask;
    *ret_len = len;
    return len ? 0 : -1;
}

/* Through the bus where there is one, else over systemd's own socket, which root and a user's own
 * manager have without a bus. */
static int connect_manager(struct dbus *dbus, bool user, struct err *err)
{
    struct err first;
    if (!user) {
        if (dbus_connect(dbus, "/run/dbus/system_bus_socket", true, &first) == 0 ||
            dbus_connect(dbus, "/run/systemd/private", false, err) == 0)
            return 0;
        return err_prefix(err, "--systemd-cgroup");
    }
    const char *dir = getenv("XDG_RUNTIME_DIR"), *bus = getenv("DBUS_SESSION_BUS_ADDRESS");
    if (bus && !strncmp(bus, "unix:path=", 10) &&
        dbus_connect(dbus, mem_strndup(bus + 10, strcspn(bus + 10, ",;")), true, &first) == 0)
        return 0;
    if (!dir || *dir != '/')
        return err_set(err, 0,
                       "--systemd-cgroup: no manager of this user: XDG_RUNTIME_DIR is not set");
    if (dbus_connect(dbus, mem_printf("%s/bus", dir), true, &first) == 0 ||
        dbus_connect(dbus, mem_printf("%s/systemd/private", dir), false, err) == 0)
        return 0;
    return err_prefix(err, "--systemd-cgroup: no manager of this user");
}

/* Manager.ControlGroup: where systemd's tree begins; "" for the root. */
static int manager_group(struct dbus *dbus, const char **ret, struct err *err)
{
    struct dbus_body body = {.signature = "ss"};
    struct dbus_message reply;
    dbus_put_string(&body, manager);
    dbus_put_string(&body, "ControlGroup");
    if (dbus_call(dbus, systemd, object, "org.freedesktop.DBus.Properties", "Get", &body, &reply,
                  NULL, err) < 0)
        return err_prefix(err, "--systemd-cgroup");
    /* A variant of a string: one byte of length, "s", NUL, then the string at its alignment. */
    struct dbus_message inner = reply;
    if (strcmp(reply.signature, "v") != 0 || reply.body_len < 8 ||
        memcmp(reply.body, "\1s", 3) != 0)
        return err_set(err, EPROTO, "--systemd-cgroup: ControlGroup");
    inner.signature = "s";
    inner.body += 4;
    inner.body_len -= 4;
    const char *group = dbus_string(&inner, 0);
    if (!group || strstr(group, "/.."))
        return err_set(err, EPROTO, "--systemd-cgroup: ControlGroup");
    *ret = strcmp(group, "/") ? mem_strdup(group) : "";
    return 0;
}

int scope_plan(struct cgroup *cg, const char *cgroups_path, const char *id, struct err *err)
{
    struct dbus dbus;
    const char *slice, *unit, *top = "";
    bool user = !caller_privileged();
    if (access("/run/systemd/system", F_OK) < 0)
        return err_set(err, 0,
                       "--systemd-cgroup: systemd does not run here; use --cgroup-manager "
                       "cgroupfs");
    if (scope_names(cgroups_path, id, user, &slice, &unit, err) < 0 ||
        connect_manager(&dbus, user, err) < 0)
        return -1;
    int rc = manager_group(&dbus, &top, err);
    dbus_close(&dbus);
    if (rc < 0)
        return -1;
    cgroup_set_path(cg, mem_printf("%s%s/%s", top, scope_slice_path(slice), unit));
    cg->scope = unit;
    cg->scope_user = user;
    return 0;
}

/* One property (sv) of a unit. */
static void property(struct dbus_body *to, const char *name, const char *type)
{
    dbus_align(to, 8);
    dbus_put_string(to, name);
    dbus_put_signature(to, type);
}

static void property_u64(struct dbus_body *to, const char *name, uint64_t value)
{
    property(to, name, "t");
    dbus_put_u64(to, value);
}

static void property_string(struct dbus_body *to, const char *name, const char *value)
{
    property(to, name, "s");
    dbus_put_string(to, value);
}

static void property_bool(struct dbus_body *to, const char *name, bool value)
{
    property(to, name, "b");
    dbus_put_u32(to, value);
}

static int property_mask(struct dbus_body *to, const char *name, const char *list, struct err *err)
{
    uint8_t *mask;
    size_t len;
    if (!list || !*list)
        return 0;
    if (scope_cpu_mask(list, &mask, &len) < 0)
        return err_set(err, 0, "linux.resources.cpu: '%s' is not a list of numbers and ranges",
                       list);
    property(to, name, "ay");
    size_t array = dbus_array_begin(to, 1);
    for (size_t i = 0; i < len; i++)
        dbus_put_byte(to, mask[i]);
    dbus_array_end(to, array, 1);
    return 0;
}

/* -1 is systemd's "infinity". */
static uint64_t or_infinity(int64_t value)
{
    return value < 0 ? UINT64_MAX : (uint64_t)value;
}

/* Microseconds of CPU a second, as systemd has a quota, rounded up to its 10 ms as it does. */
static uint64_t quota_per_second(const struct spec_resources *res)
{
    uint64_t period = res->cpu_period.value ? res->cpu_period.value : 100000;
    if (res->cpu_quota.value < 0)
        return UINT64_MAX;
    double usec_of_second = (double)res->cpu_quota.value * 1e6 / (double)period;
    if (usec_of_second > 1e15)
        return UINT64_MAX;
    uint64_t usec = (uint64_t)usec_of_second;
    return (usec + 9999) / 10000 * 10000;
}

/* Limits as properties: what systemd would take back on a reload if it did not know. The runtime
 * writes them itself as well, with those that are no properties. */
static int put_limits(struct dbus_body *to, const struct cgroup *cg,
                      const struct spec_resources *res, struct err *err)
{
    bool v2 = cg->mode == CGROUP_V2;
    int64_t limit = res->mem_limit.value, swap = res->mem_swap.value;
    if (limit != 0)
        property_u64(to, v2 ? "MemoryMax" : "MemoryLimit", or_infinity(limit));
    if (v2 && swap != 0 && (swap < 0 || (limit > 0 && swap >= limit)))
        property_u64(to, "MemorySwapMax", swap < 0 ? UINT64_MAX : (uint64_t)(swap - limit));
    if (v2 && res->mem_reservation.value != 0)
        property_u64(to, "MemoryLow", or_infinity(res->mem_reservation.value));
    if (res->cpu_shares.value)
        property_u64(to, v2 ? "CPUWeight" : "CPUShares",
                     v2 ? limit_weight_of_shares(res->cpu_shares.value) : res->cpu_shares.value);
    if (res->cpu_quota.value != 0) {
        property_u64(to, "CPUQuotaPeriodUSec",
                     res->cpu_period.value ? res->cpu_period.value : 100000);
        property_u64(to, "CPUQuotaPerSecUSec", quota_per_second(res));
    }
    if (res->pids_limit.set)
        property_u64(to, "TasksMax",
                     res->pids_limit.value > 0 ? (uint64_t)res->pids_limit.value : UINT64_MAX);
    if (v2 && res->blkio_weight.value)
        property_u64(to, "IOWeight", limit_io_weight(res->blkio_weight.value));
    if (!v2)
        return 0;
    return property_mask(to, "AllowedCPUs", res->cpus, err) < 0 ||
                   property_mask(to, "AllowedMemoryNodes", res->mems, err) < 0
               ? -1
               : 0;
}

/* The helper: it ends with the runtime, whatever becomes of that. */
static pid_t start_helper(struct err *err)
{
    pid_t runtime = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fds_close_except(0, NULL, 0);
        while (getppid() == runtime)
            pause();
        _exit(0);
    }
    if (pid < 0)
        err_set(err, errno, "--systemd-cgroup: fork");
    return pid;
}

/* A call whose work is a job; waits for its end. `*ret_error` names a refusal. */
static int run_job(struct dbus *dbus, const char *member, const struct dbus_body *body,
                   const char **ret_error, struct err *err)
{
    struct dbus_message m;
    struct dbus_body match = {.signature = "s"};
    dbus_put_string(&match, "type='signal',sender='org.freedesktop.systemd1',"
                            "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
    *ret_error = "";
    /* Over its own socket systemd sends signals unasked. */
    if (dbus->bus &&
        (dbus_call(dbus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                   "AddMatch", &match, &m, NULL, err) < 0 ||
         dbus_call(dbus, systemd, object, manager, "Subscribe", NULL, &m, NULL, err) < 0))
        return -1;
    if (dbus_call(dbus, systemd, object, manager, member, body, &m, ret_error, err) < 0)
        return -1;
    const char *job = dbus_string(&m, 0);
    if (!job)
        return err_set(err, EPROTO, "%s: no job", member);
    int64_t deadline = now_monotonic_ms() + DBUS_WAIT_MS;
    for (;;) {
        if (dbus_receive(dbus, deadline, &m, err) < 0)
            return err_prefix(err, "%s", member);
        /* uoss: number, job, unit, result */
        const char *which = dbus_string(&m, 0), *result = dbus_string(&m, 2);
        if (m.type != DBUS_SIGNAL || strcmp(m.member, "JobRemoved") != 0 || !which || !result ||
            strcmp(which, job) != 0)
            continue;
        return strcmp(result, "done") ? err_set(err, 0, "%s: %s", member, result) : 0;
    }
}

/* The signals of a job may come before the reply that names it, and are then lost in it: the group
 * tells. True when process `pid` is in the scope's group. */
static bool is_inside(const struct cgroup *cg, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "%d/cgroup", (int)pid);
    auto_fd fd = proc_open(path, O_RDONLY);
    char *text = fd < 0 ? NULL : fd_read_all(fd, 65536, NULL);
    const char *line = mem_printf(":%s\n", cg->path);
    return text && strstr(text, line);
}

static void unit_call(struct dbus *dbus, const char *member, const char *unit)
{
    struct dbus_body body = {.signature = "s"};
    struct dbus_message m;
    struct err ignored;
    dbus_put_string(&body, unit);
    dbus_call(dbus, systemd, object, manager, member, &body, &m, NULL, &ignored);
}

int scope_start(struct cgroup *cg, const struct spec_resources *res, const char *id,
                pid_t *ret_helper, struct err *err)
{
    struct dbus dbus;
    struct dbus_body body = {.signature = "ssa(sv)a(sa(sv))"};
    const char *error, *slash = strrchr(cg->path, '/');
    const char *parent = mem_strndup(cg->path, (size_t)(slash - cg->path));
    const char *slice = strrchr(parent, '/');
    pid_t helper = start_helper(err);
    if (helper < 0)
        return -1;
    *ret_helper = helper;
    dbus_put_string(&body, cg->scope);
    dbus_put_string(&body, "fail");
    size_t array = dbus_array_begin(&body, 8);
    property_string(&body, "Description", mem_printf("container %s of gemel-runtime", id));
    property_string(&body, "Slice", slice && strstr(slice, ".slice") ? slice + 1 : "-.slice");
    property_bool(&body, "DefaultDependencies", false);
    property_bool(&body, "Delegate", true);
    property(&body, "PIDs", "au");
    size_t pids = dbus_array_begin(&body, 4);
    dbus_put_u32(&body, (uint32_t)helper);
    dbus_array_end(&body, pids, 4);
    if (put_limits(&body, cg, res, err) < 0)
        return -1;
    dbus_array_end(&body, array, 8);
    dbus_array_end(&body, dbus_array_begin(&body, 8), 8);
    if (connect_manager(&dbus, cg->scope_user, err) < 0)
        return -1;
    int rc = run_job(&dbus, "StartTransientUnit", &body, &error, err);
    /* A scope that failed keeps its name until it is forgotten. */
    if (rc < 0 && !strcmp(error, "org.freedesktop.systemd1.UnitExists")) {
        unit_call(&dbus, "ResetFailedUnit", cg->scope);
        rc = run_job(&dbus, "StartTransientUnit", &body, &error, err);
    }
    dbus_close(&dbus);
    if (is_inside(cg, helper))
        return 0;
    /* Another container's, in another slice or state directory: not one to stop in the undoing. */
    if (rc < 0 && !strcmp(error, "org.freedesktop.systemd1.UnitExists"))
        cg->scope = NULL;
    return rc < 0 ? err_prefix(err, "--systemd-cgroup: %s", slash + 1)
                  : err_set(err, 0, "--systemd-cgroup: %s is not at %s", slash + 1, cg->path);
}

int scope_update(const struct cgroup *cg, const struct spec_resources *res, struct err *err)
{
    struct dbus dbus;
    struct dbus_body body = {.signature = "sba(sv)"};
    struct dbus_message m;
    dbus_put_string(&body, cg->scope);
    dbus_put_u32(&body, 1); /* until the next boot */
    size_t array = dbus_array_begin(&body, 8);
    if (put_limits(&body, cg, res, err) < 0)
        return -1;
    dbus_array_end(&body, array, 8);
    if (connect_manager(&dbus, cg->scope_user, err) < 0)
        return -1;
    int rc = dbus_call(&dbus, systemd, object, manager, "SetUnitProperties", &body, &m, NULL, err);
    dbus_close(&dbus);
    return rc < 0 ? err_prefix(err, "--systemd-cgroup: %s", cg->scope) : 0;
}

int scope_stop(const struct cgroup *cg, struct err *err)
{
    struct dbus dbus;
    struct dbus_body body = {.signature = "ss"};
    const char *error;
    if (connect_manager(&dbus, cg->scope_user, err) < 0)
        return -1;
    dbus_put_string(&body, cg->scope);
    dbus_put_string(&body, "replace");
    int rc = run_job(&dbus, "StopUnit", &body, &error, err);
    if (rc < 0 && !strcmp(error, "org.freedesktop.systemd1.NoSuchUnit"))
        rc = 0;
    unit_call(&dbus, "ResetFailedUnit", cg->scope);
    dbus_close(&dbus);
    return rc;
}
