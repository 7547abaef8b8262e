/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/compare_steps.h"
#include "console/child.h"
#include "console/compare_host.h"
#include "console/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_MS  30000 /* a guest; containers by their own default */
#define END_MS   3000  /* a guest that was stopped before, and in which nobody answered */
#define START_MS 60000
#define SHELL_MS 90000
#define MUTE_MS  10000 /* the same, once no shell answered */
#define WORK_MS  60000
/* How often a silent console is nudged with an empty line, and how often the question is typed. */
#define NUDGE_MS 300

/* Where an instance stands, as far as we know. */
typedef enum { STANDS_STOPPED, STANDS_STARTING, STANDS_RUNNING, STANDS_STOPPING } Stands;

typedef struct {
    Compare *compare;
    CompareSide side;
    Target *target;
    gboolean ran; /* before all this */
    Stands stands;
    gboolean broken;      /* nothing more can be measured on it */
    gboolean mute;        /* no shell answered at its console */
    gboolean answers;     /* one did */
    gint64 started_usec;  /* this round, 0 = it was not */
    gboolean first_heard; /* of this start */
} Subject;

struct Compare {
    CommandRun *run;
    CompareSpec spec;
    CompareTable *table;
    void (*over)(CommandRun *run, CompareTable *table);
    Subject subjects[COMPARE_SIDE_N]; /* the host's has no target */
    guint round, at;
    Subject *active; /* whose step is under way */
    char *payload;   /* the program's bytes */
    gsize payload_length;
    char *payload_path;
    /* of the step under way */
    GSource *next, *deadline, *nudge;
    Talk *talk;
    Child *child;
    gboolean asked, answered;
    char word[24]; /* what the answer of a shell contains, new for every question */
};

typedef struct {
    CompareSide side;
    void (*begin)(Subject *subject);
    gboolean always; /* on a broken subject too */
} Step;

static void step_over(Compare *compare);

/* Ends what the step had open. */
static void step_close(Compare *compare)
{
    app_source_remove(&compare->deadline);
    app_source_remove(&compare->nudge);
    talk_close(g_steal_pointer(&compare->talk));
    if (compare->child != NULL)
        child_abandon(g_steal_pointer(&compare->child));
}

static void say(Compare *compare, const char *what, const Subject *subject)
{
    if (compare->run->json)
        return;
    output_line(compare->run->out, OUTPUT_NOTE, "compare: round %u of %u: %s: %s",
                compare->round + 1, compare->spec.rounds,
                subject->target != NULL ? subject->target->name : "this host", what);
    output_flush(compare->run->out);
}

/* Nothing more of this side; the reason comes from us or from a backend's error. */
static void break_subject(Subject *subject, const char *reason)
{
    subject->broken = TRUE;
    compare_reason_all(subject->compare->table, subject->side, reason);
}

static void set_deadline(Compare *compare, guint ms, GSourceFunc late)
{
    compare->deadline = app_add_timer(compare->run->app, ms, late, compare);
}

/* ---- acts ----------------------------------------------------------------------------------- */

typedef struct {
    GemelAct act;
    char *id;
} ActOrder;

static void act_order_free(gpointer data)
{
    ActOrder *order = data;

    g_free(order->id);
    g_free(order);
}

/* Worker: the act, with the monotonic time of its begin and of its end. */
static gpointer run_act(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const ActOrder *order = arg;
    gint64 *times = g_new0(gint64, 2);

    times[0] = g_get_monotonic_time();
    if (!conn->backend->ops->act[order->act](conn, order->id, args, error)) {
        g_free(times);
        return NULL;
    }
    times[1] = g_get_monotonic_time();
    return times;
}

static void submit_act(Subject *subject, GemelAct act, const GemelActArgs *args, gint hard_ms,
                       GemelJobDone done)
{
    Target *target = subject->target;
    g_autofree char *title = g_strdup_printf("%s %s (compare)", gemel_act_name(act), target->name);
    ActOrder *order = g_new0(ActOrder, 1);

    order->act = act;
    order->id = g_strdup(target->id);
    target_set_doing(target, act == GEMEL_ACT_START ? "starting" : "stopping");
    run_submit(subject->compare->run, target->backend, GEMEL_LANE_ACT,
               &(GemelJobSpec){.kind = gemel_act_name(act),
                               .instance_id = target->id,
                               .title = title,
                               .run = run_act,
                               .arg = order,
                               .arg_free = act_order_free,
                               .result_free = g_free,
                               .hard_ms = hard_ms,
                               .args = *args},
               done, subject);
}

