/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of the list: columns to choose, filter, order, groups. Over simulated instances. */
#include <locale.h>
#include <string.h>
#include <time.h>

#include "config/options.h"
#include "console/tui/rows.h"

typedef struct {
    App *app;
    Rows *rows;
} World;

static gboolean is_ready(World *world, gboolean sampled)
{
    const ModelBackend *backend = model_backends(world->app->model)->pdata[0];

    return backend->listed && (!sampled || backend->axis.newest >= 2);
}

/* Instances as the URI says, with two samples of each where there are to be figures. */
static void open_world(World *world, const char *uri, gboolean sampled)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    *world = (World){.app = app_new()};
    g_assert_true(app_connect(world->app, "sim", uri, &error));
    g_assert_no_error(error);
    options_set(world->app->options, "refresh", "100ms", NULL);
    model_start(world->app->model);
    while (!is_ready(world, sampled)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(world->app, FALSE);
        g_usleep(500);
    }
    model_stop(world->app->model);
    world->rows = rows_new(world->app->model);
}

static void close_world(World *world)
{
    rows_free(world->rows);
    g_assert_true(app_free(world->app));
}

static void assert_ordered_by_figure(World *world, ColumnId id, gboolean inverted)
{
    gboolean ended = FALSE;
    double before = 0, now;

    for (guint i = 0; i < rows_n(world->rows); i++) {
        if (!column_table[id].figure(rows_at(world->rows, i)->instance, &now)) {
            ended = TRUE; /* what has none comes last */
            continue;
        }
        g_assert_false(ended);
        if (i > 0 && column_table[id].rises == inverted)
            g_assert_cmpfloat(now, <=, before);
        else if (i > 0)
            g_assert_cmpfloat(now, >=, before);
        before = now;
    }
}

static void test_every_column_is_sorted_by(void)
{
    World world;

    open_world(&world, "sim:100,whims=off,events=off", TRUE);
    for (ColumnId id = 0; id < LIST_N; id++) {
        for (int inverted = 0; inverted < 2; inverted++) {
            rows_set_sort(world.rows, id, inverted);
            g_assert_cmpuint(rows_n(world.rows), ==, 100);
            /* time itself moves between two looks at these */
            if (column_table[id].figure != NULL && column_table[id].unit != UNIT_SECONDS)
                assert_ordered_by_figure(&world, id, inverted);
        }
    }
    rows_set_sort(world.rows, LIST_NAME, TRUE);
    for (guint i = 1; i < 100; i++)
        g_assert_cmpint(strcmp(rows_at(world.rows, i - 1)->instance->info->name,
                               rows_at(world.rows, i)->instance->info->name),
                        >=, 0);
    close_world(&world);
}

static void test_a_narrower_filter_leaves_what_a_whole_one_does(void)
{
    static const char *const steps[] = {"w", "we", "web", "web-1", "web state=running", "we", ""};
    World world;

    open_world(&world, "sim:500,whims=off,events=off", FALSE);
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GPtrArray) typed = g_ptr_array_new();

        g_assert_true(rows_set_filter(world.rows, steps[i], NULL));
        for (guint r = 0; r < rows_n(world.rows); r++)
            g_ptr_array_add(typed, rows_at(world.rows, r)->instance);
        rows_collect(world.rows);
        g_assert_cmpuint(rows_n(world.rows), ==, typed->len);
        for (guint r = 0; r < typed->len; r++)
            g_assert_true(rows_at(world.rows, r)->instance == typed->pdata[r]);
    }
    g_assert_cmpuint(rows_n(world.rows), ==, 500);
    g_assert_false(rows_set_filter(world.rows, "nothing>5", NULL));
    g_assert_true(rows_set_filter(world.rows, "steal>0 swap<1T", NULL));
    close_world(&world);
}

/* Every instance stands once below the heading of its own group, in the order asked for. */
static void assert_grouped(World *world, GroupBy by)
{
    guint n = 0, headings = 0;
    RowGroup *group = NULL;

    for (guint i = 0; i < rows_n(world->rows); i++) {
        const Row *row = rows_at(world->rows, i);

        if (row->instance == NULL) {
            group = row->group;
            headings++;
            g_assert_cmpint(*row->key, ==, '=');
            continue;
        }
        n++;
        g_assert_true(row->group == group);
        g_assert_true(rows_group_of(world->rows, row->key) == group);
        if (by == GROUP_STATE)
            g_assert_cmpstr(group_title(group), ==, gemel_state_name(row->instance->info->state));
    }
    g_assert_cmpuint(n, ==, rows_n_shown(world->rows));
    g_assert_cmpuint(headings, >, 0);
}

