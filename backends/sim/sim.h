/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sim.h - the simulator's own world; README.md says what it promises and lists the URI's options.
 *
 * One SimWorld per backend holds every instance under one mutex, taken by sim_lock and never held
 * while sleeping. Times: *real* nanoseconds are CLOCK_BOOTTIME; *virtual* seconds count from the
 * creation of the backend and stand still with the option time=. Acts run on real time, figures on
 * virtual time, so that a frozen picture can still be operated.
 */
#pragma once

#include <pthread.h>

#include "backends/backend.h"

/* ---- options (options.c) -------------------------------------------------------------------- */

/* What can be delayed, made to fail or hung: the names used in fail= and hang=. The plain acts
   follow GemelAct's order from SIM_OP_ACT on. */
typedef enum {
    SIM_OP_OPEN,
    SIM_OP_LIST,
    SIM_OP_SAMPLE,
    SIM_OP_PROCESSES,
    SIM_OP_ISOLATION,
    SIM_OP_LOG,
    SIM_OP_HOST,
    SIM_OP_DOCTOR,
    SIM_OP_INSPECT,
    SIM_OP_CREATE,
    SIM_OP_SNAPSHOT_LIST,
    SIM_OP_SNAPSHOT_CREATE,
    SIM_OP_SNAPSHOT_REVERT,
    SIM_OP_SNAPSHOT_DELETE,
    SIM_OP_SNAPSHOT_DIFF,
    SIM_OP_CONSOLE,
    SIM_OP_EXEC,
    SIM_OP_EDIT,
    SIM_OP_ACT,
    SIM_OP_N = SIM_OP_ACT + GEMEL_ACT_PLAIN_N
} SimOp;
G_STATIC_ASSERT(SIM_OP_N < 64);

const char *sim_op_name(SimOp op); /* "list" ... "snapshot-create" ... "start" */

#define SIM_COUNT_DEFAULT 12
#define SIM_COUNT_MAX     100000

/* Memory of the simulated host, for each CPU it needs. */
#define SIM_HOST_BYTES_PER_CPU (G_GUINT64_CONSTANT(4) << 30)

typedef struct {
    guint count;
    guint host_cpus; /* 0: as many as the world needs */
    guint64 seed;
    gint64 latency_ns, jitter_ns;
    double pace; /* factor on the duration of acts */
    struct {
        double probability;
        GemelErrorKind kind;
    } fail[SIM_OP_N];
    guint64 hang_ops; /* bit 1<<SimOp */
    gint64 hang_after_ns, hang_for_ns;
    char *hang_instance;
    guint litter;                    /* how many things killed commands left over */
    guint vcpus;                     /* of the guest build; 0: as it comes */
    GHashTable *troubles;            /* name -> bits 1<<SimTrouble, or NULL */
    gint64 down_from_ns, down_to_ns; /* since creation; from == to: never down */
    guint groups;                    /* bit 1<<GemelGroup: what it has beside instances */
    gboolean events, whims, still, flip, hostile;
    gboolean has_time;
    double time_s;
} SimOptions;

/* Reads "sim", "sim:", "sim:N,option=value,..." (NULL = all defaults). INVALID names the option and
   what would be right. */
gboolean sim_options_parse(SimOptions *options, const char *uri, GError **error);
void sim_options_clear(SimOptions *options);

/* ---- troubles (trouble.c) ------------------------------------------------------------------- */

/* What trouble= can give an instance; README.md says what each is. */
typedef enum {
    SIM_TROUBLE_THROTTLED,
    SIM_TROUBLE_STEAL,
    SIM_TROUBLE_IO,
    SIM_TROUBLE_RECLAIM,
    SIM_TROUBLE_BALLOON,
    SIM_TROUBLE_SWAP,
    SIM_TROUBLE_OOM,
    SIM_TROUBLE_WAITS,
    SIM_TROUBLE_HOG,
    SIM_TROUBLE_PIDS,
    SIM_TROUBLE_N
} SimTrouble;

