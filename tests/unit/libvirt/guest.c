/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/libvirt/guest.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

GemelBackend *test_backend(const char *uri)
{
    g_autoptr(GError) error = NULL;
    GemelBackend *backend = gemel_libvirt_ops.create("lv", uri, &error);

    g_assert_no_error(error);
    g_assert_nonnull(backend);
    return backend;
}

GemelConn *test_conn(GemelBackend *backend)
{
    g_autoptr(GError) error = NULL;
    GemelConn *conn = gemel_libvirt_ops.conn_open(backend, &error);

    g_assert_no_error(error);
    g_assert_nonnull(conn);
    return conn;
}

void test_check_error(const GError *error, GemelErrorKind kind)
{
    g_assert_error(error, GEMEL_ERROR, (int)kind);
    g_assert_null(strchr(error->message, '\n'));
    g_assert_cmpuint(strlen(error->message), >, 10);
}

char *test_create(GemelConn *conn, const char *xml)
{
    const GemelCreateSpec spec = {.definition = xml, .limits = GEMEL_LIMITS_NONE};
    g_autoptr(GError) error = NULL;
    char *id = gemel_libvirt_ops.create_instance(conn, &spec, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(id);
    return id;
}

void test_act(GemelConn *conn, GemelAct act, const char *id)
{
    g_autoptr(GError) error = NULL;
    gboolean done = gemel_libvirt_ops.act[act](conn, id, NULL, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

char *test_act_fails(GemelConn *conn, GemelAct act, const char *id, const GemelActArgs *args,
                     GemelErrorKind kind)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(gemel_libvirt_ops.act[act](conn, id, args, &error));
    test_check_error(error, kind);
    return g_strdup(error->message);
}

GemelInstance *test_find(GemelConn *conn, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = gemel_libvirt_ops.list(conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(list, i);

        if (g_str_equal(instance->id, id) || g_str_equal(instance->name, id))
            return gemel_instance_copy(instance);
    }
    return NULL;
}

GemelState test_state(GemelConn *conn, const char *id)
{
    g_autoptr(GemelInstance) instance = test_find(conn, id);

    g_assert_nonnull(instance);
    return instance->state;
}

GemelSample *test_sample(GemelConn *conn, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) samples = gemel_libvirt_ops.sample(conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < samples->len; i++) {
        if (g_str_equal(((GemelSample *)samples->pdata[i])->id, id))
            return g_ptr_array_steal_index(samples, i);
    }
    return NULL;
}

typedef struct {
    GemelEventType type;
    char *id;
} Seen;

struct TestWatch {
    GemelBackend *backend;
    GemelEventSink sink;
    pthread_t thread;
    pthread_mutex_t lock;
    GArray *seen; /* of Seen */
    int stop[2];
};

static void clear_seen(gpointer data)
{
    g_free(((Seen *)data)->id);
}

static void on_event(void *data, const GemelEvent *event)
{
    TestWatch *watch = data;
    Seen seen = {.type = event->type, .id = g_strdup(event->id)};

    g_test_message("event %s %s (%s)", gemel_event_type_name(event->type),
                   event->name != NULL ? event->name : "-",
                   event->detail != NULL ? event->detail : "-");
    pthread_mutex_lock(&watch->lock);
    g_array_append_val(watch->seen, seen);
    pthread_mutex_unlock(&watch->lock);
}

static void *run_watch(void *data)
{
    TestWatch *watch = data;

    gemel_libvirt_ops.watch(watch->backend, &watch->sink, watch->stop[0]);
    return NULL;
}

TestWatch *test_watch_start(GemelBackend *backend)
{
    TestWatch *watch = g_new0(TestWatch, 1);

    watch->backend = backend;
    watch->sink.event = on_event;
    watch->sink.data = watch;
    pthread_mutex_init(&watch->lock, NULL);
    watch->seen = g_array_new(FALSE, FALSE, sizeof(Seen));
    g_array_set_clear_func(watch->seen, clear_seen);
    g_assert_cmpint(pipe(watch->stop), ==, 0);
    g_assert_cmpint(pthread_create(&watch->thread, NULL, run_watch, watch), ==, 0);
    return watch;
}

gboolean test_watch_saw(TestWatch *watch, GemelEventType type, const char *id)
{
    gboolean found = FALSE;

    pthread_mutex_lock(&watch->lock);
    for (guint i = 0; i < watch->seen->len && !found; i++) {
        const Seen *seen = &g_array_index(watch->seen, Seen, i);

        found = seen->type == type && (id == NULL || g_strcmp0(seen->id, id) == 0);
        if (found)
            g_array_remove_range(watch->seen, 0, i + 1);
    }
    pthread_mutex_unlock(&watch->lock);
    return found;
}

void test_watch_stop(TestWatch *watch)
{
    close(watch->stop[1]);
    pthread_join(watch->thread, NULL);
    close(watch->stop[0]);
    g_array_unref(watch->seen);
    pthread_mutex_destroy(&watch->lock);
    g_free(watch);
}

void test_note(void *data, const char *text)
{
    g_string_append_printf(data, "%s\n", text);
}
