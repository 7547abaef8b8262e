/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events. */
#include "tests/contract/contract.h"

#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    GemelEventType type;
    char *id;
    GemelState state;
} Seen;

typedef struct {
    GemelBackend *backend;
    pthread_t thread;
    int stop_fd;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    GArray *seen; /* of Seen */
} Watcher;

static void note(void *data, const GemelEvent *event)
{
    Watcher *watcher = data;
    Seen seen = {event->type, g_strdup(event->id), event->state};

    g_assert_cmpint(event->type, <, GEMEL_EVENT_N);
    g_assert_true((event->id == NULL) == (event->type == GEMEL_EVENT_BACKEND_UP ||
                                          event->type == GEMEL_EVENT_BACKEND_DOWN));
    g_assert_cmpint(ABS(event->time_unix_usec - g_get_real_time()), <, 60 * G_USEC_PER_SEC);
    pthread_mutex_lock(&watcher->mutex);
    g_array_append_val(watcher->seen, seen);
    pthread_cond_broadcast(&watcher->cond);
    pthread_mutex_unlock(&watcher->mutex);
}

static void *watch(void *data)
{
    Watcher *watcher = data;
    const GemelEventSink sink = {.event = note, .data = watcher};

    watcher->backend->ops->watch(watcher->backend, &sink, watcher->stop_fd);
    return NULL;
}

static void seen_clear(void *seen)
{
    g_free(((Seen *)seen)->id);
}

static void watcher_start(Watcher *watcher, Stage *stage)
{
    *watcher = (Watcher){.backend = stage->backend};
    pthread_mutex_init(&watcher->mutex, NULL);
    stage_cond_init(&watcher->cond);
    watcher->seen = g_array_new(FALSE, FALSE, sizeof(Seen));
    g_array_set_clear_func(watcher->seen, seen_clear);
    watcher->stop_fd = eventfd(0, EFD_CLOEXEC);
    g_assert_cmpint(pthread_create(&watcher->thread, NULL, watch, watcher), ==, 0);
}

/* Waits for an event of that type, id (NULL: any) and state (N: any), from the `from`th on; its
   index, or -1 after half a minute. */
static gint watcher_sees(Watcher *watcher, guint from, GemelEventType type, const char *id,
                         GemelState state)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    gint found = -1;

    pthread_mutex_lock(&watcher->mutex);
    for (guint i = from; found < 0;) {
        for (; i < watcher->seen->len && found < 0; i++) {
            const Seen *seen = &g_array_index(watcher->seen, Seen, i);

            if (seen->type == type && (id == NULL || g_strcmp0(seen->id, id) == 0) &&
                (state == GEMEL_STATE_N || seen->state == state))
                found = (gint)i;
        }
        if (found < 0 && !stage_cond_wait_until(&watcher->cond, &watcher->mutex, deadline))
            break;
    }
    if (found < 0)
        for (guint i = 0; i < watcher->seen->len; i++) {
            const Seen *seen = &g_array_index(watcher->seen, Seen, i);

            g_test_message("seen: %s %s %s", gemel_event_type_name(seen->type),
                           seen->id != NULL ? seen->id : "-", gemel_state_name(seen->state));
        }
    pthread_mutex_unlock(&watcher->mutex);
    return found;
}

/* Stops it; that takes less than a second. */
static void watcher_stop(Watcher *watcher)
{
    gint64 begin = g_get_monotonic_time();

    eventfd_write(watcher->stop_fd, 1);
    pthread_join(watcher->thread, NULL);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 8000000); /* and some for a busy machine */
    close(watcher->stop_fd);
    g_array_unref(watcher->seen);
    pthread_mutex_destroy(&watcher->mutex);
    pthread_cond_destroy(&watcher->cond);
}

static void test_up_first(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    Watcher watcher;

    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    watcher_stop(&watcher);
}

static void test_stops_at_once(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    Watcher watcher;

    for (guint i = 0; i < 5; i++) {
        watcher_start(&watcher, stage);
        watcher_stop(&watcher);
    }
}

