/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "backends/registry.h"

static void test_types(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; gemel_backend_types[i] != NULL; i++) {
        const GemelBackendOps *ops = gemel_backend_types[i];

        g_assert_true(g_hash_table_add(seen, (gpointer)ops->type));
        g_assert_nonnull(ops->create);
        g_assert_nonnull(ops->list);
        g_assert_nonnull(ops->summary);
        g_assert_null(strchr(ops->summary, '\n'));
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, 4);
}

/* Nothing is connected to here: a backend is only made. */
static void test_uris(void)
{
    static const struct {
        const char *name, *uri, *type, *made;
    } cases[] = {
        {NULL, "sim", "sim", "sim"},
        {NULL, "sim:3,seed=1", "sim", "sim"},
        {"demo", "sim:", "sim", "demo"},
        {NULL, "native", "native", "native"},
        {NULL, "native:/nonexistent/store", "native", "native"},
        {NULL, "qemu:///system", "libvirt", "qemu"},
        {NULL, "qemu+ssh://host/system", "libvirt", "qemu"},
        {NULL, "test:///default", "libvirt", "test"},
        {"lab", "xen:///", "libvirt", "lab"},
        {NULL, "simple:///", "libvirt", "simple"},
        {NULL, "nativeish:///", "libvirt", "nativeish"},
        {NULL, "", "libvirt", "qemu"},
        {NULL, NULL, "libvirt", "qemu"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        GemelBackend *backend = gemel_registry_create(cases[i].name, cases[i].uri, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(backend->ops->type, ==, cases[i].type);
        g_assert_cmpstr(backend->name, ==, cases[i].made);
        g_assert_nonnull(backend->uri);
        gemel_backend_free(backend);
    }
}

static void test_bad_uri(void)
{
    static const char *const uris[] = {"sim:many", "sim:colour=red", "a b", "two\nlines"};

    for (guint i = 0; i < G_N_ELEMENTS(uris); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(gemel_registry_create(NULL, uris[i], &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_assert_null(strchr(error->message, '\n'));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/types-are-usable-and-unique", test_types);
    g_test_add_func("/registry/a-uri-makes-the-right-backend", test_uris);
    g_test_add_func("/registry/a-senseless-uri-is-invalid", test_bad_uri);
    return g_test_run();
}
