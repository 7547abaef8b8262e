/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

#define DEVPTS_MAGIC 0x1cd1

int terminal_connect(const char *path, struct err *err)
{
    int fd = unix_connect(path);
    return fd < 0 ? err_set(err, errno, "--console-socket %s", path) : fd;
}

int terminal_open(int root, const struct spec_process *process, int *ret_master, int *ret_slave,
                  struct err *err)
{
    struct stat st;
    struct statfs fs;
    int unlock = 0;
    auto_fd master = open_in_root(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (master < 0)
        return err_set(err, errno, "process.terminal: /dev/pts/ptmx (is devpts mounted?)");
    if (fstat(master, &st) < 0 || fstatfs(master, &fs) < 0 || !S_ISCHR(st.st_mode) ||
        st.st_rdev != makedev(5, 2) || (unsigned long)fs.f_type != DEVPTS_MAGIC)
        return err_set(err, 0,
                       "process.terminal: /dev/pts/ptmx is not a pseudo-terminal multiplexer");
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return err_set(err, errno, "process.terminal: unlock");
    auto_fd slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return err_set(err, errno, "process.terminal: open the terminal");
    if (process->console_height || process->console_width) {
        struct winsize size = {.ws_row = (unsigned short)process->console_height,
                               .ws_col = (unsigned short)process->console_width};
        if (ioctl(master, TIOCSWINSZ, &size) < 0)
            return err_set(err, errno, "process.consoleSize");
    }
    *ret_master = fd_take(&master);
    *ret_slave = fd_take(&slave);
    return 0;
}

void terminal_inherit_size(struct spec_process *process)
{
    struct winsize size;
    if (!process->console_height && !process->console_width && ioctl(0, TIOCGWINSZ, &size) == 0) {
        process->console_height = size.ws_row;
        process->console_width = size.ws_col;
    }
}

int terminal_send(int sock, int master, struct err *err)
{
    return fd_send(sock, "/dev/ptmx", master) < 0
               ? err_set(err, errno, "--console-socket: send the terminal")
               : 0;
}

int terminal_receive(int sock, struct err *err)
{
    char name[256];
    union {
        char data[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {name, sizeof name};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.data,
                             .msg_controllen = sizeof control.data};
    int fd;
    ssize_t n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof fd))
        return err_set(err, n < 0 ? errno : 0, "the container sent no terminal");
    memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
    return fd;
}

int terminal_take(int slave, uint32_t uid, struct err *err)
{
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return err_set(err, errno, "process.terminal: controlling terminal");
    if (fchown(slave, uid, (gid_t)-1) < 0 && errno != EINVAL)
        return err_set(err, errno, "process.terminal: owner");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(slave, fd) < 0)
            return err_set(err, errno, "process.terminal: standard descriptors");
    return 0;
}

/* One direction of the relay: what does not fit waits in the buffer. */
struct flow {
    char data[16384];
    size_t at, len;
    bool open;
};

/* Reads when the buffer is empty, writes when it is not. A read end or error closes the flow. */
static void flow_move(struct flow *flow, int from, int to, short from_events, short to_events)
{
    if (flow->len == 0 && from_events & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t n = read(from, flow->data, sizeof flow->data);
        if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
            flow->open = false;
        flow->at = 0;
        flow->len = n > 0 ? (size_t)n : 0;
    }
    if (flow->len && to_events & (POLLOUT | POLLERR | POLLHUP)) {
        ssize_t n = write(to, flow->data + flow->at, flow->len);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            flow->len = 0;
        if (n > 0) {
            flow->at += (size_t)n;
            flow->len -= (size_t)n;
        }
    }
}

static void copy_window_size(int master)
{
    struct winsize size;
    if (master >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
        ioctl(master, TIOCSWINSZ, &size);
}

/* Reads signals; true when the process has ended. */
static bool take_signals(int signals, int master, pid_t pid, int *status)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            if (waitpid(pid, status, WNOHANG) == pid)
                return true;
        } else if (info.ssi_signo == SIGWINCH) {
            copy_window_size(master);
        } else if (info.ssi_signo != SIGPIPE) {
            kill(pid, (int)info.ssi_signo);
        }
    }
    return false;
}

/* The last output of a process that has ended. */
static void drain(int master, struct flow *out)
{
    while (out->len || out->open) {
        struct pollfd p = {.fd = master, .events = POLLIN};
        if (!out->len && poll(&p, 1, 0) <= 0)
            return;
        flow_move(out, master, 1, POLLIN, POLLOUT);
    }
}

void terminal_hold_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Its end says nothing of what it sent before. */
static void forward_last(struct sdnotify *ready)
{
    if (ready) {
        sdnotify_step(ready, getpid());
        sdnotify_end(ready);
    }
}

int terminal_relay(int master, pid_t pid, struct sdnotify *ready)
{
    static struct flow in, out;
    struct termios old;
    int status = 0;
    sigset_t all;
    sigfillset(&all);
    terminal_hold_signals();
    auto_fd signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    bool raw = master >= 0 && tcgetattr(0, &old) == 0;
    if (raw) {
        struct termios mode = old;
        cfmakeraw(&mode);
        tcsetattr(0, TCSANOW, &mode);
    }
    copy_window_size(master);
    in.open = out.open = master >= 0;
    /* It may have ended before the signals were blocked. */
    bool ended = waitpid(pid, &status, WNOHANG) == pid;
    while (!ended) {
        struct pollfd p[5] = {
            {.fd = signals, .events = POLLIN},
            {.fd = in.open && !in.len ? 0 : -1, .events = POLLIN},
            {.fd = out.open || in.len ? master : -1,
             .events = (short)((out.open && !out.len ? POLLIN : 0) | (in.len ? POLLOUT : 0))},
            {.fd = out.len ? 1 : -1, .events = POLLOUT},
            ready ? sdnotify_pollfd(ready) : (struct pollfd){.fd = -1},
        };
        if (poll(p, 5, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents || in.len)
            flow_move(&in, 0, master, p[1].revents, p[2].revents & POLLOUT);
        if (p[2].revents & (POLLIN | POLLHUP | POLLERR) || out.len)
            flow_move(&out, master, 1, p[2].revents, p[3].revents);
        if (p[4].revents && sdnotify_step(ready, getpid()))
            sdnotify_end(ready);
        if (p[0].revents)
            ended = take_signals(signals, master, pid, &status);
    }
    forward_last(ready);
    if (master >= 0)
        drain(master, &out);
    if (raw)
        tcsetattr(0, TCSANOW, &old);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
