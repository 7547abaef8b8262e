/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * complete_private.h - what complete.c (the line, commands, options) and complete_words.c (what a
 * word can be) share. UI thread only.
 */
#pragma once

#include "console/complete.h"

typedef struct {
    char **words; /* whole words before the cursor, of the last command of the line */
    guint n_words;
    char *partial;       /* the word under completion, unquoted */
    guint start;         /* where it begins */
    gboolean in_program; /* behind a | or >: no longer ours */
} Context;

typedef struct {
    App *app;
    Face face;
    const Context *context;
    GPtrArray *found;
    GHashTable *offered; /* of char*: what is found, unquoted */
    gboolean pending;
    const char *prefix; /* stands before what is offered ("--sort="), or NULL */
} Completer;

/* Offers a candidate if it begins with what is typed and is not there yet. */
void offer(Completer *completer, const char *text, const char *hint);
/* Of a space separated list; `hint` may be NULL. */
void offer_choices(Completer *completer, const char *choices, const char *hint);
void offer_files(Completer *completer);
/* Commands, and aliases; with `family` the second words of those that begin with it. */
void offer_commands(Completer *completer, const char *family);
/* What `word` of `command` can be. `first`: the index of the command's first own word; `slot`: of
   the first word that fills `word`, n_words when it is the one under completion. */
void offer_word(Completer *completer, const Command *command, const CommandWord *word, guint first,
                guint slot);
/* The candidates for the words of the context from `first` on, as a line of their own. */
void complete_words_from(Completer *completer, guint first);
