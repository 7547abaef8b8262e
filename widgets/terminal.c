/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/terminal.h"

#include <string.h>
#include <vterm.h>

#include "widgets/cell.h"
#include "widgets/keys.h"
#include "widgets/screen.h"
#include "widgets/scrollback.h"
#include "widgets/strain.h"

/* Output is taken in pieces of this, so that what was strained stays small. */
#define PIECE 1024

struct Terminal {
    VTerm *vterm;
    VTermScreen *screen;
    Strainer strainer;
    GString *strained;
    Scrollback *scrollback;
    Cell *cells; /* one line */
    int rows, cols;
    gboolean changed, bell, alternate, cursor_visible;
    gboolean writing; /* output is being taken: what libvterm says is an answer */
    TerminalSend send;
    gpointer data;
};

/* ---- cells ---------------------------------------------------------------------------------- */

static gint16 colour_of(const VTermColor *colour)
{
    if (VTERM_COLOR_IS_DEFAULT_FG(colour) || VTERM_COLOR_IS_DEFAULT_BG(colour))
        return CELL_DEFAULT;
    if (VTERM_COLOR_IS_INDEXED(colour))
        return colour->indexed.idx;
    return cell_colour_of(colour->rgb.red, colour->rgb.green, colour->rgb.blue);
}

/* libvterm's cells as ours: of a width that this terminal agrees with. */
static void take_cells(const VTermScreenCell *from, int n, Cell *to)
{
    for (int i = 0; i < n; i++) {
        const VTermScreenCell *cell = &from[i];
        gboolean is_right = cell->chars[0] == (guint32)-1;
        guint k = 1;

        to[i] = (Cell){
            .width = 1,
            .fg = colour_of(&cell->fg),
            .bg = colour_of(&cell->bg),
            .attrs = (guint8)((cell->attrs.bold ? CELL_BOLD : 0) |
                              (cell->attrs.underline ? CELL_UNDERLINE : 0) |
                              (cell->attrs.reverse ? CELL_REVERSE : 0) |
                              (cell->attrs.blink ? CELL_BLINK : 0)),
        };
        if (is_right) {
            to[i].width = i > 0 && to[i - 1].width == 2 ? 0 : 1;
            continue;
        }
        if (cell->chars[0] == 0)
            continue;
        to[i].chars[0] = text_safe_char(cell->chars[0]);
        int width = text_char_width(to[i].chars[0]);

        if (width == 0 || width > cell->width || (width == 2 && i + 1 == n))
            to[i].chars[0] = text_mark();
        else if (width == 2)
            to[i].width = 2;
        for (guint c = 1; c < VTERM_MAX_CHARS_PER_CELL && cell->chars[c] != 0; c++)
            if (k < CELL_CHARS_MAX && text_char_width(text_safe_char(cell->chars[c])) == 0)
                to[i].chars[k++] = cell->chars[c];
    }
}

/* One row of the screen, into t->cells. */
static void take_row(Terminal *t, int row)
{
    g_autofree VTermScreenCell *cells = g_new(VTermScreenCell, t->cols);

    for (int col = 0; col < t->cols; col++)
        if (!vterm_screen_get_cell(t->screen, (VTermPos){row, col}, &cells[col]))
            cells[col] = (VTermScreenCell){.width = 1};
    take_cells(cells, t->cols, t->cells);
}

/* One line, from wherever it is, into t->cells. */
static void take_line(Terminal *t, guint64 line)
{
    guint64 end = scrollback_end(t->scrollback);

    if (line < end)
        scrollback_cells(t->scrollback, line, t->cells, (guint)t->cols);
    else
        take_row(t, (int)MIN(line - end, (guint64)t->rows - 1));
}

/* ---- what libvterm calls -------------------------------------------------------------------- */

static int on_damage(VTermRect rect, void *data)
{
    ((Terminal *)data)->changed = TRUE;
    return 1;
}

static int on_cursor(VTermPos pos, VTermPos old, int visible, void *data)
{
    ((Terminal *)data)->changed = TRUE;
    return 1;
}

/* Titles do not come this far. */
static int on_property(VTermProp property, VTermValue *value, void *data)
{
    Terminal *t = data;

    if (property == VTERM_PROP_CURSORVISIBLE)
        t->cursor_visible = value->boolean != 0;
    else if (property == VTERM_PROP_ALTSCREEN)
        t->alternate = value->boolean != 0;
    t->changed = TRUE;
    return 1;
}

static int on_bell(void *data)
{
    ((Terminal *)data)->bell = TRUE;
    return 1;
}

static int on_line_gone(int cols, const VTermScreenCell *cells, void *data)
{
    Terminal *t = data;
    int n = MIN(cols, TERMINAL_COLS_MAX);

    take_cells(cells, n, t->cells);
    scrollback_push(t->scrollback, t->cells, (guint)n);
    return 1;
}

static void on_output(const char *bytes, size_t length, void *data)
{
    Terminal *t = data;

    t->send(t->data, bytes, length, t->writing);
}

static const VTermScreenCallbacks callbacks = {
    .damage = on_damage,
    .movecursor = on_cursor,
    .settermprop = on_property,
    .bell = on_bell,
    .sb_pushline = on_line_gone,
};

