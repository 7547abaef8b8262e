/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log: what acts leave in it, and what happens when it cannot be written. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console/audit.h"
#include "console/commands.h"
#include "console/writer.h"

typedef struct {
    App *app;
    Output *out;
    GString *text;
    FaceOps face;
    char *dir, *path;
    int status;
    gboolean over;
} Session;

static void take_line(OutputClass class, const char *text, gpointer data)
{
    g_string_append_printf(((Session *)data)->text, "%s\n", text);
}

static void session_setup(Session *session, gconstpointer data)
{
    session->dir = g_dir_make_tmp("gemel-audit-XXXXXX", NULL);
    session->path = g_build_filename(session->dir, "log", "audit.jsonl", NULL);
    g_setenv("GEMEL_AUDIT_LOG", session->path, TRUE);
    session->app = app_new();
    g_assert_true(
        app_connect(session->app, NULL, "sim:12,seed=1,events=off,whims=off,pace=0.05", NULL));
    session->text = g_string_new(NULL);
    session->out = output_new_lines(take_line, session);
    session->face.face = FACE_ONESHOT;
}

static void session_teardown(Session *session, gconstpointer data)
{
    g_autofree char *log = g_path_get_dirname(session->path);

    output_free(session->out);
    g_string_free(session->text, TRUE);
    for (guint tries = 0; !app_free(session->app); tries++) {
        g_assert_cmpuint(tries, <, 500);
        g_usleep(10000);
    }
    if (g_unlink(session->path) != 0)
        g_rmdir(session->path);
    g_rmdir(log);
    g_assert_cmpint(g_rmdir(session->dir), ==, 0);
    g_free(session->path);
    g_free(session->dir);
}

static void session_done(CommandRun *run, int status, gpointer data)
{
    Session *session = data;

    session->over = TRUE;
    session->status = status;
}

static int run_line(Session *session, const char *line)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    session->over = FALSE;
    g_string_truncate(session->text, 0);
    command_line_run(session->app, &session->face, session->out, line, session_done, session);
    while (!session->over) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        app_iterate(session->app, TRUE);
    }
    return session->status;
}

/* How many lines of the log have these; `what`, `event` and `name` may be NULL. */
static guint count(const Session *session, const char *event, const char *what, const char *name)
{
    json_t *lines = audit_read(session->path, 0, NULL), *line;
    guint n = 0;
    size_t i;

    g_assert_nonnull(lines);
    json_array_foreach (lines, i, line) {
        const char *own = json_string_value(json_object_get(line, "name"));

        n +=
            (event == NULL ||
             g_str_equal(json_string_value(json_object_get(line, "event")), event)) &&
            (what == NULL || g_str_equal(json_string_value(json_object_get(line, "what")), what)) &&
            (name == NULL || g_strcmp0(own, name) == 0);
    }
    json_decref(lines);
    return n;
}

/* The end of an act is written after its command is told. */
static void wait_count(const Session *session, guint n, const char *event, const char *what)
{
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    while (count(session, event, what, NULL) != n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(2000);
    }
}

/* ---- what is written ------------------------------------------------------------------------ */

static void test_an_act_leaves_two_lines(Session *session, gconstpointer data)
{
    json_t *lines, *begin, *end;

    g_assert_cmpint(run_line(session, "stop web-1 --timeout 5s"), ==, 0);
    wait_count(session, 1, "end", "stop");
    lines = audit_read(session->path, 0, NULL);
    g_assert_cmpuint(json_array_size(lines), ==, 2);
    begin = json_array_get(lines, 0);
    end = json_array_get(lines, 1);
    g_assert_cmpstr(json_string_value(json_object_get(begin, "event")), ==, "begin");
    g_assert_cmpstr(json_string_value(json_object_get(begin, "command")), ==,
                    "stop --timeout 5s web-1");
    g_assert_cmpstr(json_string_value(json_object_get(begin, "backend")), ==, "sim");
    g_assert_cmpstr(json_string_value(json_object_get(begin, "state")), ==, "running");
    g_assert_cmpint(json_integer_value(json_object_get(begin, "uid")), ==, getuid());
    g_assert_cmpint(json_integer_value(json_object_get(begin, "pid")), ==, getpid());
    g_assert_true(json_equal(json_object_get(begin, "act"), json_object_get(end, "act")));
    g_assert_cmpint(json_integer_value(json_object_get(end, "status")), ==, 0);
    g_assert_true(json_is_integer(json_object_get(end, "duration_ms")));
    json_decref(lines);
}

