/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.c - the command table, and the help that is made from it. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

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
    {"ps", CMD_PS, 1, -1, false, cmd_ps, 1, "ID [ARG...]", "list processes, by ps(1) with ARGs",
     "ps --format json web"},
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

static void print_all(void)
{
    puts("usage: gemel-runtime [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nOptions:");
    options_help(CMD_GLOBAL);
    puts("\nCommands:");
    for (size_t i = 0; i < command_table_n; i++)
        printf("  %-10s %-20s %s\n", command_table[i].name, command_table[i].arguments,
               command_table[i].help);
    puts("\nEnvironment:\n"
         "  LISTEN_FDS, LISTEN_PID          sockets from 3 on for the program (create, run, exec)\n"
         "  NOTIFY_SOCKET                   told when the program is ready (create, start, run)");
    puts("\nExample:\n  gemel-runtime run --bundle /srv/web web");
}

void command_print_help(const struct command *command)
{
    if (!command) {
        print_all();
        return;
    }
    printf("usage: gemel-runtime [OPTIONS] %s [OPTIONS] %s\n\n%s\n\nOptions:\n", command->name,
           command->arguments, command->help);
    options_help(command->id);
    if (command->example)
        printf("\nExample:\n  gemel-runtime %s\n", command->example);
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_table_n; i++)
        if (!strcmp(command_table[i].name, name))
            return &command_table[i];
    return NULL;
}

int cmd_help(const struct options *opt, int argc, char **argv, struct err *err)
{
    const struct command *command = argc > 0 ? command_find(argv[0]) : NULL;
    if (argc > 0 && !command)
        return err_set(err, 0, "help: unknown command '%s'", argv[0]);
    command_print_help(command);
    return fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}
