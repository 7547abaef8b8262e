/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole screens of the TUI over a backend that stands still, compared with golden/screen-*.txt.
   What differs from machine to machine (its name, the program's own cost) is set. */
#include <locale.h>
#include <string.h>

#include "config/options.h"
#include "console/alerts.h"
#include "console/tui/consoles.h"
#include "golden.h"
#include "still.h"

/* More than a minute of them, so that ages are in minutes. */
#define SAMPLES 70

typedef struct {
    App *app;
    Tui tui;
} World;

/* Iterates until `done` says so; fails after a minute. */
static void iterate_until(World *world, gboolean (*done)(World *world))
{
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    while (!done(world)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(world->app, FALSE);
        g_usleep(500);
    }
}

static guint wanted_samples;

/* Whether the sample asked for has arrived in the model. */
static gboolean has_sample(World *world)
{
    GPtrArray *all = model_instances(world->app->model);
    gboolean arrived = all->len == 0;

    for (guint i = 0; i < all->len && !arrived; i++) {
        const ModelInstance *instance = all->pdata[i];

        arrived = history_positions(&instance->history) == wanted_samples;
    }
    return arrived && still_samples() == wanted_samples;
}

static gboolean is_listed(World *world)
{
    return ((ModelBackend *)model_backends(world->app->model)->pdata[0])->listed;
}

/* As if a second had passed between two samples, whatever the machine took for them. */
static void space_samples(World *world)
{
    HistoryAxis *axis = &((ModelBackend *)model_backends(world->app->model)->pdata[0])->axis;

    for (gint64 position = 1; position <= axis->newest; position++)
        axis->time_ns[position % axis->capacity] =
            (G_GINT64_CONSTANT(6000000) - axis->newest + position) * 1000000000;
}

/* Lets what is under way come to its end and be announced. */
static void settle(World *world)
{
    for (int i = 0; i < 50; i++) {
        app_iterate(world->app, FALSE);
        g_usleep(200);
    }
}

/* A backend that stands still, sampled so many times, on a screen of this size. */
static void world_open_sampled(World *world, int height, int width, guint samples)
{
    g_autoptr(GError) error = NULL;

    still_reset(samples);
    *world = (World){.app = app_new()};
    g_assert_true(app_connect(world->app, "sim", "sim", &error));
    g_assert_no_error(error);
    golden_open(height, width);
    world->tui.app = world->app;
    tui_start(&world->tui);
    model_list_all(world->app->model);
    iterate_until(world, is_listed);
    settle(world);
    /* history of every metric is kept for what was looked at: from the first sample on, however
       late the frame that asks for it would come by itself */
    screen_begin();
    frame_draw(&world->tui);
    for (wanted_samples = 1; wanted_samples <= samples; wanted_samples++) {
        still_want(wanted_samples);
        model_refresh(world->app->model);
        iterate_until(world, has_sample);
    }
    settle(world);
    space_samples(world);
    options_set(world->app->options, "span", "1m", NULL);
}

static void world_open(World *world, int height, int width)
{
    world_open_sampled(world, height, width, SAMPLES);
}

static void world_close(World *world)
{
    tui_stop(&world->tui);
    g_assert_true(app_free(world->app));
    screen_free();
}

static void press(World *world, const char *keys)
{
    g_auto(GStrv) names = g_strsplit(keys, " ", -1);

    for (guint i = 0; names[i] != NULL; i++) {
        int key = keys_from_name(names[i]);

        g_assert_cmpint(key, !=, KEYS_NONE);
        input_take_key(&world->tui, key);
    }
}

static gboolean nothing_pending(World *world)
{
    Page *page = tui_page(&world->tui);
    const char *key = page->ops->target != NULL ? page->ops->target(page) : NULL;

    if (page->ops->where == AT_HOSTS)
        return !fetch_host(world->tui.fetch, "sim", 0)->pending;
    return key == NULL || (!fetch_inspect(world->tui.fetch, key, 0)->pending &&
                           !fetch_snapshots(world->tui.fetch, key, 0)->pending &&
                           !fetch_isolation(world->tui.fetch, key, 0)->pending &&
                           !fetch_processes(world->tui.fetch, key, 0)->pending &&
                           !fetch_log(world->tui.fetch, key, 0)->pending);
}

/* Draws twice: the first time asks for what is not there yet. */
static void check_with(World *world, const char *name, void (*compare)(const char *name))
{
    screen_begin();
    frame_draw(&world->tui);
    iterate_until(world, nothing_pending);
    settle(world);
    screen_begin();
    world->tui.cost_percent = 0.3;
    world->tui.cost_rss_bytes = 14 << 20;
    world->tui.cost_bytes_rate = 1900;
    world->tui.cost_calls_rate = 2;
    world->tui.host_name = "lab-host";
    frame_draw(&world->tui);
    compare(name);
}

static void check(World *world, const char *name)
{
    check_with(world, name, golden_check);
}

/* CPU % of processes is between two answers. */
static void check_asked_again(World *world, const char *name)
{
    const char *key = tui_page(&world->tui)->ops->target(tui_page(&world->tui));
    const Fetched *fetched = fetch_processes(world->tui.fetch, key, 0);

    iterate_until(world, nothing_pending);
    while (fetched->error == NULL && fetched->processes_before == NULL) {
        fetched = fetch_processes(world->tui.fetch, key, 1);
        iterate_until(world, nothing_pending);
    }
    check(world, name);
}

static void test_main_screen(void)
{
    World world;

    world_open(&world, 24, 80);
    check(&world, "screen-80x24");
    world_close(&world);
    world_open(&world, 50, 132);
    press(&world, "P j j Space");
    check(&world, "screen-132x50");
    world_close(&world);
    world_open(&world, 8, 40);
    check(&world, "screen-40x8");
    world_close(&world);
}

/* The same screen with all colours, without any, and in ASCII: nothing is lost. */
static void test_main_screen_looks(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "P Space j");
    check_with(&world, "screen-256-colours", golden_check_looks);
    theme_set_depth(THEME_MONO);
    check_with(&world, "screen-mono", golden_check_looks);
    options_set(world.app->options, "ascii", "on", NULL);
    check(&world, "screen-ascii");
    world_close(&world);
}

