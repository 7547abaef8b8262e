/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spec.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "caller.h"
#include "defences.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct ns_info ns_table[NS_N] = {
    [NS_USER] = {"user", "user", CLONE_NEWUSER},
    [NS_PID] = {"pid", "pid", CLONE_NEWPID},
    [NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
    [NS_NETWORK] = {"network", "net", CLONE_NEWNET},
    [NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
    [NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
    [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
    [NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

static int parse_namespaces(json_t *linux_obj, struct spec *spec, struct err *err)
{
    json_t *array;
    if (json_get_array(linux_obj, "linux", "namespaces", &array, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        const char *type = NULL, *path = NULL;
        char at[64];
        snprintf(at, sizeof at, "linux.namespaces[%zu]", i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_string(item, at, "type", &type, err) < 0 ||
            json_get_string(item, at, "path", &path, err) < 0)
            return -1;
        int kind = 0;
        while (kind < NS_N && (!type || strcmp(ns_table[kind].name, type) != 0))
            kind++;
        if (kind == NS_N)
            return err_set(err, 0, "%s.type: unknown namespace '%s'", at, type ? type : "");
        if (spec->ns[kind].present)
            return err_set(err, 0, "%s.type: %s is given twice", at, type);
        if (path && *path && *path != '/')
            return err_set(err, 0, "%s.path: must be absolute", at);
        spec->ns[kind].present = true;
        spec->ns[kind].path = path && *path ? path : NULL;
    }
    return 0;
}

int spec_parse_id_maps(json_t *object, const char *path, const char *key, struct spec_id_map **ret,
                       size_t *ret_n, struct err *err)
{
    json_t *array;
    if (json_get_array(object, path, key, &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    struct spec_id_map *maps = mem_array(n + 1, sizeof *maps);
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        bool container = false, host = false, size = false;
        char at[128];
        snprintf(at, sizeof at, "%s.%s[%zu]", path, key, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_u32(item, at, "containerID", &maps[i].container_id, &container, err) < 0 ||
            json_get_u32(item, at, "hostID", &maps[i].host_id, &host, err) < 0 ||
            json_get_u32(item, at, "size", &maps[i].size, &size, err) < 0)
            return -1;
        if (!container || !host || !size || maps[i].size == 0)
            return err_set(err, 0, "%s: needs containerID, hostID and a size above 0", at);
    }
    *ret = maps;
    *ret_n = n;
    return 0;
}

static int parse_propagation(json_t *linux_obj, struct spec *spec, struct err *err)
{
    static const struct {
        const char *name;
        uint64_t flag;
    } table[] = {
        {"shared", MS_SHARED},         {"rshared", MS_SHARED},         {"slave", MS_SLAVE},
        {"rslave", MS_SLAVE},          {"private", MS_PRIVATE},        {"rprivate", MS_PRIVATE},
        {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE},
    };
    const char *name = NULL;
    if (json_get_string(linux_obj, "linux", "rootfsPropagation", &name, err) < 0)
        return -1;
    if (!name || !*name)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!strcmp(name, table[i].name))
            spec->rootfs_propagation = table[i].flag;
    return spec->rootfs_propagation
               ? 0
               : err_set(err, 0, "linux.rootfsPropagation: unknown value '%s'", name);
}

static int parse_personality(json_t *linux_obj, struct spec *spec, struct err *err)
{
    json_t *personality, *flags;
    const char *domain = NULL;
    if (json_get_object(linux_obj, "linux", "personality", &personality, err) < 0)
        return -1;
    if (!personality)
        return 0;
    if (json_get_string(personality, "linux.personality", "domain", &domain, err) < 0 ||
        json_get_array(personality, "linux.personality", "flags", &flags, err) < 0)
        return -1;
    spec->has_personality = true;
    if (domain && !strcmp(domain, "LINUX"))
        spec->personality = 0;
    else if (domain && !strcmp(domain, "LINUX32"))
        spec->personality = 8;
    else
        return err_set(err, 0, "linux.personality.domain: must be LINUX or LINUX32");
    if (json_array_size(flags) > 0)
        return err_set(err, 0, "linux.personality.flags: none is supported");
    return 0;
}

/* Every path of a list must be absolute. */
static int check_absolute(const char **paths, size_t n, const char *field, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (*paths[i] != '/')
            return err_set(err, 0, "%s[%zu]: must be an absolute path", field, i);
    return 0;
}

/* No "." or ".." component: a cgroup path is used below many roots. */
static int check_cgroups_path(const char *path, struct err *err)
{
    if (!path)
        return 0;
    const char *at = path;
    while (*at) {
        size_t n = strcspn(at, "/");
        bool dots = (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.');
        if ((dots && defended(CGROUP_PATH)) || n > 255)
            return err_set(err, 0, "linux.cgroupsPath: '%s' has a component that is not a name",
                           path);
        at += n;
        while (*at == '/')
            at++;
    }
    if (strlen(path) > 2048 || strchr(path, '\n'))
        return err_set(err, 0, "linux.cgroupsPath: not a path");
    return strspn(path, "/") == strlen(path) && *path
               ? err_set(err, 0, "linux.cgroupsPath: the root group cannot be a container's")
               : 0;
}

static int parse_linux(json_t *json, struct spec *spec, struct err *err)
{
    json_t *obj, *resources, *rdt;
    if (json_get_object(json, "", "linux", &obj, err) < 0)
        return -1;
    if (!obj)
        return 0;
    if (parse_namespaces(obj, spec, err) < 0 ||
        spec_parse_id_maps(obj, "linux", "uidMappings", &spec->uid_maps, &spec->n_uid_maps, err) <
            0 ||
        spec_parse_id_maps(obj, "linux", "gidMappings", &spec->gid_maps, &spec->n_gid_maps, err) <
            0 ||
        json_get_object(obj, "linux", "timeOffsets", &spec->time_offsets, err) < 0 ||
        spec_parse_devices(obj, spec, err) < 0 ||
        json_get_object(obj, "linux", "sysctl", &spec->sysctl, err) < 0 ||
        json_get_string(obj, "linux", "cgroupsPath", &spec->cgroups_path, err) < 0 ||
        json_get_object(obj, "linux", "resources", &resources, err) < 0 ||
        parse_propagation(obj, spec, err) < 0 ||
        json_get_strings(obj, "linux", "maskedPaths", &spec->masked_paths, &spec->n_masked_paths,
                         err) < 0 ||
        json_get_strings(obj, "linux", "readonlyPaths", &spec->readonly_paths,
                         &spec->n_readonly_paths, err) < 0 ||
        json_get_object(obj, "linux", "seccomp", &spec->seccomp, err) < 0 ||
        json_get_string(obj, "linux", "mountLabel", &spec->mount_label, err) < 0 ||
        json_get_object(obj, "linux", "intelRdt", &rdt, err) < 0 ||
        parse_personality(obj, spec, err) < 0)
        return -1;
    if (spec->cgroups_path && !*spec->cgroups_path)
        spec->cgroups_path = NULL;
    if (rdt)
        return err_set(err, 0, "linux.intelRdt: not supported");
    if (resources && spec_parse_resources(resources, "linux.resources", &spec->resources, err) < 0)
        return -1;
    if (check_cgroups_path(spec->cgroups_path, err) < 0 ||
        check_absolute(spec->masked_paths, spec->n_masked_paths, "linux.maskedPaths", err) < 0)
        return -1;
    return check_absolute(spec->readonly_paths, spec->n_readonly_paths, "linux.readonlyPaths", err);
}

enum ns_kind spec_sysctl_namespace(const char *key)
{
    static const char *const ipc[] = {
        "kernel.msgmax",      "kernel.msgmnb",      "kernel.msgmni",          "kernel.sem",
        "kernel.shmall",      "kernel.shmmax",      "kernel.shmmni",          "kernel.msg_next_id",
        "kernel.sem_next_id", "kernel.shm_next_id", "kernel.shm_rmid_forced", "kernel.auto_msgmni"};
    char *dotted = mem_strdup(key);
    for (char *p = dotted; *p; p++)
        *p = *p == '/' ? '.' : *p;
    if (!strncmp(dotted, "net.", 4))
        return NS_NETWORK;
    if (!strncmp(dotted, "fs.mqueue.", 10))
        return NS_IPC;
    for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
        if (!strcmp(dotted, ipc[i]))
            return NS_IPC;
    return !strcmp(dotted, "kernel.domainname") ? NS_UTS : NS_N;
}

/* Sysctls that belong to a namespace of the container; any other would change the host. */
static int check_sysctls(const struct spec *spec, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach (spec->sysctl, key, value) {
        if (!json_own_string(value))
            return err_set(err, 0, "linux.sysctl.%s: must be a string", key);
        size_t n = strlen(key);
        if (n == 0 || n > 255 || strstr(key, "..") || strstr(key, "//") || *key == '/')
            return err_set(err, 0, "linux.sysctl: '%s' is not a name", key);
        enum ns_kind needs = spec_sysctl_namespace(key);
        if (needs == NS_N)
            return err_set(
                err, 0, "linux.sysctl.%s: belongs to no namespace, it would change the host", key);
        if (!spec->ns[needs].present)
            return err_set(err, 0, "linux.sysctl.%s: needs a %s namespace of its own", key,
                           ns_table[needs].name);
    }
    return 0;
}

/* linux.timeOffsets: what /proc/PID/timens_offsets takes. */
static int check_time_offsets(const struct spec *spec, struct err *err)
{
    const char *clock;
    json_t *value;
    if (!spec->time_offsets)
        return 0;
    if (!spec->ns[NS_TIME].present || spec->ns[NS_TIME].path)
        return err_set(err, 0, "linux.timeOffsets: need a new time namespace");
    json_object_foreach (spec->time_offsets, clock, value) {
        int64_t secs = 0;
        uint32_t nanosecs = 0;
        char at[64];
        snprintf(at, sizeof at, "linux.timeOffsets.%.32s", clock);
        if (strcmp(clock, "monotonic") != 0 && strcmp(clock, "boottime") != 0)
            return err_set(err, 0, "%s: must be monotonic or boottime", at);
        if (!json_is_object(value))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_i64(value, at, "secs", &secs, NULL, err) < 0 ||
            json_get_u32(value, at, "nanosecs", &nanosecs, NULL, err) < 0)
            return -1;
        if (nanosecs > 999999999)
            return err_set(err, 0, "%s.nanosecs: a second or more", at);
    }
    return 0;
}

bool spec_own_mounts(const struct spec *spec)
{
    return spec->ns[NS_MOUNT].present && !spec->ns[NS_MOUNT].path;
}

/* Without a mount namespace of its own, whatever is mounted would be mounted on the host or in
 * somebody else's namespace, and stay there. Such a container is changed to its root and no more.
 */
static int check_own_mounts(const struct spec *spec, struct err *err)
{
    if (spec_own_mounts(spec))
        return 0;
    const struct {
        bool asked;
        const char *field;
    } rows[] = {
        {spec->n_mounts > 0, "mounts"},
        {spec->root_readonly, "root.readonly"},
        {spec->process.terminal, "process.terminal"},
        {spec->n_masked_paths > 0, "linux.maskedPaths"},
        {spec->n_readonly_paths > 0, "linux.readonlyPaths"},
        {spec->rootfs_propagation != 0, "linux.rootfsPropagation"},
        {spec->ns[NS_USER].present, "linux.namespaces: a user namespace"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].asked)
            return err_set(err, 0, "%s: needs a new mount namespace", rows[i].field);
    return 0;
}

/* A configuration for another platform has nothing for this one; one for several has "linux" too.
 */
static int check_platform(const json_t *json, struct err *err)
{
    static const char *const others[] = {"windows", "solaris", "vm", "zos", "freebsd"};
    for (size_t i = 0; i < ARRAY_LEN(others) && !json_object_get(json, "linux"); i++)
        if (json_object_get(json, others[i]))
            return err_set(err, 0, "%s: this runtime makes Linux containers, and linux is missing",
                           others[i]);
    return 0;
}

/* MAJOR.MINOR.PATCH with what SemVer 2.0.0 lets follow; any 1.x is compatible. */
static int check_version(const char *version, struct err *err)
{
    const char *at = version ? version : "";
    bool good = at[0] == '1' && at[1] == '.';
    at += good ? 2 : 0;
    for (int part = 0; part < 2 && good; part++) {
        size_t n = strspn(at, "0123456789");
        good = n > 0 && n < 10 && (n == 1 || *at != '0') && (part == 1 || at[n] == '.');
        at += n + (part == 0 && good);
    }
    if (good && *at)
        good =
            (*at == '-' || *at == '+') && at[1] &&
            strspn(at + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-") ==
                strlen(at + 1);
    return good ? 0 : err_set(err, 0, "ociVersion: must be 1.x.y, is '%s'", version ? version : "");
}

int spec_validate(const struct spec *spec, struct err *err)
{
    if (check_own_mounts(spec, err) < 0)
        return -1;
    if ((spec->hostname || spec->domainname) && !spec->ns[NS_UTS].present)
        return err_set(err, 0, "%s: needs a uts namespace of its own",
                       spec->hostname ? "hostname" : "domainname");
    if (spec->hostname && strlen(spec->hostname) > 64)
        return err_set(err, 0, "hostname: longer than 64");
    if (spec->domainname && strlen(spec->domainname) > 64)
        return err_set(err, 0, "domainname: longer than 64");
    bool new_user = spec->ns[NS_USER].present && !spec->ns[NS_USER].path;
    /* Beside a path they tell what that namespace has: engines write them, and mounts use them. */
    if ((spec->n_uid_maps || spec->n_gid_maps) && !spec->ns[NS_USER].present)
        return err_set(err, 0, "linux.uidMappings: need a new user namespace");
    /* A user without privileges may leave both out: caller_default_maps(). */
    bool no_maps = !spec->n_uid_maps && !spec->n_gid_maps && !caller_privileged();
    if (new_user && !no_maps && (!spec->n_uid_maps || !spec->n_gid_maps))
        return err_set(err, 0, "linux.uidMappings, gidMappings: a new user namespace needs both");
    if (check_time_offsets(spec, err) < 0)
        return -1;
    return check_sysctls(spec, err);
}

int spec_parse(json_t *json, struct spec *spec, struct err *err)
{
    json_t *root, *process;
    memset(spec, 0, sizeof *spec);
    spec->json = json;
    if (!json_is_object(json))
        return err_set(err, 0, "config.json: must be an object");
    if (json_get_string(json, "", "ociVersion", &spec->oci_version, err) < 0 ||
        json_get_string(json, "", "hostname", &spec->hostname, err) < 0 ||
        json_get_string(json, "", "domainname", &spec->domainname, err) < 0 ||
        json_get_object(json, "", "root", &root, err) < 0 ||
        json_get_string(root, "root", "path", &spec->root_path, err) < 0 ||
        json_get_bool(root, "root", "readonly", &spec->root_readonly, err) < 0 ||
        json_get_object(json, "", "annotations", &spec->annotations, err) < 0 ||
        json_get_object(json, "", "process", &process, err) < 0)
        return -1;
    if (check_version(spec->oci_version, err) < 0 || check_platform(json, err) < 0)
        return -1;
    if (!spec->root_path || !*spec->root_path)
        return err_set(err, 0, "root.path: missing");
    if (spec->hostname && !*spec->hostname)
        spec->hostname = NULL;
    if (spec->domainname && !*spec->domainname)
        spec->domainname = NULL;
    const char *key;
    json_t *value;
    json_object_foreach (spec->annotations, key, value) {
        if (!json_own_string(value) || !*key)
            return err_set(err, 0, "annotations.%s: must be a string", key);
    }
    spec->has_process = process != NULL;
    spec->process.cwd = "/";
    if ((process && spec_parse_process(process, "process", &spec->process, err) < 0) ||
        spec_parse_mounts(json, spec, err) < 0 || spec_parse_hooks(json, spec, err) < 0 ||
        parse_linux(json, spec, err) < 0 || spec_check_mounts(spec, err) < 0)
        return -1;
    return spec_validate(spec, err);
}
