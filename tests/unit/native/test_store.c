/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: files replaced whole, locks between processes, and several of these at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/native/fixture.h"

/* ---- where ---------------------------------------------------------------------------------- */

static void test_uri_names_the_root(void)
{
    NativeStore store;
    GError *error = NULL;

    g_setenv("GEMEL_ROOT", "/from/environment", TRUE);
    g_assert_true(native_store_init(&store, "native", &error));
    g_assert_cmpstr(store.root, ==, "/from/environment");
    native_store_done(&store);
    g_assert_true(native_store_init(&store, "native:/from/uri", &error));
    g_assert_cmpstr(store.root, ==, "/from/uri");
    native_store_done(&store);
    g_unsetenv("GEMEL_ROOT");
    g_assert_true(native_store_init(&store, NULL, &error));
    g_assert_cmpstr(store.root, ==, geteuid() == 0 ? "/var/lib/gemel" : store.root);
    native_store_done(&store);
    g_assert_false(native_store_init(&store, "natives:/x", &error));
    fixture_assert_error(error, GEMEL_ERROR_INVALID);
}

static void test_cgroup_parent_is_checked(void)
{
    static const char *const bad[] = {"..", "a/../b", "a//b", "/", "a b", "a\n", "a/"};
    static const char *const good[] = {"gemel", "/gemel", "lab/gemel-1"};
    NativeStore store;
    GError *error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_setenv("GEMEL_CGROUP_PARENT", bad[i], TRUE);
        g_assert_false(native_store_init(&store, NULL, &error));
        fixture_assert_error(error, GEMEL_ERROR_INVALID);
    }
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_setenv("GEMEL_CGROUP_PARENT", good[i], TRUE);
        g_assert_true(native_store_init(&store, NULL, &error));
        native_store_done(&store);
    }
    g_unsetenv("GEMEL_CGROUP_PARENT");
}

static void test_is_for_its_owner_alone(void)
{
    Fixture f;
    struct stat info;

    if (!fixture_open(&f))
        return;
    g_assert_cmpint(stat(((NativeConn *)f.conn)->store->root, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 07777, ==, 0700);
    fixture_close(&f);
}

/* Runs `check` in a child that has given up root; it returns the exit status. */
static void as_nobody(Fixture *f, int (*check)(Fixture *f))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(99);
        _exit(check(f));
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static int open_is_denied(Fixture *f)
{
    GError *error = NULL;
    GemelBackend *backend = gemel_native_ops.create("native", NULL, &error);

    if (backend == NULL)
        return 1;
    if (gemel_native_ops.conn_open(backend, &error) != NULL)
        return 2;
    if (!g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_DENIED))
        return 3;
    return strstr(error->message, "root") != NULL && strchr(error->message, '\n') == NULL ? 0 : 4;
}

static int list_works_and_acts_are_denied(Fixture *f)
{
    GError *error = NULL;
    GemelBackend *backend = gemel_native_ops.create("native", NULL, &error);
    GemelConn *conn = gemel_native_ops.conn_open(backend, &error);
    GPtrArray *list = conn != NULL ? gemel_native_ops.list(conn, &error) : NULL;
    GemelInstance *instance;

    if (list == NULL || list->len != 1)
        return 1;
    instance = g_ptr_array_index(list, 0);
    if (g_strcmp0(instance->name, "web") != 0 || instance->valid_acts != 0)
        return 2;
    if (gemel_native_ops.act[GEMEL_ACT_START](conn, instance->id, NULL, &error))
        return 3;
    return g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_DENIED) ? 0 : 4;
}

static void test_without_root_it_says_what_is_missing(void)
{
    Fixture f;

    if (!fixture_open(&f))
        return;
    g_assert_cmpint(chmod(f.dir, 0755), ==, 0);
    as_nobody(&f, open_is_denied);
    fixture_close(&f);
}

static void test_a_readable_store_can_be_listed_without_root(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "true");
    fixture_run("chmod", "-R", "a+rX", f.dir, NULL);
    as_nobody(&f, list_works_and_acts_are_denied);
    fixture_close(&f);
}

/* ---- files ---------------------------------------------------------------------------------- */

static guint kills_left;

static void stop_at(const char *point)
{
    if (kills_left-- == 0)
        _exit(7);
}

