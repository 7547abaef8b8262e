/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hooks (runtime-spec, "POSIX-platform Hooks"): run in order, the state on stdin; the first that
 * fails or outlives its timeout is an error for all kinds but poststart and poststop, where it is a
 * warning and the rest still run (the caller decides). For poststart that is the rule of 1.0 to
 * 1.2; 1.3 has another (docs/decisions/0008).
 */
#pragma once

#include "spec.h"

/* Runs hooks of one kind. `state` is the state object as text. `all` goes on after a failure; the
 * first error is reported. */
int hooks_run(const struct spec *spec, enum hook_kind kind, const char *state, bool all,
              struct err *err);
