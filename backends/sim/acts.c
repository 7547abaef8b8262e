/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * acts.c - start, stop and the other plain acts.
 *
 * An act checks the state, enters the passing one, schedules its effect and waits for it without
 * the mutex. The effect happens in sim_lock whoever takes it next, so `no_wait` and an abandoned
 * worker lead to the same end.
 */
#include "backends/sim/sim.h"

#include <math.h>
#include <string.h>

#define STOP_TIMEOUT_GUEST_MS     60000
#define STOP_TIMEOUT_CONTAINER_MS 10000
#define STEP_NS                   G_GINT64_CONSTANT(20000000)

gboolean sim_work(const SimWorld *world, const char *name, const char *what, gint64 duration_ns,
                  const GemelActArgs *args, GError **error)
{
    gint64 begin_ns = gemel_boottime_ns();
    gint64 end_ns = begin_ns + duration_ns;

    for (;;) {
        gint64 now_ns = gemel_boottime_ns();

        if (gemel_act_cancelled(args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: %s was cancelled", name, what);
        if (now_ns >= end_ns)
            return TRUE;
        gemel_act_progress(args, (double)(now_ns - begin_ns) / (double)duration_ns, what);
        sim_sleep_until(MIN(end_ns, now_ns + STEP_NS));
    }
}

/* Takes the mutex and finds an instance on which `act` can be done; unlocked and NULL if there is
   none. Everything but an end by force waits for an instance that hangs. */
static SimInstance *begin(GemelConn *conn, const char *id, GemelAct act, const GemelActArgs *args,
                          GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;

    if (!sim_enter(conn, SIM_OP_ACT + (SimOp)act, error))
        return NULL;
    sim_lock(world);
    if (id != NULL && act != GEMEL_ACT_KILL)
        sim_hang_with(world, id);
    instance = sim_find(world, id, error);
    if (instance != NULL &&
        (!sim_check_act(world, instance, act, error) ||
         !gemel_protection_allows(instance->is_protected, instance->name, act, args, error)))
        instance = NULL;
    if (instance == NULL)
        sim_unlock(world);
    return instance;
}

typedef enum { ENDED_DONE, ENDED_OTHERWISE, ENDED_TIMEOUT, ENDED_CANCELLED } Ended;

/* Waits, without the mutex, until nothing is pending for the instance any more. ENDED_OTHERWISE if
   it is gone or its state is not `wanted`. Locked on entry and exit. */
static Ended await(SimWorld *world, const char *id, GemelState wanted, gint64 deadline_ns,
                   const char *what, const GemelActArgs *args)
{
    gint64 begin_ns = gemel_boottime_ns();

    for (;;) {
        const SimInstance *instance = sim_find(world, id, NULL);
        gint64 now_ns = gemel_boottime_ns();
        gint64 due_ns;

        if (instance == NULL)
            return ENDED_OTHERWISE;
        due_ns = instance->due_ns;
        if (due_ns == 0)
            return instance->state == wanted ? ENDED_DONE : ENDED_OTHERWISE;
        if (gemel_act_cancelled(args))
            return ENDED_CANCELLED;
        if (now_ns >= deadline_ns)
            return ENDED_TIMEOUT;
        sim_unlock(world);
        gemel_act_progress(
            args,
            due_ns > begin_ns && due_ns < G_MAXINT64
                ? CLAMP((double)(now_ns - begin_ns) / (double)(due_ns - begin_ns), 0.0, 1.0)
                : -1,
            what);
        sim_sleep_until(MIN(MIN(due_ns, deadline_ns), now_ns + STEP_NS));
        sim_lock(world);
    }
}

/* Waits for what was scheduled and turns the outcome into a result. Unlocks. */
static gboolean finish(SimWorld *world, SimInstance *instance, GemelAct act, GemelState wanted,
                       GemelState before, const GemelActArgs *args, GError **error)
{
    g_autofree char *id = g_strdup(instance->id);
    g_autofree char *name = g_strdup(instance->name);
    Ended ended = ENDED_DONE;

    if (args == NULL || !args->no_wait)
        ended = await(world, id, wanted, G_MAXINT64, gemel_act_name(act), args);
    if (ended == ENDED_CANCELLED) {
        instance = sim_find(world, id, NULL);
        if (instance != NULL) {
            sim_unschedule(instance);
            if (instance->state != before)
                sim_enter_state(world, instance, before, NULL, "cancelled");
        }
    }
    sim_unlock(world);
    if (ended == ENDED_DONE)
        return TRUE;
    if (ended == ENDED_CANCELLED)
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: %s was cancelled", name,
                               gemel_act_name(act));
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                           "%s: %s was overtaken by another act; look at its state", name,
                           gemel_act_name(act));
}

