/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line of named tabs with the name of what they belong to: `web ── overview [metrics] vcpu ──`.
 * Names are always on the screen; where they do not all fit, the line scrolls so that the active
 * one does, and `<` `>` say that there are more.
 */
#pragma once

#include "widgets/canvas.h"

/* Draws on row 0 of `c`. `names` has `n` entries. `right` (may be NULL) stands at the right end:
 * the place in what is shown, or the keys that change tabs. */
void tabs_draw(const Canvas *c, const char *title, const char *const *names, guint n, guint active,
               const char *right);
