/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolation.c - what would hold a simulated instance in: as the real backends tell of theirs. */
#include <string.h>

#include "backends/sim/sim.h"

enum { SALT_NAMESPACES = 0x700 };

#define HOST_INODE G_GUINT64_CONSTANT(4026531834)
/* docker's and gemel's 14 capabilities, by linux/capability.h's numbers. */
#define CONTAINER_CAPS G_GUINT64_CONSTANT(0xa80425fb)
#define CAPS_LAST      40
#define ALL_CAPS       ((G_GUINT64_CONSTANT(1) << (CAPS_LAST + 1)) - 1)

static void add_range(GArray *map, guint64 inside, guint64 outside, guint64 count)
{
    GemelIdRange range = {inside, outside, count};

    g_array_append_val(map, range);
}

static void add_mount(GemelIsolation *out, const char *target, const char *type, const char *source,
                      const char *options)
{
    GemelIsolationMount mount = {.target = g_strdup(target),
                                 .type = g_strdup(type),
                                 .source = g_strdup(source),
                                 .options = g_strdup(options),
                                 .is_readonly = g_str_has_prefix(options, "ro")};

    g_array_append_val(out->mounts, mount);
    out->mounts_total++;
}

static void add_limit(GemelIsolation *out, const char *name, const char *unit, double value)
{
    GemelIsolationLimit limit = {name, unit, value > 0 ? value : -1, NULL};

    g_array_append_val(out->limits, limit);
}

static void add_cgroup(GemelIsolation *out, char *path)
{
    GemelIsolationCgroup *cgroup = g_new0(GemelIsolationCgroup, 1);

    cgroup->controllers = g_strdup("");
    cgroup->path = path;
    g_ptr_array_add(out->cgroups, cgroup);
}

/* `own` are those that the instance does not share with the host: bits 1<<GemelNamespace. */
static void set_namespaces(GemelIsolation *out, const SimInstance *instance, guint own)
{
    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        guint64 offset = sim_hash(instance->hash, SALT_NAMESPACES + ns) % 900;

        out->ns_host_inode[ns] = HOST_INODE + ns;
        out->ns_inode[ns] =
            (own >> ns) & 1u ? G_GUINT64_CONSTANT(4026532200) + offset : HOST_INODE + ns;
    }
}

static gboolean on_host_network(const SimInstance *instance)
{
    return g_strcmp0(instance->network, "host") == 0;
}

static void fill_container(GemelIsolation *out, const SimInstance *instance)
{
    static const char *const denied[] = {"bpf",    "kexec_load", "keyctl",  "mount",
                                         "ptrace", "setns",      "unshare", "userfaultfd"};
    guint own = 1u << GEMEL_NS_MNT | 1u << GEMEL_NS_PID | 1u << GEMEL_NS_UTS | 1u << GEMEL_NS_IPC |
                1u << GEMEL_NS_CGROUP | (on_host_network(instance) ? 0 : 1u << GEMEL_NS_NET);

    set_namespaces(out, instance, own);
    for (guint set = 0; set < GEMEL_CAPS_N; set++)
        out->caps[set] =
            set == GEMEL_CAPS_AMBIENT || set == GEMEL_CAPS_INHERITABLE ? 0 : CONTAINER_CAPS;
    out->uid = out->gid = 0;
    out->no_new_privs = 1;
    out->seccomp_mode = 2;
    out->seccomp_filters = 1;
    add_cgroup(out, g_strdup_printf("/gemel/%s", instance->id));
    add_limit(out, "cpu", "CPUs", instance->cpu_limit);
    add_limit(out, "memory", "B", (double)instance->memory_bytes);
    add_limit(out, "pids", "", (double)instance->pids_limit);
    out->root_type = g_strdup("overlay");
    out->root_readonly = instance->read_only;
    for (guint i = 0; i <= instance->snapshots->len; i++)
        g_ptr_array_add(out->lower, g_strdup_printf("l/%u/fs", instance->snapshots->len - i));
    out->upper = g_strdup_printf("l/%u/fs", instance->snapshots->len + 1);
    out->work = g_strdup_printf("l/%u/work", instance->snapshots->len + 1);
    add_mount(out, "/", "overlay", "overlay", instance->read_only ? "ro" : "rw");
    add_mount(out, "/proc", "proc", "proc", "rw,nosuid,nodev,noexec");
    add_mount(out, "/dev", "tmpfs", "tmpfs", "rw,nosuid");
    add_mount(out, "/sys", "sysfs", "sysfs", "ro,nosuid,nodev,noexec");
    add_mount(out, "/proc/kcore", "tmpfs", "tmpfs", "ro");
    for (guint i = 0; i < G_N_ELEMENTS(denied); i++)
        g_ptr_array_add(out->profile_denied, g_strdup(denied[i]));
    out->profile_default = g_strdup("errno");
    out->profile_allowed = 364;
}

