/* SPDX-License-Identifier: GPL-3.0-or-later */
/* linux.resources, as `update --resources` takes it. */
#include "fuzz.h"
#include "json.h"
#include "spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct spec_resources resources = {0};
    char *text = fuzz_text(data, size);
    json_t *json = json_parse(text, size, "--resources", &err);
    if (!json || spec_parse_resources(json, "resources", &resources, &err) < 0)
        PROMISE(*err.text);
    json_decref(json);
    mem_release();
    free(text);
    return 0;
}
