/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit.c - acts: who did what and when, and what became of it. */
#include "console/audit_private.h"

#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "console/commands.h"
#include "console/writer.h"

/* How long an act waits for its line before the disk counts as unwritable. */
static gint write_wait_ms = 10000;

#define WAIT_SLICE_MS 50

struct AuditAct {
    atomic_int refs;
    App *app;
    char *path;
    char *members; /* what both lines say, as JSON members without braces */
    gboolean refuses, syncs;
    gint64 begun_ns;
    pthread_mutex_t mutex;
    pthread_cond_t written;
    gboolean is_written, is_begun, is_ended; /* under the mutex */
    char *problem;                           /* why "begin" was not written; under the mutex */
};

/* ---- who and what --------------------------------------------------------------------------- */

/* An object as text without its braces; takes it. */
static char *json_members(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    char *members = g_strndup(text + 1, strlen(text) - 2);

    free(text);
    json_decref(object);
    return members;
}

/* The first line of a small file of /proc, or NULL. */
static char *proc_line(const char *path)
{
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strchomp(text);
}

/* The terminal this program was started from. */
static char *terminal_name(void)
{
    for (int fd = 0; fd < 3; fd++) {
        char name[64];

        if (isatty(fd) && ttyname_r(fd, name, sizeof name) == 0)
            return g_strdup(name);
    }
    return NULL;
}

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value != NULL && *value != '\0')
        json_object_set_new(object, key, json_text(value));
}

/* Who asks, as JSON members: the same for the whole life of the program, so it is found out once,
   on the writer thread, since the answer may come over a network. */
static const char *who(void)
{
    static char *members;
    json_t *found;
    g_autofree char *tty = NULL, *login = NULL, *host = NULL;
    const char *ssh = g_getenv("SSH_CONNECTION");
    const struct passwd *user;

    if (members != NULL)
        return members;
    found = json_object();
    json_object_set_new(found, "pid", json_integer(getpid()));
    json_object_set_new(found, "uid", json_integer(getuid()));
    user = getpwuid(getuid());
    set_text(found, "user", user != NULL ? user->pw_name : NULL);
    set_text(found, "sudo_user", g_getenv("SUDO_USER"));
    login = proc_line("/proc/self/loginuid");
    if (login != NULL && !g_str_equal(login, "4294967295"))
        json_object_set_new(found, "login_uid", json_integer(g_ascii_strtoll(login, NULL, 10)));
    tty = terminal_name();
    set_text(found, "tty", tty);
    if (ssh != NULL)
        host = g_strndup(ssh, strcspn(ssh, " "));
    set_text(found, "ssh_client", host);
    members = json_members(found);
    return members;
}

/* ---- the writer's side ---------------------------------------------------------------------- */

typedef struct {
    AuditAct *act;
    char *head; /* time and event, as members */
    char *more; /* further members, each with a comma before it; or NULL */
    gboolean is_begin, is_awaited;
    /* of the UI thread */
    void (*done)(gpointer data, const GError *error); /* NULL once it was called */
    gpointer data;
    GSource *timer;
} Write;

/* UI thread: tells once that the line is written, or that it is not. */
static void tell(Write *write, const char *problem)
{
    void (*done)(gpointer, const GError *) = write->done;
    g_autoptr(GError) error = NULL;

    app_source_remove(&write->timer);
    write->done = NULL;
    if (problem != NULL && write->act->refuses)
        gemel_error_set(&error, GEMEL_ERROR_FAILED,
                        "%s; nothing was done (`set audit warn` lets it go on)", problem);
    if (done != NULL)
        done(write->data, error);
}

/* Back on the UI thread. */
static void tell_done(void *data)
{
    Write *write = data;

    tell(write, write->act->problem);
    audit_act_unref(write->act);
    g_free(write);
}

/* What is said of a line that nobody knows the fate of. */
static char *no_answer(const AuditAct *act)
{
    return g_strdup_printf("the audit log %s cannot be written: no answer from its disk",
                           act->path);
}

/* The writer still has it, and frees it when it comes back. */
static gboolean tell_late(gpointer data)
{
    Write *write = data;
    g_autofree char *problem = no_answer(write->act);

    tell(write, problem);
    return G_SOURCE_REMOVE;
}

