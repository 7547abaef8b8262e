/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/conmon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/cgroup.h"
#include "backends/native/process.h"
#include "backends/places.h"

#define CREATE_TIMEOUT_MS  60000
#define RUNTIME_TIMEOUT_MS 30000
#define ABORT_TIMEOUT_MS   5000
#define LOG_MAX_BYTES      "10485760"

/* ---- finding -------------------------------------------------------------------------------- */

char *native_runtime_find(const NativeStore *store, GError **error)
{
    char *found;

    if (store->runtime != NULL) {
        found = g_find_program_in_path(store->runtime);
        if (found == NULL)
            gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                            "OCI runtime %s (GEMEL_RUNTIME): no such program", store->runtime);
        return found;
    }
    found = places_find(PLACE_RUNTIME);
    if (found == NULL)
        found = g_find_program_in_path("gemel-runtime");
    if (found == NULL)
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "gemel-runtime is not installed beside gemel; reinstall gemel, or name "
                        "another OCI runtime by GEMEL_RUNTIME (package runc)");
    return found;
}

gboolean native_runtime_mounts_overlay(const char *runtime)
{
    g_autofree char *name = g_path_get_basename(runtime);

    return g_str_has_prefix(name, "gemel-runtime");
}

char *native_conmon_find(GError **error)
{
    static const char *const places[] = {"/usr/bin/conmon", "/usr/local/bin/conmon",
                                         "/usr/libexec/podman/conmon", "/usr/lib/podman/conmon"};
    char *found = g_find_program_in_path("conmon");

    for (guint i = 0; found == NULL && i < G_N_ELEMENTS(places); i++)
        if (g_file_test(places[i], G_FILE_TEST_IS_EXECUTABLE))
            found = g_strdup(places[i]);
    if (found == NULL)
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "conmon is not installed; install the package conmon");
    return found;
}