/* Whether this instance is stopped and started in this round. */
static gboolean restarts(const Subject *subject)
{
    return subject->compare->spec.restarts || !subject->ran;
}

static void stop_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    gboolean conflict = g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);

    target_set_doing(subject->target, NULL);
    subject->stands = error == NULL || conflict ? STANDS_STOPPED : STANDS_RUNNING;
    if (error != NULL && !conflict) {
        compare_reason(subject->compare->table, COMPARE_START, subject->side,
                       "it could not be stopped to be started: %s", error->message);
        compare_reason(subject->compare->table, COMPARE_SHELL, subject->side,
                       "it could not be stopped to be started: %s", error->message);
    }
    step_over(subject->compare);
}

/* How long its stop may take; 0 is the backend's default. */
static gint stop_ms(const Subject *subject)
{
    if (subject->side == COMPARE_CONTAINER)
        return 0;
    return subject->ran || subject->answers ? STOP_MS : END_MS;
}

static void begin_stop(Subject *subject)
{
    subject->started_usec = 0;
    if (subject->stands == STANDS_STOPPED || !restarts(subject)) {
        step_over(subject->compare);
        return;
    }
    say(subject->compare, "stopping", subject);
    subject->stands = STANDS_STOPPING;
    /* A guest that was stopped before is ours to end if it does not listen. */
    submit_act(subject, GEMEL_ACT_STOP,
               &(GemelActArgs){.timeout_ms = stop_ms(subject),
                               .force = !subject->ran,
                               .limits = GEMEL_LIMITS_NONE},
               STOP_MS + 30000, stop_done);
}

static void start_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    const gint64 *times = result;

    target_set_doing(subject->target, NULL);
    if (error != NULL) {
        subject->stands = STANDS_STOPPED;
        break_subject(subject, error->message);
        run_error(subject->compare->run, error);
    } else {
        subject->stands = STANDS_RUNNING;
        subject->started_usec = times[0];
        if (subject->side == COMPARE_CONTAINER)
            compare_add(subject->compare->table, COMPARE_START, subject->side,
                        (double)(times[1] - times[0]) * 1000);
    }
    step_over(subject->compare);
}

static void begin_start(Subject *subject)
{
    static const char kept[] = "it runs, and was not to be restarted";

    subject->first_heard = FALSE;
    if (subject->stands != STANDS_STOPPED) {
        compare_reason(subject->compare->table, COMPARE_START, subject->side, kept);
        compare_reason(subject->compare->table, COMPARE_SHELL, subject->side, kept);
        step_over(subject->compare);
        return;
    }
    say(subject->compare, "starting", subject);
    subject->stands = STANDS_STARTING;
    submit_act(subject, GEMEL_ACT_START, &(GemelActArgs){.limits = GEMEL_LIMITS_NONE}, START_MS,
               start_done);
}

/* ---- what a payload says -------------------------------------------------------------------- */

/* All lines of a text from outside. */
static guint take_lines(Compare *compare, CompareSide side, const char *heard)
{
    g_auto(GStrv) lines = g_strsplit_set(heard, "\r\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i] != NULL; i++)
        n += compare_take_line(compare->table, side, lines[i]);
    return n;
}

static void no_payload(Compare *compare, CompareSide side, const char *reason)
{
    compare_reason_payload(compare->table, side, reason);
    step_over(compare);
}

static gboolean work_is_late(gpointer data)
{
    Compare *compare = data;

    no_payload(compare, compare->active->side, "the payload did not come to its end in 60 s");
    return G_SOURCE_CONTINUE;
}

/* ---- host ----------------------------------------------------------------------------------- */

static void host_line(gpointer data, gboolean is_error, const char *text)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    CompareRow row = compare->asked ? COMPARE_START : COMPARE_SHELL;

    if (is_error)
        return;
    if (!subject->first_heard)
        compare_add(compare->table, row, COMPARE_HOST,
                    (double)(g_get_monotonic_time() - subject->started_usec) * 1000);
    subject->first_heard = TRUE;
    compare_take_line(compare->table, COMPARE_HOST, text);
}

