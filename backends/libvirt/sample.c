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
#include <string.h>

#include "backends/cpus.h"
#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/stats.h"

#define STATS                                                                                      \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |              \
     VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)
#define FILTER (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)

/* Guests whose job was held are asked for again after 5 to 10 ms, then after twice as long each
   time: not in step with somebody who does the same. */
#define BUSY_TRIES     2
#define BUSY_WAIT_USEC 10000
/* So long a job may be held before a guest that is awake counts as one that does not answer. */
#define HELD_GRACE_NS G_GINT64_CONSTANT(1500000000)

static void domain_unref(gpointer domain)
{
    if (domain != NULL) /* the end of a list for libvirt */
        virDomainFree(domain);
}

/* Domains, referenced. */
static GPtrArray *busy_new(void)
{
    return g_ptr_array_new_with_free_func(domain_unref);
}

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

/* CPUs that its quotas leave it, 0 = all it has. A definition costs an RPC for each guest, so any
   that is known does, for `list` keeps it fresh, and of a guest of this host what the kernel says.
 */
static double cpu_limit(LvConn *conn, const LvGuest *guest, virDomainPtr domain, guint vcpus)
{
    LvSummary summary;
    double cpus;

    if (lv_cache_peek(lv_backend(conn)->cache, guest, &summary))
        return summary.cpu_limit;
    if (lv_cgroup_cpu_limit(&guest->group, vcpus, &cpus))
        return cpus;
    return lv_domain_summarize(conn, domain, guest, &summary) ? summary.cpu_limit : 0;
}

/* Maps one record; NULL for a guest that is neither running nor paused. */
static GemelSample *map_record(LvConn *conn, const LvGuest *guest,
                               const virDomainStatsRecord *record, gint64 time_ns,
                               gboolean *ret_was_skipped)
{
    g_autoptr(GemelSample) sample = gemel_sample_new(guest->uuid, time_ns);
    LvStatsFacts facts;
    GemelState state;
    double cpus;

    lv_stats_map(record->params, record->nparams, g_get_real_time() / G_USEC_PER_SEC, sample,
                 &facts);
    state = lv_state(facts.state, facts.reason, FALSE);
    if (state != GEMEL_STATE_RUNNING && state != GEMEL_STATE_PAUSED)
        return NULL;
    cpus = cpu_limit(conn, guest, record->dom, facts.vcpus);
    if (cpus > 0)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, (guint64)(cpus * 1000 + 0.5));
    else if (facts.vcpus > 0)
        gemel_sample_set(sample, GEMEL_METRIC_CPU_LIMIT, (guint64)facts.vcpus * 1000);
    *ret_was_skipped = conn->is_qemu && facts.was_skipped;
    return g_steal_pointer(&sample);
}

/* Adds what the kernel says of the guest's QEMU. */
static void add_host_figures(const LvConn *conn, const LvGuest *guest, GemelSample *sample)
{
    if (guest->process.pid == 0)
        return;
    gemel_sample_set(sample, GEMEL_METRIC_PIDS_CURRENT, guest->process.threads);
    lv_cgroup_sample(&guest->group, sample);
    if (atomic_load(&conn->base.backend->cpus_wanted))
        sample->cpus = gemel_cpus_of_process("/proc", guest->process.pid);
}

/* Samples for the active guests that the bulk answer left out, asked for when it has fewer than
   were last seen. */
static void add_missing(LvConn *conn, gint64 time_ns, GPtrArray *samples, const GPtrArray *guests)
{
    g_autoptr(GHashTable) given = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
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
             lv_state(state, reason, FALSE) == GEMEL_STATE_PAUSED))
            g_ptr_array_add(missing, g_steal_pointer(&guest));
        virDomainFree(active[i]);
    }
    free(active);
    lv_cache_find_processes(conn, missing);
    for (guint i = 0; i < missing->len; i++) {
        const LvGuest *guest = g_ptr_array_index(missing, i);
        GemelSample *sample = gemel_sample_new(guest->uuid, time_ns);

        add_host_figures(conn, guest, sample);
        sample->quarantine = quarantine_text(guest);
        g_ptr_array_add(samples, sample);
    }
}