/* Reads the option's value; NULL, or what would be right. */
const char *sim_trouble_read(SimOptions *options, const char *value);

/* ---- pseudo-random figures (noise.c) -------------------------------------------------------- */

/* A well-mixed 64-bit hash of (a, b); everything seeded comes from here. */
guint64 sim_hash(guint64 a, guint64 b);
/* `hash` as a number in [0, 1). */
double sim_unit(guint64 hash);

#define SIM_NOISE_POINTS 256

/* A periodic curve through seeded points in [0, 1], joined by lines, with its running integral: a
   counter at any time costs the same. */
typedef struct {
    double value[SIM_NOISE_POINTS + 1];
    double sum[SIM_NOISE_POINTS + 1];
} SimNoise;

typedef enum { SIM_SHAPE_CALM, SIM_SHAPE_BUSY, SIM_SHAPE_BURSTS, SIM_SHAPE_N } SimShape;

/* Still curves are flat at their shape's mean. */
void sim_noise_init(SimNoise *noise, SimShape shape, guint64 seed, gboolean still);
double sim_noise_at(const SimNoise *noise, double x);
double sim_noise_integral(const SimNoise *noise, double x); /* from 0 to x, x >= 0 */

/* ---- the world (world.c, cast.c) ------------------------------------------------------------ */

/* A clock that can be stopped and slowed: at + rate * (now - since), virtual seconds. */
typedef struct {
    double at, since, rate;
} SimClock;

/* What an instance does all day. Rates are per second at full load. */
typedef struct {
    SimShape shape;
    double cpu_low, cpu_high;       /* of one vCPU, or of one CPU for a container's `cores` */
    double cores;                   /* containers: how many CPUs it would use at full load */
    double memory_low, memory_high; /* of the limit */
    double rd_bytes, wr_bytes, rx_bytes, tx_bytes;
    double steal;    /* of one vCPU */
    double pressure; /* some avg10, 0..1 */
} SimLoad;

typedef struct {
    char *id, *name, *image, *reason;
    GemelKind kind;
    GemelState state;
    guint vcpus;
    double cpu_limit;     /* in CPUs, 0 = none */
    guint64 memory_bytes; /* guest: its memory; container: its limit, 0 = none */
    guint64 pids_limit;   /* 0 = none */
    gboolean autostart, is_protected, has_balloon;
    gboolean ignores_stop; /* neither the power button nor the stop signal impresses it */
    gboolean is_hung;      /* hang-instance= */
    gboolean is_whimsical; /* starts and stops by itself */
    GHashTable *labels;
    guint64 hash;
    SimLoad load;

    double started_s; /* virtual time of the start, may be negative */
    SimClock run;     /* seconds it was running since the start */
    SimClock work;    /* the same, slowed by the CPU limit */
    SimClock held;    /* seconds kept back by the CPU limit */
    guint runs;       /* starts and stops so far: a stream ends when it changes */

    gint64 due_ns;          /* when `pending` takes effect; 0 = nothing pending */
    GemelAct pending, then; /* GEMEL_ACT_N = nothing */
    char *pending_reason;
    gint64 whim_due_ns;

    GPtrArray *snapshots; /* GemelSnapshot*, in order of creation */

    /* As created; NULL for those the world began with. */
    char *definition, *rootfs, *hostname, *network, *user, *cwd;
    char **argv, **env;
    gboolean tty, read_only;
} SimInstance;

typedef struct {
    GemelBackend base;
    GemelBackendOps ops; /* the table, less what options took away */
    SimOptions options;
    gint64 created_ns;
    gint64 created_unix;
    SimNoise noise[SIM_SHAPE_N];

    pthread_mutex_t mutex;
    GPtrArray *instances; /* SimInstance*, in order of creation */
    GHashTable *by_id, *by_name;
    gint64 next_due_ns;   /* the earliest due_ns or whim_due_ns of all; G_MAXINT64 = none */
    GPtrArray *listeners; /* SimListener*, not owned */
    guint hung_calls;     /* calls that wait for the hung instance */
    guint64 samples;      /* bulk samples so far */
    guint64 calls;        /* of all, feeds jitter and failures */
    guint64 created;      /* instances made so far, feeds ids */
    guint cleaned;        /* of the litter */
} SimWorld;

