/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/error.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_status;
} kinds[GEMEL_ERROR_N] = {
    [GEMEL_ERROR_FAILED] = {"failed", 1},
    [GEMEL_ERROR_INVALID] = {"invalid", 2},
    [GEMEL_ERROR_NOT_FOUND] = {"not-found", 3},
    [GEMEL_ERROR_UNSUPPORTED] = {"unsupported", 4},
    [GEMEL_ERROR_UNREACHABLE] = {"unreachable", 5},
    [GEMEL_ERROR_EXISTS] = {"exists", 6},
    [GEMEL_ERROR_BUSY] = {"busy", 6},
    [GEMEL_ERROR_CONFLICT] = {"conflict", 6},
    [GEMEL_ERROR_DENIED] = {"denied", 7},
    [GEMEL_ERROR_TIMEOUT] = {"timeout", 124},
};

/* As G_DEFINE_QUARK makes it, but workers may meet here for the first time. */
GQuark gemel_error_quark(void)
{
    static atomic_uint quark;

    if (atomic_load(&quark) == 0)
        atomic_store(&quark, g_quark_from_static_string("gemel-error-quark"));
    return atomic_load(&quark);
}

const char *gemel_error_kind_name(GemelErrorKind kind)
{
    return kind < GEMEL_ERROR_N ? kinds[kind].name : "failed";
}

int gemel_error_exit_status(const GError *error)
{
    if (error == NULL)
        return 0;
    if (error->domain != GEMEL_ERROR || error->code < 0 || error->code >= GEMEL_ERROR_N)
        return 1;
    return kinds[error->code].exit_status;
}

GemelErrorKind gemel_error_kind_from_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
        return GEMEL_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return GEMEL_ERROR_DENIED;
    case EEXIST:
        return GEMEL_ERROR_EXISTS;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
        return GEMEL_ERROR_BUSY;
    case EINVAL:
    case ENAMETOOLONG:
        return GEMEL_ERROR_INVALID;
    case ENOSYS:
    case EOPNOTSUPP:
        return GEMEL_ERROR_UNSUPPORTED;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EPIPE:
    case ECONNRESET:
        return GEMEL_ERROR_UNREACHABLE;
    case ETIMEDOUT:
        return GEMEL_ERROR_TIMEOUT;
    default:
        return GEMEL_ERROR_FAILED;
    }
}

gboolean gemel_error_set(GError **error, GemelErrorKind kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *given = g_strdup_vprintf(format, args);
    g_autofree char *text = g_utf8_make_valid(given, -1);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    g_set_error_literal(error, GEMEL_ERROR, (int)kind, g_strchomp(text));
    return FALSE;
}

gboolean gemel_error_set_errno(GError **error, int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return gemel_error_set(error, gemel_error_kind_from_errno(err), "%s: %s", text,
                           g_strerror(err));
}
