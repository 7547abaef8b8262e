/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys out of the bytes that a terminal sends, for a terminal inside ours.
 *
 * Only what has to be known is: keys whose encoding depends on the modes of the program they are
 * for (arrows, Home, End, function keys), with their modifiers, and the edges of a paste. All else
 * goes on as the bytes it came as, so nothing is lost that is not understood. The forms of xterm,
 * VT220, rxvt, screen, tmux and the Linux console are known, whatever TERM says.
 *
 * An ESC may be a key or begin a sequence: while keystream_waits(), call keystream_timeout() when
 * nothing came for 25 ms.
 */
#pragma once

#include <glib.h>

typedef enum {
    KEYSTREAM_BYTES, /* characters, or a sequence that is not known */
    KEYSTREAM_KEY,
    KEYSTREAM_PASTE_BEGIN,
    KEYSTREAM_PASTE_END
} KeyStreamType;

typedef struct {
    KeyStreamType type;
    int key, modifiers; /* KEY: KEYS_*, and 1 Shift, 2 Alt, 4 Ctrl */
    const char *bytes;  /* BYTES, and what a KEY came as */
    gsize length;
    gboolean pasted; /* BYTES of a paste: no key of ours */
} KeyStreamEvent;

#define KEYSTREAM_HELD_MAX 32

typedef struct {
    char held[KEYSTREAM_HELD_MAX];
    guint n;
    gboolean pasting;
} KeyStream;

/* Takes one byte of what was typed. TRUE: *ret_event is complete, its bytes valid until the next
 * call. */
gboolean keystream_take(KeyStream *ks, guint8 byte, KeyStreamEvent *ret_event);

gboolean keystream_waits(const KeyStream *ks);

/* What is held was all of it. FALSE: nothing is held. */
gboolean keystream_timeout(KeyStream *ks, KeyStreamEvent *ret_event);
