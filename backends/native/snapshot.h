/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.h - a container's files at some moment, to be read without a lock.
 *
 * Layers of a snapshot never change, but a snapshot can be deleted and its layers joined with
 * others while somebody reads them. So a reader opens a moment, reads, and asks at the end whether
 * the moment still stands on the same layers; if not, what was read is worth nothing.
 *
 * Thread: any worker.
 */
#pragma once

#include "backends/diff.h"
#include "backends/native/container.h"
#include "backends/native/view.h"

typedef enum {
    NATIVE_MOMENT_SNAPSHOT, /* by name */
    NATIVE_MOMENT_CURRENT,  /* the snapshot the present state grew from, else the image */
    NATIVE_MOMENT_NOW,
} NativeMomentKind;

typedef struct {
    char *id, *container;
    NativeMomentKind kind;
    char *name; /* of the snapshot, or NULL */
    NativeView *view;
} NativeMoment;

/* NOT_FOUND when there is no such snapshot, DENIED for who may not read layers whole. `moment` is
   zeroed before. */
gboolean native_moment_open(NativeMoment *moment, const NativeStore *store, const char *id,
                            NativeMomentKind kind, const char *name, GError **error);
/* CONFLICT when it does not stand on the same layers any more. */
gboolean native_moment_holds(const NativeMoment *moment, const NativeStore *store, GError **error);
void native_moment_done(NativeMoment *moment);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NativeMoment, native_moment_done)

/* Entries of native_snapshot_ops that have files of their own. */
GemelDiff *native_snapshot_diff(GemelConn *conn, const char *id, const char *from, const char *to,
                                const GemelActArgs *args, GError **error);
gboolean native_snapshot_export(GemelConn *conn, const char *id, const char *name, int fd,
                                const GemelActArgs *args, GError **error);
