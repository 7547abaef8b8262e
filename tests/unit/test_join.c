/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which namespaces a join enters, when it is refused, and what comes of a process that is gone. */
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/join.h"
#include "backends/nofile.h"

#define BIT(ns)        (1u << GEMEL_NS_##ns)
#define CONTAINER_CAPS G_GUINT64_CONSTANT(0xa80425fb)
#define ALL_CAPS       G_GUINT64_CONSTANT(0x1ffffffffff)

/* A container whose own namespaces are those of `own`. */
static GemelIsolation *container_new(guint own)
{
    GemelIsolation *isolation = gemel_isolation_new();

    for (guint ns = 0; ns < GEMEL_NS_TIME; ns++) {
        isolation->ns_host_inode[ns] = 100 + ns;
        isolation->ns_inode[ns] = (own >> ns & 1u) != 0 ? 200 + ns : 100 + ns;
    }
    isolation->caps[GEMEL_CAPS_BOUNDING] = CONTAINER_CAPS;
    isolation->caps_last = 40;
    return isolation;
}

static guint plan(const GemelIsolation *isolation, guint wanted, gboolean keep, gboolean root)
{
    g_autoptr(GError) error = NULL;
    guint entered;

    g_assert_true(gemel_join_plan(isolation, "ct", wanted, keep, root, &entered, &error));
    g_assert_no_error(error);
    return entered;
}

static void test_just_those(void)
{
    g_autoptr(GemelIsolation) isolation = container_new(BIT(MNT) | BIT(NET) | BIT(PID));

    g_assert_cmpuint(plan(isolation, BIT(NET), FALSE, TRUE), ==, BIT(NET));
    g_assert_cmpuint(plan(isolation, BIT(MNT) | BIT(PID), FALSE, TRUE), ==, BIT(MNT) | BIT(PID));
    g_assert_cmpuint(plan(isolation, BIT(UTS) | BIT(USER), FALSE, TRUE), ==, 0); /* shared */
}

/* Its files are not written as the host's root, and a user needs it for everything. */
static void test_user_comes_along(void)
{
    g_autoptr(GemelIsolation) isolation = container_new(BIT(MNT) | BIT(NET) | BIT(USER));

    g_assert_cmpuint(plan(isolation, BIT(MNT), FALSE, TRUE), ==, BIT(MNT) | BIT(USER));
    g_assert_cmpuint(plan(isolation, BIT(MNT), TRUE, TRUE), ==, BIT(MNT));
    g_assert_cmpuint(plan(isolation, BIT(NET), FALSE, TRUE), ==, BIT(NET));
    g_assert_cmpuint(plan(isolation, BIT(NET), FALSE, FALSE), ==, BIT(NET) | BIT(USER));
    g_assert_cmpuint(plan(isolation, BIT(UTS), FALSE, FALSE), ==, 0);
}

static void test_what_is_not_there(void)
{
    g_autoptr(GemelIsolation) isolation = container_new(BIT(MNT));
    g_autoptr(GError) missing = NULL, closed = NULL;
    guint entered;

    g_assert_false(gemel_join_plan(isolation, "ct", BIT(TIME), FALSE, TRUE, &entered, &missing));
    g_assert_error(missing, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    gemel_isolation_set_why(isolation, GEMEL_ISOLATION_NAMESPACES, "not permitted");
    isolation->ns_inode[GEMEL_NS_NET] = 0;
    g_assert_false(gemel_join_plan(isolation, "ct", BIT(NET), FALSE, TRUE, &entered, &closed));
    g_assert_error(closed, GEMEL_ERROR, GEMEL_ERROR_DENIED);
}

static void test_exposure(void)
{
    g_autoptr(GemelIsolation) isolation = container_new(BIT(PID));
    g_autoptr(GemelIsolation) mapped = container_new(BIT(PID) | BIT(USER));

    g_assert_false(gemel_join_is_exposed(isolation, ALL_CAPS));
    g_assert_true(gemel_join_is_exposed(isolation, CONTAINER_CAPS)); /* no more than they have */
    g_assert_false(gemel_join_is_exposed(mapped, CONTAINER_CAPS));
    isolation->caps[GEMEL_CAPS_BOUNDING] |= 1u << 19; /* CAP_SYS_PTRACE */
    g_assert_true(gemel_join_is_exposed(isolation, ALL_CAPS));
}

static GemelStream *open_join(gint pid, guint64 start, const char *const *argv, guint namespaces,
                              GError **error)
{
    return gemel_join_open(
        &(GemelJoinTarget){"ct", pid, start},
        &(GemelStreamArgs){.kind = GEMEL_STREAM_JOIN, .argv = argv, .namespaces = namespaces},
        error);
}

static guint descriptors(void)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    g_dir_close(dir);
    return n;
}