gboolean sim_start(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, GEMEL_ACT_START, args, error);
    GemelState before;

    if (instance == NULL)
        return FALSE;
    before = instance->state;
    sim_enter_state(world, instance, GEMEL_STATE_STARTING, NULL, NULL);
    sim_schedule(world, instance, GEMEL_ACT_START,
                 sim_act_duration_ns(world, instance, GEMEL_ACT_START), GEMEL_ACT_N);
    return finish(world, instance, GEMEL_ACT_START, GEMEL_STATE_RUNNING, before, args, error);
}

/* The time is up: a container is killed, a guest runs on unless args->force. Unlocks. */
static gboolean stop_in_vain(SimWorld *world, SimInstance *instance, gint timeout_ms,
                             const GemelActArgs *args, GError **error)
{
    g_autofree char *name = g_strdup(instance->name);

    sim_unschedule(instance);
    if (instance->kind == GEMEL_KIND_CONTAINER || (args != NULL && args->force)) {
        sim_enter_state(world, instance, GEMEL_STATE_STOPPED,
                        instance->kind == GEMEL_KIND_CONTAINER ? "exit status 137" : NULL,
                        "killed after its time to stop");
        sim_unlock(world);
        gemel_act_note(args, "%s did not stop within %g s and was killed", name,
                       timeout_ms / 1000.0);
        return TRUE;
    }
    sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "did not shut down");
    sim_unlock(world);
    return gemel_error_set(error, GEMEL_ERROR_TIMEOUT,
                           "%s did not shut down within %g s and runs on; --force ends it", name,
                           timeout_ms / 1000.0);
}

gboolean sim_stop(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, GEMEL_ACT_STOP, args, error);
    gint timeout_ms = args != NULL ? args->timeout_ms : 0;
    gint64 begin_ns = gemel_boottime_ns();
    gint64 needs_ns;
    g_autofree char *name = NULL;
    Ended ended;

    if (instance == NULL)
        return FALSE;
    name = g_strdup(instance->name);
    if (timeout_ms <= 0)
        timeout_ms =
            instance->kind == GEMEL_KIND_VM ? STOP_TIMEOUT_GUEST_MS : STOP_TIMEOUT_CONTAINER_MS;
    needs_ns = sim_act_duration_ns(world, instance, GEMEL_ACT_STOP);
    sim_enter_state(world, instance, GEMEL_STATE_STOPPING, NULL, NULL);
    if (instance->ignores_stop) {
        /* What comes of it should the waiter below be gone by then. */
        GemelAct end = instance->kind == GEMEL_KIND_VM ? GEMEL_ACT_RESUME : GEMEL_ACT_KILL;
        gint64 after_ms = timeout_ms + (args != NULL && args->no_wait ? 0 : 1000);

        sim_schedule(world, instance, end, after_ms * 1000000, GEMEL_ACT_N);
        if (end == GEMEL_ACT_KILL)
            instance->pending_reason = g_strdup("exit status 137");
    } else {
        sim_schedule(world, instance, GEMEL_ACT_STOP, needs_ns, GEMEL_ACT_N);
    }
    if (args != NULL && args->no_wait) {
        sim_unlock(world);
        return TRUE;
    }
    ended =
        await(world, id, GEMEL_STATE_STOPPED, begin_ns + timeout_ms * G_GINT64_CONSTANT(1000000),
              "waiting for it to stop", args);
    instance = sim_find(world, id, NULL);
    if (ended == ENDED_TIMEOUT)
        return stop_in_vain(world, instance, timeout_ms, args, error);
    if (ended == ENDED_CANCELLED) {
        sim_unschedule(instance);
        sim_enter_state(world, instance, GEMEL_STATE_RUNNING, NULL, "stop was cancelled");
    }
    sim_unlock(world);
    if (ended == ENDED_CANCELLED)
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: stop was cancelled; it runs on",
                               name);
    return TRUE; /* stopped, or ended by another act meanwhile */
}

