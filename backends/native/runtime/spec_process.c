/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process: the part of config.json that `exec --process` has as a file of its own. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "caps.h"
#include "spec.h"

static const struct {
    const char *name;
    int resource;
} rlimit_table[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static int parse_rlimits(json_t *json, const char *path, struct spec_process *process,
                         struct err *err)
{
    json_t *array;
    if (json_get_array(json, path, "rlimits", &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    process->rlimits = mem_array(n + 1, sizeof *process->rlimits);
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        struct spec_rlimit *limit = &process->rlimits[i];
        bool soft = false, hard = false;
        char at[128];
        snprintf(at, sizeof at, "%s.rlimits[%zu]", path, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_string(item, at, "type", &limit->type, err) < 0 ||
            json_get_u64(item, at, "soft", &limit->soft, &soft, err) < 0 ||
            json_get_u64(item, at, "hard", &limit->hard, &hard, err) < 0)
            return -1;
        if (!limit->type || !soft || !hard)
            return err_set(err, 0, "%s: needs type, soft and hard", at);
        limit->resource = -1;
        for (size_t k = 0; k < ARRAY_LEN(rlimit_table); k++)
            if (!strcmp(limit->type, rlimit_table[k].name))
                limit->resource = rlimit_table[k].resource;
        if (limit->resource < 0)
            return err_set(err, 0, "%s.type: unknown limit '%s'", at, limit->type);
        if (limit->soft > limit->hard)
            return err_set(err, 0, "%s: soft limit is above the hard one", at);
        for (size_t k = 0; k < i; k++)
            if (process->rlimits[k].resource == limit->resource)
                return err_set(err, 0, "%s.type: %s is given twice", at, limit->type);
    }
    process->n_rlimits = n;
    return 0;
}

static int parse_caps(json_t *json, const char *path, struct spec_process *process, struct err *err)
{
    static const char *const keys[CAPSET_N] = {
        [CAPSET_BOUNDING] = "bounding",       [CAPSET_EFFECTIVE] = "effective",
        [CAPSET_INHERITABLE] = "inheritable", [CAPSET_PERMITTED] = "permitted",
        [CAPSET_AMBIENT] = "ambient",
    };
    json_t *caps;
    if (json_get_object(json, path, "capabilities", &caps, err) < 0)
        return -1;
    if (!caps)
        return 0;
    process->has_caps = true;
    char at[128];
    snprintf(at, sizeof at, "%s.capabilities", path);
    for (int set = 0; set < CAPSET_N; set++) {
        const char **names;
        size_t n;
        if (json_get_strings(caps, at, keys[set], &names, &n, err) < 0)
            return -1;
        for (size_t i = 0; i < n; i++) {
            int cap = caps_number(names[i]);
            if (cap >= 0)
                process->caps[set] |= UINT64_C(1) << cap;
            else /* "MUST be logged as a warning", not an error (config.md, "Linux Process") */
                process->unknown_caps =
                    process->unknown_caps ? mem_printf("%s, %.64s", process->unknown_caps, names[i])
                                          : mem_printf("%.64s", names[i]);
        }
    }
    return 0;
}

static int parse_user(json_t *json, const char *path, struct spec_process *process, struct err *err)
{
    json_t *user, *gids;
    char at[128];
    snprintf(at, sizeof at, "%s.user", path);
    if (json_get_object(json, path, "user", &user, err) < 0)
        return -1;
    if (!user)
        return 0;
    if (json_get_u32(user, at, "uid", &process->uid, NULL, err) < 0 ||
        json_get_u32(user, at, "gid", &process->gid, NULL, err) < 0 ||
        json_get_u32(user, at, "umask", &process->umask, &process->has_umask, err) < 0 ||
        json_get_array(user, at, "additionalGids", &gids, err) < 0)
        return -1;
    if (process->uid == UINT32_MAX || process->gid == UINT32_MAX)
        return err_set(err, 0, "%s: id 4294967295 is not an id", at);
    if (process->umask > 0777)
        return err_set(err, 0, "%s.umask: above 0777", at);
    size_t n = json_array_size(gids);
    process->gids = mem_array(n + 1, sizeof *process->gids);
    for (size_t i = 0; i < n; i++) {
        uint64_t gid;
        if (!json_u64(json_array_get(gids, i), &gid) || gid >= UINT32_MAX)
            return err_set(err, 0, "%s.additionalGids[%zu]: not a group id", at, i);
        process->gids[i] = (uint32_t)gid;
    }
    process->n_gids = n;
    return 0;
}

/* SCHED_… of linux/sched.h. */
static const struct {
    const char *name;
    uint32_t policy;
} sched_policies[] = {
    {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},       {"SCHED_BATCH", 3},
    {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6},
};

/* The policy's number, and values that its policy or its type cannot have. */
static int check_scheduler(const char *at, struct spec_process *process, struct err *err)
{
    size_t k = 0;
    while (k < ARRAY_LEN(sched_policies) &&
           (!process->sched_policy || strcmp(sched_policies[k].name, process->sched_policy) != 0))
        k++;
    if (k == ARRAY_LEN(sched_policies))
        return err_set(err, 0, "%s.policy: %s%s", at,
                       process->sched_policy ? "unknown " : "missing",
                       process->sched_policy ? process->sched_policy : "");
    process->sched_policy_number = sched_policies[k].policy;
    if (process->sched_nice < -20 || process->sched_nice > 19)
        return err_set(err, 0, "%s.nice: must be -20 to 19", at);
    if (process->sched_priority < 0 || process->sched_priority > 99)
        return err_set(err, 0, "%s.priority: must be 0 to 99", at);
    return 0;
}

static int parse_scheduler(json_t *json, const char *path, struct spec_process *process,
                           struct err *err)
{
    static const struct {
        const char *name;
        uint64_t flag;
    } flags[] = {
        {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
        {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
        {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
        {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
    };
    json_t *sched;
    const char **names;
    size_t n;
    char at[128];
    snprintf(at, sizeof at, "%s.scheduler", path);
    if (json_get_object(json, path, "scheduler", &sched, err) < 0)
        return -1;
    if (!sched)
        return 0;
    process->has_scheduler = true;
    if (json_get_string(sched, at, "policy", &process->sched_policy, err) < 0 ||
        json_get_i64(sched, at, "nice", &process->sched_nice, NULL, err) < 0 ||
        json_get_i64(sched, at, "priority", &process->sched_priority, NULL, err) < 0 ||
        json_get_u64(sched, at, "runtime", &process->sched_runtime, NULL, err) < 0 ||
        json_get_u64(sched, at, "deadline", &process->sched_deadline, NULL, err) < 0 ||
        json_get_u64(sched, at, "period", &process->sched_period, NULL, err) < 0 ||
        json_get_strings(sched, at, "flags", &names, &n, err) < 0)
        return -1;
    if (check_scheduler(at, process, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(flags) && strcmp(flags[k].name, names[i]) != 0)
            k++;
        if (k == ARRAY_LEN(flags))
            return err_set(err, 0, "%s.flags[%zu]: unknown flag '%s'", at, i, names[i]);
        process->sched_flags |= flags[k].flag;
    }
    return 0;
}

static int parse_io_priority(json_t *json, const char *path, struct spec_process *process,
                             struct err *err)
{
    json_t *io;
    const char *class = NULL;
    char at[128];
    snprintf(at, sizeof at, "%s.ioPriority", path);
    if (json_get_object(json, path, "ioPriority", &io, err) < 0)
        return -1;
    if (!io)
        return 0;
    if (json_get_string(io, at, "class", &class, err) < 0 ||
        json_get_i64(io, at, "priority", &process->io_priority, &process->has_io_priority, err) < 0)
        return -1;
    if (!process->has_io_priority)
        return err_set(err, 0, "%s.priority: missing", at);
    if (class && !strcmp(class, "IOPRIO_CLASS_RT"))
        process->io_class = 1;
    else if (class && !strcmp(class, "IOPRIO_CLASS_BE"))
        process->io_class = 2;
    else if (class && !strcmp(class, "IOPRIO_CLASS_IDLE"))
        process->io_class = 3;
    else
        return err_set(err, 0, "%s.class: must be IOPRIO_CLASS_RT, _BE or _IDLE", at);
    if (process->io_priority < 0 || process->io_priority > 7)
        return err_set(err, 0, "%s.priority: must be 0 to 7", at);
    return 0;
}

int spec_parse_cpus(const char *list, cpu_set_t *ret)
{
    CPU_ZERO(ret);
    for (const char *at = list;; at++) {
        char *end;
        if (*at < '0' || *at > '9')
            return -1;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == '-') {
            at = end + 1;
            if (*at < '0' || *at > '9')
                return -1;
            last = strtoul(at, &end, 10);
        }
        if (first > last || last >= CPU_SETSIZE)
            return -1;
        for (; first <= last; first++)
            CPU_SET(first, ret);
        if (!*end)
            return 0;
        if (*end != ',')
            return -1;
        at = end;
    }
}

static int parse_affinity(json_t *json, const char *path, struct spec_process *process,
                          struct err *err)
{
    json_t *affinity;
    char at[128];
    snprintf(at, sizeof at, "%s.execCPUAffinity", path);
    if (json_get_object(json, path, "execCPUAffinity", &affinity, err) < 0 ||
        json_get_string(affinity, at, "initial", &process->affinity_initial, err) < 0 ||
        json_get_string(affinity, at, "final", &process->affinity_final, err) < 0)
        return -1;
    const char **lists[] = {&process->affinity_initial, &process->affinity_final};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        cpu_set_t set;
        if (*lists[i] && !**lists[i])
            *lists[i] = NULL;
        if (*lists[i] && spec_parse_cpus(*lists[i], &set) < 0)
            return err_set(err, 0, "%s.%s: '%s' is not a list of CPUs", at, i ? "final" : "initial",
                           *lists[i]);
    }
    return 0;
}

/* Only for a process that has a terminal (config.md: "MUST ignore"). */
static int parse_console_size(json_t *json, const char *path, struct spec_process *process,
                              struct err *err)
{
    json_t *size;
    bool height = false, width = false;
    char at[128];
    snprintf(at, sizeof at, "%s.consoleSize", path);
    if (!process->terminal)
        return 0;
    if (json_get_object(json, path, "consoleSize", &size, err) < 0 ||
        json_get_u32(size, at, "height", &process->console_height, &height, err) < 0 ||
        json_get_u32(size, at, "width", &process->console_width, &width, err) < 0)
        return -1;
    if (size && (!height || !width))
        return err_set(err, 0, "%s: needs height and width", at);
    if (process->console_height > UINT16_MAX || process->console_width > UINT16_MAX)
        return err_set(err, 0, "%s: out of range", at);
    return 0;
}

int spec_parse_process(json_t *json, const char *path, struct spec_process *process,
                       struct err *err)
{
    memset(process, 0, sizeof *process);
    if (!json_is_object(json))
        return err_set(err, 0, "%s: must be an object", path);
    if (json_get_bool(json, path, "terminal", &process->terminal, err) < 0 ||
        parse_console_size(json, path, process, err) < 0 ||
        json_get_string(json, path, "cwd", &process->cwd, err) < 0 ||
        json_get_strings(json, path, "args", &process->args, &process->n_args, err) < 0 ||
        json_get_strings(json, path, "env", &process->env, &process->n_env, err) < 0 ||
        json_get_bool(json, path, "noNewPrivileges", &process->no_new_privileges, err) < 0 ||
        json_get_i64(json, path, "oomScoreAdj", &process->oom_score_adj,
                     &process->has_oom_score_adj, err) < 0 ||
        json_get_string(json, path, "apparmorProfile", &process->apparmor, err) < 0 ||
        json_get_string(json, path, "selinuxLabel", &process->selinux, err) < 0 ||
        parse_user(json, path, process, err) < 0 || parse_caps(json, path, process, err) < 0 ||
        parse_rlimits(json, path, process, err) < 0 ||
        parse_scheduler(json, path, process, err) < 0 ||
        parse_io_priority(json, path, process, err) < 0 ||
        parse_affinity(json, path, process, err) < 0)
        return -1;
    if (!process->cwd || *process->cwd != '/')
        return err_set(err, 0, "%s.cwd: must be an absolute path", path);
    if (process->n_args == 0 || !*process->args[0])
        return err_set(err, 0, "%s.args: must name a program", path);
    for (size_t i = 0; i < process->n_env; i++)
        if (!strchr(process->env[i], '=') || *process->env[i] == '=')
            return err_set(err, 0, "%s.env[%zu]: must be NAME=VALUE", path, i);
    if (process->has_oom_score_adj &&
        (process->oom_score_adj < -1000 || process->oom_score_adj > 1000))
        return err_set(err, 0, "%s.oomScoreAdj: must be -1000 to 1000", path);
    return 0;
}
