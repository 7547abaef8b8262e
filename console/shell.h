/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shell.h - `gemel shell`: readline on the user's terminal, the same commands as everywhere.
 * UI thread only.
 */
#pragma once

#include "console/command.h"

/* Runs the shell as the work of `run` (face ONESHOT), which ends when the shell does. Without a
   terminal lines are read plainly and run one by one, as --batch does. */
void shell_start(CommandRun *run);
