/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_create.h - what `create` and `run` share: the options of a container, and its making. */
#pragma once

#include "console/command.h"

/* What is to be made; owns its strings, for the worker. */
typedef struct Create Create;

/* The options that say how a container is to be. */
/* clang-format off */
#define CREATE_OPTIONS \
    {"rootfs", 'r', OPTION_STRING, FALSE, "DIR|TAR", "the container's root file system"}, \
    {"network", 'n', OPTION_STRING, FALSE, "none|host|ns:PATH", "the container's network (none)", \
     .choices = "none host ns:"}, \
    {"hostname", 0, OPTION_STRING, FALSE, "NAME", "inside; the name otherwise"}, \
    {"env", 'e', OPTION_STRING, TRUE, "KEY=VALUE", "in the environment of its first process"}, \
    {"user", 'u', OPTION_STRING, FALSE, "USER[:GROUP]", "who runs it inside (root)"}, \
    {"cwd", 'w', OPTION_STRING, FALSE, "DIR", "where it starts inside (/)"}, \
    {"label", 'l', OPTION_STRING, TRUE, "KEY=VALUE", "for filters"}, \
    {"limit", 0, OPTION_STRING, TRUE, "LIMIT=VALUE", "as for `limit`", .word = WORD_LIMIT}, \
    {"tty", 't', OPTION_FLAG, FALSE, NULL, "give it a terminal"}, \
    {"read-only", 0, OPTION_FLAG, FALSE, NULL, "its root file system cannot be written"}, \
    {"backend", 'b', OPTION_STRING, FALSE, "BACKEND", "where, if several could", \
     .word = WORD_BACKEND}
/* clang-format on */

/* From the options of the run; argv: the container's command, or NULL. */
Create *create_parse(CommandRun *run, const char *name, char **argv, GError **error);
void create_free(gpointer create);
/* The backend that makes what was asked for: named, or the first of the right kind. */
AppBackend *create_backend(CommandRun *run, const char *type, GError **error);
/* Makes it, which takes `create`; the result is its id. */
GemelJob *create_submit(CommandRun *run, AppBackend *open, Create *create, GemelJobDone done,
                        gpointer data);
