/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_join.c - join: a program in some of an instance's namespaces. */
#include "console/cmd_stream.h"
#include "console/commands.h"

#include <string.h>
#include <unistd.h>

#define ALL_BUT_USER_AND_TIME                                                                      \
    (1u << GEMEL_NS_MNT | 1u << GEMEL_NS_PID | 1u << GEMEL_NS_NET | 1u << GEMEL_NS_UTS |           \
     1u << GEMEL_NS_IPC | 1u << GEMEL_NS_CGROUP)

/* "net", "net,pid", "all" as bits; 0 with an error. */
static guint parse_namespaces(const char *text, GError **error)
{
    /* of an empty text g_strsplit makes no words at all */
    g_auto(GStrv) words = g_strsplit(*text != '\0' ? text : ",", ",", -1);
    guint bits = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        guint ns = 0;

        if (strcmp(words[i], "all") == 0) {
            bits |= ALL_BUT_USER_AND_TIME;
            continue;
        }
        while (ns < GEMEL_NS_N && strcmp(words[i], gemel_namespace_name(ns)) != 0)
            ns++;
        if (ns == GEMEL_NS_N) {
            gemel_error_set(error, GEMEL_ERROR_INVALID,
                            "join: '%s' is no namespace; net, mnt, pid, uts, ipc, user, cgroup, "
                            "time and all are, several with commas between",
                            words[i]);
            return 0;
        }
        bits |= 1u << ns;
    }
    return bits;
}

/* From where the tools and the figures come. */
static void tell(CommandRun *run, const ModelInstance *instance, guint bits)
{
    gboolean files = (bits & 1u << GEMEL_NS_MNT) != 0;
    gboolean is_vm = instance->info->kind == GEMEL_KIND_VM;

    output_line(run->out, OUTPUT_NOTE, "joined %s of %s%s: programs and files are %s%s",
                run->words[1], instance->info->name, is_vm ? "'s QEMU" : "",
                !files  ? "this host's"
                : is_vm ? "those that QEMU sees"
                        : "the container's",
                files && !run_flag(run, "keep-caps") ? ", capabilities no more than its own" : "");
}

/* The instance of the first word, if it can be joined now. */
static ModelInstance *find_instance(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance;
    const GemelStreamOps *streams;

    if (run_refuses_change(run, run->command->name))
        return NULL;
    instance = run_find(run, run->words[0], &error);
    if (instance == NULL) {
        run_error(run, error);
        return NULL;
    }
    streams = instance->backend->open->backend->ops->streams;
    if (streams == NULL || !(streams->kinds & 1u << GEMEL_STREAM_JOIN)) {
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: cannot join: %s has no processes on this host",
                 instance->info->name, instance->backend->name);
        return NULL;
    }
    if (instance->info->state != GEMEL_STATE_RUNNING &&
        instance->info->state != GEMEL_STATE_PAUSED) {
        run_fail(run, GEMEL_ERROR_CONFLICT, "%s: cannot join: is not running; start it first",
                 instance->info->name);
        return NULL;
    }
    return instance;
}

static void join_run(CommandRun *run)
{
    static const char *const inside[] = {"/bin/sh", NULL};
    g_autoptr(GError) error = NULL;
    guint bits = parse_namespaces(run->words[1], &error);
    const char *shell = g_getenv("SHELL");
    const char *const outside[] = {shell != NULL && *shell == '/' ? shell : "/bin/sh", NULL};
    gboolean terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), has_command;
    ModelInstance *instance;

    if (bits == 0) {
        run_error(run, error);
        return;
    }
    instance = find_instance(run);
    if (instance == NULL) {
        run->worst = STREAM_STATUS_OWN_FAILURE;
        return;
    }
    has_command = run->n_words > 2;
    if (terminal || !has_command)
        tell(run, instance, bits);
    stream_begin(run, instance,
                 &(GemelStreamArgs){.kind = GEMEL_STREAM_JOIN,
                                    .argv = has_command ? (const char *const *)run->words + 2
                                            : bits & 1u << GEMEL_NS_MNT ? inside
                                                                        : outside,
                                    .namespaces = bits,
                                    .keep_caps = run_flag(run, "keep-caps"),
                                    .cwd = run_option(run, "cwd"),
                                    .tty = terminal});
}

static const CommandOption join_options[] = {
    {"cwd", 'w', OPTION_STRING, FALSE, "DIR", "where, as seen inside"},
    {"keep-caps", 0, OPTION_FLAG, FALSE, NULL,
     "with mnt or pid: do not bound its capabilities to the instance's"},
    {NULL},
};

const Command commands_join[] = {
    {.name = "join",
     .aliases = "nsenter",
     .summary = "a shell or command in just these namespaces of an instance",
     .example = "gemel join lab-ct net -- ss -tln",
     .group = "Inside",
     .flags = COMMAND_LISTS | COMMAND_PASSTHROUGH | COMMAND_AUDITED,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"},
               {WORD_CHOICE, "NAMESPACE", .choices = "net mnt pid uts ipc user cgroup time all"},
               {WORD_TEXT, "COMMAND", .optional = TRUE, .repeats = TRUE}},
     .options = join_options,
     .details =
         "What nsenter(1) is used for: this host's tools on a container's network (`join web net "
         "-- "
         "ss -tln`), or the container's files without its other confinement. Of a guest it is its "
         "QEMU's namespaces. Several go with commas between: `net,pid`; `all` is all but user and "
         "time. Unless `mnt` is joined, programs and files are the host's. WARNING: with `mnt` the "
         "program is the container's own and is not held in by its seccomp filter, label, cgroup "
         "or limits (`exec` does that): so it gets no capabilities beyond the container's, "
         "no_new_privs and a bare environment, and its user namespace with it; --keep-caps gives "
         "that up. `pid` alone is refused where the container's processes could reach the host "
         "through it. The status is the command's own, as with `exec`.",
     .run = join_run},
    {.name = NULL},
};
