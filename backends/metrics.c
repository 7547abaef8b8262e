/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/metrics.h"

#define INFO(id, metric_name, metric_unit, metric_kind, in_v2, in_v1, of_guest, metric_note)       \
    [GEMEL_METRIC_##id] = {.name = metric_name,                                                    \
                           .unit = metric_unit,                                                    \
                           .kind = GEMEL_METRIC_##metric_kind,                                     \
                           .v2 = in_v2,                                                            \
                           .v1 = in_v1,                                                            \
                           .guest = of_guest,                                                      \
                           .note = metric_note},
const GemelMetricInfo gemel_metrics[GEMEL_METRIC_N] = {GEMEL_METRICS(INFO)};

#define ROW_INFO(id, row_group, metric_name, metric_unit, metric_kind, of_container, of_guest,     \
                 metric_note)                                                                      \
    [GEMEL_ROW_##id] = {.group = GEMEL_ROWS_##row_group,                                           \
                        .name = metric_name,                                                       \
                        .unit = metric_unit,                                                       \
                        .kind = GEMEL_METRIC_##metric_kind,                                        \
                        .container = of_container,                                                 \
                        .guest = of_guest,                                                         \
                        .note = metric_note},
const GemelRowMetricInfo gemel_row_metrics[GEMEL_ROW_N] = {GEMEL_ROW_METRICS(ROW_INFO)};

#define PROCESS_INFO(id, metric_name, metric_unit, metric_kind, of_container, of_guest,            \
                     metric_note)                                                                  \
    [GEMEL_PROCESS_##id] = {.name = metric_name,                                                   \
                            .unit = metric_unit,                                                   \
                            .kind = GEMEL_METRIC_##metric_kind,                                    \
                            .container = of_container,                                             \
                            .guest = of_guest,                                                     \
                            .note = metric_note},
const GemelProcessMetricInfo gemel_process_metrics[GEMEL_PROCESS_N] = {
    GEMEL_PROCESS_METRICS(PROCESS_INFO)};

const char *const gemel_row_group_names[GEMEL_ROWS_N] = {
    [GEMEL_ROWS_VCPU] = "vcpu",
    [GEMEL_ROWS_DISK] = "disk",
    [GEMEL_ROWS_NIC] = "nic",
};