static void host_ended(gpointer data, int status)
{
    Subject *subject = data;

    subject->compare->child = NULL;
    if (status != 0)
        compare_reason_payload(subject->compare->table, COMPARE_HOST,
                               "the payload ended before it was done");
    step_over(subject->compare);
}

/* `payload`: the program itself, else a shell's echo. */
static void host_child(Subject *subject, gboolean payload)
{
    Compare *compare = subject->compare;
    const char *const shell[] = {"/bin/sh", "-c", "echo gemel-up", NULL};
    const char *const work[] = {compare->payload_path, "loopback", NULL};
    g_autoptr(GError) error = NULL;

    subject->first_heard = FALSE;
    compare->asked = payload;
    subject->started_usec = g_get_monotonic_time();
    compare->child =
        child_start(payload ? work : shell, NULL,
                    &(ChildHooks){.line = host_line, .ended = host_ended, .data = subject}, &error);
    if (compare->child == NULL) {
        compare_reason_payload(compare->table, COMPARE_HOST, error->message);
        step_over(compare);
        return;
    }
    set_deadline(compare, WORK_MS, work_is_late);
}

static void begin_host_shell(Subject *subject)
{
    say(subject->compare, "measuring", subject);
    host_child(subject, FALSE);
}

static void begin_host_work(Subject *subject)
{
    if (subject->compare->payload == NULL) {
        no_payload(subject->compare, COMPARE_HOST, "the program lab-payload is not installed");
        return;
    }
    host_child(subject, TRUE);
}

/* ---- container ------------------------------------------------------------------------------ */

/* The payload comes in by standard input, is put where it can be run, and is taken away again. */
static const char work_script[] =
    "for d in /tmp /var/tmp /run /root /dev/shm; do p=$d/.lab-payload.$$; "
    "( : >$p ) 2>/dev/null || continue; trap 'rm -f $p' EXIT HUP TERM INT; "
    "cat >$p; chmod 700 $p; $p; s=$?; rm -f $p; exit $s; done; exit 125";

static void exec_heard(gpointer data, const char *heard)
{
    Subject *subject = data;
    Compare *compare = subject->compare;

    if (compare->answered || strstr(heard, compare->word) == NULL)
        return;
    compare->answered = TRUE;
    if (subject->started_usec > 0)
        compare_add(compare->table, COMPARE_SHELL, subject->side,
                    (double)(g_get_monotonic_time() - subject->started_usec) * 1000);
}

static void exec_shell_ended(gpointer data, int status, const GError *error)
{
    Subject *subject = data;
    Compare *compare = subject->compare;

    if (error != NULL || !compare->answered) {
        g_autofree char *reason =
            error != NULL ? g_strdup(error->message)
                          : g_strdup("it has no /bin/sh that answers, so nothing runs inside");

        compare_reason(compare->table, COMPARE_SHELL, subject->side, "%s", reason);
        compare_reason_payload(compare->table, subject->side, reason);
    }
    step_over(compare);
}

static void new_word(Compare *compare)
{
    g_snprintf(compare->word, sizeof compare->word, "gemel-%u-up",
               g_random_int_range(100000, 999999));
    compare->asked = compare->answered = FALSE;
}

static void begin_exec_shell(Subject *subject)
{
    Compare *compare = subject->compare;
    g_autofree char *script = NULL;

    new_word(compare);
    script = g_strdup_printf("echo %s", compare->word);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC,
                                     .argv = (const char *const[]){"/bin/sh", "-c", script, NULL}},
                  &(TalkHooks){.heard = exec_heard, .ended = exec_shell_ended, .data = subject});
    talk_send_end(compare->talk);
    set_deadline(compare, WORK_MS, work_is_late);
}

static void exec_work_heard(gpointer data, const char *heard)
{
}

static void exec_work_ended(gpointer data, int status, const GError *error);

static void begin_exec_work(Subject *subject)
{
    Compare *compare = subject->compare;

    if (compare->payload == NULL || !compare->answered) {
        no_payload(compare, subject->side, "the program lab-payload is not installed");
        return;
    }
    say(compare, "measuring", subject);
    compare->talk = talk_open(
        compare->run->app, subject->target->backend, subject->target->id,
        &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC,
                           .argv = (const char *const[]){"/bin/sh", "-c", work_script, NULL}},
        &(TalkHooks){.heard = exec_work_heard, .ended = exec_work_ended, .data = subject});
    talk_send(compare->talk, compare->payload, compare->payload_length);
    talk_send_end(compare->talk);
    set_deadline(compare, WORK_MS, work_is_late);
}

