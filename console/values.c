/* SPDX-License-Identifier: GPL-3.0-or-later */
/* values.c - durations, sizes and answers as people type them. */
#include "console/command.h"

#include <string.h>

gboolean parse_duration_ms(const char *text, gint *ret_ms, GError **error)
{
    gint64 ms;

    if (!option_parse_duration(text, &ms) || ms > G_MAXINT)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "'%s' is not a time; write 500ms, 10s, 2m or 1h", text);
    *ret_ms = (gint)ms;
    return TRUE;
}

gboolean parse_size_bytes(const char *text, gint64 *ret_bytes, GError **error)
{
    static const char units[] = "KMGT";
    char *end;
    double value = g_ascii_strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, g_ascii_toupper(*end)) : NULL;

    if (unit != NULL) {
        for (const char *u = units; u <= unit; u++)
            value *= 1024;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B' || *end == 'b')
        end++;
    if (end == text || *end != '\0' || !(value >= 0) || value > 9e18)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "'%s' is not a size; write 64M, 1.5G or a number of bytes", text);
    *ret_bytes = (gint64)value;
    return TRUE;
}

gboolean parse_answer(const char *text, const char *typed_name)
{
    g_autofree char *answer = g_strstrip(g_strdup(text));

    if (typed_name != NULL)
        return g_str_equal(answer, typed_name);
    return g_ascii_strcasecmp(answer, "y") == 0 || g_ascii_strcasecmp(answer, "yes") == 0;
}