/* The guests of the records, in their order, with what the host knows of them. */
static GPtrArray *guests_of(LvConn *conn, virDomainStatsRecordPtr *records, int n_records)
{
    GPtrArray *guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);

    for (int i = 0; i < n_records; i++)
        g_ptr_array_add(guests, lv_guest_new(records[i]->dom));
    lv_cache_find_processes(conn, guests);
    return guests;
}

/* Adds a sample for each record. A guest whose QEMU was not asked although it is awake, as far as
   can be seen, goes to `busy`: most often a call of virsh or of another console holds its job for a
   moment. Where `busy` is NULL it has no sample this time, and a quarantine once that has lasted or
   when it never had one. */
static void add_records(LvConn *conn, virDomainStatsRecordPtr *records, const GPtrArray *guests,
                        gint64 time_ns, GPtrArray *samples, GPtrArray *busy)
{
    for (guint i = 0; i < guests->len; i++) {
        const LvGuest *guest = g_ptr_array_index(guests, i);
        gboolean was_skipped = FALSE, is_awake = strchr("RS", guest->process.state) != NULL;
        g_autoptr(GemelSample) sample = map_record(conn, guest, records[i], time_ns, &was_skipped);
        gint64 held_ns;

        if (sample == NULL)
            continue;
        if (was_skipped && is_awake && busy != NULL) {
            virDomainRef(records[i]->dom);
            g_ptr_array_add(busy, records[i]->dom);
            continue;
        }
        held_ns = lv_cache_note_held(lv_backend(conn)->cache, guest, was_skipped);
        if (was_skipped && is_awake && held_ns < HELD_GRACE_NS)
            continue;
        add_host_figures(conn, guest, sample);
        if (was_skipped)
            sample->quarantine = quarantine_text(guest);
        g_ptr_array_add(samples, g_steal_pointer(&sample));
    }
}

/* Asks once more for the guests whose job was held a moment ago. */
static void add_busy(LvConn *conn, GPtrArray *busy, GPtrArray *samples)
{
    for (int try = 0; try < BUSY_TRIES && busy->len > 0; try++) {
        g_autoptr(GPtrArray) guests = NULL, still = busy_new();
        virDomainStatsRecordPtr *records = NULL;
        gint64 time_ns;
        int n_records;

        g_usleep((gulong)g_random_int_range(BUSY_WAIT_USEC / 2, BUSY_WAIT_USEC) << try);
        g_ptr_array_add(busy, NULL);
        time_ns = gemel_boottime_ns();
        n_records = virDomainListGetStats((virDomainPtr *)busy->pdata, STATS, &records,
                                          VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
        time_ns += (gemel_boottime_ns() - time_ns) / 2;
        g_ptr_array_set_size(busy, (int)busy->len - 1);
        if (n_records < 0)
            return; /* one of them is gone: the next sample has the others */
        guests = guests_of(conn, records, n_records);
        add_records(conn, records, guests, time_ns, samples, try + 1 < BUSY_TRIES ? still : NULL);
        virDomainStatsRecordListFree(records);
        g_ptr_array_set_size(busy, 0);
        g_ptr_array_extend_and_steal(busy, g_steal_pointer(&still));
    }
}

GPtrArray *lv_sample(GemelConn *base, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(GPtrArray) samples =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    g_autoptr(GPtrArray) guests = NULL, busy = busy_new();
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
    guests = guests_of(conn, records, n_records);
    add_records(conn, records, guests, time_ns, samples, busy);
    virDomainStatsRecordListFree(records);
    if ((guint)n_records < lv_cache_count_active(lv_backend(conn)->cache))
        add_missing(conn, time_ns, samples, guests);
    add_busy(conn, busy, samples);
    return g_steal_pointer(&samples);
}
