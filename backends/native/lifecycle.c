/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting, stopping and all else that changes what a container is doing; see native.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/cgroup.h"
#include "backends/native/conmon.h"
#include "backends/native/native.h"
#include "backends/native/process.h"

#define STOP_TIMEOUT_MS 10000
#define GONE_TIMEOUT_MS 10000 /* after KILL */
#define CONMON_WAIT_MS  5000  /* for conmon to record the end and clean up */

/* ---- holding a container -------------------------------------------------------------------- */

static gboolean is_alive(const NativeStatus *status)
{
    return status->state == GEMEL_STATE_RUNNING || status->state == GEMEL_STATE_PAUSED;
}

/* Waits for the conmon of a container that has ended; one that does not end is ended. */
static void wait_for_conmon(const NativeRun *run)
{
    int pidfd = native_process_open(run->conmon, run->conmon_start);

    if (pidfd < 0)
        return;
    if (!native_pidfd_wait(pidfd, CONMON_WAIT_MS)) {
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        native_pidfd_wait(pidfd, 1000);
    }
    close(pidfd);
}

/* Removes what a run left: the runtime's state and cgroups, conmon's files, our record. The exit
   file stays when `keep_exit`, for `list` to say how it ended. */
static void clean_run(const NativeStore *store, const char *id, NativeRun *run, gboolean keep_exit)
{
    static const char *const delete_args[] = {"delete", "--force", NULL};
    static const char *const files[] = {"init.pid", "conmon.pid", "spawn.lock", "exit", "oom", ""};
    static const char *const sockets[] = {"attach", "ctl", "winsz", "oom"};
    g_autofree char *runtime_state = g_build_filename(store->run, "runtime", id, NULL);
    g_autofree char *state = native_store_state_path(store, id);
    g_autofree char *state_new = g_strconcat(state, ".new", NULL);
    g_autofree char *exit_file = native_store_exit_path(store, id);

    wait_for_conmon(run);
    if (access(runtime_state, F_OK) == 0) {
        g_autofree char *runtime = run->runtime != NULL && *run->runtime != '\0'
                                       ? g_strdup(run->runtime)
                                       : native_runtime_find(store, NULL);

        if (runtime != NULL)
            native_runtime_run(store, runtime, id, delete_args, NULL, NULL, NULL);
    }
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        g_autofree char *path = native_store_container_path(store, id, sockets[i]);

        unlink(path);
    }
    if (!keep_exit) {
        for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
            g_autofree char *path = native_store_run_path(store, id, files[i]);

            remove(path);
        }
        unlink(exit_file);
        unlink(state_new);
        unlink(state);
        native_run_done(run);
    }
}

void native_hold_clean(NativeHold *hold)
{
    if (!is_alive(&hold->status))
        clean_run(hold->store, hold->container->id, &hold->run, TRUE);
}

/* Whether the runtime knows the container as running: asked when a start was interrupted after
   the runtime did its part and before that was recorded. */
static gboolean runtime_says_running(const NativeStore *store, const char *id, const NativeRun *run)
{
    static const char *const args[] = {"state", NULL};
    g_autofree char *output = NULL;
    json_t *root;
    const char *status;
    gboolean running;

    if (native_process_start_ticks(run->pid) != run->pid_start || run->pid_start == 0 ||
        !native_runtime_run(store, run->runtime, id, args, NULL, &output, NULL))
        return FALSE;
    root = json_loads(output, 0, NULL);
    status = json_string_value(json_object_get(root, "status"));
    running = status != NULL && (g_str_equal(status, "running") || g_str_equal(status, "paused"));
    json_decref(root);
    return running;
}

static void abort_run(const NativeStore *store, const char *id, NativeRun *run)
{
    int init = native_process_open(run->pid, run->pid_start);

    native_conmon_abort(store, id, run->runtime);
    if (init >= 0) {
        pidfd_send_signal(init, SIGKILL, NULL, 0);
        native_pidfd_wait(init, GONE_TIMEOUT_MS);
        close(init);
    }
    clean_run(store, id, run, FALSE);
}

