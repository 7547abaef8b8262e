/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /etc/passwd of an image, for HOME. */
#include "fuzz.h"
#include "home.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t uids[] = {0, 1, 1000, UINT32_MAX};
    char *text = fuzz_text(data, size);
    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        const char *home = home_find(text, uids[i]);
        PROMISE(!home || !strchr(home, '\n'));
    }
    mem_release();
    free(text);
    return 0;
}
