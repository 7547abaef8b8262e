/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xml.h - the essentials of a domain's or snapshot's XML (libvirt.org/formatdomain.html).
 *
 * Parsed with GMarkup, which knows no DTDs and expands no entities but XML's own five, so a hostile
 * document costs its own length and no more. Anything beyond the limits below is refused with
 * INVALID. All strings are NULL where the document does not say. No thread of its own; no I/O.
 */
#pragma once

#include <glib.h>

#include "backends/isolation.h"

#define LV_XML_BYTES_MAX ((gsize)16 << 20)
#define LV_XML_DEPTH_MAX 64
#define LV_XML_ITEMS_MAX 4096 /* of each list */

typedef struct {
    char *device; /* "disk" "cdrom" "floppy" "lun" */
    char *type;   /* "file" "block" "network" "volume" ... */
    char *target; /* "vda" */
    char *bus;    /* "virtio" */
    char *format; /* driver type: "qcow2" "raw" */
    char *file, *block_dev, *protocol, *volume, *pool, *directory; /* <source> */
    char *snapshot;                                                /* "no" "internal" "external" */
    gboolean is_readonly, is_shareable, is_encrypted;
} LvXmlDisk;

typedef struct {
    char *type; /* "network" "bridge" "user" ... */
    char *mac, *model, *target;
    char *network, *bridge, *dev; /* <source> */
} LvXmlNic;

typedef struct {
    char *type; /* "pty" "tcp" "unix" ... */
    char *target_type, *port;
    char *path, *alias;
    char *log; /* the file that what comes is kept in */
} LvXmlConsole;

typedef struct {
    char *type; /* "vnc" "spice" ... */
    char *port, *listen, *autoport;
} LvXmlGraphics;

typedef struct {
    char *name, *uuid, *type, *title, *description;
    char *arch, *machine, *loader_type, *loader, *nvram, *firmware, *kernel;
    char *cpu_mode, *cpu_model, *emulator, *balloon_model;
    char *protection;                     /* "yes": gemel refuses destructive acts */
    guint vcpus, vcpus_max;               /* 0 = not said */
    guint64 memory_bytes;                 /* currentMemory; memory where it is not said */
    guint64 memory_max_bytes;             /* memory */
    gint64 quota_usec, global_quota_usec; /* <= 0: none */
    guint64 period_usec, global_period_usec;
    GPtrArray *disks, *nics, *consoles, *serials, *graphics;
} LvXmlDomain;

typedef struct {
    char *name, *description, *parent, *state, *memory;
    gint64 created_unix;
    gboolean has_external_disk;
} LvXmlSnapshot;

typedef struct {
    char *format;
    gboolean is_encrypted;
} LvXmlVolume;

/* NULL with INVALID if it is not XML, not a <domain>, or beyond the limits. */
LvXmlDomain *lv_xml_domain_parse(const char *xml, GError **error);
void lv_xml_domain_free(LvXmlDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvXmlDomain, lv_xml_domain_free)

LvXmlSnapshot *lv_xml_snapshot_parse(const char *xml, GError **error);
void lv_xml_snapshot_free(LvXmlSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvXmlSnapshot, lv_xml_snapshot_free)

LvXmlVolume *lv_xml_volume_parse(const char *xml, GError **error);
void lv_xml_volume_free(LvXmlVolume *volume);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvXmlVolume, lv_xml_volume_free)

/* What the guest may use in CPUs, by the smaller of <cputune>'s global quota and its vCPU quota
   times the vCPUs; 0 = no limit. */
double lv_xml_cpu_limit(const LvXmlDomain *domain);
/* The file, device or "protocol:volume" behind a disk; NULL if there is none (an empty drive). */
char *lv_xml_disk_source(const LvXmlDisk *disk);
/* Why this domain cannot have an internal snapshot, as static text that follows its name ("has a
   disk that ..."), or NULL. `ret_disk` (may be NULL) gets the disk that stands in the way. */
const char *lv_xml_snapshot_obstacle(const LvXmlDomain *domain, const LvXmlDisk **ret_disk);
/* isolation.c: the machine a guest is shown, by its definition (parsed, and as text), and by the
   arguments of its QEMU (NUL after each), which win. */
void lv_isolation_read_xml(GemelIsolation *isolation, const LvXmlDomain *parsed, const char *xml);
void lv_isolation_read_args(GemelIsolation *isolation, const char *args, gsize length);
/* "KiB", "MB", ... as in formatdomain.html; 0 if the unit is not known. NULL is KiB. */
guint64 lv_xml_unit_bytes(const char *unit);
