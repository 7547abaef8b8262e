/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Internal snapshots: kept inside the guest's qcow2 disks, with its memory if it runs.
 *
 * External ones are listed as what they are; libvirt before 9.9 can neither revert to nor delete
 * them, and says so.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

static const struct {
    const char *name; /* <state> of the snapshot XML */
    GemelState state;
} state_names[] = {
    {"running", GEMEL_STATE_RUNNING},    {"blocked", GEMEL_STATE_RUNNING},
    {"paused", GEMEL_STATE_PAUSED},      {"shutdown", GEMEL_STATE_STOPPING},
    {"shutoff", GEMEL_STATE_STOPPED},    {"crashed", GEMEL_STATE_CRASHED},
    {"pmsuspended", GEMEL_STATE_PAUSED}, {"disk-snapshot", GEMEL_STATE_RUNNING},
};

static GemelState state_of(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (g_strcmp0(state_names[i].name, name) == 0)
            return state_names[i].state;
    }
    return GEMEL_STATE_UNKNOWN;
}

/* One snapshot as the interface shows it; NULL if it went away or its XML cannot be read. */
static GemelSnapshot *describe(virDomainSnapshotPtr vir)
{
    char *xml = virDomainSnapshotGetXMLDesc(vir, 0);
    g_autoptr(LvXmlSnapshot) parsed = xml != NULL ? lv_xml_snapshot_parse(xml, NULL) : NULL;
    gboolean is_external;
    GemelSnapshot *snapshot;

    free(xml);
    if (parsed == NULL)
        return NULL;
    is_external = parsed->has_external_disk || g_strcmp0(parsed->memory, "external") == 0;
    snapshot = g_new0(GemelSnapshot, 1);
    snapshot->name = g_strdup(virDomainSnapshotGetName(vir));
    snapshot->parent = g_strdup(parsed->parent);
    snapshot->description = g_strdup(parsed->description);
    snapshot->created_unix = parsed->created_unix;
    snapshot->state = state_of(parsed->state);
    snapshot->kind = g_strdup(is_external ? "external" : "internal");
    /* Libvirt before 1.0.1 wrote no <memory>; what ran then was always saved with it. */
    snapshot->with_memory = parsed->memory != NULL ? !g_str_equal(parsed->memory, "no")
                                                   : snapshot->state == GEMEL_STATE_RUNNING ||
                                                         snapshot->state == GEMEL_STATE_PAUSED;
    snapshot->is_current = virDomainSnapshotIsCurrent(vir, 0) == 1;
    snapshot->size_bytes = -1;
    return snapshot;
}

static int compare_age(gconstpointer a, gconstpointer b)
{
    const GemelSnapshot *one = *(GemelSnapshot *const *)a, *other = *(GemelSnapshot *const *)b;

    if (one->created_unix != other->created_unix)
        return one->created_unix < other->created_unix ? -1 : 1;
    return g_strcmp0(one->name, other->name);
}

/* Oldest first, and parents before children even where clocks went back: each turn takes those
   whose parent has been taken or is not there. What is left is a circle, and is taken as it is. */
static GPtrArray *order(GPtrArray *snapshots)
{
    GPtrArray *ordered = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    g_autoptr(GHashTable) waiting = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean moved = TRUE;

    g_ptr_array_sort(snapshots, compare_age);
    for (guint i = 0; i < snapshots->len; i++)
        g_hash_table_add(waiting, ((GemelSnapshot *)snapshots->pdata[i])->name);
    while (moved && g_hash_table_size(waiting) > 0) {
        moved = FALSE;
        for (guint i = 0; i < snapshots->len; i++) {
            GemelSnapshot *one = snapshots->pdata[i];

            if (one == NULL || (one->parent != NULL && g_hash_table_contains(waiting, one->parent)))
                continue;
            g_hash_table_remove(waiting, one->name);
            g_ptr_array_add(ordered, one);
            snapshots->pdata[i] = NULL;
            moved = TRUE;
        }
    }
    for (guint i = 0; i < snapshots->len; i++) {
        if (snapshots->pdata[i] != NULL)
            g_ptr_array_add(ordered, g_steal_pointer(&snapshots->pdata[i]));
    }
    return ordered;
}

static GPtrArray *snapshot_list(GemelConn *base, const char *id, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    virDomainSnapshotPtr *all = NULL;
    int n;

    if (domain == NULL)
        return NULL;
    virResetLastError();
    n = virDomainListAllSnapshots(domain, &all, 0);
    if (n < 0) {
        lv_fail(error, conn, "cannot list the snapshots of %s", virDomainGetName(domain));
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        GemelSnapshot *snapshot = describe(all[i]);

        if (snapshot != NULL)
            g_ptr_array_add(found, snapshot);
        virDomainSnapshotFree(all[i]);
    }
    free(all);
    virResetLastError();
    return order(found);
}

