/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console's readers of cgroup and /proc files. The first byte chooses the file. */
#include "backends/native/parse.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data + (size > 0), size ? size - 1 : 0);
    GemelSample *sample = gemel_sample_new("x", 1);
    if (size)
        native_sample_files[data[0] % native_sample_files_n].parse(text, sample);
    gemel_sample_free(sample);
    free(text);
    return 0;
}
