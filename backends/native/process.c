/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/process.h"
#include "backends/nofile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX  (1024 * 1024)
#define MESSAGE_MAX (8 * 1024)

char **native_child_env(void)
{
    const char *runtime_dir = g_getenv("XDG_RUNTIME_DIR");
    const char *home = g_getenv("HOME");
    GPtrArray *env = g_ptr_array_new();

    g_ptr_array_add(env,
                    g_strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    g_ptr_array_add(env, g_strdup("LC_ALL=C"));
    g_ptr_array_add(env, g_strdup_printf("HOME=%s", home != NULL ? home : "/"));
    if (runtime_dir != NULL)
        g_ptr_array_add(env, g_strdup_printf("XDG_RUNTIME_DIR=%s", runtime_dir));
    g_ptr_array_add(env, NULL);
    return (char **)g_ptr_array_free(env, FALSE);
}

/* ---- the child, between fork and execve: system calls only ---------------------------------- */

/* Tells the parent which step failed and why, and ends. */
static _Noreturn void child_fail(int report_fd, const char *step)
{
    int err = errno;
    char text[64] = {0};

    g_strlcpy(text, step, sizeof text - sizeof err);
    memcpy(text + sizeof text - sizeof err, &err, sizeof err);
    if (write(report_fd, text, sizeof text) < 0)
        _exit(126);
    _exit(125);
}

/* Ignored signals stay ignored over execve, so each goes back to its default. */
static void child_reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The mount is seen by the child and what it starts, and by nobody else: mounts do not propagate
 * back out of a slave. It lasts as long as a process of that namespace does, so nothing is left to
 * unmount whoever is killed.
 */
static void child_mount(int report_fd, const NativePrivateMount *mnt)
{
    if (unshare(CLONE_NEWNS) != 0)
        child_fail(report_fd, "new mount namespace");
    if (mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        child_fail(report_fd, "detach mount propagation");
    if (chdir(mnt->base) != 0)
        child_fail(report_fd, "enter the container's directory");
    if (mount("overlay", mnt->target, "overlay", 0, mnt->options) != 0)
        child_fail(report_fd, "mount the overlay");
}

static void child_stdio(int report_fd, const NativeSpawn *spawn)
{
    int fds[3];

    /* Lift all three clear of 0..2 first, so that none is overwritten before it is used. */
    for (int i = 0; i < 3; i++) {
        int fd = spawn->stdio[i];

        if (fd < 0)
            fd = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fds[i] < 0)
            child_fail(report_fd, "standard input and output");
    }
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            child_fail(report_fd, "standard input and output");
}

static _Noreturn void child_main(const NativeSpawn *spawn, char *const *env, int report_fd)
{
    child_reset_signals();
    if (spawn->new_session && setsid() < 0)
        child_fail(report_fd, "new session");
    child_stdio(report_fd, spawn);
    if (spawn->controlling_tty && ioctl(0, TIOCSCTTY, 0) != 0)
        child_fail(report_fd, "controlling terminal");
    if (spawn->private_mount != NULL)
        child_mount(report_fd, spawn->private_mount);
    if (chdir(spawn->cwd != NULL ? spawn->cwd : "/") != 0)
        child_fail(report_fd, "change directory");
    for (guint i = 0; i < spawn->n_keep; i++)
        if (fcntl(spawn->keep[i], F_SETFD, 0) != 0)
            child_fail(report_fd, "pass a descriptor");
    gemel_nofile_give_back(); /* last: below it no descriptor may be free */
    execve(spawn->argv[0], (char *const *)spawn->argv, env);
    child_fail(report_fd, "execute");
}

/* ---- the parent ----------------------------------------------------------------------------- */

/* Reads the child's report: nothing (the pipe closed at execve), or what failed. */
static gboolean read_report(int fd, const char *program, GError **error)
{
    char text[64];
    ssize_t got;
    int err;

    do
        got = read(fd, text, sizeof text);
    while (got < 0 && errno == EINTR);
    if (got != sizeof text)
        return TRUE;
    memcpy(&err, text + sizeof text - sizeof err, sizeof err);
    text[sizeof text - sizeof err] = '\0';
    if (g_str_equal(text, "execute") && err == ENOENT)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "%s: no such program", program);
    return gemel_error_set_errno(error, err, "starting %s: %s", program, text);
}

