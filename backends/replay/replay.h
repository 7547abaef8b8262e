/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * replay.h - a recording as a backend: `replay:FILE[?speed=N][&seek=TIME][&pause=on]`.
 *
 * It plays what `record` wrote, of all its backends merged, by a clock of its own that can be
 * paused, sped up and moved. Nothing can be done to what is shown. At the end it stands still.
 *
 * Times are mapped to now, so that ages and uptimes are those of the recording. A seek or a pause
 * breaks that: then one sample without figures is given, then the recorded one before the place,
 * and then the one at the place, so that rates are again those of the recording.
 *
 * gemel_replay_* may be called on any thread and never block.
 */
#pragma once

#include "backends/backend.h"

typedef struct {
    gboolean loaded; /* the file was read; before that all else is empty */
    gint64 at_ns, length_ns;
    double speed;
    gboolean paused, ended;
    char *damage; /* or NULL; g_free() */
} GemelReplayStatus;

/* FALSE: this is no replay. */
gboolean gemel_replay_status(GemelBackend *backend, GemelReplayStatus *ret);
void gemel_replay_pause(GemelBackend *backend, gboolean pause);
void gemel_replay_seek(GemelBackend *backend, gint64 time_ns);
#define GEMEL_REPLAY_SPEED_MAX 1000
void gemel_replay_set_speed(GemelBackend *backend, double speed); /* 1 to GEMEL_REPLAY_SPEED_MAX */
