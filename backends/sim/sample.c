/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample.c - the figures: each a pure function of (seed, instance, time).
 *
 * A load is a curve (noise.c) between two rates; a counter is its integral over the instance's
 * running time, so it is monotonic, continuous and costs the same after a year. The CPU limit slows
 * the clock of the work done and feeds the clock of the time held back; a pause stops both.
 */
#include "backends/sim/sim.h"

#include <math.h>

/* Distinguishes the curves of one instance. */
enum {
    SALT_CPU = 0x100, /* + vCPU */
    SALT_STEAL = 0x200,
    SALT_WAIT = 0x300,
    SALT_MEMORY = 0x400,
    SALT_FILE,
    SALT_RD,
    SALT_WR,
    SALT_RX,
    SALT_TX,
    SALT_PIDS,
    SALT_PSI_CPU,
    SALT_PSI_MEM,
    SALT_PSI_IO,
    SALT_THROTTLE,
};

/* A curve between low and high, with a pace and a place of its own. */
typedef struct {
    const SimNoise *noise;
    double low, span;
    double period, phase;
} Wave;

static Wave wave(const SimWorld *world, const SimInstance *instance, guint salt, SimShape shape,
                 double low, double high)
{
    guint64 hash = sim_hash(instance->hash, salt);

    return (Wave){
        .noise = &world->noise[shape],
        .low = low,
        .span = high - low,
        .period = 2.5 + 5 * sim_unit(hash),
        .phase = (double)(hash & 0xff),
    };
}

/* A slow swing with a little quick unrest on it. */
#define SLOW  0.8
#define QUICK 0.2
#define PACE  4.7 /* the quick one's */

static double wave_at(const Wave *w, double t)
{
    double x = t / w->period;

    return w->low + w->span * (SLOW * sim_noise_at(w->noise, x + w->phase) +
                               QUICK * sim_noise_at(w->noise, PACE * x + w->phase));
}

static double wave_sum(const Wave *w, double t)
{
    double x = t / w->period;
    double start = sim_noise_integral(w->noise, w->phase);
    double slow = sim_noise_integral(w->noise, x + w->phase) - start;
    double quick = (sim_noise_integral(w->noise, PACE * x + w->phase) - start) / PACE;

    return w->low * t + w->span * w->period * (SLOW * slow + QUICK * quick);
}

/* The integral of a rate that swings between a tenth of `rate` and all of it. */
static double flow(const SimWorld *world, const SimInstance *instance, guint salt, double rate,
                   double t)
{
    Wave w;

    if (rate <= 0)
        return 0;
    w = wave(world, instance, salt, instance->load.shape, rate * 0.02, rate);
    return wave_sum(&w, t);
}

/* The instance's clocks read at one virtual time. */
typedef struct {
    double now, run, work, held;
} Times;

static void set(GemelSample *sample, GemelMetric metric, double value)
{
    gemel_sample_set(sample, metric, value > 0 ? (guint64)value : 0);
}

static void set_row(GemelRow *row, GemelRowMetric metric, double value)
{
    gemel_row_set(row, metric, value > 0 ? (guint64)value : 0);
}

