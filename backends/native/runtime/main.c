/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gemel-runtime: the command table, and the way from argv to a command. README.md is its manual. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "defences.h"
#include "filter.h"
#include "log.h"
#include "seal.h"
#include "state.h"

#ifndef __has_feature
#define __has_feature(x) 0 /* gcc before 14 */
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
/* A runtime lives for milliseconds and leaves its memory to the kernel: no search for leaks. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

const struct command command_table[] = {
    {"create", CMD_CREATE, 1, 1, true, cmd_create, 1, "ID", "make a container that waits for start",
     "create --bundle /srv/web --pid-file /run/web.pid web"},
    {"start", CMD_START, 1, 1, false, cmd_start, 1, "ID", "let a created container run its program",
     "start web"},
    {"run", CMD_RUN, 1, 1, true, cmd_run, 1, "ID", "create, start, wait and delete",
     "run --bundle /srv/web web"},
    {"state", CMD_STATE, 1, 1, false, cmd_state, 1, "ID", "print the state object", "state web"},
    {"kill", CMD_KILL, 1, 3, false, cmd_kill, 1, "ID [SIGNAL]", "send a signal (TERM)",
     "kill web HUP"},
    {"delete", CMD_DELETE, 1, 1, false, cmd_delete, 1, "ID", "remove a stopped container",
     "delete --force web"},
    {"exec", CMD_EXEC, 1, -1, true, cmd_exec, 255, "ID [COMMAND ARG...]",
     "run one more process in it", "exec --tty --env TERM=xterm web sh -l"},
    {"list", CMD_LIST, 0, 0, false, cmd_list, 1, "", "list containers", "list --format json"},
    {"ps", CMD_PS, 1, -1, false, cmd_ps, 1, "ID", "list processes", "ps --format json web"},
    {"pause", CMD_PAUSE, 1, 1, false, cmd_pause, 1, "ID", "freeze all processes", "pause web"},
    {"resume", CMD_RESUME, 1, 1, false, cmd_resume, 1, "ID", "thaw them", "resume web"},
    {"update", CMD_UPDATE, 1, 1, false, cmd_update, 1, "ID", "change limits",
     "update --memory 512m --pids-limit 200 web"},
    {"events", CMD_EVENTS, 1, 1, false, cmd_events, 1, "ID", "print figures as JSON lines",
     "events --interval 2s web"},
    {"spec", CMD_SPEC, 0, 0, false, cmd_spec, 1, "", "write a config.json",
     "spec --bundle /srv/web"},
    {"features", CMD_FEATURES, 0, 0, false, cmd_features, 1, "", "print what can be done",
     "features"},
    {"help", CMD_HELP, 0, 1, false, cmd_help, 1, "[COMMAND]", "print this, or a command's options",
     "help exec"},
    {"checkpoint", CMD_CHECKPOINT, 0, -1, false, cmd_unsupported, 1, "ID", "unsupported", NULL},
    {"restore", CMD_RESTORE, 0, -1, false, cmd_unsupported, 1, "ID", "unsupported", NULL},
};
const size_t command_table_n = ARRAY_LEN(command_table);

int cmd_unsupported(const struct options *opt, int argc, char **argv, struct err *err)
{
    return err_set(err, ENOTSUP, "checkpoint and restore: unsupported");
}

static void print_help(void)
{
    puts("usage: gemel-runtime [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nOptions:");
    options_help(CMD_GLOBAL);
    puts("\nCommands:");
    for (size_t i = 0; i < command_table_n; i++)
        printf("  %-10s %-20s %s\n", command_table[i].name, command_table[i].arguments,
               command_table[i].help);
}

static void print_command_help(const struct command *command)
{
    printf("usage: gemel-runtime [OPTIONS] %s [OPTIONS] %s\n\n%s\n\nOptions:\n", command->name,
           command->arguments, command->help);
    options_help(command->id);
    if (command->example)
        printf("\nExample:\n  gemel-runtime %s\n", command->example);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < command_table_n; i++)
        if (!strcmp(command_table[i].name, name))
            return &command_table[i];
    return NULL;
}

int cmd_help(const struct options *opt, int argc, char **argv, struct err *err)
{
    const struct command *command = argc > 0 ? find_command(argv[0]) : NULL;
    if (argc > 0 && !command)
        return err_set(err, 0, "help: unknown command '%s'", argv[0]);
    if (command)
        print_command_help(command);
    else
        print_help();
    return fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}

static int fail(int status, const struct err *err)
{
    log_message("error", err->text);
    return status;
}

/* --preserve-fds N: each must be open, or one of the runtime's own would take its number and reach
 * the container. */
