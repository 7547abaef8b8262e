/* SPDX-License-Identifier: GPL-3.0-or-later */
/* console_typing.c - keys in a console: to the program, but for the detach keys and the prefix. */
#include <string.h>

#include "config/options.h"
#include "console/tui/console_page.h"
#include "widgets/screen.h"

#define ESCAPE_MS 25
/* Typed bytes taken in one go. */
#define FEED_MAX 4096

void console_typing_read_keys(ConsolePage *self)
{
    const Options *options = self->page.tui->app->options;
    const char *text = options_get(options, "detach-keys");

    self->prefix = keys_from_name(options_get(options, "console-prefix"));
    if (g_strcmp0(text, self->detach_text) == 0)
        return;
    g_free(self->detach_text);
    self->detach_text = g_strdup(text);
    detach_keys_free(self->detach);
    self->detach = detach_keys_new(text);
}

gboolean console_typing_may(ConsolePage *self)
{
    if (self->console->state == CONSOLE_ENDED)
        return FALSE;
    if (!app_is_read_only(self->page.tui->app))
        return TRUE;
    face_say(self->page.tui, OUTPUT_NOTE, "Read-only is on: nothing is typed here.");
    return FALSE;
}

/* Hands over what was typed up to now. */
static void type_held(ConsolePage *self)
{
    if (self->typed->len > 0 && console_typing_may(self))
        terminal_type(self->console->terminal, (const char *)self->typed->data, self->typed->len);
    g_byte_array_set_size(self->typed, 0);
}

/* The key after the prefix. */
static void take_command(ConsolePage *self, int key)
{
    const Binding *binding = keymap_find(key, AT_CONSOLE);
    g_autofree char *name = keys_name(key), *prefix = keys_name(self->prefix);

    self->prefixed = FALSE;
    if (key == self->prefix && key > 0 && key < 0x80) {
        guint8 byte = (guint8)key;

        g_byte_array_append(self->typed, &byte, 1);
        type_held(self);
    } else if (binding != NULL) {
        self->then = RUNS;
        self->runs = binding;
    } else if (key != KEYS_ESC) {
        face_say(self->page.tui, OUTPUT_NOTE, "%s %s does nothing; %s ? lists what does.", prefix,
                 name, prefix);
    }
}

/* Bytes that were typed. TRUE: the next ones are not for the program any more. */
static gboolean take_bytes(ConsolePage *self, const KeyStreamEvent *event)
{
    for (gsize i = 0; i < event->length; i++) {
        guint8 byte = (guint8)event->bytes[i];

        if (event->pasted) {
            g_byte_array_append(self->typed, &byte, 1);
        } else if (self->prefixed) {
            take_command(self, byte == '\n' ? KEYS_ENTER : byte);
            return TRUE;
        } else if (byte == self->prefix) {
            detach_keys_flush(self->detach, self->typed);
            type_held(self);
            self->prefixed = TRUE;
        } else if (detach_keys_take(self->detach, byte, self->typed)) {
            type_held(self);
            self->then = LEAVES;
            return TRUE;
        } else if (byte == '\r') {
            /* what Enter sends depends on a mode */
            g_byte_array_set_size(self->typed, self->typed->len - 1);
            type_held(self);
            if (console_typing_may(self))
                terminal_press(self->console->terminal, KEYS_ENTER, 0);
        }
    }
    return FALSE;
}

/* TRUE: as for take_bytes. */
static gboolean take_key(ConsolePage *self, const KeyStreamEvent *event)
{
    if (self->prefixed) {
        take_command(self, event->key);
        return TRUE;
    }
    detach_keys_flush(self->detach, self->typed);
    type_held(self);
    if (event->modifiers == TERMINAL_SHIFT &&
        (event->key == KEYS_PGUP || event->key == KEYS_PGDN) &&
        !terminal_is_alternate(self->console->terminal)) {
        console_page_scroll(self);
        console_page_move(&self->page, event->key == KEYS_PGUP ? MOVE_PAGE_UP : MOVE_PAGE_DOWN);
        return TRUE;
    }
    if (console_typing_may(self))
        terminal_press(self->console->terminal, event->key, event->modifiers);
    return FALSE;
}

/* TRUE: as for take_bytes. */
static gboolean take_event(ConsolePage *self, const KeyStreamEvent *event)
{
    switch (event->type) {
    case KEYSTREAM_KEY:
        return take_key(self, event);
    case KEYSTREAM_PASTE_BEGIN:
        self->prefixed = FALSE;
        detach_keys_flush(self->detach, self->typed);
        type_held(self);
        terminal_paste_begin(self->console->terminal);
        return FALSE;
    case KEYSTREAM_PASTE_END:
        type_held(self);
        terminal_paste_end(self->console->terminal);
        return FALSE;
    default:
        return take_bytes(self, event);
    }
}

/* The page may be gone afterwards. */
static void feed_over(ConsolePage *self)
{
    self->feeding = FALSE;
    if (self->then == STAYS)
        type_held(self);
    console_page_go(self);
}

static gboolean escape_over(gpointer data)
{
    ConsolePage *self = data;
    Tui *tui = self->page.tui;
    KeyStreamEvent event;

    app_source_remove(&self->escape);
    if (keystream_timeout(&self->keys, &event)) {
        self->feeding = TRUE;
        take_event(self, &event);
        feed_over(self);
    }
    tui_changed(tui);
    return G_SOURCE_REMOVE;
}

gboolean console_typing_feed(Page *page)
{
    ConsolePage *self = (ConsolePage *)page;
    guint n = 0;
    gboolean elsewhere = FALSE;
    KeyStreamEvent event;
    char byte;

    console_typing_read_keys(self);
    app_source_remove(&self->escape);
    self->feeding = TRUE;
    while (!elsewhere && n < FEED_MAX && screen_read_bytes(&byte, 1) == 1) {
        if (n++ == 0)
            face_age_message(page->tui);
        if (keystream_take(&self->keys, (guint8)byte, &event))
            elsewhere = take_event(self, &event);
    }
    if (!elsewhere && keystream_waits(&self->keys))
        self->escape = app_add_timer(page->tui->app, ESCAPE_MS, escape_over, self);
    feed_over(self);
    return n > 0;
}
