/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIGKILL at every point at which something is half done. A child does the act and is killed at
 * its first such point, the next child at its second, and so on until one gets through. After each,
 * the store must be read, the container be in the state before the act or the one after it, and
 * the next command work, with nothing left over in the end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "tests/unit/native/fixture.h"

static guint points_left;
static const char *last_point;

static void die_at_point(const char *point)
{
    last_point = point;
    if (points_left-- == 0)
        raise(SIGKILL);
}

typedef gboolean (*Deed)(Fixture *f, const char *id, GError **error);

/* Does the deed in a child that is killed at its n-th point; TRUE when it was done before that. */
static gboolean deed_killed_at(Fixture *f, const char *id, Deed deed, guint n)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        GError *error = NULL;

        points_left = n;
        native_kill_point_hook = die_at_point;
        /* A connection of its own, as another process has. */
        f->conn = gemel_native_ops.conn_open(f->backend, &error);
        if (f->conn == NULL || !deed(f, id, &error)) {
            fprintf(stderr, "# %s (after %s)\n", error->message, last_point);
            _exit(1);
        }
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    if (WIFEXITED(status)) {
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        return TRUE;
    }
    g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
    return FALSE;
}

static guint entries(const char *dir)
{
    GDir *opened = g_dir_open(dir, 0, NULL);
    guint n = 0;

    while (opened != NULL && g_dir_read_name(opened) != NULL)
        n++;
    if (opened != NULL)
        g_dir_close(opened);
    return n;
}

/* No process, group or file of a run is left. */
static void assert_clean(Fixture *f, const char *id)
{
    const NativeStore *store = ((NativeConn *)f->conn)->store;
    const NativeCgroups *host = native_cgroups_host();
    g_autofree char *runtime = g_build_filename(store->run, "runtime", id, NULL);
    GDir *proc = g_dir_open("/proc", 0, NULL);

    g_assert_cmpint(access(runtime, F_OK), !=, 0);
    for (guint i = 0; i < host->mounts->len; i++) {
        g_autofree char *group =
            g_build_filename(g_ptr_array_index(host->mounts, i), store->cgroup_parent, id, NULL);

        if (access(group, F_OK) == 0)
            g_error("%s is left", group);
    }
    for (const char *name; (name = g_dir_read_name(proc)) != NULL;) {
        g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", name), *line = NULL;
        gsize length = 0;

        if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &line, &length, NULL))
            continue;
        for (const char *at = line; at < line + length; at += strlen(at) + 1)
            if (g_str_equal(at, id))
                g_error("process %s is left: %s", name, line);
    }
    g_dir_close(proc);
}

/* ---- create and delete ---------------------------------------------------------------------- */

static gboolean do_create(Fixture *f, const char *id, GError **error)
{
    static const char *const argv[] = {"/bin/sleep", "1000", NULL};
    GemelCreateSpec spec = {
        .name = "web", .rootfs = f->rootfs, .argv = argv, .limits = GEMEL_LIMITS_NONE};
    g_autofree char *made = gemel_native_ops.create_instance(f->conn, &spec, NULL, error);

    return made != NULL;
}

