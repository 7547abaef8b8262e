/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alerts: how they are read, when they are raised and over, and how their command is run. */
#include "console/alerts.h"
#include "console/model_private.h"

#include <glib/gstdio.h>
#include <string.h>

#define SECOND G_GINT64_CONSTANT(1000000000)

typedef struct {
    App *app;
    ModelBackend *backend;
    gint64 now_ns;
    guint64 usage_ns;
} World;

/* One running container of this name, with a limit of 100 MiB. */
static World open_world(const char *name)
{
    World world = {.app = app_new(), .now_ns = SECOND};
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    GemelInstance *instance = gemel_instance_new("sim", GEMEL_KIND_CONTAINER, "one", name);

    g_assert_true(app_connect(world.app, NULL, "sim:0", NULL));
    world.backend = model_backends(world.app->model)->pdata[0];
    instance->state = GEMEL_STATE_RUNNING;
    g_ptr_array_add(list, instance);
    model_take_list(world.backend, list);
    return world;
}

static void close_world(World *world)
{
    g_assert_true(app_free(world->app));
}

/* A sample `after_ns` later, between which it used `cpu` CPUs. */
static void sample(World *world, gint64 after_ns, double cpu)
{
    g_autoptr(GPtrArray) samples =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    GemelSample *one;

    world->now_ns += after_ns;
    world->usage_ns += (guint64)(cpu * (double)after_ns);
    one = gemel_sample_new("one", world->now_ns);
    gemel_sample_set(one, GEMEL_METRIC_CPU_USAGE, world->usage_ns);
    gemel_sample_set(one, GEMEL_METRIC_MEM_USAGE, 95 << 20);
    gemel_sample_set(one, GEMEL_METRIC_MEM_LIMIT, 100 << 20);
    g_ptr_array_add(samples, one);
    model_take_samples(world->backend, samples);
}

static const Alert *add(World *world, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = NULL;

    g_assert_true(g_shell_parse_argv(line, NULL, &words, NULL));
    const Alert *alert = alerts_add(world->app->alerts, words, &error);

    g_assert_no_error(error);
    return alert;
}

static gboolean raised(const World *world, const Alert *alert)
{
    return alert_is_raised(alert, model_instance(world->app->model, "sim", "one"));
}

/* Events of this type so far. */
static guint count_events(const World *world, GemelEventType type)
{
    guint n = 0;

    for (GList *link = model_events(world->app->model)->head; link != NULL; link = link->next)
        n += ((ModelEvent *)link->data)->type == type;
    return n;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void test_lines_are_read(void)
{
    static const struct {
        const char *line;
        double value;
        gboolean below;
        gint for_ms;
    } cases[] = {
        {"all cpu above 80", 80, FALSE, 0},
        {"all cpu above 80% for 30s", 80, FALSE, 30000},
        {"'*' 'cpu>80' for 500ms", 80, FALSE, 500},
        {"web memory above 1.5M", 1.5 * 1048576, FALSE, 0},
        {"web memory below 90%", 90, TRUE, 0},
        {"web io.rd_bytes '>' 64K", 65536, FALSE, 0},
        {"web memory.oom_kills '>' 0", 0, FALSE, 0},
        {"web cpu.throttled above 20%", 20, FALSE, 0},
        {"web balloon.age above 10s", 10, FALSE, 0},
        {"web pressure above 5 for 1m do true -x --help", 5, FALSE, 60000},
    };
    World world = open_world("web");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Alert *alert = add(&world, cases[i].line);

        g_assert_cmpfloat_with_epsilon(alert->value, cases[i].value, 1e-9);
        g_assert_cmpint(alert->below, ==, cases[i].below);
        g_assert_cmpint(alert->for_ms, ==, cases[i].for_ms);
    }
    close_world(&world);
}

