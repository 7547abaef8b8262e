/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/keystream.h"

#include <stdlib.h>
#include <string.h>

#include "widgets/keys.h"

#define ESC 0x1b

/* ESC [ x, ESC O x, and ESC [ 1 ; m x with modifiers. */
static const struct {
    char final;
    int key;
} by_final[] = {
    {'A', KEYS_UP},     {'B', KEYS_DOWN},   {'C', KEYS_RIGHT},   {'D', KEYS_LEFT},
    {'H', KEYS_HOME},   {'F', KEYS_END},    {'P', KEYS_F1},      {'Q', KEYS_F1 + 1},
    {'R', KEYS_F1 + 2}, {'S', KEYS_F1 + 3}, {'Z', KEYS_BACKTAB},
};

/* ESC [ n ~, and ESC [ n ; m ~ with modifiers. */
static const struct {
    int number, key;
} by_number[] = {
    {1, KEYS_HOME},    {2, KEYS_INSERT},  {3, KEYS_DELETE},  {4, KEYS_END},      {5, KEYS_PGUP},
    {6, KEYS_PGDN},    {7, KEYS_HOME},    {8, KEYS_END},     {11, KEYS_F1},      {12, KEYS_F1 + 1},
    {13, KEYS_F1 + 2}, {14, KEYS_F1 + 3}, {15, KEYS_F1 + 4}, {17, KEYS_F1 + 5},  {18, KEYS_F1 + 6},
    {19, KEYS_F1 + 7}, {20, KEYS_F1 + 8}, {21, KEYS_F1 + 9}, {23, KEYS_F1 + 10}, {24, KEYS_F12},
};

/* What the held bytes are, so far: a whole sequence, the beginning of one, or neither. */
typedef enum { WHOLE, BEGINNING, NEITHER } Shape;

static Shape shape_of(const KeyStream *ks)
{
    const char *s = ks->held;

    if (ks->n == 1)
        return s[0] == ESC ? BEGINNING : WHOLE;
    if (s[1] == 'O')
        return ks->n == 2 ? BEGINNING : WHOLE;
    if (s[1] != '[')
        return NEITHER; /* Alt and a character */
    if (ks->n == 2)
        return BEGINNING;
    if (s[2] == '[') /* the Linux console: ESC [ [ A */
        return ks->n == 3 ? BEGINNING : WHOLE;
    guint8 last = (guint8)s[ks->n - 1];

    if (last >= 0x40 && last <= 0x7e)
        return WHOLE;
    return last >= 0x20 && last < 0x40 && ks->n < KEYSTREAM_HELD_MAX ? BEGINNING : NEITHER;
}

/* "1;5" and the like: TRUE when it is at most two numbers. */
static gboolean read_numbers(const KeyStream *ks, int *ret_number, int *ret_modifiers)
{
    char text[KEYSTREAM_HELD_MAX];
    char *end;

    memcpy(text, ks->held + 2, ks->n - 3);
    text[ks->n - 3] = '\0';
    *ret_number = (int)strtol(text, &end, 10);
    *ret_modifiers = 0;
    if (*end == ';') {
        long code = strtol(end + 1, &end, 10);

        *ret_modifiers = (int)CLAMP(code, 1, 8) - 1;
    }
    return *end == '\0';
}

/* The key of a whole sequence; KEYS_NONE: not known. */
static int key_of(const KeyStream *ks, int *ret_modifiers)
{
    char last = ks->held[ks->n - 1];
    int number = 0;

    *ret_modifiers = 0;
    if (ks->n == 4 && ks->held[1] == '[' && ks->held[2] == '[')
        return last >= 'A' && last <= 'E' ? KEYS_F1 + (last - 'A') : KEYS_NONE;
    if (ks->held[1] == '[' && !read_numbers(ks, &number, ret_modifiers))
        return KEYS_NONE;
    for (guint i = 0; last != '~' && i < G_N_ELEMENTS(by_final); i++)
        if (by_final[i].final == last)
            return by_final[i].key;
    for (guint i = 0; last == '~' && i < G_N_ELEMENTS(by_number); i++)
        if (by_number[i].number == number)
            return by_number[i].key;
    return KEYS_NONE;
}

/* Hands out what is held. */
static void emit(KeyStream *ks, KeyStreamEvent *event, gboolean is_sequence)
{
    *event = (KeyStreamEvent){.bytes = ks->held, .length = ks->n, .pasted = ks->pasting};
    if (is_sequence && ks->n == 6 && memcmp(ks->held, "\033[200~", 6) == 0) {
        *event = (KeyStreamEvent){.type = KEYSTREAM_PASTE_BEGIN};
        ks->pasting = TRUE;
    } else if (is_sequence && ks->n == 6 && memcmp(ks->held, "\033[201~", 6) == 0) {
        *event = (KeyStreamEvent){.type = KEYSTREAM_PASTE_END};
        ks->pasting = FALSE;
    } else if (!ks->pasting && is_sequence) {
        event->key = key_of(ks, &event->modifiers);
        event->type = event->key != KEYS_NONE ? KEYSTREAM_KEY : KEYSTREAM_BYTES;
    }
    ks->n = 0;
}

gboolean keystream_take(KeyStream *ks, guint8 byte, KeyStreamEvent *event)
{
    ks->held[ks->n++] = (char)byte;
    Shape shape = shape_of(ks);

    if (shape == BEGINNING)
        return FALSE;
    emit(ks, event, shape == WHOLE && ks->n > 2);
    return TRUE;
}

gboolean keystream_waits(const KeyStream *ks)
{
    return ks->n > 0;
}

gboolean keystream_timeout(KeyStream *ks, KeyStreamEvent *event)
{
    if (ks->n == 0)
        return FALSE;
    emit(ks, event, FALSE);
    return TRUE;
}