static int check_preserved(struct options *opt, struct err *err)
{
    int64_t n = 0;
    if (!opt->preserve_fds)
        return 0;
    if (options_number(opt->preserve_fds, false, &n) < 0 || n < 0 || n > 65536)
        return err_set(err, 0, "--preserve-fds: '%s' is not a number", opt->preserve_fds);
    for (int fd = 3; fd < 3 + n; fd++)
        if (fcntl(fd, F_GETFD) < 0 && defended(PRESERVED_OPEN))
            return err_set(err, errno, "--preserve-fds: descriptor %d", fd);
    opt->preserve_fds_n = (unsigned)n;
    return 0;
}

/* Standard descriptors must be open, or files opened later would take their places. */
static int open_standard(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
            return -1;
    return 0;
}

static int open_log(const struct options *opt, struct err *err)
{
    const char *format = opt->log_format ? opt->log_format : "text";
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return err_set(err, 0, "--log-format: '%s' is not text or json", format);
    if (log_level(opt->debug ? "debug" : opt->log_level, err) < 0)
        return -1;
    return opt->log ? log_open(opt->log, !strcmp(format, "json"), err) : 0;
}

/* A dispatcher: parses, prepares what every command needs, runs one. */
static int dispatch(int argc, char **argv)
{
    struct options opt = {0};
    struct err err = {0};
    int at = options_parse(CMD_GLOBAL, argc, argv, 1, &opt, &err);
    if (at < 0)
        return fail(1, &err);
    if (opt.version) {
        printf("gemel-runtime version %s\nspec: %s\nlibseccomp: %s\n", RUNTIME_VERSION, OCI_VERSION,
               filter_library_version());
        return 0;
    }
    if (opt.help || at == argc) {
        print_help();
        return opt.help ? 0 : 1;
    }
    if (open_log(&opt, &err) < 0)
        return fail(1, &err);
    const struct command *command = find_command(argv[at]);
    if (!command) {
        err_set(&err, 0, "unknown command '%s'; see --help", argv[at]);
        return fail(1, &err);
    }
    log_message("debug", command->name);
    /* Whatever its options are, the answer is the same. */
    if (command->run == cmd_unsupported)
        at = argc;
    else
        at = options_parse(command->id, argc, argv, at + 1, &opt, &err);
    if (at < 0) {
        err_prefix(&err, "%s", command->name);
        return fail(command->failure, &err);
    }
    if (opt.help) {
        print_command_help(command);
        return 0;
    }
    int words = argc - at;
    if (words < command->min_args || (command->max_args >= 0 && words > command->max_args)) {
        err_set(&err, 0, "%s: usage: %s %s", command->name, command->name, command->arguments);
        return fail(command->failure, &err);
    }
    if (check_preserved(&opt, &err) < 0 || (command->enters && seal_self(argv, &err) < 0))
        return fail(command->failure, &err);
    if (proc_fd() < 0) {
        err_set(&err, errno, "/proc is not a procfs");
        return fail(command->failure, &err);
    }
    if (command->id != CMD_EVENTS) /* which may run for days */
        json_use_arena();
    opt.root = opt.root ? opt.root : state_default_root();
    if (state_check_root(opt.root, &err) < 0)
        return fail(command->failure, &err);
    int status = command->run(&opt, words, argv + at, &err);
    return status < 0 ? fail(command->failure, &err) : status;
}

int main(int argc, char **argv)
{
    if (open_standard() < 0)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    return dispatch(argc, argv);
}