/* The pid of a process that is gone, or of another that has it now. */
static void test_gone(void)
{
    static const char *const argv[] = {"true", NULL};
    g_autoptr(GError) gone = NULL, other = NULL, nothing = NULL;
    guint before = descriptors();

    g_assert_null(open_join(getpid(), 1, argv, BIT(NET), &other));
    g_assert_error(other, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);
    g_assert_null(open_join(G_MAXINT, 1, argv, BIT(NET), &gone));
    g_assert_error(gone, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);
    g_assert_null(open_join(getpid(), 0, argv, 0, &nothing));
    g_assert_error(nothing, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_assert_cmpuint(descriptors(), ==, before);
}

/* All are shared, so nothing is entered, and nobody needs to be root for it. */
static void test_status_and_output(void)
{
    static const char *const argv[] = {"sh", "-c", "echo out; exit 3", NULL};
    g_autoptr(GError) error = NULL;
    guint before = descriptors();
    GemelStream *stream = open_join(getpid(), 0, argv, BIT(NET), &error);
    const GemelStreamOps *ops = stream->ops;
    int fd = stream->fd, err_fd = stream->err_fd;
    char text[16] = {0};

    g_assert_no_error(error);
    g_assert_cmpint(ops->pump(stream, &error), ==, 3);
    g_assert_cmpint(read(fd, text, sizeof text - 1), ==, 4);
    g_assert_cmpstr(text, ==, "out\n");
    ops->free(stream);
    close(fd);
    close(err_fd);
    g_assert_cmpuint(descriptors(), ==, before);
}

static void test_not_pumped(void)
{
    static const char *const argv[] = {"sleep", "1000", NULL};
    g_autoptr(GError) error = NULL;
    guint before = descriptors();
    GemelStream *stream = open_join(getpid(), 0, argv, BIT(NET), &error);
    int fd = stream->fd, err_fd = stream->err_fd;

    g_assert_no_error(error);
    stream->ops->free(stream); /* ends it */
    close(fd);
    close(err_fd);
    g_assert_cmpuint(descriptors(), ==, before);
}

static void test_no_program(void)
{
    static const char *const argv[] = {"/no/such/program", NULL};
    g_autoptr(GError) error = NULL;
    GemelStream *stream = open_join(getpid(), 0, argv, BIT(NET), &error);
    const GemelStreamOps *ops = stream->ops;
    int fd = stream->fd, err_fd = stream->err_fd;

    g_assert_cmpint(ops->pump(stream, &error), ==, 127);
    ops->free(stream);
    close(fd);
    close(err_fd);
}

static void test_descriptor_limit(void)
{
    static const char *const argv[] = {"sh", "-c", "ulimit -Sn", NULL};
    struct rlimit before;
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = NULL;
    char text[32] = {0};

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    before.rlim_cur = MIN(before.rlim_cur, 200);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    gemel_nofile_raise();

    GemelStream *stream = open_join(getpid(), 0, argv, BIT(NET), &error);
    const GemelStreamOps *ops = stream->ops;
    int fd = stream->fd, err_fd = stream->err_fd;

    g_assert_cmpint(ops->pump(stream, &error), ==, 0);
    g_assert_cmpint(read(fd, text, sizeof text - 1), >, 0);
    expected = g_strdup_printf("%d\n", (int)before.rlim_cur);
    g_assert_cmpstr(text, ==, expected);
    ops->free(stream);
    close(fd);
    close(err_fd);
}

/* ---- files that never answer ---------------------------------------------------------------- */

/* Mounts a file system at `dir` that says that it is there, takes every question after that and
   answers none: what the kernel waits for then is not ended by SIGKILL. */
static G_NORETURN void be_silent_host(const char *dir, int ready)
{
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    g_autofree char *options = g_strdup_printf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    union {
        struct fuse_in_header header;
        char bytes[FUSE_MIN_READ_BUFFER];
    } in;
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } out = {.header.len = sizeof out,
             .init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION}};

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (fuse < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("silent", dir, "fuse", MS_NOSUID | MS_NODEV, options) != 0 ||
        read(fuse, &in, sizeof in) < 0)
        _exit(1);
    out.header.unique = in.header.unique;
    if (write(fuse, &out, sizeof out) != sizeof out || write(ready, "", 1) != 1)
        _exit(1);
    while (read(fuse, &in, sizeof in) > 0)
        ;
    _exit(0);
}