gboolean native_runtime_run(const NativeStore *store, const char *runtime, const char *id,
                            const char *const *args, const char *input, char **ret_output,
                            GError **error)
{
    g_autofree char *root = g_build_filename(store->run, "runtime", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *what = g_strdup_printf("container %.12s: %s", id, args[0]);

    g_ptr_array_add(argv, (gpointer)runtime);
    g_ptr_array_add(argv, (gpointer) "--root");
    g_ptr_array_add(argv, root);
    for (; *args != NULL; args++)
        g_ptr_array_add(argv, (gpointer)*args);
    g_ptr_array_add(argv, (gpointer)id);
    g_ptr_array_add(argv, NULL);
    return native_run((const char *const *)argv->pdata, input, RUNTIME_TIMEOUT_MS, what, ret_output,
                      error);
}

/* ---- creating a container ------------------------------------------------------------------- */

typedef struct {
    char *conmon, *dir, *run_dir, *exits, *runtime_root, *pid_file, *conmon_pid_file, *mount_target;
    int sync[2], start[2], messages;
    NativeLock spawn_lock; /* inherited: held until the last maker is gone */
} Launch;

static void launch_init(Launch *l, const NativeStore *store, const char *id)
{
    *l = (Launch){.sync = {-1, -1}, .start = {-1, -1}, .messages = -1, .spawn_lock = -1};
    l->dir = native_store_container_path(store, id, NULL);
    l->run_dir = native_store_run_path(store, id, NULL);
    l->exits = g_build_filename(store->run, "exits", NULL);
    l->runtime_root = g_build_filename(store->run, "runtime", NULL);
    l->pid_file = native_store_run_path(store, id, "init.pid");
    l->conmon_pid_file = native_store_run_path(store, id, "conmon.pid");
    l->mount_target = native_store_container_path(store, id, "rootfs");
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void launch_done(Launch *l)
{
    g_free(l->conmon);
    g_free(l->dir);
    g_free(l->run_dir);
    g_free(l->exits);
    g_free(l->runtime_root);
    g_free(l->pid_file);
    g_free(l->conmon_pid_file);
    g_free(l->mount_target);
    for (int i = 0; i < 2; i++) {
        close_fd(&l->sync[i]);
        close_fd(&l->start[i]);
    }
    close_fd(&l->messages);
    close_fd(&l->spawn_lock);
}

static GPtrArray *launch_argv(const Launch *l, const NativeContainer *c, const char *runtime,
                              gboolean once)
{
    GPtrArray *argv = g_ptr_array_new();
    const char *const fixed[] = {
        l->conmon, "--api-version", "1", "--cid", c->id, "--cuuid", c->id, "--name", c->name,
        "--runtime", runtime, "--bundle", l->dir, "--container-pidfile", l->pid_file,
        "--conmon-pidfile", l->conmon_pid_file, "--exit-dir", l->exits, "--persist-dir", l->run_dir,
        "--full-attach",
        /* Relative: conmon splits this argument at every colon. */
        "--log-path", "k8s-file:log", "--log-size-max", LOG_MAX_BYTES, "--log-level", "error",
        "--runtime-arg", "--root", "--runtime-arg", l->runtime_root,
        /* What the runtime keeps of a dead container (state, cgroups) goes with it, whether or not
           a gemel is there to see. */
        "--exit-command", runtime, "--exit-command-arg", "--root", "--exit-command-arg",
        l->runtime_root, "--exit-command-arg", "delete", "--exit-command-arg", c->id};

    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (gpointer)fixed[i]);
    if (c->tty) {
        g_ptr_array_add(argv, (gpointer) "--terminal");
    } else {
        g_ptr_array_add(argv, (gpointer) "--stdin");
        if (!once)
            g_ptr_array_add(argv, (gpointer) "--leave-stdin-open");
    }
    g_ptr_array_add(argv, NULL);
    return argv;
}

static char **launch_env(const Launch *l)
{
    char number[16];
    char **env = native_child_env();

    g_snprintf(number, sizeof number, "%d", l->sync[1]);
    env = g_environ_setenv(env, "_OCI_SYNCPIPE", number, TRUE);
    g_snprintf(number, sizeof number, "%d", l->start[0]);
    return g_environ_setenv(env, "_OCI_STARTPIPE", number, TRUE);
}

/* conmon's answer: one line of JSON, or nothing when it died. */
static gboolean read_answer(Launch *l, const NativeContainer *c, const GemelActArgs *args,
                            pid_t *ret_pid, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)CREATE_TIMEOUT_MS * 1000;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *message = NULL;
    char buffer[8192];
    json_t *root;
    gint64 data;

    while (strchr(text->str, '\n') == NULL) {
        struct pollfd fds = {.fd = l->sync[0], .events = POLLIN};
        int ready = poll(&fds, 1, 100);
        ssize_t got;

        if (g_get_monotonic_time() > deadline_us)
            return gemel_error_set(error, GEMEL_ERROR_TIMEOUT,
                                   "container %s: the runtime did not create it within %d s",
                                   c->name, CREATE_TIMEOUT_MS / 1000);
        if (gemel_act_cancelled(args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: start cancelled",
                                   c->name);
        if (ready <= 0)
            continue;
        got = read(l->sync[0], buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || text->len > sizeof buffer * 4)
            break;
        g_string_append_len(text, buffer, got);
    }
    root = json_loads(text->str, 0, NULL);
    data = json_integer_value(json_object_get(root, "data"));
    if (json_is_string(json_object_get(root, "message")))
        message = native_runtime_message(json_string_value(json_object_get(root, "message")));
    json_decref(root);
    if (data > 0 && data <= G_MAXINT) {
        *ret_pid = (pid_t)data;
        return TRUE;
    }
    if (message == NULL || *message == '\0') {
        char said[4096] = {0};

        if (pread(l->messages, said, sizeof said - 1, 0) < 0)
            said[0] = '\0';
        g_free(message);
        message = native_runtime_message(said);
    }
    return gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: not started: %s", c->name,
                           *message != '\0' ? message : "conmon ended without a word");
}

/* conmon's own pid, from the file it writes before it lets go of us. */
static void read_conmon_pid(const Launch *l, NativeRun *run)
{
    g_autofree char *text = native_file_read(l->conmon_pid_file, 64, NULL);

    run->conmon = text != NULL ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
    run->conmon_start = native_process_start_ticks(run->conmon);
}

static gboolean launch_conmon(Launch *l, const NativeStore *store, const NativeContainer *c,
                              NativeRun *run, gboolean once, GError **error)
{
    g_autoptr(GPtrArray) argv = launch_argv(l, c, run->runtime, once);
    g_autofree char *options = native_bundle_mount_options(c);
    NativePrivateMount private_mount = {l->dir, options, l->mount_target};
    g_auto(GStrv) env = launch_env(l);
    int keep[] = {l->sync[1], l->start[0], l->spawn_lock}, pidfd, status = 0;
    NativeSpawn spawn = {.argv = (const char *const *)argv->pdata,
                         .env = (const char *const *)env,
                         .cwd = l->dir,
                         .stdio = {-1, -1, l->messages},
                         .keep = keep,
                         .n_keep = G_N_ELEMENTS(keep),
                         .new_session = TRUE};
    pid_t pid;
    gboolean ok;

    if (!native_runtime_mounts_overlay(run->runtime))
        spawn.private_mount = &private_mount;
    if (!native_spawn(&spawn, &pid, &pidfd, error))
        return FALSE;
    native_kill_point("conmon waits");
    close_fd(&l->sync[1]);
    native_cgroup_adopt(native_cgroups_host(), store->cgroup_parent, pid);
    /* Our copy of the reading end stays open until this is written: no SIGPIPE. */
    ok = write(l->start[1], "", 1) == 1;
    close_fd(&l->start[0]);
    close_fd(&l->start[1]);
    /* The process we started only forks conmon proper and writes its pid. */
    if (!native_reap(pidfd, 10000, &status)) {
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        native_reap(pidfd, -1, &status);
        ok = FALSE;
    }
    close(pidfd);
    native_kill_point("conmon runs");
    if (ok && status == 0)
        read_conmon_pid(l, run);
    return TRUE; /* what went wrong is in the answer, or in conmon's messages */
}

