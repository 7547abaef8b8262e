/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backend.h - the one interface behind which guests and containers live.
 *
 * A backend is a const GemelBackendOps table. A NULL entry means "cannot"; capabilities are
 * computed from the table (gemel_backend_can), never declared beside it. Optional groups
 * (snapshots, streams) are sub-tables, whole or absent but for entries that say so.
 *
 * Threads. Everything here but `create` and `free` may block and runs on worker threads only
 * (backends/jobs.h): the *read* lane runs list, sample, processes, isolation, host, inspect,
 * snapshots->list and ->diff, doctor; the *act* lane runs what changes something; a stream has a
 * thread of its own; `watch` has one thread per backend. Each worker owns one GemelConn, opened by
 * `conn_open` on that thread and used by no other. A worker that hangs is abandoned together with
 * its connection, so a backend must not hold a lock of its own across a call that can block.
 *
 * Ownership. Results belong to the caller; arguments stay the caller's. Strings are UTF-8 where the
 * source guarantees it and *untrusted* in any case: whoever prints them strips control characters
 * (widgets/text.h).
 *
 * Errors. gboolean or pointer return, GError last, untouched on success, always set on failure, in
 * the domain GEMEL_ERROR (backends/error.h). An unknown id is NOT_FOUND from every operation. The
 * message names the instance by its name (its id where there is no name).
 *
 * Untrusted input. Names, labels, XML, images and logs come from others.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdatomic.h>

#include "backends/copy.h"
#include "backends/diff.h"
#include "backends/error.h"
#include "backends/hostfacts.h"
#include "backends/isolation.h"
#include "backends/metrics.h"

/* ---- instances ------------------------------------------------------------------------------ */

typedef enum { GEMEL_KIND_VM, GEMEL_KIND_CONTAINER, GEMEL_KIND_N } GemelKind;

typedef enum {
    GEMEL_STATE_UNKNOWN,
    GEMEL_STATE_RUNNING,
    GEMEL_STATE_PAUSED,
    GEMEL_STATE_STOPPED,
    GEMEL_STATE_STARTING,
    GEMEL_STATE_STOPPING,
    GEMEL_STATE_CRASHED,
    GEMEL_STATE_SAVED,
    GEMEL_STATE_N
} GemelState;

/*
 * What can be done to one instance. Those before GEMEL_ACT_PLAIN_N are plain operations with an
 * entry in GemelBackendOps.act; the others are reached through a group, and stand here because
 * each instance says which of all of them are valid now.
 */
typedef enum {
    GEMEL_ACT_START,   /* returns when running */
    GEMEL_ACT_STOP,    /* asks (ACPI, stop signal), waits args->timeout_ms; see below */
    GEMEL_ACT_KILL,    /* ends it at once */
    GEMEL_ACT_RESTART, /* guest: asks it to reboot; container: stop and start */
    GEMEL_ACT_RESET,   /* hard reset, guests only */
    GEMEL_ACT_PAUSE,   /* returns when paused */
    GEMEL_ACT_RESUME,  /* returns when running */
    GEMEL_ACT_DELETE,  /* forgets the instance and what belongs to it alone; not a running one
                          unless args->force */
    GEMEL_ACT_LIMIT,   /* applies args->limits now and for the next start */
    GEMEL_ACT_SAVE,    /* keeps the memory on disk and ends it; the next start goes on from there */
    GEMEL_ACT_RESTORE, /* a start of what was saved, and of nothing else */
    GEMEL_ACT_AUTOSTART, /* args->enable: whether it starts with its host */
    GEMEL_ACT_PROTECT,   /* args->enable: whether destructive acts are refused */
    GEMEL_ACT_RENAME,    /* to args->name */
    GEMEL_ACT_CLONE,     /* a stopped copy of a stopped instance, named args->name; see below */
    GEMEL_ACT_PLAIN_N,
    GEMEL_ACT_CONSOLE = GEMEL_ACT_PLAIN_N,
    GEMEL_ACT_EXEC,
    GEMEL_ACT_EDIT, /* through GemelDefinitionOps */
    GEMEL_ACT_SNAPSHOT_CREATE,
    GEMEL_ACT_SNAPSHOT_REVERT,
    GEMEL_ACT_SNAPSHOT_DELETE,
    GEMEL_ACT_N
} GemelAct;