static void test_create(void)
{
    Fixture f;
    g_autofree char *tmp = NULL;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    tmp = g_build_filename(((NativeConn *)f.conn)->store->root, "tmp", NULL);
    for (guint n = 0; !done; n++) {
        g_autoptr(GPtrArray) list = NULL;
        GError *error = NULL;

        done = deed_killed_at(&f, NULL, do_create, n);
        killed += !done;
        list = gemel_native_ops.list(f.conn, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(list->len, <=, 1);
        if (list->len == 0) {
            do_create(&f, NULL, &error);
            g_assert_no_error(error);
            g_clear_pointer(&list, g_ptr_array_unref);
            list = gemel_native_ops.list(f.conn, &error);
        }
        g_assert_cmpuint(list->len, ==, 1);
        {
            const GemelInstance *instance = g_ptr_array_index(list, 0);

            g_assert_cmpint(instance->state, ==, GEMEL_STATE_STOPPED);
            fixture_must(&f, GEMEL_ACT_START, instance->id, NULL);
            fixture_must(&f, GEMEL_ACT_KILL, instance->id, NULL);
            fixture_must(&f, GEMEL_ACT_DELETE, instance->id, NULL);
        }
        g_assert_cmpuint(entries(tmp), ==, 0);
    }
    g_assert_cmpuint(killed, >=, 5);
    fixture_close(&f);
}

static gboolean do_delete(Fixture *f, const char *id, GError **error)
{
    const GemelActArgs force = {.force = TRUE};

    return fixture_act(f, GEMEL_ACT_DELETE, id, &force, error);
}

static void test_delete(void)
{
    Fixture f;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    for (guint n = 0; !done; n++) {
        g_autofree char *id = fixture_create(&f, "web", "sleep 1000");
        GError *error = NULL;

        fixture_must(&f, GEMEL_ACT_START, id, NULL);
        done = deed_killed_at(&f, id, do_delete, n);
        killed += !done;
        if (fixture_state(&f, id) != GEMEL_STATE_UNKNOWN) {
            do_delete(&f, id, &error);
            g_assert_no_error(error);
        }
        g_assert_null(fixture_find(&f, id));
        assert_clean(&f, id);
    }
    g_assert_cmpuint(killed, >=, 2);
    fixture_close(&f);
}

/* ---- clone ---------------------------------------------------------------------------------- */

static gboolean do_clone(Fixture *f, const char *id, GError **error)
{
    return fixture_act(f, GEMEL_ACT_CLONE, id, &(GemelActArgs){.name = "twin"}, error);
}

/* The clone is there whole or not at all, and the original as it was. */
static void test_clone(void)
{
    Fixture f;
    g_autofree char *id = NULL, *tmp = NULL;
    gboolean done = FALSE;
    guint killed = 0;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    tmp = g_build_filename(((NativeConn *)f.conn)->store->root, "tmp", NULL);
    id = fixture_create(&f, "web", "sleep 1000");
    for (guint n = 0; !done; n++) {
        g_autoptr(GPtrArray) list = NULL;
        json_t *found;

        done = deed_killed_at(&f, id, do_clone, n);
        killed += !done;
        found = gemel_native_ops.doctor(f.conn, TRUE, NULL, &error);
        g_assert_no_error(error);
        json_decref(found);
        g_assert_cmpuint(entries(tmp), ==, 0);
        list = gemel_native_ops.list(f.conn, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(list->len, <=, 2);
        for (guint i = 0; i < list->len; i++) {
            const GemelInstance *instance = g_ptr_array_index(list, i);

            g_assert_cmpint(instance->state, ==, GEMEL_STATE_STOPPED);
            if (g_str_equal(instance->id, id))
                continue;
            g_assert_cmpstr(instance->name, ==, "twin");
            fixture_must(&f, GEMEL_ACT_START, instance->id, NULL);
            fixture_must(&f, GEMEL_ACT_KILL, instance->id, NULL);
            fixture_must(&f, GEMEL_ACT_DELETE, instance->id, NULL);
        }
    }
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    g_assert_cmpuint(killed, >=, 6);
    fixture_close(&f);
}

/* ---- start ---------------------------------------------------------------------------------- */

static gboolean do_start(Fixture *f, const char *id, GError **error)
{
    return fixture_act(f, GEMEL_ACT_START, id, NULL, error);
}

static void test_start(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "echo up; sleep 1000");
    for (guint n = 0; !done; n++) {
        GemelState state;

        done = deed_killed_at(&f, id, do_start, n);
        killed += !done;
        state = fixture_state(&f, id);
        g_assert_true(state == GEMEL_STATE_STOPPED || state == GEMEL_STATE_RUNNING);
        if (state == GEMEL_STATE_STOPPED)
            fixture_must(&f, GEMEL_ACT_START, id, NULL);
        g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
        fixture_must(&f, GEMEL_ACT_KILL, id, NULL);
        g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_STOPPED);
        assert_clean(&f, id);
    }
    g_assert_cmpuint(killed, >=, 8);
    fixture_close(&f);
}

/* The same, and the next command is not a start but a delete. */
static void test_start_then_delete(void)
{
    Fixture f;
    gboolean done = FALSE;

    if (!fixture_open(&f))
        return;
    for (guint n = 0; !done; n++) {
        g_autofree char *id = fixture_create(&f, "web", "sleep 1000");
        GError *error = NULL;

        done = deed_killed_at(&f, id, do_start, n);
        do_delete(&f, id, &error);
        g_assert_no_error(error);
        assert_clean(&f, id);
    }
    fixture_close(&f);
}

/* ---- snapshots ------------------------------------------------------------------------------ */