gboolean native_conmon_create(const NativeStore *store, const NativeContainer *c, NativeRun *run,
                              const GemelActArgs *args, GError **error)
{
    Launch l;
    gboolean ok = FALSE;

    launch_init(&l, store, c->id);
    l.conmon = native_conmon_find(error);
    if (l.conmon == NULL || !native_dir_make(l.run_dir, 0700, error))
        goto out;
    if (pipe2(l.sync, O_CLOEXEC) != 0 || pipe2(l.start, O_CLOEXEC) != 0 ||
        (l.messages = memfd_create("conmon", MFD_CLOEXEC)) < 0) {
        gemel_error_set_errno(error, errno, "container %s", c->name);
        goto out;
    }
    l.spawn_lock = native_lock_spawn(store, c->id, error);
    if (l.spawn_lock < 0)
        goto out;
    ok = launch_conmon(&l, store, c, run, args != NULL && args->once, error) &&
         read_answer(&l, c, args, &run->pid, error);
    if (ok)
        run->pid_start = native_process_start_ticks(run->pid);
out:
    launch_done(&l);
    return ok;
}

/* ---- undoing a start that did not come to its end ------------------------------------------- */

/* Whether a process belongs to the making of this container: a conmon ("--cid ID"), or the
   runtime's create, of which the container's init is a copy until it is started. */
static gboolean makes_container(pid_t pid, const char *id)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid), *text = NULL;
    gsize length = 0;
    const char *before = "";
    gboolean creates = FALSE;

    if (!g_file_get_contents(path, &text, &length, NULL))
        return FALSE;
    for (const char *at = text; at < text + length; at += strlen(at) + 1) {
        gboolean is_last = at + strlen(at) + 1 >= text + length;

        if (g_str_equal(at, id) && (g_str_equal(before, "--cid") || (creates && is_last)))
            return TRUE;
        creates = creates || g_str_equal(at, "create");
        before = at;
    }
    return FALSE;
}

/* Kills all of them that are there now, and waits for each. */
static void kill_makers(const char *id)
{
    GDir *proc = g_dir_open("/proc", 0, NULL);

    for (const char *name; proc != NULL && (name = g_dir_read_name(proc)) != NULL;) {
        guint64 pid;
        int pidfd;

        if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &pid, NULL) ||
            !makes_container((pid_t)pid, id))
            continue;
        pidfd = pidfd_open((pid_t)pid, 0);
        /* The pid may have changed hands between the two looks. */
        if (pidfd >= 0 && makes_container((pid_t)pid, id)) {
            pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
            native_pidfd_wait(pidfd, 1000);
        }
        close_fd(&pidfd);
    }
    if (proc != NULL)
        g_dir_close(proc);
}

/* Whether a process that inherited the lock is still there. */
static gboolean makers_are_there(const NativeStore *store, const char *id)
{
    GError *error = NULL;
    NativeLock lock = native_lock_spawn(store, id, &error);
    gboolean held = lock < 0 && error->code == GEMEL_ERROR_BUSY;

    native_lock_release(&lock);
    g_clear_error(&error);
    return held;
}

void native_conmon_abort(const NativeStore *store, const char *id, const char *runtime)
{
    static const char *const delete_args[] = {"delete", "--force", NULL};
    g_autofree char *state = g_build_filename(store->run, "runtime", id, NULL);
    gint64 deadline_us = g_get_monotonic_time() + ABORT_TIMEOUT_MS * 1000;

    do {
        kill_makers(id);
        if (runtime != NULL && *runtime != '\0' && access(state, F_OK) == 0)
            native_runtime_run(store, runtime, id, delete_args, NULL, NULL, NULL);
        if (!makers_are_there(store, id))
            break;
        /* One may just have been forked, and not look like itself yet. */
        g_usleep(2000);
    } while (g_get_monotonic_time() < deadline_us);
}
