/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of /proc that the console reads of a process; each reader gets every input. */
#include "backends/isolation.h"
#include "backends/proc.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    GemelIsolation *isolation = gemel_isolation_new();
    g_autoptr(GArray) map = g_array_new(FALSE, FALSE, sizeof(GemelIdRange));

    for (int kind = GEMEL_PROC_PROCESS; kind <= GEMEL_PROC_THREAD; kind++) {
        GemelProcess process = {0};

        if (gemel_proc_parse_stat(text, kind, &process))
            PROMISE(g_ascii_isalpha(process.state) &&
                    memchr(process.comm, 0, sizeof process.comm) != NULL);
        gemel_proc_parse_schedstat(text, kind, &process);
        gemel_proc_parse_io(text, &process);
        gemel_proc_parse_status(text, kind, &process);
    }
    gemel_isolation_parse_status(isolation, text);
    gemel_isolation_parse_mountinfo(isolation, text);
    gemel_isolation_parse_mountinfo(isolation, text); /* what was there is replaced, not leaked */
    gemel_isolation_parse_idmap(map, text);
    gemel_isolation_read_profile(isolation, text);
    gemel_isolation_free(isolation);
    free(text);
    return 0;
}
