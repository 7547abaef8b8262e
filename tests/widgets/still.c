/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "still.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "backends/registry.h"

#define SECOND G_GINT64_CONSTANT(1000000000)
#define MIB    (G_GUINT64_CONSTANT(1) << 20)
#define GIB    (G_GUINT64_CONSTANT(1) << 30)

typedef struct {
    const char *id, *name;
    GemelKind kind;
    GemelState state;
    guint vcpus;
    double cpu_limit;
    guint64 memory_limit, memory;
    gint64 uptime_s;
    double load;     /* CPUs it uses on average */
    double pressure; /* percent */
    const char *reason;
    gboolean stuck, is_protected;
} Part;

static const Part parts[] = {
    {"8f1d2c3b4a59687766554433221100ff00112233445566778899aabbccddeeff", "cache",
     GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, 0, 4, 512 * MIB, 473 * MIB, 260000, 0.17, 2.4},
    {"aa1d2c3b4a59687766554433221100ff00112233445566778899aabbccddee01", "web",
     GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, 0, 1.5, 256 * MIB, 71 * MIB, 90000, 0.9, 12.5},
    {"bb1d2c3b4a59687766554433221100ff00112233445566778899aabbccddee02", "データ",
     GEMEL_KIND_CONTAINER, GEMEL_STATE_STOPPED, 0, 0.5, 64 * MIB, 0, 0, 0, 0, "exit status 0"},
    {"60ebce65-0379-455b-8cdf-bf10a2e68c3f", "big", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, 24, 0,
     8192 * MIB, 3700 * MIB, 18000, 13.2, 45},
    {"a2d9e83e-88a1-4c52-9df0-0d1a2b3c4d5e", "db", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, 2, 0,
     4096 * MIB, 2900 * MIB, 1730000, 1.1, 0.3, NULL, FALSE, TRUE},
    {"c3d9e83e-88a1-4c52-9df0-0d1a2b3c4d60", "old", GEMEL_KIND_VM, GEMEL_STATE_CRASHED, 1, 0,
     512 * MIB, 0, 0, 0, 0, "the guest panicked"},
    {"d4d9e83e-88a1-4c52-9df0-0d1a2b3c4d61", "stuck", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, 2, 0,
     1024 * MIB, 300 * MIB, 640, 0.2, 0, NULL, TRUE},
};

/* Sixteen seconds of load, as factors. */
static const double wave[] = {0.2, 0.3, 0.5, 0.8, 1.1, 1.4, 1.6, 1.7,
                              1.7, 1.6, 1.4, 1.1, 0.8, 0.5, 0.3, 0.2};

/* Names that terminals disagree on: wide, with marks on top, from right to left, and too long. */
static const char *const odd_names[] = {
    "データベース", "한국어-서버", "cafe\u0301-re\u0301sume\u0301",
    "שרת-ראשי",     "خادم-الويب",  "a-name-longer-than-any-column",
    "naïve-ß"};

static guint wanted, taken; /* atomic: set by the test, read by workers, and the other way round */
static gint64 created_ns, first_ns;
static guint processes_asked;
static guint cast_size = G_N_ELEMENTS(parts);
static StillNames cast_names;

void still_cast(guint n, StillNames names)
{
    cast_size = n;
    cast_names = names;
}

/* The same text for as long as the program runs; for any thread. */
static const char *kept(const char *text)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static GStringChunk *chunk;

    pthread_mutex_lock(&mutex);
    if (chunk == NULL)
        chunk = g_string_chunk_new(4096);
    text = g_string_chunk_insert_const(chunk, text);
    pthread_mutex_unlock(&mutex);
    return text;
}

/* The `i`th one: after the first seven they are the same again under other names. */
static Part cast_part(guint i)
{
    Part part = parts[i % G_N_ELEMENTS(parts)];

    if (cast_names == STILL_NAMES_ODD)
        part.name = odd_names[i % G_N_ELEMENTS(odd_names)];
    if (i < G_N_ELEMENTS(parts))
        return part;
    g_autofree char *name = g_strdup_printf("%s-%05u", part.name, i);
    g_autofree char *id = g_strdup_printf("%08x%s", i, part.id + 8);

    part.name = kept(name);
    part.id = kept(id);
    part.stuck = FALSE;
    return part;
}

guint still_samples(void)
{
    return g_atomic_int_get(&taken);
}

void still_want(guint n)
{
    g_atomic_int_set(&wanted, n);
}

