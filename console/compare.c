/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More than any figure: a hundred days in ns, a petabyte. */
#define VALUE_MAX 1e16

const CompareRowInfo compare_rows[COMPARE_ROW_N] = {
    [COMPARE_START] = {"start", "start", COMPARE_NS, NULL,
                       "from the start to the first process: container: `start` done, its command "
                       "executed; guest: the first byte on its serial console; host: the first "
                       "byte of a program started by fork and exec",
                       NULL},
    [COMPARE_SHELL] = {"shell", "start to shell", COMPARE_NS, NULL,
                       "from the start to the answer of a shell: container: an exec of `echo`; "
                       "guest: `echo` typed at its serial console; host: sh -c echo",
                       NULL},
    [COMPARE_MEMORY] = {"memory", "memory beyond payload", COMPARE_BYTES, NULL,
                        "what the host keeps for it less the anonymous memory of the processes "
                        "inside: container: its cgroup without page cache, and its monitor; guest: "
                        "QEMU's resident memory",
                        "there is nothing around its processes"},
    [COMPARE_FOOTPRINT] = {"footprint", "disk footprint", COMPARE_BYTES, NULL,
                           "blocks taken on the host's disks: container: its layers and bundle; "
                           "guest: its disks, kernel and initial RAM disk",
                           "nothing is made for it"},
    [COMPARE_CPU] = {"cpu", "CPU loop", COMPARE_NS, "cpu_ns",
                     "20 million dependent turns of a 64-bit generator", NULL},
    [COMPARE_SYSCALL] = {"syscall", "system call", COMPARE_NS, "syscall_ns",
                         "getppid, the mean of 50,000", NULL},
    [COMPARE_FORK] = {"fork", "fork and wait", COMPARE_NS, "fork_ns",
                      "fork, exit and wait, the mean of 50", NULL},
    [COMPARE_DISK] = {"disk", "disk round trip", COMPARE_NS, "disk_ns",
                      "4 KiB written and synced (fdatasync) on /data or else /var/tmp, the mean of "
                      "10",
                      NULL},
    [COMPARE_NET] = {"net", "network round trip", COMPARE_NS, "net_ns",
                     "a TCP connection to its default gateway, taken or refused, the median of 7; "
                     "host: to itself by loopback",
                     NULL},
};

/* What a payload gives as the code of a missing figure. */
static const struct {
    const char *code, *text;
} codes[] = {
    {"no-disk", "it has no disk that can be written: its directories are in memory"},
    {"no-sync", "its disk does not take a synced write"},
    {"no-route", "it has no default route"},
    {"no-answer", "its gateway does not answer"},
    {"no-fork", "it may not make another process"},
    {"no-proc", "it has no /proc"},
};

CompareTable *compare_table_new(void)
{
    CompareTable *table = g_new0(CompareTable, 1);

    for (guint side = 0; side < COMPARE_SIDE_N; side++)
        table->inside_bytes[side] = -1;
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        if (compare_rows[row].no_host != NULL)
            compare_reason(table, row, COMPARE_HOST, "%s", compare_rows[row].no_host);
    return table;
}

void compare_table_free(CompareTable *table)
{
    if (table == NULL)
        return;
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        for (guint side = 0; side < COMPARE_SIDE_N; side++)
            g_free(table->cells[row][side].reason);
    for (guint side = 0; side < COMPARE_SIDE_N; side++)
        json_decref(table->apart[side]);
    g_free(table);
}

void compare_add(CompareTable *table, CompareRow row, CompareSide side, double value)
{
    CompareCell *cell = &table->cells[row][side];

    if (isfinite(value) && value > 0 && value <= VALUE_MAX && cell->n < COMPARE_VALUES_MAX)
        cell->values[cell->n++] = value;
}

void compare_reason(CompareTable *table, CompareRow row, CompareSide side, const char *format, ...)
{
    CompareCell *cell = &table->cells[row][side];
    va_list args;

    if (cell->reason != NULL)
        return;
    va_start(args, format);
    cell->reason = g_strdup_vprintf(format, args);
    va_end(args);
}

void compare_reason_payload(CompareTable *table, CompareSide side, const char *reason)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        if (compare_rows[row].key != NULL || row == COMPARE_MEMORY)
            compare_reason(table, row, side, "%s", reason);
}

