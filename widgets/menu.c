/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/menu.h"

#include "widgets/keys.h"

typedef struct {
    int key;
    char *label, *hint, *reason, *value; /* value NULL: a heading */
} Item;

struct Menu {
    char *title;
    GPtrArray *items;
    int cursor, top, shown;
};

/* Frees an item. */
static void item_free(gpointer p)
{
    Item *i = p;
    g_free(i->label);
    g_free(i->hint);
    g_free(i->reason);
    g_free(i->value);
    g_free(i);
}

/* An empty menu. */
Menu *menu_new(const char *title)
{
    Menu *m = g_new0(Menu, 1);
    m->title = g_strdup(title);
    m->items = g_ptr_array_new_with_free_func(item_free);
    m->cursor = -1;
    m->shown = 1;
    return m;
}

/* Frees a menu; NULL is fine. */
void menu_free(Menu *m)
{
    if (m == NULL)
        return;
    g_free(m->title);
    g_ptr_array_unref(m->items);
    g_free(m);
}

/* An item by number. */
static const Item *item_at(const Menu *m, int i)
{
    return i >= 0 && i < (int)m->items->len ? g_ptr_array_index(m->items, i) : NULL;
}

/* Adds an item; the cursor starts on the first that can be done. */
void menu_add(Menu *m, int key, const char *label, const char *hint, const char *reason,
              const char *value)
{
    Item *i = g_new0(Item, 1);
    *i = (Item){key, g_strdup(label), g_strdup(hint), g_strdup(reason), g_strdup(value)};
    g_ptr_array_add(m->items, i);
    const Item *now = item_at(m, m->cursor);
    if (now == NULL || (now->reason != NULL && reason == NULL))
        m->cursor = (int)m->items->len - 1;
}

/* Adds a heading. */
void menu_add_heading(Menu *m, const char *text)
{
    Item *i = g_new0(Item, 1);
    i->label = g_strdup(text);
    g_ptr_array_add(m->items, i);
}

/* Moves the cursor over headings. */
static void move(Menu *m, int step)
{
    for (int i = m->cursor + step; i >= 0 && i < (int)m->items->len; i += step) {
        if (item_at(m, i)->value == NULL)
            continue;
        m->cursor = i;
        return;
    }
}

/* What Enter on the cursor means. */
static MenuResult choose(const Menu *m)
{
    const Item *i = item_at(m, m->cursor);
    return i == NULL ? MENU_OPEN : i->reason != NULL ? MENU_REFUSED : MENU_CHOSEN;
}

/* Takes a key. Letters choose and never move: a menu may use any of them. */
MenuResult menu_handle_key(Menu *m, int key)
{
    for (guint n = 0; n < m->items->len; n++) {
        const Item *i = item_at(m, (int)n);
        if (i->value == NULL || i->key == 0 || i->key != key)
            continue;
        m->cursor = (int)n;
        return choose(m);
    }
    switch (key) {
    case KEYS_ESC:
    case 'q':
    case KEYS_CTRL('c'):
        return MENU_CLOSED;
    case KEYS_ENTER:
        return choose(m);
    case KEYS_CTRL('p'):
    case KEYS_UP:
    case KEYS_WHEEL_UP:
        move(m, -1);
        break;
    case KEYS_CTRL('n'):
    case KEYS_DOWN:
    case KEYS_WHEEL_DOWN:
        move(m, 1);
        break;
    case KEYS_HOME:
        m->cursor = -1;
        move(m, 1);
        break;
    case KEYS_END:
        m->cursor = (int)m->items->len;
        move(m, -1);
        break;
    default:
        break;
    }
    return MENU_OPEN;
}

/* The value of the item under the cursor. */
const char *menu_chosen(const Menu *m)
{
    const Item *i = item_at(m, m->cursor);
    return i != NULL ? i->value : NULL;
}

/* Why the item under the cursor cannot be done. */
const char *menu_reason(const Menu *m)
{
    const Item *i = item_at(m, m->cursor);
    return i != NULL ? i->reason : NULL;
}

