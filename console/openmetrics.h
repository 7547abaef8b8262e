/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * openmetrics.h - figures in the text format that Prometheus scrapes (OpenMetrics 1.0).
 *
 * A metric's family is named after the metrics table by the conventions of that world: gemel_ in
 * front, base units at the end (seconds, bytes, ratio, cpus), counters with _total:
 *   cpu.usage (ns, counter)     gemel_cpu_usage_seconds_total
 *   memory.usage (B)            gemel_memory_usage_bytes
 *   pressure.io.some (1/100 %)  gemel_pressure_io_some_ratio
 * Device rows are families of their own (gemel_vcpu_time_seconds_total{vcpu="0"}). All carry the
 * labels backend, id, name and kind. gemel_up says which backends gave figures.
 */
#pragma once

#include "console/model.h"
#include "console/output.h"

/* `rows`: of ModelInstance*. */
void openmetrics_print(Output *out, Model *model, GPtrArray *rows);

/* "gemel_cpu_usage_seconds" of "cpu.usage" in "ns", a counter; without _total. *ret_factor: what a
   value is multiplied with to be in the base unit. `group`: of a device row, or NULL. For tests. */
char *openmetrics_family(const char *group, const char *name, const char *unit,
                         GemelMetricKind kind, const char **ret_unit, double *ret_factor);