/* An instance as `list` gives it. The id never changes (UUID or 64 hex digits). */
typedef struct {
    char *id;
    char *name;
    char *backend; /* GemelBackend.name; filled by gemel_instance_new */
    GemelKind kind;
    GemelState state;
    char *state_reason;         /* "exit status 1", "I/O error", NULL if there is nothing to say */
    guint vcpus;                /* guests; 0 = not known */
    double cpu_limit;           /* in CPUs, 0 = none */
    guint64 memory_limit_bytes; /* 0 = none */
    gint64 started_boottime_ns; /* CLOCK_BOOTTIME of the start, 0 = not running or not known */
    char *image;                /* what it was made from, or NULL */
    gboolean autostart;
    gboolean is_protected;
    GHashTable *labels;               /* char* -> char*, or NULL */
    guint32 valid_acts;               /* bit 1<<GemelAct: can be done now */
    const char *why_not[GEMEL_ACT_N]; /* static text for each clear bit, "is not running" */
} GemelInstance;

GemelInstance *gemel_instance_new(const char *backend, GemelKind kind, const char *id,
                                  const char *name);
void gemel_instance_free(GemelInstance *instance);
GemelInstance *gemel_instance_copy(const GemelInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelInstance, gemel_instance_free)

const char *gemel_kind_name(GemelKind kind);    /* "vm" "container" */
const char *gemel_state_name(GemelState state); /* "running" ... */
const char *gemel_act_name(GemelAct act);       /* "start" ... "snapshot create" */
/* What comes after "cannot": "start", "open its console". */
const char *gemel_act_phrase(GemelAct act);

static inline gboolean gemel_instance_can(const GemelInstance *instance, GemelAct act)
{
    return (instance->valid_acts >> act) & 1u;
}

/* ---- samples -------------------------------------------------------------------------------- */

typedef struct {
    GemelRowGroup group;
    char name[32]; /* "0", "vda", "eth0"; cut, never empty */
    guint32 valid;
    guint64 value[GEMEL_ROW_N];
} GemelRow;

typedef struct {
    char *id;
    gint64 time_ns; /* CLOCK_BOOTTIME when the counters were read */
    guint64 valid;  /* bit 1<<GemelMetric */
    guint64 value[GEMEL_METRIC_N];
    GArray *rows;     /* of GemelRow */
    char *quarantine; /* why this instance gave no figures, or NULL: "its QEMU does not answer" */
    char *cpus;       /* of the host's, those it may run on (cpus.h), or NULL: not known */
} GemelSample;

GemelSample *gemel_sample_new(const char *id, gint64 time_ns);
void gemel_sample_free(GemelSample *sample);
/* A zeroed row appended to the sample; the pointer holds until the next call. */
GemelRow *gemel_sample_add_row(GemelSample *sample, GemelRowGroup group, const char *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelSample, gemel_sample_free)

static inline void gemel_sample_set(GemelSample *sample, GemelMetric metric, guint64 value)
{
    sample->value[metric] = value;
    sample->valid |= G_GUINT64_CONSTANT(1) << metric;
}

static inline gboolean gemel_sample_has(const GemelSample *sample, GemelMetric metric)
{
    return (sample->valid >> metric) & 1u;
}

static inline void gemel_row_set(GemelRow *row, GemelRowMetric metric, guint64 value)
{
    row->value[metric] = value;
    row->valid |= 1u << metric;
}

gint64 gemel_boottime_ns(void);

/* ---- processes of one instance -------------------------------------------------------------- */

/*
 * A process of a container, or a thread of a guest's QEMU (comm "CPU 0/KVM" and the like: libvirt
 * has QEMU name them). `pid` with `start_ticks` names it for good: a rate is between two answers in
 * which both are equal.
 */
typedef struct {
    gint pid;            /* as the host numbers it; of a thread its thread id */
    gint inner_pid;      /* as the instance numbers it, 0 = not known; 0 for guests */
    gint parent;         /* pid; of a thread QEMU's, of the main thread 0 */
    gint64 uid;          /* as the host numbers it, -1 = not known */
    char comm[64];       /* untrusted, any bytes; never empty */
    char state;          /* 'R' 'S' 'D' 'T' 't' 'Z' 'I', '?' = not known */
    guint64 start_ticks; /* since boot */
    guint32 valid;       /* bit 1<<GemelProcessMetric */
    guint64 value[GEMEL_PROCESS_N];
} GemelProcess;