void still_reset(guint n)
{
    g_atomic_int_set(&wanted, 0);
    g_atomic_int_set(&taken, 0);
    g_atomic_int_set(&processes_asked, 0);
    created_ns = gemel_boottime_ns();
    /* a little ahead of the clock, so that nothing is old on a slow machine */
    first_ns = created_ns - ((gint64)n - 5) * SECOND;
}

/* What a load of one CPU on average has come to after `n` seconds. */
static double worked(guint n)
{
    double sum = 0;

    for (guint i = 0; i < n; i++)
        sum += wave[i % G_N_ELEMENTS(wave)];
    return sum;
}

static GemelBackend *still_create(const char *name, const char *uri, GError **error)
{
    GemelBackend *backend = g_new0(GemelBackend, 1);

    gemel_backend_init(backend, &gemel_sim_ops, name, uri);
    return backend;
}

static void still_free(GemelBackend *backend)
{
    gemel_backend_done(backend);
    g_free(backend);
}

static GemelConn *still_open(GemelBackend *backend, GError **error)
{
    GemelConn *conn = g_new0(GemelConn, 1);

    conn->backend = backend;
    return conn;
}

static void still_close(GemelConn *conn)
{
    g_free(conn);
}

static GPtrArray *still_list(GemelConn *conn, GError **error)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);

    for (guint i = 0; i < cast_size; i++) {
        Part part = cast_part(i);
        const Part *p = &part;
        GemelInstance *instance = gemel_instance_new(conn->backend->name, p->kind, p->id, p->name);

        instance->state = p->state;
        instance->state_reason = g_strdup(p->reason);
        instance->vcpus = p->vcpus;
        instance->cpu_limit = p->cpu_limit;
        instance->memory_limit_bytes = p->memory_limit;
        instance->is_protected = p->is_protected;
        if (p->uptime_s > 0)
            instance->started_boottime_ns = created_ns - p->uptime_s * SECOND;
        gemel_instance_compute_acts(instance, conn->backend);
        g_ptr_array_add(list, instance);
    }
    return list;
}

/* The figures of a container's cgroup. */
static void fill_cgroup(GemelSample *s, const Part *p, double cpu_s, guint n)
{
    gemel_sample_set(s, GEMEL_METRIC_CPU_THROTTLED, (guint64)(cpu_s * 5e7));
    gemel_sample_set(s, GEMEL_METRIC_CPU_NR_THROTTLED, n * 3);
    gemel_sample_set(s, GEMEL_METRIC_MEM_ANON, p->memory * 2 / 3);
    gemel_sample_set(s, GEMEL_METRIC_MEM_FILE, p->memory / 3);
    gemel_sample_set(s, GEMEL_METRIC_MEM_SWAP, 0);
    gemel_sample_set(s, GEMEL_METRIC_MEM_HIGH_EVENTS, 7);
    gemel_sample_set(s, GEMEL_METRIC_MEM_OOM_EVENTS, 2);
    gemel_sample_set(s, GEMEL_METRIC_MEM_OOM_KILLS, 0);
    gemel_sample_set(s, GEMEL_METRIC_PIDS_CURRENT, 42);
    gemel_sample_set(s, GEMEL_METRIC_PIDS_LIMIT, 100);
}

static void fill_guest(GemelSample *s, const Part *p, double cpu_s, guint n)
{
    gemel_sample_set(s, GEMEL_METRIC_CPU_STEAL, (guint64)(cpu_s * 4e7));
    gemel_sample_set(s, GEMEL_METRIC_BALLOON_CURRENT, p->memory_limit);
    gemel_sample_set(s, GEMEL_METRIC_BALLOON_MAXIMUM, p->memory_limit);
    gemel_sample_set(s, GEMEL_METRIC_BALLOON_AGE, 1500);
    gemel_sample_set(s, GEMEL_METRIC_MEM_RSS, p->memory + 200 * MIB);
    for (guint i = 0; i < p->vcpus; i++) {
        char name[8];
        double share = 0.25 + 1.5 * i / MAX(p->vcpus - 1, 1);

        g_snprintf(name, sizeof name, "%u", i);
        GemelRow *row = gemel_sample_add_row(s, GEMEL_ROWS_VCPU, name);

        gemel_row_set(row, GEMEL_ROW_VCPU_TIME, (guint64)(cpu_s / p->vcpus * share * 1e9));
        gemel_row_set(row, GEMEL_ROW_VCPU_DELAY, (guint64)(cpu_s / p->vcpus * i * 4e7));
        gemel_row_set(row, GEMEL_ROW_VCPU_EXITS, (guint64)n * (900 + 1100 * i));
        gemel_row_set(row, GEMEL_ROW_VCPU_HALT_EXITS, (guint64)n * 300);
    }
}