/* One vCPU: what it worked, waited and was kept waiting by the host, and why it left the guest. */
static double add_vcpu(const SimWorld *world, const SimInstance *instance, guint n, const Times *t,
                       GemelSample *out, double *steal)
{
    double share = 0.45 + 0.55 * sim_unit(sim_hash(instance->hash, SALT_CPU + 0x80 + n));
    Wave busy = wave(world, instance, SALT_CPU + n, instance->load.shape, instance->load.cpu_low,
                     instance->load.cpu_high * share);
    Wave kept = wave(world, instance, SALT_STEAL + n, SIM_SHAPE_BURSTS, 0, instance->load.steal);
    Wave waits = wave(world, instance, SALT_WAIT + n, SIM_SHAPE_BURSTS, 0, 0.05);
    double worked_s = wave_sum(&busy, t->work);
    double kept_s = wave_sum(&kept, t->run) + t->held / instance->vcpus;
    char name[16];
    GemelRow *row;

    g_snprintf(name, sizeof name, "%u", n);
    row = gemel_sample_add_row(out, GEMEL_ROWS_VCPU, name);
    set_row(row, GEMEL_ROW_VCPU_STATE, 1); /* VIR_VCPU_RUNNING */
    set_row(row, GEMEL_ROW_VCPU_TIME, worked_s * 1e9);
    set_row(row, GEMEL_ROW_VCPU_WAIT, wave_sum(&waits, t->run) * 1e9);
    set_row(row, GEMEL_ROW_VCPU_DELAY, kept_s * 1e9);
    set_row(row, GEMEL_ROW_VCPU_EXITS, t->run * 300 + worked_s * 21000);
    set_row(row, GEMEL_ROW_VCPU_HALT_EXITS, t->run * 200 + worked_s * 900);
    set_row(row, GEMEL_ROW_VCPU_IRQ_EXITS, t->run * 40 + worked_s * 1100);
    set_row(row, GEMEL_ROW_VCPU_IO_EXITS, t->run * 2 + worked_s * 150);
    set_row(row, GEMEL_ROW_VCPU_MMIO_EXITS, worked_s * 60);
    set_row(row, GEMEL_ROW_VCPU_INTERRUPTS, t->run * 210 + worked_s * 1500);
    set_row(row, GEMEL_ROW_VCPU_HALTED, (t->run - t->held - worked_s) * 0.98e9);
    if (instance->cpu_limit > 0)
        set_row(row, GEMEL_ROW_VCPU_THROTTLED, t->held / instance->vcpus * 1e9);
    *steal += kept_s;
    return worked_s;
}

static void fill_cpu(const SimWorld *world, const SimInstance *instance, const Times *t,
                     GemelSample *out)
{
    double worked_s = 0, steal_s = 0;
    double held_s = t->held;

    if (instance->kind == GEMEL_KIND_VM) {
        for (guint n = 0; n < instance->vcpus; n++)
            worked_s += add_vcpu(world, instance, n, t, out, &steal_s);
        worked_s += t->run * 0.004; /* the emulator's own threads */
        set(out, GEMEL_METRIC_CPU_STEAL, steal_s * 1e9);
    } else {
        Wave busy = wave(world, instance, SALT_CPU, instance->load.shape,
                         instance->load.cpu_low * instance->load.cores,
                         instance->load.cpu_high * instance->load.cores);

        worked_s = wave_sum(&busy, t->work);
    }
    set(out, GEMEL_METRIC_CPU_USAGE, worked_s * 1e9);
    set(out, GEMEL_METRIC_CPU_USER, worked_s * 0.71 * 1e9);
    set(out, GEMEL_METRIC_CPU_SYSTEM, worked_s * 0.27 * 1e9);
    if (instance->kind == GEMEL_KIND_CONTAINER || instance->cpu_limit > 0) {
        Wave when = wave(world, instance, SALT_THROTTLE, SIM_SHAPE_BUSY, 0.1, 1);

        held_s = wave_sum(&when, t->held);
        set(out, GEMEL_METRIC_CPU_THROTTLED, held_s * 1e9);
        set(out, GEMEL_METRIC_CPU_NR_THROTTLED, held_s * 10); /* periods of 100 ms */
        set(out, GEMEL_METRIC_CPU_PERIODS, instance->cpu_limit > 0 ? t->run * 10 : 0);
    }
    if (instance->cpu_limit > 0)
        set(out, GEMEL_METRIC_CPU_LIMIT, instance->cpu_limit * 1000);
    else if (instance->kind == GEMEL_KIND_VM)
        set(out, GEMEL_METRIC_CPU_LIMIT, instance->vcpus * 1000.0);
}

