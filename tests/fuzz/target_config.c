/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.json: every field, hooks and annotations with it, and the mount plans that its options
 * make. */
#include "fuzz.h"
#include "json.h"
#include "mounts.h"
#include "spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct spec spec;
    char *text = fuzz_text(data, size);
    json_t *json = json_parse(text, size, "config.json", &err);
    if (json && spec_parse(json, &spec, &err) == 0) {
        PROMISE(spec.root_path && (!spec.has_process || spec.process.cwd));
        for (size_t i = 0; i < spec.n_mounts; i++) {
            struct mount_plan plan;
            mount_plan_parse(&spec.mounts[i], &plan);
            PROMISE(plan.n_data <= spec.mounts[i].n_options && !plan.data[plan.n_data]);
        }
    } else {
        PROMISE(*err.text); /* never a refusal without a word */
    }
    for (const char *at = err.text; *at; at++)
        PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
    json_decref(json);
    mem_release();
    free(text);
    return 0;
}
