/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * detach.h - the keys that leave a console, found among what is typed: "^] ^P^Q" is `^]`, and `^P`
 * followed by `^Q`. Spaces or commas separate them.
 *
 * The beginning of a sequence is held back until it is clear what it is: with ^P^Q a ^P reaches the
 * program with the next key. UI thread only.
 */
#pragma once

#include <glib.h>

typedef struct DetachKeys DetachKeys;

/* NULL and "": no keys. */
DetachKeys *detach_keys_new(const char *text);
void detach_keys_free(DetachKeys *keys);

/* Takes a byte as it was typed; appends to `out` what is not, or no longer, a sequence's. TRUE: one
   is complete; what was typed after it is the caller's. */
gboolean detach_keys_take(DetachKeys *keys, guint8 byte, GByteArray *out);
/* Gives up what is held back: something that is no byte was typed. */
void detach_keys_flush(DetachKeys *keys, GByteArray *out);

/* "^] or ^P^Q", for people; g_free() */
char *detach_keys_text(const char *text);
