/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sdnotify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "defences.h"
#include "log.h"
#include "mounts.h"

#define MESSAGE_MAX  4096  /* systemd's: PIPE_BUF */
#define MESSAGES     20000 /* hours of a service that tells its state every second */
#define AT_ONCE      16    /* then other things have their turn */
#define BARRIER_MS   30000 /* as runc and crun wait */
#define SOCKET_NAME  "notify.sock"
#define VARIABLE     "NOTIFY_SOCKET="
#define VARIABLE_LEN (sizeof VARIABLE - 1)

bool sdnotify_wanted(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    return path && *path;
}

int sdnotify_connect(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    struct err err;
    if ((*path != '/' && *path != '@') || n < 2 || n >= sizeof address.sun_path) {
        err_set(&err, 0, "NOTIFY_SOCKET: '%s' is not the path or abstract name of a socket", path);
        log_message("warning", err.text);
        return -1;
    }
    memcpy(address.sun_path, path, n);
    if (*path == '@')
        address.sun_path[0] = 0;
    auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path == '/'));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) < 0) {
        err_set(&err, errno, "NOTIFY_SOCKET: connect to %s", path);
        log_message("warning", err.text);
        return -1;
    }
    return fd_take(&fd);
}

/* Bound on the mount while that is attached nowhere, then nothing there changes any more. */
static int bind_inside(int mount, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, mount);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return err_set(err, errno, "NOTIFY_SOCKET: the container's socket");
    return fd_take(&fd);
}

int sdnotify_make(int root, const struct spec *spec, struct err *err)
{
    const struct spec_mount place = {
        .index = spec->n_mounts, .destination = SDNOTIFY_DIR, .type = "tmpfs", .source = "notify"};
    const char *label = spec->mount_label && *spec->mount_label
                            ? mem_printf("context=%s", spec->mount_label)
                            : NULL;
    const char *data[] = {"mode=0755", "nr_inodes=4", label, NULL};
    auto_fd mount =
        mount_new(place.type, place.source, data,
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, "NOTIFY_SOCKET", err);
    auto_fd fd = mount < 0 ? -1 : bind_inside(mount, err);
    if (fd < 0)
        return -1;
    auto_fd target = mount_target(root, place.destination, true, 0, err);
    if (target < 0 || mount_check_target(&place, root, target, err) < 0)
        return err_prefix(err, "NOTIFY_SOCKET");
    if (mount_attach(mount, target) < 0)
        return err_set(err, errno, "NOTIFY_SOCKET: attach %s", place.destination);
    return fd_take(&fd);
}

/* `env` with NOTIFY_SOCKET as it is inside. */
static const char **environment(const char *const *env, size_t n, size_t *ret_n)
{
    const char **made = mem_array(n + 2, sizeof *made);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(env[i], VARIABLE, VARIABLE_LEN) != 0)
            made[kept++] = env[i];
    made[kept++] = VARIABLE SDNOTIFY_DIR "/" SOCKET_NAME;
    *ret_n = kept;
    return made;
}

bool sdnotify_prepare(struct spec *spec, bool start_now, struct sdnotify *n)
{
    struct spec_process *process = &spec->process;
    if (!sdnotify_wanted())
        return false;
    if (!spec_own_mounts(spec)) {
        log_message("warning", "NOTIFY_SOCKET: not for a container without a mount namespace of "
                               "its own");
        return false;
    }
    if (start_now && (n->manager = sdnotify_connect()) < 0)
        return false;
    process->env = environment(process->env, process->n_env, &process->n_env);
    return true;
}

int sdnotify_receive(int sync, enum sync_type want, struct sdnotify *n, struct err *err)
{
    int fds[SYNC_FDS_MAX];
    size_t n_fds;
    if (sync_wait_fds(sync, want, NULL, fds, &n_fds, err) < 0)
        return -1;
    n->inside = n_fds == 1 ? fds[0] : -1;
    n->left = MESSAGES;
    if (n->inside < 0 && n->manager >= 0)
        log_message("warning", "NOTIFY_SOCKET: the container was created without one");
    if (n->inside < 0 || n->manager < 0)
        sdnotify_end(n);
    return 0;
}