/* Mends what a killed command left, now that the lock says nobody is at it. */
static void mend(NativeHold *hold)
{
    const char *id = hold->container->id;

    if (hold->run.phase == NATIVE_RUN_STARTING || hold->run.phase == NATIVE_RUN_CREATED) {
        if (runtime_says_running(hold->store, id, &hold->run)) {
            hold->run.phase = NATIVE_RUN_STARTED;
            native_run_save(hold->store, id, &hold->run, NULL);
        } else {
            abort_run(hold->store, id, &hold->run);
        }
    }
    if (hold->run.snapshot_freeze) {
        native_cgroup_set_frozen(native_cgroups_host(), hold->run.cgroup, FALSE, NULL);
        hold->run.snapshot_freeze = FALSE;
        native_run_save(hold->store, id, &hold->run, NULL);
    }
}

gboolean native_hold(NativeConn *conn, const char *id, NativeHold *ret, GError **error)
{
    GError *problem = NULL;

    *ret = (NativeHold){.store = conn->store, .lock = -1};
    ret->container = native_container_load(conn->store, id, error);
    if (ret->container == NULL)
        return FALSE;
    if (conn->read_only)
        return native_store_deny(conn->store, error);
    ret->lock = native_lock_container(conn->store, id, &problem);
    if (ret->lock < 0) {
        gemel_error_set(error, (GemelErrorKind)problem->code, "container %s: %s",
                        ret->container->name, problem->message);
        g_error_free(problem);
        return FALSE;
    }
    /* It may have changed while we waited. */
    native_container_free(ret->container);
    ret->container = native_container_load(conn->store, id, error);
    if (ret->container == NULL)
        return FALSE;
    native_run_load(conn->store, id, &ret->run);
    mend(ret);
    native_status_read(conn->store, id, &ret->run, &ret->status);
    return TRUE;
}

void native_hold_done(NativeHold *hold)
{
    native_lock_release(&hold->lock);
    g_clear_pointer(&hold->container, native_container_free);
    native_run_done(&hold->run);
    native_status_done(&hold->status);
}

gboolean native_hold_conflict(const NativeHold *hold, const char *what, GError **error)
{
    return gemel_error_set(error, GEMEL_ERROR_CONFLICT, "container %s: %s", hold->container->name,
                           what);
}

static void refresh(NativeHold *hold)
{
    native_status_done(&hold->status);
    native_status_read(hold->store, hold->container->id, &hold->run, &hold->status);
}

/* ---- start ---------------------------------------------------------------------------------- */

static gboolean write_config(const NativeHold *hold, const GemelActArgs *args, GError **error)
{
    const NativeContainer *c = hold->container;
    const char *memory = native_cgroups_host()->v1[NATIVE_CGROUP_MEMORY];
    g_autofree char *swap_file =
        g_build_filename(memory != NULL ? memory : "/", "memory.memsw.limit_in_bytes", NULL);
    g_autofree char *path = native_store_container_path(hold->store, c->id, "config.json");
    g_autofree char *rootfs = native_store_container_path(hold->store, c->id, "rootfs");
    g_autofree char *text = NULL, *before = NULL;
    NativeBundleHost host = {
        .cgroup = hold->run.cgroup,
        .private_root = native_runtime_mounts_overlay(hold->run.runtime) ? NULL : rootfs,
        .has_memory_swap = memory == NULL || access(swap_file, F_OK) == 0,
        .rows = args != NULL ? args->rows : 0,
        .cols = args != NULL ? args->cols : 0,
    };

    text = native_bundle_format(c, &host, error);
    if (text == NULL)
        return FALSE;
    before = native_file_read(path, 4 * 1024 * 1024, NULL);
    if (g_strcmp0(text, before) == 0)
        return TRUE;
    return native_file_write(path, text, 0600, NATIVE_WRITE_DURABLE, error);
}

/* Everything up to the container's program running; on failure the caller cleans up. */
static gboolean start_steps(NativeHold *hold, const GemelActArgs *args, GError **error)
{
    static const char *const start_args[] = {"start", NULL};
    const NativeStore *store = hold->store;
    const char *id = hold->container->id;
    GError *problem = NULL;

    hold->run.phase = NATIVE_RUN_STARTING;
    if (!write_config(hold, args, error) || !native_run_save(store, id, &hold->run, error))
        return FALSE;
    native_kill_point("starting");
    if (!native_conmon_create(store, hold->container, &hold->run, args, error))
        return FALSE;
    native_kill_point("created");
    hold->run.phase = NATIVE_RUN_CREATED;
    if (!native_run_save(store, id, &hold->run, error))
        return FALSE;
    if (!native_runtime_run(store, hold->run.runtime, id, start_args, NULL, NULL, &problem)) {
        gemel_error_set(
            error, (GemelErrorKind)problem->code, "container %s: %s", hold->container->name,
            strstr(problem->message, "start: ") != NULL ? strstr(problem->message, "start: ")
                                                        : problem->message);
        g_error_free(problem);
        return FALSE;
    }
    native_kill_point("started");
    hold->run.phase = NATIVE_RUN_STARTED;
    return native_run_save(store, id, &hold->run, error);
}

