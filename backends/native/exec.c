/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A command inside a running container, by the runtime's exec in the foreground: its exit status is
 * the command's. Without a terminal the command gets pipes of its own, and its standard error goes
 * to the caller past the pump; with one, the runtime gets a pseudo-terminal as if it were started
 * from a shell, and relays to the container's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/conmon.h"
#include "backends/native/process.h"
#include "backends/native/rootfs.h"
#include "backends/native/stream.h"

#define HANGUP_WAIT_MS 1000 /* for a command whose caller went away to take the hint */
#define LOG_MAX        8192

typedef struct {
    NativeStream stream;
    gboolean tty;
    int in;     /* to the command: a pipe, or the terminal's master */
    int out;    /* from it: a pipe, or a duplicate of the master */
    int master; /* for resize, -1 = no terminal; closed with the stream */
    int pidfd;
    int log; /* memfd: what the runtime has to say about itself */
    NativeFlow to, from;
} NativeExec;

/* ---- opening -------------------------------------------------------------------------------- */

typedef struct {
    int child[3]; /* the child's standard descriptors */
    int spec;     /* memfd: the process */
} Pipes;

static gboolean make_terminal(NativeExec *x, Pipes *pipes, guint rows, guint cols)
{
    struct winsize size = {.ws_row = (unsigned short)MIN(rows, 1000),
                           .ws_col = (unsigned short)MIN(cols, 1000)};
    struct termios mode;
    int slave;

    x->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (x->master < 0 || grantpt(x->master) != 0 || unlockpt(x->master) != 0)
        return FALSE;
    slave = ioctl(x->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return FALSE;
    pipes->child[0] = slave;
    pipes->child[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    pipes->child[2] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    /* This one only carries bytes; echo and line editing are the business of the terminal inside
       the container. */
    if (tcgetattr(slave, &mode) != 0)
        return FALSE;
    cfmakeraw(&mode);
    if (tcsetattr(slave, TCSANOW, &mode) != 0)
        return FALSE;
    if (rows > 0 && cols > 0)
        ioctl(x->master, TIOCSWINSZ, &size);
    x->in = fcntl(x->master, F_DUPFD_CLOEXEC, 3);
    x->out = fcntl(x->master, F_DUPFD_CLOEXEC, 3);
    return x->in >= 0 && x->out >= 0 && native_fd_unblock(x->master);
}

static gboolean make_pipes(NativeExec *x, Pipes *pipes)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) != 0)
        return FALSE;
    pipes->child[0] = pair[0];
    x->in = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return FALSE;
    x->out = pair[0];
    pipes->child[1] = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return FALSE;
    x->stream.base.err_fd = pair[0];
    pipes->child[2] = pair[1];
    return native_fd_unblock(x->in) && native_fd_unblock(x->out);
}

/* The process object in a memfd. The user is looked up in the container as it is now. */
static int make_spec(const NativeContainer *c, const NativeRun *run, const GemelStreamArgs *args,
                     GError **error)
{
    g_autofree char *root = g_strdup_printf("/proc/%d/root", (int)run->pid);
    g_autofree char *text = NULL;
    guint uid = c->uid, gid = c->gid;
    int fd;

    if (args->argv == NULL || args->argv[0] == NULL || *args->argv[0] == '\0') {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "container %s: no command to run in it",
                        c->name);
        return -1;
    }
    if (args->cwd != NULL && !g_path_is_absolute(args->cwd)) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "working directory '%.100s': give an absolute path", args->cwd);
        return -1;
    }
    if (args->user != NULL) {
        int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        gboolean ok = native_user_resolve(root_fd, args->user, &uid, &gid, error);

        native_fd_close(&root_fd);
        if (!ok)
            return -1;
    }
    text = native_bundle_format_process(c, args->argv, args->env, uid, gid,
                                        args->cwd != NULL ? args->cwd : c->cwd, args->tty,
                                        args->rows, args->cols, error);
    if (text == NULL)
        return -1;
    fd = memfd_create("process", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text)) {
        gemel_error_set_errno(error, errno, "container %s: exec", c->name);
        native_fd_close(&fd);
    }
    return fd;
}

