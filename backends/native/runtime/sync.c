/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync.h"

#include <string.h>
#include <sys/socket.h>

int sync_send(int fd, enum sync_type type, int value, const char *text)
{
    struct sync_message message = {.type = type, .value = value};
    size_t len = offsetof(struct sync_message, text);
    if (text) {
        size_t n = strlen(text);
        n = n < sizeof message.text ? n : sizeof message.text - 1;
        memcpy(message.text, text, n);
        len += n + 1;
    }
    ssize_t n;
    do
        n = send(fd, &message, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

/* The other half may end with a word of ours unread: the kernel then says ECONNRESET, once, before
 * it hands over what the other half said last. */
static bool again(void)
{
    return errno == EINTR || errno == ECONNRESET;
}

/* What was received: `n` is what the call returned. */
static int understand(struct sync_message *message, ssize_t n, enum sync_type *ret_type,
                      int *ret_value, struct err *err)
{
    message->text[sizeof message->text - 1] = 0;
    if (n < (ssize_t)offsetof(struct sync_message, text)) {
        err_set(err, 0, "the other half of the runtime ended");
        err->errnum = EPIPE;
        return -1;
    }
    if (message->type == SYNC_ERROR) {
        err_set(err, 0, "%s", message->text);
        err->errnum = message->value;
        return -1;
    }
    *ret_type = (enum sync_type)message->type;
    if (ret_value)
        *ret_value = message->value;
    return 0;
}

static int unexpected(enum sync_type type, enum sync_type want, struct err *err)
{
    return err_set(err, EPROTO, "sync: message %u instead of %u", (unsigned)type, (unsigned)want);
}

int sync_send_fds(int fd, enum sync_type type, int value, const int *fds, size_t n)
{
    struct sync_message message = {.type = type, .value = value};
    union {
        char data[CMSG_SPACE(SYNC_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {&message, offsetof(struct sync_message, text)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (n > SYNC_FDS_MAX) {
        errno = E2BIG;
        return -1;
    }
    if (n) {
        header.msg_control = control.data;
        header.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int sync_wait_fds(int fd, enum sync_type want, int *ret_value, int fds[SYNC_FDS_MAX], size_t *ret_n,
                  struct err *err)
{
    struct sync_message message = {0};
    union {
        char data[CMSG_SPACE(SYNC_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {&message, sizeof message};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.data,
                            .msg_controllen = sizeof control.data};
    ssize_t n;
    *ret_n = 0;
    do
        n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (n < 0 && again());
    struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
        *ret_n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(cmsg), *ret_n * sizeof(int));
    }
    /* The kernel leaves out those that found no number: groups would not be joined, and their
     * limits not hold. */
    if (n >= 0 && header.msg_flags & MSG_CTRUNC) {
        for (size_t i = 0; i < *ret_n; i++)
            close(fds[i]);
        *ret_n = 0;
        return err_set(err, EMFILE, "sync: descriptors");
    }
    enum sync_type type;
    if (understand(&message, n, &type, ret_value, err) < 0)
        return -1;
    return type == want ? 0 : unexpected(type, want, err);
}

/* By read(2): a word may have to be taken under a container's filter, which hardly ever lacks that
 * call. */
int sync_receive(int fd, enum sync_type *ret_type, int *ret_value, struct err *err)
{
    struct sync_message message = {0};
    ssize_t n;
    do
        n = read(fd, &message, sizeof message);
    while (n < 0 && again());
    return understand(&message, n, ret_type, ret_value, err);
}

int sync_wait(int fd, enum sync_type want, int *ret_value, struct err *err)
{
    enum sync_type type;
    if (sync_receive(fd, &type, ret_value, err) < 0)
        return -1;
    return type == want ? 0 : unexpected(type, want, err);
}
