/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A guest, by its serial console: it is waited for, asked, and made to measure itself. */
#include "console/compare_private.h"

#include <stdlib.h>
#include <string.h>

#define SHELL_MS 90000
#define MUTE_MS  10000 /* the same, once no shell answered */
/* How often a silent console is nudged with an empty line, and how often the question is typed. */
#define NUDGE_MS 300

static void guest_silent(Compare *compare, const char *reason)
{
    Subject *subject = compare->active;

    subject->mute = TRUE;
    compare_reason(compare->table, COMPARE_SHELL, subject->side, "%s", reason);
    if (!subject->first_heard)
        compare_reason(compare->table, COMPARE_START, subject->side,
                       "its serial console says nothing");
    compare_reason_payload(compare->table, subject->side, reason);
    compare_step_over(compare);
}

static gboolean guest_is_late(gpointer data)
{
    Compare *compare = data;

    guest_silent(compare, "no shell answers at its serial console");
    return G_SOURCE_CONTINUE;
}

CompareLine compare_last_line(const char *heard)
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
        return COMPARE_LINE_LOGIN;
    /* a report of the cursor's place is asked for by some shells at the end of their prompts */
    if (g_str_has_suffix(line, "\033[6n"))
        line[strlen(line) - 4] = '\0';
    g_strchomp(line);
    last = *line != '\0' ? line[strlen(line) - 1] : ' ';
    return strchr("#$>%", last) != NULL ? COMPARE_LINE_PROMPT : COMPARE_LINE_OTHER;
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

    if (compare_last_line(talk_heard(compare->talk)) == COMPARE_LINE_PROMPT)
        guest_ask(compare);
    else if (compare_last_line(talk_heard(compare->talk)) == COMPARE_LINE_LOGIN)
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
        compare_step_over(compare);
    } else if (!compare->asked && compare_last_line(heard) == COMPARE_LINE_PROMPT) {
        guest_ask(compare);
    }
}

static void guest_ended(gpointer data, int status, const GError *error)
{
    Subject *subject = data;

    guest_silent(subject->compare,
                 error != NULL ? error->message : "its serial console was closed");
}

void compare_begin_guest_shell(Subject *subject)
{
    Compare *compare = subject->compare;

    compare_new_word(compare);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE, .tty = TRUE},
                  &(TalkHooks){.heard = guest_heard, .ended = guest_ended, .data = subject});
    compare->nudge = app_add_timer(compare->run->app, NUDGE_MS, guest_nudge, compare);
    compare_set_deadline(compare, subject->mute ? MUTE_MS : SHELL_MS, guest_is_late);
}

/* The number after "gemel-done-"; -1 = it is not there yet. */
int compare_done_status(const char *heard)
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
    int status = compare_done_status(heard);

    if (status < 0)
        return;
    if (status == 127)
        compare_reason_payload(compare->table, subject->side,
                               "it has no program lab-payload; the guests of `lab up` have it");
    else if (compare_take_lines(compare, subject->side, heard) == 0)
        compare_reason_payload(compare->table, subject->side, "the payload said nothing");
    compare_step_over(compare);
}

void compare_begin_guest_work(Subject *subject)
{
    static const char line[] = "lab-payload; echo gemel-done-$?\n";
    Compare *compare = subject->compare;

    if (!compare->answered) {
        compare_step_over(compare);
        return;
    }
    compare_say(compare, "measuring", subject);
    compare->talk =
        talk_open(compare->run->app, subject->target->backend, subject->target->id,
                  &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE, .tty = TRUE},
                  &(TalkHooks){.heard = guest_work_heard, .ended = guest_ended, .data = subject});
    talk_send(compare->talk, line, strlen(line));
    compare_set_deadline(compare, COMPARE_WORK_MS, compare_work_is_late);
}
