/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rates: only between two consecutive samples, never over a counter that went back. */
#include "console/model_private.h"

#include <math.h>

#define SECOND   G_GINT64_CONSTANT(1000000000)
#define CAPACITY 600

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
    model_instance_take_sample(instance, sample, instance->history.newest + 1, CAPACITY);
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
    model_instance_take_sample(instance, empty, instance->history.newest + 1, CAPACITY);
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_false(model_memory(instance, &used, &limit));
    g_assert_true(isnan(history_back(&instance->history, MODEL_HISTORY_CPU, 0)));
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
    model_instance_take_sample(instance, hung, instance->history.newest + 1, CAPACITY);
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
        model_instance_take_sample(instance, sample, i, CAPACITY);
    }
    row = &g_array_index(instance->rows, ModelRow, 0);
    g_assert_cmpuint(row->rate_valid, ==, 0);
    row = &g_array_index(instance->rows, ModelRow, 1);
    g_assert_cmpuint(row->rate_valid, ==, 1u << GEMEL_ROW_VCPU_TIME);
    g_assert_cmpfloat_with_epsilon(row->rate[GEMEL_ROW_VCPU_TIME], 5e8, 64);
    model_instance_free(instance);
}

static void test_history_has_gaps_where_samples_were_missed(void)
{
    ModelInstance *instance = new_instance();
    g_autoptr(GemelSample) back = gemel_sample_new("id", 9 * SECOND);

    take_cpu(instance, SECOND, 0);
    take_cpu(instance, 2 * SECOND, SECOND / 2);
    gemel_sample_set(back, GEMEL_METRIC_CPU_USAGE, 4 * SECOND);
    model_instance_take_sample(instance, back, 9, CAPACITY);
    g_assert_cmpuint(history_positions(&instance->history), ==, 9);
    /* the rate over the missed time is its mean, not a spike */
    g_assert_cmpfloat_with_epsilon(history_back(&instance->history, MODEL_HISTORY_CPU, 0), 50,
                                   1e-3);
    for (guint i = 1; i < 7; i++)
        g_assert_true(isnan(history_back(&instance->history, MODEL_HISTORY_CPU, i)));
    g_assert_cmpfloat_with_epsilon(history_back(&instance->history, MODEL_HISTORY_CPU, 7), 50,
                                   1e-3);
    model_instance_free(instance);
}

/* ---- properties ------------------------------------------------------------------------------ */

/* A counter as a source might show it: it runs, is reset, is missing, its clock jumps ahead or
   back, the same reading comes twice. */
typedef struct {
    gint64 time_ns;
    guint64 value;
    gboolean valid;
} Reading;

static Reading next_reading(Reading from)
{
    Reading to = {.time_ns = from.time_ns + g_test_rand_int_range(30, 3000) * 1000000LL,
                  .value = from.value + (guint64)g_test_rand_int_range(0, 2000000000),
                  .valid = TRUE};

    switch (g_test_rand_int_range(0, 10)) {
    case 0: /* reset: the source was restarted */
        to.value = (guint64)g_test_rand_int_range(0, 1000);
        break;
    case 1:
        to.valid = FALSE;
        break;
    case 2: /* suspended for hours */
        to.time_ns += 7200 * SECOND;
        break;
    case 3: /* an older one that came late */
        to.time_ns = from.time_ns - g_test_rand_int_range(1, 1000) * 1000000LL;
        break;
    case 4: /* twice the same */
        to = from;
        break;
    case 5: /* counters start at their end */
        to.value = G_MAXUINT64 - (guint64)g_test_rand_int_range(0, 1000);
        break;
    default:
        break;
    }
    return to;
}

/* Whatever comes: a rate is there only between two valid readings of which the later is newer and
   not less, and then it is exactly their quotient; never negative, never infinite. */
static void test_property_rates(void)
{
    ModelInstance *instance = new_instance();
    Reading taken = {0}, last = {.time_ns = SECOND};
    guint rates = 0;

    for (guint i = 1; i <= 5000; i++) {
        Reading reading = next_reading(last);
        g_autoptr(GemelSample) sample = gemel_sample_new("id", reading.time_ns);
        gint64 interval_ns = reading.time_ns - taken.time_ns;
        gboolean is_new = taken.time_ns == 0 || interval_ns >= 20000000;
        gboolean wanted = taken.time_ns != 0 && taken.valid && reading.valid && is_new &&
                          reading.value >= taken.value;

        if (reading.valid)
            gemel_sample_set(sample, GEMEL_METRIC_CPU_USAGE, reading.value);
        model_instance_take_sample(instance, sample, i, CAPACITY);
        last = reading;
        if (!is_new) {
            g_assert_cmpint(instance->sample_ns, ==, taken.time_ns);
            last.time_ns = taken.time_ns;
            last.value = taken.value;
            continue;
        }
        g_assert_cmpint((instance->rate_valid >> GEMEL_METRIC_CPU_USAGE) & 1u, ==, wanted);
        if (wanted) {
            double rate = instance->rate[GEMEL_METRIC_CPU_USAGE];
            double exact = (double)(reading.value - taken.value) * 1e9 / (double)interval_ns;

            g_assert_true(isfinite(rate) && rate >= 0);
            g_assert_cmpfloat_with_epsilon(rate, exact, exact * 1e-12 + 1e-9);
            rates++;
        }
        taken = reading;
        if (history_positions(&instance->history) > CAPACITY)
            g_error("the history grows");
    }
    g_assert_cmpuint(rates, >, 1000);
    model_instance_free(instance);
}

