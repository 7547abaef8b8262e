/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A pop-up list of things to do: each with its key, and with the reason when it cannot be done now.
 * The owner passes keys on while it is open.
 */
#pragma once

#include "widgets/canvas.h"

typedef struct Menu Menu;

typedef enum {
    MENU_OPEN,   /* goes on */
    MENU_CHOSEN, /* menu_chosen() says what */
    MENU_CLOSED, /* Esc */
    MENU_REFUSED /* a key of an item that cannot be done: it is under the cursor now, with its
                    reason */
} MenuResult;

Menu *menu_new(const char *title);
void menu_free(Menu *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Menu, menu_free)

/* Adds an item. key: KEYS_*, 0 for none. `reason` NULL: can be done; else why not. `value` is what
 * menu_chosen() returns. All strings are copied. `hint`, may be NULL: shown at the right, faint. */
void menu_add(Menu *m, int key, const char *label, const char *hint, const char *reason,
              const char *value);

/* A heading between groups of items. */
void menu_add_heading(Menu *m, const char *text);

MenuResult menu_handle_key(Menu *m, int key);
const char *menu_chosen(const Menu *m);
const char *menu_reason(const Menu *m); /* of the item under the cursor, or NULL */
const char *menu_beside(const Menu *m); /* what stands beside it: the reason, else the hint */
guint menu_n_items(const Menu *m);
/* Whether a canvas so wide cuts what stands beside some item: then the owner shows menu_beside()
 * where there is room for all of it. */
gboolean menu_is_cut(const Menu *m, int width);

void menu_draw(Menu *m, const Canvas *c);
