/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands and consoles inside a container, and what it cannot see or do from there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/native/conmon.h"
#include "tests/unit/native/fixture.h"

#define FOREVER "while :; do sleep 1; done"

typedef struct {
    GemelStream *stream;
    int status;
    GError *error;
} Pump;

static void *pump(void *data)
{
    Pump *p = data;

    p->status = gemel_native_ops.streams->pump(p->stream, &p->error);
    return NULL;
}

static GemelStream *open_stream(Fixture *f, const char *id, const GemelStreamArgs *args)
{
    GError *error = NULL;
    GemelStream *stream = gemel_native_ops.streams->open(f->conn, id, args, &error);

    g_assert_no_error(error);
    return stream;
}

/* Reads until `wanted` is there (NULL: to the end); fails after a minute. */
static char *read_until(int fd, const char *wanted)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    GString *text = g_string_new(NULL);

    while (wanted == NULL || strstr(text->str, wanted) == NULL) {
        struct pollfd fds = {.fd = fd, .events = POLLIN};
        char buffer[4096];
        ssize_t got;

        if (g_get_monotonic_time() > deadline_us)
            g_error("read '%s', not '%s'", text->str, wanted != NULL ? wanted : "the end");
        if (poll(&fds, 1, 100) <= 0)
            continue;
        got = read(fd, buffer, sizeof buffer);
        if (got == 0 && wanted == NULL)
            break;
        if (got == 0)
            g_error("ended after '%s', without '%s'", text->str, wanted);
        if (got > 0)
            g_string_append_len(text, buffer, got);
    }
    return g_string_free(text, FALSE);
}

/* Output and status of a command, without a terminal. */
static char *exec_with(Fixture *f, const char *id, const GemelStreamArgs *args, int *ret_status)
{
    Pump p = {.stream = open_stream(f, id, args)};
    int fd = p.stream->fd, err_fd = p.stream->err_fd;
    GThread *thread = g_thread_new("pump", pump, &p);
    char *text;

    shutdown(fd, SHUT_WR);
    text = read_until(fd, NULL);
    g_thread_join(thread);
    g_assert_no_error(p.error);
    gemel_native_ops.streams->free(p.stream);
    close(fd);
    if (err_fd >= 0)
        close(err_fd);
    *ret_status = p.status;
    return text;
}

static char *exec(Fixture *f, const char *id, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int status;
    char *text =
        exec_with(f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv}, &status);

    g_assert_cmpint(status, ==, 0);
    return text;
}

#define assert_says(f, id, script, wanted)                                                         \
    do {                                                                                           \
        g_autofree char *said_ = exec(f, id, script);                                              \
        g_assert_cmpstr(said_, ==, wanted);                                                        \
    } while (0)

static char *start(Fixture *f, const char *script, void (*change)(GemelCreateSpec *))
{
    char *id = fixture_create_with(f, "web", script, change);

    fixture_must(f, GEMEL_ACT_START, id, NULL);
    return id;
}

/* ---- isolation ------------------------------------------------------------------------------ */

/* What a process in the container says of itself, as its init and as one that came by exec. */
#define ABOUT                                                                                      \
    "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status;"                            \
    " echo fds $(ls /proc/self/fd | wc -l); echo host $(hostname);"                                \
    " echo net $(ls /sys/class/net); cat /proc/kcore 2>/dev/null | head -c 1 | wc -c;"             \
    " echo x 2>/dev/null > /proc/sys/kernel/hostname || echo ro; ls /proc/1/root/work 2>&1 | wc "  \
    "-l;"                                                                                          \
    " echo cg $(grep -c gemel /proc/self/cgroup)"

/* The bits of bundle.c's list: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP
   NET_BIND_SERVICE SYS_CHROOT SETFCAP. */
#define CAPS "00000000800405fb"

static void check_about(const char *text)
{
    static const char *const wanted[] = {
        "CapEff:\t" CAPS, "CapBnd:\t" CAPS, "NoNewPrivs:\t1", "Seccomp:\t2", "fds 4",
        "host web",       "net lo",         "\n0\n",          "\nro\n",      "cg 0"};

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (strstr(text, wanted[i]) == NULL)
            g_error("not '%s': %s", wanted[i], text);
}

