/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arguments.h - what stands before the command on gemel's command line: one table, from which the
 * options are parsed and from which help, manual and completion tell them.
 */
#pragma once

#include <glib.h>

typedef struct {
    gboolean demo, batch, linear, read_only, version, help;
    char *demo_spec; /* "100,seed=1" */
    char *line;      /* -c 'a; b' */
    char *root;      /* --root */
    char **uris;     /* --connect */
    char **argv;     /* the command, ends with NULL */
} Arguments;

typedef struct {
    const char *name;  /* "connect": --connect; or NULL */
    char letter;       /* 'c' or 0 */
    const char *meta;  /* "URI"; NULL: takes no value */
    gboolean optional; /* the value, which then is given as --name=VALUE only */
    const char *help;  /* no full stop */
    gboolean (*take)(Arguments *arguments, GStrvBuilder *uris, const char *value, GError **error);
} ProgramOption;

extern const ProgramOption program_options[]; /* ends with a NULL take */
/* "-h, --help", "    --demo[=N]"; g_free() */
char *program_option_text(const ProgramOption *option);

/* argv[0] is the program. On INVALID the arguments may be half filled. */
gboolean arguments_parse(Arguments *arguments, char **argv, GError **error);
void arguments_clear(Arguments *arguments);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

/* Whether argv[*i] is the option `name` ("--speed"); *ret is its value, of the same word behind `=`
   or the next one, to which *i then goes; NULL if there is none. */
gboolean arguments_take_value(char **argv, int *i, const char *name, const char **ret);

/* For a line under completion, "gemel --demo start w": where its command begins. With the cursor,
   which is at the line's end, still within an option or its value, *ret_partial is what was typed
   of that, else NULL; g_free() */
gsize arguments_skip(const char *line, char **ret_partial);
/* Takes over what the options of such a line say of backends. */
void arguments_adopt(Arguments *arguments, const char *line);