gboolean native_start_held(NativeHold *hold, const GemelActArgs *args, GError **error)
{
    NativeContainer *c = hold->container;
    g_autofree char *runtime = NULL;

    if (is_alive(&hold->status))
        return native_hold_conflict(hold, "is already running", error);
    runtime = native_runtime_find(hold->store, error);
    if (runtime == NULL || !native_network_check(c->network, TRUE, error))
        return FALSE;
    clean_run(hold->store, c->id, &hold->run, FALSE);
    native_layers_sweep(hold->store, c);
    native_cgroup_prepare(native_cgroups_host(), hold->store->cgroup_parent);
    hold->run.runtime = g_steal_pointer(&runtime);
    hold->run.cgroup = g_build_filename(hold->store->cgroup_parent, c->id, NULL);
    hold->run.host_network = g_str_equal(c->network, "host");
    hold->run.tty = c->tty;
    if (!start_steps(hold, args, error)) {
        abort_run(hold->store, c->id, &hold->run);
        return FALSE;
    }
    refresh(hold);
    return TRUE;
}

gboolean native_start(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};

    return native_hold((NativeConn *)conn, id, &hold, error) &&
           native_start_held(&hold, args, error);
}

gboolean native_hold_allows(const NativeHold *hold, GemelAct act, const GemelActArgs *args,
                            GError **error)
{
    return gemel_protection_allows(hold->container->is_protected, hold->container->name, act, args,
                                   error);
}

/* ---- stop and kill -------------------------------------------------------------------------- */

/* A frozen process takes no signal: thaw it, after a signal that is to be the first it sees. */
static void thaw(const NativeHold *hold)
{
    if (hold->status.state == GEMEL_STATE_PAUSED)
        native_cgroup_set_frozen(native_cgroups_host(), hold->run.cgroup, FALSE, NULL);
}

/* After the init is gone: waits for conmon's record, then tidies. */
static void settle(NativeHold *hold)
{
    clean_run(hold->store, hold->container->id, &hold->run, TRUE);
    native_run_save(hold->store, hold->container->id, &hold->run, NULL); /* tells the watchers */
    refresh(hold);
}

gboolean native_kill_held(NativeHold *hold, GError **error)
{
    int pidfd = native_process_open(hold->run.pid, hold->run.pid_start);
    gboolean gone = TRUE;

    if (pidfd >= 0) {
        /* The kernel ends a pid namespace with its init, so one signal ends all. */
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        thaw(hold);
        gone = native_pidfd_wait(pidfd, GONE_TIMEOUT_MS);
        close(pidfd);
    }
    if (!gone)
        return gemel_error_set(error, GEMEL_ERROR_TIMEOUT,
                               "container %s: still there %d s after KILL; a process of it may "
                               "hang in the kernel (state D)",
                               hold->container->name, GONE_TIMEOUT_MS / 1000);
    settle(hold);
    return TRUE;
}

/* Waits, in slices that see a cancel, without the lock: a kill must get through meanwhile. */
static gboolean wait_gone(int pidfd, gint64 timeout_ms, const GemelActArgs *args)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;

    for (;;) {
        gint64 left_ms = (deadline_us - g_get_monotonic_time() + 999) / 1000;

        if (native_pidfd_wait(pidfd, (int)CLAMP(left_ms, 0, 100)))
            return TRUE;
        if (left_ms <= 0 || gemel_act_cancelled(args))
            return FALSE;
    }
}

