/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs_private.h - what jobs.c lends to streams.c: counted threads and the hooks of the lanes. */
#pragma once

#include "backends/jobs.h"

/* Runs run(data) on a detached thread counted by the lanes; run ends with lanes_thread_ended, after
   which it may not touch the lanes. */
gboolean lanes_thread_start(GemelLanes *lanes, void *(*run)(void *), void *data);
void lanes_thread_ended(GemelLanes *lanes);
GemelBackend *lanes_backend(GemelLanes *lanes);
void lanes_post(GemelLanes *lanes, void (*fn)(void *data), void *data);
