/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a list remembers of files is what they say, whatever becomes of them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/native/listed.h"
#include "backends/native/tree.h"

#define ID "00000000000000000000000000000000000000000000000000000000000000aa"

typedef struct {
    char *dir;
    NativeStore store;
    NativeListed *listed;
} Host;

static void host_open(Host *h)
{
    g_autofree char *home = NULL, *state = NULL;

    memset(h, 0, sizeof *h);
    h->dir = g_dir_make_tmp("gemel-listed-XXXXXX", NULL);
    h->store.root = g_build_filename(h->dir, "root", NULL);
    h->store.run = g_build_filename(h->dir, "run", NULL);
    home = native_store_container_path(&h->store, ID, NULL);
    state = g_build_filename(h->store.run, "state", NULL);
    g_assert_cmpint(g_mkdir_with_parents(home, 0755), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents(state, 0755), ==, 0);
    h->listed = native_listed_new(&h->store);
}

static void host_close(Host *h)
{
    native_listed_free(h->listed);
    g_free(h->store.root);
    g_free(h->store.run);
    g_assert_true(native_tree_remove(AT_FDCWD, h->dir, NULL));
    g_free(h->dir);
}

/* A container of that name on disk, replaced by rename as the store does. */
static void write_named(Host *h, const char *name)
{
    g_autofree char *path = native_store_container_path(&h->store, ID, "container.json");
    g_autofree char *text = g_strdup_printf(
        "{\"format\": 1, \"name\": \"%s\", \"created\": 1, \"argv\": [\"sh\"], \"env\": [], "
        "\"uid\": 0, \"gid\": 0, \"cwd\": \"/\", \"hostname\": \"h\", \"network\": \"none\", "
        "\"stop_signal\": \"TERM\", \"limits\": {\"cpus\": 0, \"memory_bytes\": 0, \"pids\": 0}, "
        "\"labels\": {}, \"lower\": [0], \"upper\": 1, \"next_layer\": 2, \"snapshots\": []}",
        name);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static const char *name_now(Host *h)
{
    g_autoptr(GError) error = NULL;
    const NativeContainer *c = native_listed_container(h->listed, ID, &error);

    g_assert_no_error(error);
    return c->name;
}

/* Long enough for the times of a file to tell it from the next one. */
static void let_it_age(void)
{
    g_usleep(80000);
}

static void test_each_rewrite_is_seen(void)
{
    Host h;

    host_open(&h);
    for (int i = 0; i < 50; i++) { /* faster than times move, of one size, inodes used again */
        g_autofree char *name = g_strdup_printf("n%02d", i);

        write_named(&h, name);
        g_assert_cmpstr(name_now(&h), ==, name);
        g_assert_cmpstr(name_now(&h), ==, name);
    }
    host_close(&h);
}

static void test_an_old_file_is_not_read_again(void)
{
    Host h;
    const NativeContainer *first;

    host_open(&h);
    write_named(&h, "old");
    let_it_age();
    first = native_listed_container(h.listed, ID, NULL);
    g_assert_true(native_listed_container(h.listed, ID, NULL) == first);
    write_named(&h, "new");
    g_assert_cmpstr(name_now(&h), ==, "new");
    host_close(&h);
}

static void test_one_that_went_is_gone(void)
{
    Host h;
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *home = NULL;

    host_open(&h);
    write_named(&h, "gone");
    let_it_age();
    g_assert_cmpstr(name_now(&h), ==, "gone");
    home = native_store_container_path(&h.store, ID, NULL);
    g_assert_true(native_tree_remove(AT_FDCWD, home, NULL));
    g_assert_null(native_listed_container(h.listed, ID, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
    native_listed_keep(h.listed, none);
    host_close(&h);
}

static void test_a_run_is_as_its_file_says(void)
{
    Host h;
    GError *error = NULL;
    NativeRun run = {.phase = NATIVE_RUN_STARTED, .pid = 41, .pid_start = 7};

    host_open(&h);
    g_assert_cmpint(native_listed_run(h.listed, ID)->phase, ==, NATIVE_RUN_NONE);
    run.cgroup = g_strdup("gemel/a");
    g_assert_true(native_run_save(&h.store, ID, &run, &error));
    g_assert_no_error(error);
    let_it_age();
    g_assert_cmpint(native_listed_run(h.listed, ID)->pid, ==, 41);
    g_assert_cmpstr(native_listed_run(h.listed, ID)->cgroup, ==, "gemel/a");
    run.pid = 42;
    g_assert_true(native_run_save(&h.store, ID, &run, &error));
    g_assert_no_error(error);
    g_assert_cmpint(native_listed_run(h.listed, ID)->pid, ==, 42);
    native_run_done(&run);
    host_close(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/listed/each-rewrite-is-seen", test_each_rewrite_is_seen);
    g_test_add_func("/native/listed/an-old-file-is-not-read-again",
                    test_an_old_file_is_not_read_again);
    g_test_add_func("/native/listed/one-that-went-is-gone", test_one_that_went_is_gone);
    g_test_add_func("/native/listed/a-run-is-as-its-file-says", test_a_run_is_as_its_file_says);
    return g_test_run();
}
