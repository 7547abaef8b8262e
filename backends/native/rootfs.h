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

/* How an archive comes into a directory that is not empty. */
typedef struct {
    gboolean is_owned; /* all of it belongs to uid:gid; set-ID bits and file capabilities go */
    guint uid, gid;
    gboolean no_devices;   /* devices and FIFOs are left out */
    gboolean keep_top;     /* the directory itself stays as it is, whatever "." says */
    gboolean may_be_empty; /* an archive of nothing is none the worse */
    gboolean whole_files;  /* one takes its place when it is whole, where O_TMPFILE is known */
    guint64 skipped;       /* what was left out */
} NativeUnpackRules;

/* The same from a descriptor, `what` in messages. Who else writes in that directory meanwhile can
   spoil what arrives, but lead it nowhere else: names go below it, over no link. */
gboolean native_archive_unpack_stream(int fd, const char *what, int to_fd, NativeUnpackRules *rules,
                                      const GemelActArgs *args, GError **error);

/* "uid", "uid:gid", "name" or "name:group" with the /etc/passwd and /etc/group below root_fd;
   NULL or "" is 0:0. */
gboolean native_user_resolve(int root_fd, const char *user, guint *ret_uid, guint *ret_gid,
                             GError **error);
/* Opens a path inside a root file system; links resolve inside it. -1 with errno. */
int native_open_in_root(int root_fd, const char *path, int flags);
