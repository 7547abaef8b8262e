/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rootfs.h - a container's first layer, from a directory or an archive, and lookups inside it.
 *
 * The source is copied into the store: what the container runs on later must not change under it.
 * Archives are hostile. Every entry is placed by its parent directory's descriptor, found with
 * openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS); an entry that is absolute, contains "..", or goes
 * through a symbolic link is refused, and so is a hard link whose target does.
 *
 * Thread: any worker.
 */
#pragma once

#include <glib.h>

#include "backends/backend.h"
#include "backends/native/store.h"

/* Fills the existing, empty directory `to` from `source`; the errors say what is wrong with it and
   name the entry. */
gboolean native_rootfs_import(const NativeStore *store, const char *source, const char *to,
                              const GemelActArgs *args, GError **error);

/* The archive half of it. */
gboolean native_archive_unpack(const char *path, int to_fd, const GemelActArgs *args,
                               GError **error);

/* "uid", "uid:gid", "name" or "name:group" with the /etc/passwd and /etc/group below root_fd;
   NULL or "" is 0:0. */
gboolean native_user_resolve(int root_fd, const char *user, guint *ret_uid, guint *ret_gid,
                             GError **error);
/* Opens a path inside a root file system; links resolve inside it. -1 with errno. */
int native_open_in_root(int root_fd, const char *path, int flags);
