/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack.h - a tree written as a tar archive (pax, names as they are), what rootfs.h unpacks.
 *
 * Names, owners, modes, times, extended attributes, hard links, holes and devices are kept; sockets
 * are left out, as tar has none. The tree is hostile (tree.h): it is walked by descriptors, no link
 * is followed, nothing but regular files and directories is
 * opened, a file that grows is cut to the size
 * it had and one that shrinks is filled up with zeros.
 *
 * Thread: any worker.
 */
#pragma once

#include "backends/native/view.h"

typedef struct {
    gboolean no_devices; /* devices and FIFOs are left out too */
    gboolean one_mount;  /* what is mounted below is an empty directory */
    const GemelActArgs *args;
    guint64 files, skipped;  /* what was done */
    guint64 cut;             /* files that shrank while they were read */
    gboolean failed_reading; /* the tree, not what is written to, is the reason of a failure */
} NativePack;

/* The contents of the directory. `prefix` NULL: its entries under their own names, the directory
   itself as "."; else as `prefix`, all below it. */
gboolean native_pack_dir(NativePack *pack, const NativeView *view, const char *prefix, int fd,
                         GError **error);
/* One file that is no directory, as `as`. */
gboolean native_pack_file(NativePack *pack, const NativeView *view, const char *name,
                          const char *as, int fd, GError **error);
