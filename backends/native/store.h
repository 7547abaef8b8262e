/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store.h - where containers live on disk, how they are written and who may write.
 *
 *   ROOT/                     0700: a root file system holds set-user-ID programs
 *     lock                    flock: names are given and taken under it
 *     containers/ID/          one container; the OCI bundle
 *       lock                  flock: whoever changes the container holds it
 *       container.json        the truth (container.h)
 *       config.json           the OCI configuration, made anew at every start
 *       rootfs/               empty; what the overlay covers
 *       l/N/fs, l/N/work      layers by number: the base, frozen ones, the writable one
 *       log                   what the container wrote, in conmon's k8s-file format
 *       attach ctl winsz oom  conmon's
 *     tmp/                    containers being made or removed; what is here belongs to nobody else
 *   RUN/                      0700, forgotten at reboot
 *     state/ID.json           the run: pids with start times (run.h)
 *     exits/ID                the exit status, written by conmon
 *     containers/ID/          conmon's pid files and persist directory
 *     runtime/                the OCI runtime's --root
 *
 * Every file is written as a temporary, synced, renamed over the old one, and the directory
 * synced. A container appears and disappears by one rename between tmp/ and containers/. So
 * whatever is killed when, each container is there whole or not at all.
 *
 * Thread: any worker. NativeStore is immutable once initialised.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "backends/error.h"

typedef struct {
    char *root;
    char *run;
    char *cgroup_parent; /* without slashes at its ends */
    char *runtime;       /* GEMEL_RUNTIME, or NULL = look for gemel-runtime */
    gboolean privileged; /* effective uid 0 */
} NativeStore;

/* Reads the URI ("native", "native:ROOT") and the environment (GEMEL_ROOT, GEMEL_RUN,
   GEMEL_CGROUP_PARENT, GEMEL_RUNTIME, XDG_*). No I/O. UI thread. */
gboolean native_store_init(NativeStore *store, const char *uri, GError **error);
void native_store_done(NativeStore *store);

/* Makes the directories where that is allowed. Without the rights to change the store, but with
   those to read it, it is opened all the same and *ret_read_only set. */
gboolean native_store_open(const NativeStore *store, gboolean *ret_read_only, GError **error);
/* Why a store that is read only is so; always FALSE. */
gboolean native_store_deny(const NativeStore *store, GError **error);

char *native_store_container_path(const NativeStore *store, const char *id, const char *file);
char *native_store_run_path(const NativeStore *store, const char *id, const char *file);
char *native_store_state_path(const NativeStore *store, const char *id);
char *native_store_exit_path(const NativeStore *store, const char *id);

/* Ids of all containers, half-made or not; GPtrArray of char*, free function set. */
GPtrArray *native_store_list_ids(const NativeStore *store, GError **error);
gboolean native_id_is_valid(const char *id);     /* 64 lower-case hex digits */
gboolean native_name_is_valid(const char *name); /* [A-Za-z0-9][A-Za-z0-9_.-]{0,62} */
char *native_id_new(GError **error);

/* ---- files ---------------------------------------------------------------------------------- */

/* How much a written file has to survive: a crash of the program, or one of the machine too. */
typedef enum { NATIVE_WRITE_VOLATILE, NATIVE_WRITE_DURABLE } NativeWrite;

gboolean native_file_write(const char *path, const char *text, mode_t mode, NativeWrite durability,
                           GError **error);
/* At most `max` bytes of a regular file, NUL-terminated; links are not followed. */
char *native_file_read(const char *path, gsize max, GError **error);
gboolean native_dir_make(const char *path, mode_t mode, GError **error);
gboolean native_dir_sync(const char *path, GError **error);

/* ---- locks ---------------------------------------------------------------------------------- */

/* A held flock; -1 = none. Closing it, or the death of the process, lets go. */
typedef int NativeLock;

/* Takes the lock of a container; waits at most 10 s (BUSY names the holder). NOT_FOUND when there
   is no such container any more. */
NativeLock native_lock_container(const NativeStore *store, const char *id, GError **error);
/* The lock that all inherit who make a container (conmon.h); does not wait: BUSY when held. */
NativeLock native_lock_spawn(const NativeStore *store, const char *id, GError **error);
NativeLock native_lock_names(const NativeStore *store, GError **error);
/* Whether somebody holds the lock of this container now. */
gboolean native_lock_is_held(const NativeStore *store, const char *id);
void native_lock_release(NativeLock *lock);

/* ---- making and removing -------------------------------------------------------------------- */

/* A new directory for the container under tmp/, with its lock held. */
char *native_store_stage(const NativeStore *store, const char *id, NativeLock *ret_lock,
                         GError **error);
/* Moves the staged container to its place. */
gboolean native_store_publish(const NativeStore *store, const char *staged, const char *id,
                              GError **error);
/* Takes the container out of the store (it is gone for everybody) and removes its files. */
gboolean native_store_discard(const NativeStore *store, const char *id, GError **error);
void native_store_unstage(const char *staged);
/* Removes what killed commands left in tmp/; gives their number. */
guint native_store_sweep(const NativeStore *store);

/* Called at every point at which a kill would leave something half done; NULL but in tests. */
extern void (*native_kill_point_hook)(const char *point);
void native_kill_point(const char *point);