static void test_the_log_is_private(Session *session, gconstpointer data)
{
    struct stat seen;

    g_assert_cmpint(run_line(session, "pause web-1"), ==, 0);
    wait_count(session, 1, "end", NULL);
    g_assert_cmpint(stat(session->path, &seen), ==, 0);
    g_assert_cmpint(seen.st_mode & 0777, ==, 0600);
}

static void test_begin_is_there_while_the_act_runs(Session *session, gconstpointer data)
{
    CommandRun *run;

    g_assert_cmpint(run_line(session, "list"), ==, 0);
    session->over = FALSE;
    run = command_line_run(session->app, &session->face, session->out, "stop batch --timeout 60s",
                           session_done, session); /* it ignores its stop signal */
    while (model_find(session->app->model, "batch", NULL)->info->state != GEMEL_STATE_STOPPING) {
        app_iterate(session->app, FALSE);
        model_list_all(session->app->model);
        g_usleep(1000);
    }
    g_assert_cmpuint(count(session, "begin", "stop", "batch"), ==, 1);
    g_assert_cmpuint(count(session, "end", NULL, NULL), ==, 0);
    command_cancel(run);
    wait_count(session, 1, "end", "stop"); /* the worker tells how it ended after all */
}

static void test_a_refusal_leaves_a_line(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "start web-1"), ==, 6);
    wait_count(session, 1, "refused", "start");
    g_assert_cmpint(run_line(session, "set read-only on; stop web-1"), ==, 7);
    wait_count(session, 1, "refused", "stop");
    g_assert_cmpint(run_line(session, "list; stop"), ==, 2); /* wrong words are no act */
    g_assert_cmpint(run_line(session, "start mail --dry-run; set read-only off"), ==, 0);
    g_assert_cmpuint(count(session, "refused", NULL, NULL), ==, 2);
}

static void test_read_only_is_on_record(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "set read-only on; set read-only on"), ==, 0);
    wait_count(session, 1, "end", "read-only on");
    g_assert_cmpint(run_line(session, "unset read-only; set refresh 2s"), ==, 0);
    wait_count(session, 1, "end", "read-only off");
    g_assert_cmpuint(count(session, NULL, NULL, NULL), ==, 4);
}

/* ---- a disk that does not answer ------------------------------------------------------------ */

static void hold_the_writer(void *data)
{
    pthread_mutex_lock(data);
    pthread_mutex_unlock(data);
}

static void test_a_wait_has_an_end(Session *session, gconstpointer data)
{
    static const char *const lines[] = {"pause lab-ct", "exec lab-ct -- true"};
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

    g_assert_cmpint(run_line(session, "set audit refuse; list"), ==, 0);
    session->app->writer = writer_new();
    pthread_mutex_lock(&held);
    writer_post(session->app->writer, hold_the_writer, &held);
    audit_set_wait_ms(200);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_test_message("%s", lines[i]);
        g_assert_cmpint(run_line(session, lines[i]), ==, 1);
        g_assert_nonnull(strstr(session->text->str, "no answer from its disk; nothing was done"));
    }
    audit_set_wait_ms(10000);
    pthread_mutex_unlock(&held);
    writer_drain(session->app->writer, 10000);
    g_assert_cmpuint(count(session, "begin", "pause", "lab-ct"), ==, 1);
    wait_count(session, 1, "refused", "pause");
}