#define GEMEL_PROCESSES_MAX 4096

typedef struct {
    gint64 time_ns; /* CLOCK_BOOTTIME when they were read */
    GArray *rows;   /* of GemelProcess, by pid, at most GEMEL_PROCESSES_MAX */
    guint total;    /* how many there are: more than rows->len when it was cut */
} GemelProcesses;

GemelProcesses *gemel_processes_new(gint64 time_ns);
void gemel_processes_free(GemelProcesses *processes);
/* A zeroed one (uid -1, state '?', comm "?") appended, or NULL when it is full; `total` grows in
   any case. The pointer holds until the next call. */
GemelProcess *gemel_processes_add(GemelProcesses *processes, gint pid);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelProcesses, gemel_processes_free)

static inline void gemel_process_set(GemelProcess *process, GemelProcessMetric metric,
                                     guint64 value)
{
    process->value[metric] = value;
    process->valid |= 1u << metric;
}

/* ---- logs ----------------------------------------------------------------------------------- */

/* A place in a log: which file, and how far. inode 0 = none. */
typedef struct {
    guint64 device, inode, offset;
} GemelLogMark;

typedef struct {
    gsize max_bytes;
    gint64 since_unix_us; /* only what was written since; 0 = all */
    GemelLogMark after;   /* an earlier answer's end: what follows it, from there on, instead of the
                             log's end; a file that was rotated away meanwhile is read to its end */
} GemelLogArgs;

typedef struct {
    char *source;      /* "its log", "the log of its serial line": what this is */
    GString *text;     /* untrusted, any bytes; whole lines, but perhaps the last */
    gboolean is_whole; /* from its beginning, or from `after`: nothing was left out */
    gboolean is_anew;  /* it was cut off or replaced since `after` */
    gboolean is_live;  /* its instance was not at its end before this was read */
    GemelLogMark end;  /* where the text ends */
} GemelLog;

GemelLog *gemel_log_new(const char *source);
void gemel_log_free(GemelLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelLog, gemel_log_free)

/* What `args` ask of a file, its end from the beginning of a line on; FALSE with errno. Does not
   see to since_unix_us. */
gboolean gemel_log_read_file(GemelLog *log, const char *path, const GemelLogArgs *args);

/* ---- inspect -------------------------------------------------------------------------------- */

typedef struct {
    json_t *essentials;            /* object; parsed, stable keys: see docs/schemas/inspect.json */
    char *definition;              /* domain XML, or the container's config.json */
    const char *definition_format; /* "xml" or "json"; static */
} GemelInspect;

void gemel_inspect_free(GemelInspect *inspect);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelInspect, gemel_inspect_free)

/* ---- acts ----------------------------------------------------------------------------------- */

typedef struct {
    double cpus;         /* < 0 leaves it, 0 = no limit */
    gint64 memory_bytes; /* < 0 leaves it, 0 = no limit */
    gint64 pids;         /* < 0 leaves it, 0 = no limit */
} GemelLimits;

#define GEMEL_LIMITS_NONE ((GemelLimits){-1, -1, -1})

/*
 * How an act is to be done; NULL stands for all defaults.
 *
 * STOP with timeout_ms: a container gets its stop signal and, after the timeout (default 10 s),
 * KILL; a guest gets an ACPI power button and after the timeout (default 60 s) the act fails with
 * TIMEOUT and the guest runs on; `force` ends the guest instead. no_wait returns when asked.
 *
 * CLONE gives the copy an id and whatever else must be unique of its own. Labels go along;
 * protection, autostart and snapshots do not, and a note says so. Undone whole on failure and on
 * cancel; what a kill leaves is found by `doctor`. With `linked` a container's read-only layers are
 * shared (neither harms the other), a guest's disks become the backing files of the copy's (the
 * original must then stay as it is).
 */
