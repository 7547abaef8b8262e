/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Figures of all guests in one bulk call, and what the host says of their processes.
 *
 * With NOWAIT libvirt leaves out what would need a job somebody else holds; but the first call that
 * asks a QEMU which does not answer *takes* that job and waits in it, without limit. The worker
 * then hangs here. The read lane issues the call again on another thread and connection; that one
 * finds the job held and returns at once, with the figures of the others and a quarantine for the
 * one that hangs. Nothing in here is locked meanwhile.
 */
#include <stdlib.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/stats.h"

#define STATS                                                                                      \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |              \
     VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)
#define FILTER (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)

/* Why a guest gave no figures, as far as the host can tell. */
static char *quarantine_text(const LvGuest *guest)
{
    switch (guest->process.state) {
    case 'T':
    case 't':
        return g_strdup_printf("its QEMU (pid %d) is stopped; kill -CONT %d lets it go on",
                               guest->process.pid, guest->process.pid);
    case 'D':
        return g_strdup_printf("its QEMU (pid %d) waits for I/O that does not end",
                               guest->process.pid);
    case 'Z':
        return g_strdup_printf("its QEMU (pid %d) has died", guest->process.pid);
    default:
        return g_strdup("its QEMU does not answer, or another job holds it");
    }
}

/* Maps one record; NULL for a guest that is neither running nor paused. */
static GemelSample *map_record(LvConn *conn, const LvGuest *guest,
                               const virDomainStatsRecord *record, gint64 time_ns,
                               gboolean *ret_was_skipped)
{
    g_autoptr(GemelSample) sample = gemel_sample_new(guest->uuid, time_ns);
    LvStatsFacts facts;
    LvSummary summary;
    GemelState state;

    lv_stats_map(record->params, record->nparams, g_get_real_time() / G_USEC_PER_SEC, sample,
                 &facts);
    state = lv_state(facts.state, facts.reason, FALSE);
    if (state != GEMEL_STATE_RUNNING && state != GEMEL_STATE_PAUSED)
        return NULL;
    /* A definition costs an RPC per guest, so any that is known does: `list` keeps it fresh. */
    if ((lv_cache_peek(lv_backend(conn)->cache, guest, &summary) ||
         lv_domain_summarize(conn, record->dom, guest, &summary)) &&
        summary.cpu_limit > 0)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, (guint64)(summary.cpu_limit * 1000 + 0.5));
    else if (facts.vcpus > 0)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, (guint64)facts.vcpus * 1000);
    *ret_was_skipped = conn->is_qemu && facts.was_skipped;
    return g_steal_pointer(&sample);
}

/* Adds what the kernel says of the guest's QEMU. */
static void add_host_figures(const LvGuest *guest, GemelSample *sample)
{
    if (guest->process.pid == 0)
        return;
    gemel_sample_set(sample, GEMEL_METRIC_PIDS_CURRENT, guest->process.threads);
    lv_cgroup_sample(&guest->group, sample);
}

/* Samples for the active guests that the bulk answer left out, asked for when it has fewer than
   were last seen. */
static void add_missing(LvConn *conn, gint64 time_ns, GPtrArray *samples, GPtrArray *guests,
                        GArray *skipped)
{
    g_autoptr(GHashTable) given = g_hash_table_new(g_str_hash, g_str_equal);
    const gboolean yes = TRUE;
    virDomainPtr *active = NULL;
    int n_active = virConnectListAllDomains(conn->vir, &active, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    for (guint i = 0; i < guests->len; i++)
        g_hash_table_add(given, ((LvGuest *)g_ptr_array_index(guests, i))->uuid);
    for (int i = 0; i < n_active; i++) {
        g_autoptr(LvGuest) guest = lv_guest_new(active[i]);
        int state, reason;

        if (!g_hash_table_contains(given, guest->uuid) &&
            virDomainGetState(active[i], &state, &reason, 0) == 0 &&
            (lv_state(state, reason, FALSE) == GEMEL_STATE_RUNNING ||
             lv_state(state, reason, FALSE) == GEMEL_STATE_PAUSED)) {
            g_ptr_array_add(samples, gemel_sample_new(guest->uuid, time_ns));
            g_ptr_array_add(guests, g_steal_pointer(&guest));
            g_array_append_val(skipped, yes);
        }
        virDomainFree(active[i]);
    }
    free(active);
}

GPtrArray *lv_sample(GemelConn *base, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(GPtrArray) samples =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    g_autoptr(GArray) skipped = g_array_new(FALSE, FALSE, sizeof(gboolean));
    virDomainStatsRecordPtr *records = NULL;
    int n_records;
    gint64 time_ns;

    virResetLastError();
    time_ns = gemel_boottime_ns();
    n_records = virConnectGetAllDomainStats(conn->vir, STATS, &records, FILTER);
    /* Half of the call's time: the counters were read somewhere in it. */
    time_ns += (gemel_boottime_ns() - time_ns) / 2;
    if (n_records < 0) {
        lv_fail(error, conn, "cannot sample the guests of %s", base->backend->name);
        return NULL;
    }
    for (int i = 0; i < n_records; i++) {
        g_autoptr(LvGuest) guest = lv_guest_new(records[i]->dom);
        gboolean was_skipped;
        GemelSample *sample = map_record(conn, guest, records[i], time_ns, &was_skipped);

        if (sample == NULL)
            continue;
        g_ptr_array_add(samples, sample);
        g_ptr_array_add(guests, g_steal_pointer(&guest));
        g_array_append_val(skipped, was_skipped);
    }
    virDomainStatsRecordListFree(records);
    if ((guint)n_records < lv_cache_count_active(lv_backend(conn)->cache))
        add_missing(conn, time_ns, samples, guests, skipped);
    lv_cache_find_processes(conn, guests);
    for (guint i = 0; i < samples->len; i++) {
        const LvGuest *guest = g_ptr_array_index(guests, i);
        GemelSample *sample = g_ptr_array_index(samples, i);

        add_host_figures(guest, sample);
        if (g_array_index(skipped, gboolean, i))
            sample->quarantine = quarantine_text(guest);
    }
    return g_steal_pointer(&samples);
}
