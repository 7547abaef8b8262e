/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gemel-runtime: the way from argv to a command. README.md is its manual. */
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

static int fail(int status, const struct err *err)
{
    log_message("error", err->text);
    return status;
}

#define PRESERVED_MAX 65536

/* --preserve-fds N and LISTEN_FDS: each must be open, or one of the runtime's own would take its
 * number and reach the container. */
static int check_preserved(struct options *opt, struct err *err)
{
    int64_t n = 0;
    if (activation_read(&opt->listen, PRESERVED_MAX, err) < 0)
        return -1;
    if (opt->preserve_fds && (options_number(opt->preserve_fds, false, &n) < 0 || n < 0 ||
                              n > PRESERVED_MAX - (int64_t)opt->listen.n))
        return err_set(err, 0, "--preserve-fds: '%s' is not a number", opt->preserve_fds);
    opt->preserve_fds_n = opt->listen.n + (unsigned)n;
    for (unsigned i = 0; i < opt->preserve_fds_n; i++)
        if ((fcntl(3 + (int)i, F_GETFD) < 0 || log_is(3 + (int)i)) && defended(PRESERVED_OPEN))
            return err_set(err, EBADF, "%s: descriptor %u",
                           i < opt->listen.n ? "LISTEN_FDS" : "--preserve-fds", 3 + i);
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
        command_print_help(NULL);
        return opt.help ? 0 : 1;
    }
    if (open_log(&opt, &err) < 0)
        return fail(1, &err);
    const struct command *command = command_find(argv[at]);
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
        command_print_help(command);
        return 0;
    }
    int words = argc - at;
    if (words < command->min_args || (command->max_args >= 0 && words > command->max_args)) {
        err_set(&err, 0, "%s: usage: %s %s", command->name, command->name, command->arguments);
        return fail(command->failure, &err);
    }
    if (command->enters && (check_preserved(&opt, &err) < 0 || seal_self(argv, &err) < 0))
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
