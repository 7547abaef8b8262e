/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/record.h"
#include "backends/replay/recording.h"
#include "console/model.h"
#include "console/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What both threads know of; it lives until both have let go of it. */
struct Record {
    atomic_int refs;
    App *app; /* NULL once the UI thread has let go */
    Hub *hub;
    char *path;
    gboolean force;
    RecordHooks hooks;
    guint64 left_out;

    atomic_ullong bytes;
    atomic_int failed;

    /* the writer thread's */
    int fd;
    gint64 begun_ns;
    GByteArray *out;
    GemelRecorder *recorder;
    GError *error; /* set before `failed` */
};

typedef enum { SAY_LIST, SAY_SAMPLE, SAY_ERROR, SAY_EVENT, SAY_END } Say;

typedef struct {
    Record *record;
    Say say;
    char *backend, *type;
    gint64 time_ns;
    GPtrArray *rows;
    gboolean of_sample;
    GError *error;
    GemelEvent event; /* its texts are owned */
} Message;

static Record *record_ref(Record *record)
{
    atomic_fetch_add(&record->refs, 1);
    return record;
}

static void record_unref(Record *record)
{
    if (atomic_fetch_sub(&record->refs, 1) != 1)
        return;
    gemel_recorder_free(record->recorder);
    g_clear_pointer(&record->out, g_byte_array_unref);
    g_clear_error(&record->error);
    hub_unref(record->hub);
    g_free(record->path);
    g_free(record);
}

static void message_free(Message *message)
{
    record_unref(message->record);
    g_free(message->backend);
    g_free(message->type);
    g_clear_pointer(&message->rows, g_ptr_array_unref);
    g_clear_error(&message->error);
    g_free((char *)message->event.id);
    g_free((char *)message->event.name);
    g_free((char *)message->event.detail);
    g_free(message);
}

/* ---- the writer thread ---------------------------------------------------------------------- */

/* On the UI thread. */
static void tell_failed(void *data)
{
    Record *record = data;

    if (record->hooks.failed != NULL)
        record->hooks.failed(record->hooks.data);
    record_unref(record);
}

/* On the writer thread: nothing more is written. */
static void fail(Record *record, const char *why)
{
    gemel_error_set(&record->error, GEMEL_ERROR_FAILED,
                    "record: %s cannot be written: %s; what was written can be played",
                    record->path, why);
    atomic_store(&record->failed, TRUE);
    hub_post(record->hub, tell_failed, record_ref(record));
}

/* Writes what was encoded; the first failure ends the recording. */
static void flush_out(Record *record)
{
    gsize at = 0;

    if (atomic_load(&record->bytes) + record->out->len > RECORDING_FILE_MAX) {
        fail(record, "it is as long as one can be");
        g_byte_array_set_size(record->out, 0);
    }
    while (at < record->out->len) {
        ssize_t n = write(record->fd, record->out->data + at, record->out->len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail(record, g_strerror(errno));
            break;
        }
        at += (gsize)n;
    }
    atomic_fetch_add(&record->bytes, at);
    g_byte_array_set_size(record->out, 0);
}

/* On the UI thread again. */
static void tell_opened(void *data)
{
    Record *record = data;

    if (record->hooks.opened != NULL)
        record->hooks.opened(atomic_load(&record->failed) ? record->error : NULL,
                             record->hooks.data);
    record_unref(record);
}

/* What is replaced is emptied only when no other recorder writes it: two in one file would spoil
   both. FALSE: errno says why not. */
static gboolean claim_file(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && (ftruncate(fd, 0) == 0 || errno == EINVAL);
}

static void open_file(void *data)
{
    Record *record = data;
    int how =
        O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (record->force ? 0 : O_EXCL);

    record->fd = open(record->path, how, 0600);
    if (record->fd < 0 || !claim_file(record->fd)) {
        int why = errno, kind = why == EEXIST ? GEMEL_ERROR_EXISTS : GEMEL_ERROR_FAILED;

        if (record->fd >= 0)
            close(record->fd);
        record->fd = -1;
        gemel_error_set(&record->error, (GemelErrorKind)kind, "record: %s cannot be made: %s%s",
                        record->path,
                        why == EWOULDBLOCK ? "another recorder writes it" : g_strerror(why),
                        kind == GEMEL_ERROR_EXISTS ? "; --force replaces it" : "");
        atomic_store(&record->failed, TRUE);
    } else {
        record->recorder = gemel_recorder_new(record->out, record->begun_ns);
        flush_out(record);
    }
    hub_post(record->hub, tell_opened, record);
}