static void fill_qemu(GemelIsolation *out, const SimInstance *instance)
{
    set_namespaces(out, instance, 1u << GEMEL_NS_MNT);
    out->caps[GEMEL_CAPS_BOUNDING] = ALL_CAPS;
    out->uid = out->gid = 64055; /* libvirt-qemu */
    out->no_new_privs = 1;
    out->seccomp_mode = 2;
    out->seccomp_filters = 4;
    add_cgroup(out, g_strdup_printf("/machine.slice/machine-qemu\\x2d1\\x2d%s.scope/libvirt/"
                                    "emulator",
                                    instance->name));
    add_limit(out, "cpu", "CPUs", instance->cpu_limit);
    add_limit(out, "memory", "B", -1);
    add_limit(out, "pids", "", 16384);
    out->root_type = g_strdup("ext4");
    add_mount(out, "/", "ext4", "/dev/vda1", "rw,relatime");
    add_mount(out, "/dev", "tmpfs", "devfs", "rw,nosuid,noexec");
    add_mount(out, "/proc", "proc", "proc", "rw,nosuid,nodev,noexec");
}

static void fill_guest(GemelIsolation *out, const SimInstance *instance)
{
    g_autofree char *nic = g_strdup_printf("vnet%u", (guint)(instance->hash % 90));

    out->is_guest = TRUE;
    out->accelerator = g_strdup("kvm");
    out->machine = g_strdup("pc-q35-7.2");
    out->cpu_model = g_strdup("host");
    out->emulator = g_strdup("/usr/bin/qemu-system-x86_64");
    gemel_isolation_add_device(out, "disk", "vda", "virtio");
    if (instance->vcpus >= 4)
        gemel_isolation_add_device(out, "disk", "vdb", "virtio");
    gemel_isolation_add_device(out, "nic", nic, "virtio");
    if (instance->has_balloon)
        gemel_isolation_add_device(out, "balloon", NULL, "virtio");
    gemel_isolation_set_why(
        out, GEMEL_ISOLATION_PROFILE,
        "QEMU's own filter (-sandbox): the kernel does not tell what it denies");
}

static GemelIsolation *make(const SimWorld *world, const SimInstance *instance)
{
    GemelIsolation *out = gemel_isolation_new();
    gboolean is_guest = instance->kind == GEMEL_KIND_VM;
    gint64 started_ns = world->created_ns + (gint64)(instance->started_s * 1e9);

    out->caps_last = CAPS_LAST;
    if (is_guest)
        fill_guest(out, instance);
    else
        gemel_isolation_set_why(out, GEMEL_ISOLATION_GUEST, "it is a container");
    if (instance->state != GEMEL_STATE_RUNNING && instance->state != GEMEL_STATE_PAUSED) {
        gemel_isolation_no_process(out, "it does not run: start it to see");
        if (!is_guest)
            gemel_isolation_set_why(out, GEMEL_ISOLATION_PROFILE,
                                    "it has no config.json yet: start it once");
        return out;
    }
    out->pid = 1000 + (gint)(sim_hash(instance->hash, 0x600 + instance->runs) % 29000);
    out->start_ticks = (guint64)MAX(started_ns / 10000000, 1);
    gemel_isolation_set_why(out, GEMEL_ISOLATION_LSM,
                            "no security module of this host labels processes");
    add_range(out->uid_map, 0, 0, G_GUINT64_CONSTANT(4294967295));
    add_range(out->gid_map, 0, 0, G_GUINT64_CONSTANT(4294967295));
    (is_guest ? fill_qemu : fill_container)(out, instance);
    return out;
}

GemelIsolation *sim_isolation(GemelConn *conn, const char *id, GError **error)
{
    SimWorld *world = sim_world(conn);
    GemelIsolation *out = NULL;
    const SimInstance *instance;

    if (!sim_enter(conn, SIM_OP_ISOLATION, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL && sim_instance_hangs(world, instance)) {
        sim_hang_with(world, id);
        instance = sim_find(world, id, error);
    }
    if (instance != NULL)
        out = make(world, instance);
    sim_unlock(world);
    return out;
}
