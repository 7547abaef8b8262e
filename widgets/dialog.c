/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/dialog.h"

#include <string.h>

#include "widgets/keys.h"
#include "widgets/screen.h"

#define WIDTH_MIN 52
#define WIDTH_MAX 72

typedef struct {
    Role role;
    char *text;
} Line;

typedef struct {
    int key;
    char *label;
    gboolean on;
} Option;

struct Dialog {
    char *title, *verb, *must_type;
    GString *typed;
    GPtrArray *lines, *options;
    char **details;
    gboolean mistyped;
    int top, rows, shown; /* of the text: the first row, all of them, and those with room */
};

/* Frees a line. */
static void line_free(gpointer p)
{
    g_free(((Line *)p)->text);
    g_free(p);
}

/* Frees an option. */
static void option_free(gpointer p)
{
    g_free(((Option *)p)->label);
    g_free(p);
}

/* A dialog without lines yet. */
Dialog *dialog_new(const char *title, const char *verb, const char *must_type)
{
    Dialog *d = g_new0(Dialog, 1);
    d->title = g_strdup(title);
    d->verb = g_strdup(verb);
    d->must_type = g_strdup(must_type);
    d->typed = g_string_new(NULL);
    d->lines = g_ptr_array_new_with_free_func(line_free);
    d->options = g_ptr_array_new_with_free_func(option_free);
    return d;
}

/* Frees a dialog; NULL is fine. */
void dialog_free(Dialog *d)
{
    if (d == NULL)
        return;
    g_free(d->title);
    g_free(d->verb);
    g_free(d->must_type);
    g_string_free(d->typed, TRUE);
    g_ptr_array_unref(d->lines);
    g_ptr_array_unref(d->options);
    g_strfreev(d->details);
    g_free(d);
}

/* Adds a line. */
void dialog_add_line(Dialog *d, Role role, const char *text)
{
    Line *l = g_new(Line, 1);
    *l = (Line){role, g_strdup(text)};
    g_ptr_array_add(d->lines, l);
}

/* Takes other details. */
void dialog_set_details(Dialog *d, const char *const *details)
{
    g_strfreev(d->details);
    d->details = g_strdupv((char **)details);
}

const char *dialog_verb(const Dialog *d)
{
    return d->verb;
}

gboolean dialog_is_typed(const Dialog *d)
{
    return d->must_type != NULL;
}

gboolean dialog_scrolls(const Dialog *d)
{
    return d->rows > d->shown;
}

/* Adds a choice. */
void dialog_add_option(Dialog *d, int key, const char *label, gboolean on)
{
    Option *o = g_new(Option, 1);
    *o = (Option){key, g_strdup(label), on};
    g_ptr_array_add(d->options, o);
}

/* The state of a choice. */
gboolean dialog_option(const Dialog *d, int key)
{
    for (guint i = 0; i < d->options->len; i++) {
        const Option *o = g_ptr_array_index(d->options, i);
        if (o->key == key)
            return o->on;
    }
    return FALSE;
}

/* Turns a choice over; FALSE when the key has none. */
static gboolean toggle_option(Dialog *d, int key)
{
    for (guint i = 0; i < d->options->len; i++) {
        Option *o = g_ptr_array_index(d->options, i);
        if (o->key != key)
            continue;
        o->on = !o->on;
        return TRUE;
    }
    return FALSE;
}

/* Takes a key while the name is being typed. */
static DialogResult type_key(Dialog *d, int key)
{
    d->mistyped = FALSE;
    if (key == KEYS_BACKSPACE && d->typed->len > 0) {
        const char *last = g_utf8_find_prev_char(d->typed->str, d->typed->str + d->typed->len);
        g_string_truncate(d->typed, last != NULL ? (gsize)(last - d->typed->str) : 0);
    } else if (key == KEYS_CTRL('u')) {
        g_string_truncate(d->typed, 0);
    } else if (key == KEYS_ENTER) {
        if (strcmp(d->typed->str, d->must_type) == 0)
            return DIALOG_YES;
        d->mistyped = TRUE;
    } else if (keys_is_printable(key)) {
        g_string_append_unichar(d->typed, (gunichar)key);
    }
    return DIALOG_OPEN;
}

/* Takes a key that scrolls. */
static gboolean scroll(Dialog *d, int key)
{
    int page = MAX(d->shown - 1, 1);
    int by = key == KEYS_UP     ? -1
             : key == KEYS_DOWN ? 1
             : key == KEYS_PGUP ? -page
             : key == KEYS_PGDN ? page
                                : 0;

    d->top = CLAMP(d->top + by, 0, MAX(d->rows - d->shown, 0));
    return by != 0;
}

/* Takes a key. */
DialogResult dialog_handle_key(Dialog *d, int key)
{
    if (key == KEYS_ESC || key == KEYS_CTRL('c'))
        return DIALOG_NO;
    if (toggle_option(d, key) || scroll(d, key))
        return DIALOG_OPEN;
    if (d->must_type != NULL)
        return type_key(d, key);
    if (key == 'y' || key == 'Y')
        return DIALOG_YES;
    return key == 'n' || key == 'N' || key == 'q' || key == KEYS_ENTER ? DIALOG_NO : DIALOG_OPEN;
}

