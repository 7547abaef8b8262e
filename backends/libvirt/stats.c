/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/stats.h"

#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX 4096
#define NO_METRIC   GEMEL_METRIC_N
#define NO_ROW      GEMEL_ROW_N

/* One figure of the domain itself; `factor` turns it into the metric's unit. */
static const struct {
    const char *field;
    GemelMetric metric;
    guint64 factor;
} plain[] = {
    {"cpu.time", GEMEL_METRIC_CPU_USAGE, 1},
    {"cpu.user", GEMEL_METRIC_CPU_USER, 1},
    {"cpu.system", GEMEL_METRIC_CPU_SYSTEM, 1},
    {"balloon.current", GEMEL_METRIC_BALLOON_CURRENT, 1024},
    {"balloon.maximum", GEMEL_METRIC_BALLOON_MAXIMUM, 1024},
    {"balloon.available", GEMEL_METRIC_BALLOON_AVAILABLE, 1024},
    {"balloon.unused", GEMEL_METRIC_BALLOON_UNUSED, 1024},
    {"balloon.rss", GEMEL_METRIC_MEM_RSS, 1024},
    {"balloon.disk_caches", GEMEL_METRIC_MEM_FILE, 1024},
    {"balloon.usable", GEMEL_METRIC_BALLOON_USABLE, 1024},
    {"balloon.swap_in", GEMEL_METRIC_BALLOON_SWAP_IN, 1024},
    {"balloon.swap_out", GEMEL_METRIC_BALLOON_SWAP_OUT, 1024},
    {"balloon.major_fault", GEMEL_METRIC_MEM_MAJOR_FAULTS, 1},
};

/* One figure of a device: into its row and, where it has one, into the sum over all. */
typedef struct {
    const char *field;
    GemelRowMetric row;
    GemelMetric sum;
} DeviceField;

static const DeviceField vcpu_fields[] = {
    {"state", GEMEL_ROW_VCPU_STATE, NO_METRIC},
    {"time", GEMEL_ROW_VCPU_TIME, NO_METRIC},
    {"wait", GEMEL_ROW_VCPU_WAIT, NO_METRIC},
    {"delay", GEMEL_ROW_VCPU_DELAY, GEMEL_METRIC_CPU_STEAL},
    {"exits.sum", GEMEL_ROW_VCPU_EXITS, NO_METRIC},
    {"halt_exits.sum", GEMEL_ROW_VCPU_HALT_EXITS, NO_METRIC},
    {"irq_exits.sum", GEMEL_ROW_VCPU_IRQ_EXITS, NO_METRIC},
    {"io_exits.sum", GEMEL_ROW_VCPU_IO_EXITS, NO_METRIC},
    {"mmio_exits.sum", GEMEL_ROW_VCPU_MMIO_EXITS, NO_METRIC},
    {"irq_injections.sum", GEMEL_ROW_VCPU_INTERRUPTS, NO_METRIC},
    {"halt_wait_ns.sum", GEMEL_ROW_VCPU_HALTED, NO_METRIC},
};

static const DeviceField block_fields[] = {
    {"rd.bytes", GEMEL_ROW_DISK_RD_BYTES, GEMEL_METRIC_IO_RD_BYTES},
    {"wr.bytes", GEMEL_ROW_DISK_WR_BYTES, GEMEL_METRIC_IO_WR_BYTES},
    {"rd.reqs", GEMEL_ROW_DISK_RD_OPS, GEMEL_METRIC_IO_RD_OPS},
    {"wr.reqs", GEMEL_ROW_DISK_WR_OPS, GEMEL_METRIC_IO_WR_OPS},
    {"rd.times", GEMEL_ROW_DISK_RD_TIME, NO_METRIC},
    {"wr.times", GEMEL_ROW_DISK_WR_TIME, NO_METRIC},
    {"fl.reqs", GEMEL_ROW_DISK_FL_OPS, NO_METRIC},
    {"fl.times", GEMEL_ROW_DISK_FL_TIME, NO_METRIC},
    {"capacity", GEMEL_ROW_DISK_CAPACITY, NO_METRIC},
    {"allocation", GEMEL_ROW_DISK_ALLOCATION, NO_METRIC},
};

