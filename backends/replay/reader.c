/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/replay/reader.h"

#include "backends/replay/recording.h"

#include <math.h>
#include <string.h>

guint64 reader_spoil(Reader *reader, const char *why)
{
    if (reader->bad == NULL)
        reader->bad = why;
    return 0;
}

guint8 reader_u8(Reader *reader)
{
    if (reader->at >= reader->size)
        return (guint8)reader_spoil(reader, "a frame that ends too early");
    return reader->data[reader->at++];
}

guint64 reader_u64(Reader *reader)
{
    guint64 value = 0;

    for (guint shift = 0; shift < 70; shift += 7) {
        guint8 byte = reader_u8(reader);

        if (reader->bad != NULL)
            return 0;
        if (shift == 63 && (byte & 0xfe) != 0)
            return reader_spoil(reader, "a number that is too long");
        value |= (guint64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    return reader_spoil(reader, "a number that is too long");
}

gint64 reader_s64(Reader *reader)
{
    guint64 value = reader_u64(reader);

    return (gint64)((value >> 1) ^ (~(value & 1) + 1));
}

guint reader_count(Reader *reader, guint64 max, const char *what)
{
    guint64 value = reader_u64(reader);

    return value <= max ? (guint)value : (guint)reader_spoil(reader, what);
}

double reader_double(Reader *reader)
{
    guint64 bits;
    double value;

    if (reader->size - reader->at < sizeof bits) {
        reader_spoil(reader, "a frame that ends too early");
        return 0;
    }
    memcpy(&bits, reader->data + reader->at, sizeof bits);
    reader->at += sizeof bits;
    bits = GUINT64_FROM_LE(bits);
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) && value > 0 ? value : 0;
}

char *reader_text(Reader *reader)
{
    guint64 length = reader_u64(reader);
    char *text;

    if (reader->bad != NULL || length == 0)
        return NULL;
    length--;
    if (length > RECORDING_TEXT_MAX || length > reader->size - reader->at) {
        reader_spoil(reader, "a text that is too long");
        return NULL;
    }
    if (memchr(reader->data + reader->at, 0, length) != NULL) {
        reader_spoil(reader, "a text with a NUL");
        return NULL;
    }
    text = g_utf8_make_valid((const char *)reader->data + reader->at, (gssize)length);
    reader->at += length;
    return text;
}
