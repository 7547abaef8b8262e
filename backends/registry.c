/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/registry.h"

#include <string.h>

const GemelBackendOps *const gemel_backend_types[] = {
    &gemel_libvirt_ops, &gemel_native_ops, &gemel_sim_ops, &gemel_replay_ops, NULL,
};

/* "qemu" of "qemu+ssh://host/system"; the name a libvirt backend gets by default. */
static char *driver_of_uri(const char *uri)
{
    size_t length = strcspn(uri, "+:/");

    return length > 0 ? g_strndup(uri, length) : g_strdup("libvirt");
}

GemelBackend *gemel_registry_create(const char *name, const char *uri, GError **error)
{
    const GemelBackendOps *ops = &gemel_libvirt_ops;
    g_autofree char *own_name = NULL;

    if (uri != NULL && (g_str_equal(uri, "native") || g_str_has_prefix(uri, "native:")))
        ops = &gemel_native_ops;
    else if (uri != NULL && (g_str_equal(uri, "sim") || g_str_has_prefix(uri, "sim:")))
        ops = &gemel_sim_ops;
    else if (uri != NULL && g_str_has_prefix(uri, "replay:"))
        ops = &gemel_replay_ops;
    if (name == NULL && ops == &gemel_libvirt_ops)
        name = own_name = uri != NULL && *uri != '\0' ? driver_of_uri(uri) : g_strdup("qemu");
    else if (name == NULL)
        name = ops->type;
    return ops->create(name, uri, error);
}

void gemel_backend_free(GemelBackend *backend)
{
    if (backend != NULL)
        backend->ops->free(backend);
}