gboolean native_stop(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    gint timeout_ms = args != NULL && args->timeout_ms > 0 ? args->timeout_ms : STOP_TIMEOUT_MS;
    int pidfd, signal_number;
    gboolean gone;

    {
        g_auto(NativeHold) hold = {.lock = -1};

        if (!native_hold((NativeConn *)conn, id, &hold, error))
            return FALSE;
        if (hold.status.state == GEMEL_STATE_STOPPING) {
            settle(&hold);
            return TRUE;
        }
        if (hold.status.state == GEMEL_STATE_PAUSED && !(args != NULL && args->force))
            return native_hold_conflict(&hold, "is paused; resume it first, or kill it", error);
        if (!is_alive(&hold.status))
            return native_hold_conflict(&hold, "is not running", error);
        if (!native_hold_allows(&hold, GEMEL_ACT_STOP, args, error))
            return FALSE;
        if (args != NULL && args->force)
            return native_kill_held(&hold, error);
        signal_number = native_signal_number(hold.container->stop_signal);
        pidfd = native_process_open(hold.run.pid, hold.run.pid_start);
        if (pidfd >= 0)
            pidfd_send_signal(pidfd, signal_number > 0 ? signal_number : SIGTERM, NULL, 0);
    }
    if (pidfd >= 0) {
        gone = args != NULL && args->no_wait ? FALSE : wait_gone(pidfd, timeout_ms, args);
        close(pidfd);
        if (!gone && args != NULL && args->no_wait)
            return TRUE;
        if (!gone && gemel_act_cancelled(args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED,
                                   "container %.12s: stop cancelled; it has its stop signal, and "
                                   "may still run",
                                   id);
    } else {
        gone = TRUE;
    }
    {
        g_auto(NativeHold) hold = {.lock = -1};

        if (!native_hold((NativeConn *)conn, id, &hold, error))
            return FALSE;
        if (!gone)
            gemel_act_note(args, "did not stop within %.3g s and was killed", timeout_ms / 1000.0);
        if (is_alive(&hold.status) && !gone)
            return native_kill_held(&hold, error);
        if (hold.status.state == GEMEL_STATE_STOPPING || hold.status.state == GEMEL_STATE_STOPPED)
            settle(&hold);
    }
    return TRUE;
}

gboolean native_kill(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    const char *name = args != NULL && args->signal != NULL ? args->signal : "KILL";
    int signal_number = native_signal_number(name), pidfd;
    g_auto(NativeHold) hold = {.lock = -1};
    gboolean ok;

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    if (signal_number == 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "signal %.20s: no such signal; give TERM, KILL, ... or a number",
                               name);
    if (!is_alive(&hold.status))
        return native_hold_conflict(&hold, "is not running", error);
    if (!native_hold_allows(&hold, GEMEL_ACT_KILL, args, error))
        return FALSE;
    if (signal_number == SIGKILL)
        return native_kill_held(&hold, error);
    pidfd = native_process_open(hold.run.pid, hold.run.pid_start);
    if (pidfd < 0)
        return native_hold_conflict(&hold, "is not running", error);
    ok = pidfd_send_signal(pidfd, signal_number, NULL, 0) == 0 ||
         gemel_error_set_errno(error, errno, "container %s: signal %s", hold.container->name, name);
    close(pidfd);
    return ok;
}

gboolean native_restart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    GemelActArgs stop_args = args != NULL ? *args : (GemelActArgs){0};

    stop_args.no_wait = FALSE;
    return native_stop(conn, id, &stop_args, error) && native_start(conn, id, args, error);
}

/* ---- pause, resume, limit ------------------------------------------------------------------- */

/* The runtime does it, so that its own commands see the same. */
static gboolean change_freezer(NativeHold *hold, const char *command, GError **error)
{
    const char *const args[] = {command, NULL};
    const char *id = hold->container->id;
    GError *problem = NULL;
    gboolean done =
        native_runtime_run(hold->store, hold->run.runtime, id, args, NULL, NULL, &problem);

    refresh(hold);
    if (!done && !is_alive(&hold->status)) { /* it ended by itself meanwhile */
        g_error_free(problem);
        return native_hold_conflict(hold, "is not running", error);
    }
    if (!done) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    return native_run_save(hold->store, id, &hold->run, error);
}

gboolean native_pause(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    if (hold.status.state == GEMEL_STATE_PAUSED)
        return native_hold_conflict(&hold, "is already paused", error);
    if (hold.status.state != GEMEL_STATE_RUNNING)
        return native_hold_conflict(&hold, "is not running", error);
    return change_freezer(&hold, "pause", error);
}

gboolean native_resume(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    if (hold.status.state != GEMEL_STATE_PAUSED)
        return native_hold_conflict(&hold, "is not paused", error);
    return change_freezer(&hold, "resume", error);
}