static void write_message(void *data)
{
    Message *m = data;
    Record *record = m->record;

    if (record->fd >= 0 && !atomic_load(&record->failed)) {
        switch (m->say) {
        case SAY_LIST:
            gemel_recorder_list(record->recorder, m->backend, m->type, m->time_ns, m->rows);
            break;
        case SAY_SAMPLE:
            gemel_recorder_sample(record->recorder, m->backend, m->type, m->time_ns, m->rows);
            break;
        case SAY_ERROR:
            gemel_recorder_error(record->recorder, m->backend, m->type, m->time_ns, m->of_sample,
                                 m->error);
            break;
        case SAY_EVENT:
            gemel_recorder_event(record->recorder, m->backend, m->type, m->time_ns, &m->event);
            break;
        case SAY_END:
            gemel_recorder_end(record->recorder, m->time_ns);
            break;
        }
        flush_out(record);
    }
    if (m->say == SAY_END && record->fd >= 0) {
        close(record->fd);
        record->fd = -1;
    }
    message_free(m);
}

/* ---- the UI thread -------------------------------------------------------------------------- */

/* A message about this backend, or NULL when the writer is too far behind. */
static Message *new_message(Record *record, const ModelBackend *backend, Say say)
{
    Message *message;

    if (atomic_load(&record->failed) && say != SAY_END)
        return NULL;
    if (say == SAY_SAMPLE && writer_pending(record->app->writer) > RECORD_BEHIND_MAX) {
        record->left_out++;
        return NULL;
    }
    message = g_new0(Message, 1);
    message->record = record_ref(record);
    message->say = say;
    message->time_ns = gemel_boottime_ns();
    if (backend != NULL) {
        message->backend = g_strdup(backend->name);
        message->type = g_strdup(backend->open->backend->ops->type);
    }
    return message;
}

static void post(Record *record, Message *message)
{
    if (message != NULL)
        writer_post(record->app->writer, write_message, message);
}

static void tap_rows(ModelBackend *backend, gboolean of_sample, GPtrArray *rows, gpointer data)
{
    Message *message = new_message(data, backend, of_sample ? SAY_SAMPLE : SAY_LIST);

    if (message != NULL)
        message->rows = g_ptr_array_ref(rows);
    post(data, message);
}

static void tap_error(ModelBackend *backend, gboolean of_sample, const GError *error, gpointer data)
{
    Message *message = new_message(data, backend, SAY_ERROR);

    if (message != NULL) {
        message->of_sample = of_sample;
        message->error = g_error_copy(error);
    }
    post(data, message);
}

static void tap_event(ModelBackend *backend, const ModelEvent *event, gpointer data)
{
    Message *message = new_message(data, backend, SAY_EVENT);

    if (message != NULL)
        message->event = (GemelEvent){.type = event->type,
                                      .id = g_strdup(event->id),
                                      .name = g_strdup(event->name),
                                      .state = event->state,
                                      .detail = g_strdup(event->detail),
                                      .time_unix_usec = event->time_unix_usec};
    post(data, message);
}

static const ModelTap tap = {.rows = tap_rows, .error = tap_error, .event = tap_event};

Record *record_start(App *app, const char *path, gboolean force, const RecordHooks *hooks)
{
    Record *record = g_new0(Record, 1);

    atomic_init(&record->refs, 2); /* ours, and until it is opened */
    record->app = app;
    record->hub = hub_ref(app->hub);
    record->path = g_strdup(path);
    record->force = force;
    record->hooks = *hooks;
    record->fd = -1;
    record->begun_ns = gemel_boottime_ns();
    record->out = g_byte_array_new();
    if (app->writer == NULL)
        app->writer = writer_new();
    writer_post(app->writer, open_file, record);
    model_set_tap(app->model, &tap, record);
    return record;
}

void record_disown(Record *record)
{
    record->hooks = (RecordHooks){.opened = NULL};
}

void record_stop(Record *record)
{
    Message *message = new_message(record, NULL, SAY_END);

    model_set_tap(record->app->model, NULL, NULL);
    record_disown(record);
    post(record, message);
    record_unref(record);
}

const char *record_path(const Record *record)
{
    return record->path;
}

guint64 record_bytes(const Record *record)
{
    return atomic_load(&record->bytes);
}

guint64 record_left_out(const Record *record)
{
    return record->left_out;
}

char *record_error(Record *record)
{
    return atomic_load(&record->failed) ? g_strdup(record->error->message) : NULL;
}
