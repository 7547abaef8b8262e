/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/strain.h"

#include <string.h>

#include "widgets/text.h"

enum {
    GROUND,
    UTF8,   /* held: the bytes of a character so far */
    ESCAPE, /* after ESC; held: intermediates */
    CSI,    /* held: what follows ESC [ */
    CSI_TOO_LONG,
    STRING,
    STRING_ESC, /* ESC inside a string */
};

#define NUMBER_MAX "9999"
/* The emulator takes 16. */
#define ARGUMENTS_MAX 15
#define CAN           0x18
#define SUB           0x1a
#define ESC           0x1b

/* ---- text ----------------------------------------------------------------------------------- */

/* The controls that move or ring; all others do nothing. */
static void put_control(guint8 byte, GString *out)
{
    if (byte >= 0x07 && byte <= 0x0f)
        g_string_append_c(out, (char)byte);
}

static void put_char(Strainer *self, gunichar uc, GString *out)
{
    gunichar safe = uc < 0x80 ? uc : text_safe_char(uc);

    if (safe >= 0x80 && text_char_width(safe) == 0) {
        if (self->combining >= STRAIN_COMBINING_MAX)
            return;
        self->combining++;
    } else {
        self->combining = 0;
    }
    g_string_append_unichar(out, safe);
    if (self->combining == 0)
        self->last = safe;
}

/* REP. libvterm 0.1.4 repeats a character that is not there for ever, so it does not get these. */
static void put_repeats(Strainer *self, GString *out)
{
    guint64 n = 0;

    for (guint i = 0; i < self->n_held; i++) {
        if (!g_ascii_isdigit(self->held[i]))
            return;
        n = MIN(n * 10 + (guint64)(self->held[i] - '0'), G_MAXUINT16);
    }
    for (n = CLAMP(n, 1, self->repeats_max); n > 0 && self->last != 0; n--)
        g_string_append_unichar(out, self->last);
}

/* How many bytes the character has that begins so; 0: none begins so. */
static guint utf8_length(guint8 first)
{
    return first >= 0xc2 && first <= 0xdf   ? 2
           : first >= 0xe0 && first <= 0xef ? 3
           : first >= 0xf0 && first <= 0xf4 ? 4
                                            : 0;
}

/* Another byte of a character. FALSE: it is none of its; the byte begins something new. */
static gboolean take_utf8(Strainer *self, guint8 byte, GString *out)
{
    if ((byte & 0xc0) != 0x80) {
        put_char(self, 0xfffd, out);
        self->state = GROUND;
        return FALSE;
    }
    self->held[self->n_held++] = byte;
    if (self->n_held < utf8_length(self->held[0]))
        return TRUE;
    gunichar uc = g_utf8_get_char_validated((const char *)self->held, (gssize)self->n_held);

    put_char(self, uc >= (gunichar)-2 ? 0xfffd : uc, out);
    self->state = GROUND;
    return TRUE;
}

/* ---- sequences ------------------------------------------------------------------------------ */

/* Whether the emulator shall see the sequence that ends with `final`. */
static gboolean csi_passes(const Strainer *self, guint8 final, guint arguments)
{
    guint8 intermediate = 0;

    for (guint i = 0; i < self->n_held; i++)
        if (self->held[i] >= 0x20 && self->held[i] <= 0x2f)
            intermediate = intermediate == 0 ? self->held[i] : 0xff;
    if (arguments > ARGUMENTS_MAX)
        return FALSE;
    switch (intermediate) {
    case 0:
        return final != 't';
    case ' ': /* DECSCUSR */
        return final == 'q';
    case '!': /* DECSTR */
        return final == 'p';
    case '"': /* DECSCA */
        return final == 'q';
    case '$': /* DECRQM: which modes are on, nothing else */
        return final == 'p';
    case '\'': /* DECIC, DECDC */
        return final == '}' || final == '~';
    default:
        return FALSE;
    }
}

/* The sequence with its numbers kept small. */
static void put_csi(Strainer *self, guint8 final, GString *out)
{
    guint arguments = 1;

    if (final == 'b') {
        put_repeats(self, out);
        return;
    }

    for (guint i = 0; i < self->n_held; i++)
        arguments += self->held[i] == ';' || self->held[i] == ':';
    if (!csi_passes(self, final, arguments))
        return;
    g_string_append(out, "\033[");
    for (guint i = 0, end; i < self->n_held; i = end) {
        end = i + 1;
        if (!g_ascii_isdigit(self->held[i])) {
            g_string_append_c(out, (char)self->held[i]);
            continue;
        }
        while (end < self->n_held && g_ascii_isdigit(self->held[end]))
            end++;
        guint from = i;

        while (from + 1 < end && self->held[from] == '0')
            from++;
        if (end - from > strlen(NUMBER_MAX))
            g_string_append(out, NUMBER_MAX);
        else
            g_string_append_len(out, (const char *)self->held + from, (gssize)(end - from));
    }
    g_string_append_c(out, (char) final);
}

