/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_act.c - the plain acts: start stop restart kill pause resume reset delete limit.
 *
 * What they share is in acts.c; what is changed without ending or starting anything in
 * cmd_change.c.
 */
#include "console/acts.h"

#include <string.h>

void run_print_notes(CommandRun *run, const char *name, GemelJob *job)
{
    g_autoptr(GemelJobView) view = gemel_job_view(job);
    g_auto(GStrv) lines = g_strsplit(view->notes != NULL ? view->notes : "", "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++)
        if (*lines[i] != '\0')
            output_line(run->out, OUTPUT_NOTE, "%s: %s", name, lines[i]);
}

static void act_run(CommandRun *run)
{
    acts_new(run);
    if (acts_resolve(run, run->n_words))
        acts_go(run);
}

/* start NAME..., or all that start with their host. */
static void start_run(CommandRun *run)
{
    acts_new(run);
    if (run->n_words == 0 && !run_flag(run, "autostart"))
        run_fail(run, GEMEL_ERROR_INVALID, "start: NAME is missing; see `help start`");
    else if (run_flag(run, "autostart") ? acts_add_autostart(run) : acts_resolve(run, run->n_words))
        acts_go(run);
}

/* ---- limit ---------------------------------------------------------------------------------- */

static gboolean parse_limit(const char *word, GemelLimits *limits, GError **error)
{
    const char *value = strchr(word, '=');
    gboolean none;
    char *end;

    if (value == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "limit: '%s' is not cpu=0.5, memory=64M or pids=100", word);
    value++;
    none = g_str_equal(value, "none") || g_str_equal(value, "max");
    if (g_str_has_prefix(word, "cpu=")) {
        limits->cpus = none ? 0 : g_ascii_strtod(value, &end);
        if (!none &&
            (end == value || *end != '\0' || !(limits->cpus >= 0.01) || limits->cpus > 4096))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "limit: cpu=%s is not a number of CPUs from 0.01 on, or none",
                                   value);
        return TRUE;
    }
    if (g_str_has_prefix(word, "memory=")) {
        limits->memory_bytes = 0;
        return none || parse_size_bytes(value, &limits->memory_bytes, error);
    }
    if (g_str_has_prefix(word, "pids=")) {
        limits->pids = none ? 0 : g_ascii_strtoll(value, &end, 10);
        if (!none && (end == value || *end != '\0' || limits->pids < 1))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "limit: pids=%s is not a number from 1 on, or none", value);
        return TRUE;
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID,
                           "limit: '%s' is not known; cpu, memory and pids can be limited", word);
}

gboolean limits_parse(char **given, GemelLimits *limits, GError **error)
{
    *limits = GEMEL_LIMITS_NONE;
    for (guint i = 0; given[i] != NULL; i++)
        if (!parse_limit(given[i], limits, error))
            return FALSE;
    return TRUE;
}

static void limit_run(CommandRun *run)
{
    Acts *acts = acts_new(run);
    g_autoptr(GError) error = NULL;

    if (!limits_parse(run->words + 1, &acts->args.limits, &error)) {
        run_error(run, error);
        return;
    }
    acts->to = g_strjoinv(", ", run->words + 1);
    if (acts_resolve(run, 1))
        acts_go(run);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption stop_options[] = {
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME",
     "how long to wait: a container (10s) is then killed, a guest (60s) is left running"},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "end a guest that did not stop in time"},
    {"no-wait", 0, OPTION_FLAG, FALSE, NULL, "only ask, do not wait"},
    ACTS_OPTIONS,
    {NULL},
};

static const CommandOption start_options[] = {
    {"autostart", 'a', OPTION_FLAG, FALSE, NULL, "all that start with their host and do not run"},
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait"},
    {"no-wait", 0, OPTION_FLAG, FALSE, NULL, "do not wait until it is done"},
    ACTS_OPTIONS,
    {NULL},
};

static const CommandOption plain_options[] = {
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait"},
    {"no-wait", 0, OPTION_FLAG, FALSE, NULL, "do not wait until it is done"},
    ACTS_OPTIONS,
    {NULL},
};

static const CommandOption kill_options[] = {
    {"signal", 's', OPTION_STRING, FALSE, "SIGNAL", "to a container: this instead of KILL",
     .choices = "TERM INT HUP QUIT USR1 USR2 KILL STOP CONT"},
    ACTS_OPTIONS,
    {NULL},
};

static const CommandOption delete_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "even if it is running"},
    ACTS_OPTIONS,
    {NULL},
};

#define MANY_NAMES                                                                                 \
    {                                                                                              \
        {                                                                                          \
            WORD_INSTANCE, "NAME", .repeats = TRUE                                                 \
        }                                                                                          \
    }
#define ACT_FLAGS (COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS)

const Command commands_act[] = {
    {.name = "start",
     .summary = "start guests and containers",
     .example = "gemel start lab-vm lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_START,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = start_options,
     .run = start_run},
    {.name = "stop",
     .aliases = "shutdown",
     .summary = "ask them to stop, and wait",
     .example = "gemel stop lab-vm --timeout 15s",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_STOP,
     .words = MANY_NAMES,
     .options = stop_options,
     .details = "NAME may be a glob. A guest gets an ACPI power button, a container its stop "
                "signal. A container that "
                "does not stop in time is killed; a guest is left running, with status 124, unless "
                "--force is given.",
     .run = act_run},
    {.name = "restart",
     .aliases = "reboot",
     .summary = "reboot a guest, stop and start a container",
     .example = "gemel restart lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_RESTART,
     .words = MANY_NAMES,
     .options = stop_options,
     .run = act_run},
    {.name = "kill",
     .aliases = "destroy",
     .summary = "end them at once; asks before it kills a guest",
     .example = "gemel kill lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_KILL,
     .words = MANY_NAMES,
     .options = kill_options,
     .run = act_run},
    {.name = "reset",
     .summary = "the reset button of a guest",
     .example = "gemel reset lab-vm --yes",
     .group = "Power",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_RESET,
     .words = MANY_NAMES,
     .run = act_run},
    {.name = "pause",
     .aliases = "suspend",
     .summary = "freeze them",
     .example = "gemel pause lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_PAUSE,
     .words = MANY_NAMES,
     .options = plain_options,
     .run = act_run},
    {.name = "resume",
     .aliases = "unpause",
     .summary = "let paused ones go on",
     .example = "gemel resume lab-ct",
     .group = "Power",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_RESUME,
     .words = MANY_NAMES,
     .options = plain_options,
     .run = act_run},
    {.name = "limit",
     .summary = "limit CPU, memory and processes, now and for later starts",
     .example = "gemel limit lab-ct cpu=0.5 memory=64M pids=100",
     .group = "Change",
     .flags = ACT_FLAGS,
     .act = GEMEL_ACT_LIMIT,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_LIMIT, "LIMIT=VALUE", .repeats = TRUE}},
     .details = "cpu= is a number of CPUs, memory= a size, pids= a number; `none` lifts a limit.",
     .run = limit_run},
    {.name = "delete",
     .aliases = "rm,undefine",
     .summary = "forget an instance and what belongs to it alone",
     .example = "gemel delete old-ct --yes",
     .group = "Change",
     .flags = ACT_FLAGS | COMMAND_DESTRUCTIVE,
     .act = GEMEL_ACT_DELETE,
     .words = MANY_NAMES,
     .options = delete_options,
     .details = "A container goes with its snapshots. A guest is undefined; its disks stay, and "
                "are named.",
     .run = act_run},
    {.name = NULL},
};
