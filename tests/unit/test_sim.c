/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the simulator promises beyond the contract every backend keeps: its options, its seed, its
   clock, its faults. */
#include <pthread.h>
#include <string.h>

#include "backends/registry.h"

static GemelBackend *make(const char *uri)
{
    g_autoptr(GError) error = NULL;
    GemelBackend *backend = gemel_sim_ops.create("sim", uri, &error);

    g_assert_no_error(error);
    return backend;
}

static GemelConn *connect_to(GemelBackend *backend)
{
    g_autoptr(GError) error = NULL;
    GemelConn *conn = backend->ops->conn_open(backend, &error);

    g_assert_no_error(error);
    return conn;
}

static GPtrArray *list(GemelConn *conn)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *instances = conn->backend->ops->list(conn, &error);

    g_assert_no_error(error);
    return instances;
}

static GPtrArray *sample(GemelConn *conn)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *samples = conn->backend->ops->sample(conn, &error);

    g_assert_no_error(error);
    return samples;
}

static const GemelInstance *find(GPtrArray *instances, const char *name)
{
    for (guint i = 0; i < instances->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(instances, i);

        if (g_str_equal(instance->name, name))
            return instance;
    }
    g_error("no instance %s", name);
}

static const GemelSample *find_sample(GPtrArray *samples, const char *id)
{
    for (guint i = 0; i < samples->len; i++) {
        const GemelSample *one = g_ptr_array_index(samples, i);

        if (g_str_equal(one->id, id))
            return one;
    }
    return NULL;
}

