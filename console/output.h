/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * output.h - where a command's words go: data to stdout, messages to stderr, or both into a pane.
 *
 * All text is stripped of control, C1 and bidi characters on the way out (widgets/text.h); a
 * command need not think of it. A closed pipe ends the program quietly with status 141 as for
 * any filter. UI thread only.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct Output Output;

typedef enum { OUTPUT_DATA, OUTPUT_NOTE, OUTPUT_ERROR } OutputClass;

/* stdout and stderr; colour only on a terminal and without NO_COLOR. */
Output *output_new_stdio(void);
/* Every whole line goes to `line`. */
Output *output_new_lines(void (*line)(OutputClass class, const char *text, gpointer data),
                         gpointer data);
void output_free(Output *out);

/* Without a newline at the end; one is added. */
void output_line(Output *out, OutputClass class, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Many lines (domain XML): control characters but newline and tab are stripped. */
void output_text(Output *out, const char *text);
/* Pretty on a terminal, compact otherwise; consumes value. */
void output_json(Output *out, json_t *value);
/* One object on one line. */
void output_json_line(Output *out, json_t *value);
void output_flush(Output *out);

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD, where jansson would give nothing
   and the whole object would be lost. NULL becomes null. */
json_t *json_text(const char *text);

/* A table: headers, then rows; columns sized by content, right-aligned where `align` has an R.
   Numbers are right-aligned; the last column is not padded. For people, texts in the columns W are
   wrapped so that the table fits the terminal; before them those in w, lists of words. For programs
   each row is one line. */
typedef struct OutputTable OutputTable;
OutputTable *output_table_new(const char *const *headers, const char *align);
void output_table_add(OutputTable *table, ...) G_GNUC_NULL_TERMINATED; /* const char* per column */
/* Frees it. One without a row prints nothing: its headings alone say nothing. */
void output_table_print(OutputTable *table, Output *out);
guint output_table_rows(const OutputTable *table);

/* `text` beside `left`, from column `indent` on. For people it is wrapped there, so that it fits
   the terminal; for programs it is one line. */
void output_beside(Output *out, const char *left, int indent, const char *text);

/* "1.5M", "412M", "12K", "90"; at most five characters. */
char *format_bytes(guint64 bytes);
char *format_rate(double per_second); /* as bytes, of a rate */
char *format_uptime(gint64 seconds);  /* "42s" "2m" "5h" "3d" */
char *format_percent(double percent); /* "0.3" "61" "200" */
