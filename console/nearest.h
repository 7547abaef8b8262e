/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nearest.h - "did you mean": whether a word is another one with a slip of the fingers. Any thread.
 */
#pragma once

#include <glib.h>

/* Whether one slip (a letter too many, too few or wrong, or two in each other's place) makes
   `meant` of `typed`; two in words of more than five bytes. Words of less than three bytes are
   never near: there it is chance. Equal words are near. */
gboolean nearest_is(const char *typed, const char *meant);
