/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parse.h - the figures in cgroup and /proc files, taken without allocating.
 *
 * Each parser gets the whole text of one file, NUL-terminated, and sets what it finds in a sample;
 * what is missing or malformed stays unset. Formats: Documentation/admin-guide/cgroup-v2.rst,
 * .../cgroup-v1/, Documentation/accounting/psi.rst, proc(5).
 *
 * Thread: any; the text is only read.
 */
#pragma once

#include "backends/backend.h"

typedef void (*NativeParser)(const char *text, GemelSample *sample);

typedef enum { NATIVE_FROM_V2, NATIVE_FROM_V1, NATIVE_FROM_PRESSURE, NATIVE_FROM_PROC } NativeFrom;

/* One file of a container that a sample reads. */
typedef struct {
    NativeFrom from;
    guint controller; /* NativeCgroupController, with NATIVE_FROM_V1 */
    const char *name;
    const char *fallback; /* another name on older kernels, or NULL */
    NativeParser parse;
} NativeSampleFile;

extern const NativeSampleFile native_sample_files[];
extern const guint native_sample_files_n;

/* Renames the disk rows "254:0" to the host's names ("vda"), by /sys/dev/block. `names` caches. */
void native_name_disks(GemelSample *sample, GHashTable *names);
