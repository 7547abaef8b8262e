/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * options.h - the option table: name, type, range, default and help of everything `set` changes.
 */
#pragma once

#include <glib.h>

typedef enum {
    OPTION_TYPE_BOOL,
    OPTION_TYPE_NUMBER,
    OPTION_TYPE_DURATION,
    OPTION_TYPE_CHOICE,
    OPTION_TYPE_TEXT
} OptionType;

typedef struct {
    const char *name; /* "refresh", "native.runtime" */
    OptionType type;
    const char *fallback; /* the default, as the user would type it */
    gint64 min, max;      /* NUMBER, DURATION (ms) */
    const char *choices;  /* CHOICE: space separated */
    const char *help;
} OptionInfo;

extern const OptionInfo option_table[]; /* ends with a NULL name */

typedef struct Options Options;

Options *options_new(void);
void options_free(Options *options);
const OptionInfo *option_info(const char *name); /* NULL = no such option */
/* The message says what would be right. */
gboolean options_set(Options *options, const char *name, const char *value, GError **error);
const char *options_get(const Options *options, const char *name);
gint64 options_get_number(const Options *options, const char *name); /* DURATION: ms; BOOL: 0/1 */
gboolean options_is_default(const Options *options, const char *name);
/* Judges values of which the table does not know what is right, after it; FALSE with the reason. */
void options_set_check(Options *options,
                       gboolean (*check)(const char *name, const char *value, GError **error));
/* What values there are, in a few words: "on, off", "100ms to 1m"; the caller frees it. */
char *option_range_text(const OptionInfo *info);
/* Back to the default; FALSE: there is no such option. */
gboolean options_reset(Options *options, const char *name);
/* Called after each change, with the option's name. */
void options_listen(Options *options, void (*changed)(const char *name, gpointer data),
                    gpointer data);

/* "500ms" "10s" "2m" "1h" or plain seconds -> ms; FALSE if it is none of these. */
gboolean option_parse_duration(const char *text, gint64 *ret_ms);