void sdnotify_end(struct sdnotify *n)
{
    fd_cleanup(&n->inside);
    fd_cleanup(&n->manager);
    n->ready = false;
}

struct pollfd sdnotify_pollfd(const struct sdnotify *n)
{
    return n->ready ? (struct pollfd){.fd = n->manager, .events = POLLOUT}
                    : (struct pollfd){.fd = n->inside, .events = POLLIN};
}

/* Whether a message has the line READY=1; all others mean nothing here. */
static bool says_ready(const char *message, size_t len)
{
    static const char word[] = "READY=1";
    const char *end = message + len;
    for (const char *line = message; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (n == sizeof word - 1 && !memcmp(line, word, n))
            return true;
        line += n + 1;
    }
    return false;
}

/* The next messages from inside. By recv(2) without room for descriptors: the kernel drops them. */
static void take(struct sdnotify *n)
{
    char message[MESSAGE_MAX];
    for (int i = 0; i < AT_ONCE && !n->ready; i++) {
        ssize_t len = recv(n->inside, message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        if (len < 0 && errno != EINTR)
            return;
        if (len < 0)
            continue;
        if (!defended(NOTIFY_READY) && len <= MESSAGE_MAX &&
            send(n->manager, message, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return;
        n->ready = len <= MESSAGE_MAX && says_ready(message, (size_t)len);
        if (!n->ready && --n->left == 0) {
            log_message("warning", "NOTIFY_SOCKET: the container sent too much that is not "
                                   "READY=1; nothing more is forwarded");
            sdnotify_end(n);
            return;
        }
    }
    if (n->ready)
        fd_cleanup(&n->inside);
}

bool sdnotify_step(struct sdnotify *n, pid_t main)
{
    char text[48];
    if (n->inside >= 0)
        take(n);
    if (!n->ready)
        return false;
    int len = snprintf(text, sizeof text, "MAINPID=%d\nREADY=1", (int)main);
    ssize_t sent = send(n->manager, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    n->ready = false;
    if (sent < 0) {
        struct err err;
        err_set(&err, errno, "NOTIFY_SOCKET: send");
        log_message("warning", err.text);
        sdnotify_end(n);
    }
    return sent >= 0;
}

/* The manager finds out whose message it has by the sender's pid: this process may not end before.
 * It has read all when it closes the descriptor that comes with BARRIER=1 (sd_notify_barrier(3));
 * one that does not know the word closes it, too. */
static void barrier(int manager)
{
    int pipe_fds[2];
    union {
        char data[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {(void *)(uintptr_t) "BARRIER=1", strlen("BARRIER=1")};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.data,
                             .msg_controllen = sizeof control.data};
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &pipe_fds[1], sizeof(int));
    int64_t end = now_monotonic_ms() + BARRIER_MS;
    bool sent = false;
    for (int64_t left = BARRIER_MS; left > 0; left = end - now_monotonic_ms()) {
        struct pollfd p = sent ? (struct pollfd){.fd = pipe_fds[0]}
                               : (struct pollfd){.fd = manager, .events = POLLOUT};
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        if (sent)
            break;
        sent = sendmsg(manager, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
        if (!sent && errno != EAGAIN && errno != EINTR)
            break;
        if (sent)
            fd_cleanup(&pipe_fds[1]);
    }
    fd_cleanup(&pipe_fds[0]);
    fd_cleanup(&pipe_fds[1]);
}

void sdnotify_wait(struct sdnotify *n, int pidfd, pid_t main)
{
    bool ended = pidfd < 0;
    while (sdnotify_pollfd(n).fd >= 0) {
        struct pollfd p[2] = {sdnotify_pollfd(n), {.fd = ended ? -1 : pidfd, .events = POLLIN}};
        int rc = poll(p, 2, !ended ? -1 : n->ready ? BARRIER_MS : 0);
        /* What the process sent before its end was there to be read. */
        if (rc == 0 || (rc < 0 && errno != EINTR))
            break;
        ended |= rc > 0 && p[1].revents;
        if (sdnotify_step(n, main)) {
            barrier(n->manager);
            break;
        }
    }
    sdnotify_end(n);
}
