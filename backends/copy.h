/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy.h - files copied between an instance and this host, with the rules of docker cp.
 *
 * One side is a path in the instance, the other a path of this host or a tar archive on a
 * descriptor. A file goes to the name given, or into the directory of that name; a directory into
 * the directory of that name, or becomes it if there is none; with "/." at its end only what is in
 * it. Parents are not made.
 */
#pragma once

#include <glib.h>

typedef struct {
    gboolean into;      /* to the instance, else out of it */
    const char *inside; /* path in the instance, from its root */
    const char *local;  /* path on this host; NULL = a tar archive through `fd` */
    int fd;
    gboolean keep_owner; /* else 0:0 in the instance, the caller here, without set-ID bits */
} GemelCopy;