static void exec_work_ended(gpointer data, int status, const GError *error)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    guint n = error == NULL ? take_lines(compare, subject->side, talk_heard(compare->talk)) : 0;

    if (error != NULL)
        compare_reason_payload(compare->table, subject->side, error->message);
    else if (status == 125)
        compare_reason_payload(compare->table, subject->side,
                               "it has no directory where the payload can be put");
    else if (n == 0)
        compare_reason_payload(compare->table, subject->side,
                               "the payload could not be run inside");
    step_over(compare);
}

/* ---- guest ---------------------------------------------------------------------------------- */

static void guest_silent(Compare *compare, const char *reason)
{
    Subject *subject = compare->active;

    subject->mute = TRUE;
    compare_reason(compare->table, COMPARE_SHELL, subject->side, "%s", reason);
    if (!subject->first_heard)
        compare_reason(compare->table, COMPARE_START, subject->side,
                       "its serial console says nothing");
    compare_reason_payload(compare->table, subject->side, reason);
    step_over(compare);
}

static gboolean guest_is_late(gpointer data)
{
    Compare *compare = data;

    guest_silent(compare, "no shell answers at its serial console");
    return G_SOURCE_CONTINUE;
}

/* What the last line with anything on it looks like: a shell waits, a login does, or neither. */
typedef enum { LINE_OTHER, LINE_PROMPT, LINE_LOGIN } LineKind;

static LineKind last_line(const char *heard)
{
    gsize end = strlen(heard), begin;
    g_autofree char *line = NULL;
    char last;

    while (end > 0 && (guchar)heard[end - 1] <= ' ')
        end--;
    for (begin = end; begin > 0 && heard[begin - 1] != '\n' && end - begin < 256;)
        begin--;
    line = g_strndup(heard + begin, end - begin);
    if (g_str_has_suffix(line, "ogin:") || g_str_has_suffix(line, "assword:"))
        return LINE_LOGIN;
    /* a report of the cursor's place is asked for by some shells at the end of their prompts */
    if (g_str_has_suffix(line, "\033[6n"))
        line[strlen(line) - 4] = '\0';
    g_strchomp(line);
    last = *line != '\0' ? line[strlen(line) - 1] : ' ';
    return strchr("#$>%", last) != NULL ? LINE_PROMPT : LINE_OTHER;
}

/* Asks a shell that seems to wait; the word is put together by it, so that no echo contains it. */
static void guest_ask(Compare *compare)
{
    g_autofree char *line = g_strdup_printf("echo gemel-''%s\n", compare->word + strlen("gemel-"));

    compare->asked = TRUE;
    talk_clear(compare->talk);
    talk_send(compare->talk, line, strlen(line));
}

static gboolean guest_nudge(gpointer data)
{
    Compare *compare = data;

    if (last_line(talk_heard(compare->talk)) == LINE_PROMPT)
        guest_ask(compare);
    else if (last_line(talk_heard(compare->talk)) == LINE_LOGIN)
        guest_silent(compare, "its serial console asks for a login");
    else
        talk_send(compare->talk, "\n", 1);
    return G_SOURCE_CONTINUE;
}

static void guest_heard(gpointer data, const char *heard)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    double took = (double)(g_get_monotonic_time() - subject->started_usec) * 1000;

    if (!subject->first_heard && subject->started_usec > 0)
        compare_add(compare->table, COMPARE_START, subject->side, took);
    subject->first_heard = TRUE;
    if (compare->asked && strstr(heard, compare->word) != NULL) {
        compare->answered = subject->answers = TRUE;
        if (subject->started_usec > 0)
            compare_add(compare->table, COMPARE_SHELL, subject->side, took);
        step_over(compare);
    } else if (!compare->asked && last_line(heard) == LINE_PROMPT) {
        guest_ask(compare);
    }
}

static void guest_ended(gpointer data, int status, const GError *error)
{
    Subject *subject = data;

    guest_silent(subject->compare,
                 error != NULL ? error->message : "its serial console was closed");
}

static void begin_guest_shell(Subject *subject)
{
    Compare *compare = subject->compare;

    new_word(compare);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE, .tty = TRUE},
                  &(TalkHooks){.heard = guest_heard, .ended = guest_ended, .data = subject});
    compare->nudge = app_add_timer(compare->run->app, NUDGE_MS, guest_nudge, compare);
    set_deadline(compare, subject->mute ? MUTE_MS : SHELL_MS, guest_is_late);
}

