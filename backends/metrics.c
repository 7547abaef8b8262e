/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/metrics.h"

#define INFO(id, metric_name, metric_unit, metric_kind, metric_source)                             \
    [GEMEL_METRIC_##id] = {.name = metric_name,                                                    \
                           .unit = metric_unit,                                                    \
                           .kind = GEMEL_METRIC_##metric_kind,                                     \
                           .source = metric_source},
const GemelMetricInfo gemel_metrics[GEMEL_METRIC_N] = {GEMEL_METRICS(INFO)};

#define ROW_INFO(id, row_group, metric_name, metric_unit, metric_kind, metric_source)              \
    [GEMEL_ROW_##id] = {.group = GEMEL_ROWS_##row_group,                                           \
                        .name = metric_name,                                                       \
                        .unit = metric_unit,                                                       \
                        .kind = GEMEL_METRIC_##metric_kind,                                        \
                        .source = metric_source},
const GemelRowMetricInfo gemel_row_metrics[GEMEL_ROW_N] = {GEMEL_ROW_METRICS(ROW_INFO)};

const char *const gemel_row_group_names[GEMEL_ROWS_N] = {
    [GEMEL_ROWS_VCPU] = "vcpu",
    [GEMEL_ROWS_DISK] = "disk",
    [GEMEL_ROWS_NIC] = "nic",
};
