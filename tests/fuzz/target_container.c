/* SPDX-License-Identifier: GPL-3.0-or-later */
/* container.json of a store: what is read is written as it was; and conmon's log, taken apart. */
#include "backends/native/bundle.h"
#include "backends/native/container.h"
#include "backends/native/native.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    NativeContainer *container = native_container_parse(text, id, &error);
    g_autoptr(GString) log = g_string_new_len((const char *)data, (gssize)size);

    PROMISE((container == NULL) == (error != NULL));
    if (container != NULL) {
        g_autofree char *once = native_container_format(container);
        NativeContainer *again = native_container_parse(once, id, NULL);
        g_autofree char *twice = again != NULL ? native_container_format(again) : NULL;

        PROMISE(g_strcmp0(once, twice) == 0);
        g_free(native_bundle_lower(container));
        native_container_free(again);
        native_container_free(container);
    }
    native_log_strip(log, 0);
    PROMISE(log->len <= size + 1);
    g_string_truncate(log, 0);
    g_string_append_len(log, (const char *)data, (gssize)size);
    native_log_strip(log, 1700000000000000);
    free(text);
    return 0;
}
