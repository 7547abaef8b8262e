/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * processes.c - what runs in an instance: the threads of a guest's QEMU, a container's processes.
 *
 * Their figures are shares of the instance's, so they add up to it and their counters grow with it.
 */
#include "backends/sim/sim.h"

#include <string.h>

enum { SALT_PROCESSES = 0x600 };

#define HZ 100 /* start_ticks per second */

/* What a container of this image runs: the image's own name, "/x/nginx:1.24" -> "nginx". */
static void program_of(const SimInstance *instance, char *comm, gsize size)
{
    const char *image = instance->image != NULL ? instance->image : "sh";
    const char *slash = strrchr(image, '/');

    g_strlcpy(comm, slash != NULL && slash[1] != '\0' ? slash + 1 : image, MIN(size, 16));
    comm[strcspn(comm, ":")] = '\0';
}

/* One more, with the parts that all have; `n` counts from 0 within the instance. */
static GemelProcess *add(GemelProcesses *out, const SimWorld *world, const SimInstance *instance,
                         guint n, const char *comm)
{
    gint first = 1000 + (gint)(sim_hash(instance->hash, SALT_PROCESSES + instance->runs) % 29000);
    GemelProcess *process = gemel_processes_add(out, first + (gint)n);
    gint64 started_ns = world->created_ns + (gint64)(instance->started_s * 1e9);
    double awake = sim_unit(sim_hash(instance->hash ^ n, (guint64)(sim_now_s(world) / 2)));

    g_strlcpy(process->comm, comm, sizeof process->comm);
    process->state = instance->state == GEMEL_STATE_RUNNING && awake < 0.3 ? 'R' : 'S';
    process->uid = instance->kind == GEMEL_KIND_VM ? 64055 : 0; /* libvirt-qemu */
    process->parent = n > 0 ? first : instance->kind == GEMEL_KIND_VM ? 0 : first - 1;
    process->start_ticks = (guint64)MAX(started_ns / (1000000000 / HZ) + n, 1);
    return process;
}

static void add_thread(GemelProcesses *out, const SimWorld *world, const SimInstance *instance,
                       guint n, const char *comm, guint64 cpu_ns, guint64 wait_ns)
{
    GemelProcess *thread = add(out, world, instance, n, comm);

    gemel_process_set(thread, GEMEL_PROCESS_CPU_TIME, cpu_ns);
    gemel_process_set(thread, GEMEL_PROCESS_CPU_WAIT, wait_ns);
    gemel_process_set(thread, GEMEL_PROCESS_IO_RD_BYTES, 0);
    gemel_process_set(thread, GEMEL_PROCESS_IO_WR_BYTES, 0);
}

/* The main thread, one per vCPU, one for I/O. */
static void add_guest(GemelProcesses *out, const SimWorld *world, const SimInstance *instance,
                      const GemelSample *figures)
{
    guint64 emulator_ns = figures->value[GEMEL_METRIC_CPU_USAGE];
    GemelProcess *io;
    guint n = 0;

    for (guint i = 0; i < figures->rows->len; i++) {
        const GemelRow *row = &g_array_index(figures->rows, GemelRow, i);

        if (row->group == GEMEL_ROWS_VCPU)
            emulator_ns -= MIN(row->value[GEMEL_ROW_VCPU_TIME], emulator_ns);
    }
    add_thread(out, world, instance, n++, "qemu-system-x86", emulator_ns / 2, emulator_ns / 40);
    for (guint i = 0; i < figures->rows->len; i++) {
        const GemelRow *row = &g_array_index(figures->rows, GemelRow, i);
        char comm[32];

        if (row->group != GEMEL_ROWS_VCPU)
            continue;
        g_snprintf(comm, sizeof comm, "CPU %.8s/KVM", row->name);
        add_thread(out, world, instance, n++, comm, row->value[GEMEL_ROW_VCPU_TIME],
                   row->value[GEMEL_ROW_VCPU_DELAY]);
    }
    add_thread(out, world, instance, n++, "IO iothread1", emulator_ns / 2, emulator_ns / 80);
    io = &g_array_index(out->rows, GemelProcess, out->rows->len - 1);
    gemel_process_set(io, GEMEL_PROCESS_IO_RD_BYTES, figures->value[GEMEL_METRIC_HOST_IO_RD_BYTES]);
    gemel_process_set(io, GEMEL_PROCESS_IO_WR_BYTES, figures->value[GEMEL_METRIC_HOST_IO_WR_BYTES]);
}

/* Its first process and some workers that do most. */
static void add_container(GemelProcesses *out, const SimWorld *world, const SimInstance *instance,
                          const GemelSample *figures)
{
    guint workers = 1 + (guint)(instance->hash >> 20 & 3);
    char comm[64];

    program_of(instance, comm, sizeof comm);
    for (guint n = 0; n <= workers; n++) {
        double share = n == 0 ? 0.04 : 0.96 / workers;
        GemelProcess *process = add(out, world, instance, n, comm);

        process->inner_pid = n == 0 ? 1 : (gint)(6 + n);
        process->uid = n == 0 ? 0 : 33;
        gemel_process_set(process, GEMEL_PROCESS_CPU_TIME,
                          (guint64)(figures->value[GEMEL_METRIC_CPU_USAGE] * share));
        gemel_process_set(process, GEMEL_PROCESS_MEM_RSS,
                          (guint64)(figures->value[GEMEL_METRIC_MEM_USAGE] * share));
        gemel_process_set(process, GEMEL_PROCESS_IO_RD_BYTES,
                          (guint64)(figures->value[GEMEL_METRIC_IO_RD_BYTES] * share));
        gemel_process_set(process, GEMEL_PROCESS_IO_WR_BYTES,
                          (guint64)(figures->value[GEMEL_METRIC_IO_WR_BYTES] * share));
        gemel_process_set(process, GEMEL_PROCESS_THREADS, n == 0 ? 1 : 2);
    }
}

GemelProcesses *sim_processes(GemelConn *conn, const char *id, GError **error)
{
    SimWorld *world = sim_world(conn);
    GemelProcesses *out = NULL;
    const SimInstance *instance;

    if (!sim_enter(conn, SIM_OP_PROCESSES, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL && sim_instance_hangs(world, instance)) {
        sim_hang_with(world, id);
        instance = sim_find(world, id, error);
    }
    if (instance != NULL) {
        gint64 time_ns = gemel_boottime_ns();
        g_autoptr(GemelSample) figures = sim_figures(world, instance, sim_now_s(world), time_ns);

        out = gemel_processes_new(figures->time_ns);
        if (instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_PAUSED)
            (instance->kind == GEMEL_KIND_VM ? add_guest : add_container)(out, world, instance,
                                                                          figures);
    }
    sim_unlock(world);
    return out;
}