static void write_act(void *data)
{
    Write *write = data;
    AuditAct *act = write->act;
    g_autofree char *line = g_strdup_printf("{%s,%s,%s%s}\n", write->head, who(), act->members,
                                            write->more != NULL ? write->more : "");
    int problem = audit_append_line(act->path, line, write->is_begin && act->syncs);

    g_clear_pointer(&write->head, g_free);
    g_clear_pointer(&write->more, g_free);
    if (write->is_begin) {
        pthread_mutex_lock(&act->mutex);
        act->is_written = TRUE;
        if (problem != 0)
            act->problem = g_strdup_printf("the audit log %s cannot be written: %s", act->path,
                                           g_strerror(problem));
        pthread_cond_broadcast(&act->written);
        pthread_mutex_unlock(&act->mutex);
    }
    if (write->is_awaited) {
        hub_post(act->app->hub, tell_done, write);
        return;
    }
    audit_act_unref(act);
    g_free(write);
}

/* "2026-11-21T14:40:00.123456Z" */
static char *time_text(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%06dZ", seconds, g_date_time_get_microsecond(now));
}

/* Takes `more`. */
static void post_line(AuditAct *act, const char *event, char *more,
                      void (*done)(gpointer data, const GError *error), gpointer data)
{
    Write *write = g_new0(Write, 1);
    g_autofree char *now = time_text();

    write->act = audit_act_ref(act);
    write->head =
        g_strdup_printf("\"time\":\"%s\",\"boottime_ns\":%" G_GINT64_FORMAT ",\"event\":\"%s\"",
                        now, gemel_boottime_ns(), event);
    write->more = more;
    write->is_begin = g_str_equal(event, "begin");
    write->is_awaited = done != NULL;
    write->done = done;
    write->data = data;
    if (done != NULL)
        write->timer = app_add_timer(act->app, (guint)write_wait_ms, tell_late, write);
    writer_post(act->app->writer, write_act, write);
}

/* ---- what -------------------------------------------------------------------------------------
 */

static const char *face_name(Face face)
{
    return face == FACE_TUI     ? "console"
           : face == FACE_SHELL ? "shell"
           : face == FACE_RC    ? "rc"
                                : "one-shot";
}

static void mark_begun(AuditAct *act)
{
    pthread_mutex_lock(&act->mutex);
    act->is_begun = TRUE;
    act->begun_ns = gemel_boottime_ns();
    pthread_mutex_unlock(&act->mutex);
}

/* An act that says nothing yet. */
static AuditAct *act_new(App *app)
{
    AuditAct *act = g_new0(AuditAct, 1);

    if (app->writer == NULL)
        app->writer = writer_new();
    atomic_init(&act->refs, 1);
    act->app = app;
    act->path = audit_path();
    act->refuses = g_str_equal(options_get(app->options, "audit"), "refuse");
    pthread_mutex_init(&act->mutex, NULL);
    pthread_cond_init(&act->written, NULL);
    return act;
}

/* What it says; takes the object. */
static void act_describe(AuditAct *act, json_t *object)
{
    static guint numbers;
    g_autofree char *number = g_strdup_printf("%d-%u", (int)getpid(), ++numbers);

    json_object_set_new(object, "act", json_text(number));
    act->members = json_members(object);
}

AuditAct *audit_act_plain(App *app, guint face, const char *what, const char *command)
{
    AuditAct *act = act_new(app);
    json_t *object = json_object();

    set_text(object, "face", face_name((Face)face));
    set_text(object, "command", command);
    set_text(object, "what", what);
    act_describe(act, object);
    return act;
}

void audit_record(App *app, guint face, const char *what, const char *command)
{
    AuditAct *act = audit_act_plain(app, face, what, command);

    mark_begun(act);
    post_line(act, "begin", NULL, NULL, NULL);
    audit_end(act, 0, NULL);
    audit_act_unref(act);
}

void audit_set_wait_ms(gint ms)
{
    write_wait_ms = ms;
}

AuditAct *audit_act_new(CommandRun *run, AppBackend *backend, const char *instance_id,
                        const char *act_name, const char *plan)
{
    AuditAct *act = act_new(run->app);
    json_t *object = json_object();
    g_autofree char *command = audit_command_text(run);
    const ModelInstance *instance =
        backend != NULL && instance_id != NULL
            ? model_instance(run->app->model, backend->backend->name, instance_id)
            : NULL;

    set_text(object, "face", face_name(run->face->face));
    set_text(object, "command", command);
    set_text(object, "what", act_name);
    set_text(object, "backend", backend != NULL ? backend->backend->name : NULL);
    set_text(object, "id", instance_id);
    if (instance != NULL) {
        set_text(object, "name", instance->info->name);
        set_text(object, "kind", gemel_kind_name(instance->info->kind));
        set_text(object, "state", gemel_state_name(instance->info->state));
    }
    set_text(object, "plan", plan);
    act_describe(act, object);
    return act;
}

