/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diff.h - what changed in an instance's files between two moments: a list, owned whole.
 *
 * The letters and the choice of lines are docker diff's: an added directory is told with all that
 * is in it, a deleted one by itself, and the directories above a change are changed too.
 *
 * Thread: any worker. Paths are untrusted: any bytes but NUL.
 */
#pragma once

#include <glib.h>

#define GEMEL_DIFF_MAX 200000

/* UNSUPPORTED of a guest, whose name is given: the reason and the way out. */
#define GEMEL_DIFF_OF_GUEST                                                                        \
    "%s: a guest's files are inside its disks, where only the guest itself reads them: compare "   \
    "them inside it (`console`)"

typedef enum {
    GEMEL_CHANGE_ADDED,
    GEMEL_CHANGE_CHANGED,
    GEMEL_CHANGE_DELETED,
    GEMEL_CHANGE_N
} GemelChangeType;

const char *gemel_change_name(GemelChangeType type); /* "added" "changed" "deleted" */
char gemel_change_letter(GemelChangeType type);      /* 'A' 'C' 'D' */

/* In what a CHANGED one differs; a directory of which only the contents changed has none. */
typedef enum {
    GEMEL_DIFFERS_KIND,
    GEMEL_DIFFERS_CONTENTS, /* of a file, a link's target, a device's number */
    GEMEL_DIFFERS_MODE,
    GEMEL_DIFFERS_OWNER,
    GEMEL_DIFFERS_TIME, /* of the last change of its contents */
    GEMEL_DIFFERS_ATTRIBUTES,
    GEMEL_DIFFERS_N
} GemelDiffers;

const char *gemel_differs_name(GemelDiffers what); /* "contents" ... */

typedef struct {
    char *path; /* absolute, as the instance sees it */
    GemelChangeType type;
    guint mode;        /* st_mode; of a deleted one as it was */
    guint differs;     /* bits 1<<GemelDiffers; CHANGED only */
    gint64 size_bytes; /* of a regular file, -1 = another kind */
} GemelChange;

typedef struct {
    char *from;         /* the snapshot, or NULL: since the instance was created */
    char *to;           /* the snapshot, or NULL: now */
    GPtrArray *changes; /* of GemelChange*, by path, at most GEMEL_DIFF_MAX */
    guint64 total;      /* how many there are: more than changes->len when it was cut */
} GemelDiff;

GemelDiff *gemel_diff_new(const char *from, const char *to);
void gemel_diff_free(GemelDiff *diff);
/* One more, with size_bytes -1; NULL when it is full, `total` grows in any case. */
GemelChange *gemel_diff_add(GemelDiff *diff, GemelChangeType type, const char *path, guint mode);
/* By path, byte by byte. */
void gemel_diff_sort(GemelDiff *diff);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelDiff, gemel_diff_free)

/* "file" "directory" "link" "char" "block" "fifo" "socket", of st_mode. */
const char *gemel_file_kind_name(guint mode);
