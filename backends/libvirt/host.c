/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/figures_text.h"

/* Reads a small file of /proc or /sys whole into `buffer`, ends it with a NUL; bytes read, -1. */
static gssize read_file(const char *path, char *buffer, gsize size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gsize used = 0;

    if (fd < 0)
        return -1;
    while (used < size - 1) {
        gssize n = read(fd, buffer + used, size - 1 - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (gsize)n;
    }
    close(fd);
    buffer[used] = '\0';
    return (gssize)used;
}

gboolean lv_process_read(const char *root, int pid, LvProcess *ret_process)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/stat", root, pid);
    char text[1024], *after;
    unsigned long long threads, start;
    char state;

    if (pid <= 0 || read_file(path, text, sizeof text) <= 0)
        return FALSE;
    /* The name is in parentheses and can itself contain any byte, so look from the end. Then come
       field 3 (state), 20 (num_threads), 22 (starttime); proc(5). */
    after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 1,
                                " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                "%*s %llu %*s %llu",
                                &state, &threads, &start) != 3)
        return FALSE;
    ret_process->pid = pid;
    ret_process->state = state;
    ret_process->threads = (guint)MIN(threads, G_MAXUINT);
    ret_process->start_ticks = start;
    return TRUE;
}

gint64 lv_process_started_boottime_ns(guint64 start_ticks)
{
    guint64 hz = (guint64)sysconf(_SC_CLK_TCK);

    return (gint64)(start_ticks / hz * 1000000000 + start_ticks % hz * 1000000000 / hz);
}

/* The argument after "-uuid" of a process, copied to `uuid`; FALSE if it has none. libvirt puts it
   within the first few hundred bytes, before any device. */
static gboolean uuid_of_process(const char *root, int pid, char uuid[37])
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/cmdline", root, pid);
    char text[8192];
    gssize length = read_file(path, text, sizeof text);

    if (length <= 0)
        return FALSE;
    for (const char *at = text; at < text + length; at += strlen(at) + 1) {
        if (g_str_equal(at, "-uuid") && at + sizeof "-uuid" < text + length)
            return g_strlcpy(uuid, at + sizeof "-uuid", 37) == 36;
    }
    return FALSE;
}

gboolean lv_process_is_qemu(const char *root, int pid, const char *uuid)
{
    char found[37];

    return uuid_of_process(root, pid, found) && g_ascii_strcasecmp(found, uuid) == 0;
}

int lv_process_from_pidfile(const char *root, const char *run_dir, const char *name,
                            const char *uuid)
{
    g_autofree char *path = NULL;
    char text[32];
    gint64 pid;

    if (run_dir == NULL || name == NULL || strchr(name, '/') != NULL)
        return 0;
    path = g_strdup_printf("%s%s/%s.pid", root, run_dir, name);
    if (read_file(path, text, sizeof text) <= 0 ||
        !g_ascii_string_to_signed(g_strstrip(text), 10, 1, G_MAXINT, &pid, NULL))
        return 0;
    return lv_process_is_qemu(root, (int)pid, uuid) ? (int)pid : 0;
}

void lv_process_scan(const char *root, GHashTable *wanted)
{
    g_autofree char *path = g_strconcat(root, "/proc", NULL);
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        gpointer key, known;
        char uuid[37];
        gint64 pid;

        if (!g_ascii_string_to_signed(entry->d_name, 10, 1, G_MAXINT, &pid, NULL) ||
            !uuid_of_process(root, (int)pid, uuid) ||
            !g_hash_table_lookup_extended(wanted, uuid, &key, &known))
            continue;
        g_hash_table_insert(wanted, g_strdup(uuid), GINT_TO_POINTER(known == NULL ? (int)pid : -1));
    }
    closedir(dir);
}

/* ---- control groups ------------------------------------------------------------------------- */

typedef struct {
    char *point; /* where it is mounted */
    char *inner; /* which directory of the hierarchy that is */
} Mount;