typedef struct {
    GemelConn base;
    gint64 opened_ns;
} SimConn;

static inline SimWorld *sim_world(const GemelConn *conn)
{
    return (SimWorld *)conn->backend;
}

/* Takes the mutex and lets everything that is due happen. */
void sim_lock(SimWorld *world);
void sim_unlock(SimWorld *world);

double sim_now_s(const SimWorld *world);    /* virtual */
gint64 sim_since_ns(const SimWorld *world); /* real, since creation */
void sim_sleep_until(gint64 boottime_ns);
double sim_clock_read(const SimClock *clock, double now);
void sim_clock_run(SimClock *clock, double now, double rate);

/* Fills the world with its cast. */
void sim_cast_make(SimWorld *world);
/* A new id of the right form. */
char *sim_new_id(const SimWorld *world, GemelKind kind, guint64 n);
void sim_instance_free(SimInstance *instance);
/* INVALID for what is no name, EXISTS for one that is taken; the error is about `instance`. Locked;
   change.c. */
gboolean sim_check_name(const SimWorld *world, const SimInstance *instance, const char *name,
                        GError **error);
/* Adds (taking it over) and removes (freeing it), both with their event. Locked. */
void sim_world_add(SimWorld *world, SimInstance *instance);
void sim_world_remove(SimWorld *world, SimInstance *instance);

/* NOT_FOUND if there is none. Locked. */
SimInstance *sim_find(SimWorld *world, const char *id, GError **error);
/* What is valid now. Locked. */
void sim_fill_acts(const SimWorld *world, const SimInstance *instance, GemelInstance *out);
/* CONFLICT, BUSY or UNSUPPORTED if `act` is not. Locked. */
gboolean sim_check_act(const SimWorld *world, const SimInstance *instance, GemelAct act,
                       GError **error);

/* From virtual time `now` on its clocks go as state and limit ask. Locked. */
void sim_instance_retime(SimInstance *instance, double now);
/* Enters a state, with its consequences and its event. `reason` is shown with the state, `detail`
   with the event; either may be NULL. Locked. */
void sim_enter_state(SimWorld *world, SimInstance *instance, GemelState state, const char *reason,
                     const char *detail);
/* Starts its clocks at zero. Locked. */
void sim_instance_boot(SimWorld *world, SimInstance *instance);
/* Lets `act` take effect after `delay_ns`, then `then` if it is not GEMEL_ACT_N. Locked. */
void sim_schedule(SimWorld *world, SimInstance *instance, GemelAct act, gint64 delay_ns,
                  GemelAct then);
/* Natural duration of an act of this instance, paced. */
gint64 sim_act_duration_ns(const SimWorld *world, const SimInstance *instance, GemelAct act);
void sim_unschedule(SimInstance *instance);

/* Adds what trouble= asks for, after `run_s` seconds of running. Locked; trouble.c. */
void sim_trouble_add(const SimWorld *world, const SimInstance *instance, double run_s,
                     GemelSample *out);

/* ---- faults (faults.c) ---------------------------------------------------------------------- */

/* First thing in every operation: latency, hangs, outages and failures as the options ask. */
gboolean sim_enter(GemelConn *conn, SimOp op, GError **error);
/* Whether the time of hanging is now. */
gboolean sim_hang_is_on(const SimWorld *world);
/* Whether this one hangs now (hang-instance=). Locked. */
gboolean sim_instance_hangs(const SimWorld *world, const SimInstance *instance);
/* Blocks until the instance of this id does not hang (any more). Locked on entry and exit, not
   meanwhile: look the instance up again. */
void sim_hang_with(SimWorld *world, const char *id);
gboolean sim_is_down(const SimWorld *world);
gboolean sim_conn_alive(GemelConn *conn);

