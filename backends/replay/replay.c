/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/replay/replay.h"
#include "backends/registry.h"
#include "backends/replay/recording.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND_NS G_GINT64_CONSTANT(1000000000)

/* What `sample` gives next. */
typedef enum {
    SHOW_NOTHING, /* after a break: no figures, so that no rate spans it */
    SHOW_BEFORE,  /* the sample before the place */
    SHOW_PLACE
} Show;

typedef struct {
    GemelBackend base;
    char *path;
    int wake_fd; /* the watch looks again */

    pthread_mutex_t mutex; /* of all below; never held across I/O */
    GemelRecording *recording;
    double speed;
    gboolean paused;
    gint64 place_ns; /* in the recording, at since_ns of real time */
    gint64 since_ns;
    gint64 base_ns; /* real time that the recording's 0 is shown as */
    Show show;
    gboolean broken;   /* a seek or a pause: the watch tells that all may have changed */
    GPtrArray *events; /* of RecordedEvent*, passed and not told yet */
} Replay;

static Replay *replay_of(GemelConn *conn)
{
    return (Replay *)conn->backend;
}

/* ---- the clock. Locked. -----------------------------------------------------------------------
 */

static gint64 place_now(const Replay *replay)
{
    gint64 place = replay->place_ns;

    if (!replay->paused)
        place += (gint64)((double)(gemel_boottime_ns() - replay->since_ns) * replay->speed);
    if (replay->recording != NULL)
        place = MIN(place, gemel_recording_length_ns(replay->recording));
    return MAX(place, 0);
}

/* From now on the clock goes from here. */
static void set_place(Replay *replay, gint64 place_ns)
{
    replay->place_ns = place_ns;
    replay->since_ns = gemel_boottime_ns();
}

/* The recording's times are shown as if this place were now. */
static void break_time(Replay *replay)
{
    guint64 one = 1;

    replay->base_ns = gemel_boottime_ns() - place_now(replay);
    replay->show = SHOW_NOTHING;
    replay->broken = TRUE;
    if (write(replay->wake_fd, &one, sizeof one) < 0)
        return; /* it is awake already */
}

/* Brings the recording to the clock. */
static void follow_clock(Replay *replay)
{
    gemel_recording_go(replay->recording, place_now(replay), replay->events);
}

/* ---- control ----------------------------------------------------------------------------------
 */

static Replay *as_replay(GemelBackend *backend)
{
    return backend->ops == &gemel_replay_ops ? (Replay *)backend : NULL;
}

gboolean gemel_replay_status(GemelBackend *backend, GemelReplayStatus *ret)
{
    Replay *replay = as_replay(backend);

    if (replay == NULL)
        return FALSE;
    pthread_mutex_lock(&replay->mutex);
    *ret = (GemelReplayStatus){
        .loaded = replay->recording != NULL, .speed = replay->speed, .paused = replay->paused};
    if (replay->recording != NULL) {
        ret->at_ns = place_now(replay);
        ret->length_ns = gemel_recording_length_ns(replay->recording);
        ret->ended = ret->at_ns >= ret->length_ns;
        ret->damage = g_strdup(gemel_recording_damage(replay->recording));
    }
    pthread_mutex_unlock(&replay->mutex);
    return TRUE;
}

void gemel_replay_pause(GemelBackend *backend, gboolean pause)
{
    Replay *replay = as_replay(backend);

    if (replay == NULL)
        return;
    pthread_mutex_lock(&replay->mutex);
    if (replay->paused != pause) {
        set_place(replay, place_now(replay));
        replay->paused = pause;
        if (!pause)
            break_time(replay);
    }
    pthread_mutex_unlock(&replay->mutex);
}

void gemel_replay_seek(GemelBackend *backend, gint64 time_ns)
{
    Replay *replay = as_replay(backend);

    if (replay == NULL)
        return;
    pthread_mutex_lock(&replay->mutex);
    set_place(replay, MAX(time_ns, 0));
    g_ptr_array_set_size(replay->events, 0);
    break_time(replay);
    pthread_mutex_unlock(&replay->mutex);
}

