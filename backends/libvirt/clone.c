/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clone.c - a shut-off guest under a new name: the act and its plan. */
#include <stdlib.h>
#include <string.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/clone.h"

#define NAME_MAX_BYTES 200

/* INVALID for what is no name (of files too), EXISTS for one that is taken. */
static gboolean check_name(LvConn *conn, virDomainPtr domain, const char *name, GError **error)
{
    const char *old_name = virDomainGetName(domain);
    g_autoptr(virDomain) other = NULL;
    gboolean ok = name != NULL && *name != '\0' && *name != '.' && *name != '-' &&
                  strlen(name) <= NAME_MAX_BYTES && g_utf8_validate(name, -1, NULL);

    for (const char *at = name; ok && *at != '\0'; at++)
        ok = *at != '/' && !g_ascii_iscntrl(*at);
    if (!ok)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cannot clone %s: \"%.80s\" is no name for a guest and its disks",
                               old_name, name != NULL ? name : "");
    other = virDomainLookupByName(conn->vir, name);
    virResetLastError();
    return other == NULL ||
           gemel_error_set(error, GEMEL_ERROR_EXISTS, "cannot clone %s: there is a guest named %s",
                           old_name, name);
}

/* The definition, as text and parsed; free() the former. */
static char *read_definition(LvConn *conn, virDomainPtr domain, LvXmlDomain **ret_parsed,
                             GError **error)
{
    char *xml;

    virResetLastError();
    xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (xml == NULL)
        lv_fail(error, conn, "cannot read the definition of %s", virDomainGetName(domain));
    else if ((*ret_parsed = lv_xml_domain_parse(xml, error)) == NULL)
        g_clear_pointer(&xml, free);
    return xml;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void plan_row(json_t *files, const char *path, gint64 bytes, const char *how,
                     const char *note)
{
    g_autofree char *valid = g_utf8_make_valid(path, -1);
    g_autofree char *said = note != NULL ? g_utf8_make_valid(note, -1) : NULL;

    json_array_append_new(files, json_pack("{s:s, s:o, s:b, s:s, s:s*}", "path", valid, "bytes",
                                           bytes >= 0 ? json_integer(bytes) : json_null(), "goes",
                                           0, "how", how, "note", said));
}

static void plan_disk(json_t *files, const LvCloneDisk *disk)
{
    gboolean is_volume = disk->how == LV_CLONE_VOLUME;
    g_autofree char *to = is_volume ? g_strdup_printf("%s/%s", disk->pool, disk->new_volume)
                                    : g_strdup(disk->new_path);
    g_autofree char *note =
        disk->how == LV_CLONE_KEPT ? NULL
        : disk->is_linked ? g_strdup_printf("backing file of %s, not to be written any more", to)
                          : g_strdup_printf("by %s to %s", is_volume ? "libvirt" : "qemu-img", to);

    if (disk->source != NULL)
        plan_row(files, disk->source, disk->bytes,
                 disk->how == LV_CLONE_KEPT || disk->is_linked ? "shared" : "copied", note);
}

json_t *lv_clone_plan(LvConn *conn, virDomainPtr domain, const GemelActArgs *args, GError **error)
{
    const char *name = args != NULL && args->name != NULL ? args->name : "clone";
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autoptr(GPtrArray) disks = NULL;
    json_t *files;

    if (!check_name(conn, domain, name, error))
        return NULL;
    free(read_definition(conn, domain, &parsed, error));
    if (parsed == NULL)
        return NULL;
    disks = lv_clone_disks(conn, domain, parsed, name, args != NULL && args->linked, error);
    if (disks == NULL)
        return NULL;
    files = json_array();
    for (guint i = 0; i < disks->len; i++)
        plan_disk(files, g_ptr_array_index(disks, i));
    if (parsed->nvram != NULL)
        plan_row(files, parsed->nvram, -1, "new", "UEFI variables begin anew from their template");
    return files;
}

/* ---- the act -------------------------------------------------------------------------------- */

/* What the user should know of the clone. */
static void say(virDomainPtr domain, const GPtrArray *disks, const LvCloneXml *clone,
                const GemelActArgs *args)
{
    const char *old_name = virDomainGetName(domain);
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    int autostart = 0, n = virDomainSnapshotNum(domain, 0);

    if (lv_domain_is_protected(domain))
        g_ptr_array_add(left, g_strdup("protection"));
    if (virDomainGetAutostart(domain, &autostart) == 0 && autostart)
        g_ptr_array_add(left, g_strdup("autostart"));
    if (n > 0)
        g_ptr_array_add(left, g_strdup_printf("%d snapshot%s", n, n == 1 ? "" : "s"));
    virResetLastError();
    if (left->len > 0) {
        g_ptr_array_add(left, NULL);
        g_autofree char *text = g_strjoinv(", ", (char **)left->pdata);

        gemel_act_note(args, "not taken along: %s", text);
    }
    if (clone->has_nvram)
        gemel_act_note(args, "its UEFI variables begin anew from their template");
    if (clone->has_port)
        gemel_act_note(args, "its display gets a port by itself, not %s's fixed one", old_name);
    for (guint i = 0; i < disks->len; i++) {
        const LvCloneDisk *disk = g_ptr_array_index(disks, i);

        if (disk->how == LV_CLONE_KEPT || !disk->is_linked)
            continue;
        gemel_act_note(args,
                       "the disks of %s are its backing files now: %s must not be started any "
                       "more while %s is needed",
                       old_name, old_name, clone->new_name);
        break;
    }
}

/* A copy of a disk that was written meanwhile is worth nothing. */
static gboolean check_still_off(LvConn *conn, virDomainPtr domain, GError **error)
{
    int active = virDomainIsActive(domain);

    if (active < 0)
        return lv_fail(error, conn, "cannot clone %s", virDomainGetName(domain));
    return active == 0 || gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                                          "cannot clone %s: it was started meanwhile; the copies "
                                          "are taken away",
                                          virDomainGetName(domain));
}