static void fill_guest_memory(const SimInstance *instance, double used, double cached, double now,
                              GemelSample *out)
{
    double total = (double)instance->memory_bytes;
    double seen = total * 0.965; /* what the guest's kernel leaves of it */

    set(out, GEMEL_METRIC_MEM_RSS, total * 0.62 + used * 0.35);
    set(out, GEMEL_METRIC_BALLOON_CURRENT, total);
    set(out, GEMEL_METRIC_BALLOON_MAXIMUM, total);
    if (!instance->has_balloon) {
        set(out, GEMEL_METRIC_MEM_USAGE, total * 0.62 + used * 0.35);
        return;
    }
    set(out, GEMEL_METRIC_MEM_USAGE, used);
    set(out, GEMEL_METRIC_MEM_FILE, cached);
    set(out, GEMEL_METRIC_BALLOON_AVAILABLE, seen);
    set(out, GEMEL_METRIC_BALLOON_UNUSED, seen - used);
    set(out, GEMEL_METRIC_BALLOON_USABLE, seen - used + cached * 0.9);
    set(out, GEMEL_METRIC_BALLOON_SWAP_IN, 0);
    set(out, GEMEL_METRIC_BALLOON_SWAP_OUT, 0);
    set(out, GEMEL_METRIC_MEM_MAJOR_FAULTS, now * 0.02);
    set(out, GEMEL_METRIC_BALLOON_AGE, fmod(now, 2) * 1000); /* <stats period='2'/> */
}

static void fill_memory(const SimWorld *world, const SimInstance *instance, const Times *t,
                        GemelSample *out)
{
    Wave level = wave(world, instance, SALT_MEMORY, SIM_SHAPE_BUSY, instance->load.memory_low,
                      instance->load.memory_high);
    Wave share = wave(world, instance, SALT_FILE, SIM_SHAPE_CALM, 0.1, 0.5);
    double limit = (double)instance->memory_bytes;
    double most = limit > 0 ? limit : 512.0 * 1048576;
    double used = most * wave_at(&level, t->run / 12); /* memory moves slowly */
    double cached = used * wave_at(&share, t->run / 12);

    if (world->options.flip)
        used = (world->samples % 2 == 0 ? 111 : 222) * 1024.0;
    if (instance->kind == GEMEL_KIND_VM) {
        set(out, GEMEL_METRIC_MEM_LIMIT, limit);
        fill_guest_memory(instance, used, cached, t->run, out);
        set(out, GEMEL_METRIC_HOST_MEM_USAGE,
            (double)out->value[GEMEL_METRIC_MEM_RSS] * 1.02 + cached * 0.1);
        set(out, GEMEL_METRIC_HOST_MEM_SWAP, 0);
        set(out, GEMEL_METRIC_HOST_MEM_HIGH_EVENTS, 0);
        set(out, GEMEL_METRIC_HOST_MEM_OOM_KILLS, 0);
        return;
    }
    set(out, GEMEL_METRIC_MEM_USAGE, used);
    set(out, GEMEL_METRIC_MEM_ANON, used - cached);
    set(out, GEMEL_METRIC_MEM_FILE, cached);
    set(out, GEMEL_METRIC_MEM_SWAP, 0);
    set(out, GEMEL_METRIC_MEM_MAJOR_FAULTS, t->run * (instance->load.memory_high > 0.9 ? 3 : 0.01));
    if (limit <= 0)
        return;
    set(out, GEMEL_METRIC_MEM_LIMIT, limit);
    set(out, GEMEL_METRIC_MEM_HIGH_EVENTS, instance->load.memory_high > 0.9 ? t->run * 0.4 : 0);
    set(out, GEMEL_METRIC_MEM_OOM_EVENTS, instance->load.memory_high > 0.9 ? t->run / 5400 : 0);
    set(out, GEMEL_METRIC_MEM_OOM_KILLS, instance->load.memory_high > 0.9 ? t->run / 86400 : 0);
}

