/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolation.c - the structure of isolation.h: its names, its life, and what a profile says. */
#include "backends/isolation.h"

#include <jansson.h>
#include <sched.h>
#include <string.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
    const char *name;
    int flag;
} namespaces[GEMEL_NS_N] = {
    [GEMEL_NS_MNT] = {"mnt", CLONE_NEWNS},           [GEMEL_NS_PID] = {"pid", CLONE_NEWPID},
    [GEMEL_NS_NET] = {"net", CLONE_NEWNET},          [GEMEL_NS_UTS] = {"uts", CLONE_NEWUTS},
    [GEMEL_NS_IPC] = {"ipc", CLONE_NEWIPC},          [GEMEL_NS_USER] = {"user", CLONE_NEWUSER},
    [GEMEL_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP}, [GEMEL_NS_TIME] = {"time", CLONE_NEWTIME},
};

const char *gemel_namespace_name(GemelNamespace ns)
{
    return ns < GEMEL_NS_N ? namespaces[ns].name : NULL;
}

int gemel_namespace_flag(GemelNamespace ns)
{
    return ns < GEMEL_NS_N ? namespaces[ns].flag : 0;
}

const char *gemel_cap_set_name(GemelCapSet set)
{
    static const char *const names[GEMEL_CAPS_N] = {
        [GEMEL_CAPS_EFFECTIVE] = "effective",     [GEMEL_CAPS_PERMITTED] = "permitted",
        [GEMEL_CAPS_INHERITABLE] = "inheritable", [GEMEL_CAPS_BOUNDING] = "bounding",
        [GEMEL_CAPS_AMBIENT] = "ambient",
    };

    return set < GEMEL_CAPS_N ? names[set] : NULL;
}

/* Their numbers: linux/capability.h. */
const char *gemel_capability_name(guint number)
{
    static const char *const names[] = {
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_MODULE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_MKNOD",
        "CAP_LEASE",
        "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE",
        "CAP_MAC_ADMIN",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    };

    return number < G_N_ELEMENTS(names) ? names[number] : NULL;
}

const char *gemel_isolation_part_name(GemelIsolationPart part)
{
    static const char *const names[GEMEL_ISOLATION_PART_N] = {
        [GEMEL_ISOLATION_NAMESPACES] = "namespaces",
        [GEMEL_ISOLATION_CGROUPS] = "cgroups",
        [GEMEL_ISOLATION_LIMITS] = "limits",
        [GEMEL_ISOLATION_CAPABILITIES] = "capabilities",
        [GEMEL_ISOLATION_SECCOMP] = "seccomp",
        [GEMEL_ISOLATION_PROFILE] = "profile",
        [GEMEL_ISOLATION_LSM] = "lsm",
        [GEMEL_ISOLATION_ROOT] = "root",
        [GEMEL_ISOLATION_MOUNTS] = "mounts",
        [GEMEL_ISOLATION_IDS] = "ids",
        [GEMEL_ISOLATION_GUEST] = "guest",
    };

    return part < GEMEL_ISOLATION_PART_N ? names[part] : NULL;
}

static void cgroup_free(gpointer data)
{
    GemelIsolationCgroup *cgroup = data;

    g_free(cgroup->controllers);
    g_free(cgroup->path);
    g_free(cgroup);
}

static void device_free(gpointer data)
{
    GemelIsolationDevice *device = data;

    g_free(device->what);
    g_free(device->name);
    g_free(device->model);
    g_free(device);
}

static void limit_clear(gpointer data)
{
    g_free(((GemelIsolationLimit *)data)->text);
}

static void mount_clear(gpointer data)
{
    GemelIsolationMount *mount = data;

    g_free(mount->target);
    g_free(mount->type);
    g_free(mount->source);
    g_free(mount->options);
}

GemelIsolation *gemel_isolation_new(void)
{
    GemelIsolation *isolation = g_new0(GemelIsolation, 1);

    isolation->uid = isolation->gid = -1;
    isolation->no_new_privs = isolation->seccomp_mode = isolation->seccomp_filters = -1;
    isolation->cgroups = g_ptr_array_new_with_free_func(cgroup_free);
    isolation->limits = g_array_new(FALSE, TRUE, sizeof(GemelIsolationLimit));
    g_array_set_clear_func(isolation->limits, limit_clear);
    isolation->profile_denied = g_ptr_array_new_with_free_func(g_free);
    isolation->lower = g_ptr_array_new_with_free_func(g_free);
    isolation->mounts = g_array_new(FALSE, TRUE, sizeof(GemelIsolationMount));
    g_array_set_clear_func(isolation->mounts, mount_clear);
    isolation->uid_map = g_array_new(FALSE, TRUE, sizeof(GemelIdRange));
    isolation->gid_map = g_array_new(FALSE, TRUE, sizeof(GemelIdRange));
    isolation->devices = g_ptr_array_new_with_free_func(device_free);
    return isolation;
}