static void clear_mount(Mount *mount)
{
    g_clear_pointer(&mount->point, g_free);
    g_clear_pointer(&mount->inner, g_free);
}

static gboolean list_has(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* The first mount of the v2 hierarchy (controller NULL) or of a v1 controller. A line is
   "ID PARENT DEV ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER", blanks written \040. */
static gboolean find_mount(const char *mountinfo, const char *controller, Mount *ret_mount)
{
    const char *end;

    for (const char *line = mountinfo; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
        g_auto(GStrv) before = NULL, after = NULL;
        g_autofree char *head = NULL, *tail = NULL;
        const char *dash;

        end = line + strcspn(line, "\n");
        dash = g_strstr_len(line, end - line, " - ");
        /* the others are not taken apart: with many containers they are thousands */
        if (dash == NULL || !g_str_has_prefix(dash, " - cgroup"))
            continue;
        head = g_strndup(line, (gsize)(dash - line));
        tail = g_strndup(dash + 3, (gsize)(end - dash - 3));
        before = g_strsplit(head, " ", -1);
        after = g_strsplit(tail, " ", 3);
        if (g_strv_length(before) < 6 || g_strv_length(after) < 3)
            continue;
        if (controller == NULL
                ? !g_str_equal(after[0], "cgroup2")
                : !g_str_equal(after[0], "cgroup") || !list_has(after[2], controller))
            continue;
        ret_mount->inner = g_strcompress(before[3]);
        ret_mount->point = g_strcompress(before[4]);
        return TRUE;
    }
    return FALSE;
}

/* The path in "/proc/PID/cgroup" of the v2 hierarchy (controller NULL) or of a v1 controller; lines
   are "ID:CONTROLLERS:PATH" and a path may contain colons. */
static char *find_path(const char *cgroups, const char *controller)
{
    g_auto(GStrv) lines = g_strsplit(cgroups, "\n", -1);

    for (gsize i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);

        if (g_strv_length(parts) != 3)
            continue;
        if (controller == NULL ? g_str_equal(parts[0], "0") && *parts[1] == '\0'
                               : list_has(parts[1], controller))
            return g_strdup(parts[2]);
    }
    return NULL;
}

/* The directory of `path` as seen through a mount; NULL if the mount does not show it, as when
   another cgroup namespace owns it ("/../..."). */
static char *path_in_mount(const char *root, const Mount *mount, const char *path)
{
    const char *rest = path;

    if (g_str_has_prefix(path, "/..") || strstr(path, "/../") != NULL)
        return NULL;
    if (!g_str_equal(mount->inner, "/")) {
        gsize length = strlen(mount->inner);

        if (strncmp(path, mount->inner, length) != 0 ||
            (path[length] != '/' && path[length] != '\0'))
            return NULL;
        rest = path + length;
    }
    return g_strconcat(root, mount->point, g_str_equal(rest, "/") ? "" : rest, NULL);
}

/* Cuts "/emulator" off; FALSE if the path does not end so. */
static gboolean cut_last(char *path, const char *last)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path || !g_str_equal(slash + 1, last))
        return FALSE;
    *slash = '\0';
    return TRUE;
}

/* The group that holds the domain's thread groups, in one hierarchy: its directory and its name. */
static char *threads_dir(const char *root, const char *mountinfo, const char *cgroups,
                         const char *controller, char **ret_path)
{
    g_autofree char *path = find_path(cgroups, controller);
    Mount mount = {NULL, NULL};
    char *dir = NULL;

    *ret_path = NULL;
    if (path == NULL || !cut_last(path, "emulator"))
        return NULL;
    if (find_mount(mountinfo, controller, &mount))
        dir = path_in_mount(root, &mount, path);
    clear_mount(&mount);
    if (dir != NULL)
        *ret_path = g_steal_pointer(&path);
    return dir;
}

/* The domain's group in the v1 hierarchy of a controller that has no groups per thread. It is used
   only when it is named as where the threads' groups are: QEMU alone is in it then. */
