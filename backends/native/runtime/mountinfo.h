/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/PID/mountinfo (proc(5)), one pass, no allocation per line beyond the arena. */
#pragma once

#include "util.h"

struct mountinfo {
    int id, parent;
    const char *root, *point; /* octal escapes undone */
    const char *type, *source, *options;
};

/* Takes the next line off `*text` (which is changed in place). False at the end; malformed lines
 * are passed over. */
bool mountinfo_next(char **text, struct mountinfo *ret);