/* What stands beside the item under the cursor. */
const char *menu_beside(const Menu *m)
{
    const Item *i = item_at(m, m->cursor);
    return i == NULL ? NULL : i->reason != NULL ? i->reason : i->hint;
}

/* How many items and headings there are. */
guint menu_n_items(const Menu *m)
{
    return m->items->len;
}

/* Widths of the three columns. */
static void measure(const Menu *m, int *key, int *label, int *hint)
{
    *key = *label = *hint = 0;
    for (guint n = 0; n < m->items->len; n++) {
        const Item *i = item_at(m, (int)n);
        g_autofree char *name = i->key != 0 ? keys_name(i->key) : NULL;
        *key = MAX(*key, name != NULL ? text_width(name) : 0);
        *label = MAX(*label, text_width(i->label));
        const char *right = i->reason != NULL ? i->reason : i->hint;
        *hint = MAX(*hint, right != NULL ? text_width(right) : 0);
    }
}

/* Cells that the longest line takes. */
static int wanted_width(const Menu *m)
{
    int key, label, hint;
    measure(m, &key, &label, &hint);
    return key + 2 + label + (hint > 0 ? 2 + hint : 0);
}

/* Whether a line does not fit. */
gboolean menu_is_cut(const Menu *m, int width)
{
    return wanted_width(m) > MAX(width - 4, 1);
}

/* Draws one line. */
static void draw_item(const Menu *m, const Canvas *line, int n, int key_width, int label_width)
{
    const Item *i = item_at(m, n);
    if (i->value == NULL) {
        canvas_text(line, 0, 0, ROLE_LABEL, i->label);
        return;
    }
    gboolean off = i->reason != NULL;
    g_autofree char *name = i->key != 0 ? keys_name(i->key) : g_strdup("");
    int x = canvas_field(line, 0, 0, key_width, TEXT_LEFT, off ? ROLE_OFF : ROLE_KEY, name);
    x = canvas_field(line, 0, x + 2, label_width, TEXT_LEFT, off ? ROLE_OFF : ROLE_TEXT, i->label);
    const char *right = off ? i->reason : i->hint;
    if (right != NULL)
        canvas_field(line, 0, x + 2, line->width - x - 2, TEXT_LEFT, off ? ROLE_OFF : ROLE_HINT,
                     right);
}

/* Says in the frame which items are seen when that is not all of them. */
static void draw_part(const Menu *m, const Canvas *c, const Canvas *in)
{
    int n = (int)m->items->len, width = in->width + 4, height = in->height + 2;
    if (n <= m->shown)
        return;
    g_autofree char *part =
        g_strdup_printf(" %d-%d of %d ", m->top + 1, MIN(m->top + m->shown, n), n);
    Canvas box = canvas_sub(c, (c->height - height) / 2, (c->width - width) / 2, height, width);
    box.base = ROLE_POPUP;
    canvas_text(&box, height - 1, MAX(2, width - 2 - text_width(part)), ROLE_DIM, part);
}

/* Draws the menu in the middle. */
void menu_draw(Menu *m, const Canvas *c)
{
    int key, label, hint, n = (int)m->items->len;
    measure(m, &key, &label, &hint);
    int width = CLAMP(wanted_width(m), text_width(m->title) + 2, MAX(c->width - 4, 1));
    Canvas in = canvas_popup(c, MIN(n, c->height - 2), width, m->title);
    m->shown = MAX(1, in.height);
    m->top = CLAMP(m->top, 0, MAX(0, n - m->shown));
    if (m->cursor < m->top)
        m->top = MAX(m->cursor, 0);
    if (m->cursor >= m->top + m->shown)
        m->top = m->cursor - m->shown + 1;
    for (int i = 0; i < m->shown && m->top + i < n; i++) {
        Canvas line = canvas_sub(&in, i, 0, 1, in.width);
        if (m->top + i == m->cursor) {
            line.base = ROLE_PICKED;
            canvas_clear(&line);
        }
        draw_item(m, &line, m->top + i, key, MIN(label, MAX(in.width - key - 2, 0)));
    }
    draw_part(m, c, &in);
}
