/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rc.h - $XDG_CONFIG_HOME/gemel/gemelrc: a list of commands, one a line, `#` begins a comment.
 *
 * Read before any face starts. A bad line is told with file and line on stderr, and the rest is
 * still read. `connect` lines count only when no backend was named on the command line.
 */
#pragma once

#include "console/app.h"

/* Runs the lines of the file; a file that is not there is no error. */
void rc_load(App *app);
