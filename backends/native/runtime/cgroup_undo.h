/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * update is all or nothing: what it has written is taken back, newest first, when a later limit is
 * refused ("an error MUST leave the state of the environment as if the operation were never
 * attempted", runtime.md).
 */
#pragma once

#include "util.h"

/* From here on limit_put() notes what it writes. */
void undo_begin(void);

/* Before `text` is written to `file` of the group `dir`; `done` tells whether the kernel took it.
 * Nothing is noted before undo_begin(). */
void undo_note(int dir, const char *file, const char *text);
void undo_noted(bool done);

/* The end: everything back as it was, or left as it is. */
void undo_end(bool back);

/* What puts back the part of `before`, a file's contents, that writing `text` changed; NULL when
 * nothing can. */
const char *undo_text(const char *file, const char *text, const char *before);
