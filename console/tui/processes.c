/* SPDX-License-Identifier: GPL-3.0-or-later */
/* processes.c - the tab of an instance's processes: those of a container, the threads of a guest's
   QEMU; read while it is looked at. */
#include <string.h>

#include "console/tui/instances.h"

#define MAX_AGE_MS 2000

typedef struct {
    const GemelProcess *process;
    double cpu; /* percent of a core since the answer before, -1 = not known */
} Line;

static gboolean process_has(const GemelProcess *process, GemelProcessMetric metric)
{
    return (process->valid >> metric) & 1u;
}

/* The same process in the answer before: a pid may have been given anew since. */
static const GemelProcess *find_before(const GemelProcesses *before, const GemelProcess *like)
{
    guint low = 0, high = before != NULL ? before->rows->len : 0;

    while (low < high) { /* by pid */
        guint middle = (low + high) / 2;
        const GemelProcess *process = &g_array_index(before->rows, GemelProcess, middle);

        if (process->pid == like->pid)
            return process->start_ticks == like->start_ticks ? process : NULL;
        if (process->pid < like->pid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static double cpu_of(const Fetched *fetched, const GemelProcess *process)
{
    const GemelProcesses *now = fetched->processes, *before = fetched->processes_before;
    const GemelProcess *then = find_before(before, process);
    double span = before != NULL ? (double)(now->time_ns - before->time_ns) : 0;

    if (then == NULL || span <= 0 || !process_has(process, GEMEL_PROCESS_CPU_TIME) ||
        !process_has(then, GEMEL_PROCESS_CPU_TIME) ||
        process->value[GEMEL_PROCESS_CPU_TIME] < then->value[GEMEL_PROCESS_CPU_TIME])
        return -1;
    return 100.0 *
           (double)(process->value[GEMEL_PROCESS_CPU_TIME] - then->value[GEMEL_PROCESS_CPU_TIME]) /
           span;
}

/* By CPU now, then by CPU in all, then by pid. */
static gint compare_lines(gconstpointer a, gconstpointer b)
{
    const Line *one = a, *two = b;
    guint64 mine = one->process->value[GEMEL_PROCESS_CPU_TIME];
    guint64 other = two->process->value[GEMEL_PROCESS_CPU_TIME];

    if (one->cpu != two->cpu)
        return one->cpu < two->cpu ? 1 : -1;
    if (mine != other)
        return mine < other ? 1 : -1;
    return one->process->pid - two->process->pid;
}

static char *bytes_text(const GemelProcess *process, GemelProcessMetric metric)
{
    return process_has(process, metric) ? format_bytes(process->value[metric]) : g_strdup("-");
}

static void draw_line(const Line *line, int y, const Canvas *c)
{
    const GemelProcess *process = line->process;
    g_autofree char *cpu = line->cpu >= 0 ? format_percent(line->cpu) : g_strdup("-");
    g_autofree char *memory = bytes_text(process, GEMEL_PROCESS_MEM_RSS);
    g_autofree char *inner =
        process->inner_pid > 0 ? g_strdup_printf("%d", process->inner_pid) : g_strdup("-");
    g_autofree char *pid = g_strdup_printf("%d", process->pid);
    g_autofree char *time = process_has(process, GEMEL_PROCESS_CPU_TIME)
                                ? figure_text("ns", (double)process->value[GEMEL_PROCESS_CPU_TIME])
                                : g_strdup("-");
    char state[2] = {process->state, '\0'};

    canvas_field(c, y, 1, 8, TEXT_RIGHT, ROLE_TEXT, pid);
    canvas_field(c, y, 10, 7, TEXT_RIGHT, ROLE_DIM, inner);
    canvas_field(c, y, 18, 1, TEXT_LEFT, process->state == 'D' ? ROLE_WARN : ROLE_TEXT, state);
    canvas_field(c, y, 20, 5, TEXT_RIGHT,
                 line->cpu >= 60 ? theme_load_role(line->cpu / 100) : ROLE_TEXT, cpu);
    canvas_field(c, y, 26, 10, TEXT_RIGHT, ROLE_DIM, time);
    canvas_field(c, y, 37, 6, TEXT_RIGHT, ROLE_TEXT, memory);
    canvas_field(c, y, 45, c->width - 46, TEXT_LEFT, ROLE_STRONG, process->comm);
}

static void draw_head(const ModelInstance *instance, int y, const Canvas *c)
{
    gboolean vm = instance->info->kind == GEMEL_KIND_VM;

    canvas_field(c, y, 1, 8, TEXT_RIGHT, ROLE_LABEL, vm ? "THREAD" : "PID");
    canvas_field(c, y, 10, 7, TEXT_RIGHT, ROLE_LABEL, "INSIDE");
    canvas_text(c, y, 18, ROLE_LABEL, "S");
    canvas_field(c, y, 20, 5, TEXT_RIGHT, ROLE_LABEL, "CPU%");
    canvas_field(c, y, 26, 10, TEXT_RIGHT, ROLE_LABEL, "CPU TIME");
    canvas_field(c, y, 37, 6, TEXT_RIGHT, ROLE_LABEL, "MEMORY");
    canvas_text(c, y, 45, ROLE_LABEL, vm ? "THREAD OF QEMU" : "COMMAND");
}

int processes_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    g_autofree char *key = instance_key_of(instance);
    const Fetched *fetched = fetch_processes(tui->fetch, key, MAX_AGE_MS);
    g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(Line));
    const GemelProcesses *now = fetched->processes;
    int y = -scroll;

    if (now == NULL || now->rows->len == 0) {
        canvas_text(c, y, 1, fetched->error != NULL ? ROLE_WARN : ROLE_DIM,
                    fetched->error != NULL ? fetched->error
                    : now == NULL          ? "reading its processes ..."
                                           : "It has no processes: it does not run.");
        return 1;
    }
    for (guint i = 0; i < now->rows->len; i++) {
        const GemelProcess *process = &g_array_index(now->rows, GemelProcess, i);
        Line line = {process, cpu_of(fetched, process)};

        g_array_append_val(lines, line);
    }
    g_array_sort(lines, compare_lines);
    draw_head(instance, y++, c);
    for (guint i = 0; i < lines->len; i++, y++)
        if (y >= 0 && y < c->height)
            draw_line(&g_array_index(lines, Line, i), y, c);
    if (now->total > now->rows->len)
        canvas_printf(c, y++, 1, ROLE_DIM, "and %u more", now->total - now->rows->len);
    return y + scroll;
}
