/* SPDX-License-Identifier: GPL-3.0-or-later */
/* linux.seccomp to a filter. */
#include <linux/filter.h>

#include "filter.h"
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct seccomp_filter filter = {0};
    char *text = fuzz_text(data, size);
    json_t *json = json_parse(text, size, "profile", &err);
    if (json && filter_build(json, &filter, &err) == 0)
        PROMISE(filter.present && filter.len % sizeof(struct sock_filter) == 0);
    else
        PROMISE(*err.text);
    json_decref(json);
    mem_release();
    free(text);
    return 0;
}
