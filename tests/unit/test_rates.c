/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rates: only between two consecutive samples, never over a counter that went back. */
#include "console/model_private.h"

#include <math.h>

#define SECOND G_GINT64_CONSTANT(1000000000)

static ModelInstance *new_instance(void)
{
    ModelInstance *instance = g_new0(ModelInstance, 1);

    instance->info = gemel_instance_new("sim", GEMEL_KIND_CONTAINER, "id", "name");
    instance->info->cpu_limit = 0.5;
    return instance;
}

static void take_cpu(ModelInstance *instance, gint64 time_ns, guint64 usage_ns)
{
    g_autoptr(GemelSample) sample = gemel_sample_new("id", time_ns);

    gemel_sample_set(sample, GEMEL_METRIC_CPU_USAGE, usage_ns);
    model_instance_take_sample(instance, sample);
}

static void test_first_sample_has_no_rate(void)
{
    ModelInstance *instance = new_instance();
    double percent;

    take_cpu(instance, SECOND, 5 * SECOND);
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    model_instance_free(instance);
}

static void test_rate_uses_the_samples_own_time(void)
{
    ModelInstance *instance = new_instance();
    double percent;

    take_cpu(instance, SECOND, 0);
    take_cpu(instance, 3 * SECOND, SECOND / 2);
    g_assert_true(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_cmpfloat_with_epsilon(percent, 25, 1e-6);
    g_assert_true(model_cpu_percent(instance, MODEL_CPU_OF_LIMIT, &percent));
    g_assert_cmpfloat_with_epsilon(percent, 50, 1e-6);
    model_instance_free(instance);
}

static void test_counter_going_back_starts_anew(void)
{
    ModelInstance *instance = new_instance();
    double percent;

    take_cpu(instance, SECOND, 9 * SECOND);
    take_cpu(instance, 2 * SECOND, SECOND);
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    take_cpu(instance, 3 * SECOND, 2 * SECOND);
    g_assert_true(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_cmpfloat_with_epsilon(percent, 100, 1e-6);
    model_instance_free(instance);
}

static void test_missing_counter_makes_no_zero(void)
{
    ModelInstance *instance = new_instance();
    g_autoptr(GemelSample) empty = gemel_sample_new("id", 2 * SECOND);
    guint64 used, limit;
    double percent;

    take_cpu(instance, SECOND, 0);
    model_instance_take_sample(instance, empty);
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_false(model_memory(instance, &used, &limit));
    g_assert_true(isnan(model_ring_at(&instance->history[MODEL_HISTORY_CPU], 0)));
    /* and the one after a gap has none either: its predecessor lacked the counter */
    take_cpu(instance, 3 * SECOND, SECOND);
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    model_instance_free(instance);
}

static void test_late_sample_is_dropped(void)
{
    ModelInstance *instance = new_instance();

    take_cpu(instance, 2 * SECOND, SECOND);
    take_cpu(instance, SECOND, SECOND / 2);
    g_assert_cmpint(instance->sample_ns, ==, 2 * SECOND);
    g_assert_cmpuint(instance->value[GEMEL_METRIC_CPU_USAGE], ==, SECOND);
    model_instance_free(instance);
}

static void test_quarantine_keeps_figures(void)
{
    ModelInstance *instance = new_instance();
    g_autoptr(GemelSample) hung = gemel_sample_new("id", 4 * SECOND);

    take_cpu(instance, SECOND, 0);
    take_cpu(instance, 2 * SECOND, SECOND);
    hung->quarantine = g_strdup("its QEMU does not answer");
    model_instance_take_sample(instance, hung);
    g_assert_cmpstr(instance->quarantine, ==, "its QEMU does not answer");
    g_assert_cmpint(instance->sample_ns, ==, 2 * SECOND);
    take_cpu(instance, 5 * SECOND, 2 * SECOND);
    g_assert_null(instance->quarantine);
    model_instance_free(instance);
}

static void test_rows_are_matched_by_name(void)
{
    ModelInstance *instance = new_instance();
    const ModelRow *row;

    for (int i = 1; i <= 2; i++) {
        g_autoptr(GemelSample) sample = gemel_sample_new("id", i * SECOND);

        if (i == 2) /* a vCPU was plugged in before it */
            gemel_row_set(gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "0"), GEMEL_ROW_VCPU_TIME,
                          7);
        gemel_row_set(gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "1"), GEMEL_ROW_VCPU_TIME,
                      (guint64)(i * SECOND / 2));
        model_instance_take_sample(instance, sample);
    }
    row = &g_array_index(instance->rows, ModelRow, 0);
    g_assert_cmpuint(row->rate_valid, ==, 0);
    row = &g_array_index(instance->rows, ModelRow, 1);
    g_assert_cmpuint(row->rate_valid, ==, 1u << GEMEL_ROW_VCPU_TIME);
    g_assert_cmpfloat_with_epsilon(row->rate[GEMEL_ROW_VCPU_TIME], 5e8, 1);
    model_instance_free(instance);
}

static void test_history_is_a_ring(void)
{
    ModelInstance *instance = new_instance();

    for (int i = 0; i <= MODEL_HISTORY_LENGTH + 5; i++)
        take_cpu(instance, (i + 1) * SECOND, (guint64)(i * SECOND / 100));
    g_assert_cmpuint(instance->history[MODEL_HISTORY_CPU].used, ==, MODEL_HISTORY_LENGTH);
    g_assert_cmpfloat_with_epsilon(model_ring_at(&instance->history[MODEL_HISTORY_CPU], 0), 1,
                                   1e-3);
    g_assert_true(
        isnan(model_ring_at(&instance->history[MODEL_HISTORY_CPU], MODEL_HISTORY_LENGTH)));
    model_instance_free(instance);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rates/the first sample has no rate", test_first_sample_has_no_rate);
    g_test_add_func("/rates/a rate uses the samples' own time",
                    test_rate_uses_the_samples_own_time);
    g_test_add_func("/rates/a counter that goes back starts anew",
                    test_counter_going_back_starts_anew);
    g_test_add_func("/rates/a missing counter makes no zero", test_missing_counter_makes_no_zero);
    g_test_add_func("/rates/a late sample is dropped", test_late_sample_is_dropped);
    g_test_add_func("/rates/quarantine keeps the figures", test_quarantine_keeps_figures);
    g_test_add_func("/rates/rows are matched by name", test_rows_are_matched_by_name);
    g_test_add_func("/rates/history is a ring", test_history_is_a_ring);
    return g_test_run();
}
