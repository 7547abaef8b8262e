/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* How long a definition is believed without an event that says otherwise: changes of the number of
   vCPUs or of a quota have none. Without a watch nothing says anything. */
#define MAX_AGE_WATCHED_USEC   G_GINT64_CONSTANT(15000000)
#define MAX_AGE_UNWATCHED_USEC G_GINT64_CONSTANT(2000000)

static const GemelState states[] = {
    [VIR_DOMAIN_NOSTATE] = GEMEL_STATE_UNKNOWN,   [VIR_DOMAIN_RUNNING] = GEMEL_STATE_RUNNING,
    [VIR_DOMAIN_BLOCKED] = GEMEL_STATE_RUNNING,   [VIR_DOMAIN_PAUSED] = GEMEL_STATE_PAUSED,
    [VIR_DOMAIN_SHUTDOWN] = GEMEL_STATE_STOPPING, [VIR_DOMAIN_SHUTOFF] = GEMEL_STATE_STOPPED,
    [VIR_DOMAIN_CRASHED] = GEMEL_STATE_CRASHED,   [VIR_DOMAIN_PMSUSPENDED] = GEMEL_STATE_PAUSED,
};

/* What a reason says to a user; reasons that say nothing more than the state are not here. */
static const struct {
    int state, reason;
    const char *text;
} reasons[] = {
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED, "migrated here"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_RESTORED, "restored from saved memory"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_FROM_SNAPSHOT, "from a snapshot"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATION_CANCELED, "its migration was cancelled"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP, "woken up"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, "migrating, post-copy"},
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, "post-copy migration failed"},
    {VIR_DOMAIN_BLOCKED, VIR_DOMAIN_BLOCKED_UNKNOWN, "blocked"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, "for a migration"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, "while it is saved"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_DUMP, "while its memory is dumped"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, "I/O error on a disk"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, "its watchdog fired"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_FROM_SNAPSHOT, "from a snapshot"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN, "shutting down"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SNAPSHOT, "while a snapshot is taken"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED, "the guest crashed"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, "starting up"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, "migrating, post-copy"},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, "post-copy migration failed"},
    {VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER, "asked to shut down"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, "shut down"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED, "was killed"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED, "its QEMU crashed"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, "migrated away"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SAVED, "saved"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED, "failed to start"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT, "from a snapshot"},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DAEMON, "killed by the daemon"},
    {VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, "the guest panicked"},
    {VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN, "suspended by the guest"},
};

GemelState lv_state(int state, int reason, gboolean has_saved_memory)
{
    if (state < 0 || state >= (int)G_N_ELEMENTS(states))
        return GEMEL_STATE_UNKNOWN;
    if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_STARTING_UP)
        return GEMEL_STATE_STARTING;
    if (state == VIR_DOMAIN_SHUTOFF && has_saved_memory)
        return GEMEL_STATE_SAVED;
    if (state == VIR_DOMAIN_SHUTOFF && reason == VIR_DOMAIN_SHUTOFF_CRASHED)
        return GEMEL_STATE_CRASHED;
    return states[state];
}

const char *lv_state_reason(int state, int reason)
{
    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].state == state && reasons[i].reason == reason)
            return reasons[i].text;
    }
    return NULL;
}

static void free_domains(virDomainPtr *domains)
{
    if (domains == NULL)
        return;
    for (gsize i = 0; domains[i] != NULL; i++)
        virDomainFree(domains[i]);
    free(domains);
}

/* The uuids of the domains that match a flag of virConnectListAllDomains; empty where the driver
   cannot tell. */
static GHashTable *set_of(LvConn *conn, unsigned int flag)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn->vir, &domains, flag);

    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];

        virDomainGetUUIDString(domains[i], uuid);
        g_hash_table_add(set, g_strdup(uuid));
    }
    free_domains(domains);
    return set;
}

/* A domain with its state, as the start of an instance. */
typedef struct {
    virDomainPtr domain;
    int state, reason;
} Found;

static void clear_found(gpointer data)
{
    virDomainFree(((Found *)data)->domain);
}

static void add_found(GArray *found, virDomainPtr domain, int state, int reason)
{
    Found one = {.domain = domain, .state = state, .reason = reason};

    virDomainRef(domain);
    g_array_append_val(found, one);
}

/* Those that have saved memory: only one that is off can. */
static GHashTable *saved_of(LvConn *conn, const GArray *found)
{
    for (guint i = 0; i < found->len; i++)
        if (g_array_index(found, Found, i).state == VIR_DOMAIN_SHUTOFF)
            return set_of(conn, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE);
    return g_hash_table_new(g_str_hash, g_str_equal);
}

/* States of all domains in one call: the state group takes no job, so a QEMU that hangs does not
   hold it up. FALSE if the driver has no such call. */
