/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backends/cpus.h"
#include "backends/native/net_watch.h"
#include "backends/native/parse.h"
#include "backends/native/stats_private.h"

#define BUFFER_SIZE (256 * 1024)
/* A read this long may not have been all. */
#define WHOLE_MAX 2048
/* The kernel computes pressure averages anew every 2 s (PSI_FREQ in kernel/sched/psi.c), whoever
   asks; a little less, for samples come a little early or late. */
#define PRESSURE_PERIOD_NS (G_GINT64_CONSTANT(1900) * 1000 * 1000)
/* Samples without an interface but lo after which one is waited for rather than looked for: who
   asks once or twice does not set up a watch. */
#define NET_LONE_SAMPLES 3

/* The averages of one resource are two of its metrics, the totals the others. */
static const GemelMetric pressure_averages[NATIVE_PRESSURE_AVERAGES_N] = {
    GEMEL_METRIC_PSI_CPU_SOME, GEMEL_METRIC_PSI_CPU_FULL, GEMEL_METRIC_PSI_MEM_SOME,
    GEMEL_METRIC_PSI_MEM_FULL, GEMEL_METRIC_PSI_IO_SOME,  GEMEL_METRIC_PSI_IO_FULL};

/* ---- reading -------------------------------------------------------------------------------- */

/* Where a file is; FALSE when this host or this container has no such figure. */
static gboolean locate(const NativeStats *stats, const Entry *entry, const NativeSampleFile *file,
                       const char *name, char *path, gsize size)
{
    const NativeCgroups *cgroups = stats->cgroups;
    const char *mount = NULL;

    switch (file->from) {
    case NATIVE_FROM_V2:
        mount = cgroups->mode == NATIVE_CGROUPS_V2 ? cgroups->v2 : NULL;
        break;
    case NATIVE_FROM_V1:
        mount = cgroups->v1[file->controller];
        break;
    case NATIVE_FROM_PRESSURE:
        mount = cgroups->v2;
        break;
    case NATIVE_FROM_PROC:
        /* The host's own network is not the container's traffic. */
        if (entry->host_network)
            return FALSE;
        return (gsize)g_snprintf(path, size, "/proc/%d/%s", (int)entry->pid, name) < size;
    }
    return mount != NULL &&
           (gsize)g_snprintf(path, size, "%s/%s/%s", mount, entry->cgroup, name) < size;
}

static int open_file(const NativeStats *stats, const Entry *entry, const NativeSampleFile *file)
{
    const char *const names[] = {file->name, file->fallback};
    char path[1024];

    for (guint i = 0; i < G_N_ELEMENTS(names) && names[i] != NULL; i++) {
        int fd;

        if (!locate(stats, entry, file, names[i], path, sizeof path))
            return FD_ABSENT;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT)
            return FD_CLOSED; /* out of descriptors, gone: tried again at the next sample */
    }
    return FD_ABSENT;
}

/* The text of a file into the buffer, NUL-terminated; FALSE when it cannot be read. The kernel
   gives a cgroup file whole; one of many records, as net/dev is with many interfaces, by the page.
 */
static gboolean read_text(const NativeStats *stats, int fd)
{
    gsize used = 0;
    ssize_t got;

    do {
        got = pread(fd, stats->buffer + used, BUFFER_SIZE - 1 - used, (off_t)used);
        used += got > 0 ? (gsize)got : 0;
    } while (got >= WHOLE_MAX && used < BUFFER_SIZE - 1);
    stats->buffer[used] = '\0';
    return used > 0 || got == 0;
}