static void fill_devices(GemelSample *s, guint n)
{
    GemelRow *disk = gemel_sample_add_row(s, GEMEL_ROWS_DISK, "vda");

    gemel_row_set(disk, GEMEL_ROW_DISK_RD_BYTES, n * 12345);
    gemel_row_set(disk, GEMEL_ROW_DISK_WR_BYTES, (guint64)n * 1100000);
    gemel_row_set(disk, GEMEL_ROW_DISK_RD_OPS, n * 12);
    gemel_row_set(disk, GEMEL_ROW_DISK_WR_OPS, n * 40);
    gemel_row_set(disk, GEMEL_ROW_DISK_RD_TIME, (guint64)n * 12 * 300000);
    gemel_row_set(disk, GEMEL_ROW_DISK_WR_TIME, (guint64)n * 40 * 1700000);
    GemelRow *nic = gemel_sample_add_row(s, GEMEL_ROWS_NIC, "vnet0");

    gemel_row_set(nic, GEMEL_ROW_NIC_RX_BYTES, n * 3100);
    gemel_row_set(nic, GEMEL_ROW_NIC_TX_BYTES, n * 812);
    gemel_row_set(nic, GEMEL_ROW_NIC_ERRORS, 0);
}

static GemelSample *sample_of(const Part *p, guint n)
{
    GemelSample *s = gemel_sample_new(p->id, first_ns + (gint64)n * SECOND);
    double cpu_s = worked(n) * p->load;
    guint64 centi = (guint64)lround(p->pressure * 100);

    if (p->stuck && n > 2) {
        s->quarantine = g_strdup("its QEMU does not answer");
        return s;
    }
    gemel_sample_set(s, GEMEL_METRIC_CPU_USAGE, (guint64)(cpu_s * 1e9));
    gemel_sample_set(s, GEMEL_METRIC_CPU_USER, (guint64)(cpu_s * 7e8));
    gemel_sample_set(s, GEMEL_METRIC_CPU_SYSTEM, (guint64)(cpu_s * 3e8));
    gemel_sample_set(s, GEMEL_METRIC_MEM_USAGE, p->memory);
    gemel_sample_set(s, GEMEL_METRIC_MEM_LIMIT, p->memory_limit);
    gemel_sample_set(s, GEMEL_METRIC_IO_RD_BYTES, n * 12345);
    gemel_sample_set(s, GEMEL_METRIC_IO_WR_BYTES, (guint64)n * 1100000);
    gemel_sample_set(s, GEMEL_METRIC_NET_RX_BYTES, n * 3100);
    gemel_sample_set(s, GEMEL_METRIC_NET_TX_BYTES, n * 812);
    gemel_sample_set(s, GEMEL_METRIC_PSI_CPU_SOME, centi);
    gemel_sample_set(s, GEMEL_METRIC_PSI_CPU_FULL, centi / 3);
    gemel_sample_set(s, GEMEL_METRIC_PSI_MEM_SOME, centi / 10);
    gemel_sample_set(s, GEMEL_METRIC_PSI_IO_SOME, 110);
    if (p->kind == GEMEL_KIND_VM)
        fill_guest(s, p, cpu_s, n);
    else
        fill_cgroup(s, p, cpu_s, n);
    fill_devices(s, n);
    return s;
}

static GPtrArray *still_sample(GemelConn *conn, GError **error)
{
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    guint n = g_atomic_int_get(&wanted);

    for (guint i = 0; i < cast_size; i++) {
        Part part = cast_part(i);

        if (part.state == GEMEL_STATE_RUNNING)
            g_ptr_array_add(samples, sample_of(&part, n));
    }
    g_atomic_int_set(&taken, n);
    return samples;
}

static GemelInspect *still_inspect(GemelConn *conn, const char *id, GError **error)
{
    GemelInspect *inspect = g_new0(GemelInspect, 1);

    inspect->essentials = json_pack("{s:s, s:{s:f, s:I}, s:[{s:s, s:s}]}", "id", id, "limits",
                                    "cpus", 1.5, "memory_bytes", (json_int_t)(256 * MIB), "disks",
                                    "target", "vda", "source", "/srv/images/disk.qcow2");
    inspect->definition = g_strdup("<domain type='kvm'>\n  <name>\033[31mdb</name>\n"
                                   "  <memory unit='KiB'>4194304</memory>\n</domain>\n");
    inspect->definition_format = "xml";
    return inspect;
}

