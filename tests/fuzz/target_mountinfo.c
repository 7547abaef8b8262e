/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/self/mountinfo to the cgroup hierarchies of a host. */
#include "cgroup.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct cgroup cg;
    cgroup_scan(text, &cg);
    PROMISE(cg.n_v1 <= CGROUP_V1_MAX);
    PROMISE((cg.mode == CGROUP_V2 || cg.mode == CGROUP_HYBRID) == (cg.v2_mount != NULL));
    if (cg.mode != CGROUP_NONE) {
        cgroup_set_path(&cg, "/a//b/");
        PROMISE(!strcmp(cg.path, "/a/b"));
        for (size_t i = 0; i < cg.n_v1; i++)
            PROMISE(cg.v1[i].controllers && cg.v1[i].mount && cg.v1[i].dir);
        PROMISE(cgroup_v1_fd(&cg, "memory") == -1);
    }
    mem_release();
    free(text);
    return 0;
}