static void test_init_is_confined(void)
{
    Fixture f;
    g_autofree char *id = NULL, *log = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, ABOUT "; echo done; " FOREVER, NULL);
    log = fixture_wait_log(&f, id, "done");
    lines = g_strsplit(log, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], " ", 4);

        if (g_strv_length(fields) == 4)
            g_string_append_printf(text, "%s\n", fields[3]);
    }
    check_about(text->str);
    fixture_close(&f);
}

static void test_exec_is_confined(void)
{
    Fixture f;
    g_autofree char *id = NULL, *text = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    text = exec(&f, id, ABOUT);
    check_about(text);
    fixture_close(&f);
}

static void test_host_mounts_stay_out(void)
{
    Fixture f;
    g_autofree char *id = NULL, *host = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    assert_says(&f, id, "grep -c '[^ ]* / overlay ' /proc/mounts", "1\n");
    g_assert_true(g_file_get_contents("/proc/self/mountinfo", &host, NULL, NULL));
    g_assert_null(strstr(host, id));
    fixture_close(&f);
}

static void share_network(GemelCreateSpec *spec)
{
    spec->network = "host";
}

static void join_network(GemelCreateSpec *spec)
{
    spec->network = "ns:/proc/self/ns/net";
}

static char *netns_of(const char *path)
{
    return g_file_read_link(path, NULL);
}

static void test_network_is_shared_or_joined_on_request(void)
{
    void (*const changes[])(GemelCreateSpec *) = {share_network, join_network, NULL};
    g_autofree char *ours = netns_of("/proc/self/ns/net");

    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        Fixture f;
        g_autofree char *id = NULL, *path = NULL, *theirs = NULL;
        g_auto(NativeRun) run = {0};

        if (!fixture_open(&f))
            return;
        id = start(&f, FOREVER, changes[i]);
        native_run_load(((NativeConn *)f.conn)->store, id, &run);
        path = g_strdup_printf("/proc/%d/ns/net", (int)run.pid);
        theirs = netns_of(path);
        if (changes[i] != NULL)
            g_assert_cmpstr(theirs, ==, ours);
        else
            g_assert_cmpstr(theirs, !=, ours);
        fixture_close(&f);
    }
}

static void read_only(GemelCreateSpec *spec)
{
    spec->read_only = TRUE;
}

static void test_read_only_root(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, read_only);
    assert_says(&f, id, "touch /file 2>/dev/null || echo refused; touch /dev/shm/file && echo ok",
                "refused\nok\n");
    fixture_close(&f);
}

static void as_web(GemelCreateSpec *spec)
{
    spec->user = "web";
    spec->cwd = "/tmp";
}

static void test_user_and_directory(void)
{
    Fixture f;
    g_autofree char *id = NULL, *as_root = NULL;
    static const char *const argv[] = {"/bin/sh", "-c", "id -u; pwd", NULL};
    int status;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, as_web);
    assert_says(&f, id, "id -u; id -g; pwd; grep CapEff /proc/self/status",
                "101\n102\n/tmp\nCapEff:\t0000000000000000\n");
    as_root = exec_with(
        &f, id,
        &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv, .user = "root", .cwd = "/etc"},
        &status);
    g_assert_cmpstr(as_root, ==, "0\n/etc\n");
    fixture_close(&f);
}

static void small_memory(GemelCreateSpec *spec)
{
    spec->limits = (GemelLimits){.cpus = 0, .memory_bytes = 16 << 20, .pids = 20};
}

static void test_memory_limit_kills_and_is_told(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GemelInstance) ended = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, "a=x; while :; do a=$a$a; done", small_memory);
    fixture_wait_state(&f, id, GEMEL_STATE_STOPPED);
    ended = fixture_find(&f, id);
    g_test_message("%s", ended->state_reason);
    g_assert_nonnull(strstr(ended->state_reason, "out of memory"));
    fixture_close(&f);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void refused(Fixture *f, const char *id, const GemelStreamArgs *args, GemelErrorKind kind)
{
    GError *error = NULL;

    g_assert_null(gemel_native_ops.streams->open(f->conn, id, args, &error));
    fixture_assert_error(error, kind);
}

static void test_refuses_what_makes_no_sense(void)
{
    static const char *const none[] = {NULL}, *const empty[] = {"", NULL},
                             *const ok[] = {"true", NULL};
    const GemelStreamArgs exec_args = {.kind = GEMEL_STREAM_EXEC, .argv = ok};
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    refused(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC}, GEMEL_ERROR_INVALID);
    refused(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = none},
            GEMEL_ERROR_INVALID);
    refused(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = empty},
            GEMEL_ERROR_INVALID);
    refused(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = ok, .user = "nobody?"},
            GEMEL_ERROR_INVALID);
    refused(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = ok, .cwd = "x"},
            GEMEL_ERROR_INVALID);
    fixture_must(&f, GEMEL_ACT_PAUSE, id, NULL);
    refused(&f, id, &exec_args, GEMEL_ERROR_CONFLICT);
    fixture_close(&f);
}

