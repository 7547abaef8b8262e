/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One function per command: 0 or an exit status; -1 with err, which main.c prints. */
#pragma once

#include "options.h"
#include "version.h"

struct command {
    const char *name;
    enum command_id id;
    int min_args, max_args; /* -1: any */
    bool enters;            /* puts this program's own process into a container: needs seal.h */
    int (*run)(const struct options *opt, int argc, char **argv, struct err *err);
    int failure; /* exit status when it fails */
    const char *arguments, *help;
    const char *example; /* what follows the program's name */
};
extern const struct command command_table[];
extern const size_t command_table_n;
const struct command *command_find(const char *name); /* NULL: there is none */
/* Help for a command, or with NULL for the program, on standard output. */
void command_print_help(const struct command *command);

int cmd_create(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_start(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_run(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_state(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_kill(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_delete(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_exec(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_list(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_ps(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_pause(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_resume(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_update(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_events(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_spec(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_features(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_help(const struct options *opt, int argc, char **argv, struct err *err);
int cmd_unsupported(const struct options *opt, int argc, char **argv, struct err *err);
