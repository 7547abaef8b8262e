/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The overlay's annotations: lists with `\:` and `\\`, and the mount options made of them. */
#include "fuzz.h"
#include "rootfs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t n, total = 0;
    const char **parts = overlay_split(text, &n);
    for (size_t i = 0; i < n; i++) {
        PROMISE(*parts[i]);
        total += strlen(parts[i]);
        /* what goes to the kernel can be read back */
        char *options = mem_alloc(2 * strlen(parts[i]) + 1);
        append_escaped(options, parts[i]);
        PROMISE(strlen(options) <= 2 * strlen(parts[i]));
    }
    PROMISE(!parts[n] && total <= strlen(text));
    struct overlay overlay = {.present = true, .lower = parts, .n_lower = n};
    if (n) {
        size_t prefix = common_prefix(&overlay);
        for (size_t i = 0; i < n; i++)
            PROMISE(prefix <= strlen(parts[i]) && !strncmp(parts[i], parts[0], prefix));
    }
    mem_release();
    free(text);
    return 0;
}
