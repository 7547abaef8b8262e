/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/output.h"
#include "console/terminal.h"
#include "widgets/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct Output {
    void (*line)(OutputClass class, const char *text, gpointer data); /* NULL = stdio */
    gpointer data;
    gboolean terminal; /* stdout is one */
    gboolean colour;   /* on stderr */
};

struct OutputTable {
    char *align;
    guint columns;
    GPtrArray *rows; /* of char**; the first is the header */
};

/* ---- sinks ---------------------------------------------------------------------------------- */

Output *output_new_stdio(void)
{
    Output *out = g_new0(Output, 1);
    const char *no_colour = g_getenv("NO_COLOR");

    out->terminal = isatty(STDOUT_FILENO);
    out->colour = isatty(STDERR_FILENO) && (no_colour == NULL || *no_colour == '\0');
    return out;
}

Output *output_new_lines(void (*line)(OutputClass class, const char *text, gpointer data),
                         gpointer data)
{
    Output *out = g_new0(Output, 1);

    out->line = line;
    out->data = data;
    return out;
}

void output_free(Output *out)
{
    if (out == NULL)
        return;
    if (out->line == NULL)
        output_flush(out);
    g_free(out);
}

/* Whoever read us has gone: end as a filter does, with the status of SIGPIPE. Output that is lost
   for another reason (a full disk) is a failure, and said to be one. */
static void die_of_output(void)
{
    if (errno == EPIPE)
        terminal_exit(128 + 13);
    fprintf(stderr, "gemel: standard output cannot be written: %s\n", g_strerror(errno));
    terminal_exit(1);
}

/* Into stdio's buffer; signals are let through only where that may write, for each line of a large
   table would be four system calls. */
static void write_line(const char *text)
{
    gboolean fits = !__flbf(stdout) && __fpending(stdout) + strlen(text) + 1 < __fbufsize(stdout);

    if (!fits)
        terminal_begin_write(STDOUT_FILENO);
    errno = 0;
    if (fputs(text, stdout) == EOF || putc('\n', stdout) == EOF)
        die_of_output();
    if (!fits)
        terminal_end_write();
}

void output_flush(Output *out)
{
    if (out->line != NULL)
        return;
    terminal_begin_write(STDOUT_FILENO);
    errno = 0;
    if (fflush(stdout) == EOF)
        die_of_output();
    terminal_end_write();
}

/* One line of text that is safe to show. */
static void emit(Output *out, OutputClass class, const char *text)
{
    if (out->line != NULL) {
        out->line(class, text, out->data);
        return;
    }
    if (class == OUTPUT_DATA) {
        write_line(text);
        return;
    }
    output_flush(out); /* keep the order of what a person reads */
    terminal_begin_write(STDERR_FILENO);
    if (class == OUTPUT_ERROR && out->colour)
        fprintf(stderr, "\033[31mgemel:\033[0m %s\n", text);
    else
        fprintf(stderr, class == OUTPUT_ERROR ? "gemel: %s\n" : "%s\n", text);
    terminal_end_write();
}

void output_line(Output *out, OutputClass class, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *safe = text_sanitise(text, -1, TEXT_NAME);
    emit(out, class, safe);
}

void output_text(Output *out, const char *text)
{
    g_autofree char *safe = text_sanitise(text, -1, TEXT_OUTPUT);
    g_auto(GStrv) lines = g_strsplit(safe, "\n", -1);
    guint n = g_strv_length(lines);

    for (guint i = 0; i < n; i++)
        if (i + 1 < n || *lines[i] != '\0')
            emit(out, OUTPUT_DATA, lines[i]);
}

json_t *json_text(const char *text)
{
    if (text == NULL)
        return json_null();
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return json_string(valid);
}