/* ---- life ----------------------------------------------------------------------------------- */

Terminal *terminal_new(int rows, int cols, guint scrollback_lines, TerminalSend send, gpointer data)
{
    Terminal *t = g_new0(Terminal, 1);

    t->rows = CLAMP(rows, 1, TERMINAL_ROWS_MAX);
    t->cols = CLAMP(cols, 2, TERMINAL_COLS_MAX);
    t->strainer.repeats_max = (guint)t->cols;
    t->send = send;
    t->data = data;
    t->cursor_visible = TRUE;
    t->strained = g_string_sized_new(PIECE * 4);
    t->scrollback = scrollback_new(scrollback_lines);
    t->cells = g_new0(Cell, TERMINAL_COLS_MAX);
    t->vterm = vterm_new(t->rows, t->cols);
    vterm_set_utf8(t->vterm, 1);
    vterm_output_set_callback(t->vterm, on_output, t);
    t->screen = vterm_obtain_screen(t->vterm);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_set_damage_merge(t->screen, VTERM_DAMAGE_SCREEN);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
    t->changed = TRUE;
    return t;
}

void terminal_free(Terminal *t)
{
    if (t == NULL)
        return;
    vterm_free(t->vterm);
    scrollback_free(t->scrollback);
    g_string_free(t->strained, TRUE);
    g_free(t->cells);
    g_free(t);
}

void terminal_write(Terminal *t, const char *bytes, gsize length)
{
    t->writing = TRUE;
    for (gsize at = 0; at < length; at += PIECE) {
        g_string_truncate(t->strained, 0);
        strain(&t->strainer, bytes + at, MIN(PIECE, length - at), t->strained);
        vterm_input_write(t->vterm, t->strained->str, t->strained->len);
    }
    vterm_screen_flush_damage(t->screen);
    t->writing = FALSE;
}

/* Puts the cursor somewhere on the screen and lets go of the margins, as xterm does when its size
 * changes. libvterm 0.1.4 keeps margins, and a cursor moved along with its lines, that lie outside,
 * and then writes where it should not. */
static void put_cursor(Terminal *t, VTermPos pos)
{
    char text[64];

    g_snprintf(text, sizeof text, "\030\033[r\033[?69l\033[%d;%dH",
               CLAMP(pos.row, 0, t->rows - 1) + 1, CLAMP(pos.col, 0, t->cols - 1) + 1);
    t->writing = TRUE;
    vterm_input_write(t->vterm, text, strlen(text));
    t->writing = FALSE;
}

static VTermPos cursor_of(const Terminal *t)
{
    VTermPos pos;

    vterm_state_get_cursorpos(vterm_obtain_state(t->vterm), &pos);
    return pos;
}

void terminal_resize(Terminal *t, int rows, int cols)
{
    rows = CLAMP(rows, 1, TERMINAL_ROWS_MAX);
    cols = CLAMP(cols, 2, TERMINAL_COLS_MAX);
    if (rows == t->rows && cols == t->cols)
        return;
    put_cursor(t, cursor_of(t));
    t->rows = rows;
    t->cols = cols;
    t->strainer.repeats_max = (guint)cols;
    vterm_set_size(t->vterm, rows, cols);
    put_cursor(t, cursor_of(t));
    vterm_screen_flush_damage(t->screen);
    t->changed = TRUE;
}

int terminal_rows(const Terminal *t)
{
    return t->rows;
}

int terminal_cols(const Terminal *t)
{
    return t->cols;
}

static gboolean take(gboolean *flag)
{
    gboolean was = *flag;

    *flag = FALSE;
    return was;
}

gboolean terminal_take_changed(Terminal *t)
{
    return take(&t->changed);
}

gboolean terminal_take_bell(Terminal *t)
{
    return take(&t->bell);
}

gboolean terminal_is_alternate(const Terminal *t)
{
    return t->alternate;
}

/* ---- typing --------------------------------------------------------------------------------- */

void terminal_type(Terminal *t, const char *bytes, gsize length)
{
    t->send(t->data, bytes, length, FALSE);
}

gboolean terminal_press(Terminal *t, int key, int modifiers)
{
    static const struct {
        int key;
        VTermKey vterm;
    } map[] = {
        {KEYS_ENTER, VTERM_KEY_ENTER},   {KEYS_UP, VTERM_KEY_UP},
        {KEYS_DOWN, VTERM_KEY_DOWN},     {KEYS_LEFT, VTERM_KEY_LEFT},
        {KEYS_RIGHT, VTERM_KEY_RIGHT},   {KEYS_HOME, VTERM_KEY_HOME},
        {KEYS_END, VTERM_KEY_END},       {KEYS_PGUP, VTERM_KEY_PAGEUP},
        {KEYS_PGDN, VTERM_KEY_PAGEDOWN}, {KEYS_INSERT, VTERM_KEY_INS},
        {KEYS_DELETE, VTERM_KEY_DEL},
    };
    VTermModifier held = (VTermModifier)(modifiers & VTERM_ALL_MODS_MASK);

    if (key == KEYS_BACKTAB) {
        vterm_keyboard_key(t->vterm, VTERM_KEY_TAB, VTERM_MOD_SHIFT);
        return TRUE;
    }
    if (key >= KEYS_F1 && key <= KEYS_F12) {
        vterm_keyboard_key(t->vterm, (VTermKey)VTERM_KEY_FUNCTION(key - KEYS_F1 + 1), held);
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].key != key)
            continue;
        vterm_keyboard_key(t->vterm, map[i].vterm, held);
        return TRUE;
    }
    return FALSE;
}

