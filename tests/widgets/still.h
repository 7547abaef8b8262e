/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backend whose every figure is known: it stands in for all three, so that screens can be
 * compared with pictures. Each sample is exactly one second after the one before, whatever the
 * clock says; loads go up and down by a fixed table.
 *
 * web       container, limits met        db    guest, 2 vCPUs
 * cache     container, nearly full       big   guest, 24 vCPUs
 * データ    container, stopped           stuck guest, in quarantine
 * old       guest, crashed
 */
#pragma once

#include "backends/backend.h"

/* Samples given so far. */
guint still_samples(void);

typedef enum { STILL_NAMES_PLAIN, STILL_NAMES_ODD } StillNames;

/* How many there are from the next list on, 7 at first: fewer, or the same again under other names.
   ODD: wide ones, with combining marks, from right to left. Before a world is opened. */
void still_cast(guint n, StillNames names);

/* From here on a sample is the nth, however often it is asked for: a worker that is slow is asked
 * twice. */
void still_want(guint n);

/* Begins anew; `n` samples will end about now. */
void still_reset(guint n);
