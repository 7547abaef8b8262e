/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Helper programs: what they get from us, what they say, how they end. */
#include "backends/nofile.h"
#include "console/child.h"
#include "console/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    App *app;
    GString *out, *err; /* lines, each with a newline */
    int status;         /* -1: not ended */
} Run;

static void take_line(gpointer data, gboolean is_error, const char *text)
{
    Run *run = data;

    g_string_append_printf(is_error ? run->err : run->out, "%s\n", text);
}

static void take_end(gpointer data, int status)
{
    ((Run *)data)->status = status;
}

static Run run_open(void)
{
    return (Run){
        .app = app_new(), .out = g_string_new(NULL), .err = g_string_new(NULL), .status = -1};
}

static void run_close(Run *run)
{
    g_assert_true(app_free(run->app));
    g_string_free(run->out, TRUE);
    g_string_free(run->err, TRUE);
}

/* Runs a script of the shell to its end. */
static Run run_script(const char *script, const char *const *env)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    g_autoptr(GError) error = NULL;
    gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    Run run = run_open();
    ChildHooks hooks = {.line = take_line, .ended = take_end, .data = &run};

    g_assert_nonnull(child_start(run.app, argv, env, &hooks, &error));
    g_assert_no_error(error);
    while (run.status < 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(run.app, FALSE);
        g_usleep(200);
    }
    return run;
}

static void test_what_it_says_comes_by_line_and_its_status_last(void)
{
    Run run = run_script("echo one; echo two >&2; printf three; exit 7", NULL);

    g_assert_cmpstr(run.out->str, ==, "one\nthree\n");
    g_assert_cmpstr(run.err->str, ==, "two\n");
    g_assert_cmpint(run.status, ==, 7);
    run_close(&run);
}

/* A line without an end must not be collected without one. */
static void test_a_line_is_bounded_and_marked_where_it_is_cut(void)
{
    Run run =
        run_script("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next; printf 'a\\0b'", NULL);
    g_auto(GStrv) lines = g_strsplit(run.out->str, "\n", -1);

    g_assert_cmpuint(strlen(lines[0]), ==, CHILD_LINE_MAX_BYTES + strlen(CHILD_CUT_MARK));
    g_assert_true(g_str_has_suffix(lines[0], "x" CHILD_CUT_MARK));
    g_assert_cmpstr(lines[1], ==, "next");
    g_assert_cmpstr(lines[2], ==, "a?b");
    run_close(&run);
}

static void test_a_child_that_cannot_be_watched_is_ended(void)
{
    struct rlimit before, none;
    g_autoptr(GError) error = NULL;
    pid_t pid = fork();
    int fd = -1;

    if (pid == 0) {
        pause();
        _exit(0);
    }
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    none = before;
    none.rlim_cur = 0;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    g_assert_false(spawn_watch(pid, "the editor", &fd, &error));
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    g_assert_nonnull(strstr(error->message, "cannot watch the editor: Too many open files"));
    g_assert_cmpint(fd, ==, -1);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, -1); /* reaped */
}

static void test_the_end_by_a_signal_is_128_and_its_number(void)
{
    Run run = run_script("kill -KILL $$", NULL);

    g_assert_cmpint(run.status, ==, 128 + SIGKILL);
    run_close(&run);
}

static void test_its_environment_is_ours_and_the_pairs(void)
{
    const char *const env[] = {"GEMEL_PAIR=a=b c", NULL};
    Run run;

    g_setenv("GEMEL_OURS", "ours", TRUE);
    run = run_script("echo \"$GEMEL_OURS $GEMEL_PAIR\"", env);
    g_assert_cmpstr(run.out->str, ==, "ours a=b c\n");
    run_close(&run);
}

static void test_it_has_no_input_and_no_descriptor_of_ours(void)
{
    int ours = fcntl(STDERR_FILENO, F_DUPFD, 57); /* not closed by execve(2) */
    g_autofree char *script =
        g_strdup_printf("readlink /proc/$$/fd/0; [ -e /proc/$$/fd/%d ] || echo none", ours);
    Run run = run_script(script, NULL);

    g_assert_cmpint(ours, >=, 57);
    g_assert_cmpstr(run.out->str, ==, "/dev/null\nnone\n");
    close(ours);
    run_close(&run);
}

