/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stats_private.h - what the files of the sampler share: its structure, and who is in it. */
#pragma once

#include <pthread.h>

#include "backends/native/limit_watch.h"
#include "backends/native/stats.h"

#define NATIVE_PRESSURE_AVERAGES_N 6

enum { FD_CLOSED = -1, FD_ABSENT = -2 };

typedef struct Entry Entry;

/* What epoll tells of. */
typedef struct {
    Entry *entry; /* NULL = of the limits */
    gboolean is_net;
} News;

struct Entry {
    char *id;
    pid_t pid;
    guint64 pid_start;
    int pidfd; /* -1 = past the budget */
    char *cgroup;
    gboolean host_network;
    gboolean seen; /* by the scan in hand */
    int *fds;      /* one per sample file; FD_CLOSED = not kept, FD_ABSENT = no such file */
    gboolean limits_changed, limits_watched;
    gint64 limits_read_ns; /* 0 = never */
    guint64 limits_valid;  /* of the values below, as in a sample */
    guint64 *limits;       /* one per native_limit_metrics */
    gint64 pressure_ns;    /* when the averages were read; 0 = never */
    guint64 pressure_valid, pressure[NATIVE_PRESSURE_AVERAGES_N];
    int net_fd;        /* net_watch.h, or -1 */
    gboolean net_lone; /* lo is all there is, and the watch would have told of more */
    guint net_samples; /* that found lo alone */
    News exit_news, net_news;
};

struct NativeStats {
    const NativeStore *store;
    const NativeCgroups *cgroups;

    /* The thread that reads; what it shares with its caller is under the mutex. */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    gboolean has_thread, is_asked, is_over;
    GPtrArray *answer; /* NULL = none yet */
    guint kept_then;   /* `kept` when it answered */

    /* What follows belongs to the reader: the caller, or the thread once there is one. */
    gboolean budget_is_given, wants_thread;
    gboolean headline_only, cpus_wanted; /* as asked with the sample in hand */
    guint keep_max, kept;
    NativeLimitWatch *limit_watch;
    char *state_dir;
    int state_fd;            /* -1 = there was none */
    gint64 scanned_mtime_ns; /* of state_dir at the last scan; 0 = scan again */
    GPtrArray *entries;      /* of Entry* */
    int epoll_fd;            /* -1 = out of descriptors */
    News limit_news;
    GHashTable *disk_names;
    char *buffer;
};

/* All of the reader. Starts and ends the containers' entries, as the state directory has them. */
void native_stats_scan(NativeStats *stats);
/* Drops the containers whose init has ended, for a pidfd is readable then, and learns of limits
   that were written to and of interfaces that came. */
void native_stats_look_for_news(NativeStats *stats);
void native_stats_drop(NativeStats *stats, guint i);

/* From now on it is looked whether `fd` is readable. */
gboolean native_stats_expect_news(NativeStats *stats, int fd, News *news);
/* Closes such a descriptor, if it is one, and counts it off. */
void native_stats_close_news(NativeStats *stats, int *fd);