static void test_a_file_is_old_or_new(void)
{
    g_autofree char *dir = g_dir_make_tmp("gemel-store-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    gboolean done = FALSE;
    GError *error = NULL;

    for (guint n = 0; !done; n++) {
        g_autofree char *text = NULL;
        int status;
        pid_t pid;

        native_file_write(path, "old", 0600, NATIVE_WRITE_DURABLE, &error);
        g_assert_no_error(error);
        pid = fork();
        if (pid == 0) {
            kills_left = n;
            native_kill_point_hook = stop_at;
            _exit(native_file_write(path, "new", 0600, NATIVE_WRITE_DURABLE, NULL) ? 0 : 1);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        done = WEXITSTATUS(status) == 0;
        text = native_file_read(path, 100, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_equal(text, "old") || g_str_equal(text, "new"));
    }
    fixture_run("rm", "-r", dir, NULL);
}

static void test_reads_only_plain_small_files(void)
{
    g_autofree char *dir = g_dir_make_tmp("gemel-store-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *link = g_build_filename(dir, "link", NULL);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    const char *const bad[] = {link, fifo, dir, file};
    GError *error = NULL;

    g_assert_true(g_file_set_contents(file, "longer than four", -1, NULL));
    g_assert_cmpint(symlink(file, link), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(native_file_read(bad[i], 4, &error));
        g_assert_nonnull(strstr(error->message, bad[i]));
        g_clear_error(&error);
    }
    fixture_run("rm", "-r", dir, NULL);
}

static void test_foreign_names_are_passed_over(void)
{
    Fixture f;
    g_autoptr(GPtrArray) list = NULL;
    g_autofree char *dir = NULL, *half = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    dir = g_build_filename(((NativeConn *)f.conn)->store->root, "containers", "lost+found", NULL);
    half = g_strdup_printf("%s/containers/%064d", ((NativeConn *)f.conn)->store->root, 1);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    g_assert_cmpint(mkdir(half, 0700), ==, 0);
    list = gemel_native_ops.list(f.conn, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 1);
    g_assert_cmpint(((GemelInstance *)g_ptr_array_index(list, 0))->state, ==, GEMEL_STATE_UNKNOWN);
    fixture_close(&f);
}

/* ---- several at once ------------------------------------------------------------------------ */

typedef int (*Work)(Fixture *f, const char *id, guint which);

/* Runs it in n processes, each with a connection of its own; gives their exit statuses. */
static void at_once(Fixture *f, const char *id, Work work, guint n, int *ret_statuses)
{
    pid_t *pids = g_new(pid_t, n);
    int gate[2];

    g_assert_cmpint(pipe2(gate, O_CLOEXEC), ==, 0);
    for (guint i = 0; i < n; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            GError *error = NULL;
            char byte;

            f->conn = gemel_native_ops.conn_open(f->backend, &error);
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0) /* the end of the pipe is the shot */
                _exit(99);
            _exit(f->conn != NULL ? work(f, id, i) : 98);
        }
    }
    close(gate[1]);
    for (guint i = 0; i < n; i++) {
        int status;

        g_assert_cmpint(waitpid(pids[i], &status, 0), ==, pids[i]);
        if (!WIFEXITED(status))
            g_error("process %u ended by signal %d", i, WTERMSIG(status));
        ret_statuses[i] = WEXITSTATUS(status);
    }
    close(gate[0]);
    g_free(pids);
}

/* 0 = done, 1 + kind of the error. */
static int result(gboolean ok, GError *const *where)
{
    const GError *error = *where; /* by address: it is set by the act in the other argument */

    if (!ok && error->code != GEMEL_ERROR_CONFLICT && error->code != GEMEL_ERROR_EXISTS &&
        error->code != GEMEL_ERROR_NOT_FOUND)
        fprintf(stderr, "# %s\n", error->message);
    return ok ? 0 : 1 + error->code;
}

static int create_web(Fixture *f, const char *id, guint which)
{
    GemelCreateSpec spec = {.name = "web", .rootfs = f->rootfs, .limits = GEMEL_LIMITS_NONE};
    GError *error = NULL;
    char *made = gemel_native_ops.create_instance(f->conn, &spec, NULL, &error);

    return result(made != NULL, &error);
}

static void test_one_name_is_given_once(void)
{
    Fixture f;
    int statuses[4];
    guint won = 0;
    g_autoptr(GPtrArray) list = NULL;

    if (!fixture_open(&f))
        return;
    at_once(&f, NULL, create_web, G_N_ELEMENTS(statuses), statuses);
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        won += statuses[i] == 0;
        g_assert_true(statuses[i] == 0 || statuses[i] == 1 + GEMEL_ERROR_EXISTS);
    }
    g_assert_cmpuint(won, ==, 1);
    list = gemel_native_ops.list(f.conn, NULL);
    g_assert_cmpuint(list->len, ==, 1);
    fixture_close(&f);
}

static int start_it(Fixture *f, const char *id, guint which)
{
    GError *error = NULL;

    return result(fixture_act(f, GEMEL_ACT_START, id, NULL, &error), &error);
}

static void test_one_start_wins(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    int statuses[4];
    guint won = 0;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "while :; do sleep 1; done");
    at_once(&f, id, start_it, G_N_ELEMENTS(statuses), statuses);
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        won += statuses[i] == 0;
        g_assert_true(statuses[i] == 0 || statuses[i] == 1 + GEMEL_ERROR_CONFLICT);
    }
    g_assert_cmpuint(won, ==, 1);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    fixture_close(&f);
}

