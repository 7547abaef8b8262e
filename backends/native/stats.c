/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/parse.h"
#include "backends/native/process.h"

#define BUFFER_SIZE (256 * 1024)
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
} Entry;

struct NativeStats {
    const NativeStore *store;
    const NativeCgroups *cgroups;
    guint keep_max, kept;
    char *state_dir;
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
    g_free(entry->fds);
    g_free(entry->id);
    g_free(entry->cgroup);
    g_free(entry);
}

NativeStats *native_stats_new(const NativeStore *store, const NativeCgroups *cgroups,
                              guint keep_max)
{
    NativeStats *stats = g_new0(NativeStats, 1);

    stats->store = store;
    stats->cgroups = cgroups;
    stats->keep_max = keep_max;
    stats->state_dir = g_build_filename(store->run, "state", NULL);
    stats->entries = g_ptr_array_new();
    stats->polls = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
    stats->disk_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stats->buffer = g_malloc(BUFFER_SIZE);
    return stats;
}

void native_stats_free(NativeStats *stats)
{
    if (stats == NULL)
        return;
    for (guint i = 0; i < stats->entries->len; i++)
        entry_free(stats, g_ptr_array_index(stats->entries, i));
    g_ptr_array_unref(stats->entries);
    g_array_unref(stats->polls);
    g_hash_table_unref(stats->disk_names);
    g_free(stats->state_dir);
    g_free(stats->buffer);
    g_free(stats);
}

guint native_stats_kept(const NativeStats *stats)
{
    return stats->kept;
}

guint native_stats_default_budget(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
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
    entry->pidfd = pidfd;
    stats->kept++;
    g_ptr_array_add(stats->entries, entry);
}

static void scan(NativeStats *stats)
{
    DIR *dir = opendir(stats->state_dir);
    struct timespec now;
    struct stat info;
    gint64 mtime_ns, now_ns;

    if (dir == NULL)
        return;
    if (fstat(dirfd(dir), &info) != 0)
        info = (struct stat){0};
    mtime_ns = (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (mtime_ns != 0 && mtime_ns == stats->scanned_mtime_ns) {
        closedir(dir);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    now_ns = (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
    stats->scanned_mtime_ns = now_ns - mtime_ns > MTIME_GRAIN_NS ? mtime_ns : 0;
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

/* Drops the containers whose init has ended: a pidfd is readable then. */
static void drop_ended(NativeStats *stats)
{
    g_array_set_size(stats->polls, stats->entries->len);
    for (guint i = 0; i < stats->entries->len; i++)
        g_array_index(stats->polls, struct pollfd, i) = (struct pollfd){
            .fd = ((Entry *)g_ptr_array_index(stats->entries, i))->pidfd, .events = POLLIN};
    if (poll((struct pollfd *)(void *)stats->polls->data, stats->polls->len, 0) <= 0)
        return;
    for (guint i = stats->entries->len; i > 0; i--)
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

/* One file into the sample; opened here, and kept when there is room. */
static void read_file(NativeStats *stats, Entry *entry, guint index, GemelSample *sample)
{
    const NativeSampleFile *file = &native_sample_files[index];
    int fd = entry->fds[index];
    ssize_t got;

    if (fd == FD_CLOSED)
        fd = open_file(stats, entry, file);
    if (fd == FD_ABSENT)
        entry->fds[index] = FD_ABSENT;
    if (fd < 0)
        return;
    got = pread(fd, stats->buffer, BUFFER_SIZE - 1, 0);
    if (got >= 0) {
        stats->buffer[got] = '\0';
        file->parse(stats->buffer, sample);
    }
    if (entry->fds[index] >= 0)
        return;
    if (stats->kept < stats->keep_max) {
        entry->fds[index] = fd;
        stats->kept++;
    } else {
        close(fd);
    }
}

GPtrArray *native_stats_sample(NativeStats *stats)
{
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);

    scan(stats);
    drop_ended(stats);
    for (guint e = 0; e < stats->entries->len; e++) {
        Entry *entry = g_ptr_array_index(stats->entries, e);
        GemelSample *sample = gemel_sample_new(entry->id, gemel_boottime_ns());

        for (guint i = 0; i < native_sample_files_n; i++)
            read_file(stats, entry, i, sample);
        native_name_disks(sample, stats->disk_names);
        if (sample->valid == 0)
            sample->quarantine = g_strdup("its cgroups cannot be read");
        g_ptr_array_add(samples, sample);
    }
    return samples;
}

GPtrArray *native_sample(GemelConn *conn, GError **error)
{
    NativeConn *native = (NativeConn *)conn;

    if (native->stats == NULL)
        native->stats =
            native_stats_new(native->store, native_cgroups_host(), native_stats_default_budget());
    return native_stats_sample(native->stats);
}