/* What each command that changes something is called with here. */
static const struct {
    const char *command, *line;
} changes[] = {
    {"start", "start mail"},
    {"stop", "stop web-1"},
    {"restart", "restart web-2"},
    {"kill", "kill web-2 --yes"},
    {"reset", "reset lab-vm --yes"},
    {"pause", "pause lab-ct"},
    {"resume", "resume router"},
    {"limit", "limit lab-ct cpu=0.5"},
    {"save", "save lab-vm"},
    {"restore", "restore lab-vm"},
    {"protect", "protect lab-ct"},
    {"protect off", "protect lab-ct off --yes"},
    {"autostart", "autostart lab-ct on"},
    {"rename", "rename queue queue-2"},
    {"clone", "clone ci-runner ci-2"},
    {"edit", "edit mail"},
    {"delete", "delete ci-runner --yes"},
    {"create", "create new-ct --rootfs /tmp"},
    {"snapshot create", "snapshot create lab-ct s1"},
    {"snapshot revert", "snapshot revert lab-ct s1 --yes --force"},
    {"snapshot delete", "snapshot delete lab-ct s1 --yes"},
};

/* Everything that changes something passes through the log: by its jobs, or as a whole. */
static void test_every_change_is_recorded(Session *session, gconstpointer data)
{
    const Command *const *table = command_table();

    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_test_message("%s", changes[i].line);
        g_assert_cmpint(run_line(session, changes[i].line), ==, 0);
        if (strchr(changes[i].command, ' ') == NULL ||
            g_str_has_prefix(changes[i].command, "snapshot "))
            wait_count(session, 1, "end", changes[i].command);
        g_assert_cmpuint(count(session, "begin", NULL, NULL), ==, i + 1);
    }
    for (gsize i = 0; table[i] != NULL; i++) {
        gboolean is_covered = (table[i]->flags & COMMAND_AUDITED) != 0;

        if ((table[i]->flags & COMMAND_PASSTHROUGH) && g_str_equal(table[i]->group, "Inside"))
            g_assert_true(is_covered || g_str_equal(table[i]->name, "run")); /* runs anything */
        if (!(table[i]->flags & COMMAND_CHANGES))
            continue;
        for (gsize k = 0; k < G_N_ELEMENTS(changes); k++)
            is_covered = is_covered || g_str_equal(changes[k].command, table[i]->name);
        is_covered = is_covered || g_str_equal(table[i]->name, "run"); /* tests/cli/test_run.py */
        g_test_message("%s", table[i]->name);
        g_assert_true(is_covered);
    }
}

/* ---- trouble -------------------------------------------------------------------------------- */

