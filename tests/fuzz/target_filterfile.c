/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compiled filters read back: seccomp.bpf of a state directory, and an entry of the cache. */
#include <fcntl.h>
#include <sys/stat.h>

#include "filter_cache.c"
#include "fuzz.h"

static char top[64];

static void clean_up(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/seccomp.bpf", top);
    unlink(path);
    rmdir(top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int dir = -1, file = -1;
    struct err err = {0};
    struct seccomp_filter filter = {0};
    if (dir < 0) {
        snprintf(top, sizeof top, "/tmp/gemel-fuzz-XXXXXX");
        PROMISE(mkdtemp(top));
        atexit(clean_up);
        dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        file = openat(dir, "seccomp.bpf", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    PROMISE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    if (filter_load_saved(dir, &filter, &err) == 0 && filter.present)
        PROMISE(filter.len % sizeof(struct sock_filter) == 0);
    if (load(dir, "seccomp.bpf", &filter))
        PROMISE(filter.len % sizeof(struct sock_filter) == 0 &&
                filter.len / sizeof(struct sock_filter) <= BPF_MAXINSNS);
    /* the same with a digest that is right: only what the digest does not vouch for is left to
     * check */
    if (size > sizeof(struct header)) {
        struct header h;
        memcpy(&h, data, sizeof h);
        memcpy(h.format, FORMAT, sizeof FORMAT);
        h.len = (uint32_t)(size - sizeof h);
        digest_of(&h, data + sizeof h, h.digest);
        PROMISE(pwrite(file, &h, sizeof h, 0) == (ssize_t)sizeof h);
        if (load(dir, "seccomp.bpf", &filter))
            PROMISE(filter.len == h.len);
    }
    mem_release();
    return 0;
}
