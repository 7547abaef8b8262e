/* SPDX-License-Identifier: GPL-3.0-or-later */
/* qemu.h - what the tests on a real QEMU share: a fixture, and guests made and awaited. */
#pragma once

#include "tests/unit/libvirt/ground.h"
#include "tests/unit/libvirt/guest.h"

extern const GroundGuest plain_guest;
/* No disk: the firmware finds nothing to boot and ignores the power button. */
extern const GroundGuest deaf_guest;

typedef struct {
    GemelBackend *backend;
    GemelConn *conn;
} World;

void world_open(World *world, const void *data);
/* Kills and forgets every guest, so that tests do not meet. */
void world_close(World *world, const void *data);

/* A new guest, stopped or running; its id. */
char *make(World *world, const char *word, const GroundGuest *guest);
char *make_running(World *world, const char *word, const GroundGuest *guest);
/* A figure of a fresh sample, 0 if it is not there. */
guint64 metric(World *world, const char *id, GemelMetric which);
/* Its boot sector has been read: from now on it hears its power button. */
void wait_booted(World *world, const char *id);

/* Applies limits; has to succeed. */
void limit(World *world, const char *id, GemelLimits limits);

/* A console with its pump in a thread of its own. */
typedef struct {
    GemelConn *conn;
    GemelStream *stream;
    GThread *thread;
    int fd;
    int status;
    GError *error;
    gint has_ended;
} Terminal;

void terminal_open(Terminal *terminal, GemelBackend *backend, const char *id);
/* Waits for the pump to end and frees all but `fd` and `error`. */
void terminal_join(Terminal *terminal);

#define ADD(path, function)                                                                        \
    g_test_add("/libvirt/qemu/" path, World, NULL, world_open, function, world_close)

void add_acts_tests(void);
void add_consoles_tests(void);
void add_daemon_tests(void);
void add_define_tests(void);
void add_samples_tests(void);
void add_snapshots_tests(void);