static void emit_json(Output *out, json_t *value, size_t flags)
{
    /* JSON_ENSURE_ASCII: no byte of a name reaches a terminal raw, and every parser reads it. */
    char *text = json_dumps(value, flags | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

    json_decref(value);
    if (text == NULL) {
        output_line(out, OUTPUT_ERROR, "what there is to say cannot be put into JSON");
        return;
    }
    if (out->line != NULL)
        output_text(out, text);
    else
        emit(out, OUTPUT_DATA, text);
    free(text);
}

void output_json(Output *out, json_t *value)
{
    gboolean pretty = out->terminal || out->line != NULL;

    emit_json(out, value, pretty ? JSON_INDENT(2) : JSON_COMPACT);
}

void output_json_line(Output *out, json_t *value)
{
    emit_json(out, value, JSON_COMPACT);
    output_flush(out);
}

/* ---- tables --------------------------------------------------------------------------------- */

#define TABLE_WIDTH    78 /* of a page of the console, whose frame takes two */
#define TABLE_WRAP_MIN 8  /* what a column that is wrapped keeps at least */

/* The columns there are for a table; 0: as many as it wants, for a program reads it. */
static int table_room(const Output *out)
{
    struct winsize size = {0};

    if (out->line != NULL)
        return TABLE_WIDTH;
    if (!out->terminal)
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : TABLE_WIDTH + 2;
}

OutputTable *output_table_new(const char *const *headers, const char *align)
{
    OutputTable *table = g_new0(OutputTable, 1);

    table->columns = g_strv_length((char **)headers);
    table->align = g_strdup(align);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_ptr_array_add(table->rows, g_strdupv((char **)headers));
    return table;
}

void output_table_add(OutputTable *table, ...)
{
    char **row = g_new0(char *, table->columns + 1);
    const char *cell;
    va_list args;
    guint i = 0;

    va_start(args, table);
    while ((cell = va_arg(args, const char *)) != NULL && i < table->columns)
        row[i++] = text_sanitise(cell, -1, TEXT_NAME);
    va_end(args);
    while (i < table->columns)
        row[i++] = g_strdup("");
    g_ptr_array_add(table->rows, row);
}

guint output_table_rows(const OutputTable *table)
{
    return table->rows->len - 1;
}

/* Cells of the longest word in a column. */
static int longest_word(const OutputTable *table, guint column)
{
    int longest = TABLE_WRAP_MIN;

    for (guint r = 0; r < table->rows->len; r++) {
        g_auto(GStrv) words = g_strsplit(((char **)table->rows->pdata[r])[column], " ", -1);

        for (guint i = 0; words[i] != NULL; i++)
            longest = MAX(longest, text_width(words[i]));
    }
    return longest;
}

/* Makes the columns 'w' as narrow as their words let them be, then 'W', the widest first, until the
   table fits. */
static void narrow(const OutputTable *table, int *widths, int room)
{
    int total = ((int)table->columns - 1) * 2;

    for (guint c = 0; c < table->columns; c++)
        total += widths[c];
    for (guint c = 0; c < table->columns && room > 0; c++) {
        if (table->align[c] != 'w' || total <= room)
            continue;
        total -= widths[c];
        widths[c] = MIN(widths[c], longest_word(table, c));
        total += widths[c];
    }
    for (; room > 0 && total > room; total--) {
        int widest = -1;

        for (guint c = 0; c < table->columns; c++)
            if (table->align[c] == 'W' && widths[c] > TABLE_WRAP_MIN &&
                (widest < 0 || widths[c] > widths[widest]))
                widest = (int)c;
        if (widest < 0)
            return;
        widths[widest]--;
    }
}

/* One line of a row; `cells` go on to what is left for the next. FALSE: nothing was left. */
static gboolean append_row_line(const OutputTable *table, const int *widths, const char **cells,
                                GString *line)
{
    gboolean any = FALSE;

    g_string_truncate(line, 0);
    for (guint c = 0; c < table->columns; c++) {
        gboolean wraps =
            g_ascii_tolower(table->align[c]) == 'w' && text_width(cells[c]) > widths[c];
        const char *end = wraps ? text_break(cells[c], widths[c]) : cells[c] + strlen(cells[c]);
        g_autofree char *part = g_strndup(cells[c], (gsize)(end - cells[c]));

        any = any || *cells[c] != '\0';
        if (c > 0)
            g_string_append(line, "  ");
        if (c + 1 == table->columns && table->align[c] != 'R')
            g_string_append(line, part);
        else
            text_append_fit(line, part, widths[c], table->align[c] == 'R' ? TEXT_RIGHT : TEXT_LEFT);
        cells[c] = *end == ' ' ? end + 1 : end;
    }
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    return any;
}

void output_table_print(OutputTable *table, Output *out)
{
    g_autofree int *widths = g_new0(int, table->columns);
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint r = 0; r < table->rows->len; r++)
        for (guint c = 0; c < table->columns; c++)
            widths[c] = MAX(widths[c], text_width(((char **)table->rows->pdata[r])[c]));
    narrow(table, widths, table_room(out));
    for (guint r = 0; output_table_rows(table) > 0 && r < table->rows->len; r++) {
        g_autofree const char **cells =
            g_memdup2(table->rows->pdata[r], sizeof(char *) * table->columns);

        for (guint n = 0; append_row_line(table, widths, cells, line) || n == 0; n++)
            emit(out, OUTPUT_DATA, line->str);
    }
    g_ptr_array_unref(table->rows);
    g_free(table->align);
    g_free(table);
}

void output_beside(Output *out, const char *left, int indent, const char *text)
{
    g_autofree char *safe = text_sanitise(text, -1, TEXT_NAME);
    g_autofree char *begin = text_sanitise(left, -1, TEXT_NAME);
    g_autoptr(GString) line = g_string_new(NULL);
    const char *rest = safe, *end;
    int room = table_room(out) - indent;

    text_append_fit(line, begin, MAX(indent, text_width(begin)), TEXT_LEFT);
    while (room >= TABLE_WRAP_MIN && text_width(rest) > room) {
        end = text_break(rest, room);
        g_string_append_len(line, rest, end - rest);
        g_strchomp(line->str);
        emit(out, OUTPUT_DATA, line->str);
        g_string_printf(line, "%*s", indent, "");
        rest = end + strspn(end, " ");
    }
    g_string_append(line, rest);
    emit(out, OUTPUT_DATA, line->str);
}

/* ---- numbers -------------------------------------------------------------------------------- */

char *format_bytes(guint64 bytes)
{
    static const char units[] = "KMGTPE";
    double value = (double)bytes;
    int unit = -1;

    while (value >= 999.5 && unit < 5) {
        value /= 1024;
        unit++;
    }
    if (unit < 0)
        return g_strdup_printf("%d", (int)bytes);
    return g_strdup_printf(value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

char *format_rate(double per_second)
{
    return format_bytes(per_second > 0 ? (guint64)llround(per_second) : 0);
}

char *format_uptime(gint64 seconds)
{
    static const struct {
        gint64 length;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};

    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (seconds >= units[i].length)
            return g_strdup_printf("%" G_GINT64_FORMAT "%c", seconds / units[i].length,
                                   units[i].unit);
    return g_strdup_printf("%" G_GINT64_FORMAT "s", MAX(seconds, 0));
}

char *format_percent(double percent)
{
    return g_strdup_printf(percent < 9.95 ? "%.1f" : "%.0f", percent);
}