/* Everybody does everything; nothing but "not in this state" may be heard. */
static int mix(Fixture *f, const char *id, guint which)
{
    const GemelActArgs quick = {.timeout_ms = 200,
                                .limits = {.cpus = 0.5 + which, .memory_bytes = -1, .pids = -1}};
    static const GemelAct acts[] = {GEMEL_ACT_START,  GEMEL_ACT_PAUSE, GEMEL_ACT_LIMIT,
                                    GEMEL_ACT_RESUME, GEMEL_ACT_STOP,  GEMEL_ACT_KILL};
    g_autofree char *name = g_strdup_printf("s%u", which);

    for (guint i = 0; i < 24; i++) {
        GError *error = NULL;
        gboolean ok;

        if (i % 8 == 3)
            ok = gemel_native_ops.snapshots->create(f->conn, id, name, NULL, NULL, &error);
        else if (i % 8 == 6)
            ok = gemel_native_ops.snapshots->remove(f->conn, id, name, NULL, &error);
        else
            ok = fixture_act(f, acts[(i * 5 + which) % G_N_ELEMENTS(acts)], id, &quick, &error);
        if (!ok && error->code != GEMEL_ERROR_CONFLICT) {
            fprintf(stderr, "# process %u: %s\n", which, error->message);
            return 1 + error->code;
        }
    }
    return 0;
}

static void test_many_at_one_container(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GPtrArray) snapshots = NULL;
    int statuses[3];
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "trap 'exit 0' TERM; while :; do sleep 0.1; done");
    at_once(&f, id, mix, G_N_ELEMENTS(statuses), statuses);
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++)
        g_assert_cmpint(statuses[i], ==, 0);
    snapshots = gemel_native_ops.snapshots->list(f.conn, id, &error);
    g_assert_no_error(error);
    if (fixture_state(&f, id) != GEMEL_STATE_STOPPED)
        fixture_must(&f, GEMEL_ACT_KILL, id, NULL);
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_close(&f);
}

static int delete_it(Fixture *f, const char *id, guint which)
{
    const GemelActArgs force = {.force = TRUE};
    GError *error = NULL;

    return result(fixture_act(f, GEMEL_ACT_DELETE, id, &force, &error), &error);
}

static void test_one_delete_wins(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    int statuses[4];
    guint won = 0;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "while :; do sleep 1; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    at_once(&f, id, delete_it, G_N_ELEMENTS(statuses), statuses);
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        won += statuses[i] == 0;
        g_assert_true(statuses[i] == 0 || statuses[i] == 1 + GEMEL_ERROR_NOT_FOUND);
    }
    g_assert_cmpuint(won, ==, 1);
    fixture_close(&f);
}

/* While one waits for a container that ignores its stop signal, another can end it. */
static int stop_slowly(Fixture *f, const char *id, guint which)
{
    const GemelActArgs slow = {.timeout_ms = 20000};
    GError *error = NULL;

    if (which == 0)
        return result(fixture_act(f, GEMEL_ACT_STOP, id, &slow, &error), &error);
    g_usleep(1000000); /* the stop is under way */
    return result(fixture_act(f, GEMEL_ACT_KILL, id, NULL, &error), &error);
}

static void test_a_kill_gets_past_a_stop(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    gint64 begin = g_get_monotonic_time();
    int statuses[2];

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "trap '' TERM; while :; do sleep 1; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    at_once(&f, id, stop_slowly, 2, statuses);
    g_assert_cmpint(statuses[0], ==, 0);
    g_assert_cmpint(statuses[1], ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 18 * G_USEC_PER_SEC);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    const char *cannot;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/store/uri-names-the-root", test_uri_names_the_root);
    g_test_add_func("/native/store/cgroup-parent-is-checked", test_cgroup_parent_is_checked);
    g_test_add_func("/native/store/a-file-is-old-or-new", test_a_file_is_old_or_new);
    g_test_add_func("/native/store/reads-only-plain-small-files",
                    test_reads_only_plain_small_files);
    g_test_add_func("/native/store/is-for-its-owner-alone", test_is_for_its_owner_alone);
    g_test_add_func("/native/store/without-root-it-says-what-is-missing",
                    test_without_root_it_says_what_is_missing);
    g_test_add_func("/native/store/a-readable-one-can-be-listed-without-root",
                    test_a_readable_store_can_be_listed_without_root);
    g_test_add_func("/native/store/foreign-names-are-passed-over",
                    test_foreign_names_are_passed_over);
    g_test_add_func("/native/rivals/one-name-is-given-once", test_one_name_is_given_once);
    cannot = fixture_cannot_run();
    if (cannot != NULL)
        g_test_message("tests with running containers left out: %s", cannot);
    if (cannot == NULL) {
        g_test_add_func("/native/rivals/one-start-wins", test_one_start_wins);
        g_test_add_func("/native/rivals/many-at-one-container", test_many_at_one_container);
        g_test_add_func("/native/rivals/one-delete-wins", test_one_delete_wins);
        g_test_add_func("/native/rivals/a-kill-gets-past-a-stop", test_a_kill_gets_past_a_stop);
    }
    return g_test_run();
}