static gboolean do_snapshot(Fixture *f, const char *id, GError **error)
{
    return gemel_native_ops.snapshots->create(f->conn, id, "s", NULL, NULL, error);
}

static gboolean do_revert(Fixture *f, const char *id, GError **error)
{
    return gemel_native_ops.snapshots->revert(f->conn, id, "s", NULL, error);
}

static gboolean do_remove(Fixture *f, const char *id, GError **error)
{
    return gemel_native_ops.snapshots->remove(f->conn, id, "s", NULL, error);
}

static gboolean do_limit(Fixture *f, const char *id, GError **error)
{
    const GemelActArgs args = {.limits = {.cpus = 0.5, .memory_bytes = -1, .pids = -1}};

    return fixture_act(f, GEMEL_ACT_LIMIT, id, &args, error);
}

static guint count_snapshots(Fixture *f, const char *id)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) list = gemel_native_ops.snapshots->list(f->conn, id, &error);

    g_assert_no_error(error);
    return list->len;
}

/* Writes into the layer that is writable now. */
static void put(Fixture *f, const char *id, const char *file, const char *text)
{
    g_autoptr(NativeContainer) c = native_container_load(((NativeConn *)f->conn)->store, id, NULL);
    g_autofree char *path = g_strdup_printf(
        "%s/containers/%s/l/%u/fs/%s", ((NativeConn *)f->conn)->store->root, id, c->upper, file);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void assert_log(Fixture *f, const char *id, const char *text)
{
    g_autofree char *path = native_store_container_path(((NativeConn *)f->conn)->store, id, "log");
    g_autofree char *log = NULL;

    unlink(path);
    fixture_must(f, GEMEL_ACT_START, id, NULL);
    log = fixture_wait_log(f, id, text);
    fixture_must(f, GEMEL_ACT_KILL, id, NULL);
}

#define SHOW "echo start$(cat /one /two 2>/dev/null)end; sleep 1000"

static void test_snapshot_of_a_stopped_one(void)
{
    Fixture f;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    for (guint n = 0; !done; n++) {
        g_autofree char *id = fixture_create(&f, "web", SHOW);
        GError *error = NULL;

        put(&f, id, "one", "1");
        done = deed_killed_at(&f, id, do_snapshot, n);
        killed += !done;
        if (count_snapshots(&f, id) == 0) {
            do_snapshot(&f, id, &error);
            g_assert_no_error(error);
        }
        put(&f, id, "two", "2");
        assert_log(&f, id, "start12end");
        do_revert(&f, id, &error);
        g_assert_no_error(error);
        assert_log(&f, id, "start1end");
        do_delete(&f, id, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(killed, >=, 3);
    fixture_close(&f);
}

static void test_snapshot_of_a_running_one(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "while :; do echo . > /tick; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    for (guint n = 0; !done; n++) {
        GError *error = NULL;
        GemelState state;

        done = deed_killed_at(&f, id, do_snapshot, n);
        killed += !done;
        state = fixture_state(&f, id);
        g_assert_true(state == GEMEL_STATE_RUNNING || state == GEMEL_STATE_PAUSED);
        /* Any act on it thaws what a killed one left frozen. */
        do_limit(&f, id, &error);
        g_assert_no_error(error);
        g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
        if (count_snapshots(&f, id) > 0) {
            do_remove(&f, id, &error);
            g_assert_no_error(error);
        }
    }
    g_assert_cmpuint(killed, >=, 6);
    fixture_close(&f);
}

static void test_revert(void)
{
    Fixture f;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    for (guint n = 0; !done; n++) {
        g_autofree char *id = fixture_create(&f, "web", SHOW);
        GError *error = NULL;

        put(&f, id, "one", "1");
        do_snapshot(&f, id, &error);
        g_assert_no_error(error);
        put(&f, id, "two", "2");
        done = deed_killed_at(&f, id, do_revert, n);
        killed += !done;
        assert_log(&f, id, "end"); /* whichever it is, it starts */
        do_revert(&f, id, &error);
        g_assert_no_error(error);
        assert_log(&f, id, "start1end");
        do_delete(&f, id, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(killed, >=, 3);
    fixture_close(&f);
}

static void test_remove_of_a_snapshot(void)
{
    Fixture f;
    gboolean done = FALSE;
    guint killed = 0;

    if (!fixture_open(&f))
        return;
    for (guint n = 0; !done; n++) {
        g_autofree char *id = fixture_create(&f, "web", SHOW);
        GError *error = NULL;

        put(&f, id, "one", "1");
        do_snapshot(&f, id, &error);
        g_assert_no_error(error);
        put(&f, id, "two", "2");
        done = deed_killed_at(&f, id, do_remove, n);
        killed += !done;
        assert_log(&f, id, "start12end");
        if (count_snapshots(&f, id) > 0) {
            do_remove(&f, id, &error);
            g_assert_no_error(error);
            assert_log(&f, id, "start12end");
        }
        do_delete(&f, id, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(killed, >=, 3);
    fixture_close(&f);
}

static void test_limit(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    gboolean done = FALSE;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "sleep 1000");
    for (guint n = 0; !done; n++) {
        g_autoptr(GemelInstance) instance = NULL;

        done = deed_killed_at(&f, id, do_limit, n);
        instance = fixture_find(&f, id);
        g_assert_cmpint(instance->state, ==, GEMEL_STATE_STOPPED);
        g_assert_true(instance->cpu_limit == 0 || instance->cpu_limit == 0.5);
    }
    fixture_close(&f);
}

/* ---- others get killed ---------------------------------------------------------------------- */

/* Without its monitor a container runs on; how it ended is then not known, and said so. */
static void test_conmon_killed(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_auto(NativeRun) run = {0};
    g_autoptr(GemelInstance) ended = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "sleep 1000");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    native_run_load(((NativeConn *)f.conn)->store, id, &run);
    g_assert_cmpint(run.conmon, >, 1);
    g_assert_cmpint(kill(run.conmon, SIGKILL), ==, 0);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    g_assert_cmpint(kill(run.pid, SIGKILL), ==, 0);
    fixture_wait_state(&f, id, GEMEL_STATE_STOPPED);
    ended = fixture_find(&f, id);
    g_assert_nonnull(strstr(ended->state_reason, "conmon"));
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_must(&f, GEMEL_ACT_KILL, id, NULL);
    assert_clean(&f, id);
    fixture_close(&f);
}

/* A container.json that cannot be read is shown, does no harm to the others, and can be deleted. */
static void test_damaged_entry(void)
{
    Fixture f;
    g_autofree char *good = NULL, *bad = NULL, *path = NULL;
    g_autoptr(GemelInstance) shown = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    good = fixture_create(&f, "good", "sleep 1000");
    bad = fixture_create(&f, "bad", "sleep 1000");
    path = native_store_container_path(((NativeConn *)f.conn)->store, bad, "container.json");
    g_assert_true(g_file_set_contents(path, "{", -1, NULL));
    shown = fixture_find(&f, bad);
    g_assert_nonnull(shown);
    g_assert_cmpint(shown->state, ==, GEMEL_STATE_UNKNOWN);
    g_assert_nonnull(strstr(shown->state_reason, "container.json"));
    g_assert_true(gemel_instance_can(shown, GEMEL_ACT_DELETE));
    g_assert_false(fixture_act(&f, GEMEL_ACT_START, bad, NULL, &error));
    fixture_assert_error(error, GEMEL_ERROR_FAILED);
    fixture_must(&f, GEMEL_ACT_START, good, NULL);
    fixture_must(&f, GEMEL_ACT_DELETE, bad, NULL);
    g_assert_null(fixture_find(&f, bad));
    g_assert_cmpint(fixture_state(&f, good), ==, GEMEL_STATE_RUNNING);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_test_add_func("/native/kill/during-create", test_create);
    g_test_add_func("/native/kill/during-delete", test_delete);
    g_test_add_func("/native/kill/during-clone", test_clone);
    g_test_add_func("/native/kill/during-start", test_start);
    g_test_add_func("/native/kill/during-start-then-delete", test_start_then_delete);
    g_test_add_func("/native/kill/during-snapshot-of-a-stopped-one",
                    test_snapshot_of_a_stopped_one);
    g_test_add_func("/native/kill/during-snapshot-of-a-running-one",
                    test_snapshot_of_a_running_one);
    g_test_add_func("/native/kill/during-revert", test_revert);
    g_test_add_func("/native/kill/during-removal-of-a-snapshot", test_remove_of_a_snapshot);
    g_test_add_func("/native/kill/during-limit", test_limit);
    g_test_add_func("/native/kill/of-conmon", test_conmon_killed);
    g_test_add_func("/native/kill/a-damaged-entry-is-shown-and-deleted", test_damaged_entry);
    return g_test_run();
}
