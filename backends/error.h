/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * error.h - GEMEL_ERROR, the one error domain of the program.
 *
 * The kind decides exit status, colour and whether a retry makes sense; the message says what
 * failed, for whom and what to do about it, on one line without a newline.
 */
#pragma once

#include <glib.h>

typedef enum {
    GEMEL_ERROR_FAILED,      /* anything else; exit 1 */
    GEMEL_ERROR_INVALID,     /* the request itself is wrong; exit 2 */
    GEMEL_ERROR_NOT_FOUND,   /* exit 3 */
    GEMEL_ERROR_UNSUPPORTED, /* this backend or host cannot; exit 4 */
    GEMEL_ERROR_UNREACHABLE, /* the backend does not answer; exit 5 */
    GEMEL_ERROR_EXISTS,      /* exit 6 */
    GEMEL_ERROR_BUSY,        /* somebody else works on it; exit 6 */
    GEMEL_ERROR_CONFLICT,    /* not in this state (start of something running); exit 6 */
    GEMEL_ERROR_DENIED,      /* exit 7 */
    GEMEL_ERROR_TIMEOUT,     /* exit 124 */
    GEMEL_ERROR_N,
} GemelErrorKind;

#define GEMEL_ERROR (gemel_error_quark())
GQuark gemel_error_quark(void);

/* "not-found" and so on, as in JSON. */
const char *gemel_error_kind_name(GemelErrorKind kind);

/* The exit status for an error of any domain; NULL is 0, a foreign domain is 1. */
int gemel_error_exit_status(const GError *error);

/* The kind that fits an errno (EACCES -> DENIED, ENOENT -> NOT_FOUND, ...). */
GemelErrorKind gemel_error_kind_from_errno(int err);

/* Sets `error` from an errno: "WHAT: strerror". Always returns FALSE, so callers can `return` it.
 */
gboolean gemel_error_set_errno(GError **error, int err, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Like g_set_error in this domain; always returns FALSE. Control characters in the text, which may
   quote what others wrote, become spaces. */
gboolean gemel_error_set(GError **error, GemelErrorKind kind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
