/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures to compare with: tests/widgets/golden/NAME.txt. With GEMEL_GOLDEN_UPDATE=1 in the
 * environment the files are written instead; read the diff before committing it.
 */
#pragma once

#include "widgets/screen.h"

/* Opens a blank UTF-8 test screen and returns it whole. */
Canvas golden_open(int height, int width);

/* Compares the screen with golden/NAME.txt. */
void golden_check(const char *name);

/* The same with the digits of TOTAL in the first "A-B of TOTAL" of the screen as #: for a long text
   of which only the part that is seen is compared. */
void golden_check_uncounted(const char *name);

/* All of it with colours and attributes (screen_dump_looks). */
void golden_check_looks(const char *name);