/* A byte of a control sequence. C0 controls inside one act at once, as on a VT. */
static void take_csi(Strainer *self, guint8 byte, GString *out)
{
    if (byte < 0x20) {
        put_control(byte, out);
    } else if (byte >= 0x40 && byte <= 0x7e) {
        if (self->state == CSI)
            put_csi(self, byte, out);
        self->state = GROUND;
    } else if (byte >= 0x7f) {
        self->state = byte == 0x7f ? self->state : GROUND;
    } else if (self->n_held < STRAIN_CSI_MAX) {
        self->held[self->n_held++] = byte;
    } else {
        self->state = CSI_TOO_LONG;
    }
}

/* The escape sequences that steer the picture: cursor saved and restored, tabs, lines up and down,
 * keypad modes, character sets, full reset, the screen of E; ESC Z, which wants an answer, does
 * not. */
static gboolean escape_passes(const Strainer *self, guint8 final)
{
    if (self->n_held == 0)
        return strchr("78cDEHMNO=>no|}~", final) != NULL;
    if (self->n_held > 1)
        return FALSE;
    return strchr("()*+", self->held[0]) != NULL ? final == '0' || final == 'A' || final == 'B'
                                                 : self->held[0] == '#' && final == '8';
}

/* A byte after ESC. */
static void take_escape(Strainer *self, guint8 byte, GString *out)
{
    if (byte < 0x20) {
        put_control(byte, out);
    } else if (byte <= 0x2f) {
        /* with two intermediates it is nothing we know; remember that there were many */
        if (self->n_held < 2)
            self->held[self->n_held++] = byte;
    } else if (self->n_held == 0 && byte == '[') {
        self->state = CSI;
    } else if (self->n_held == 0 && strchr("]PX^_", byte) != NULL) {
        self->state = STRING;
        self->string_length = 0;
    } else {
        if (byte < 0x7f && escape_passes(self, byte)) {
            g_string_append_c(out, ESC);
            g_string_append_len(out, (const char *)self->held, (gssize)self->n_held);
            g_string_append_c(out, (char)byte);
            /* libvterm 0.1.4 puts the cursor where it was when the screen was larger; a sequence
               that sets a mode nobody has brings it back */
            if (byte == '8')
                g_string_append(out, "\033[?9999l");
        }
        self->state = GROUND;
    }
}

/* A byte of a string: nothing is kept of it. */
static void take_string(Strainer *self, guint8 byte)
{
    if (byte == 0x07 || ++self->string_length > STRAIN_STRING_MAX)
        self->state = GROUND;
}

/* ---- everything ----------------------------------------------------------------------------- */

static void take_ground(Strainer *self, guint8 byte, GString *out)
{
    if (byte < 0x20) {
        put_control(byte, out);
    } else if (byte == 0x7f) {
        /* no glyph, no effect */
    } else if (utf8_length(byte) > 0) {
        self->held[0] = byte;
        self->n_held = 1;
        self->state = UTF8;
    } else {
        put_char(self, 0xfffd, out);
    }
}

/* CAN, SUB and ESC end whatever is under way, everywhere. TRUE: the byte is done with. */
static gboolean take_ender(Strainer *self, guint8 byte, GString *out)
{
    if (byte == ESC) {
        if (self->state == UTF8)
            put_char(self, 0xfffd, out);
        self->state = self->state == STRING || self->state == STRING_ESC ? STRING_ESC : ESCAPE;
        self->n_held = 0;
        return TRUE;
    }
    if ((byte != CAN && byte != SUB) || self->state == GROUND || self->state == UTF8)
        return FALSE;
    self->state = GROUND;
    return TRUE;
}

void strain(Strainer *self, const char *bytes, gsize length, GString *out)
{
    for (gsize i = 0; i < length;) {
        guint8 byte = (guint8)bytes[i];

        if (self->state == GROUND && byte >= 0x20 && byte < 0x7f) {
            gsize from = i;

            while (i < length && bytes[i] >= 0x20 && bytes[i] < 0x7f)
                i++;
            g_string_append_len(out, bytes + from, (gssize)(i - from));
            self->combining = 0;
            self->last = (guint8)bytes[i - 1];
            continue;
        }
        if (take_ender(self, byte, out)) {
            i++;
            continue;
        }
        if (self->state == STRING_ESC) {
            /* ESC \ ends the string; any other byte begins a sequence of its own */
            self->state = byte == '\\' ? GROUND : ESCAPE;
            i += byte == '\\';
            continue;
        }
        if (self->state == UTF8) {
            i += take_utf8(self, byte, out);
            continue;
        }
        if (self->state == GROUND)
            take_ground(self, byte, out);
        else if (self->state == ESCAPE)
            take_escape(self, byte, out);
        else if (self->state == STRING)
            take_string(self, byte);
        else
            take_csi(self, byte, out);
        i++;
    }
}