/* A process with such files at `dir`, or 0 where this host lets nobody mount them. */
static pid_t silent_host(const char *dir)
{
    int ready[2];
    char byte;
    pid_t pid;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0)
        be_silent_host(dir, ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        waitpid(pid, NULL, 0);
        pid = 0;
    }
    close(ready[0]);
    return pid;
}

static gboolean has_children(void)
{
    return waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void test_files_that_never_answer(void)
{
    g_autofree char *dir = g_dir_make_tmp("gemel-join-XXXXXX", NULL);
    g_autofree char *program = g_build_filename(dir, "program", NULL);
    const struct {
        const char *program, *cwd;
        guint namespaces;
    } cases[] = {{"true", dir, BIT(MNT)}, {program, NULL, BIT(MNT)}};
    guint before = descriptors();

    gemel_join_launch_ms = 300;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const argv[] = {cases[i].program, NULL}, *const usual[] = {"true", NULL};
        pid_t host = silent_host(dir);
        g_autoptr(GError) error = NULL;
        gint64 begin = g_get_monotonic_time();

        if (host == 0) {
            g_test_skip("this host mounts no FUSE for us");
            break;
        }
        g_assert_null(gemel_join_open(&(GemelJoinTarget){"ct", host, 0},
                                      &(GemelStreamArgs){.kind = GEMEL_STREAM_JOIN,
                                                         .argv = argv,
                                                         .cwd = cases[i].cwd,
                                                         .namespaces = cases[i].namespaces},
                                      &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * G_USEC_PER_SEC);
        g_assert_cmpuint(descriptors(), ==, before);
        kill(host, SIGKILL); /* with it the file system, and what waits for it */
        waitpid(host, NULL, 0);
        for (guint tries = 0; has_children(); tries++) { /* each join reaps those before it */
            g_autoptr(GError) none = NULL;

            g_assert_null(open_join(G_MAXINT, 1, usual, BIT(NET), &none));
            g_assert_cmpuint(tries, <, 2000);
            g_usleep(10000);
        }
    }
    gemel_join_launch_ms = 10000;
    rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/join/enters-just-those", test_just_those);
    g_test_add_func("/join/takes-the-user-namespace-along", test_user_comes_along);
    g_test_add_func("/join/says-what-is-not-there", test_what_is_not_there);
    g_test_add_func("/join/knows-when-it-would-be-exposed", test_exposure);
    g_test_add_func("/join/does-not-join-another-process", test_gone);
    g_test_add_func("/join/gives-status-and-output", test_status_and_output);
    g_test_add_func("/join/ends-what-is-not-pumped", test_not_pumped);
    g_test_add_func("/join/says-that-there-is-no-program", test_no_program);
    g_test_add_func("/join/gives-back-the-limit-of-descriptors", test_descriptor_limit);
    g_test_add_func("/join/gives-up-on-files-that-never-answer", test_files_that_never_answer);
    return g_test_run();
}
