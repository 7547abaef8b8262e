/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hub.h - the one way from a worker to the UI thread: a queue of closures and an eventfd.
 *
 * hub_post may be called on any thread; the functions run on the thread that iterates the context
 * the hub was attached to, in order of posting, at most HUB_SLICE_USEC at a time so that a flood of
 * messages does not delay a key press. pthread primitives only (ThreadSanitizer sees them).
 */
#pragma once

#include <glib.h>

#define HUB_SLICE_USEC 2000

typedef struct Hub Hub;

Hub *hub_new(GMainContext *context);
/* Runs what is still queued, since each message owns something; posting afterwards is a no-op as
   long as some thread holds a reference. */
void hub_close(Hub *hub);
void hub_post(void *hub, void (*fn)(void *data), void *data);
Hub *hub_ref(Hub *hub);
void hub_unref(Hub *hub);
