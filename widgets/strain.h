/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a program inside an instance prints, strained before the terminal emulator gets it.
 *
 * The emulator's author trusted programs; here they are somebody else's. What passes is what draws:
 * valid UTF-8 without control, bidi and invisible characters, C0 controls, escape sequences of a
 * bounded length with bounded numbers. What is taken out:
 *
 *   - strings (OSC, DCS, SOS, PM, APC): titles, clipboards, palettes, queries, images. Nothing of
 *     them is kept, however long they are; one without an end is ended after STRAIN_STRING_MAX.
 *   - window operations (CSI t), which can ask for answers, and what else no screen needs;
 *   - numbers over 9999 and sequences of more than STRAIN_CSI_MAX bytes;
 *   - more than STRAIN_COMBINING_MAX combining characters on one.
 *
 * Bytes that are no UTF-8 become U+FFFD. No allocation but the output buffer's.
 */
#pragma once

#include <glib.h>

#define STRAIN_STRING_MAX    (256 * 1024)
#define STRAIN_CSI_MAX       64
#define STRAIN_COMBINING_MAX 4

typedef struct {
    int state;                   /* in strain.c */
    guint8 held[STRAIN_CSI_MAX]; /* of the sequence or character under way */
    guint n_held;
    guint32 string_length;
    guint combining;   /* how many the last character has */
    gunichar last;     /* that character, for REP */
    guint repeats_max; /* the width of the screen */
} Strainer;

/* Zeroed memory is a new one, but for repeats_max. Appends what passes to `out`. */
void strain(Strainer *strainer, const char *bytes, gsize length, GString *out);
