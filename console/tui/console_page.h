/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * console_page.h - what console_page.c (the page, its scroll-back) and console_typing.c (what is
 * typed into it) share. UI thread.
 */
#pragma once

#include "console/detach.h"
#include "console/tui/consoles.h"
#include "widgets/keystream.h"

typedef struct {
    Page page;
    Console *console; /* NULL for an instant, while it goes */
    KeyStream keys;
    DetachKeys *detach;
    char *detach_text; /* what `detach` was made of */
    int prefix;        /* key, KEYS_NONE: there is none */
    gboolean prefixed; /* it was typed: the next key is for us */
    gboolean feeding;  /* keys are being taken: what takes the page away waits */
    enum { STAYS, LEAVES, CLOSES, LISTS, RUNS } then;
    const Binding *runs; /* with RUNS: it may take the page away */
    GByteArray *typed;
    GSource *escape;
    /* the scroll-back */
    gboolean scrolling, selecting;
    guint64 top, cursor, anchor;
    int height; /* of the program's part, when it was drawn last */
    char *needle;
} ConsolePage;

/* Into the scroll-back, at its end. */
void console_page_scroll(ConsolePage *self);
/* PageOps.move. */
void console_page_move(Page *page, Move step);
/* Does what `then` says, which may take the page away: the console goes on, or is closed. */
void console_page_go(ConsolePage *self);

/* Whether the program takes what is typed; if read-only is what hinders, it is said. */
gboolean console_typing_may(ConsolePage *self);
/* The keys as the options say now. */
void console_typing_read_keys(ConsolePage *self);
/* PageOps.feed: takes what was typed, up to what leads elsewhere. */
gboolean console_typing_feed(Page *page);
