/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stats.h - from libvirt's typed parameters to the metrics of a sample.
 *
 * The names are those of virConnectGetAllDomainStats: "cpu.time", "balloon.rss" (KiB),
 * "vcpu.N.time", "block.N.rd.bytes", "net.N.rx.pkts". A figure the driver does not give stays
 * invalid; sums over devices are valid if one device gave the figure. Pure; any thread.
 */
#pragma once

#include <libvirt/libvirt.h>

#include "backends/backend.h"

typedef struct {
    int state, reason;    /* virDomainState; NOSTATE if it was not said */
    guint vcpus;          /* vcpu.current, 0 if it was not said */
    gboolean was_skipped; /* QEMU was not asked: another job held the domain (NOWAIT) */
} LvStatsFacts;

/* `now_unix_sec` is for the balloon's age. `ret_facts` may be NULL. */
void lv_stats_map(const virTypedParameter *params, int n_params, gint64 now_unix_sec,
                  GemelSample *sample, LvStatsFacts *ret_facts);
