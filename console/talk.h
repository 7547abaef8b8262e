/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * talk.h - a stream (console, exec) whose other end is the program itself, not a terminal.
 *
 * What was heard is kept as bytes from outside: at most TALK_HEARD_MAX of them, the oldest go.
 * Whoever reads them takes out what he expects and prints nothing of it. UI thread only; never
 * blocks; deadlines are the caller's.
 */
#pragma once

#include "console/app.h"

typedef struct Talk Talk;

#define TALK_HEARD_MAX 65536

typedef struct {
    /* Some bytes came: `heard` is all that is kept, NUL-terminated, NULs in it made spaces. May
       close the talk. */
    void (*heard)(gpointer data, const char *heard);
    /* Once, last, after all bytes were heard; the talk is still to be closed. */
    void (*ended)(gpointer data, int status, const GError *error);
    gpointer data;
} TalkHooks;

Talk *talk_open(App *app, AppBackend *backend, const char *instance_id, const GemelStreamArgs *args,
                const TalkHooks *hooks);
/* Sends these bytes as they are taken, after those before; may be called before it is connected. */
void talk_send(Talk *talk, const void *bytes, gsize length);
/* End of input once all is sent. */
void talk_send_end(Talk *talk);
/* All that is kept of what was heard, the talk's. */
const char *talk_heard(const Talk *talk);
/* Forgets what was heard. */
void talk_clear(Talk *talk);
/* Closes it; no hook is called any more. NULL is fine. */
void talk_close(Talk *talk);
