/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change.c - saved memory, flags, name and definition of a domain. */
#include <stdlib.h>
#include <string.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* Looks an id up and checks that its state allows the act; NULL with the error set if not. */
static virDomainPtr begin(GemelConn *base, const char *id, GemelAct act, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);

    if (domain == NULL || !lv_domain_check_act(conn, domain, act, NULL, error))
        return NULL;
    return g_steal_pointer(&domain);
}

/* ---- saved memory --------------------------------------------------------------------------- */

gboolean lv_act_save(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_SAVE, error);

    if (domain == NULL)
        return FALSE;
    if (virDomainIsPersistent(domain) == 0)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot save %s: it is transient, nothing would be left to start",
                               virDomainGetName(domain));
    gemel_act_progress(args, -1, "writing its memory to disk");
    virResetLastError();
    return virDomainManagedSave(domain, 0) == 0 ||
           lv_fail(error, lv_conn(base), "cannot save %s", virDomainGetName(domain));
}

gboolean lv_act_restore(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_RESTORE, error);

    if (domain == NULL)
        return FALSE;
    gemel_act_progress(args, -1, "reading its memory from disk");
    virResetLastError();
    return virDomainCreate(domain) == 0 ||
           lv_fail(error, lv_conn(base), "cannot restore %s", virDomainGetName(domain));
}

/* ---- flags ---------------------------------------------------------------------------------- */

gboolean lv_act_autostart(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_AUTOSTART, error);

    if (domain == NULL)
        return FALSE;
    virResetLastError();
    return virDomainSetAutostart(domain, args != NULL && args->enable) == 0 ||
           lv_fail(error, lv_conn(base), "cannot change the autostart of %s",
                   virDomainGetName(domain));
}

gboolean lv_domain_is_protected(virDomainPtr domain)
{
    char *xml;
    gboolean is_protected;

    virResetLastError();
    xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, LV_METADATA_URI,
                               VIR_DOMAIN_AFFECT_CURRENT);
    is_protected = xml != NULL && (strstr(xml, "protected='yes'") != NULL ||
                                   strstr(xml, "protected=\"yes\"") != NULL);
    free(xml);
    virResetLastError();
    return is_protected;
}

/* In the live and in the kept definition, each where there is one. */
gboolean lv_act_protect(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_PROTECT, error);
    gboolean enable = args != NULL && args->enable;
    unsigned int where = 0;

    if (domain == NULL)
        return FALSE;
    if (!enable && !lv_domain_is_protected(domain))
        return TRUE; /* libvirt calls it an error to take away what is not there */
    if (virDomainIsActive(domain) == 1)
        where |= VIR_DOMAIN_AFFECT_LIVE;
    if (virDomainIsPersistent(domain) == 1)
        where |= VIR_DOMAIN_AFFECT_CONFIG;
    virResetLastError();
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT,
                             enable ? "<flags protected='yes'/>" : NULL, "gemel", LV_METADATA_URI,
                             where) < 0)
        return lv_fail(error, conn, "cannot change the protection of %s", virDomainGetName(domain));
    lv_cache_invalidate(lv_backend(conn)->cache, id);
    return TRUE;
}

/* ---- name ----------------------------------------------------------------------------------- */

gboolean lv_act_rename(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_RENAME, error);
    const char *name = args != NULL ? args->name : NULL;

    if (domain == NULL)
        return FALSE;
    if (name == NULL || *name == '\0' || strpbrk(name, "/\n") != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cannot rename %s: \"%.80s\" is no name for a guest",
                               virDomainGetName(domain), name != NULL ? name : "");
    g_autoptr(virDomain) other = virDomainLookupByName(conn->vir, name);

    virResetLastError();
    if (other != NULL)
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "cannot rename %s: there is a guest named %s",
                               virDomainGetName(domain), name);
    if (virDomainRename(domain, name, 0) < 0)
        return lv_fail(error, conn, "cannot rename %s", virDomainGetName(domain));
    lv_cache_invalidate(lv_backend(conn)->cache, id);
    return TRUE;
}

/* ---- the definition ------------------------------------------------------------------------- */

static char *definition_of(LvConn *conn, virDomainPtr domain, GError **error)
{
    char *xml, *text;

    virResetLastError();
    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (xml == NULL) {
        lv_fail(error, conn, "cannot read the definition of %s", virDomainGetName(domain));
        return NULL;
    }
    text = g_strdup(xml);
    free(xml);
    return text;
}

static char *definition_get(GemelConn *base, const char *id, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);

    return domain != NULL ? definition_of(conn, domain, error) : NULL;
}

/* libvirt takes another name or uuid for another guest, and would define that one. */
static gboolean is_same_guest(virDomainPtr domain, const char *id, const char *text, GError **error)
{
    const char *name = virDomainGetName(domain);
    g_autoptr(LvXmlDomain) parsed = NULL;
    GError *wrong = NULL;

    parsed = lv_xml_domain_parse(text, &wrong);
    if (parsed == NULL) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: %s", name, wrong->message);
        g_error_free(wrong);
        return FALSE;
    }
    if (g_strcmp0(parsed->name, name) != 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: <name> may not change here; `rename` does that", name);
    if (g_strcmp0(parsed->uuid, id) != 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: <uuid> may not change", name);
    return TRUE;
}

/* Checked against libvirt's schema where the driver knows the flag. */
static virDomainPtr define(LvConn *conn, const char *text)
{
    virDomainPtr domain = virDomainDefineXMLFlags(conn->vir, text, VIR_DOMAIN_DEFINE_VALIDATE);
    virErrorPtr vir = domain == NULL ? virGetLastError() : NULL;

    if (vir == NULL ||
        (vir->code != VIR_ERR_NO_SUPPORT && vir->code != VIR_ERR_ARGUMENT_UNSUPPORTED))
        return domain;
    virResetLastError();
    return virDomainDefineXML(conn->vir, text);
}

static gboolean definition_set(GemelConn *base, const char *id, const char *before,
                               const char *text, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = begin(base, id, GEMEL_ACT_EDIT, error), defined = NULL;
    g_autofree char *now = NULL;

    if (domain == NULL || (now = definition_of(conn, domain, error)) == NULL)
        return FALSE;
    if (virDomainIsPersistent(domain) == 0)
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "cannot edit %s: it is transient and has no definition to keep",
                               virDomainGetName(domain));
    if (!g_str_equal(now, before))
        return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                               "%s: its definition was changed meanwhile; edit it anew",
                               virDomainGetName(domain));
    if (!is_same_guest(domain, id, text, error))
        return FALSE;
    virResetLastError();
    defined = define(conn, text);
    if (defined == NULL)
        return lv_fail(error, conn, "cannot change %s", virDomainGetName(domain));
    lv_cache_invalidate(lv_backend(conn)->cache, id);
    if (virDomainIsActive(domain) == 1)
        gemel_act_note(args, "holds from its next start on");
    return TRUE;
}

const GemelDefinitionOps lv_definition_ops = {
    .format = "xml",
    .get = definition_get,
    .set = definition_set,
};
