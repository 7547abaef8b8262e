/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The runtime's defences: what each is there against, in one table.
 *
 * The code asks `defended(NAME)` where a defence acts. In the runtime that is the constant true:
 * the compiler drops the other branch, and nothing in a configuration or an environment can reach
 * it. The tests build the same sources a second time with GEMEL_UNDEFENDED
 * (gemel-runtime-undefended, never installed); that program leaves out the one defence that
 * GEMEL_RUNTIME_WITHOUT names, and tests/system/runtime/test_defences.py demands that the attack
 * then succeeds. A test of an attack that cannot succeed shows nothing.
 *
 * docs/security.md is this table with the attack that tests each row; a test keeps the two in step.
 */
#pragma once

#include <stdbool.h>

/* X(name, what it reproduces or answers, what the runtime does) */
#define DEFENCES(X)                                                                                \
    X(SEALED_SELF, "CVE-2019-5736",                                                                \
      "Commands that enter a container run from a read-only mount or a sealed copy of the "        \
      "binary.")                                                                                   \
    X(DESCRIPTORS, "CVE-2024-21626, CVE-2016-9962",                                                \
      "No descriptor of the host is open when the configuration's directory and program are "      \
      "looked "                                                                                    \
      "up, and the program inherits none.")                                                        \
    X(CWD_INSIDE, "CVE-2024-21626",                                                                \
      "A working directory that the kernel calls unreachable from the new root is refused.")       \
    X(NOT_DUMPABLE, "CVE-2016-9962",                                                               \
      "While it is still the runtime, no process of a container may trace it or open its files "   \
      "under /proc.")                                                                              \
    X(IN_ROOT, "CVE-2021-30465, CVE-2024-45310",                                                   \
      "Mount targets, devices and masked paths are found by openat2(RESOLVE_IN_ROOT) and used by " \
      "descriptor; what is missing is made below such a descriptor.")                              \
    X(PROC_NO_LINK, "CVE-2019-19921, CVE-2023-27561, CVE-2023-28642",                              \
      "proc and sysfs are not mounted where a symbolic link leads.")                               \
    X(PROC_COVER, "CVE-2019-16884",                                                                \
      "Nothing is mounted over the inside of a procfs but a short list of figures.")               \
    X(HOST_NULL, "CVE-2025-31133",                                                                 \
      "Masked files are covered with the host's null device, checked by its numbers.")             \
    X(CONSOLE_TARGET, "CVE-2025-52565",                                                            \
      "/dev/console is made or found without following a link, and bound from the terminal's own " \
      "descriptor.")                                                                               \
    X(HOST_PROCFS, "CVE-2025-52881",                                                               \
      "sysctls, labels, id maps and OOM scores are written below a descriptor of the host's own "  \
      "procfs, crossing no mount and following no link.")                                          \
    X(OWN_MOUNTS, "mounts that reach the host",                                                    \
      "The container's mount tree is a slave of the host's before anything is mounted.")           \
    X(PIVOT_ROOT, "chroot(2), NOTES",                                                              \
      "The root is changed by pivot_root and the old one is taken off, so nothing is above it.")   \
    X(OWN_KEYRING, "keyrings(7)", "The container has a session keyring of its own.")               \
    X(OWN_SESSION, "CVE-2017-5226",                                                                \
      "The container's processes have a session of their own, without the caller's terminal.")     \
    X(OWN_GROUPS, "CVE-2022-2989, CVE-2022-2990",                                                  \
      "The caller's supplementary groups are given up.")                                           \
    X(INHERITABLE, "CVE-2022-29162, CVE-2022-24769",                                               \
      "A capability that is asked for by `exec --cap` is not made inheritable.")                   \
    X(CAPABILITIES, "capabilities(7)",                                                             \
      "The program has the capabilities that the configuration names, no others, and cannot get "  \
      "them back.")                                                                                \
    X(FILTER, "linux.seccomp", "The system call filter is loaded before the program runs.")        \
    X(DEVICE_RULES, "mknod of a host disk",                                                        \
      "Devices are closed but for the defaults and those that the configuration opens.")           \
    X(LIMITS, "fork bombs, memory hogs", "Limits stand before the container's process may go on.") \
    X(CGROUP_OWN_DIR, "CVE-2022-0492",                                                             \
      "Without a cgroup namespace the container sees its own groups only, never a hierarchy's "    \
      "root "                                                                                      \
      "with its release_agent.")                                                                   \
    X(CGROUP_PATH, "cgroupsPath traversal", "linux.cgroupsPath has no component '..'.")            \
    X(SYS_READ_ONLY, "CVE-2023-25809",                                                             \
      "Where the host's /sys is bound for lack of a network namespace, `ro` holds for the "        \
      "cgroups "                                                                                   \
      "below it, too.")                                                                            \
    X(MASKS, "linux.maskedPaths", "Masked paths are covered.")                                     \
    X(READ_ONLY_PATHS, "linux.readonlyPaths", "Read-only paths refuse writing.")                   \
    X(PID_START, "reused process ids",                                                             \
      "A pid is the container's only together with the time at which it started.")                 \
    X(ID_NAME, "path traversal", "A container's id is a plain file name.")                         \
    X(ROOT_PRIVATE, "planted containers",                                                          \
      "The state directory is the caller's or root's, and no other user can write to it: what "    \
      "lies in one below /tmp that somebody made first is not believed.")                          \
    X(PRINTABLE, "terminal escapes",                                                               \
      "Messages carry no control characters of hostile names, of C0 or C1, and are UTF-8.")        \
    X(PRESERVED_OPEN, "CVE-2024-21626",                                                            \
      "--preserve-fds and LISTEN_FDS refuse numbers that are not open, which the runtime's own "   \
      "files would take.")                                                                         \
    X(NOTIFY_READY, "messages to the host's manager",                                              \
      "Of what a container sends to its notify socket only that it is ready goes out, in the "     \
      "runtime's own words and without descriptors.")                                              \
    X(FILTER_PRIVATE, "planted filter cache",                                                      \
      "A cached filter is used when it and its directory are the caller's own and private.")

enum defence {
#define X(name, against, what) DEFENCE_##name,
    DEFENCES(X)
#undef X
};

#ifdef GEMEL_UNDEFENDED
#include <stdlib.h>
#include <string.h>

static inline bool defence_stands(const char *name)
{
    const char *without = getenv("GEMEL_RUNTIME_WITHOUT");
    return !without || strcmp(without, name) != 0;
}
#define defended(NAME) ((void)DEFENCE_##NAME, defence_stands(#NAME))
#else
#define defended(NAME) ((void)DEFENCE_##NAME, true)
#endif
