/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * takeover.h - a stream (console, exec) on the user's own terminal.
 *
 * The terminal is put into raw mode when the stream is one too, bytes go both ways, size changes
 * are passed on, and detach keys leave a console. What a console prints is a terminal's business
 * and is passed through untouched: the user asked to be connected to it. UI thread only.
 */
#pragma once

#include "console/app.h"

typedef struct Takeover Takeover;

/* How it went. */
enum {
    TAKEOVER_DETACHED = 1 << 0, /* the user left; the status is 0 */
    TAKEOVER_PRINTED = 1 << 1,  /* the stream said something */
    TAKEOVER_TYPED = 1 << 2,    /* it was typed into */
};

typedef struct {
    const char *instance_id, *name;
    GemelStreamArgs args;
    const char *detach_keys; /* "^] ^P^Q"; NULL = none */
    /* `how`: bits of the above. Called once, last; the takeover frees itself. */
    void (*ended)(gpointer data, int status, guint how, const GError *error);
    gpointer data;
    /* What was typed after the keys that left, once `ended` has been called; NULL: it is lost. */
    void (*unread)(gpointer unread_data, const guint8 *bytes, gsize length);
    gpointer unread_data;
} TakeoverSpec;

Takeover *takeover_start(App *app, AppBackend *backend, const TakeoverSpec *spec);
/* Gives up: restores the terminal, closes the stream; `ended` is not called. */
void takeover_abort(Takeover *takeover);
