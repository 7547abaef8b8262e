/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clone.h - what the files of the clone share: clone.c (the act and its plan), clone_disk.c (the
 * copies), clone_xml.c (the definition), clone_record.c (what is left when we are killed).
 *
 * A disk that is a volume of a pool is copied by libvirt, wherever it runs; another file by
 * qemu-img, on this host alone. What is read-only, shareable, a CD-ROM or a floppy stays one for
 * both. Formats are those of the definition, never probed: a guest writes its raw disk as it likes,
 * also so that it looks like a qcow2 with the host's files behind it.
 *
 * All is undone on failure. Before anything is made, a record in ROOT/clones (ROOT as the native
 * store has it: GEMEL_ROOT) tells what it will be; it goes when the guest is defined. `doctor`
 * takes away what records of dead processes name and no guest uses.
 *
 * Thread: any worker, each object used by one.
 */
#pragma once

#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* ---- disks (clone_disk.c) ------------------------------------------------------------------- */

typedef enum {
    LV_CLONE_KEPT,   /* shared, or an empty drive: as it is */
    LV_CLONE_VOLUME, /* copied by libvirt, in its pool */
    LV_CLONE_FILE,   /* copied by qemu-img, beside it */
} LvCloneHow;

typedef struct {
    LvCloneHow how;
    gboolean is_linked; /* not copied: an overlay of `source` */
    char *source;       /* for people: its path, or POOL/VOLUME; NULL for an empty drive */
    char *path;         /* its file or device; VOLUME: as libvirt has it */
    char *format;       /* "qcow2" "raw" ...; never NULL but of KEPT */
    char *pool, *volume;
    gint64 bytes; /* what it takes now, -1 = not known */
    char *new_path, *new_volume;
} LvCloneDisk;

/* What becomes of each disk of the definition, in its order; free function set. UNSUPPORTED names
   a disk that cannot be copied, EXISTS a file or volume in the way. */
GPtrArray *lv_clone_disks(LvConn *conn, virDomainPtr domain, const LvXmlDomain *parsed,
                          const char *name, gboolean linked, GError **error);

/* ROOT/DIR/old-name.qcow2 becomes ROOT/DIR/new-name.qcow2; where the old name is not in the file's,
   the new one comes before it. `path` may be a name alone. */
char *lv_clone_rename(const char *path, const char *old_name, const char *new_name);

typedef struct LvCloneRecord LvCloneRecord;

/* Makes all copies; what was made is in the record. */
gboolean lv_clone_copy(LvConn *conn, const GPtrArray *disks, LvCloneRecord *record,
                       const GemelActArgs *args, GError **error);

/* ---- the definition (clone_xml.c) ----------------------------------------------------------- */

typedef struct {
    const char *old_name, *new_name;
    const GPtrArray *disks; /* of LvCloneDisk */
    gboolean has_nvram;     /* out: UEFI variables were left out */
    gboolean has_port;      /* out: a display's fixed port became automatic */
} LvCloneXml;

/* The definition of the clone: without uuid, MACs and whatever else must be unique, with its own
   disks and logs. NULL with INVALID if `xml` is none. */
char *lv_clone_xml(const char *xml, LvCloneXml *clone, GError **error);

/* ---- what is left over (clone_record.c) ----------------------------------------------------- */

/* A record of this process, not on disk yet. */
LvCloneRecord *lv_clone_record_new(LvConn *conn, const char *name);
/* Forgets it; the file stays if it is there. */
void lv_clone_record_free(LvCloneRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvCloneRecord, lv_clone_record_free)
/* Each is on disk when it returns. A temporary file of a name that nobody else can have, in the
   directory of `path`; the record's. */
const char *lv_clone_record_temporary(LvCloneRecord *record, const char *path, GError **error);
/* That `path` is to be the temporary's new name: only a file of that inode is ever removed. */
gboolean lv_clone_record_file(LvCloneRecord *record, const char *path, const char *temporary,
                              GError **error);
gboolean lv_clone_record_volume(LvCloneRecord *record, const char *pool, const char *volume,
                                GError **error);
/* Removes all that it names, and then itself. FALSE if something is still there; it stays then. */
gboolean lv_clone_record_undo(LvCloneRecord *record, LvConn *conn);
/* It is done: what it names belongs to a guest. */
void lv_clone_record_done(LvCloneRecord *record);

/* Appends what killed clones on this connection left, and with `fix` removes it. */
void lv_clone_leftovers(LvConn *conn, gboolean fix, json_t *found);

/* ---- clone.c -------------------------------------------------------------------------------- */

json_t *lv_clone_plan(LvConn *conn, virDomainPtr domain, const GemelActArgs *args, GError **error);
