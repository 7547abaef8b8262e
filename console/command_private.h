/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command_private.h - what command.c (the life of a run), command_line.c (lines, pipes, quotes) and
 * command_parse.c (options and words) share. UI thread only.
 */
#pragma once

#include "console/command.h"

/* One command of a line: `text`, and the program its data go to or NULL. `expanded`: an alias was
   put in already; none is looked for again. */
typedef struct {
    char *text;
    char *program; /* for /bin/sh -c */
    gboolean expanded;
} CommandStep;

void command_step_free(CommandStep *step);
/* The commands of a line, of CommandStep*, free function set; INVALID for open quotes, `||` and a
   pipe to nothing. */
GPtrArray *command_steps(const char *text, GError **error);
/* `text` with an alias in the place of its first word; NULL when that is none. */
char *command_expand_alias(App *app, const char *text);

/* Options and words of `argv` from `first` on, into run->options and run->words. */
gboolean command_parse(CommandRun *run, char **argv, guint first, GError **error);
/* Enough words, and not too many. */
gboolean command_check_words(const CommandRun *run, GError **error);