static void test_warn_acts_and_says_so(Session *session, gconstpointer data)
{
    g_assert_cmpint(g_mkdir_with_parents(session->path, 0700), ==, 0);
    g_assert_cmpint(run_line(session, "pause web-1"), ==, 0);
    g_assert_nonnull(strstr(session->text->str, "not on record: the audit log "));
    g_assert_cmpint(run_line(session, "list -q -f state=paused web-1"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
}

static void test_refuse_does_nothing(Session *session, gconstpointer data)
{
    g_assert_cmpint(g_mkdir_with_parents(session->path, 0700), ==, 0);
    g_assert_cmpint(run_line(session, "set audit refuse; pause web-1"), ==, 1);
    g_assert_nonnull(strstr(session->text->str, "set audit warn"));
    g_assert_cmpint(run_line(session, "list -q -f state=running web-1"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
}

static void test_a_cut_line_costs_itself_only(Session *session, gconstpointer data)
{
    g_autofree char *log = g_path_get_dirname(session->path);

    g_assert_cmpint(g_mkdir_with_parents(log, 0700), ==, 0);
    g_assert_true(g_file_set_contents(session->path, "{\"event\":\"begin\",\"wha", -1, NULL));
    g_assert_cmpint(run_line(session, "pause web-1"), ==, 0);
    wait_count(session, 1, "end", "pause");
    g_assert_cmpuint(count(session, NULL, NULL, NULL), ==, 2);
}

static void test_a_link_is_not_followed(Session *session, gconstpointer data)
{
    g_autofree char *log = g_path_get_dirname(session->path);
    g_autofree char *other = g_build_filename(session->dir, "other", NULL);

    g_assert_cmpint(g_mkdir_with_parents(log, 0700), ==, 0);
    g_assert_cmpint(symlink(other, session->path), ==, 0);
    g_assert_cmpint(run_line(session, "set audit refuse; pause web-1"), ==, 1);
    g_assert_cmpint(access(other, F_OK), ==, -1);
}

static void test_secrets_are_left_out(void)
{
    static const struct {
        const char *word, *clean;
    } words[] = {
        {"web-1", "web-1"},
        {"password=x y", "password=***"},
        {"--db-password=x", "--db-password=***"},
        {"API_KEY=x", "API_KEY=***"},
        {"qemu+ssh://me:x@host/system", "qemu+ssh://me:***@host/system"},
        {"qemu+ssh://me@host/system", "qemu+ssh://me@host/system"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *clean = audit_word_without_secret(words[i].word);

        g_assert_cmpstr(clean, ==, words[i].clean);
    }
}

static void test_commands_keep_no_environment(Session *session, gconstpointer data)
{
    json_t *lines;
    const char *command;

    g_assert_cmpint(
        run_line(session, "create new-ct --rootfs /tmp -e PIN=1234 -- /bin/app --pin 1234"), ==, 0);
    wait_count(session, 1, "end", "create");
    lines = audit_read(session->path, 1, NULL);
    command = json_string_value(json_object_get(json_array_get(lines, 0), "command"));
    g_assert_cmpstr(command, ==,
                    "create --env PIN=*** --rootfs /tmp new-ct -- /bin/app (and 2 more)");
    json_decref(lines);
}

/* A crash may leave NULs where lines were. */
static void test_lines_behind_nuls_are_read(Session *session, gconstpointer data)
{
    static const char text[] = "{\"event\":\"begin\"}\n\0\0\0\0{\"event\":\"end\"}\n";
    g_autofree char *dir = g_path_get_dirname(session->path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(session->path, text, sizeof text - 1, NULL));
    json_t *lines = audit_read(session->path, 0, NULL);

    g_assert_cmpuint(json_array_size(lines), ==, 2);
    json_decref(lines);
}

static void test_what_is_no_file_is_not_read(Session *session, gconstpointer data)
{
    g_autofree char *dir = g_path_get_dirname(session->path);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_cmpint(mkfifo(session->path, 0600), ==, 0);
    g_assert_null(audit_read(session->path, 0, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VISUAL", "/bin/sh -c 'echo \"<!-- -->\" >> \"$0\"'", TRUE);
    g_test_add_func("/audit/secrets are left out", test_secrets_are_left_out);
#define ADD(path, fn) g_test_add("/audit/" path, Session, NULL, session_setup, fn, session_teardown)
    ADD("an act leaves two lines", test_an_act_leaves_two_lines);
    ADD("the log is private", test_the_log_is_private);
    ADD("begin is there while the act runs", test_begin_is_there_while_the_act_runs);
    ADD("a refusal leaves a line", test_a_refusal_leaves_a_line);
    ADD("read-only is on record", test_read_only_is_on_record);
    ADD("a wait has an end", test_a_wait_has_an_end);
    ADD("every change is recorded", test_every_change_is_recorded);
    ADD("warn acts and says so", test_warn_acts_and_says_so);
    ADD("refuse does nothing", test_refuse_does_nothing);
    ADD("a cut line costs itself only", test_a_cut_line_costs_itself_only);
    ADD("a link is not followed", test_a_link_is_not_followed);
    ADD("lines behind NULs are read", test_lines_behind_nuls_are_read);
    ADD("what is no file is not read", test_what_is_no_file_is_not_read);
    ADD("commands keep no environment", test_commands_keep_no_environment);
    return g_test_run();
}
