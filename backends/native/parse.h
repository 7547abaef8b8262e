/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parse.h - which files of a container a sample reads, and what is in each.
 *
 * The parsers are those of backends/figures_text.h; the table says which applies to which file on
 * which layout. docs/metrics.md has the same by metric, and a test keeps the two in step.
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
    gboolean is_limit; /* changes only when somebody writes to it */
    gboolean is_extra; /* gives no headline figure */
} NativeSampleFile;

/* Limits last. */
extern const NativeSampleFile native_sample_files[];
extern const guint native_sample_files_n;

/* The metrics that limit files set. */
extern const GemelMetric native_limit_metrics[];
extern const guint native_limit_metrics_n;

/* Renames the disk rows "254:0" to the host's names ("vda"), by /sys/dev/block. `names` caches. */
void native_name_disks(GemelSample *sample, GHashTable *names);
