/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/net_watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

/* At once, of a namespace whose owner makes changes without end. */
#define DRAIN_MAX 256

typedef struct {
    int pidfd, fd;
} Opening;

/* In a thread of its own, which is in the other namespace from here to its end. */
static gpointer open_inside(gpointer data)
{
    Opening *opening = data;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

    if (setns(opening->pidfd, CLONE_NEWNET) == 0)
        opening->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (opening->fd >= 0 && bind(opening->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(opening->fd);
        opening->fd = -1;
    }
    return NULL;
}

int native_net_watch_open(int pidfd)
{
    Opening opening = {.pidfd = pidfd, .fd = -1};
    pthread_t thread;

    if (pthread_create(&thread, NULL, open_inside, &opening) != 0)
        return -1;
    pthread_join(thread, NULL);
    return opening.fd;
}

void native_net_watch_drain(int fd)
{
    char buffer[8192];

    /* ENOBUFS says that some were lost: as good as one that was read */
    for (int i = 0; i < DRAIN_MAX; i++)
        if (recv(fd, buffer, sizeof buffer, MSG_TRUNC) < 0 && errno != ENOBUFS && errno != EINTR)
            return;
}