void gemel_replay_set_speed(GemelBackend *backend, double speed)
{
    Replay *replay = as_replay(backend);

    if (replay == NULL)
        return;
    pthread_mutex_lock(&replay->mutex);
    set_place(replay, place_now(replay));
    replay->speed = CLAMP(speed, 1, GEMEL_REPLAY_SPEED_MAX);
    break_time(replay);
    pthread_mutex_unlock(&replay->mutex);
}

/* ---- creation ---------------------------------------------------------------------------------
 */

/* "500ms" "10s" "2m" "1h" or plain seconds. */
static gboolean parse_time(const char *text, gint64 *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 60e9}, {"h", 3600e9}};
    char *end;
    double value = g_ascii_strtod(text, &end);

    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (end != text && g_str_equal(end, units[i].unit) && value >= 0 && value < 1e6) {
            *ret_ns = (gint64)(value * units[i].ns);
            return TRUE;
        }
    }
    return FALSE;
}

/* One "speed=4" of the URI. */
static gboolean parse_option(Replay *replay, const char *option, GError **error)
{
    const char *value = strchr(option, '=');
    char *end = NULL;

    if (value != NULL && g_str_has_prefix(option, "speed=")) {
        replay->speed = g_ascii_strtod(value + 1, &end);
        if (end != value + 1 && *end == '\0' && replay->speed >= 1 &&
            replay->speed <= GEMEL_REPLAY_SPEED_MAX)
            return TRUE;
    } else if (value != NULL && g_str_has_prefix(option, "seek=")) {
        if (parse_time(value + 1, &replay->place_ns))
            return TRUE;
    } else if (g_str_equal(option, "pause=on")) {
        replay->paused = TRUE;
        return TRUE;
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID,
                           "replay: '%s' is not speed=1 to speed=%d, seek=TIME or pause=on", option,
                           GEMEL_REPLAY_SPEED_MAX);
}

static void replay_free(GemelBackend *backend)
{
    Replay *replay = (Replay *)backend;

    gemel_recording_free(replay->recording);
    g_ptr_array_unref(replay->events);
    pthread_mutex_destroy(&replay->mutex);
    if (replay->wake_fd >= 0)
        close(replay->wake_fd);
    g_free(replay->path);
    gemel_backend_done(backend);
    g_free(replay);
}

static GemelBackend *replay_create(const char *name, const char *uri, GError **error)
{
    Replay *replay = g_new0(Replay, 1);
    const char *path = uri != NULL && g_str_has_prefix(uri, "replay:") ? uri + 7 : "";
    const char *question = strrchr(path, '?');
    g_auto(GStrv) options = g_strsplit(question != NULL ? question + 1 : "", "&", -1);

    gemel_backend_init(&replay->base, &gemel_replay_ops, name, uri);
    replay->path = question != NULL ? g_strndup(path, (gsize)(question - path)) : g_strdup(path);
    replay->speed = 1;
    replay->show = SHOW_BEFORE;
    replay->events = g_ptr_array_new_with_free_func(gemel_recorded_event_free);
    replay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&replay->mutex, NULL);
    if (*replay->path == '\0') {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "replay: no file is named; say replay:FILE[?speed=N&seek=TIME&pause=on]");
        replay_free(&replay->base);
        return NULL;
    }
    for (guint i = 0; options[i] != NULL; i++) {
        if (*options[i] != '\0' && !parse_option(replay, options[i], error)) {
            replay_free(&replay->base);
            return NULL;
        }
    }
    return &replay->base;
}

