/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * net_watch.h - learning that an interface came to a network namespace, instead of reading net/dev
 * of one that has none but lo.
 *
 * A netlink socket belongs to the namespace in which it was made and is told there of every link
 * (RTNLGRP_LINK, rtnetlink(7)); one that is moved in from outside counts as new. It is made by a
 * thread that enters the namespace and ends: no other ever leaves its own.
 *
 * Thread: any. The caller has CAP_SYS_ADMIN, or there is no watch.
 */
#pragma once

#include <glib.h>

/* Of the namespace of a process. Readable when a link came, went or changed since; -1 where that
   cannot be watched. Links that are there already are not told of: look at them once it is open.
   The caller closes it, soon after the process ended: a namespace lives as long as its sockets. */
int native_net_watch_open(int pidfd);
/* Takes what it has to say; of very much a part, and it stays readable. */
void native_net_watch_drain(int fd);
