/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cache.h - what is kept per guest between calls, so that a list of a thousand is a few RPCs.
 *
 * Two things are worth keeping: what the definition says (one RPC and a parse each) and which
 * process and control group is the guest's QEMU (a read of a pid file, or a walk over /proc). The
 * first is dropped by the watch's events and, because not every change has an event, after a while;
 * the second holds for one run of the guest (its libvirt id) and is checked against the process's
 * start time each time it is used.
 *
 * Shared by all connections of a backend; any thread. The lock inside is held for table look-ups
 * only.
 */
#pragma once

#include "backends/libvirt/host.h"
#include "backends/libvirt/lv.h"

/* What `list` needs of a definition. */
typedef struct {
    guint vcpus;
    double cpu_limit;
    guint64 memory_bytes;
    gboolean has_console;
    gboolean is_protected;
    const char *snapshot_obstacle; /* static; NULL = internal snapshots are possible */
} LvSummary;

/* One guest on its way through a call: who it is, and what the host knows of it. */
typedef struct {
    char uuid[VIR_UUID_STRING_BUFLEN];
    int id;            /* libvirt's, -1 while shut off */
    char *name;        /* owned */
    LvProcess process; /* pid 0 = not found */
    LvCgroup group;    /* owned */
} LvGuest;

LvCache *lv_cache_new(void);
void lv_cache_free(LvCache *cache);

/* Take it before asking libvirt for a definition; `lv_cache_put` with a stamp from before an
   invalidation keeps nothing. */
guint lv_cache_stamp(LvCache *cache);
gboolean lv_cache_get(LvCache *cache, const LvGuest *guest, LvSummary *ret_summary);
/* The same however old it is. */
gboolean lv_cache_peek(LvCache *cache, const LvGuest *guest, LvSummary *ret_summary);
/* How many guests ran when they were last seen. */
guint lv_cache_count_active(LvCache *cache);
void lv_cache_put(LvCache *cache, const LvGuest *guest, guint stamp, gint64 max_age_usec,
                  const LvSummary *summary);
/* Forgets one definition (uuid), or all (NULL). */
void lv_cache_invalidate(LvCache *cache, const char *uuid);
/* Forgets every guest that is not a key of `uuids`. */
void lv_cache_retain(LvCache *cache, GHashTable *uuids);

/* Notes whether the guest's job was found held by somebody else; returns for how long it has been
   so each time, in ns, 0 the first time. */
gint64 lv_cache_note_held(LvCache *cache, const LvGuest *guest, gboolean is_held);

/* Fills in process and group of the LvGuest* in `guests` that run here; nothing for remote ones. */
void lv_cache_find_processes(LvConn *conn, GPtrArray *guests);

/* What the guest's definition says, from the cache or else from libvirt (takes no job, so a QEMU
   that hangs does not hold it up); FALSE if the domain has gone. In domain.c. */
gboolean lv_domain_summarize(LvConn *conn, virDomainPtr domain, const LvGuest *guest,
                             LvSummary *summary);

LvGuest *lv_guest_new(virDomainPtr domain);
void lv_guest_free(LvGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvGuest, lv_guest_free)