void compare_reason_all(CompareTable *table, CompareSide side, const char *reason)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        compare_reason(table, row, side, "%s", reason);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

gboolean compare_spread(const CompareCell *cell, double *ret_median, double *ret_min,
                        double *ret_max)
{
    double sorted[COMPARE_VALUES_MAX];

    if (cell->n == 0)
        return FALSE;
    memcpy(sorted, cell->values, cell->n * sizeof *sorted);
    qsort(sorted, cell->n, sizeof *sorted, by_value);
    *ret_min = sorted[0];
    *ret_max = sorted[cell->n - 1];
    *ret_median = (sorted[cell->n / 2] + sorted[(cell->n - 1) / 2]) / 2;
    return TRUE;
}

/* ---- what a payload printed ----------------------------------------------------------------- */

/* A release of a kernel; anything else in its place is left out. */
static void take_kernel(CompareTable *table, CompareSide side, const char *text)
{
    gsize length = strlen(text);

    if (length > 0 && length < sizeof table->kernel[side] &&
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+~-") ==
            length)
        g_strlcpy(table->kernel[side], text, sizeof table->kernel[side]);
}

static void take_missing(CompareTable *table, CompareRow row, CompareSide side, const char *code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (g_str_equal(codes[i].code, code))
            compare_reason(table, row, side, "%s", codes[i].text);
    compare_reason(table, row, side, "the payload could not measure it");
}

gboolean compare_take_line(CompareTable *table, CompareSide side, const char *line)
{
    g_auto(GStrv) words = NULL;
    guint64 value;
    gboolean number;

    if (!g_str_has_prefix(line, "lab-payload ") || strlen(line) > 200)
        return FALSE;
    words = g_strsplit(line, " ", 5);
    if (g_strv_length(words) < 3 || g_strv_length(words) > 4)
        return FALSE;
    number = words[3] == NULL &&
             g_ascii_string_to_unsigned(words[2], 10, 1, (guint64)VALUE_MAX, &value, NULL);
    if (g_str_equal(words[1], "kernel")) {
        take_kernel(table, side, words[2]);
        return TRUE;
    }
    if (g_str_equal(words[1], "memory_b")) {
        if (number)
            table->inside_bytes[side] = (gint64)value;
        else
            take_missing(table, COMPARE_MEMORY, side, words[3] != NULL ? words[3] : "");
        return TRUE;
    }
    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        if (g_strcmp0(compare_rows[row].key, words[1]) != 0)
            continue;
        if (number)
            compare_add(table, row, side, (double)value);
        else
            take_missing(table, row, side, words[3] != NULL ? words[3] : "");
        return TRUE;
    }
    return FALSE;
}

/* ---- text ----------------------------------------------------------------------------------- */

/* Three digits and a unit that suits. */
static char *format_ns(double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    guint unit = 0;

    while (ns >= 999.5 && unit < G_N_ELEMENTS(units) - 1) {
        ns /= 1000;
        unit++;
    }
    return g_strdup_printf(ns < 9.995   ? "%.2f %s"
                           : ns < 99.95 ? "%.1f %s"
                                        : "%.0f %s",
                           ns, units[unit]);
}

static char *format_value(double value, CompareUnit unit)
{
    return unit == COMPARE_NS ? format_ns(value) : format_bytes((guint64)value);
}

char *compare_cell_text(const CompareCell *cell, CompareUnit unit)
{
    double median, min, max;

    if (!compare_spread(cell, &median, &min, &max))
        return g_strdup("-");
    g_autofree char *middle = format_value(median, unit);
    g_autofree char *low = format_value(min, unit), *high = format_value(max, unit);

    return g_str_equal(low, high) ? g_steal_pointer(&middle)
                                  : g_strdup_printf("%s (%s-%s)", middle, low, high);
}

char *compare_apart_text(const json_t *apart)
{
    const json_t *list = json_object_get(apart, "means");
    g_autoptr(GString) text = g_string_new(NULL);

    for (gsize i = 0; i < json_array_size(list); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "",
                               json_string_value(json_array_get(list, i)));
    return text->len > 0 ? g_string_free(g_steal_pointer(&text), FALSE) : g_strdup("-");
}

