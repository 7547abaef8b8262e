/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_compare.c - compare: a guest and a container measured side by side on this very host. */
#include "console/compare_steps.h"

#include <stdlib.h>

#define ROUNDS 3

typedef struct {
    CompareSpec spec;
    Target *container, *guest; /* NULL once handed over */
    gboolean container_runs, guest_runs;
    json_t *objects[2]; /* as in a list: container, guest */
    char *names[2];
    Compare *compare;
} Order;

static void order_free(gpointer data)
{
    Order *order = data;

    if (order->compare != NULL)
        compare_free(order->compare);
    if (order->container != NULL)
        target_free(order->container);
    if (order->guest != NULL)
        target_free(order->guest);
    for (guint i = 0; i < 2; i++) {
        json_decref(order->objects[i]);
        g_free(order->names[i]);
    }
    g_free(order);
}

static void order_print(CommandRun *run, CompareTable *table)
{
    Order *order = run->data;

    if (!run->json) {
        compare_print(table, run->out, order->names[0], order->names[1]);
        return;
    }
    output_json(
        run->out,
        json_pack("{s:I, s:{s:f, s:o}, s:O, s:O, s:o, s:o, s:o}", "rounds",
                  (json_int_t)order->spec.rounds, "host", "cpus", model_host_cpus(NULL), "kernel",
                  *table->kernel[COMPARE_HOST] != '\0' ? json_string(table->kernel[COMPARE_HOST])
                                                       : json_null(),
                  "container", order->objects[0], "guest", order->objects[1], "rows",
                  compare_rows_to_json(table), "apart", compare_apart_to_json(table), "errors",
                  run_missing_to_json(run)));
}

static void order_begin(CommandRun *run)
{
    Order *order = run->data;

    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA, "would measure %s beside %s, %u times%s",
                    order->names[1], order->names[0], order->spec.rounds,
                    order->spec.restarts ? ", starting each anew" : "");
        return;
    }
    order->compare = compare_start(run, &order->spec, g_steal_pointer(&order->container),
                                   g_steal_pointer(&order->guest), order->container_runs,
                                   order->guest_runs, order_print);
}

/* Takes one of the two in; FALSE: there is one of its kind already, or its state is in the way. */
static gboolean order_take(CommandRun *run, Order *order, const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    gboolean is_guest = info->kind == GEMEL_KIND_VM;
    Target **target = is_guest ? &order->guest : &order->container;
    gboolean runs = info->state == GEMEL_STATE_RUNNING;

    if (*target != NULL) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "compare: %s and %s are both %s; give a guest and a "
                 "container",
                 (*target)->name, info->name, is_guest ? "guests" : "containers");
        return FALSE;
    }
    if (!runs && !gemel_instance_can(info, GEMEL_ACT_START)) {
        run_fail(run, GEMEL_ERROR_CONFLICT, "compare: %s: cannot start: it %s", info->name,
                 info->why_not[GEMEL_ACT_START] != NULL ? info->why_not[GEMEL_ACT_START]
                                                        : "is busy");
        return FALSE;
    }
    *target = target_new(run, instance);
    *(is_guest ? &order->guest_runs : &order->container_runs) = runs;
    order->names[is_guest] = g_strdup(info->name);
    order->objects[is_guest] = instance_to_json(instance);
    return TRUE;
}

static gboolean order_resolve(CommandRun *run, Order *order)
{
    static const char *const lab[] = {"lab-vm", "lab-ct"};

    if (run->n_words == 1) {
        run_fail(run, GEMEL_ERROR_INVALID, "compare: give a guest and a container");
        return FALSE;
    }
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        ModelInstance *instance = run_find(run, run->n_words == 0 ? lab[i] : run->words[i], &error);

        if (instance == NULL) {
            run_error(run, error);
            if (run->n_words == 0)
                output_line(run->out, OUTPUT_NOTE,
                            "compare: without names it takes the lab's; `lab up` makes it");
            return FALSE;
        }
        if (!order_take(run, order, instance))
            return FALSE;
    }
    return TRUE;
}

static void compare_run(CommandRun *run)
{
    const char *rounds = run_option(run, "rounds");
    Order *order = g_new0(Order, 1);
    g_autofree char *question = NULL;

    run->data = order;
    run->data_free = order_free;
    order->spec.rounds = rounds != NULL ? (guint)MIN(strtoul(rounds, NULL, 10), G_MAXINT) : ROUNDS;
    order->spec.restarts = !run_flag(run, "no-restart");
    if (order->spec.rounds > COMPARE_VALUES_MAX) {
        run_fail(run, GEMEL_ERROR_INVALID, "compare: --rounds goes to %d", COMPARE_VALUES_MAX);
        return;
    }
    if (!order_resolve(run, order))
        return;
    if (!order->spec.restarts || (!order->container_runs && !order->guest_runs)) {
        order_begin(run);
        return;
    }
    question = g_strdup_printf("Stop and start %s%s%s, %u times?",
                               order->guest_runs ? order->names[1] : "",
                               order->guest_runs && order->container_runs ? " and " : "",
                               order->container_runs ? order->names[0] : "", order->spec.rounds);
    run_confirm(run, question, NULL, order_begin);
}

static const CommandOption compare_options[] = {
    {"rounds", 'r', OPTION_NUMBER, FALSE, "N", "how often each figure is taken (3)"},
    {"no-restart", 0, OPTION_FLAG, FALSE, NULL,
     "leave those that run running: no figures of start"},
    {NULL},
};

const Command commands_compare[] = {
    {.name = "compare",
     .summary = "measure a guest and a container side by side, and the host as the baseline",
     .example = "gemel compare lab-vm lab-ct",
     .group = "Look",
     .flags = COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS | COMMAND_AUDITED,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "GUEST", .optional = TRUE},
               {WORD_INSTANCE, "CONTAINER", .optional = TRUE}},
     .options = compare_options,
     .details =
         "Start to first process and to a shell, memory beyond the payload, disk footprint, a CPU "
         "loop, system call, fork, disk and network round trip, and what keeps each apart from "
         "the host: medians with their spread over the rounds. One program, lab-payload, runs on "
         "all sides: in the container by exec (it needs /bin/sh), in the guest at its serial "
         "console, where a shell has to wait and that program to be, as in the lab's guests. What "
         "cannot be had is `-`, with its reason. Both are left as they were, running or stopped, "
         "after ^C too. Without names it takes lab-vm and lab-ct.",
     .run = compare_run},
    {.name = NULL},
};
