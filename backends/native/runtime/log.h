/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where messages go: stderr, and --log in text or JSON as runc writes it (engines read the last
 * error from there). */
#pragma once

#include "util.h"

/* Opens --log for appending. `json` is --log-format json. */
int log_open(const char *path, bool json, struct err *err);

/* True for the descriptor of --log: it is never one that the caller passed. */
bool log_is(int fd);

/* The least to write: error, warning, info (the default) or debug; NULL changes nothing. */
int log_level(const char *level, struct err *err);

/* One message: "error", "warning" or "debug" (the last only to --log). */
void log_message(const char *level, const char *text);