/* Those of a guest are threads of its QEMU. Between two answers are a second and 300 ms of work. */
static GemelProcesses *still_processes(GemelConn *conn, const char *id, GError **error)
{
    static const struct {
        gint pid, inner;
        const char *comm;
        char state;
        guint64 work_ms, memory;
    } guest[] = {{4711, 0, "qemu-system-x86", 'S', 90, 3100 * MIB},
                 {4718, 0, "CPU 0/KVM", 'S', 190, 0},
                 {4719, 0, "CPU 1/KVM", 'R', 990, 0},
                 {4725, 0, "IO iothread1", 'D', 20, 0}},
      container[] = {{5100, 1, "httpd", 'S', 0, 4 * MIB},
                     {5131, 17, "worker: \033[31m/index", 'R', 830, 41 * MIB},
                     {5132, 18, "worker", 'S', 430, 22 * MIB},
                     {5140, 23, "データ取込", 'D', 2, 3 * MIB},
                     {5177, 31, "logrotate", 'Z', 0, 0}};
    gboolean vm = strchr(id, '-') != NULL; /* a UUID */
    guint n = vm ? G_N_ELEMENTS(guest) : G_N_ELEMENTS(container),
          asked = (guint)g_atomic_int_add(&processes_asked, 1) + 1;
    GemelProcesses *processes = gemel_processes_new(first_ns + (gint64)asked * SECOND);

    for (guint i = 0; i < n; i++) {
        GemelProcess *one = gemel_processes_add(processes, (vm ? guest : container)[i].pid);

        one->inner_pid = (vm ? guest : container)[i].inner;
        one->state = (vm ? guest : container)[i].state;
        g_strlcpy(one->comm, (vm ? guest : container)[i].comm, sizeof one->comm);
        gemel_process_set(one, GEMEL_PROCESS_CPU_TIME,
                          (100 + asked) * (vm ? guest : container)[i].work_ms * 1000000);
        if (!vm || i == 0)
            gemel_process_set(one, GEMEL_PROCESS_MEM_RSS, (vm ? guest : container)[i].memory);
    }
    return processes;
}

/* A host with something of each grade. */
static GemelHost *still_host(GemelConn *conn, GError **error)
{
    GemelHost *host = gemel_host_new("this host does not say");

    host->name = g_strdup("still-host");
    gemel_host_set(host, GEMEL_HOST_KERNEL, GEMEL_HOST_YES, "6.1.0-28-amd64 x86_64", NULL, -1);
    gemel_host_set(host, GEMEL_HOST_CPU, GEMEL_HOST_YES, "AMD EPYC 7302P 16-Core Processor", NULL,
                   -1);
    gemel_host_set(host, GEMEL_HOST_CPUS, GEMEL_HOST_YES, "32", NULL, 32);
    gemel_host_set(host, GEMEL_HOST_MEMORY, GEMEL_HOST_YES, "125.6 GiB, 40.2 GiB of it available",
                   NULL, -1);
    gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, "AMD-V", NULL, -1);
    gemel_host_set(host, GEMEL_HOST_SLAT, GEMEL_HOST_YES, "NPT", NULL, -1);
    gemel_host_set(host, GEMEL_HOST_KVM, GEMEL_HOST_NO, NULL,
                   "/dev/kvm is not there: modprobe kvm_amd", -1);
    gemel_host_set(host, GEMEL_HOST_NESTED, GEMEL_HOST_NO, "off", NULL, -1);
    gemel_host_set(host, GEMEL_HOST_CGROUPS, GEMEL_HOST_PARTLY, "hybrid", NULL, -1);
    gemel_host_set(host, GEMEL_HOST_SECCOMP, GEMEL_HOST_YES, "filters", NULL, -1);
    return host;
}

static json_t *still_images(GemelConn *conn, GError **error)
{
    return json_pack("[{s:s, s:s, s:I}, {s:s, s:s, s:I}]", "name", "debian-12", "format", "oci",
                     "size_bytes", (json_int_t)(117 * MIB), "name", "データ", "format", "qcow2",
                     "size_bytes", (json_int_t)(2 * GIB));
}

static GemelSnapshot *snapshot_new(const char *name, const char *parent, gint64 created,
                                   gboolean current)
{
    GemelSnapshot *snapshot = g_new0(GemelSnapshot, 1);

    snapshot->name = g_strdup(name);
    snapshot->parent = g_strdup(parent);
    snapshot->created_unix = created;
    snapshot->state = GEMEL_STATE_RUNNING;
    snapshot->kind = g_strdup("internal");
    snapshot->with_memory = TRUE;
    snapshot->is_current = current;
    snapshot->size_bytes = 300 << 20;
    return snapshot;
}

