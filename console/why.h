/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * why.h - why an instance is slow, or who eats the host: causes ranked by evidence.
 *
 * Pure logic over figures that were taken over a span of time (rates are means over it). Each cause
 * of the table says what speaks for it (a sentence with the figures), how much of the instance's
 * time it takes (`score`, 0 to 1, comparable between causes), from which score on it is named, and
 * which command of gemel's own relieves it. No figure, no evidence: a cause is never guessed.
 *
 * Sources: what throttled, pressure and event counters mean is in
 * Documentation/admin-guide/cgroup-v2.rst and Documentation/accounting/psi.rst; steal is
 * vcpu.N.delay of virConnectGetAllDomainStats (time runnable without a host CPU).
 */
#pragma once

#include "console/model.h"

/* The console says what the last ten seconds were like, as pressure averages do. */
#define WHY_SPAN_NS G_GINT64_CONSTANT(10000000000)

/* What is known about an instance over the span. */
typedef struct {
    const char *name; /* as it is written in a command line */
    GemelKind kind;
    GemelState state;
    const char *state_reason, *quarantine; /* or NULL */
    guint32 can;                           /* bit 1<<GemelAct */
    guint vcpus;
    double span_s;
    guint64 valid; /* of the newest values */
    guint64 value[GEMEL_METRIC_N];
    guint64 mean_valid;
    double mean[GEMEL_METRIC_N]; /* per second for counters, of the values for gauges */
    double cpu_limit, host_cpus; /* in CPUs, 0 = none */
    /* The strongest of the others on the same host, or NULL. */
    const char *eater, *writer;     /* by CPU, by bytes read and written */
    double eater_cpus, writer_rate; /* in CPUs; bytes per second */
    guint32 eater_can, writer_can;
    const char *cpus; /* those it may run on, when they are known and not all; the eater shares some
                         of them */
} WhyFacts;

typedef enum {
    WHY_STOPPED,
    WHY_PAUSED,
    WHY_HUNG,
    WHY_OOM,
    WHY_THROTTLED,
    WHY_STEAL,
    WHY_IO,
    WHY_RECLAIM,
    WHY_BALLOON,
    WHY_SWAP,
    WHY_NEIGHBOUR,
    WHY_PIDS,
    WHY_N
} WhyCause;

typedef struct {
    const char *act;        /* the command line, with {name} {other} {cpu} {memory} {pids} */
    GemelAct needs;         /* valid now of whom the line names; GEMEL_ACT_N = always */
    gboolean of_other;      /* the line is about {other} */
    gboolean of_containers; /* guests have no such limit */
} WhyRemedy;

typedef struct {
    const char *name;  /* "throttled", in JSON and in `why` of the list */
    const char *title; /* "held back by its CPU limit" */
    double threshold;  /* named from this score on */
    /* The score, 0 without evidence; appends the sentence (without a full stop). */
    double (*evidence)(const WhyFacts *facts, GString *sentence);
    WhyRemedy remedies[3]; /* the first that is valid */
} WhyInfo;

extern const WhyInfo why_table[WHY_N];

typedef struct {
    WhyCause cause;
    double score;
    char *sentence;
    char *remedy; /* a line for gemel, or NULL when none of its commands would help now */
} WhyFinding;

/* What is found, worst first; of WhyFinding, free with g_array_unref. */
GArray *why_rank(const WhyFacts *facts);

/* Facts of an instance over the last `span_ns`; strings are the model's. */
void why_gather(Model *model, const ModelInstance *instance, gint64 span_ns, WhyFacts *facts);

/* ---- who eats the host ----------------------------------------------------------------------- */

/* Shares of the host, 0 to 1; negative where there is no figure. */
typedef struct {
    const ModelInstance *instance;
    double cpu, memory; /* of all CPUs, of all memory */
    double block, net;  /* of what all instances together move now */
    double most;        /* the largest of cpu and memory, and of block and net where they count */
    const char *what;   /* which that is: "cpu" "memory" "block" "net" */
} WhyShare;

/* All that run on this host, the greatest eater first; of WhyShare, free with g_array_unref. A
   share of the traffic counts in proportion to how much there is of it: WHY_TRAFFIC bytes per
   second and more in full. */
#define WHY_TRAFFIC (50.0 * 1048576)
GArray *why_eaters(Model *model);
/* Whether the backend's instances run on this host. */
gboolean why_is_local(const ModelBackend *backend);