/* ---- events (events.c) ---------------------------------------------------------------------- */

/* Somebody to wake when anything happens, with a queue of events for `watch`. */
typedef struct {
    int wake_fd;   /* eventfd */
    GQueue *queue; /* of SimEvent*, NULL = only wake */
} SimListener;

gboolean sim_listener_init(SimListener *listener, SimWorld *world, gboolean with_queue);
void sim_listener_done(SimListener *listener, SimWorld *world);
/* Tells all listeners. Locked. `instance` may be NULL to only wake them. */
void sim_notify(SimWorld *world, GemelEventType type, const SimInstance *instance,
                const char *detail);
void sim_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd);

/* ---- operations ----------------------------------------------------------------------------- */

GPtrArray *sim_list(GemelConn *conn, GError **error);
GPtrArray *sim_sample(GemelConn *conn, GError **error); /* sample.c */
/* All figures of one at virtual time `now_s`, stamped `time_ns`; with time= as that has it. */
GemelSample *sim_figures(const SimWorld *world, const SimInstance *instance, double now_s,
                         gint64 time_ns);
GemelProcesses *sim_processes(GemelConn *conn, const char *id, GError **error); /* processes.c */
GemelIsolation *sim_isolation(GemelConn *conn, const char *id, GError **error); /* isolation.c */
GemelLog *sim_log_tail(GemelConn *conn, const char *id, const GemelLogArgs *args,
                       GError **error); /* logs.c */
/* doctor.c */
json_t *sim_doctor(GemelConn *conn, gboolean fix, const GemelActArgs *args, GError **error);
GemelHost *sim_host(GemelConn *conn, GError **error);                       /* hostfacts.c */
GemelInspect *sim_inspect(GemelConn *conn, const char *id, GError **error); /* inspect.c */
char *sim_create_instance(GemelConn *conn, const GemelCreateSpec *spec, const GemelActArgs *args,
                          GError **error); /* create.c */

gboolean sim_start(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_stop(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_kill(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_restart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_reset(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_pause(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_resume(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_delete(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_save(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_restore(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
/* inspect.c: what a delete would take. */
json_t *sim_plan(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                 const GemelActArgs *args, GError **error);
/* change.c */
gboolean sim_autostart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_protect(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
gboolean sim_rename(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
/* clone.c */
gboolean sim_clone(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
extern const GemelDefinitionOps sim_definition_ops;
gboolean sim_limit(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error);
/* Sleeps `duration_ns` in small steps; FAILED if cancelled meanwhile. Unlocked. */
gboolean sim_work(const SimWorld *world, const char *name, const char *what, gint64 duration_ns,
                  const GemelActArgs *args, GError **error);

extern const GemelSnapshotOps sim_snapshot_ops; /* snapshot.c */
extern const GemelStreamOps sim_stream_ops;     /* stream.c */

/* ---- the scripted guest (shell.c) ----------------------------------------------------------- */

/* What a program inside an instance knows. */
typedef struct {
    char *name, *hostname;
    GemelKind kind;
    double uptime_s;
    char **argv, **env; /* exec only */
    char *user, *cwd;   /* exec only, may be NULL */
    guint rows, cols;
} SimShell;

/* Runs one program; appends to out and err; returns its exit status, or SIM_SHELL_EXIT | status if
   a shell should end, or SIM_SHELL_CAT if it wants its input copied. */
#define SIM_SHELL_EXIT 0x1000
#define SIM_SHELL_CAT  0x2000
/* The program prints what is in `out` again and again, until ^C. */
#define SIM_SHELL_YES 0x4000
int sim_shell_run(const SimShell *shell, char **argv, GString *out, GString *err);
/* The same for a line of shell input. */
int sim_shell_line(const SimShell *shell, const char *line, GString *out, GString *err);

/* ---- what it has beside instances (groups.c) ------------------------------------------------- */

extern const GemelGroupOps sim_group_ops[GEMEL_GROUP_N];
