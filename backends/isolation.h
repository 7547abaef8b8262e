/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * isolation.h - what stands between an instance and its host: a plain structure, owned whole.
 *
 * A container is described by its first process, a guest by its QEMU. What the kernel knows of a
 * process is read from /proc (namespaces(7), capabilities(7), seccomp(2), cgroups(7),
 * proc_pid_status(5)), all of it relative to one descriptor of /proc/PID that was checked against
 * the process's start time: when the process goes away meanwhile reading fails, and never tells of
 * another one that got its number. What is not there has a reason in `why`, never silence.
 *
 * Thread: any worker. All strings are untrusted.
 */
#pragma once

#include <glib.h>

#include "backends/error.h"

typedef enum {
    GEMEL_NS_MNT,
    GEMEL_NS_PID,
    GEMEL_NS_NET,
    GEMEL_NS_UTS,
    GEMEL_NS_IPC,
    GEMEL_NS_USER,
    GEMEL_NS_CGROUP,
    GEMEL_NS_TIME,
    GEMEL_NS_N
} GemelNamespace;

const char *gemel_namespace_name(GemelNamespace ns); /* "mnt", as in /proc/PID/ns */
int gemel_namespace_flag(GemelNamespace ns);         /* CLONE_NEWNS ... */

typedef enum {
    GEMEL_CAPS_EFFECTIVE,
    GEMEL_CAPS_PERMITTED,
    GEMEL_CAPS_INHERITABLE,
    GEMEL_CAPS_BOUNDING,
    GEMEL_CAPS_AMBIENT,
    GEMEL_CAPS_N
} GemelCapSet;

const char *gemel_cap_set_name(GemelCapSet set); /* "effective" */
/* "CAP_CHOWN"; NULL for one that has no name here. */
const char *gemel_capability_name(guint number);

/* What may be missing, each with a reason of its own. */
typedef enum {
    GEMEL_ISOLATION_NAMESPACES,
    GEMEL_ISOLATION_CGROUPS,
    GEMEL_ISOLATION_LIMITS,
    GEMEL_ISOLATION_CAPABILITIES,
    GEMEL_ISOLATION_SECCOMP,
    GEMEL_ISOLATION_PROFILE, /* what the filter says, which the kernel does not tell */
    GEMEL_ISOLATION_LSM,
    GEMEL_ISOLATION_ROOT, /* the root file system and its overlay layers */
    GEMEL_ISOLATION_MOUNTS,
    GEMEL_ISOLATION_IDS,
    GEMEL_ISOLATION_GUEST, /* accelerator, machine, devices */
    GEMEL_ISOLATION_PART_N
} GemelIsolationPart;

const char *gemel_isolation_part_name(GemelIsolationPart part); /* "namespaces" */

typedef struct {
    char *controllers; /* "memory", "cpu,cpuacct", "name=systemd"; "" = the v2 hierarchy */
    char *path;
} GemelIsolationCgroup;

/* The tightest of a kind from its own group up to the root. */
typedef struct {
    const char *name; /* "cpu" "memory" "swap" "pids" "cpuset" */
    const char *unit; /* "CPUs", "B", "" */
    double value;     /* < 0: no limit */
    char *text;       /* of a cpuset: "0-3", else NULL */
} GemelIsolationLimit;

typedef struct {
    char *target, *type, *source;
    char *options; /* of the mount alone: "ro,nosuid,nodev" */
    gboolean is_readonly;
} GemelIsolationMount;

typedef struct {
    guint64 inside, outside, count;
} GemelIdRange;

typedef struct {
    char *what;  /* "disk" "nic" "balloon" "rng" "video" ... */
    char *name;  /* "vda", or NULL */
    char *model; /* "virtio", "sata", "e1000" */
    gboolean is_paravirtual;
} GemelIsolationDevice;

#define GEMEL_ISOLATION_MOUNTS_MAX 512

