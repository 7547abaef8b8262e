/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * join_child.c - from fork to execve: nothing but system calls, since another thread of the parent
 * may have held any lock.
 */
#include "backends/join_private.h"
#include "backends/nofile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the child keeps its descriptors, so that one close_range closes the rest. */
enum { AT_REPORT = 3, AT_PIDFD, AT_PROCESS, AT_FREE };

static G_NORETURN void fail_at(int fd, JoinStage stage)
{
    JoinReport report = {stage, errno};

    if (write(fd, &report, sizeof report) != sizeof report)
        _exit(124); /* nobody listens */
    _exit(125);
}

static G_NORETURN void fail(JoinStage stage)
{
    fail_at(AT_REPORT, stage);
}

/* Standard descriptors and the three above to their places. They are copied upwards first, so that
   none covers another. */
static void place_descriptors(const JoinChild *child)
{
    int report = fcntl(child->report, F_DUPFD_CLOEXEC, 64);
    int pidfd = fcntl(child->pidfd, F_DUPFD_CLOEXEC, 64);
    int process = child->process >= 0 ? fcntl(child->process, F_DUPFD_CLOEXEC, 64) : -1;
    int stdio[3];

    for (int i = 0; i < 3; i++)
        stdio[i] = fcntl(child->stdio[i], F_DUPFD_CLOEXEC, 64);
    /* Never run on with a descriptor of gemel's in the place of one of these. */
    if (report < 0 || pidfd < 0 || (child->process >= 0 && process < 0) || stdio[0] < 0 ||
        stdio[1] < 0 || stdio[2] < 0)
        fail_at(child->report, JOIN_DESCRIPTORS);
    for (int i = 0; i < 3; i++)
        dup2(stdio[i], i);
    dup3(report, AT_REPORT, O_CLOEXEC);
    dup3(pidfd, AT_PIDFD, O_CLOEXEC);
    if (process >= 0)
        dup3(process, AT_PROCESS, O_CLOEXEC);
    close_range(process >= 0 ? AT_FREE : AT_PROCESS, ~0u, 0);
    gemel_nofile_give_back(); /* not before: below it no descriptor may have been free */
}

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Waits for the program in the pid namespace and ends as it did. A signal to us is passed on; when
   we are killed, so is it (PR_SET_PDEATHSIG). */
static pid_t inside;

static void pass_on(int number)
{
    if (inside > 0)
        kill(inside, number);
}

static G_NORETURN void wait_for(pid_t pid)
{
    static const int passed[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2};
    int status;

    inside = pid;
    for (guint i = 0; i < G_N_ELEMENTS(passed); i++)
        signal(passed[i], pass_on);
    close_range(0, ~0u, 0); /* the terminal and pipes are the program's alone */
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            _exit(125);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Where the instance maps users, its root; that it may not set groups is no reason to fail. */
static void become_root_inside(void)
{
    syscall(SYS_setgroups, 0, NULL);
    if (syscall(SYS_setresgid, 0, 0, 0) != 0 || syscall(SYS_setresuid, 0, 0, 0) != 0)
        fail(JOIN_USER);
}

static void bound_capabilities(const JoinChild *child)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (guint cap = 0; cap <= child->caps_last; cap++)
        if ((child->bounding >> cap & 1u) == 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            fail(JOIN_CAPS);
    if (syscall(SYS_capget, &header, data) != 0)
        fail(JOIN_CAPS);
    for (int i = 0; i < 2; i++) {
        guint32 mask = (guint32)(child->bounding >> (32 * i));

        data[i].permitted &= mask;
        data[i].effective &= mask;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail(JOIN_CAPS);
}

static const char *path_of(char *const *env)
{
    for (; env != NULL && *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "/usr/sbin:/usr/bin:/sbin:/bin";
}

/* execvpe without its memory: the first on PATH that runs; what hindered one that is there counts
   more than that others are not. */
static void run_program(const JoinChild *child)
{
    const char *name = child->argv[0], *path = path_of(child->env);
    char *const *argv = (char *const *)child->argv;
    int worst = ENOENT;
    char full[4096];
    gsize length = strlen(name);

    if (strchr(name, '/') != NULL) {
        execve(name, argv, child->env);
        return;
    }
    for (const char *end;; path = end + 1) {
        end = path + strcspn(path, ":");
        gsize dir = (gsize)(end - path);

        if (dir > 0 && dir + length + 2 <= sizeof full) {
            memcpy(full, path, dir);
            full[dir] = '/';
            memcpy(full + dir + 1, name, length + 1);
            execve(full, argv, child->env);
            if (errno != ENOENT && errno != ENOTDIR)
                worst = errno;
        }
        if (*end == '\0')
            break;
    }
    errno = worst;
}

/* Its root directory, as the host sees it; -1 = not entered. */
static int open_root(const JoinChild *child)
{
    int root;

    if (child->process < 0)
        return -1;
    root = openat(AT_PROCESS, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        fail(JOIN_ROOT);
    close(AT_PROCESS);
    return root;
}

/* Whether who began this still waits for it. If not, nothing may be run any more. */
static gboolean is_awaited(void)
{
    struct pollfd report = {.fd = AT_REPORT};

    return poll(&report, 1, 0) == 0; /* POLLERR: nobody reads */
}

void join_child_run(const JoinChild *child)
{
    pid_t pid = 0;
    int root;

    reset_signals();
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    place_descriptors(child);
    root = open_root(child);
    /* Where the user namespace allows no setgroups(2) ours would stay: only here they can be left.
     */
    if (child->enters_user)
        syscall(SYS_setgroups, 0, NULL);
    if (child->flags != 0 && setns(AT_PIDFD, child->flags) != 0)
        fail(JOIN_SETNS);
    close(AT_PIDFD);
    if (root >= 0) {
        if (fchdir(root) != 0 || chroot(".") != 0)
            fail(JOIN_ROOT);
        close(root);
    }
    if (child->enters_pid) {
        pid = fork(); /* a process stays in the pid namespace it was made in */
        if (pid < 0)
            fail(JOIN_FORK);
        if (pid > 0)
            wait_for(pid);
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    }
    if (setsid() < 0 || (child->tty && ioctl(0, TIOCSCTTY, 0) != 0))
        fail(JOIN_TERMINAL);
    if (child->enters_user)
        become_root_inside();
    if (child->cwd != NULL && chdir(child->cwd) != 0)
        fail(JOIN_CWD);
    if (child->is_bounded)
        bound_capabilities(child);
    if (child->enters_pid) /* again: other credentials took it away */
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!is_awaited())
        _exit(124);
    run_program(child);
    fail(JOIN_EXEC);
}
