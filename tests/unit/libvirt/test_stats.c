/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mapper against typed parameters recorded from libvirt 9.0 and QEMU 7.2: one "FIELD TYPE
 * VALUE" a line, as virConnectGetAllDomainStats gave them.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/libvirt/stats.h"

typedef struct {
    virTypedParameterPtr params;
    int n, max;
} Recording;

static void add(Recording *recording, const char *field, const char *type, const char *value)
{
    virTypedParameterPtr *params = &recording->params;
    int *n = &recording->n, *max = &recording->max, status = -1;

    if (g_str_equal(type, "int"))
        status = virTypedParamsAddInt(params, n, max, field, atoi(value));
    else if (g_str_equal(type, "uint"))
        status =
            virTypedParamsAddUInt(params, n, max, field, (unsigned int)strtoul(value, NULL, 10));
    else if (g_str_equal(type, "llong"))
        status = virTypedParamsAddLLong(params, n, max, field, strtoll(value, NULL, 10));
    else if (g_str_equal(type, "ullong"))
        status = virTypedParamsAddULLong(params, n, max, field, strtoull(value, NULL, 10));
    else if (g_str_equal(type, "boolean"))
        status = virTypedParamsAddBoolean(params, n, max, field, atoi(value));
    else if (g_str_equal(type, "string"))
        status = virTypedParamsAddString(params, n, max, field, value);
    g_assert_cmpint(status, ==, 0);
}

static void recording_clear(Recording *recording)
{
    virTypedParamsFree(recording->params, recording->n);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Recording, recording_clear)

static void load(Recording *recording, const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "libvirt", name, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], " ", 3);

        g_assert_cmpuint(g_strv_length(parts), ==, 3);
        add(recording, parts[0], parts[1], parts[2]);
    }
    g_assert_cmpint(recording->n, >, 10);
}

static GemelSample *map(const Recording *recording, gint64 now, LvStatsFacts *facts)
{
    GemelSample *sample = gemel_sample_new("x", 1);

    lv_stats_map(recording->params, recording->n, now, sample, facts);
    return sample;
}

static const GemelRow *row_of(const GemelSample *sample, GemelRowGroup group, const char *name)
{
    for (guint i = 0; i < sample->rows->len; i++) {
        const GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        if (row->group == group && g_str_equal(row->name, name))
            return row;
    }
    g_error("no row %s", name);
}

static void check_metric(const GemelSample *sample, GemelMetric metric, guint64 value)
{
    g_assert_true(gemel_sample_has(sample, metric));
    g_assert_cmpuint(sample->value[metric], ==, value);
}

static void check_row(const GemelRow *row, GemelRowMetric metric, guint64 value)
{
    g_assert_true(row->valid >> metric & 1);
    g_assert_cmpuint(row->value[metric], ==, value);
}

static void test_kvm_guest(void)
{
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;
    LvStatsFacts facts;
    const GemelRow *row;

    load(&recording, "kvm-guest.params");
    sample = map(&recording, 1800000000, &facts);
    g_assert_cmpint(facts.state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpuint(facts.vcpus, ==, 2);
    g_assert_false(facts.was_skipped);
    g_assert_cmpuint(sample->rows->len, ==, 2 + 2 + 1);
    row = row_of(sample, GEMEL_ROWS_VCPU, "0");
    g_assert_true(row->valid >> GEMEL_ROW_VCPU_EXITS & 1);
    g_assert_cmpuint(row->value[GEMEL_ROW_VCPU_EXITS], >, 1000);
    g_assert_true(row->valid >> GEMEL_ROW_VCPU_HALT_EXITS & 1);
    g_assert_true(row->valid >> GEMEL_ROW_VCPU_IRQ_EXITS & 1);
    check_row(row, GEMEL_ROW_VCPU_INTERRUPTS, 796);
    check_row(row, GEMEL_ROW_VCPU_MMIO_EXITS, 209);
    check_row(row, GEMEL_ROW_VCPU_HALTED, G_GUINT64_CONSTANT(40438732932));
    check_row(row, GEMEL_ROW_VCPU_STATE, 1);
    row = row_of(sample, GEMEL_ROWS_DISK, "vda");
    check_row(row, GEMEL_ROW_DISK_RD_OPS, 1);
    check_row(row, GEMEL_ROW_DISK_RD_BYTES, 512);
    check_row(row_of(sample, GEMEL_ROWS_NIC, "vnet0"), GEMEL_ROW_NIC_RX_BYTES, 90);
    /* Both drives: 512 and 54 bytes. */
    check_metric(sample, GEMEL_METRIC_IO_RD_BYTES, 566);
    check_metric(sample, GEMEL_METRIC_IO_RD_OPS, 4);
    check_metric(sample, GEMEL_METRIC_NET_RX_PACKETS, 1);
    check_metric(sample, GEMEL_METRIC_NET_ERRORS, 0);
    check_metric(sample, GEMEL_METRIC_MEM_LIMIT, G_GUINT64_CONSTANT(65536) * 1024);
    /* No driver in the guest: its memory is what QEMU holds. */
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_BALLOON_AGE));
    g_assert_cmpuint(sample->value[GEMEL_METRIC_MEM_USAGE], ==,
                     sample->value[GEMEL_METRIC_MEM_RSS]);
}

