/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_export.c - a container's files as of a snapshot as a tar archive, of which `create`
   makes a container again. Volumes and tmpfs are not part of a snapshot, nor of this. */
#include "backends/native/native.h"
#include "backends/native/pack.h"
#include "backends/native/snapshot.h"

gboolean native_snapshot_export(GemelConn *conn, const char *id, const char *name, int fd,
                                const GemelActArgs *args, GError **error)
{
    const NativeStore *store = ((NativeConn *)conn)->store;
    g_auto(NativeMoment) moment = {0};
    NativePack pack = {.args = args};

    if (!native_moment_open(&moment, store, id, NATIVE_MOMENT_SNAPSHOT, name, error) ||
        !native_pack_dir(&pack, moment.view, NULL, fd, error) ||
        !native_moment_holds(&moment, store, error))
        return FALSE;
    if (pack.skipped > 0)
        gemel_act_note(args, "%" G_GUINT64_FORMAT " sockets left out: tar has none", pack.skipped);
    if (pack.cut > 0) /* only a layer that a program of the host writes in */
        gemel_act_note(args, "%" G_GUINT64_FORMAT " files shrank while they were read", pack.cut);
    return TRUE;
}
