/* SPDX-License-Identifier: GPL-3.0-or-later */
/* join.c - opens a stream on a program in an instance's namespaces, and carries its bytes. */
#include "backends/join_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define HANGUP_WAIT_MS 1000
#define KILL_WAIT_MS   1000

guint gemel_join_launch_ms = 10000;

/* One direction: bytes that were read and wait to be written. */
typedef struct {
    char data[32 * 1024];
    gsize start, length;
    gboolean ended;
} Flow;

typedef struct {
    GemelStream base;
    char *name, *program;
    gboolean tty;
    int socket;     /* our end of base.fd */
    int in, out;    /* to and from the program: pipes, or duplicates of the terminal's master */
    int master;     /* -1 = no terminal */
    pid_t pid;      /* of the child, until it is reaped */
    int pidfd;      /* of it; -1 = it never began, or is reaped */
    int exec_errno; /* the program could not be run */
    Flow to, from;
} Join;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- what is entered ------------------------------------------------------------------------ */

#define BIT(ns) (1u << (ns))

gboolean gemel_join_is_exposed(const GemelIsolation *isolation, guint64 own_caps)
{
    guint64 theirs = isolation->caps[GEMEL_CAPS_BOUNDING];

    /* In a user namespace of their own they have no capability over a process outside it. */
    if (gemel_isolation_owns(isolation, GEMEL_NS_USER))
        return FALSE;
    return (theirs >> 19 & 1u) != 0 /* CAP_SYS_PTRACE */ || (own_caps & ~theirs) == 0;
}

gboolean gemel_join_plan(const GemelIsolation *isolation, const char *name, guint wanted,
                         gboolean keep_caps, gboolean is_root, guint *ret_entered, GError **error)
{
    gboolean own_user = gemel_isolation_owns(isolation, GEMEL_NS_USER);

    *ret_entered = 0;
    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        if (!(wanted & BIT(ns)))
            continue;
        if (isolation->ns_inode[ns] == 0)
            return gemel_error_set(error,
                                   isolation->why[GEMEL_ISOLATION_NAMESPACES] != NULL
                                       ? GEMEL_ERROR_DENIED
                                       : GEMEL_ERROR_INVALID,
                                   "%s: cannot join %s: %s", name, gemel_namespace_name(ns),
                                   isolation->why[GEMEL_ISOLATION_NAMESPACES] != NULL
                                       ? isolation->why[GEMEL_ISOLATION_NAMESPACES]
                                       : "this kernel has none of the kind");
        /* Entering the one we are in is refused for `user`, and does nothing for the others. */
        if (!gemel_isolation_shares(isolation, ns))
            *ret_entered |= BIT(ns);
    }
    if (own_user && ((*ret_entered & BIT(GEMEL_NS_MNT)) != 0 || !is_root) && *ret_entered != 0 &&
        !(keep_caps && is_root))
        *ret_entered |= BIT(GEMEL_NS_USER);
    return TRUE;
}

/* ---- its end -------------------------------------------------------------------------------- */

