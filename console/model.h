/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.h - what the console knows: backends, instances with rates and history, jobs, events.
 *
 * UI thread only, no locks. Lanes fill it through the hub; views read it and are told by
 * listeners what changed. Instances are keyed by backend and id, never by row, and a ModelInstance
 * pointer holds until MODEL_INSTANCES is announced without it.
 *
 * Rates (the only place that makes them): between two consecutive samples of an instance, and only
 * if the counter did not go back; "not available" is a clear valid bit, never 0. Every figure has
 * the age of its sample.
 */
#pragma once

#include "console/app.h"
#include "console/history.h"

typedef enum {
    MODEL_INSTANCES = 1 << 0, /* list, states, names */
    MODEL_FIGURES = 1 << 1,   /* samples */
    MODEL_JOBS = 1 << 2,
    MODEL_EVENTS = 1 << 3,
    MODEL_BACKENDS = 1 << 4, /* up, down, slow, unresponsive */
} ModelChange;

/* The headline figures of which every instance keeps a history: ten minutes at refresh resolution
   and a day at one minute. */
typedef enum {
    MODEL_HISTORY_CPU,      /* percent of one CPU */
    MODEL_HISTORY_MEMORY,   /* bytes */
    MODEL_HISTORY_PRESSURE, /* highest of cpu/memory/io some avg10, percent */
    MODEL_HISTORY_BLOCK,    /* bytes per second, read + write */
    MODEL_HISTORY_NET,      /* bytes per second, rx + tx */
    MODEL_HISTORY_N
} ModelHistory;

/* Of so many instances, the last ones looked at, every metric has a history. */
#define MODEL_OPENED_MAX 32

typedef struct ModelBackend ModelBackend;
typedef struct Intake Intake;

typedef struct {
    GemelRowGroup group;
    char name[32];
    guint32 valid, rate_valid;
    guint64 value[GEMEL_ROW_N];
    float rate[GEMEL_ROW_N]; /* units per second */
} ModelRow;

typedef struct {
    GemelInstance *info;
    ModelBackend *backend;
    char *key;        /* "backend/id" */
    gint64 sample_ns; /* CLOCK_BOOTTIME of the newest sample, 0 = none */
    guint64 valid, rate_valid;
    guint64 value[GEMEL_METRIC_N];
    double rate[GEMEL_METRIC_N]; /* units per second (ns per second for times) */
    GArray *rows;                /* of ModelRow */
    char *quarantine;            /* why there are no figures, or NULL */
    gint64 quarantine_ns;        /* since when */
    char *cpus;                  /* of the host's, those it may run on, or NULL: not known */
    History history;             /* headline figures; positions are those of the backend's axis */
    History day;                 /* the same, a mean for each minute */
    HistoryMinute minute;
    History *opened;    /* every metric, from model_open_detail on: the rate of a counter, the value
                           of a gauge; NULL = not opened */
    gint64 opened_usec; /* when it was last looked at */
    guint32 alerts;     /* bit per alert that is raised (console/alerts.h) */
    gint64 *alert_since_ns; /* since when each holds, 0 = not; NULL before the first */
    const char *doing;      /* "starting": an act of ours is under way, or NULL */
} ModelInstance;

typedef enum { MODEL_BACKEND_CONNECTING, MODEL_BACKEND_UP, MODEL_BACKEND_DOWN } ModelBackendState;

struct ModelBackend {
    Model *model;
    AppBackend *open; /* NULL once disconnected */
    const char *name;
    ModelBackendState state;
    gboolean listed;   /* a list has come in since the start */
    guint n_instances; /* of the model's, how many are its */
    GError *error;     /* the last failure of a list, NULL when the last one was good */
    GemelLanesHealth health;
    char *health_text;         /* "waiting 14 s for the daemon to answer", or NULL */
    gint64 list_ns, sample_ns; /* CLOCK_BOOTTIME of the newest */
    guint samples_pending;     /* likewise */
    guint lists_answered;      /* of the pending ones: being taken in */
    struct Intake *list_intake, *sample_intake; /* under way, or NULL */
    guint lists_pending;  /* asked for and not answered; 0 = the list is fresh */
    gint64 asked_ns;      /* when a list was last asked for */
    GError *sample_error; /* why the last sample gave nothing, NULL when it did */
    double sample_ms;     /* how long the last sample took */
    gint64 sample_due_ns; /* not before this the next one is asked for */
    HistoryAxis axis;     /* when the positions of the instances' histories were */
};

typedef struct {
    guint64 serial;
    gint64 time_unix_usec;
    char *backend, *id, *name;
    GemelEventType type;
    GemelState state;
    char *detail;
} ModelEvent;

Model *model_new(App *app);
void model_free(Model *model);

/* Listeners run at most once per loop turn with all changes or-ed. */
guint model_listen(Model *model, void (*changed)(ModelChange what, gpointer data), gpointer data);
void model_unlisten(Model *model, guint listener);

/* Lists and samples every `refresh` until model_stop; model_refresh asks for both now. */
void model_start(Model *model);
void model_stop(Model *model);
void model_refresh(Model *model);
/* Asks for a sample of every backend, and for a list where no events tell of changes. */
void model_sample_all(Model *model);
/* Starts the watches of all backends, now and later ones; model_start does it too. */
void model_watch(Model *model);
/* Asks all backends for a list; ModelBackend.lists_pending says when each has answered. */
void model_list_all(Model *model);
/* The same for a program that wants names and states only and ends then: limits, and what cannot
   be done, may be missing. */
void model_list_names(Model *model);
/* Whether backends may leave out all but the headline figures; never while all is recorded. */
void model_set_headline_only(Model *model, gboolean headline_only);
/* From the next sample on it is known which CPUs each may run on. */
void model_want_cpus(Model *model);

