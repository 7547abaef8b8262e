/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events without polling: inotify on the store's directories, and a pidfd for each running
 * container's init, whoever started it.
 *
 *   ROOT/containers     a container comes or goes
 *   ROOT/containers/ID  container.json was written: limits, snapshots
 *   RUN/state           a start, a pause, a stop: whoever does one writes the run's file
 *   RUN/exits           conmon recorded an exit status
 *   pidfd               the container ended; when conmon has not recorded it yet, conmon's own
 *                       pidfd is watched until it has, or is gone
 *
 * What an event is about is read anew each time and compared with what was known, so that repeated
 * and coalesced notifications do no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "backends/native/native.h"
#include "backends/native/process.h"

typedef struct {
    char *id, *name;
    GemelState state;
    int wd;    /* of its directory, -1 = none */
    int pidfd; /* of what ends next: init, or conmon; -1 = nothing */
    pid_t pid; /* whose */
} Known;

typedef struct {
    const NativeStore *store;
    const GemelEventSink *sink;
    int inotify, stop_fd;
    int containers_wd, state_wd, exits_wd;
    GHashTable *known; /* id -> Known */
    gboolean quiet;    /* taking stock: no events */
} Watch;

static void known_free(Known *known)
{
    if (known->pidfd >= 0)
        close(known->pidfd);
    g_free(known->id);
    g_free(known->name);
    g_free(known);
}

static void report(Watch *w, GemelEventType type, const Known *known, const char *detail)
{
    GemelEvent event = {.type = type, .detail = detail, .time_unix_usec = g_get_real_time()};

    if (w->quiet)
        return;
    if (known != NULL) {
        event.id = known->id;
        event.name = known->name;
        event.state = known->state;
    }
    w->sink->event(w->sink->data, &event);
}

/* ---- one container -------------------------------------------------------------------------- */

/* Waits on what ends next: the init of one that runs, the conmon of one that is ending. */
static void follow_process(Known *known, const NativeRun *run, GemelState state)
{
    gboolean conmon = state == GEMEL_STATE_STOPPING;
    gboolean any = conmon || state == GEMEL_STATE_RUNNING || state == GEMEL_STATE_PAUSED;
    pid_t pid = conmon ? run->conmon : run->pid;

    if (any && known->pidfd >= 0 && known->pid == pid)
        return;
    if (known->pidfd >= 0)
        close(known->pidfd);
    known->pidfd = -1;
    known->pid = pid;
    if (any)
        known->pidfd = native_process_open(pid, conmon ? run->conmon_start : run->pid_start);
}

/* Looks at a container and tells what is different from before. */
static void look_at(Watch *w, const char *id)
{
    Known *known = g_hash_table_lookup(w->known, id);
    g_autoptr(NativeContainer) container = native_container_load(w->store, id, NULL);
    g_auto(NativeRun) run = {0};
    g_auto(NativeStatus) status = {0};
    gboolean is_new = known == NULL;

    if (container == NULL) {
        if (known != NULL) {
            report(w, GEMEL_EVENT_REMOVED, known, NULL);
            if (known->wd >= 0)
                inotify_rm_watch(w->inotify, known->wd);
            g_hash_table_remove(w->known, id);
        }
        return;
    }
    if (is_new) {
        g_autofree char *dir = native_store_container_path(w->store, id, NULL);

        known = g_new0(Known, 1);
        known->id = g_strdup(id);
        known->name = g_strdup(container->name);
        known->pidfd = -1;
        known->wd = inotify_add_watch(w->inotify, dir, IN_MOVED_TO | IN_ONLYDIR);
        g_hash_table_insert(w->known, known->id, known);
    }
    native_run_load(w->store, id, &run);
    native_status_read(w->store, id, &run, &status);
    follow_process(known, &run, status.state);
    /* It may have ended between the two looks; then its pidfd could not be had. */
    if (known->pidfd < 0 &&
        (status.state == GEMEL_STATE_RUNNING || status.state == GEMEL_STATE_PAUSED ||
         status.state == GEMEL_STATE_STOPPING)) {
        native_status_done(&status);
        native_status_read(w->store, id, &run, &status);
        follow_process(known, &run, status.state);
    }
    if (is_new || known->state != status.state) {
        known->state = status.state;
        report(w, is_new ? GEMEL_EVENT_ADDED : GEMEL_EVENT_STATE, known, status.reason);
    }
}

