/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the parts are: installed, moved, built, beside the program, named by a variable. */
#include "backends/places.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *root;       /* a tree of the test's own */
    GPtrArray *paths; /* of what was made in it */
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *made = g_dir_make_tmp("gemel-places-XXXXXX", &error);

    g_assert_no_error(error);
    f->root = g_canonicalize_filename(made, NULL);
    f->paths = g_ptr_array_new_with_free_func(g_free);
    g_unsetenv("GEMEL_LAB_DIR");
    g_unsetenv("GEMEL_LAB_PAYLOAD");
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *below = g_build_filename(path, name, NULL);

        remove_tree(below);
    }
    g_remove(path);
}

static void teardown(Fixture *f, gconstpointer data)
{
    remove_tree(f->root);
    g_ptr_array_unref(f->paths);
    g_free(f->root);
}

/* Writes ROOT/PATH, its directories too; returns the whole path, which the fixture keeps. */
static const char *file_make(Fixture *f, const char *path, const char *text, int mode)
{
    char *whole = g_build_filename(f->root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(whole);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
    g_assert_cmpint(g_chmod(whole, mode), ==, 0);
    g_ptr_array_add(f->paths, whole);
    return whole;
}

static const char *program_make(Fixture *f, const char *path)
{
    return file_make(f, path, "#!/bin/sh\n", 0755);
}

static void assert_found(const char *program, Place place, const char *expected)
{
    g_autofree char *found = places_find_from(program, place);

    g_assert_cmpstr(found, ==, expected);
}

static void test_installed(Fixture *f, gconstpointer data)
{
    const char *gemel = program_make(f, "a/" GEMEL_BINDIR "/gemel");
    const char *runtime = program_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/gemel-runtime");
    const char *lab = program_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/lab/lab");
    const char *payload = program_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/lab/lab-payload");

    assert_found(gemel, PLACE_RUNTIME, runtime);
    assert_found(gemel, PLACE_LAB, lab);
    assert_found(gemel, PLACE_PAYLOAD, payload);
}

static void test_nothing(Fixture *f, gconstpointer data)
{
    const char *gemel = program_make(f, "a/" GEMEL_BINDIR "/gemel");

    for (Place place = 0; place < PLACE_N; place++)
        assert_found(gemel, place, NULL);
}

static void test_built(Fixture *f, gconstpointer data)
{
    g_autofree char *source = g_build_filename(f->root, "src\n", NULL);
    const char *gemel = program_make(f, "b/console/gemel");
    const char *test = program_make(f, "b/tests/unit/native/test-store");
    const char *runtime = program_make(f, "b/backends/native/runtime/gemel-runtime");
    const char *lab = program_make(f, "src/config/lab/lab");
    const char *payload = program_make(f, "b/config/lab-payload");

    file_make(f, "b/gemel-source-root", source, 0644);
    assert_found(gemel, PLACE_RUNTIME, runtime);
    assert_found(test, PLACE_RUNTIME, runtime);
    assert_found(gemel, PLACE_LAB, lab);
    assert_found(gemel, PLACE_PAYLOAD, payload);
}

static void test_planted(Fixture *f, gconstpointer data)
{
    const char *mark = file_make(f, "gemel-source-root", f->root, 0644);
    const char *gemel = program_make(f, "opt/" GEMEL_BINDIR "/gemel");

    program_make(f, "backends/native/runtime/gemel-runtime");
    program_make(f, "config/lab/lab");
    g_assert_cmpint(g_chmod(mark, 0666), ==, 0);
    assert_found(gemel, PLACE_RUNTIME, NULL);
    if (geteuid() != 0) {
        g_test_skip("needs root: a file of another user");
        return;
    }
    g_assert_cmpint(g_chmod(mark, 0644), ==, 0);
    g_assert_cmpint(chown(mark, 65534, 65534), ==, 0);
    assert_found(gemel, PLACE_RUNTIME, NULL);
    assert_found(gemel, PLACE_LAB, NULL);
}

static void test_beside(Fixture *f, gconstpointer data)
{
    const char *gemel = program_make(f, "alone/gemel");
    const char *runtime = program_make(f, "alone/gemel-runtime");

    assert_found(gemel, PLACE_RUNTIME, runtime);
}

static void test_variables(Fixture *f, gconstpointer data)
{
    const char *gemel = program_make(f, "a/" GEMEL_BINDIR "/gemel");
    const char *installed = program_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/lab/lab");
    const char *lab = program_make(f, "other/lab");
    const char *payload = program_make(f, "other/load");
    g_autofree char *dir = g_build_filename(f->root, "other", NULL);

    g_setenv("GEMEL_LAB_DIR", dir, TRUE);
    g_setenv("GEMEL_LAB_PAYLOAD", payload, TRUE);
    assert_found(gemel, PLACE_LAB, lab);
    assert_found(gemel, PLACE_PAYLOAD, payload);
    g_setenv("GEMEL_LAB_DIR", "/nowhere", TRUE);
    assert_found(gemel, PLACE_LAB, installed);
}

static void test_no_program(Fixture *f, gconstpointer data)
{
    const char *gemel = program_make(f, "a/" GEMEL_BINDIR "/gemel");

    file_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/gemel-runtime", "text", 0644);
    program_make(f, "a/" GEMEL_LIBEXECDIR "/gemel/lab/lab/x");
    assert_found(gemel, PLACE_RUNTIME, NULL);
    assert_found(gemel, PLACE_LAB, NULL);
}

static void test_this_build(Fixture *f, gconstpointer data)
{
    g_autofree char *runtime = places_find(PLACE_RUNTIME);
    g_autofree char *lab = places_find(PLACE_LAB);

    g_assert_nonnull(runtime);
    g_assert_nonnull(lab);
    g_assert_cmpint(access(runtime, X_OK), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add(path, Fixture, NULL, setup, function, teardown)
    ADD("/places/an-installed-program-finds-its-parts-below-its-prefix", test_installed);
    ADD("/places/what-is-not-there-is-not-found", test_nothing);
    ADD("/places/programs-of-a-build-tree-find-that-tree-and-its-sources", test_built);
    ADD("/places/a-mark-that-others-can-write-or-own-leads-nowhere", test_planted);
    ADD("/places/parts-may-lie-beside-the-program", test_beside);
    ADD("/places/a-variable-wins-unless-nothing-is-there", test_variables);
    ADD("/places/only-a-file-that-can-be-executed-is-a-part", test_no_program);
    ADD("/places/this-very-build-has-its-parts", test_this_build);
    return g_test_run();
}
