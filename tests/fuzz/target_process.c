/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process object of `exec --process`. */
#include "fuzz.h"
#include "json.h"
#include "spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct spec_process process;
    char *text = fuzz_text(data, size);
    json_t *json = json_parse(text, size, "--process", &err);
    if (json && spec_parse_process(json, "process", &process, &err) == 0)
        PROMISE(process.cwd && *process.cwd == '/' && process.n_args &&
                !process.args[process.n_args]);
    else
        PROMISE(*err.text);
    json_decref(json);
    mem_release();
    free(text);
    return 0;
}