static gboolean define_clone(LvConn *conn, virDomainPtr domain, const char *xml, LvCloneXml *clone,
                             const GemelActArgs *args, GError **error)
{
    g_autofree char *text = lv_clone_xml(xml, clone, error);
    g_autoptr(virDomain) defined = NULL;

    if (text == NULL)
        return FALSE;
    if (gemel_act_cancelled(args))
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "cloning %s: cancelled",
                               virDomainGetName(domain));
    if (!check_name(conn, domain, clone->new_name, error))
        return FALSE;
    virResetLastError();
    defined = virDomainDefineXML(conn->vir, text);
    return defined != NULL || lv_fail(error, conn, "cannot define %s", clone->new_name);
}

gboolean lv_act_clone(GemelConn *base, const char *id, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    const char *name = args != NULL ? args->name : NULL;
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autoptr(GPtrArray) disks = NULL;
    g_autoptr(LvCloneRecord) record = NULL;
    LvCloneXml clone = {.new_name = name};
    gboolean ok;
    char *xml;

    if (domain == NULL || !lv_domain_check_act(conn, domain, GEMEL_ACT_CLONE, NULL, error) ||
        !check_name(conn, domain, name, error) ||
        (xml = read_definition(conn, domain, &parsed, error)) == NULL)
        return FALSE;
    disks = lv_clone_disks(conn, domain, parsed, name, args->linked, error);
    record = lv_clone_record_new(conn, name);
    clone.old_name = virDomainGetName(domain);
    clone.disks = disks;
    ok = disks != NULL && lv_clone_copy(conn, disks, record, args, error) &&
         check_still_off(conn, domain, error) &&
         define_clone(conn, domain, xml, &clone, args, error);
    free(xml);
    if (ok) {
        lv_clone_record_done(record);
        say(domain, disks, &clone, args);
    } else if (!lv_clone_record_undo(record, conn)) {
        gemel_act_note(args, "not all that was made could be taken away; `doctor --fix` does");
    }
    return ok;
}
