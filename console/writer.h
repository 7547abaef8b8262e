/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer.h - the one thread that writes files for the UI thread, in order.
 *
 * Closures are carried out one after the other; whoever posts them hands over what they own. A
 * disk that hangs holds up this thread and nothing else: writer_close waits for a while and then
 * leaves the thread behind, and the program goes by _exit.
 */
#pragma once

#include <glib.h>

typedef struct Writer Writer;

Writer *writer_new(void);
/* Any thread. */
void writer_post(Writer *writer, void (*fn)(void *data), void *data);
/* How many wait or run. Any thread. */
guint writer_pending(Writer *writer);
/* Waits until nothing waits or runs, at most for wait_ms. */
void writer_drain(Writer *writer, gint wait_ms);
/* Lets what was posted be done, at most for wait_ms. FALSE: the thread is held up; the writer may
   not be freed. */
gboolean writer_close(Writer *writer, gint wait_ms);
