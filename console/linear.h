/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linear.h - `gemel --linear`: the shell for screen readers, braille displays and logs.
 *
 * What changes is printed as lines (announce.h), data and announcements on standard output, errors
 * on standard error; never a cursor motion, a colour or any other escape sequence, so it works with
 * TERM=dumb and on pipes. Where standard output is no terminal each announcement begins with the
 * time. Commands are typed, edited by the terminal itself; nothing depends on how fast.
 *
 * On a terminal Enter on an empty line prints a prompt and holds announcements back until the next
 * line has been entered, so that nothing breaks into what is being typed or read. ^C cancels what
 * runs, else leaves; ^D and `quit` leave. Commands on a pipe run one after the other, and at their
 * end announcing goes on until a signal ends it. UI thread only.
 */
#pragma once

#include "console/command.h"

/* Runs until it is left; returns the exit status. */
int linear_run(App *app);