gboolean native_spawn(const NativeSpawn *spawn, pid_t *ret_pid, int *ret_pidfd, GError **error)
{
    g_auto(GStrv) own_env = spawn->env == NULL ? native_child_env() : NULL;
    char *const *env = spawn->env != NULL ? (char *const *)spawn->env : own_env;
    sigset_t all, old;
    int report[2], pidfd;
    pid_t pid;
    gboolean ok;

    if (pipe2(report, O_CLOEXEC) != 0)
        return gemel_error_set_errno(error, errno, "starting %s", spawn->argv[0]);
    /* No handler of ours may run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = fork();
    if (pid == 0)
        child_main(spawn, env, report[1]);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return gemel_error_set_errno(error, errno, "starting %s", spawn->argv[0]);
    }
    pidfd = pidfd_open(pid, 0); /* ours and not reaped: cannot be another process */
    ok = read_report(report[0], spawn->argv[0], error);
    close(report[0]);
    if (ok && pidfd < 0)
        ok = gemel_error_set_errno(error, errno, "watching %s", spawn->argv[0]);
    if (!ok) {
        waitpid(pid, NULL, 0);
        if (pidfd >= 0)
            close(pidfd);
        return FALSE;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return TRUE;
}

gboolean native_reap(int pidfd, int timeout_ms, int *ret_status)
{
    siginfo_t info = {0};

    if (!native_pidfd_wait(pidfd, timeout_ms))
        return FALSE;
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) != 0)
        if (errno != EINTR)
            return FALSE;
    *ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return TRUE;
}

/* Collects output up to its end; FALSE when the deadline passed first. */
static gboolean collect(int fd, GString *output, gint64 deadline_us)
{
    for (;;) {
        struct pollfd fds = {.fd = fd, .events = POLLIN};
        gint64 left_ms = (deadline_us - g_get_monotonic_time() + 999) / 1000;
        char buffer[16384];
        ssize_t got;

        if (left_ms <= 0)
            return FALSE;
        if (poll(&fds, 1, (int)MIN(left_ms, G_MAXINT)) <= 0)
            continue;
        got = read(fd, buffer, sizeof buffer);
        if (got > 0 && output->len < OUTPUT_MAX)
            g_string_append_len(output, buffer, got);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return TRUE;
    }
}

/* A descriptor to read `text` from; -1 on failure. */
static int text_as_file(const char *text)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t length = strlen(text);

    if (fd >= 0 && (pwrite(fd, text, length, 0) != (ssize_t)length)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What a child wrote into a memfd, NUL-terminated. */
static char *read_memfd(int fd)
{
    char *text = g_malloc0(MESSAGE_MAX + 1);
    off_t size = lseek(fd, 0, SEEK_END);

    if (pread(fd, text, MESSAGE_MAX, MAX(size - MESSAGE_MAX, 0)) < 0)
        text[0] = '\0';
    return text;
}

gboolean native_run(const char *const *argv, const char *input, int timeout_ms, const char *what,
                    char **ret_output, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_autoptr(GString) output = g_string_new(NULL);
    int out[2] = {-1, -1}, input_fd = -1, messages = -1, pidfd = -1, status = 0;
    NativeSpawn spawn = {.argv = argv};
    gboolean ok = FALSE;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) != 0 || (messages = memfd_create("messages", MFD_CLOEXEC)) < 0 ||
        (input != NULL && (input_fd = text_as_file(input)) < 0)) {
        gemel_error_set_errno(error, errno, "%s", what);
        goto out;
    }
    spawn.stdio[0] = input_fd;
    spawn.stdio[1] = out[1];
    spawn.stdio[2] = messages;
    if (!native_spawn(&spawn, &pid, &pidfd, error))
        goto out;
    close(out[1]);
    out[1] = -1;
    collect(out[0], output, deadline_us);
    if (!native_reap(pidfd, (int)CLAMP((deadline_us - g_get_monotonic_time()) / 1000, 0, G_MAXINT),
                     &status)) {
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        native_reap(pidfd, -1, &status);
        gemel_error_set(error, GEMEL_ERROR_TIMEOUT, "%s: %s did not end within %d ms", what,
                        argv[0], timeout_ms);
        goto out;
    }
    ok = status == 0;
    if (!ok) {
        g_autofree char *text = read_memfd(messages);
        g_autofree char *message = native_runtime_message(text);

        gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: %s", what,
                        *message != '\0' ? message : "failed without a message");
    } else if (ret_output != NULL) {
        *ret_output = g_string_free(g_steal_pointer(&output), FALSE);
    }
