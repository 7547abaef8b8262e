/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lv.h - what the files of the libvirt backend share: the backend, a connection, an error.
 *
 * One virConnect per GemelConn, used by the one worker that opened it; the watch and each console
 * have their own. What several workers share hangs off LvBackend and is guarded by a mutex that is
 * never held across a call into libvirt or a read of /proc: such calls can block for ever, and
 * their thread may be abandoned in the middle.
 *
 * libvirt's event loop (event callbacks, keepalive) runs in one thread of the process, started at
 * the first connection and left running until the process ends (loop.c).
 */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>

#include "backends/backend.h"
#include "backends/libvirt/xml.h"

/* ---- the process-wide event loop (loop.c) --------------------------------------------------- */

/* Keepalive of every connection to a daemon: a daemon that does not answer for
   INTERVAL * (COUNT + 1) seconds is given up, and the calls that wait for it fail. */
#define LV_KEEPALIVE_INTERVAL_S 2
#define LV_KEEPALIVE_COUNT      3

/* Silences libvirt's own messages (they would go over the screen). Call it before other threads
   run: it sets an environment variable and takes it back. Any number of times. */
void lv_library_init(void);
/* Starts the thread that runs libvirt's events, once. Must precede virConnectOpen. */
void lv_loop_start(void);

/* A flag that one thread sets and another one polls. */
typedef struct {
    gint is_set; /* atomic */
    int fd;      /* eventfd, readable once set; -1 if there were no descriptors left */
} LvSignal;

LvSignal *lv_signal_new(void);
void lv_signal_free(LvSignal *signal);
void lv_signal_raise(LvSignal *signal);
void lv_signal_lower(LvSignal *signal);
gboolean lv_signal_is_set(LvSignal *signal);

/* ---- URIs (uri.c) --------------------------------------------------------------------------- */

/* virsh's rule: the given URI, else LIBVIRT_DEFAULT_URI, else qemu:///system for root and
   qemu:///session for others. `env` and `is_root` are given so that the rule can be tested. */
char *lv_uri_resolve(const char *uri, const char *env, gboolean is_root);
/* The URI as it is opened: an ssh transport gets no_tty=1 unless it says otherwise, because a
   password prompt would fight with the console for the terminal. */
char *lv_uri_for_opening(const char *uri);
/* Whether a canonical URI (virConnectGetURI) is that of a driver: "qemu". What virConnectGetType
   says as well, which asks the daemon. */
gboolean lv_uri_is_of(const char *uri, const char *driver);
/* TRUE if the domains behind a *canonical* URI (virConnectGetURI) are processes of this host. */
gboolean lv_uri_is_local(const char *uri);
/* Where a local QEMU driver keeps NAME.pid: "/run/libvirt/qemu"; NULL if not known. */
char *lv_uri_run_dir(const char *uri, const char *user_runtime_dir);

/* ---- backend and connection (connect.c) ----------------------------------------------------- */

typedef struct LvCache LvCache; /* cache.h */

typedef struct {
    GemelBackend base;
    LvCache *cache;
    gint watchers; /* threads inside `watch` with a live connection; atomic */
} LvBackend;

typedef struct {
    GemelConn base;
    virConnectPtr vir;
    LvSignal *closed; /* raised when the connection is lost */
    gboolean is_qemu;
    gboolean is_test;
    gboolean is_local; /* QEMU processes of this host: /proc and cgroups can be read */
    char *run_dir;     /* see lv_uri_run_dir */
} LvConn;

static inline LvConn *lv_conn(GemelConn *conn)
{
    return (LvConn *)conn;
}

static inline LvBackend *lv_backend(LvConn *conn)
{
    return (LvBackend *)conn->base.backend;
}

GemelConn *lv_conn_open(GemelBackend *backend, GError **error);
void lv_conn_close(GemelConn *conn);
gboolean lv_conn_alive(GemelConn *conn);

/* Opens `uri` with keepalive and a close callback that raises `closed`, which has to live until
   lv_close. For the watch too. */
virConnectPtr lv_open(const char *uri, LvSignal *closed, GError **error);
void lv_close(virConnectPtr vir);

/* The domain of an id as `list` gave it; NOT_FOUND if there is none. Free with virDomainFree. */
virDomainPtr lv_domain_lookup(LvConn *conn, const char *id, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainSnapshot, virDomainSnapshotFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVol, virStorageVolFree)

/* ---- errors (error.c) ----------------------------------------------------------------------- */

/* The kind for an error of libvirt: `code` a virErrorNumber, `connection_lost` whether the
   connection is dead by now. Neither the text has a say in it, which is in the user's language, nor
   the errno of a SYSTEM_ERROR, which is the daemon's: a disk that is missing does not make the
   guest unknown. */
