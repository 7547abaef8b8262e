/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hostfacts.h - what a host can do for guests and containers: a plain structure, owned whole.
 *
 * Of this host it is read from /proc and /sys (Documentation/admin-guide, sysfs-devices-system-cpu,
 * sysfs-kernel-iommu_groups, sysfs-bus-pci, cgroup-v2.rst); of another one a backend says what its
 * source tells. A fact that is not known has a reason, never silence.
 *
 * Thread: any worker. All strings are untrusted.
 */
#pragma once

#include <glib.h>

/* Order of the view. */
typedef enum {
    GEMEL_HOST_KERNEL,
    GEMEL_HOST_CPU,
    GEMEL_HOST_CPUS,
    GEMEL_HOST_MEMORY,
    GEMEL_HOST_HUGEPAGES,
    GEMEL_HOST_PRESSURE,
    GEMEL_HOST_VIRT,
    GEMEL_HOST_SLAT,
    GEMEL_HOST_KVM,
    GEMEL_HOST_NESTED,
    GEMEL_HOST_IOMMU,
    GEMEL_HOST_SRIOV,
    GEMEL_HOST_CGROUPS,
    GEMEL_HOST_CONTROLLERS,
    GEMEL_HOST_NAMESPACES,
    GEMEL_HOST_USERNS,
    GEMEL_HOST_SECCOMP,
    GEMEL_HOST_LSM,
    GEMEL_HOST_N
} GemelHostWhat;

typedef enum {
    GEMEL_HOST_UNKNOWN, /* `why` says why */
    GEMEL_HOST_NO,
    GEMEL_HOST_PARTLY,
    GEMEL_HOST_YES,
} GemelHostGrade;

typedef struct {
    GemelHostGrade grade;
    char *value;   /* "VT-x", "hybrid", "6.1.0-13-amd64"; NULL when there is nothing to show */
    char *why;     /* what stands in the way, or NULL */
    gint64 number; /* of what has one: CPUs, bytes, groups; -1 */
} GemelHostFact;

typedef struct {
    char *name;        /* the host's, or NULL */
    gboolean is_local; /* this host: every backend that says so means the same */
    GemelHostFact fact[GEMEL_HOST_N];
} GemelHost;

/* Everything unknown, for the reason given. */
GemelHost *gemel_host_new(const char *why);
void gemel_host_free(GemelHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelHost, gemel_host_free)

/* `value` and `why` may be NULL; number -1 for none. */
void gemel_host_set(GemelHost *host, GemelHostWhat what, GemelHostGrade grade, const char *value,
                    const char *why, gint64 number);

/* All of it, from the files below `root` ("" = this host, whose /dev/kvm is then tried; a tree of
   files in tests). */
GemelHost *gemel_host_read(const char *root);