static gboolean wait_ended(int pidfd, int timeout_ms)
{
    struct pollfd fd = {.fd = pidfd, .events = POLLIN};
    int ready;

    do
        ready = poll(&fd, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Children that SIGKILL has not ended: a file system of the instance's that does not answer keeps
   them in the kernel. Nobody waits for them; they are reaped when their time has come. */
static GMutex given_up_lock;
static GArray *given_up; /* of pid_t, none of them reaped */

static void reap_given_up(void)
{
    g_mutex_lock(&given_up_lock);
    for (guint i = given_up != NULL ? given_up->len : 0; i-- > 0;)
        if (waitpid(g_array_index(given_up, pid_t, i), NULL, WNOHANG) != 0)
            g_array_remove_index_fast(given_up, i);
    if (given_up != NULL && given_up->len == 0)
        g_clear_pointer(&given_up, g_array_unref);
    g_mutex_unlock(&given_up_lock);
}

static void give_up(pid_t pid)
{
    g_mutex_lock(&given_up_lock);
    if (given_up == NULL)
        given_up = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_array_append_val(given_up, pid);
    g_mutex_unlock(&given_up_lock);
}

/* Reaps a child that has ended or was sent SIGKILL; FALSE when its end was not seen. */
static gboolean end_child(Join *join, siginfo_t *info)
{
    gboolean seen = wait_ended(join->pidfd, KILL_WAIT_MS) &&
                    waitid(P_PIDFD, (id_t)join->pidfd, info, WEXITED) == 0;

    if (!seen)
        give_up(join->pid);
    close_fd(&join->pidfd);
    reap_given_up();
    return seen;
}

/* ---- opening -------------------------------------------------------------------------------- */

static gboolean make_terminal(Join *join, const GemelStreamArgs *args, JoinChild *child)
{
    struct winsize size = {.ws_row = (unsigned short)MIN(args->rows, 1000),
                           .ws_col = (unsigned short)MIN(args->cols, 1000)};
    int slave;

    join->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (join->master < 0 || grantpt(join->master) != 0 || unlockpt(join->master) != 0)
        return FALSE;
    slave = ioctl(join->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return FALSE;
    child->stdio[0] = slave;
    child->stdio[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    child->stdio[2] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    if (args->rows > 0 && args->cols > 0)
        ioctl(join->master, TIOCSWINSZ, &size);
    join->in = fcntl(join->master, F_DUPFD_CLOEXEC, 3);
    join->out = fcntl(join->master, F_DUPFD_CLOEXEC, 3);
    return join->in >= 0 && join->out >= 0 && child->stdio[2] >= 0;
}

static gboolean make_pipe(int *ret_read, int *ret_write)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) != 0)
        return FALSE;
    *ret_read = pair[0];
    *ret_write = pair[1];
    return TRUE;
}

static gboolean make_ends(Join *join, const GemelStreamArgs *args, JoinChild *child)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return FALSE;
    join->base.fd = pair[0];
    join->socket = pair[1];
    if (join->tty
            ? !make_terminal(join, args, child)
            : !make_pipe(&child->stdio[0], &join->in) || !make_pipe(&join->out, &child->stdio[1]) ||
                  !make_pipe(&join->base.err_fd, &child->stdio[2]))
        return FALSE;
    return fcntl(join->in, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(join->out, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(join->socket, F_SETFL, O_NONBLOCK) == 0;
}

/* The environment: inside other files only what says where programs are and what the terminal is,
   else ours. */
static char **make_env(const GemelStreamArgs *args, gboolean bare)
{
    char **env = bare ? NULL : g_get_environ();
    const char *term = g_getenv("TERM");

    if (bare) {
        env = g_environ_setenv(
            env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
        env = g_environ_setenv(env, "HOME", "/root", TRUE);
        env = g_environ_setenv(env, "TERM", term != NULL ? term : "xterm", TRUE);
    }
    for (guint i = 0; args->env != NULL && args->env[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(args->env[i], "=", 2);

        if (g_strv_length(pair) == 2)
            env = g_environ_setenv(env, pair[0], pair[1], TRUE);
    }
    return env;
}

/* The capabilities of this process that are permitted. */
static guint64 own_caps(void)
{
    g_autoptr(GemelIsolation) self = gemel_isolation_new();

    return gemel_isolation_read_process(self, "", getpid(), 0) ? self->caps[GEMEL_CAPS_PERMITTED]
                                                               : 0;
}

/* Everything the child needs to know, so that it only makes system calls. */
static gboolean prepare(JoinChild *child, const GemelJoinTarget *target,
                        const GemelStreamArgs *args, GError **error)
{
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    gboolean is_root = geteuid() == 0;
    guint entered;

    child->pidfd = pidfd_open(target->pid, 0);
    if (child->pidfd < 0 ||
        !gemel_isolation_read_process(isolation, "", target->pid, target->start_ticks))
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "%s: is not running; start it first",
                               target->name);
    if (!gemel_join_plan(isolation, target->name, args->namespaces, args->keep_caps, is_root,
                         &entered, error))
        return FALSE;
    if ((entered & (BIT(GEMEL_NS_PID) | BIT(GEMEL_NS_MNT))) == BIT(GEMEL_NS_PID) &&
        !args->keep_caps && gemel_join_is_exposed(isolation, own_caps()))
        return gemel_error_set(error, GEMEL_ERROR_DENIED,
                               "%s: its processes could reach this host's files through a program "
                               "of the host's in their pid namespace: join mnt as well, or give "
                               "--keep-caps",
                               target->name);
    for (guint ns = 0; ns < GEMEL_NS_N; ns++)
        if (entered & BIT(ns))
            child->flags |= gemel_namespace_flag(ns);
    child->enters_pid = (entered & BIT(GEMEL_NS_PID)) != 0;
    child->enters_user = (entered & BIT(GEMEL_NS_USER)) != 0;
    child->is_bounded = (entered & BIT(GEMEL_NS_MNT)) != 0 && !args->keep_caps;
    child->bounding = isolation->caps[GEMEL_CAPS_BOUNDING];
    child->caps_last = isolation->caps_last;
    if (entered & BIT(GEMEL_NS_MNT)) {
        child->process = gemel_isolation_open_process("", target->pid, target->start_ticks);
        if (child->process < 0)
            return gemel_error_set_errno(error, errno, "%s: cannot see its root directory",
                                         target->name);
    }
    child->env = make_env(args, child->process >= 0);
    child->cwd = args->cwd != NULL ? args->cwd : child->process >= 0 ? "/" : NULL;
    return TRUE;
}

/* What went wrong in the child before the program was run. */
static gboolean explain(const GemelJoinTarget *target, const JoinReport *report, GError **error)
{
    static const char *const stages[] = {
        [JOIN_DESCRIPTORS] = "cannot hand over its descriptors",
        [JOIN_SETNS] = "cannot enter its namespaces",
        [JOIN_ROOT] = "cannot enter its root directory",
        [JOIN_CWD] = "cannot enter the working directory",
        [JOIN_USER] = "cannot become root inside",
        [JOIN_CAPS] = "cannot give up capabilities",
        [JOIN_FORK] = "cannot start a process in its pid namespace",
        [JOIN_TERMINAL] = "cannot take the terminal",
        [JOIN_EXEC] = "cannot run the program",
    };

    if (report->stage == JOIN_SETNS && report->number == EPERM)
        return gemel_error_set(
            error, GEMEL_ERROR_DENIED,
            "%s: not permitted to enter its namespaces: run gemel as root, or as "
            "who started it",
            target->name);
    return gemel_error_set_errno(error, report->number, "%s: %s", target->name,
                                 report->stage < JOIN_STAGE_N ? stages[report->stage] : "join");
}

/* The child's report, or its end when the program runs; FALSE: neither came in time. */
static gboolean await_report(int fd, JoinReport *report, ssize_t *ret_got)
{
    gint64 end = g_get_monotonic_time() + gemel_join_launch_ms * (gint64)1000;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int ready;

    do {
        gint64 left_ms = (end - g_get_monotonic_time() + 999) / 1000;

        ready = poll(&poll_fd, 1, (int)MAX(left_ms, 0));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return FALSE;
    do
        *ret_got = read(fd, report, sizeof *report);
    while (*ret_got < 0 && errno == EINTR);
    return TRUE;
}

/* Starts it and waits until it runs, or has said why not. */
static gboolean launch(Join *join, JoinChild *child, const GemelJoinTarget *target, GError **error)
{
    JoinReport report = {0};
    int report_fd = -1;
    ssize_t got = 0;
    gboolean told;
    pid_t pid;

    if (!make_pipe(&report_fd, &child->report))
        return gemel_error_set_errno(error, errno, "%s: join", target->name);
    pid = fork();
    if (pid == 0)
        join_child_run(child);
    close_fd(&child->report);
    if (pid < 0) {
        gemel_error_set_errno(error, errno, "%s: join", target->name);
        close_fd(&report_fd);
        return FALSE;
    }
    join->pid = pid;
    join->pidfd = pidfd_open(pid, 0); /* a child not waited for: the number is its own */
    if (join->pidfd < 0) {
        gemel_error_set_errno(error, errno, "%s: join", target->name);
        close_fd(&report_fd);
        kill(pid, SIGKILL);
        give_up(pid);
        return FALSE;
    }
    told = await_report(report_fd, &report, &got);
    close_fd(&report_fd); /* one that comes later finds that nobody waits, and runs nothing */
    if (!told)
        return gemel_error_set(error, GEMEL_ERROR_TIMEOUT,
                               "%s: join: nothing has begun within %u s: its files may be on a "
                               "file system that does not answer",
                               target->name, (gemel_join_launch_ms + 999) / 1000);
    if (got != sizeof report)
        return TRUE;
    if (report.stage == JOIN_EXEC) {
        join->exec_errno = report.number;
        return TRUE;
    }
    return explain(target, &report, error);
}

static const GemelStreamOps join_ops;

static void join_free(GemelStream *base)
{
    Join *join = (Join *)base;

    close_fd(&join->socket);
    close_fd(&join->in);
    close_fd(&join->out);
    close_fd(&join->master);
    if (join->pidfd >= 0) { /* opened and never pumped, or it failed */
        pidfd_send_signal(join->pidfd, SIGKILL, NULL, 0);
        end_child(join, &(siginfo_t){0});
    }
    g_free(join->name);
    g_free(join->program);
    g_free(join);
}

GemelStream *gemel_join_open(const GemelJoinTarget *target, const GemelStreamArgs *args,
                             GError **error)
{
    Join *join;
    JoinChild child = {.stdio = {-1, -1, -1}, .pidfd = -1, .process = -1, .report = -1};
    gboolean ok;

    if (args->argv == NULL || args->argv[0] == NULL || args->namespaces == 0) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: join: name namespaces and a program",
                        target->name);
        return NULL;
    }
    reap_given_up();
    join = g_new0(Join, 1);
    join->base.ops = &join_ops;
    join->base.fd = join->base.err_fd = join->socket = join->in = join->out = join->master =
        join->pidfd = -1;
    join->name = g_strdup(target->name);
    join->program = g_strdup(args->argv[0]);
    join->tty = child.tty = args->tty;
    child.argv = args->argv;
    ok = prepare(&child, target, args, error);
    if (ok && !make_ends(join, args, &child))
        ok = gemel_error_set_errno(error, errno, "%s: join", target->name);
    ok = ok && launch(join, &child, target, error);
    for (int i = 0; i < 3; i++)
        close_fd(&child.stdio[i]);
    close_fd(&child.pidfd);
    close_fd(&child.process);
    g_strfreev(child.env);
    if (ok)
        return &join->base;
    close_fd(&join->base.fd);
    close_fd(&join->base.err_fd);
    join_free(&join->base);
    return NULL;
}

/* ---- pumping -------------------------------------------------------------------------------- */

static gboolean has_room(const Flow *flow)
{
    return flow->length == 0 && !flow->ended;
}

static void fill(Flow *flow, int fd)
{
    ssize_t n = read(fd, flow->data, sizeof flow->data);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    flow->start = 0;
    flow->length = n > 0 ? (gsize)n : 0;
    flow->ended = n <= 0; /* EIO: a terminal nobody has open */
}

/* FALSE when the other side is gone. */
static gboolean drain(Flow *flow, int fd, gboolean is_socket)
{
    ssize_t n = is_socket ? send(fd, flow->data + flow->start, flow->length, MSG_NOSIGNAL)
                          : write(fd, flow->data + flow->start, flow->length);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->start += (gsize)n;
    flow->length -= (gsize)n;
    return TRUE;
}

static void end_input(Join *join)
{
    if (join->in >= 0 && join->tty && write(join->in, "\004", 1) < 0)
        errno = 0;
    close_fd(&join->in);
}

/* One turn; FALSE when there is nothing left to carry, or nobody to carry it to. */
static gboolean turn(Join *join, gboolean *caller_gone, gboolean *ended)
{
    struct pollfd fds[] = {
        {.fd = join->socket,
         .events = (short)((!*ended && has_room(&join->to) ? POLLIN : 0) |
                           (join->from.length > 0 ? POLLOUT : 0))},
        {.fd = join->to.length > 0 ? join->in : -1, .events = POLLOUT},
        {.fd = has_room(&join->from) ? join->out : -1, .events = POLLIN},
        {.fd = *ended ? -1 : join->pidfd, .events = POLLIN},
    };
    /* Once it has ended only what is in the pipe counts: what it left behind may hold it open. */
    int ready = poll(fds, G_N_ELEMENTS(fds), *ended && join->from.length == 0 ? 0 : -1);

    if (ready < 0)
        return errno == EINTR;
    if (fds[2].revents != 0)
        fill(&join->from, join->out);
    if (join->from.length > 0 && !drain(&join->from, join->socket, TRUE))
        *caller_gone = TRUE;
    if (fds[0].revents & (POLLHUP | POLLERR))
        *caller_gone = TRUE;
    else if (fds[0].revents & POLLIN)
        fill(&join->to, join->socket);
    if (join->in >= 0 && join->to.length > 0 && !drain(&join->to, join->in, FALSE))
        close_fd(&join->in);
    if (join->in < 0)
        join->to.length = 0;
    if (join->to.ended && join->to.length == 0)
        end_input(join);
    if (fds[3].revents != 0)
        *ended = TRUE;
    if (*ended && join->from.length == 0 && (join->from.ended || ready == 0))
        return FALSE;
    return !*caller_gone;
}

/* 127 when there is no such program, 126 when it cannot be run; with a word on the stream. */
static int say_not_run(Join *join)
{
    g_autofree char *text =
        g_strdup_printf("join: %s: %s\r\n", join->program, g_strerror(join->exec_errno));

    if (send(join->socket, text, strlen(text), MSG_NOSIGNAL) < 0)
        errno = 0;
    return join->exec_errno == ENOENT || join->exec_errno == ENOTDIR ? 127 : 126;
}

static int join_pump(GemelStream *base, GError **error)
{
    Join *join = (Join *)base;
    gboolean caller_gone = FALSE, ended = FALSE;
    siginfo_t info = {0};
    struct timespec now = {0};
    sigset_t pipe_set, old;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    while (turn(join, &caller_gone, &ended))
        ;
    while (sigtimedwait(&pipe_set, NULL, &now) == SIGPIPE)
        ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close_fd(&join->in);
    close_fd(&join->out);
    if (caller_gone && !ended) {
        pidfd_send_signal(join->pidfd, SIGHUP, NULL, 0);
        if (!wait_ended(join->pidfd, HANGUP_WAIT_MS))
            pidfd_send_signal(join->pidfd, SIGKILL, NULL, 0);
    }
    if (!caller_gone)
        wait_ended(join->pidfd, -1);
    if (!end_child(join, &info)) {
        gemel_error_set(
            error, GEMEL_ERROR_TIMEOUT,
            "%s: join: the program does not end: it waits for a file system that does not answer",
            join->name);
        return -1;
    }
    if (join->exec_errno != 0)
        info = (siginfo_t){.si_code = CLD_EXITED, .si_status = say_not_run(join)};
    close_fd(&join->socket); /* the caller sees the end */
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void join_resize(GemelStream *base, guint rows, guint cols)
{
    Join *join = (Join *)base;
    struct winsize size = {.ws_row = (unsigned short)MIN(rows, 1000),
                           .ws_col = (unsigned short)MIN(cols, 1000)};

    if (join->master >= 0 && rows > 0 && cols > 0)
        ioctl(join->master, TIOCSWINSZ, &size);
}

static const GemelStreamOps join_ops = {
    .kinds = 1u << GEMEL_STREAM_JOIN,
    .pump = join_pump,
    .resize = join_resize,
    .free = join_free,
};
