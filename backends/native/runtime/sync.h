/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words between the half of the runtime outside a container and the half inside, over a
 * SOCK_SEQPACKET pair or start.sock. init.h says who sends which when.
 */
#pragma once

#include "util.h"

enum sync_type {
    SYNC_MAPPED = 1,
    SYNC_GROUPS, /* the process is where it has to be but in the v1 groups */
    SYNC_HOOKS,
    SYNC_DONE,
    SYNC_READY,
    SYNC_COMMIT,
    SYNC_NOTIFY, /* a filter with notifications comes next; the value is its listener's number */
    SYNC_SOCKET, /* with the container's notify socket (sdnotify.h) */
    SYNC_ERROR
};

struct sync_message {
    uint32_t type;
    int32_t value; /* errno of ERROR; the init's pid, as the parent knows it, of GROUPS */
    char text[sizeof((struct err *)0)->text];
};

/* Sends one word. The text is only sent with ERROR. 0, or -1 and errno. */
int sync_send(int fd, enum sync_type type, int value, const char *text);

#define SYNC_FDS_MAX 32

/* Sends a word with descriptors; at most SYNC_FDS_MAX. */
int sync_send_fds(int fd, enum sync_type type, int value, const int *fds, size_t n);

/* Waits for a word with descriptors. They are the caller's, close-on-exec. */
int sync_wait_fds(int fd, enum sync_type want, int *ret_value, int fds[SYNC_FDS_MAX], size_t *ret_n,
                  struct err *err);

/* Takes the next word. An ERROR becomes err; the end of the socket an error with errnum EPIPE. */
int sync_receive(int fd, enum sync_type *ret_type, int *ret_value, struct err *err);

/* Waits for a word. 0 when it is `want`, any other is an error. */
int sync_wait(int fd, enum sync_type want, int *ret_value, struct err *err);