static void test_bad_lines_say_what_would_be_right(void)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"all", "NAME METRIC above VALUE"},
        {"all colour above 3", "no metric 'colour'"},
        {"all cpu over 3", "above"},
        {"all cpu above much", "80%"},
        {"all cpu above 3M", "80%"},
        {"all cpu above nan", "80%"},
        {"all io.rd_bytes above 3%", "64M"},
        {"all cpu above 3 for", "30s"},
        {"all cpu above 3 for ever", "30s"},
        {"all cpu above 3 do", "needs a command"},
        {"all cpu above 3 then true", "for TIME"},
    };
    World world = open_world("web");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) words = g_strsplit(cases[i].line, " ", -1);

        g_assert_null(alerts_add(world.app->alerts, words, &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
    g_assert_null(alerts_nth(world.app->alerts, 0));
    close_world(&world);
}

static void test_numbers_are_given_anew_and_bounded(void)
{
    World world = open_world("web");
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = g_strsplit("all cpu above 1", " ", -1);

    for (guint i = 1; i <= ALERTS_MAX; i++)
        g_assert_cmpuint(add(&world, "all cpu above 1")->number, ==, i);
    g_assert_null(alerts_add(world.app->alerts, words, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);
    g_assert_true(alerts_remove(world.app->alerts, 7));
    g_assert_false(alerts_remove(world.app->alerts, 7));
    g_assert_false(alerts_remove(world.app->alerts, 0));
    g_assert_cmpuint(add(&world, "all cpu above 1")->number, ==, 7);
    close_world(&world);
}

/* ---- raising --------------------------------------------------------------------------------- */

static void test_raised_when_it_held_for_the_time_and_over_when_it_does_not(void)
{
    World world = open_world("web");
    const Alert *alert = add(&world, "web cpu above 50 for 3s");

    sample(&world, SECOND, 0);
    for (int i = 0; i < 4; i++) {
        g_assert_false(raised(&world, alert));
        sample(&world, SECOND, 0.9);
    }
    g_assert_true(raised(&world, alert));
    g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT), ==, 1);
    sample(&world, SECOND, 0.9);
    g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT), ==, 1);
    sample(&world, SECOND, 0.1);
    g_assert_false(raised(&world, alert));
    g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT_OVER), ==, 1);
    close_world(&world);
}

static void test_a_dip_begins_the_waiting_anew(void)
{
    World world = open_world("web");
    const Alert *alert = add(&world, "web cpu above 50 for 3s");

    sample(&world, SECOND, 0);
    for (int i = 0; i < 20; i++) {
        sample(&world, SECOND, i % 3 == 2 ? 0.1 : 0.9);
        g_assert_false(raised(&world, alert));
    }
    close_world(&world);
}

/* What was not seen did not hold: an hour's sleep is not an hour of load. */
static void test_a_gap_begins_the_waiting_anew(void)
{
    World world = open_world("web");
    const Alert *alert = add(&world, "web cpu above 50 for 30s");

    sample(&world, SECOND, 0);
    sample(&world, SECOND, 0.9);
    sample(&world, 3600 * SECOND, 0.9);
    g_assert_false(raised(&world, alert));
    close_world(&world);
}

static void test_memory_in_percent_is_of_the_limit(void)
{
    World world = open_world("web");
    const Alert *high = add(&world, "* memory above 90%");
    const Alert *higher = add(&world, "* memory above 96%");

    sample(&world, SECOND, 0);
    g_assert_true(raised(&world, high));
    g_assert_false(raised(&world, higher));
    close_world(&world);
}

static void test_others_are_left_alone(void)
{
    World world = open_world("web");
    const Alert *other = add(&world, "db memory above 1");
    const Alert *by_backend = add(&world, "sim/w* memory above 1");
    const Alert *elsewhere = add(&world, "qemu/w* memory above 1");

    sample(&world, SECOND, 0);
    g_assert_false(raised(&world, other));
    g_assert_true(raised(&world, by_backend));
    g_assert_false(raised(&world, elsewhere));
    close_world(&world);
}

static void test_one_that_is_removed_marks_nothing(void)
{
    World world = open_world("web");
    const ModelInstance *instance;

    add(&world, "all memory above 1");
    sample(&world, SECOND, 0);
    instance = model_instance(world.app->model, "sim", "one");
    g_assert_cmpuint(instance->alerts, ==, 1);
    alerts_remove_all(world.app->alerts);
    g_assert_cmpuint(instance->alerts, ==, 0);
    sample(&world, SECOND, 0);
    g_assert_cmpuint(instance->alerts, ==, 0);
    close_world(&world);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The name of an instance is data: it reaches the command in its environment, byte for byte, and no
   shell sees it. */
static void test_the_command_is_run_without_a_shell(void)
{
    static const char *const hostile = "$(touch pwned); `touch pwned` 'x\" \\";
    g_autofree char *dir = g_dir_make_tmp("gemel-alert-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "out", NULL);
    g_autofree char *pwned = g_build_filename(dir, "pwned", NULL);
    g_autofree char *line =
        g_strdup_printf("all memory above 1 do sh -c 'printf \"%%s|%%s|%%s\" \"$GEMEL_NAME\" "
                        "\"$GEMEL_METRIC\" \"$1\" > %s.new; mv %s.new %s' sh '$(touch %s)'",
                        file, file, file, pwned);
    g_autofree char *wanted = g_strdup_printf("%s|memory|$(touch %s)", hostile, pwned);
    World world = open_world(hostile);
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    g_autofree char *text = NULL;

    add(&world, line);
    sample(&world, SECOND, 0);
    while (!g_file_get_contents(file, &text, NULL, NULL)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(world.app, FALSE);
        g_usleep(1000);
    }
    g_assert_cmpstr(text, ==, wanted);
    g_assert_false(g_file_test(pwned, G_FILE_TEST_EXISTS));
    g_unlink(file);
    g_rmdir(dir);
    close_world(&world);
}

/* What is listed from here on: it in this state, or nothing. */
static void list(World *world, gboolean there, GemelState state)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);

    if (there) {
        GemelInstance *instance = gemel_instance_new("sim", GEMEL_KIND_CONTAINER, "one", "web");

        instance->state = state;
        g_ptr_array_add(list, instance);
    }
    model_take_list(world->backend, list);
}

