/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/net_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    pid_t pid;
    int fd;
} Opening;

/* In a thread of its own, which is in the other namespace from here to its end. */
static gpointer open_inside(gpointer data)
{
    Opening *opening = data;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    char path[64];
    int inside;

    g_snprintf(path, sizeof path, "/proc/%d/ns/net", (int)opening->pid);
    inside = open(path, O_RDONLY | O_CLOEXEC);
    if (inside < 0)
        return NULL;
    if (setns(inside, CLONE_NEWNET) == 0)
        opening->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    close(inside);
    if (opening->fd >= 0 && bind(opening->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(opening->fd);
        opening->fd = -1;
    }
    return NULL;
}

int native_net_watch_open(pid_t pid)
{
    Opening opening = {.pid = pid, .fd = -1};
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
    while (recv(fd, buffer, sizeof buffer, MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR)
        ;
}
