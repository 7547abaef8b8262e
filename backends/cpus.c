/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/cpus.h"

#include <string.h>

#define CPUS_MAX 8192 /* NR_CPUS of the largest kernels */

typedef struct {
    guint8 bit[CPUS_MAX / 8];
} CpuSet;

static gboolean set_has(const CpuSet *set, guint cpu)
{
    return (set->bit[cpu / 8] >> cpu % 8) & 1u;
}

/* Adds "0-3,8" up to the end of the line; FALSE when it is no such list or an empty one. */
static gboolean set_add(CpuSet *set, const char *list)
{
    const char *at = list;

    for (;;) {
        char *end;
        guint64 first, last;

        if (!g_ascii_isdigit(*at))
            return FALSE;
        first = last = g_ascii_strtoull(at, &end, 10);
        if (*end == '-') {
            if (!g_ascii_isdigit(end[1]))
                return FALSE;
            last = g_ascii_strtoull(end + 1, &end, 10);
        }
        if (last < first || last >= CPUS_MAX)
            return FALSE;
        for (guint64 cpu = first; cpu <= last; cpu++)
            set->bit[cpu / 8] |= (guint8)(1u << cpu % 8);
        if (*end != ',')
            return *end == '\0' || *end == '\n';
        at = end + 1;
    }
}

static char *set_to_list(const CpuSet *set)
{
    GString *list = g_string_new(NULL);

    for (guint first = 0; first < CPUS_MAX; first++) {
        guint last = first;

        if (!set_has(set, first))
            continue;
        while (last + 1 < CPUS_MAX && set_has(set, last + 1))
            last++;
        g_string_append_printf(list, "%s%u", list->len > 0 ? "," : "", first);
        if (last > first)
            g_string_append_printf(list, "-%u", last);
        first = last;
    }
    return g_string_free(list, FALSE);
}

/* The value of a line "KEY:\tVALUE" of a status file, or NULL. */
static const char *line_of(const char *text, const char *key)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (g_str_has_prefix(line, key) && line[strlen(key)] == ':') {
            line += strlen(key) + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

char *gemel_cpus_of_process(const char *proc, gint pid)
{
    g_autofree char *tasks = g_strdup_printf("%s/%d/task", proc, pid);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    CpuSet all = {0}, vcpus = {0};
    gboolean any = FALSE, any_vcpu = FALSE;

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(tasks, name, "status", NULL);
        g_autofree char *text = NULL;
        const char *list, *comm;

        if (!g_file_get_contents(path, &text, NULL, NULL) ||
            (list = line_of(text, "Cpus_allowed_list")) == NULL || !set_add(&all, list))
            continue;
        any = TRUE;
        comm = line_of(text, "Name"); /* QEMU's vCPU threads are called "CPU 0/KVM" */
        if (comm != NULL && g_str_has_prefix(comm, "CPU "))
            any_vcpu = set_add(&vcpus, list);
    }
    return any_vcpu ? set_to_list(&vcpus) : any ? set_to_list(&all) : NULL;
}

guint gemel_cpus_count(const char *list)
{
    CpuSet set = {0};
    guint n = 0;

    if (list == NULL || !set_add(&set, list))
        return 0;
    for (guint cpu = 0; cpu < CPUS_MAX; cpu++)
        n += set_has(&set, cpu);
    return n;
}

gboolean gemel_cpus_meet(const char *one, const char *two)
{
    CpuSet a = {0}, b = {0};

    if (one == NULL || two == NULL || !set_add(&a, one) || !set_add(&b, two))
        return TRUE;
    for (guint i = 0; i < sizeof a.bit; i++)
        if ((a.bit[i] & b.bit[i]) != 0)
            return TRUE;
    return FALSE;
}