/* The signals a container's init dies of unless it was made not to care. */
static gboolean signal_is_known(const char *name, int *ret_number)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", 1}, {"INT", 2}, {"QUIT", 3}, {"KILL", 9}, {"TERM", 15}};

    if (g_str_has_prefix(name, "SIG"))
        name += strlen("SIG");
    for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
        if (g_str_equal(name, signals[i].name)) {
            *ret_number = signals[i].number;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean sim_kill(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    const char *name = args != NULL && args->signal != NULL ? args->signal : "KILL";
    GemelActArgs to_the_end = args != NULL ? *args : (GemelActArgs){0};
    int number;

    to_the_end.cancel = NULL; /* there is no way back */
    if (!signal_is_known(name, &number))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "no signal \"%.20s\"; say HUP, INT, QUIT, TERM or KILL", name);
    instance = begin(conn, id, GEMEL_ACT_KILL, args, error);
    if (instance == NULL)
        return FALSE;
    if (instance->kind == GEMEL_KIND_VM && number != 9) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s is a guest: it can only be ended, not sent a signal", instance->name);
        sim_unlock(world);
        return FALSE;
    }
    if (instance->ignores_stop && number != 9) {
        sim_unlock(world);
        return TRUE; /* delivered, and ignored */
    }
    sim_unschedule(instance);
    sim_schedule(world, instance, GEMEL_ACT_KILL,
                 sim_act_duration_ns(world, instance, GEMEL_ACT_KILL), GEMEL_ACT_N);
    if (instance->kind == GEMEL_KIND_CONTAINER)
        instance->pending_reason = g_strdup_printf("exit status %d", 128 + number);
    return finish(world, instance, GEMEL_ACT_KILL, GEMEL_STATE_STOPPED, instance->state,
                  &to_the_end, error);
}

gboolean sim_restart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, GEMEL_ACT_RESTART, args, error);
    gint64 needs_ns;

    if (instance == NULL)
        return FALSE;
    needs_ns = sim_act_duration_ns(world, instance, GEMEL_ACT_RESTART);
    if (instance->kind == GEMEL_KIND_VM) {
        sim_schedule(world, instance, GEMEL_ACT_RESTART, needs_ns, GEMEL_ACT_N);
    } else {
        sim_enter_state(world, instance, GEMEL_STATE_STOPPING, NULL, "restarting");
        sim_schedule(world, instance, GEMEL_ACT_STOP, needs_ns, GEMEL_ACT_START);
    }
    return finish(world, instance, GEMEL_ACT_RESTART, GEMEL_STATE_RUNNING, GEMEL_STATE_RUNNING,
                  args, error);
}

/* An act that leaves the state alone until its effect. */
static gboolean do_simply(GemelConn *conn, const char *id, GemelAct act, GemelState wanted,
                          const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, act, args, error);

    if (instance == NULL)
        return FALSE;
    if (wanted == GEMEL_STATE_N)
        wanted = instance->state;
    sim_schedule(world, instance, act, sim_act_duration_ns(world, instance, act), GEMEL_ACT_N);
    return finish(world, instance, act, wanted, instance->state, args, error);
}

gboolean sim_reset(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return do_simply(conn, id, GEMEL_ACT_RESET, GEMEL_STATE_N, args, error);
}