/* The first connection reads the file; the clock begins then. */
static GemelConn *replay_conn_open(GemelBackend *backend, GError **error)
{
    Replay *replay = (Replay *)backend;
    GemelConn *conn;
    GemelRecording *recording = NULL;
    gboolean loaded;

    pthread_mutex_lock(&replay->mutex);
    loaded = replay->recording != NULL;
    pthread_mutex_unlock(&replay->mutex);
    if (!loaded && (recording = gemel_recording_open(replay->path, error)) == NULL)
        return NULL;
    pthread_mutex_lock(&replay->mutex);
    if (replay->recording == NULL) {
        replay->recording = g_steal_pointer(&recording);
        set_place(replay, MAX(replay->place_ns, gemel_recording_first_ns(replay->recording)));
        break_time(replay);
        replay->show = SHOW_BEFORE;
        follow_clock(replay);
    }
    pthread_mutex_unlock(&replay->mutex);
    gemel_recording_free(recording);
    conn = g_new0(GemelConn, 1);
    conn->backend = backend;
    return conn;
}

static void replay_conn_close(GemelConn *conn)
{
    g_free(conn);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* As `list` and `inspect` show one that was recorded. Locked. */
static GemelInstance *show_instance(const Replay *replay, const GemelInstance *recorded)
{
    GemelInstance *instance = gemel_instance_copy(recorded);

    g_free(instance->backend);
    instance->backend = g_strdup(replay->base.name);
    /* what started before this host did has a negative time; 0 would be "not running" */
    if (instance->started_boottime_ns != 0) {
        instance->started_boottime_ns += replay->base_ns;
        if (instance->started_boottime_ns == 0)
            instance->started_boottime_ns = 1;
    }
    gemel_instance_compute_acts(instance, &replay->base);
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        gemel_instance_forbid(instance, act, "is in a recording, which cannot be changed");
    return instance;
}

static GPtrArray *replay_list(GemelConn *conn, GError **error)
{
    Replay *replay = replay_of(conn);
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    GPtrArray *backends;

    pthread_mutex_lock(&replay->mutex);
    follow_clock(replay);
    backends = gemel_recording_backends(replay->recording);
    for (guint b = 0; b < backends->len; b++) {
        const RecordedBackend *backend = backends->pdata[b];

        /* what was not reachable then is not shown now, and the reason is where there is one alone
         */
        if (backend->list_error != NULL && backends->len == 1 && backend->instances->len == 0) {
            if (error != NULL)
                *error = g_error_copy(backend->list_error);
            pthread_mutex_unlock(&replay->mutex);
            g_ptr_array_unref(list);
            return NULL;
        }
        for (guint i = 0; i < backend->instances->len; i++)
            g_ptr_array_add(list, show_instance(replay, backend->instances->pdata[i]));
    }
    pthread_mutex_unlock(&replay->mutex);
    return list;
}

/* A recorded sample at its time here; `empty`: without figures, a second earlier. */
static GemelSample *show_sample(const Replay *replay, const GemelSample *recorded, gboolean empty)
{
    GemelSample *sample = gemel_sample_new(recorded->id, recorded->time_ns + replay->base_ns);

    sample->quarantine = g_strdup(recorded->quarantine);
    if (empty) {
        sample->time_ns -= SECOND_NS;
        return sample;
    }
    sample->valid = recorded->valid;
    memcpy(sample->value, recorded->value, sizeof sample->value);
    g_array_append_vals(sample->rows, recorded->rows->data, recorded->rows->len);
    return sample;
}

static GPtrArray *replay_sample(GemelConn *conn, GError **error)
{
    Replay *replay = replay_of(conn);
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
    GPtrArray *backends;

    pthread_mutex_lock(&replay->mutex);
    follow_clock(replay);
    backends = gemel_recording_backends(replay->recording);
    for (guint b = 0; b < backends->len; b++) {
        const RecordedBackend *backend = backends->pdata[b];
        const GPtrArray *from = replay->show == SHOW_PLACE || backend->before == NULL
                                    ? backend->samples
                                    : backend->before;

        for (guint i = 0; from != NULL && i < from->len; i++)
            g_ptr_array_add(samples,
                            show_sample(replay, from->pdata[i], replay->show == SHOW_NOTHING));
    }
    if (replay->show != SHOW_PLACE)
        replay->show++;
    pthread_mutex_unlock(&replay->mutex);
    return samples;
}

/* Definitions are not recorded. */
static GemelInspect *replay_inspect(GemelConn *conn, const char *id, GError **error)
{
    g_autoptr(GPtrArray) list = replay_list(conn, error);

    if (list == NULL)
        return NULL;
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = list->pdata[i];

        if (g_str_equal(instance->id, id)) {
            gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                            "%s: a recording has lists, figures and events, but no definitions",
                            instance->name);
            return NULL;
        }
    }
    gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                    "%s: the recording has no instance with the id %s", conn->backend->name, id);
    return NULL;
}