static const DeviceField net_fields[] = {
    {"rx.bytes", GEMEL_ROW_NIC_RX_BYTES, GEMEL_METRIC_NET_RX_BYTES},
    {"tx.bytes", GEMEL_ROW_NIC_TX_BYTES, GEMEL_METRIC_NET_TX_BYTES},
    {"rx.pkts", GEMEL_ROW_NIC_RX_PACKETS, GEMEL_METRIC_NET_RX_PACKETS},
    {"tx.pkts", GEMEL_ROW_NIC_TX_PACKETS, GEMEL_METRIC_NET_TX_PACKETS},
    {"rx.errs", GEMEL_ROW_NIC_ERRORS, GEMEL_METRIC_NET_ERRORS},
    {"tx.errs", GEMEL_ROW_NIC_ERRORS, GEMEL_METRIC_NET_ERRORS},
    {"rx.drop", GEMEL_ROW_NIC_DROPS, GEMEL_METRIC_NET_DROPS},
    {"tx.drop", GEMEL_ROW_NIC_DROPS, GEMEL_METRIC_NET_DROPS},
};

static const struct {
    const char *prefix;
    GemelRowGroup group;
    const DeviceField *fields;
    gsize n_fields;
} device_groups[] = {
    {"vcpu.", GEMEL_ROWS_VCPU, vcpu_fields, G_N_ELEMENTS(vcpu_fields)},
    {"block.", GEMEL_ROWS_DISK, block_fields, G_N_ELEMENTS(block_fields)},
    {"net.", GEMEL_ROWS_NIC, net_fields, G_N_ELEMENTS(net_fields)},
};

/* The devices of one group met so far: libvirt's number -> name and index of the row. */
typedef struct {
    guint number;
    const char *name; /* of the parameter, or NULL */
    gint row;         /* -1 = no figure yet */
} Device;

static gboolean value_of(const virTypedParameter *param, guint64 *ret)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        *ret = param->value.i > 0 ? (guint64)param->value.i : 0;
        return param->value.i >= 0;
    case VIR_TYPED_PARAM_UINT:
        *ret = param->value.ui;
        return TRUE;
    case VIR_TYPED_PARAM_LLONG:
        *ret = param->value.l > 0 ? (guint64)param->value.l : 0;
        return param->value.l >= 0;
    case VIR_TYPED_PARAM_ULLONG:
        *ret = param->value.ul;
        return TRUE;
    case VIR_TYPED_PARAM_BOOLEAN:
        *ret = param->value.b != 0;
        return TRUE;
    default:
        return FALSE;
    }
}

static void add_to_row(GemelRow *row, GemelRowMetric metric, guint64 value)
{
    gemel_row_set(row, metric, (row->valid >> metric & 1u) ? row->value[metric] + value : value);
}

static void add_to_sum(GemelSample *sample, GemelMetric metric, guint64 value)
{
    if (metric != NO_METRIC)
        gemel_sample_set(sample, metric,
                         gemel_sample_has(sample, metric) ? sample->value[metric] + value : value);
}

/* The device of a number; parameters of one device stand together, so the last is tried first. */
static Device *device_of(GArray *devices, guint number)
{
    Device new_device = {.number = number, .row = -1};

    for (guint i = devices->len; i > 0; i--) {
        Device *device = &g_array_index(devices, Device, i - 1);

        if (device->number == number)
            return device;
    }
    g_array_append_val(devices, new_device);
    return &g_array_index(devices, Device, devices->len - 1);
}

/* "N.rest" of group `which`: the device's name is remembered until its first figure makes the row.
 */
static void map_device(gsize which, const char *field, const virTypedParameter *param,
                       GArray *devices, GemelSample *sample)
{
    char *rest;
    unsigned long number = strtoul(field, &rest, 10);
    Device *device;
    guint64 value;

    if (rest == field || *rest != '.' || number >= DEVICES_MAX)
        return;
    rest++;
    if (g_str_equal(rest, "name") && param->type == VIR_TYPED_PARAM_STRING) {
        device_of(devices, (guint)number)->name = param->value.s;
        return;
    }
    for (gsize i = 0; i < device_groups[which].n_fields; i++) {
        const DeviceField *known = &device_groups[which].fields[i];
        char own_name[16];

        if (!g_str_equal(known->field, rest) || !value_of(param, &value))
            continue;
        device = device_of(devices, (guint)number);
        if (device->row < 0) {
            g_snprintf(own_name, sizeof own_name, "%lu", number);
            gemel_sample_add_row(sample, device_groups[which].group,
                                 device->name != NULL ? device->name : own_name);
            device->row = (gint)sample->rows->len - 1;
        }
        add_to_row(&g_array_index(sample->rows, GemelRow, device->row), known->row, value);
        add_to_sum(sample, known->sum, value);
        return;
    }
}