/* What stays the same wherever it runs. */
static GemelIsolation *still_isolation(GemelConn *conn, const char *id, GError **error)
{
    GemelIsolation *isolation = gemel_isolation_new();
    GemelIdRange all = {0, 0, 4294967295};

    isolation->is_guest = TRUE;
    isolation->pid = 4711;
    isolation->uid = isolation->gid = 64055;
    isolation->accelerator = g_strdup("kvm");
    isolation->machine = g_strdup("pc-q35-7.2");
    isolation->caps_last = 40;
    isolation->caps[GEMEL_CAPS_BOUNDING] = 0xa80425fb;
    isolation->no_new_privs = 1;
    isolation->seccomp_mode = 0;
    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        isolation->ns_host_inode[ns] = 4026531834 + ns;
        isolation->ns_inode[ns] = ns == GEMEL_NS_MNT ? 4026532811 : 4026531834 + ns;
    }
    gemel_isolation_add_device(isolation, "disk", "vda", "virtio");
    gemel_isolation_add_device(isolation, "nic", "vnet\033[31m7", "e1000");
    g_array_append_val(isolation->uid_map, all);
    g_array_append_val(isolation->gid_map, all);
    gemel_isolation_set_why(isolation, GEMEL_ISOLATION_CGROUPS, "this kernel has no cgroups");
    gemel_isolation_set_why(isolation, GEMEL_ISOLATION_ROOT, "its process ended meanwhile");
    gemel_isolation_set_why(isolation, GEMEL_ISOLATION_MOUNTS, "its process ended meanwhile");
    return isolation;
}

static GemelLog *still_log(GemelConn *conn, const char *id, const GemelLogArgs *args,
                           GError **error)
{
    GemelLog *log = gemel_log_new("the log of its serial line");

    g_string_append(log->text, "Booting\n\033[32m[ ok ]\033[0m network\nlogin: \033]52;c;eA==\a\n");
    return log;
}

static GPtrArray *still_snapshots(GemelConn *conn, const char *id, GError **error)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);

    g_ptr_array_add(list, snapshot_new("installed", NULL, 1700000000, FALSE));
    g_ptr_array_add(list, snapshot_new("before-upgrade", "installed", 1700100000, FALSE));
    g_ptr_array_add(list, snapshot_new("upgraded", "before-upgrade", 1700200000, TRUE));
    g_ptr_array_add(list, snapshot_new("experiment", "installed", 1700300000, FALSE));
    return list;
}

static gboolean still_snapshot_act(GemelConn *conn, const char *id, const char *name,
                                   const GemelActArgs *args, GError **error)
{
    return TRUE;
}

static gboolean still_snapshot_create(GemelConn *conn, const char *id, const char *name,
                                      const char *description, const GemelActArgs *args,
                                      GError **error)
{
    return TRUE;
}

static gboolean still_act(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return TRUE;
}

static const GemelGroupOps images = {.list = still_images};
static const GemelSnapshotOps snapshots = {.list = still_snapshots,
                                           .create = still_snapshot_create,
                                           .revert = still_snapshot_act,
                                           .remove = still_snapshot_act};

#define STILL_ACTS                                                                                 \
    {                                                                                              \
        still_act, still_act, still_act, still_act, still_act, still_act, still_act, still_act,    \
            still_act, still_act, still_act, still_act, still_act, still_act, still_act            \
    }
G_STATIC_ASSERT(GEMEL_ACT_PLAIN_N == 15);
#define STILL_OPS(type_name)                                                                       \
    {                                                                                              \
        .type = type_name, .summary = "stands still", .create = still_create, .free = still_free,  \
        .conn_open = still_open, .conn_close = still_close, .list = still_list,                    \
        .sample = still_sample, .log_tail = still_log, .isolation = still_isolation,               \
        .inspect = still_inspect, .processes = still_processes, .host = still_host,                \
        .act = STILL_ACTS, .snapshots = &snapshots, .groups = {[GEMEL_GROUP_IMAGES] = &images},    \
    }

const GemelBackendOps gemel_sim_ops = STILL_OPS("sim");
const GemelBackendOps gemel_native_ops = STILL_OPS("native");
const GemelBackendOps gemel_libvirt_ops = STILL_OPS("libvirt");