static char *domain_dir(const char *root, const char *mountinfo, const char *cgroups,
                        const char *controller, const char *domain_path)
{
    g_autofree char *path = find_path(cgroups, controller);
    Mount mount = {NULL, NULL};
    char *dir = NULL;

    if (path == NULL || domain_path == NULL)
        return NULL;
    cut_last(path, "emulator");
    if (g_str_equal(path, domain_path) && find_mount(mountinfo, controller, &mount))
        dir = path_in_mount(root, &mount, path);
    clear_mount(&mount);
    return dir;
}

static gboolean has_file(const char *dir, const char *file)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);

    return access(path, R_OK) == 0;
}

gboolean lv_cgroup_find_in(const char *root, const char *mountinfo, int pid, LvCgroup *ret_group)
{
    g_autofree char *cgroup_path = g_strdup_printf("%s/proc/%d/cgroup", root, pid);
    g_autofree char *cgroups = NULL, *unified = NULL, *cpu = NULL;
    g_autofree char *unified_path = NULL, *cpu_path = NULL;

    *ret_group = (LvCgroup){NULL};
    if (mountinfo == NULL || !g_file_get_contents(cgroup_path, &cgroups, NULL, NULL))
        return FALSE;
    cpu = threads_dir(root, mountinfo, cgroups, "cpu", &cpu_path);
    unified = threads_dir(root, mountinfo, cgroups, NULL, &unified_path);
    /* The quota sits in v1 where there is a v1 cpu controller. */
    if (cpu != NULL)
        ret_group->cpu_dir = g_steal_pointer(&cpu);
    else if (unified != NULL)
        ret_group->cpu_dir = g_strdup(unified);
    ret_group->shown = g_strdup(cpu_path != NULL ? cpu_path : unified_path);
    ret_group->memory_dir = domain_dir(root, mountinfo, cgroups, "memory", cpu_path);
    ret_group->io_dir = domain_dir(root, mountinfo, cgroups, "blkio", cpu_path);
    if (unified != NULL) {
        cut_last(unified, "libvirt");
        if (ret_group->shown != NULL)
            cut_last(ret_group->shown, "libvirt");
        if (ret_group->memory_dir == NULL && has_file(unified, "memory.current"))
            ret_group->memory_dir = g_strdup(unified);
        if (ret_group->io_dir == NULL && has_file(unified, "io.stat"))
            ret_group->io_dir = g_strdup(unified);
        if (has_file(unified, "pids.max"))
            ret_group->pids_dir = g_strdup(unified);
        if (has_file(unified, "cpu.pressure") || has_file(unified, "memory.pressure"))
            ret_group->pressure_dir = g_steal_pointer(&unified);
    }
    return ret_group->cpu_dir != NULL || ret_group->pressure_dir != NULL;
}

gboolean lv_cgroup_find(const char *root, int pid, LvCgroup *ret_group)
{
    g_autofree char *path = g_strconcat(root, "/proc/self/mountinfo", NULL);
    g_autofree char *mountinfo = NULL;

    g_file_get_contents(path, &mountinfo, NULL, NULL);
    return lv_cgroup_find_in(root, mountinfo, pid, ret_group);
}

/* "QUOTA PERIOD" of v2's cpu.max, or the two files of v1, as CPUs; 0 = no quota. FALSE if there is
   neither. */