/* Disks: the second disk of a large guest takes a third of the load. */
static void fill_io(const SimWorld *world, const SimInstance *instance, const Times *t,
                    GemelSample *out)
{
    static const char *const guest_disks[] = {"vda", "vdb"};
    guint disks = instance->kind == GEMEL_KIND_VM && instance->vcpus >= 4 ? 2 : 1;
    double rd = flow(world, instance, SALT_RD, instance->load.rd_bytes, t->run);
    double wr = flow(world, instance, SALT_WR, instance->load.wr_bytes, t->run);

    set(out, GEMEL_METRIC_IO_RD_BYTES, rd);
    set(out, GEMEL_METRIC_IO_WR_BYTES, wr);
    set(out, GEMEL_METRIC_IO_RD_OPS, rd / 24576);
    set(out, GEMEL_METRIC_IO_WR_OPS, wr / 12288);
    if (instance->kind == GEMEL_KIND_VM) { /* the host's page cache takes some */
        set(out, GEMEL_METRIC_HOST_IO_RD_BYTES, rd * 0.7);
        set(out, GEMEL_METRIC_HOST_IO_WR_BYTES, wr);
        set(out, GEMEL_METRIC_HOST_IO_RD_OPS, rd * 0.7 / 49152);
        set(out, GEMEL_METRIC_HOST_IO_WR_OPS, wr / 24576);
    }
    for (guint n = 0; n < disks; n++) {
        double share = disks == 1 ? 1 : (n == 0 ? 2.0 / 3 : 1.0 / 3);
        GemelRow *row = gemel_sample_add_row(
            out, GEMEL_ROWS_DISK, instance->kind == GEMEL_KIND_VM ? guest_disks[n] : "sda");

        set_row(row, GEMEL_ROW_DISK_RD_BYTES, rd * share);
        set_row(row, GEMEL_ROW_DISK_WR_BYTES, wr * share);
        set_row(row, GEMEL_ROW_DISK_RD_OPS, rd * share / 24576);
        set_row(row, GEMEL_ROW_DISK_WR_OPS, wr * share / 12288);
        if (instance->kind == GEMEL_KIND_CONTAINER)
            continue; /* cgroups do not tell the time */
        set_row(row, GEMEL_ROW_DISK_RD_TIME, rd * share / 24576 * 180e3);
        set_row(row, GEMEL_ROW_DISK_WR_TIME, wr * share / 12288 * 650e3);
        set_row(row, GEMEL_ROW_DISK_FL_OPS, wr * share / 98304);
        set_row(row, GEMEL_ROW_DISK_FL_TIME, wr * share / 98304 * 2e6);
        set_row(row, GEMEL_ROW_DISK_CAPACITY, 21474836480.0);
        set_row(row, GEMEL_ROW_DISK_ALLOCATION, 6442450944.0);
    }
}

static void fill_net(const SimWorld *world, const SimInstance *instance, const Times *t,
                     GemelSample *out)
{
    double rx = flow(world, instance, SALT_RX, instance->load.rx_bytes, t->run);
    double tx = flow(world, instance, SALT_TX, instance->load.tx_bytes, t->run);
    double drops = instance->hash % 7 == 0 ? t->run / 90 : 0;
    char name[16] = "eth0";
    GemelRow *row;

    if (instance->network != NULL && g_str_equal(instance->network, "none"))
        return;
    if (instance->kind == GEMEL_KIND_VM)
        g_snprintf(name, sizeof name, "vnet%u", (guint)(instance->hash % 90));
    row = gemel_sample_add_row(out, GEMEL_ROWS_NIC, name);
    set_row(row, GEMEL_ROW_NIC_RX_BYTES, rx);
    set_row(row, GEMEL_ROW_NIC_TX_BYTES, tx);
    set_row(row, GEMEL_ROW_NIC_RX_PACKETS, rx / 740);
    set_row(row, GEMEL_ROW_NIC_TX_PACKETS, tx / 910);
    set_row(row, GEMEL_ROW_NIC_ERRORS, 0);
    set_row(row, GEMEL_ROW_NIC_DROPS, drops);
    set(out, GEMEL_METRIC_NET_RX_BYTES, rx);
    set(out, GEMEL_METRIC_NET_TX_BYTES, tx);
    set(out, GEMEL_METRIC_NET_RX_PACKETS, rx / 740);
    set(out, GEMEL_METRIC_NET_TX_PACKETS, tx / 910);
    set(out, GEMEL_METRIC_NET_ERRORS, 0);
    set(out, GEMEL_METRIC_NET_DROPS, drops);
}