static void test_linux_guest(void)
{
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;

    load(&recording, "linux-guest.params");
    sample = map(&recording, 1795250623, NULL);
    check_metric(sample, GEMEL_METRIC_BALLOON_AVAILABLE, G_GUINT64_CONSTANT(223376) * 1024);
    check_metric(sample, GEMEL_METRIC_BALLOON_UNUSED, G_GUINT64_CONSTANT(175868) * 1024);
    check_metric(sample, GEMEL_METRIC_MEM_USAGE, G_GUINT64_CONSTANT(223376 - 175868) * 1024);
    check_metric(sample, GEMEL_METRIC_MEM_FILE, G_GUINT64_CONSTANT(21464) * 1024);
    check_metric(sample, GEMEL_METRIC_MEM_RSS, G_GUINT64_CONSTANT(260408) * 1024);
    check_metric(sample, GEMEL_METRIC_BALLOON_AGE, 3000);
    check_metric(sample, GEMEL_METRIC_CPU_STEAL, 196480223 + 173107024);
    check_metric(sample, GEMEL_METRIC_CPU_USAGE, 9141607000);
    /* A user-mode NIC has no counters, and TCG no exits: not 0, but not there. */
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_NET_RX_BYTES));
    g_assert_false(row_of(sample, GEMEL_ROWS_VCPU, "0")->valid >> GEMEL_ROW_VCPU_EXITS & 1);
}

static void test_skipped_guest(void)
{
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;
    LvStatsFacts facts;

    load(&recording, "skipped-guest.params");
    sample = map(&recording, 1800000000, &facts);
    g_assert_true(facts.was_skipped);
    g_assert_true(gemel_sample_has(sample, GEMEL_METRIC_CPU_USAGE));
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_IO_RD_OPS));
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_MEM_USAGE));
}

static void test_state_only(void)
{
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;
    LvStatsFacts facts;

    add(&recording, "state.state", "int", "1");
    sample = map(&recording, 1, &facts);
    g_assert_cmpuint(sample->valid, ==, 0);
    g_assert_cmpuint(sample->rows->len, ==, 0);
    g_assert_false(facts.was_skipped);
}

static void test_odd_parameters_are_passed_over(void)
{
    static const char *const fields[] = {"vcpu.",
                                         "vcpu.x.time",
                                         "vcpu.4096.time",
                                         "vcpu.99999999999999999999.time",
                                         "block..rd.reqs",
                                         "net.0",
                                         "cpu",
                                         "balloon.",
                                         "vcpu.-1.time"};
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        add(&recording, fields[i], "ullong", "7");
    add(&recording, "cpu.time", "string", "much");
    add(&recording, "balloon.current", "ullong", "18446744073709551615");
    add(&recording, "block.0.rd.bytes", "llong", "-1");
    sample = map(&recording, 1, NULL);
    g_assert_cmpuint(sample->valid, ==, 0);
    g_assert_cmpuint(sample->rows->len, ==, 0);
}

/* A negative count from the driver means that it does not know. */
static void test_a_device_of_which_one_figure_is_known(void)
{
    g_auto(Recording) recording = {NULL};
    g_autoptr(GemelSample) sample = NULL;
    const GemelRow *row;

    add(&recording, "net.3.name", "string", "a name that is longer than a row has room for");
    add(&recording, "net.3.rx.errs", "ullong", "2");
    add(&recording, "net.3.tx.errs", "ullong", "3");
    sample = map(&recording, 1, NULL);
    g_assert_cmpuint(sample->rows->len, ==, 1);
    row = &g_array_index(sample->rows, GemelRow, 0);
    g_assert_cmpuint(strlen(row->name), ==, sizeof row->name - 1);
    check_row(row, GEMEL_ROW_NIC_ERRORS, 5);
    g_assert_cmpuint(row->valid, ==, 1u << GEMEL_ROW_NIC_ERRORS);
}

/* With -m perf, for bench/figures.py: microseconds of CPU to map a sample of a thousand guests. */
static void test_time_of_a_thousand(void)
{
    g_auto(Recording) recording = {NULL, 0, 0};

    load(&recording, "linux-guest.params");
    for (int round = 0; round < 12; round++) {
        clock_t began = clock();

        for (int i = 0; i < 1000; i++) {
            g_autoptr(GemelSample) sample = map(&recording, 1, NULL);

            g_assert_cmpuint(sample->valid, !=, 0);
        }
        if (round > 1) /* the first ones fill caches */
            g_test_message("us %.0f of %d parameters each",
                           1e6 * (double)(clock() - began) / CLOCKS_PER_SEC, recording.n);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virInitialize();
    g_test_add_func("/libvirt/stats/a guest under KVM", test_kvm_guest);
    g_test_add_func("/libvirt/stats/a Linux guest whose balloon reports", test_linux_guest);
    g_test_add_func("/libvirt/stats/a guest that libvirt skipped", test_skipped_guest);
    g_test_add_func("/libvirt/stats/a driver that knows states only", test_state_only);
    g_test_add_func("/libvirt/stats/odd parameters are passed over",
                    test_odd_parameters_are_passed_over);
    g_test_add_func("/libvirt/stats/a device of which one figure is known",
                    test_a_device_of_which_one_figure_is_known);
    if (g_test_perf())
        g_test_add_func("/libvirt/stats/time of a thousand", test_time_of_a_thousand);
    return g_test_run();
}
