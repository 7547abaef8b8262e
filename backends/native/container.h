/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * container.h - the model of one container, and its two files.
 *
 * container.json says what the container *is* and survives everything; it is written only with the
 * container's lock held. RUN/state/ID.json says what its present or last *run* is; it is forgotten
 * at reboot. What state a container is in follows from both, from the process table, the freezer
 * and conmon's exit file: nothing on disk claims "running" by itself.
 *
 * Layers. A container's directory l/ holds numbered layers. `lower` lists the read-only ones from
 * the bottom up, `upper` is the writable one. A snapshot is a list of layers too; freezing the
 * writable layer means putting its number into `lower` and taking a new one for `upper`: one
 * atomic write of container.json, whatever the layer's size. A layer that no list names is
 * rubbish, removed by the next act.
 *
 * Thread: any worker; the structures are plain data of their owner.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "backends/backend.h"
#include "backends/native/store.h"

#define NATIVE_CONTAINER_FORMAT 1

typedef struct {
    char *name;
    char *parent; /* NULL = none */
    char *description;
    gint64 created_unix;
    gboolean was_running;
    gboolean copied;  /* the writable layer was copied, not frozen in place */
    GArray *layers;   /* guint, from the bottom up */
    gint64 freeze_ns; /* how long the container stood still, 0 = it was stopped */
} NativeSnapshot;

typedef struct {
    char *id;
    char *name;
    gint64 created_unix;
    char *origin; /* the root file system it was made from */
    char **argv;
    char **env;
    char *cwd;
    char *user; /* as given */
    guint uid, gid;
    char *hostname;
    char *network;
    gboolean tty;
    gboolean read_only;
    GemelLimits limits; /* 0 = none; never negative */
    GHashTable *labels; /* char* -> char* */
    char *stop_signal;
    gboolean autostart;
    gboolean is_protected;
    GArray *lower; /* guint, from the bottom up */
    guint upper;
    guint next_layer;
    GPtrArray *snapshots; /* NativeSnapshot*, in the order they were taken */
    char *current;        /* the snapshot the present state grew from, or NULL */
} NativeContainer;

NativeContainer *native_container_new(void);
void native_container_free(NativeContainer *container);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NativeContainer, native_container_free)
void native_snapshot_free(NativeSnapshot *snapshot);
NativeSnapshot *native_container_find_snapshot(const NativeContainer *container, const char *name);

/* NOT_FOUND when there is no such id, FAILED when container.json is missing or cannot be used. */
NativeContainer *native_container_load(const NativeStore *store, const char *id, GError **error);
NativeContainer *native_container_parse(const char *text, const char *id, GError **error);
char *native_container_format(const NativeContainer *container);
/* Writes container.json durably into the directory `dir` (the container's, or a staged one). */
gboolean native_container_save(const NativeContainer *container, const char *dir, GError **error);

/* ---- the run -------------------------------------------------------------------------------- */

typedef enum {
    NATIVE_RUN_NONE,     /* never started since boot, or cleaned up */
    NATIVE_RUN_STARTING, /* conmon and the runtime are at it */
    NATIVE_RUN_CREATED,  /* the init process is there and waits for start */
    NATIVE_RUN_STARTED,
    NATIVE_RUN_N
} NativeRunPhase;

typedef struct {
    NativeRunPhase phase;
    pid_t pid;
    guint64 pid_start; /* ticks */
    pid_t conmon;
    guint64 conmon_start;
    char *runtime; /* the program that made it: later commands must use the same */
    char *cgroup;  /* relative to every hierarchy */
    gboolean host_network;
    gboolean tty;
    gboolean snapshot_freeze; /* frozen by a snapshot in progress */
    guint stamp;              /* rises with every write, so that watchers see pause and resume */
} NativeRun;

void native_run_done(NativeRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NativeRun, native_run_done)
/* NATIVE_RUN_NONE when there is no file, or it is of an earlier boot or cannot be read. */
void native_run_load(const NativeStore *store, const char *id, NativeRun *run);
/* Stores may share a run directory: whose the record of this id is. NOBODYS: there is none, or it
   does not say. */
typedef enum { NATIVE_RUN_NOBODYS, NATIVE_RUN_OURS, NATIVE_RUN_OTHERS } NativeRunOwner;
NativeRunOwner native_run_owner(const NativeStore *store, const char *id);
gboolean native_run_save(const NativeStore *store, const char *id, NativeRun *run, GError **error);

/* ---- the state ------------------------------------------------------------------------------ */

typedef struct {
    GemelState state;
    char *reason; /* "exit status 1", or NULL */
    gint64 started_boottime_ns;
} NativeStatus;

void native_status_done(NativeStatus *status);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NativeStatus, native_status_done)
/* Reads the process table, the freezer and the exit file; changes nothing. */
void native_status_read(const NativeStore *store, const char *id, const NativeRun *run,
                        NativeStatus *ret_status);