GPtrArray *model_backends(Model *model);  /* of ModelBackend*, the model's */
GPtrArray *model_instances(Model *model); /* of ModelInstance*, the model's, by backend then name */
ModelInstance *model_instance(Model *model, const char *backend, const char *id);
GPtrArray *model_jobs(Model *model); /* of GemelJob*, newest last, at most 200 ended ones; acts
                                        and reads that are slow */
GQueue *model_events(Model *model);  /* of ModelEvent*, newest last, at most 1,000 */

/*
 * What the user typed as NAME: "backend/name", a name, an id or a prefix of an id of at least four
 * digits. NOT_FOUND (with what comes near) or CONFLICT (listing the candidates) otherwise.
 */
ModelInstance *model_find(Model *model, const char *name, GError **error);
/*
 * The same of a glob, where several may be meant: `*` is any text and `?` any character. Without a
 * slash it is of names; in BACKEND/NAME each part is a glob of its own, so that `l*` never means
 * all that the backend libvirt has. Nothing else is special.
 */
gboolean model_is_glob(const char *word);
gboolean model_glob_matches(const char *glob, const char *backend, const char *name);

/* Adds an event of the console's own; the model copies `detail`. */
void model_add_event(Model *model, const ModelInstance *instance, GemelEventType type,
                     const char *detail);
/* `taken` is called for each sample that is taken in, with the time of the one before (0 = none);
   `gone` for an instance that has alerts raised, before its figures go: it stopped or is no more.
 */
void model_set_sample_hook(Model *model,
                           void (*taken)(ModelInstance *instance, gint64 before_ns, gpointer data),
                           void (*gone)(ModelInstance *instance, gpointer data), gpointer data);

/* Told all that backends say, as it comes; `rows` is immutable and may be referenced by other
   threads. NULL ends it. */
typedef struct {
    void (*rows)(ModelBackend *backend, gboolean of_sample, GPtrArray *rows, gpointer data);
    void (*error)(ModelBackend *backend, gboolean of_sample, const GError *error, gpointer data);
    void (*event)(ModelBackend *backend, const ModelEvent *event, gpointer data);
} ModelTap;
void model_set_tap(Model *model, const ModelTap *tap, gpointer data);

/* Called by app. */
void model_add_backend(Model *model, AppBackend *open);
void model_remove_backend(Model *model, AppBackend *open);
void model_job_changed(Model *model, GemelJob *job);
/* A job was submitted: deadlines are moved on, ten times a second, until nothing runs. */
void model_watch_deadlines(Model *model);
/* All backends are closed: what still comes from them is dropped. */
void model_close_backends(Model *model);
/* An act on an instance began or ended (NULL). */
void model_set_doing(Model *model, const char *backend, const char *id, const char *doing);
/* A fresh list of this backend soon: after an act. */
void model_relist(Model *model, AppBackend *open);

/* ---- figures, as every face shows them ------------------------------------------------------ */

typedef enum { MODEL_CPU_OF_CORE, MODEL_CPU_OF_LIMIT, MODEL_CPU_OF_HOST, MODEL_CPU_N } ModelCpuMode;
/* CPUs that are online, and bytes of memory, of the machine that the backend's instances run on as
   far as it is told; else, and for NULL, of this one. */
double model_host_cpus(const ModelBackend *backend);
double model_host_memory(const ModelBackend *backend);
const char *model_cpu_mode_name(ModelCpuMode mode); /* "core" "limit" "host" */

/* Each returns FALSE where there is no figure. */
gboolean model_cpu_percent(const ModelInstance *instance, ModelCpuMode mode, double *ret);
gboolean model_memory(const ModelInstance *instance, guint64 *ret_used, guint64 *ret_limit);
/* some avg10 in percent of cpu, memory, io; each -1 where missing */
gboolean model_pressure(const ModelInstance *instance, double ret[3]);
gboolean model_block_rates(const ModelInstance *instance, double *ret_rd, double *ret_wr);
gboolean model_net_rates(const ModelInstance *instance, double *ret_rx, double *ret_tx);
/* The headline figures as one number each, for conditions (filters, alerts): percent of a core,
   bytes in use, the worst of the three pressures in percent, bytes a second of both directions.
   FALSE: not known. */
gboolean model_figure_cpu(const ModelInstance *instance, double *ret);
gboolean model_figure_memory(const ModelInstance *instance, double *ret);
gboolean model_figure_pressure(const ModelInstance *instance, double *ret);
gboolean model_figure_block(const ModelInstance *instance, double *ret);
gboolean model_figure_net(const ModelInstance *instance, double *ret);
gboolean model_uptime_s(const ModelInstance *instance, gint64 *ret);
/* Age of the newest sample in ns, -1 without one; stale = older than twice the refresh + 1 s. */
gint64 model_age_ns(const ModelInstance *instance);
gboolean model_is_stale(const Model *model, const ModelInstance *instance);

/* From now on every metric of the instance has a history, as long as it is among the last
   MODEL_OPENED_MAX that were looked at. Cheap; views call it each time they draw. */
void model_open_detail(ModelInstance *instance);
/* The mean of what is known of the last `span_ns`, of a gauge's values or a counter's rates; of the
   newest sample alone where no history is kept. FALSE: there is no figure. */
gboolean model_metric_mean(const ModelInstance *instance, GemelMetric metric, gint64 span_ns,
                           double *ret);

/* ---- what the console costs ----------------------------------------------------------------- */

/* Calls to backends that were made since the start: lists, samples and all other jobs. */
guint64 model_calls(const Model *model);
/* Milliseconds between two samples of this backend now: the option refresh, or more where samples
   are slow. */
gint64 model_interval_ms(const ModelBackend *backend);