static void test_bad_option(gconstpointer data)
{
    const char *const *pair = data;
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_sim_ops.create("sim", pair[0], &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_assert_null(strchr(error->message, '\n'));
    if (strstr(error->message, pair[1]) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, pair[1]);
}

/* URI, what the message has to say. */
static const char *const bad_options[][2] = {
    {"sim:many", "0 to 100000"},
    {"sim:100001", "0 to 100000"},
    {"sim:-1", "0 to 100000"},
    {"sim:3,", "option=value"},
    {"sim:3,still", "option=value"},
    {"sim:3,colour=red", "there are: seed"},
    {"sim:seed=x", "a whole number"},
    {"sim:latency=5", "a duration such as 5ms"},
    {"sim:latency=-5ms", "a duration"},
    {"sim:jitter=fast", "a duration"},
    {"sim:pace=nan", "a factor from 0 to 100"},
    {"sim:fail=start", "OPERATION:PROBABILITY"},
    {"sim:fail=", "OPERATION:PROBABILITY"},
    {"sim:fail=start:1.5", "OPERATION:PROBABILITY"},
    {"sim:fail=start:0.1:odd", "OPERATION:PROBABILITY"},
    {"sim:hang=lists", "an operation"},
    {"sim:hang=", "an operation"},
    {"sim:hang-after=soon", "a duration"},
    {"sim:hang-for=0", "a duration"},
    {"sim:hang-instance=", "the name of an instance"},
    {"sim:down=5s", "always, FROM- or FROM-TO"},
    {"sim:down=5s-2s", "always, FROM- or FROM-TO"},
    {"sim:events=maybe", "on or off"},
    {"sim:whims=2", "on or off"},
    {"sim:still=yes", "on or off"},
    {"sim:hostile=x", "on or off"},
    {"sim:time=noon", "seconds"},
    {"sim:groups=images+cakes", "images, storage or networks"},
    {"qemu:///system", "say sim:"},
};

static void test_hang_of_nobody(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_sim_ops.create("sim", "sim:3,hang-instance=nobody", &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
}

static void test_counts(void)
{
    static const struct {
        const char *uri;
        guint count;
    } cases[] = {{NULL, 12},         {"sim", 12},           {"sim:", 12},
                 {"sim:0", 0},       {"sim:5,seed=1", 5},   {"sim:seed=1", 12},
                 {"sim:1000", 1000}, {"sim:2,hostile=1", 7}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        GemelBackend *backend = make(cases[i].uri);
        GemelConn *conn = connect_to(backend);
        g_autoptr(GPtrArray) instances = list(conn);

        g_assert_cmpuint(instances->len, ==, cases[i].count);
        backend->ops->conn_close(conn);
        gemel_sim_ops.free(backend);
    }
}

static void test_same_seed_same_world(void)
{
    GemelBackend *a = make("sim:300,seed=7"), *b = make("sim:300,seed=7");
    GemelBackend *c = make("sim:300,seed=8");
    GemelConn *conn_a = connect_to(a), *conn_b = connect_to(b), *conn_c = connect_to(c);
    g_autoptr(GPtrArray) list_a = list(conn_a);
    g_autoptr(GPtrArray) list_b = list(conn_b);
    g_autoptr(GPtrArray) list_c = list(conn_c);
    guint same_as_other_seed = 0;

    for (guint i = 0; i < 300; i++) {
        const GemelInstance *x = g_ptr_array_index(list_a, i);
        const GemelInstance *y = g_ptr_array_index(list_b, i);
        const GemelInstance *z = g_ptr_array_index(list_c, i);

        g_assert_cmpstr(x->id, ==, y->id);
        g_assert_cmpstr(x->name, ==, y->name);
        g_assert_cmpint(x->state, ==, y->state);
        same_as_other_seed += g_str_equal(x->id, z->id);
    }
    g_assert_cmpuint(same_as_other_seed, ==, 0);
    a->ops->conn_close(conn_a);
    b->ops->conn_close(conn_b);
    c->ops->conn_close(conn_c);
    gemel_sim_ops.free(a);
    gemel_sim_ops.free(b);
    gemel_sim_ops.free(c);
}

static void test_ids_and_names_are_unique(void)
{
    GemelBackend *backend = make("sim:20000");
    GemelConn *conn = connect_to(backend);
    g_autoptr(GPtrArray) instances = list(conn);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < instances->len; i++) {
        const GemelInstance *one = g_ptr_array_index(instances, i);

        g_assert_true(g_hash_table_add(seen, one->id));
        g_assert_true(g_hash_table_add(seen, one->name));
        if (one->kind == GEMEL_KIND_VM)
            g_assert_true(g_uuid_string_is_valid(one->id));
        else
            g_assert_cmpuint(strlen(one->id), ==, 64);
    }
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

/* With time= every figure that can be shown is the same at any two moments. */
static void test_time_stands(void)
{
    GemelBackend *backend = make("sim:200,time=600");
    GemelConn *conn = connect_to(backend);
    g_autoptr(GPtrArray) first = sample(conn);
    g_autoptr(GPtrArray) list_first = list(conn);
    g_autoptr(GPtrArray) second = NULL;
    g_autoptr(GPtrArray) list_second = NULL;
    gint64 moved_ns = 0;

    while (moved_ns == 0) { /* its clock makes steps of 100 ms */
        g_clear_pointer(&second, g_ptr_array_unref);
        g_usleep(20000);
        second = sample(conn);
        moved_ns = ((GemelSample *)g_ptr_array_index(second, 0))->time_ns -
                   ((GemelSample *)g_ptr_array_index(first, 0))->time_ns;
    }
    list_second = list(conn);
    g_assert_cmpint(moved_ns % 100000000, ==, 0);
    for (guint i = 0; i < first->len; i++) {
        const GemelSample *a = g_ptr_array_index(first, i);
        const GemelSample *b = g_ptr_array_index(second, i);

        g_assert_cmpstr(a->id, ==, b->id);
        for (guint m = 0; m < GEMEL_METRIC_N; m++) {
            guint64 moved = b->value[m] - a->value[m];

            if (gemel_metrics[m].kind == GEMEL_METRIC_GAUGE)
                g_assert_cmpuint(moved, ==, 0);
            else
                g_assert_cmpuint(moved % (guint64)(moved_ns / 100000000), ==, 0);
        }
    }
    for (guint i = 0; i < list_first->len; i++) {
        const GemelInstance *a = g_ptr_array_index(list_first, i);
        const GemelInstance *b = g_ptr_array_index(list_second, i);

        /* started moves along with the clock, so the uptime does not */
        if (a->started_boottime_ns != 0)
            g_assert_cmpint(b->started_boottime_ns, >, a->started_boottime_ns);
    }
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_still_loads_are_constant(void)
{
    GemelBackend *backend = make("sim:12,still=on");
    GemelConn *conn = connect_to(backend);
    GPtrArray *samples[3];
    g_autoptr(GPtrArray) instances = list(conn);
    const char *id = find(instances, "db")->id;
    double rate[2];

    for (guint i = 0; i < 3; i++) {
        samples[i] = sample(conn);
        g_usleep(50000);
    }
    for (guint i = 0; i < 2; i++) {
        const GemelSample *a = find_sample(samples[i], id);
        const GemelSample *b = find_sample(samples[i + 1], id);

        rate[i] = (double)(b->value[GEMEL_METRIC_CPU_USAGE] - a->value[GEMEL_METRIC_CPU_USAGE]) /
                  (double)(b->time_ns - a->time_ns);
    }
    for (guint i = 0; i < 3; i++)
        g_ptr_array_unref(samples[i]);
    g_assert_cmpfloat(rate[0], >, 0.1);
    g_assert_cmpfloat_with_epsilon(rate[0], rate[1], 0.01);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

/* The load of a limited container stays under its limit, and it is throttled. */
static void test_limit_bites(void)
{
    GemelBackend *backend = make("sim:12");
    GemelConn *conn = connect_to(backend);
    g_autoptr(GPtrArray) instances = list(conn);
    const char *id = find(instances, "batch")->id;
    g_autoptr(GPtrArray) first = sample(conn);
    g_autoptr(GPtrArray) second = NULL;
    const GemelSample *a, *b;
    double cpus;

    g_usleep(200000);
    second = sample(conn);
    a = find_sample(first, id);
    b = find_sample(second, id);
    cpus = (double)(b->value[GEMEL_METRIC_CPU_USAGE] - a->value[GEMEL_METRIC_CPU_USAGE]) /
           (double)(b->time_ns - a->time_ns);
    g_assert_cmpfloat(cpus, <=, 0.5);
    g_assert_cmpuint(b->value[GEMEL_METRIC_CPU_THROTTLED], >, a->value[GEMEL_METRIC_CPU_THROTTLED]);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

/* A change of the limit bends a counter, it does not make it jump. */
static void test_counters_survive_a_limit(void)
{
    GemelBackend *backend = make("sim:12");
    GemelConn *conn = connect_to(backend);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) instances = list(conn);
    const char *id = find(instances, "web-1")->id;
    g_autoptr(GPtrArray) first = sample(conn);
    g_autoptr(GPtrArray) second = NULL;
    GemelActArgs args = {.limits = {.cpus = 0.05, .memory_bytes = -1, .pids = -1}};
    guint64 before, after;

    g_assert_true(backend->ops->act[GEMEL_ACT_LIMIT](conn, id, &args, &error));
    g_assert_no_error(error);
    second = sample(conn);
    before = find_sample(first, id)->value[GEMEL_METRIC_CPU_USAGE];
    after = find_sample(second, id)->value[GEMEL_METRIC_CPU_USAGE];
    g_assert_cmpuint(after, >=, before);
    g_assert_cmpuint(after - before, <, 2000000000);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_failures_come_as_asked(void)
{
    GemelBackend *backend = make("sim:3,fail=list:1:denied+sample:0.5");
    GemelConn *conn = connect_to(backend);
    guint failed = 0;

    for (guint i = 0; i < 200; i++) {
        g_autoptr(GError) error = NULL;
        GPtrArray *result = backend->ops->list(conn, &error);

        g_assert_null(result);
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_DENIED);
    }
    for (guint i = 0; i < 200; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) result = backend->ops->sample(conn, &error);

        g_assert_true((result == NULL) == (error != NULL));
        failed += result == NULL;
    }
    g_assert_cmpuint(failed, >, 60);
    g_assert_cmpuint(failed, <, 140);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_latency_is_kept(void)
{
    GemelBackend *backend = make("sim:3,latency=30ms");
    GemelConn *conn = connect_to(backend);
    gint64 begin_ns = gemel_boottime_ns();
    g_autoptr(GPtrArray) instances = list(conn);

    g_assert_cmpuint(instances->len, ==, 3);
    g_assert_cmpint(gemel_boottime_ns() - begin_ns, >=, 30000000);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_hang_ends(void)
{
    GemelBackend *backend = make("sim:3,hang=sample,hang-for=200ms");
    GemelConn *conn = connect_to(backend);
    gint64 begin_ns = gemel_boottime_ns();
    g_autoptr(GPtrArray) instances = list(conn);
    g_autoptr(GPtrArray) samples = NULL;

    g_assert_cmpuint(instances->len, ==, 3);
    g_assert_cmpint(gemel_boottime_ns() - begin_ns, <, 150000000); /* only sample hangs */
    samples = sample(conn);
    g_assert_cmpint(gemel_boottime_ns() - begin_ns, >=, 150000000);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

/* pthreads and not GLib's, which ThreadSanitizer cannot see. */
static pthread_t start_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;

    g_assert_cmpint(pthread_create(&thread, NULL, run, data), ==, 0);
    return thread;
}

static void *sample_thread(void *data)
{
    GemelConn *conn = connect_to(data);
    GPtrArray *samples = sample(conn);

    conn->backend->ops->conn_close(conn);
    return samples;
}

/* The first bulk call blocks; meanwhile a second one names the instance that hangs. */
static void test_hung_instance_is_quarantined(void)
{
    GemelBackend *backend = make("sim:12,hang-instance=db,hang-for=3s");
    GemelConn *conn = connect_to(backend);
    gint64 begin_ns = gemel_boottime_ns();
    pthread_t thread = start_thread(sample_thread, backend);
    g_autoptr(GPtrArray) instances = list(conn);
    g_autoptr(GPtrArray) second = NULL;
    g_autoptr(GPtrArray) first = NULL;
    const char *id = find(instances, "db")->id;
    void *result = NULL;
    guint quarantined = 0;

    g_usleep(300000); /* the first call is inside by now, or the next assertion fails */
    second = sample(conn);
    g_assert_cmpint(gemel_boottime_ns() - begin_ns, <, 2900000000);
    for (guint i = 0; i < second->len; i++) {
        const GemelSample *one = g_ptr_array_index(second, i);

        if (one->quarantine == NULL)
            continue;
        quarantined++;
        g_assert_cmpstr(one->id, ==, id);
        g_assert_cmpuint(one->valid, ==, 0);
    }
    g_assert_cmpuint(quarantined, ==, 1);
    pthread_join(thread, &result);
    first = result;
    g_assert_cmpint(gemel_boottime_ns() - begin_ns, >=, 2900000000);
    g_assert_null(find_sample(first, id)->quarantine);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_groups_are_there_when_asked_for(void)
{
    GemelBackend *plain = make("sim:1"), *backend = make("sim:1,groups=images+networks");
    GemelConn *conn = connect_to(backend);

    for (GemelGroup group = 0; group < GEMEL_GROUP_N; group++) {
        g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
        g_autoptr(GError) error = NULL;
        json_t *thing;
        size_t i;

        g_assert_false(gemel_backend_has_group(plain, group));
        g_assert_true(gemel_backend_has_group(backend, group) == (group != GEMEL_GROUP_STORAGE));
        if (!gemel_backend_has_group(backend, group))
            continue;
        json_t *things = backend->ops->groups[group]->list(conn, &error);

        g_assert_no_error(error);
        g_assert_cmpuint(json_array_size(things), >, 0);
        json_array_foreach (things, i, thing) {
            const char *name = json_string_value(json_object_get(thing, "name"));

            g_assert_nonnull(name);
            g_assert_true(g_hash_table_add(names, (gpointer)name));
        }
        json_decref(things);
    }
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
    gemel_sim_ops.free(plain);
}

static void test_outage(void)
{
    GemelBackend *backend = make("sim:3,down=800ms-2800ms");
    GemelConn *conn = connect_to(backend);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) refused = NULL;
    gint64 deadline_ns = gemel_boottime_ns() + 30000000000;
    GemelConn *later = NULL;

    g_assert_true(backend->ops->conn_alive(conn));
    while (backend->ops->conn_alive(conn) && gemel_boottime_ns() < deadline_ns)
        g_usleep(5000);
    g_assert_false(backend->ops->conn_alive(conn));
    g_assert_null(backend->ops->list(conn, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE);
    g_assert_null(backend->ops->conn_open(backend, &refused));
    g_assert_error(refused, GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE);
    while (later == NULL && gemel_boottime_ns() < deadline_ns) {
        g_usleep(5000);
        later = backend->ops->conn_open(backend, NULL);
    }
    g_assert_nonnull(later);
    g_assert_true(backend->ops->conn_alive(later));
    g_assert_false(backend->ops->conn_alive(conn)); /* the old one stays dead */
    backend->ops->conn_close(later);
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

static void test_without_events_there_is_no_watch(void)
{
    GemelBackend *with = make("sim:3"), *without = make("sim:3,events=off");

    g_assert_nonnull(with->ops->watch);
    g_assert_null(without->ops->watch);
    gemel_sim_ops.free(with);
    gemel_sim_ops.free(without);
}

/* Fastest of several: the machine may be busy. */
static void test_ten_thousand_are_cheap(void)
{
    GemelBackend *backend = make("sim:10000");
    GemelConn *conn = connect_to(backend);
    gint64 list_ns = G_MAXINT64, sample_ns = G_MAXINT64;

    for (guint i = 0; i < 10; i++) {
        gint64 begin_ns = gemel_boottime_ns();
        GPtrArray *result = list(conn);

        list_ns = MIN(list_ns, gemel_boottime_ns() - begin_ns);
        g_ptr_array_unref(result);
        begin_ns = gemel_boottime_ns();
        result = sample(conn);
        sample_ns = MIN(sample_ns, gemel_boottime_ns() - begin_ns);
        g_ptr_array_unref(result);
    }
    g_test_message("10,000 instances: list %.1f ms, sample %.1f ms", (double)list_ns / 1e6,
                   (double)sample_ns / 1e6);
#ifndef __SANITIZE_ADDRESS__ /* which is not cheap */
    g_assert_cmpint(list_ns, <, 100000000);
    g_assert_cmpint(sample_ns, <, 100000000);
#endif
    backend->ops->conn_close(conn);
    gemel_sim_ops.free(backend);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(bad_options); i++) {
        g_autofree char *path = g_strdup_printf("/sim/refuses/%s", bad_options[i][0]);

        g_strdelimit(path + strlen("/sim/refuses/"), "/", '_');
        g_test_add_data_func(path, bad_options[i], test_bad_option);
    }
    g_test_add_func("/sim/refuses/to-hang-an-instance-it-does-not-have", test_hang_of_nobody);
    g_test_add_func("/sim/has-as-many-instances-as-asked", test_counts);
    g_test_add_func("/sim/same-seed-gives-the-same-world", test_same_seed_same_world);
    g_test_add_func("/sim/ids-and-names-are-unique", test_ids_and_names_are_unique);
    g_test_add_func("/sim/time-option-freezes-every-figure", test_time_stands);
    g_test_add_func("/sim/still-loads-are-constant", test_still_loads_are_constant);
    g_test_add_func("/sim/cpu-limit-bites", test_limit_bites);
    g_test_add_func("/sim/counters-survive-a-change-of-limit", test_counters_survive_a_limit);
    g_test_add_func("/sim/failures-come-as-asked", test_failures_come_as_asked);
    g_test_add_func("/sim/latency-is-kept", test_latency_is_kept);
    g_test_add_func("/sim/hang-ends-when-asked", test_hang_ends);
    g_test_add_func("/sim/hung-instance-is-named-to-the-second-caller",
                    test_hung_instance_is_quarantined);
    g_test_add_func("/sim/outage-kills-connections-for-good", test_outage);
    g_test_add_func("/sim/groups-are-there-when-asked-for", test_groups_are_there_when_asked_for);
    g_test_add_func("/sim/events-off-leaves-no-watch", test_without_events_there_is_no_watch);
    g_test_add_func("/sim/ten-thousand-instances-are-cheap", test_ten_thousand_are_cheap);
    return g_test_run();
}
