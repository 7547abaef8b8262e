/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * native.h - the native backend's own structures, and the entries of its table by file.
 *
 * A reader's path: store.h (the disk), container.h (the model), bundle.h (the OCI configuration),
 * conmon.h (the programs), lifecycle.c, snapshot.c, exec.c and attach.c, stats.c, watch.c.
 */
#pragma once

#include "backends/backend.h"
#include "backends/native/container.h"
#include "backends/native/listed.h"

typedef struct {
    GemelBackend backend;
    NativeStore store;
} NativeBackend;

typedef struct NativeStats NativeStats;

typedef struct {
    GemelConn conn;
    const NativeStore *store; /* the backend's */
    gboolean read_only;
    NativeStats *stats;   /* kept descriptors; made at the first sample */
    NativeListed *listed; /* made at the first list */
} NativeConn;

/* list.c */
GPtrArray *native_list(GemelConn *conn, GError **error);
GemelInspect *native_inspect(GemelConn *conn, const char *id, GError **error);

/* lifecycle.c */
char *native_create_instance(GemelConn *conn, const GemelCreateSpec *spec, const GemelActArgs *args,
                             GError **error);
gboolean native_start(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_stop(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_kill(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_restart(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_pause(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_resume(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_delete(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_limit(GemelConn *, const char *id, const GemelActArgs *, GError **);

/* copy.c */
gboolean native_copy(GemelConn *conn, const char *id, const GemelCopy *copy,
                     const GemelActArgs *args, GError **error);

/* plan.c */
json_t *native_plan(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                    const GemelActArgs *args, GError **error);
/* change.c */
gboolean native_autostart(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_protect(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean native_rename(GemelConn *, const char *id, const GemelActArgs *, GError **);
extern const GemelDefinitionOps native_definition_ops;
/* clone.c */
gboolean native_clone(GemelConn *, const char *id, const GemelActArgs *, GError **);
/* Whether a clone of `from` may be named so: INVALID, EXISTS. */
gboolean native_clone_name_check(const NativeStore *store, const NativeContainer *from,
                                 const char *name, GError **error);
/* create.c: whether a name is free; EXISTS. Asked with the lock on names held. */
gboolean native_name_check(const NativeStore *store, const char *name, GError **error);

/* A container in hand: its lock, model, run and status, as of now. */
typedef struct {
    const NativeStore *store;
    NativeLock lock;
    NativeContainer *container;
    NativeRun run;
    NativeStatus status;
} NativeHold;

/* Takes the lock, loads everything and mends what a killed command left (a container frozen for a
   snapshot is thawed, an interrupted start is undone). */
gboolean native_hold(NativeConn *conn, const char *id, NativeHold *ret, GError **error);
void native_hold_done(NativeHold *hold);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NativeHold, native_hold_done)
/* FALSE, with the error set, if it is protected from the act. */
gboolean native_hold_allows(const NativeHold *hold, GemelAct act, const GemelActArgs *args,
                            GError **error);
gboolean native_hold_conflict(const NativeHold *hold, const char *what, GError **error);
/* Of one that has ended: has the runtime forget it, which takes its cgroups along. */
void native_hold_clean(NativeHold *hold);
/* The same acts with the lock already held. */
gboolean native_start_held(NativeHold *hold, const GemelActArgs *args, GError **error);
gboolean native_kill_held(NativeHold *hold, GError **error);
gboolean native_layer_is_used(const NativeContainer *container, guint number);
/* Removes layers that nothing refers to. */
void native_layers_sweep(const NativeStore *store, const NativeContainer *container);
/* Makes l/N/fs and l/N/work for a new layer; the top directory looks like that of `like` (a layer
   number, or -1). */
gboolean native_layer_make(const char *dir, guint number, gint like, GError **error);

/* processes.c */
GemelProcesses *native_processes(GemelConn *conn, const char *id, GError **error);

/* isolation.c */
GemelIsolation *native_isolation(GemelConn *conn, const char *id, GError **error);

/* logs.c */
GemelLog *native_log_tail(GemelConn *conn, const char *id, const GemelLogArgs *args,
                          GError **error);
GemelHost *native_host(GemelConn *conn, GError **error);
/* Takes away what conmon puts before each line, joins its parts, and leaves out what was written
   before `since_unix_us`. */
void native_log_strip(GString *text, gint64 since_unix_us);

/* doctor.c: looks for what containers need and for what killed commands left over. */
json_t *native_doctor(GemelConn *conn, gboolean fix, const GemelActArgs *args, GError **error);
/* doctor_find.c: the latter, appended to `found`. */
void native_leftovers_find(NativeConn *conn, gboolean fix, json_t *found);

/* stats.c */
GPtrArray *native_sample(GemelConn *conn, GError **error);
void native_stats_free(NativeStats *stats);

/* snapshot.c */
extern const GemelSnapshotOps native_snapshot_ops;
/* exec.c, attach.c */
extern const GemelStreamOps native_stream_ops;
/* watch.c */
void native_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd);
