/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_isolation.c - isolation: what stands between an instance and its host. */
#include "console/commands.h"
#include "console/isolation.h"
#include "console/reads.h"

#include <string.h>

#define FACTS_COLUMN 16 /* where values begin */

void facts_print(CommandRun *run, const GPtrArray *lines)
{
    const char *section = NULL;

    for (guint i = 0; i < lines->len; i++) {
        const FactLine *line = g_ptr_array_index(lines, i);

        if (section == NULL || strcmp(section, line->section) != 0)
            output_line(run->out, OUTPUT_DATA, "%s", line->section);
        section = line->section;
        g_autofree char *left =
            g_strdup_printf("%s %-13s ", line->grade == FACT_OPEN ? "!" : " ", line->what);
        g_autofree char *text = g_strconcat(line->value, line->meaning != NULL ? "  (" : "",
                                            line->meaning != NULL ? line->meaning : "",
                                            line->meaning != NULL ? ")" : "", NULL);

        output_beside(run->out, left, FACTS_COLUMN, text);
    }
}

static void isolation_result_free(gpointer data)
{
    gemel_isolation_free(data);
}

static void isolation_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;
    CommandRun *run = target->run;
    const GemelIsolation *isolation = result;

    if (isolation == NULL) {
        if (error != NULL)
            run_error(run, error);
        else
            run_fail(run, GEMEL_ERROR_NOT_FOUND, "isolation: %s is gone", target->name);
        return;
    }
    if (run->json) {
        json_t *object =
            json_pack("{s:o, s:o, s:o, s:s}", "backend", json_text(target->backend->backend->name),
                      "id", json_text(target->id), "name", json_text(target->name), "kind",
                      gemel_kind_name(target->kind));
        json_t *facts = isolation_to_json(isolation);

        json_object_update(object, facts);
        json_decref(facts);
        output_json(run->out, object);
        return;
    }
    g_autoptr(GPtrArray) lines = isolation_lines(isolation);

    facts_print(run, lines);
}

static void isolation_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);
    Target *target;

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (instance->backend->open->backend->ops->isolation == NULL) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "isolation: %s cannot tell of it",
                 instance->backend->name);
        return;
    }
    target = target_new(run, instance);
    run->data = target;
    run->data_free = target_free;
    run_submit(run, instance->backend->open, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "isolation",
                               .instance_id = target->id,
                               .run = read_isolation,
                               .arg = g_strdup(target->id),
                               .arg_free = g_free,
                               .result_free = isolation_result_free,
                               .hard_ms = 10000},
               isolation_done, target);
}

const Command commands_isolation[] = {
    {.name = "isolation",
     .summary = "what stands between an instance and its host",
     .example = "gemel isolation lab-ct",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}},
     .details = "Of a container's first process, or a guest's QEMU: its namespaces and which are "
                "the host's, user mapping, capabilities, seccomp filter, label, cgroup and limits, "
                "layers and mounts; of a guest also accelerator, machine and devices. A `!` stands "
                "before what is open to the host. What cannot be known says why.",
     .run = isolation_run},
    {.name = NULL},
};