/* ---- watching ---------------------------------------------------------------------------------
 */

/* How long until something may happen, in ms; -1 = nothing by itself. Locked. */
static int next_wait_ms(Replay *replay)
{
    gint64 next_ns;

    if (replay->recording == NULL || replay->paused)
        return -1;
    next_ns = gemel_recording_next_ns(replay->recording);
    if (next_ns < 0)
        return -1;
    double ms = (double)(next_ns - place_now(replay)) / replay->speed / 1e6;

    return (int)CLAMP(ms + 1, 1, 3600000);
}

static void tell_up(GemelBackend *backend, const GemelEventSink *sink, const char *damage)
{
    g_autofree char *detail =
        damage != NULL
            ? g_strdup_printf("the recording is damaged: %s; it plays up to there", damage)
            : NULL;

    sink->event(sink->data, &(GemelEvent){.type = GEMEL_EVENT_BACKEND_UP,
                                          .detail = detail,
                                          .time_unix_usec = g_get_real_time()});
}

static void tell(const GemelEventSink *sink, const RecordedEvent *event)
{
    sink->event(sink->data, &(GemelEvent){.type = event->type,
                                          .id = event->id,
                                          .name = event->name,
                                          .state = event->state,
                                          .detail = event->detail,
                                          .time_unix_usec = event->time_unix_usec});
}

/* GemelBackendOps.watch: tells what was told then, when the clock comes to it. What recorded
   backends said of their connection is not this one's. */
static void replay_watch(GemelBackend *backend, const GemelEventSink *sink, int stop_fd)
{
    Replay *replay = (Replay *)backend;

    for (;;) {
        struct pollfd fds[2] = {{stop_fd, POLLIN, 0}, {replay->wake_fd, POLLIN, 0}};
        g_autoptr(GPtrArray) passed = g_ptr_array_new_with_free_func(gemel_recorded_event_free);
        g_autofree char *damage = NULL;
        gboolean broken;
        guint64 count;
        int wait_ms;

        pthread_mutex_lock(&replay->mutex);
        broken = replay->broken;
        replay->broken = FALSE;
        if (replay->recording != NULL) {
            follow_clock(replay);
            damage = g_strdup(gemel_recording_damage(replay->recording));
        }
        g_ptr_array_extend_and_steal(passed, g_steal_pointer(&replay->events));
        replay->events = g_ptr_array_new_with_free_func(gemel_recorded_event_free);
        wait_ms = next_wait_ms(replay);
        pthread_mutex_unlock(&replay->mutex);
        if (broken)
            tell_up(backend, sink, damage);
        for (guint i = 0; i < passed->len; i++) {
            const RecordedEvent *event = passed->pdata[i];

            if (event->type != GEMEL_EVENT_BACKEND_UP && event->type != GEMEL_EVENT_BACKEND_DOWN)
                tell(sink, event);
        }
        if (poll(fds, G_N_ELEMENTS(fds), wait_ms) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0)
            return;
        if (fds[1].revents != 0 && read(replay->wake_fd, &count, sizeof count) < 0)
            continue;
    }
}

const GemelBackendOps gemel_replay_ops = {
    .type = "replay",
    .summary = "a recording made by `record`, played again",

    .create = replay_create,
    .free = replay_free,
    .conn_open = replay_conn_open,
    .conn_close = replay_conn_close,
    .watch = replay_watch,
    .list = replay_list,
    .sample = replay_sample,
    .inspect = replay_inspect,
};