static void test_answers_looked_at_long_ago_are_let_go(void)
{
    World world;
    Page *page;
    g_autofree char *key = NULL;

    world_open(&world, 24, 80);
    page = tui_page(&world.tui);
    key = g_strdup(page->ops->target(page));
    fetch_inspect(world.tui.fetch, key, 0);
    iterate_until(&world, nothing_pending);
    g_assert_nonnull(fetch_inspect(world.tui.fetch, key, 0)->definition);
    for (int i = 0; i < 200; i++) {
        g_autofree char *other = g_strdup_printf("still/gone-%d", i);

        g_assert_nonnull(fetch_inspect(world.tui.fetch, other, 0)->error);
        if (i == 20) /* looked at now and then: stays */
            g_assert_nonnull(fetch_inspect(world.tui.fetch, key, 0)->definition);
    }
    g_assert_null(fetch_inspect(world.tui.fetch, key, 0)->definition);
    world_close(&world);
}

static void test_too_small(void)
{
    World world;

    world_open(&world, 5, 20);
    check(&world, "screen-20x5");
    world_close(&world);
}

/* Each tab with the whole height, and of two what it is for the other kind. */
static void test_tabs_of_a_guest_and_a_container(void)
{
    static const struct {
        const char *keys, *name;
    } tabs[] = {{"j j Tab + W", "screen-guest-why"},
                {"]", "screen-guest-metrics"},
                {"]", "screen-guest-vcpu"},
                {"]", "screen-guest-processes"},
                {"]", "screen-guest-disks"},
                {"]", "screen-guest-networks"},
                {"]", "screen-guest-snapshots"},
                {"]", "screen-guest-log"},
                {"]", "screen-guest-isolation"},
                {"]", "screen-guest-definition"},
                {"[ [ [ [ [ [ [ + Tab G k Tab +", "screen-container-cgroup"},
                {"]", "screen-container-processes"}};
    World world;

    world_open(&world, 24, 80);
    for (guint i = 0; i < G_N_ELEMENTS(tabs); i++) {
        press(&world, tabs[i].keys);
        check_asked_again(&world, tabs[i].name);
    }
    world_close(&world);
}

static void test_menus(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "p");
    check(&world, "screen-menu-power");
    press(&world, "Esc o");
    check(&world, "screen-menu-sort");
    press(&world, "Esc x");
    check(&world, "screen-menu-actions");
    press(&world, "Esc Space Space b");
    check(&world, "screen-menu-bulk");
    world_close(&world);
}

