/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ground.h - private ground for tests on a real libvirtd and QEMU.
 *
 * ground_run() forks a child into mount, pid and network namespaces of its own, with empty
 * directories where a root libvirtd keeps its files, and runs `inside` there; whatever happens to
 * that child, every daemon and every QEMU ends with its pid namespace. Not private are the control
 * groups: names carry the test's pid, and the groups they leave are removed at the end.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* NULL, or why a private libvirtd cannot run here. */
char *ground_obstacle(void);

/* Runs inside(argc, argv) as described; returns its status. */
int ground_run(int argc, char **argv, int (*inside)(int argc, char **argv));

/* Start virtlogd (once) and libvirtd; returns when the socket answers. */
void ground_start_daemon(void);
/* Ends libvirtd by a signal and waits for its end. */
void ground_stop_daemon(int sig);
pid_t ground_daemon_pid(void);

/* "t<pid>-WORD"; static for the life of the program. */
const char *ground_name(const char *word);
/* A directory that goes with the namespace. */
const char *ground_dir(void);

typedef struct {
    const char *type;   /* "qemu" (NULL) or "kvm" */
    const char *format; /* of the disk: "qcow2" (NULL) or "raw"; "none" = no disk */
    const char *extra;  /* more devices, or NULL */
    const char *head;   /* more elements of <domain>, or NULL */
    gboolean no_console;
} GroundGuest;

/*
 * The XML of a guest that boots from a sector of its own: it says "gemel test guest" on its serial
 * console, echoes what it reads there, and powers off when its ACPI power button is pressed. Its
 * disk is made.
 */
char *ground_guest_xml(const char *word, const GroundGuest *guest);

/* The pid of a guest's QEMU from libvirt's run directory, 0 if it does not run. */
pid_t ground_qemu_pid(const char *word);

/* Polls `done` until it is TRUE; fails the test after the time. */
#define ground_until(condition, timeout_ms)                                                        \
    do {                                                                                           \
        gint64 until_ = g_get_monotonic_time() + (gint64)MAX(timeout_ms, 30000) * 1000;            \
        while (!(condition)) {                                                                     \
            if (g_get_monotonic_time() > until_)                                                   \
                g_error("%s:%d: not within %d ms: %s", __FILE__, __LINE__,                         \
                        (int)MAX(timeout_ms, 30000), #condition);                                  \
            g_usleep(10000);                                                                       \
        }                                                                                          \
    } while (0)