typedef struct {
    gint pid; /* 0 = it does not run, or its process is not of this host */
    guint64 start_ticks;
    gint64 uid, gid; /* as the host numbers them, -1 = not known */

    guint64 ns_inode[GEMEL_NS_N];      /* 0 = not known, or the kernel has none of the kind */
    guint64 ns_host_inode[GEMEL_NS_N]; /* of the host's first process, else of gemel; 0 likewise */

    GPtrArray *cgroups; /* of GemelIsolationCgroup* */
    GArray *limits;     /* of GemelIsolationLimit */

    guint caps_last; /* the highest that this kernel has */
    guint64 caps[GEMEL_CAPS_N];
    int no_new_privs;    /* 0, 1, -1 = not known */
    int seccomp_mode;    /* 0 off, 1 strict, 2 filter, -1 = not known */
    int seccomp_filters; /* -1 = not known */

    char *profile_default;     /* "errno" "kill" "allow" ...; NULL = not known */
    guint profile_allowed;     /* system calls that it lets through, with conditions or without */
    GPtrArray *profile_denied; /* char*: known ways out of a container that it denies */

    char *lsm_label; /* NULL = none */

    char *root_type; /* "overlay", "ext4"; NULL = not known */
    gboolean root_readonly;
    GPtrArray *lower;   /* char*, the topmost first */
    char *upper, *work; /* NULL = none */

    GArray *mounts; /* of GemelIsolationMount, at most GEMEL_ISOLATION_MOUNTS_MAX */
    guint mounts_total;
    GArray *uid_map, *gid_map; /* of GemelIdRange */

    gboolean is_guest;
    char *accelerator; /* "kvm" "tcg" ... */
    char *machine, *cpu_model, *firmware, *emulator;
    GPtrArray *devices; /* of GemelIsolationDevice* */

    char *why[GEMEL_ISOLATION_PART_N]; /* NULL = it is there */
} GemelIsolation;

/* Everything unknown, with no reasons yet. */
GemelIsolation *gemel_isolation_new(void);
void gemel_isolation_free(GemelIsolation *isolation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelIsolation, gemel_isolation_free)

/* Sets the reason of one part, unless it has one. */
void gemel_isolation_set_why(GemelIsolation *isolation, GemelIsolationPart part, const char *format,
                             ...) G_GNUC_PRINTF(3, 4);
/* The same for all parts that are read from a process. */
void gemel_isolation_no_process(GemelIsolation *isolation, const char *reason);
GemelIsolationDevice *gemel_isolation_add_device(GemelIsolation *isolation, const char *what,
                                                 const char *name, const char *model);

static inline gboolean gemel_isolation_shares(const GemelIsolation *isolation, GemelNamespace ns)
{
    return isolation->ns_inode[ns] != 0 && isolation->ns_inode[ns] == isolation->ns_host_inode[ns];
}

static inline gboolean gemel_isolation_owns(const GemelIsolation *isolation, GemelNamespace ns)
{
    return isolation->ns_inode[ns] != 0 && isolation->ns_host_inode[ns] != 0 &&
           isolation->ns_inode[ns] != isolation->ns_host_inode[ns];
}

/*
 * Reads all that /proc has of the process. `root` is put before "/proc" and "/sys" ("" = this
 * host; a tree of files in tests). start_ticks 0: whichever has the pid now. FALSE when there is no
 * such process (any more): every part then says so.
 */
gboolean gemel_isolation_read_process(GemelIsolation *isolation, const char *root, gint pid,
                                      guint64 start_ticks);
/* The directory of the process in ROOT/proc if it is the one that started then, else -1. */
int gemel_isolation_open_process(const char *root, gint pid, guint64 start_ticks);
/* The linux.seccomp object of an OCI configuration, from the text of config.json. */
void gemel_isolation_read_profile(GemelIsolation *isolation, const char *config_json);

/* The pieces, for tests and fuzzing: text of one file each. */
void gemel_isolation_parse_status(GemelIsolation *isolation, const char *text);
void gemel_isolation_parse_mountinfo(GemelIsolation *isolation, const char *text);
void gemel_isolation_parse_idmap(GArray *map, const char *text);
