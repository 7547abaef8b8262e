/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The run of a container and the state that follows from it; see container.h. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/container.h"
#include "backends/native/process.h"

#define FILE_MAX (64 * 1024)

static const char *const phase_names[NATIVE_RUN_N] = {
    [NATIVE_RUN_NONE] = "none",
    [NATIVE_RUN_STARTING] = "starting",
    [NATIVE_RUN_CREATED] = "created",
    [NATIVE_RUN_STARTED] = "started",
};

void native_run_done(NativeRun *run)
{
    g_free(run->runtime);
    g_free(run->cgroup);
    *run = (NativeRun){.phase = NATIVE_RUN_NONE};
}

static char boot[64];

static void read_boot(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        text = g_strdup("unknown");
    g_strlcpy(boot, g_strchomp(text), sizeof boot);
}

/* Names this boot: pids and start times mean nothing in another. */
static const char *boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_boot);
    return boot;
}

static const char *string_of(json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    return text != NULL ? text : "";
}

static json_int_t number_of(json_t *root, const char *key)
{
    return json_integer_value(json_object_get(root, key));
}

void native_run_load(const NativeStore *store, const char *id, NativeRun *run)
{
    g_autofree char *path = native_store_state_path(store, id);
    g_autofree char *text = native_file_read(path, FILE_MAX, NULL);
    json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;

    *run = (NativeRun){.phase = NATIVE_RUN_NONE};
    if (root != NULL && g_str_equal(string_of(root, "boot"), boot_id())) {
        for (NativeRunPhase phase = 0; phase < NATIVE_RUN_N; phase++)
            if (g_str_equal(string_of(root, "phase"), phase_names[phase]))
                run->phase = phase;
        run->pid = (pid_t)number_of(root, "pid");
        run->pid_start = (guint64)number_of(root, "pid_start");
        run->conmon = (pid_t)number_of(root, "conmon");
        run->conmon_start = (guint64)number_of(root, "conmon_start");
        run->stamp = (guint)number_of(root, "stamp");
        run->runtime = g_strdup(string_of(root, "runtime"));
        run->cgroup = g_strdup(string_of(root, "cgroup"));
        run->host_network = json_is_true(json_object_get(root, "host_network"));
        run->tty = json_is_true(json_object_get(root, "tty"));
        run->snapshot_freeze = json_is_true(json_object_get(root, "snapshot_freeze"));
    }
    json_decref(root);
}

NativeRunOwner native_run_owner(const NativeStore *store, const char *id)
{
    g_autofree char *path = native_store_state_path(store, id);
    g_autofree char *text = native_file_read(path, FILE_MAX, NULL);
    json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const char *owner = json_string_value(json_object_get(root, "root"));
    NativeRunOwner found = owner == NULL                     ? NATIVE_RUN_NOBODYS
                           : g_str_equal(owner, store->root) ? NATIVE_RUN_OURS
                                                             : NATIVE_RUN_OTHERS;

    json_decref(root);
    return found;
}

gboolean native_run_save(const NativeStore *store, const char *id, NativeRun *run, GError **error)
{
    g_autofree char *path = native_store_state_path(store, id);
    json_t *root;
    char *text;
    gboolean ok;

    run->stamp++;
    root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:b, s:b}",
                     "format", 1, "root", store->root, "boot", boot_id(), "phase",
                     phase_names[run->phase], "pid", (json_int_t)run->pid, "pid_start",
                     (json_int_t)run->pid_start, "conmon", (json_int_t)run->conmon, "conmon_start",
                     (json_int_t)run->conmon_start, "stamp", (json_int_t)run->stamp, "runtime",
                     run->runtime != NULL ? run->runtime : "", "cgroup",
                     run->cgroup != NULL ? run->cgroup : "", "host_network", run->host_network,
                     "tty", run->tty, "snapshot_freeze", run->snapshot_freeze);
    text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "writing %s: not UTF-8", path);
    ok = native_file_write(path, text, 0600, NATIVE_WRITE_VOLATILE, error);
    free(text);
    return ok;
}

/* ---- the state ------------------------------------------------------------------------------ */

void native_status_done(NativeStatus *status)
{
    g_clear_pointer(&status->reason, g_free);
}

/* What conmon wrote when the container ended; NULL = it wrote nothing. */
static char *exit_reason(const NativeStore *store, const char *id)
{
    g_autofree char *path = native_store_exit_path(store, id);
    g_autofree char *text = native_file_read(path, 64, NULL);
    g_autofree char *oom = native_store_run_path(store, id, "oom");
    const char *signal_name;
    int status;

    if (text == NULL || *text == '\0')
        return NULL;
    status = (int)g_ascii_strtoll(text, NULL, 10);
    if (status != 0 && access(oom, F_OK) == 0)
        return g_strdup("out of memory, killed");
    signal_name = status > 128 ? native_signal_name(status - 128) : NULL;
    if (signal_name != NULL)
        return g_strdup_printf("ended by signal %s", signal_name);
    return g_strdup_printf("exit status %d", status);
}

/* Whether an init that was created has been let go: until then there is a socket (gemel-runtime) or
   a FIFO (runc, crun) on which it waits. */
static gboolean was_started(const NativeStore *store, const char *id)
{
    static const char *const waits[] = {"start.sock", "exec.fifo"};

    for (guint i = 0; i < G_N_ELEMENTS(waits); i++) {
        g_autofree char *path = g_build_filename(store->run, "runtime", id, waits[i], NULL);

        if (access(path, F_OK) == 0)
            return FALSE;
    }
    return TRUE;
}

/* The container's init is gone: has conmon finished, too? */
static void status_of_dead(const NativeStore *store, const char *id, const NativeRun *run,
                           NativeStatus *status)
{
    int conmon;

    status->state = GEMEL_STATE_STOPPED;
    status->reason = exit_reason(store, id);
    if (status->reason != NULL)
        return;
    conmon = native_process_open(run->conmon, run->conmon_start);
    if (conmon >= 0) {
        close(conmon);
        status->state = GEMEL_STATE_STOPPING;
    } else {
        status->reason = g_strdup("its exit status is not known: conmon was killed");
    }
}

void native_status_read(const NativeStore *store, const char *id, const NativeRun *run,
                        NativeStatus *ret_status)
{
    gboolean alive;

    *ret_status = (NativeStatus){.state = GEMEL_STATE_STOPPED};
    if (run->phase == NATIVE_RUN_NONE)
        return;
    alive = run->pid_start != 0 && native_process_start_ticks(run->pid) == run->pid_start;
    if (run->phase != NATIVE_RUN_STARTED &&
        !(run->phase == NATIVE_RUN_CREATED && alive && was_started(store, id))) {
        /* Somebody starts it now, or was killed doing so. */
        if (native_lock_is_held(store, id))
            ret_status->state = GEMEL_STATE_STARTING;
        else
            ret_status->reason = g_strdup("its start was interrupted");
        return;
    }
    if (!alive) {
        status_of_dead(store, id, run, ret_status);
        return;
    }
    ret_status->started_boottime_ns = native_ticks_to_ns(run->pid_start);
    ret_status->state = native_cgroup_is_frozen(native_cgroups_host(), run->cgroup)
                            ? GEMEL_STATE_PAUSED
                            : GEMEL_STATE_RUNNING;
    if (run->snapshot_freeze && ret_status->state == GEMEL_STATE_PAUSED)
        ret_status->reason = g_strdup("frozen while a snapshot is taken");
}
