/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/limit_watch.h"
#include "backends/native/parse.h"
#include "backends/native/process.h"

#define BUFFER_SIZE (256 * 1024)
/* A read this long may not have been all. */
#define WHOLE_MAX 2048
/* Directory times move with the timer tick: a change this close to the look may show the same time
   as one before it. */
#define MTIME_GRAIN_NS (50 * 1000 * 1000)

enum { FD_CLOSED = -1, FD_ABSENT = -2 };

typedef struct {
    char *id;
    pid_t pid;
    guint64 pid_start;
    int pidfd;
    char *cgroup;
    gboolean host_network;
    gboolean seen; /* by the scan in hand */
    int *fds;      /* one per sample file; FD_CLOSED = not kept, FD_ABSENT = no such file */
    gboolean limits_changed, limits_watched;
    gint64 limits_read_ns; /* 0 = never */
    guint64 limits_valid;  /* of the values below, as in a sample */
    guint64 *limits;       /* one per native_limit_metrics */
} Entry;

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
    gboolean headline_only; /* as asked with the sample in hand */
    guint keep_max, kept;
    NativeLimitWatch *limit_watch;
    char *state_dir;
    int state_fd;            /* -1 = there was none */
    gint64 scanned_mtime_ns; /* of state_dir at the last scan; 0 = scan again */
    GPtrArray *entries;      /* of Entry* */
    GArray *polls;           /* struct pollfd, one per entry */
    GHashTable *disk_names;
    char *buffer;
};

/* ---- entries -------------------------------------------------------------------------------- */

