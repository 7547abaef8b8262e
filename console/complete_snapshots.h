/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * complete_snapshots.h - names of snapshots for completion: asked for on the read lane, there the
 * next time. Answers are kept for the COMPLETE_SNAPSHOTS_KEPT instances that were completed last
 * and are still there. UI thread only.
 */
#pragma once

#include "console/model.h"

#define COMPLETE_SNAPSHOTS_KEPT 16

/* What the last answer had, of GemelSnapshot*, the cache's until the next call; NULL = none has
   come yet. What is old is asked for again, which sets *ret_pending. */
const GPtrArray *complete_snapshots(Model *model, const ModelInstance *instance,
                                    gboolean *ret_pending);
/* How many are kept. For tests. */
guint complete_snapshots_count(void);
