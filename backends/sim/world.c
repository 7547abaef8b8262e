/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * world.c - the shared state: finding instances, changing their state, and what is due later.
 */
#include "backends/sim/sim.h"

gint64 sim_since_ns(const SimWorld *world)
{
    return gemel_boottime_ns() - world->created_ns;
}

double sim_now_s(const SimWorld *world)
{
    if (world->options.has_time)
        return world->options.time_s;
    return (double)sim_since_ns(world) / 1e9;
}

double sim_clock_read(const SimClock *clock, double now)
{
    double value = clock->at + clock->rate * (now - clock->since);

    return value > 0 ? value : 0;
}

void sim_clock_run(SimClock *clock, double now, double rate)
{
    clock->at = sim_clock_read(clock, now);
    clock->since = now;
    clock->rate = rate;
}

void sim_instance_free(SimInstance *instance)
{
    if (instance == NULL)
        return;
    g_free(instance->id);
    g_free(instance->name);
    g_free(instance->image);
    g_free(instance->reason);
    g_free(instance->pending_reason);
    g_clear_pointer(&instance->labels, g_hash_table_unref);
    g_clear_pointer(&instance->snapshots, g_ptr_array_unref);
    g_free(instance->definition);
    g_free(instance->rootfs);
    g_free(instance->hostname);
    g_free(instance->network);
    g_free(instance->user);
    g_free(instance->cwd);
    g_strfreev(instance->argv);
    g_strfreev(instance->env);
    g_free(instance);
}

char *sim_new_id(const SimWorld *world, GemelKind kind, guint64 n)
{
    guint64 part[4];

    for (guint i = 0; i < G_N_ELEMENTS(part); i++)
        part[i] = sim_hash(world->options.seed ^ 0x1d, n * 4 + i);
    if (kind == GEMEL_KIND_VM)
        return g_strdup_printf("%08x-%04x-4%03x-%04x-%012" G_GINT64_MODIFIER "x", (guint)part[0],
                               (guint)(part[0] >> 48), (guint)(part[1] & 0xfff),
                               (guint)(0x8000 | (part[1] >> 16 & 0x3fff)), part[2] >> 16);
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER
                           "x%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x",
                           part[0], part[1], part[2], part[3]);
}

/* The CPUs an instance would use at most if nothing held it back. */
static double peak_cpus(const SimInstance *instance)
{
    double cores = instance->kind == GEMEL_KIND_VM ? instance->vcpus : instance->load.cores;

    return cores * instance->load.cpu_high;
}

void sim_instance_retime(SimInstance *instance, double now)
{
    gboolean runs =
        instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_STOPPING;
    double peak = peak_cpus(instance);
    double speed = 1;

    if (instance->cpu_limit > 0 && peak > instance->cpu_limit)
        speed = instance->cpu_limit / peak;
    sim_clock_run(&instance->run, now, runs ? 1 : 0);
    sim_clock_run(&instance->work, now, runs ? speed : 0);
    sim_clock_run(&instance->held, now, runs ? 1 - speed : 0);
}

void sim_instance_boot(SimWorld *world, SimInstance *instance)
{
    double now = sim_now_s(world);

    instance->started_s = now;
    instance->run = instance->work = instance->held = (SimClock){.since = now};
    instance->runs++;
    instance->is_hung = FALSE;
}

void sim_enter_state(SimWorld *world, SimInstance *instance, GemelState state, const char *reason,
                     const char *detail)
{
    gboolean was_off = instance->state != GEMEL_STATE_RUNNING &&
                       instance->state != GEMEL_STATE_PAUSED &&
                       instance->state != GEMEL_STATE_STOPPING;

    instance->state = state;
    g_free(instance->reason);
    instance->reason = g_strdup(reason);
    if (state == GEMEL_STATE_RUNNING && was_off)
        sim_instance_boot(world, instance);
    if (state == GEMEL_STATE_STOPPED || state == GEMEL_STATE_CRASHED) {
        instance->runs++;
        instance->is_hung = FALSE;
    }
    sim_instance_retime(instance, sim_now_s(world));
    sim_notify(world, GEMEL_EVENT_STATE, instance, detail != NULL ? detail : reason);
}

void sim_unschedule(SimInstance *instance)
{
    instance->due_ns = 0;
    instance->pending = instance->then = GEMEL_ACT_N;
    g_clear_pointer(&instance->pending_reason, g_free);
}

void sim_schedule(SimWorld *world, SimInstance *instance, GemelAct act, gint64 delay_ns,
                  GemelAct then)
{
    instance->due_ns = gemel_boottime_ns() + MAX(delay_ns, 0);
    instance->pending = act;
    instance->then = then;
    world->next_due_ns = MIN(world->next_due_ns, instance->due_ns);
    sim_notify(world, GEMEL_EVENT_N, NULL, NULL);
}