/* Draws (or, without a canvas, counts) the rows of a wrapped text. */
static int draw_wrapped(const Canvas *c, int y, int width, Role role, const char *text)
{
    int rows = 0;
    do {
        const char *end = text_break(text, width);
        g_autofree char *part = g_strndup(text, (gsize)(end - text));
        if (c != NULL)
            canvas_text(c, y + rows, 0, role, part);
        text = *end == ' ' ? end + 1 : end;
        rows++;
    } while (*text != '\0');
    return rows;
}

/* What is to be typed and what it does. */
static char *typing_text(const Dialog *d)
{
    return g_strdup_printf("%sType %s and Enter to %s, Esc to leave it.",
                           d->mistyped ? "That is not the name. " : "", d->must_type, d->verb);
}

/* Rows of the answer. */
static int answer_rows(const Dialog *d, int width)
{
    if (d->must_type == NULL)
        return text_width(d->verb) + 2 + 3 + 10 > width ? 2 : 1;
    g_autofree char *text = typing_text(d);
    return draw_wrapped(NULL, 0, width, ROLE_TEXT, text) + 1;
}

/* The last lines: how to answer. */
static void draw_answer(const Dialog *d, const Canvas *c, int y, int rows)
{
    if (d->must_type == NULL) {
        int x = canvas_text(c, y, 0, ROLE_KEY, "y");
        x = canvas_printf(c, y, x + 1, ROLE_TEXT, "%s", d->verb) + 3;
        if (rows > 1)
            y++, x = 0;
        x = canvas_text(c, y, x, ROLE_KEY, "n");
        canvas_text(c, y, x + 1, ROLE_TEXT, "leave it");
        return;
    }
    g_autofree char *text = typing_text(d);
    draw_wrapped(c, y, c->width, d->mistyped ? ROLE_ERROR : ROLE_TEXT, text);
    y += rows - 1;
    int x = canvas_text(c, y, 0, ROLE_PROMPT, "> ");
    int width = text_width(d->typed->str), skip = MAX(0, width - (c->width - x - 1));
    x = canvas_text_from(c, y, x, skip, ROLE_STRONG, d->typed->str);
    screen_set_cursor(c, y, x);
}

/* What the longest line wants. */
static int wanted_width(const Dialog *d)
{
    int width = text_width(d->title) + 4;
    for (guint i = 0; i < d->lines->len; i++)
        width = MAX(width, text_width(((Line *)g_ptr_array_index(d->lines, i))->text));
    for (guint i = 0; d->details != NULL && d->details[i] != NULL; i++)
        width = MAX(width, text_width(d->details[i]));
    return width;
}

static gboolean is_blank(const Line *l)
{
    return l->text[strspn(l->text, " ")] == '\0';
}

/* Draws (or, without a canvas, counts) lines and details from row y on, which may be above the
   canvas; a row apart. Returns the row after them. */
static int draw_body(const Dialog *d, const Canvas *c, int y, int width)
{
    for (guint i = 0; i < d->lines->len; i++) {
        const Line *l = g_ptr_array_index(d->lines, i);
        y += draw_wrapped(c, y, width, l->role, l->text);
    }
    if (d->details == NULL || d->details[0] == NULL)
        return y;
    if (d->lines->len == 0 || !is_blank(g_ptr_array_index(d->lines, d->lines->len - 1)))
        y++;
    for (guint i = 0; d->details[i] != NULL; i++)
        y += draw_wrapped(c, y, width, ROLE_TEXT, d->details[i]);
    return y;
}

/* What part of the text is seen. */
static void draw_position(const Dialog *d, const Canvas *c, int y)
{
    canvas_printf(c, y, 0, ROLE_DIM, "%s  %d-%d of %d", d->top == 0 ? "more below" : "Up Down",
                  d->top + 1, d->top + d->shown, d->rows);
}

/* Draws the choices. */
static void draw_options(const Dialog *d, const Canvas *c, int y)
{
    for (guint i = 0; i < d->options->len; i++, y++) {
        const Option *o = g_ptr_array_index(d->options, i);
        g_autofree char *name = keys_name(o->key);
        int x = canvas_text(c, y, 0, ROLE_KEY, name);
        x = canvas_text(c, y, x + 1, ROLE_TEXT, o->on ? "[x] " : "[ ] ");
        canvas_text(c, y, x, ROLE_TEXT, o->label);
    }
}

/* Draws the dialog in the middle. */
void dialog_draw(Dialog *d, const Canvas *c)
{
    int width = CLAMP(wanted_width(d), MIN(WIDTH_MIN, c->width - 4), MIN(WIDTH_MAX, c->width - 4));
    int options = (int)d->options->len, answer = answer_rows(d, width);
    d->rows = draw_body(d, NULL, 0, width);
    Canvas in = canvas_popup(c, d->rows + options + 1 + answer, width, d->title);
    /* choices and answer always show; what does not fit above them scrolls */
    d->shown = MIN(MAX(in.height - options - answer - 1, 0), d->rows);
    d->top = CLAMP(d->top, 0, d->rows - d->shown);
    Canvas body = canvas_sub(&in, 0, 0, d->shown, in.width);
    draw_body(d, &body, -d->top, width);
    draw_options(d, &in, d->shown);
    if (dialog_scrolls(d))
        draw_position(d, &in, d->shown + options);
    draw_answer(d, &in, in.height - answer, answer);
}