static Known *find_by_wd(const Watch *w, int wd)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, w->known);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((Known *)value)->wd == wd)
            return value;
    return NULL;
}

/* All there is, and all that was known and may be gone. */
static void look_at_all(Watch *w)
{
    g_autoptr(GPtrArray) ids = native_store_list_ids(w->store, NULL);
    g_autoptr(GList) known = g_hash_table_get_keys(w->known);

    for (guint i = 0; ids != NULL && i < ids->len; i++)
        look_at(w, g_ptr_array_index(ids, i));
    for (GList *item = known; item != NULL; item = item->next)
        if (g_hash_table_contains(w->known, item->data))
            look_at(w, item->data);
}

/* ---- notifications -------------------------------------------------------------------------- */

/* TRUE when the store itself went away. */
static gboolean take_notification(Watch *w, const struct inotify_event *event)
{
    g_autofree char *id = NULL;
    const char *name = event->len > 0 ? event->name : "";

    if (event->mask & IN_Q_OVERFLOW) {
        look_at_all(w);
        return FALSE;
    }
    if (event->wd == w->containers_wd || event->wd == w->state_wd || event->wd == w->exits_wd) {
        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
            return TRUE;
        id = g_str_has_suffix(name, ".json") ? g_strndup(name, strlen(name) - strlen(".json"))
                                             : g_strdup(name);
        if (native_id_is_valid(id))
            look_at(w, id);
        return FALSE;
    }
    if (g_str_equal(name, "container.json")) {
        Known *known = find_by_wd(w, event->wd);

        if (known != NULL)
            report(w, GEMEL_EVENT_CHANGED, known, NULL);
    }
    return FALSE;
}

static gboolean take_notifications(Watch *w)
{
    _Alignas(struct inotify_event) char buffer[16 * 1024];
    ssize_t got = read(w->inotify, buffer, sizeof buffer);
    gboolean gone = FALSE;

    for (char *at = buffer; got > 0 && at < buffer + got;) {
        const struct inotify_event *event = (const struct inotify_event *)(void *)at;

        gone = take_notification(w, event) || gone;
        at += sizeof *event + event->len;
    }
    return gone;
}

/* Processes that ended; their containers are looked at. */
static void take_ends(Watch *w, const struct pollfd *fds, guint n)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, w->known);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Known *known = value;

        for (guint i = 0; i < n; i++)
            if (fds[i].revents != 0 && fds[i].fd == known->pidfd) {
                close(known->pidfd);
                known->pidfd = -1;
                g_ptr_array_add(ids, g_strdup(known->id));
                break;
            }
    }
    for (guint i = 0; i < ids->len; i++)
        look_at(w, g_ptr_array_index(ids, i));
}

static void add_poll(GArray *fds, int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};

    g_array_append_val(fds, item);
}

/* Until stop (TRUE) or the store goes away (FALSE). */
static gboolean watch_store(Watch *w)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));

    for (;;) {
        struct pollfd *polls;
        GHashTableIter iter;
        gpointer value;

        g_array_set_size(fds, 0);
        add_poll(fds, w->stop_fd);
        add_poll(fds, w->inotify);
        g_hash_table_iter_init(&iter, w->known);
        while (g_hash_table_iter_next(&iter, NULL, &value))
            if (((Known *)value)->pidfd >= 0)
                add_poll(fds, ((Known *)value)->pidfd);
        polls = (struct pollfd *)(void *)fds->data;
        if (poll(polls, fds->len, -1) < 0) {
            if (errno == EINTR)
                continue;
            return TRUE;
        }
        if (polls[0].revents != 0)
            return TRUE;
        take_ends(w, polls + 2, fds->len - 2);
        if (polls[1].revents != 0 && take_notifications(w))
            return FALSE;
    }
}