typedef struct {
    gint timeout_ms; /* 0 = the backend's default */
    gboolean force;
    gboolean no_wait;
    GemelLimits limits; /* LIMIT only */
    const char *signal; /* KILL of a container: "TERM", default KILL */
    gboolean once;      /* START of a container: the end of what is attached first ends its input */
    guint rows, cols;   /* START of a container with a terminal: its size; 0 = not known */
    gboolean enable;    /* AUTOSTART, PROTECT */
    const char *name;   /* RENAME, CLONE */
    gboolean linked;    /* CLONE: what the original need not write any more is shared, not copied */
    /* Called on the worker thread; copy what you keep. fraction < 0 = not known. */
    void (*progress)(void *data, double fraction, const char *what);
    /* One line the user should read after success ("froze 12 ms; volumes are not part of it"). */
    void (*note)(void *data, const char *text);
    void *data;
    const gint *cancel; /* polled with g_atomic_int_get; nonzero = give up where it is safe */
} GemelActArgs;

/* What to create. Guests: `definition` (domain XML). Containers: the other fields. */
typedef struct {
    const char *name;
    const char *definition;  /* domain XML text, or NULL */
    const char *rootfs;      /* directory or tar archive (any compression libarchive reads) */
    const char *const *argv; /* NULL = /bin/sh */
    const char *const *env;  /* "KEY=value", NULL = none */
    const char *hostname;    /* NULL = the name */
    const char *network;     /* "none" (default), "host", "ns:PATH" */
    const char *user;        /* "uid[:gid]" or a name in the rootfs's /etc/passwd; NULL = 0 */
    const char *cwd;         /* NULL = / */
    gboolean tty;
    gboolean read_only;
    GemelLimits limits;
    const char *const *labels; /* "key=value" */
} GemelCreateSpec;

/* ---- snapshots ------------------------------------------------------------------------------ */

typedef struct {
    char *name;
    char *parent;        /* name, or NULL for a root */
    char *description;   /* or NULL */
    gint64 created_unix; /* seconds */
    GemelState state;    /* what the instance was in when taken; RUNNING = with memory for guests */
    char *kind;          /* "internal", "external", "layer" (frozen in place), "copy" */
    gboolean with_memory;
    gboolean is_current; /* the instance's present state grew from this one */
    gint64 size_bytes;   /* -1 = not known */
} GemelSnapshot;

void gemel_snapshot_free(GemelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemelSnapshot, gemel_snapshot_free)

typedef struct GemelBackend GemelBackend;
typedef struct GemelConn GemelConn;

typedef struct {
    /* GemelSnapshot*, parents before children; free function set. Read lane. */
    GPtrArray *(*list)(GemelConn *conn, const char *id, GError **error);
    /* Takes a snapshot of what is there now; EXISTS if the name is taken. Act lane. */
    gboolean (*create)(GemelConn *conn, const char *id, const char *name, const char *description,
                       const GemelActArgs *args, GError **error);
    /* Goes back to it; what came after is lost. Act lane. */
    gboolean (*revert)(GemelConn *conn, const char *id, const char *name, const GemelActArgs *args,
                       GError **error);
    /* Forgets it; its children keep what they need. Act lane. */
    gboolean (*remove)(GemelConn *conn, const char *id, const char *name, const GemelActArgs *args,
                       GError **error);
    /* Which files changed from one snapshot to another. `from` NULL: from the one that the present
       state grew from, or if there is none from when it was created; `to` NULL: to now. UNSUPPORTED
       for instances whose files only they can read. Changes nothing, and gives no answer rather
       than one that mixes two states of the snapshots. Read lane. NULL = cannot. */
    GemelDiff *(*diff)(GemelConn *conn, const char *id, const char *from, const char *to,
                       const GemelActArgs *args, GError **error);
    /* Writes the files as they were at a snapshot to `fd` as a tar archive (pax) of which
       create_instance makes an instance again; what was written before a failure is worth nothing.
       Changes nothing. Read lane. NULL = cannot. */
    gboolean (*export)(GemelConn *conn, const char *id, const char *name, int fd,
                       const GemelActArgs *args, GError **error);
} GemelSnapshotOps;

/* ---- the definition ------------------------------------------------------------------------- */

/*
 * What a person edits: a guest's domain XML, a container's settings as JSON. Not what `inspect`
 * shows, which is what is in force.
 */
typedef struct {
    const char *format; /* "xml" or "json" */
    /* The text as it is kept, for the next start. Read lane. */
    char *(*get)(GemelConn *conn, const char *id, GError **error);
    /* Puts `text` in the place of `before`, which is what `get` gave: CONFLICT if it is that no
       more. INVALID says what is wrong with it, and nothing has changed. It holds from the next
       start on. Act lane. */
    gboolean (*set)(GemelConn *conn, const char *id, const char *before, const char *text,
                    const GemelActArgs *args, GError **error);
} GemelDefinitionOps;