static void test_what_cannot_be_run_is_126(void)
{
    static const char *const argv[] = {"/etc/passwd", NULL}, *const dir[] = {"/etc", NULL};
    Fixture f;
    g_autofree char *id = NULL, *text = NULL, *more = NULL;
    int status;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    text = exec_with(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv}, &status);
    g_assert_cmpint(status, ==, 126);
    more = exec_with(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = dir}, &status);
    g_assert_cmpint(status, ==, 126);
    fixture_close(&f);
}

/* 255 is a status like any other when it is the command's own. */
static void test_any_status_comes_through(void)
{
    static const int statuses[] = {0, 1, 2, 124, 125, 126, 127, 128, 255};
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autofree char *script = g_strdup_printf("exit %d", statuses[i]);
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        g_autofree char *text = NULL;
        int status;

        text =
            exec_with(&f, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv}, &status);
        g_assert_cmpint(status, ==, statuses[i]);
    }
    fixture_close(&f);
}

/* A process left behind with our pipe open must not hold the end of the command up. */
static void test_does_not_wait_for_what_is_left_behind(void)
{
    Fixture f;
    g_autofree char *id = NULL, *runtime = NULL;
    gint64 begin;

    if (!fixture_open(&f))
        return;
    runtime = native_runtime_find(((NativeConn *)f.conn)->store, NULL);
    if (!native_runtime_mounts_overlay(runtime)) {
        g_test_skip("runc's exec itself waits until nobody has its pipes open");
        fixture_close(&f);
        return;
    }
    id = start(&f, FOREVER, NULL);
    begin = g_get_monotonic_time();
    assert_says(&f, id, "sleep 1000 & echo started", "started\n");
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 30 * G_USEC_PER_SEC);
    fixture_close(&f);
}

/* ---- terminals ------------------------------------------------------------------------------ */

static void test_exec_terminal_has_the_callers_size(void)
{
    static const char *const argv[] = {
        "/bin/sh", "-c",
        "stty size; until [ \"$(stty size)\" = \"44 88\" ]; do sleep 0.02; done; stty size; "
        "test -t 0 && test -t 2 && echo tty",
        NULL};
    const GemelStreamArgs args = {
        .kind = GEMEL_STREAM_EXEC, .argv = argv, .tty = TRUE, .rows = 33, .cols = 77};
    Fixture f;
    g_autofree char *id = NULL, *first = NULL, *rest = NULL;
    Pump p = {0};
    GThread *thread;
    int fd;

    if (!fixture_open(&f))
        return;
    id = start(&f, FOREVER, NULL);
    p.stream = open_stream(&f, id, &args);
    fd = p.stream->fd;
    thread = g_thread_new("pump", pump, &p);
    first = read_until(fd, "33 77\r\n");
    gemel_native_ops.streams->resize(p.stream, 44, 88);
    /* The new size travels by a signal: it is asked for until it is there. */
    rest = read_until(fd, NULL);
    g_assert_nonnull(strstr(rest, "44 88\r\n"));
    g_assert_nonnull(strstr(rest, "tty\r\n"));
    g_thread_join(thread);
    g_assert_cmpint(p.status, ==, 0);
    gemel_native_ops.streams->free(p.stream);
    close(fd);
    fixture_close(&f);
}

static void with_terminal(GemelCreateSpec *spec)
{
    spec->tty = TRUE;
}

static void test_console_shows_the_log_and_takes_a_size(void)
{
    /* the size travels by a signal; what is typed is shown too, so it must not be what is waited
     * for */
    static const char ask[] =
        "until case $(stty size) in 33\\ 7[7]) ;; *) false ;; esac; do sleep 0.02; done; "
        "stty size\r";
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE, .rows = 33, .cols = 77};
    Fixture f;
    g_autofree char *id = NULL, *log = NULL, *before = NULL, *size = NULL;
    Pump p = {0};
    GThread *thread;
    int fd;

    if (!fixture_open(&f))
        return;
    id = start(&f, "echo earlier; while read -r line; do eval \"$line\"; done", with_terminal);
    log = fixture_wait_log(&f, id, "earlier");
    p.stream = open_stream(&f, id, &args);
    fd = p.stream->fd;
    thread = g_thread_new("pump", pump, &p);
    before = read_until(fd, "earlier");
    g_assert_cmpint(write(fd, ask, sizeof ask - 1), ==, sizeof ask - 1);
    size = read_until(fd, "33 77");
    close(fd);
    g_thread_join(thread);
    g_assert_no_error(p.error);
    gemel_native_ops.streams->free(p.stream);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    fixture_close(&f);
}