/* What follows from the figures: memory in use as the guest sees it, or as the host does where the
   balloon has not reported; the balloon's age. */
static void derive(GemelSample *sample, guint64 last_update_sec, gint64 now_unix_sec)
{
    gboolean has_reported = last_update_sec > 0;

    if (has_reported && (guint64)now_unix_sec >= last_update_sec)
        gemel_sample_set(sample, GEMEL_METRIC_BALLOON_AGE,
                         ((guint64)now_unix_sec - last_update_sec) * 1000);
    if (gemel_sample_has(sample, GEMEL_METRIC_BALLOON_CURRENT))
        gemel_sample_set(sample, GEMEL_METRIC_MEM_LIMIT,
                         sample->value[GEMEL_METRIC_BALLOON_CURRENT]);
    if (gemel_sample_has(sample, GEMEL_METRIC_BALLOON_AVAILABLE) &&
        gemel_sample_has(sample, GEMEL_METRIC_BALLOON_UNUSED) &&
        sample->value[GEMEL_METRIC_BALLOON_AVAILABLE] >= sample->value[GEMEL_METRIC_BALLOON_UNUSED])
        gemel_sample_set(sample, GEMEL_METRIC_MEM_USAGE,
                         sample->value[GEMEL_METRIC_BALLOON_AVAILABLE] -
                             sample->value[GEMEL_METRIC_BALLOON_UNUSED]);
    else if (gemel_sample_has(sample, GEMEL_METRIC_MEM_RSS))
        gemel_sample_set(sample, GEMEL_METRIC_MEM_USAGE, sample->value[GEMEL_METRIC_MEM_RSS]);
}

static void map_one(const virTypedParameter *param, GArray *devices[], GemelSample *sample,
                    LvStatsFacts *facts, guint64 *last_update_sec)
{
    const char *field = param->field;
    guint64 value;

    if (g_str_equal(field, "state.state") && value_of(param, &value)) {
        facts->state = (int)value;
    } else if (g_str_equal(field, "state.reason") && value_of(param, &value)) {
        facts->reason = (int)value;
    } else if (g_str_equal(field, "vcpu.current") && value_of(param, &value)) {
        facts->vcpus = (guint)MIN(value, G_MAXUINT);
    } else if (g_str_equal(field, "balloon.last-update") && value_of(param, &value)) {
        *last_update_sec = value;
    } else {
        for (gsize i = 0; i < G_N_ELEMENTS(plain); i++) {
            if (g_str_equal(field, plain[i].field) && value_of(param, &value) &&
                value <= G_MAXUINT64 / plain[i].factor) {
                gemel_sample_set(sample, plain[i].metric, value * plain[i].factor);
                return;
            }
        }
        for (gsize i = 0; i < G_N_ELEMENTS(device_groups); i++) {
            if (g_str_has_prefix(field, device_groups[i].prefix)) {
                map_device(i, field + strlen(device_groups[i].prefix), param, devices[i], sample);
                return;
            }
        }
    }
}

void lv_stats_map(const virTypedParameter *params, int n_params, gint64 now_unix_sec,
                  GemelSample *sample, LvStatsFacts *ret_facts)
{
    GArray *devices[G_N_ELEMENTS(device_groups)];
    LvStatsFacts facts = {.state = VIR_DOMAIN_NOSTATE};
    guint64 last_update_sec = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
        devices[i] = g_array_new(FALSE, FALSE, sizeof(Device));
    for (int i = 0; i < n_params; i++)
        map_one(&params[i], devices, sample, &facts, &last_update_sec);
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
        g_array_unref(devices[i]);
    derive(sample, last_update_sec, now_unix_sec);
    /* Without the job QEMU's driver gives what it knows by itself, balloon.current and cpu.time
       among it; what has to come from QEMU, or stands beside such a call, is missing. */
    facts.was_skipped = gemel_sample_has(sample, GEMEL_METRIC_BALLOON_CURRENT) &&
                        !gemel_sample_has(sample, GEMEL_METRIC_MEM_RSS) &&
                        !gemel_sample_has(sample, GEMEL_METRIC_IO_RD_OPS);
    if (ret_facts != NULL)
        *ret_facts = facts;
}