out:
    for (int i = 0; i < 2; i++)
        if (out[i] >= 0)
            close(out[i]);
    if (input_fd >= 0)
        close(input_fd);
    if (messages >= 0)
        close(messages);
    if (pidfd >= 0)
        close(pidfd);
    return ok;
}

/* The value of msg="..." (logrus text) or "msg":"..." (JSON) in a line, unescaped; NULL = none. */
static char *message_of_line(const char *line)
{
    static const char *const keys[] = {"msg=\"", "\"msg\":\"", "\"msg\": \""};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *at = strstr(line, keys[i]);
        g_autoptr(GString) text = NULL;

        if (at == NULL)
            continue;
        text = g_string_new(NULL);
        for (at += strlen(keys[i]); *at != '\0' && *at != '"'; at++) {
            if (*at == '\\' && at[1] != '\0')
                at++;
            g_string_append_c(text, *at);
        }
        return g_string_free(g_steal_pointer(&text), FALSE);
    }
    return NULL;
}

char *native_runtime_message(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    char *message = NULL;

    for (guint i = g_strv_length(lines); i > 0; i--) {
        g_strstrip(lines[i - 1]);
        if (*lines[i - 1] == '\0')
            continue;
        message = message_of_line(lines[i - 1]);
        return message != NULL ? message : g_strdup(lines[i - 1]);
    }
    return g_strdup("");
}

/* ---- processes that are not children -------------------------------------------------------- */

guint64 native_process_start_ticks(pid_t pid)
{
    char path[64], text[1024];
    const char *at;
    ssize_t got;
    int fd;

    if (pid <= 0)
        return 0;
    g_snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    /* The command in field 2 may hold blanks and brackets: count from the last one. */
    at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return 0;
    at++;
    for (int field = 3; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? g_ascii_strtoull(at + 1, NULL, 10) : 0;
}

gint64 native_ticks_to_ns(guint64 ticks)
{
    long hz = sysconf(_SC_CLK_TCK);

    return (gint64)(ticks * (1000000000u / (guint64)(hz > 0 ? hz : 100)));
}

int native_process_open(pid_t pid, guint64 start_ticks)
{
    int pidfd;

    if (pid <= 0 || start_ticks == 0)
        return -1;
    pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && native_process_start_ticks(pid) != start_ticks) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

gboolean native_pidfd_wait(int pidfd, int timeout_ms)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    for (;;) {
        struct pollfd fds = {.fd = pidfd, .events = POLLIN};
        gint64 left_ms = (deadline_us - g_get_monotonic_time() + 999) / 1000;
        int ready = poll(&fds, 1, timeout_ms < 0 ? -1 : (int)CLAMP(left_ms, 0, G_MAXINT));

        if (ready > 0)
            return TRUE;
        if (ready == 0 || errno != EINTR)
            return FALSE;
    }
}

int native_signal_number(const char *name)
{
    if (g_ascii_isdigit(*name)) {
        char *end;
        gint64 number = g_ascii_strtoll(name, &end, 10);

        return *end == '\0' && number > 0 && number < NSIG ? (int)number : 0;
    }
    if (g_ascii_strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int number = 1; number < NSIG; number++) {
        const char *abbreviation = sigabbrev_np(number);

        if (abbreviation != NULL && g_ascii_strcasecmp(abbreviation, name) == 0)
            return number;
    }
    return 0;
}

const char *native_signal_name(int number)
{
    return sigabbrev_np(number);
}
