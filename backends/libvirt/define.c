/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/clone.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* EXISTS if a guest has the name or the uuid: libvirt would change that one's definition. */
static gboolean check_is_new(LvConn *conn, const LvXmlDomain *parsed, GError **error)
{
    g_autoptr(virDomain) by_name = virDomainLookupByName(conn->vir, parsed->name);
    g_autoptr(virDomain) by_uuid =
        parsed->uuid != NULL ? virDomainLookupByUUIDString(conn->vir, parsed->uuid) : NULL;

    virResetLastError();
    if (by_name != NULL)
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "a guest named %s exists; change <name> or delete that one first",
                               parsed->name);
    if (by_uuid != NULL)
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "guest %s has the uuid %s; leave <uuid> out to have a new one made",
                               virDomainGetName(by_uuid), parsed->uuid);
    return TRUE;
}

char *lv_create_instance(GemelConn *base, const GemelCreateSpec *spec, const GemelActArgs *args,
                         GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autoptr(virDomain) domain = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (spec->definition == NULL) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "a guest is made from domain XML; give it with --definition FILE");
        return NULL;
    }
    parsed = lv_xml_domain_parse(spec->definition, error);
    if (parsed == NULL)
        return NULL;
    if (parsed->name == NULL) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "the domain XML has no <name>");
        return NULL;
    }
    if (spec->name != NULL && !g_str_equal(spec->name, parsed->name)) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "the domain XML names the guest %s, not %s; make them agree", parsed->name,
                        spec->name);
        return NULL;
    }
    if (!check_is_new(conn, parsed, error))
        return NULL;
    domain = virDomainDefineXML(conn->vir, spec->definition);
    if (domain == NULL) {
        lv_fail(error, conn, "cannot create %s", parsed->name);
        return NULL;
    }
    virDomainGetUUIDString(domain, uuid);
    return g_strdup(uuid);
}

/* Drivers refuse flags they do not know; the richest set that is understood is used, so that a
   driver without NVRAM still deletes. The refusal (INVALID_ARG) comes before anything is done. */
static const unsigned int undefine_flags[] = {
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
    0,
};

static gboolean undefine(virDomainPtr domain)
{
    for (gsize i = 0; i < G_N_ELEMENTS(undefine_flags); i++) {
        virErrorPtr vir;

        virResetLastError();
        if (virDomainUndefineFlags(domain, undefine_flags[i]) == 0)
            return TRUE;
        vir = virGetLastError();
        if (vir != NULL && vir->code == VIR_ERR_NO_SUPPORT)
            return virDomainUndefine(domain) == 0;
        if (vir == NULL ||
            (vir->code != VIR_ERR_INVALID_ARG && vir->code != VIR_ERR_ARGUMENT_UNSUPPORTED))
            return FALSE;
    }
    return FALSE;
}

/* "stays: /a.qcow2 (3 internal snapshots in it), /b.img"; NULL if the guest has no disks. */
static char *what_stays(virDomainPtr domain)
{
    char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    g_autoptr(LvXmlDomain) parsed = xml != NULL ? lv_xml_domain_parse(xml, NULL) : NULL;
    int n_snapshots = virDomainSnapshotNum(domain, 0);
    GString *text = g_string_new(NULL);

    free(xml);
    virResetLastError();
    for (guint i = 0; parsed != NULL && i < parsed->disks->len; i++) {
        const LvXmlDisk *disk = g_ptr_array_index(parsed->disks, i);
        g_autofree char *source = lv_xml_disk_source(disk);

        if (source == NULL || g_strcmp0(disk->device, "cdrom") == 0)
            continue;
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", source);
        if (n_snapshots > 0 && g_strcmp0(disk->format, "qcow2") == 0)
            g_string_append_printf(text, " (with %d snapshot%s)", n_snapshots,
                                   n_snapshots == 1 ? "" : "s");
    }
    return g_string_free(text, text->len == 0);
}

gboolean lv_act_delete(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    gboolean force = args != NULL && args->force;
    g_autofree char *stays = NULL;
    const char *name;
    int is_persistent;

    if (domain == NULL)
        return FALSE;
    name = virDomainGetName(domain);
    if (!gemel_protection_allows(lv_domain_is_protected(domain), name, GEMEL_ACT_DELETE, args,
                                 error))
        return FALSE;
    if (!force && !lv_domain_check_act(conn, domain, GEMEL_ACT_DELETE, NULL, error))
        return FALSE;
    is_persistent = virDomainIsPersistent(domain);
    if (is_persistent < 0)
        return lv_fail(error, conn, "cannot delete %s", name);
    stays = what_stays(domain);
    if (virDomainIsActive(domain) == 1 && !lv_domain_end(conn, domain, error))
        return FALSE;
    if (is_persistent == 1 && !undefine(domain))
        return lv_fail(error, conn, "cannot delete %s", name);
    lv_cache_invalidate(lv_backend(conn)->cache, id);
    if (stays != NULL)
        gemel_act_note(args, "its disks stay: %s", stays);
    return TRUE;
}

static void plan_file(json_t *files, const char *path, json_t *bytes, gboolean goes)
{
    g_autofree char *valid = g_utf8_make_valid(path, -1);

    json_array_append_new(
        files, json_pack("{s:s, s:o, s:b}", "path", valid, "bytes", bytes, "goes", goes));
}

/* Deleting undefines: disks stay, the guest's own NVRAM goes. */
json_t *lv_plan(GemelConn *base, const char *id, GemelAct act, const char *snapshot,
                const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(LvXmlDomain) parsed = NULL;
    json_t *files;
    char *xml;

    if (domain == NULL)
        return NULL;
    if (act == GEMEL_ACT_CLONE)
        return lv_clone_plan(conn, domain, args, error);
    files = json_array();
    if (act != GEMEL_ACT_DELETE)
        return files;
    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    parsed = xml != NULL ? lv_xml_domain_parse(xml, NULL) : NULL;
    free(xml);
    for (guint i = 0; parsed != NULL && i < parsed->disks->len; i++) {
        const LvXmlDisk *disk = g_ptr_array_index(parsed->disks, i);
        g_autofree char *source = lv_xml_disk_source(disk);
        virDomainBlockInfo info = {0};
        gboolean known;

        if (source == NULL || g_strcmp0(disk->device, "cdrom") == 0)
            continue;
        known = disk->target != NULL && virDomainGetBlockInfo(domain, disk->target, &info, 0) == 0;
        plan_file(files, source, known ? json_integer((json_int_t)info.allocation) : json_null(),
                  FALSE);
    }
    if (parsed != NULL && parsed->nvram != NULL)
        plan_file(files, parsed->nvram, json_null(), TRUE);
    virResetLastError();
    return files;
}