gint64 sim_act_duration_ns(const SimWorld *world, const SimInstance *instance, GemelAct act)
{
    static const struct {
        gint vm_ms, container_ms;
    } durations[GEMEL_ACT_PLAIN_N] = {
        [GEMEL_ACT_START] = {900, 250}, [GEMEL_ACT_STOP] = {1800, 450},
        [GEMEL_ACT_KILL] = {60, 40},    [GEMEL_ACT_RESTART] = {700, 450},
        [GEMEL_ACT_RESET] = {40, 0},    [GEMEL_ACT_PAUSE] = {15, 10},
        [GEMEL_ACT_RESUME] = {15, 10},  [GEMEL_ACT_DELETE] = {120, 80},
        [GEMEL_ACT_LIMIT] = {20, 5},    [GEMEL_ACT_SAVE] = {800, 0},
        [GEMEL_ACT_RESTORE] = {700, 0},
    };
    gint ms = instance->kind == GEMEL_KIND_VM ? durations[act].vm_ms : durations[act].container_ms;
    double spread = 0.75 + 0.5 * sim_unit(sim_hash(instance->hash, instance->runs * 16u + act));

    return (gint64)(ms * 1e6 * spread * world->options.pace);
}

/* A container that does batch work stops by itself and is started again a little later. */
static void plan_whim(SimWorld *world, SimInstance *instance)
{
    double wait_s = instance->state == GEMEL_STATE_RUNNING ? 35 : 12;

    if (!instance->is_whimsical || !world->options.whims || world->options.still ||
        world->options.has_time)
        return;
    wait_s *= 0.7 + 0.6 * sim_unit(sim_hash(instance->hash ^ 0x3b, instance->runs));
    instance->whim_due_ns = gemel_boottime_ns() + (gint64)(wait_s * 1e9);
    world->next_due_ns = MIN(world->next_due_ns, instance->whim_due_ns);
}

static void follow_whim(SimWorld *world, SimInstance *instance)
{
    instance->whim_due_ns = 0;
    if (instance->due_ns != 0)
        return;
    if (instance->state == GEMEL_STATE_RUNNING)
        sim_enter_state(world, instance, GEMEL_STATE_STOPPED, "exit status 0", "its job is done");
    else if (instance->state == GEMEL_STATE_STOPPED)
        sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "started for its next job");
}

/* What was scheduled happens. */
static void settle(SimWorld *world, SimInstance *instance)
{
    GemelAct act = instance->pending, then = instance->then;
    g_autofree char *reason = g_steal_pointer(&instance->pending_reason);

    sim_unschedule(instance);
    switch (act) {
    case GEMEL_ACT_START:
        sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "started");
        break;
    case GEMEL_ACT_STOP:
        sim_enter_state(world, instance, GEMEL_STATE_STOPPED,
                        instance->kind == GEMEL_KIND_CONTAINER ? "exit status 0" : NULL,
                        "shut down");
        break;
    case GEMEL_ACT_KILL:
        sim_enter_state(world, instance, GEMEL_STATE_STOPPED, reason, "killed");
        break;
    case GEMEL_ACT_SAVE:
        sim_enter_state(world, instance, GEMEL_STATE_SAVED, NULL, "memory saved");
        break;
    case GEMEL_ACT_RESTORE:
        sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "restored");
        break;
    case GEMEL_ACT_PAUSE:
        sim_enter_state(world, instance, GEMEL_STATE_PAUSED, NULL, "paused");
        break;
    case GEMEL_ACT_RESUME:
        sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "resumed");
        break;
    case GEMEL_ACT_RESTART: /* the guest's QEMU, and with it the counters, go on */
    case GEMEL_ACT_RESET:
        sim_enter_state(world, instance, instance->state, NULL, "rebooted");
        break;
    default:
        break;
    }
    if (then == GEMEL_ACT_START) {
        sim_enter_state(world, instance, GEMEL_STATE_STARTING, NULL, "restarting");
        sim_schedule(world, instance, then, sim_act_duration_ns(world, instance, then),
                     GEMEL_ACT_N);
    }
}

/* Lets happen what is due, and finds what is due next. */
static void settle_all(SimWorld *world)
{
    gint64 now_ns = gemel_boottime_ns();

    if (now_ns < world->next_due_ns)
        return;
    world->next_due_ns = G_MAXINT64;
    for (guint i = 0; i < world->instances->len; i++) {
        SimInstance *instance = g_ptr_array_index(world->instances, i);

        if (instance->due_ns != 0 && instance->due_ns <= now_ns)
            settle(world, instance);
        if (instance->whim_due_ns != 0 && instance->whim_due_ns <= now_ns)
            follow_whim(world, instance);
        if (instance->whim_due_ns == 0)
            plan_whim(world, instance);
        if (instance->due_ns != 0)
            world->next_due_ns = MIN(world->next_due_ns, instance->due_ns);
        if (instance->whim_due_ns != 0)
            world->next_due_ns = MIN(world->next_due_ns, instance->whim_due_ns);
    }
}