static gboolean quota_of(const char *dir, const char *child, double *ret_cpus)
{
    g_autofree char *max = g_build_filename(dir, child, "cpu.max", NULL);
    g_autofree char *v1_quota = g_build_filename(dir, child, "cpu.cfs_quota_us", NULL);
    g_autofree char *v1_period = g_build_filename(dir, child, "cpu.cfs_period_us", NULL);
    char text[64], more[32];
    long long quota, period;

    *ret_cpus = 0;
    if (read_file(max, text, sizeof text) > 0) {
        if (sscanf(text, "%lld %lld", &quota, &period) != 2)
            return g_str_has_prefix(text, "max ");
    } else if (read_file(v1_quota, text, sizeof text) > 0 &&
               read_file(v1_period, more, sizeof more) > 0) {
        if (sscanf(text, "%lld", &quota) != 1 || sscanf(more, "%lld", &period) != 1)
            return FALSE;
    } else {
        return FALSE;
    }
    if (quota > 0 && period > 0)
        *ret_cpus = (double)quota / (double)period;
    return TRUE;
}

gboolean lv_cgroup_cpu_limit(const LvCgroup *group, guint vcpus, double *ret_cpus)
{
    /* In v2 the vCPUs' groups are in one of the domain's named "libvirt". */
    static const char *const places[] = {".", "..", "vcpu0"};
    double least = 0;
    gboolean any = FALSE;

    for (guint i = 0; group->cpu_dir != NULL && i < G_N_ELEMENTS(places); i++) {
        double cpus;

        if (i == 1 && !g_str_has_suffix(group->cpu_dir, "/libvirt"))
            continue;
        if (!quota_of(group->cpu_dir, places[i], &cpus))
            continue;
        any = TRUE;
        cpus *= i == 2 ? MAX(vcpus, 1) : 1;
        if (cpus > 0 && (least <= 0 || cpus < least))
            least = cpus;
    }
    *ret_cpus = least;
    return any;
}

void lv_cgroup_clear(LvCgroup *group)
{
    g_clear_pointer(&group->pressure_dir, g_free);
    g_clear_pointer(&group->cpu_dir, g_free);
    g_clear_pointer(&group->memory_dir, g_free);
    g_clear_pointer(&group->io_dir, g_free);
    g_clear_pointer(&group->pids_dir, g_free);
    g_clear_pointer(&group->shown, g_free);
}

void lv_cgroup_copy(const LvCgroup *group, LvCgroup *ret_copy)
{
    *ret_copy = (LvCgroup){
        .pressure_dir = g_strdup(group->pressure_dir),
        .cpu_dir = g_strdup(group->cpu_dir),
        .memory_dir = g_strdup(group->memory_dir),
        .io_dir = g_strdup(group->io_dir),
        .pids_dir = g_strdup(group->pids_dir),
        .shown = g_strdup(group->shown),
    };
}

/* ---- what the host does to the guest -------------------------------------------------------- */

static const GemelTextField memory_events[] = {
    GEMEL_TEXT_FIELD("high", 1, HOST_MEM_HIGH_EVENTS),
    GEMEL_TEXT_FIELD("oom_kill", 1, HOST_MEM_OOM_KILLS),
};
static const GemelTextField v1_memory_stat[] = {
    GEMEL_TEXT_FIELD("total_swap", 1, HOST_MEM_SWAP),
};
static const GemelTextField v1_oom_control[] = {
    GEMEL_TEXT_FIELD("oom_kill", 1, HOST_MEM_OOM_KILLS),
};

static void take_memory_usage(const char *text, GemelSample *sample)
{
    gemel_text_single(text, GEMEL_METRIC_HOST_MEM_USAGE, sample);
}

static void take_memory_limit(const char *text, GemelSample *sample)
{
    gemel_text_limit(text, GEMEL_METRIC_HOST_MEM_LIMIT, sample);
}

static void take_swap(const char *text, GemelSample *sample)
{
    gemel_text_single(text, GEMEL_METRIC_HOST_MEM_SWAP, sample);
}

static void take_memory_events(const char *text, GemelSample *sample)
{
    gemel_text_fields(text, memory_events, G_N_ELEMENTS(memory_events), sample);
}

static void take_v1_memory_stat(const char *text, GemelSample *sample)
{
    gemel_text_fields(text, v1_memory_stat, G_N_ELEMENTS(v1_memory_stat), sample);
}

