/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/spawn.h"
#include "backends/error.h"
#include "backends/nofile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* execvpe(3) builds paths on the stack, and for a script without #! another argv. */
#define STACK_BYTES (64 * 1024 + 2 * PATH_MAX)

/* The child shares our memory: it must not change what we still need, and calls only what may be
   called after fork in a program with threads. ASan knows nothing of its stack. */
#define IN_CHILD __attribute__((no_sanitize("address")))

typedef struct {
    const char *const *argv;
    char *const *env;
    int out_fd, err_fd;
    int report_fd; /* gets an errno when the program cannot be executed */
} Plan;

/* What it ends with; 0 to 2 are dealt out last, for any of the descriptors may be one of them. */
IN_CHILD static int child_descriptors(Plan *plan)
{
    int *const kept[] = {&plan->out_fd, &plan->err_fd, &plan->report_fd};
    int null;

    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        if (*kept[i] <= STDERR_FILENO && (*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, 3)) < 0)
            return -1;
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        return -1;
    if (null == STDIN_FILENO && fcntl(null, F_SETFD, 0) != 0)
        return -1;
    if ((null != STDIN_FILENO && dup2(null, STDIN_FILENO) < 0) ||
        dup2(plan->out_fd, STDOUT_FILENO) < 0 || dup2(plan->err_fd, STDERR_FILENO) < 0)
        return -1;
    return (int)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

IN_CHILD void spawn_prepare(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* Handlers of ours must be gone before a signal can come; execve(2) would leave ignored ones.
     */
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL); /* fails for some, which have no other */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    gemel_nofile_give_back();
}

IN_CHILD static int child_main(void *data)
{
    Plan plan = *(const Plan *)data; /* on its own stack, to change */
    int err;

    if (child_descriptors(&plan) == 0) {
        spawn_prepare(); /* last: with the old limit no descriptor may be free below it */
        execvpe(plan.argv[0], (char *const *)plan.argv, plan.env);
    }
    err = errno;
    return write(plan.report_fd, &err, sizeof err) == sizeof err ? 127 : 126;
}

/* Makes the child; its pid, or -1 with errno. It has executed the program or is over by then. */
static pid_t make_child(Plan *plan)
{
    gsize argc = g_strv_length((char **)plan->argv);
    gsize size = STACK_BYTES + argc * sizeof(char *);
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    sigset_t all, old;
    pid_t pid;

    if (stack == MAP_FAILED)
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = clone(child_main, stack + (size & ~(gsize)15), CLONE_VM | CLONE_VFORK | SIGCHLD, plan);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, size);
    return pid;
}

gboolean spawn_program(const char *const *argv, char *const *env, int out_fd, int err_fd,
                       pid_t *ret_pid, int *ret_pidfd, GError **error)
{
    int report[2], err = 0, pidfd = -1;
    Plan plan = {.argv = argv, .env = env, .out_fd = out_fd, .err_fd = err_fd};
    pid_t pid;

    if (pipe2(report, O_CLOEXEC) != 0)
        return gemel_error_set_errno(error, errno, "cannot run %s", argv[0]);
    plan.report_fd = report[1];
    pid = make_child(&plan);
    err = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0) {
        if (read(report[0], &err, sizeof err) != sizeof err)
            err = 0; /* its end was closed by the program's beginning */
        pidfd = pidfd_open(pid, 0);
        if (err == 0 && pidfd < 0)
            err = errno;
    }
    close(report[0]);
    if (err == 0) {
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        return TRUE;
    }
    if (pid > 0) {
        kill(pid, SIGKILL); /* it runs when there was no pidfd to be had */
        waitpid(pid, NULL, 0);
    }
    if (pidfd >= 0)
        close(pidfd);
    return gemel_error_set_errno(error, err, "cannot run %s", argv[0]);
}

gboolean spawn_watch(pid_t pid, const char *what, int *ret_pidfd, GError **error)
{
    int pidfd = pidfd_open(pid, 0), err = errno;

    if (pidfd >= 0) {
        *ret_pidfd = pidfd;
        return TRUE;
    }
    kill(pid, SIGKILL); /* not reaped, so the number is its own */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return gemel_error_set_errno(error, err, "cannot watch %s", what);
}
