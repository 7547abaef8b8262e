/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_private.h - what audit.c (acts), audit_file.c (the file) and audit_text.c (commands without
 * their secrets) share.
 */
#pragma once

#include "console/audit.h"

/* Appends a line, newline included, by one write; 0 or an errno. With `sync` it is on the disk
   then. Any thread; may take as long as the disk does. */
int audit_append_line(const char *path, const char *line, gboolean sync);
