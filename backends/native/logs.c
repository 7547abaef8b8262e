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

void native_log_strip(GString *text)
{
    g_autoptr(GString) out = g_string_sized_new(text->len);

    for (const char *at = text->str, *end; at < text->str + text->len; at = end + 1) {
        const char *word = at;
        gboolean partial = FALSE, is_line = TRUE;

        end = memchr(at, '\n', (gsize)(text->str + text->len - at));
        end = end != NULL ? end : text->str + text->len;
        for (int i = 0; i < 3 && is_line; i++) {
            const char *space = memchr(word, ' ', (gsize)(end - word));

            is_line = space != NULL;
            partial = is_line && i == 2 && space == word + 1 && *word == 'P';
            word = is_line ? space + 1 : word;
        }
        if (!is_line) /* not conmon's: as it is */
            word = at;
        g_string_append_len(out, word, end - word);
        if (!partial)
            g_string_append_c(out, '\n');
    }
    g_string_truncate(text, 0);
    g_string_append_len(text, out->str, (gssize)out->len);
}

GemelLog *native_log_tail(GemelConn *conn, const char *id, gsize max_bytes, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) container = native_container_load(native->store, id, error);
    g_autofree char *path = NULL;
    g_autoptr(GemelLog) log = NULL;

    if (container == NULL)
        return NULL;
    path = native_store_container_path(native->store, id, "log");
    log = gemel_log_new("its log");
    if (!gemel_log_read_file(log, path, max_bytes) && errno != ENOENT) {
        gemel_error_set_errno(error, errno, "container %s: its log cannot be read",
                              container->name);
        return NULL;
    }
    native_log_strip(log->text);
    return g_steal_pointer(&log);
}

GemelHost *native_host(GemelConn *conn, GError **error)
{
    return gemel_host_read("");
}
