/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A decimal number behind blanks; FALSE when there is none that fits. */
static gboolean take_number(const char **at, guint64 *ret)
{
    const char *from = *at + strspn(*at, " \t"), *digit = from;
    guint64 value = 0;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (value > (G_MAXUINT64 - (guint64)(*digit - '0')) / 10)
            return FALSE;
        value = value * 10 + (guint64)(*digit - '0');
    }
    if (digit == from)
        return FALSE;
    *ret = value;
    *at = digit;
    return TRUE;
}

/* The text behind "key" at the beginning of a line, or NULL. */
static const char *find_line(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, length) == 0)
            return line + length;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

static guint64 ticks_to_ns(guint64 ticks)
{
    guint64 hz = (guint64)sysconf(_SC_CLK_TCK);

    return ticks > G_MAXUINT64 / 1000000000
               ? G_MAXUINT64
               : ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

enum { /* proc(5), less 3: what comes first behind the name is field 3 */
       STAT_PARENT = 1,
       STAT_UTIME = 11,
       STAT_STIME = 12,
       STAT_THREADS = 17,
       STAT_START = 19,
       STAT_RSS = 21,
       STAT_N
};

gboolean gemel_proc_parse_stat(const char *text, GemelProcKind kind, GemelProcess *process)
{
    /* "PID (NAME) S ..."; the name may hold any byte, parentheses and newlines too: its end is the
       last one. */
    const char *name = strchr(text, '('), *end = strrchr(text, ')'), *at;
    guint64 field[STAT_N] = {0};
    guint64 page = (guint64)sysconf(_SC_PAGESIZE);

    if (name == NULL || end == NULL || end < name || end[1] != ' ' || !g_ascii_isalpha(end[2]))
        return FALSE;
    at = end + 3;
    for (guint i = 1; i < STAT_N; i++) {
        at += strspn(at, " ");
        if (*at == '-') /* priorities and the like */
            at += 1 + strspn(at + 1, "0123456789");
        else if (!take_number(&at, &field[i]))
            return FALSE;
    }
    if (end > name + 1)
        g_strlcpy(process->comm, name + 1, MIN((gsize)(end - name), sizeof process->comm));
    process->state = end[2];
    process->start_ticks = field[STAT_START];
    if (kind == GEMEL_PROC_THREAD)
        return TRUE;
    process->parent = (gint)MIN(field[STAT_PARENT], G_MAXINT);
    gemel_process_set(process, GEMEL_PROCESS_CPU_TIME,
                      ticks_to_ns(field[STAT_UTIME] + field[STAT_STIME]));
    gemel_process_set(process, GEMEL_PROCESS_THREADS, field[STAT_THREADS]);
    if (field[STAT_RSS] <= G_MAXUINT64 / page)
        gemel_process_set(process, GEMEL_PROCESS_MEM_RSS, field[STAT_RSS] * page);
    return TRUE;
}

/* "RUN WAIT SLICES", nanoseconds, of one thread: of a process the first's, which stands for all
   only while it is alone. */
void gemel_proc_parse_schedstat(const char *text, GemelProcKind kind, GemelProcess *process)
{
    guint64 run, wait;

    if (!take_number(&text, &run) || !take_number(&text, &wait))
        return;
    if (kind == GEMEL_PROC_THREAD)
        gemel_process_set(process, GEMEL_PROCESS_CPU_TIME, run);
    else if (process->value[GEMEL_PROCESS_THREADS] != 1)
        return;
    gemel_process_set(process, GEMEL_PROCESS_CPU_WAIT, wait);
}

void gemel_proc_parse_io(const char *text, GemelProcess *process)
{
    static const struct {
        const char *key;
        GemelProcessMetric metric;
    } known[] = {
        {"read_bytes:", GEMEL_PROCESS_IO_RD_BYTES},
        {"write_bytes:", GEMEL_PROCESS_IO_WR_BYTES},
    };

    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        const char *at = find_line(text, known[i].key);
        guint64 value;

        if (at != NULL && take_number(&at, &value))
            gemel_process_set(process, known[i].metric, value);
    }
}

/* The last number of "NSpid:" is what the innermost pid namespace calls it. */
void gemel_proc_parse_status(const char *text, GemelProcKind kind, GemelProcess *process)
{
    const char *at = find_line(text, "Uid:");
    guint64 value;

    if (at != NULL && take_number(&at, &value) && value <= G_MAXUINT32)
        process->uid = (gint64)value;
    at = kind == GEMEL_PROC_PROCESS ? find_line(text, "NSpid:") : NULL;
    while (at != NULL && take_number(&at, &value))
        process->inner_pid = (gint)MIN(value, G_MAXINT);
}

/* DIR/FILE into `text`, NUL-terminated; FALSE when it cannot be read. */
static gboolean read_small(const char *dir, const char *file, char *text, gsize size)
{
    char path[256];
    gssize got;
    int fd;

    if ((gsize)g_snprintf(path, sizeof path, "%s/%s", dir, file) >= sizeof path)
        return FALSE;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return FALSE;
    do
        got = read(fd, text, size - 1);
    while (got < 0 && errno == EINTR);
    close(fd);
    if (got <= 0)
        return FALSE;
    text[got] = '\0';
    return TRUE;
}

gboolean gemel_proc_read(const char *dir, gint pid, GemelProcKind kind, GemelProcesses *processes)
{
    GemelProcess full = {0}, *process;
    char text[4096];

    if (!read_small(dir, "stat", text, sizeof text))
        return FALSE;
    process = gemel_processes_add(processes, pid);
    if (process == NULL)
        process = &full; /* counted, not kept */
    if (!gemel_proc_parse_stat(text, kind, process) || process == &full)
        return TRUE;
    if (read_small(dir, "schedstat", text, sizeof text))
        gemel_proc_parse_schedstat(text, kind, process);
    if (read_small(dir, "io", text, sizeof text))
        gemel_proc_parse_io(text, process);
    if (read_small(dir, "status", text, sizeof text))
        gemel_proc_parse_status(text, kind, process);
    return TRUE;
}