static gboolean find_in_bulk(LvConn *conn, GArray *found)
{
    virDomainStatsRecordPtr *records = NULL;
    int n = virConnectGetAllDomainStats(conn->vir, VIR_DOMAIN_STATS_STATE, &records, 0);

    if (n < 0)
        return FALSE;
    for (int i = 0; i < n; i++) {
        int state = VIR_DOMAIN_NOSTATE, reason = 0;

        virTypedParamsGetInt(records[i]->params, records[i]->nparams, "state.state", &state);
        virTypedParamsGetInt(records[i]->params, records[i]->nparams, "state.reason", &reason);
        add_found(found, records[i]->dom, state, reason);
    }
    virDomainStatsRecordListFree(records);
    return TRUE;
}

/* The same, domain by domain. One that went away in between is left out. */
static gboolean find_one_by_one(LvConn *conn, GArray *found, GError **error)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn->vir, &domains, 0);

    if (n < 0)
        return lv_fail(error, conn, "cannot list the guests of %s", conn->base.backend->name);
    for (int i = 0; i < n; i++) {
        int state, reason;

        if (virDomainGetState(domains[i], &state, &reason, 0) == 0)
            add_found(found, domains[i], state, reason);
    }
    free_domains(domains);
    return TRUE;
}

gboolean lv_domain_summarize(LvConn *conn, virDomainPtr domain, const LvGuest *guest,
                             LvSummary *summary)
{
    LvBackend *backend = lv_backend(conn);
    guint stamp = lv_cache_stamp(backend->cache);
    g_autoptr(LvXmlDomain) parsed = NULL;
    char *xml;

    *summary = (LvSummary){.has_console = TRUE};
    if (lv_cache_get(backend->cache, guest, summary))
        return TRUE;
    xml = virDomainGetXMLDesc(domain, 0);
    if (xml == NULL) {
        virErrorPtr vir = virGetLastError();

        return vir == NULL || vir->code != VIR_ERR_NO_DOMAIN;
    }
    parsed = lv_xml_domain_parse(xml, NULL);
    free(xml);
    if (parsed == NULL)
        return TRUE;
    summary->vcpus = parsed->vcpus;
    summary->cpu_limit = lv_xml_cpu_limit(parsed);
    summary->memory_bytes = parsed->memory_bytes;
    summary->is_protected = g_strcmp0(parsed->protection, "yes") == 0;
    summary->has_console = parsed->consoles->len + parsed->serials->len > 0;
    summary->snapshot_obstacle = conn->is_qemu ? lv_xml_snapshot_obstacle(parsed, NULL) : NULL;
    lv_cache_put(backend->cache, guest, stamp,
                 g_atomic_int_get(&backend->watchers) > 0 ? MAX_AGE_WATCHED_USEC
                                                          : MAX_AGE_UNWATCHED_USEC,
                 summary);
    return TRUE;
}

/* Takes away what the state machine does not know of. */
static void restrict_acts(LvConn *conn, GemelInstance *instance, const LvSummary *summary,
                          gboolean is_transient)
{
    if (!summary->has_console && gemel_instance_can(instance, GEMEL_ACT_CONSOLE))
        gemel_instance_forbid(instance, GEMEL_ACT_CONSOLE, "has no console device");
    if (is_transient && gemel_instance_can(instance, GEMEL_ACT_DELETE))
        gemel_instance_forbid(instance, GEMEL_ACT_DELETE, "is transient and goes when it stops");
    if (summary->snapshot_obstacle != NULL &&
        gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE))
        gemel_instance_forbid(instance, GEMEL_ACT_SNAPSHOT_CREATE, summary->snapshot_obstacle);
    if (instance->state == GEMEL_STATE_SAVED) {
        /* The saved memory belongs to the disks as they are now. */
        gemel_instance_forbid(instance, GEMEL_ACT_SNAPSHOT_CREATE,
                              "has saved memory; start it first");
        gemel_instance_forbid(instance, GEMEL_ACT_SNAPSHOT_REVERT,
                              "has saved memory; start it first");
    }
    if (conn->is_test)
        gemel_instance_forbid(instance, GEMEL_ACT_CONSOLE, "is simulated and has no console");
}

GPtrArray *lv_list_names(GemelConn *base, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(GPtrArray) instances =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Found));
    g_autoptr(GHashTable) saved = NULL;
    LvSummary summary;

    g_array_set_clear_func(found, clear_found);
    virResetLastError();
    if (!find_in_bulk(conn, found) && !find_one_by_one(conn, found, error))
        return NULL;
    saved = saved_of(conn, found);
    for (guint i = 0; i < found->len; i++) {
        const Found *one = &g_array_index(found, Found, i);
        g_autoptr(LvGuest) guest = lv_guest_new(one->domain);
        GemelInstance *instance =
            gemel_instance_new(base->backend->name, GEMEL_KIND_VM, guest->uuid, guest->name);

        instance->state =
            lv_state(one->state, one->reason, g_hash_table_contains(saved, guest->uuid));
        instance->state_reason = g_strdup(lv_state_reason(one->state, one->reason));
        gemel_instance_compute_acts(instance, base->backend);
        /* it is known from here on, and missed when a sample does not have it */
        lv_cache_peek(lv_backend(conn)->cache, guest, &summary);
        g_ptr_array_add(instances, instance);
    }
    if (!lv_conn_alive(base)) {
        lv_fail(error, conn, "cannot list the guests of %s", base->backend->name);
        return NULL;
    }
    return g_steal_pointer(&instances);
}