void sim_lock(SimWorld *world)
{
    pthread_mutex_lock(&world->mutex);
    settle_all(world);
}

void sim_unlock(SimWorld *world)
{
    pthread_mutex_unlock(&world->mutex);
}

void sim_world_add(SimWorld *world, SimInstance *instance)
{
    world->created++;
    g_ptr_array_add(world->instances, instance);
    g_hash_table_insert(world->by_id, instance->id, instance);
    g_hash_table_insert(world->by_name, instance->name, instance);
    sim_notify(world, GEMEL_EVENT_ADDED, instance, NULL);
}

void sim_world_remove(SimWorld *world, SimInstance *instance)
{
    instance->state = GEMEL_STATE_STOPPED;
    sim_notify(world, GEMEL_EVENT_REMOVED, instance, NULL);
    g_hash_table_remove(world->by_id, instance->id);
    g_hash_table_remove(world->by_name, instance->name);
    g_ptr_array_remove(world->instances, instance); /* frees it */
}

SimInstance *sim_find(SimWorld *world, const char *id, GError **error)
{
    SimInstance *instance = id != NULL ? g_hash_table_lookup(world->by_id, id) : NULL;

    if (instance == NULL)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                        "%s has no instance \"%.80s\"; `list` shows what there is",
                        world->base.name, id != NULL ? id : "");
    return instance;
}

void sim_fill_acts(const SimWorld *world, const SimInstance *instance, GemelInstance *out)
{
    static const GemelAct of_snapshots[] = {GEMEL_ACT_SNAPSHOT_REVERT, GEMEL_ACT_SNAPSHOT_DELETE};
    static const GemelAct of_guests[] = {GEMEL_ACT_SAVE, GEMEL_ACT_RESTORE};

    out->state = instance->state;
    out->is_protected = instance->is_protected;
    gemel_instance_compute_acts(out, &world->base);
    if (instance->kind == GEMEL_KIND_CONTAINER && gemel_backend_can(&world->base, GEMEL_ACT_RESET))
        gemel_instance_forbid(out, GEMEL_ACT_RESET, "is a container; restart it instead");
    for (guint i = 0; i < G_N_ELEMENTS(of_guests); i++)
        if (instance->kind == GEMEL_KIND_CONTAINER)
            gemel_instance_forbid(out, of_guests[i], "is a container; its memory cannot be saved");
    if (instance->kind == GEMEL_KIND_VM && gemel_backend_can(&world->base, GEMEL_ACT_EXEC))
        gemel_instance_forbid(out, GEMEL_ACT_EXEC, "is a guest; use its console instead");
    for (guint i = 0; i < G_N_ELEMENTS(of_snapshots); i++)
        if (instance->snapshots->len == 0 && gemel_instance_can(out, of_snapshots[i]))
            gemel_instance_forbid(out, of_snapshots[i], "has no snapshots");
}

gboolean sim_check_act(const SimWorld *world, const SimInstance *instance, GemelAct act,
                       GError **error)
{
    GemelInstance probe = {.kind = instance->kind};
    GemelErrorKind kind = GEMEL_ERROR_CONFLICT;

    sim_fill_acts(world, instance, &probe);
    if (gemel_instance_can(&probe, act)) {
        if (instance->due_ns == 0 || act == GEMEL_ACT_KILL || act >= GEMEL_ACT_PLAIN_N)
            return TRUE;
        return gemel_error_set(
            error, GEMEL_ERROR_BUSY, "%s is busy (%s); try again", instance->name,
            instance->state == GEMEL_STATE_STOPPING || instance->state == GEMEL_STATE_STARTING
                ? gemel_state_name(instance->state)
                : gemel_act_name(instance->pending));
    }
    if (act == GEMEL_ACT_RESET && instance->kind == GEMEL_KIND_CONTAINER)
        kind = GEMEL_ERROR_UNSUPPORTED;
    if ((act == GEMEL_ACT_SAVE || act == GEMEL_ACT_RESTORE) &&
        instance->kind == GEMEL_KIND_CONTAINER)
        kind = GEMEL_ERROR_UNSUPPORTED;
    if (instance->is_protected && gemel_act_is_destructive(act) && kind == GEMEL_ERROR_CONFLICT)
        return gemel_protection_allows(TRUE, instance->name, act, NULL, error);
    if (act == GEMEL_ACT_EXEC && instance->kind == GEMEL_KIND_VM)
        kind = GEMEL_ERROR_UNSUPPORTED;
    return gemel_error_set(error, kind, "%s %s", instance->name, probe.why_not[act]);
}
