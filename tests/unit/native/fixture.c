/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/native/fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/conmon.h"
#include "backends/native/tree.h"

#define WAIT_US (60 * G_USEC_PER_SEC)

void fixture_run(const char *program, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *output = NULL, *messages = NULL;
    GError *error = NULL;
    int status = 0;
    va_list list;

    g_ptr_array_add(argv, (gpointer)program);
    va_start(list, program);
    for (const char *arg; (arg = va_arg(list, const char *)) != NULL;)
        g_ptr_array_add(argv, (gpointer)arg);
    va_end(list);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                 &messages, &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_error("%s: status %d: %s", program, status, messages);
}

const char *fixture_cannot_run(void)
{
    static char *reason;
    GError *error = NULL;
    NativeStore store;

    if (geteuid() != 0)
        return "needs root";
    if (access("/bin/busybox", X_OK) != 0)
        return "needs /bin/busybox (package busybox-static)";
    if (!native_store_init(&store, NULL, &error) ||
        !(g_free(native_conmon_find(&error)), error == NULL) ||
        !(g_free(native_runtime_find(&store, &error)), error == NULL)) {
        g_free(reason);
        reason = g_strdup(error->message);
        g_error_free(error);
        native_store_done(&store);
        return reason;
    }
    native_store_done(&store);
    return NULL;
}

static void make_rootfs(const char *path)
{
    static const char *const applets[] = {
        "sh",   "sleep", "cat", "echo", "ls",    "hostname", "mkdir", "rm",   "touch",
        "id",   "mount", "ip",  "true", "false", "env",      "kill",  "grep", "wc",
        "head", "pwd",   "seq", "stty", "dd",    "ps",       "test"};
    static const char *const dirs[] = {"bin", "etc", "proc", "sys", "dev", "tmp", "root"};
    g_autofree char *busybox = g_build_filename(path, "bin", "busybox", NULL);
    g_autofree char *passwd = g_build_filename(path, "etc", "passwd", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *dir = g_build_filename(path, dirs[i], NULL);

        g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    }
    fixture_run("cp", "/bin/busybox", busybox, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(applets); i++) {
        g_autofree char *link = g_build_filename(path, "bin", applets[i], NULL);

        g_assert_cmpint(symlink("busybox", link), ==, 0);
    }
    g_assert_true(g_file_set_contents(
        passwd, "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/:/bin/sh\n", -1, NULL));
}

gboolean fixture_open(Fixture *f)
{
    g_autofree char *root = NULL, *run = NULL, *parent = NULL;
    GError *error = NULL;

    *f = (Fixture){0};
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return FALSE;
    }
    f->dir = g_dir_make_tmp("gemel-native-XXXXXX", &error);
    g_assert_no_error(error);
    f->rootfs = g_build_filename(f->dir, "rootfs", NULL);
    root = g_build_filename(f->dir, "root", NULL);
    run = g_build_filename(f->dir, "run", NULL);
    parent = g_strdup_printf("gemel-t%d", (int)getpid());
    make_rootfs(f->rootfs);
    g_setenv("GEMEL_ROOT", root, TRUE);
    g_setenv("GEMEL_RUN", run, TRUE);
    g_setenv("GEMEL_CGROUP_PARENT", parent, TRUE);
    f->backend = gemel_native_ops.create("native", NULL, &error);
    g_assert_no_error(error);
    f->conn = gemel_native_ops.conn_open(f->backend, &error);
    g_assert_no_error(error);
    return TRUE;
}

void fixture_close(Fixture *f)
{
    GemelActArgs force = {.force = TRUE};
    g_autoptr(GPtrArray) all = NULL;

    if (f->conn == NULL)
        return;
    all = gemel_native_ops.list(f->conn, NULL);
    for (guint i = 0; all != NULL && i < all->len; i++) {
        GemelInstance *instance = g_ptr_array_index(all, i);
        GError *error = NULL;

        fixture_act(f, GEMEL_ACT_DELETE, instance->id, &force, &error);
        g_assert_no_error(error);
    }
    native_cgroup_tidy(native_cgroups_host(), ((NativeConn *)f->conn)->store->cgroup_parent);
    gemel_native_ops.conn_close(f->conn);
    gemel_native_ops.free(f->backend);
    g_assert_true(native_tree_remove(AT_FDCWD, f->dir, NULL));
    g_free(f->dir);
    g_free(f->rootfs);
    *f = (Fixture){0};
}

char *fixture_create_with(Fixture *f, const char *name, const char *script,
                          void (*change)(GemelCreateSpec *spec))
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    GemelCreateSpec spec = {
        .name = name, .rootfs = f->rootfs, .argv = argv, .limits = GEMEL_LIMITS_NONE};
    GError *error = NULL;
    char *id;

    if (change != NULL)
        change(&spec);
    id = gemel_native_ops.create_instance(f->conn, &spec, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(native_id_is_valid(id));
    return id;
}

char *fixture_create(Fixture *f, const char *name, const char *script)
{
    return fixture_create_with(f, name, script, NULL);
}

gboolean fixture_act(Fixture *f, GemelAct act, const char *id, const GemelActArgs *args,
                     GError **error)
{
    return gemel_native_ops.act[act](f->conn, id, args, error);
}

GemelInstance *fixture_find(Fixture *f, const char *id)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) all = gemel_native_ops.list(f->conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < all->len; i++) {
        GemelInstance *instance = g_ptr_array_index(all, i);

        if (g_str_equal(instance->id, id))
            return gemel_instance_copy(instance);
    }
    return NULL;
}

GemelState fixture_state(Fixture *f, const char *id)
{
    g_autoptr(GemelInstance) instance = fixture_find(f, id);

    return instance != NULL ? instance->state : GEMEL_STATE_UNKNOWN;
}

void fixture_wait_state(Fixture *f, const char *id, GemelState state)
{
    gint64 deadline_us = g_get_monotonic_time() + WAIT_US;

    while (fixture_state(f, id) != state) {
        if (g_get_monotonic_time() > deadline_us)
            g_error("state %s, not %s", gemel_state_name(fixture_state(f, id)),
                    gemel_state_name(state));
        g_usleep(5000);
    }
}

char *fixture_wait_log(Fixture *f, const char *id, const char *text)
{
    gint64 deadline_us = g_get_monotonic_time() + WAIT_US;
    g_autofree char *path = native_store_container_path(((NativeConn *)f->conn)->store, id, "log");

    for (;;) {
        char *log = NULL;

        if (g_file_get_contents(path, &log, NULL, NULL) && strstr(log, text) != NULL)
            return log;
        if (g_get_monotonic_time() > deadline_us)
            g_error("the log never held '%s': %s", text, log);
        g_free(log);
        g_usleep(5000);
    }
}