static void test_pages(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "d");
    check(&world, "screen-inspect");
    press(&world, "q y");
    check(&world, "screen-definition");
    press(&world, "q t");
    check(&world, "screen-snapshots");
    press(&world, "x");
    check(&world, "screen-menu-snapshot");
    press(&world, "Esc");
    press(&world, "q 9");
    check(&world, "screen-jobs");
    press(&world, "q 0");
    check(&world, "screen-events-none");
    press(&world, "q ?");
    /* each new key or command makes the help longer */
    check_with(&world, "screen-help", golden_check_uncounted);
    press(&world, "q 8");
    check(&world, "screen-hosts");
    press(&world, "G");
    check(&world, "screen-hosts-end");
    press(&world, "q 5");
    check(&world, "screen-images");
    world_close(&world);
    world_open(&world, 50, 132);
    press(&world, "8");
    check(&world, "screen-hosts-132x50");
    world_close(&world);
}

/* What it is like when something has happened; the times are set. */
static void test_events_and_alerts(void)
{
    static const char *const rule[] = {"all", "cpu", "above", "60", "for", "0s", NULL};
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = g_strdupv((char **)rule);
    World world;

    world_open(&world, 24, 80);
    GPtrArray *all = model_instances(world.app->model);
    gint64 at_usec = G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC;

    for (guint i = 0; i < all->len; i++)
        model_add_event(world.app->model, all->pdata[i],
                        i % 3 == 1 ? GEMEL_EVENT_CHANGED : GEMEL_EVENT_STATE,
                        i % 3 == 1   ? "limits: memory 256M"
                        : i % 3 == 2 ? "its process ended with status 137, and nothing was saved"
                                     : NULL);
    model_add_event(world.app->model, all->pdata[0], GEMEL_EVENT_ALERT, "memory 97 %, above 90 %");
    model_add_event(world.app->model, all->pdata[0], GEMEL_EVENT_ALERT_OVER, NULL);
    for (GList *link = model_events(world.app->model)->head; link != NULL; link = link->next)
        ((ModelEvent *)link->data)->time_unix_usec = at_usec += 12345678;
    press(&world, "0");
    check(&world, "screen-events");
    press(&world, "q j j [ Tab +");
    check(&world, "screen-guest-events");
    press(&world, "+ Tab");
    g_assert_nonnull(alerts_add(world.app->alerts, words, &error));
    g_assert_no_error(error);
    still_want(wanted_samples);
    model_refresh(world.app->model);
    iterate_until(&world, has_sample);
    for (guint i = 0; i < all->len; i++) {
        ModelInstance *one = all->pdata[i];

        if (one->alert_since_ns != NULL && one->alert_since_ns[0] > 0)
            one->alert_since_ns[0] = gemel_boottime_ns() - G_GINT64_CONSTANT(150000000000);
    }
    press(&world, "A");
    check(&world, "screen-alerts");
    world_close(&world);
}

/* As those are that commands open: only what the list shows of them. */
static void test_consoles_that_are_open(void)
{
    gint64 now = g_get_monotonic_time();
    Console consoles[] = {{.number = 1,
                           .what = (char *)"console of db",
                           .state = CONSOLE_LIVE,
                           .unseen = TRUE,
                           .output_usec = now - 90 * G_USEC_PER_SEC,
                           .bytes = 20480},
                          {.number = 3,
                           .what = (char *)"shell in web",
                           .state = CONSOLE_ENDED,
                           .status = 3,
                           .output_usec = now - (gint64)7500 * G_USEC_PER_SEC,
                           .bytes = 117},
                          {.number = 4,
                           .what = (char *)"/bin/very-long-program --with=options in cache",
                           .state = CONSOLE_ENDED,
                           .status = -1,
                           .error = (char *)"cache: it stopped",
                           .rang = TRUE,
                           .output_usec = now - 150 * G_USEC_PER_SEC}};
    World world;

    world_open(&world, 24, 80);
    press(&world, "C");
    check(&world, "screen-consoles-none");
    world.tui.consoles = g_ptr_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(consoles); i++) {
        consoles[i].tui = &world.tui;
        g_ptr_array_add(world.tui.consoles, &consoles[i]);
    }
    press(&world, "j");
    check(&world, "screen-consoles");
    world_close(&world);
}

