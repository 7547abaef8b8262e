/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest.h - the libvirt backend under test: a backend, a connection and shorthands over the ops. */
#pragma once

#include "backends/registry.h"

/* Opens a backend and a connection; fails the test if it cannot. */
GemelBackend *test_backend(const char *uri);
GemelConn *test_conn(GemelBackend *backend);

/* Creates a guest from XML and returns its id; fails the test if it cannot. */
char *test_create(GemelConn *conn, const char *xml);
/* Runs a plain act that has to succeed. */
void test_act(GemelConn *conn, GemelAct act, const char *id);
/* Runs a plain act that has to fail with `kind`; returns the message. */
char *test_act_fails(GemelConn *conn, GemelAct act, const char *id, const GemelActArgs *args,
                     GemelErrorKind kind);
/* One line, no newline, of the domain and kind. */
void test_check_error(const GError *error, GemelErrorKind kind);

/* The instance of an id (or name) in a fresh list, or NULL. */
GemelInstance *test_find(GemelConn *conn, const char *id);
GemelState test_state(GemelConn *conn, const char *id);
/* The sample of an id in a fresh bulk call, or NULL. */
GemelSample *test_sample(GemelConn *conn, const char *id);

/* Collects events from a watch in a thread of its own. */
typedef struct TestWatch TestWatch;
TestWatch *test_watch_start(GemelBackend *backend);
/* Whether an event of the type came for the id (NULL = any); forgets it and those before it. */
gboolean test_watch_saw(TestWatch *watch, GemelEventType type, const char *id);
void test_watch_stop(TestWatch *watch);

/* Collects notes of an act: set as args->note with a GString as data. */
void test_note(void *data, const char *text);