static void take_v1_oom_control(const char *text, GemelSample *sample)
{
    gemel_text_fields(text, v1_oom_control, G_N_ELEMENTS(v1_oom_control), sample);
}

static void take_io_stat(const char *text, GemelSample *sample)
{
    gemel_text_io_stat(text, GEMEL_METRIC_HOST_IO_RD_BYTES, FALSE, sample);
}

static void take_v1_io_bytes(const char *text, GemelSample *sample)
{
    gemel_text_blkio_bytes(text, GEMEL_METRIC_HOST_IO_RD_BYTES, FALSE, sample);
}

static void take_v1_io_ops(const char *text, GemelSample *sample)
{
    gemel_text_blkio_ops(text, GEMEL_METRIC_HOST_IO_RD_BYTES, FALSE, sample);
}

static void take_pids_max(const char *text, GemelSample *sample)
{
    gemel_text_limit(text, GEMEL_METRIC_PIDS_LIMIT, sample);
}

static void take_cpu_pressure(const char *text, GemelSample *sample)
{
    gemel_text_pressure(text, GEMEL_METRIC_PSI_CPU_SOME, sample);
}

static void take_memory_pressure(const char *text, GemelSample *sample)
{
    gemel_text_pressure(text, GEMEL_METRIC_PSI_MEM_SOME, sample);
}

static void take_io_pressure(const char *text, GemelSample *sample)
{
    gemel_text_pressure(text, GEMEL_METRIC_PSI_IO_SOME, sample);
}

/* A file of the domain's group, under its names of v2 and v1; the first that is there is read. */
static const struct {
    gsize dir; /* offset of the directory in LvCgroup */
    struct {
        const char *name;
        void (*take)(const char *text, GemelSample *sample);
    } files[3];
} group_files[] = {
    {offsetof(LvCgroup, pressure_dir), {{"cpu.pressure", take_cpu_pressure}}},
    {offsetof(LvCgroup, pressure_dir), {{"memory.pressure", take_memory_pressure}}},
    {offsetof(LvCgroup, pressure_dir), {{"io.pressure", take_io_pressure}}},
    {offsetof(LvCgroup, memory_dir),
     {{"memory.current", take_memory_usage}, {"memory.usage_in_bytes", take_memory_usage}}},
    {offsetof(LvCgroup, memory_dir),
     {{"memory.max", take_memory_limit}, {"memory.limit_in_bytes", take_memory_limit}}},
    {offsetof(LvCgroup, memory_dir),
     {{"memory.swap.current", take_swap}, {"memory.stat", take_v1_memory_stat}}},
    {offsetof(LvCgroup, memory_dir),
     {{"memory.events", take_memory_events}, {"memory.oom_control", take_v1_oom_control}}},
    {offsetof(LvCgroup, io_dir),
     {{"io.stat", take_io_stat},
      {"blkio.throttle.io_service_bytes_recursive", take_v1_io_bytes},
      {"blkio.throttle.io_service_bytes", take_v1_io_bytes}}},
    {offsetof(LvCgroup, io_dir),
     {{"blkio.throttle.io_serviced_recursive", take_v1_io_ops},
      {"blkio.throttle.io_serviced", take_v1_io_ops}}},
    {offsetof(LvCgroup, pids_dir), {{"pids.max", take_pids_max}}},
};

/* Throttling of the groups of one guest, summed. */
typedef struct {
    guint64 periods, count, time_ns;
    gboolean found;
} Throttling;

/* Adds one group's; v1 gives throttled_time in ns, v2 throttled_usec. Its own time is in *ret_ns.
 */