AuditAct *audit_act_ref(AuditAct *act)
{
    atomic_fetch_add(&act->refs, 1);
    return act;
}

void audit_act_unref(AuditAct *act)
{
    if (act == NULL || atomic_fetch_sub(&act->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&act->mutex);
    pthread_cond_destroy(&act->written);
    g_free(act->path);
    g_free(act->members);
    g_free(act->problem);
    g_free(act);
}

gboolean audit_act_has_begun(AuditAct *act)
{
    gboolean begun;

    pthread_mutex_lock(&act->mutex);
    begun = act->is_begun;
    pthread_mutex_unlock(&act->mutex);
    return begun;
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* Until it is written, or the time is over, or it was cancelled; what went wrong, or NULL. */
static char *wait_written(AuditAct *act, const GemelActArgs *args)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)write_wait_ms * 1000;
    gint64 begun = g_get_monotonic_time();
    char *problem = NULL;

    pthread_mutex_lock(&act->mutex);
    while (!act->is_written && g_get_monotonic_time() < deadline && !gemel_act_cancelled(args)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_SLICE_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&act->written, &act->mutex, &until);
        if (!act->is_written && g_get_monotonic_time() - begun > 500000)
            gemel_act_progress(args, -1, "waiting for the audit log");
    }
    if (!act->is_written)
        problem = no_answer(act);
    else
        problem = g_strdup(act->problem);
    pthread_mutex_unlock(&act->mutex);
    return problem;
}

gboolean audit_begin(AuditAct *act, const GemelActArgs *args, GError **error)
{
    g_autofree char *problem = NULL;

    act->syncs = TRUE;
    post_line(act, "begin", NULL, NULL, NULL);
    problem = wait_written(act, args);
    if (problem != NULL && gemel_act_cancelled(args))
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "cancelled before it began");
    if (problem != NULL && act->refuses)
        return gemel_error_set(error, GEMEL_ERROR_FAILED,
                               "%s; nothing was done (`set audit warn` lets it go on)", problem);
    if (problem != NULL)
        gemel_act_note(args, "not on record: %s", problem);
    mark_begun(act);
    return TRUE;
}

void audit_begin_async(AuditAct *act, void (*done)(gpointer data, const GError *error),
                       gpointer data)
{
    mark_begun(act);
    post_line(act, "begin", NULL, done, data);
}

void audit_end(AuditAct *act, int status, const GError *error)
{
    g_autoptr(GString) more = g_string_new(NULL);
    gboolean begun, ended;
    gint64 begun_ns;

    pthread_mutex_lock(&act->mutex);
    begun = act->is_begun;
    ended = act->is_ended;
    begun_ns = act->begun_ns;
    act->is_ended = TRUE;
    pthread_mutex_unlock(&act->mutex);
    if (ended)
        return;
    g_string_append_printf(more, ",\"status\":%d", status);
    if (begun)
        g_string_append_printf(more, ",\"duration_ms\":%" G_GINT64_FORMAT,
                               (gemel_boottime_ns() - begun_ns) / 1000000);
    if (error != NULL) {
        json_t *object = error_to_json(NULL, error);

        json_object_del(object, "backend");
        char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

        g_string_append_printf(more, ",\"error\":%s", text);
        free(text);
        json_decref(object);
    }
    post_line(act, begun ? "end" : "refused", g_string_free(g_steal_pointer(&more), FALSE), NULL,
              NULL);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

/* What a job was to do, with its act. */
typedef struct {
    GemelJobFunc run;
    gpointer arg;
    GDestroyNotify arg_free;
    AuditAct *act;
} Audited;

static void audited_free(gpointer data)
{
    Audited *audited = data;

    if (audited->arg_free != NULL)
        audited->arg_free(audited->arg);
    audit_act_unref(audited->act);
    g_free(audited);
}

static gpointer run_audited(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    Audited *audited = arg;
    GError *own = NULL;
    gpointer result;

    if (!audit_begin(audited->act, args, error))
        return NULL;
    result = audited->run(conn, args, audited->arg, &own);
    audit_end(audited->act, own != NULL ? gemel_error_exit_status(own) : 0, own);
    if (own != NULL)
        g_propagate_error(error, own);
    return result;
}

void audit_wrap(GemelJobSpec *spec, AuditAct *act)
{
    Audited *audited = g_new0(Audited, 1);

    *audited = (Audited){spec->run, spec->arg, spec->arg_free, audit_act_ref(act)};
    spec->run = run_audited;
    spec->arg = audited;
    spec->arg_free = audited_free;
}