void terminal_paste_begin(Terminal *t)
{
    vterm_keyboard_start_paste(t->vterm);
}

void terminal_paste_end(Terminal *t)
{
    vterm_keyboard_end_paste(t->vterm);
}

/* ---- looking -------------------------------------------------------------------------------- */

void terminal_draw(Terminal *t, const Canvas *c, gboolean cursor)
{
    VTermPos pos = cursor_of(t);

    for (int y = 0; y < MIN(t->rows, c->height); y++) {
        take_row(t, y);
        cell_draw(c, y, 0, t->cells, (guint)t->cols);
    }
    if (cursor && t->cursor_visible && pos.row < c->height)
        screen_set_cursor(c, pos.row, pos.col);
}

guint64 terminal_first(const Terminal *t)
{
    return scrollback_first(t->scrollback);
}

guint64 terminal_end(const Terminal *t)
{
    return scrollback_end(t->scrollback) + (guint64)t->rows;
}

gsize terminal_scrollback_bytes(const Terminal *t)
{
    return scrollback_bytes(t->scrollback);
}

void terminal_clear_scrollback(Terminal *t)
{
    scrollback_clear(t->scrollback);
    t->changed = TRUE;
}

guint64 terminal_cursor_line(const Terminal *t)
{
    return scrollback_end(t->scrollback) + (guint64)CLAMP(cursor_of(t).row, 0, t->rows - 1);
}

/* The text of t->cells; columns, if wanted, says of each byte in which cell it is. */
static GString *cells_text(const Terminal *t, GArray *columns)
{
    GString *text = g_string_sized_new((gsize)t->cols + 1);
    gsize used = 0;

    for (guint i = 0; i < (guint)t->cols; i++) {
        const Cell *cell = &t->cells[i];

        if (cell->width == 0)
            continue;
        g_string_append_unichar(text, cell->chars[0] != 0 ? cell->chars[0] : ' ');
        for (guint k = 1; k < CELL_CHARS_MAX && cell->chars[k] != 0; k++)
            g_string_append_unichar(text, cell->chars[k]);
        while (columns != NULL && columns->len < text->len)
            g_array_append_val(columns, i);
        if (cell->chars[0] != 0 && cell->chars[0] != ' ')
            used = text->len;
    }
    g_string_truncate(text, used);
    return text;
}

char *terminal_text(Terminal *t, guint64 line)
{
    if (line < scrollback_end(t->scrollback))
        return g_strchomp(g_strdup(scrollback_text(t->scrollback, line)));
    take_line(t, line);
    return g_string_free(cells_text(t, NULL), FALSE);
}

/* Draws the matches in t->cells over what is there. */
static void draw_matches(Terminal *t, const Canvas *c, int y, const char *needle)
{
    g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GString) text = cells_text(t, columns);
    const char *at = text->str, *end;

    while ((at = text_find(at, needle, &end)) != NULL) {
        guint from = g_array_index(columns, guint, at - text->str);
        guint last = g_array_index(columns, guint, end - text->str - 1);
        guint to = last + t->cells[last].width;

        cell_draw_as(c, y, (int)from, t->cells + from, to - from, ROLE_MATCH);
        at = end;
    }
}

void terminal_draw_lines(Terminal *t, const Canvas *c, const TerminalView *view)
{
    for (int y = 0; y < c->height; y++) {
        guint64 line = view->top + (guint64)y;

        if (line < terminal_first(t) || line >= terminal_end(t))
            continue;
        take_line(t, line);
        if (line == view->cursor)
            cell_draw_as(c, y, 0, t->cells, (guint)t->cols, ROLE_PICKED);
        else if (line >= view->from && line <= view->to)
            cell_draw_as(c, y, 0, t->cells, (guint)t->cols, ROLE_SELECTED);
        else
            cell_draw(c, y, 0, t->cells, (guint)t->cols);
        if (view->needle != NULL && *view->needle != '\0')
            draw_matches(t, c, y, view->needle);
    }
}

gboolean terminal_search(Terminal *t, const char *needle, guint64 from, gboolean backwards,
                         guint64 *ret_line)
{
    guint64 first = terminal_first(t), end = terminal_end(t), line = from;
    const char *match_end;

    for (; line >= first && line < end; line += backwards ? (guint64)-1 : 1) {
        g_autofree char *text =
            line < scrollback_end(t->scrollback) ? NULL : terminal_text(t, line);

        if (text_find(text != NULL ? text : scrollback_text(t->scrollback, line), needle,
                      &match_end) == NULL)
            continue;
        *ret_line = line;
        return TRUE;
    }
    return FALSE;
}