/* The number after "gemel-done-"; -1 = it is not there yet. */
static int done_status(const char *heard)
{
    const char *at = strstr(heard, "gemel-done-");
    char *end;
    gulong status;

    while (at != NULL && !g_ascii_isdigit(at[strlen("gemel-done-")]))
        at = strstr(at + 1, "gemel-done-");
    if (at == NULL)
        return -1;
    status = strtoul(at + strlen("gemel-done-"), &end, 10);
    return *end != '\0' && status < 256 ? (int)status : -1;
}

static void guest_work_heard(gpointer data, const char *heard)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    int status = done_status(heard);

    if (status < 0)
        return;
    if (status == 127)
        compare_reason_payload(compare->table, subject->side,
                               "it has no program lab-payload; the guests of `lab up` have it");
    else if (take_lines(compare, subject->side, heard) == 0)
        compare_reason_payload(compare->table, subject->side, "the payload said nothing");
    step_over(compare);
}

static void begin_guest_work(Subject *subject)
{
    static const char line[] = "lab-payload; echo gemel-done-$?\n";
    Compare *compare = subject->compare;

    if (!compare->answered) {
        step_over(compare);
        return;
    }
    say(compare, "measuring", subject);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE, .tty = TRUE},
                  &(TalkHooks){.heard = guest_work_heard, .ended = guest_ended, .data = subject});
    talk_send(compare->talk, line, strlen(line));
    set_deadline(compare, WORK_MS, work_is_late);
}

/* ---- what the host sees --------------------------------------------------------------------- */

typedef struct {
    char *id;
    GemelKind kind;
    gboolean walks;
} LookOrder;

static void look_order_free(gpointer data)
{
    LookOrder *order = data;

    g_free(order->id);
    g_free(order);
}

static gpointer run_look(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const LookOrder *order = arg;

    return compare_look(conn, order->id, order->kind, order->walks, error);
}

/* Says of its kernel what a comparison of the releases cannot: a guest has one of its own. */
static void add_kernel(Compare *compare, CompareSide side, json_t *apart)
{
    g_autofree char *text = NULL;
    const char *release = compare->table->kernel[side];
    gboolean own = side == COMPARE_GUEST;

    text = g_strdup_printf("%s%s%s%s",
                           own ? "a kernel of its own" : "nothing of its kernel: it is the host's",
                           *release != '\0' ? " (" : "", release, *release != '\0' ? ")" : "");
    json_array_insert_new(json_object_get(apart, "means"), 0, json_text(text));
    json_object_set_new(apart, "kernel", json_string(own ? "own" : "host"));
    json_object_set_new(apart, "release", *release != '\0' ? json_string(release) : json_null());
}

static void look_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    CompareTable *table = compare->table;
    const CompareLook *look = result;
    gint64 inside = table->inside_bytes[subject->side];

    if (error != NULL) {
        compare_reason(table, COMPARE_MEMORY, subject->side, "%s", error->message);
        compare_reason(table, COMPARE_FOOTPRINT, subject->side, "%s", error->message);
        step_over(compare);
        return;
    }
    if (look->memory_bytes < 0)
        compare_reason(table, COMPARE_MEMORY, subject->side, "%s", look->memory_reason);
    else if (inside >= 0)
        compare_add(table, COMPARE_MEMORY, subject->side, look->memory_bytes - (double)inside);
    if (compare->round == 0 && look->footprint_bytes > 0)
        compare_add(table, COMPARE_FOOTPRINT, subject->side, look->footprint_bytes);
    else if (compare->round == 0)
        compare_reason(table, COMPARE_FOOTPRINT, subject->side, "%s", look->footprint_reason);
    if (table->apart[subject->side] == NULL) {
        table->apart[subject->side] = json_incref(look->apart);
        add_kernel(compare, subject->side, look->apart);
    }
    step_over(compare);
}

static void begin_look(Subject *subject)
{
    Compare *compare = subject->compare;
    LookOrder *order = g_new0(LookOrder, 1);

    order->id = g_strdup(subject->target->id);
    order->kind = subject->target->kind;
    order->walks = compare->round == 0;
    run_submit(compare->run, subject->target->backend, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "compare",
                               .instance_id = subject->target->id,
                               .run = run_look,
                               .arg = order,
                               .arg_free = look_order_free,
                               .result_free = (GDestroyNotify)compare_look_free},
               look_done, subject);
}

