/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * contract.h - the checks every backend passes, whatever is behind it.
 *
 * A backend joins with a small program that fills a Contract and calls contract_main. Each check
 * gets a Stage: a fresh backend with one connection, and instances made on it that are gone when it
 * closes. A check says which acts it needs and is left out for a backend that has not all of them;
 * that those are *said* to be impossible is a check of its own.
 */
#pragma once

#include <pthread.h>

#include "backends/registry.h"

typedef struct {
    const char *name;           /* in the paths of the tests */
    const GemelBackendOps *ops; /* the table of what `open` gives */
    /* A new backend, or NULL with the error set. */
    GemelBackend *(*open)(GError **error);
    /* Makes a stopped instance of this name that can be started; returns its id. */
    char *(*make)(GemelConn *conn, const char *name, GError **error);
    /* Specifications that must be refused, ended by one without name and definition. */
    const GemelCreateSpec *bad_specs;
    /* It shuts down when asked to; else `stop` is expected to run into its timeout. */
    gboolean stops_when_asked;
    /* A shell answers on the console. */
    gboolean console_answers;
    /* Its samples are empty: the source has states but no counters. */
    gboolean has_no_figures;
    /* It cannot tell when a snapshot is taken or deleted. */
    gboolean is_silent_on_snapshots;
    /* Acts that instances of this kind do not have, though the table does: never valid, always
       refused. Bits 1<<GemelAct. */
    guint32 lacks;
    /* Acts that the source behind it may not have: these may answer UNSUPPORTED although the list
       calls them valid. */
    guint32 may_lack;
} Contract;

/* Runs all checks on all of these; returns the exit status. */
int contract_main(int argc, char **argv, const Contract *contracts, guint n);

typedef struct {
    const Contract *contract;
    GemelBackend *backend;
    const GemelBackendOps *ops;
    GemelConn *conn;
    GPtrArray *made; /* ids */
} Stage;

Stage *stage_open(const Contract *contract);
void stage_close(Stage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_close)

/* A stopped instance of its own name, gone with the stage; the id belongs to the stage. */
const char *stage_make(Stage *stage);
/* The same, started. */
const char *stage_make_running(Stage *stage);
char *stage_new_name(void);

/* The instance as listed now; NULL if it is not. */
GemelInstance *stage_find(GemelConn *conn, const char *id);
GemelState stage_state(GemelConn *conn, const char *id); /* UNKNOWN if it is gone */
/* The instance's current state is in `states` (bits 1<<GemelState) within five seconds. */
gboolean stage_reaches(GemelConn *conn, const char *id, guint32 states);
#define OFF_STATES (1u << GEMEL_STATE_STOPPED | 1u << GEMEL_STATE_CRASHED | 1u << GEMEL_STATE_SAVED)

/* Does a plain act with `args`; the error is checked to be set exactly on failure. */
gboolean stage_act(GemelConn *conn, const char *id, GemelAct act, const GemelActArgs *args,
                   GError **error);
/* The act succeeds. */
void stage_must(GemelConn *conn, const char *id, GemelAct act);
/* The error is in our domain, of that kind, and reads as one line. */
void check_error(const GError *error, GemelErrorKind kind);
void check_one_line(const char *message);

/* pthreads and not GLib's, whose futexes ThreadSanitizer cannot see. */
void stage_cond_init(pthread_cond_t *cond);
/* FALSE once the monotonic clock is past `deadline_usec`. */
gboolean stage_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, gint64 deadline_usec);

/* How many descriptors this process has, and that it has no more than `before` (soon). */
guint descriptors_open(void);
void check_descriptors(guint before);

#define ACT(act) (1u << GEMEL_ACT_##act)

enum {
    NEEDS_CREATE = 1 << 0,  /* create_instance */
    NEEDS_EVENTS = 1 << 1,  /* watch */
    NEEDS_STREAMS = 1 << 2, /* any of them */
    NEEDS_STOPS = 1 << 3,   /* contract->stops_when_asked */
    NEEDS_DEAF = 1 << 4,    /* not so */
    NEEDS_SHELL = 1 << 5,   /* contract->console_answers */
    NEEDS_SNAPSHOT_EVENTS = 1 << 6,
    NEEDS_PROCESSES = 1 << 7, /* processes */
    NEEDS_ISOLATION = 1 << 8, /* isolation */
};

typedef struct {
    const char *path; /* under the backend's name, a sentence with dashes */
    void (*run)(gconstpointer contract);
    guint needs;
    guint32 acts; /* ACT() it needs besides */
} ContractTest;

/* Each file's checks, ended by one without path. */
extern const ContractTest contract_table_tests[];
extern const ContractTest contract_id_tests[];
extern const ContractTest contract_state_tests[];
extern const ContractTest contract_change_tests[];
extern const ContractTest contract_sample_tests[];
extern const ContractTest contract_snapshot_tests[];
extern const ContractTest contract_copy_tests[];
extern const ContractTest contract_stream_tests[];
extern const ContractTest contract_watch_tests[];
extern const ContractTest contract_create_tests[];
extern const ContractTest contract_thread_tests[];