GemelErrorKind lv_error_kind(int code, gboolean connection_lost);
/* The error numbers that have an entry in the map, for its test. */
gsize lv_error_map_size(void);
int lv_error_map_code(gsize index);

/*
 * lv_fail(error, conn, format, ...): sets `error` from libvirt's last error of this thread, "WHAT:
 * libvirt's message", and returns FALSE. `conn` may be NULL. A macro, because the error has to be
 * taken before the arguments are evaluated: every call of libvirt's resets it, virDomainGetName
 * too.
 */
#define lv_fail(error, conn, ...) (lv_error_keep(), lv_fail_kept(error, conn, __VA_ARGS__))
/* The two halves, for where something else is asked in between; one of the two others follows the
   first. */
void lv_error_keep(void);
void lv_error_drop(void);
gboolean lv_fail_kept(GError **error, LvConn *conn, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same for virConnectOpen: says how to mend it. */
gboolean lv_fail_open(GError **error, const char *uri);

/* ---- operations ----------------------------------------------------------------------------- */

/* domain.c */
GPtrArray *lv_list(GemelConn *conn, GError **error);
GPtrArray *lv_list_names(GemelConn *conn, GError **error);
GemelState lv_state(int state, int reason, gboolean has_saved_memory);
/* Static text, NULL if the reason says nothing. */
const char *lv_state_reason(int state, int reason);
/* CONFLICT if the domain's state does not allow `act`; `ret_state` may be NULL. */
gboolean lv_domain_check_act(LvConn *conn, virDomainPtr domain, GemelAct act, GemelState *ret_state,
                             GError **error);

/* The definition as it is now, parsed; NULL and "cannot `what` NAME: ...". `ret_xml` may be NULL;
   else the text, which the caller frees with g_free. */
LvXmlDomain *lv_domain_parse(LvConn *conn, virDomainPtr domain, const char *what, char **ret_xml,
                             GError **error);

/* act.c */
/* Ends a domain at once; TRUE when it has stopped. */
gboolean lv_domain_end(LvConn *conn, virDomainPtr domain, GError **error);
gboolean lv_act_start(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_stop(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_kill(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_restart(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_reset(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_pause(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_resume(GemelConn *, const char *id, const GemelActArgs *, GError **);

/* define.c: what goes with a guest, and what stays. */
json_t *lv_plan(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                const GemelActArgs *args, GError **error);

/* change.c */
/* Of the one element in the domain's <metadata> that is ours: <gemel:flags protected='yes'/>. */
#define LV_METADATA_URI "urn:gemel:domain:1"
gboolean lv_domain_is_protected(virDomainPtr domain);
gboolean lv_act_save(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_restore(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_autostart(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_protect(GemelConn *, const char *id, const GemelActArgs *, GError **);
gboolean lv_act_rename(GemelConn *, const char *id, const GemelActArgs *, GError **);
/* clone.c */
gboolean lv_act_clone(GemelConn *, const char *id, const GemelActArgs *, GError **);
extern const GemelDefinitionOps lv_definition_ops;

/* define.c */
char *lv_create_instance(GemelConn *, const GemelCreateSpec *, const GemelActArgs *, GError **);
gboolean lv_act_delete(GemelConn *, const char *id, const GemelActArgs *, GError **);

/* limit.c */
gboolean lv_act_limit(GemelConn *, const char *id, const GemelActArgs *, GError **);

/* sample.c */
GPtrArray *lv_sample(GemelConn *conn, GError **error);

/* processes.c */
GemelProcesses *lv_processes(GemelConn *conn, const char *id, GError **error);

/* isolation.c */
GemelIsolation *lv_isolation(GemelConn *conn, const char *id, GError **error);

/* logs.c */
GemelLog *lv_log_tail(GemelConn *conn, const char *id, const GemelLogArgs *args, GError **error);
/* doctor.c */
json_t *lv_doctor(GemelConn *conn, gboolean fix, const GemelActArgs *args, GError **error);

/* hostfacts.c */
GemelHost *lv_host(GemelConn *conn, GError **error);
/* What virConnectGetCapabilities says, from its XML. */
void lv_host_read_capabilities(GemelHost *host, const char *xml);

/* inspect.c */
GemelInspect *lv_inspect(GemelConn *conn, const char *id, GError **error);

/* watch.c */
void lv_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd);

extern const GemelSnapshotOps lv_snapshot_ops; /* snapshot.c */
extern const GemelStreamOps lv_stream_ops;     /* console.c */
/* A program in namespaces of the guest's QEMU; isolation.c. */
GemelStream *lv_join_open(LvConn *conn, const char *id, const GemelStreamArgs *args,
                          GError **error);
