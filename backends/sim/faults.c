/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * faults.c - latency, failures, hangs and outages, injected where every operation begins.
 *
 * A hang is a window of time: calls that enter it block until it ends, as calls to a stopped daemon
 * do, and no cancel flag or deadline reaches them.
 */
#include "backends/sim/sim.h"

#include <errno.h>
#include <time.h>

void sim_sleep_until(gint64 boottime_ns)
{
    struct timespec until = {.tv_sec = boottime_ns / 1000000000,
                             .tv_nsec = boottime_ns % 1000000000};

    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

gboolean sim_hang_is_on(const SimWorld *world)
{
    gint64 since_ns = sim_since_ns(world) - world->options.hang_after_ns;

    return since_ns >= 0 && since_ns < world->options.hang_for_ns;
}

/* Blocks until the hang is over. */
static void hang(const SimWorld *world)
{
    const SimOptions *options = &world->options;

    if (options->hang_for_ns < G_MAXINT64) {
        sim_sleep_until(world->created_ns + options->hang_after_ns + options->hang_for_ns);
        return;
    }
    for (;;)
        sim_sleep_until(gemel_boottime_ns() + G_GINT64_CONSTANT(3600000000000));
}

gboolean sim_instance_hangs(const SimWorld *world, const SimInstance *instance)
{
    return instance->is_hung && sim_hang_is_on(world);
}

/* Ends with the window, and with the instance: killing a frozen QEMU frees its callers. */
void sim_hang_with(SimWorld *world, const char *id)
{
    for (;;) {
        const SimInstance *instance = g_hash_table_lookup(world->by_id, id);

        if (instance == NULL || !sim_instance_hangs(world, instance))
            return;
        sim_unlock(world);
        sim_sleep_until(gemel_boottime_ns() + 20000000);
        sim_lock(world);
    }
}

gboolean sim_is_down(const SimWorld *world)
{
    gint64 since_ns = sim_since_ns(world);

    return since_ns >= world->options.down_from_ns && since_ns < world->options.down_to_ns;
}

/* A connection does not survive an outage. */
gboolean sim_conn_alive(GemelConn *conn)
{
    SimWorld *world = sim_world(conn);
    const SimOptions *options = &world->options;
    gint64 opened_ns = ((SimConn *)conn)->opened_ns - world->created_ns;

    if (options->down_from_ns == options->down_to_ns || opened_ns >= options->down_to_ns)
        return TRUE;
    return sim_since_ns(world) < options->down_from_ns;
}

gboolean sim_enter(GemelConn *conn, SimOp op, GError **error)
{
    SimWorld *world = sim_world(conn);
    const SimOptions *options = &world->options;
    gint64 delay_ns = options->latency_ns;
    guint64 call;

    pthread_mutex_lock(&world->mutex);
    call = sim_hash(options->seed ^ 0xfa17, world->calls++);
    pthread_mutex_unlock(&world->mutex);

    delay_ns += (gint64)(sim_unit(call) * (double)options->jitter_ns);
    if (delay_ns > 0)
        sim_sleep_until(gemel_boottime_ns() + delay_ns);
    if (((options->hang_ops >> op) & 1u) && sim_hang_is_on(world))
        hang(world);
    if (!sim_conn_alive(conn))
        return gemel_error_set(error, GEMEL_ERROR_UNREACHABLE,
                               "%s does not answer (down= in its URI); it may come back by itself",
                               world->base.name);
    if (sim_unit(sim_hash(call, op)) < options->fail[op].probability)
        return gemel_error_set(error, options->fail[op].kind,
                               "%s: %s failed as asked (fail= in its URI); try again",
                               world->base.name, sim_op_name(op));
    return TRUE;
}