static gboolean launch(NativeExec *x, const Pipes *pipes, const NativeStore *store,
                       const NativeContainer *c, const NativeRun *run, GError **error)
{
    g_autofree char *root = g_build_filename(store->run, "runtime", NULL);
    g_autofree char *log = g_strdup_printf("/proc/self/fd/%d", x->log);
    g_autofree char *spec = g_strdup_printf("/proc/self/fd/%d", pipes->spec);
    const char *const argv[] = {run->runtime, "--root",    root, "--log", log,
                                "exec",       "--process", spec, c->id,   NULL};
    int keep[] = {x->log, pipes->spec};
    NativeSpawn spawn = {.argv = argv,
                         .stdio = {pipes->child[0], pipes->child[1], pipes->child[2]},
                         .keep = keep,
                         .n_keep = G_N_ELEMENTS(keep),
                         .new_session = TRUE,
                         .controlling_tty = x->tty};
    pid_t pid;

    return native_spawn(&spawn, &pid, &x->pidfd, error);
}

static const NativeStreamClass exec_class;

NativeStream *native_exec_open(NativeConn *conn, const NativeContainer *container,
                               const NativeRun *run, const GemelStreamArgs *args, GError **error)
{
    NativeExec *x = g_new0(NativeExec, 1);
    Pipes pipes = {.child = {-1, -1, -1}, .spec = -1};
    gboolean ok = FALSE;

    x->stream.class = &exec_class;
    x->stream.name = g_strdup(container->name);
    x->stream.base.fd = x->stream.base.err_fd = x->stream.socket = -1;
    x->in = x->out = x->master = x->pidfd = x->log = -1;
    x->tty = args->tty;
    pipes.spec = make_spec(container, run, args, error);
    if (pipes.spec >= 0) {
        x->log = memfd_create("log", MFD_CLOEXEC);
        ok = x->log >= 0 &&
             (x->tty ? make_terminal(x, &pipes, args->rows, args->cols) : make_pipes(x, &pipes));
        if (!ok)
            gemel_error_set_errno(error, errno, "container %s: exec", container->name);
        ok = ok && native_stream_pair(&x->stream, error) &&
             launch(x, &pipes, conn->store, container, run, error);
    }
    for (int i = 0; i < 3; i++)
        native_fd_close(&pipes.child[i]);
    native_fd_close(&pipes.spec);
    if (ok)
        return &x->stream;
    native_fd_close(&x->stream.base.fd);
    native_fd_close(&x->stream.base.err_fd);
    native_stream_ops.free(&x->stream.base);
    return NULL;
}

/* ---- pumping -------------------------------------------------------------------------------- */

/* The caller's input has ended: so does the command's. A terminal has no end; it gets the character
   that stands for one (termios VEOF). */
static void end_input(NativeExec *x)
{
    if (x->in >= 0 && x->tty && write(x->in, "\004", 1) < 0)
        errno = 0; /* the command is on its way out */
    native_fd_close(&x->in);
}