static void test_states(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    Watcher watcher;
    gint started, ended;

    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    stage_must(stage->conn, id, GEMEL_ACT_START);
    started = watcher_sees(&watcher, 0, GEMEL_EVENT_STATE, id, GEMEL_STATE_RUNNING);
    g_assert_cmpint(started, >, 0);
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    ended = watcher_sees(&watcher, (guint)started, GEMEL_EVENT_STATE, id, GEMEL_STATE_STOPPED);
    g_assert_cmpint(ended, >, started);
    watcher_stop(&watcher);
}

static void test_pause(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;
    Watcher watcher;
    gint paused;

    id = stage_make_running(stage);
    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    stage_must(stage->conn, id, GEMEL_ACT_PAUSE);
    paused = watcher_sees(&watcher, 0, GEMEL_EVENT_STATE, id, GEMEL_STATE_PAUSED);
    g_assert_cmpint(paused, >, 0);
    stage_must(stage->conn, id, GEMEL_ACT_RESUME);
    g_assert_cmpint(
        watcher_sees(&watcher, (guint)paused, GEMEL_EVENT_STATE, id, GEMEL_STATE_RUNNING), >,
        paused);
    watcher_stop(&watcher);
}

static void test_added_removed(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;
    Watcher watcher;
    gint added;

    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    id = stage_make(stage);
    {
        added = watcher_sees(&watcher, 0, GEMEL_EVENT_ADDED, id, GEMEL_STATE_N);
        g_assert_cmpint(added, >, 0);
        stage_must(stage->conn, id, GEMEL_ACT_DELETE);
        g_assert_cmpint(
            watcher_sees(&watcher, (guint)added, GEMEL_EVENT_REMOVED, id, GEMEL_STATE_N), >, added);
    }
    watcher_stop(&watcher);
}

static void test_snapshot_changes(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    const char *id;
    Watcher watcher;

    id = stage_make(stage);
    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    g_assert_true(stage->ops->snapshots->create(stage->conn, id, "s1", NULL, NULL, &error));
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_CHANGED, id, GEMEL_STATE_N), >, 0);
    watcher_stop(&watcher);
}

/* What another connection does is seen as well. */
static void test_others(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    const char *id = stage_make(stage);
    GemelConn *other;
    Watcher watcher;

    watcher_start(&watcher, stage);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_BACKEND_UP, NULL, GEMEL_STATE_N), ==, 0);
    other = stage->ops->conn_open(stage->backend, &error);
    g_assert_no_error(error);
    stage_must(other, id, GEMEL_ACT_START);
    g_assert_cmpint(watcher_sees(&watcher, 0, GEMEL_EVENT_STATE, id, GEMEL_STATE_RUNNING), >, 0);
    stage->ops->conn_close(other);
    watcher_stop(&watcher);
}

const ContractTest contract_watch_tests[] = {
    {"says-first-that-the-backend-is-up", test_up_first, NEEDS_EVENTS},
    {"stops-within-a-second", test_stops_at_once, NEEDS_EVENTS},
    {"tells-of-start-and-end", test_states, NEEDS_EVENTS | NEEDS_CREATE, ACT(KILL)},
    {"tells-of-pause-and-resume", test_pause, NEEDS_EVENTS | NEEDS_CREATE,
     ACT(PAUSE) | ACT(RESUME)},
    {"tells-of-new-and-deleted-instances", test_added_removed, NEEDS_EVENTS | NEEDS_CREATE,
     ACT(DELETE)},
    {"tells-of-snapshots", test_snapshot_changes,
     NEEDS_EVENTS | NEEDS_CREATE | NEEDS_SNAPSHOT_EVENTS, ACT(SNAPSHOT_CREATE)},
    {"tells-of-what-another-connection-does", test_others, NEEDS_EVENTS | NEEDS_CREATE},
    {NULL},
};
