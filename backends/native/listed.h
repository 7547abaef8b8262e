/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * listed.h - what the files of a container said at the last list, for as long as they are the same.
 *
 * A list is asked for every ten seconds though events tell of changes; two stat(2) then stand for
 * two files to read and parse. Both files are replaced by rename, never written in place, so one
 * that changed is another inode or has other times; those that are younger than the grain of these
 * times are not kept.
 *
 * Thread: the worker of the connection.
 */
#pragma once

#include "backends/native/container.h"

typedef struct NativeListed NativeListed;

NativeListed *native_listed_new(const NativeStore *store);
void native_listed_free(NativeListed *listed);

/* As native_container_load and native_run_load; what they return stays the cache's, until the next
   call for the same id. */
const NativeContainer *native_listed_container(NativeListed *listed, const char *id,
                                               GError **error);
const NativeRun *native_listed_run(NativeListed *listed, const char *id);
/* Forgets all whose id is not in `ids` (of char*). */
void native_listed_keep(NativeListed *listed, const GPtrArray *ids);