static void test_signals_are_as_a_program_expects_them(void)
{
    sigset_t some, old;
    Run run;

    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &some, &old);
    signal(SIGPIPE, SIG_IGN);
    run = run_script("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL);
    g_assert_cmpstr(run.out->str, ==, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    run_close(&run);
}

static void test_its_limit_of_descriptors_is_the_one_we_came_with(void)
{
    struct rlimit before, limit;
    g_autofree char *expected = NULL;
    Run run;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = MIN(before.rlim_cur, 200);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    gemel_nofile_raise();
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpuint(limit.rlim_cur, ==, limit.rlim_max);
    run = run_script("ulimit -Sn", NULL);
    expected = g_strdup_printf("%d\n", (int)MIN(before.rlim_cur, 200));
    g_assert_cmpstr(run.out->str, ==, expected);
    run_close(&run);
}

/* Below the limit that it gets back no number may be free here. */
static void test_it_starts_when_we_hold_more_descriptors_than_it_may(void)
{
    int fds[300];
    Run run;

    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
        g_assert_cmpint(fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), >=, 0);
    run = run_script("echo here", NULL);
    g_assert_cmpstr(run.out->str, ==, "here\n");
    run_close(&run);
    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void test_a_program_that_is_not_there_is_an_error_at_once(void)
{
    const char *const nowhere[] = {"gemel-no-such-program", NULL};
    const char *const folder[] = {"/tmp", NULL};
    g_autoptr(GError) missing = NULL, denied = NULL;
    Run run = run_open();
    ChildHooks hooks = {.line = take_line, .ended = take_end, .data = &run};

    g_assert_null(child_start(run.app, nowhere, NULL, &hooks, &missing));
    g_assert_error(missing, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
    g_assert_cmpstr(missing->message, ==,
                    "cannot run gemel-no-such-program: No such file or directory");
    g_assert_null(child_start(run.app, folder, NULL, &hooks, &denied));
    g_assert_error(denied, GEMEL_ERROR, GEMEL_ERROR_DENIED);
    run_close(&run);
}

static void test_an_abandoned_one_is_told_to_end_and_says_no_more(void)
{
    const char *const argv[] = {"sh", "-c",
                                "trap 'echo ended >&2; exit 0' TERM; echo up; "
                                "while :; do sleep 0.05; done",
                                NULL};
    gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    Run run = run_open();
    ChildHooks hooks = {.line = take_line, .ended = take_end, .data = &run};
    Child *child = child_start(run.app, argv, NULL, &hooks, NULL);

    g_assert_nonnull(child);
    while (run.out->len == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        app_iterate(run.app, FALSE);
        g_usleep(200);
    }
    child_abandon(child);
    for (int i = 0; i < 200; i++) { /* long enough for what it would say */
        app_iterate(run.app, FALSE);
        g_usleep(1000);
    }
    g_assert_cmpstr(run.err->str, ==, "");
    g_assert_cmpint(run.status, ==, -1);
    run_close(&run);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/what-it-says-comes-by-line-and-its-status-last",
                    test_what_it_says_comes_by_line_and_its_status_last);
    g_test_add_func("/child/a-line-is-bounded-and-marked-where-it-is-cut",
                    test_a_line_is_bounded_and_marked_where_it_is_cut);
    g_test_add_func("/child/one-that-cannot-be-watched-is-ended",
                    test_a_child_that_cannot_be_watched_is_ended);
    g_test_add_func("/child/the-end-by-a-signal-is-128-and-its-number",
                    test_the_end_by_a_signal_is_128_and_its_number);
    g_test_add_func("/child/its-environment-is-ours-and-the-pairs",
                    test_its_environment_is_ours_and_the_pairs);
    g_test_add_func("/child/it-has-no-input-and-no-descriptor-of-ours",
                    test_it_has_no_input_and_no_descriptor_of_ours);
    g_test_add_func("/child/signals-are-as-a-program-expects-them",
                    test_signals_are_as_a_program_expects_them);
    g_test_add_func("/child/its-limit-of-descriptors-is-the-one-we-came-with",
                    test_its_limit_of_descriptors_is_the_one_we_came_with);
    g_test_add_func("/child/it-starts-when-we-hold-more-descriptors-than-it-may",
                    test_it_starts_when_we_hold_more_descriptors_than_it_may);
    g_test_add_func("/child/a-program-that-is-not-there-is-an-error-at-once",
                    test_a_program_that_is_not_there_is_an_error_at_once);
    g_test_add_func("/child/an-abandoned-one-is-told-to-end-and-says-no-more",
                    test_an_abandoned_one_is_told_to_end_and_says_no_more);
    return g_test_run();
}