/* ---- streams -------------------------------------------------------------------------------- */

/*
 * JOIN: a program in some of the instance's namespaces, see backends/join.h.
 * ATTACH: a container's own program: all that it says from some point on, in order and nothing
 * twice, until it ends, and its status.
 */
typedef enum {
    GEMEL_STREAM_CONSOLE,
    GEMEL_STREAM_EXEC,
    GEMEL_STREAM_JOIN,
    GEMEL_STREAM_ATTACH,
    GEMEL_STREAM_N
} GemelStreamKind;

enum {
    GEMEL_ATTACH_WHOLE = 1 << 0,    /* from the first byte of its log, also when it has ended */
    GEMEL_ATTACH_SPLIT = 1 << 1,    /* without a terminal: as it is, and err_fd for the errors */
    GEMEL_ATTACH_NO_INPUT = 1 << 2, /* nothing is passed to it, not even an end */
};

typedef struct {
    GemelStreamKind kind;
    const char *const *argv; /* EXEC, JOIN */
    const char *const *env;  /* EXEC, JOIN; may be NULL */
    const char *user, *cwd;  /* EXEC, may be NULL; JOIN: cwd alone */
    gboolean tty;            /* EXEC, JOIN; a console always is one */
    gboolean force;          /* CONSOLE of a guest: takes it over from whoever has it */
    guint rows, cols;        /* of the caller's terminal; 0 = not known */
    guint namespaces;        /* JOIN: bits 1<<GemelNamespace */
    gboolean keep_caps;      /* JOIN: not bounded to the instance's capabilities */
    guint attach;            /* ATTACH: GEMEL_ATTACH_* */
} GemelStreamArgs;

typedef struct GemelStreamOps GemelStreamOps;

/* A backend embeds this first in its own stream structure. */
typedef struct {
    const GemelStreamOps *ops; /* whose it is, where that is not the backend's table; else NULL */
    int fd;     /* the caller's end: read = output, write = input, shutdown(SHUT_WR) = end of input.
                   The caller closes it. */
    int err_fd; /* EXEC without a tty, ATTACH that is split, to a container without one: standard
                   error, read only; else -1. The caller closes it. */
} GemelStream;

struct GemelStreamOps {
    guint kinds; /* bit 1<<GemelStreamKind */
    /* Connects; returns with fd ready. Stream thread. */
    GemelStream *(*open)(GemelConn *conn, const char *id, const GemelStreamArgs *args,
                         GError **error);
    /* Moves bytes until either side ends; returns the exit status of an EXEC or of the container at
       the end of an ATTACH (128+n for a signal), 0 for a console, -1 with error set on failure.
       Stream thread, once. */
    int (*pump)(GemelStream *stream, GError **error);
    /* Passes on a new size. Any thread while pump runs; never blocks. */
    void (*resize)(GemelStream *stream, guint rows, guint cols);
    /* After pump. Does not close the caller's descriptors. Stream thread. */
    void (*free)(GemelStream *stream);
};

/* ---- what a host has beside instances ------------------------------------------------------- */

/* Groups of things that a backend may have; the views and commands of a group are there as long as
   a backend that has it is connected. */
typedef enum {
    GEMEL_GROUP_IMAGES,
    GEMEL_GROUP_STORAGE,
    GEMEL_GROUP_NETWORKS,
    GEMEL_GROUP_N
} GemelGroup;

const char *gemel_group_name(GemelGroup group); /* "images" "storage" "networks" */

typedef struct {
    /* All of them: an array of flat objects with at least "name", which is unique in it; keys that
       end in _bytes and _unix are shown as sizes and times. Owned by the caller. Read lane. */
    json_t *(*list)(GemelConn *conn, GError **error);
} GemelGroupOps;

/* ---- events --------------------------------------------------------------------------------- */

typedef enum {
    GEMEL_EVENT_ADDED, /* a new instance */
    GEMEL_EVENT_REMOVED,
    GEMEL_EVENT_STATE,        /* `state` says which */
    GEMEL_EVENT_CHANGED,      /* definition, limits or snapshots */
    GEMEL_EVENT_BACKEND_UP,   /* (re)connected: everything may have changed */
    GEMEL_EVENT_BACKEND_DOWN, /* `detail` says why */
    GEMEL_EVENT_ALERT,        /* a figure passed a value (console/alerts.h); of no backend's */
    GEMEL_EVENT_ALERT_OVER,
    GEMEL_EVENT_N
} GemelEventType;