static gboolean add_throttling(const char *dir, const char *child, Throttling *sum, guint64 *ret_ns)
{
    static const GemelTextField fields[] = {
        GEMEL_TEXT_FIELD("nr_periods", 1, CPU_PERIODS),
        GEMEL_TEXT_FIELD("nr_throttled", 1, CPU_NR_THROTTLED),
        GEMEL_TEXT_FIELD("throttled_usec", 1000, CPU_THROTTLED),
        GEMEL_TEXT_FIELD("throttled_time", 1, CPU_THROTTLED),
    };
    g_autofree char *path = g_build_filename(dir, child, "cpu.stat", NULL);
    g_autoptr(GemelSample) one = NULL;
    char text[1024];

    if (read_file(path, text, sizeof text) <= 0)
        return FALSE;
    one = gemel_sample_new("", 0);
    gemel_text_fields(text, fields, G_N_ELEMENTS(fields), one);
    if (!gemel_sample_has(one, GEMEL_METRIC_CPU_NR_THROTTLED))
        return FALSE;
    sum->found = TRUE;
    sum->periods += one->value[GEMEL_METRIC_CPU_PERIODS];
    sum->count += one->value[GEMEL_METRIC_CPU_NR_THROTTLED];
    sum->time_ns += one->value[GEMEL_METRIC_CPU_THROTTLED];
    *ret_ns = one->value[GEMEL_METRIC_CPU_THROTTLED];
    return TRUE;
}

/* The number behind "vcpu", or NULL. */
static const char *vcpu_of(const char *group)
{
    return g_str_has_prefix(group, "vcpu") && g_ascii_isdigit(group[4]) ? group + 4 : NULL;
}

static gboolean is_thread_group(const char *name)
{
    return g_str_equal(name, "emulator") || vcpu_of(name) != NULL ||
           (g_str_has_prefix(name, "iothread") && g_ascii_isdigit(name[8]));
}

/* The time into the row of that vCPU, when libvirt gave it one. */
static void set_vcpu_throttled(GemelSample *sample, const char *number, guint64 time_ns)
{
    for (guint i = 0; i < sample->rows->len; i++) {
        GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        if (row->group == GEMEL_ROWS_VCPU && g_str_equal(row->name, number))
            gemel_row_set(row, GEMEL_ROW_VCPU_THROTTLED, time_ns);
    }
}

/* The per-thread groups hold libvirt's quotas, the group above them the domain's global one, and
   nr_throttled is not hierarchical: so the sum over all of them. */
static void sample_throttling(const char *dir_path, GemelSample *sample)
{
    Throttling sum = {0};
    const struct dirent *entry;
    DIR *dir = opendir(dir_path);
    guint64 own_ns;

    if (dir == NULL)
        return;
    add_throttling(dir_path, ".", &sum, &own_ns);
    while ((entry = readdir(dir)) != NULL) {
        if (is_thread_group(entry->d_name) &&
            add_throttling(dir_path, entry->d_name, &sum, &own_ns) &&
            vcpu_of(entry->d_name) != NULL)
            set_vcpu_throttled(sample, vcpu_of(entry->d_name), own_ns);
    }
    closedir(dir);
    if (sum.found) {
        gemel_sample_set(sample, GEMEL_METRIC_CPU_THROTTLED, sum.time_ns);
        gemel_sample_set(sample, GEMEL_METRIC_CPU_NR_THROTTLED, sum.count);
        gemel_sample_set(sample, GEMEL_METRIC_CPU_PERIODS, sum.periods);
    }
}

void lv_cgroup_sample(const LvCgroup *group, GemelSample *sample)
{
    char text[16384];

    for (guint i = 0; i < G_N_ELEMENTS(group_files); i++) {
        const char *dir = *(char *const *)(const void *)((const char *)group + group_files[i].dir);

        for (guint f = 0; dir != NULL && f < G_N_ELEMENTS(group_files[i].files); f++) {
            const char *name = group_files[i].files[f].name;
            g_autofree char *path = name != NULL ? g_build_filename(dir, name, NULL) : NULL;

            if (path != NULL && read_file(path, text, sizeof text) >= 0) {
                group_files[i].files[f].take(text, sample);
                break;
            }
        }
    }
    if (group->cpu_dir != NULL)
        sample_throttling(group->cpu_dir, sample);
}
