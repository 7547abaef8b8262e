/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "activation.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"

int activation_read(struct activation *ret, unsigned max, struct err *err)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int64_t n;
    *ret = (struct activation){0};
    if (!pid || !fds || options_number(pid, false, &n) < 0 || n != getpid())
        return 0;
    if (options_number(fds, false, &n) < 0 || n < 0 || n > max)
        return err_set(err, 0, "LISTEN_FDS: '%s' is not a number of descriptors", fds);
    ret->n = (unsigned)n;
    ret->names = getenv("LISTEN_FDNAMES");
    return 0;
}

static bool is_ours(const char *entry)
{
    static const char *const names[] = {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strncmp(entry, names[i], strlen(names[i])))
            return true;
    return false;
}

const char **activation_environment(const struct activation *a, const char *const *env)
{
    size_t n = 0, kept = 0;
    while (env && env[n])
        n++;
    const char **made = mem_array(n + 4, sizeof *made);
    for (size_t i = 0; i < n; i++)
        if (!is_ours(env[i]))
            made[kept++] = env[i];
    made[kept++] = mem_printf("LISTEN_PID=%d", (int)getpid());
    made[kept++] = mem_printf("LISTEN_FDS=%u", a->n);
    if (a->names)
        made[kept++] = mem_printf("LISTEN_FDNAMES=%s", a->names);
    return made;
}