void gemel_isolation_free(GemelIsolation *isolation)
{
    if (isolation == NULL)
        return;
    g_ptr_array_unref(isolation->cgroups);
    g_array_unref(isolation->limits);
    g_free(isolation->profile_default);
    g_ptr_array_unref(isolation->profile_denied);
    g_free(isolation->lsm_label);
    g_free(isolation->root_type);
    g_ptr_array_unref(isolation->lower);
    g_free(isolation->upper);
    g_free(isolation->work);
    g_array_unref(isolation->mounts);
    g_array_unref(isolation->uid_map);
    g_array_unref(isolation->gid_map);
    g_free(isolation->accelerator);
    g_free(isolation->machine);
    g_free(isolation->cpu_model);
    g_free(isolation->firmware);
    g_free(isolation->emulator);
    g_ptr_array_unref(isolation->devices);
    for (guint i = 0; i < GEMEL_ISOLATION_PART_N; i++)
        g_free(isolation->why[i]);
    g_free(isolation);
}

void gemel_isolation_set_why(GemelIsolation *isolation, GemelIsolationPart part, const char *format,
                             ...)
{
    va_list list;

    if (isolation->why[part] != NULL)
        return;
    va_start(list, format);
    isolation->why[part] = g_strdup_vprintf(format, list);
    va_end(list);
}

void gemel_isolation_no_process(GemelIsolation *isolation, const char *reason)
{
    static const GemelIsolationPart parts[] = {
        GEMEL_ISOLATION_NAMESPACES,   GEMEL_ISOLATION_CGROUPS, GEMEL_ISOLATION_LIMITS,
        GEMEL_ISOLATION_CAPABILITIES, GEMEL_ISOLATION_SECCOMP, GEMEL_ISOLATION_LSM,
        GEMEL_ISOLATION_ROOT,         GEMEL_ISOLATION_MOUNTS,  GEMEL_ISOLATION_IDS,
    };

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        gemel_isolation_set_why(isolation, parts[i], "%s", reason);
}

GemelIsolationDevice *gemel_isolation_add_device(GemelIsolation *isolation, const char *what,
                                                 const char *name, const char *model)
{
    GemelIsolationDevice *device = g_new0(GemelIsolationDevice, 1);

    device->what = g_strdup(what);
    device->name = g_strdup(name);
    device->model = g_strdup(model);
    device->is_paravirtual =
        model != NULL && (g_str_has_prefix(model, "virtio") || g_str_has_prefix(model, "xen") ||
                          g_str_has_prefix(model, "vhost"));
    g_ptr_array_add(isolation->devices, device);
    return device;
}

/* ---- the profile ---------------------------------------------------------------------------- */

/* System calls that matter when a container is to be held in, as they are known from reports of
   such ways out. */
static const char *const notable[] = {
    "acct",
    "add_key",
    "bpf",
    "delete_module",
    "finit_module",
    "fsopen",
    "init_module",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kexec_load",
    "keyctl",
    "mount",
    "move_mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setns",
    "settimeofday",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
};

/* "SCMP_ACT_KILL_PROCESS" -> "kill-process". */
static char *action_name(const char *action)
{
    char *name = g_ascii_strdown(
        g_str_has_prefix(action, "SCMP_ACT_") ? action + strlen("SCMP_ACT_") : action, -1);

    return g_strdelimit(name, "_", '-');
}

/* Whether the call goes on: logged, traced and asked-about ones do. */
static gboolean lets_through(const char *action)
{
    return action != NULL &&
           (strcmp(action, "SCMP_ACT_ALLOW") == 0 || strcmp(action, "SCMP_ACT_LOG") == 0 ||
            strcmp(action, "SCMP_ACT_TRACE") == 0 || strcmp(action, "SCMP_ACT_NOTIFY") == 0);
}

static void take_rules(json_t *rules, GHashTable *allowed, GHashTable *denied)
{
    json_t *rule, *name;
    size_t i, n;

    json_array_foreach (rules, i, rule) {
        const char *action = json_string_value(json_object_get(rule, "action"));
        gboolean conditional = json_array_size(json_object_get(rule, "args")) > 0;

        json_array_foreach (json_object_get(rule, "names"), n, name) {
            if (!json_is_string(name))
                continue;
            if (lets_through(action))
                g_hash_table_add(allowed, (gpointer)json_string_value(name));
            else if (!conditional)
                g_hash_table_add(denied, (gpointer)json_string_value(name));
        }
    }
}

void gemel_isolation_read_profile(GemelIsolation *isolation, const char *config_json)
{
    json_t *config = config_json != NULL ? json_loads(config_json, 0, NULL) : NULL;
    json_t *seccomp = json_object_get(json_object_get(config, "linux"), "seccomp");
    const char *by_default = json_string_value(json_object_get(seccomp, "defaultAction"));
    g_autoptr(GHashTable) allowed = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) denied = g_hash_table_new(g_str_hash, g_str_equal);

    if (by_default == NULL) {
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_PROFILE, "%s",
                                config == NULL ? "it has no config.json yet: start it once"
                                               : "its configuration asks for no filter");
        json_decref(config);
        return;
    }
    take_rules(json_object_get(seccomp, "syscalls"), allowed, denied);
    isolation->profile_default = action_name(by_default);
    isolation->profile_allowed = g_hash_table_size(allowed);
    for (guint i = 0; i < G_N_ELEMENTS(notable); i++)
        if (lets_through(by_default) ? g_hash_table_contains(denied, notable[i])
                                     : !g_hash_table_contains(allowed, notable[i]))
            g_ptr_array_add(isolation->profile_denied, g_strdup(notable[i]));
    json_decref(config);
}
