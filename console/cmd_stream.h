/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_stream.h - a command whose run is a stream on the user's terminal. UI thread. */
#pragma once

#include "console/command.h"

/* What docker and podman answer when they, not the command, failed. */
#define STREAM_STATUS_OWN_FAILURE 125

/* Opens it and gives the terminal to it; the run ends with it. */
void stream_begin(CommandRun *run, const ModelInstance *instance, const GemelStreamArgs *args);
