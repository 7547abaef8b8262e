/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

    for (gsize i = 0; lines[i] != NULL; i++) {
        char *dash = strstr(lines[i], " - ");
        g_auto(GStrv) before = NULL, after = NULL;

        if (dash == NULL)
            continue;
        *dash = '\0';
        before = g_strsplit(lines[i], " ", -1);
        after = g_strsplit(dash + 3, " ", 3);
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

static gboolean has_file(const char *dir, const char *file)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);

    return access(path, R_OK) == 0;
}

gboolean lv_cgroup_find(const char *root, int pid, LvCgroup *ret_group)
{
    g_autofree char *cgroup_path = g_strdup_printf("%s/proc/%d/cgroup", root, pid);
    g_autofree char *mountinfo_path = g_strconcat(root, "/proc/self/mountinfo", NULL);
    g_autofree char *cgroups = NULL, *mountinfo = NULL, *unified = NULL, *cpu = NULL;
    g_autofree char *unified_path = NULL, *cpu_path = NULL;

    *ret_group = (LvCgroup){NULL, NULL, NULL};
    if (!g_file_get_contents(cgroup_path, &cgroups, NULL, NULL) ||
        !g_file_get_contents(mountinfo_path, &mountinfo, NULL, NULL))
        return FALSE;
    cpu = threads_dir(root, mountinfo, cgroups, "cpu", &cpu_path);
    unified = threads_dir(root, mountinfo, cgroups, NULL, &unified_path);
    /* The quota sits in v1 where there is a v1 cpu controller. */
    if (cpu != NULL)
        ret_group->cpu_dir = g_steal_pointer(&cpu);
    else if (unified != NULL)
        ret_group->cpu_dir = g_strdup(unified);
    ret_group->shown = g_strdup(cpu_path != NULL ? cpu_path : unified_path);
    if (unified != NULL) {
        cut_last(unified, "libvirt");
        if (ret_group->shown != NULL)
            cut_last(ret_group->shown, "libvirt");
        if (has_file(unified, "cpu.pressure") || has_file(unified, "memory.pressure"))
            ret_group->pressure_dir = g_steal_pointer(&unified);
    }
    return ret_group->cpu_dir != NULL || ret_group->pressure_dir != NULL;
}

void lv_cgroup_clear(LvCgroup *group)
{
    g_clear_pointer(&group->pressure_dir, g_free);
    g_clear_pointer(&group->cpu_dir, g_free);
    g_clear_pointer(&group->shown, g_free);
}

/* "avg10=1.25" of a line that begins with `kind` as 125 (1/100 %); FALSE if it is not there. */
static gboolean pressure_avg10(const char *text, const char *kind, guint64 *ret)
{
    const char *line = g_str_has_prefix(text, kind) ? text : NULL;
    g_autofree char *needle = g_strconcat("\n", kind, NULL);
    double percent;
    const char *at;

    if (line == NULL) {
        line = strstr(text, needle);
        if (line == NULL)
            return FALSE;
        line++;
    }
    at = strstr(line, "avg10=");
    if (at == NULL)
        return FALSE;
    percent = g_ascii_strtod(at + strlen("avg10="), NULL);
    *ret = (guint64)(percent * 100 + 0.5);
    return TRUE;
}

/* One *.pressure file into its three metrics; Documentation/accounting/psi.rst. */
static void sample_pressure(const char *dir, const char *file, GemelMetric some, GemelMetric full,
                            GemelMetric total, GemelSample *sample)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);
    char text[512];
    const char *at;
    guint64 value;

    if (read_file(path, text, sizeof text) <= 0)
        return;
    if (pressure_avg10(text, "some", &value))
        gemel_sample_set(sample, some, value);
    if (pressure_avg10(text, "full", &value))
        gemel_sample_set(sample, full, value);
    at = strstr(text, "total=");
    if (g_str_has_prefix(text, "some") && at != NULL)
        gemel_sample_set(sample, total, g_ascii_strtoull(at + strlen("total="), NULL, 10));
}

/* The number after `key` at the beginning of a line. */
static gboolean stat_value(const char *text, const char *key, guint64 *ret)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            *ret = g_ascii_strtoull(line + length + 1, NULL, 10);
            return TRUE;
        }
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return FALSE;
}

/* Adds one group's throttling; v1 gives throttled_time in ns, v2 throttled_usec. */
static void add_throttling(const char *dir, const char *child, guint64 *count, guint64 *time_ns,
                           gboolean *found)
{
    g_autofree char *path = g_build_filename(dir, child, "cpu.stat", NULL);
    char text[1024];
    guint64 value;

    if (read_file(path, text, sizeof text) <= 0 || !stat_value(text, "nr_throttled", &value))
        return;
    *found = TRUE;
    *count += value;
    if (stat_value(text, "throttled_usec", &value))
        *time_ns += value * 1000;
    else if (stat_value(text, "throttled_time", &value))
        *time_ns += value;
}

static gboolean is_thread_group(const char *name)
{
    return g_str_equal(name, "emulator") ||
           (g_str_has_prefix(name, "vcpu") && g_ascii_isdigit(name[4])) ||
           (g_str_has_prefix(name, "iothread") && g_ascii_isdigit(name[8]));
}

/* The per-thread groups hold libvirt's quotas, the group above them the domain's global one, and
   nr_throttled is not hierarchical: so the sum over all of them. */
static void sample_throttling(const char *dir_path, GemelSample *sample)
{
    guint64 count = 0, time_ns = 0;
    gboolean found = FALSE;
    const struct dirent *entry;
    DIR *dir = opendir(dir_path);

    if (dir == NULL)
        return;
    add_throttling(dir_path, ".", &count, &time_ns, &found);
    while ((entry = readdir(dir)) != NULL) {
        if (is_thread_group(entry->d_name))
            add_throttling(dir_path, entry->d_name, &count, &time_ns, &found);
    }
    closedir(dir);
    if (found) {
        gemel_sample_set(sample, GEMEL_METRIC_CPU_THROTTLED, time_ns);
        gemel_sample_set(sample, GEMEL_METRIC_CPU_NR_THROTTLED, count);
    }
}

void lv_cgroup_sample(const LvCgroup *group, GemelSample *sample)
{
    if (group->pressure_dir != NULL) {
        sample_pressure(group->pressure_dir, "cpu.pressure", GEMEL_METRIC_PSI_CPU_SOME,
                        GEMEL_METRIC_PSI_CPU_FULL, GEMEL_METRIC_PSI_CPU_TOTAL, sample);
        sample_pressure(group->pressure_dir, "memory.pressure", GEMEL_METRIC_PSI_MEM_SOME,
                        GEMEL_METRIC_PSI_MEM_FULL, GEMEL_METRIC_PSI_MEM_TOTAL, sample);
        sample_pressure(group->pressure_dir, "io.pressure", GEMEL_METRIC_PSI_IO_SOME,
                        GEMEL_METRIC_PSI_IO_FULL, GEMEL_METRIC_PSI_IO_TOTAL, sample);
    }
    if (group->cpu_dir != NULL)
        sample_throttling(group->cpu_dir, sample);
}