/* ---- putting back --------------------------------------------------------------------------- */

typedef struct {
    char *id;
    gboolean runs;    /* wanted */
    gboolean settles; /* a stop may be under way: its end is awaited first */
    gint stop_ms;
} BackOrder;

static void back_order_free(gpointer data)
{
    BackOrder *order = data;

    g_free(order->id);
    g_free(order);
}

/* One act; that it is so already is as good. */
static gboolean act_or_conflict(GemelConn *conn, const char *id, GemelAct act,
                                const GemelActArgs *args, GError **error)
{
    g_autoptr(GError) own = NULL;

    if (conn->backend->ops->act[act](conn, id, args, &own) ||
        g_error_matches(own, GEMEL_ERROR, GEMEL_ERROR_CONFLICT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&own));
    return FALSE;
}

/* Worker: makes it run, or stops it. */
static gpointer run_back(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const BackOrder *order = arg;
    GemelActArgs stop = *args;
    gboolean ok = TRUE;

    stop.timeout_ms = order->stop_ms;
    stop.force = !order->runs;
    if (order->settles || !order->runs)
        ok = act_or_conflict(conn, order->id, GEMEL_ACT_STOP, &stop, order->runs ? NULL : error);
    if (order->runs)
        ok = act_or_conflict(conn, order->id, GEMEL_ACT_START, args, error);
    return ok ? g_strdup("") : NULL;
}

static gboolean is_put_back(const Subject *subject)
{
    return subject->target == NULL ||
           subject->stands == (subject->ran ? STANDS_RUNNING : STANDS_STOPPED);
}

/* The spec of the job that puts it back; `title` has to live until it is submitted. */
static GemelJobSpec back_spec(const Subject *subject, const char *title)
{
    BackOrder *order = g_new0(BackOrder, 1);

    order->id = g_strdup(subject->target->id);
    order->runs = subject->ran;
    order->settles = subject->stands == STANDS_STOPPING;
    order->stop_ms = stop_ms(subject);
    return (GemelJobSpec){.kind = "put back",
                          .instance_id = subject->target->id,
                          .title = title,
                          .run = run_back,
                          .arg = order,
                          .arg_free = back_order_free,
                          .result_free = g_free,
                          .hard_ms = STOP_MS + START_MS + 30000,
                          .args = {.limits = GEMEL_LIMITS_NONE}};
}

static void back_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;

    target_set_doing(subject->target, NULL);
    if (error != NULL)
        run_error(subject->compare->run, error);
    else
        subject->stands = subject->ran ? STANDS_RUNNING : STANDS_STOPPED;
    step_over(subject->compare);
}

static void begin_back(Subject *subject)
{
    g_autofree char *title = NULL;

    if (is_put_back(subject) || subject->compare->round + 1 < subject->compare->spec.rounds) {
        step_over(subject->compare);
        return;
    }
    title = g_strdup_printf("put back %s", subject->target->name);
    target_set_doing(subject->target, subject->ran ? "starting" : "stopping");
    GemelJobSpec spec = back_spec(subject, title);

    run_submit(subject->compare->run, subject->target->backend, GEMEL_LANE_ACT, &spec, back_done,
               subject);
}

static void late_back_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    App *app = data;

    if (error != NULL)
        fprintf(stderr, "gemel: compare: an instance was not put back: `list` shows it\n");
    if (app->closing > 0)
        app->closing--;
    gemel_job_disown(job, app); /* a lost one may end once more */
    gemel_job_unref(job);
}

/* The command goes away in the middle. */
static void put_back_late(const Subject *subject)
{
    App *app = subject->compare->run->app;
    g_autofree char *title = g_strdup_printf("put back %s", subject->target->name);
    GemelJobSpec spec = back_spec(subject, title);

    output_line(subject->compare->run->out, OUTPUT_NOTE, "compare: %s is being %s as it was before",
                subject->target->name, subject->ran ? "started again," : "stopped again,");
    output_flush(subject->compare->run->out);
    app->closing++;
    model_job_changed(app->model, gemel_lanes_submit(subject->target->backend->lanes,
                                                     GEMEL_LANE_ACT, &spec, late_back_done, app));
}