static const char *const side_names[COMPARE_SIDE_N] = {
    [COMPARE_HOST] = "host",
    [COMPARE_CONTAINER] = "container",
    [COMPARE_GUEST] = "guest",
};

/* Why cells are empty: each reason once for a side. */
static void print_reasons(const CompareTable *table, Output *out, CompareSide side,
                          const char *name)
{
    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        const CompareCell *cell = &table->cells[row][side];
        g_autoptr(GString) titles = g_string_new(NULL);
        gboolean said = FALSE;

        if (cell->n > 0 || cell->reason == NULL)
            continue;
        for (guint other = 0; other < COMPARE_ROW_N; other++) {
            const CompareCell *same = &table->cells[other][side];

            if (same->n > 0 || g_strcmp0(same->reason, cell->reason) != 0)
                continue;
            said = said || other < row;
            g_string_append_printf(titles, "%s%s", titles->len > 0 ? ", " : "",
                                   compare_rows[other].title);
        }
        if (!said)
            output_line(out, OUTPUT_DATA, "-  %s: %s: %s", name, titles->str, cell->reason);
    }
}

void compare_print(CompareTable *table, Output *out, const char *container, const char *guest)
{
    const char *const headers[] = {"", "HOST", container, guest, NULL};
    OutputTable *text = output_table_new(headers, "LRRR");

    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        const CompareRowInfo *info = &compare_rows[row];
        g_autofree char *host = compare_cell_text(&table->cells[row][COMPARE_HOST], info->unit);
        g_autofree char *ct = compare_cell_text(&table->cells[row][COMPARE_CONTAINER], info->unit);
        g_autofree char *vm = compare_cell_text(&table->cells[row][COMPARE_GUEST], info->unit);

        output_table_add(text, info->title, host, ct, vm, NULL);
    }
    output_table_print(text, out);
    for (guint side = COMPARE_CONTAINER; side < COMPARE_SIDE_N; side++) {
        g_autofree char *apart = compare_apart_text(table->apart[side]);

        output_line(out, OUTPUT_DATA, "%s is kept apart by: %s",
                    side == COMPARE_GUEST ? guest : container, apart);
    }
    for (guint row = 0; row < COMPARE_ROW_N; row++)
        output_line(out, OUTPUT_DATA, "%s: %s", compare_rows[row].title,
                    compare_rows[row].measured);
    print_reasons(table, out, COMPARE_HOST, "the host");
    print_reasons(table, out, COMPARE_CONTAINER, container);
    print_reasons(table, out, COMPARE_GUEST, guest);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *cell_to_json(const CompareCell *cell)
{
    double median, min, max;
    json_t *values = json_array();

    if (!compare_spread(cell, &median, &min, &max)) {
        json_decref(values);
        return json_pack("{s:n, s:o}", "median", "reason",
                         json_text(cell->reason != NULL ? cell->reason : "it was not measured"));
    }
    for (guint i = 0; i < cell->n; i++)
        json_array_append_new(values, json_real(cell->values[i]));
    return json_pack("{s:f, s:f, s:f, s:o}", "median", median, "min", min, "max", max, "values",
                     values);
}

json_t *compare_rows_to_json(const CompareTable *table)
{
    json_t *rows = json_array();

    for (guint row = 0; row < COMPARE_ROW_N; row++) {
        const CompareRowInfo *info = &compare_rows[row];
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:s}", "row", info->name, "title", info->title, "unit",
                      info->unit == COMPARE_NS ? "ns" : "B", "measured", info->measured);

        for (guint side = 0; side < COMPARE_SIDE_N; side++)
            json_object_set_new(object, side_names[side], cell_to_json(&table->cells[row][side]));
        json_array_append_new(rows, object);
    }
    return rows;
}

json_t *compare_apart_to_json(const CompareTable *table)
{
    json_t *object = json_object();

    for (guint side = COMPARE_CONTAINER; side < COMPARE_SIDE_N; side++)
        json_object_set_new(object, side_names[side],
                            table->apart[side] != NULL ? json_incref(table->apart[side])
                                                       : json_null());
    return object;
}
