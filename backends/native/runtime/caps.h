/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux capabilities: names and the order in which the five sets are applied (capabilities(7)). */
#pragma once

#include "spec.h"

/* "CAP_NET_RAW" (any case, the prefix may be missing) to its number; -1 when neither this program
 * nor libcap knows it. */
int caps_number(const char *name);

/*
 * Takes out of the five sets what cannot be granted: what the caller lacks (with `user_ns` he lacks
 * nothing), what is effective but not permitted, what is ambient but not permitted and inheritable.
 * Returns a warning that names all of it and what the parser did not know, or NULL (config.md,
 * "Linux Process": such a capability MUST be logged as a warning and SHOULD NOT fail).
 */
const char *caps_limit(struct spec_process *process, bool user_ns);

/* The highest capability number of the running kernel. */
int caps_last(void);

/*
 * Two halves around the change of user: before it the bounding set is dropped (that needs
 * CAP_SETPCAP) and the permitted set kept over setuid; after it the sets become exactly what
 * `process` says. Without "capabilities" in the configuration all are dropped.
 */
int caps_before_setuid(const struct spec_process *process, struct err *err);
int caps_apply(const struct spec_process *process, struct err *err);
