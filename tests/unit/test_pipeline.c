/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a command prints into a program that is slower than it, or does not read at all. */
#include <string.h>

#include "console/pipeline.h"

#define LINE_BYTES (64 << 10)

typedef struct {
    App *app;
    FaceOps face;
    GString *said; /* errors and notes, a line each */
    Output *to;
    Pipeline *pipeline;
    gboolean ended;
    char line[LINE_BYTES + 1];
} Session;

static void take_line(OutputClass class, const char *text, gpointer data)
{
    g_string_append_printf(((Session *)data)->said, "%s\n", text);
}

static void take_end(gpointer data)
{
    ((Session *)data)->ended = TRUE;
}

static void session_open(Session *session, const char *program)
{
    g_autoptr(GError) error = NULL;

    *session = (Session){.app = app_new(), .face = {.face = FACE_ONESHOT}};
    session->said = g_string_new(NULL);
    session->to = output_new_lines(take_line, session);
    memset(session->line, 'x', LINE_BYTES);
    session->pipeline =
        pipeline_new(session->app, &session->face, session->to, program, take_end, session, &error);
    g_assert_no_error(error);
}

static void session_close(Session *session)
{
    pipeline_free(session->pipeline);
    output_free(session->to);
    g_string_free(session->said, TRUE);
    app_free(session->app);
}

static int finish(Session *session)
{
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    int status = -1;

    pipeline_finish(session->pipeline);
    while (!session->ended) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(session->app, FALSE);
        g_usleep(100);
    }
    g_assert_true(pipeline_ended(session->pipeline, &status));
    return status;
}

/* It reads all the time and has never read all: 100 MB go through, and no more than what waits is
   kept. */
static void test_what_was_read_is_let_go(void)
{
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    Session session;
    guint64 written = 0;
    gsize allocated;

    session_open(&session, "[ $(wc -c) = 104859200 ]");
    for (guint i = 0; i < 1600; i++) {
        output_text(pipeline_output(session.pipeline), session.line);
        output_flush(pipeline_output(session.pipeline));
        written += LINE_BYTES + 1;
        while (pipeline_unread_bytes(session.pipeline, &allocated) >
               pipeline_unread_max_bytes / 2) {
            g_assert_cmpint(g_get_monotonic_time(), <, deadline);
            app_iterate(session.app, FALSE);
            g_usleep(50);
        }
        g_assert_cmpuint(allocated, <=, 4 * pipeline_unread_max_bytes);
    }
    g_assert_cmpuint(written, ==, 104859200);
    g_assert_cmpint(finish(&session), ==, 0);
    g_assert_cmpstr(session.said->str, ==, "");
    session_close(&session);
}

/* What is kept for it has an end, which is said once, and the status tells. */
static void test_what_it_does_not_read_is_left_out_and_said(void)
{
    Session session;
    gsize allocated;

    session_open(&session, "sleep 0.2; wc -c >/dev/null");
    for (guint i = 0; i < 1000; i++)
        output_text(pipeline_output(session.pipeline), session.line);
    g_assert_cmpuint(pipeline_unread_bytes(session.pipeline, &allocated), <=,
                     pipeline_unread_max_bytes);
    g_assert_cmpuint(allocated, <=, 4 * pipeline_unread_max_bytes);
    g_assert_nonnull(strstr(session.said->str, "wait for it unread"));
    g_assert_true(strchr(session.said->str, '\n') == strrchr(session.said->str, '\n'));
    g_assert_cmpint(finish(&session), ==, 1);
    session_close(&session);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pipeline_unread_max_bytes = 4 << 20;
    g_test_add_func("/pipeline/what-was-read-is-let-go", test_what_was_read_is_let_go);
    g_test_add_func("/pipeline/what-it-does-not-read-is-left-out-and-said",
                    test_what_it_does_not_read_is_left_out_and_said);
    return g_test_run();
}
