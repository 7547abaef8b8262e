/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree.h - whole directory trees: copied, joined, measured, removed.
 *
 * What is in a container's tree was put there by the container: names, depths, links, devices and
 * FIFOs are hostile. Everything goes by directory descriptors and names without slashes, no
 * symbolic link is ever followed, and nothing but regular files and directories is opened.
 *
 * Thread: any worker. The source must not change meanwhile (frozen, stopped, or the user's own
 * directory, where a change is the user's risk but leads nowhere outside).
 */
#pragma once

#include <glib.h>

#include "backends/backend.h"

typedef enum {
    /* A root file system handed in from outside: overlay's own attributes and whiteouts would
       mean something once it is a layer, so they are left out; so are other file systems mounted
       below it. */
    NATIVE_TREE_IMPORT,
    /* An overlay's upper directory: whiteouts, opaque marks and all attributes are kept. */
    NATIVE_TREE_LAYER,
} NativeTreeKind;

typedef struct {
    guint64 files;
    guint64 bytes;   /* of file contents, holes not counted */
    guint64 cloned;  /* files that share their blocks with the source (FICLONE) */
    guint64 skipped; /* mount points left empty, overlay attributes and whiteouts left out */
} NativeTreeStats;

/* Copies the contents and the attributes of the directory `from` to the existing, empty directory
   `to`: ownership, modes, times, extended attributes, hard links, holes, devices. `avoid_fd`, when
   not -1, is a directory that is passed over (the store, when it lies below the source). Reports
   progress and obeys cancel through args (may be NULL). */
gboolean native_tree_copy(int from_fd, int to_fd, NativeTreeKind kind, int avoid_fd,
                          NativeTreeStats *stats, const GemelActArgs *args, GError **error);

/*
 * Joins two layers, `top` over `bottom`, into the existing, empty directory `to`, so that an
 * overlay with the one in their place shows the same. Regular files are hard-linked, not copied:
 * layers are read-only, and the old ones go away after. Something must lie below bottom: whiteouts
 * are kept.
 */
gboolean native_tree_merge(int bottom_fd, int top_fd, int to_fd, GError **error);

/* Like native_tree_copy of a layer, but regular files are hard-linked. For layers that nobody
   writes any more; both directories are in the store. */
gboolean native_tree_link(int from_fd, int to_fd, NativeTreeStats *stats, const GemelActArgs *args,
                          GError **error);

/* Bytes of file contents (allocated blocks), or -1 when there are more than max_entries. */
gint64 native_tree_size(int fd, guint max_entries);

/* Removes dir_fd/name with all below it. Depth does not matter: directories are moved up, not
   descended into. One that is not there is a success. */
gboolean native_tree_remove(int dir_fd, const char *name, GError **error);

/* Deeper trees are not copied: what a path can name ends at half of this. */
#define NATIVE_TREE_DEPTH_MAX 1000

/* Names in a directory but "." and "..", char*, free function set; NULL with errno set. */
GPtrArray *native_tree_entries(int dir_fd);
/* A directory that must be one, links not followed; -1 with error set. */
int native_tree_open(int dir_fd, const char *name, GError **error);

/* Attributes by which overlay marks its own files. */
gboolean native_tree_is_overlay_attribute(const char *name);
/* Labels of the host's LSM and integrity measures, which belong to the host, not to the file. */
gboolean native_tree_is_host_attribute(const char *name);
