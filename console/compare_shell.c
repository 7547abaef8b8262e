/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is run on this host and, by exec, in a container. */
#include "console/compare_private.h"

#include <string.h>

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
    compare_step_over(subject->compare);
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
        child_start(compare->run->app, payload ? work : shell, NULL,
                    &(ChildHooks){.line = host_line, .ended = host_ended, .data = subject}, &error);
    if (compare->child == NULL) {
        compare_reason_payload(compare->table, COMPARE_HOST, error->message);
        compare_step_over(compare);
        return;
    }
    compare_set_deadline(compare, COMPARE_WORK_MS, compare_work_is_late);
}

void compare_begin_host_shell(Subject *subject)
{
    compare_say(subject->compare, "measuring", subject);
    host_child(subject, FALSE);
}

void compare_begin_host_work(Subject *subject)
{
    if (subject->compare->payload == NULL) {
        compare_no_payload(subject->compare, COMPARE_HOST,
                           "the program lab-payload is not installed");
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
    compare_step_over(compare);
}

void compare_begin_exec_shell(Subject *subject)
{
    Compare *compare = subject->compare;
    g_autofree char *script = NULL;

    compare_new_word(compare);
    script = g_strdup_printf("echo %s", compare->word);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC,
                                     .argv = (const char *const[]){"/bin/sh", "-c", script, NULL}},
                  &(TalkHooks){.heard = exec_heard, .ended = exec_shell_ended, .data = subject});
    talk_send_end(compare->talk);
    compare_set_deadline(compare, COMPARE_WORK_MS, compare_work_is_late);
}

static void exec_work_heard(gpointer data, const char *heard)
{
}

static void exec_work_ended(gpointer data, int status, const GError *error);

void compare_begin_exec_work(Subject *subject)
{
    Compare *compare = subject->compare;

    if (compare->payload == NULL || !compare->answered) {
        compare_no_payload(compare, subject->side, "the program lab-payload is not installed");
        return;
    }
    compare_say(compare, "measuring", subject);
    compare->talk = talk_open(
        compare->run->app, subject->target->backend, subject->target->id,
        &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC,
                           .argv = (const char *const[]){"/bin/sh", "-c", work_script, NULL}},
        &(TalkHooks){.heard = exec_work_heard, .ended = exec_work_ended, .data = subject});
    talk_send(compare->talk, compare->payload, compare->payload_length);
    talk_send_end(compare->talk);
    compare_set_deadline(compare, COMPARE_WORK_MS, compare_work_is_late);
}

static void exec_work_ended(gpointer data, int status, const GError *error)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    guint n =
        error == NULL ? compare_take_lines(compare, subject->side, talk_heard(compare->talk)) : 0;

    if (error != NULL)
        compare_reason_payload(compare->table, subject->side, error->message);
    else if (status == 125)
        compare_reason_payload(compare->table, subject->side,
                               "it has no directory where the payload can be put");
    else if (n == 0)
        compare_reason_payload(compare->table, subject->side,
                               "the payload could not be run inside");
    compare_step_over(compare);
}
