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

/* By read(2): a word may have to be taken under a container's filter, which hardly ever lacks that
 * call. */
int sync_receive(int fd, enum sync_type *ret_type, int *ret_value, struct err *err)
{
    struct sync_message message = {0};
    ssize_t n;
    do
        n = read(fd, &message, sizeof message);
    while (n < 0 && errno == EINTR);
    message.text[sizeof message.text - 1] = 0;
    if (n < (ssize_t)offsetof(struct sync_message, text)) {
        err_set(err, 0, "the other half of the runtime ended");
        err->errnum = EPIPE;
        return -1;
    }
    if (message.type == SYNC_ERROR) {
        err_set(err, 0, "%s", message.text);
        err->errnum = message.value;
        return -1;
    }
    *ret_type = (enum sync_type)message.type;
    if (ret_value)
        *ret_value = message.value;
    return 0;
}

int sync_wait(int fd, enum sync_type want, int *ret_value, struct err *err)
{
    enum sync_type type;
    if (sync_receive(fd, &type, ret_value, err) < 0)
        return -1;
    if (type != want)
        return err_set(err, EPROTO, "sync: message %u instead of %u", (unsigned)type,
                       (unsigned)want);
    return 0;
}