/* ---- the store comes and goes --------------------------------------------------------------- */

/* Watches the three directories; FALSE when one is not there. */
static gboolean add_watches(Watch *w)
{
    const uint32_t self = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    g_autofree char *containers = g_build_filename(w->store->root, "containers", NULL);
    g_autofree char *state = g_build_filename(w->store->run, "state", NULL);
    g_autofree char *exits = g_build_filename(w->store->run, "exits", NULL);

    w->containers_wd =
        inotify_add_watch(w->inotify, containers, IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | self);
    w->state_wd = inotify_add_watch(w->inotify, state, IN_MOVED_TO | IN_DELETE | self);
    w->exits_wd = inotify_add_watch(w->inotify, exits, IN_MOVED_TO | IN_CLOSE_WRITE | self);
    return w->containers_wd >= 0 && w->state_wd >= 0 && w->exits_wd >= 0;
}

/* The deepest directory on the way to `path` that is there. */
static char *nearest_existing(const char *path)
{
    char *at = g_strdup(path);

    while (access(at, F_OK) != 0 && !g_str_equal(at, "/")) {
        char *up = g_path_get_dirname(at);

        g_free(at);
        at = up;
    }
    return at;
}

/* Waits until something appears on the way to the missing directories; TRUE = stop. */
static gboolean wait_for_store(const Watch *w)
{
    const char *const names[][2] = {
        {w->store->root, "containers"}, {w->store->run, "state"}, {w->store->run, "exits"}};
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd fds[2] = {{.fd = w->stop_fd, .events = POLLIN},
                            {.fd = inotify, .events = POLLIN}};
    gboolean complete = TRUE;

    for (guint i = 0; inotify >= 0 && i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(names[i][0], names[i][1], NULL);
        g_autofree char *there = nearest_existing(path);

        inotify_add_watch(inotify, there,
                          IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
        complete = complete && access(path, F_OK) == 0;
    }
    /* What appeared before the watch was there is not missed: asked after it was. */
    if (!complete)
        while (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno == EINTR)
            ;
    else
        poll(fds, 1, 1000); /* all there and yet not to be watched: no rights, or no watches left */
    if (inotify >= 0)
        close(inotify);
    return fds[0].revents != 0;
}

/* One life of the store; TRUE = stop. */
static gboolean watch_once(Watch *w, gboolean *was_down)
{
    gboolean read_only, stop = FALSE;
    GError *problem = NULL;

    w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->inotify >= 0 && native_store_open(w->store, &read_only, &problem) && add_watches(w)) {
        w->quiet = TRUE;
        look_at_all(w);
        w->quiet = FALSE;
        report(w, GEMEL_EVENT_BACKEND_UP, NULL, NULL);
        *was_down = FALSE;
        stop = watch_store(w);
        g_hash_table_remove_all(w->known);
    }
    if (!stop && !*was_down) {
        g_autofree char *lost = g_strdup_printf("the store %s cannot be watched", w->store->root);

        report(w, GEMEL_EVENT_BACKEND_DOWN, NULL, problem != NULL ? problem->message : lost);
        *was_down = TRUE;
    }
    g_clear_error(&problem);
    if (w->inotify >= 0)
        close(w->inotify);
    return stop;
}

void native_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd)
{
    Watch w = {.store = &((NativeBackend *)backend)->store, .sink = sink, .stop_fd = stop_fd};
    gboolean was_down = FALSE;

    w.known = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)known_free);
    while (!watch_once(&w, &was_down) && !wait_for_store(&w))
        ;
    g_hash_table_unref(w.known);
}