/* What can be said before anything is done: the disks, the name, the text. */
static gboolean check_create(LvConn *conn, virDomainPtr domain, const char *name,
                             const char *description, GError **error)
{
    const char *guest = virDomainGetName(domain), *why;
    g_autoptr(virDomainSnapshot) old = NULL;
    g_autoptr(LvXmlDomain) parsed = NULL;
    const LvXmlDisk *disk;

    if (name == NULL || *name == '\0' || *name == '.' || strchr(name, '/') != NULL ||
        !g_utf8_validate(name, -1, NULL) || strpbrk(name, "\n\r\t\033") != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "a snapshot's name is not empty, does not begin with a dot and has "
                               "no slash or control character in it");
    if (description != NULL && !g_utf8_validate(description, -1, NULL))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "the description is not UTF-8");
    old = virDomainSnapshotLookupByName(domain, name, 0);
    virResetLastError();
    if (old != NULL)
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "%s has a snapshot %s already; delete it or take another name",
                               guest, name);
    if (!conn->is_qemu)
        return TRUE;
    parsed = lv_domain_parse(conn, domain, "take a snapshot of", NULL, error);
    if (parsed == NULL)
        return FALSE;
    why = lv_xml_snapshot_obstacle(parsed, &disk);
    if (why != NULL && disk != NULL) {
        g_autofree char *source = lv_xml_disk_source(disk);

        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "cannot take a snapshot of %s: its disk %s (%s, %s) cannot hold an "
                               "internal one; stop it and convert the disk with qemu-img convert "
                               "-O qcow2",
                               guest, disk->target, disk->format != NULL ? disk->format : "raw",
                               source);
    }
    if (why != NULL)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "cannot take a snapshot of %s: it %s", guest, why);
    return TRUE;
}

static gboolean snapshot_create(GemelConn *base, const char *id, const char *name,
                                const char *description, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(virDomainSnapshot) snapshot = NULL;
    g_autofree char *xml = NULL;
    gint64 begun;
    GemelState state;

    if (domain == NULL ||
        !lv_domain_check_act(conn, domain, GEMEL_ACT_SNAPSHOT_CREATE, &state, error) ||
        !check_create(conn, domain, name, description, error))
        return FALSE;
    if (state == GEMEL_STATE_SAVED)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot take a snapshot of %s: it has saved memory; start it first",
                               virDomainGetName(domain));
    xml = g_markup_printf_escaped("<domainsnapshot><name>%s</name><description>%s</description>"
                                  "</domainsnapshot>",
                                  name, description != NULL ? description : "");
    gemel_act_progress(args, -1,
                       state == GEMEL_STATE_RUNNING || state == GEMEL_STATE_PAUSED
                           ? "saving memory and disks"
                           : "saving disks");
    virResetLastError();
    begun = g_get_monotonic_time();
    snapshot = virDomainSnapshotCreateXML(domain, xml, 0);
    if (snapshot == NULL)
        return lv_fail(error, conn, "cannot take snapshot %s of %s", name,
                       virDomainGetName(domain));
    if (state == GEMEL_STATE_RUNNING)
        gemel_act_note(args, "the guest stood still for at most %" G_GINT64_FORMAT " ms",
                       (g_get_monotonic_time() - begun) / 1000);
    return TRUE;
}

/* The snapshot of a name; NOT_FOUND names it and its guest. */
static virDomainSnapshotPtr lookup(LvConn *conn, virDomainPtr domain, const char *name,
                                   GError **error)
{
    const char *guest = virDomainGetName(domain);
    virDomainSnapshotPtr snapshot;
    virErrorPtr vir;

    virResetLastError();
    snapshot = virDomainSnapshotLookupByName(domain, name != NULL ? name : "", 0);
    if (snapshot != NULL)
        return snapshot;
    vir = virGetLastError();
    if (vir != NULL && vir->code == VIR_ERR_NO_DOMAIN_SNAPSHOT)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s has no snapshot %s", guest,
                        name != NULL ? name : "");
    else
        lv_fail(error, conn, "cannot look up snapshot %s of %s", name != NULL ? name : "", guest);
    return NULL;
}

static gboolean snapshot_revert(GemelConn *base, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(virDomainSnapshot) snapshot = NULL;
    gboolean force = args != NULL && args->force;
    const char *guest;
    virErrorPtr vir;
    GemelState state;

    if (domain == NULL)
        return FALSE;
    guest = virDomainGetName(domain);
    snapshot = lookup(conn, domain, name, error);
    if (snapshot == NULL ||
        !lv_domain_check_act(conn, domain, GEMEL_ACT_SNAPSHOT_REVERT, &state, error))
        return FALSE;
    if (state == GEMEL_STATE_SAVED)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot revert %s: it has saved memory, which belongs to its disks "
                               "as they are; start it first",
                               guest);
    gemel_act_progress(args, -1, "going back");
    virResetLastError();
    if (virDomainRevertToSnapshot(snapshot, force ? VIR_DOMAIN_SNAPSHOT_REVERT_FORCE : 0) == 0) {
        lv_cache_invalidate(lv_backend(conn)->cache, id);
        if (conn->is_qemu && state != GEMEL_STATE_STOPPED && state != GEMEL_STATE_CRASHED)
            gemel_act_note(args, "libvirt restarted its QEMU to go back; consoles and network "
                                 "connections to it ended");
        return TRUE;
    }
    vir = virGetLastError();
    if (vir != NULL && vir->code == VIR_ERR_SNAPSHOT_REVERT_RISKY)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot revert %s to %s safely: %s; --force does it all the same",
                               guest, name, vir->message);
    return lv_fail(error, conn, "cannot revert %s to %s", guest, name);
}

static gboolean snapshot_remove(GemelConn *base, const char *id, const char *name,
                                const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(virDomainSnapshot) snapshot = NULL;

    if (domain == NULL)
        return FALSE;
    snapshot = lookup(conn, domain, name, error);
    if (snapshot == NULL ||
        !lv_domain_check_act(conn, domain, GEMEL_ACT_SNAPSHOT_DELETE, NULL, error))
        return FALSE;
    virResetLastError();
    return virDomainSnapshotDelete(snapshot, 0) == 0 ||
           lv_fail(error, conn, "cannot delete snapshot %s of %s", name, virDomainGetName(domain));
}

const GemelSnapshotOps lv_snapshot_ops = {
    .list = snapshot_list,
    .create = snapshot_create,
    .revert = snapshot_revert,
    .remove = snapshot_remove,
};