static void entry_free(NativeStats *stats, Entry *entry)
{
    for (guint i = 0; i < native_sample_files_n; i++)
        if (entry->fds[i] >= 0) {
            close(entry->fds[i]);
            stats->kept--;
        }
    if (entry->pidfd >= 0) {
        close(entry->pidfd);
        stats->kept--;
    }
    native_limit_watch_forget(stats->limit_watch, &entry->limits_changed);
    g_free(entry->limits);
    g_free(entry->fds);
    g_free(entry->id);
    g_free(entry->cgroup);
    g_free(entry);
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

/* ---- which containers run ------------------------------------------------------------------- */

static Entry *find_entry(const NativeStats *stats, const char *id)
{
    for (guint i = 0; i < stats->entries->len; i++) {
        Entry *entry = g_ptr_array_index(stats->entries, i);

        if (g_str_equal(entry->id, id))
            return entry;
    }
    return NULL;
}

static void drop_entry(NativeStats *stats, guint i)
{
    entry_free(stats, g_ptr_array_index(stats->entries, i));
    g_ptr_array_remove_index_fast(stats->entries, i);
}

/* Takes a container in whose state file was seen, when it runs. */
static void scan_one(NativeStats *stats, const char *id)
{
    Entry *entry = find_entry(stats, id);
    g_auto(NativeRun) run = {0};
    int pidfd;

    native_run_load(stats->store, id, &run);
    if (run.phase != NATIVE_RUN_STARTED)
        return;
    if (entry != NULL && entry->pid == run.pid && entry->pid_start == run.pid_start) {
        entry->seen = TRUE;
        return;
    }
    pidfd = native_process_open(run.pid, run.pid_start);
    if (pidfd < 0)
        return;
    entry = g_new0(Entry, 1);
    entry->id = g_strdup(id);
    entry->pid = run.pid;
    entry->pid_start = run.pid_start;
    entry->cgroup = g_steal_pointer(&run.cgroup);
    entry->host_network = run.host_network;
    entry->seen = TRUE;
    entry->fds = g_new(int, native_sample_files_n);
    for (guint i = 0; i < native_sample_files_n; i++)
        entry->fds[i] = FD_CLOSED;
    entry->limits = g_new0(guint64, native_limit_metrics_n);
    entry->pidfd = pidfd;
    stats->kept++;
    g_ptr_array_add(stats->entries, entry);
}

/* Whether the directory changed since the last scan, as far as its time can tell. */
static gboolean state_dir_changed(NativeStats *stats)
{
    struct timespec now;
    struct stat info;
    gint64 mtime_ns, now_ns;

    /* The descriptor saves a walk along the path; a directory without links was removed. */
    if (stats->state_fd >= 0 && (fstat(stats->state_fd, &info) != 0 || info.st_nlink == 0)) {
        close(stats->state_fd);
        stats->state_fd = -1;
    }
    if (stats->state_fd < 0) {
        stats->state_fd = open(stats->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (stats->state_fd < 0 || fstat(stats->state_fd, &info) != 0)
            info = (struct stat){0};
    }
    mtime_ns = (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (mtime_ns != 0 && mtime_ns == stats->scanned_mtime_ns)
        return FALSE;
    clock_gettime(CLOCK_REALTIME, &now);
    now_ns = (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
    stats->scanned_mtime_ns = now_ns - mtime_ns > MTIME_GRAIN_NS ? mtime_ns : 0;
    return TRUE;
}

static void scan(NativeStats *stats)
{
    DIR *dir = state_dir_changed(stats) ? opendir(stats->state_dir) : NULL;

    if (dir == NULL)
        return;
    for (guint i = 0; i < stats->entries->len; i++)
        ((Entry *)g_ptr_array_index(stats->entries, i))->seen = FALSE;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        g_autofree char *id = NULL;

        if (!g_str_has_suffix(entry->d_name, ".json"))
            continue;
        id = g_strndup(entry->d_name, strlen(entry->d_name) - strlen(".json"));
        if (native_id_is_valid(id))
            scan_one(stats, id);
    }
    closedir(dir);
    for (guint i = stats->entries->len; i > 0; i--)
        if (!((Entry *)g_ptr_array_index(stats->entries, i - 1))->seen)
            drop_entry(stats, i - 1);
}

/* Drops the containers whose init has ended, for a pidfd is readable then, and learns of limits
   that were written to. */
static void look_for_news(NativeStats *stats)
{
    guint n = stats->entries->len;

    g_array_set_size(stats->polls, n + 1);
    for (guint i = 0; i < n; i++)
        g_array_index(stats->polls, struct pollfd, i) = (struct pollfd){
            .fd = ((Entry *)g_ptr_array_index(stats->entries, i))->pidfd, .events = POLLIN};
    g_array_index(stats->polls, struct pollfd, n) =
        (struct pollfd){.fd = native_limit_watch_fd(stats->limit_watch), .events = POLLIN};
    if (poll((struct pollfd *)(void *)stats->polls->data, n + 1, 0) <= 0)
        return;
    if (g_array_index(stats->polls, struct pollfd, n).revents != 0)
        native_limit_watch_poll(stats->limit_watch);
    for (guint i = n; i > 0; i--)
        if (g_array_index(stats->polls, struct pollfd, i - 1).revents != 0)
            drop_entry(stats, i - 1);
}

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

/* ---- the sample ----------------------------------------------------------------------------- */

static GPtrArray *take_sample(NativeStats *stats)
{
    GPtrArray *samples;

    scan(stats);
    look_for_news(stats);
    samples = g_ptr_array_new_full(stats->entries->len, (GDestroyNotify)gemel_sample_free);
    for (guint e = 0; e < stats->entries->len; e++) {
        Entry *entry = g_ptr_array_index(stats->entries, e);
        GemelSample *sample = gemel_sample_new(entry->id, gemel_boottime_ns());

        for (guint i = 0; i < native_sample_files_n && !native_sample_files[i].is_limit; i++)
            if (entry->fds[i] != FD_ABSENT &&
                !(stats->headline_only && native_sample_files[i].is_extra))
                read_file(stats, entry, i, sample);
        add_limits(stats, entry, sample);
        if (sample->rows->len > 0)
            native_name_disks(sample, stats->disk_names);
        if (sample->valid == 0)
            sample->quarantine = g_strdup("its cgroups cannot be read");
        g_ptr_array_add(samples, sample);
    }
    return samples;
}

static void begin_reading(NativeStats *stats, gboolean own_table)
{
    if (!stats->budget_is_given)
        stats->keep_max = native_stats_default_budget(own_table);
    stats->limit_watch = native_limit_watch_new();
    stats->state_fd = -1;
}

/* Closes everything; reading can begin again. */
static void end_reading(NativeStats *stats)
{
    for (guint i = stats->entries->len; i > 0; i--)
        drop_entry(stats, i - 1);
    g_clear_pointer(&stats->limit_watch, native_limit_watch_free);
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
    stats->polls = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
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
    g_array_unref(stats->polls);
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
    return native_stats_sample(native->stats);
}
