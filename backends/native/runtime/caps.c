/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "caps.h"

#include <ctype.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "defences.h"

int caps_number(const char *name)
{
    char lower[64];
    cap_value_t value;
    size_t n = strlen(name);
    if (n == 0 || n + 5 > sizeof lower)
        return -1;
    size_t at = 0;
    if (strncasecmp(name, "cap_", 4) != 0) {
        memcpy(lower, "cap_", 4);
        at = 4;
    }
    for (size_t i = 0; i <= n; i++)
        lower[at + i] = (char)tolower((unsigned char)name[i]);
    /* libcap also takes plain numbers; a configuration may not. */
    if (isdigit((unsigned char)lower[4]) || cap_from_name(lower, &value) < 0)
        return -1;
    return value < 64 ? (int)value : -1;
}

int caps_last(void)
{
    return cap_max_bits() - 1; /* libcap asked the kernel when it was loaded */
}

/* The first capability of `mask` by name, for messages. */
static const char *name_of(uint64_t mask)
{
    int cap = __builtin_ctzll(mask);
    char *name = cap_to_name((cap_value_t)cap);
    char *copy = name ? mem_strdup(name) : mem_printf("%d", cap);
    if (name)
        cap_free(name);
    for (char *p = copy; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return copy;
}

/* All names of `mask`, for messages. */
static const char *names_of(uint64_t mask)
{
    const char *list = name_of(mask);
    for (mask &= mask - 1; mask; mask &= mask - 1)
        list = mem_printf("%s, %s", list, name_of(mask));
    return list;
}

/* What the caller can hand on: all of a user namespace's own, else his permitted set, less what is
 * not in his bounding set. */
static uint64_t grantable(uint64_t wanted, bool user_ns)
{
    uint64_t kernel = (UINT64_C(2) << caps_last()) - 1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (user_ns || capget(&header, data) < 0)
        return kernel;
    kernel &= data[0].permitted | (uint64_t)data[1].permitted << 32;
    for (uint64_t left = wanted & kernel; left; left &= left - 1) {
        int cap = __builtin_ctzll(left);
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
            kernel &= ~(UINT64_C(1) << cap);
    }
    return kernel;
}

const char *caps_limit(struct spec_process *process, bool user_ns)
{
    uint64_t wanted = 0, lost = 0;
    uint64_t *caps = process->caps;
    for (int set = 0; set < CAPSET_N; set++)
        wanted |= caps[set];
    uint64_t can = wanted ? grantable(wanted, user_ns) : 0;
    const uint64_t bounds[CAPSET_N] = {
        [CAPSET_BOUNDING] = can,
        [CAPSET_PERMITTED] = can,
        [CAPSET_INHERITABLE] = can,
        [CAPSET_EFFECTIVE] = can & caps[CAPSET_PERMITTED],
        [CAPSET_AMBIENT] = can & caps[CAPSET_PERMITTED] & caps[CAPSET_INHERITABLE],
    };
    for (int set = 0; set < CAPSET_N; set++) {
        lost |= caps[set] & ~bounds[set];
        caps[set] &= bounds[set];
    }
    const char *unknown = process->unknown_caps;
    if (!unknown && !lost)
        return NULL;
    return mem_printf("process.capabilities: %s%s%s cannot be granted and are left out",
                      unknown ? unknown : "", unknown && lost ? ", " : "",
                      lost ? names_of(lost) : "");
}

int caps_before_setuid(const struct spec_process *process, struct err *err)
{
    uint64_t keep = process->caps[CAPSET_BOUNDING];
    for (int cap = 0; cap <= caps_last() && defended(CAPABILITIES); cap++) {
        if (keep >> cap & 1) {
            if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
                return err_set(err, EPERM,
                               "process.capabilities.bounding: %s is not in the caller's own set",
                               name_of(UINT64_C(1) << cap));
        } else if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
                   prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0) {
            return err_set(err, errno, "process.capabilities.bounding: drop %s",
                           name_of(UINT64_C(1) << cap));
        }
    }
    if (keep >> caps_last() > 1)
        return err_set(err, 0, "process.capabilities.bounding: this kernel has no %s",
                       name_of(keep & ~((UINT64_C(2) << caps_last()) - 1)));
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return err_set(err, errno, "process.capabilities: keep over setuid");
    return 0;
}

int caps_apply(const struct spec_process *process, struct err *err)
{
    uint64_t permitted = process->caps[CAPSET_PERMITTED];
    uint64_t effective = process->caps[CAPSET_EFFECTIVE];
    uint64_t inheritable = process->caps[CAPSET_INHERITABLE];
    uint64_t ambient = process->caps[CAPSET_AMBIENT];
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    if (!defended(CAPABILITIES))
        return 0;
    if (effective & ~permitted)
        return err_set(err, 0, "process.capabilities.effective: %s is not in permitted",
                       name_of(effective & ~permitted));
    if (capset(&header, data) < 0)
        return err_set(err, errno, "process.capabilities: set (the caller may lack one of them)");
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return err_set(err, errno, "process.capabilities: keepcaps");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_set(err, errno, "process.capabilities.ambient: clear");
    for (int cap = 0; ambient >> cap; cap++)
        if (ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return err_set(err, errno,
                           "process.capabilities.ambient: %s (must be permitted and inheritable)",
                           name_of(UINT64_C(1) << cap));
    return 0;
}
