/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux capabilities: names and the order in which the five sets are applied (capabilities(7)). */
#pragma once

#include "spec.h"

/* "CAP_NET_RAW" (any case, the prefix may be missing) to its number; -1 when neither this program
 * nor libcap knows it. */
int caps_number(const char *name);

/* The highest capability number of the running kernel. */
int caps_last(void);

/*
 * Two halves around the change of user: before it the bounding set is dropped (that needs
 * CAP_SETPCAP) and the permitted set kept over setuid; after it the sets become exactly what
 * `process` says. Without "capabilities" in the configuration all are dropped. A capability that
 * the caller itself lacks is an error that names it: a container that silently has less than was
 * asked fails later and further away.
 */
int caps_before_setuid(const struct spec_process *process, struct err *err);
int caps_apply(const struct spec_process *process, struct err *err);