static void test_groups_hold_all_instances_and_collapse(void)
{
    World world;

    open_world(&world, "sim:100,whims=off,events=off", TRUE);
    for (GroupBy by = GROUP_HOST; by < GROUP_N; by++) {
        rows_set_group(world.rows, by, by == GROUP_LABEL ? "tier" : NULL);
        assert_grouped(&world, by);
        rows_set_filter(world.rows, "web", NULL);
        assert_grouped(&world, by);
        rows_set_filter(world.rows, "", NULL);
        rows_set_sort(world.rows, LIST_CPU, FALSE);
        assert_grouped(&world, by);
    }
    rows_set_group(world.rows, GROUP_KIND, NULL);
    RowGroup *group = rows_at(world.rows, 0)->group;
    guint size = group_size(group), before = rows_n(world.rows);

    rows_collapse(world.rows, group, TRUE);
    g_assert_cmpuint(rows_n(world.rows), ==, before - size);
    rows_collect(world.rows); /* what is collapsed stays so */
    g_assert_cmpuint(rows_n(world.rows), ==, before - size);
    g_assert_cmpuint(rows_n_shown(world.rows), ==, 100);
    rows_collapse_all(world.rows, FALSE);
    g_assert_cmpuint(rows_n(world.rows), ==, before);
    close_world(&world);
}

static void test_totals_are_sums_of_what_is_known(void)
{
    World world;
    double sum = 0, one, total;

    open_world(&world, "sim:50,whims=off,events=off", TRUE);
    rows_set_group(world.rows, GROUP_HOST, NULL);
    RowGroup *group = rows_at(world.rows, 0)->group;

    for (guint i = 0; i < group_size(group); i++)
        if (model_figure_memory(group_nth(group, i), &one))
            sum += one;
    g_assert_true(group_total(group, LIST_MEMORY, &total));
    g_assert_cmpfloat(total, ==, sum);
    g_assert_false(group_total(group, LIST_STATE, &total));
    close_world(&world);
}

static void test_the_catalogue_is_sound(void)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) keys = g_hash_table_new(NULL, NULL);

    for (ColumnId id = 0; id < LIST_N; id++) {
        const Column *column = &column_table[id];

        g_assert_nonnull(column->id);
        g_assert_true(g_hash_table_add(ids, (gpointer)column->id));
        g_assert_true(column_find(column->id) == id);
        g_assert_true((column->text != NULL) != (column->figure != NULL));
        g_assert_cmpint(column->min, >, 0);
        g_assert_cmpuint(strlen(column->title), >, 0);
        g_assert_false(g_str_has_suffix(column->help, "."));
        if (column->key != 0)
            g_assert_true(g_hash_table_add(keys, GINT_TO_POINTER(column->key)));
        if (column->total != TOTAL_NONE)
            g_assert_nonnull(column->figure);
    }
    g_assert_true(column_find("no such") == LIST_N);
}

static void test_choices_are_read_and_written(void)
{
    static const struct {
        const char *text, *now, *result;
    } good[] = {
        {"default", NULL, "default"},
        {"name cpu memory:12", NULL, "name cpu memory:12"},
        {"name,cpu", NULL, "name cpu"},
        {"+swap", "name cpu", "name cpu swap"},
        {"-cpu +steal:9", "name cpu", "name steal:9"},
        {"+cpu:20", "name cpu", "name cpu:20"},
        {"name name cpu", NULL, "name cpu"},
    };
    static const char *const bad[] = {"", "nothing", "cpu:0", "cpu:x", "cpu:", "cpu:999", "-"};

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GArray) choice = columns_parse(good[i].text, good[i].now, &error);

        g_assert_no_error(error);
        g_autofree char *text = columns_text(choice);

        g_assert_cmpstr(text, ==, good[i].result);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(columns_parse(bad[i], NULL, &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    }
}

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What each step takes of the thread at ten thousand; told, not judged: bench/run tui does that. */
static void test_ten_thousand_rows_cost(void)
{
    World world;
    double from;

    open_world(&world, "sim:10000,whims=off,events=off", TRUE);
    from = cpu_ms();
    rows_collect(world.rows);
    g_test_message("collect by name: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_set_sort(world.rows, LIST_CPU, FALSE);
    g_test_message("sort by cpu anew: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_figures_changed(world.rows);
    rows_settle(world.rows);
    g_test_message("order again: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_set_filter(world.rows, "w", NULL);
    g_test_message("filter w: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_set_filter(world.rows, "we", NULL);
    g_test_message("filter we: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_set_filter(world.rows, "", NULL);
    g_test_message("filter none: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_set_group(world.rows, GROUP_STATE, NULL);
    g_test_message("group by state: %.2f ms", cpu_ms() - from);
    from = cpu_ms();
    rows_figures_changed(world.rows);
    rows_settle(world.rows);
    g_test_message("order again in groups: %.2f ms", cpu_ms() - from);
    g_assert_cmpuint(rows_n_shown(world.rows), ==, 10000);
    close_world(&world);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rows/the-catalogue-is-sound", test_the_catalogue_is_sound);
    g_test_add_func("/rows/choices-are-read-and-written", test_choices_are_read_and_written);
    g_test_add_func("/rows/every-column-is-sorted-by", test_every_column_is_sorted_by);
    g_test_add_func("/rows/a-narrower-filter-leaves-what-a-whole-one-does",
                    test_a_narrower_filter_leaves_what_a_whole_one_does);
    g_test_add_func("/rows/groups-hold-all-instances-and-collapse",
                    test_groups_hold_all_instances_and_collapse);
    g_test_add_func("/rows/totals-are-sums-of-what-is-known",
                    test_totals_are_sums_of_what_is_known);
    g_test_add_func("/rows/ten-thousand-rows-cost", test_ten_thousand_rows_cost);
    return g_test_run();
}