gboolean sim_pause(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return do_simply(conn, id, GEMEL_ACT_PAUSE, GEMEL_STATE_PAUSED, args, error);
}

gboolean sim_resume(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return do_simply(conn, id, GEMEL_ACT_RESUME, GEMEL_STATE_RUNNING, args, error);
}

gboolean sim_save(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return do_simply(conn, id, GEMEL_ACT_SAVE, GEMEL_STATE_SAVED, args, error);
}

gboolean sim_restore(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return do_simply(conn, id, GEMEL_ACT_RESTORE, GEMEL_STATE_RUNNING, args, error);
}

/* A running one goes only by force; a protected one never. */
static gboolean check_delete(SimWorld *world, SimInstance *instance, gboolean force, GError **error)
{
    if (!gemel_protection_allows(instance->is_protected, instance->name, GEMEL_ACT_DELETE, NULL,
                                 error))
        return FALSE;
    return force || sim_check_act(world, instance, GEMEL_ACT_DELETE, error);
}

gboolean sim_delete(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    gboolean force = args != NULL && args->force;
    SimInstance *instance;
    g_autofree char *name = NULL;
    gint64 needs_ns = 0;
    gboolean ok;

    if (!sim_enter(conn, SIM_OP_ACT + GEMEL_ACT_DELETE, error))
        return FALSE;
    sim_lock(world);
    instance = sim_find(world, id, error);
    ok = instance != NULL && check_delete(world, instance, force, error);
    if (ok) {
        name = g_strdup(instance->name);
        needs_ns = sim_act_duration_ns(world, instance, GEMEL_ACT_DELETE);
    }
    sim_unlock(world);
    if (!ok || !sim_work(world, name, "delete", needs_ns, args, error))
        return FALSE;
    sim_lock(world);
    instance = sim_find(world, id, error); /* another may have been quicker */
    ok = instance != NULL && check_delete(world, instance, force, error);
    if (ok)
        sim_world_remove(world, instance);
    sim_unlock(world);
    return ok;
}

/* What a limit may be. */
static gboolean check_limits(const SimInstance *instance, const GemelLimits *limits, GError **error)
{
    const char *name = instance->name;

    if (limits->cpus < 0 && limits->memory_bytes < 0 && limits->pids < 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: no limit given; say cpu=0.5, memory=64M or pids=100", name);
    if (!isfinite(limits->cpus) || limits->cpus > 4096 || (limits->cpus > 0 && limits->cpus < 0.01))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: cpu=%g is not from 0.01 to 4096 (0 = no limit)", name,
                               limits->cpus);
    if (limits->memory_bytes > 0 && limits->memory_bytes < 4096 * 1024)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: memory=%" G_GINT64_FORMAT " is less than 4 MiB", name,
                               limits->memory_bytes);
    if (instance->kind == GEMEL_KIND_VM && limits->pids >= 0)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "%s is a guest: a limit on pids is for containers", name);
    if (instance->kind == GEMEL_KIND_VM && limits->memory_bytes == 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s is a guest: its memory cannot be without limit", name);
    return TRUE;
}

gboolean sim_limit(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance = begin(conn, id, GEMEL_ACT_LIMIT, args, error);
    const GemelLimits none = GEMEL_LIMITS_NONE;
    const GemelLimits *limits = args != NULL ? &args->limits : &none;
    gboolean ok;

    if (instance == NULL)
        return FALSE;
    ok = check_limits(instance, limits, error);
    if (ok) {
        if (limits->cpus >= 0)
            instance->cpu_limit = limits->cpus;
        if (limits->memory_bytes >= 0)
            instance->memory_bytes = (guint64)limits->memory_bytes;
        if (limits->pids >= 0)
            instance->pids_limit = (guint64)limits->pids;
        sim_instance_retime(instance, sim_now_s(world));
        sim_notify(world, GEMEL_EVENT_CHANGED, instance, "limits");
    }
    sim_unlock(world);
    return ok;
}