static void test_over_when_the_instance_stops_or_goes(void)
{
    for (int gone = 0; gone < 2; gone++) {
        World world = open_world("web");
        const Alert *alert = add(&world, "web memory above 1");

        sample(&world, SECOND, 0);
        g_assert_true(raised(&world, alert));
        list(&world, !gone, GEMEL_STATE_STOPPED);
        g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT_OVER), ==, 1);
        if (!gone) { /* and it is raised anew when it runs again */
            g_assert_false(raised(&world, alert));
            list(&world, TRUE, GEMEL_STATE_RUNNING);
            sample(&world, SECOND, 0);
            g_assert_true(raised(&world, alert));
            g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT), ==, 2);
        }
        close_world(&world);
    }
}

static void test_commands_are_few(void)
{
    World world = open_world("web");
    const Alert *alert = add(&world, "all cpu above 50 do true");
    const ModelEvent *last;

    sample(&world, SECOND, 0);
    for (int i = 0; i < 20; i++) /* raised and over, again and again */
        sample(&world, SECOND, i % 2 == 0 ? 0.9 : 0.1);
    g_assert_cmpuint(count_events(&world, GEMEL_EVENT_ALERT), ==, 10);
    g_assert_cmpuint(alert->runs, ==, 1);
    last = g_queue_peek_nth(model_events(world.app->model), 18);
    g_assert_nonnull(strstr(last->detail, "command"));
    close_world(&world);
}

static void test_a_command_that_is_not_there_is_said(void)
{
    World world = open_world("web");
    const ModelEvent *last;

    add(&world, "all memory above 1 do /nonexistent/command");
    sample(&world, SECOND, 0);
    last = g_queue_peek_tail(model_events(world.app->model));
    g_assert_cmpint(last->type, ==, GEMEL_EVENT_ALERT);
    g_assert_nonnull(strstr(last->detail, "cannot run /nonexistent/command"));
    close_world(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/alerts/lines are read", test_lines_are_read);
    g_test_add_func("/alerts/bad lines say what would be right",
                    test_bad_lines_say_what_would_be_right);
    g_test_add_func("/alerts/numbers are given anew and bounded",
                    test_numbers_are_given_anew_and_bounded);
    g_test_add_func("/alerts/raised when it held for the time, over when it does not",
                    test_raised_when_it_held_for_the_time_and_over_when_it_does_not);
    g_test_add_func("/alerts/over when the instance stops or goes",
                    test_over_when_the_instance_stops_or_goes);
    g_test_add_func("/alerts/a dip begins the waiting anew", test_a_dip_begins_the_waiting_anew);
    g_test_add_func("/alerts/a gap begins the waiting anew", test_a_gap_begins_the_waiting_anew);
    g_test_add_func("/alerts/memory in percent is of the limit",
                    test_memory_in_percent_is_of_the_limit);
    g_test_add_func("/alerts/others are left alone", test_others_are_left_alone);
    g_test_add_func("/alerts/one that is removed marks nothing",
                    test_one_that_is_removed_marks_nothing);
    g_test_add_func("/alerts/the command is run without a shell",
                    test_the_command_is_run_without_a_shell);
    g_test_add_func("/alerts/commands are few", test_commands_are_few);
    g_test_add_func("/alerts/a command that is not there is said",
                    test_a_command_that_is_not_there_is_said);
    return g_test_run();
}
