/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reader.h - takes numbers and texts from the bytes of a frame. Any thread, one at a time.
 *
 * Nothing is read beyond the bytes. What makes no sense sets `bad` to why, once: the first reason
 * stays, and what is read after it is worth nothing. Callers look at `bad` before they use a value
 * as an index or a length. The encodings are those of recording.h.
 */
#pragma once

#include <glib.h>

/* A payload, and how far it was read. */
typedef struct {
    const guint8 *data; /* borrowed */
    gsize size, at;
    const char *bad; /* static; NULL: all made sense so far */
} Reader;

/* Sets `bad` unless it is set. Always 0, for `return reader_spoil(...)`. */
guint64 reader_spoil(Reader *reader, const char *why);

guint8 reader_u8(Reader *reader);
guint64 reader_u64(Reader *reader);
gint64 reader_s64(Reader *reader);
/* A number that counts or indexes: at most `max`, else `bad` is `what`. */
guint reader_count(Reader *reader, guint64 max, const char *what);
/* Finite and not negative: 0 for one that is neither. */
double reader_double(Reader *reader);
/* Valid UTF-8 without a NUL, whatever was there; for the caller to free. NULL for none. */
char *reader_text(Reader *reader);
