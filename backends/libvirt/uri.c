/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/lv.h"

#include <string.h>

char *lv_uri_resolve(const char *uri, const char *env, gboolean is_root)
{
    if (uri != NULL && *uri != '\0')
        return g_strdup(uri);
    if (env != NULL && *env != '\0')
        return g_strdup(env);
    return g_strdup(is_root ? "qemu:///system" : "qemu:///session");
}

/* The transport in "qemu+ssh://..."; NULL if there is none. */
static char *transport_of(const char *uri)
{
    const char *plus = uri + strcspn(uri, "+:/");
    const char *end;

    if (*plus != '+')
        return NULL;
    end = strchr(plus, ':');
    return end != NULL ? g_strndup(plus + 1, (gsize)(end - plus - 1)) : NULL;
}

/* Whether a query "a=1&b=2" sets `key`. */
static gboolean query_has(const char *query, const char *key)
{
    gsize length = strlen(key);

    for (const char *at = query; at != NULL; at = strpbrk(at, "&;")) {
        at += strspn(at, "&;");
        if (strncmp(at, key, length) == 0 && at[length] == '=')
            return TRUE;
        if (*at == '\0')
            break;
    }
    return FALSE;
}

char *lv_uri_for_opening(const char *uri)
{
    g_autofree char *transport = transport_of(uri);
    const char *query = strchr(uri, '?');

    if (transport == NULL || (!g_str_equal(transport, "ssh") && !g_str_equal(transport, "libssh") &&
                              !g_str_equal(transport, "libssh2")))
        return g_strdup(uri);
    if (query != NULL && query_has(query + 1, "no_tty"))
        return g_strdup(uri);
    return g_strconcat(uri, query == NULL ? "?" : "&", "no_tty=1", NULL);
}

gboolean lv_uri_is_of(const char *uri, const char *driver)
{
    gsize length = strlen(driver);

    return uri != NULL && strncmp(uri, driver, length) == 0 &&
           (uri[length] == ':' || uri[length] == '+');
}

gboolean lv_uri_is_local(const char *uri)
{
    g_autofree char *transport = NULL, *host = NULL;

    if (!lv_uri_is_of(uri, "qemu") || !g_uri_split(uri, G_URI_FLAGS_PARSE_RELAXED, NULL, NULL,
                                                   &host, NULL, NULL, NULL, NULL, NULL))
        return FALSE;
    transport = transport_of(uri);
    if (transport != NULL && !g_str_equal(transport, "unix"))
        return FALSE;
    return host == NULL || *host == '\0';
}

char *lv_uri_run_dir(const char *uri, const char *user_runtime_dir)
{
    g_autofree char *path = NULL, *query = NULL;

    if (!lv_uri_is_local(uri) || !g_uri_split(uri, G_URI_FLAGS_PARSE_RELAXED, NULL, NULL, NULL,
                                              NULL, &path, &query, NULL, NULL))
        return NULL;
    if (g_strcmp0(path, "/system") == 0)
        return g_strdup("/run/libvirt/qemu");
    if (g_strcmp0(path, "/session") == 0)
        return g_strdup_printf("%s/libvirt/qemu/run", user_runtime_dir);
    if (g_strcmp0(path, "/embed") == 0 && query != NULL) {
        g_autoptr(GHashTable) params = g_uri_parse_params(query, -1, "&;", G_URI_PARAMS_NONE, NULL);
        const char *root = params != NULL ? g_hash_table_lookup(params, "root") : NULL;

        return root != NULL ? g_strdup_printf("%s/run/qemu", root) : NULL;
    }
    return NULL;
}
