/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stats_entries.c - which containers a sample is of, and what there is news of. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/net_watch.h"
#include "backends/native/parse.h"
#include "backends/native/process.h"
#include "backends/native/stats_private.h"

/* Directory times move with the timer tick: a change this close to the look may show the same time
   as one before it. */
#define MTIME_GRAIN_NS (50 * 1000 * 1000)

/* ---- entries -------------------------------------------------------------------------------- */

gboolean native_stats_expect_news(NativeStats *stats, int fd, News *news)
{
    return epoll_ctl(stats->epoll_fd, EPOLL_CTL_ADD, fd,
                     &(struct epoll_event){.events = EPOLLIN, .data.ptr = news}) == 0;
}

/* Closes a descriptor that was expected to tell; taken back first, for a process that is just being
   started may have a copy of it for a moment, and then it would go on telling. */
void native_stats_close_news(NativeStats *stats, int *fd)
{
    if (*fd < 0)
        return;
    epoll_ctl(stats->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
    close(*fd);
    *fd = -1;
    stats->kept--;
}

static void entry_free(NativeStats *stats, Entry *entry)
{
    for (guint i = 0; i < native_sample_files_n; i++)
        if (entry->fds[i] >= 0) {
            close(entry->fds[i]);
            stats->kept--;
        }
    native_stats_close_news(stats, &entry->pidfd);
    native_stats_close_news(stats, &entry->net_fd);
    native_limit_watch_forget(stats->limit_watch, &entry->limits_changed);
    g_free(entry->limits);
    g_free(entry->fds);
    g_free(entry->id);
    g_free(entry->cgroup);
    g_free(entry);
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

void native_stats_drop(NativeStats *stats, guint i)
{
    entry_free(stats, g_ptr_array_index(stats->entries, i));
    g_ptr_array_remove_index_fast(stats->entries, i);
}

/* Without a descriptor; a pid of 0 or a start at 0 is nobody's. */
static gboolean is_alive(pid_t pid, guint64 pid_start)
{
    return pid > 0 && pid_start != 0 && native_process_start_ticks(pid) == pid_start;
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
    pidfd = stats->kept < stats->keep_max ? native_process_open(run.pid, run.pid_start) : -1;
    if (pidfd < 0 && !is_alive(run.pid, run.pid_start))
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
    entry->net_fd = -1;
    entry->exit_news = (News){.entry = entry};
    entry->net_news = (News){.entry = entry, .is_net = TRUE};
    stats->kept += pidfd >= 0;
    stats->wants_thread = stats->wants_thread || pidfd < 0;
    if (pidfd >= 0 &&
        !native_stats_expect_news(stats, pidfd, &entry->exit_news)) { /* no memory: tried again */
        entry_free(stats, entry);
        stats->scanned_mtime_ns = 0;
        return;
    }
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

void native_stats_scan(NativeStats *stats)
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
            native_stats_drop(stats, i - 1);
}

/* Those past the budget tell of their end by no descriptor. */
static void drop_ended_without_pidfd(NativeStats *stats)
{
    for (guint i = stats->entries->len; i > 0; i--) {
        const Entry *entry = g_ptr_array_index(stats->entries, i - 1);

        if (entry->pidfd < 0 && !is_alive(entry->pid, entry->pid_start))
            native_stats_drop(stats, i - 1);
    }
}

/* Drops the containers whose init has ended, for a pidfd is readable then, and learns of limits
   that were written to and of interfaces that came. */
void native_stats_look_for_news(NativeStats *stats)
{
    /* what goes on telling, for changes come faster than they are read, has its turn but once */
    guint rounds = stats->entries->len / 32 + 1;
    struct epoll_event events[64];
    int n;

    drop_ended_without_pidfd(stats);
    do {
        n = epoll_wait(stats->epoll_fd, events, G_N_ELEMENTS(events), 0);
        for (int i = 0; i < n; i++) {
            const News *news = events[i].data.ptr;

            if (news->entry == NULL) {
                native_limit_watch_poll(stats->limit_watch);
            } else if (news->is_net) {
                native_net_watch_drain(news->entry->net_fd);
                news->entry->net_lone = FALSE;
            }
        }
        for (int i = 0; i < n; i++) { /* last: both may be of one container */
            const News *news = events[i].data.ptr;
            guint at;

            if (news->entry != NULL && !news->is_net &&
                g_ptr_array_find(stats->entries, news->entry, &at))
                native_stats_drop(stats, at);
        }
    } while (n == G_N_ELEMENTS(events) && --rounds > 0);
}
