/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figures_text.h - figures out of the text files of cgroups and /proc, without allocating.
 *
 * Each function takes the whole text of one file, NUL-terminated, and sets what it finds in a
 * sample; what is missing, malformed or does not fit in 64 bits stays unset. None writes to the
 * text or reads past its NUL. Formats: Documentation/admin-guide/cgroup-v2.rst, .../cgroup-v1/,
 * Documentation/accounting/psi.rst, proc(5).
 *
 * Thread: any.
 */
#pragma once

#include "backends/backend.h"

/* A decimal number at `text`; *ret_end (may be NULL) behind it. */
gboolean gemel_text_number(const char *text, guint64 *ret, const char **ret_end);
/* The whole file is one number ("12\n"); "max", "-1" and the like are none. */
void gemel_text_single(const char *text, GemelMetric metric, GemelSample *sample);

/* One line "KEY VALUE" of a file of such lines, and what it becomes. */
typedef struct {
    const char *key;
    guint length; /* of key */
    guint32 factor;
    GemelMetric metric;
} GemelTextField;
#define GEMEL_TEXT_FIELD(key_text, factor_, id)                                                    \
    {                                                                                              \
        key_text, sizeof(key_text) - 1, factor_, GEMEL_METRIC_##id                                 \
    }

/* One pass over all lines; a key that comes again counts once. */
void gemel_text_fields(const char *text, const GemelTextField *fields, guint n_fields,
                       GemelSample *sample);

/* A limit: "max", and v1's number for "none" (the largest page), are no limit. */
void gemel_text_limit(const char *text, GemelMetric metric, GemelSample *sample);

/* A *.pressure file into the four metrics that begin at `some`: some, full, total, full_total. */
void gemel_text_pressure(const char *text, GemelMetric some, GemelSample *sample);

/* io.stat (v2), or blkio.throttle.io_service_bytes and .io_serviced (v1), into the four totals that
   begin at `first` (rd_bytes, wr_bytes, rd_ops, wr_ops) and, `with_rows`, into rows per device
   named "254:0". A group that never read or wrote has an empty file: 0, not unknown. */
void gemel_text_io_stat(const char *text, GemelMetric first, gboolean with_rows,
                        GemelSample *sample);
void gemel_text_blkio_bytes(const char *text, GemelMetric first, gboolean with_rows,
                            GemelSample *sample);
void gemel_text_blkio_ops(const char *text, GemelMetric first, gboolean with_rows,
                          GemelSample *sample);

/* /proc/PID/net/dev: rows and sums over all interfaces but lo. */
void gemel_text_net_dev(const char *text, GemelSample *sample);