const char *gemel_event_type_name(GemelEventType type); /* "added" ... "alert-over" */

typedef struct {
    GemelEventType type;
    const char *id;        /* NULL for backend events */
    const char *name;      /* may be NULL */
    GemelState state;      /* STATE and ADDED */
    const char *detail;    /* "shut down by the guest", may be NULL */
    gint64 time_unix_usec; /* wall clock, for people */
} GemelEvent;

/* Copies what it keeps, never blocks; may be called on any thread. */
typedef struct {
    void (*event)(void *data, const GemelEvent *event);
    void *data;
} GemelEventSink;

/* ---- the backend ---------------------------------------------------------------------------- */

typedef struct GemelBackendOps GemelBackendOps;

/* A backend embeds this first in its own structure. Immutable after `create`. */
struct GemelBackend {
    const GemelBackendOps *ops;
    char *name; /* unique in the registry: "native", "qemu", "lab"; shown and typed */
    char *uri;  /* what it was created from, shown in `backends` */
    /* Set by the console, on the UI thread, and read by workers: nobody looks at more than the
       headline figures now (cpu.usage, memory.usage, io.*_bytes, net.*_bytes, pressure and limits).
       A sample may leave out others that cost a read of their own, and repeat an average of
       pressure for as long as the kernel takes to compute the next one (2 s). */
    atomic_bool headline_only;
    /* The same way: somebody wants to know who shares CPUs with whom, so samples have `cpus`. */
    atomic_bool cpus_wanted;
    /* Set by `create`: the machine that the instances run on, where that is not this one and its
       size is known before a connection is there. 0: this one, or not known. */
    guint host_cpus;
    guint64 host_memory_bytes;
};

/* A worker's connection; a backend embeds this first in its own structure. */
struct GemelConn {
    GemelBackend *backend;
};

struct GemelBackendOps {
    const char *type;    /* "libvirt" "native" "sim" */
    const char *summary; /* one line for help */

    /* Makes a backend from a name and a URI (may be NULL = the type's default). Does no I/O that
       can block, opens no connection. UI thread. */
    GemelBackend *(*create)(const char *name, const char *uri, GError **error);
    /* Frees it when no worker uses it any more. UI thread. */
    void (*free)(GemelBackend *backend);

    /* Opens a connection for the calling worker; UNREACHABLE or DENIED say how to mend it. */
    GemelConn *(*conn_open)(GemelBackend *backend, GError **error);
    void (*conn_close)(GemelConn *conn);
    /* FALSE once the connection is known to be dead; the worker then opens a new one. Never
       blocks. NULL = always alive. */
    gboolean (*conn_alive)(GemelConn *conn);

    /* Blocks until stop_fd becomes readable, reporting events; reconnects by itself with a
       back-off (at most 5 s) and reports BACKEND_DOWN once and BACKEND_UP once per change, the
       first BACKEND_UP at the start. Must not depend on polling where the source can push. Own
       thread. NULL = no events; the console then lists at every refresh. */
    void (*watch)(GemelBackend *backend, const GemelEventSink *sink, int stop_fd);

