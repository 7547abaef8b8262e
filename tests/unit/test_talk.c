/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Talks: what is kept of a flood, in which order hooks are called, and when a talk is gone. The
   stream and the loop are this file's: the other end is a socket of the test. */
#include "console/talk.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- stream and loop ------------------------------------------------------------------------ */

static GemelStreamHooks stream; /* of the talk under test */
static guint released;
static GMainContext *context;

GemelStreamJob *gemel_lanes_stream(GemelLanes *lanes, const char *instance_id,
                                   const GemelStreamArgs *args, const GemelStreamHooks *hooks)
{
    stream = *hooks;
    return NULL;
}

void gemel_stream_job_release(GemelStreamJob *job)
{
    released++;
}

GSource *app_add_fd(App *app, int fd, GIOCondition condition,
                    gboolean (*ready)(int fd, GIOCondition condition, gpointer data), gpointer data)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(ready), data, NULL);
    g_source_attach(source, context);
    return source;
}

void app_source_remove(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

/* ---- a talk with a test --------------------------------------------------------------------- */

typedef struct {
    Talk *talk;
    int far;      /* our end */
    guint told;   /* calls of heard */
    guint ended;  /* calls of ended */
    int status;   /* of it */
    gsize length; /* of what is kept, at the last call */
    const char *close_at;
} Fixture;

static void heard(gpointer data, const char *text)
{
    Fixture *fixture = data;

    fixture->told++;
    fixture->length = strlen(text);
    g_assert_cmpuint(fixture->length, <=, TALK_HEARD_MAX);
    g_assert_cmpuint(fixture->ended, ==, 0);
    if (fixture->close_at != NULL && strstr(text, fixture->close_at) != NULL)
        talk_close(g_steal_pointer(&fixture->talk));
}

static void ended(gpointer data, int status, const GError *error)
{
    Fixture *fixture = data;

    fixture->ended++;
    fixture->status = status;
    talk_close(g_steal_pointer(&fixture->talk));
}

static void connect_talk(Fixture *fixture)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    fixture->far = fds[1];
    g_assert_true(g_unix_set_fd_nonblocking(fixture->far, TRUE, NULL));
    stream.opened(stream.data, fds[0], -1);
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    AppBackend backend = {.lanes = NULL};

    context = g_main_context_new();
    released = 0;
    fixture->far = -1;
    fixture->talk =
        talk_open(NULL, &backend, "id", &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE},
                  &(TalkHooks){.heard = heard, .ended = ended, .data = fixture});
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    talk_close(g_steal_pointer(&fixture->talk));
    g_assert_cmpuint(released, ==, 1);
    if (fixture->far >= 0)
        close(fixture->far);
    g_main_context_unref(context);
}

static void run_loop(void)
{
    while (g_main_context_iteration(context, FALSE))
        ;
}

/* Says all of it, and has it heard as it goes. */
static void far_says(Fixture *fixture, const char *bytes, gsize length)
{
    while (length > 0 && fixture->talk != NULL) {
        ssize_t n = send(fixture->far, bytes, MIN(length, 4096), MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        bytes += n;
        length -= (gsize)n;
        run_loop();
    }
}

/* ---- what is kept --------------------------------------------------------------------------- */

static void test_a_flood_keeps_the_newest(Fixture *fixture, gconstpointer data)
{
    g_autofree char *flood = g_strnfill((gsize)3 * TALK_HEARD_MAX, 'x');

    connect_talk(fixture);
    far_says(fixture, "oldest", 6);
    far_says(fixture, flood, strlen(flood));
    far_says(fixture, "newest", 6);
    g_assert_true(g_str_has_suffix(talk_heard(fixture->talk), "xnewest"));
    g_assert_null(strstr(talk_heard(fixture->talk), "oldest"));
    g_assert_cmpuint(fixture->length, >=, TALK_HEARD_MAX / 2);
}

static void test_the_most_is_kept_whole(Fixture *fixture, gconstpointer data)
{
    g_autofree char *flood = g_strnfill(TALK_HEARD_MAX - 6, 'x');

    connect_talk(fixture);
    far_says(fixture, "oldest", 6);
    far_says(fixture, flood, strlen(flood));
    g_assert_cmpuint(fixture->length, ==, TALK_HEARD_MAX);
    g_assert_true(g_str_has_prefix(talk_heard(fixture->talk), "oldest"));
    far_says(fixture, "y", 1);
    g_assert_cmpuint(fixture->length, ==, TALK_HEARD_MAX / 2);
}

static void test_nuls_do_not_hide_what_follows(Fixture *fixture, gconstpointer data)
{
    connect_talk(fixture);
    far_says(fixture, "a\0\0b", 4);
    g_assert_cmpstr(talk_heard(fixture->talk), ==, "a  b");
}

static void test_standard_error_is_taken_and_dropped(Fixture *fixture, gconstpointer data)
{
    g_autofree char *flood = g_strnfill(4096, 'e');
    int fds[2], errors[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errors), ==, 0);
    fixture->far = fds[1];
    g_assert_true(g_unix_set_fd_nonblocking(errors[1], TRUE, NULL));
    stream.opened(stream.data, fds[0], errors[0]);
    for (guint i = 0; i < 1024; i++) { /* more than a socket holds */
        g_assert_cmpint(send(errors[1], flood, 4096, MSG_NOSIGNAL), ==, 4096);
        run_loop();
    }
    close(errors[1]);
    run_loop();
    g_assert_cmpuint(fixture->told, ==, 0);
    g_assert_cmpstr(talk_heard(fixture->talk), ==, "");
}