static gboolean apply_limits(const NativeHold *hold, const GemelLimits *limits, GError **error)
{
    static const char *const args[] = {"update", "--resources", "-", NULL};
    const char *memory = native_cgroups_host()->v1[NATIVE_CGROUP_MEMORY];
    g_autofree char *swap_file =
        g_build_filename(memory != NULL ? memory : "/", "memory.memsw.limit_in_bytes", NULL);
    json_t *resources =
        native_bundle_resources(limits, memory == NULL || access(swap_file, F_OK) == 0, TRUE);
    char *text = json_dumps(resources, 0);
    gboolean ok = native_runtime_run(hold->store, hold->run.runtime, hold->container->id, args,
                                     text, NULL, error);

    free(text);
    json_decref(resources);
    return ok;
}

gboolean native_limit(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    const GemelLimits wish = args != NULL ? args->limits : GEMEL_LIMITS_NONE;
    g_auto(NativeHold) hold = {.lock = -1};
    g_autofree char *dir = NULL;
    GemelLimits before;
    GError *problem = NULL;

    if (!native_hold((NativeConn *)conn, id, &hold, error) || !native_limits_check(&wish, error))
        return FALSE;
    if (wish.cpus < 0 && wish.memory_bytes < 0 && wish.pids < 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: no limit given: cpu=N, memory=SIZE or pids=N",
                               hold.container->name);
    before = hold.container->limits;
    if (wish.cpus >= 0)
        hold.container->limits.cpus = wish.cpus;
    if (wish.memory_bytes >= 0)
        hold.container->limits.memory_bytes = wish.memory_bytes;
    if (wish.pids >= 0)
        hold.container->limits.pids = wish.pids;
    dir = native_store_container_path(hold.store, id, NULL);
    if (!native_container_save(hold.container, dir, error))
        return FALSE;
    if (!is_alive(&hold.status) || apply_limits(&hold, &hold.container->limits, &problem))
        return TRUE;
    refresh(&hold);
    if (!is_alive(
            &hold.status)) { /* it ended by itself meanwhile: they hold from the next start on */
        g_error_free(problem);
        return TRUE;
    }
    /* All or nothing: what the kernel refuses is not kept for the next start either. */
    hold.container->limits = before;
    native_container_save(hold.container, dir, NULL);
    apply_limits(&hold, &before, NULL);
    gemel_error_set(error, (GemelErrorKind)problem->code, "container %s: limit: %s",
                    hold.container->name, problem->message);
    g_error_free(problem);
    return FALSE;
}

/* ---- delete --------------------------------------------------------------------------------- */

/* Something in containers/ that cannot be read as a container: nothing runs from it that we know
   of, so only the files are removed. */
static gboolean delete_leftover(NativeConn *conn, const char *id, GError **error)
{
    NativeLock lock;
    gboolean ok;

    if (conn->read_only)
        return native_store_deny(conn->store, error);
    lock = native_lock_container(conn->store, id, error);
    if (lock < 0)
        return FALSE;
    ok = native_store_discard(conn->store, id, error);
    native_lock_release(&lock);
    return ok;
}

/* With the last container the groups above it go, too. Names are locked, so none is being made. */
static void tidy_after_last(const NativeStore *store)
{
    NativeLock names = native_lock_names(store, NULL);
    g_autoptr(GPtrArray) ids = names >= 0 ? native_store_list_ids(store, NULL) : NULL;

    if (ids != NULL && ids->len == 0)
        native_cgroup_tidy(native_cgroups_host(), store->cgroup_parent);
    native_lock_release(&names);
}

gboolean native_delete(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_auto(NativeHold) hold = {.lock = -1};
    GError *problem = NULL;

    if (!native_hold(native, id, &hold, &problem)) {
        if (hold.container == NULL && problem->code == GEMEL_ERROR_FAILED) {
            g_error_free(problem);
            native_lock_release(&hold.lock);
            return delete_leftover(native, id, error);
        }
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (!native_hold_allows(&hold, GEMEL_ACT_DELETE, args, error))
        return FALSE;
    if (is_alive(&hold.status)) {
        if (args == NULL || !args->force)
            return native_hold_conflict(&hold, "is running; stop it first", error);
        if (!native_kill_held(&hold, error))
            return FALSE;
    }
    clean_run(hold.store, id, &hold.run, FALSE);
    if (!native_store_discard(hold.store, id, error))
        return FALSE;
    tidy_after_last(hold.store);
    return TRUE;
}
