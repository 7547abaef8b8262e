/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * announce.h - what changes, as sentences: for `gemel --linear`, which is read aloud or kept as a
 * log.
 *
 * Said at once: how many instances a backend has when it first answers, instances that come and go,
 * changes of state with their reason, figures that stop coming, backends that go down, up or do not
 * respond, alerts that are raised and over, changed definitions, acts that are slow, lost or have
 * ended. Said calmly: CPU, memory and pressure of an instance past a high mark, once they have been
 * there for ANNOUNCE_HOLD_S, and that they are low again; of one figure of one instance at most
 * once in ANNOUNCE_PAUSE_S, and of all together at most ANNOUNCE_BURST at each sample.
 *
 * UI thread only.
 */
#pragma once

#include "console/model.h"

#define ANNOUNCE_HOLD_S  5
#define ANNOUNCE_PAUSE_S 60
#define ANNOUNCE_BURST   3

/* The figures that are watched, as shares of what the instance may have. */
typedef enum { ANNOUNCE_CPU, ANNOUNCE_MEMORY, ANNOUNCE_PRESSURE, ANNOUNCE_N } AnnounceFigure;

typedef struct Announce Announce;

/* `say` gets each sentence, without a newline; names in it are as they came. */
Announce *announce_new(Model *model, void (*say)(const char *text, gpointer data), gpointer data);
void announce_free(Announce *announce);

/* How a job ends that a typed command began is the command's to say: between these two. */
void announce_command_begins(Announce *announce);
void announce_command_ended(Announce *announce);

/* One figure's way over its marks and back; pure, for tests. Returns +1 when it is to be said that
   `percent` is high, -1 that it is low again, 0 for nothing. `percent` < 0: there is no figure. */
typedef struct {
    gboolean high;              /* as said last */
    gint64 crossed_ns, said_ns; /* 0: not; since when it is on the other side */
} AnnounceMark;
int announce_mark(AnnounceMark *mark, AnnounceFigure figure, double percent, gint64 now_ns);
