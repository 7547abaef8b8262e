/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_lab.c - lab up, down, status: a guest and a container to try things on.
 *
 * The work is done by the `lab` script beside the lab's other parts, which makes the images and
 * calls this same program for create and start: the lab is built as a user would build it.
 */
#include "backends/places.h"
#include "console/child.h"
#include "console/commands.h"

typedef struct {
    CommandRun *run;
    Child *child;
} Lab;

static void lab_free(gpointer data)
{
    Lab *lab = data;

    if (lab->child != NULL)
        child_abandon(lab->child);
    g_free(lab);
}

static void lab_line(gpointer data, gboolean is_error, const char *text)
{
    Lab *lab = data;

    output_line(lab->run->out, is_error ? OUTPUT_NOTE : OUTPUT_DATA, "%s", text);
    output_flush(lab->run->out);
}

static void lab_ended(gpointer data, int status)
{
    Lab *lab = data;
    CommandRun *run = lab->run;

    lab->child = NULL;
    for (guint i = 0; i < run->app->backends->len; i++)
        model_relist(run->app->model, run->app->backends->pdata[i]);
    run_finish(run, status);
}

static void lab_run(CommandRun *run)
{
    g_autofree char *script = places_find(PLACE_LAB);
    g_autofree char *payload = places_find(PLACE_PAYLOAD);
    g_autofree char *self = g_strconcat("GEMEL=", run->app->program, NULL);
    g_autofree char *with =
        payload != NULL ? g_strconcat("GEMEL_LAB_PAYLOAD=", payload, NULL) : NULL;
    const char *verb = run->command->name + sizeof "lab " - 1;
    const char *const argv[] = {script, verb, run->json ? "--json" : NULL, NULL};
    const char *const env[] = {self, with, NULL};
    g_autoptr(GError) error = NULL;
    Lab *lab;

    if (script == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "lab: its scripts are not installed beside gemel; reinstall gemel, or name their "
                 "directory by GEMEL_LAB_DIR");
        return;
    }
    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA, "would run %s %s", script, verb);
        return;
    }
    lab = g_new0(Lab, 1);
    lab->run = run;
    run->data = lab;
    run->data_free = lab_free;
    lab->child =
        child_start(run->app, argv, env,
                    &(ChildHooks){.line = lab_line, .ended = lab_ended, .data = lab}, &error);
    if (lab->child == NULL)
        run_error(run, error);
    else
        run_hold(run);
}

const Command commands_lab[] = {
    {.name = "lab up",
     .summary = "set up and start a guest and a container to try things on",
     .example = "gemel lab up",
     .group = "Lab",
     .flags = COMMAND_CHANGES | COMMAND_AUDITED,
     .details = "Makes guests lab-vm and lab-vm2 and containers lab-ct and lab-ct2 and starts the "
                "first of each. What is there already is left as it is.",
     .run = lab_run},
    {.name = "lab down",
     .summary = "remove the lab whole",
     .example = "gemel lab down",
     .group = "Lab",
     .flags = COMMAND_CHANGES | COMMAND_AUDITED,
     .run = lab_run},
    {.name = "lab status",
     .summary = "what is there of the lab",
     .example = "gemel lab status",
     .group = "Lab",
     .flags = COMMAND_JSON,
     .run = lab_run},
    {.name = NULL},
};
