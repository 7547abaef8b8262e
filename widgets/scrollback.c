/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/scrollback.h"

#include <string.h>

/* Cells that look alike. */
typedef struct {
    gint16 fg, bg;
    guint16 n;
    guint8 attrs;
} Run;

/* One allocation: this, the runs, the text and its NUL. */
typedef struct {
    guint32 bytes; /* of the whole */
    guint16 n_runs;
    Run runs[];
} Line;

struct Scrollback {
    Line **ring;
    guint size, at, n; /* at: the oldest */
    guint64 first;     /* its number */
    gsize bytes;
};

/* What an allocation costs beside what was asked for, and its place in the ring. */
#define OVERHEAD 16

Scrollback *scrollback_new(guint lines_max)
{
    Scrollback *s = g_new0(Scrollback, 1);

    s->size = lines_max;
    s->ring = g_new0(Line *, lines_max);
    return s;
}

void scrollback_free(Scrollback *s)
{
    if (s == NULL)
        return;
    scrollback_clear(s);
    g_free(s->ring);
    g_free(s);
}

static void drop_oldest(Scrollback *s)
{
    s->bytes -= s->ring[s->at]->bytes + OVERHEAD;
    g_clear_pointer(&s->ring[s->at], g_free);
    s->at = (s->at + 1) % s->size;
    s->n--;
    s->first++;
}

void scrollback_clear(Scrollback *s)
{
    while (s->n > 0)
        drop_oldest(s);
}

static gboolean looks_like(const Run *run, const Cell *cell)
{
    return run->fg == cell->fg && run->bg == cell->bg && run->attrs == cell->attrs;
}

/* Cells up to the last that shows something. */
static guint used_cells(const Cell *cells, guint n)
{
    while (n > 0 && (cells[n - 1].chars[0] == 0 || cells[n - 1].chars[0] == ' ') &&
           cells[n - 1].width == 1 && cells[n - 1].bg == CELL_DEFAULT &&
           (cells[n - 1].attrs & (CELL_REVERSE | CELL_UNDERLINE)) == 0)
        n--;
    return n;
}

static Line *pack(const Cell *cells, guint n)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(Run));
    g_autoptr(GString) text = g_string_sized_new(n + 1);

    n = MIN(used_cells(cells, n), G_MAXUINT16);
    for (guint i = 0; i < n; i++) {
        const Cell *cell = &cells[i];
        Run *last = runs->len > 0 ? &g_array_index(runs, Run, runs->len - 1) : NULL;

        if (cell->width == 0) {
            if (last != NULL)
                last->n++;
            continue;
        }
        if (last == NULL || !looks_like(last, cell)) {
            g_array_append_val(
                runs, ((Run){.fg = cell->fg, .bg = cell->bg, .n = 1, .attrs = cell->attrs}));
        } else {
            last->n++;
        }
        g_string_append_unichar(text, cell->chars[0] != 0 ? cell->chars[0] : ' ');
        for (guint k = 1; k < CELL_CHARS_MAX && cell->chars[k] != 0; k++)
            g_string_append_unichar(text, cell->chars[k]);
    }
    gsize bytes = sizeof(Line) + runs->len * sizeof(Run) + text->len + 1;
    Line *line = g_malloc(bytes);

    line->bytes = (guint32)bytes;
    line->n_runs = (guint16)runs->len;
    if (runs->len > 0)
        memcpy(line->runs, runs->data, runs->len * sizeof(Run));
    memcpy(line->runs + runs->len, text->str, text->len + 1);
    return line;
}

void scrollback_push(Scrollback *s, const Cell *cells, guint n)
{
    if (s->size == 0)
        return;
    Line *line = pack(cells, n);

    while (s->n > 0 && (s->n == s->size || s->bytes + line->bytes > SCROLLBACK_BYTES_MAX))
        drop_oldest(s);
    s->ring[(s->at + s->n++) % s->size] = line;
    s->bytes += line->bytes + OVERHEAD;
}

guint64 scrollback_first(const Scrollback *s)
{
    return s->first;
}

guint64 scrollback_end(const Scrollback *s)
{
    return s->first + s->n;
}

static const Line *line_at(const Scrollback *s, guint64 number)
{
    if (number < s->first || number >= s->first + s->n)
        return NULL;
    return s->ring[(s->at + (guint)(number - s->first)) % s->size];
}

const char *scrollback_text(const Scrollback *s, guint64 number)
{
    const Line *line = line_at(s, number);

    return line != NULL ? (const char *)(line->runs + line->n_runs) : "";
}

/* Whether the next character sits on the one before it. */
static gboolean is_mark(const char *text)
{
    return *text != '\0' && text_char_width(g_utf8_get_char(text)) == 0;
}

void scrollback_cells(const Scrollback *s, guint64 number, Cell *cells, guint n)
{
    const Line *line = line_at(s, number);
    const char *text = scrollback_text(s, number);
    guint run = 0, in_run = 0;

    for (guint i = 0; i < n; i++)
        cells[i] = (Cell){.width = 1, .fg = CELL_DEFAULT, .bg = CELL_DEFAULT};
    for (guint i = 0; i < n && *text != '\0';) {
        Cell *cell = &cells[i];
        const Run *look = &line->runs[run];

        *cell = (Cell){.fg = look->fg, .bg = look->bg, .attrs = look->attrs};
        cell->chars[0] = g_utf8_get_char(text);
        cell->width = text_char_width(cell->chars[0]) == 2 ? 2 : 1;
        text = g_utf8_next_char(text);
        for (guint k = 1; is_mark(text); text = g_utf8_next_char(text))
            if (k < CELL_CHARS_MAX)
                cell->chars[k++] = g_utf8_get_char(text);
        if (cell->width == 2 && i + 1 < n)
            cells[i + 1].width = 0;
        if (cell->width == 2 && i + 1 == n)
            *cell = (Cell){.width = 1, .fg = look->fg, .bg = look->bg, .attrs = look->attrs};
        i += cell->width;
        in_run += cell->width;
        while (run < line->n_runs && in_run >= line->runs[run].n)
            in_run -= line->runs[run++].n;
        if (run == line->n_runs)
            break;
    }
}

gsize scrollback_bytes(const Scrollback *s)
{
    return s->bytes;
}
