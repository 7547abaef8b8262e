/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/compare_host.h"
#include "console/output.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALK_USEC (5 * G_USEC_PER_SEC)

static const char *const namespaces[] = {"mnt", "pid",    "net",  "ipc",
                                         "uts", "cgroup", "user", "time"};

void compare_look_free(CompareLook *look)
{
    if (look == NULL)
        return;
    json_decref(look->apart);
    g_free(look);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The number behind "KEY:" of a file of /proc/PID; -1 = not there. */
static gint64 proc_number(gint64 pid, const char *file, const char *key, int base)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/%s", pid, file);
    g_autofree char *text = NULL;
    g_autofree char *begin = g_strdup_printf("\n%s:", key);
    const char *at;

    if (pid <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return -1;
    at = strstr(text, begin);
    return at != NULL ? (gint64)g_ascii_strtoull(at + strlen(begin), NULL, base) : -1;
}

static void look_at_memory(CompareLook *look, GPtrArray *samples, const char *id, GemelKind kind,
                           gint64 monitor)
{
    const GemelSample *sample = NULL;
    gint64 kb = proc_number(monitor, "smaps_rollup", "Pss", 10);

    for (guint i = 0; samples != NULL && i < samples->len && sample == NULL; i++)
        if (g_str_equal(((GemelSample *)samples->pdata[i])->id, id))
            sample = samples->pdata[i];
    look->memory_bytes = -1;
    look->memory_reason = "its backend gives no figure of its memory";
    if (sample == NULL)
        return;
    if (kind == GEMEL_KIND_VM && gemel_sample_has(sample, GEMEL_METRIC_MEM_RSS))
        look->memory_bytes = (double)sample->value[GEMEL_METRIC_MEM_RSS];
    if (kind == GEMEL_KIND_CONTAINER && gemel_sample_has(sample, GEMEL_METRIC_MEM_USAGE) &&
        gemel_sample_has(sample, GEMEL_METRIC_MEM_FILE))
        look->memory_bytes = (double)sample->value[GEMEL_METRIC_MEM_USAGE] -
                             (double)sample->value[GEMEL_METRIC_MEM_FILE] +
                             (kb > 0 ? (double)kb * 1024 : 0);
}

/* ---- disk ----------------------------------------------------------------------------------- */

/* What one file takes; -1 = it is not there or no file. */
static double file_bytes(const char *path)
{
    struct stat st;

    if (path == NULL || *path != '/' || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    return (double)st.st_blocks * 512;
}

/* All below a directory, on its file system; -1 = not there, or it takes too long. Files with
   several names count in parts. */
static double tree_bytes(const char *path)
{
    char *const roots[] = {(char *)path, NULL};
    gint64 until = g_get_monotonic_time() + WALK_USEC;
    double sum = 0;
    guint seen = 0;
    FTSENT *entry;
    FTS *walk;

    if (path == NULL || *path != '/' || access(path, F_OK) != 0)
        return -1;
    walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    if (walk == NULL)
        return -1;
    while ((entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR)
            continue;
        sum += (double)entry->fts_statp->st_blocks * 512 /
               (S_ISDIR(entry->fts_statp->st_mode) ? 1 : MAX(entry->fts_statp->st_nlink, 1));
        if (++seen % 1024 == 0 && g_get_monotonic_time() > until) {
            sum = -1;
            break;
        }
    }
    fts_close(walk);
    return sum;
}

/* "<initrd>PATH</initrd>" of a domain's XML; the essentials do not have it. */
static char *initrd_of(const char *xml)
{
    const char *begin = xml != NULL ? strstr(xml, "<initrd>") : NULL;
    const char *end = begin != NULL ? strstr(begin, "</initrd>") : NULL;

    return end != NULL ? g_strndup(begin + 8, (gsize)(end - begin - 8)) : NULL;
}

static double guest_bytes(const GemelInspect *inspect)
{
    const json_t *disks = json_object_get(inspect->essentials, "disks");
    g_autofree char *initrd = initrd_of(inspect->definition);
    const char *kernel = json_string_value(json_object_get(inspect->essentials, "kernel"));
    double sum = 0, found = 0;

    for (gsize i = 0; i < json_array_size(disks); i++) {
        double one =
            file_bytes(json_string_value(json_object_get(json_array_get(disks, i), "source")));

        found += one >= 0;
        sum += MAX(one, 0);
    }
    if (found == 0)
        return -1;
    return sum + MAX(file_bytes(kernel), 0) + MAX(file_bytes(initrd), 0);
}

static void look_at_disk(CompareLook *look, const GemelInspect *inspect, GemelKind kind)
{
    const char *bundle = json_string_value(json_object_get(inspect->essentials, "bundle"));

    look->footprint_bytes = kind == GEMEL_KIND_VM ? guest_bytes(inspect) : tree_bytes(bundle);
    look->footprint_reason = kind == GEMEL_KIND_VM
                                 ? "none of its disks is a file on this host"
                                 : "its files are not on this host, or too many to count in 5 s";
}

/* ---- what keeps it apart -------------------------------------------------------------------- */

static void add_means(json_t *means, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_means(json_t *means, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    json_array_append_new(means, json_text(text));
}

/* Those of its namespaces that are not the host's first process's (or, unreadable, our own). */
static json_t *own_namespaces(gint64 pid)
{
    json_t *own = json_array();

    for (gsize i = 0; i < G_N_ELEMENTS(namespaces); i++) {
        g_autofree char *its =
            g_strdup_printf("/proc/%" G_GINT64_FORMAT "/ns/%s", pid, namespaces[i]);
        g_autofree char *first = g_strdup_printf("/proc/1/ns/%s", namespaces[i]);
        g_autofree char *ours = g_strdup_printf("/proc/self/ns/%s", namespaces[i]);
        g_autofree char *there = g_file_read_link(its, NULL);
        g_autofree char *here = g_file_read_link(first, NULL);

        if (here == NULL)
            here = g_file_read_link(ours, NULL);
        if (there != NULL && here != NULL && !g_str_equal(here, there))
            json_array_append_new(own, json_string(namespaces[i]));
    }
    return own;
}

static guint bits_of(guint64 bits)
{
    guint n = 0;

    for (; bits != 0; bits &= bits - 1)
        n++;
    return n;
}

/* Of the process that the host sees: a container's first, or a guest's QEMU. */
static void look_at_process(json_t *apart, json_t *means, gint64 pid, GemelKind kind)
{
    const char *who = kind == GEMEL_KIND_VM ? "QEMU: " : "";
    gint64 seccomp = proc_number(pid, "status", "Seccomp", 10);
    gint64 caps = proc_number(pid, "status", "CapEff", 16);
    gint64 locked = proc_number(pid, "status", "NoNewPrivs", 10);
    gint64 uid = proc_number(pid, "status", "Uid", 10);
    json_t *own = own_namespaces(pid);
    g_autoptr(GString) names = g_string_new(NULL);

    for (gsize i = 0; i < json_array_size(own); i++)
        g_string_append_printf(names, " %s", json_string_value(json_array_get(own, i)));
    if (names->len > 0)
        add_means(means, "%snamespaces%s", who, names->str);
    if (seccomp == 2)
        add_means(means, "%sa seccomp filter", who);
    if (caps >= 0)
        add_means(means, "%s%u capabilities", who, bits_of((guint64)caps));
    if (locked == 1)
        add_means(means, "%sno new privileges", who);
    if (uid > 0)
        add_means(means, "%suser id %" G_GINT64_FORMAT, who, uid);
    json_object_set(apart, "namespaces", pid > 0 ? own : json_null());
    json_decref(own);
    json_object_set_new(apart, "seccomp", seccomp >= 0 ? json_boolean(seccomp == 2) : json_null());
    json_object_set_new(apart, "capabilities",
                        caps >= 0 ? json_integer(bits_of((guint64)caps)) : json_null());
    json_object_set_new(apart, "no_new_privs",
                        locked >= 0 ? json_boolean(locked == 1) : json_null());
    json_object_set_new(apart, "uid", uid >= 0 ? json_integer(uid) : json_null());
}

static json_t *look_apart(const GemelInspect *inspect, GemelKind kind, gint64 pid)
{
    json_t *apart = json_object(), *means = json_array();
    const char *type = json_string_value(json_object_get(inspect->essentials, "type"));
    const char *accelerator = NULL;

    if (kind == GEMEL_KIND_VM && type != NULL)
        accelerator = g_str_equal(type, "kvm") ? "kvm" : g_str_equal(type, "qemu") ? "tcg" : NULL;
    json_object_set_new(apart, "accelerator",
                        accelerator != NULL ? json_string(accelerator) : json_null());
    if (accelerator != NULL)
        add_means(means, "%s",
                  g_str_equal(accelerator, "kvm")
                      ? "the CPU's virtualization (accelerator KVM)"
                      : "an emulated CPU (accelerator TCG: QEMU translates)");
    look_at_process(apart, means, pid, kind);
    json_object_set_new(apart, "means", means);
    return apart;
}

CompareLook *compare_look(GemelConn *conn, const char *id, GemelKind kind, gboolean walks,
                          GError **error)
{
    const GemelBackendOps *ops = conn->backend->ops;
    gboolean here = g_str_equal(ops->type, "native") || g_str_equal(ops->type, "libvirt");
    g_autoptr(GPtrArray) samples = ops->sample != NULL ? ops->sample(conn, NULL) : NULL;
    g_autoptr(GemelInspect) inspect = ops->inspect(conn, id, error);
    CompareLook *look;
    gint64 pid = 0, monitor = 0;

    if (inspect == NULL)
        return NULL;
    if (here) {
        pid = json_integer_value(json_object_get(inspect->essentials, "pid"));
        monitor = json_integer_value(json_object_get(inspect->essentials, "conmon_pid"));
    }
    look = g_new0(CompareLook, 1);
    look_at_memory(look, samples, id, kind, monitor);
    look->footprint_bytes = -1;
    look->footprint_reason = "its files are not on this host";
    if (walks && here && pid > 0)
        look_at_disk(look, inspect, kind);
    look->apart = look_apart(inspect, kind, pid);
    return look;
}
