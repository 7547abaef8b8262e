/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * host.h - what the host's kernel knows of a guest: its QEMU process and its control group.
 *
 * The group is found from /proc/PID/cgroup and the mounts of /proc/self/mountinfo, never composed,
 * because libvirt's layout differs by cgroup version, service manager and configuration:
 *
 *   v1        /machine/qemu-1-NAME.libvirt-qemu/{emulator,vcpu0,iothread1}
 *   v1        /machine.slice/machine-qemu\x2d1\x2dNAME.scope/{emulator,...}
 *   v2        /machine.slice/machine-qemu\x2d1\x2dNAME.scope/libvirt/{emulator,...}
 *   hybrid    the first in the v1 hierarchies and, as far as it goes, in the v2 one
 *
 * QEMU's main thread sits in "emulator"; where it does not (no cgroup driver, a session daemon),
 * its group holds other things too and is not used.
 *
 * Everything takes the path of a root ("" for the real one) so that it can be run over fixture
 * trees. Any thread. Reading /proc of a process can block when its memory map is locked, so no lock
 * may be held.
 */
#pragma once

#include <glib.h>

#include "backends/backend.h"

typedef struct {
    int pid;
    guint64 start_ticks; /* /proc/PID/stat field 22: with the pid it names a process for good */
    guint threads;
    char state; /* 'R' 'S' 'D' 'T' 't' 'Z' */
} LvProcess;

/* FALSE if there is no such process. */
gboolean lv_process_read(const char *root, int pid, LvProcess *ret_process);
/* CLOCK_BOOTTIME of a start in ticks. */
gint64 lv_process_started_boottime_ns(guint64 start_ticks);

/* Whether the process was started as the QEMU of `uuid` (its argument after -uuid). */
gboolean lv_process_is_qemu(const char *root, int pid, const char *uuid);
/* From RUN_DIR/NAME.pid, verified; 0 if it is not there or somebody else's. */
int lv_process_from_pidfile(const char *root, const char *run_dir, const char *name,
                            const char *uuid);
/* One walk over /proc: pids of all QEMUs whose uuid is a key of `wanted` (char* ->
   GINT_TO_POINTER); the values are set. A uuid that two processes claim stays 0. */
void lv_process_scan(const char *root, GHashTable *wanted);

typedef struct {
    char *pressure_dir; /* the domain's group in the v2 hierarchy, or NULL */
    char *cpu_dir;    /* the directory above emulator, vcpuN and iothreadN with cpu.stat, or NULL */
    char *memory_dir; /* the domain's group where its memory is charged, or NULL */
    char *io_dir;     /* likewise its disk traffic */
    char *pids_dir;   /* likewise its threads; libvirt makes none in v1 */
    char *shown;      /* the domain's group as in /proc/PID/cgroup, or NULL */
} LvCgroup;

/* Fills what can be found; FALSE if nothing can. */
gboolean lv_cgroup_find(const char *root, int pid, LvCgroup *ret_group);
/* The same with the text of /proc/self/mountinfo, which is read once for many guests. */
gboolean lv_cgroup_find_in(const char *root, const char *mountinfo, int pid, LvCgroup *ret_group);
/* CPUs that the quotas of the domain's group and of its vCPUs' leave it; 0 without a quota. FALSE
   if they cannot be read. */
gboolean lv_cgroup_cpu_limit(const LvCgroup *group, guint vcpus, double *ret_cpus);
void lv_cgroup_clear(LvCgroup *group);
/* Deep; ret_copy is overwritten. */
void lv_cgroup_copy(const LvCgroup *group, LvCgroup *ret_copy);

/* What the host does to the guest: pressure, memory, disk traffic of the domain's group, throttling
   summed over its groups and, into the rows of vCPUs that are there, by vCPU. */
void lv_cgroup_sample(const LvCgroup *group, GemelSample *sample);