/* Two may look at one console; both see the same. */
static void test_console_of_pipes_turns_line_ends(void)
{
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    Fixture f;
    g_autofree char *id = NULL, *log = NULL, *one = NULL, *two = NULL;
    Pump a = {0}, b = {0};
    GThread *threads[2];
    int fds[2];

    if (!fixture_open(&f))
        return;
    id = start(&f, "echo up; while read -r line; do echo \"got $line\"; done", NULL);
    log = fixture_wait_log(&f, id, "up");
    a.stream = open_stream(&f, id, &args);
    b.stream = open_stream(&f, id, &args);
    fds[0] = a.stream->fd;
    fds[1] = b.stream->fd;
    threads[0] = g_thread_new("pump", pump, &a);
    threads[1] = g_thread_new("pump", pump, &b);
    g_assert_cmpint(write(fds[0], "hello\r", 6), ==, 6);
    one = read_until(fds[0], "got hello\r\n");
    two = read_until(fds[1], "got hello\r\n");
    for (guint i = 0; i < 2; i++) {
        close(fds[i]);
        g_thread_join(threads[i]);
    }
    gemel_native_ops.streams->free(a.stream);
    gemel_native_ops.streams->free(b.stream);
    fixture_close(&f);
}

/* A caller who does not read must not stop the container: conmon serves all with blocking writes.
 */
static void test_a_stalled_console_stalls_nobody(void)
{
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    Fixture f;
    g_autofree char *id = NULL, *log = NULL;
    Pump p = {0};
    GThread *thread;
    int fd;

    if (!fixture_open(&f))
        return;
    id = start(&f,
               "read x; a=0123456789abcdef; for i in $(seq 9); do a=$a$a; done;"
               " for i in $(seq 400); do echo $a; done; echo finished; sleep 1000",
               NULL);
    p.stream = open_stream(&f, id, &args);
    fd = p.stream->fd;
    thread = g_thread_new("pump", pump, &p);
    g_assert_cmpint(write(fd, "\r", 1), ==, 1);
    log = fixture_wait_log(&f, id, "finished");
    close(fd);
    g_thread_join(thread);
    gemel_native_ops.streams->free(p.stream);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_test_add_func("/native/confined/init", test_init_is_confined);
    g_test_add_func("/native/confined/exec", test_exec_is_confined);
    g_test_add_func("/native/confined/host-mounts-stay-out", test_host_mounts_stay_out);
    g_test_add_func("/native/confined/network-is-shared-or-joined-on-request",
                    test_network_is_shared_or_joined_on_request);
    g_test_add_func("/native/confined/read-only-root", test_read_only_root);
    g_test_add_func("/native/confined/user-and-directory", test_user_and_directory);
    g_test_add_func("/native/confined/memory-limit-kills-and-is-told",
                    test_memory_limit_kills_and_is_told);
    g_test_add_func("/native/exec/refuses-what-makes-no-sense", test_refuses_what_makes_no_sense);
    g_test_add_func("/native/exec/what-cannot-be-run-is-126", test_what_cannot_be_run_is_126);
    g_test_add_func("/native/exec/any-status-comes-through", test_any_status_comes_through);
    g_test_add_func("/native/exec/does-not-wait-for-what-is-left-behind",
                    test_does_not_wait_for_what_is_left_behind);
    g_test_add_func("/native/exec/terminal-has-the-callers-size",
                    test_exec_terminal_has_the_callers_size);
    g_test_add_func("/native/console/shows-the-log-and-takes-a-size",
                    test_console_shows_the_log_and_takes_a_size);
    g_test_add_func("/native/console/of-pipes-turns-line-ends",
                    test_console_of_pipes_turns_line_ends);
    g_test_add_func("/native/console/a-stalled-one-stalls-nobody",
                    test_a_stalled_console_stalls_nobody);
    return g_test_run();
}