/* One file into the sample; opened here, and kept when there is room. */
static void read_file(NativeStats *stats, Entry *entry, guint index, GemelSample *sample)
{
    const NativeSampleFile *file = &native_sample_files[index];
    int fd = entry->fds[index];

    if (fd == FD_CLOSED)
        fd = open_file(stats, entry, file);
    if (fd == FD_ABSENT)
        entry->fds[index] = FD_ABSENT;
    if (fd < 0)
        return;
    if (read_text(stats, fd))
        file->parse(stats->buffer, sample);
    if (entry->fds[index] >= 0)
        return;
    if (stats->kept < stats->keep_max && !file->is_limit) {
        entry->fds[index] = fd;
        stats->kept++;
    } else {
        stats->wants_thread = stats->wants_thread || !file->is_limit;
        close(fd);
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

/* Watches the groups that hold limit files. All of them, or it does not count. */
static void watch_limits(NativeStats *stats, Entry *entry)
{
    entry->limits_watched = TRUE;
    for (guint i = 0; i < native_sample_files_n; i++) {
        const NativeSampleFile *file = &native_sample_files[i];
        char path[1024], *slash;

        if (!file->is_limit || !locate(stats, entry, file, file->name, path, sizeof path))
            continue;
        slash = strrchr(path, '/');
        *slash = '\0';
        /* Twice the same directory is one watch. */
        entry->limits_watched =
            native_limit_watch_add(stats->limit_watch, path, &entry->limits_changed) &&
            entry->limits_watched;
    }
}

static void read_limits(NativeStats *stats, Entry *entry, gint64 now_ns)
{
    g_autoptr(GemelSample) scratch = gemel_sample_new(entry->id, now_ns);

    /* Watched before it is read, so that no write falls between. */
    if (entry->limits_read_ns == 0)
        watch_limits(stats, entry);
    entry->limits_changed = FALSE;
    entry->limits_read_ns = now_ns;
    for (guint i = 0; i < native_sample_files_n; i++)
        if (native_sample_files[i].is_limit)
            read_file(stats, entry, i, scratch);
    entry->limits_valid = scratch->valid;
    for (guint i = 0; i < native_limit_metrics_n; i++)
        entry->limits[i] = scratch->value[native_limit_metrics[i]];
}

static void add_limits(NativeStats *stats, Entry *entry, GemelSample *sample)
{
    gint64 age_ns = sample->time_ns - entry->limits_read_ns;

    if (entry->limits_read_ns == 0 || entry->limits_changed ||
        age_ns > (entry->limits_watched ? NATIVE_LIMITS_WATCHED_NS : NATIVE_LIMITS_UNWATCHED_NS))
        read_limits(stats, entry, sample->time_ns);
    for (guint i = 0; i < native_limit_metrics_n; i++)
        if (entry->limits_valid >> native_limit_metrics[i] & 1u)
            gemel_sample_set(sample, native_limit_metrics[i], entry->limits[i]);
}

/* ---- what need not be read each time ----------------------------------------------------------
 */

/* net/dev, unless lo is known to be all that is there. */
static void read_net(NativeStats *stats, Entry *entry, guint index, GemelSample *sample)
{
    guint rows = sample->rows->len;

    if (entry->net_lone) {
        native_sample_files[index].parse("", sample);
        return;
    }
    read_file(stats, entry, index, sample);
    if (!gemel_sample_has(sample, GEMEL_METRIC_NET_RX_BYTES))
        return;
    if (sample->rows->len > rows) {
        native_stats_close_news(stats, &entry->net_fd);
        entry->net_samples = 0;
    } else if (entry->net_fd >= 0) { /* it was open before this was read: nothing is missed */
        entry->net_lone = TRUE;
        if (entry->fds[index] >= 0) {
            close(entry->fds[index]);
            entry->fds[index] = FD_CLOSED;
            stats->kept--;
        }
    } else if (++entry->net_samples == NET_LONE_SAMPLES && entry->pidfd >= 0 &&
               stats->kept < stats->keep_max) {
        entry->net_fd = native_net_watch_open(entry->pidfd);
        stats->kept += entry->net_fd >= 0;
        if (entry->net_fd >= 0 && !native_stats_expect_news(stats, entry->net_fd, &entry->net_news))
            native_stats_close_news(stats, &entry->net_fd);
    }
}

/* Whether the averages that were read last are still those of the kernel's last period. Totals go
   on all the time: they are nobody's headline figure. */
static gboolean pressure_is_fresh(const NativeStats *stats, const Entry *entry, gint64 now_ns)
{
    return stats->headline_only && entry->pressure_ns != 0 &&
           now_ns - entry->pressure_ns < PRESSURE_PERIOD_NS;
}

static void keep_pressure(Entry *entry, const GemelSample *sample)
{
    entry->pressure_ns = sample->time_ns;
    entry->pressure_valid = sample->valid;
    for (guint i = 0; i < G_N_ELEMENTS(pressure_averages); i++)
        entry->pressure[i] = sample->value[pressure_averages[i]];
}

static void add_pressure(const Entry *entry, GemelSample *sample)
{
    for (guint i = 0; i < G_N_ELEMENTS(pressure_averages); i++)
        if (entry->pressure_valid >> pressure_averages[i] & 1u)
            gemel_sample_set(sample, pressure_averages[i], entry->pressure[i]);
}

/* ---- the sample ----------------------------------------------------------------------------- */

/* The files that are not limits. */
static void read_figures(NativeStats *stats, Entry *entry, GemelSample *sample)
{
    gboolean fresh = pressure_is_fresh(stats, entry, sample->time_ns);

    for (guint i = 0; i < native_sample_files_n && !native_sample_files[i].is_limit; i++) {
        const NativeSampleFile *file = &native_sample_files[i];

        if (entry->fds[i] == FD_ABSENT || (stats->headline_only && file->is_extra) ||
            (fresh && file->from == NATIVE_FROM_PRESSURE))
            continue;
        if (file->from == NATIVE_FROM_PROC)
            read_net(stats, entry, i, sample);
        else
            read_file(stats, entry, i, sample);
    }
    if (fresh)
        add_pressure(entry, sample);
    else
        keep_pressure(entry, sample);
}

static GPtrArray *take_sample(NativeStats *stats)
{
    GPtrArray *samples;

    native_stats_scan(stats);
    native_stats_look_for_news(stats);
    samples = g_ptr_array_new_full(stats->entries->len, (GDestroyNotify)gemel_sample_free);
    for (guint e = 0; e < stats->entries->len; e++) {
        Entry *entry = g_ptr_array_index(stats->entries, e);
        GemelSample *sample = gemel_sample_new(entry->id, gemel_boottime_ns());

        read_figures(stats, entry, sample);
        add_limits(stats, entry, sample);
        if (stats->cpus_wanted)
            sample->cpus = gemel_cpus_of_process("/proc", entry->pid);
        if (sample->rows->len > 0)
            native_name_disks(sample, stats->disk_names);
        if (sample->valid == 0)
            sample->quarantine = g_strdup("its cgroups cannot be read");
        g_ptr_array_add(samples, sample);
    }
    return samples;
}

guint native_stats_default_budget(gboolean own_table)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
    if (own_table) /* less what is open for a moment only */
        return (guint)MIN(limit.rlim_cur - MIN(64, limit.rlim_cur / 4), 1000000);
    return (guint)MIN(MIN(limit.rlim_max / 2, limit.rlim_cur / 4 * 3), 1000000);
}

static void begin_reading(NativeStats *stats, gboolean own_table)
{
    if (!stats->budget_is_given)
        stats->keep_max = native_stats_default_budget(own_table);
    stats->limit_watch = native_limit_watch_new();
    stats->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (native_limit_watch_fd(stats->limit_watch) >= 0)
        native_stats_expect_news(stats, native_limit_watch_fd(stats->limit_watch),
                                 &stats->limit_news);
    stats->state_fd = -1;
}

/* Closes everything; reading can begin again. */
static void end_reading(NativeStats *stats)
{
    for (guint i = stats->entries->len; i > 0; i--)
        native_stats_drop(stats, i - 1);
    g_clear_pointer(&stats->limit_watch, native_limit_watch_free);
    if (stats->epoll_fd >= 0)
        close(stats->epoll_fd);
    if (stats->state_fd >= 0)
        close(stats->state_fd);
    stats->scanned_mtime_ns = 0;
}

/* ---- the thread ----------------------------------------------------------------------------- */

static gpointer run_thread(gpointer data)
{
    NativeStats *stats = data;

    /* From here on this thread has descriptors of its own: 0 to 2, and what it opens. */
    begin_reading(stats, close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
    pthread_mutex_lock(&stats->mutex);
    while (!stats->is_over) {
        GPtrArray *answer;

        if (!stats->is_asked) {
            pthread_cond_wait(&stats->cond, &stats->mutex);
            continue;
        }
        stats->is_asked = FALSE;
        pthread_mutex_unlock(&stats->mutex);
        answer = take_sample(stats);
        pthread_mutex_lock(&stats->mutex);
        stats->answer = answer;
        stats->kept_then = stats->kept;
        pthread_cond_broadcast(&stats->cond);
    }
    pthread_mutex_unlock(&stats->mutex);
    end_reading(stats);
    return NULL;
}

void native_stats_use_thread(NativeStats *stats)
{
    if (stats->has_thread)
        return;
    end_reading(stats);
    stats->has_thread = pthread_create(&stats->thread, NULL, run_thread, stats) == 0;
    if (!stats->has_thread)
        begin_reading(stats, FALSE);
}

NativeStats *native_stats_new(const NativeStore *store, const NativeCgroups *cgroups,
                              guint keep_max)
{
    NativeStats *stats = g_new0(NativeStats, 1);

    stats->store = store;
    stats->cgroups = cgroups;
    stats->budget_is_given = keep_max != 0;
    stats->keep_max = keep_max;
    stats->state_dir = g_build_filename(store->run, "state", NULL);
    stats->entries = g_ptr_array_new();
    stats->disk_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stats->buffer = g_malloc(BUFFER_SIZE);
    pthread_mutex_init(&stats->mutex, NULL);
    pthread_cond_init(&stats->cond, NULL);
    begin_reading(stats, FALSE);
    return stats;
}

void native_stats_free(NativeStats *stats)
{
    if (stats == NULL)
        return;
    pthread_mutex_lock(&stats->mutex);
    stats->is_over = TRUE;
    pthread_cond_broadcast(&stats->cond);
    pthread_mutex_unlock(&stats->mutex);
    if (stats->has_thread)
        pthread_join(stats->thread, NULL);
    else
        end_reading(stats);
    pthread_mutex_destroy(&stats->mutex);
    pthread_cond_destroy(&stats->cond);
    g_ptr_array_unref(stats->entries);
    g_hash_table_unref(stats->disk_names);
    g_free(stats->state_dir);
    g_free(stats->buffer);
    g_free(stats);
}

guint native_stats_kept(const NativeStats *stats)
{
    return stats->kept_then;
}

/* Has the thread take it. */
static GPtrArray *ask_thread(NativeStats *stats)
{
    GPtrArray *answer;

    pthread_mutex_lock(&stats->mutex);
    stats->is_asked = TRUE;
    pthread_cond_broadcast(&stats->cond);
    while (stats->answer == NULL)
        pthread_cond_wait(&stats->cond, &stats->mutex);
    answer = g_steal_pointer(&stats->answer);
    pthread_mutex_unlock(&stats->mutex);
    return answer;
}

void native_stats_set_headline_only(NativeStats *stats, gboolean headline_only)
{
    stats->headline_only = headline_only; /* the thread, if there is one, waits to be asked */
}

void native_stats_set_cpus_wanted(NativeStats *stats, gboolean wanted)
{
    stats->cpus_wanted = wanted;
}

GPtrArray *native_stats_sample(NativeStats *stats)
{
    GPtrArray *samples;

    if (stats->has_thread)
        return ask_thread(stats);
    samples = take_sample(stats);
    stats->kept_then = stats->kept;
    if (stats->wants_thread && !stats->budget_is_given)
        native_stats_use_thread(stats);
    return samples;
}

GPtrArray *native_sample(GemelConn *conn, GError **error)
{
    NativeConn *native = (NativeConn *)conn;

    if (native->stats == NULL)
        native->stats = native_stats_new(native->store, native_cgroups_host(), 0);
    native_stats_set_headline_only(native->stats, atomic_load(&conn->backend->headline_only));
    native_stats_set_cpus_wanted(native->stats, atomic_load(&conn->backend->cpus_wanted));
    return native_stats_sample(native->stats);
}