/* A stop in between: figures of the run before make no rate with those after, even if the counter
   happens to be higher. */
static void test_property_a_restart_makes_no_rate(void)
{
    for (guint round = 0; round < 200; round++) {
        ModelInstance *instance = new_instance();
        gint64 time_ns = SECOND;
        guint samples = (guint)g_test_rand_int_range(1, 20);
        double percent;

        for (guint i = 0; i < samples; i++)
            take_cpu(instance, time_ns += SECOND, i * (guint64)SECOND);
        model_instance_clear_figures(instance);
        g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
        take_cpu(instance, time_ns + g_test_rand_int_range(1, 90) * SECOND, 1000 * (guint64)SECOND);
        g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
        g_assert_true(isnan(history_back(&instance->history, MODEL_HISTORY_CPU, 0)));
        model_instance_free(instance);
    }
}

/* ---- a backend's list: gone, and back under the same name ------------------------------------ */

static void list_one(ModelBackend *backend, const char *id, const char *name)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);

    if (id != NULL) {
        g_ptr_array_add(list, gemel_instance_new("sim", GEMEL_KIND_CONTAINER, id, name));
        ((GemelInstance *)list->pdata[0])->state = GEMEL_STATE_RUNNING;
    }
    model_take_list(backend, list);
}

static void sample_one(ModelBackend *backend, const char *id, gint64 time_ns, guint64 usage_ns)
{
    g_autoptr(GPtrArray) samples =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    GemelSample *sample = gemel_sample_new(id, time_ns);

    gemel_sample_set(sample, GEMEL_METRIC_CPU_USAGE, usage_ns);
    g_ptr_array_add(samples, sample);
    model_take_samples(backend, samples);
}

/* The second web has an id of its own: it begins without rates and without the first one's past. */
static void test_the_same_name_under_another_id_is_another(void)
{
    App *app = app_new();
    g_autoptr(GError) error = NULL;
    ModelBackend *backend;
    ModelInstance *instance;
    double percent;

    g_assert_true(app_connect(app, NULL, "sim:0", &error));
    g_assert_no_error(error);
    backend = model_backends(app->model)->pdata[0];
    list_one(backend, "one", "web");
    for (int i = 1; i <= 3; i++)
        sample_one(backend, "one", i * SECOND, (guint64)(i * SECOND));
    instance = model_instance(app->model, "sim", "one");
    g_assert_true(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_cmpuint(history_positions(&instance->history), ==, 3);

    list_one(backend, NULL, NULL);
    g_assert_null(model_instance(app->model, "sim", "one"));
    list_one(backend, "two", "web");
    sample_one(backend, "two", 5 * SECOND, (guint64)(90 * SECOND));
    instance = model_find(app->model, "web", &error);
    g_assert_nonnull(instance);
    g_assert_cmpstr(instance->info->id, ==, "two");
    g_assert_false(model_cpu_percent(instance, MODEL_CPU_OF_CORE, &percent));
    g_assert_cmpuint(history_positions(&instance->history), ==, 1);
    /* and what still comes of the first is nobody's */
    sample_one(backend, "one", 6 * SECOND, (guint64)(99 * SECOND));
    g_assert_cmpint(instance->sample_ns, ==, 5 * SECOND);
    g_assert_true(app_free(app));
}

static void test_opened_ones_have_every_metric(void)
{
    App *app = app_new();
    g_autoptr(GError) error = NULL;
    ModelBackend *backend;
    ModelInstance *instance;
    double mean;

    g_assert_true(app_connect(app, NULL, "sim:0", &error));
    backend = model_backends(app->model)->pdata[0];
    list_one(backend, "one", "web");
    instance = model_instance(app->model, "sim", "one");
    g_assert_false(model_metric_mean(instance, GEMEL_METRIC_CPU_USAGE, 10 * SECOND, &mean));
    sample_one(backend, "one", SECOND, 0);
    model_open_detail(instance);
    sample_one(backend, "one", 2 * SECOND, 100);
    sample_one(backend, "one", 3 * SECOND, 400);
    g_assert_cmpuint(history_positions(instance->opened), ==, 2);
    g_assert_true(model_metric_mean(instance, GEMEL_METRIC_CPU_USAGE, G_MAXINT64, &mean));
    g_assert_cmpfloat_with_epsilon(mean, 200, 1e-3);
    g_assert_false(model_metric_mean(instance, GEMEL_METRIC_MEM_USAGE, G_MAXINT64, &mean));
    g_assert_true(app_free(app));
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
    g_test_add_func("/rates/history has gaps where samples were missed",
                    test_history_has_gaps_where_samples_were_missed);
    g_test_add_func("/rates/property: only between two valid readings, exactly",
                    test_property_rates);
    g_test_add_func("/rates/property: a restart makes no rate",
                    test_property_a_restart_makes_no_rate);
    g_test_add_func("/rates/the same name under another id is another",
                    test_the_same_name_under_another_id_is_another);
    g_test_add_func("/rates/opened instances have every metric",
                    test_opened_ones_have_every_metric);
    return g_test_run();
}