static void fill_pids(const SimWorld *world, const SimInstance *instance, const Times *t,
                      GemelSample *out)
{
    Wave count = wave(world, instance, SALT_PIDS, SIM_SHAPE_BUSY, 0.1, 0.35);

    if (instance->kind == GEMEL_KIND_VM) {
        set(out, GEMEL_METRIC_PIDS_CURRENT, 4 + instance->vcpus);
        return;
    }
    set(out, GEMEL_METRIC_PIDS_CURRENT,
        1 + wave_at(&count, t->run) *
                (double)(instance->pids_limit > 0 ? MIN(instance->pids_limit, 200) : 40));
    if (instance->pids_limit > 0)
        set(out, GEMEL_METRIC_PIDS_LIMIT, (double)instance->pids_limit);
}

static void fill_pressure(const SimWorld *world, const SimInstance *instance, const Times *t,
                          GemelSample *out)
{
    gboolean is_tight = instance->load.memory_high > 0.9;
    const struct {
        guint salt;
        double high;
        GemelMetric some, full, total, full_total;
    } kinds[] = {
        {SALT_PSI_CPU, instance->load.pressure, GEMEL_METRIC_PSI_CPU_SOME,
         GEMEL_METRIC_PSI_CPU_FULL, GEMEL_METRIC_PSI_CPU_TOTAL, GEMEL_METRIC_PSI_CPU_FULL_TOTAL},
        {SALT_PSI_MEM, is_tight ? 0.25 : 0.01, GEMEL_METRIC_PSI_MEM_SOME, GEMEL_METRIC_PSI_MEM_FULL,
         GEMEL_METRIC_PSI_MEM_TOTAL, GEMEL_METRIC_PSI_MEM_FULL_TOTAL},
        {SALT_PSI_IO, instance->load.pressure * 0.6, GEMEL_METRIC_PSI_IO_SOME,
         GEMEL_METRIC_PSI_IO_FULL, GEMEL_METRIC_PSI_IO_TOTAL, GEMEL_METRIC_PSI_IO_FULL_TOTAL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Wave stall = wave(world, instance, kinds[i].salt, SIM_SHAPE_BURSTS, 0, kinds[i].high);
        double some = t->run > 0 ? wave_at(&stall, t->run) : 0;

        set(out, kinds[i].some, some * 10000);
        set(out, kinds[i].full, some * 3000);
        set(out, kinds[i].total, wave_sum(&stall, t->run) * 1e6);
        set(out, kinds[i].full_total, wave_sum(&stall, t->run) * 0.3e6);
    }
}

/* All figures of an instance at one virtual time. */
static GemelSample *figures(const SimWorld *world, const SimInstance *instance, double now,
                            gint64 time_ns)
{
    GemelSample *out = gemel_sample_new(instance->id, time_ns);
    Times t = {
        .now = now,
        .run = sim_clock_read(&instance->run, now),
        .work = sim_clock_read(&instance->work, now),
        .held = sim_clock_read(&instance->held, now),
    };

    g_array_set_size(out->rows, instance->vcpus + 3); /* one allocation instead of four */
    g_array_set_size(out->rows, 0);
    fill_cpu(world, instance, &t, out);
    fill_memory(world, instance, &t, out);
    fill_io(world, instance, &t, out);
    fill_net(world, instance, &t, out);
    fill_pids(world, instance, &t, out);
    fill_pressure(world, instance, &t, out);
    sim_trouble_add(world, instance, t.run, out);
    return out;
}

/* Steps of the clock that makes rates exact under time=: ten a second. */
#define STEP_NS G_GINT64_CONSTANT(100000000)

/* What a counter shows that stood at `a` and, a second later, at `b`, and has since gone on at that
   rate for `steps` tenths of a second. */
static guint64 go_on(guint64 a, guint64 b, gint64 steps)
{
    guint64 per_step = b > a ? (b - a + 5) / 10 : 0;

    return a + per_step * (guint64)steps;
}

/* With time= everything stands as it was at that time, while counters go on at the rates they had
   then, by exact steps: whoever divides differences by times gets the same rates every time. */
static GemelSample *frozen_figures(const SimWorld *world, const SimInstance *instance)
{
    gint64 steps = sim_since_ns(world) / STEP_NS;
    double now = world->options.time_s;
    GemelSample *out = figures(world, instance, now, world->created_ns + steps * STEP_NS);
    g_autoptr(GemelSample) later = figures(world, instance, now + 1, 0);

    for (guint m = 0; m < GEMEL_METRIC_N; m++)
        if (gemel_metrics[m].kind == GEMEL_METRIC_COUNTER)
            out->value[m] = go_on(out->value[m], later->value[m], steps);
    for (guint i = 0; i < out->rows->len; i++) {
        GemelRow *row = &g_array_index(out->rows, GemelRow, i);
        const GemelRow *next = &g_array_index(later->rows, GemelRow, i);

        for (guint m = 0; m < GEMEL_ROW_N; m++)
            if (gemel_row_metrics[m].kind == GEMEL_METRIC_COUNTER)
                row->value[m] = go_on(row->value[m], next->value[m], steps);
    }
    return out;
}

GemelSample *sim_figures(const SimWorld *world, const SimInstance *instance, double now_s,
                         gint64 time_ns)
{
    return world->options.has_time ? frozen_figures(world, instance)
                                   : figures(world, instance, now_s, time_ns);
}

/* The bulk call. Against a hung guest the first caller blocks, as with QEMU under libvirt; while it
   does, the others get everybody else and the hung one by name. */
GPtrArray *sim_sample(GemelConn *conn, GError **error)
{
    SimWorld *world = sim_world(conn);
    GPtrArray *samples;
    double now;
    gint64 time_ns;

    if (!sim_enter(conn, SIM_OP_SAMPLE, error))
        return NULL;
    sim_lock(world);
    if (world->options.hang_instance != NULL && world->hung_calls == 0) {
        const SimInstance *hung = g_hash_table_lookup(world->by_name, world->options.hang_instance);
        g_autofree char *id = hung != NULL ? g_strdup(hung->id) : NULL;

        world->hung_calls++;
        if (id != NULL)
            sim_hang_with(world, id);
        world->hung_calls--;
    }
    world->samples++;
    now = sim_now_s(world);
    time_ns = gemel_boottime_ns();
    samples = g_ptr_array_new_full(world->instances->len, (GDestroyNotify)gemel_sample_free);
    for (guint i = 0; i < world->instances->len; i++) {
        const SimInstance *instance = g_ptr_array_index(world->instances, i);

        if (instance->state != GEMEL_STATE_RUNNING && instance->state != GEMEL_STATE_PAUSED)
            continue;
        if (sim_instance_hangs(world, instance)) {
            GemelSample *none = gemel_sample_new(instance->id, time_ns);

            none->quarantine = g_strdup("its QEMU does not answer");
            g_ptr_array_add(samples, none);
        } else {
            g_ptr_array_add(samples, sim_figures(world, instance, now, time_ns));
        }
    }
    sim_unlock(world);
    return samples;
}
