/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * config.json as C structures, checked.
 *
 * Everything is parsed and validated here, before any process or directory is made. What is wrong,
 * or what this runtime or host cannot do, is an error that names the field. Strings point into the
 * document (json.h).
 */
#pragma once

#include <sched.h>

#include "json_cut.h"

enum ns_kind { NS_USER, NS_PID, NS_MOUNT, NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_N };

struct ns_info {
    const char *name; /* in config.json */
    const char *proc; /* in /proc/PID/ns */
    uint64_t flag;    /* CLONE_NEW… */
};
extern const struct ns_info ns_table[NS_N];

struct spec_namespace {
    bool present;
    const char *path; /* NULL: a new one */
};

struct spec_id_map {
    uint32_t container_id, host_id, size;
};

struct spec_rlimit {
    const char *type;
    int resource; /* RLIMIT_… */
    uint64_t soft, hard;
};

/* Indices of the five capability sets. */
enum cap_set {
    CAPSET_BOUNDING,
    CAPSET_EFFECTIVE,
    CAPSET_INHERITABLE,
    CAPSET_PERMITTED,
    CAPSET_AMBIENT,
    CAPSET_N
};

struct spec_process {
    bool terminal, no_new_privileges;
    uint32_t console_width, console_height;
    uint32_t uid, gid, umask;
    bool has_umask;
    uint32_t *gids;
    size_t n_gids;
    const char **args, **env;
    size_t n_args, n_env;
    const char *cwd;
    bool has_caps;
    uint64_t caps[CAPSET_N];  /* bit masks */
    const char *unknown_caps; /* names that mean nothing here, for a warning; or NULL */
    struct spec_rlimit *rlimits;
    size_t n_rlimits;
    int64_t oom_score_adj;
    bool has_oom_score_adj;
    const char *apparmor, *selinux;
    bool has_scheduler;
    const char *sched_policy;
    uint32_t sched_policy_number;
    int64_t sched_nice, sched_priority;
    uint64_t sched_flags, sched_runtime, sched_deadline, sched_period;
    bool has_io_priority;
    int64_t io_class, io_priority;
    const char *affinity_initial, *affinity_final; /* lists of CPUs for exec, or NULL */
};

struct spec_mount {
    size_t index; /* in "mounts", for messages */
    const char *destination, *type, *source;
    const char **options;
    size_t n_options;
    struct spec_id_map *uid_maps, *gid_maps;
    size_t n_uid_maps, n_gid_maps;
};

struct spec_device {
    const char *path;
    uint32_t kind; /* S_IFCHR, S_IFBLK or S_IFIFO */
    uint32_t major, minor, mode, uid, gid;
};

struct spec_device_rule {
    bool allow;
    char type;            /* 'a', 'b', 'c' */
    int64_t major, minor; /* -1: any */
    bool read, write, mknod;
};

struct spec_hook {
    const char *path;
    const char **args, **env;
    int64_t timeout_s; /* 0: none */
};

enum hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_N
};
extern const char *const hook_names[HOOK_N];

/* A number that may be absent. */
struct opt_i64 {
    bool set;
    int64_t value;
};
struct opt_u64 {
    bool set;
    uint64_t value;
};

struct spec_throttle {
    uint64_t major, minor, rate;
};

enum throttle_kind {
    THROTTLE_READ_BPS,
    THROTTLE_WRITE_BPS,
    THROTTLE_READ_IOPS,
    THROTTLE_WRITE_IOPS,
    THROTTLE_N
};

struct spec_resources {
    struct opt_i64 mem_limit, mem_reservation, mem_swap, mem_kernel, mem_kernel_tcp;
    struct opt_u64 mem_swappiness;
    bool mem_disable_oom_killer, mem_check_before_update;
    struct opt_u64 cpu_shares, cpu_period, cpu_burst, cpu_rt_period;
    struct opt_i64 cpu_quota, cpu_rt_runtime, cpu_idle;
    const char *cpus, *mems;
    struct opt_i64 pids_limit;
    struct opt_u64 blkio_weight;
    struct spec_throttle *throttle[THROTTLE_N];
    size_t n_throttle[THROTTLE_N];
    struct spec_throttle *weight_devices; /* rate is the weight */
    size_t n_weight_devices;
    json_t *hugepages; /* validated array or NULL */
    json_t *rdma, *unified;
    struct opt_u64 net_class_id;
    json_t *net_priorities;
    struct spec_device_rule *devices;
    size_t n_devices;
};

struct spec {
    json_t *json;
    const char *oci_version, *hostname, *domainname;
    const char *root_path;
    bool root_readonly;
    bool has_process; /* without one, cwd is "/" and args are empty */
    struct spec_process process;
    struct spec_mount *mounts;
    size_t n_mounts;
    struct spec_hook *hooks[HOOK_N];
    size_t n_hooks[HOOK_N];
    json_t *annotations;
    struct spec_namespace ns[NS_N];
    struct spec_id_map *uid_maps, *gid_maps;
    size_t n_uid_maps, n_gid_maps;
    json_t *time_offsets; /* checked: clock name to {secs, nanosecs} */
    struct spec_device *devices;
    size_t n_devices;
    json_t *sysctl;
    const char *cgroups_path;
    struct spec_resources resources;
    uint64_t rootfs_propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0 */
    const char **masked_paths, **readonly_paths;
    size_t n_masked_paths, n_readonly_paths;
    json_t *seccomp;                  /* NULL: none; compiled by filter.h */
    struct json_cut seccomp_syscalls; /* left out of it: put there by who read the document */
    const char *mount_label;
    bool has_personality;
    uint64_t personality;
};

/* Parses a whole configuration. `json` stays borrowed. */
int spec_parse(json_t *json, struct spec *spec, struct err *err);

/* Parses one process object, as in config.json or for exec --process; `path` is for messages. */
int spec_parse_process(json_t *json, const char *path, struct spec_process *process,
                       struct err *err);

/* A list of CPUs like "0-3,7" as a set. 0, or -1 when it is none or names a CPU beyond the set. */
int spec_parse_cpus(const char *list, cpu_set_t *ret);

/* Parses linux.resources, as in config.json or for `update --resources`. */
int spec_parse_resources(json_t *json, const char *path, struct spec_resources *res,
                         struct err *err);

/* uid/gid mappings of an object's key. */
int spec_parse_id_maps(json_t *object, const char *path, const char *key, struct spec_id_map **ret,
                       size_t *ret_n, struct err *err);

/* mounts, devices, hooks: spec_mounts.c */
int spec_parse_mounts(json_t *json, struct spec *spec, struct err *err);
int spec_check_mounts(struct spec *spec, struct err *err); /* once linux is parsed, too */
int spec_parse_devices(json_t *linux_obj, struct spec *spec, struct err *err);
int spec_parse_hooks(json_t *json, struct spec *spec, struct err *err);

/* True when the container has a mount namespace of its own, in which mounts may be made. */
bool spec_own_mounts(const struct spec *spec);

/* The namespace that a sysctl belongs to; NS_N when to none. */
enum ns_kind spec_sysctl_namespace(const char *key);

/* Checks that need the whole: namespaces against hostname, sysctl, mappings. */
int spec_validate(const struct spec *spec, struct err *err);
