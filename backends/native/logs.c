/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * logs.c - the end of a container's log, without what conmon puts before each line.
 *
 * conmon's k8s-file format (kubernetes CRI): "2026-01-31T12:00:00.123456789+00:00 stdout F text",
 * F for a whole line and P for a part that goes on in the next.
 */
#include <errno.h>
#include <string.h>

#include "backends/native/native.h"

/* The time at the beginning of a line, or -1. */
static gint64 time_of(const char *word, gsize length)
{
    g_autofree char *text = g_strndup(word, MIN(length, 40));
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);

    return time != NULL
               ? g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time)
               : -1;
}

void native_log_strip(GString *text, gint64 since_unix_us)
{
    g_autoptr(GString) out = g_string_sized_new(text->len);
    gboolean is_since = since_unix_us <= 0;

    for (const char *at = text->str, *end; at < text->str + text->len; at = end + 1) {
        const char *word = at;
        gboolean partial = FALSE, is_line = TRUE;

        end = memchr(at, '\n', (gsize)(text->str + text->len - at));
        end = end != NULL ? end : text->str + text->len;
        for (int i = 0; i < 3 && is_line; i++) {
            const char *space = memchr(word, ' ', (gsize)(end - word));

            is_line = space != NULL;
            partial = is_line && i == 2 && space == word + 1 && *word == 'P';
            /* from the first on that is not older: a clock that was set back hides nothing */
            if (is_line && i == 0 && !is_since)
                is_since = time_of(word, (gsize)(space - word)) >= since_unix_us;
            word = is_line ? space + 1 : word;
        }
        if (!is_line) /* not conmon's: as it is */
            word = at;
        if (!is_since)
            continue;
        g_string_append_len(out, word, end - word);
        if (!partial)
            g_string_append_c(out, '\n');
    }
    g_string_truncate(text, 0);
    g_string_append_len(text, out->str, (gssize)out->len);
}

/* A line that conmon is still writing is left for the next look. */
static void leave_unfinished(GemelLog *log)
{
    const char *last = g_strrstr_len(log->text->str, (gssize)log->text->len, "\n");
    gsize whole = last != NULL ? (gsize)(last + 1 - log->text->str) : 0;

    if (whole == 0)
        return;
    log->end.offset -= log->text->len - whole;
    g_string_truncate(log->text, whole);
}

GemelLog *native_log_tail(GemelConn *conn, const char *id, const GemelLogArgs *args, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) container = native_container_load(native->store, id, error);
    g_auto(NativeRun) run = {0};
    g_auto(NativeStatus) status = {0};
    g_autofree char *path = NULL;
    g_autoptr(GemelLog) log = NULL;

    if (container == NULL)
        return NULL;
    path = native_store_container_path(native->store, id, "log");
    log = gemel_log_new("its log");
    native_run_load(native->store, id, &run);
    native_status_read(native->store, id, &run, &status);
    log->is_live = status.state != GEMEL_STATE_STOPPED && status.state != GEMEL_STATE_CRASHED;
    if (!gemel_log_read_file(log, path, args) && errno != ENOENT) {
        gemel_error_set_errno(error, errno, "container %s: its log cannot be read",
                              container->name);
        return NULL;
    }
    if (log->is_live)
        leave_unfinished(log);
    native_log_strip(log->text, args->since_unix_us);
    return g_steal_pointer(&log);
}

GemelHost *native_host(GemelConn *conn, GError **error)
{
    return gemel_host_read("");
}