static void test_what_was_cleared_is_forgotten(Fixture *fixture, gconstpointer data)
{
    connect_talk(fixture);
    far_says(fixture, "before", 6);
    talk_clear(fixture->talk);
    g_assert_cmpstr(talk_heard(fixture->talk), ==, "");
    far_says(fixture, "after", 5);
    g_assert_cmpstr(talk_heard(fixture->talk), ==, "after");
}

/* ---- what is sent --------------------------------------------------------------------------- */

static void test_what_is_sent_early_waits_for_the_stream(Fixture *fixture, gconstpointer data)
{
    char bytes[16] = "";

    talk_send(fixture->talk, "one ", 4);
    talk_send(fixture->talk, "two", 3);
    talk_send_end(fixture->talk);
    connect_talk(fixture);
    run_loop();
    g_assert_cmpint(recv(fixture->far, bytes, sizeof bytes - 1, 0), ==, 7);
    g_assert_cmpstr(bytes, ==, "one two");
    g_assert_cmpint(recv(fixture->far, bytes, sizeof bytes, 0), ==, 0);
}

static void test_much_is_sent_as_it_is_taken(Fixture *fixture, gconstpointer data)
{
    enum { LENGTH = 4 << 20 };
    g_autofree char *much = g_strnfill(LENGTH, 'x');
    g_autofree char *bytes = g_malloc(LENGTH);
    gsize got = 0;
    ssize_t n = 1;

    connect_talk(fixture);
    talk_send(fixture->talk, much, LENGTH);
    talk_send_end(fixture->talk);
    while (n > 0) {
        n = recv(fixture->far, bytes, LENGTH, 0);
        g_assert_cmpint(n, >=, 0);
        got += (gsize)n;
        run_loop();
    }
    g_assert_cmpuint(got, ==, LENGTH);
}

static void test_an_end_that_reads_no_more_does_no_harm(Fixture *fixture, gconstpointer data)
{
    connect_talk(fixture);
    g_assert_cmpint(shutdown(fixture->far, SHUT_RD), ==, 0);
    talk_send(fixture->talk, "lost", 4);
    run_loop();
    far_says(fixture, "still heard", 11);
    g_assert_cmpstr(talk_heard(fixture->talk), ==, "still heard");
}

/* ---- its end -------------------------------------------------------------------------------- */

static void test_the_last_bytes_are_heard_before_the_end(Fixture *fixture, gconstpointer data)
{
    connect_talk(fixture);
    g_assert_cmpint(send(fixture->far, "last", 4, MSG_NOSIGNAL), ==, 4);
    stream.ended(stream.data, 3, NULL);
    g_assert_cmpuint(fixture->told, ==, 1);
    g_assert_cmpuint(fixture->length, ==, 4);
    g_assert_cmpuint(fixture->ended, ==, 1);
    g_assert_cmpint(fixture->status, ==, 3);
}

static void test_one_that_never_connected_ends_unheard(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = g_error_new_literal(GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE, "gone");

    talk_send(fixture->talk, "x", 1);
    stream.ended(stream.data, -1, error);
    g_assert_cmpuint(fixture->told, ==, 0);
    g_assert_cmpuint(fixture->ended, ==, 1);
    g_assert_cmpint(fixture->status, ==, -1);
}

static void test_a_hook_may_close_it(Fixture *fixture, gconstpointer data)
{
    fixture->close_at = "enough";
    connect_talk(fixture);
    far_says(fixture, "enough", 6);
    g_assert_null(fixture->talk);
    g_assert_cmpuint(fixture->told, ==, 1);
    g_assert_cmpint(send(fixture->far, "more", 4, MSG_NOSIGNAL), ==, -1);
    run_loop();
    g_assert_cmpuint(fixture->told, ==, 1);
    g_assert_cmpuint(fixture->ended, ==, 0);
}

static void test_a_hook_may_close_it_at_its_end(Fixture *fixture, gconstpointer data)
{
    fixture->close_at = "last";
    connect_talk(fixture);
    g_assert_cmpint(send(fixture->far, "last", 4, MSG_NOSIGNAL), ==, 4);
    stream.ended(stream.data, 0, NULL);
    g_assert_null(fixture->talk);
    g_assert_cmpuint(fixture->ended, ==, 0);
}

#define ADD(path, test) g_test_add("/talk/" path, Fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("heard/a-flood-keeps-the-newest", test_a_flood_keeps_the_newest);
    ADD("heard/the-most-is-kept-whole", test_the_most_is_kept_whole);
    ADD("heard/nuls-do-not-hide-what-follows", test_nuls_do_not_hide_what_follows);
    ADD("heard/standard-error-is-taken-and-dropped", test_standard_error_is_taken_and_dropped);
    ADD("heard/what-was-cleared-is-forgotten", test_what_was_cleared_is_forgotten);
    ADD("sent/early-waits-for-the-stream", test_what_is_sent_early_waits_for_the_stream);
    ADD("sent/much-goes-as-it-is-taken", test_much_is_sent_as_it_is_taken);
    ADD("sent/an-end-that-reads-no-more-does-no-harm", test_an_end_that_reads_no_more_does_no_harm);
    ADD("end/the-last-bytes-are-heard-before-it", test_the_last_bytes_are_heard_before_the_end);
    ADD("end/one-that-never-connected-ends-unheard", test_one_that_never_connected_ends_unheard);
    ADD("end/a-hook-may-close-it", test_a_hook_may_close_it);
    ADD("end/a-hook-may-close-it-at-its-end", test_a_hook_may_close_it_at_its_end);
    return g_test_run();
}
