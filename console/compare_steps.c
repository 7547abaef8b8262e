/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of steps, the one under way, its deadline, and the life of the subjects. */
#include "backends/places.h"
#include "console/compare_private.h"

typedef struct {
    void (*begin)(Subject *subject);
    CompareSide side;
    gboolean always; /* on a broken subject too */
} Step;

/* Ends what the step had open. */
static void step_close(Compare *compare)
{
    app_source_remove(&compare->deadline);
    app_source_remove(&compare->nudge);
    talk_close(g_steal_pointer(&compare->talk));
    if (compare->child != NULL)
        child_abandon(g_steal_pointer(&compare->child));
}

void compare_say(Compare *compare, const char *what, const Subject *subject)
{
    if (compare->run->json)
        return;
    output_line(compare->run->out, OUTPUT_NOTE, "compare: round %u of %u: %s: %s",
                compare->round + 1, compare->spec.rounds,
                subject->target != NULL ? subject->target->name : "this host", what);
    output_flush(compare->run->out);
}

void compare_set_deadline(Compare *compare, guint ms, GSourceFunc late)
{
    compare->deadline = app_add_timer(compare->run->app, ms, late, compare);
}

/* ---- what a payload says -------------------------------------------------------------------- */

/* All lines of a text from outside. */
guint compare_take_lines(Compare *compare, CompareSide side, const char *heard)
{
    g_auto(GStrv) lines = g_strsplit_set(heard, "\r\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i] != NULL; i++)
        n += compare_take_line(compare->table, side, lines[i]);
    return n;
}

void compare_no_payload(Compare *compare, CompareSide side, const char *reason)
{
    compare_reason_payload(compare->table, side, reason);
    compare_step_over(compare);
}

gboolean compare_work_is_late(gpointer data)
{
    Compare *compare = data;

    compare_no_payload(compare, compare->active->side,
                       "the payload did not come to its end in 60 s");
    return G_SOURCE_CONTINUE;
}

void compare_new_word(Compare *compare)
{
    g_snprintf(compare->word, sizeof compare->word, "gemel-%u-up",
               g_random_int_range(100000, 999999));
    compare->asked = compare->answered = FALSE;
}

/* ---- the list ------------------------------------------------------------------------------- */

static const Step steps[] = {
    {compare_begin_host_shell, COMPARE_HOST, FALSE},
    {compare_begin_host_work, COMPARE_HOST, FALSE},
    {compare_begin_stop, COMPARE_CONTAINER, FALSE},
    {compare_begin_start, COMPARE_CONTAINER, FALSE},
    {compare_begin_exec_shell, COMPARE_CONTAINER, FALSE},
    {compare_begin_exec_work, COMPARE_CONTAINER, FALSE},
    {compare_begin_look, COMPARE_CONTAINER, FALSE},
    {compare_begin_back, COMPARE_CONTAINER, TRUE},
    {compare_begin_stop, COMPARE_GUEST, FALSE},
    {compare_begin_start, COMPARE_GUEST, FALSE},
    {compare_begin_guest_shell, COMPARE_GUEST, FALSE},
    {compare_begin_guest_work, COMPARE_GUEST, FALSE},
    {compare_begin_look, COMPARE_GUEST, FALSE},
    {compare_begin_back, COMPARE_GUEST, TRUE},
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
        if (step->begin == compare_begin_stop)
            compare->answered = FALSE;
        step->begin(subject);
        return G_SOURCE_REMOVE;
    }
    compare->over(run, compare->table);
    run_release(run); /* and this is freed */
    return G_SOURCE_REMOVE;
}

/* The step is over, well or not: a reason stands in the table then. */
void compare_step_over(Compare *compare)
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

/* Reads the program that runs on all sides, if it is there. */
static void find_payload(Compare *compare)
{
    g_autofree char *path = places_find(PLACE_PAYLOAD);

    if (path != NULL &&
        g_file_get_contents(path, &compare->payload, &compare->payload_length, NULL))
        compare->payload_path = g_steal_pointer(&path);
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
        if (!compare_is_put_back(&compare->subjects[side]) && compare->round < compare->spec.rounds)
            compare_put_back_late(&compare->subjects[side]);
        if (compare->subjects[side].target != NULL)
            target_free(compare->subjects[side].target);
    }
    compare_table_free(compare->table);
    g_free(compare->payload);
    g_free(compare->payload_path);
    g_free(compare);
}