/* ---- the list ------------------------------------------------------------------------------- */

static const Step steps[] = {
    {COMPARE_HOST, begin_host_shell, FALSE},      {COMPARE_HOST, begin_host_work, FALSE},
    {COMPARE_CONTAINER, begin_stop, FALSE},       {COMPARE_CONTAINER, begin_start, FALSE},
    {COMPARE_CONTAINER, begin_exec_shell, FALSE}, {COMPARE_CONTAINER, begin_exec_work, FALSE},
    {COMPARE_CONTAINER, begin_look, FALSE},       {COMPARE_CONTAINER, begin_back, TRUE},
    {COMPARE_GUEST, begin_stop, FALSE},           {COMPARE_GUEST, begin_start, FALSE},
    {COMPARE_GUEST, begin_guest_shell, FALSE},    {COMPARE_GUEST, begin_guest_work, FALSE},
    {COMPARE_GUEST, begin_look, FALSE},           {COMPARE_GUEST, begin_back, TRUE},
};

/* Begins the next step that there is something to do for. */
static gboolean step_next(gpointer data)
{
    Compare *compare = data;
    CommandRun *run = compare->run;

    app_source_remove(&compare->next);
    while (compare->round < compare->spec.rounds) {
        const Step *step;
        Subject *subject;

        if (compare->at == G_N_ELEMENTS(steps)) {
            compare->at = 0;
            compare->round++;
            continue;
        }
        step = &steps[compare->at++];
        subject = &compare->subjects[step->side];
        if (subject->broken && !step->always)
            continue;
        compare->active = subject;
        if (step->begin == begin_stop)
            compare->answered = FALSE;
        step->begin(subject);
        return G_SOURCE_REMOVE;
    }
    compare->over(run, compare->table);
    run_release(run); /* and this is freed */
    return G_SOURCE_REMOVE;
}

/* The step is over, well or not: a reason stands in the table then. */
static void step_over(Compare *compare)
{
    step_close(compare);
    if (compare->next == NULL)
        compare->next = app_add_idle(compare->run->app, step_next, compare);
}

static void subject_init(Compare *compare, CompareSide side, Target *target, gboolean runs)
{
    compare->subjects[side] = (Subject){.compare = compare,
                                        .side = side,
                                        .target = target,
                                        .ran = runs,
                                        .stands = runs ? STANDS_RUNNING : STANDS_STOPPED};
}

/* Where the program is that runs on all sides: $GEMEL_LAB_PAYLOAD, the build, beside the lab. */
static void find_payload(Compare *compare)
{
    const char *const paths[] = {g_getenv("GEMEL_LAB_PAYLOAD"), GEMEL_PAYLOAD_BUILD,
                                 GEMEL_LAB_INSTALL_DIR "/lab-payload"};

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (paths[i] == NULL || access(paths[i], X_OK) != 0 ||
            !g_file_get_contents(paths[i], &compare->payload, &compare->payload_length, NULL))
            continue;
        compare->payload_path = g_strdup(paths[i]);
        return;
    }
}

Compare *compare_start(CommandRun *run, const CompareSpec *spec, Target *container, Target *guest,
                       gboolean container_runs, gboolean guest_runs,
                       void (*over)(CommandRun *run, CompareTable *table))
{
    Compare *compare = g_new0(Compare, 1);

    compare->run = run;
    compare->spec = *spec;
    compare->table = compare_table_new();
    compare->over = over;
    subject_init(compare, COMPARE_HOST, NULL, TRUE);
    subject_init(compare, COMPARE_CONTAINER, container, container_runs);
    subject_init(compare, COMPARE_GUEST, guest, guest_runs);
    find_payload(compare);
    run_hold(run);
    compare->next = app_add_idle(run->app, step_next, compare);
    return compare;
}

void compare_free(gpointer data)
{
    Compare *compare = data;

    step_close(compare);
    app_source_remove(&compare->next);
    for (guint side = 0; side < COMPARE_SIDE_N; side++) {
        if (!is_put_back(&compare->subjects[side]) && compare->round < compare->spec.rounds)
            put_back_late(&compare->subjects[side]);
        if (compare->subjects[side].target != NULL)
            target_free(compare->subjects[side].target);
    }
    compare_table_free(compare->table);
    g_free(compare->payload);
    g_free(compare->payload_path);
    g_free(compare);
}
