/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/nofile.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit before;
static bool is_raised;

void gemel_nofile_raise(void)
{
    struct rlimit limit;

    if (is_raised || getrlimit(RLIMIT_NOFILE, &before) != 0)
        return;
    limit = before;
    limit.rlim_cur = limit.rlim_max;
    is_raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void gemel_nofile_give_back(void)
{
    if (is_raised)
        setrlimit(RLIMIT_NOFILE, &before);
}