    /* All instances, GemelInstance*, free function set. Read lane. */
    GPtrArray *(*list)(GemelConn *conn, GError **error);
    /* The same for who wants to know only who is there and in which state: the rest may be left
       out where it costs a call for each instance. NULL = list. Read lane. */
    GPtrArray *(*list_names)(GemelConn *conn, GError **error);
    /* Counters of all running or paused instances in one bulk call: GemelSample*, free function
       set. An instance that cannot be sampled is absent or carries `quarantine`. Read lane. */
    GPtrArray *(*sample)(GemelConn *conn, GError **error);
    /* What runs in one instance now, for the one that somebody looks at: it walks over its
       processes, so it is not part of `sample`. None (no error) for an instance that neither runs
       nor is paused; UNSUPPORTED where the processes are on another host or there are none. Read
       lane. NULL = cannot. */
    GemelProcesses *(*processes)(GemelConn *conn, const char *id, GError **error);
    /* The end of what it wrote: a container's log, what is kept of a guest's console; at most
       max_bytes. UNSUPPORTED says how it would be kept, or that its lines bear no times to tell
       what came since. Read lane. NULL = cannot. */
    GemelLog *(*log_tail)(GemelConn *conn, const char *id, const GemelLogArgs *args,
                          GError **error);
    /* Whether all is there that it needs of its host, and what killed commands left over: an array
       of {"check", "level" ("ok", "warn", "bad"), "what", and where they apply "way_out", "path",
       "fixable": it can be cleaned away, "fixed": it was}. With `fix` it looks again and cleans
       what is fixable; never what belongs to somebody alive, nor anything outside the backend's
       own places. Read lane, with `fix` act lane. NULL = has nothing to look at. */
    json_t *(*doctor)(GemelConn *conn, gboolean fix, const GemelActArgs *args, GError **error);
    /* What the host behind the connection can do. Read lane. NULL = cannot. */
    GemelHost *(*host)(GemelConn *conn, GError **error);
    /* What stands between the instance and its host, running or not; what is not there says why.
       Read lane. NULL = cannot. */
    GemelIsolation *(*isolation)(GemelConn *conn, const char *id, GError **error);
    /* Read lane. */
    GemelInspect *(*inspect)(GemelConn *conn, const char *id, GError **error);
    /* Which files an act would touch: an array of {"path", "bytes" (on disk; null = not known),
       "goes" (else it stays)}, empty for an act that touches none. A "path" without a slash at its
       beginning is no file: "snapshot s1". Of a CLONE "how" says in place of "goes" what becomes of
       it ("copied", "shared", "new") and "note", where there is more to say, the rest. `snapshot`
       and `args` may be NULL. Changes nothing. Read lane. NULL = cannot. */
    json_t *(*plan)(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                    const GemelActArgs *args, GError **error);

    /* Makes a new, stopped instance; returns its id. Undone whole on failure. Act lane. */
    char *(*create_instance)(GemelConn *conn, const GemelCreateSpec *spec, const GemelActArgs *args,
                             GError **error);
    /* Plain acts. CONFLICT when the state does not allow it. Act lane. */
    gboolean (*act[GEMEL_ACT_PLAIN_N])(GemelConn *conn, const char *id, const GemelActArgs *args,
                                       GError **error);

    /* Copies files into or out of one, running or not (copy.h); `copy->local` is a path of the host
       the backend is on. What was written before a failure stays. Act lane into it, read lane out
       of it. NULL = cannot. */
    gboolean (*copy)(GemelConn *conn, const char *id, const GemelCopy *copy,
                     const GemelActArgs *args, GError **error);

    const GemelSnapshotOps *snapshots;          /* NULL = none */
    const GemelStreamOps *streams;              /* NULL = none */
    const GemelDefinitionOps *definition;       /* NULL = cannot be edited */
    const GemelGroupOps *groups[GEMEL_GROUP_N]; /* NULL = none */
};

/* Whether the table has what `act` needs. */
gboolean gemel_backend_can(const GemelBackend *backend, GemelAct act);
gboolean gemel_backend_has_group(const GemelBackend *backend, GemelGroup group);

/* Marks in `instance` what its backend's table and its state allow; the usual state machine, to be
   called by `list` after state is set. A backend then takes away what else is not valid with
   gemel_instance_forbid. */
void gemel_instance_compute_acts(GemelInstance *instance, const GemelBackend *backend);
/* Whether an act takes something away for good: what protection refuses. */
gboolean gemel_act_is_destructive(GemelAct act);
/* FALSE, with CONFLICT and the way out, if something protected may not be subjected to `act` (also
   a stop or restart by force). For a backend's acts, after it found the instance. */
gboolean gemel_protection_allows(gboolean is_protected, const char *name, GemelAct act,
                                 const GemelActArgs *args, GError **error);
void gemel_instance_forbid(GemelInstance *instance, GemelAct act, const char *static_reason);

/* For `create` and `free` of backends. */
void gemel_backend_init(GemelBackend *backend, const GemelBackendOps *ops, const char *name,
                        const char *uri);
void gemel_backend_done(GemelBackend *backend);

/* Reports through args if it asks for it; args may be NULL. */
void gemel_act_progress(const GemelActArgs *args, double fraction, const char *what);
void gemel_act_note(const GemelActArgs *args, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean gemel_act_cancelled(const GemelActArgs *args);
