/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state.json of a directory. */
#include <fcntl.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "state.h"

static const char *directory(void)
{
    static char top[64];
    if (!*top) {
        snprintf(top, sizeof top, "/tmp/gemel-fuzz-XXXXXX");
        PROMISE(mkdtemp(top));
        char path[80];
        snprintf(path, sizeof path, "%s/id", top);
        PROMISE(mkdir(path, 0700) == 0);
    }
    return top;
}

static void clean_up(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/id/state.json", directory());
    unlink(path);
    snprintf(path, sizeof path, "%s/id", directory());
    rmdir(path);
    rmdir(directory());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    struct state st;
    struct err err = {0};
    if (file < 0) {
        char path[96];
        snprintf(path, sizeof path, "%s/id/state.json", directory());
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        atexit(clean_up);
    }
    PROMISE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    if (state_open(&st, directory(), "id", STATE_NO_LOCK, &err) == 0) {
        json_t *json = state_json(&st, NULL);
        PROMISE(json && st.bundle && st.cgroup.n_v1 <= CGROUP_V1_MAX);
        json_decref(json);
    } else {
        PROMISE(*err.text);
    }
    state_close(&st);
    mem_release();
    return 0;
}
