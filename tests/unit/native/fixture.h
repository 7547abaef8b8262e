/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fixture.h - a private store, a busybox root file system and an open connection for one test.
 *
 * Stores lie under a temporary directory, cgroups under gemel-t<pid>; both go away with the
 * fixture. Tests that run containers need root, busybox, conmon and a runtime; what is missing is
 * said in the skip.
 */
#pragma once

#include "backends/native/native.h"
#include "backends/registry.h"

typedef struct {
    char *dir;    /* the temporary directory */
    char *rootfs; /* DIR/rootfs */
    GemelBackend *backend;
    GemelConn *conn;
} Fixture;

/* Makes the store and opens it; FALSE after g_test_skip when it cannot be done here. */
gboolean fixture_open(Fixture *f);
/* Deletes all containers (killing what runs) and the directory. */
void fixture_close(Fixture *f);
/* Why containers cannot run here, or NULL. */
const char *fixture_cannot_run(void);

/* Makes a container that runs `script` with the shell; gives its id. */
char *fixture_create(Fixture *f, const char *name, const char *script);
char *fixture_create_with(Fixture *f, const char *name, const char *script,
                          void (*change)(GemelCreateSpec *spec));

gboolean fixture_act(Fixture *f, GemelAct act, const char *id, const GemelActArgs *args,
                     GError **error);
#define fixture_must(f, act, id, args)                                                             \
    do {                                                                                           \
        GError *must_error = NULL;                                                                 \
        fixture_act(f, act, id, args, &must_error);                                                \
        g_assert_no_error(must_error);                                                             \
    } while (0)

/* The instance as `list` gives it; NULL = not there. */
GemelInstance *fixture_find(Fixture *f, const char *id);
GemelState fixture_state(Fixture *f, const char *id);
/* Polls until the state is there; fails the test after 10 s. */
void fixture_wait_state(Fixture *f, const char *id, GemelState state);
/* Polls until the container's log holds `text`; fails the test after 10 s. Gives the log. */
char *fixture_wait_log(Fixture *f, const char *id, const char *text);
/* Runs a program, fails the test when it does not exit with 0. */
void fixture_run(const char *program, ...) G_GNUC_NULL_TERMINATED;

#define fixture_assert_error(error, kind)                                                          \
    do {                                                                                           \
        g_assert_error(error, GEMEL_ERROR, (int)(kind));                                           \
        g_assert_null(strchr((error)->message, '\n'));                                             \
        g_clear_error(&(error));                                                                   \
    } while (0)