/* One turn; FALSE when there is nothing left to carry, or nobody to carry it to. */
static gboolean turn(NativeExec *x, gboolean *caller_gone, gboolean *ended)
{
    int socket_fd = x->stream.socket;
    struct pollfd fds[4] = {
        {.fd = socket_fd,
         .events = (short)((!*ended && native_flow_has_room(&x->to) ? POLLIN : 0) |
                           (x->from.length > 0 ? POLLOUT : 0))},
        {.fd = x->to.length > 0 ? x->in : -1, .events = POLLOUT},
        {.fd = native_flow_has_room(&x->from) ? x->out : -1, .events = POLLIN},
        {.fd = *ended ? -1 : x->pidfd, .events = POLLIN},
    };
    /* Once the command has ended, only what is in the pipe already counts: a process it left behind
       may hold the other side open for ever. */
    int ready = poll(fds, G_N_ELEMENTS(fds), *ended && x->from.length == 0 ? 0 : -1);

    if (ready < 0)
        return errno == EINTR;
    if (fds[2].revents != 0)
        native_flow_fill(&x->from, x->out);
    if (x->from.length > 0 && !native_flow_drain(&x->from, socket_fd))
        *caller_gone = TRUE;
    if (fds[0].revents & (POLLHUP | POLLERR))
        *caller_gone = TRUE;
    else if (fds[0].revents & POLLIN)
        native_flow_fill(&x->to, socket_fd);
    if (x->in >= 0 && x->to.length > 0 && !native_flow_drain(&x->to, x->in))
        native_fd_close(&x->in); /* it closed its input: what comes is thrown away */
    if (x->in < 0)
        x->to.length = 0;
    if (x->to.ended && x->to.length == 0)
        end_input(x);
    if (fds[3].revents != 0)
        *ended = TRUE;
    if (*ended && x->from.length == 0 && (x->from.ended || (ready == 0)))
        return FALSE;
    return !*caller_gone;
}

/* What an exec that never reached its command says: 127 not found, 126 not executable, as shells
   and docker have it; else -1 with the runtime's message. */
static int judge(NativeExec *x, int status, GError **error)
{
    char text[LOG_MAX] = {0};
    g_autofree char *message = NULL, *lower = NULL;

    if (pread(x->log, text, sizeof text - 1, 0) <= 0)
        return status;
    message = native_runtime_message(text);
    lower = g_ascii_strdown(message, -1);
    if (status < 125 && status != 1)
        return status; /* a warning; the command ran */
    if (strstr(lower, "no such file") != NULL || strstr(lower, "not found") != NULL)
        return 127;
    if (strstr(lower, "permission denied") != NULL || strstr(lower, "exec format") != NULL ||
        strstr(lower, "is a directory") != NULL)
        return 126;
    gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: exec: %s", x->stream.name, message);
    return -1;
}

static int exec_pump(NativeStream *stream, GError **error)
{
    NativeExec *x = (NativeExec *)stream;
    gboolean caller_gone = FALSE, ended = FALSE;
    int status = 0;

    while (turn(x, &caller_gone, &ended))
        ;
    native_fd_close(&x->in);
    native_fd_close(&x->out);
    if (caller_gone && !ended) {
        /* The runtime passes signals on to the command. */
        pidfd_send_signal(x->pidfd, SIGHUP, NULL, 0);
        if (!native_pidfd_wait(x->pidfd, HANGUP_WAIT_MS))
            pidfd_send_signal(x->pidfd, SIGKILL, NULL, 0);
    }
    if (!native_reap(x->pidfd, -1, &status)) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: exec: its end cannot be seen",
                        stream->name);
        return -1;
    }
    native_fd_close(&x->pidfd);
    return judge(x, status, error);
}

static void exec_resize(NativeStream *stream, guint rows, guint cols)
{
    NativeExec *x = (NativeExec *)stream;
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

    /* The runtime is the session leader here and gets SIGWINCH. */
    if (x->master >= 0)
        ioctl(x->master, TIOCSWINSZ, &size);
}

static void exec_close(NativeStream *stream)
{
    NativeExec *x = (NativeExec *)stream;

    native_fd_close(&x->in);
    native_fd_close(&x->out);
    native_fd_close(&x->master);
    native_fd_close(&x->log);
    if (x->pidfd >= 0) {
        int status;

        /* Opened and never pumped. */
        pidfd_send_signal(x->pidfd, SIGKILL, NULL, 0);
        native_reap(x->pidfd, -1, &status);
        native_fd_close(&x->pidfd);
    }
}

static const NativeStreamClass exec_class = {
    .pump = exec_pump,
    .resize = exec_resize,
    .close = exec_close,
};