GPtrArray *lv_list(GemelConn *base, GError **error)
{
    LvConn *conn = lv_conn(base);
    LvBackend *backend = lv_backend(conn);
    g_autoptr(GPtrArray) instances =
        g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) autostart = NULL, transient = NULL, saved = NULL;
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Found));

    g_array_set_clear_func(found, clear_found);
    virResetLastError();
    if (!find_in_bulk(conn, found) && !find_one_by_one(conn, found, error))
        return NULL;
    autostart = set_of(conn, VIR_CONNECT_LIST_DOMAINS_AUTOSTART);
    transient = set_of(conn, VIR_CONNECT_LIST_DOMAINS_TRANSIENT);
    saved = saved_of(conn, found);
    for (guint i = 0; i < found->len; i++) {
        const Found *one = &g_array_index(found, Found, i);
        LvGuest *guest = lv_guest_new(one->domain);
        GemelInstance *instance;
        LvSummary summary;

        if (!lv_domain_summarize(conn, one->domain, guest, &summary)) {
            lv_guest_free(guest);
            continue;
        }
        instance = gemel_instance_new(base->backend->name, GEMEL_KIND_VM, guest->uuid, guest->name);
        instance->state =
            lv_state(one->state, one->reason, g_hash_table_contains(saved, guest->uuid));
        instance->state_reason = g_strdup(lv_state_reason(one->state, one->reason));
        instance->vcpus = summary.vcpus;
        instance->cpu_limit = summary.cpu_limit;
        instance->memory_limit_bytes = summary.memory_bytes;
        instance->autostart = g_hash_table_contains(autostart, guest->uuid);
        instance->is_protected = summary.is_protected;
        gemel_instance_compute_acts(instance, base->backend);
        restrict_acts(conn, instance, &summary, g_hash_table_contains(transient, guest->uuid));
        g_ptr_array_add(guests, guest);
        g_ptr_array_add(instances, instance);
        g_hash_table_add(seen, guest->uuid);
    }
    /* Every one of the calls above can fail softly; a dead connection must not look like a host
       without autostart or snapshots. */
    if (!lv_conn_alive(base)) {
        lv_fail(error, conn, "cannot list the guests of %s", base->backend->name);
        return NULL;
    }
    lv_cache_find_processes(conn, guests);
    for (guint i = 0; i < instances->len; i++) {
        const LvGuest *guest = g_ptr_array_index(guests, i);
        GemelInstance *instance = g_ptr_array_index(instances, i);

        if (guest->process.pid != 0)
            instance->started_boottime_ns =
                lv_process_started_boottime_ns(guest->process.start_ticks);
    }
    lv_cache_retain(backend->cache, seen);
    return g_steal_pointer(&instances);
}

LvXmlDomain *lv_domain_parse(LvConn *conn, virDomainPtr domain, const char *what, char **ret_xml,
                             GError **error)
{
    LvXmlDomain *parsed;
    char *xml;

    virResetLastError();
    xml = virDomainGetXMLDesc(domain, 0);
    if (xml == NULL) {
        lv_fail(error, conn, "cannot %s %s", what, virDomainGetName(domain));
        return NULL;
    }
    parsed = lv_xml_domain_parse(xml, error);
    if (parsed != NULL && ret_xml != NULL)
        *ret_xml = g_strdup(xml);
    free(xml);
    return parsed;
}

gboolean lv_domain_check_act(LvConn *conn, virDomainPtr domain, GemelAct act, GemelState *ret_state,
                             GError **error)
{
    const char *name = virDomainGetName(domain);
    g_autoptr(GemelInstance) instance =
        gemel_instance_new(conn->base.backend->name, GEMEL_KIND_VM, "", name);
    int state, reason;

    virResetLastError();
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return lv_fail(error, conn, "%s: cannot learn its state", name);
    instance->is_protected = gemel_act_is_destructive(act) && lv_domain_is_protected(domain);
    instance->state = lv_state(
        state, reason, state == VIR_DOMAIN_SHUTOFF && virDomainHasManagedSaveImage(domain, 0) == 1);
    virResetLastError();
    gemel_instance_compute_acts(instance, conn->base.backend);
    if (ret_state != NULL)
        *ret_state = instance->state;
    if (gemel_instance_can(instance, act))
        return TRUE;
    if (!gemel_protection_allows(instance->is_protected, name, act, NULL, error))
        return FALSE;
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "cannot %s %s: it %s", gemel_act_name(act),
                           name, instance->why_not[act]);
}