/* None, one, a hundred, ten thousand; and names that terminals disagree on. */
static void test_many_and_few_and_odd_names(void)
{
    static const struct {
        guint n;
        StillNames names;
        int height, width;
        const char *keys, *golden;
    } cases[] = {{0, STILL_NAMES_PLAIN, 12, 80, "", "screen-none"},
                 {1, STILL_NAMES_PLAIN, 12, 80, "", "screen-one"},
                 {100, STILL_NAMES_PLAIN, 24, 80, "u s g j", "screen-hundred"},
                 {10000, STILL_NAMES_PLAIN, 12, 80, "+ G", "screen-ten-thousand"},
                 {7, STILL_NAMES_ODD, 12, 80, "+ Space j", "screen-names"}};
    World world;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        still_cast(cases[i].n, cases[i].names);
        world_open_sampled(&world, cases[i].height, cases[i].width, cases[i].n > 7 ? 3 : SAMPLES);
        if (*cases[i].keys != '\0')
            press(&world, cases[i].keys);
        check(&world, cases[i].golden);
        world_close(&world);
    }
    still_cast(7, STILL_NAMES_PLAIN);
}

static void test_the_list_as_a_tree_and_with_other_columns(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "u s g");
    check(&world, "screen-tree");
    press(&world, "h z u n");
    options_set(world.app->options, "columns", "name state steal throttled psi-io swap pids labels",
                NULL);
    check(&world, "screen-columns");
    press(&world, "A");
    check(&world, "screen-alerts-none");
    world_close(&world);
    world_open(&world, 12, 40);
    press(&world, "u k g");
    check(&world, "screen-tree-40x12");
    world_close(&world);
}

static void test_delete_of_a_running_one_asks_for_its_name(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "D");
    check(&world, "screen-delete");
    press(&world, "y Enter");
    g_assert_nonnull(world.tui.dialog);
    press(&world, "Esc");
    g_assert_null(world.tui.dialog);
    g_assert_nonnull(model_find(world.app->model, "big", NULL));
    world_close(&world);
}

static guint replayed_samples;

/* Whether the sample asked for has arrived, with rates from the third on: replay.h says why. */
static gboolean has_replayed(World *world)
{
    const ModelBackend *backend = model_backends(world->app->model)->pdata[0];

    return backend->axis.newest == replayed_samples;
}

/* A recording that stands still at a place shows the same every time, without any backend. */
static void test_a_recording(void)
{
    World world = {.app = app_new()};
    g_autoptr(GError) error = NULL;

    g_assert_true(app_connect(world.app, NULL, "replay:" REPLAY_FILE "?seek=3s&pause=on", &error));
    g_assert_no_error(error);
    golden_open(30, 120);
    world.tui.app = world.app;
    tui_start(&world.tui);
    model_list_all(world.app->model);
    iterate_until(&world, is_listed);
    settle(&world);
    for (replayed_samples = 1; replayed_samples <= 2; replayed_samples++) {
        model_refresh(world.app->model);
        iterate_until(&world, has_replayed);
    }
    settle(&world);
    space_samples(&world);
    check(&world, "screen-replay");
    press(&world, "W P g"); /* by CPU: the one that has it all */
    check(&world, "screen-replay-why");
    world_close(&world);
}

static void test_an_unknown_key_says_so(void)
{
    World world;

    world_open(&world, 24, 80);
    press(&world, "J");
    g_assert_nonnull(strstr(world.tui.message, "J does nothing here"));
    press(&world, "r");
    g_assert_nonnull(strstr(world.tui.message, "p r"));
    world_close(&world);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("TERM", "xterm-256color", TRUE); /* whatever the tests are started from */
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/screens/main", test_main_screen);
    g_test_add_func("/screens/main-in-colours-mono-and-ascii", test_main_screen_looks);
    g_test_add_func("/screens/too-small-waits", test_too_small);
    g_test_add_func("/screens/answers-looked-at-long-ago-are-let-go",
                    test_answers_looked_at_long_ago_are_let_go);
    g_test_add_func("/screens/tabs-of-a-guest-and-a-container",
                    test_tabs_of_a_guest_and_a_container);
    g_test_add_func("/screens/menus", test_menus);
    g_test_add_func("/screens/pages", test_pages);
    g_test_add_func("/screens/events-and-alerts", test_events_and_alerts);
    g_test_add_func("/screens/consoles-that-are-open", test_consoles_that_are_open);
    g_test_add_func("/screens/many-and-few-and-odd-names", test_many_and_few_and_odd_names);
    g_test_add_func("/screens/the-list-as-a-tree-and-with-other-columns",
                    test_the_list_as_a_tree_and_with_other_columns);
    g_test_add_func("/screens/delete-of-a-running-one-asks-for-its-name",
                    test_delete_of_a_running_one_asks_for_its_name);
    g_test_add_func("/screens/a-recording", test_a_recording);
    g_test_add_func("/screens/an-unknown-key-says-so", test_an_unknown_key_says_so);
    return g_test_run();
}
