/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Shares of a whole as bars: one bar of several parts, and a grid of loads (vCPUs) that stays
 * readable from one to several hundred.
 */
#pragma once

#include "widgets/canvas.h"

typedef struct {
    double share; /* of the whole, 0..1 */
    Role role;
} MeterPart;

/* A bar of `width` cells; what the parts leave is the track. The first part
 * and the others have different signs, so that they can be told apart without colours; however
 * small the first is, it shows. */
void meter_bar(const Canvas *c, int y, int x, int width, const MeterPart *parts, guint n);

/* One load of a grid. */
typedef struct {
    double load;   /* 0..1, negative: not known */
    double steal;  /* 0..1 of time it wanted to run and could not, 0 when not known */
    char note[48]; /* more to say where there is room, may be empty */
} MeterLoad;

/* Draws `n` loads named `label`0, `label`1 … on all of `c`. With room a line each: bar, percent,
 * steal, note; with less, bars side by side; then one sign each, sixteen or more a line. Returns
 * the rows used. With too little room for even that, the last line says how many are not shown. */
int meter_grid(const Canvas *c, const char *label, guint n,
               void (*get)(gpointer data, guint i, MeterLoad *ret), gpointer data);
